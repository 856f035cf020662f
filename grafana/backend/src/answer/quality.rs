//! What columns hold.

use driftline_proto::v1;
use serde_json::json;

use super::{
    arrivals,
    ask::{Ask, end_of},
    notices::{Costs, Notices},
    points::{self, Points},
};
use crate::{downstream::Downstream, frame::Frame, problem::Problem, sentence::metrics};

/// A figure of a column by its name, and whether it is a share.
fn figure(column: &v1::ColumnQuality, name: &str) -> Result<(Option<f64>, bool), Problem> {
    let Some(profile) = &column.current else { return Ok((None, false)) };
    let share = |count: u64| (profile.rows > 0).then(|| count as f64 / profile.rows as f64);
    let infinities = profile.positive_infinities + profile.negative_infinities;
    Ok(match name {
        "null_rate" => (share(profile.nulls), true),
        "nan_rate" => (share(profile.nans), true),
        "infinity_rate" => (share(infinities), true),
        "null_change" => (column.null_change, false),
        "unseen_rate" => (profile.unseen.and_then(share), true),
        "below_rate" => (profile.below.and_then(share), true),
        "above_rate" => (profile.above.and_then(share), true),
        "distinct" => (Some(profile.distinct as f64), false),
        "min" => (profile.min, false),
        "max" => (profile.max, false),
        "mean" => (profile.mean, false),
        "std" => (profile.std, false),
        other => {
            return Err(Problem::asked(format!(
                "there is no figure {other:?} of a column; choose one from the menu"
            )));
        }
    })
}

/// A series for each column and figure; figures of what came in have a frame of their own, as their
/// windows are of arrival time.
pub(crate) async fn frames(server: &Downstream, ask: &Ask<'_>) -> Result<Vec<Frame>, Problem> {
    let (of_arrivals, of_columns): (Vec<String>, Vec<String>) =
        metrics(ask.query).into_iter().partition(|name| arrivals::has(name));
    let mut frames = Vec::new();
    if !of_columns.is_empty() {
        frames.push(columns(server, ask, &of_columns).await?);
    }
    if !of_arrivals.is_empty() {
        frames.push(arrivals::frame(server, ask, &of_arrivals).await?);
    }
    Ok(frames)
}

async fn columns(server: &Downstream, ask: &Ask<'_>, names: &[String]) -> Result<Frame, Problem> {
    let call = |scope| {
        let request = v1::QueryDataQualityRequest {
            scope: Some(scope),
            features: ask.query.features.clone(),
            reference: ask.reference(),
            exact: ask.query.exact,
            explain: true,
        };
        let mut queries = server.queries();
        async move { queries.query_data_quality(request).await }
    };
    let answers = ask.each(call).await?;
    let parts = points::parts(
        &answers,
        |answer: &v1::QueryDataQualityResponse| &answer.groups,
        |answer| answer.scope.as_ref(),
    );
    let mut notices = Notices::default();
    let mut points = Points::new(ask.form());
    for (labels, part) in parts {
        for window in &part.windows {
            let Some(time) = end_of(window.window.as_ref()) else { continue };
            notices.window(window.predictions, &window.missing);
            for column in &window.columns {
                for name in names {
                    let (value, is_share) = figure(column, name)?;
                    let mut labels = labels.clone();
                    labels.insert("feature".to_owned(), column.feature.clone());
                    let unit = if is_share { "percentunit" } else { "none" };
                    points.add(time, (name, labels), &[("unit", json!(unit))], value)?;
                }
            }
        }
    }
    let mut frame = points.frame("quality")?;
    notices.tell(&mut frame);
    Costs::of(&answers, |answer| (answer.rows_scanned, answer.reads.as_ref())).tell(&mut frame);
    Ok(frame)
}
