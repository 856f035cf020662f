//! Questions about performance and distributions and their answers, and what those of all subjects
//! have in common.

use driftline_proto::v1;
use driftline_query::{
    ConfusionReport, DistributionBin, DistributionReport, DistributionRequest, MetricResult,
    MissingRows, PerformanceReport, PerformanceRequest, PerformanceWindow,
};
use driftline_storage::{Error, Result};

use super::{
    curves::{curve_options, curves, write_bins, write_curves},
    explain::{self, both, write_both},
    metric::{metric, write_metric},
    model, performance,
    scope::{scope, write_scope},
    time,
};

/// Names of request fields by the names that queries give them.
pub(crate) const QUERY_FIELDS: &[(&str, &str)] = &[
    ("from", "scope.start_time"),
    ("to", "scope.end_time"),
    ("step", "scope.step"),
    ("method", "methods"),
    ("metric", "metrics"),
    ("percentile", "percentiles"),
    ("model", "scope.model"),
    ("correction", "share.correction"),
    ("threshold", "share.threshold"),
    ("as", "peer"),
    ("where", "scope.conditions"),
    ("by", "scope.group_by"),
    ("class", "class_name"),
    ("reliability", "reliability_bins"),
    ("a", "a.conditions"),
    ("b", "b.conditions"),
];

pub(super) fn each<T, U>(items: Vec<T>, read: impl Fn(T) -> Result<U>) -> Result<Vec<U>> {
    items.into_iter().map(read).collect()
}

/// Reads a question about quality.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub(crate) fn performance_request(
    request: v1::QueryPerformanceRequest,
) -> Result<PerformanceRequest> {
    let curves = curve_options(&request);
    Ok(PerformanceRequest {
        scope: scope(request.scope)?,
        metrics: each(request.metrics, |known| metric("metrics", known))?,
        as_of: performance::as_of(request.as_of_time)?,
        by_label_time: performance::by_label_time(request.clock)?,
        baseline: performance::baseline(request.baseline)?,
        exact: request.exact,
        explain: request.explain,
        beta: request.beta,
        curves,
    })
}

/// A question about quality for the wire.
pub(crate) fn write_performance_request(
    request: &PerformanceRequest,
) -> v1::QueryPerformanceRequest {
    v1::QueryPerformanceRequest {
        scope: Some(write_scope(&request.scope)),
        metrics: request.metrics.iter().copied().map(write_metric).collect(),
        as_of_time: request.as_of.map(time::edge),
        clock: performance::write_by_label_time(request.by_label_time),
        baseline: performance::write_baseline(request.baseline),
        exact: request.exact,
        explain: request.explain,
        beta: request.beta,
        thresholds: request.curves.thresholds.clone(),
        reliability_bins: request.curves.reliability.map(write_bins),
        residual_quantiles: request.curves.residual_quantiles.clone(),
    }
}

/// Reads an answer about quality.
///
/// # Errors
/// `InvalidArgument` for what no server of this build answers.
pub(crate) fn performance_report(
    report: v1::QueryPerformanceResponse,
) -> Result<PerformanceReport> {
    let result = |result: v1::MetricResult| {
        Ok(MetricResult {
            metric: metric("metric", result.metric)?,
            class: result.class_name,
            value: result.value,
            lower: result.lower,
            upper: result.upper,
            error_bound: result.error_bound,
            exact: result.exact,
            undefined: result.undefined,
            degradation: result.degradation.map(performance::degradation),
        })
    };
    let window = |mut window: v1::PerformanceWindow| {
        let (start, end) = model::window(window.window.take())?;
        let curves = curves(&mut window);
        Ok(PerformanceWindow {
            start,
            end,
            predictions: window.predictions,
            labelled: window.labelled,
            results: each(window.results, result)?,
            curves,
            confusion: window.confusion.map(confusion).transpose()?,
            missing: window.missing.into_iter().map(missing).collect(),
        })
    };
    Ok(PerformanceReport {
        scope: scope(report.scope)?,
        reads: report.reads.map(explain::reads),
        windows: each(report.windows, window)?,
        groups: each(report.groups, performance_report)?,
    })
}

/// An answer about quality for the wire.
pub(crate) fn write_performance_report(report: PerformanceReport) -> v1::QueryPerformanceResponse {
    let result = |result: MetricResult| v1::MetricResult {
        metric: write_metric(result.metric),
        class_name: result.class,
        value: result.value,
        lower: result.lower,
        upper: result.upper,
        error_bound: result.error_bound,
        exact: result.exact,
        undefined: result.undefined,
        degradation: result.degradation.map(performance::write_degradation),
    };
    let window = |window: PerformanceWindow| {
        let mut wire = v1::PerformanceWindow {
            window: Some(model::write_window(window.start, window.end)),
            predictions: window.predictions,
            labelled: window.labelled,
            results: window.results.into_iter().map(result).collect(),
            confusion: window.confusion.map(write_confusion),
            missing: window.missing.into_iter().map(write_missing).collect(),
            ..v1::PerformanceWindow::default()
        };
        write_curves(window.curves, &mut wire);
        wire
    };
    v1::QueryPerformanceResponse {
        scope: Some(write_scope(&report.scope)),
        reads: report.reads.map(explain::write_reads),
        windows: report.windows.into_iter().map(window).collect(),
        groups: report.groups.into_iter().map(write_performance_report).collect(),
    }
}

pub(super) fn missing(missing: v1::MissingRows) -> MissingRows {
    MissingRows { rows: missing.rows, reason: missing.reason }
}

pub(super) fn write_missing(missing: MissingRows) -> v1::MissingRows {
    v1::MissingRows { rows: missing.rows, reason: missing.reason }
}

pub(super) fn write_confusion(confusion: ConfusionReport) -> v1::Confusion {
    v1::Confusion {
        classes: confusion.classes,
        counts: confusion.counts.into_iter().flatten().collect(),
    }
}

pub(super) fn confusion(confusion: v1::Confusion) -> Result<ConfusionReport> {
    let (classes, counts) = (confusion.classes.len(), confusion.counts.len());
    if classes.checked_mul(classes) != Some(counts) {
        let text = format!("{counts} counts of {classes} classes, the matrix must be square");
        return Err(Error::invalid("confusion.counts", text));
    }
    Ok(ConfusionReport {
        classes: confusion.classes,
        counts: confusion.counts.chunks(classes.max(1)).map(<[u64]>::to_vec).collect(),
    })
}

/// Reads a question about a distribution.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub(crate) fn distribution_request(
    request: v1::QueryDistributionRequest,
) -> Result<DistributionRequest> {
    Ok(DistributionRequest {
        scope: scope(request.scope)?,
        feature: request.feature,
        reference: request.reference,
    })
}

/// A question about a distribution for the wire.
pub(crate) fn write_distribution_request(
    request: &DistributionRequest,
) -> v1::QueryDistributionRequest {
    v1::QueryDistributionRequest {
        scope: Some(write_scope(&request.scope)),
        feature: request.feature.clone(),
        reference: request.reference.clone(),
    }
}

/// Reads a distribution.
///
/// # Errors
/// `InvalidArgument` for what no server of this build answers.
pub(crate) fn distribution_report(
    report: v1::QueryDistributionResponse,
) -> Result<DistributionReport> {
    let bin = |bin: v1::DistributionBin| DistributionBin {
        lower: bin.lower,
        upper: bin.upper,
        category: bin.category,
        count: both(bin.count),
    };
    Ok(DistributionReport {
        scope: scope(report.scope)?,
        feature: report.feature,
        kind: model::kind("kind", report.kind)?,
        reference: report.reference,
        bins: report.bins.into_iter().map(bin).collect(),
        rows: both(report.rows),
        nulls: both(report.nulls),
        nans: both(report.nans),
        infinities: both(report.infinities),
        below: both(report.below),
        above: both(report.above),
    })
}

/// A distribution for the wire.
pub(crate) fn write_distribution_report(
    report: DistributionReport,
) -> v1::QueryDistributionResponse {
    let bin = |bin: DistributionBin| v1::DistributionBin {
        lower: bin.lower,
        upper: bin.upper,
        category: bin.category,
        count: write_both(bin.count),
    };
    v1::QueryDistributionResponse {
        scope: Some(write_scope(&report.scope)),
        feature: report.feature,
        kind: model::write_kind(report.kind).into(),
        reference: report.reference,
        bins: report.bins.into_iter().map(bin).collect(),
        rows: write_both(report.rows),
        nulls: write_both(report.nulls),
        nans: write_both(report.nans),
        infinities: write_both(report.infinities),
        below: write_both(report.below),
        above: write_both(report.above),
    }
}

#[cfg(test)]
mod tests {
    use driftline_query::{Baseline, CurveOptions, Curves, Degradation, Metric, Scope};

    use super::*;
    use crate::wire::explain::tests::reads;

    fn asked() -> Scope {
        let step = Some(3_600_000_000);
        Scope {
            model: "m".to_owned(),
            version: None,
            from: -5,
            to: 7_200_000_000,
            step,
            ..Scope::default()
        }
    }

    #[test]
    fn questions_come_back() {
        let baselines = [
            None,
            Some(Baseline::Value(0.5)),
            Some(Baseline::Interval { from: -3, to: 9 }),
            Some(Baseline::Reference),
        ];
        for baseline in baselines {
            let performance = PerformanceRequest {
                scope: asked(),
                metrics: Metric::ALL.to_vec(),
                as_of: baseline.map(|_| -7),
                by_label_time: baseline.is_some(),
                baseline,
                exact: baseline.is_some(),
                explain: baseline.is_some(),
                beta: baseline.map(|_| 2.0),
                curves: CurveOptions {
                    thresholds: vec![0.5, 0.25],
                    reliability: Some(20),
                    residual_quantiles: vec![0.05],
                },
            };
            let wire = write_performance_request(&performance);
            assert_eq!(performance_request(wire).expect("valid"), performance);
        }
    }

    #[test]
    fn answers_come_back() {
        let lacking = MetricResult {
            metric: Metric::Accuracy,
            class: None,
            value: None,
            lower: None,
            upper: None,
            error_bound: None,
            exact: false,
            undefined: Some("no labels".to_owned()),
            degradation: None,
        };
        let known = MetricResult {
            metric: Metric::Precision,
            class: Some("a".to_owned()),
            value: Some(0.5),
            lower: Some(0.25),
            upper: Some(0.75),
            error_bound: Some(0.125),
            exact: true,
            undefined: None,
            degradation: Some(Degradation {
                baseline: Some(0.25),
                ratio: None,
                undefined: Some("why".to_owned()),
            }),
        };
        let classes = ["a", "b"].map(str::to_owned).to_vec();
        let confusion = ConfusionReport { classes, counts: vec![vec![1, 2], vec![3, 4]] };
        let window = PerformanceWindow {
            start: 0,
            end: 1,
            predictions: 2,
            labelled: 1,
            results: vec![lacking, known],
            confusion: Some(confusion),
            curves: Curves::default(),
            missing: Vec::new(),
        };
        let report = PerformanceReport {
            scope: asked(),
            reads: Some(reads()),
            windows: vec![window],
            groups: Vec::new(),
        };
        let wire = write_performance_report(report.clone());
        assert_eq!(performance_report(wire).expect("valid"), report);
    }
}
