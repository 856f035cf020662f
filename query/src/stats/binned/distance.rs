//! Wasserstein and energy distance from counts per bin, with proved bounds.
//!
//! Inside a bin `h = F_ref - F_cur` starts at `d` and ends at `e = d + p - q`, where p and q are the
//! bin's shares; on the way F_ref rises by p and F_cur by q, so `d - q <= h <= d + p`. Both bounds of
//! a bin follow from that alone. With the sum of the values the area `I = int h` over the bin is
//! known exactly as well: a value at x raises F on the `to_high = b - x` behind it, so
//! `I = d w + p (b - mean_ref) - q (b - mean_cur)`, or, counted from the lower end,
//! `e w - p (mean_ref - a) + q (mean_cur - a)`.

use crate::stats::binned::bounds::Bounds;
use crate::stats::binned::samples::{BinnedSamples, Cell, Place};
use crate::stats::sum::Sum;
use crate::stats::undefined::{Measured, Undefined};

/// What rounding may add to a bin's area: some sixteen operations on terms of its size.
const ROUNDING: f64 = 32.0 * f64::EPSILON;

/// Bounds of both areas of one bin.
struct Areas {
    /// Of `int |h|`.
    plain: (f64, f64),
    /// Of `int h^2`.
    square: (f64, f64),
    /// What rounding may have changed in each.
    slack: f64,
}

/// Bounds of [`crate::stats::wasserstein`] from counts per bin.
///
/// Without sums a bin of width w has `w min |h| <= int |h| <= w max |h|` over `[d - q, d + p]`; both
/// are attained. With sums the lower bound is `|I|` (Jensen), attained when h is constant. The upper
/// one is the least of three, with `h+` and `h-` the positive and negative part of h:
///
/// - `|h|` is convex, so its mean is at most the chord over `[d - q, d + p]` at the mean `I / w`.
/// - `h <= d + f` where f rises from 0 to p with area `p (b - mean_ref)`, and `x+` is convex, so
///   `int h+ <= w d+ + (b - mean_ref) ((d + p)+ - d+)`; `h <= e + g` where g falls from q to 0 with
///   area `q (mean_cur - a)` bounds it likewise. `int h-` has the mirrored bounds. Since
///   `int h+ - int h- = I`, `int |h| = 2 int h+ - I <= 2 min(P, N + I) - I` with the least bounds P
///   and N of both parts.
///
/// In an outer bin without a known end `d = 0` or `e = 0`, and the second form stays finite: no
/// range is needed where sums are kept. A term for rounding is added on both sides.
///
/// Shapes: see [`BinnedSamples`]. Unit: that of the values.
///
/// Edge cases: a side without rows is [`Undefined::ReferenceEmpty`] or [`Undefined::WindowEmpty`];
/// an outer bin with rows but neither a known end nor sums is [`Undefined::Unbounded`], as is one
/// single bin without a range; slices of different lengths are [`Undefined::BinsDiffer`]; edges that
/// do not fit are [`Undefined::BadEdges`], sums [`Undefined::BadSums`]; an overflow is
/// [`Undefined::NotFinite`].
///
/// Source: the definition; convexity as above.
pub fn binned_wasserstein(samples: &BinnedSamples<'_>) -> Measured<Bounds> {
    let [(lower, upper), _] = areas(samples)?;
    Bounds::checked(lower.max(0.0), upper)
}

/// Bounds of [`crate::stats::wasserstein_norm`]: [`binned_wasserstein`] in reference deviations.
///
/// Shapes: as for [`binned_wasserstein`], and the exact standard deviation of the reference
/// (`ddof = 0`), which is fixed with its bins.
///
/// Edge cases: as for [`binned_wasserstein`]; a deviation of 0 is [`Undefined::NoSpread`], one that
/// is negative, NaN or infinite [`Undefined::NotFinite`].
pub fn binned_wasserstein_norm(samples: &BinnedSamples<'_>, deviation: f64) -> Measured<Bounds> {
    if deviation == 0.0 {
        return Err(Undefined::NoSpread);
    }
    if !(deviation > 0.0 && deviation.is_finite()) {
        return Err(Undefined::NotFinite);
    }
    let Bounds { lower, upper } = binned_wasserstein(samples)?;
    Bounds::checked(lower / deviation * (1.0 - ROUNDING), upper / deviation * (1.0 + ROUNDING))
}

/// Bounds of [`crate::stats::energy`] from counts per bin.
///
/// Formula: the root of twice the bounds of `int h^2`. Without sums `w min h^2` and `w max h^2` over
/// `[d - q, d + p]`. With sums `I^2 / w` (Jensen) below; above the least of the chord
/// `(l + u) I - l u w`, `l = d - q`, `u = d + p`, and of `max |h|` times the upper bound of
/// `int |h|`, which stays finite in an outer bin without a known end.
///
/// Shapes, unit and edge cases: as for [`binned_wasserstein`] and [`crate::stats::energy`]. The root makes
/// bounds near 0 wide: an area known to 1e-6 leaves a distance known to 1e-3.
pub fn binned_energy(samples: &BinnedSamples<'_>) -> Measured<Bounds> {
    let [_, (lower, upper)] = areas(samples)?;
    let root = |area: f64| (2.0 * area.max(0.0)).sqrt();
    Bounds::checked(root(lower) * (1.0 - ROUNDING), root(upper) * (1.0 + ROUNDING))
}

/// The sums of both areas' bounds over all bins, rounding included.
fn areas(samples: &BinnedSamples<'_>) -> Measured<[(f64, f64); 2]> {
    let mut sums = [Sum::default(); 5];
    for cell in samples.cells()? {
        let Areas { plain, square, slack } = match cell.places {
            Some((x, y)) => with_sums(&cell, x, y),
            None => without_sums(&cell),
        }?;
        for (sum, term) in sums.iter_mut().zip([plain.0, plain.1, square.0, square.1, slack]) {
            sum.add(term);
        }
    }
    let [low, high, square_low, square_high, slack] = sums.map(Sum::value);
    // |h| is at most 1, so a change of h changes h^2 by at most twice as much.
    Ok([
        (low * (1.0 - ROUNDING) - slack, high * (1.0 + ROUNDING) + slack),
        (square_low * (1.0 - ROUNDING) - 2.0 * slack, square_high * (1.0 + ROUNDING) + 2.0 * slack),
    ])
}

/// A product in which 0 wins over infinity.
fn times(a: f64, b: f64) -> f64 {
    if a == 0.0 || b == 0.0 { 0.0 } else { a * b }
}

fn without_sums(cell: &Cell) -> Measured<Areas> {
    let (low, high) = (cell.before - cell.q, cell.before + cell.p);
    let most = low.abs().max(high.abs());
    let least = low.max(-high).max(0.0);
    if cell.width.is_infinite() && most > 0.0 {
        return Err(Undefined::Unbounded);
    }
    let over = |h: f64| times(cell.width, h);
    Ok(Areas {
        plain: (over(least), over(most)),
        square: (over(least * least), over(most * most)),
        slack: ROUNDING * times(cell.width, most),
    })
}

fn with_sums(cell: &Cell, x: Place, y: Place) -> Measured<Areas> {
    let Cell { width, p, q, before, after, reach, .. } = *cell;
    let (low, high) = (before - q, before + p);
    let most = low.abs().max(high.abs());
    let (open_below, open_above) = (x.from_low.max(y.from_low), x.to_high.max(y.to_high));
    if open_below.is_infinite() && open_above.is_infinite() {
        return Err(Undefined::Unbounded);
    }
    // An outer bin has its known end on the side where h is not 0.
    let area = if open_above.is_infinite() || width.is_infinite() && before != 0.0 {
        times(width, after) - times(p, x.from_low) + times(q, y.from_low)
    } else {
        times(width, before) + times(p, x.to_high) - times(q, y.to_high)
    };
    let part = |h: f64| h.max(0.0);
    let bound = |start: f64, rise: f64, over: f64| {
        times(width, part(start)) + times(over, part(start + rise) - part(start))
    };
    let positive = bound(before, p, x.to_high).min(bound(after, q, y.from_low));
    let negative = bound(-before, q, y.to_high).min(bound(-after, p, x.from_low));
    let mut upper = 2.0 * positive.min(negative + area) - area;
    let mut square = times(most, upper);
    if width.is_finite() && high > low {
        let chord = (high * width - area) * low.abs() + (area - low * width) * high.abs();
        upper = upper.min(chord / (high - low));
        square = times(most, upper).min((low + high) * area - low * high * width);
    }
    let least = if width.is_finite() && width > 0.0 { area / width * area } else { 0.0 };
    let finite = if width.is_finite() { width } else { 0.0 };
    let size = (p + q) * (reach + x.mean.abs() + y.mean.abs()) + most * finite;
    Ok(Areas {
        plain: (area.abs(), upper.max(area.abs())),
        square: (least, square.max(least)),
        slack: ROUNDING * size,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::binned::sampling::{Column, binned_counts, binned_sums, column, edges_of};
    use crate::stats::{energy, wasserstein};

    fn holds(bounds: Bounds, exact: f64) -> bool {
        let (middle, error) = (bounds.midpoint(), bounds.error_bound());
        bounds.lower <= exact && exact <= bounds.upper && (middle - exact).abs() <= error
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1500))]

        #[test]
        fn the_exact_distances_lie_within_the_bounds(
            Column { reference, current, edges } in column(), ranged in any::<bool>(),
        ) {
            let (r, c) = (binned_counts(&reference, &edges), binned_counts(&current, &edges));
            let (x, y) = (binned_sums(&reference, &edges), binned_sums(&current, &edges));
            let ends = |f: fn(f64, f64) -> f64| reference.iter().chain(&current).copied().reduce(f);
            let range = ends(f64::min).zip(ends(f64::max)).filter(|_| ranged);
            for sums in [None, Some((x.as_slice(), y.as_slice()))] {
                let samples = BinnedSamples {
                    ref_counts: &r, cur_counts: &c, edges: &edges, range, sums,
                };
                let exact = wasserstein(&reference, &current).expect("finite rows");
                let squared = energy(&reference, &current).expect("finite rows");
                match (binned_wasserstein(&samples), binned_energy(&samples)) {
                    (Ok(area), Ok(square)) => {
                        prop_assert!(holds(area, exact), "{area:?} {exact}");
                        prop_assert!(holds(square, squared), "{square:?} {squared}");
                    }
                    // Only open ends leave them without bounds, and sums close those.
                    (area, square) => {
                        prop_assert_eq!(area, Err(Undefined::Unbounded));
                        prop_assert_eq!(square, Err(Undefined::Unbounded));
                        prop_assert!(range.is_none() && (sums.is_none() || edges.is_empty()));
                    }
                }
            }
        }
    }

    #[test]
    fn percentiles_with_sums_leave_a_small_error() {
        // Exponential values, moved by four tenths of their spread.
        let value = |i: u32| -(f64::from(i * 7919 % 20_011) / 20_011.0).ln();
        let sorted = |from: u32, to: u32, shift: f64| {
            let mut out: Vec<f64> = (from..to).map(|i| value(i) + shift).collect();
            out.sort_by(f64::total_cmp);
            out
        };
        let (reference, current) = (sorted(1, 15_000, 0.0), sorted(15_000, 20_000, 0.4));
        let edges = edges_of(&reference, 100);
        let (r, c) = (binned_counts(&reference, &edges), binned_counts(&current, &edges));
        let (x, y) = (binned_sums(&reference, &edges), binned_sums(&current, &edges));
        let samples = BinnedSamples {
            ref_counts: &r,
            cur_counts: &c,
            edges: &edges,
            range: None,
            sums: Some((&x, &y)),
        };
        let exact = wasserstein(&reference, &current).expect("rows");
        let bounds = binned_wasserstein(&samples).expect("sums");
        assert!(holds(bounds, exact));
        assert!(bounds.error_bound() < 0.05 * exact, "{bounds:?} {exact}");
    }

    #[test]
    fn a_window_above_the_reference_is_known_exactly() {
        // h keeps its sign, so the area is the difference of the means.
        let samples = BinnedSamples {
            ref_counts: &[3, 0, 0],
            cur_counts: &[0, 0, 2],
            edges: &[1.0, 2.0],
            range: None,
            sums: Some((&[0.0, 0.0, 0.0], &[0.0, 0.0, 9.0])),
        };
        let bounds = binned_wasserstein(&samples).expect("sums");
        assert!(holds(bounds, 4.5) && bounds.error_bound() < 1e-12, "{bounds:?}");
        let norm = binned_wasserstein_norm(&samples, 1.5).expect("sums");
        assert!(holds(norm, 3.0) && norm.error_bound() < 1e-12, "{norm:?}");
        assert_eq!(binned_wasserstein_norm(&samples, 0.0), Err(Undefined::NoSpread));
        assert_eq!(binned_wasserstein_norm(&samples, f64::NAN), Err(Undefined::NotFinite));
    }

    #[test]
    fn bounds_without_sums_are_attained() {
        // One bin [0, 1]: both at one end, or at opposite ends.
        let samples = BinnedSamples {
            ref_counts: &[4],
            cur_counts: &[9],
            edges: &[],
            range: Some((0.0, 1.0)),
            sums: None,
        };
        let bounds = binned_wasserstein(&samples).expect("a range");
        assert!(bounds.lower == 0.0 && (bounds.upper - 1.0).abs() < 1e-13);
        let open = BinnedSamples { range: None, ..samples };
        assert_eq!(binned_wasserstein(&open), Err(Undefined::Unbounded));
    }

    #[test]
    fn what_overflows_says_so() {
        let samples = BinnedSamples {
            ref_counts: &[1, 1],
            cur_counts: &[1, 1],
            edges: &[0.0],
            range: Some((f64::MIN, f64::MAX)),
            sums: None,
        };
        assert_eq!(binned_wasserstein(&samples), Err(Undefined::NotFinite));
    }
}
