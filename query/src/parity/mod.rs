//! Parity modes: drift as another tool computes it, with its bins, its zero rule, its default choice
//! of method and its threshold. One file per tool; what cannot be reproduced is refused.

mod equal_width;
mod pooled;
mod binned;
mod credit;
mod evidently;
mod nannyml;
mod scouter;
mod seeds;

use std::borrow::Cow;

use driftline_storage::{
    Column, ColumnBins, ColumnCounts, Db, Error, Reference, Result, Snapshot, Special, TimeRange,
};

use crate::{
    bin_rule::Nulls,
    bins::{Asked, Compared, Detail, compare},
    exact::{Exact, samples},
    explain,
    explanation::{ExplainedBin, Explanation},
    gather::{Missing, missing_in, tallies},
    limits,
    method::Method,
    peer::Peer,
    reads::RowsFor,
    reference::finite_sorted,
    report::{DriftReport, DriftRequest, DriftResult, DriftShare, DriftWindow, Scope, Verdict},
    stats::{Measured, PSI_EPSILON, Undefined},
    verdict::share_of,
};

use nannyml::Fitted;

/// What is reproduced of a peer.
fn offered(peer: Peer) -> &'static [Method] {
    match peer {
        Peer::Credit | Peer::Scouter => &[Method::Psi],
        Peer::Evidently => &evidently::METHODS,
        Peer::Nannyml => &nannyml::METHODS,
        Peer::Seeds => &seeds::METHODS,
    }
}

/// What a refused method is answered.
fn refusal(peer: Peer, method: Method) -> String {
    let name = method.name();
    let known = || offered(peer).iter().map(|known| known.name()).collect::<Vec<_>>().join(", ");
    match (peer, method) {
        (Peer::Credit, _) => {
            format!("credit scoring's custom defines psi only; ask for {name} without the mode")
        }
        (Peer::Scouter, _) => {
            format!("of Scouter psi is reproduced only; ask for {name} without the mode")
        }
        (Peer::Evidently, Method::Wasserstein) => {
            "Evidently divides the distance by the reference's deviation; ask for wasserstein_norm"
                .to_owned()
        }
        (Peer::Nannyml, Method::WassersteinNorm) => {
            "NannyML leaves the distance in the unit of the feature; ask for wasserstein".to_owned()
        }
        (Peer::Nannyml, Method::Psi) => {
            "NannyML has no psi; ask for js, or for psi with --as credit".to_owned()
        }
        (Peer::Evidently, _) => {
            format!("{name} is not reproduced as Evidently has it; ask for one of {}", known())
        }
        (Peer::Nannyml, _) => format!("NannyML has no {name}; ask for one of {}", known()),
        (Peer::Seeds, _) => {
            format!("the documents define no {name}; ask for one of {}", known())
        }
    }
}

/// Two sides of a column as a tool gets them: without nulls, NaN and infinities.
#[derive(Debug, Clone, Copy)]
enum Sides<'a> {
    /// Sorted values.
    Numbers { reference: &'a [f64], window: &'a [f64] },
    /// Rows by category, over the categories of either side; or by quantile, of a number whose values
    /// are not needed.
    Names(&'a [ExplainedBin]),
}

/// A statistic with its verdict.
#[derive(Debug, Clone)]
struct Judged {
    value: Measured<f64>,
    p_value: Option<f64>,
    threshold: f64,
    /// Whether it drifts, or why nothing can be said.
    detected: std::result::Result<bool, Cow<'static, str>>,
}

impl Judged {
    /// A distance.
    fn distance(value: f64, threshold: f64, detected: bool) -> Self {
        Self { value: Ok(value), p_value: None, threshold, detected: Ok(detected) }
    }
}

/// A statistic, or the sentence that says why there is none.
type Outcome = std::result::Result<Judged, Cow<'static, str>>;

fn reason(undefined: Undefined) -> Cow<'static, str> {
    Cow::Borrowed(undefined.reason())
}

fn check(request: &DriftRequest, peer: Peer, rows: u64) -> Result<()> {
    let offered = offered(peer);
    if let Some(method) = request.methods.iter().find(|method| !offered.contains(method)) {
        return Err(Error::invalid("method", refusal(peer, *method)));
    }
    let default = DriftRequest::default();
    // The documents of seeds leave the bins open.
    let own_bins =
        peer != Peer::Seeds && (request.bins != default.bins || request.binning != default.binning);
    let others = !request.edges.is_empty() || request.nulls != default.nulls;
    let others = others || request.quantile != default.quantile;
    if own_bins || others || request.epsilon != default.epsilon {
        let text = format!("{} has its own bins and zero rule; leave them out", peer.name());
        return Err(Error::invalid("as", text));
    }
    check_chunks(request.chunk_rows, rows)?;
    if request.share.is_some() || request.details || request.exact {
        let text = format!(
            "{} judges by its own rules and reads what it needs; leave share, details and exact out",
            peer.name()
        );
        return Err(Error::invalid("as", text));
    }
    Ok(())
}

/// Chunks of so many rows must be some, and not more than [`limits::REFERENCE_CHUNKS_MAX`].
fn check_chunks(chunk_rows: Option<u64>, rows: u64) -> Result<()> {
    let Some(chunk_rows) = chunk_rows else { return Ok(()) };
    if chunk_rows == 0 {
        return Err(Error::invalid("chunk_rows", "must be at least 1"));
    }
    let chunks = rows.div_ceil(chunk_rows);
    if chunks > limits::REFERENCE_CHUNKS_MAX {
        let text = format!(
            "{chunk_rows} make {chunks} chunks of the reference's {rows} rows, at most {}; ask for \
             larger ones",
            limits::REFERENCE_CHUNKS_MAX
        );
        return Err(Error::invalid("chunk_rows", text));
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
    check(request, peer, reference.tally.rows)?;
    // Nulls are counted beside the fine bins only.
    let (detail, nulls) = match peer {
        Peer::Credit => (Detail::Fine, Nulls::Bin),
        _ => (Detail::Psi, Nulls::Apart),
    };
    let asked = Asked {
        names: &request.features,
        // Bins of equal width are cut from rows here.
        parts: request.bins,
        epsilon: PSI_EPSILON,
        detail,
        nulls,
        ..Asked::default()
    };
    let comparison = compare(db, reference, asked)?;
    let each = comparison.features.len() * request.methods.len().max(1);
    limits::check_size(windows.len(), each)?;
    if request.explain {
        explain::check(&comparison, windows.len(), &request.methods)?;
    }
    let gathered = tallies(snapshot, windows, &comparison.selection)?;
    let mut read = Exact::default();
    let mut results: Vec<Vec<DriftResult>> = vec![Vec::with_capacity(each); windows.len()];
    let bins = comparison.selection.cells.binning().columns();
    for (column, feature) in comparison.features.iter().enumerate() {
        let place = comparison.places.get(column);
        let Some((_, known)) = place.and_then(|place| bins.get(*place)) else { continue };
        let rows = Rows::read(db, request, peer, snapshot, windows, reference, feature, &mut read)?;
        for (place, results) in results.iter_mut().enumerate() {
            let current = gathered.tallies.column(place, column);
            let window = rows.windows.get(place).map(|values| finite_sorted(values));
            let counted = explain::bins(feature, known, current);
            let question = Question {
                peer,
                request,
                feature,
                current,
                known,
                counted: &counted,
                sides: match &window {
                    Some(window) => Sides::Numbers { reference: &rows.reference, window },
                    None => Sides::Names(&counted),
                },
                fitted: rows.fitted.as_ref(),
            };
            if request.methods.is_empty() {
                results.push(question.answer(None));
            }
            let asked = request.methods.iter().copied().map(Some);
            results.extend(asked.map(|method| question.answer(method)));
        }
    }
    let missing: Vec<Missing> = gathered.missing.iter().chain(&read.missing).cloned().collect();
    let mut reads = gathered.reads.clone();
    reads.rename(RowsFor::OtherBinning, comparison.rows_for(reference));
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
        scope: Scope::default(),
        reference: reference.record.name.clone(),
        rows_scanned: reads.rows,
        reads: request.explain.then_some(reads),
        windows: windows.iter().zip(results).enumerate().map(report).collect(),
        groups: Vec::new(),
    })
}

/// What rows say of a column, as far as a peer needs them.
#[derive(Debug, Default)]
struct Rows {
    /// Sorted values of the reference, of a number.
    reference: Vec<f64>,
    /// Values of each window, of a number.
    windows: Vec<Vec<f64>>,
    /// What NannyML keeps of the reference.
    fitted: Option<Fitted>,
}

impl Rows {
    #[expect(clippy::too_many_arguments, reason = "one call, each of them once")]
    fn read(
        db: &Db,
        request: &DriftRequest,
        peer: Peer,
        snapshot: &Snapshot,
        windows: &[TimeRange],
        reference: &Reference,
        feature: &Compared,
        read: &mut Exact,
    ) -> Result<Self> {
        let numeric = feature.field.kind.is_numeric();
        let of_windows = numeric
            && match peer {
                Peer::Credit => false,
                Peer::Seeds => seeds::needs_rows(&request.methods, request.binning),
                Peer::Evidently | Peer::Nannyml | Peer::Scouter => true,
            };
        let fits = peer == Peer::Nannyml;
        if !(of_windows || fits) {
            return Ok(Self::default());
        }
        let column = db.reference_rows(reference)?.column(&feature.field)?;
        read.reference_rows = reference.tally.rows;
        let fitted = fits.then(|| Fitted::new(&column, request.chunk_rows, &request.methods));
        let reference = match &column {
            Column::Numeric(values) => finite_sorted(values),
            Column::Categories(_) => Vec::new(),
        };
        let windows = match of_windows {
            true => samples(snapshot, windows, &feature.field, read)?,
            false => Vec::new(),
        };
        Ok(Self { reference, windows, fitted })
    }
}

/// A column of a window, with what a peer may need of it.
#[derive(Debug, Clone, Copy)]
struct Question<'a> {
    peer: Peer,
    request: &'a DriftRequest,
    feature: &'a Compared,
    current: ColumnCounts<'a>,
    known: &'a ColumnBins,
    /// Quantiles or categories with their counts.
    counted: &'a [ExplainedBin],
    sides: Sides<'a>,
    fitted: Option<&'a Fitted>,
}

impl Question<'_> {
    fn answer(&self, asked: Option<Method>) -> DriftResult {
        let (method, outcome) = self.judge(asked);
        let result = result(self.feature, method, outcome);
        let explanation = self.request.explain.then(|| self.explain(asked));
        let explanation = match (&result.undefined, explanation) {
            (Some(reason), Some(known)) => Some(known.undefined(reason.clone())),
            (_, explanation) => explanation,
        };
        DriftResult { explanation: explanation.map(Box::new), ..result }
    }

    fn seeds(&self, method: Option<Method>) -> seeds::Asked<'_> {
        seeds::Asked {
            method,
            sides: self.sides,
            counted: self.counted,
            rule: self.request.binning,
            parts: self.request.bins,
        }
    }

    fn judge(&self, asked: Option<Method>) -> (Method, Outcome) {
        let other = Special::Other;
        let other = self.feature.reference.special(other) + self.current.special(other);
        if other > 0 && !matches!(self.peer, Peer::Credit | Peer::Seeds) {
            let text = "more categories than are counted by name; ask without the mode";
            let method = asked.or(offered(self.peer).first().copied()).unwrap_or(Method::Psi);
            return (method, Err(Cow::Borrowed(text)));
        }
        match (self.peer, self.fitted) {
            (Peer::Credit, _) => (Method::Psi, credit::judge(self.feature, self.current)),
            (Peer::Evidently, _) => evidently::judge(asked, self.sides),
            (Peer::Nannyml, Some(fitted)) => nannyml::judge(asked, self.sides, fitted),
            (Peer::Nannyml, None) => (Method::Js, Err(reason(Undefined::ReferenceEmpty))),
            (Peer::Scouter, _) => (Method::Psi, scouter::judge(self.sides)),
            (Peer::Seeds, _) => self.seeds(asked).judge(),
        }
    }

    fn explain(&self, asked: Option<Method>) -> Explanation {
        match (self.peer, self.fitted) {
            (Peer::Evidently, _) => evidently::explain(asked, self.sides),
            (Peer::Nannyml, Some(fitted)) => nannyml::explain(asked, self.sides, fitted),
            (Peer::Scouter, _) => scouter::explain(self.sides),
            (Peer::Seeds, _) => self.seeds(asked).explain(),
            (Peer::Credit | Peer::Nannyml, _) => {
                let (feature, known) = (self.feature, self.known);
                explain::of_bins(Method::Psi, feature, known, self.current, PSI_EPSILON)
            }
        }
    }
}

fn result(feature: &Compared, method: Method, outcome: Outcome) -> DriftResult {
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
        verdict: outcome.ok().map(|judged| Verdict {
            detected: judged.detected.as_ref().ok().copied(),
            threshold: judged.threshold,
            undecided: judged.detected.err(),
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
        let why = |result: &&DriftResult| match &result.verdict {
            Some(verdict) => verdict.undecided.clone(),
            None => result.undefined.clone(),
        };
        let reasons: Vec<_> = of_method.iter().filter_map(why).collect();
        share_of(method, &verdicts, &reasons)
    };
    if methods.is_empty() {
        return vec![share(None, 0, 1)];
    }
    let each = |(place, method): (usize, &Method)| share(Some(*method), place, methods.len());
    methods.iter().enumerate().map(each).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_some_and_not_too_many() {
        assert!(check_chunks(None, u64::MAX).is_ok());
        assert!(check_chunks(Some(1), limits::REFERENCE_CHUNKS_MAX).is_ok());
        let error = check_chunks(Some(1), limits::REFERENCE_CHUNKS_MAX + 1).expect_err("one more");
        assert!(error.to_string().contains("1 make 1001 chunks"), "{error}");
        assert!(check_chunks(Some(0), 5).is_err());
    }

    #[test]
    fn every_mode_refuses_what_it_has_not_with_what_would_work() {
        for peer in Peer::ALL {
            assert!(!offered(peer).is_empty());
            for method in Method::ALL.into_iter().filter(|method| !offered(peer).contains(method)) {
                let text = refusal(peer, method);
                assert!(text.contains("ask for"), "{} {}: {text}", peer.name(), method.name());
            }
        }
    }
}
