//! Selectors: matchers that say which series are wanted.

use std::fmt;

use promql_parser::{
    label::{MatchOp, Matcher as Parsed, Matchers},
    parser::VectorSelector,
};
use regex::Regex;

use crate::{
    error::{Error, Result},
    labels::{Labels, NAME, escape},
};

/// How a matcher compares.
#[derive(Debug, Clone)]
pub enum Operator {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`, of the whole value.
    Matches(Regex),
    /// `!~`
    MatchesNot(Regex),
}

/// One condition on one label; a label that a series has not is empty.
#[derive(Debug, Clone)]
pub struct Matcher {
    /// The label.
    pub label: String,
    /// How it compares.
    pub operator: Operator,
    /// What it compares with.
    pub value: String,
}

impl Matcher {
    /// Whether a value meets it.
    pub fn accepts(&self, value: &str) -> bool {
        match &self.operator {
            Operator::Equal => self.value == value,
            Operator::NotEqual => self.value != value,
            Operator::Matches(regex) => regex.is_match(value),
            Operator::MatchesNot(regex) => !regex.is_match(value),
        }
    }
}

impl From<Parsed> for Matcher {
    fn from(parsed: Parsed) -> Self {
        let operator = match parsed.op {
            MatchOp::Equal => Operator::Equal,
            MatchOp::NotEqual => Operator::NotEqual,
            MatchOp::Re(regex) => Operator::Matches(regex),
            MatchOp::NotRe(regex) => Operator::MatchesNot(regex),
        };
        Self { label: parsed.name, operator, value: parsed.value }
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operator = match self.operator {
            Operator::Equal => "=",
            Operator::NotEqual => "!=",
            Operator::Matches(_) => "=~",
            Operator::MatchesNot(_) => "!~",
        };
        write!(f, "{}{operator}\"{}\"", self.label, escape(&self.value))
    }
}

/// The series that meet all of its matchers.
#[derive(Debug, Clone, Default)]
pub struct Selector {
    /// The matchers, that of the name among them.
    pub matchers: Vec<Matcher>,
}

impl Selector {
    /// Reads what the parser made of a selector.
    ///
    /// # Errors
    /// `BadData` if no matcher asks for anything, and for alternatives, which PromQL does not have.
    pub(crate) fn read(parsed: &VectorSelector) -> Result<Self> {
        let Matchers { matchers, or_matchers } = &parsed.matchers;
        if !or_matchers.is_empty() {
            let text = "a selector has no \"or\" between matchers; match a label with =~\"a|b\"";
            return Err(Error::bad_data(text));
        }
        let named = parsed.name.iter().map(|name| Matcher {
            label: NAME.to_owned(),
            operator: Operator::Equal,
            value: name.clone(),
        });
        let matchers: Vec<Matcher> =
            named.chain(matchers.iter().cloned().map(Matcher::from)).collect();
        if matchers.iter().all(|matcher| matcher.accepts("")) {
            let text = "a selector must have a matcher that an empty label does not meet, such as \
                        a name of a metric";
            return Err(Error::bad_data(text));
        }
        Ok(Self { matchers })
    }

    /// Whether a value of a label meets all matchers of that label.
    pub fn allows(&self, label: &str, value: &str) -> bool {
        self.of(label).all(|matcher| matcher.accepts(value))
    }

    /// Whether labels meet all matchers.
    pub fn accepts(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|matcher| matcher.accepts(labels.get(&matcher.label)))
    }

    /// The matchers of a label.
    pub fn of(&self, label: &str) -> impl Iterator<Item = &Matcher> {
        self.matchers.iter().filter(move |matcher| matcher.label == label)
    }

    /// Whether a label is asked about.
    pub fn asks(&self, label: &str) -> bool {
        self.of(label).next().is_some()
    }

    /// The value that a label must have, if a matcher states one.
    pub fn equal(&self, label: &str) -> Option<&str> {
        let stated = |matcher: &&Matcher| matches!(matcher.operator, Operator::Equal);
        self.of(label).find(stated).map(|matcher| matcher.value.as_str())
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.matchers.iter().map(Matcher::to_string).collect();
        write!(f, "{{{}}}", texts.join(","))
    }
}
