//! What an import took and refused.

use std::collections::BTreeMap;

use driftline_storage::{Arrivals, Rule};

/// Refused rows that are told one by one.
const EXAMPLES_MAX: usize = 5;

/// A refused row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The file.
    pub file: String,
    /// Row of the file, counted from 1 without the header; the line of JSON lines.
    pub row: u64,
    /// Column and rule, with the value found.
    pub reason: String,
}

/// What a refused row breaks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refusal<'a> {
    pub(super) rule: Rule,
    /// The column; empty if the row has none.
    pub(super) column: &'a str,
    /// Column and rule: rows are grouped by it.
    pub(super) text: &'a str,
}

impl Refusal<'static> {
    /// A row that is none.
    pub(super) const UNREADABLE: Self =
        Self { rule: Rule::Unreadable, column: "", text: "the row cannot be read" };
}

/// What an import took and refused.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Summary {
    /// Rows read from files.
    pub rows: u64,
    /// Rows stored: predictions accepted, or labels matched.
    pub accepted: u64,
    /// Predictions that were there already, or labels known already.
    pub known: u64,
    /// Labels that wait for their prediction.
    pub waiting: u64,
    /// Rows refused.
    pub refused: u64,
    /// Refused rows per rule.
    pub reasons: BTreeMap<String, u64>,
    /// The same, and rows with columns that were left out, as the database counts them.
    pub arrivals: Arrivals,
    /// The first refused rows.
    pub examples: Vec<Refused>,
    /// Labels that came beside predictions: matched, waiting and known.
    pub labels: Option<(u64, u64, u64)>,
    /// What a user should know: columns left out, kinds that were guessed.
    pub notes: Vec<String>,
    /// Bytes read from files.
    pub bytes: u64,
    /// Time taken, in seconds.
    pub seconds: f64,
}

impl Summary {
    /// Counts a refused row under a rule.
    pub(super) fn refuse(&mut self, file: &str, row: u64, refusal: Refusal<'_>, reason: String) {
        self.refused += 1;
        self.arrivals.refuse(refusal.rule, refusal.column, 1);
        *self.reasons.entry(refusal.text.to_owned()).or_default() += 1;
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(Refused { file: file.to_owned(), row, reason });
        }
    }

    /// Adds a note once.
    pub fn note(&mut self, text: String) {
        if !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }

    /// Rows per second; none before any time has passed.
    pub fn rows_per_second(&self) -> Option<f64> {
        (self.seconds > 0.0).then(|| self.rows as f64 / self.seconds)
    }
}
