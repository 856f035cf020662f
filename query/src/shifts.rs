//! Shifts of variance and quantile from counts by fine bin and the sums that parts keep.

use crate::{
    bins::Compared,
    method::Method,
    statistic::{Statistic, WindowSums},
    stats::{self, Bounds, Measured, SpreadSums, Undefined},
};

/// Rounding of sums of squares, relative to them: far more than numbers of 53 bits lose.
const ROUNDING: f64 = 1e-12;

/// A shift, with what is not known of it.
pub(crate) fn of_fine_bins(
    method: Method,
    feature: &Compared,
    counts: &[u64],
    window: &WindowSums<'_>,
    quantile: f64,
) -> Measured<Statistic> {
    if !feature.field.kind.is_numeric() {
        return Err(Undefined::NotNumeric);
    }
    if feature.reference.bins.iter().sum::<u64>() == 0 {
        return Err(Undefined::ReferenceEmpty);
    }
    if counts.iter().sum::<u64>() == 0 {
        return Err(Undefined::WindowEmpty);
    }
    let bounds = match method {
        Method::VarianceRatio => variance_ratio(feature, counts, window)?,
        _ => quantile_shift(feature, counts, window, quantile)?,
    };
    Ok(Statistic::bounded(bounds.midpoint(), bounds.error_bound()))
}

fn variance_ratio(feature: &Compared, counts: &[u64], window: &WindowSums<'_>) -> Measured<Bounds> {
    let (Some(sums), Some(kept)) = (window.sums, &feature.moments) else {
        return Err(Undefined::NeedsRows);
    };
    let outline = &kept.outline;
    if outline.min == outline.max {
        return Err(Undefined::NoSpread);
    }
    let at = |value: f64| Bounds { lower: value, upper: value };
    let reference = SpreadSums {
        n: outline.n,
        sum: at(outline.sum.value()),
        squares: at(outline.squares.value()),
    };
    let before = widened(&reference)?;
    let current = sums.spread(window.window, window.feature, &feature.fine, counts);
    let after = widened(&current.ok_or(Undefined::NeedsRows)?)?;
    if before.lower <= 0.0 {
        return Err(Undefined::PrecisionLost);
    }
    finite(Bounds { lower: after.lower / before.upper, upper: after.upper / before.lower })
}

/// The variance with what rounding may have taken from it.
fn widened(sums: &SpreadSums) -> Measured<Bounds> {
    let variance = sums.variance()?;
    let off = ROUNDING * sums.squares.upper.abs() / (sums.n - 1) as f64;
    Ok(Bounds { lower: (variance.lower - off).max(0.0), upper: variance.upper + off })
}

fn quantile_shift(
    feature: &Compared,
    counts: &[u64],
    window: &WindowSums<'_>,
    p: f64,
) -> Measured<Bounds> {
    let edges = &feature.fine;
    let range = feature.moments.as_ref().map(|kept| (kept.outline.min, kept.outline.max));
    // A percentile of the reference is kept as it is; any other lies in its bin.
    let percent = (p * 100.0).round();
    let kept = (percent / 100.0 == p).then(|| feature.percentile(percent as usize)).flatten();
    let before = match kept {
        Some(value) => Bounds { lower: value, upper: value },
        None => stats::binned_quantile(&feature.reference.bins, edges, range, p)?,
    };
    let of_window = window.sums.and_then(|sums| sums.range(window.window, window.feature));
    let after = stats::binned_quantile(counts, edges, of_window, p);
    let after = after.map_err(|undefined| match undefined {
        Undefined::Unbounded => Undefined::NeedsRows,
        other => other,
    })?;
    finite(Bounds { lower: after.lower - before.upper, upper: after.upper - before.lower })
}

fn finite(bounds: Bounds) -> Measured<Bounds> {
    let known = bounds.lower.is_finite() && bounds.upper.is_finite();
    if known { Ok(bounds) } else { Err(Undefined::NotFinite) }
}
