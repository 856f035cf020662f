//! Quantiles, mean and extremes of values of which only the counts by bin are known: each lies
//! between two ends, and the estimate between them is the one with the least relative error.

use crate::stats::{
    quantile::lerp,
    undefined::{Measured, Undefined},
};

/// Rounding of a bound, relative: what a weighted mean of two ends, or of all, may lose.
const ROUNDING: f64 = 1e-13;

/// A number, and where the exact one lies at least and at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bracketed {
    /// The estimate; the number itself if both ends are it.
    pub value: f64,
    /// It is at least this.
    pub lower: f64,
    /// It is at most this; nothing if it lies in the last bin, whose values nothing bounds.
    pub upper: Option<f64>,
}

impl Bracketed {
    /// A number that is known.
    pub fn exact(value: f64) -> Self {
        Self { value, lower: value, upper: Some(value) }
    }

    /// Whether the number is known.
    pub fn is_exact(&self) -> bool {
        self.upper == Some(self.lower)
    }
}

/// Values that are not negative, counted by bin.
///
/// k ascending positive edges make k + 1 bins closed on the left: the first from 0, the last
/// without an end. Values of a bin `[a, b)` are taken for `sqrt(a b)`, which is off by a factor of
/// at most `sqrt(b / a)`; in the first bin for its middle, in the last for its lower end.
///
/// Source: Masson, Rim and Lee, DDSketch (2019), for the estimate of a bin.
#[derive(Debug, Clone, Copy)]
pub struct BinnedValues<'a> {
    edges: &'a [f64],
    counts: &'a [u64],
    /// How many values there are.
    n: u64,
    /// The smallest and the largest value, if known.
    range: Option<(f64, f64)>,
}

impl<'a> BinnedValues<'a> {
    /// Values counted in the bins of some edges; `range` is that of these values exactly, or not known.
    ///
    /// Edge cases: edges that do not ascend from above 0, or do not fit the counts, are
    /// [`Undefined::BadEdges`]; no value is [`Undefined::NoValue`], a range outside the bins that hold
    /// values [`Undefined::BadSums`].
    pub fn new(
        edges: &'a [f64],
        counts: &'a [u64],
        range: Option<(f64, f64)>,
    ) -> Measured<BinnedValues<'a>> {
        let ascend = edges.is_sorted_by(|a, b| a < b) && edges.iter().all(|edge| edge.is_finite());
        if !ascend || edges.first().is_some_and(|e| *e <= 0.0) || counts.len() != edges.len() + 1 {
            return Err(Undefined::BadEdges);
        }
        let n = counts.iter().try_fold(0_u64, |n, count| n.checked_add(*count));
        let n = n.ok_or(Undefined::CountsTooLarge)?;
        let values = Self { edges, counts, n, range };
        let first = counts.iter().position(|count| *count > 0).ok_or(Undefined::NoValue)?;
        let last = counts.iter().rposition(|count| *count > 0).ok_or(Undefined::NoValue)?;
        let fits = |bin: usize, value: f64| {
            let (lower, upper) = values.ends(bin);
            lower <= value && upper.is_none_or(|upper| value < upper)
        };
        match range {
            Some((min, max)) if !(fits(first, min) && fits(last, max)) => Err(Undefined::BadSums),
            _ => Ok(values),
        }
    }

    /// The quantile of the values, as `numpy.quantile(x, q, method='linear')` of themselves is.
    ///
    /// Formula: with `v = q (n - 1)` the quantile weighs the value of rank `floor v` with
    /// `1 - (v - floor v)` and the next one with the rest; so do its ends and its estimate with theirs.
    ///
    /// Unit: that of the values. Edge cases: a `q` outside [0, 1] or NaN is
    /// [`Undefined::QuantileOutOfRange`]. Where both ranks lie in inner bins of ratio r, the estimate is
    /// off by a factor of at most `sqrt(r)`.
    ///
    /// Source: Hyndman and Fan, Sample Quantiles in Statistical Packages (1996), type 7.
    pub fn quantile(&self, q: f64) -> Measured<Bracketed> {
        if !(0.0..=1.0).contains(&q) {
            return Err(Undefined::QuantileOutOfRange);
        }
        let last = self.n - 1;
        let position = q * last as f64;
        let below = (position.floor() as u64).min(last);
        let (a, b) = (self.of_rank(below), self.of_rank((below + 1).min(last)));
        let weight = position - below as f64;
        let upper = match (a.upper, b.upper) {
            (Some(a), Some(b)) => Some(lerp(a, b, weight)),
            // The rank after has no weight.
            (Some(a), None) if weight == 0.0 => Some(a),
            _ => None,
        };
        let (value, lower) = (lerp(a.value, b.value, weight), lerp(a.lower, b.lower, weight));
        if a.is_exact() && (b.is_exact() || weight == 0.0) {
            return Ok(Bracketed { value, lower, upper });
        }
        Ok(widened(Bracketed { value, lower, upper }))
    }

    /// The mean of the values.
    ///
    /// Formula: the mean of the ends, and of the estimates, of their bins. Unit: that of the values.
    pub fn mean(&self) -> Bracketed {
        if let Some((min, _)) = self.range.filter(|(min, max)| min == max) {
            return Bracketed::exact(min);
        }
        let sum = |of: &dyn Fn(Bracketed) -> Option<f64>| {
            let each = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
            let each = each.map(|(bin, count)| Some(of(self.of_bin(bin))? * *count as f64));
            each.sum::<Option<f64>>().map(|sum| sum / self.n as f64)
        };
        let value = sum(&|bin| Some(bin.value)).unwrap_or(0.0);
        let lower = sum(&|bin| Some(bin.lower)).unwrap_or(0.0);
        let upper = sum(&|bin| bin.upper).filter(|upper| upper.is_finite());
        widened(Bracketed { value, lower, upper })
    }

    /// The smallest value.
    pub fn min(&self) -> Bracketed {
        self.of_rank(0)
    }

    /// The largest value.
    pub fn max(&self) -> Bracketed {
        self.of_rank(self.n - 1)
    }

    /// Lower and upper end of a bin.
    fn ends(&self, bin: usize) -> (f64, Option<f64>) {
        let edge = |place: usize| self.edges.get(place).copied();
        (bin.checked_sub(1).and_then(edge).unwrap_or(0.0), edge(bin))
    }

    /// What is known of each value of a bin.
    fn of_bin(&self, bin: usize) -> Bracketed {
        let (lower, upper) = self.ends(bin);
        let (lower, upper) = match self.range {
            Some((min, max)) => (lower.max(min), Some(upper.map_or(max, |upper| upper.min(max)))),
            None => (lower, upper),
        };
        let value = match upper {
            Some(upper) if lower > 0.0 => {
                // Of ends whose product overflows or vanishes the roots do not.
                (lower.sqrt() * upper.sqrt()).clamp(lower, upper.max(lower))
            }
            Some(upper) => lower + (upper - lower) / 2.0,
            None => lower,
        };
        Bracketed { value, lower, upper }
    }

    /// What is known of the value of a rank, from 0.
    fn of_rank(&self, rank: u64) -> Bracketed {
        match self.range {
            Some((min, _)) if rank == 0 => return Bracketed::exact(min),
            Some((_, max)) if rank == self.n - 1 => return Bracketed::exact(max),
            _ => {}
        }
        let mut before = 0;
        let holds = |count: &u64| {
            before += count;
            before > rank
        };
        let bin = self.counts.iter().position(holds).unwrap_or(self.counts.len() - 1);
        self.of_bin(bin)
    }
}

/// With room for rounding between the ends.
fn widened(of: Bracketed) -> Bracketed {
    let upper = of.upper.map(|upper| upper * (1.0 + ROUNDING));
    Bracketed { value: of.value, lower: of.lower * (1.0 - ROUNDING), upper }
}

#[cfg(test)]
mod tests {
    use driftline_storage::latency_edges;
    use proptest::prelude::*;

    use super::*;
    use crate::stats::{quantile, sum::sum};

    fn counts(edges: &[f64], values: &[f64]) -> Vec<u64> {
        let mut counts = vec![0; edges.len() + 1];
        for value in values {
            counts[edges.partition_point(|edge| edge <= value)] += 1;
        }
        counts
    }

    fn of<'a>(counts: &'a [u64], range: Option<(f64, f64)>) -> Measured<BinnedValues<'a>> {
        BinnedValues::new(&[1.0, 2.0, 4.0], counts, range)
    }

    #[test]
    fn a_bin_answers_with_its_geometric_middle_between_its_ends() {
        let counts = [0, 0, 5, 0];
        let median = of(&counts, None).and_then(|values| values.quantile(0.5)).expect("values");
        assert!((median.value - 8_f64.sqrt()).abs() < 1e-12, "{median:?}");
        assert!((median.lower - 2.0).abs() < 1e-12 && (median.upper.unwrap() - 4.0).abs() < 1e-12);
        assert!(median.lower < 2.0, "rounding has room");
    }

    #[test]
    fn nothing_bounds_the_last_bin_but_the_largest_value() {
        let open = of(&[1, 0, 0, 3], None).expect("values").max();
        assert_eq!(open, Bracketed { value: 4.0, lower: 4.0, upper: None });
        let values = of(&[1, 0, 0, 3], Some((0.5, 9.0))).expect("values");
        assert_eq!((values.min(), values.max()), (Bracketed::exact(0.5), Bracketed::exact(9.0)));
        let median = values.quantile(0.5).expect("in range");
        assert_eq!(median.value, 6.0);
        assert!((median.upper.unwrap() - 9.0).abs() < 1e-9);
        // The rank after the largest that is asked for has no weight.
        let first = of(&[1, 0, 0, 1], None).and_then(|values| values.quantile(0.0));
        assert_eq!(first.map(|first| first.upper.is_some()), Ok(true));
    }

    #[test]
    fn one_value_and_equal_values_are_known_by_their_range() {
        for n in [1, 7] {
            let third = 4.0 / 3.0;
            let counts = [0, n, 0, 0];
            let values = of(&counts, Some((third, third))).expect("values");
            assert_eq!(values.quantile(0.99), Ok(Bracketed::exact(third)));
            assert_eq!(values.mean(), Bracketed::exact(third));
        }
    }

    #[test]
    fn what_cannot_be_is_undefined() {
        assert_eq!(of(&[0; 4], None).err(), Some(Undefined::NoValue));
        assert_eq!(of(&[1; 3], None).err(), Some(Undefined::BadEdges));
        assert_eq!(of(&[0, 1, 0, 0], Some((3.0, 3.0))).err(), Some(Undefined::BadSums));
        assert_eq!(of(&[u64::MAX, 1, 0, 0], None).err(), Some(Undefined::CountsTooLarge));
        let falls = BinnedValues::new(&[2.0, 1.0], &[1, 1, 1], None);
        assert_eq!(falls.err(), Some(Undefined::BadEdges));
        let q = of(&[1; 4], None).and_then(|values| values.quantile(1.1));
        assert_eq!(q, Err(Undefined::QuantileOutOfRange));
    }

    /// Latencies as they are: heavy tails, a few values, zeroes, all the same, past all bins.
    fn values() -> impl Strategy<Value = Vec<f64>> {
        let heavy = (0.0_f64..1.0).prop_map(|u| 2.0 / (1.0 - u).powf(1.5));
        let normal = prop::collection::vec(0.0_f64..1.0, 8)
            .prop_map(|some| (some.iter().sum::<f64>() - 4.0).exp() * 9.0);
        let masses = prop::sample::select(vec![0.0, 5.0, 5.1, 250.0, 30_000.0, 1e7]);
        let one = prop_oneof![heavy.boxed(), normal.boxed(), masses.boxed()];
        prop_oneof![
            4 => prop::collection::vec(one.clone(), 1..400),
            1 => prop::collection::vec(one.clone(), 1..4),
            1 => (one, 1_usize..50).prop_map(|(value, n)| vec![value; n]),
        ]
    }

    proptest! {
        #[test]
        fn no_quantile_lies_outside_its_bounds_nor_far_from_its_estimate(
            values in values(),
            q in prop_oneof![
                0.0_f64..=1.0, prop::sample::select(vec![0.0, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0])
            ],
            known in any::<bool>(),
        ) {
            let mut values = values;
            values.sort_by(f64::total_cmp);
            let edges = latency_edges();
            let counts = counts(edges, &values);
            let range = (values[0], values[values.len() - 1]);
            let binned = BinnedValues::new(edges, &counts, known.then_some(range)).expect("fits");
            let got = binned.quantile(q).expect("in range");
            let exact = quantile(&values, q).expect("values");
            prop_assert!(got.lower <= exact, "{got:?} {exact}");
            prop_assert!(got.upper.is_none_or(|upper| exact <= upper), "{got:?} {exact}");
            prop_assert!(got.lower <= got.value && got.upper.is_none_or(|u| got.value <= u));
            prop_assert!(got.upper.is_some() || range.1 > 600_000.0);
            if range.0 >= edges[0] && range.1 < edges[edges.len() - 1] {
                let off = (got.value / exact).max(exact / got.value);
                prop_assert!(off <= 1.02_f64.sqrt() + 1e-9, "{got:?} {exact}");
            }
            let mean = sum(values.iter().copied()) / values.len() as f64;
            let got = binned.mean();
            // The mean of the values is itself rounded.
            let (less, more) = (mean * (1.0 - 1e-15), mean * (1.0 + 1e-15));
            prop_assert!(got.lower <= more && got.upper.is_none_or(|upper| less <= upper));
            for (got, exact) in [(binned.min(), range.0), (binned.max(), range.1)] {
                prop_assert!(got.lower <= exact && got.upper.is_none_or(|upper| exact <= upper));
                prop_assert!(!known || got.is_exact());
            }
        }
    }
}
