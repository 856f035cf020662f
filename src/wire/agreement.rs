//! Questions and answers about the requests that two versions answered.

use driftline_proto::v1;
use driftline_query::{
    AgreementMetric, AgreementReport, AgreementRequest, AgreementResult, AgreementWindow,
    PairCounts, PairedOutcomes,
};
use driftline_storage::{Error, Result};

use super::{
    compare::{side, write_side},
    model,
    query::{confusion, each, missing, write_confusion, write_missing},
    scope::{scope, write_scope},
};

/// Measures and their numbers on the wire.
const METRICS: [(AgreementMetric, v1::AgreementMetric); 18] = [
    (AgreementMetric::Agreement, v1::AgreementMetric::Agreement),
    (AgreementMetric::Kappa, v1::AgreementMetric::Kappa),
    (AgreementMetric::AccuracyA, v1::AgreementMetric::AccuracyA),
    (AgreementMetric::AccuracyB, v1::AgreementMetric::AccuracyB),
    (AgreementMetric::AccuracyDifference, v1::AgreementMetric::AccuracyDifference),
    (AgreementMetric::MaeA, v1::AgreementMetric::MaeA),
    (AgreementMetric::MaeB, v1::AgreementMetric::MaeB),
    (AgreementMetric::MaeDifference, v1::AgreementMetric::MaeDifference),
    (AgreementMetric::DifferenceMean, v1::AgreementMetric::DifferenceMean),
    (AgreementMetric::DifferenceStd, v1::AgreementMetric::DifferenceStd),
    (AgreementMetric::DifferenceAbsMean, v1::AgreementMetric::DifferenceAbsMean),
    (AgreementMetric::DifferenceMin, v1::AgreementMetric::DifferenceMin),
    (AgreementMetric::DifferenceP05, v1::AgreementMetric::DifferenceP05),
    (AgreementMetric::DifferenceP25, v1::AgreementMetric::DifferenceP25),
    (AgreementMetric::DifferenceP50, v1::AgreementMetric::DifferenceP50),
    (AgreementMetric::DifferenceP75, v1::AgreementMetric::DifferenceP75),
    (AgreementMetric::DifferenceP95, v1::AgreementMetric::DifferenceP95),
    (AgreementMetric::DifferenceMax, v1::AgreementMetric::DifferenceMax),
];

fn metric(field: &str, metric: i32) -> Result<AgreementMetric> {
    let known = METRICS.iter().find(|(_, known)| *known as i32 == metric);
    let unknown = || Error::invalid(field, format!("{metric} is not a measure of agreement"));
    known.map(|(known, _)| *known).ok_or_else(unknown)
}

fn write_metric(metric: AgreementMetric) -> i32 {
    let known = METRICS.iter().find(|(known, _)| *known == metric);
    known.map_or(v1::AgreementMetric::Unspecified, |(_, known)| *known).into()
}

/// Reads a question.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub(crate) fn request(request: v1::QueryAgreementRequest) -> Result<AgreementRequest> {
    Ok(AgreementRequest { scope: scope(request.scope)?, a: side(request.a)?, b: side(request.b)? })
}

/// A question for the wire.
pub(crate) fn write_request(request: &AgreementRequest) -> v1::QueryAgreementRequest {
    v1::QueryAgreementRequest {
        scope: Some(write_scope(&request.scope)),
        a: Some(write_side(&request.a)),
        b: Some(write_side(&request.b)),
    }
}

/// Reads an answer.
///
/// # Errors
/// `InvalidArgument` for what no server of this build answers.
pub(crate) fn report(report: v1::QueryAgreementResponse) -> Result<AgreementReport> {
    Ok(AgreementReport {
        scope: scope(report.scope)?,
        a: report.a,
        b: report.b,
        windows: each(report.windows, window)?,
        groups: each(report.groups, self::report)?,
    })
}

/// An answer for the wire.
pub(crate) fn write_report(report: AgreementReport) -> v1::QueryAgreementResponse {
    v1::QueryAgreementResponse {
        scope: Some(write_scope(&report.scope)),
        a: report.a,
        b: report.b,
        windows: report.windows.into_iter().map(write_window).collect(),
        groups: report.groups.into_iter().map(write_report).collect(),
    }
}

fn window(window: v1::AgreementWindow) -> Result<AgreementWindow> {
    let (start, end) = model::window(window.window)?;
    let outcomes = |outcomes: v1::PairedOutcomes| PairedOutcomes {
        both_right: outcomes.both_right,
        only_a_right: outcomes.only_a_right,
        only_b_right: outcomes.only_b_right,
        both_wrong: outcomes.both_wrong,
    };
    Ok(AgreementWindow {
        start,
        end,
        counts: PairCounts {
            pairs: window.pairs,
            only_a: window.only_a,
            only_b: window.only_b,
            repeated: window.repeated,
        },
        matrix: window.matrix.map(confusion).transpose()?,
        outcomes: window.outcomes.map(outcomes),
        results: each(window.results, result)?,
        warnings: window.warnings,
        missing: window.missing.into_iter().map(missing).collect(),
    })
}

fn write_window(window: AgreementWindow) -> v1::AgreementWindow {
    let outcomes = |outcomes: PairedOutcomes| v1::PairedOutcomes {
        both_right: outcomes.both_right,
        only_a_right: outcomes.only_a_right,
        only_b_right: outcomes.only_b_right,
        both_wrong: outcomes.both_wrong,
    };
    v1::AgreementWindow {
        window: Some(model::write_window(window.start, window.end)),
        pairs: window.counts.pairs,
        only_a: window.counts.only_a,
        only_b: window.counts.only_b,
        repeated: window.counts.repeated,
        matrix: window.matrix.map(write_confusion),
        outcomes: window.outcomes.map(outcomes),
        results: window.results.into_iter().map(write_result).collect(),
        warnings: window.warnings,
        missing: window.missing.into_iter().map(write_missing).collect(),
    }
}

fn result(result: v1::AgreementResult) -> Result<AgreementResult> {
    Ok(AgreementResult {
        metric: metric("metric", result.metric)?,
        column: result.column,
        pairs: result.pairs,
        value: result.value,
        lower: result.lower,
        upper: result.upper,
        p_value: result.p_value,
        undefined: result.undefined,
    })
}

fn write_result(result: AgreementResult) -> v1::AgreementResult {
    v1::AgreementResult {
        metric: write_metric(result.metric),
        column: result.column,
        pairs: result.pairs,
        value: result.value,
        lower: result.lower,
        upper: result.upper,
        p_value: result.p_value,
        undefined: result.undefined,
    }
}

#[cfg(test)]
mod tests {
    use driftline_query::{ConfusionReport, Filter, Scope};

    use super::*;

    #[test]
    fn questions_and_answers_come_back() {
        let scope = Scope { model: "m".to_owned(), from: 0, to: 60_000_000, ..Scope::default() };
        let side = |text: &str| vec![Filter::parse(text).expect("valid")];
        let asked =
            AgreementRequest { scope: scope.clone(), a: side("version=v1"), b: side("version=v2") };
        assert_eq!(request(write_request(&asked)).expect("valid"), asked);
        let one = |metric: AgreementMetric| AgreementResult {
            metric,
            column: metric.quantile().map(|_| "score".to_owned()),
            pairs: 3,
            value: Some(0.5),
            lower: Some(0.25),
            upper: Some(0.75),
            p_value: Some(0.5),
            undefined: None,
        };
        let window = AgreementWindow {
            start: 0,
            end: 60_000_000,
            counts: PairCounts { pairs: 4, only_a: 1, only_b: 2, repeated: 3 },
            matrix: Some(ConfusionReport {
                classes: ["no", "yes"].map(str::to_owned).to_vec(),
                counts: vec![vec![1, 2], vec![0, 1]],
            }),
            outcomes: Some(PairedOutcomes { both_right: 1, only_a_right: 2, ..Default::default() }),
            results: AgreementMetric::ALL.map(one).to_vec(),
            warnings: vec!["only 3 pairs have a label".to_owned()],
            missing: Vec::new(),
        };
        let answer = AgreementReport {
            scope,
            a: "version=v1".to_owned(),
            b: "version=v2".to_owned(),
            windows: vec![window],
            groups: Vec::new(),
        };
        assert_eq!(report(write_report(answer.clone())).expect("valid"), answer);
    }
}
