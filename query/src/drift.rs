//! Drift: how far the features of windows moved from a reference.

use std::borrow::Cow;

use driftline_storage::{
    Column, ColumnCounts, Db, Error, ErrorKind, Field, Numbers, Part, Reference, Result, Snapshot,
    TimeRange,
};

use crate::{
    bins::{Asked, Compared, Comparison, Detail, compare},
    gather::{Gathered, Missing, leave_out, missing_in, scan, tallies},
    limits,
    reference::finite_sorted,
    report::{DriftReport, DriftRequest, DriftResult, DriftWindow, Method},
    stats::{self, KsCounts, KsReference, Measured, Undefined},
    window::windows,
};

/// Compares the windows of a request with a reference.
///
/// PSI is exact: its bins are unions of the bins that were counted. KS is computed at the edges of
/// the fine bins, with the bound of what lies between them; `exact` computes it from rows, with its
/// p-value. NaN, null and the infinities are left out of both.
///
/// # Errors
/// `NotFound` for a model, version, feature or reference that does not exist, `InvalidArgument` for
/// a window that ends before it starts or options out of range, `ResourceExhausted` past a bound of
/// [`limits`].
pub fn drift(db: &Db, request: &DriftRequest) -> Result<DriftReport> {
    check_options(request)?;
    let scope = &request.scope;
    let windows = windows(scope.from, scope.to, scope.step)?;
    let snapshot = db.snapshot(&scope.model, scope.version.as_deref())?;
    let reference =
        db.reference(&scope.model, scope.version.as_deref(), request.reference.as_deref())?;
    let methods =
        if request.methods.is_empty() { vec![Method::Psi] } else { request.methods.clone() };
    let binned_ks = methods.contains(&Method::Ks) && !request.exact;
    let asked = Asked {
        names: &request.features,
        parts: request.bins,
        epsilon: request.epsilon,
        detail: if binned_ks { Detail::Fine } else { Detail::Psi },
    };
    let comparison = compare(db, &reference, asked)?;
    check_size(windows.len(), comparison.features.len() * methods.len())?;
    let gathered = tallies(&snapshot, &windows, &comparison.selection)?;
    let exact = if request.exact && methods.contains(&Method::Ks) {
        exact_ks(db, &snapshot, &windows, &reference, &comparison)?
    } else {
        Exact::default()
    };
    let rows_scanned = gathered.rows_scanned + exact.rows_scanned;
    let windows = report_windows(&windows, &gathered, &comparison, &methods, &exact, request);
    Ok(DriftReport {
        scope: scope.clone(),
        reference: reference.record.name.clone(),
        rows_scanned,
        windows,
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
    Ok(())
}

fn check_size(windows: usize, results_each: usize) -> Result<()> {
    if windows.saturating_mul(results_each) > limits::RESULTS_MAX {
        let text = format!(
            "{windows} windows of {results_each} results are more than {} in one answer; \
             choose a longer step or fewer features",
            limits::RESULTS_MAX
        );
        return Err(Error::new(ErrorKind::ResourceExhausted, text));
    }
    Ok(())
}

fn report_windows(
    windows: &[TimeRange],
    gathered: &Gathered,
    comparison: &Comparison,
    methods: &[Method],
    exact: &Exact,
    request: &DriftRequest,
) -> Vec<DriftWindow> {
    let missing: Vec<Missing> = gathered.missing.iter().chain(&exact.missing).cloned().collect();
    let one = |(place, window): (usize, &TimeRange)| {
        let mut results = Vec::with_capacity(comparison.features.len() * methods.len());
        for (column, feature) in comparison.features.iter().enumerate() {
            let current = gathered.tallies.column(place, column);
            for method in methods {
                let measured = match method {
                    Method::Psi => feature.psi(current).map(Statistic::exact),
                    Method::Ks if request.exact => exact.result(place, column),
                    Method::Ks => binned_ks(feature, current),
                };
                results.push(result(feature, *method, measured));
            }
        }
        let predictions = gathered.tallies.rows(place);
        let missing = missing_in(&missing, *window);
        DriftWindow { start: window.start, end: window.end, predictions, results, missing }
    };
    windows.iter().enumerate().map(one).collect()
}

/// A statistic with what is known of its error.
#[derive(Debug, Clone, Copy)]
struct Statistic {
    value: f64,
    p_value: Option<f64>,
    error_bound: f64,
    exact: bool,
}

impl Statistic {
    fn exact(value: f64) -> Self {
        Self { value, p_value: None, error_bound: 0.0, exact: true }
    }
}

fn binned_ks(feature: &Compared, current: ColumnCounts<'_>) -> Measured<Statistic> {
    if !feature.field.kind.is_numeric() {
        return Err(Undefined::NotNumeric);
    }
    let counts: Vec<u64> = current.bins().collect();
    let ks = stats::binned_ks(&feature.reference.bins, &counts)?;
    Ok(Statistic {
        value: ks.at_edges,
        p_value: None,
        error_bound: ks.error_bound,
        exact: ks.error_bound == 0.0,
    })
}

fn result(feature: &Compared, method: Method, measured: Measured<Statistic>) -> DriftResult {
    let statistic = measured.ok();
    DriftResult {
        feature: feature.name.clone(),
        method,
        value: statistic.map(|statistic| statistic.value),
        p_value: statistic.and_then(|statistic| statistic.p_value),
        error_bound: statistic.map(|statistic| statistic.error_bound),
        exact: statistic.is_some_and(|statistic| statistic.exact),
        undefined: measured.err().map(|undefined| Cow::Borrowed(undefined.reason())),
    }
}

/// Exact statistics by window and feature.
#[derive(Debug, Default)]
struct Exact {
    results: Vec<Vec<Measured<Statistic>>>,
    rows_scanned: u64,
    missing: Vec<Missing>,
}

impl Exact {
    fn result(&self, window: usize, feature: usize) -> Measured<Statistic> {
        let known = self.results.get(feature).and_then(|windows| windows.get(window)).copied();
        known.unwrap_or(Err(Undefined::NotNumeric))
    }
}

/// KS from rows, one feature after the other, as many windows at a time as memory may hold the
/// counters of.
fn exact_ks(
    db: &Db,
    snapshot: &Snapshot,
    windows: &[TimeRange],
    reference: &Reference,
    comparison: &Comparison,
) -> Result<Exact> {
    let rows = db.reference_rows(reference)?;
    let mut exact = Exact::default();
    for feature in &comparison.features {
        if !feature.field.kind.is_numeric() {
            exact.results.push(vec![Err(Undefined::NotNumeric); windows.len()]);
            continue;
        }
        let reference = match rows.column(&feature.field)? {
            Column::Numeric(values) => finite_sorted(&values),
            Column::Categories(_) => Vec::new(),
        };
        let (reference, size) = (KsReference::new(&reference), reference.len() as u64);
        let at_once = (limits::EXACT_COUNTERS_MAX / reference.slots()).max(1);
        let mut results = Vec::with_capacity(windows.len());
        for windows in windows.chunks(at_once) {
            let counts =
                counts_by_window(snapshot, windows, &feature.field, &reference, &mut exact)?;
            results.extend(counts.iter().map(|counts| ks(&reference, size, counts)));
        }
        exact.results.push(results);
    }
    Ok(exact)
}

/// Which values of a window are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    /// All.
    First,
    /// Those of bins that the first pass opened.
    Again,
}

/// Counts of a column in each window. A part that fails is left out, and as it may have given some
/// counts before, the windows are then counted anew.
fn counts_by_window(
    snapshot: &Snapshot,
    windows: &[TimeRange],
    field: &Field,
    reference: &KsReference,
    exact: &mut Exact,
) -> Result<Vec<KsCounts>> {
    let mut left_out = vec![false; snapshot.parts.len()];
    'anew: loop {
        let mut counts = vec![reference.counts(); windows.len()];
        let mut rows = 0;
        for pass in [Pass::First, Pass::Again] {
            // All are asked: each window opens its own bins.
            let open = |counts: &mut KsCounts| pass == Pass::First || reference.open(counts);
            if !counts.iter_mut().fold(false, |any, counts| open(counts) | any) {
                break;
            }
            for (part, left_out) in snapshot.parts.iter().zip(&mut left_out) {
                if *left_out {
                    continue;
                }
                match count_part(part, windows, field, reference, pass, &mut counts) {
                    Ok(scanned) if pass == Pass::First => rows += scanned,
                    Ok(_) => {}
                    Err(error) => {
                        exact.missing.push(leave_out(part, error)?);
                        *left_out = true;
                        continue 'anew;
                    }
                }
            }
        }
        exact.rows_scanned += rows;
        return Ok(counts);
    }
}

/// Counts the values of a part in each window. Returns how many rows were read.
fn count_part(
    part: &Part,
    windows: &[TimeRange],
    field: &Field,
    reference: &KsReference,
    pass: Pass,
    counts: &mut [KsCounts],
) -> Result<u64> {
    let range = part.range();
    let mine: Vec<(usize, TimeRange)> =
        windows.iter().copied().enumerate().filter(|(_, w)| w.overlaps(range)).collect();
    if mine.is_empty() {
        return Ok(0);
    }
    let ranges: Vec<TimeRange> = mine.iter().map(|(_, range)| *range).collect();
    if let Some(runs) = part.runs(&ranges)? {
        part.visit_numbers(field, &runs, &mut |run, numbers| {
            let place = mine.get(run).map(|(place, _)| *place);
            if let Some(counts) = place.and_then(|place| counts.get_mut(place)) {
                add(reference, counts, pass, numbers);
            }
        })?;
        return Ok(runs.iter().map(|rows| rows.len() as u64).sum());
    }
    let mut scanned = 0;
    scan(part, &mine, std::slice::from_ref(field), &mut |chunk, runs| {
        for (place, rows) in runs {
            scanned += rows.len() as u64;
            let (Some(Column::Numeric(values)), Some(counts)) =
                (chunk.columns.first(), counts.get_mut(*place))
            else {
                continue;
            };
            let values = values.get(rows.clone()).unwrap_or_default();
            add(reference, counts, pass, Numbers::Values(values));
        }
    })?;
    Ok(scanned)
}

fn add(reference: &KsReference, counts: &mut KsCounts, pass: Pass, numbers: Numbers<'_>) {
    match (numbers, pass) {
        (Numbers::Values(values), Pass::First) => reference.count(counts, values),
        (Numbers::Values(values), Pass::Again) => reference.count_again(counts, values),
        (Numbers::Counted(values, times), pass) => {
            let times = times.iter().map(|times| u64::from(*times));
            let counted = values.iter().copied().zip(times);
            match pass {
                Pass::First => reference.count_each(counts, counted),
                Pass::Again => reference.count_each_again(counts, counted),
            }
        }
    }
}

fn ks(reference: &KsReference, size: u64, counts: &KsCounts) -> Measured<Statistic> {
    let value = reference.statistic(counts)?;
    let (p_value, _) = stats::ks_p_value(size, counts.total(), value)?;
    Ok(Statistic { value, p_value: Some(p_value), error_bound: 0.0, exact: true })
}
