//! How a model was served: latencies, throughput and errors.

use driftline_proto::v1;
use serde_json::json;

use super::{
    ask::{Ask, end_of},
    notices::{Costs, Notices},
    points::{self, Points},
};
use crate::{downstream::Downstream, frame::Frame, problem::Problem, sentence::metrics};

/// The percentile of a name such as `p99` or `p99.9`.
pub(crate) fn percentile(name: &str) -> Option<f64> {
    let number = name.strip_prefix('p')?.parse::<f64>().ok()?;
    (0.0..=100.0).contains(&number).then_some(number)
}

/// The percentiles, `mean`, `throughput` and `error_rate` that were chosen.
pub(crate) async fn frames(server: &Downstream, ask: &Ask<'_>) -> Result<Vec<Frame>, Problem> {
    let names = metrics(ask.query);
    let others = ["mean", "throughput", "error_rate"];
    for name in &names {
        if percentile(name).is_none() && !others.contains(&name.as_str()) {
            return Err(Problem::asked(format!(
                "there is no figure {name:?} of operations; there are percentiles such as p99, mean, \
                 throughput and error_rate"
            )));
        }
    }
    let call = |scope| {
        let request = v1::QueryOperationsRequest {
            scope: Some(scope),
            percentiles: names.iter().filter_map(|name| percentile(name)).collect(),
            exact: ask.query.exact,
            ..Default::default()
        };
        let mut queries = server.queries();
        async move { queries.query_operations(request).await }
    };
    let answers = ask.each(call).await?;
    let parts = points::parts(
        &answers,
        |answer: &v1::QueryOperationsResponse| &answer.groups,
        |answer| answer.scope.as_ref(),
    );
    let mut notices = Notices::default();
    let mut points = Points::new(ask.form());
    for (labels, part) in parts {
        for window in &part.windows {
            let Some(time) = end_of(window.window.as_ref()) else { continue };
            notices.window(window.predictions, &window.missing);
            for name in &names {
                let (value, undefined, unit) = value(window, name);
                notices.value(undefined, None);
                points.add(time, (name, labels.clone()), &[("unit", json!(unit))], value)?;
            }
        }
    }
    let mut frame = points.frame("operations")?;
    notices.tell(&mut frame);
    Costs::of(&answers, |answer| (answer.rows_scanned, None)).tell(&mut frame);
    Ok(vec![frame])
}

/// A figure of a window, why there is none, and its unit.
fn value<'a>(
    window: &'a v1::OperationsWindow,
    name: &str,
) -> (Option<f64>, Option<&'a str>, &'static str) {
    let of = |figure: Option<&'a v1::LatencyFigure>| {
        (
            figure.and_then(|figure| figure.value),
            figure.and_then(|figure| figure.undefined.as_deref()),
            "ms",
        )
    };
    let latency = window.latency.as_ref();
    match name {
        "mean" => of(latency.and_then(|latency| latency.mean.as_ref())),
        "throughput" => (window.throughput, window.throughput_undefined.as_deref(), "reqps"),
        "error_rate" => {
            let errors = window.errors.as_ref();
            (
                errors.and_then(|errors| errors.rate),
                errors.and_then(|errors| errors.undefined.as_deref()),
                "percentunit",
            )
        }
        name => {
            let wanted = percentile(name);
            let percentiles = latency.map(|latency| latency.percentiles.as_slice());
            let found = percentiles.unwrap_or_default().iter();
            let found = found.clone().find(|one| Some(one.percentile) == wanted);
            of(found.and_then(|one| one.figure.as_ref()))
        }
    }
}
