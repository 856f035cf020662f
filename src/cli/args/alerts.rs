//! Arguments of `alerts`.

use clap::{
    Args, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser as _},
};
use driftline_alerts::{AlertState, Matcher, Severity};

use super::TestChannelArgs;
use crate::cli::time::{Moment, TimeError, parse_duration};

/// States by the names that reports have.
const STATES: [AlertState; 5] = [
    AlertState::Inactive,
    AlertState::Pending,
    AlertState::Firing,
    AlertState::Resolved,
    AlertState::NoData,
];
/// Events of `alerts history` unless it is told otherwise.
const EVENTS_DEFAULT: &str = "1000";

/// Commands about alerts.
#[derive(Debug, Subcommand)]
pub enum AlertsCommand {
    /// List alerts and their states
    #[command(after_help = "Examples:\n  \
        driftline alerts list --state firing\n  \
        driftline alerts list --model fraud --severity critical --format json")]
    List(AlertFilterArgs),
    /// Show an alert: its state, what it is compared with, and what became of it lately
    #[command(after_help = "Examples:\n  \
        driftline alerts show amount-drift\n  \
        driftline alerts show amount-drift/amount\n  \
        driftline alerts show 9f86d081884c7d65")]
    Show(AlertArgs),
    /// Show what became of alerts and what was sent of it
    #[command(after_help = "Examples:\n  \
        driftline alerts history --from -7d --to now\n  \
        driftline alerts history --rule amount-drift --state firing --format csv")]
    History(AlertHistoryArgs),
    /// Silence alerts for a while: firings are recorded and not sent
    #[command(
        after_help = "A matcher compares rule, model, version, feature, metric, severity or a \
        label of a rule\nby =, !=, =~ (regular expression, of all of the value) or !~; an alert has \
        to fit all.\n\n\
        Examples:\n  \
        driftline alerts silence --matcher rule=amount-drift --for 2h --comment 'backfill'\n  \
        driftline alerts silence --matcher model=fraud --matcher 'feature=~amount|age' --until \
        2026-03-01T00:00:00Z"
    )]
    Silence(SilenceArgs),
    /// List silences
    Silences {
        /// Also those that ended in the last 30 days
        #[arg(long)]
        expired: bool,
    },
    /// End a silence now
    #[command(after_help = "Example:\n  driftline alerts unsilence 3")]
    Unsilence {
        /// Number of the silence
        #[arg(value_name = "ID")]
        id: u64,
    },
    /// Take note of a firing: it is not sent again, its end is told
    #[command(after_help = "Example:\n  \
        driftline alerts ack amount-drift/amount --comment 'retraining runs'")]
    Ack(AckArgs),
    /// Take the note back
    Unack(AlertArgs),
    /// Show what waits to be sent
    Outbox(NoticesArgs),
    /// Show what could not be sent and was given up
    DeadLetters(NoticesArgs),
    /// Send dead letters again
    #[command(after_help = "Examples:\n  \
        driftline alerts retry 12\n  \
        driftline alerts retry --all")]
    Retry(LettersArgs),
    /// Throw dead letters away
    Drop(LettersArgs),
    /// Send a firing and its end over a channel of a file, both marked as a test, and show what came of it
    #[command(
        after_help = "They are sent now and from here: secrets are read from the environment and files of\n\
        this command, and no database is asked. Exit code 1 if the receiver did not take them.\n\n\
        Example:\n  \
        driftline alerts test-channel rules.toml --channel ops"
    )]
    TestChannel(TestChannelArgs),
}

/// Which alerts.
#[derive(Debug, Args)]
pub struct AlertFilterArgs {
    /// State: inactive, pending, firing, resolved or no_data; repeatable [default: any]
    #[arg(long, value_name = "STATE", value_parser = states(), hide_possible_values = true)]
    pub state: Vec<AlertState>,
    /// Name of a rule
    #[arg(long, value_name = "NAME")]
    pub rule: Option<String>,
    /// Name of a model
    #[arg(long, value_name = "M")]
    pub model: Option<String>,
    /// Name of a feature
    #[arg(long, value_name = "F")]
    pub feature: Option<String>,
    /// Severity: info, warning or critical
    #[arg(long, value_name = "S", value_parser = severities(), hide_possible_values = true)]
    pub severity: Option<Severity>,
}

/// An alert as a user names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlertName {
    /// The key of a firing.
    Key(String),
    /// The rule, and the feature if each has an alert of its own.
    Rule(String, Option<String>),
}

/// One alert.
#[derive(Debug, Args)]
pub struct AlertArgs {
    /// RULE, RULE/FEATURE, or the key of a firing
    #[arg(value_name = "ALERT", value_parser = parse_alert)]
    pub alert: AlertName,
}

/// Arguments of `alerts history`.
#[derive(Debug, Args)]
pub struct AlertHistoryArgs {
    /// First instant
    #[arg(long, value_name = "T", allow_hyphen_values = true, default_value = "-7d")]
    pub from: Moment,
    /// First instant after it
    #[arg(long, value_name = "T", allow_hyphen_values = true, default_value = "now")]
    pub to: Moment,
    /// State: inactive, pending, firing, resolved or no_data; repeatable [default: any]
    #[arg(long, value_name = "STATE", value_parser = states(), hide_possible_values = true)]
    pub state: Vec<AlertState>,
    /// Name of a rule
    #[arg(long, value_name = "NAME")]
    pub rule: Option<String>,
    /// Name of a model
    #[arg(long, value_name = "M")]
    pub model: Option<String>,
    /// Name of a feature
    #[arg(long, value_name = "F")]
    pub feature: Option<String>,
    /// Most events, the newest
    #[arg(long, value_name = "N", default_value = EVENTS_DEFAULT, value_parser = parse_limit)]
    pub limit: usize,
}

impl AlertHistoryArgs {
    /// The interval, with times relative to `now_micros`.
    ///
    /// # Errors
    /// If a time lies outside the years 0001 to 9999.
    pub fn interval(&self, now_micros: i64) -> Result<(i64, i64), TimeError> {
        Ok((self.from.resolve(now_micros)?, self.to.resolve(now_micros)?))
    }
}

/// Arguments of `alerts silence`.
#[derive(Debug, Args)]
pub struct SilenceArgs {
    /// What an alert has to fit, such as rule=amount-drift; repeatable
    #[arg(long, value_name = "MATCHER", required = true, value_parser = parse_matcher)]
    pub matcher: Vec<Matcher>,
    /// How long from its start
    #[arg(long = "for", value_name = "DUR", value_parser = parse_duration,
          allow_hyphen_values = true, required_unless_present = "until", conflicts_with = "until")]
    pub length: Option<i64>,
    /// When it ends
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub until: Option<Moment>,
    /// When it begins
    #[arg(long, value_name = "T", allow_hyphen_values = true, default_value = "now")]
    pub from: Moment,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub comment: String,
    /// Who silences [default: the user of this process]
    #[arg(long, value_name = "NAME")]
    pub author: Option<String>,
}

impl SilenceArgs {
    /// Start and end, with times relative to `now_micros`.
    ///
    /// # Errors
    /// If a time lies outside the years 0001 to 9999.
    pub fn interval(&self, now_micros: i64) -> Result<(i64, i64), TimeError> {
        let starts = self.from.resolve(now_micros)?;
        let ends = match (self.until, self.length) {
            (Some(until), _) => until.resolve(now_micros)?,
            (None, length) => Moment::FromNow(length.unwrap_or(0)).resolve(starts)?,
        };
        Ok((starts, ends))
    }
}

/// Arguments of `alerts ack`.
#[derive(Debug, Args)]
pub struct AckArgs {
    /// The alert.
    #[command(flatten)]
    pub alert: AlertArgs,
    /// What is known or done about it
    #[arg(long, value_name = "TEXT")]
    pub comment: String,
    /// Who takes note [default: the user of this process]
    #[arg(long, value_name = "NAME")]
    pub author: Option<String>,
}

/// Arguments of `alerts outbox` and `alerts dead-letters`.
#[derive(Debug, Args)]
pub struct NoticesArgs {
    /// Most notices, the oldest
    #[arg(long, value_name = "N", default_value = EVENTS_DEFAULT, value_parser = parse_limit)]
    pub limit: usize,
}

/// Which dead letters.
#[derive(Debug, Args)]
pub struct LettersArgs {
    /// Numbers of dead letters
    #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
    pub ids: Vec<u64>,
    /// All of them
    #[arg(long)]
    pub all: bool,
}

fn states() -> impl clap::builder::TypedValueParser<Value = AlertState> {
    let names = PossibleValuesParser::new(STATES.map(AlertState::name));
    names.try_map(|name| STATES.into_iter().find(|state| state.name() == name).ok_or("is no state"))
}

fn severities() -> impl clap::builder::TypedValueParser<Value = Severity> {
    let names = PossibleValuesParser::new(Severity::ALL.map(Severity::name));
    names.try_map(|name| {
        Severity::ALL.into_iter().find(|one| one.name() == name).ok_or("is no severity")
    })
}

fn parse_matcher(text: &str) -> Result<Matcher, String> {
    Matcher::parse(text)
}

fn parse_limit(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(limit) if limit > 0 => Ok(limit),
        _ => Err("must be a whole number of 1 or more".to_owned()),
    }
}

/// A key is sixteen hexadecimal digits, which a rule is hardly named; `RULE/` says that it is one.
fn parse_alert(text: &str) -> Result<AlertName, String> {
    let is_key = text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let (rule, feature) = match text.split_once('/') {
        _ if is_key => return Ok(AlertName::Key(text.to_owned())),
        Some((rule, feature)) => (rule, Some(feature.to_owned()).filter(|name| !name.is_empty())),
        None => (text, None),
    };
    if rule.is_empty() {
        return Err("names no rule; write RULE, RULE/FEATURE or the key of a firing".to_owned());
    }
    Ok(AlertName::Rule(rule.to_owned(), feature))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_named_by_rule_feature_or_key() {
        let rule = |rule: &str, feature: Option<&str>| {
            Ok(AlertName::Rule(rule.to_owned(), feature.map(str::to_owned)))
        };
        assert_eq!(parse_alert("drift"), rule("drift", None));
        assert_eq!(parse_alert("drift/a/b"), rule("drift", Some("a/b")));
        assert_eq!(parse_alert("drift/"), rule("drift", None));
        let key = "0123456789abcdef";
        assert_eq!(parse_alert(key), Ok(AlertName::Key(key.to_owned())));
        assert_eq!(parse_alert("0123456789abcdef/"), rule(key, None));
        assert!(parse_alert("/amount").is_err());
    }
}
