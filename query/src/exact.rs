//! Statistics of values from rows: exact, with their p-values.

use driftline_storage::{
    Column, Db, Error, ErrorKind, Field, Numbers, Part, Reference, Result, Snapshot, TimeRange,
};

use crate::{
    bins::Comparison,
    explanation::Both,
    gather::{Missing, leave_out, scan},
    limits,
    method::Method,
    reference::finite_sorted,
    statistic::Statistic,
    stats::{self, KsCounts, KsReference, Measured, TwoSampleTest, Undefined},
};

/// Exact statistics by window and feature.
#[derive(Debug, Default)]
pub(crate) struct Exact {
    /// By feature, window and method.
    results: Vec<Vec<Vec<Measured<Statistic>>>>,
    methods: Vec<Method>,
    /// Rows with a finite value, by feature and window.
    rows: Vec<Vec<Both>>,
    pub(crate) rows_scanned: u64,
    /// Rows of the reference that were read.
    pub(crate) reference_rows: u64,
    pub(crate) missing: Vec<Missing>,
}

impl Exact {
    pub(crate) fn result(
        &self,
        window: usize,
        feature: usize,
        method: Method,
    ) -> Measured<Statistic> {
        let of_window = self.results.get(feature).and_then(|windows| windows.get(window));
        let place = self.methods.iter().position(|known| *known == method);
        let known = place.and_then(|place| of_window?.get(place)).copied();
        known.unwrap_or(Err(Undefined::NotNumeric))
    }

    /// The values that were compared of a feature in a window.
    pub(crate) fn rows_of(&self, window: usize, feature: usize) -> Both {
        let of_feature = self.rows.get(feature);
        of_feature.and_then(|windows| windows.get(window)).copied().unwrap_or_default()
    }
}

/// Statistics of values from rows, one feature after the other.
pub(crate) fn exact(
    db: &Db,
    snapshot: &Snapshot,
    windows: &[TimeRange],
    reference: &Reference,
    comparison: &Comparison,
    methods: &[Method],
    quantile: f64,
) -> Result<Exact> {
    let rows = db.reference_rows(reference)?;
    let rows_of_reference = reference.tally.rows;
    let mut exact = Exact { methods: methods.to_vec(), ..Exact::default() };
    for feature in &comparison.features {
        if !feature.field.kind.is_numeric() {
            exact.results.push(Vec::new());
            exact.rows.push(Vec::new());
            continue;
        }
        let reference = match rows.column(&feature.field)? {
            Column::Numeric(values) => finite_sorted(&values),
            Column::Categories(_) => Vec::new(),
        };
        exact.reference_rows = rows_of_reference;
        let size = reference.len() as u64;
        let mut sizes = Vec::with_capacity(windows.len());
        let mut results = vec![Vec::with_capacity(methods.len()); windows.len()];
        // KS alone needs no value in memory.
        if methods == [Method::Ks] {
            let counted = ks_of_windows(snapshot, windows, &feature.field, &reference, &mut exact)?;
            for (of, (values, ks)) in results.iter_mut().zip(counted) {
                sizes.push(Both { reference: size, current: values });
                of.push(ks);
            }
        } else {
            let samples = samples(snapshot, windows, &feature.field, &mut exact)?;
            for (of, sample) in results.iter_mut().zip(samples) {
                let sample = finite_sorted(&sample);
                sizes.push(Both { reference: size, current: sample.len() as u64 });
                of.extend(
                    methods.iter().map(|method| of_samples(*method, &reference, &sample, quantile)),
                );
            }
        }
        exact.results.push(results);
        exact.rows.push(sizes);
    }
    Ok(exact)
}

/// Values and KS of as many windows at a time as memory may hold the counters of.
fn ks_of_windows(
    snapshot: &Snapshot,
    windows: &[TimeRange],
    field: &Field,
    reference: &[f64],
    exact: &mut Exact,
) -> Result<Vec<(u64, Measured<Statistic>)>> {
    let (reference, size) = (KsReference::new(reference), reference.len() as u64);
    let at_once = (limits::EXACT_COUNTERS_MAX / reference.slots()).max(1);
    let mut results = Vec::with_capacity(windows.len());
    for windows in windows.chunks(at_once) {
        let counts = counts_by_window(snapshot, windows, field, &reference, exact)?;
        let one = |counts: &KsCounts| (counts.total(), ks(&reference, size, counts));
        results.extend(counts.iter().map(one));
    }
    Ok(results)
}

/// The values of a column in each window, in no order. A part that fails is left out, and as it may
/// have given some before, the windows are then read anew.
pub(crate) fn samples(
    snapshot: &Snapshot,
    windows: &[TimeRange],
    field: &Field,
    exact: &mut Exact,
) -> Result<Vec<Vec<f64>>> {
    let mut left_out = vec![false; snapshot.parts.len()];
    'anew: loop {
        let mut samples = vec![Vec::new(); windows.len()];
        let mut held = 0_usize;
        let mut rows = 0;
        for (part, left_out) in snapshot.parts.iter().zip(&mut left_out) {
            if *left_out {
                continue;
            }
            let read = visit_part(part, windows, field, &mut |window, numbers| {
                let Some(sample) = samples.get_mut(window) else { return };
                let before = sample.len();
                match numbers {
                    Numbers::Values(values) => sample.extend_from_slice(values),
                    Numbers::Counted(values, times) => {
                        for (value, times) in values.iter().zip(times) {
                            sample.extend(std::iter::repeat_n(*value, *times as usize));
                        }
                    }
                }
                held += sample.len() - before;
            });
            if held > limits::EXACT_VALUES_MAX {
                let text = format!(
                    "exact statistics hold the values of a feature in memory, at most {} of them; \
                     choose a shorter window, or leave exact out",
                    limits::EXACT_VALUES_MAX
                );
                return Err(Error::new(ErrorKind::ResourceExhausted, text));
            }
            match read {
                Ok(scanned) => rows += scanned,
                Err(error) => {
                    exact.missing.push(leave_out(part, error)?);
                    *left_out = true;
                    continue 'anew;
                }
            }
        }
        exact.rows_scanned += rows;
        return Ok(samples);
    }
}

/// A statistic of two sorted samples.
fn of_samples(
    method: Method,
    reference: &[f64],
    sample: &[f64],
    quantile: f64,
) -> Measured<Statistic> {
    let value = |value: Measured<f64>| value.map(Statistic::exact);
    let test = |test: Measured<TwoSampleTest>| {
        test.map(|test| Statistic::exact(test.statistic).with_p(test.p_value))
    };
    match method {
        Method::Ks => {
            let value = stats::ks_statistic(reference, sample)?;
            let (p, _) = stats::ks_p_value(reference.len() as u64, sample.len() as u64, value)?;
            Ok(Statistic::exact(value).with_p(p))
        }
        Method::Wasserstein => value(stats::wasserstein(reference, sample)),
        Method::WassersteinNorm => value(stats::wasserstein_norm(reference, sample)),
        Method::Energy => value(stats::energy(reference, sample)),
        Method::MeanShift => value(stats::mean_shift(reference, sample)),
        Method::VarianceRatio => value(stats::variance_ratio(reference, sample)),
        Method::QuantileShift => {
            let shifts = stats::quantile_shifts(reference, sample, &[quantile])?;
            value(shifts.first().copied().ok_or(Undefined::NoValue))
        }
        Method::Cvm => test(stats::cvm(reference, sample)),
        Method::Ad => test(stats::ad(reference, sample)),
        Method::MannWhitney => test(stats::mann_whitney(reference, sample)),
        // Of bins, and computed from those.
        _ => Err(Undefined::NotNumeric),
    }
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
    visit_part(part, windows, field, &mut |window, numbers| {
        if let Some(counts) = counts.get_mut(window) {
            add(reference, counts, pass, numbers);
        }
    })
}

/// Visits the numbers of a part in each window, by its place. Returns how many rows were read.
pub(crate) fn visit_part(
    part: &Part,
    windows: &[TimeRange],
    field: &Field,
    seen: &mut dyn FnMut(usize, Numbers<'_>),
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
            if let Some((window, _)) = mine.get(run) {
                seen(*window, numbers);
            }
        })?;
        return Ok(runs.iter().map(|rows| rows.len() as u64).sum());
    }
    let mut scanned = 0;
    scan(part, &mine, std::slice::from_ref(field), &mut |chunk, runs| {
        for (window, rows) in runs {
            scanned += rows.len() as u64;
            if let Some(Column::Numeric(values)) = chunk.columns.first() {
                let values = values.get(rows.clone()).unwrap_or_default();
                seen(*window, Numbers::Values(values));
            }
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
    Ok(Statistic::exact(value).with_p(p_value))
}
