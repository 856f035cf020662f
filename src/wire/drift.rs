//! Questions and answers about drift.

use std::{borrow::Cow, collections::HashMap};

use driftline_proto::v1;
use driftline_query::{DriftReport, DriftRequest, DriftResult, DriftShare, DriftWindow, Method};
use driftline_storage::{Error, Result};

use super::{
    explain, model,
    query::{each, missing, write_missing},
    scope::{scope, write_scope},
    verdict::{
        binning, nulls, peer, share_options, verdict, write_binning, write_nulls, write_peer,
        write_share_options, write_verdict,
    },
};

/// Statistics and their numbers on the wire.
const METHODS: [(Method, v1::DriftMethod); 22] = [
    (Method::Psi, v1::DriftMethod::Psi),
    (Method::Ks, v1::DriftMethod::Ks),
    (Method::Chi2, v1::DriftMethod::Chi2),
    (Method::GTest, v1::DriftMethod::GTest),
    (Method::Js, v1::DriftMethod::Js),
    (Method::Kl, v1::DriftMethod::Kl),
    (Method::Hellinger, v1::DriftMethod::Hellinger),
    (Method::Tvd, v1::DriftMethod::Tvd),
    (Method::Linf, v1::DriftMethod::Linf),
    (Method::Wasserstein, v1::DriftMethod::Wasserstein),
    (Method::WassersteinNorm, v1::DriftMethod::WassersteinNorm),
    (Method::CramersV, v1::DriftMethod::CramersV),
    (Method::Cvm, v1::DriftMethod::Cvm),
    (Method::Ad, v1::DriftMethod::Ad),
    (Method::MannWhitney, v1::DriftMethod::MannWhitney),
    (Method::Energy, v1::DriftMethod::Energy),
    (Method::MeanShift, v1::DriftMethod::MeanShift),
    (Method::VarianceRatio, v1::DriftMethod::VarianceRatio),
    (Method::QuantileShift, v1::DriftMethod::QuantileShift),
    (Method::NullRateChange, v1::DriftMethod::NullRateChange),
    (Method::NewCategoryShare, v1::DriftMethod::NewCategoryShare),
    (Method::OutOfRangeShare, v1::DriftMethod::OutOfRangeShare),
];

fn method(field: &str, method: i32) -> Result<Method> {
    let known = METHODS.iter().find(|(_, known)| *known as i32 == method);
    known.map(|(known, _)| *known).ok_or_else(|| {
        let text = format!("{method} is not a drift method");
        Error::invalid(field, text)
    })
}

fn write_method(method: Method) -> i32 {
    let known = METHODS.iter().find(|(known, _)| *known == method);
    known.map_or(v1::DriftMethod::Unspecified, |(_, known)| *known).into()
}

/// Reads a question about drift.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub(crate) fn drift_request(request: v1::QueryDriftRequest) -> Result<DriftRequest> {
    let default = DriftRequest::default();
    let bins =
        request.bins.map_or(default.bins, |bins| usize::try_from(bins).unwrap_or(usize::MAX));
    Ok(DriftRequest {
        scope: scope(request.scope)?,
        methods: each(request.methods, |known| method("methods", known))?,
        features: request.features,
        reference: request.reference,
        bins,
        epsilon: request.epsilon.unwrap_or(default.epsilon),
        exact: request.exact,
        details: request.details,
        share: request.share.map(share_options).transpose()?,
        peer: peer(request.peer)?,
        explain: request.explain,
        nulls: nulls(request.nulls)?,
        binning: binning(request.binning)?,
        edges: request.edges,
        chunk_rows: request.chunk_rows,
        quantile: request.quantile.unwrap_or(default.quantile),
    })
}

/// A question about drift for the wire.
pub(crate) fn write_drift_request(request: &DriftRequest) -> v1::QueryDriftRequest {
    v1::QueryDriftRequest {
        scope: Some(write_scope(&request.scope)),
        methods: request.methods.iter().copied().map(write_method).collect(),
        features: request.features.clone(),
        reference: request.reference.clone(),
        bins: Some(u32::try_from(request.bins).unwrap_or(u32::MAX)),
        epsilon: Some(request.epsilon),
        exact: request.exact,
        details: request.details,
        share: request.share.as_ref().map(write_share_options),
        peer: write_peer(request.peer),
        explain: request.explain,
        nulls: write_nulls(request.nulls),
        binning: write_binning(request.binning),
        edges: request.edges.clone(),
        chunk_rows: request.chunk_rows,
        quantile: Some(request.quantile),
    }
}

/// Reads an answer about drift.
///
/// # Errors
/// `InvalidArgument` for what no server of this build answers.
pub(crate) fn drift_report(report: v1::QueryDriftResponse) -> Result<DriftReport> {
    let result = |result: v1::DriftResult| {
        Ok(DriftResult {
            feature: result.feature.into(),
            method: method("method", result.method)?,
            value: result.value,
            p_value: result.p_value,
            error_bound: result.error_bound,
            exact: result.exact,
            undefined: result.undefined.map(Cow::Owned),
            details: in_order(result.details),
            verdict: result.verdict.map(verdict),
            explanation: result.explanation.map(explain::explanation).map(Box::new),
        })
    };
    let window = |window: v1::DriftWindow| {
        let (start, end) = model::window(window.window)?;
        let results = each(window.results, result)?;
        Ok(DriftWindow {
            start,
            end,
            predictions: window.predictions,
            results,
            shares: each(window.shares, share)?,
            missing: window.missing.into_iter().map(missing).collect(),
        })
    };
    Ok(DriftReport {
        scope: scope(report.scope)?,
        reference: report.reference,
        rows_scanned: report.rows_scanned,
        reads: report.reads.map(explain::reads),
        windows: each(report.windows, window)?,
        groups: each(report.groups, drift_report)?,
    })
}

fn share(share: v1::DriftShare) -> Result<DriftShare> {
    Ok(DriftShare {
        method: match share.method {
            0 => None,
            known => Some(method("method", known)?),
        },
        columns: share.columns,
        drifted: share.drifted,
        share: share.share,
        undefined: share.undefined.map(Cow::Owned),
    })
}

fn write_share(share: DriftShare) -> v1::DriftShare {
    v1::DriftShare {
        method: share.method.map_or(0, write_method),
        columns: share.columns,
        drifted: share.drifted,
        share: share.share,
        undefined: share.undefined.map(Cow::into_owned),
    }
}

/// Details in the order of their names: on the wire they have none.
fn in_order(details: HashMap<String, f64>) -> Vec<(Cow<'static, str>, f64)> {
    let mut details: Vec<(Cow<'static, str>, f64)> =
        details.into_iter().map(|(name, value)| (Cow::Owned(name), value)).collect();
    details.sort_by(|a, b| a.0.cmp(&b.0));
    details
}

/// An answer about drift for the wire.
pub(crate) fn write_drift_report(report: DriftReport) -> v1::QueryDriftResponse {
    let result = |result: DriftResult| v1::DriftResult {
        feature: result.feature.to_string(),
        method: write_method(result.method),
        value: result.value,
        p_value: result.p_value,
        error_bound: result.error_bound,
        exact: result.exact,
        undefined: result.undefined.map(Cow::into_owned),
        details: result
            .details
            .into_iter()
            .map(|(name, value)| (name.into_owned(), value))
            .collect(),
        verdict: result.verdict.map(write_verdict),
        explanation: result.explanation.map(|known| explain::write_explanation(*known)),
    };
    let window = |window: DriftWindow| v1::DriftWindow {
        window: Some(model::write_window(window.start, window.end)),
        predictions: window.predictions,
        results: window.results.into_iter().map(result).collect(),
        missing: window.missing.into_iter().map(write_missing).collect(),
        shares: window.shares.into_iter().map(write_share).collect(),
    };
    v1::QueryDriftResponse {
        scope: Some(write_scope(&report.scope)),
        reference: report.reference,
        rows_scanned: report.rows_scanned,
        reads: report.reads.map(explain::write_reads),
        windows: report.windows.into_iter().map(window).collect(),
        groups: report.groups.into_iter().map(write_drift_report).collect(),
    }
}

#[cfg(test)]
mod tests {
    use driftline_query::{BinRule, Correction, Nulls, Peer, Scope, ShareOptions, Verdict};

    use super::*;
    use crate::wire::explain::tests::{explanation, reads};

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
        let mut drift = DriftRequest { scope: asked(), exact: true, ..DriftRequest::default() };
        drift.methods = Method::ALL.to_vec();
        assert_eq!(drift_request(write_drift_request(&drift)).expect("valid"), drift);
        for correction in Correction::ALL {
            let share = ShareOptions { correction, threshold: Some(0.3), min_samples: 7 };
            drift.share = Some(share);
            assert_eq!(drift_request(write_drift_request(&drift)).expect("valid"), drift);
        }
        for peer in Peer::ALL {
            drift.peer = Some(peer);
            assert_eq!(drift_request(write_drift_request(&drift)).expect("valid"), drift);
        }
        drift.explain = true;
        drift.nulls = Nulls::Bin;
        drift.edges = vec![1.0, 2.5];
        drift.chunk_rows = Some(2_000);
        drift.quantile = 0.95;
        for rule in BinRule::ALL {
            drift.binning = rule;
            assert_eq!(drift_request(write_drift_request(&drift)).expect("valid"), drift);
        }
        assert!(binning(9).is_err() && nulls(9).is_err());
    }

    #[test]
    fn verdicts_and_shares_come_back() {
        let verdict = |detected, undecided: Option<&'static str>| {
            Some(Verdict { detected, threshold: 0.2, undecided: undecided.map(Cow::Borrowed) })
        };
        let result = |verdict| DriftResult {
            feature: "x".into(),
            method: Method::Psi,
            value: Some(0.5),
            p_value: None,
            error_bound: Some(0.0),
            exact: true,
            undefined: None,
            details: vec![("p_adjusted".into(), 0.5)],
            verdict,
            explanation: Some(Box::new(explanation())),
        };
        let share = |share, undefined: Option<&'static str>| DriftShare {
            method: undefined.is_none().then_some(Method::Psi),
            columns: 2,
            drifted: 1,
            share,
            undefined: undefined.map(Cow::Borrowed),
        };
        let window = DriftWindow {
            start: 0,
            end: 1,
            predictions: 2,
            results: [verdict(Some(true), None), verdict(None, Some("too few rows")), None]
                .map(result)
                .to_vec(),
            shares: vec![share(Some(0.5), None), share(None, Some("too few rows"))],
            missing: Vec::new(),
        };
        let reference = "r".to_owned();
        let report = DriftReport {
            scope: asked(),
            reference,
            rows_scanned: 0,
            reads: Some(reads()),
            windows: vec![window],
            groups: Vec::new(),
        };
        assert_eq!(drift_report(write_drift_report(report.clone())).expect("valid"), report);
        let mut wire = write_drift_request(&DriftRequest { scope: asked(), ..Default::default() });
        wire.share = Some(v1::DriftShareOptions { correction: 9, ..Default::default() });
        let error = drift_request(wire).expect_err("no such correction");
        assert_eq!(error.to_string(), "share.correction: 9 is not a correction");
        assert!(peer(9).is_err());
        let wire = v1::DriftShareOptions::default();
        assert_eq!(share_options(wire).expect("valid"), ShareOptions::default());
    }

    #[test]
    fn a_question_without_scope_or_with_an_unknown_method_is_refused() {
        let error = drift_request(v1::QueryDriftRequest::default()).expect_err("no scope");
        assert_eq!(error.to_string(), "scope: is required");
        let mut wire = write_drift_request(&DriftRequest { scope: asked(), ..Default::default() });
        wire.methods.push(0);
        let error = drift_request(wire).expect_err("unspecified");
        assert_eq!(error.to_string(), "methods: 0 is not a drift method");
    }
}
