//! Outcomes: the mergeable sums over predictions whose label is known, by minute of the prediction.
//!
//! An outcome is a group: the sums of a changed label are taken away before the new ones are added.

use std::collections::BTreeMap;

use crate::{
    binning::NameIndex,
    codec::{DecodeError, Decoded, Get, Put as _},
    column::is_null,
    limits,
};

/// The class that stands for all classes past [`limits::CLASSES_MAX`].
pub const OTHER_CLASS: &str = "(other)";

/// A sum kept in two numbers, some 32 decimal digits together: taking away a huge value that was
/// added leaves the small ones that a single number would have rounded off. (Two-sum of Knuth, The
/// Art of Computer Programming 2, 4.2.2.)
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sum {
    high: f64,
    low: f64,
}

impl Sum {
    /// The sum as one number.
    pub fn value(self) -> f64 {
        self.high + self.low
    }

    fn add(&mut self, value: f64) {
        let high = self.high + value;
        let part = high - self.high;
        let rest = (self.high - (high - part)) + (value - part);
        let low = self.low + rest;
        self.high = high + low;
        self.low = low - (self.high - high);
    }
}

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
    fn add(&mut self, error: f64, times: i64) {
        let factor = if times < 0 { -1.0 } else { 1.0 };
        self.n += times;
        self.sum.add(factor * error);
        self.sum_abs.add(factor * error.abs());
        self.sum_sq.add(factor * error * error);
    }

    /// Adds the sums of other pairs.
    pub fn merge(&mut self, other: &Self) {
        self.n += other.n;
        let pairs = [
            (&mut self.sum, other.sum),
            (&mut self.sum_abs, other.sum_abs),
            (&mut self.sum_sq, other.sum_sq),
        ];
        for (mine, theirs) in pairs {
            mine.add(theirs.high);
            mine.add(theirs.low);
        }
    }
}

/// What a label says, or what a prediction said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Answer {
    /// A class, as its place in a [`Classes`].
    Class(u32),
    /// A number; null for none.
    Number(f64),
    /// Nothing.
    Nothing,
}

/// Sums over the labelled predictions of one bucket.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcome {
    /// Predictions with a label.
    pub labelled: i64,
    /// True class, predicted class and count, ascending by classes.
    pub pairs: Vec<((u32, u32), i64)>,
    /// Error sums of a regression.
    pub errors: ErrorSums,
}

impl Outcome {
    /// Adds (`times` = 1) or takes away (`times` = -1) one labelled prediction.
    pub fn add(&mut self, truth: Answer, predicted: Answer, times: i64) {
        self.labelled += times;
        match (truth, predicted) {
            (Answer::Class(truth), Answer::Class(predicted)) => {
                self.add_pair((truth, predicted), times);
            }
            (Answer::Number(truth), Answer::Number(predicted))
                if !is_null(predicted) && (truth - predicted).powi(2).is_finite() =>
            {
                self.errors.add(truth - predicted, times);
            }
            _ => {}
        }
    }

    /// Adds another outcome with the same classes.
    pub fn merge(&mut self, other: &Self) {
        self.labelled += other.labelled;
        for (pair, count) in &other.pairs {
            self.add_pair(*pair, *count);
        }
        self.errors.merge(&other.errors);
    }

    fn add_pair(&mut self, pair: (u32, u32), times: i64) {
        match self.pairs.binary_search_by_key(&pair, |entry| entry.0) {
            Ok(at) => {
                self.pairs[at].1 += times;
                if self.pairs[at].1 == 0 {
                    self.pairs.remove(at);
                }
            }
            Err(at) => self.pairs.insert(at, (pair, times)),
        }
    }
}

/// The classes that outcomes name by place.
#[derive(Debug, Clone, Default)]
pub struct Classes(NameIndex);

impl Classes {
    /// Classes in order of place.
    pub fn from_names(names: &[String]) -> Self {
        Self(NameIndex::from_names(names))
    }

    /// Class names in order of place.
    pub fn names(&self) -> &[String] {
        self.0.names()
    }

    /// The place of a class, added if there is room, else that of [`OTHER_CLASS`].
    pub fn place(&mut self, name: &str) -> u32 {
        match self.0.place_or_add(name, limits::CLASSES_MAX) {
            Some(place) => place,
            None => self.0.place_or_add(OTHER_CLASS, limits::CLASSES_MAX + 1).unwrap_or(0),
        }
    }
}

/// Outcomes by minute of one part, and the classes they name.
#[derive(Debug, Clone, Default)]
pub struct Outcomes {
    /// Classes by place.
    pub classes: Classes,
    /// Minutes since 1970-01-01 (floored) and their sums.
    minutes: BTreeMap<i64, Outcome>,
    /// The sums of all minutes.
    total: Outcome,
}

impl Outcomes {
    /// Adds (`times` = 1) or takes away (`times` = -1) one labelled prediction of a minute.
    pub fn add(&mut self, minute: i64, truth: Answer, predicted: Answer, times: i64) {
        self.minutes.entry(minute).or_default().add(truth, predicted, times);
        self.total.add(truth, predicted, times);
    }

    /// Minutes that have sums.
    pub fn len(&self) -> usize {
        self.minutes.len()
    }

    /// Adds what the minutes `[start, end)` hold.
    pub fn fold(&self, start: i64, end: i64, tally: &mut OutcomeTally) {
        let (first, last) = (self.minutes.first_key_value(), self.minutes.last_key_value());
        let (Some((first, _)), Some((last, _))) = (first, last) else { return };
        if start <= *first && *last < end {
            tally.add(&self.total, self.classes.names());
        } else if start < end {
            for outcome in self.minutes.range(start..end).map(|(_, outcome)| outcome) {
                tally.add(outcome, self.classes.names());
            }
        }
    }

    /// Appends classes and minutes.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        crate::binning::put_names(out, self.classes.names());
        out.put_varint(self.minutes.len() as u64);
        for (minute, outcome) in &self.minutes {
            out.put_i64(*minute);
            out.put_varint(outcome.labelled.unsigned_abs());
            out.put_varint(outcome.pairs.len() as u64);
            for ((truth, predicted), count) in &outcome.pairs {
                out.put_varint(u64::from(*truth));
                out.put_varint(u64::from(*predicted));
                out.put_varint(count.unsigned_abs());
            }
            let errors = &outcome.errors;
            out.put_varint(errors.n.unsigned_abs());
            if errors.n != 0 {
                for sum in [errors.sum, errors.sum_abs, errors.sum_sq] {
                    out.put_f64(sum.high);
                    out.put_f64(sum.low);
                }
            }
        }
    }

    /// Reads what [`Outcomes::encode`] wrote.
    pub(crate) fn decode(get: &mut Get<'_>) -> Decoded<Self> {
        let classes = Classes::from_names(&crate::binning::get_names(get)?);
        let known = classes.names().len() as u64;
        let mut minutes = BTreeMap::new();
        let mut total = Outcome::default();
        for _ in 0..get.count(11)? {
            let minute = get.i64()?;
            let mut outcome = Outcome { labelled: signed(get)?, ..Outcome::default() };
            for _ in 0..get.count(3)? {
                let pair = (get.varint_u32()?, get.varint_u32()?);
                if u64::from(pair.0.max(pair.1)) >= known {
                    return Err(DecodeError("a class of its list"));
                }
                let count = signed(get)?;
                outcome.add_pair(pair, count);
            }
            outcome.errors.n = signed(get)?;
            if outcome.errors.n != 0 {
                let mut sum = || Ok(Sum { high: get.f64()?, low: get.f64()? });
                outcome.errors.sum = sum()?;
                outcome.errors.sum_abs = sum()?;
                outcome.errors.sum_sq = sum()?;
            }
            total.merge(&outcome);
            minutes.insert(minute, outcome);
        }
        Ok(Self { classes, minutes, total })
    }
}

fn signed(get: &mut Get<'_>) -> Decoded<i64> {
    i64::try_from(get.varint()?).map_err(|_| DecodeError("a count below 2^63"))
}

/// Outcomes of a whole window, with classes by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OutcomeTally {
    /// Predictions with a label.
    pub labelled: i64,
    /// Count per true class and predicted class.
    pub pairs: BTreeMap<(String, String), i64>,
    /// Error sums of a regression.
    pub errors: ErrorSums,
}

impl OutcomeTally {
    /// Adds a bucket whose classes are named by place in `classes`.
    pub fn add(&mut self, outcome: &Outcome, classes: &[String]) {
        self.labelled += outcome.labelled;
        self.errors.merge(&outcome.errors);
        let name = |place: u32| {
            classes.get(place as usize).cloned().unwrap_or_else(|| OTHER_CLASS.to_owned())
        };
        for ((truth, predicted), count) in &outcome.pairs {
            *self.pairs.entry((name(*truth), name(*predicted))).or_default() += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_label_leaves_what_the_last_one_alone_would() {
        let mut changed = Outcome::default();
        changed.add(Answer::Class(0), Answer::Class(1), 1);
        changed.add(Answer::Class(0), Answer::Class(1), -1);
        changed.add(Answer::Class(1), Answer::Class(1), 1);
        let mut direct = Outcome::default();
        direct.add(Answer::Class(1), Answer::Class(1), 1);
        assert_eq!(changed, direct);
    }

    #[test]
    fn a_corrected_outlier_leaves_no_trace_in_the_errors() {
        let add = |outcome: &mut Outcome, label: f64, times| {
            outcome.add(Answer::Number(label), Answer::Number(0.0), times);
        };
        for outlier in [1e9, -1e15, 1e200] {
            let mut outcome = Outcome::default();
            add(&mut outcome, 1.0, 1);
            add(&mut outcome, outlier, 1);
            add(&mut outcome, 1.0, 1);
            add(&mut outcome, outlier, -1);
            add(&mut outcome, 1.0, 1);
            let sums = outcome.errors;
            let values = [sums.sum, sums.sum_abs, sums.sum_sq].map(Sum::value);
            assert_eq!((sums.n, values), (3, [3.0; 3]), "{outlier}");
        }
    }

    #[test]
    fn outcomes_come_back() {
        let mut outcomes = Outcomes::default();
        let (a, b) = (outcomes.classes.place("a"), outcomes.classes.place("b"));
        outcomes.add(-5, Answer::Class(a), Answer::Class(b), 1);
        outcomes.add(-5, Answer::Class(a), Answer::Nothing, 1);
        outcomes.add(7, Answer::Number(3.0), Answer::Number(1.5), 1);
        let mut bytes = Vec::new();
        outcomes.encode(&mut bytes);
        let back = Outcomes::decode(&mut Get::new(&bytes)).expect("whole");
        assert_eq!(back.minutes, outcomes.minutes);
        assert_eq!(back.total, outcomes.total);
        assert_eq!(back.classes.names(), outcomes.classes.names());
    }
}
