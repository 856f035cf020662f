//! How versions, variants or groups differ from one of them.

use driftline_proto::v1::{self, ComparisonMetric};
use serde_json::json;

use super::{
    ask::{Ask, Form, end_of},
    notices::{Costs, Notices},
    points::{Labels, Points},
};
use crate::{
    downstream::Downstream,
    frame::{Field, Frame, Gravity, Values},
    model_query::Format,
    problem::Problem,
};

/// A measure by its name, such as `accuracy`, or `mean:amount` of a column.
fn measure(name: &str) -> Result<v1::ComparisonMeasure, Problem> {
    let (metric, column) = name.split_once(':').unwrap_or((name, ""));
    let known =
        ComparisonMetric::from_str_name(&format!("COMPARISON_METRIC_{}", metric.to_uppercase()));
    let known = known.filter(|metric| *metric != ComparisonMetric::Unspecified);
    let metric = known.ok_or_else(|| {
        Problem::asked(format!(
            "there is no measure {name:?} of comparisons; choose one from the menu"
        ))
    })?;
    Ok(v1::ComparisonMeasure { metric: metric.into(), column: column.to_owned() })
}

fn name_of(measure: Option<&v1::ComparisonMeasure>) -> String {
    let Some(measure) = measure else { return String::new() };
    let metric = measure.metric().as_str_name().trim_start_matches("COMPARISON_METRIC_");
    match measure.column.as_str() {
        "" => metric.to_lowercase(),
        column => format!("{}:{column}", metric.to_lowercase()),
    }
}

/// Of windows the differences as series, over the whole time a table with both sides.
pub(crate) async fn frames(server: &Downstream, ask: &Ask<'_>) -> Result<Vec<Frame>, Problem> {
    let query = ask.query;
    if query.by.is_empty() || query.baseline.is_empty() {
        return Err(Problem::asked(
            "choose what tells the sides apart, such as version, and the one that others are \
             compared with",
        ));
    }
    let measures: Result<Vec<_>, Problem> =
        query.metrics.iter().map(|name| measure(name)).collect();
    let measures = measures?;
    let call = |scope| {
        let request = v1::QueryComparisonRequest {
            scope: Some(scope),
            baseline: Some(query.baseline.clone()),
            measures: measures.clone(),
            class_name: Some(query.class.clone()).filter(|class| !class.is_empty()),
            exact: query.exact,
            ..Default::default()
        };
        let mut queries = server.queries();
        async move { queries.query_comparison(request).await }
    };
    let answers = ask.each(call).await?;
    let windows: Vec<&v1::ComparisonWindow> =
        answers.iter().flat_map(|answer| &answer.windows).collect();
    let mut frame = match query.format {
        Format::Auto | Format::Histogram if !ask.is_series() => table(&windows),
        _ => series(&windows, ask)?,
    };
    let mut warnings: Vec<&String> = windows.iter().flat_map(|window| &window.warnings).collect();
    warnings.sort_unstable();
    warnings.dedup();
    // Windows say much the same: a few tell enough.
    frame.notices.extend(warnings.into_iter().take(5).map(|text| (Gravity::Warning, text.clone())));
    let mut notices = Notices::default();
    windows.iter().for_each(|window| notices.missing(&window.missing));
    notices.tell(&mut frame);
    Costs::of(&answers, |_| (0, None)).tell(&mut frame);
    Ok(vec![frame])
}

/// Comparisons of a window with their results.
fn results(
    window: &v1::ComparisonWindow,
) -> impl Iterator<Item = (&v1::Comparison, &v1::ComparisonResult)> {
    let of = |comparison: &'_ v1::Comparison| comparison.results.len();
    let pairs = window
        .comparisons
        .iter()
        .flat_map(move |comparison| (0..of(comparison)).map(move |place| (comparison, place)));
    pairs.filter_map(|(comparison, place)| Some((comparison, comparison.results.get(place)?)))
}

fn series(windows: &[&v1::ComparisonWindow], ask: &Ask<'_>) -> Result<Frame, Problem> {
    let mut points = Points::new(ask.form());
    // A heatmap has one number in a cell.
    let shown = if ask.form() == Form::Heatmap { 1 } else { 3 };
    for window in windows {
        let Some(time) = end_of(window.window.as_ref()) else { continue };
        for (comparison, result) in results(window) {
            let labels = Labels::from([
                ("a".to_owned(), comparison.a.clone()),
                ("b".to_owned(), comparison.b.clone()),
                ("measure".to_owned(), name_of(result.measure.as_ref())),
            ]);
            let values = [
                ("difference", result.difference),
                ("lower", result.lower),
                ("upper", result.upper),
            ];
            for (name, value) in values.into_iter().take(shown) {
                points.add(time, (name, labels.clone()), &[("unit", json!("none"))], value)?;
            }
        }
    }
    points.frame("comparison")
}

fn table(windows: &[&v1::ComparisonWindow]) -> Frame {
    let rows: Vec<(&v1::Comparison, &v1::ComparisonResult)> =
        windows.iter().flat_map(|window| results(window)).collect();
    let text = |of: &dyn Fn(&v1::Comparison, &v1::ComparisonResult) -> String| {
        Values::Text(rows.iter().map(|(one, result)| Some(of(one, result))).collect())
    };
    let number = |of: &dyn Fn(&v1::ComparisonResult) -> Option<f64>| {
        let finite = |value: &f64| value.is_finite();
        Values::Number(rows.iter().map(|(_, result)| of(result).filter(finite)).collect())
    };
    let side = |of: fn(&v1::ComparisonResult) -> Option<&v1::ComparisonValue>| {
        number(&move |result| of(result)?.value)
    };
    let rows_of = |of: fn(&v1::ComparisonResult) -> Option<&v1::ComparisonValue>| {
        number(&move |result| Some(of(result)?.rows as f64))
    };
    let fields = vec![
        Field::new("a", text(&|one, _| one.a.clone())),
        Field::new("b", text(&|one, _| one.b.clone())),
        Field::new("measure", text(&|_, result| name_of(result.measure.as_ref()))),
        Field::new("value of a", side(|result| result.a.as_ref())),
        Field::new("value of b", side(|result| result.b.as_ref())),
        Field::new("difference", number(&|result| result.difference)),
        Field::new("lower", number(&|result| result.lower)),
        Field::new("upper", number(&|result| result.upper)),
        Field::new("p-value", number(&|result| result.p_value)),
        Field::new("rows of a", rows_of(|result| result.a.as_ref())),
        Field::new("rows of b", rows_of(|result| result.b.as_ref())),
    ];
    Frame::new("comparison", None, fields)
}
