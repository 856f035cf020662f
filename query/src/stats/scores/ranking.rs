//! How well scores put positive rows above negative ones: ROC AUC and average precision.

use crate::stats::numbers::normal_reach;
use crate::stats::proportion::Interval;
use crate::stats::scores::scored::ScoredRows;
use crate::stats::undefined::{Measured, Undefined};

impl ScoredRows {
    /// Area under the ROC curve: how often a positive row scores above a negative one.
    ///
    /// Formula: over all pairs of a positive and a negative row, 1 where the positive scores higher,
    /// 1/2 where they tie, added up and divided by the number of pairs. Counted in whole numbers and
    /// rounded once. Unit: a share in [0, 1]; 1/2 is chance.
    ///
    /// Edge cases: rows of one class only are [`Undefined::OneClass`], never 0, 1/2 or 1.
    ///
    /// Source: scikit-learn `roc_auc_score`; Hanley and McNeil, The Meaning and Use of the Area
    /// under a ROC Curve (1982).
    pub fn roc_auc(&self) -> Measured<f64> {
        let (mut below, mut halves) = (0_u128, 0_u128);
        for group in self.groups() {
            let negatives = u128::from(group.negatives);
            halves += u128::from(group.positives) * (2 * below + negatives);
            below += negatives;
        }
        let pairs = u128::from(self.positives()) * u128::from(self.negatives());
        match pairs {
            0 => Err(Undefined::OneClass),
            pairs => Ok(halves as f64 / (2 * pairs) as f64),
        }
    }

    /// DeLong's variance of the area under the ROC curve.
    ///
    /// Formula: each positive row has a placement, the share of negatives below it (ties 1/2), each
    /// negative one that of positives above it. With S1 and S0 the sample variances of these over P
    /// positives and N negatives it is `S1 / P + S0 / N`. By groups of equal scores, in one pass.
    ///
    /// Edge cases: one class is [`Undefined::OneClass`], fewer than two rows of either class
    /// [`Undefined::TooFewRows`]. Classes that scores tell apart fully have variance 0: the sample
    /// shows no spread, which says little of a small one.
    ///
    /// Source: DeLong, DeLong and Clarke-Pearson, Comparing the Areas under Two or More Correlated
    /// Receiver Operating Characteristic Curves (1988).
    pub fn roc_auc_variance(&self) -> Measured<f64> {
        let auc = self.roc_auc()?;
        let (positives, negatives) = (self.positives() as f64, self.negatives() as f64);
        if self.positives().min(self.negatives()) < 2 {
            return Err(Undefined::TooFewRows);
        }
        let (mut below, mut above) = (0.0, positives);
        let (mut of_positives, mut of_negatives) = (0.0, 0.0);
        for group in self.groups() {
            let (p, n) = (group.positives as f64, group.negatives as f64);
            above -= p;
            of_positives += p * ((below + n / 2.0) / negatives - auc).powi(2);
            of_negatives += n * ((above + p / 2.0) / positives - auc).powi(2);
            below += n;
        }
        let positives_part = of_positives / (positives - 1.0) / positives;
        Ok(positives_part + of_negatives / (negatives - 1.0) / negatives)
    }

    /// DeLong's interval of the area under the ROC curve.
    ///
    /// Formula: `auc +- z sqrt(variance)` with z the normal quantile of the confidence, cut to
    /// [0, 1]. Needs some tens of rows of each class to hold its confidence.
    ///
    /// Edge cases: as for [`Self::roc_auc_variance`]; a confidence outside (0, 1) is
    /// [`Undefined::LevelOutOfRange`].
    ///
    /// Source: DeLong, DeLong and Clarke-Pearson (1988).
    pub fn roc_auc_interval(&self, confidence: f64) -> Measured<Interval> {
        let reach = normal_reach(confidence)? * self.roc_auc_variance()?.sqrt();
        let auc = self.roc_auc()?;
        Ok(Interval { low: (auc - reach).max(0.0), high: (auc + reach).min(1.0) })
    }

    /// Average precision, the area under the precision-recall curve as steps.
    ///
    /// Formula: `sum over thresholds n of (R_n - R_(n-1)) P_n`, scores falling; the same as the mean
    /// over positive rows of the precision at their score. No straight line is drawn between points.
    /// Unit: a share in (0, 1]; chance is the share of positives.
    ///
    /// Edge cases: rows of one class only are [`Undefined::OneClass`].
    ///
    /// Source: scikit-learn `average_precision_score`.
    pub fn average_precision(&self) -> Measured<f64> {
        if self.positives() == 0 || self.negatives() == 0 {
            return Err(Undefined::OneClass);
        }
        let (mut hits, mut predicted, mut sum) = (0, 0, 0.0);
        for group in self.groups().iter().rev() {
            hits += group.positives;
            predicted += group.positives + group.negatives;
            sum += group.positives as f64 * (hits as f64 / predicted as f64);
        }
        Ok(sum / self.positives() as f64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{ScoredRows, Undefined};

    fn scored(rows: &[(f64, bool)]) -> ScoredRows {
        ScoredRows::new(rows.iter().copied()).expect("rows")
    }

    #[test]
    fn one_class_is_undefined_and_not_a_half() {
        let rows = scored(&[(0.3, true), (0.9, true)]);
        assert_eq!(rows.roc_auc(), Err(Undefined::OneClass));
        assert_eq!(rows.roc_auc_variance(), Err(Undefined::OneClass));
        assert_eq!(rows.average_precision(), Err(Undefined::OneClass));
        assert_eq!(scored(&[(0.3, false)]).average_precision(), Err(Undefined::OneClass));
    }

    #[test]
    fn a_spread_needs_two_rows_of_each_class() {
        let rows = scored(&[(0.3, true), (0.9, true), (0.4, false)]);
        assert_eq!(rows.roc_auc(), Ok(0.5));
        assert_eq!(rows.roc_auc_variance(), Err(Undefined::TooFewRows));
    }

    #[test]
    fn full_separation_has_no_spread() {
        let rows = scored(&[(0.1, false), (0.2, false), (0.8, true), (0.9, true)]);
        let interval = rows.roc_auc_interval(0.95).expect("two of each");
        assert_eq!((interval.low, interval.high), (1.0, 1.0));
        assert_eq!(rows.roc_auc_interval(0.0), Err(Undefined::LevelOutOfRange));
    }

    #[test]
    fn the_variance_of_a_small_table_is_that_by_hand() {
        // Negatives 1, 3; positives 2, 4, 4. Placements of positives 1/2, 1, 1; of negatives
        // 1, 2/3. AUC 5/6; S1 = 1/12, S0 = 1/18; 1/36 + 1/36.
        let rows = [(1.0, false), (3.0, false), (2.0, true), (4.0, true), (4.0, true)];
        let variance = scored(&rows).roc_auc_variance().expect("two of each");
        assert!((variance - 1.0 / 18.0).abs() < 1e-15, "{variance}");
    }

    proptest! {
        #[test]
        fn groups_give_what_all_pairs_give(
            rows in prop::collection::vec((0u8..12, any::<bool>()), 4..50),
        ) {
            let rows: Vec<(f64, bool)> = rows.iter().map(|(s, y)| (f64::from(*s), *y)).collect();
            let of = |class: bool| -> Vec<f64> {
                rows.iter().filter(|row| row.1 == class).map(|row| row.0).collect()
            };
            let (positives, negatives) = (of(true), of(false));
            prop_assume!(positives.len() > 1 && negatives.len() > 1);
            let wins = |p: f64, n: f64| if p > n { 1.0 } else if p == n { 0.5 } else { 0.0 };
            let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
            let per_positive: Vec<f64> = positives.iter()
                .map(|p| mean(&negatives.iter().map(|n| wins(*p, *n)).collect::<Vec<_>>())).collect();
            let per_negative: Vec<f64> = negatives.iter()
                .map(|n| mean(&positives.iter().map(|p| wins(*p, *n)).collect::<Vec<_>>())).collect();
            let spread = |values: &[f64]| {
                let middle = mean(values);
                let squares: f64 = values.iter().map(|v| (v - middle).powi(2)).sum();
                squares / (values.len() as f64 - 1.0) / values.len() as f64
            };
            let scored = scored(&rows);
            prop_assert!((scored.roc_auc().expect("both") - mean(&per_positive)).abs() < 1e-12);
            let want = spread(&per_positive) + spread(&per_negative);
            prop_assert!((scored.roc_auc_variance().expect("both") - want).abs() < 1e-12);
            let precision = |score: f64| {
                let hits = positives.iter().filter(|p| **p >= score).count() as f64;
                hits / (hits + negatives.iter().filter(|n| **n >= score).count() as f64)
            };
            let want = mean(&positives.iter().map(|p| precision(*p)).collect::<Vec<_>>());
            prop_assert!((scored.average_precision().expect("both") - want).abs() < 1e-12);
        }
    }
}
