//! How good predictions were, and how many came.

use driftline_proto::v1::{self, Metric};
use serde_json::{Value, json};

use super::{
    ask::{Ask, Form, end_of, timestamp},
    notices::{Costs, Notices},
    points::{self, Labels, Points},
};
use crate::{
    downstream::Downstream, frame::Frame, limits, model_query::TimeOf, problem::Problem,
    sentence::metrics, windows::duration,
};

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

/// As the class of a query, each class.
pub(crate) const EACH_CLASS: &str = "*";
/// The mean over classes that stands for a model of several where no class is chosen.
const MACRO: &str = "macro";

fn parts(answers: &[v1::QueryPerformanceResponse]) -> Vec<(Labels, &v1::QueryPerformanceResponse)> {
    points::parts(answers, |answer| &answer.groups, |answer| answer.scope.as_ref())
}

async fn ask_for(
    server: &Downstream,
    ask: &Ask<'_>,
    metrics: Vec<i32>,
) -> Result<Vec<v1::QueryPerformanceResponse>, Problem> {
    let query = ask.query;
    let known = Known::read(&query.as_of, ask.windows.to)?;
    let clock = match query.time_of {
        TimeOf::Prediction => v1::PerformanceClock::Unspecified,
        TimeOf::Label => v1::PerformanceClock::LabelTime,
    };
    let call = |scope, as_of: Option<i64>| {
        let request = v1::QueryPerformanceRequest {
            scope: Some(scope),
            metrics: metrics.clone(),
            exact: query.exact,
            explain: true,
            as_of_time: as_of.map(timestamp),
            clock: clock.into(),
            ..Default::default()
        };
        let mut queries = server.queries();
        async move { queries.query_performance(request).await }
    };
    match known {
        Known::Now => ask.each(|scope| call(scope, None)).await,
        Known::At(instant) => ask.each(|scope| call(scope, Some(instant))).await,
        Known::After(delay) => {
            if query.time_of == TimeOf::Label {
                return Err(Problem::asked(
                    "windows of label time have the labels that came in them; choose the time of \
                     predictions to see labels as they were known later",
                ));
            }
            let windows = ask.windows.each();
            let (count, most) = (windows.len(), limits::WINDOWS_APART_MAX);
            if count > most {
                return Err(Problem::asked(format!(
                    "{count} windows with labels as they were known after each are more than {most}; \
                     choose longer windows or a shorter time range"
                )));
            }
            let mut answers = Vec::new();
            for window in windows {
                let as_of = window.1.saturating_add(delay);
                answers.push(call(ask.scope_of(window), Some(as_of)).await?.into_inner());
            }
            Ok(answers)
        }
    }
}

/// Which labels count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// All that have come.
    Now,
    /// Those that were known at an instant, microseconds.
    At(i64),
    /// Of each window those that were known so long after its end, microseconds.
    After(i64),
}

impl Known {
    /// Reads `asOf` of a query whose last window ends at `to`.
    ///
    /// # Errors
    /// What is neither an instant nor a length.
    pub(crate) fn read(text: &str, to: i64) -> Result<Self, Problem> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self::Now);
        }
        if let Some(before) = text.strip_prefix('-') {
            return Ok(Self::At(to.saturating_sub(length(before, text)?)));
        }
        match text.parse::<jiff::Timestamp>() {
            Ok(instant) => Ok(Self::At(instant.as_microsecond())),
            Err(_) => Ok(Self::After(length(text.trim_start_matches('+'), text)?)),
        }
    }
}

/// A length, 0 also.
fn length(text: &str, whole: &str) -> Result<i64, Problem> {
    if text == "0" {
        return Ok(0);
    }
    duration("time of labels", text).map_err(|_| {
        Problem::asked(format!(
            "{whole:?} does not say which labels count; write 7d for those that were known 7 days after \
             each window, -1d for those known a day before the end of the panel, or an instant such as \
             2026-01-31T00:00:00Z"
        ))
    })
}

/// Metrics with the ends of their intervals, and the share of labels. A heatmap has the metric alone.
pub(crate) async fn frames(server: &Downstream, ask: &Ask<'_>) -> Result<Vec<Frame>, Problem> {
    let query = ask.query;
    // Where none is chosen the server knows what is usual of the task.
    let wanted: Result<Vec<i32>, Problem> =
        query.metrics.iter().map(|name| Ok(metric(name)?.into())).collect();
    let answers = ask_for(server, ask, wanted?).await?;
    let is_heatmap = ask.form() == Form::Heatmap;
    let is_by_label = query.time_of == TimeOf::Label;
    let mut notices = Notices::default();
    let mut points = Points::new(ask.form());
    for (labels, part) in parts(&answers) {
        for window in &part.windows {
            let Some(time) = end_of(window.window.as_ref()) else { continue };
            notices.window(window.predictions, &window.missing);
            notices.coverage(window.labelled, window.predictions);
            for result in chosen(&window.results, &query.class) {
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
                for (end, value) in ends.into_iter().filter(|(_, v)| v.is_some() && !is_heatmap) {
                    points.add(time, (&format!("{name} {end}"), labels.clone()), &config, value)?;
                }
            }
            // Predictions of windows of label time are those with a label.
            if !is_heatmap && !is_by_label {
                let share = window.labelled as f64 / window.predictions as f64;
                let share = Some(share).filter(|_| window.predictions > 0);
                let config = [("unit", json!("percentunit"))];
                points.add(time, ("coverage", labels.clone()), &config, share)?;
            }
        }
    }
    let mut frame = points.frame("performance")?;
    notices.tell(&mut frame);
    costs(&answers).tell(&mut frame);
    Ok(vec![frame])
}

/// The results that are shown: of the class that was chosen, or of all rows. A metric that a model of
/// several classes has by class only is shown as its mean over classes.
fn chosen<'a>(results: &'a [v1::MetricResult], class: &'a str) -> Vec<&'a v1::MetricResult> {
    let of_all_rows = |metric: i32| {
        results.iter().any(|result| result.metric == metric && result.class_name.is_none())
    };
    let is_shown = |result: &&v1::MetricResult| match (class, result.class_name.as_deref()) {
        (EACH_CLASS, Some(name)) => !["macro", "micro", "weighted"].contains(&name),
        (EACH_CLASS, None) => false,
        ("", None) => true,
        ("", Some(name)) => name == MACRO && !of_all_rows(result.metric),
        (class, name) => name == Some(class),
    };
    results.iter().filter(is_shown).collect()
}

fn costs(answers: &[v1::QueryPerformanceResponse]) -> Costs {
    Costs::of(answers, |answer| {
        (answer.reads.as_ref().map_or(0, |reads| reads.rows), answer.reads.as_ref())
    })
}

/// Predictions and labels.
pub(crate) async fn volume(server: &Downstream, ask: &Ask<'_>) -> Result<Vec<Frame>, Problem> {
    let answers = ask_for(server, ask, Vec::new()).await?;
    let wanted = metrics(ask.query);
    if let Some(name) = wanted.iter().find(|name| !VOLUMES.contains(&name.as_str())) {
        return Err(Problem::asked(format!(
            "there is no volume {name:?}; there are predictions and labelled"
        )));
    }
    let mut notices = Notices::default();
    let mut points = Points::new(ask.form());
    for (labels, part) in parts(&answers) {
        for window in &part.windows {
            let Some(time) = end_of(window.window.as_ref()) else { continue };
            notices.missing(&window.missing);
            let config = [("unit", json!("short"))];
            for (name, count) in VOLUMES.into_iter().zip([window.predictions, window.labelled]) {
                if wanted.iter().any(|wanted| wanted == name) {
                    points.add(time, (name, labels.clone()), &config, Some(count as f64))?;
                }
            }
        }
    }
    let mut frame = points.frame("volume")?;
    notices.tell(&mut frame);
    costs(&answers).tell(&mut frame);
    Ok(vec![frame])
}

/// What is counted.
const VOLUMES: [&str; 2] = ["predictions", "labelled"];

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000;

    #[test]
    fn labels_are_those_known_now_at_an_instant_or_after_each_window() {
        let read = |text| Known::read(text, 10 * DAY).map_err(|problem| problem.text);
        assert_eq!(read(""), Ok(Known::Now));
        assert_eq!(read("-1d"), Ok(Known::At(9 * DAY)));
        assert_eq!(read("1970-01-03T00:00:00Z"), Ok(Known::At(2 * DAY)));
        assert_eq!(read("7d"), Ok(Known::After(7 * DAY)));
        assert_eq!(read("+0"), Ok(Known::After(0)));
        assert!(read("soon").expect_err("no length").contains("\"soon\""));
    }

    #[test]
    fn a_metric_that_only_classes_have_is_shown_as_their_mean() {
        let result = |metric: Metric, class: Option<&str>| v1::MetricResult {
            metric: metric.into(),
            class_name: class.map(str::to_owned),
            ..Default::default()
        };
        let several = [
            result(Metric::Accuracy, None),
            result(Metric::Recall, Some("a")),
            result(Metric::Recall, Some("b")),
            result(Metric::Recall, Some("macro")),
        ];
        let names = |class| -> Vec<Option<&str>> {
            chosen(&several, class).iter().map(|result| result.class_name.as_deref()).collect()
        };
        assert_eq!(names(""), [None, Some("macro")]);
        assert_eq!(names("b"), [Some("b")]);
        assert_eq!(names(EACH_CLASS), [Some("a"), Some("b")]);
        let two = [result(Metric::Recall, None), result(Metric::Recall, Some("macro"))];
        assert_eq!(chosen(&two, "").len(), 1);
    }
}
