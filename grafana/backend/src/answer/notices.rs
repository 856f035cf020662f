//! What a panel must say beside its numbers: what is missing, approximate or built on little.

use std::collections::BTreeMap;

use driftline_proto::v1;
use serde_json::json;

use crate::frame::{Frame, Gravity};

/// Predictions of a window below which a statistic of drift is mostly noise: of ten bins, that of
/// equal distributions is 0.1 on average at 90 rows.
const FEW_SAMPLES: u64 = 100;
/// Share of labels below which performance may be of an odd part of the predictions.
const LOW_COVERAGE: f64 = 0.5;

/// What is seen while an answer is gone through.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    undefined: BTreeMap<String, u64>,
    values: u64,
    error_bound: f64,
    windows: u64,
    few: u64,
    low_coverage: u64,
    missing: BTreeMap<String, u64>,
}

impl Notices {
    /// A window with its predictions.
    pub(crate) fn window(&mut self, predictions: u64, missing: &[v1::MissingRows]) {
        self.windows += 1;
        self.few += u64::from(predictions > 0 && predictions < FEW_SAMPLES);
        self.missing(missing);
    }

    /// What a window lacks.
    pub(crate) fn missing(&mut self, missing: &[v1::MissingRows]) {
        for missing in missing {
            *self.missing.entry(missing.reason.clone()).or_default() += missing.rows;
        }
    }

    /// The share of labels of a window.
    pub(crate) fn coverage(&mut self, labelled: u64, predictions: u64) {
        let share = labelled as f64 / predictions.max(1) as f64;
        self.low_coverage += u64::from(predictions > 0 && share < LOW_COVERAGE);
    }

    /// A value, with why there is none.
    pub(crate) fn value(&mut self, undefined: Option<&str>, error_bound: Option<f64>) {
        self.values += 1;
        if let Some(reason) = undefined {
            *self.undefined.entry(reason.to_owned()).or_default() += 1;
        }
        self.error_bound = self.error_bound.max(error_bound.unwrap_or(0.0));
    }

    /// Writes them into a frame.
    pub(crate) fn tell(&self, frame: &mut Frame) {
        let mut say = |gravity, text: String| frame.notices.push((gravity, text));
        for (reason, rows) in &self.missing {
            say(Gravity::Warning, format!("{rows} rows could not be read: {reason}"));
        }
        let undefined: u64 = self.undefined.values().sum();
        let most = self.undefined.iter().max_by_key(|(_, count)| **count);
        if let Some((reason, _)) = most {
            let values = self.values;
            say(Gravity::Info, format!("{undefined} of {values} values are undefined: {reason}"));
        }
        if self.error_bound > 0.0 {
            let text = format!(
                "values are from partials and within {:.2e} of the exact ones; choose exact for those",
                self.error_bound
            );
            say(Gravity::Info, text);
        }
        if self.low_coverage > 0 {
            let text = format!(
                "{} of {} windows have labels for less than half of their predictions",
                self.low_coverage, self.windows
            );
            say(Gravity::Warning, text);
        }
        if self.few > 0 {
            let text = format!(
                "{} of {} windows have fewer than {FEW_SAMPLES} predictions; choose longer windows",
                self.few, self.windows
            );
            say(Gravity::Warning, text);
        }
    }
}

/// What answers were read from and how large they are, for the query inspector.
#[derive(Debug, Default)]
pub(crate) struct Costs {
    queries: u64,
    answer_bytes: u64,
    rows: u64,
    reads: Option<v1::Reads>,
}

impl Costs {
    /// The answers with the rows that each was read from, and whatever else it says of that.
    pub(crate) fn of<'a, T: prost::Message + 'a>(
        answers: impl IntoIterator<Item = &'a T>,
        of: impl Fn(&'a T) -> (u64, Option<&'a v1::Reads>),
    ) -> Self {
        let mut costs = Self::default();
        for answer in answers {
            costs.queries += 1;
            costs.answer_bytes += answer.encoded_len() as u64;
            let (rows, reads) = of(answer);
            costs.rows += rows;
            if let Some(reads) = reads {
                let sum = costs.reads.get_or_insert_default();
                sum.segments += reads.segments;
                sum.heads += reads.heads;
                sum.partials += reads.partials;
                sum.hours += reads.hours;
                sum.minutes += reads.minutes;
            }
        }
        costs
    }

    /// Writes them into a frame.
    pub(crate) fn tell(&self, frame: &mut Frame) {
        let mut tell = |name: &str, count: u64| {
            frame.reads.insert(name.to_owned(), json!(count));
        };
        tell("queries", self.queries);
        tell("answer bytes", self.answer_bytes);
        tell("rows", self.rows);
        if let Some(reads) = &self.reads {
            tell("segments", reads.segments);
            tell("heads", reads.heads);
            tell("partials", reads.partials);
            tell("hours", reads.hours);
            tell("minutes", reads.minutes);
        }
    }
}
