//! The sums that some rows of a segment have a part in.

use roaring::RoaringBitmap;

use super::{LabelSet, Places};
use crate::{
    answers::{Answers, PredictedCode},
    outcome::{Answer, Change, Outcomes},
};

impl LabelSet {
    /// The sums by minute of the labels of some rows alone.
    pub(crate) fn outcomes_of(&self, rows: &RoaringBitmap, answers: &Answers) -> Outcomes {
        let mut outcomes = self.outcomes.without_days();
        let mut places = Places::default();
        let mut changes = Vec::new();
        let labels = self.labels.merged();
        for (row, given) in labels.iter().filter(|(row, _)| rows.contains(*row)) {
            let Some(minute) = answers.minute(row) else { continue };
            let predicted = match answers.code(row) {
                PredictedCode::Class(code) => match answers.names().get(code as usize) {
                    Some(name) => Answer::Class(places.place(code, name, &mut outcomes)),
                    None => Answer::Nothing,
                },
                PredictedCode::Number(value) => Answer::Number(value),
                PredictedCode::Nothing => Answer::Nothing,
            };
            changes.push(Change::add(minute, given.truth.answer(), predicted));
        }
        // Rows are in the order of time, so each hour is looked at once.
        outcomes.make(&changes);
        outcomes
    }
}
