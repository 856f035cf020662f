//! Questions and answers about two sides.

use std::{borrow::Cow, collections::HashMap};

use driftline_proto::v1;
use driftline_query::{
    COMPARE_FIGURES, CompareArm, CompareMetric, CompareReport, CompareRequest, CompareResult,
    CompareWindow, Comparison, Figure, Filter, SampleRatio, SideValue, Sides,
};
use driftline_storage::{Error, Result};

use super::{
    model,
    query::{each, missing, write_missing},
    required,
    scope::{condition, scope, write_condition, write_scope},
    verdict::{correction, write_correction},
};

/// Metrics without a column and their numbers on the wire.
const METRICS: [(CompareMetric, v1::ComparisonMetric); 10] = [
    (CompareMetric::Accuracy, v1::ComparisonMetric::Accuracy),
    (CompareMetric::Precision, v1::ComparisonMetric::Precision),
    (CompareMetric::Recall, v1::ComparisonMetric::Recall),
    (CompareMetric::Specificity, v1::ComparisonMetric::Specificity),
    (CompareMetric::SelectionRate, v1::ComparisonMetric::SelectionRate),
    (CompareMetric::ErrorRate, v1::ComparisonMetric::ErrorRate),
    (CompareMetric::Mae, v1::ComparisonMetric::Mae),
    (CompareMetric::Mse, v1::ComparisonMetric::Mse),
    (CompareMetric::ResidualMean, v1::ComparisonMetric::ResidualMean),
    (CompareMetric::Brier, v1::ComparisonMetric::Brier),
];

fn measure(field: &str, measure: v1::ComparisonMeasure) -> Result<CompareMetric> {
    let v1::ComparisonMeasure { metric, column } = measure;
    let with_column = match v1::ComparisonMetric::try_from(metric) {
        Ok(v1::ComparisonMetric::Mean) => Some(CompareMetric::Mean as fn(String) -> _),
        Ok(v1::ComparisonMetric::Categories) => Some(CompareMetric::Categories as fn(String) -> _),
        _ => None,
    };
    match (with_column, column.is_empty()) {
        (Some(metric), false) => Ok(metric(column)),
        (Some(_), true) => Err(Error::invalid(format!("{field}.column"), "is required")),
        (None, false) => {
            let text = format!("{column:?} has no use: the metric is of no column");
            Err(Error::invalid(format!("{field}.column"), text))
        }
        (None, true) => {
            let known = METRICS.iter().find(|(_, known)| *known as i32 == metric);
            let unknown = || {
                let text = format!("{metric} is not a metric of comparisons");
                Error::invalid(format!("{field}.metric"), text)
            };
            known.map(|(known, _)| known.clone()).ok_or_else(unknown)
        }
    }
}

fn write_measure(metric: &CompareMetric) -> v1::ComparisonMeasure {
    let (metric, column) = match metric {
        CompareMetric::Mean(column) => (v1::ComparisonMetric::Mean, column.clone()),
        CompareMetric::Categories(column) => (v1::ComparisonMetric::Categories, column.clone()),
        metric => {
            let known = METRICS.iter().find(|(known, _)| known == metric);
            let metric = known.map_or(v1::ComparisonMetric::Unspecified, |(_, known)| *known);
            (metric, String::new())
        }
    };
    v1::ComparisonMeasure { metric: metric.into(), column }
}

/// Reads the conditions of a side.
pub(super) fn side(side: Option<v1::ComparisonSide>) -> Result<Vec<Filter>> {
    each(side.unwrap_or_default().conditions, condition)
}

/// The conditions of a side for the wire.
pub(super) fn write_side(filters: &[Filter]) -> v1::ComparisonSide {
    v1::ComparisonSide { conditions: filters.iter().map(write_condition).collect() }
}

/// Reads a question.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub(crate) fn request(request: v1::QueryComparisonRequest) -> Result<CompareRequest> {
    let default = CompareRequest::default();
    let side =
        |side: Option<v1::ComparisonSide>| each(side.unwrap_or_default().conditions, condition);
    let sides = match request.baseline {
        Some(_) if request.a.is_some() || request.b.is_some() => {
            let text = "stands in the place of two sides; give either";
            return Err(Error::invalid("baseline", text));
        }
        Some(baseline) => Sides::Baseline(baseline),
        None => Sides::Two { a: side(request.a)?, b: side(request.b)? },
    };
    Ok(CompareRequest {
        scope: scope(request.scope)?,
        sides,
        metrics: each(request.measures, |known| measure("measures", known))?,
        class: request.class_name,
        split: request.split,
        exact: request.exact,
        min_samples: request.min_samples.unwrap_or(default.min_samples),
        correction: correction("correction", request.correction)?,
    })
}

/// A question for the wire.
pub(crate) fn write_request(request: &CompareRequest) -> v1::QueryComparisonRequest {
    let (a, b, baseline) = match &request.sides {
        Sides::Two { a, b } => (Some(write_side(a)), Some(write_side(b)), None),
        Sides::Baseline(value) => (None, None, Some(value.clone())),
    };
    v1::QueryComparisonRequest {
        scope: Some(write_scope(&request.scope)),
        a,
        b,
        baseline,
        measures: request.metrics.iter().map(write_measure).collect(),
        class_name: request.class.clone(),
        split: request.split.clone(),
        exact: request.exact,
        min_samples: Some(request.min_samples),
        correction: write_correction(request.correction),
    }
}

/// Reads an answer.
///
/// # Errors
/// `InvalidArgument` for what no server of this build answers.
pub(crate) fn report(report: v1::QueryComparisonResponse) -> Result<CompareReport> {
    Ok(CompareReport {
        scope: scope(report.scope)?,
        class: report.class_name,
        windows: each(report.windows, window)?,
        groups: each(report.groups, self::report)?,
    })
}

/// An answer for the wire.
pub(crate) fn write_report(report: CompareReport) -> v1::QueryComparisonResponse {
    v1::QueryComparisonResponse {
        scope: Some(write_scope(&report.scope)),
        class_name: report.class,
        windows: report.windows.into_iter().map(write_window).collect(),
        groups: report.groups.into_iter().map(write_report).collect(),
    }
}

fn window(window: v1::ComparisonWindow) -> Result<CompareWindow> {
    let (start, end) = model::window(window.window)?;
    let arm = |arm: v1::ComparisonArm| CompareArm {
        name: arm.name,
        predictions: arm.predictions,
        labelled: arm.labelled,
    };
    let ratio = |ratio: v1::SampleRatio| SampleRatio {
        split: ratio.split,
        statistic: ratio.statistic,
        p_value: ratio.p_value,
        mismatch: ratio.mismatch,
        undefined: ratio.undefined,
    };
    let comparison = |comparison: v1::Comparison| {
        let results = each(comparison.results, result)?;
        Ok(Comparison { a: comparison.a, b: comparison.b, results })
    };
    Ok(CompareWindow {
        start,
        end,
        arms: window.arms.into_iter().map(arm).collect(),
        sample_ratio: window.sample_ratio.map(ratio),
        comparisons: each(window.comparisons, comparison)?,
        warnings: window.warnings,
        missing: window.missing.into_iter().map(missing).collect(),
    })
}

fn write_window(window: CompareWindow) -> v1::ComparisonWindow {
    let arm = |arm: CompareArm| v1::ComparisonArm {
        name: arm.name,
        predictions: arm.predictions,
        labelled: arm.labelled,
    };
    let ratio = |ratio: SampleRatio| v1::SampleRatio {
        split: ratio.split,
        statistic: ratio.statistic,
        p_value: ratio.p_value,
        mismatch: ratio.mismatch,
        undefined: ratio.undefined,
    };
    let comparison = |comparison: Comparison| v1::Comparison {
        a: comparison.a,
        b: comparison.b,
        results: comparison.results.into_iter().map(write_result).collect(),
    };
    v1::ComparisonWindow {
        window: Some(model::write_window(window.start, window.end)),
        arms: window.arms.into_iter().map(arm).collect(),
        sample_ratio: window.sample_ratio.map(ratio),
        comparisons: window.comparisons.into_iter().map(comparison).collect(),
        warnings: window.warnings,
        missing: window.missing.into_iter().map(write_missing).collect(),
    }
}

fn result(result: v1::ComparisonResult) -> Result<CompareResult> {
    let undefined = result.undefined.into_iter().map(|(name, why)| (Cow::Owned(name), why));
    let mut undefined: Vec<(Cow<'static, str>, String)> = undefined.collect();
    undefined.sort();
    Ok(CompareResult {
        metric: measure("measure", required("measure", result.measure)?)?,
        a: value(result.a.unwrap_or_default()),
        b: value(result.b.unwrap_or_default()),
        difference: result.difference,
        lower: result.lower,
        upper: result.upper,
        p_value: result.p_value,
        figures: in_order(result.figures),
        undefined,
    })
}

fn write_result(result: CompareResult) -> v1::ComparisonResult {
    let figures = result.figures.into_iter().map(|(name, value)| (name.into_owned(), value));
    let undefined = result.undefined.into_iter().map(|(name, why)| (name.into_owned(), why));
    v1::ComparisonResult {
        measure: Some(write_measure(&result.metric)),
        a: Some(write_value(result.a)),
        b: Some(write_value(result.b)),
        difference: result.difference,
        lower: result.lower,
        upper: result.upper,
        p_value: result.p_value,
        figures: figures.collect(),
        undefined: undefined.collect(),
    }
}

/// Figures in their order: on the wire they have none.
fn in_order(figures: HashMap<String, f64>) -> Vec<Figure> {
    let place = |name: &str| COMPARE_FIGURES.iter().position(|known| *known == name);
    let mut figures: Vec<Figure> =
        figures.into_iter().map(|(name, value)| (Cow::Owned(name), value)).collect();
    figures.sort_by(|(one, _), (other, _)| (place(one), one).cmp(&(place(other), other)));
    figures
}

fn value(value: v1::ComparisonValue) -> SideValue {
    SideValue {
        rows: value.rows,
        hits: value.hits,
        value: value.value,
        std: value.std,
        undefined: value.undefined,
    }
}

fn write_value(value: SideValue) -> v1::ComparisonValue {
    v1::ComparisonValue {
        rows: value.rows,
        hits: value.hits,
        value: value.value,
        std: value.std,
        undefined: value.undefined,
    }
}

#[cfg(test)]
mod tests {
    use driftline_query::{Correction, Scope};

    use super::*;

    fn asked() -> Scope {
        Scope { model: "m".to_owned(), from: 0, to: 60_000_000, ..Scope::default() }
    }

    fn metrics() -> Vec<CompareMetric> {
        let of = |make: fn(String) -> CompareMetric| make("latency_ms".to_owned());
        let more = [of(CompareMetric::Mean), of(CompareMetric::Categories)];
        CompareMetric::PLAIN.into_iter().chain(more).collect()
    }

    #[test]
    fn questions_come_back() {
        let filters = |text: &str| vec![Filter::parse(text).expect("valid")];
        let two = Sides::Two { a: filters("version=v1"), b: filters("age>=30") };
        for sides in [two, Sides::Baseline("control".to_owned())] {
            let asked = CompareRequest {
                scope: asked(),
                sides,
                metrics: metrics(),
                class: Some("yes".to_owned()),
                split: vec![9.0, 1.0],
                exact: true,
                min_samples: 7,
                correction: Correction::BenjaminiHochberg,
            };
            assert_eq!(request(write_request(&asked)).expect("valid"), asked);
        }
    }

    #[test]
    fn measures_that_lack_or_waste_a_column_are_refused() {
        let refused = |metric: v1::ComparisonMetric, column: &str, want: &str| {
            let wire = v1::ComparisonMeasure { metric: metric.into(), column: column.to_owned() };
            let error = measure("measures", wire).expect_err("refused");
            assert_eq!(error.to_string(), want);
        };
        refused(v1::ComparisonMetric::Mean, "", "measures.column: is required");
        let text = "measures.column: \"x\" has no use: the metric is of no column";
        refused(v1::ComparisonMetric::Mae, "x", text);
        let text = "measures.metric: 0 is not a metric of comparisons";
        refused(v1::ComparisonMetric::Unspecified, "", text);
        let mut wire = write_request(&CompareRequest { scope: asked(), ..Default::default() });
        wire.baseline = Some("control".to_owned());
        let error = request(wire).expect_err("both");
        assert!(error.to_string().contains("give either"), "{error}");
    }

    #[test]
    fn answers_come_back() {
        let side = SideValue { rows: 9, hits: Some(3), value: Some(0.5), ..SideValue::default() };
        let result = |metric| CompareResult {
            metric,
            a: side.clone(),
            b: SideValue { undefined: Some("no row".to_owned()), ..SideValue::default() },
            difference: Some(-0.25),
            lower: Some(-0.5),
            upper: Some(0.0),
            p_value: Some(0.04),
            figures: vec![("z".into(), -2.0), ("chi2".into(), 4.0), ("p_adjusted".into(), 0.08)],
            undefined: vec![("lift".into(), "baseline is 0".to_owned())],
        };
        let arm = |name: &str| CompareArm { name: name.to_owned(), predictions: 9, labelled: 8 };
        let window = CompareWindow {
            start: 0,
            end: 60_000_000,
            arms: vec![arm("version=v1"), arm("version=v2")],
            sample_ratio: Some(SampleRatio {
                split: vec![0.5, 0.5],
                statistic: Some(0.0),
                p_value: Some(1.0),
                mismatch: Some(false),
                undefined: None,
            }),
            comparisons: vec![Comparison {
                a: "version=v1".to_owned(),
                b: "version=v2".to_owned(),
                results: metrics().into_iter().map(result).collect(),
            }],
            warnings: vec!["too few".to_owned()],
            missing: Vec::new(),
        };
        let one = CompareReport {
            scope: asked(),
            class: Some("yes".to_owned()),
            windows: vec![window],
            groups: Vec::new(),
        };
        let answer = CompareReport { groups: vec![one.clone()], ..one };
        assert_eq!(report(write_report(answer.clone())).expect("valid"), answer);
    }
}
