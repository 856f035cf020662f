//! Precision, recall, specificity and F scores of one class of a confusion matrix, or of all of them.

use crate::stats::classes::binary::BinaryCells;
use crate::stats::classes::classification::Confusion;
use crate::stats::proportion::Proportion;
use crate::stats::undefined::{Measured, Undefined};

/// Whose value is asked of a metric that each class has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfClass<'a> {
    /// One class against the rest; of a binary model most often the positive one.
    Named(&'a str),
    /// The mean over all classes of the matrix, each counting the same.
    Macro,
    /// One value from the cells of all classes added up.
    Micro,
    /// The mean over all classes, each weighted with its labelled rows.
    Weighted,
}

/// A matrix seen from each of its classes.
///
/// Averages are over every class of the matrix, also one without a row: who wants only the classes
/// of a window makes the matrix of those. A class without a value counts as 0 in the means, as the
/// golden vectors say; asked by name it is undefined.
#[derive(Debug, Clone)]
pub struct PerClass<'a> {
    classes: &'a [String],
    cells: Vec<BinaryCells>,
}

impl<'a> PerClass<'a> {
    /// The cells of each class of a matrix, by one pass over its counts.
    ///
    /// Edge cases: no row is [`Undefined::NoLabel`], more than `i64::MAX` rows are
    /// [`Undefined::CountsTooLarge`].
    pub fn new(confusion: &'a Confusion) -> Measured<Self> {
        let counts = confusion.counts();
        let all = counts.iter().try_fold(0u64, |sum, &rows| sum.checked_add(rows));
        let all = all.filter(|&all| i64::try_from(all).is_ok()).ok_or(Undefined::CountsTooLarge)?;
        if all == 0 {
            return Err(Undefined::NoLabel);
        }
        // No sum below exceeds that of all cells, which was checked.
        let (labelled, predicted) = (counts.rows().into_iter(), counts.columns().into_iter());
        let cells = labelled.zip(predicted).zip(counts.diag()).map(|((row, column), &hits)| {
            let (labelled, predicted) = (row.sum(), column.sum());
            BinaryCells {
                true_positives: hits,
                false_positives: predicted - hits,
                false_negatives: labelled - hits,
                true_negatives: all - labelled - (predicted - hits),
            }
        });
        Ok(Self { classes: confusion.classes(), cells: cells.collect() })
    }

    /// The class names, in the order of the matrix.
    pub fn classes(&self) -> &'a [String] {
        self.classes
    }

    /// The cells of one class against the rest.
    ///
    /// Edge cases: a name that the matrix does not have is [`Undefined::ClassUnknown`].
    pub fn cells(&self, class: &str) -> Measured<BinaryCells> {
        let place = self.classes.iter().position(|name| name == class);
        place.and_then(|place| self.cells.get(place)).copied().ok_or(Undefined::ClassUnknown)
    }

    /// Rows predicted as what they are among all, of any number of classes: the counts of
    /// [`Confusion::accuracy`].
    pub fn accuracy_of(&self) -> Proportion {
        let hits = self.cells.iter().map(|cells| cells.true_positives).sum();
        Proportion { hits, rows: self.cells.iter().map(BinaryCells::labelled_rows).sum() }
    }

    /// Precision; per class [`BinaryCells::precision`]. Micro is the accuracy.
    ///
    /// Source: scikit-learn `precision_score` with `zero_division=0`.
    pub fn precision(&self, of: OfClass<'_>) -> Measured<f64> {
        self.measure(of, BinaryCells::precision)
    }

    /// Recall; per class [`BinaryCells::recall`]. Micro and weighted are the accuracy.
    ///
    /// Source: scikit-learn `recall_score` with `zero_division=0`.
    pub fn recall(&self, of: OfClass<'_>) -> Measured<f64> {
        self.measure(of, BinaryCells::recall)
    }

    /// Specificity; per class [`BinaryCells::specificity`].
    ///
    /// Edge cases: micro of a matrix of one class is [`Undefined::OnlyClassLabelled`].
    pub fn specificity(&self, of: OfClass<'_>) -> Measured<f64> {
        self.measure(of, BinaryCells::specificity)
    }

    /// F1; per class [`BinaryCells::f1`]. Micro is the accuracy.
    ///
    /// Source: scikit-learn `f1_score` with `zero_division=0`.
    pub fn f1(&self, of: OfClass<'_>) -> Measured<f64> {
        self.f_beta(of, 1.0)
    }

    /// The F score of a `beta`; per class [`BinaryCells::f_beta`].
    ///
    /// Edge cases: a `beta` that no F score has is [`Undefined::BetaOutOfRange`] also of the means.
    ///
    /// Source: scikit-learn `fbeta_score` with `zero_division=0`.
    pub fn f_beta(&self, of: OfClass<'_>, beta: f64) -> Measured<f64> {
        if !(beta.is_finite() && beta >= 0.0) {
            return Err(Undefined::BetaOutOfRange);
        }
        self.measure(of, |cells| cells.f_beta(beta))
    }

    /// Balanced accuracy: the mean recall of the classes that have labelled rows.
    ///
    /// Formula: `(1 / C) sum tp_c / labelled_c` over the C labelled classes; of a binary model
    /// (recall + specificity) / 2. A class that is only predicted is left out, unlike in
    /// [`OfClass::Macro`].
    ///
    /// Edge cases: fewer than two labelled classes is [`Undefined::OneClass`].
    ///
    /// Source: scikit-learn `balanced_accuracy_score`; of one class it answers 1, the golden vectors
    /// nothing.
    pub fn balanced_accuracy(&self) -> Measured<f64> {
        let recalls: Vec<f64> = self.cells.iter().filter_map(|cells| cells.recall().ok()).collect();
        match recalls.len() {
            0 | 1 => Err(Undefined::OneClass),
            classes => Ok(recalls.iter().sum::<f64>() / classes as f64),
        }
    }

    fn measure(
        &self,
        of: OfClass<'_>,
        metric: impl Fn(&BinaryCells) -> Measured<f64>,
    ) -> Measured<f64> {
        let mean = |weight: &dyn Fn(&BinaryCells) -> f64| {
            let weighted = |cells: &BinaryCells| metric(cells).unwrap_or(0.0) * weight(cells);
            let sum: f64 = self.cells.iter().map(weighted).sum();
            sum / self.cells.iter().map(weight).sum::<f64>()
        };
        match of {
            OfClass::Named(class) => metric(&self.cells(class)?),
            OfClass::Micro => metric(&self.cells.iter().fold(BinaryCells::default(), added)),
            OfClass::Macro => Ok(mean(&|_| 1.0)),
            OfClass::Weighted => Ok(mean(&|cells| cells.labelled_rows() as f64)),
        }
    }
}

fn added(sum: BinaryCells, cells: &BinaryCells) -> BinaryCells {
    BinaryCells {
        true_positives: sum.true_positives.saturating_add(cells.true_positives),
        false_positives: sum.false_positives.saturating_add(cells.false_positives),
        false_negatives: sum.false_negatives.saturating_add(cells.false_negatives),
        true_negatives: sum.true_negatives.saturating_add(cells.true_negatives),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{BinaryCells, Confusion, OfClass, PerClass, Proportion, Undefined};

    const MEANS: [OfClass<'static>; 3] = [OfClass::Macro, OfClass::Micro, OfClass::Weighted];

    /// Labels a: 4 right, 1 as b; b: 2 right, 2 as a, 1 as c; c is predicted once, never labelled.
    fn three() -> Confusion {
        Confusion::from_pairs([
            ("a", "a", 4),
            ("a", "b", 1),
            ("b", "b", 2),
            ("b", "a", 2),
            ("b", "c", 1),
        ])
    }

    #[test]
    fn cells_of_a_class_take_all_others_as_one() {
        let confusion = three();
        let classes = PerClass::new(&confusion).expect("rows");
        let want = BinaryCells {
            true_positives: 2,
            false_positives: 1,
            false_negatives: 3,
            true_negatives: 4,
        };
        assert_eq!(classes.cells("b"), Ok(want));
        assert_eq!(classes.cells("d"), Err(Undefined::ClassUnknown));
        assert_eq!(classes.accuracy_of(), Proportion { hits: 6, rows: 10 });
        assert_eq!(classes.precision(OfClass::Named("a")), Ok(4.0 / 6.0));
        assert_eq!(classes.specificity(OfClass::Named("a")), Ok(3.0 / 5.0));
        assert_eq!(classes.recall(OfClass::Named("c")), Err(Undefined::ClassNotLabelled));
    }

    #[test]
    fn means_weigh_as_they_say() {
        let confusion = three();
        let classes = PerClass::new(&confusion).expect("rows");
        let near = |got: Result<f64, Undefined>, want: f64| {
            assert!(got.is_ok_and(|got| (got - want).abs() < 1e-15), "{got:?} {want}");
        };
        near(classes.recall(OfClass::Macro), (0.8 + 0.4 + 0.0) / 3.0);
        near(classes.recall(OfClass::Weighted), 0.6);
        near(classes.precision(OfClass::Macro), (4.0 / 6.0 + 2.0 / 3.0 + 0.0) / 3.0);
        near(classes.precision(OfClass::Weighted), (5.0 * 4.0 / 6.0 + 5.0 * 2.0 / 3.0) / 10.0);
        near(classes.precision(OfClass::Micro), 0.6);
        near(classes.specificity(OfClass::Micro), 16.0 / 20.0);
        near(classes.f_beta(OfClass::Named("b"), 2.0), 10.0 / (10.0 + 4.0 * 3.0 + 1.0));
        // Without c, which has no label.
        near(classes.balanced_accuracy(), 0.6);
    }

    #[test]
    fn one_labelled_class_has_no_balance() {
        let confusion = Confusion::from_pairs([("a", "a", 3), ("a", "b", 1), ("c", "c", 0)]);
        let classes = PerClass::new(&confusion).expect("rows");
        assert_eq!(classes.balanced_accuracy(), Err(Undefined::OneClass));
        assert_eq!(classes.recall(OfClass::Macro), Ok(0.25));
        assert_eq!(classes.f_beta(OfClass::Macro, -1.0), Err(Undefined::BetaOutOfRange));
    }

    #[test]
    fn no_row_and_too_many_are_refused() {
        let of = |pairs: &[(&str, &str, u64)]| {
            PerClass::new(&Confusion::from_pairs(pairs.iter().copied())).err()
        };
        assert_eq!(of(&[]), Some(Undefined::NoLabel));
        assert_eq!(of(&[("a", "b", 0)]), Some(Undefined::NoLabel));
        assert_eq!(of(&[("a", "b", u64::MAX), ("b", "b", 1)]), Some(Undefined::CountsTooLarge));
        assert_eq!(of(&[("a", "b", i64::MAX as u64)]), None);
    }

    proptest! {
        #[test]
        fn micro_values_and_weighted_recall_are_the_accuracy(
            rows in prop::collection::vec(("[a-d]", "[a-d]", 1u64..50), 1..20),
        ) {
            let pairs = rows.iter().map(|(a, p, n)| (a.as_str(), p.as_str(), *n));
            let confusion = Confusion::from_pairs(pairs);
            let classes = PerClass::new(&confusion).expect("rows");
            let accuracy = confusion.accuracy().expect("rows");
            let micro = [classes.precision(MEANS[1]), classes.recall(MEANS[1]), classes.f1(MEANS[1])];
            for got in micro.into_iter().chain([classes.recall(OfClass::Weighted)]) {
                prop_assert!((got.expect("rows") - accuracy).abs() < 1e-12);
            }
            for of in MEANS {
                let f1 = classes.f1(of).expect("rows");
                prop_assert!((0.0..=1.0).contains(&f1));
            }
        }
    }
}
