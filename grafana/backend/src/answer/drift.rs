//! Drift, distributions and what was predicted.

use driftline_proto::v1::{self, DriftMethod};
use serde_json::json;

use super::{
    ask::{Ask, end_of, group_of},
    notices::{Notices, reads},
    points::{Labels, Points},
};
use crate::{
    downstream::Downstream,
    frame::{Field, Frame, Values},
    problem::Problem,
    sentence::metrics,
};

/// The method of a name such as `psi`.
fn method(name: &str) -> Result<DriftMethod, Problem> {
    let known = DriftMethod::from_str_name(&format!("DRIFT_METHOD_{}", name.to_uppercase()));
    known.filter(|method| *method != DriftMethod::Unspecified).ok_or_else(|| {
        Problem::asked(format!("there is no statistic {name:?} of drift; choose one from the menu"))
    })
}

/// The name of a method.
pub(crate) fn name_of(method: DriftMethod) -> String {
    method.as_str_name().trim_start_matches("DRIFT_METHOD_").to_lowercase()
}

fn request(ask: &Ask<'_>, methods: Vec<i32>) -> v1::QueryDriftRequest {
    v1::QueryDriftRequest {
        scope: ask.scope(),
        methods,
        features: ask.query.features.clone(),
        reference: ask.reference(),
        exact: ask.query.exact,
        ..Default::default()
    }
}

/// An answer and those of its groups, each with its labels.
fn parts(answer: &v1::QueryDriftResponse) -> Vec<(Labels, &v1::QueryDriftResponse)> {
    if answer.groups.is_empty() {
        return vec![(Labels::new(), answer)];
    }
    let labels =
        |group: &v1::QueryDriftResponse| group_of(group.scope.as_ref()).into_iter().collect();
    answer.groups.iter().map(|group| (labels(group), group)).collect()
}

/// How far features moved: a series for each feature and statistic, over one window a table with
/// p-values and verdicts.
pub(crate) async fn frames(server: &Downstream, ask: &Ask<'_>) -> Result<Vec<Frame>, Problem> {
    let methods: Result<Vec<i32>, Problem> =
        metrics(ask.query).iter().map(|name| Ok(method(name)?.into())).collect();
    let answer = server.queries().query_drift(request(ask, methods?)).await?.into_inner();
    let mut notices = Notices::default();
    let mut frame = match ask.windows.step {
        Some(_) => series(&answer, &mut notices)?,
        None => table(&answer, &mut notices),
    };
    notices.tell(&mut frame);
    frame.reads = reads(answer.reads.as_ref(), answer.rows_scanned);
    Ok(vec![frame])
}

fn series(answer: &v1::QueryDriftResponse, notices: &mut Notices) -> Result<Frame, Problem> {
    let mut points = Points::default();
    for (labels, part) in parts(answer) {
        for window in &part.windows {
            let Some(time) = end_of(window.window.as_ref()) else { continue };
            notices.window(window.predictions, &window.missing);
            for result in &window.results {
                notices.value(result.undefined.as_deref(), result.error_bound);
                let mut labels = labels.clone();
                labels.insert("feature".to_owned(), result.feature.clone());
                let config =
                    [("displayNameFromDS", json!(display(&labels, &name_of(result.method()))))];
                points.add(time, (&name_of(result.method()), labels), &config, result.value)?;
            }
        }
    }
    Ok(points.frame("drift", true))
}

/// What a legend shows: the feature and the groups, then the statistic.
fn display(labels: &Labels, metric: &str) -> String {
    let values: Vec<&str> = labels.values().map(String::as_str).collect();
    format!("{} {metric}", values.join(" "))
}

fn table(answer: &v1::QueryDriftResponse, notices: &mut Notices) -> Frame {
    let mut texts: [Vec<Option<String>>; 4] = Default::default();
    let mut numbers: [Vec<Option<f64>>; 4] = Default::default();
    let mut drifted = Vec::new();
    for (labels, part) in parts(answer) {
        let group: Vec<String> =
            labels.iter().map(|(key, value)| format!("{key} = {value}")).collect();
        for window in &part.windows {
            notices.window(window.predictions, &window.missing);
            for result in &window.results {
                notices.value(None, result.error_bound);
                let row = [
                    Some(group.join(", ")),
                    Some(result.feature.clone()),
                    Some(name_of(result.method())),
                    result.undefined.clone(),
                ];
                for (column, value) in texts.iter_mut().zip(row) {
                    column.push(value);
                }
                let row = [
                    result.value,
                    result.p_value,
                    result.error_bound,
                    Some(window.predictions as f64),
                ];
                for (column, value) in numbers.iter_mut().zip(row) {
                    column.push(value.filter(|value| value.is_finite()));
                }
                drifted.push(result.verdict.as_ref().and_then(|verdict| verdict.detected));
            }
        }
    }
    let [group, feature, statistic, undefined] = texts;
    let [value, p_value, error_bound, predictions] = numbers;
    let mut fields = vec![
        Field::new("feature", Values::Text(feature)),
        Field::new("statistic", Values::Text(statistic)),
        Field::new("value", Values::Number(value)),
        Field::new("p-value", Values::Number(p_value)),
        Field::new("error bound", Values::Number(error_bound)),
        Field::new("predictions", Values::Number(predictions)),
        Field::new("drifted", Values::Flag(drifted)),
        Field::new("undefined", Values::Text(undefined)),
    ];
    if !answer.groups.is_empty() {
        fields.insert(0, Field::new("group", Values::Text(group)));
    }
    Frame::new("drift", None, fields)
}

/// What each feature holds, in the reference and now, as shares of the values: a frame for each
/// feature, of numbers a histogram.
pub(crate) async fn distributions(
    server: &Downstream,
    ask: &Ask<'_>,
) -> Result<Vec<Frame>, Problem> {
    if ask.query.features.is_empty() {
        return Err(Problem::asked("choose the features whose distribution is wanted"));
    }
    let mut frames = Vec::new();
    for feature in &ask.query.features {
        let mut scope = ask.scope();
        if let Some(scope) = &mut scope {
            scope.step = None;
            scope.group_by.clear();
        }
        let feature = feature.clone();
        let request = v1::QueryDistributionRequest { scope, feature, reference: ask.reference() };
        let answer = server.queries().query_distribution(request).await?.into_inner();
        frames.push(histogram(&answer));
    }
    Ok(frames)
}

fn histogram(answer: &v1::QueryDistributionResponse) -> Frame {
    let counts = |of: fn(&v1::CountPair) -> u64| -> Vec<u64> {
        answer.bins.iter().map(|bin| bin.count.as_ref().map_or(0, of)).collect()
    };
    let share = |counts: Vec<u64>| {
        let sum: u64 = counts.iter().sum();
        let share = |count: u64| (sum > 0).then(|| count as f64 / sum as f64);
        Values::Number(counts.into_iter().map(share).collect())
    };
    let reference = Field::new("reference", share(counts(|pair| pair.reference)));
    let current = Field::new("now", share(counts(|pair| pair.current)));
    let shares = [reference, current].map(|field| {
        field.configure("unit", "percentunit").label("feature", answer.feature.clone())
    });
    let is_numeric = answer.bins.iter().all(|bin| bin.category.is_none());
    let ends: Vec<Field> = if is_numeric {
        let end = |of: fn(&v1::DistributionBin) -> Option<f64>| {
            Values::Number(answer.bins.iter().map(of).collect())
        };
        vec![Field::new("xMin", end(|bin| bin.lower)), Field::new("xMax", end(|bin| bin.upper))]
    } else {
        let names = answer.bins.iter().map(|bin| bin.category.clone()).collect();
        vec![Field::new("category", Values::Text(names))]
    };
    let fields = ends.into_iter().chain(shares).collect();
    Frame::new(format!("distribution of {}", answer.feature), None, fields)
}

/// What was predicted: of classes the share of each by window, of values the share by bin of the
/// reference.
pub(crate) async fn predictions(server: &Downstream, ask: &Ask<'_>) -> Result<Vec<Frame>, Problem> {
    let mut request = request(ask, vec![DriftMethod::Psi.into()]);
    request.features = vec!["prediction".to_owned()];
    request.explain = true;
    let answer = server.queries().query_drift(request).await?.into_inner();
    let mut notices = Notices::default();
    let mut points = Points::default();
    for (labels, part) in parts(&answer) {
        for window in &part.windows {
            let Some(time) = end_of(window.window.as_ref()) else { continue };
            notices.window(window.predictions, &window.missing);
            let explanations =
                window.results.iter().filter_map(|result| result.explanation.as_ref());
            for explanation in explanations {
                let count =
                    |bin: &v1::ExplainedBin| bin.count.as_ref().map_or(0, |pair| pair.current);
                let sum: u64 = explanation.bins.iter().map(count).sum();
                for bin in &explanation.bins {
                    let share = (sum > 0).then(|| count(bin) as f64 / sum as f64);
                    let mut labels = labels.clone();
                    labels.insert("prediction".to_owned(), bin_name(bin));
                    let config = [("unit", json!("percentunit"))];
                    points.add(time, ("share", labels), &config, share)?;
                }
            }
        }
    }
    let mut frame = points.frame("predictions", ask.windows.step.is_some());
    notices.tell(&mut frame);
    Ok(vec![frame])
}

fn bin_name(bin: &v1::ExplainedBin) -> String {
    match (&bin.name, bin.lower, bin.upper) {
        (Some(name), _, _) => name.clone(),
        (None, Some(lower), Some(upper)) => format!("{lower} to {upper}"),
        (None, Some(lower), None) => format!("from {lower}"),
        (None, None, Some(upper)) => format!("below {upper}"),
        (None, None, None) => "all".to_owned(),
    }
}
