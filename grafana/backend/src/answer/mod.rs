//! From queries to frames, a file for each kind of query.

mod ask;
mod notices;
mod points;
mod marks;
mod alerts;
mod arrivals;
mod compare;
mod drift;
mod distribution;
mod operations;
mod performance;
mod quality;
mod series;
mod command;
mod empty;

use crate::{
    downstream::Downstream,
    frame::Frame,
    model_query::{ModelQuery, QueryType},
    problem::Problem,
    sentence::sentence,
    windows::windows,
    wire::pluginv2::DataQuery,
};

use self::ask::Ask;

/// Answers a query of a panel.
///
/// # Errors
/// A sentence that says what to do.
pub(crate) async fn answer(server: &Downstream, asked: &DataQuery) -> Result<Vec<Frame>, Problem> {
    let query = ModelQuery::read(&asked.json)?;
    let windows = windows(asked, &query)?;
    let ask = Ask::new(&query, windows)?;
    let mut frames = match query.query_type {
        QueryType::Drift => drift::frames(server, &ask).await,
        QueryType::Performance => performance::frames(server, &ask).await,
        QueryType::Volume => performance::volume(server, &ask).await,
        QueryType::Quality => quality::frames(server, &ask).await,
        QueryType::Operations => operations::frames(server, &ask).await,
        QueryType::Distribution => distribution::frames(server, &ask).await,
        QueryType::Predictions => distribution::predictions(server, &ask).await,
        QueryType::Compare => compare::frames(server, &ask).await,
        QueryType::Alerts => alerts::frames(server, &ask).await,
        QueryType::Series => series::frames(server, &ask).await,
    }?;
    empty::tell(server, &ask, &mut frames).await?;
    let mut told = vec![sentence(&query)];
    told.extend(command::commands(&ask));
    let executed = told.join("\n");
    for frame in &mut frames {
        frame.executed = executed.clone();
    }
    Ok(frames)
}
