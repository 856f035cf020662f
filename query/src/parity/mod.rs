//! Parity modes: drift as another tool computes it, with its bins, its zero rule, its default choice
//! of method and its threshold. One file per tool; what cannot be reproduced is refused.

mod credit;
mod evidently;
mod pooled;

use std::borrow::Cow;

use driftline_storage::{
    Column, ColumnCounts, Db, Error, Reference, Result, Snapshot, Special, TimeRange,
};

use crate::{
    bins::{Asked, Compared, Detail, compare},
    exact::{Exact, samples},
    gather::{Missing, missing_in, tallies},
    limits,
    method::Method,
    peer::Peer,
    reads::RowsFor,
    reference::finite_sorted,
    report::{DriftReport, DriftRequest, DriftResult, DriftShare, DriftWindow, Verdict},
    statistic::Histograms,
    stats::{Measured, Undefined},
    verdict::share_of,
};

fn offers(peer: Peer, method: Method) -> bool {
    match peer {
        Peer::Credit => method == Method::Psi,
        Peer::Evidently => evidently::METHODS.contains(&method),
    }
}

/// What a refused method is answered.
fn refusal(peer: Peer, method: Method) -> String {
    let name = method.name();
    match peer {
        Peer::Credit => {
            format!("credit scoring's custom defines psi only; ask for {name} without the mode")
        }
        Peer::Evidently if method == Method::Wasserstein => {
            "Evidently divides the distance by the reference's deviation; ask for \
                 wasserstein_norm"
                .to_owned()
        }
        Peer::Evidently => {
            let known = evidently::METHODS.map(Method::name).join(", ");
            format!("{name} is not reproduced as Evidently has it; ask for one of {known}")
        }
    }
}

/// Two sides of a column as a tool gets them: without nulls, NaN and infinities.
#[derive(Debug, Clone, Copy)]
enum Sides<'a> {
    /// Sorted values.
    Numbers { reference: &'a [f64], window: &'a [f64] },
    /// Rows by category, over the categories of either side.
    Names { reference: &'a [u64], window: &'a [u64] },
}

/// A statistic with its verdict.
#[derive(Debug, Clone, Copy)]
struct Judged {
    value: Measured<f64>,
    p_value: Option<f64>,
    threshold: f64,
    detected: bool,
}

impl Judged {
    /// A distance.
    fn distance(value: f64, threshold: f64, detected: bool) -> Self {
        Self { value: Ok(value), p_value: None, threshold, detected }
    }
}

/// A statistic, or the sentence that says why there is none.
type Outcome = std::result::Result<Judged, Cow<'static, str>>;

fn reason(undefined: Undefined) -> Cow<'static, str> {
    Cow::Borrowed(undefined.reason())
}

fn check(request: &DriftRequest, peer: Peer) -> Result<()> {
    if let Some(method) = request.methods.iter().find(|method| !offers(peer, **method)) {
        return Err(Error::invalid("method", refusal(peer, *method)));
    }
    let default = DriftRequest::default();
    if request.bins != default.bins || request.epsilon != default.epsilon {
        let text = format!("{} has its own bins and zero rule; leave them out", peer.name());
        return Err(Error::invalid("as", text));
    }
    if request.share.is_some() || request.details || request.exact {
        let text = format!(
            "{} judges by its own rules and reads what it needs; leave share, details and exact out",
            peer.name()
        );
        return Err(Error::invalid("as", text));
    }
    Ok(())
}

/// Compares the windows of a request with a reference the way of a peer.
///
/// # Errors
/// As [`crate::drift`]; `InvalidArgument` for what the peer has not, or does in its own way.
pub(crate) fn drift(
    db: &Db,
    request: &DriftRequest,
    peer: Peer,
    snapshot: &Snapshot,
    windows: &[TimeRange],
    reference: &Reference,
) -> Result<DriftReport> {
    check(request, peer)?;
    let DriftRequest { features, bins, epsilon, .. } = request;
    // Nulls are counted beside the fine bins only.
    let detail = if peer == Peer::Credit { Detail::Fine } else { Detail::Psi };
    let asked = Asked { names: features, parts: *bins, epsilon: *epsilon, detail };
    let comparison = compare(db, reference, asked)?;
    let each = comparison.features.len() * request.methods.len().max(1);
    limits::check_size(windows.len(), each)?;
    let gathered = tallies(snapshot, windows, &comparison.selection)?;
    let mut read = Exact::default();
    let mut results: Vec<Vec<DriftResult>> = vec![Vec::with_capacity(each); windows.len()];
    for (column, feature) in comparison.features.iter().enumerate() {
        let numbers = if feature.field.kind.is_numeric() && peer == Peer::Evidently {
            let rows = db.reference_rows(reference)?;
            read.reference_rows = reference.tally.rows;
            let of_reference = match rows.column(&feature.field)? {
                Column::Numeric(values) => finite_sorted(&values),
                Column::Categories(_) => Vec::new(),
            };
            Some((of_reference, samples(snapshot, windows, &feature.field, &mut read)?))
        } else {
            None
        };
        for (place, results) in results.iter_mut().enumerate() {
            let current = gathered.tallies.column(place, column);
            let window = numbers.as_ref().and_then(|(reference, windows)| {
                Some((reference.as_slice(), finite_sorted(windows.get(place)?)))
            });
            let one = |method: Option<Method>| match (peer, &window) {
                (Peer::Credit, _) => (Method::Psi, credit::judge(feature, current)),
                (Peer::Evidently, Some((reference, window))) => {
                    evidently::judge(method, Sides::Numbers { reference, window })
                }
                (Peer::Evidently, None) => of_names(method, feature, current),
            };
            let methods: Vec<Option<Method>> = if request.methods.is_empty() {
                vec![None]
            } else {
                request.methods.iter().copied().map(Some).collect()
            };
            results.extend(methods.into_iter().map(|asked| result(feature, one(asked))));
        }
    }
    let missing: Vec<Missing> = gathered.missing.iter().chain(&read.missing).cloned().collect();
    let mut reads = gathered.reads.clone();
    reads.add_rows(RowsFor::Peer, read.rows_scanned);
    reads.reference_rows = read.reference_rows;
    let report =
        |(place, (window, results)): (usize, (&TimeRange, Vec<DriftResult>))| DriftWindow {
            start: window.start,
            end: window.end,
            predictions: gathered.tallies.rows(place),
            shares: shares(&results, &request.methods),
            results,
            missing: missing_in(&missing, *window),
        };
    Ok(DriftReport {
        scope: request.scope.clone(),
        reference: reference.record.name.clone(),
        rows_scanned: reads.rows,
        reads: request.explain.then_some(reads),
        windows: windows.iter().zip(results).enumerate().map(report).collect(),
        groups: Vec::new(),
    })
}

fn of_names(
    method: Option<Method>,
    feature: &Compared,
    current: ColumnCounts<'_>,
) -> (Method, Outcome) {
    let other = feature.reference.special(Special::Other) + current.special(Special::Other);
    if other > 0 {
        let text = "more categories than are counted by name; ask without the mode";
        return (method.unwrap_or(Method::Js), Err(Cow::Borrowed(text)));
    }
    let Histograms { reference, window } = Histograms::of(feature, current);
    evidently::judge(method, Sides::Names { reference: &reference, window: &window })
}

fn result(feature: &Compared, (method, outcome): (Method, Outcome)) -> DriftResult {
    let judged = outcome.as_ref().ok();
    let value = judged.and_then(|judged| judged.value.ok());
    let undefined = match &outcome {
        Ok(judged) => judged.value.err().map(reason),
        Err(text) => Some(text.clone()),
    };
    DriftResult {
        feature: feature.name.clone(),
        method,
        value,
        p_value: judged.and_then(|judged| judged.p_value),
        error_bound: value.map(|_| 0.0),
        exact: value.is_some(),
        undefined,
        details: Vec::new(),
        verdict: judged.map(|judged| Verdict {
            detected: Some(judged.detected),
            threshold: judged.threshold,
            undecided: None,
        }),
        explanation: None,
    }
}

/// The share of each method asked for, or of all columns by the peer's own choice.
fn shares(results: &[DriftResult], methods: &[Method]) -> Vec<DriftShare> {
    let share = |method: Option<Method>, place: usize, step: usize| {
        let of_method: Vec<&DriftResult> = results.iter().skip(place).step_by(step).collect();
        let verdict = |result: &&DriftResult| {
            result.verdict.as_ref().and_then(|verdict| verdict.detected).ok_or(Undefined::NoValue)
        };
        let verdicts: Vec<Measured<bool>> = of_method.iter().map(verdict).collect();
        let undecided = of_method.iter().filter(|result| result.verdict.is_none());
        let reasons: Vec<_> = undecided.filter_map(|result| result.undefined.clone()).collect();
        share_of(method, &verdicts, &reasons)
    };
    if methods.is_empty() {
        return vec![share(None, 0, 1)];
    }
    let each = |(place, method): (usize, &Method)| share(Some(*method), place, methods.len());
    methods.iter().enumerate().map(each).collect()
}
