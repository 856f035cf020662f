//! Quantiles exactly as numpy computes them, because bin edges are made of them.
//!
//! An edge that differs in its last bit moves every row that lies on it to another bin, so the
//! arithmetic below copies the order of numpy's operations, not only its formula.

use crate::stats::undefined::{Measured, Undefined};

/// The quantile of a sorted sample, bit for bit `numpy.quantile(x, q, method='linear')`.
///
/// Formula: with `v = q (n - 1)`, `a = x[floor v]`, `b = x[floor v + 1]`, `t = v - floor v`:
/// `a + (b - a) t`, or `b - (b - a)(1 - t)` from `t = 0.5` on. Equal to numpy for every sample of
/// finite values whose range is finite.
///
/// Shapes: `sorted` ascending with any number of values, `q` a probability. Unit: the sample's.
///
/// Edge cases: an empty sample is [`Undefined::NoValue`]; a `q` outside [0, 1] or NaN is
/// [`Undefined::QuantileOutOfRange`]; a NaN or infinity next to the position is
/// [`Undefined::NotFinite`] (callers count these apart); neighbours so far apart that `b - a`
/// overflows are weighted instead, where numpy answers infinity. The caller sorts; an unsorted
/// slice gives a meaningless number, not a panic.
///
/// Source: Hyndman and Fan, Sample Quantiles in Statistical Packages (1996), type 7;
/// numpy `_quantile` and `_lerp`.
pub fn quantile(sorted: &[f64], q: f64) -> Measured<f64> {
    if !(0.0..=1.0).contains(&q) {
        return Err(Undefined::QuantileOutOfRange);
    }
    let Some(last) = sorted.len().checked_sub(1) else {
        return Err(Undefined::NoValue);
    };
    let position = q * last as f64;
    let below = (position.floor() as usize).min(last);
    // At the last value both neighbours are that value, as numpy clips them.
    let above = (below + 1).min(last);
    let (Some(&a), Some(&b)) = (sorted.get(below), sorted.get(above)) else {
        return Err(Undefined::NoValue);
    };
    if !(a.is_finite() && b.is_finite()) {
        return Err(Undefined::NotFinite);
    }
    Ok(lerp(a, b, position - below as f64))
}

/// The interior bin edges at `i / parts` for i in 1..parts, duplicates removed, ascending.
///
/// `parts = 10` gives the decile edges, at most 9. k edges make k + 1 bins closed on the left,
/// the outer two unbounded. Formula: [`quantile`] at each probability.
///
/// Shapes: `sorted` ascending; at most `parts - 1` edges. Unit: the sample's.
///
/// Edge cases: an empty sample, or `parts` of 0 or 1, has no edge; a constant sample has one, equal
/// to the constant; -0.0 and 0.0 are duplicates; a position next to an infinity or NaN gives no
/// edge.
///
/// Source: `quantile10` in the golden vectors' conventions.
pub fn interior_quantile_edges(sorted: &[f64], parts: usize) -> Vec<f64> {
    let mut edges: Vec<f64> =
        (1..parts).filter_map(|i| quantile(sorted, i as f64 / parts as f64).ok()).collect();
    // Rounding may put two edges inside one gap an ulp out of order; numpy.unique sorts as well.
    edges.sort_by(f64::total_cmp);
    edges.dedup();
    edges
}

/// The interior edges of bins of equal width between two values, ascending.
///
/// `parts = 10` gives at most 9 edges. Formula: `low + i (high - low) / parts` for i in 1..parts, in
/// the order of operations of `numpy.linspace`; repeats removed.
///
/// Shapes: at most `parts - 1` edges, `parts` of 0 or 1 has none. Unit: that of the values.
///
/// Edge cases: equal values give one edge, equal to them; a width that overflows gives none.
///
/// Source: `width10` in the golden vectors' conventions.
pub fn equal_width_edges(low: f64, high: f64, parts: usize) -> Vec<f64> {
    let step = (high - low) / parts as f64;
    let mut edges: Vec<f64> = (1..parts).map(|i| i as f64 * step + low).collect();
    edges.retain(|edge| edge.is_finite());
    edges.dedup();
    edges
}

/// `a` and `b` weighted with `1 - t` and `t`.
pub(super) fn lerp(a: f64, b: f64, t: f64) -> f64 {
    let gap = b - a;
    if !gap.is_finite() {
        a * (1.0 - t) + b * t
    } else if t >= 0.5 {
        // numpy counts from the nearer end, so that t = 1 gives b exactly.
        b - gap * (1.0 - t)
    } else {
        a + gap * t
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Undefined, equal_width_edges, interior_quantile_edges, quantile};

    #[test]
    fn both_branches_of_the_interpolation_match_numpy() {
        let values = [1.0, 2.0, 3.0, 4.0];
        let want = [1.3, 1.6, 1.9, 2.2, 2.5, 2.8, 3.0999999999999996, 3.4000000000000004, 3.7];
        assert_eq!(interior_quantile_edges(&values, 10), want);
    }

    #[test]
    fn the_ends_are_the_extremes() {
        assert_eq!(quantile(&[1.0, 5.0, 9.0], 0.0), Ok(1.0));
        assert_eq!(quantile(&[1.0, 5.0, 9.0], 1.0), Ok(9.0));
        assert_eq!(quantile(&[7.5], 0.3), Ok(7.5));
    }

    #[test]
    fn an_empty_sample_and_a_bad_probability_are_undefined() {
        assert_eq!(quantile(&[], 0.5), Err(Undefined::NoValue));
        for q in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(quantile(&[1.0], q), Err(Undefined::QuantileOutOfRange));
        }
    }

    #[test]
    fn non_finite_neighbours_are_undefined_and_a_huge_gap_is_not() {
        assert_eq!(quantile(&[f64::NEG_INFINITY, 1.0], 0.5), Err(Undefined::NotFinite));
        assert_eq!(quantile(&[1.0, f64::NAN], 0.5), Err(Undefined::NotFinite));
        assert_eq!(quantile(&[f64::MIN, f64::MAX], 0.5), Ok(0.0));
    }

    #[test]
    fn repeated_quantiles_make_one_edge() {
        assert_eq!(interior_quantile_edges(&[5.0; 10], 10), [5.0]);
        assert_eq!(interior_quantile_edges(&[-0.0, 0.0], 10), [0.0]);
        assert!(interior_quantile_edges(&[], 10).is_empty());
        assert!(interior_quantile_edges(&[1.0, 2.0], 0).is_empty());
        assert!(interior_quantile_edges(&[1.0, 2.0], 1).is_empty());
    }

    #[test]
    fn bins_of_equal_width_are_those_of_numpy() {
        // numpy.linspace(20, 61, 11)[1:-1]
        let want =
            [24.1, 28.2, 32.3, 36.4, 40.5, 44.599999999999994, 48.699999999999996, 52.8, 56.9];
        assert_eq!(equal_width_edges(20.0, 61.0, 10), want);
        assert_eq!(equal_width_edges(5.0, 5.0, 10), [5.0]);
        assert!(equal_width_edges(0.0, 1.0, 1).is_empty());
        assert!(equal_width_edges(f64::MIN, f64::MAX, 10).is_empty());
    }

    #[test]
    fn deciles_are_among_the_percentiles() {
        let values: Vec<f64> = (0..1234).map(|i| f64::from(i * i % 977) * 0.1).collect();
        let mut sorted = values;
        sorted.sort_by(f64::total_cmp);
        let percentiles = interior_quantile_edges(&sorted, 100);
        assert!(interior_quantile_edges(&sorted, 10).iter().all(|e| percentiles.contains(e)));
    }

    proptest! {
        #[test]
        fn edges_ascend_strictly_inside_the_range(
            mut values in prop::collection::vec(-1e300f64..1e300, 1..60),
            parts in 0usize..120,
        ) {
            values.sort_by(f64::total_cmp);
            let edges = interior_quantile_edges(&values, parts);
            prop_assert!(edges.is_sorted_by(|a, b| a < b));
            prop_assert!(edges.iter().all(|e| values[0] <= *e && *e <= values[values.len() - 1]));
        }
    }
}
