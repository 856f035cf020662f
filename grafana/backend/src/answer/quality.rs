//! What columns hold.

use driftline_proto::v1;
use serde_json::json;

use super::{
    ask::{Ask, end_of, group_of},
    notices::{Notices, reads},
    points::{Labels, Points},
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

/// A series for each column and figure.
pub(crate) async fn frames(server: &Downstream, ask: &Ask<'_>) -> Result<Vec<Frame>, Problem> {
    let request = v1::QueryDataQualityRequest {
        scope: ask.scope(),
        features: ask.query.features.clone(),
        reference: ask.reference(),
        exact: ask.query.exact,
        ..Default::default()
    };
    let answer = server.queries().query_data_quality(request).await?.into_inner();
    let parts: Vec<(Labels, &v1::QueryDataQualityResponse)> = if answer.groups.is_empty() {
        vec![(Labels::new(), &answer)]
    } else {
        let labels = |group: &v1::QueryDataQualityResponse| group_of(group.scope.as_ref());
        answer.groups.iter().map(|group| (labels(group).into_iter().collect(), group)).collect()
    };
    let names = metrics(ask.query);
    let mut notices = Notices::default();
    let mut points = Points::default();
    for (labels, part) in parts {
        for window in &part.windows {
            let Some(time) = end_of(window.window.as_ref()) else { continue };
            notices.window(window.predictions, &window.missing);
            for column in &window.columns {
                for name in &names {
                    let (value, is_share) = figure(column, name)?;
                    let mut labels = labels.clone();
                    labels.insert("feature".to_owned(), column.feature.clone());
                    let unit = if is_share { "percentunit" } else { "none" };
                    points.add(time, (name, labels), &[("unit", json!(unit))], value)?;
                }
            }
        }
    }
    let mut frame = points.frame("quality", ask.windows.step.is_some());
    notices.tell(&mut frame);
    frame.reads = reads(answer.reads.as_ref(), answer.rows_scanned);
    Ok(vec![frame])
}
