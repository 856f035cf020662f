//! Sums: what is known of a set of labelled predictions, as a group.
//!
//! The sums of a changed label are taken away before the new ones are added, so what is left is
//! what the last label alone would have given: counts to the unit, sums of errors to the last bits.

use super::Answer;
use crate::{column::is_null, two_sum::Sum};

/// Sums over the errors `e = label - prediction` of a regression.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ErrorSums {
    /// Pairs of a prediction and a label whose squared error is finite.
    pub n: i64,
    /// Sum of e, in the unit of the label.
    pub sum: Sum,
    /// Sum of |e|, in the unit of the label.
    pub sum_abs: Sum,
    /// Sum of e squared.
    pub sum_sq: Sum,
}

impl ErrorSums {
    /// Adds (`times` = 1) or takes away (`times` = -1) one error.
    pub(super) fn add(&mut self, error: f64, times: i64) {
        let factor = if times < 0 { -1.0 } else { 1.0 };
        self.n += times;
        self.sum.add(factor * error);
        self.sum_abs.add(factor * error.abs());
        self.sum_sq.add(factor * error * error);
    }

    /// Adds the sums of other pairs.
    pub fn merge(&mut self, other: &Self) {
        if other.n == 0 && *other == Self::default() {
            return;
        }
        self.n += other.n;
        let pairs = [
            (&mut self.sum, other.sum),
            (&mut self.sum_abs, other.sum_abs),
            (&mut self.sum_sq, other.sum_sq),
        ];
        for (mine, theirs) in pairs {
            mine.merge(theirs);
        }
    }
}

/// A true and a predicted class in ten bits each, or [`NO_PAIR`].
pub(super) type PairCode = u32;

/// Bits of one class in a [`PairCode`].
pub(super) const CLASS_BITS: u32 = 10;
const CLASS_MASK: u32 = (1 << CLASS_BITS) - 1;

/// A labelled prediction that has no true and predicted class: numbers, or kinds that differ.
pub(super) const NO_PAIR: PairCode = (1 << (2 * CLASS_BITS)) - 1;

// The codes of all classes, `(other)` included, stay below the one that is kept for no pair.
const _: () = assert!(crate::limits::CLASSES_MAX < CLASS_MASK as usize);

/// The code of an outcome, and its error if both sides are numbers.
pub(super) fn outcome_of(truth: Answer, predicted: Answer) -> (PairCode, Option<f64>) {
    match (truth, predicted) {
        (Answer::Class(truth), Answer::Class(predicted)) => {
            ((truth & CLASS_MASK) << CLASS_BITS | (predicted & CLASS_MASK), None)
        }
        (Answer::Number(truth), Answer::Number(predicted)) => {
            let error = truth - predicted;
            let counts = !is_null(predicted) && (error * error).is_finite();
            (NO_PAIR, counts.then_some(error))
        }
        _ => (NO_PAIR, None),
    }
}

/// The places of a pair's classes.
pub(super) fn classes_of(pair: PairCode) -> Option<(usize, usize)> {
    let (truth, predicted) = (pair >> CLASS_BITS, pair & CLASS_MASK);
    (pair != NO_PAIR).then_some((truth as usize, predicted as usize))
}

/// Sums over the labelled predictions of an hour, a day or a window, classes by place.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sums {
    /// Count by pair, ascending; what is labelled is the sum of the counts.
    pub(super) pairs: Vec<(PairCode, i64)>,
    pub(super) errors: ErrorSums,
}

impl Sums {
    /// Adds counts of a pair; a pair that sums to nothing goes.
    pub(super) fn add_pair(&mut self, pair: PairCode, count: i64) {
        match self.pairs.binary_search_by_key(&pair, |entry| entry.0) {
            Ok(at) => {
                self.pairs[at].1 += count;
                if self.pairs[at].1 == 0 {
                    self.pairs.remove(at);
                }
            }
            Err(at) if count != 0 => self.pairs.insert(at, (pair, count)),
            Err(_) => {}
        }
    }

    /// Adds (`times` = 1) or takes away (`times` = -1) one labelled prediction.
    pub(super) fn add(&mut self, pair: PairCode, error: Option<f64>, times: i64) {
        self.add_pair(pair, times);
        if let Some(error) = error {
            self.errors.add(error, times);
        }
    }

    /// Adds other sums with the same classes.
    pub(super) fn merge(&mut self, other: &Self) {
        if self.pairs.is_empty() {
            self.pairs.clone_from(&other.pairs);
        } else {
            other.pairs.iter().for_each(|(pair, count)| self.add_pair(*pair, *count));
        }
        self.errors.merge(&other.errors);
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.pairs.capacity() * size_of::<(PairCode, i64)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(sums: &mut Sums, truth: Answer, predicted: Answer, times: i64) {
        let (pair, error) = outcome_of(truth, predicted);
        sums.add(pair, error, times);
    }

    #[test]
    fn a_changed_label_leaves_what_the_last_one_alone_would() {
        let mut changed = Sums::default();
        add(&mut changed, Answer::Class(0), Answer::Class(1), 1);
        add(&mut changed, Answer::Class(0), Answer::Class(1), -1);
        add(&mut changed, Answer::Class(1), Answer::Class(1), 1);
        let mut direct = Sums::default();
        add(&mut direct, Answer::Class(1), Answer::Class(1), 1);
        assert_eq!(changed, direct);
    }

    #[test]
    fn a_corrected_outlier_leaves_no_trace_in_the_errors() {
        for outlier in [1e9, -1e15, 1e200] {
            let mut sums = Sums::default();
            for (label, times) in [(1.0, 1), (outlier, 1), (1.0, 1), (outlier, -1), (1.0, 1)] {
                add(&mut sums, Answer::Number(label), Answer::Number(0.0), times);
            }
            let errors = sums.errors;
            let values = [errors.sum, errors.sum_abs, errors.sum_sq].map(Sum::value);
            assert_eq!((errors.n, values), (3, [3.0; 3]), "{outlier}");
        }
    }

    #[test]
    fn what_has_no_pair_is_labelled_all_the_same() {
        let largest = Answer::Class(crate::limits::CLASSES_MAX as u32);
        assert!(classes_of(outcome_of(largest, largest).0).is_some());
        for (truth, predicted) in [
            (largest, Answer::Nothing),
            (Answer::Number(1.0), Answer::Nothing),
            (Answer::Number(1.0), Answer::Number(crate::column::NULL)),
            (Answer::Number(1e200), Answer::Number(-1e200)),
        ] {
            assert_eq!(outcome_of(truth, predicted), (NO_PAIR, None));
        }
    }
}
