//! Where series come from.

use crate::{
    error::Result,
    limits,
    selector::Selector,
    series::{Points, Series},
};

/// What goes along with an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// What is missing or doubtful.
    pub warnings: Vec<String>,
    /// What is worth knowing.
    pub infos: Vec<String>,
}

impl Notes {
    /// Adds a warning that is not there yet.
    pub fn warn(&mut self, text: impl Into<String>) {
        add(&mut self.warnings, text.into());
    }

    /// Adds an info that is not there yet.
    pub fn inform(&mut self, text: impl Into<String>) {
        add(&mut self.infos, text.into());
    }
}

fn add(notes: &mut Vec<String>, text: String) {
    if notes.len() < limits::NOTES_MAX && !notes.contains(&text) {
        notes.push(text);
    }
}

/// Who has series.
pub trait Source {
    /// The series that a selector means, with a value for each of the instants, which ascend. A metric
    /// that there is not gives nothing.
    ///
    /// # Errors
    /// Those of the source.
    fn at(&self, selector: &Selector, instants: &[i64], notes: &mut Notes) -> Result<Vec<Series>>;

    /// The points that ranges of so many milliseconds back from each of the instants look at.
    ///
    /// # Errors
    /// Those of the source.
    fn over(
        &self,
        selector: &Selector,
        instants: &[i64],
        range: i64,
        notes: &mut Notes,
    ) -> Result<Vec<Points>>;

    /// Whether there is time left; asked now and then while values are computed.
    ///
    /// # Errors
    /// `Timeout` if there is none.
    fn go_on(&self) -> Result<()> {
        Ok(())
    }
}
