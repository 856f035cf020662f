//! How far features moved.

use driftline_proto::v1::{self, DriftMethod};
use serde_json::json;

use super::{
    ask::{Ask, end_of},
    notices::{Costs, Notices},
    points::{self, Labels, Place, Points},
};
use crate::{
    downstream::Downstream,
    frame::{Field, Frame, Values},
    limits,
    model_query::{Format, ModelQuery},
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

/// The request of a run of windows.
pub(crate) fn request(ask: &Ask<'_>, scope: v1::Scope, methods: Vec<i32>) -> v1::QueryDriftRequest {
    v1::QueryDriftRequest {
        scope: Some(scope),
        methods,
        features: ask.query.features.clone(),
        reference: ask.reference(),
        exact: ask.query.exact,
        ..Default::default()
    }
}

/// Answers with the groups that they have.
pub(crate) fn parts(answers: &[v1::QueryDriftResponse]) -> Vec<(Labels, &v1::QueryDriftResponse)> {
    points::parts(answers, |answer| &answer.groups, |answer| answer.scope.as_ref())
}

/// What answers cost.
pub(crate) fn costs(answers: &[v1::QueryDriftResponse]) -> Costs {
    Costs::of(answers, |answer| (answer.rows_scanned, answer.reads.as_ref()))
}

/// How far features moved: a series for each feature and statistic; as a table with p-values and
/// verdicts, which is the usual form of one window.
pub(crate) async fn frames(server: &Downstream, ask: &Ask<'_>) -> Result<Vec<Frame>, Problem> {
    let methods: Result<Vec<i32>, Problem> =
        metrics(ask.query).iter().map(|name| Ok(method(name)?.into())).collect();
    let methods = methods?;
    let is_table = is_table(ask.query);
    let share = (is_table && is_judged(ask.query)).then(v1::DriftShareOptions::default);
    let call = |scope| {
        let request = v1::QueryDriftRequest { share, ..request(ask, scope, methods.clone()) };
        let mut queries = server.queries();
        async move { queries.query_drift(request).await }
    };
    let answers = ask.each(call).await?;
    let mut notices = Notices::default();
    let mut frame = if is_table {
        table(&answers, ask.is_series(), &mut notices)?
    } else {
        series(&answers, ask, &mut notices)?
    };
    notices.tell(&mut frame);
    costs(&answers).tell(&mut frame);
    Ok(vec![frame])
}

/// Whether the answer is a table, which has verdicts.
pub(crate) fn is_table(query: &ModelQuery) -> bool {
    match query.format {
        Format::Table => true,
        Format::Auto | Format::Histogram => query.whole,
        Format::Series | Format::Heatmap => false,
    }
}

/// Whether each statistic has a threshold that people agree on, or a p-value to decide by: of these the
/// server says whether a feature drifts.
pub(crate) fn is_judged(query: &ModelQuery) -> bool {
    metrics(query).iter().all(|name| match name.as_str() {
        "psi" | "mean_shift" | "chi2" | "g_test" => true,
        "ks" | "cvm" | "ad" | "mann_whitney" => query.exact,
        _ => false,
    })
}

fn series(
    answers: &[v1::QueryDriftResponse],
    ask: &Ask<'_>,
    notices: &mut Notices,
) -> Result<Frame, Problem> {
    let mut points = Points::new(ask.form());
    for (labels, part) in parts(answers) {
        // Windows have the same results in the same order: labels and names are made for the first.
        let mut known: Vec<(&v1::DriftResult, Place)> = Vec::new();
        for window in &part.windows {
            let Some(time) = end_of(window.window.as_ref()) else { continue };
            notices.window(window.predictions, &window.missing);
            for (number, result) in window.results.iter().enumerate() {
                notices.value(result.undefined.as_deref(), result.error_bound);
                let is_same = |(first, _): &&(&v1::DriftResult, Place)| {
                    first.method == result.method && first.feature == result.feature
                };
                let place = match known.get(number).filter(is_same) {
                    Some((_, place)) => *place,
                    None => {
                        let mut labels = labels.clone();
                        labels.insert("feature".to_owned(), result.feature.clone());
                        let name = name_of(result.method());
                        let config = [("displayNameFromDS", json!(display(&labels, &name)))];
                        let place = points.place((&name, labels), &config)?;
                        if known.len() == number {
                            known.push((result, place));
                        }
                        place
                    }
                };
                points.push(place, time, result.value)?;
            }
        }
    }
    points.frame("drift")
}

/// What a legend shows: the feature and the groups, then the statistic.
fn display(labels: &Labels, metric: &str) -> String {
    let values: Vec<&str> = labels.values().map(String::as_str).collect();
    format!("{} {metric}", values.join(" "))
}

/// A row of the table.
struct Row<'a> {
    time: Option<i64>,
    group: String,
    predictions: u64,
    result: &'a v1::DriftResult,
}

fn table(
    answers: &[v1::QueryDriftResponse],
    of_windows: bool,
    notices: &mut Notices,
) -> Result<Frame, Problem> {
    let mut rows = Vec::new();
    for (labels, part) in parts(answers) {
        let group: Vec<String> =
            labels.iter().map(|(key, value)| format!("{key} = {value}")).collect();
        for window in &part.windows {
            notices.window(window.predictions, &window.missing);
            for result in &window.results {
                notices.value(None, result.error_bound);
                rows.push(Row {
                    time: end_of(window.window.as_ref()),
                    group: group.join(", "),
                    predictions: window.predictions,
                    result,
                });
            }
        }
    }
    if rows.len() > limits::TABLE_ROWS_MAX {
        return Err(Problem::asked(format!(
            "the table has {} rows, more than {}; choose some features, longer windows or a shorter \
             time range",
            rows.len(),
            limits::TABLE_ROWS_MAX
        )));
    }
    rows.sort_by_key(|row| row.time);
    let text =
        |of: &dyn Fn(&Row<'_>) -> Option<String>| Values::Text(rows.iter().map(of).collect());
    let number = |of: &dyn Fn(&Row<'_>) -> Option<f64>| {
        let finite = |value: &f64| value.is_finite();
        Values::Number(rows.iter().map(|row| of(row).filter(finite)).collect())
    };
    let drifted = |row: &Row<'_>| row.result.verdict.as_ref().and_then(|verdict| verdict.detected);
    let mut fields = Vec::new();
    if of_windows {
        fields.push(Field::new("time", Values::Time(rows.iter().map(|row| row.time).collect())));
    }
    if answers.iter().any(|answer| !answer.groups.is_empty()) {
        fields.push(Field::new("group", text(&|row| Some(row.group.clone()))));
    }
    fields.extend([
        Field::new("feature", text(&|row| Some(row.result.feature.clone()))),
        Field::new("statistic", text(&|row| Some(name_of(row.result.method())))),
        Field::new("value", number(&|row| row.result.value)),
        Field::new("p-value", number(&|row| row.result.p_value)),
        Field::new("error bound", number(&|row| row.result.error_bound)),
        Field::new("predictions", number(&|row| Some(row.predictions as f64))),
        Field::new("drifted", Values::Flag(rows.iter().map(drifted).collect())),
        Field::new("undefined", text(&|row| row.result.undefined.clone())),
    ]);
    Ok(Frame::new("drift", None, fields))
}
