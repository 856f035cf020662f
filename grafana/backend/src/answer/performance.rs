//! How good predictions were, and how many came.

use driftline_proto::v1::{self, Metric};
use serde_json::{Value, json};

use super::{
    ask::{Ask, end_of, group_of},
    notices::{Notices, reads},
    points::{Labels, Points},
};
use crate::{downstream::Downstream, frame::Frame, problem::Problem, sentence::metrics};

/// Metrics that are shares.
const SHARES: [Metric; 8] = [
    Metric::Accuracy,
    Metric::BalancedAccuracy,
    Metric::Precision,
    Metric::Recall,
    Metric::Specificity,
    Metric::F1,
    Metric::Mape,
    Metric::Wape,
];

fn metric(name: &str) -> Result<Metric, Problem> {
    let known = Metric::from_str_name(&format!("METRIC_{}", name.to_uppercase()));
    known.filter(|metric| *metric != Metric::Unspecified).ok_or_else(|| {
        Problem::asked(format!("there is no metric {name:?}; choose one from the menu"))
    })
}

fn parts(answer: &v1::QueryPerformanceResponse) -> Vec<(Labels, &v1::QueryPerformanceResponse)> {
    if answer.groups.is_empty() {
        return vec![(Labels::new(), answer)];
    }
    let labels =
        |group: &v1::QueryPerformanceResponse| group_of(group.scope.as_ref()).into_iter().collect();
    answer.groups.iter().map(|group| (labels(group), group)).collect()
}

async fn ask_for(
    server: &Downstream,
    ask: &Ask<'_>,
    metrics: Vec<i32>,
) -> Result<v1::QueryPerformanceResponse, Problem> {
    let request = v1::QueryPerformanceRequest {
        scope: ask.scope(),
        metrics,
        exact: ask.query.exact,
        ..Default::default()
    };
    Ok(server.queries().query_performance(request).await?.into_inner())
}

/// Metrics with the ends of their intervals, and the share of labels.
pub(crate) async fn frames(server: &Downstream, ask: &Ask<'_>) -> Result<Vec<Frame>, Problem> {
    let wanted: Result<Vec<i32>, Problem> =
        metrics(ask.query).iter().map(|name| Ok(metric(name)?.into())).collect();
    let answer = ask_for(server, ask, wanted?).await?;
    let class = ask.query.class.as_str();
    let mut notices = Notices::default();
    let mut points = Points::default();
    for (labels, part) in parts(&answer) {
        for window in &part.windows {
            let Some(time) = end_of(window.window.as_ref()) else { continue };
            notices.window(window.predictions, &window.missing);
            notices.coverage(window.labelled, window.predictions);
            for result in &window.results {
                if result.class_name.as_deref().unwrap_or_default() != class {
                    continue;
                }
                notices.value(result.undefined.as_deref(), result.error_bound);
                let metric = result.metric();
                let name = metric.as_str_name().trim_start_matches("METRIC_").to_lowercase();
                let unit = if SHARES.contains(&metric) { "percentunit" } else { "none" };
                let config: [(&str, Value); 1] = [("unit", json!(unit))];
                let mut labels = labels.clone();
                if let Some(class) = &result.class_name {
                    labels.insert("class".to_owned(), class.clone());
                }
                points.add(time, (&name, labels.clone()), &config, result.value)?;
                let ends = [("lower", result.lower), ("upper", result.upper)];
                for (end, value) in ends.into_iter().filter(|(_, value)| value.is_some()) {
                    points.add(time, (&format!("{name} {end}"), labels.clone()), &config, value)?;
                }
            }
            let share = window.labelled as f64 / window.predictions as f64;
            let share = Some(share).filter(|_| window.predictions > 0);
            points.add(
                time,
                ("coverage", labels.clone()),
                &[("unit", json!("percentunit"))],
                share,
            )?;
        }
    }
    let mut frame = points.frame("performance", ask.windows.step.is_some());
    notices.tell(&mut frame);
    frame.reads = reads(answer.reads.as_ref(), answer.reads.as_ref().map_or(0, |reads| reads.rows));
    Ok(vec![frame])
}

/// Predictions and labels.
pub(crate) async fn volume(server: &Downstream, ask: &Ask<'_>) -> Result<Vec<Frame>, Problem> {
    let answer = ask_for(server, ask, Vec::new()).await?;
    let mut points = Points::default();
    for (labels, part) in parts(&answer) {
        for window in &part.windows {
            let Some(time) = end_of(window.window.as_ref()) else { continue };
            let config = [("unit", json!("short"))];
            for (name, count) in
                [("predictions", window.predictions), ("labelled", window.labelled)]
            {
                if metrics(ask.query).iter().any(|wanted| wanted == name) {
                    points.add(time, (name, labels.clone()), &config, Some(count as f64))?;
                }
            }
        }
    }
    let mut frame = points.frame("volume", ask.windows.step.is_some());
    frame.reads = reads(answer.reads.as_ref(), 0);
    Ok(vec![frame])
}
