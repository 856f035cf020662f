//! Questions and answers about fairness.

use driftline_proto::v1;
use driftline_query::{
    FairnessGroup, FairnessMetric, FairnessReport, FairnessRequest, FairnessResult,
    FairnessVerdict, FairnessWindow, SelectionOf, stats::EmptyRate,
};
use driftline_storage::{Error, Result};

use super::{
    model,
    query::{each, missing, write_missing},
    scope::{group, scope, write_group, write_scope},
};

/// Metrics and their numbers on the wire.
const METRICS: [(FairnessMetric, v1::FairnessMetric); 17] = [
    (FairnessMetric::SelectionRate, v1::FairnessMetric::SelectionRate),
    (FairnessMetric::SelectionRateAll, v1::FairnessMetric::SelectionRateAll),
    (FairnessMetric::Tpr, v1::FairnessMetric::Tpr),
    (FairnessMetric::Fpr, v1::FairnessMetric::Fpr),
    (FairnessMetric::Tnr, v1::FairnessMetric::Tnr),
    (FairnessMetric::Fnr, v1::FairnessMetric::Fnr),
    (FairnessMetric::Accuracy, v1::FairnessMetric::Accuracy),
    (FairnessMetric::Precision, v1::FairnessMetric::Precision),
    (FairnessMetric::DemographicParityDifference, v1::FairnessMetric::DemographicParityDifference),
    (FairnessMetric::DemographicParityRatio, v1::FairnessMetric::DemographicParityRatio),
    (
        FairnessMetric::DemographicParityDifferenceToOverall,
        v1::FairnessMetric::DemographicParityDifferenceToOverall,
    ),
    (FairnessMetric::EqualOpportunityDifference, v1::FairnessMetric::EqualOpportunityDifference),
    (FairnessMetric::EqualOpportunityRatio, v1::FairnessMetric::EqualOpportunityRatio),
    (FairnessMetric::EqualizedOddsDifference, v1::FairnessMetric::EqualizedOddsDifference),
    (FairnessMetric::EqualizedOddsRatio, v1::FairnessMetric::EqualizedOddsRatio),
    (FairnessMetric::EqualizedOddsDifferenceMean, v1::FairnessMetric::EqualizedOddsDifferenceMean),
    (FairnessMetric::AccuracyDifference, v1::FairnessMetric::AccuracyDifference),
];

fn metric(field: &str, metric: i32) -> Result<FairnessMetric> {
    let known = METRICS.iter().find(|(_, known)| *known as i32 == metric);
    let unknown = || Error::invalid(field, format!("{metric} is not a metric of fairness"));
    known.map(|(known, _)| *known).ok_or_else(unknown)
}

fn write_metric(metric: FairnessMetric) -> i32 {
    let known = METRICS.iter().find(|(known, _)| *known == metric);
    known.map_or(v1::FairnessMetric::Unspecified, |(_, known)| *known).into()
}

fn selection(selection: i32) -> Result<SelectionOf> {
    match v1::SelectionBasis::try_from(selection) {
        Ok(v1::SelectionBasis::Unspecified | v1::SelectionBasis::Labelled) => {
            Ok(SelectionOf::Labelled)
        }
        Ok(v1::SelectionBasis::All) => Ok(SelectionOf::All),
        Err(_) => Err(Error::invalid("selection", format!("{selection} is not a basis"))),
    }
}

fn write_selection(selection: SelectionOf) -> i32 {
    let selection = match selection {
        SelectionOf::Labelled => v1::SelectionBasis::Labelled,
        SelectionOf::All => v1::SelectionBasis::All,
    };
    selection.into()
}

/// Reads a question.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub(crate) fn request(request: v1::QueryFairnessRequest) -> Result<FairnessRequest> {
    let default = FairnessRequest::default();
    let zero = request.empty_rate_zero;
    Ok(FairnessRequest {
        scope: scope(request.scope)?,
        class: request.class_name,
        metrics: each(request.metrics, |known| metric("metrics", known))?,
        min_group_size: request.min_group_size,
        threshold: request.threshold.unwrap_or(default.threshold),
        selection: selection(request.selection)?,
        empty_rate: if zero { EmptyRate::Zero } else { EmptyRate::LeftOut },
    })
}

/// A question for the wire.
pub(crate) fn write_request(request: &FairnessRequest) -> v1::QueryFairnessRequest {
    v1::QueryFairnessRequest {
        scope: Some(write_scope(&request.scope)),
        class_name: request.class.clone(),
        metrics: request.metrics.iter().copied().map(write_metric).collect(),
        min_group_size: request.min_group_size,
        threshold: Some(request.threshold),
        selection: write_selection(request.selection),
        empty_rate_zero: request.empty_rate == EmptyRate::Zero,
    }
}

/// Reads an answer.
///
/// # Errors
/// `InvalidArgument` for what no server of this build answers.
pub(crate) fn report(report: v1::QueryFairnessResponse) -> Result<FairnessReport> {
    Ok(FairnessReport {
        scope: scope(report.scope)?,
        class: report.class_name,
        selection: selection(report.selection)?,
        windows: each(report.windows, window)?,
    })
}

/// An answer for the wire.
pub(crate) fn write_report(report: FairnessReport) -> v1::QueryFairnessResponse {
    v1::QueryFairnessResponse {
        scope: Some(write_scope(&report.scope)),
        class_name: report.class,
        selection: write_selection(report.selection),
        windows: report.windows.into_iter().map(write_window).collect(),
    }
}

fn window(window: v1::FairnessWindow) -> Result<FairnessWindow> {
    let (start, end) = model::window(window.window)?;
    let verdict = window.verdict.unwrap_or_default();
    Ok(FairnessWindow {
        start,
        end,
        predictions: window.predictions,
        without_group: window.without_group,
        overall: member(window.overall.unwrap_or_default())?,
        groups: each(window.groups, member)?,
        results: each(window.results, result)?,
        verdict: FairnessVerdict {
            passes: verdict.passes,
            threshold: verdict.threshold,
            lowest: group(verdict.lowest),
            highest: group(verdict.highest),
            undecided: verdict.undecided,
        },
        warnings: window.warnings,
        missing: window.missing.into_iter().map(missing).collect(),
    })
}

fn write_window(window: FairnessWindow) -> v1::FairnessWindow {
    let verdict = v1::FairnessVerdict {
        passes: window.verdict.passes,
        threshold: window.verdict.threshold,
        lowest: write_group(&window.verdict.lowest),
        highest: write_group(&window.verdict.highest),
        undecided: window.verdict.undecided,
    };
    v1::FairnessWindow {
        window: Some(model::write_window(window.start, window.end)),
        predictions: window.predictions,
        without_group: window.without_group,
        overall: Some(write_member(window.overall)),
        groups: window.groups.into_iter().map(write_member).collect(),
        results: window.results.into_iter().map(write_result).collect(),
        verdict: Some(verdict),
        warnings: window.warnings,
        missing: window.missing.into_iter().map(write_missing).collect(),
    }
}

fn member(member: v1::FairnessGroup) -> Result<FairnessGroup> {
    Ok(FairnessGroup {
        group: group(member.group),
        predictions: member.predictions,
        labelled: member.labelled,
        positives: member.positives,
        negatives: member.negatives,
        predicted_positives: member.predicted_positives,
        small: member.small,
        compared: member.compared,
        results: each(member.results, result)?,
    })
}

fn write_member(member: FairnessGroup) -> v1::FairnessGroup {
    v1::FairnessGroup {
        group: write_group(&member.group),
        predictions: member.predictions,
        labelled: member.labelled,
        positives: member.positives,
        negatives: member.negatives,
        predicted_positives: member.predicted_positives,
        small: member.small,
        compared: member.compared,
        results: member.results.into_iter().map(write_result).collect(),
    }
}

fn result(result: v1::FairnessResult) -> Result<FairnessResult> {
    Ok(FairnessResult {
        metric: metric("metric", result.metric)?,
        value: result.value,
        lower: result.lower,
        upper: result.upper,
        undefined: result.undefined,
    })
}

fn write_result(result: FairnessResult) -> v1::FairnessResult {
    v1::FairnessResult {
        metric: write_metric(result.metric),
        value: result.value,
        lower: result.lower,
        upper: result.upper,
        undefined: result.undefined,
    }
}

#[cfg(test)]
mod tests {
    use driftline_query::{By, GroupValue, Scope};

    use super::*;

    fn asked() -> Scope {
        let by = vec![By { column: "sex".to_owned(), bands: Vec::new() }];
        Scope { model: "m".to_owned(), from: 0, to: 60_000_000, by, ..Scope::default() }
    }

    #[test]
    fn questions_come_back() {
        for empty_rate in [EmptyRate::LeftOut, EmptyRate::Zero] {
            for selection in SelectionOf::ALL {
                let asked = FairnessRequest {
                    scope: asked(),
                    class: Some("yes".to_owned()),
                    metrics: FairnessMetric::ALL.to_vec(),
                    min_group_size: Some(50),
                    threshold: 0.9,
                    selection,
                    empty_rate,
                };
                assert_eq!(request(write_request(&asked)).expect("valid"), asked);
            }
        }
        let mut wire = write_request(&FairnessRequest { scope: asked(), ..Default::default() });
        wire.metrics.push(0);
        let error = request(wire).expect_err("unspecified");
        assert_eq!(error.to_string(), "metrics: 0 is not a metric of fairness");
    }

    #[test]
    fn answers_come_back() {
        let group = vec![GroupValue { column: "sex".to_owned(), value: Some("f".to_owned()) }];
        let known = FairnessResult {
            metric: FairnessMetric::Tpr,
            value: Some(0.5),
            lower: Some(0.25),
            upper: Some(0.75),
            undefined: None,
        };
        let lacking = FairnessResult {
            metric: FairnessMetric::EqualizedOddsRatio,
            value: None,
            lower: None,
            upper: None,
            undefined: Some("fewer than two groups have the rate".to_owned()),
        };
        let member = FairnessGroup {
            group: group.clone(),
            predictions: 9,
            labelled: 8,
            positives: 3,
            negatives: 5,
            predicted_positives: 4,
            small: true,
            compared: true,
            results: vec![known],
        };
        let verdict = FairnessVerdict {
            passes: Some(false),
            threshold: 0.8,
            lowest: group.clone(),
            highest: group,
            undecided: None,
        };
        let window = FairnessWindow {
            start: 0,
            end: 60_000_000,
            predictions: 10,
            without_group: 1,
            overall: FairnessGroup { group: Vec::new(), ..member.clone() },
            groups: vec![member],
            results: vec![lacking],
            verdict,
            warnings: vec!["sex f has 8 labelled predictions".to_owned()],
            missing: Vec::new(),
        };
        let answer = FairnessReport {
            scope: asked(),
            class: "yes".to_owned(),
            selection: SelectionOf::All,
            windows: vec![window],
        };
        assert_eq!(report(write_report(answer.clone())).expect("valid"), answer);
    }
}
