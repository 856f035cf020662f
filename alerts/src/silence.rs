//! Silences: for a while, what their matchers say is recorded and not sent.
//!
//! Matchers are those of Alertmanager: a label that an alert does not have counts as empty, and a
//! regular expression must match all of a value.

use std::{collections::BTreeMap, fmt};

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use crate::{limits, rule::Rule};

/// How a matcher compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchOp {
    /// The value is so.
    Equal,
    /// It is not.
    NotEqual,
    /// The expression matches all of it.
    Matches,
    /// It does not.
    NotMatches,
}

impl MatchOp {
    /// All of them; those of two signs before those that they begin with.
    pub const ALL: [Self; 4] = [Self::NotEqual, Self::Matches, Self::NotMatches, Self::Equal];

    /// As it is written.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Matches => "=~",
            Self::NotMatches => "!~",
        }
    }
}

/// One condition of a silence; written as text, such as `feature =~ "amount|age"`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Matcher {
    name: String,
    op: MatchOp,
    value: String,
    regex: Option<Regex>,
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.op, &self.value) == (&other.name, other.op, &other.value)
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value.replace('\\', "\\\\").replace('"', "\\\"");
        write!(f, "{}{}\"{value}\"", self.name, self.op.sign())
    }
}

impl From<Matcher> for String {
    fn from(matcher: Matcher) -> Self {
        matcher.to_string()
    }
}

impl TryFrom<String> for Matcher {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl Matcher {
    /// A matcher of a label: `rule`, `model`, `version`, `feature`, `severity`, `metric`, or one of a
    /// rule's own.
    ///
    /// # Errors
    /// What is wrong and what would work, fit to follow the matcher.
    pub fn new(name: &str, op: MatchOp, value: &str) -> Result<Self, String> {
        let most = limits::TEXT_BYTES_MAX;
        if name.is_empty() {
            return Err("names no label; write rule=\"amount-drift\"".to_owned());
        }
        if name.len() > most || value.len() > most {
            return Err(format!("has a name or a value of more than {most} bytes"));
        }
        let regex = match op {
            MatchOp::Equal | MatchOp::NotEqual => None,
            MatchOp::Matches | MatchOp::NotMatches => Some(compile(value)?),
        };
        Ok(Self { name: name.to_owned(), op, value: value.to_owned(), regex })
    }

    /// Reads a matcher: `rule=amount-drift`, `feature!="age"`, `rule=~"amount-.*"`, `team!~"a|b"`.
    ///
    /// # Errors
    /// As [`Matcher::new`].
    pub fn parse(text: &str) -> Result<Self, String> {
        let found = text.find(['=', '!']).and_then(|place| text.split_at_checked(place));
        let Some((name, rest)) = found else {
            return Err("is no matcher; write rule=\"amount-drift\", !=, =~ or !~".to_owned());
        };
        let op = MatchOp::ALL.into_iter().find(|op| rest.starts_with(op.sign()));
        let Some(op) = op else {
            return Err("compares by none of =, !=, =~ and !~".to_owned());
        };
        let value = rest.strip_prefix(op.sign()).unwrap_or_default().trim();
        let value = match value.strip_prefix('"') {
            None => value.to_owned(),
            Some(quoted) => unquote(quoted)?,
        };
        Self::new(name.trim(), op, &value)
    }

    /// The label.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it is compared.
    pub fn op(&self) -> MatchOp {
        self.op
    }

    /// What it is compared with.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Whether a value fits.
    pub fn matches(&self, value: &str) -> bool {
        let fits = || self.regex.as_ref().is_some_and(|regex| regex.is_match(value));
        match self.op {
            MatchOp::Equal => value == self.value,
            MatchOp::NotEqual => value != self.value,
            MatchOp::Matches => fits(),
            MatchOp::NotMatches => !fits(),
        }
    }
}

/// What stands in quotes, up to the quote that must end the text.
fn unquote(text: &str) -> Result<String, String> {
    let mut value = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if letters.as_str().trim().is_empty() => return Ok(value),
            '"' => return Err("goes on after its closing quote".to_owned()),
            '\\' => value.extend(letters.next()),
            letter => value.push(letter),
        }
    }
    Err("has no closing quote".to_owned())
}

fn compile(value: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(&format!("^(?:{value})$"))
        .size_limit(limits::REGEX_BYTES_MAX)
        .dfa_size_limit(limits::REGEX_BYTES_MAX)
        .build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(most) => {
            format!("takes more than {most} bytes of memory; write a simpler expression")
        }
        error => {
            let told = error.to_string();
            let last = told.lines().last().unwrap_or_default().trim();
            format!("is no regular expression: {}", last.trim_start_matches("error: "))
        }
    })
}

/// What an alert is told apart by: `rule`, `model`, `version`, `metric`, `severity`, `feature` as far
/// as it has them, and the labels of its rule that are none of these.
pub fn labels(rule: &Rule, feature: Option<&str>) -> BTreeMap<String, String> {
    let mut labels = rule.labels.clone();
    let mut set = |name: &str, value: &str| labels.insert(name.to_owned(), value.to_owned());
    set("rule", &rule.name);
    set("severity", rule.severity.name());
    if let Some(measure) = rule.measure() {
        set("model", &measure.model);
        set("metric", measure.figure.name());
        set("version", measure.version.as_deref().unwrap_or_default());
    }
    set("feature", feature.unwrap_or_default());
    labels
}

/// A silence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Silence {
    /// Its number.
    pub id: u64,
    /// What an alert has to fit, all of it.
    pub matchers: Vec<Matcher>,
    /// When it begins, by the clock, in microseconds.
    pub starts: i64,
    /// When it ends.
    pub ends: i64,
    /// Who made it.
    #[serde(default)]
    pub author: String,
    /// Why.
    #[serde(default)]
    pub comment: String,
    /// When it was made.
    #[serde(default)]
    pub created: i64,
}

impl Silence {
    /// Whether it holds at an instant.
    pub fn is_active(&self, now: i64) -> bool {
        (self.starts..self.ends).contains(&now)
    }

    /// Whether it is about an alert with these labels.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = |name: &str| labels.get(name).map_or("", String::as_str);
        self.matchers.iter().all(|matcher| matcher.matches(value(&matcher.name)))
    }

    /// What is wrong with it, and what would work: it must end after it starts, and one matcher at
    /// least must not fit an alert that does not have the label, or it would silence everything.
    ///
    /// # Errors
    /// The field and what is wrong with it.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        let wrong = |field, text: &str| Err((field, text.to_owned()));
        if self.matchers.is_empty() {
            return wrong("matchers", "are missing; write rule=\"amount-drift\"");
        }
        if self.matchers.len() > limits::MATCHERS_MAX {
            let text = format!("are {}, at most {}", self.matchers.len(), limits::MATCHERS_MAX);
            return Err(("matchers", text));
        }
        if self.matchers.iter().all(|matcher| matcher.matches("")) {
            return wrong(
                "matchers",
                "fit every alert; one must name a value, as rule=~\".+\" does",
            );
        }
        if self.ends <= self.starts {
            return wrong("ends", "is not after the start; choose a later end");
        }
        let most = limits::TEXT_BYTES_MAX;
        for (field, text) in [("author", &self.author), ("comment", &self.comment)] {
            if text.len() > most {
                return Err((field, format!("has {} bytes, at most {most}", text.len())));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::rule;

    #[test]
    fn matchers_read_as_they_are_written_and_back() {
        for (text, want) in [
            ("rule=amount-drift", "rule=\"amount-drift\""),
            ("feature != \"age\" ", "feature!=\"age\""),
            ("rule=~amount-.*", "rule=~\"amount-.*\""),
            ("team !~ \"a|b\"", "team!~\"a|b\""),
            ("note=\"a \\\"b\\\" \\\\\"", "note=\"a \\\"b\\\" \\\\\""),
            ("version=", "version=\"\""),
        ] {
            let matcher = Matcher::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(matcher.to_string(), want);
            assert_eq!(Matcher::parse(want), Ok(matcher.clone()));
            let stored = serde_json::to_string(&matcher).expect("writes");
            assert_eq!(serde_json::from_str::<Matcher>(&stored).expect("reads"), matcher);
        }
    }

    #[test]
    fn matchers_that_do_not_read_say_why() {
        for (text, want) in [
            ("rule", "is no matcher"),
            ("=a", "names no label"),
            ("rule!a", "compares by none"),
            ("rule=\"a", "no closing quote"),
            ("rule=\"a\" b", "goes on after"),
            ("rule=~\"(\"", "is no regular expression: unclosed group"),
            ("rule=~\"(a{1000}){1000}\"", "takes more than"),
        ] {
            let error = Matcher::parse(text).expect_err(text);
            assert!(error.contains(want), "{text}: {error}");
        }
        let long = "a".repeat(limits::TEXT_BYTES_MAX + 1);
        assert!(Matcher::new("rule", MatchOp::Equal, &long).is_err());
        assert!(Matcher::new("rule", MatchOp::Equal, &long[1..]).is_ok());
    }

    #[test]
    fn a_silence_is_of_alerts_that_fit_all_its_matchers() {
        let mut drift = rule("metric = \"psi\"\nwhen = \"> 0.2\"\nwindow = \"1d\"");
        drift.labels.insert("team".into(), "risk".into());
        drift.labels.insert("rule".into(), "not the label of that name".into());
        let labels = labels(&drift, Some("amount"));
        let fits = |matchers: &[&str]| {
            let matchers = matchers.iter().map(|text| Matcher::parse(text).expect("reads"));
            let matchers = matchers.collect();
            let silence = Silence {
                id: 1,
                matchers,
                starts: 0,
                ends: 1,
                author: String::new(),
                comment: String::new(),
                created: 0,
            };
            silence.matches(&labels)
        };
        assert!(fits(&["rule=test"]) && fits(&["model=m", "feature=amount", "metric=psi"]));
        assert!(fits(&["severity=~warning|info"]) && fits(&["team=risk", "version="]));
        assert!(!fits(&["rule=tes"]) && !fits(&["rule=~tes"]) && !fits(&["rule=test", "team=ops"]));
        assert!(fits(&["rule!~tes"]) && fits(&["owner!=me"]) && !fits(&["owner=~.+"]));
    }

    #[test]
    fn a_silence_that_would_hold_for_everything_or_never_is_refused() {
        let silence = |matchers: &[&str], starts, ends| Silence {
            id: 1,
            matchers: matchers.iter().map(|text| Matcher::parse(text).expect("reads")).collect(),
            starts,
            ends,
            author: String::new(),
            comment: String::new(),
            created: 0,
        };
        let field = |silence: Silence| silence.check().err().map(|(field, _)| field);
        assert_eq!(field(silence(&["rule=a"], 0, 1)), None);
        assert_eq!(field(silence(&["rule=a"], 1, 1)), Some("ends"));
        assert_eq!(field(silence(&[], 0, 1)), Some("matchers"));
        assert_eq!(field(silence(&["rule=~.*", "version="], 0, 1)), Some("matchers"));
        assert_eq!(field(silence(&["rule=~.+"], 0, 1)), None);
        let many = vec!["rule=a"; limits::MATCHERS_MAX + 1];
        assert_eq!(field(silence(&many, 0, 1)), Some("matchers"));
        assert_eq!(field(silence(&many[1..], 0, 1)), None);
        let one = silence(&["rule=a"], 5, 7);
        assert_eq!([4, 5, 6, 7].map(|now| one.is_active(now)), [false, true, true, false]);
    }
}
