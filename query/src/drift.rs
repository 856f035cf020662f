//! Drift: how far the features of windows moved from a reference.

use std::borrow::Cow;

use driftline_storage::{ColumnCounts, Db, Error, Reference, Result, Snapshot, TimeRange};

use crate::{
    bin_rule::{BinRule, Nulls},
    bins::{Asked, Compared, Comparison, Detail, compare},
    exact::{Exact, exact},
    explain,
    explanation::{Both, Explanation},
    gather::{Gathered, Missing, missing_in, tallies},
    limits,
    method::{Basis, Method},
    moments::{self, Sums},
    parity,
    peer::Peer,
    reads::RowsFor,
    report::{DriftReport, DriftRequest, DriftResult, DriftWindow, Scope},
    shares, shifts, slice,
    statistic::{Statistic, WindowSums, details_of_bins, of_bins, of_fine_bins},
    stats::Measured,
    verdict,
    window::windows,
};

/// Compares the windows of a request with a reference.
///
/// Statistics of counts are exact: their bins are unions of the bins that were counted. Those of
/// values come from the fine bins with a bound of what lies inside them; `exact` computes them from
/// rows, with their p-values. NaN, null and the infinities are left out of both.
///
/// # Errors
/// `NotFound` for a model, version, feature or reference that does not exist, `InvalidArgument` for
/// a window that ends before it starts or options out of range, `ResourceExhausted` past a bound of
/// [`limits`].
pub fn drift(db: &Db, request: &DriftRequest) -> Result<DriftReport> {
    check_options(request)?;
    let scope = &request.scope;
    let windows = windows(scope.from, scope.to, scope.step)?;
    let snapshot = slice::snapshot(db, scope)?;
    let reference =
        db.reference(&scope.model, scope.version.as_deref(), request.reference.as_deref())?;
    let ask = |rows: &Snapshot, scope: &Scope| {
        let report = of_rows(db, request, rows, &windows, &reference)?;
        Ok(DriftReport { scope: scope.clone(), ..report })
    };
    let (whole, groups) = slice::of_groups(&snapshot, scope, ask)?;
    Ok(DriftReport { groups, ..whole })
}

impl slice::OfGroup for DriftReport {
    fn results(&self) -> usize {
        self.windows.iter().map(|window| window.results.len()).sum()
    }
}

/// Compares what a snapshot has of the windows; the report does not say yet of which scope.
fn of_rows(
    db: &Db,
    request: &DriftRequest,
    snapshot: &Snapshot,
    windows: &[TimeRange],
    reference: &Reference,
) -> Result<DriftReport> {
    if let Some(peer) = request.peer {
        return parity::drift(db, request, peer, snapshot, windows, reference);
    }
    let methods =
        if request.methods.is_empty() { vec![Method::Psi] } else { request.methods.clone() };
    if let Some(share) = &request.share {
        verdict::check(share, &methods, request.exact)?;
    }
    let of_values: Vec<Method> =
        methods.iter().copied().filter(|method| method.basis() == Basis::Values).collect();
    let of_counts = methods.iter().any(|method| method.basis() == Basis::Counts);
    let fine = request.nulls == Nulls::Bin || of_counts;
    let fine = fine || !(of_values.is_empty() || request.exact);
    let asked = Asked {
        names: &request.features,
        parts: request.bins,
        rule: request.binning,
        edges: &request.edges,
        epsilon: request.epsilon,
        nulls: request.nulls,
        detail: if fine { Detail::Fine } else { Detail::Psi },
    };
    let comparison = compare(db, reference, asked)?;
    limits::check_size(windows.len(), comparison.features.len() * methods.len())?;
    if request.explain {
        explain::check(&comparison, windows.len(), &methods)?;
    }
    let gathered = tallies(snapshot, windows, &comparison.selection)?;
    let exact = if request.exact && !of_values.is_empty() {
        exact(db, snapshot, windows, reference, &comparison, &of_values, request.quantile)?
    } else {
        Exact::default()
    };
    let mut reads = gathered.reads.clone();
    let because = comparison.rows_for(reference);
    reads.rename(RowsFor::OtherBinning, because);
    if because == RowsFor::AskedBins {
        reads.reference_rows = reference.tally.rows;
    }
    reads.add_rows(RowsFor::Exact, exact.rows_scanned);
    reads.reference_rows = reads.reference_rows.max(exact.reference_rows);
    let needs_sums = |method: &Method| method.basis() == Basis::Values && *method != Method::Ks;
    let needs_sums = !request.exact && methods.iter().any(needs_sums);
    let at_once = (limits::SUMS_AT_ONCE_MAX / comparison.features.len().max(1)).max(1);
    let mut reported = Vec::with_capacity(windows.len());
    for (first, windows) in (0..).step_by(at_once).zip(windows.chunks(at_once)) {
        let sums = needs_sums.then(|| moments::sums(snapshot, windows, &comparison));
        reads.sums = reads.sums.max(sums.as_ref().map_or(0, Sums::parts));
        let values = Values { exact: &exact, sums: sums.as_ref() };
        let windows = (first, windows);
        reported.extend(report_windows(
            windows,
            &gathered,
            &comparison,
            &methods,
            &values,
            request,
        ));
    }
    Ok(DriftReport {
        scope: Scope::default(),
        reference: reference.record.name.clone(),
        rows_scanned: reads.rows,
        reads: request.explain.then_some(reads),
        windows: reported,
        groups: Vec::new(),
    })
}

fn check_options(request: &DriftRequest) -> Result<()> {
    if !(2..=limits::BINS_MAX).contains(&request.bins) {
        let text = format!("{} must be from 2 to {}", request.bins, limits::BINS_MAX);
        return Err(Error::invalid("bins", text));
    }
    if !(request.epsilon.is_normal() && request.epsilon > 0.0 && request.epsilon <= 1.0) {
        let text = format!("{} must be above 0 and at most 1", request.epsilon);
        return Err(Error::invalid("epsilon", text));
    }
    check_edges(request)?;
    if !(0.0..=1.0).contains(&request.quantile) {
        let text = format!("{} must be from 0 to 1", request.quantile);
        return Err(Error::invalid("quantile", text));
    }
    if request.binning == BinRule::Pooled && request.peer != Some(Peer::Seeds) {
        let text = "pooled bins move with each window, so that its history is not comparable; take \
                    equal-width, or the mode seeds";
        return Err(Error::invalid("binning", text));
    }
    if request.chunk_rows.is_some() && request.peer != Some(Peer::Nannyml) {
        let text = "are of NannyML's thresholds; leave them out, or ask as nannyml";
        return Err(Error::invalid("chunk_rows", text));
    }
    Ok(())
}

/// Edges are of one feature, instead of a number of bins and a rule.
fn check_edges(request: &DriftRequest) -> Result<()> {
    let edges = request.edges.as_slice();
    if edges.is_empty() {
        return Ok(());
    }
    let default = DriftRequest::default();
    let text = if !(edges.iter().all(|edge| edge.is_finite()) && edges.is_sorted_by(|a, b| a < b)) {
        "must be numbers that ascend, such as 10,20,50".to_owned()
    } else if edges.len() >= limits::BINS_MAX {
        format!("{} edges are more than {}", edges.len(), limits::BINS_MAX - 1)
    } else if request.features.len() != 1 {
        "are those of one feature; ask for that feature alone".to_owned()
    } else if request.bins != default.bins || request.binning != default.binning {
        "say which bins there are; leave their number and rule out".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::invalid("edges", text))
}

/// What statistics of values come from: rows, or sums by bin.
struct Values<'a> {
    exact: &'a Exact,
    sums: Option<&'a Sums>,
}

/// Reports some of the windows, which begin at the `first` of all; the sums are of these only.
fn report_windows(
    (first, windows): (usize, &[TimeRange]),
    gathered: &Gathered,
    comparison: &Comparison,
    methods: &[Method],
    Values { exact, sums }: &Values<'_>,
    request: &DriftRequest,
) -> Vec<DriftWindow> {
    let missing: Vec<Missing> = gathered.missing.iter().chain(&exact.missing).cloned().collect();
    let one = |(here, window): (usize, &TimeRange)| {
        let place = first + here;
        let mut results = Vec::with_capacity(comparison.features.len() * methods.len());
        let rows = Both { reference: comparison.rows, current: gathered.tallies.rows(place) };
        for (column, feature) in comparison.features.iter().enumerate() {
            let current = gathered.tallies.column(place, column);
            for method in methods {
                let measured = match method.basis() {
                    Basis::Bins => of_bins(*method, feature, current),
                    Basis::Counts => shares::of_counts(*method, feature, current, rows),
                    Basis::Values if request.exact => exact.result(place, column, *method),
                    Basis::Values => {
                        let window = WindowSums { sums: *sums, window: here, feature: column };
                        match method {
                            Method::VarianceRatio | Method::QuantileShift => {
                                let counts: Vec<u64> = current.bins().collect();
                                let p = request.quantile;
                                shifts::of_fine_bins(*method, feature, &counts, &window, p)
                            }
                            _ => of_fine_bins(*method, feature, current, &window),
                        }
                    }
                };
                let details = match method.basis() {
                    Basis::Bins if request.details => details_of_bins(*method, feature, current),
                    _ => Vec::new(),
                };
                let explained = request.explain.then(|| {
                    if method.basis() == Basis::Counts {
                        let bins = shares::bins(*method, feature, current, rows);
                        return explain::of_shares(*method, bins);
                    }
                    let exact = exact.rows_of(place, column);
                    explanation(*method, (column, feature), current, comparison, exact, request)
                });
                results.push(result(feature, *method, measured, details, explained));
            }
        }
        let shares = request.share.as_ref().map(|share| {
            let rows = |(column, feature): (usize, &Compared)| {
                feature.compared(gathered.tallies.column(place, column))
            };
            let rows: Vec<u64> = comparison.features.iter().enumerate().map(rows).collect();
            verdict::decide(&mut results, &rows, methods, share)
        });
        DriftWindow {
            start: window.start,
            end: window.end,
            predictions: gathered.tallies.rows(place),
            results,
            shares: shares.unwrap_or_default(),
            missing: missing_in(&missing, *window),
        }
    };
    windows.iter().enumerate().map(one).collect()
}

fn result(
    feature: &Compared,
    method: Method,
    measured: Measured<Statistic>,
    details: Vec<(Cow<'static, str>, f64)>,
    explanation: Option<Explanation>,
) -> DriftResult {
    let statistic = measured.ok();
    let undefined = measured.err().map(|undefined| Cow::Borrowed(undefined.reason()));
    let explanation = match (&undefined, explanation) {
        (Some(reason), Some(known)) => Some(known.undefined(reason.clone())),
        (_, explanation) => explanation,
    };
    DriftResult {
        feature: feature.name.clone(),
        method,
        value: statistic.map(|statistic| statistic.value),
        p_value: statistic.and_then(|statistic| statistic.p_value),
        error_bound: statistic.map(|statistic| statistic.error_bound),
        exact: statistic.is_some_and(|statistic| statistic.exact),
        undefined,
        details,
        verdict: None,
        explanation: explanation.map(Box::new),
    }
}

/// How a result came about.
fn explanation(
    method: Method,
    (column, feature): (usize, &Compared),
    current: ColumnCounts<'_>,
    comparison: &Comparison,
    exact: Both,
    request: &DriftRequest,
) -> Explanation {
    let columns = comparison.selection.cells.binning().columns();
    let place = comparison.places.get(column);
    match (method.basis(), place.and_then(|place| columns.get(*place))) {
        (Basis::Bins, Some((_, known))) => {
            explain::of_bins(method, feature, known, current, request.epsilon)
        }
        (Basis::Values, _) if !request.exact && feature.field.kind.is_numeric() => {
            explain::of_fine_bins(method, feature, current)
        }
        _ => explain::of_rows(method, exact),
    }
}
