//! Mistakes in rules: where, what was found, what is wrong with it, and what would work.

use std::fmt;

use driftline_storage::{Error, Violation};
use serde::Serialize;

/// One mistake of a set of rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// The rule or channel, such as `rule "amount-drift"`.
    pub place: String,
    /// The key.
    pub key: String,
    /// What stands there, as it is written; empty if nothing does.
    pub value: String,
    /// What is wrong with it, and what would work.
    pub problem: String,
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
            Violation {
                field: format!("{}: {}", mistake.place, mistake.key),
                description: format!("{value}{}", mistake.problem),
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
        let mut mistake = Mistake {
            place: "rule \"a\"".into(),
            key: "window".into(),
            value: "\"soon\"".into(),
            problem: "is not a duration; write 1d".into(),
        };
        let text = "rule \"a\": window = \"soon\": is not a duration; write 1d";
        assert_eq!(mistake.to_string(), text);
        let error = Error::from(Mistakes(vec![mistake.clone()]));
        let text = "rule \"a\": window: \"soon\" is not a duration; write 1d";
        assert_eq!(error.to_string(), text);
        mistake.value.clear();
        let text = "rule \"a\": window: is not a duration; write 1d";
        assert_eq!(mistake.to_string(), text);
    }
}
