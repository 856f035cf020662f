//! Mistakes in rules: where, what was found, what is wrong with it, and what would work.

use std::fmt;

use driftline_storage::{Error, Violation};
use serde::Serialize;

/// One mistake of a set of rules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// The line of the file, counted from 1: of the key, or where that is missing of its rule; none
    /// if the rules came from no file.
    pub line: Option<usize>,
    /// The place among the rules or channels, counted from 1, where it tells more than the name.
    #[serde(skip)]
    pub entry: Option<usize>,
    /// The rule or channel, such as `rule "amount-drift"`.
    pub place: String,
    /// The key.
    pub key: String,
    /// What stands there, as it is written; empty if nothing does.
    pub value: String,
    /// What is wrong with it, and what would work.
    pub problem: String,
}

impl Mistake {
    /// A mistake whose line is not known.
    pub fn new(
        place: impl Into<String>,
        key: impl Into<String>,
        value: impl Into<String>,
        problem: impl Into<String>,
    ) -> Self {
        let (place, key) = (place.into(), key.into());
        let (value, problem) = (value.into(), problem.into());
        Self { line: None, entry: None, place, key, value, problem }
    }

    /// The mistake as it is told of a file: `rules.toml:12: rule "a": window = ..`.
    pub fn in_file(&self, file: &str) -> String {
        let line = self.line.map(|line| format!(":{line}")).unwrap_or_default();
        format!("{file}{line}: {self}")
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.key)?;
        if !self.value.is_empty() {
            write!(f, " = {}", self.value)?;
        }
        write!(f, ": {}", self.problem)
    }
}

/// All mistakes of a set, at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, mistake) in self.0.iter().enumerate() {
            if place > 0 {
                writeln!(f)?;
            }
            write!(f, "{mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

impl From<Mistakes> for Error {
    fn from(mistakes: Mistakes) -> Self {
        let violation = |mistake: Mistake| {
            let value = if mistake.value.is_empty() {
                String::new()
            } else {
                format!("{} ", mistake.value)
            };
            let line = mistake.line.map(|line| format!(" (line {line})")).unwrap_or_default();
            Violation {
                field: format!("{}: {}", mistake.place, mistake.key),
                description: format!("{value}{}{line}", mistake.problem),
            }
        };
        Self::violations(mistakes.0.into_iter().map(violation).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_names_place_key_value_and_problem() {
        let mut mistake =
            Mistake::new("rule \"a\"", "window", "\"soon\"", "is not a duration; write 1d");
        let text = "rule \"a\": window = \"soon\": is not a duration; write 1d";
        assert_eq!(mistake.to_string(), text);
        let error = Error::from(Mistakes(vec![mistake.clone()]));
        let text = "rule \"a\": window: \"soon\" is not a duration; write 1d";
        assert_eq!(error.to_string(), text);
        mistake.line = Some(12);
        let text = "rule \"a\": window: \"soon\" is not a duration; write 1d (line 12)";
        assert_eq!(Error::from(Mistakes(vec![mistake.clone()])).to_string(), text);
        let text = "rules.toml:12: rule \"a\": window = \"soon\": is not a duration; write 1d";
        assert_eq!(mistake.in_file("rules.toml"), text);
        mistake.value.clear();
        let text = "rule \"a\": window: is not a duration; write 1d";
        assert_eq!(mistake.to_string(), text);
    }
}
