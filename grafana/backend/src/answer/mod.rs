//! From queries to frames, a file for each kind of query.

mod alerts;
mod ask;
mod compare;
mod drift;
mod notices;
mod operations;
mod performance;
mod points;
mod quality;

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
    // Events of alerts have times, not windows.
    let whole = query.whole || query.query_type == QueryType::Alerts;
    let windows = windows(asked, &query.window, whole)?;
    let ask = Ask::new(&query, windows)?;
    let mut frames = match query.query_type {
        QueryType::Drift => drift::frames(server, &ask).await,
        QueryType::Performance => performance::frames(server, &ask).await,
        QueryType::Volume => performance::volume(server, &ask).await,
        QueryType::Quality => quality::frames(server, &ask).await,
        QueryType::Operations => operations::frames(server, &ask).await,
        QueryType::Distribution => drift::distributions(server, &ask).await,
        QueryType::Predictions => drift::predictions(server, &ask).await,
        QueryType::Compare => compare::frames(server, &ask).await,
        QueryType::Alerts => alerts::frames(server, &ask).await,
    }?;
    for frame in &mut frames {
        frame.executed = sentence(&query);
    }
    Ok(frames)
}
