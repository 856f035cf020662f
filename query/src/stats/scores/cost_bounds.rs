//! Brier score, log loss and calibration error from score histograms, with proved bounds.
//!
//! Each is a mean of costs of single rows, or of sums of scores. A row's score is known to its bin;
//! where partials keep the sum of a bin's scores too, convexity makes the bounds much narrower.

use crate::stats::proportion::Interval;
use crate::stats::scores::calibration::{LOG_LOSS_CLIP, log_cost};
use crate::stats::scores::histogram::{BinScores, Bounded, ScoreHistogram};
use crate::stats::undefined::{Measured, Undefined};

/// What a row costs as a falling function of the probability that its own class was given.
struct Cost {
    /// The cost itself.
    exact: fn(f64) -> f64,
    /// A convex function that is nowhere above it.
    below: fn(f64) -> f64,
    /// From where on it is convex up to 1, but for a last stretch where it may stand still.
    convex_from: f64,
}

impl Cost {
    /// The total cost of the rows of a bin, given where the sum of their probabilities lies.
    ///
    /// Proof: let m be the mean of the r probabilities, all within [a, b]. By Jensen's inequality the
    /// convex `below` adds up to at least `r below(m)`. A convex cost is nowhere above its chord over
    /// [a, b], and a sum over the chord is r times the chord at m. Both fall with m, so the largest m
    /// gives the lower bound and the smallest the upper one. If the cost is convex only from c > a on
    /// and constant below, the chord over [c, b], drawn on to a, falls and meets the cost at c, so it
    /// is nowhere below the cost left of c either. A cost that stands still at the right end lies
    /// below the chord to that end as well.
    fn of(&self, bin: &BinScores) -> Interval {
        let rows = bin.rows as f64;
        if bin.rows == 0 {
            return Interval { low: 0.0, high: 0.0 };
        }
        let (least, most) = (bin.sum.low / rows, bin.sum.high / rows);
        let from = bin.from.max(self.convex_from);
        let (start, end) = ((self.exact)(from), (self.exact)(bin.to));
        let slope = (end - start) / (bin.to - from);
        let high = (start + slope * (least - from)).max(end);
        Interval { low: rows * (self.below)(most).max(0.0).min(high), high: rows * high }
    }
}

const SQUARE: Cost = Cost {
    exact: |probability| (1.0 - probability).powi(2),
    below: |probability| (1.0 - probability).powi(2),
    convex_from: 0.0,
};

/// Flat up to the clip, so no convex function itself; the logarithm moved left by the clip is one,
/// and nowhere above: `p + clip >= max(p, clip)`.
const LOGARITHM: Cost = Cost {
    exact: log_cost,
    below: |probability| -(probability + LOG_LOSS_CLIP).ln(),
    convex_from: LOG_LOSS_CLIP,
};

/// The bin seen from the negative class, whose probability is what the score leaves.
fn mirrored(bin: &BinScores) -> BinScores {
    let rows = bin.rows as f64;
    BinScores {
        rows: bin.rows,
        sum: Interval { low: rows - bin.sum.high, high: rows - bin.sum.low },
        from: 1.0 - bin.to,
        to: 1.0 - bin.from,
    }
}

impl ScoreHistogram {
    /// Brier score, with its bounds.
    ///
    /// Formula: per bin and class, with r rows whose class was given the mean probability m and
    /// edges a, b: at least `r (1 - m)^2`, at most r times the chord of `(1 - x)^2` over [a, b] at m;
    /// without sums m may be anything in [a, b]. Added up and divided by all rows. With sums the
    /// bounds are at most `1 / 4B^2` apart, without `2 / B`.
    ///
    /// Proof: Jensen's inequality and the chord of a convex function, spelled out in the source.
    ///
    /// Edge cases: no row is [`Undefined::NoLabel`]; one class is fine.
    ///
    /// Source: scikit-learn `brier_score_loss`, for the value that is bounded.
    pub fn brier(&self) -> Measured<Bounded> {
        self.mean_cost(&SQUARE)
    }

    /// Log loss, with its bounds.
    ///
    /// Formula: as for [`Self::brier`] with the cost `-ln x`, x clipped to [2^-52, 1 - 2^-52]. A
    /// positive in the lowest bin may cost from ln B up to 36, so without sums one such row in n
    /// widens the bounds by about 30 / n.
    ///
    /// Edge cases: no row is [`Undefined::NoLabel`]; one class is fine.
    ///
    /// Source: scikit-learn `log_loss`, for the value that is bounded.
    pub fn log_loss(&self) -> Measured<Bounded> {
        self.mean_cost(&LOGARITHM)
    }

    /// Expected calibration error over `bins` equal-width bins, with its bounds.
    ///
    /// Formula: `sum |positives - sum of scores| / n` over the bins, each a union of fine bins whose
    /// counts are exact. The sum of scores lies within the fine bins' edges times their rows, or
    /// within the rounding of their fixed-point sums: then the bounds are at most 2^-32 apart.
    ///
    /// Proof: the gap of a bin is the distance of its positives from a number in a known interval; the
    /// least distance is 0 inside it, the most that from its further end.
    ///
    /// Edge cases: no row is [`Undefined::NoLabel`]; a number of bins that does not divide the
    /// histogram's is [`Undefined::BinsDiffer`].
    ///
    /// Source: the golden vectors' `ece10`, for the value that is bounded.
    pub fn ece(&self, bins: usize) -> Measured<Bounded> {
        let rows = self.rows()? as f64;
        let gaps = self.gaps(bins)?;
        let sum = |end: fn(&Interval) -> f64| gaps.iter().map(|(gap, _)| end(gap)).sum::<f64>();
        Ok(Bounded { low: sum(|gap| gap.low) / rows, high: sum(|gap| gap.high) / rows })
    }

    /// Maximum calibration error over `bins` equal-width bins, with its bounds.
    ///
    /// Formula: the largest `|share of positives - mean score|` of a bin with rows; bounds, proof,
    /// edge cases and source as for [`Self::ece`], as the largest of lower ends is a lower end.
    pub fn mce(&self, bins: usize) -> Measured<Bounded> {
        self.rows()?;
        let gaps = self.gaps(bins)?;
        let most = |end: fn(&Interval) -> f64| {
            gaps.iter().map(|(gap, rows)| end(gap) / *rows as f64).fold(0.0, f64::max)
        };
        Ok(Bounded { low: most(|gap| gap.low), high: most(|gap| gap.high) })
    }

    fn rows(&self) -> Measured<u64> {
        match self.positive_rows() + self.negative_rows() {
            0 => Err(Undefined::NoLabel),
            rows => Ok(rows),
        }
    }

    /// Where the gap of each bin that has rows lies, times its rows.
    fn gaps(&self, bins: usize) -> Measured<Vec<(Interval, u64)>> {
        if bins == 0 || !self.bins().is_multiple_of(bins) {
            return Err(Undefined::BinsDiffer);
        }
        let scores: Vec<(BinScores, BinScores)> = self.scores().collect();
        let gap = |fine: &[(BinScores, BinScores)]| {
            let positives: u64 = fine.iter().map(|(p, _)| p.rows).sum();
            let rows = positives + fine.iter().map(|(_, n)| n.rows).sum::<u64>();
            let sum = |end: fn(&BinScores) -> f64| -> f64 {
                fine.iter().map(|(p, n)| end(p) + end(n)).sum()
            };
            let (below, above) = (
                positives as f64 - sum(|bin| bin.sum.high),
                positives as f64 - sum(|bin| bin.sum.low),
            );
            let low = below.max(-above).max(0.0);
            (Interval { low, high: below.abs().max(above.abs()) }, rows)
        };
        let gaps = scores.chunks(self.bins() / bins).map(gap);
        Ok(gaps.filter(|(_, rows)| *rows > 0).collect())
    }

    fn mean_cost(&self, cost: &Cost) -> Measured<Bounded> {
        let rows = self.rows()? as f64;
        let (mut low, mut high) = (0.0, 0.0);
        for (positives, negatives) in self.scores() {
            for bin in [cost.of(&positives), cost.of(&mirrored(&negatives))] {
                low += bin.low;
                high += bin.high;
            }
        }
        Ok(Bounded { low: low / rows, high: high / rows })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Bounded, ScoreHistogram, Undefined};
    use crate::stats::scores::histogram::ScoreCounts;
    use crate::stats::scores::samples::{bins, rows};
    use crate::stats::scores::scored::ScoredRows;

    const ROUNDING: f64 = 1e-12;

    fn contains(fast: Bounded, exact: f64) -> bool {
        (fast.value() - exact).abs() <= fast.error_bound() + ROUNDING * exact.max(1.0)
    }

    #[test]
    fn edges_bound_the_costs_where_no_sum_is_kept() {
        let counts = |rows: &[u64]| ScoreCounts { rows: rows.to_vec(), sums: None };
        let fast = ScoreHistogram::new(counts(&[0, 1]), counts(&[1, 0])).expect("fits");
        // A positive within [1/2, 1], a negative within [0, 1/2].
        let brier = fast.brier().expect("rows");
        assert_eq!((brier.low, brier.high), (0.0, 0.25));
        let loss = fast.log_loss().expect("rows");
        assert!(loss.low.abs() < 1e-15 && (loss.high - 2_f64.ln()).abs() < 1e-15, "{loss:?}");
        let ece = fast.ece(1).expect("rows");
        // Scores add up to within [1/2, 3/2], positives to 1.
        assert_eq!((ece.low, ece.high), (0.0, 0.25));
        let mce = fast.mce(2).expect("rows");
        assert_eq!((mce.low, mce.high), (0.0, 0.5));
    }

    #[test]
    fn no_row_and_bins_that_do_not_divide_are_undefined() {
        let empty = ScoreHistogram::from_rows(10, []).expect("no score is bad");
        assert_eq!(empty.brier(), Err(Undefined::NoLabel));
        assert_eq!(empty.log_loss(), Err(Undefined::NoLabel));
        assert_eq!(empty.ece(10), Err(Undefined::NoLabel));
        let one = ScoreHistogram::from_rows(10, [(0.2, true)]).expect("a probability");
        for bins in [0, 3, 20] {
            assert_eq!(one.ece(bins), Err(Undefined::BinsDiffer));
            assert_eq!(one.mce(bins), Err(Undefined::BinsDiffer));
        }
    }

    #[test]
    fn sums_that_no_scores_can_have_are_cut_to_their_bin() {
        let counts = |sum| ScoreCounts { rows: vec![0, 2], sums: Some(vec![0, sum]) };
        let of = |sum| ScoreHistogram::new(counts(sum), counts(2 << 32)).expect("fits").brier();
        // Two positives within [1/2, 1] at 1/2 each or at 1; two negatives at 1.
        assert!(of(0).is_ok_and(|got| contains(got, 2.5 / 4.0)));
        assert!(of(u64::MAX).is_ok_and(|got| contains(got, 0.5)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn the_exact_costs_lie_between_the_bounds(rows in rows(), bins in bins()) {
            let exact = ScoredRows::new(rows.clone()).expect("rows");
            let summed = ScoreHistogram::from_rows(bins, rows).expect("probabilities");
            let plain = summed.clone().without_sums();
            let (brier, loss) = (exact.brier().expect("rows"), exact.log_loss().expect("rows"));
            for fast in [&summed, &plain] {
                let (b, l) = (fast.brier().expect("rows"), fast.log_loss().expect("rows"));
                prop_assert!(contains(b, brier), "brier {:?} {}", b, brier);
                prop_assert!(contains(l, loss), "log loss {:?} {}", l, loss);
                prop_assert!(b.low <= b.high && l.low <= l.high && l.low >= 0.0);
            }
            let width = 1.0 / bins as f64;
            let narrow = summed.brier().expect("rows").error_bound();
            prop_assert!(narrow <= width * width / 8.0 + 1e-9);
            prop_assert!(plain.brier().expect("rows").error_bound() <= width + ROUNDING);
        }

        #[test]
        fn the_exact_calibration_errors_lie_between_the_bounds(
            rows in rows(), bins in prop::sample::select(vec![10usize, 100, 1000]),
        ) {
            let exact = ScoredRows::new(rows.clone()).expect("rows");
            let exact = exact.reliability(10).expect("probabilities");
            let summed = ScoreHistogram::from_rows(bins, rows).expect("probabilities");
            let plain = summed.clone().without_sums();
            for fast in [&summed, &plain] {
                let (ece, mce) = (fast.ece(10).expect("rows"), fast.mce(10).expect("rows"));
                prop_assert!(contains(ece, exact.ece), "ece {:?} {}", ece, exact.ece);
                prop_assert!(contains(mce, exact.mce), "mce {:?} {}", mce, exact.mce);
            }
            prop_assert!(summed.ece(10).expect("rows").error_bound() <= 0.5_f64.powi(32));
        }
    }
}
