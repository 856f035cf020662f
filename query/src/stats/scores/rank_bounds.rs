//! ROC AUC and average precision from score histograms, with proved bounds.
//!
//! Rows of different bins are in a known order. Only the order inside a bin is not, and each metric
//! has an arrangement of it that is worst and one that is best.

use crate::stats::numbers::normal_reach;
use crate::stats::proportion::Interval;
use crate::stats::scores::histogram::{Bounded, ScoreHistogram};
use crate::stats::undefined::{Measured, Undefined};

/// Positives of a bin up to which the worst order inside is added up one by one.
const SUMMED_MAX: u32 = 64;

/// The least that the positives of a bin add to the average precision, with so many positives above
/// and so many negatives not below.
fn worst(positives: f64, above: f64, negatives: f64) -> f64 {
    if positives <= f64::from(SUMMED_MAX) {
        let each = (1..=positives as u32).map(|k| above + f64::from(k));
        return each.map(|hits| hits / (hits + negatives)).sum();
    }
    positives - negatives * (positives / (above + 0.5 + negatives)).ln_1p()
}

/// Sums of squares over the rows of a class.
#[derive(Debug, Default)]
struct Spread {
    /// Of the distance of each placement from the mean, scores of a bin tied.
    tied: f64,
    /// Of how far its placement may be from that.
    open: f64,
}

impl Spread {
    fn add(&mut self, rows: f64, tied: f64, open: f64) {
        self.tied += rows * tied * tied;
        self.open += rows * open * open;
    }
}

impl ScoreHistogram {
    /// Area under the ROC curve, with its bounds.
    ///
    /// Formula: with `p_b`, `n_b` the positives and negatives of bin b, P and N of all bins,
    /// `low = sum p_b (n of lower bins) / (P N)`, `high = low + sum p_b n_b / (P N)`. The middle
    /// counts pairs inside a bin 1/2, the error bound is `sum p_b n_b / (2 P N)`.
    ///
    /// Proof: the area is the mean over pairs of a positive and a negative row of 0, 1/2 or 1. A pair
    /// from different bins is in the order of its bins, as these do not overlap: 1 if the positive's
    /// is higher, else 0. The `p_b n_b` pairs inside bin b add between 0 and `p_b n_b`; both are
    /// reached, by all positives below all negatives or above. Bins are independent of each other.
    ///
    /// Edge cases: rows of one class only are [`Undefined::OneClass`], no row [`Undefined::NoLabel`].
    /// Every score in one bin gives [0, 1]: the bins are too wide for these scores.
    ///
    /// Source: scikit-learn `roc_auc_score`, for the value that is bounded.
    pub fn roc_auc(&self) -> Measured<Bounded> {
        self.check_classes()?;
        let (mut below, mut sure, mut open) = (0_u128, 0_u128, 0_u128);
        for (&p, &n) in self.positives.rows.iter().zip(&self.negatives.rows) {
            sure += u128::from(p) * below;
            open += u128::from(p) * u128::from(n);
            below += u128::from(n);
        }
        let pairs = u128::from(self.positive_rows()) as f64 * self.negative_rows() as f64;
        Ok(Bounded { low: sure as f64 / pairs, high: (sure + open) as f64 / pairs })
    }

    /// An interval that surely has DeLong's interval of the rows inside.
    ///
    /// Formula: `[low - z s, high + z s]` with the bounds of [`Self::roc_auc`] and z the normal
    /// quantile of the confidence, cut to [0, 1]. `s = s0 + d`: s0 is DeLong's deviation with all
    /// scores of a bin tied, `s0^2 = S1 / P + S0 / N`, and `d^2 = D1 / P + D0 / N` with
    /// `D1 = sum p_b (n_b / 2N)^2 / (P - 1)` and D0 the same with the classes turned round.
    ///
    /// Proof: a positive's placement differs from its tied one by the order inside its bin alone, so
    /// by at most `n_b / 2N`. The sample deviation is a seminorm of the placements, and that of the
    /// differences is at most the root of their squares over P - 1: the deviation of the rows'
    /// placements is at most `sqrt(S1) + sqrt(D1)`, likewise of the negatives. The triangle
    /// inequality of the Euclidean norm of both, divided by sqrt(P) and sqrt(N), gives `s0 + d`. The
    /// area lies within the bounds.
    ///
    /// Edge cases: as for [`Self::roc_auc`]; fewer than two rows of a class are
    /// [`Undefined::TooFewRows`], a confidence outside (0, 1) is [`Undefined::LevelOutOfRange`].
    ///
    /// Source: DeLong, DeLong and Clarke-Pearson (1988), for the interval that is bounded.
    pub fn roc_auc_interval(&self, confidence: f64) -> Measured<Interval> {
        let area = self.roc_auc()?;
        let reach = normal_reach(confidence)?;
        let (positives, negatives) = (self.positive_rows(), self.negative_rows());
        if positives.min(negatives) < 2 {
            return Err(Undefined::TooFewRows);
        }
        let (positives, negatives) = (positives as f64, negatives as f64);
        let (tied, mut below, mut above) = (area.value(), 0.0, positives);
        let (mut of_positives, mut of_negatives) = (Spread::default(), Spread::default());
        for (&p, &n) in self.positives.rows.iter().zip(&self.negatives.rows) {
            let (p, n) = (p as f64, n as f64);
            above -= p;
            of_positives.add(p, (below + n / 2.0) / negatives - tied, n / 2.0 / negatives);
            of_negatives.add(n, (above + p / 2.0) / positives - tied, p / 2.0 / positives);
            below += n;
        }
        let norm = |of: fn(&Spread) -> f64| {
            let part = |spread: &Spread, rows: f64| of(spread) / (rows - 1.0) / rows;
            (part(&of_positives, positives) + part(&of_negatives, negatives)).sqrt()
        };
        let deviation = norm(|spread| spread.tied) + norm(|spread| spread.open);
        let (low, high) = (area.low - reach * deviation, area.high + reach * deviation);
        Ok(Interval { low: low.max(0.0), high: high.min(1.0) })
    }

    /// Average precision, with its bounds.
    ///
    /// Formula: with p positives and n negatives in a bin, T positives and F negatives in higher
    /// ones, the bin adds at most `p (T + p) / (T + p + F)` and at least, with `c = F + n`, the sum over
    /// k from 1 to p of `(T + k) / (T + k + c)`, past 64 positives `p - c ln(1 + p / (T + 1/2 + c))`;
    /// the sum over bins is divided by all positives.
    ///
    /// Proof: average precision is the mean over positives of `t / (t + f)`, t positives and f
    /// negatives having a score not below theirs. In the bin t is at most T + p and f at least F, and
    /// the fraction rises with t and falls with f: that is the upper bound, reached where all
    /// positives tie above all negatives. Sorted by falling score the k-th positive has t at least
    /// T + k and f at most c, so the bin adds at least the sum over k of `g(k) = (T + k) / (T + k + c)`.
    /// g is concave, so its integral from k - 1/2 to k + 1/2 is at most g(k); the lower bound is the
    /// integral from 1/2 to p + 1/2, or the sum itself where it is short. Negatives above distinct
    /// positives reach the sum, which the integral misses by less than 1/8.
    ///
    /// Edge cases: as for [`Self::roc_auc`].
    ///
    /// Source: scikit-learn `average_precision_score`, for the value that is bounded.
    pub fn average_precision(&self) -> Measured<Bounded> {
        self.check_classes()?;
        let (mut hits, mut wrong) = (0.0, 0.0);
        let (mut low, mut high) = (0.0, 0.0);
        for (&p, &n) in self.positives.rows.iter().zip(&self.negatives.rows).rev() {
            let (p, n) = (p as f64, n as f64);
            if p > 0.0 {
                high += p * (hits + p) / (hits + p + wrong);
                low += worst(p, hits, wrong + n);
            }
            hits += p;
            wrong += n;
        }
        // Where the classes are apart both are equal but for rounding.
        Ok(Bounded { low: (low / hits).min(high / hits), high: high / hits })
    }

    fn check_classes(&self) -> Measured<()> {
        match (self.positive_rows(), self.negative_rows()) {
            (0, 0) => Err(Undefined::NoLabel),
            (0, _) | (_, 0) => Err(Undefined::OneClass),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Bounded, ScoreHistogram, Undefined, worst};
    use crate::stats::scores::histogram::ScoreCounts;
    use crate::stats::scores::samples::{bins, rows};
    use crate::stats::scores::scored::ScoredRows;

    const ROUNDING: f64 = 1e-13;

    fn histogram(positives: &[u64], negatives: &[u64]) -> ScoreHistogram {
        let counts = |rows: &[u64]| ScoreCounts { rows: rows.to_vec(), sums: None };
        ScoreHistogram::new(counts(positives), counts(negatives)).expect("fits")
    }

    fn near(got: Bounded, low: f64, high: f64) {
        assert!((got.low - low).abs() < 1e-12 && (got.high - high).abs() < 1e-12, "{got:?}");
    }

    #[test]
    fn pairs_inside_a_bin_are_the_whole_uncertainty_of_the_area() {
        // 1 x 2 pairs open in the lower bin, 3 x 1 in the upper; 3 x 2 sure: of 12.
        let got = histogram(&[1, 3], &[2, 1]).roc_auc().expect("both classes");
        near(got, 6.0 / 12.0, 11.0 / 12.0);
        assert!((got.error_bound() - 5.0 / 24.0).abs() < 1e-15);
        near(histogram(&[0, 3], &[2, 0]).roc_auc().expect("both classes"), 1.0, 1.0);
        near(histogram(&[4], &[7]).roc_auc().expect("both classes"), 0.0, 1.0);
    }

    #[test]
    fn worst_and_best_orders_bound_the_precision() {
        // Upper bin: two positives, one negative; lower bin: one negative.
        let got = histogram(&[0, 2], &[1, 1]).average_precision().expect("both classes");
        assert_eq!(got.high.to_bits(), 1.0_f64.to_bits());
        // The negative first: (1/2 + 2/3) / 2.
        near(got, (0.5 + 2.0 / 3.0) / 2.0, 1.0);
        near(histogram(&[0, 3], &[2, 0]).average_precision().expect("both classes"), 1.0, 1.0);
    }

    #[test]
    fn one_positive_alone_in_its_bin_leaves_nothing_open() {
        let got = histogram(&[1, 0, 1], &[0, 3, 0]).average_precision().expect("both classes");
        assert_eq!((got.value(), got.error_bound()), ((1.0 + 2.0 / 5.0) / 2.0, 0.0));
    }

    #[test]
    fn the_integral_goes_on_where_the_sum_ends() {
        // Right of the last one summed the integral is below the sum by less than 1/8.
        let (sum, more) = (worst(64.0, 3.0, 40.0), worst(65.0, 3.0, 40.0));
        let next = (3.0 + 65.0) / (3.0 + 65.0 + 40.0);
        assert!(more <= sum + next && sum + next - more < 0.125, "{sum} {more}");
    }

    #[test]
    fn one_class_and_no_row_are_undefined() {
        let (none, one) = (histogram(&[0], &[0]), histogram(&[0, 0], &[3, 2]));
        assert_eq!(none.roc_auc(), Err(Undefined::NoLabel));
        assert_eq!(none.average_precision(), Err(Undefined::NoLabel));
        assert_eq!(one.roc_auc(), Err(Undefined::OneClass));
        assert_eq!(one.average_precision(), Err(Undefined::OneClass));
    }

    #[test]
    fn counts_up_to_their_limit_do_not_overflow() {
        let most = i64::MAX as u64 / 2;
        let got = histogram(&[0, most], &[most, 0]);
        near(got.roc_auc().expect("both classes"), 1.0, 1.0);
        near(got.average_precision().expect("both classes"), 1.0, 1.0);
        let mixed = histogram(&[most], &[most]).average_precision().expect("both classes");
        near(mixed, 1.0 - 2_f64.ln(), 1.0);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn the_exact_values_lie_between_the_bounds(rows in rows(), bins in bins()) {
            let fast = ScoreHistogram::from_rows(bins, rows.clone()).expect("probabilities");
            let exact = ScoredRows::new(rows).expect("rows");
            let pairs = [
                (fast.roc_auc(), exact.roc_auc()),
                (fast.average_precision(), exact.average_precision()),
            ];
            for (fast, exact) in pairs {
                let (Ok(fast), Ok(exact)) = (fast, exact) else {
                    prop_assert_eq!(fast.err(), exact.err());
                    continue;
                };
                prop_assert!(fast.low <= fast.high && fast.low >= -ROUNDING);
                prop_assert!(fast.high <= 1.0 + ROUNDING);
                let error = (fast.value() - exact).abs();
                prop_assert!(error <= fast.error_bound() + ROUNDING, "{:?} {}", fast, exact);
            }
        }

        #[test]
        fn the_interval_of_the_rows_lies_inside(rows in rows(), bins in bins()) {
            let fast = ScoreHistogram::from_rows(bins, rows.clone()).expect("probabilities");
            let exact = ScoredRows::new(rows).expect("rows");
            match (fast.roc_auc_interval(0.95), exact.roc_auc_interval(0.95)) {
                (Ok(fast), Ok(exact)) => {
                    let inside = fast.low <= exact.low + ROUNDING && exact.high <= fast.high + ROUNDING;
                    prop_assert!(inside, "{:?} {:?}", fast, exact);
                }
                (fast, exact) => prop_assert_eq!(fast.err(), exact.err()),
            }
        }

        #[test]
        fn scores_with_a_bin_of_their_own_are_exact(
            rows in prop::collection::vec((0u32..10, any::<bool>()), 2..60),
        ) {
            // One score per bin is as good as knowing that all rows of a bin tie.
            let rows = rows.iter().map(|(s, y)| (f64::from(*s) / 10.0, *y));
            let exact = ScoredRows::new(rows.clone()).expect("rows");
            let fast = ScoreHistogram::from_rows(10, rows).expect("probabilities");
            if let (Ok(fast), Ok(exact)) = (fast.roc_auc(), exact.roc_auc()) {
                prop_assert!((fast.value() - exact).abs() < ROUNDING);
            }
        }
    }
}
