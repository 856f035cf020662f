//! Operations: how a model was served in windows. Latency percentiles, throughput, and errors by
//! class.
//!
//! Counts come from partials, which have latencies in bins of 2 %: a percentile of theirs has ends
//! between which the exact one lies. Where all hours of a window keep sums, its mean, smallest and
//! largest latency are exact. Rows are read where partials cannot answer, and for exact percentiles.

mod counts;
mod report;

use std::borrow::Cow;

use driftline_storage::{Db, Error, HOUR_MICROS, Result, Snapshot, TimeRange, latency_edges};

use crate::{
    data_quality::{
        newest,
        spread::{Spread, spreads},
    },
    exact::{Exact, samples},
    gather::missing_in,
    limits,
    reference::finite_sorted,
    report::Scope,
    slice,
    stats::{BinnedValues, Bracketed, Measured, Proportion, Undefined, quantile},
    window::windows,
};

pub use report::{
    ErrorClass, ErrorRate, Latency, LatencyFigure, OperationsReport, OperationsRequest,
    OperationsWindow, Percentile,
};

use counts::{Counts, WindowCounts, counts, latency_field};

/// Microseconds of a second.
const SECOND_MICROS: f64 = 1e6;
/// Confidence of the interval of an error rate.
const CONFIDENCE: f64 = 0.95;

/// How a model was served in the windows of a request.
///
/// # Errors
/// `NotFound` for a model or version that does not exist, `InvalidArgument` for a window that ends
/// before it starts, a percentile outside 0 to 100 or more than [`limits::PERCENTILES_MAX`] of them,
/// `ResourceExhausted` past a bound of [`limits`].
pub fn operations(db: &Db, request: &OperationsRequest) -> Result<OperationsReport> {
    let scope = &request.scope;
    let windows = windows(scope.from, scope.to, scope.step)?;
    let snapshot = slice::snapshot(db, scope)?;
    let ask = |rows: &Snapshot, scope: &Scope| {
        let request = OperationsRequest { scope: scope.clone(), ..request.clone() };
        operations_of(rows, &windows, db.now(), &request)
    };
    let (whole, groups) = slice::of_groups(&snapshot, scope, ask)?;
    Ok(OperationsReport { groups, ..whole })
}

impl slice::OfGroup for OperationsReport {
    fn results(&self) -> usize {
        let of = |window: &OperationsWindow| {
            window.latency.percentiles.len() + window.errors.classes.len() + 4
        };
        self.windows.iter().map(of).sum()
    }
}

/// The same of a snapshot, for windows that are disjoint and ascending, at a moment of the clock.
///
/// # Errors
/// As [`operations`].
pub fn operations_of(
    snapshot: &Snapshot,
    windows: &[TimeRange],
    now: i64,
    request: &OperationsRequest,
) -> Result<OperationsReport> {
    check(request)?;
    limits::check_size(windows.len(), request.percentiles.len() + limits::ERROR_CLASSES_MAX)?;
    let newest = newest(snapshot)?;
    let reach = newest.map_or(now, |newest| now.max(newest.saturating_add(1)));
    let mut report = OperationsReport {
        scope: request.scope.clone(),
        asked: now,
        rows_scanned: 0,
        windows: Vec::with_capacity(windows.len()),
        groups: Vec::new(),
    };
    for windows in windows.chunks(limits::HISTOGRAMS_AT_ONCE_MAX) {
        let counted = counts(snapshot, windows)?;
        let latencies = Latencies::gather(snapshot, windows, &counted, request)?;
        report.rows_scanned += counted.rows_scanned + latencies.rows_scanned();
        let one = |(place, window): (usize, &TimeRange)| {
            let counts = counted.windows.get(place)?;
            let seconds = (window.end.min(reach) - window.start).max(0) as f64 / SECOND_MICROS;
            let throughput = throughput(counts.rows, seconds);
            Some(OperationsWindow {
                start: window.start,
                end: window.end,
                predictions: counts.rows,
                seconds,
                throughput: throughput.ok(),
                throughput_undefined: why(&throughput),
                latency: latencies.of(place, counts, request),
                errors: errors(counts, &request.ok),
                missing: missing_in(&latencies.missing(&counted), *window),
            })
        };
        report.windows.extend(windows.iter().enumerate().filter_map(one));
    }
    Ok(report)
}

fn check(request: &OperationsRequest) -> Result<()> {
    for percentile in &request.percentiles {
        if !(0.0..=100.0).contains(percentile) {
            let text = format!("{percentile} must be from 0 to 100, such as 99.9");
            return Err(Error::invalid("percentile", text));
        }
    }
    if request.percentiles.len() > limits::PERCENTILES_MAX {
        let (asked, most) = (request.percentiles.len(), limits::PERCENTILES_MAX);
        let text = format!("{asked} percentiles are asked for, at most {most} in one question");
        return Err(Error::invalid("percentile", text));
    }
    Ok(())
}

fn why<T>(measured: &Measured<T>) -> Option<Cow<'static, str>> {
    measured.as_ref().err().map(|undefined| Cow::Borrowed(undefined.reason()))
}

/// Predictions per second. A window without predictions has 0; one that lies ahead of the clock and
/// of all predictions has none.
fn throughput(rows: u64, seconds: f64) -> Measured<f64> {
    if seconds > 0.0 { Ok(rows as f64 / seconds) } else { Err(Undefined::NotBegun) }
}

/// Where latencies come from beside their counts.
enum Latencies {
    /// Mean and range of what sums are kept of, by window.
    Sums(Vec<Spread>),
    /// The values, ascending, by window.
    Rows(Exact, Vec<Vec<f64>>),
}

impl Latencies {
    fn gather(
        snapshot: &Snapshot,
        windows: &[TimeRange],
        counted: &Counts,
        request: &OperationsRequest,
    ) -> Result<Self> {
        if request.exact {
            let mut exact = Exact::default();
            let samples = samples(snapshot, windows, &latency_field(), &mut exact)?;
            let sorted = samples.iter().map(|values| finite_sorted(values)).collect();
            return Ok(Self::Rows(exact, sorted));
        }
        let latency = latency_field();
        let whole: Vec<(usize, TimeRange)> = windows
            .iter()
            .copied()
            .enumerate()
            .filter(|(_, window)| !cuts_hour(snapshot, *window))
            .collect();
        let asked: Vec<TimeRange> = whole.iter().map(|(_, window)| *window).collect();
        let (kept, _) = spreads(snapshot, &asked, &[&latency.name], &counted.left_out);
        let mut sums = vec![Spread::default(); windows.len()];
        for ((place, _), columns) in whole.iter().zip(kept) {
            if let (Some(sum), Some(first)) = (sums.get_mut(*place), columns.into_iter().next()) {
                *sum = first;
            }
        }
        Ok(Self::Sums(sums))
    }

    fn rows_scanned(&self) -> u64 {
        match self {
            Self::Sums(_) => 0,
            Self::Rows(exact, _) => exact.rows_scanned,
        }
    }

    fn missing(&self, counted: &Counts) -> Vec<crate::gather::Missing> {
        let exact = match self {
            Self::Sums(_) => &[],
            Self::Rows(exact, _) => exact.missing.as_slice(),
        };
        counted.missing.iter().chain(exact).cloned().collect()
    }

    /// The latencies of a window.
    fn of(&self, place: usize, counts: &WindowCounts, request: &OperationsRequest) -> Latency {
        let count = counts.latencies.iter().sum();
        let figures = match self {
            Self::Sums(kept) => Figures::of_bins(counts, count, kept.get(place), request),
            Self::Rows(_, values) => Figures::of_values(values.get(place), request),
        };
        // The reason is that of the window, whatever a statistic calls its sample.
        let empty = match counts.rows {
            0 => Undefined::NoPrediction,
            _ => Undefined::NoLatency,
        };
        let told = |measured: Measured<Bracketed>| match measured {
            Err(Undefined::NoValue) => figure(Err(empty)),
            measured => figure(measured),
        };
        let percentiles = request.percentiles.iter().zip(figures.percentiles);
        Latency {
            count,
            nulls: counts.rows - count,
            mean: told(figures.mean),
            min: told(figures.min),
            max: told(figures.max),
            percentiles: percentiles
                .map(|(percentile, of)| Percentile { percentile: *percentile, figure: told(of) })
                .collect(),
        }
    }
}

/// Whether a window begins or ends inside an hour of a part, whose sums then are of no use.
fn cuts_hour(snapshot: &Snapshot, window: TimeRange) -> bool {
    let cuts = |time: i64| {
        let inside = |range: TimeRange| range.start < time && time < range.end;
        time.rem_euclid(HOUR_MICROS) != 0 && snapshot.parts.iter().any(|part| inside(part.range()))
    };
    cuts(window.start) || cuts(window.end)
}

/// The figures of the latencies of a window.
struct Figures {
    mean: Measured<Bracketed>,
    min: Measured<Bracketed>,
    max: Measured<Bracketed>,
    /// In the order asked.
    percentiles: Vec<Measured<Bracketed>>,
}

impl Figures {
    fn of_bins(
        counts: &WindowCounts,
        count: u64,
        kept: Option<&Spread>,
        request: &OperationsRequest,
    ) -> Self {
        // Sums of some hours only would be those of other values.
        let whole = kept.filter(|kept| kept.n == count);
        let range = whole.and_then(Spread::range);
        let binned = BinnedValues::new(latency_edges(), &counts.latencies, range);
        let mean = match whole.map(Spread::mean) {
            Some(Ok(mean)) => Ok(Bracketed::exact(mean)),
            _ => binned.as_ref().map(BinnedValues::mean).map_err(|undefined| *undefined),
        };
        let of = |of: &dyn Fn(&BinnedValues<'_>) -> Measured<Bracketed>| match &binned {
            Ok(binned) => of(binned),
            Err(undefined) => Err(*undefined),
        };
        let percentile = |percentile: &f64| of(&|binned| binned.quantile(percentile / 100.0));
        Self {
            mean,
            min: of(&|binned| Ok(binned.min())),
            max: of(&|binned| Ok(binned.max())),
            percentiles: request.percentiles.iter().map(percentile).collect(),
        }
    }

    fn of_values(values: Option<&Vec<f64>>, request: &OperationsRequest) -> Self {
        let values = values.map(Vec::as_slice).unwrap_or_default();
        let at = |q: f64| quantile(values, q).map(Bracketed::exact);
        let mut sum = driftline_storage::Sum::default();
        values.iter().for_each(|value| sum.add(*value));
        let mean = match (values.len(), sum.value() / values.len() as f64) {
            (0, _) => Err(Undefined::NoValue),
            (_, mean) if mean.is_finite() => Ok(Bracketed::exact(mean)),
            _ => Err(Undefined::NotFinite),
        };
        let percentiles = request.percentiles.iter().map(|percentile| at(percentile / 100.0));
        Self { mean, min: at(0.0), max: at(1.0), percentiles: percentiles.collect() }
    }
}

fn figure(measured: Measured<Bracketed>) -> LatencyFigure {
    let undefined = why(&measured);
    let known = measured.ok();
    LatencyFigure {
        value: known.map(|known| known.value),
        lower: known.map(|known| known.lower),
        upper: known.and_then(|known| known.upper),
        exact: known.is_some_and(|known| known.is_exact()),
        undefined,
    }
}

/// The errors of a window: what has a status that is not among those that are `ok`.
fn errors(counts: &WindowCounts, ok: &[String]) -> ErrorRate {
    let with_status = counts.statuses.values().sum();
    let mut failed: Vec<(&str, u64)> = counts
        .statuses
        .iter()
        .map(|(name, count)| (&**name, *count))
        .filter(|(name, _)| !ok.iter().any(|ok| ok == name))
        .collect();
    let errors = failed.iter().map(|(_, count)| count).sum();
    failed.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    let rest = failed.split_off(failed.len().min(limits::ERROR_CLASSES_MAX));
    let proportion = Proportion { hits: errors, rows: with_status };
    let rate = proportion.share().map_err(|_| match counts.rows {
        0 => Undefined::NoPrediction,
        _ => Undefined::NoStatus,
    });
    let interval = proportion.wilson(CONFIDENCE).ok();
    let class = |(name, count): (&str, u64)| ErrorClass {
        name: name.to_owned(),
        count,
        share: count as f64 / with_status as f64,
    };
    ErrorRate {
        with_status,
        without_status: counts.rows - with_status,
        errors,
        undefined: why(&rate),
        rate: rate.ok(),
        lower: interval.map(|interval| interval.low),
        upper: interval.map(|interval| interval.high),
        classes: failed.into_iter().map(class).collect(),
        other: rest.into_iter().map(|(_, count)| count).sum(),
    }
}
