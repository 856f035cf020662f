//! Arguments of `rules`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::time::{Moment, TimeError};

const FILE_HELP: &str =
    "FILE is TOML, or YAML if it ends in .yaml or .yml; docs/alerts.md has its keys.";

/// Commands about rules of alerts.
#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// Put a file of rules in force, in place of all rules before, and show what that changes
    #[command(after_help = format!("{FILE_HELP}\nA file with a mistake changes nothing. The same file \
        twice changes nothing the second time.\n\n\
        Examples:\n  \
        driftline rules apply rules.toml --dry-run\n  \
        driftline rules apply rules.toml --by 'release 41'"))]
    Apply(ApplyArgs),
    /// Write out the rules in force, as a file that can be applied again
    #[command(after_help = "Examples:\n  \
        driftline rules export > rules.toml\n  \
        driftline rules export --format yaml")]
    Export,
    /// List the rules in force: their alerts by state, when they were evaluated, what failed
    List,
    /// Show how it goes with rules, alerts and what is sent
    Status,
    /// Find the mistakes of a file of rules; exit code 1 if it has any
    #[command(after_help = format!("{FILE_HELP}\n\n\
        Examples:\n  \
        driftline rules check rules.toml\n  \
        driftline rules check rules.yaml --offline"))]
    Check(CheckArgs),
    /// Show what a file of rules changes against another, key by key
    #[command(after_help = format!("{FILE_HELP}\n\n\
        Example:\n  \
        driftline rules diff old.toml new.yaml"))]
    Diff(DiffArgs),
    /// Run rules over stored history: when they would have been pending, fired and been suppressed
    #[command(after_help = format!("{FILE_HELP}\nWindows that lie whole between the two times are \
        judged, each once, with the labels that are known now.\n\n\
        Examples:\n  \
        driftline rules test rules.toml --from -30d --to now\n  \
        driftline rules test rules.toml --from -30d --to now --rule amount-drift --format json"))]
    Test(TestArgs),
    /// Propose thresholds for a wanted rate of false alarms, from the quiet part of history
    #[command(after_help = format!("{FILE_HELP}\nRules that compare with a number are tuned. A stretch of \
        more than two windows far from the median\ncounts as not quiet, and is left out.\n\n\
        Example:\n  \
        driftline rules tune rules.toml --from -60d --to now --false-alarms 1"))]
    Tune(TuneArgs),
}

/// Arguments of `rules apply`.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// File of rules
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Show what would change, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Who applies them, for the record [default: the user of this process]
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
}

/// Arguments of `rules check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// File of rules
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Check the file alone: whether models, features and references are there is not asked
    #[arg(long)]
    pub offline: bool,
}

/// Arguments of `rules diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// File of the rules before
    #[arg(value_name = "BEFORE")]
    pub before: PathBuf,
    /// File of the rules after
    #[arg(value_name = "AFTER")]
    pub after: PathBuf,
}

/// File and interval of a run over history.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// File of rules
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// First instant of the history
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub from: Moment,
    /// First instant after the history
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub to: Moment,
    /// Rule to run, and those that it names; repeatable [default: all]
    #[arg(long, value_name = "NAME")]
    pub rule: Vec<String>,
}

impl HistoryArgs {
    /// The interval, with times relative to `now_micros`.
    ///
    /// # Errors
    /// If a time lies outside the years 0001 to 9999.
    pub fn interval(&self, now_micros: i64) -> Result<(i64, i64), TimeError> {
        Ok((self.from.resolve(now_micros)?, self.to.resolve(now_micros)?))
    }
}

/// Arguments of `rules test`.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// File and interval.
    #[command(flatten)]
    pub history: HistoryArgs,
}

/// Arguments of `rules tune`.
#[derive(Debug, Args)]
pub struct TuneArgs {
    /// File and interval.
    #[command(flatten)]
    pub history: HistoryArgs,
    /// False alarms of each rule in 30 days that are wanted at most
    #[arg(long, value_name = "N", default_value = "1", value_parser = parse_rate,
          allow_hyphen_values = true)]
    pub false_alarms: f64,
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate >= 0.0 && rate.is_finite() => Ok(rate),
        _ => Err("must be a number that is not negative, such as 1 or 0.5".to_owned()),
    }
}
