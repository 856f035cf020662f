//! Metric series: named numbers over time, such as business value or a training loss.

use driftline_proto::v1;
use serde_json::json;

use super::{
    ask::{Ask, end_of},
    notices::{Costs, Notices},
    points::{self, Points},
};
use crate::{downstream::Downstream, frame::Frame, problem::Problem, sentence::metrics};

/// The probability of a quantile such as `q0.5`.
pub(crate) fn probability(name: &str) -> Option<f64> {
    let number = name.strip_prefix('q')?.parse::<f64>().ok()?;
    (0.0..=1.0).contains(&number).then_some(number)
}

const FIGURES: [&str; 9] = ["mean", "sum", "min", "max", "std", "first", "last", "rate", "count"];

/// A series for each name and figure; names are the features of the query.
pub(crate) async fn frames(server: &Downstream, ask: &Ask<'_>) -> Result<Vec<Frame>, Problem> {
    let figures = metrics(ask.query);
    let is_known = |name: &str| FIGURES.contains(&name) || probability(name).is_some();
    if let Some(name) = figures.iter().find(|name| !is_known(name)) {
        return Err(Problem::asked(format!(
            "there is no figure {name:?} of a series; there are {} and quantiles such as q0.5",
            FIGURES.join(", ")
        )));
    }
    let call = |scope| {
        let request = v1::QuerySeriesRequest {
            scope: Some(scope),
            names: ask.query.features.clone(),
            quantiles: figures.iter().filter_map(|name| probability(name)).collect(),
            ..Default::default()
        };
        let mut queries = server.queries();
        async move { queries.query_series(request).await }
    };
    let answers = ask.each(call).await?;
    let parts = points::parts(
        &answers,
        |answer: &v1::QuerySeriesResponse| &answer.groups,
        |answer| answer.scope.as_ref(),
    );
    let mut notices = Notices::default();
    let mut points = Points::new(ask.form());
    for (labels, part) in parts {
        for window in &part.windows {
            let Some(time) = end_of(window.window.as_ref()) else { continue };
            notices.missing(&window.missing);
            for result in &window.series {
                for name in &figures {
                    let value = figure(result, name);
                    let key = probability(name).map_or_else(|| name.clone(), |q| format!("q{q}"));
                    let undefined = result.undefined.get(&key).map(String::as_str);
                    notices.value(undefined, None);
                    let mut labels = labels.clone();
                    labels.insert("series".to_owned(), result.name.clone());
                    points.add(time, (name, labels), &[("unit", json!("none"))], value)?;
                }
            }
        }
    }
    let mut frame = points.frame("series")?;
    notices.tell(&mut frame);
    Costs::of(&answers, |answer| (answer.points_read, None)).tell(&mut frame);
    Ok(vec![frame])
}

fn figure(result: &v1::SeriesResult, name: &str) -> Option<f64> {
    match name {
        "mean" => result.mean,
        "sum" => result.sum,
        "min" => result.min,
        "max" => result.max,
        "std" => result.std,
        "first" => result.first,
        "last" => result.last,
        "rate" => result.rate,
        "count" => Some(result.count as f64),
        name => {
            let wanted = probability(name)?;
            result.quantiles.iter().find(|one| one.probability == wanted)?.value
        }
    }
}
