//! Sums by bin of windows: gathered over the parts that keep them, with what is not known of them.
//!
//! Parts keep sums by whole hours, of quiet days by day. Of the minutes that a window cuts off its first and last hour only
//! counts are known; their values lie between the ends of their bins, and those of the outer bins
//! between the smallest and the largest value of the hours (or days) that hold them. So the sum of a bin is
//! known as a middle and how far it may be from there.

use driftline_storage::{
    ColumnMoments, DAY_MICROS, HOUR_MICROS, OFFSET_STEPS, Outline, Part, Result, Snapshot, Tallies,
    TimeRange, centre,
};

use crate::{
    bins::Comparison,
    stats::{Bounds, SpreadSums},
};

/// Rounding of a sum, relative to the sum of absolute values: far more than numbers of 53 bits lose.
const ROUNDING: f64 = 1e-12;

/// What parts keep of a column in a window.
#[derive(Debug, Clone, Default)]
struct Kept {
    /// Of the whole hours inside.
    moments: ColumnMoments,
    /// Of the hours that the window cuts.
    cut: Outline,
}

/// The sums of some windows.
#[derive(Debug)]
pub(crate) struct Sums {
    /// Counts of the hours that sums are kept of.
    covered: Tallies,
    /// By window, then feature.
    kept: Vec<Vec<Kept>>,
    /// By window, whether every row is in an hour that moments are kept of.
    whole: Vec<bool>,
    /// Parts that were read.
    parts: u64,
}

/// The sum over the values of each bin: at most `off` away from `sums`.
#[derive(Debug, Clone, Default)]
pub(crate) struct BinSums {
    pub(crate) sums: Vec<f64>,
    pub(crate) off: Vec<f64>,
    /// The smallest and largest value, perhaps of more rows than these.
    pub(crate) range: Option<(f64, f64)>,
}

/// Gathers what parts of a binning keep. A part that fails keeps nothing: its counts say what they
/// can.
pub(crate) fn sums(snapshot: &Snapshot, windows: &[TimeRange], comparison: &Comparison) -> Sums {
    let cells = &comparison.selection.cells;
    let mut skip = vec![false; snapshot.parts.len()];
    'anew: loop {
        let mut sums = Sums {
            covered: Tallies::new(cells.clone(), windows.len()),
            kept: vec![vec![Kept::default(); comparison.features.len()]; windows.len()],
            whole: vec![true; windows.len()],
            parts: 0,
        };
        for (part, skip) in snapshot.parts.iter().zip(&mut skip) {
            let mut read = false;
            for (place, window) in windows.iter().enumerate() {
                if !window.overlaps(part.range()) {
                    continue;
                }
                if *skip || part.binning() != cells.binning().id() {
                    sums.lacks(place);
                    continue;
                }
                // What is damaged is told where the part is counted.
                match sums.add(part, place, *window, &comparison.places) {
                    Ok(some) => read |= some,
                    Err(_) => {
                        *skip = true;
                        continue 'anew;
                    }
                }
            }
            sums.parts += u64::from(read);
        }
        return sums;
    }
}

impl Sums {
    /// Parts whose sums were read.
    pub(crate) fn parts(&self) -> u64 {
        self.parts
    }

    fn lacks(&mut self, window: usize) {
        if let Some(whole) = self.whole.get_mut(window) {
            *whole = false;
        }
    }

    /// Adds what a part keeps; whether it keeps any.
    fn add(
        &mut self,
        part: &Part,
        place: usize,
        window: TimeRange,
        places: &[usize],
    ) -> Result<bool> {
        let inside = part.moment_hours(window)?;
        if let (Some(hours), Some(kept)) = (inside, self.kept.get_mut(place)) {
            part.fold_windows(&[(place, hours)], &mut self.covered)?;
            let mut columns = vec![ColumnMoments::default(); places.len()];
            part.fold_moments(hours, places, &mut columns)?;
            kept.iter_mut().zip(&columns).for_each(|(kept, column)| kept.moments.merge(column));
        }
        // Quiet days keep moments of the whole day only.
        let by_hour = part.moment_hours(out_to(window, HOUR_MICROS))?;
        let around = match by_hour {
            Some(around) => Some(around),
            None => part.moment_hours(out_to(window, DAY_MICROS))?,
        };
        let Some(around) = around else {
            self.lacks(place);
            return Ok(false);
        };
        let cuts = match inside {
            Some(inside) => vec![
                TimeRange { start: around.start, end: inside.start },
                TimeRange { start: inside.end, end: around.end },
            ],
            None => vec![around],
        };
        if let Some(kept) = self.kept.get_mut(place) {
            for cut in cuts.into_iter().filter(|cut| cut.start < cut.end) {
                let mut columns = vec![Outline::default(); places.len()];
                part.fold_outlines(cut, places, &mut columns)?;
                kept.iter_mut().zip(&columns).for_each(|(kept, column)| kept.cut.merge(column));
            }
        }
        Ok(true)
    }

    /// The sums of a feature in a window, whose counts by fine bin are given.
    pub(crate) fn of(
        &self,
        window: usize,
        feature: usize,
        edges: &[f64],
        counts: &[u64],
    ) -> Option<BinSums> {
        let kept = self.kept.get(window)?.get(feature)?;
        let covered: Vec<u64> = self.covered.column(window, feature).bins().collect();
        let range = self.range(window, feature);
        bin_sums(edges, counts, &covered, &kept.moments, range)
    }

    /// The smallest and largest value of a window, perhaps of more rows than its own; nothing where some
    /// rows are in no hour that moments are kept of.
    pub(crate) fn range(&self, window: usize, feature: usize) -> Option<(f64, f64)> {
        let kept = self.kept.get(window)?.get(feature)?;
        let whole = self.whole.get(window).copied().unwrap_or(false);
        let low = kept.moments.outline.min.min(kept.cut.min);
        let high = kept.moments.outline.max.max(kept.cut.max);
        (whole && low <= high).then_some((low, high))
    }

    /// What is known of the spread around the centre of a feature in a window, whose counts by fine bin
    /// are given: sums of whole hours, and for the other values the ends of their bins. Nothing if an
    /// outer bin has such values between unknown ends.
    pub(crate) fn spread(
        &self,
        window: usize,
        feature: usize,
        edges: &[f64],
        counts: &[u64],
    ) -> Option<SpreadSums> {
        let outline = self.kept.get(window)?.get(feature)?.moments.outline;
        let range = self.range(window, feature);
        let covered = self.covered.column(window, feature).bins();
        let centre = centre(edges);
        let at = |value: f64| Bounds { lower: value, upper: value };
        let (mut sum, mut squares) = (at(outline.sum.value()), at(outline.squares.value()));
        for (bin, (count, covered)) in counts.iter().zip(covered).enumerate() {
            let rest = count.checked_sub(covered).filter(|rest| *rest > 0);
            let Some(rest) = rest.map(|rest| rest as f64) else { continue };
            let low = bin.checked_sub(1).and_then(|edge| edges.get(edge)).copied();
            let low = low.or(range.map(|range| range.0))? - centre;
            let high = edges.get(bin).copied().or(range.map(|range| range.1))? - centre;
            let least = if low <= 0.0 && high >= 0.0 { 0.0 } else { low.abs().min(high.abs()) };
            sum.lower += rest * low;
            sum.upper += rest * high;
            squares.lower += rest * least * least;
            squares.upper += rest * (low * low).max(high * high);
        }
        let known = [sum.lower, sum.upper, squares.lower, squares.upper];
        let n = counts.iter().sum();
        known.iter().all(|end| end.is_finite()).then_some(SpreadSums { n, sum, squares })
    }

    /// Sum of the differences from the centre over the values of whole hours, and how many.
    pub(crate) fn outline(&self, window: usize, feature: usize) -> Outline {
        let kept = self.kept.get(window).and_then(|kept| kept.get(feature));
        kept.map(|kept| kept.moments.outline).unwrap_or_default()
    }
}

/// The smallest interval of whole buckets that holds a window.
fn out_to(window: TimeRange, micros: i64) -> TimeRange {
    TimeRange {
        start: window.start.div_euclid(micros) * micros,
        end: (window.end - 1).div_euclid(micros).saturating_add(1) * micros,
    }
}

/// The sums by bin of a reference.
pub(crate) fn of_reference(
    edges: &[f64],
    counts: &[u64],
    moments: &ColumnMoments,
) -> Option<BinSums> {
    let range = (moments.outline.min, moments.outline.max);
    bin_sums(edges, counts, counts, moments, Some(range))
}

/// Mean and standard deviation (`ddof = 0`) of the values; nothing without values or past the range
/// of numbers.
pub(crate) fn mean_and_deviation(edges: &[f64], outline: &Outline) -> Option<(f64, f64)> {
    let n = outline.n as f64;
    let from_centre = outline.sum.value() / n;
    let variance = outline.squares.value() / n - from_centre * from_centre;
    let mean = centre(edges) + from_centre;
    (outline.n > 0 && mean.is_finite() && variance.is_finite())
        .then(|| (mean, variance.max(0.0).sqrt()))
}

/// Sums by bin where `covered` of the counts have moments and the others only their bin. Nothing if
/// an outer bin has values between unknown ends.
fn bin_sums(
    edges: &[f64],
    counts: &[u64],
    covered: &[u64],
    moments: &ColumnMoments,
    range: Option<(f64, f64)>,
) -> Option<BinSums> {
    let mut known = BinSums { range, ..BinSums::default() };
    let bins = counts.len();
    for (bin, count) in counts.iter().enumerate() {
        let kept = covered.get(bin).copied().unwrap_or(0).min(*count);
        let rest = (count - kept) as f64;
        let low = bin.checked_sub(1).and_then(|at| edges.get(at)).copied();
        let high = edges.get(bin).copied();
        let (mut sum, mut off) = match (low, high) {
            (Some(low), Some(high)) => {
                let step = (high - low) / f64::from(OFFSET_STEPS);
                let steps = moments.offsets.get(bin - 1).copied().unwrap_or(0) as f64;
                let kept = kept as f64;
                (kept * low + (steps + kept / 2.0) * step, kept * step / 2.0)
            }
            _ if kept == 0 => (0.0, 0.0),
            // Without edges the one bin holds all, and its sum is that of the column.
            _ if bins == 1 => (moments.outline.sum.value() + kept as f64 * centre(edges), 0.0),
            (None, _) => (moments.outline.below.value(), 0.0),
            (_, None) => (moments.outline.above.value(), 0.0),
        };
        if rest > 0.0 {
            let low = low.or(range.map(|range| range.0))?;
            let high = high.or(range.map(|range| range.1))?;
            sum += rest * (low + (high - low) / 2.0);
            off += rest * (high - low) / 2.0;
        }
        let reach = [low, high].into_iter().flatten().fold(0.0, |reach: f64, e| reach.max(e.abs()));
        off += ROUNDING * sum.abs().max(*count as f64 * reach);
        if !(sum.is_finite() && off.is_finite()) {
            return None;
        }
        known.sums.push(sum);
        known.off.push(off);
    }
    Some(known)
}
