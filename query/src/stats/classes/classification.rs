//! Confusion matrix over whatever classes occur, and accuracy.
//!
//! Windows are assembled from segments that may each have seen other classes, so matrices merge by
//! class name; the order of the classes is a function of their names only, never of arrival.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use ndarray::Array2;

use crate::stats::undefined::{Measured, Undefined};

/// Rows per (actual, predicted) pair of classes.
///
/// Shapes: K class names and a K x K matrix of counts, rows = actual label, columns = predicted
/// class, both in the order of [`Confusion::classes`]. Unit: labelled predictions.
///
/// Class order: by value if every name parses as a finite number (`2` before `10`; equal values
/// such as `1` and `1.0` stay apart, by name), otherwise lexicographic by bytes. Names are compared
/// as they are: `true` and `1` differ.
///
/// Source: scikit-learn `confusion_matrix` over the union of labels and predictions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Confusion {
    classes: Vec<String>,
    counts: Array2<u64>,
}

impl Confusion {
    /// Counts triples of actual class, predicted class, and number of rows.
    ///
    /// A class enters when it occurs on either side, even with 0 rows. Repeated pairs add up, at
    /// most to `u64::MAX`. No triple gives a 0 x 0 matrix.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str, u64)>) -> Self {
        let mut cells: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for (actual, predicted, rows) in pairs {
            let cell = cells.entry((actual, predicted)).or_default();
            *cell = cell.saturating_add(rows);
        }
        let classes = ordered(cells.keys().flat_map(|&(actual, predicted)| [actual, predicted]));
        let index: BTreeMap<&str, usize> =
            classes.iter().enumerate().map(|(at, &class)| (class, at)).collect();
        let mut counts = Array2::zeros((classes.len(), classes.len()));
        for ((actual, predicted), rows) in &cells {
            if let (Some(&row), Some(&column)) = (index.get(actual), index.get(predicted)) {
                counts[[row, column]] = *rows;
            }
        }
        Self { classes: classes.into_iter().map(str::to_owned).collect(), counts }
    }

    /// Adds another matrix's rows, matching classes by name; the classes become the union.
    ///
    /// Associative and commutative, so segments may come in any order. Counts stop at `u64::MAX`.
    pub fn merge(&mut self, other: &Self) {
        if self.classes == other.classes {
            self.counts.zip_mut_with(&other.counts, |sum, rows| *sum = sum.saturating_add(*rows));
        } else {
            *self = Self::from_pairs(self.pairs().chain(other.pairs()));
        }
    }

    /// The class names in the order of the matrix.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The K x K counts in rows, `[[actual, predicted]]`.
    pub fn counts(&self) -> &Array2<u64> {
        &self.counts
    }

    /// Every cell as (actual, predicted, rows), row by row; zero cells included.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        self.counts.indexed_iter().filter_map(|((row, column), &rows)| {
            Some((self.classes.get(row)?.as_str(), self.classes.get(column)?.as_str(), rows))
        })
    }

    /// The labelled predictions counted, at most `u64::MAX`.
    pub fn total(&self) -> u64 {
        self.counts.iter().fold(0, |sum, &rows| sum.saturating_add(rows))
    }

    /// The share of labelled predictions whose predicted class is the actual one.
    ///
    /// Formula: `sum of the diagonal / sum of all cells`. Unit: a share in [0, 1].
    ///
    /// Edge cases: no row is [`Undefined::NoLabel`]; a single class gives 1.
    ///
    /// Source: scikit-learn `accuracy_score`.
    pub fn accuracy(&self) -> Measured<f64> {
        match sum(self.counts.iter()) {
            0 => Err(Undefined::NoLabel),
            total => Ok(sum(self.counts.diag().iter()) as f64 / total as f64),
        }
    }
}

/// Wide enough that no matrix in memory overflows it.
fn sum<'a>(cells: impl Iterator<Item = &'a u64>) -> u128 {
    cells.map(|&rows| u128::from(rows)).sum()
}

/// The distinct names in class order.
fn ordered<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names.dedup();
    let values: Option<Vec<f64>> = names.iter().map(|name| number(name)).collect();
    let Some(values) = values else { return names };
    let mut keyed: Vec<(f64, &str)> = values.into_iter().zip(names).collect();
    // Stable, so names of equal value keep their lexicographic order.
    keyed.sort_by(|(a, _), (b, _)| a.partial_cmp(b).unwrap_or(Ordering::Equal));
    keyed.into_iter().map(|(_, name)| name).collect()
}

/// The number a class name spells; `nan` and `inf` parse too but are words here.
fn number(name: &str) -> Option<f64> {
    name.parse().ok().filter(|value: &f64| value.is_finite())
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use proptest::prelude::*;

    use super::{Confusion, Undefined};

    fn classes(names: &[&str]) -> Vec<String> {
        Confusion::from_pairs(names.iter().map(|&name| (name, name, 1))).classes().to_vec()
    }

    #[test]
    fn rows_are_actual_and_columns_predicted() {
        let confusion = Confusion::from_pairs([("a", "b", 3), ("b", "b", 1), ("a", "b", 2)]);
        assert_eq!(confusion.classes(), ["a", "b"]);
        assert_eq!(confusion.counts(), array![[0, 5], [0, 1]]);
        assert_eq!(confusion.accuracy(), Ok(1.0 / 6.0));
        assert_eq!(confusion.total(), 6);
    }

    #[test]
    fn numbers_order_by_value_and_one_word_makes_all_words() {
        assert_eq!(classes(&["10", "2", "-1", "1.5"]), ["-1", "1.5", "2", "10"]);
        assert_eq!(classes(&["10", "2", "x"]), ["10", "2", "x"]);
        assert_eq!(classes(&["10", "2", "nan"]), ["10", "2", "nan"]);
        assert_eq!(classes(&["10", "2", "inf"]), ["10", "2", "inf"]);
        assert_eq!(classes(&["1.0", "1", "0"]), ["0", "1", "1.0"]);
    }

    #[test]
    fn no_row_has_no_accuracy() {
        assert_eq!(Confusion::default().accuracy(), Err(Undefined::NoLabel));
        assert_eq!(Confusion::from_pairs([("a", "b", 0)]).accuracy(), Err(Undefined::NoLabel));
    }

    #[test]
    fn a_word_that_arrives_by_merge_reorders_the_numbers() {
        let mut confusion = Confusion::from_pairs([("2", "10", 1), ("10", "10", 4)]);
        confusion.merge(&Confusion::from_pairs([("x", "2", 7)]));
        assert_eq!(confusion.classes(), ["10", "2", "x"]);
        assert_eq!(confusion.counts(), array![[4, 0, 0], [1, 0, 0], [0, 7, 0]]);
    }

    #[test]
    fn counts_saturate_instead_of_wrapping() {
        let mut confusion = Confusion::from_pairs([("a", "a", u64::MAX), ("a", "a", 1)]);
        let copy = confusion.clone();
        confusion.merge(&copy);
        confusion.merge(&Confusion::from_pairs([("a", "b", u64::MAX)]));
        assert_eq!(confusion.accuracy(), Ok(0.5));
        assert_eq!(confusion.total(), u64::MAX);
    }

    proptest! {
        #[test]
        fn merging_parts_in_any_order_equals_counting_the_whole(
            rows in prop::collection::vec(("[0-9ab]{1,2}", "[0-9ab]{1,2}", 0u64..5), 0..40),
            cut in 0usize..40,
        ) {
            let count = |rows: &[(String, String, u64)]| {
                Confusion::from_pairs(rows.iter().map(|(a, p, n)| (a.as_str(), p.as_str(), *n)))
            };
            let (head, tail) = rows.split_at(cut.min(rows.len()));
            let (mut one, mut other) = (count(head), count(tail));
            one.merge(&count(tail));
            other.merge(&count(head));
            prop_assert_eq!(&one, &count(&rows));
            prop_assert_eq!(one, other);
        }
    }
}
