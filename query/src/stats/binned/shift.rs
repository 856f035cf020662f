//! What counts and sums by bin say of the spread and of the quantiles of a sample.

use crate::stats::binned::bounds::Bounds;
use crate::stats::undefined::{Measured, Undefined};

/// Rounding of an interpolation between two values, relative to the larger.
const ROUNDING: f64 = 1e-15;

/// What is known of the sums of a sample around some point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpreadSums {
    /// Values.
    pub n: u64,
    /// Ends between which the sum of `x - c` lies.
    pub sum: Bounds,
    /// Ends between which the sum of `(x - c)^2` lies.
    pub squares: Bounds,
}

impl SpreadSums {
    /// The variance, `ddof = 1`.
    ///
    /// Formula: `(S2 - S1^2 / n) / (n - 1)` with the ends of both sums that make it least and largest,
    /// and not below 0.
    ///
    /// Shapes: any number of values. Unit: the square of the values'.
    ///
    /// Edge cases: fewer than two values are [`Undefined::TooFewRows`]; an overflow is
    /// [`Undefined::NotFinite`].
    ///
    /// Source: the shift of the variance does not matter, so any point serves as `c`.
    pub fn variance(&self) -> Measured<Bounds> {
        if self.n < 2 {
            return Err(Undefined::TooFewRows);
        }
        let n = self.n as f64;
        let (low, high) = (self.sum.lower, self.sum.upper);
        let least = if low <= 0.0 && high >= 0.0 { 0.0 } else { low.abs().min(high.abs()) };
        let most = low.abs().max(high.abs());
        let lower = (self.squares.lower - most * most / n) / (n - 1.0);
        let upper = (self.squares.upper - least * least / n) / (n - 1.0);
        Bounds::checked(lower.max(0.0), upper.max(0.0))
    }
}

/// The quantile of a sample that is known by bin, linear between values.
///
/// Formula: the values next to the position `p (n - 1)` lie between the ends of their bins, and so does
/// what is between them.
///
/// Shapes: k + 1 counts of bins closed on the left between k ascending edges, outer bins unbounded;
/// `range` the smallest and largest value, if known. Unit: that of the values.
///
/// Edge cases: no value is [`Undefined::NoValue`]; a probability outside [0, 1] is
/// [`Undefined::QuantileOutOfRange`]; edges that do not fit are [`Undefined::BadEdges`]; a value in an
/// outer bin without a known end is [`Undefined::Unbounded`].
///
/// Source: [`crate::stats::quantile`].
pub fn binned_quantile(
    counts: &[u64],
    edges: &[f64],
    range: Option<(f64, f64)>,
    p: f64,
) -> Measured<Bounds> {
    if !(0.0..=1.0).contains(&p) {
        return Err(Undefined::QuantileOutOfRange);
    }
    if edges.len() + 1 != counts.len() || !edges.is_sorted_by(|a, b| a < b) {
        return Err(Undefined::BadEdges);
    }
    let last = counts.iter().sum::<u64>().checked_sub(1).ok_or(Undefined::NoValue)?;
    let position = p * last as f64;
    let below = (position.floor() as u64).min(last);
    let between = position > below as f64;
    let above = if between { (below + 1).min(last) } else { below };
    let bin_of = |rank: u64| {
        let mut before = 0;
        counts.iter().position(|count| {
            before += count;
            before > rank
        })
    };
    let (Some(first), Some(second)) = (bin_of(below), bin_of(above)) else {
        return Err(Undefined::NoValue);
    };
    let low = first.checked_sub(1).and_then(|edge| edges.get(edge)).copied();
    let high = edges.get(second).copied();
    let within =
        |end: Option<f64>, known: Option<f64>, inner: fn(f64, f64) -> f64| match (end, known) {
            (Some(end), Some(known)) => Ok(inner(end, known)),
            (end, known) => end.or(known).ok_or(Undefined::Unbounded),
        };
    let lower = within(low, range.map(|range| range.0), f64::max)?;
    let upper = within(high, range.map(|range| range.1), f64::min)?;
    let slack = ROUNDING * lower.abs().max(upper.abs());
    Bounds::checked(lower - slack, upper + slack)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::{quantile, variance_ratio};

    fn at(value: f64) -> Bounds {
        Bounds { lower: value, upper: value }
    }

    #[test]
    fn known_sums_give_the_variance() {
        // 1, 2, 3, 4 around 2.
        let sums = SpreadSums { n: 4, sum: at(2.0), squares: at(6.0) };
        let variance = sums.variance().expect("four values");
        assert_eq!((variance.lower, variance.upper), (5.0 / 3.0, 5.0 / 3.0));
        let one = SpreadSums { n: 1, ..sums };
        assert_eq!(one.variance(), Err(Undefined::TooFewRows));
        let wide = SpreadSums { sum: Bounds { lower: -8.0, upper: 2.0 }, ..sums };
        let variance = wide.variance().expect("four values");
        assert_eq!((variance.lower, variance.upper), (0.0, 2.0));
    }

    #[test]
    fn a_quantile_lies_in_its_bin() {
        let of = |p| binned_quantile(&[0, 4, 4, 0], &[0.0, 1.0, 2.0], None, p);
        let near = |got: Measured<Bounds>, low: f64, high: f64| {
            got.is_ok_and(|b| (b.lower - low).abs() < 1e-12 && (b.upper - high).abs() < 1e-12)
        };
        assert!(near(of(0.0), 0.0, 1.0));
        assert!(near(of(0.5), 0.0, 2.0), "between two bins");
        assert!(near(of(1.0), 1.0, 2.0));
        assert_eq!(of(1.5), Err(Undefined::QuantileOutOfRange));
        let outer = |range| binned_quantile(&[1, 1], &[0.0], range, 0.0);
        assert_eq!(outer(None), Err(Undefined::Unbounded));
        assert!(near(outer(Some((-3.0, 5.0))), -3.0, 0.0));
        assert_eq!(binned_quantile(&[0, 0], &[0.0], None, 0.5), Err(Undefined::NoValue));
        assert_eq!(binned_quantile(&[1], &[0.0], None, 0.5), Err(Undefined::BadEdges));
    }

    /// Heavy tails, point masses, constants and tiny samples.
    fn sample() -> impl Strategy<Value = Vec<f64>> {
        let value = prop_oneof![
            4 => -5.0_f64..5.0,
            3 => Just(1.0_f64),
            2 => (0_i32..4).prop_map(f64::from),
            1 => (-300.0_f64..300.0).prop_map(|x| x.signum() * (x.abs() / 20.0).exp()),
        ];
        prop::collection::vec(value, 1..60).prop_map(|mut values| {
            values.sort_by(f64::total_cmp);
            values
        })
    }

    proptest! {
        #[test]
        fn quantiles_of_rows_are_inside_their_bounds(
            values in sample(),
            edges in prop::collection::btree_set(-60_i32..60, 1..20),
            p in 0.0_f64..=1.0,
        ) {
            let edges: Vec<f64> = edges.into_iter().map(|edge| f64::from(edge) / 10.0).collect();
            let mut counts = vec![0; edges.len() + 1];
            for value in &values {
                counts[edges.partition_point(|edge| edge <= value)] += 1;
            }
            let range = Some((values[0], values[values.len() - 1]));
            let bounds = binned_quantile(&counts, &edges, range, p).expect("bounded");
            let exact = quantile(&values, p).expect("a value");
            prop_assert!(bounds.lower <= exact && exact <= bounds.upper, "{exact} {bounds:?}");
            if let Ok(open) = binned_quantile(&counts, &edges, None, p) {
                prop_assert!(open.lower <= exact && exact <= open.upper, "{exact} {open:?}");
            }
        }

        #[test]
        fn the_variance_of_rows_is_inside_its_bounds(values in sample(), off in 0.0_f64..3.0) {
            prop_assume!(values.len() > 1);
            let around = |value: f64| Bounds {
                lower: value - off * value.abs(),
                upper: value + off * value.abs(),
            };
            let sums = SpreadSums {
                n: values.len() as u64,
                sum: around(values.iter().map(|x| x - 1.0).sum()),
                squares: around(values.iter().map(|x| (x - 1.0).powi(2)).sum()),
            };
            let bounds = sums.variance().expect("two values");
            // Against a reference of variance 1.
            let unit = [-(0.5_f64.sqrt()), 0.5_f64.sqrt()];
            let exact = variance_ratio(&unit, &values).expect("varies");
            let rounding = 1e-12 * sums.squares.upper;
            prop_assert!(bounds.lower <= exact + rounding, "{exact} {bounds:?}");
            prop_assert!(exact <= bounds.upper + rounding, "{exact} {bounds:?}");
        }
    }
}
