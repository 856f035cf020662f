//! Graded rows: labelled predictions by what their score or their error was, by hour of the day.
//!
//! ```text
//! GradedDay -> 24 hours, or 1 day -> scores by true class, or sums of residuals
//! ```
//! They are not written: a segment's are counted from its labels and rows when a question needs them
//! first, and kept with what else is decoded. Then a label that comes takes its row's old part away
//! and adds the new one. All of it is whole numbers, so what is left has the bits that the last
//! labels alone would have given, in whatever order they came.

mod residuals;
mod scores;

use std::{ops::Range, sync::Arc};

use self::scores::{Gathering, ScoreSums};
pub use self::{
    residuals::ResidualTally,
    scores::{SCORE_BINS, SUM_BINS, ScoreTally, ScoredSide},
};
use crate::{
    answers::{Answers, PredictedCode},
    column::NULL,
    labels::LabelSet,
    outcome::Answer,
    time::{DAY_MINUTES, HOUR_MICROS, MINUTE_MICROS},
};

const HOURS: usize = (DAY_MINUTES as i64 * MINUTE_MICROS / HOUR_MICROS) as usize;

/// Graded rows of a window: scores of a classification, residuals of a regression.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GradedTally {
    /// By whether the label is the positive class.
    pub scores: ScoreTally,
    /// Of rows whose label and prediction are numbers.
    pub residuals: ResidualTally,
}

impl GradedTally {
    /// Adds a row of a class.
    pub(crate) fn add_score(&mut self, score: f64, positive: bool) {
        self.scores.add(score, positive);
    }

    /// Adds a row of a number.
    pub(crate) fn add_residual(&mut self, label: f64, prediction: f64) {
        self.residuals.add(label, prediction, 1);
    }
}

/// How a day is cut into buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Grain {
    /// Hour by hour, for windows that cut the day.
    Hours,
    /// Not at all, which takes a tenth of the room.
    Day,
}

impl Grain {
    fn buckets(self) -> usize {
        match self {
            Self::Hours => HOURS,
            Self::Day => 1,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Bucket {
    scores: ScoreSums,
    residuals: Option<Box<ResidualTally>>,
}

/// What a row is graded by: the minute of its day, its prediction if that is a number, and its score;
/// null where there is none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GradedRow {
    minute: u16,
    prediction: f64,
    score: f64,
}

impl GradedRow {
    /// A row of a segment; `scores` has one entry per row, or none at all.
    pub(crate) fn of(row: u32, answers: &Answers, scores: &[f64]) -> Option<Self> {
        let minute = answers.minute(row)?.rem_euclid(DAY_MINUTES.into()) as u16;
        let prediction = match answers.code(row) {
            PredictedCode::Number(value) => value,
            PredictedCode::Class(_) | PredictedCode::Nothing => NULL,
        };
        Some(Self { minute, prediction, score: scores.get(row as usize).copied().unwrap_or(NULL) })
    }
}

/// The graded rows of a segment.
#[derive(Debug, Clone)]
pub(crate) struct GradedDay {
    grain: Grain,
    buckets: Vec<Bucket>,
    /// Classes by place.
    names: Vec<Arc<str>>,
}

impl GradedDay {
    /// Grades the rows of a segment that have a label; `scores` has one entry per row, or none at all.
    pub(crate) fn new(grain: Grain, labels: &LabelSet, answers: &Answers, scores: &[f64]) -> Self {
        let buckets = vec![Bucket::default(); grain.buckets()];
        let mut day = Self { grain, buckets, names: labels.names().to_vec() };
        let mut gathering = Gathering::default();
        let mut filling = 0;
        // Rows are in the order of time, so one bucket is done when the next begins.
        labels.each(|row, truth| {
            let Some(graded) = GradedRow::of(row, answers, scores) else { return };
            let at = day.bucket(graded.minute);
            if at != filling {
                day.fill(filling, &mut gathering);
                filling = at;
            }
            match truth {
                Answer::Class(class) => gathering.add(class, graded.score),
                Answer::Number(label) => day.residuals(at).add(label, graded.prediction, 1),
                Answer::Nothing => {}
            }
        });
        day.fill(filling, &mut gathering);
        day
    }

    fn bucket(&self, minute: u16) -> usize {
        usize::from(minute) * self.buckets.len() / usize::from(DAY_MINUTES)
    }

    fn fill(&mut self, at: usize, gathering: &mut Gathering) {
        if let Some(bucket) = self.buckets.get_mut(at) {
            bucket.scores = gathering.take();
        }
    }

    fn residuals(&mut self, at: usize) -> &mut ResidualTally {
        self.buckets[at].residuals.get_or_insert_default()
    }

    /// A row's label changes, from nothing or to nothing too; classes are places in `names`.
    pub(crate) fn change(&mut self, row: GradedRow, old: Option<Answer>, new: Option<Answer>) {
        let at = self.bucket(row.minute);
        for (answer, times) in [(old, -1), (new, 1)] {
            match answer {
                Some(Answer::Class(class)) => {
                    self.buckets[at].scores.add(class, row.score, times);
                }
                Some(Answer::Number(label)) => {
                    self.residuals(at).add(label, row.prediction, times.into());
                }
                Some(Answer::Nothing) | None => {}
            }
        }
    }

    /// Takes note of the classes that are named by now.
    pub(crate) fn name(&mut self, names: &[Arc<str>]) {
        let new = names.get(self.names.len()..).unwrap_or_default();
        self.names.extend(new.iter().cloned());
    }

    /// Adds what some hours hold, or the whole day if that is not cut.
    pub(crate) fn fold(&self, hours: Range<usize>, positive: &str, tally: &mut GradedTally) {
        let buckets = match self.grain {
            Grain::Hours => self.buckets.get(hours).unwrap_or_default(),
            Grain::Day => &self.buckets,
        };
        for bucket in buckets {
            bucket.scores.fold(&self.names, positive, &mut tally.scores);
            if let Some(residuals) = &bucket.residuals {
                tally.residuals.merge(residuals);
            }
        }
    }

    /// Approximate bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        let bucket = |bucket: &Bucket| {
            let residuals = if bucket.residuals.is_some() { residuals::BYTES } else { 0 };
            size_of::<Bucket>() + bucket.scores.bytes() + residuals
        };
        let names = self.names.iter().map(|name| name.len() + 32).sum::<usize>();
        self.buckets.iter().map(bucket).sum::<usize>() + names
    }
}

#[cfg(test)]
mod tests;
