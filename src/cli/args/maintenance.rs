//! Arguments of `inspect` and `predictions`, and of retention.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};
use driftline_storage::Retention;

/// Arguments of `inspect`.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// The file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Commands about stored predictions.
#[derive(Debug, Subcommand)]
pub enum PredictionsCommand {
    /// Delete predictions by id, with their labels, in all versions; this cannot be undone
    #[command(after_help = "A file has one id a line; - is stdin, which needs --yes.\n\n\
        Examples:\n  \
        driftline predictions delete --model fraud --id 7f3a --id 80bc\n  \
        driftline predictions delete --model fraud --ids erased.txt --yes")]
    Delete(DeleteArgs),
}

/// Arguments of `predictions delete`.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("which").args(["id", "ids"]).required(true).multiple(true))]
pub struct DeleteArgs {
    /// Name of the model
    #[arg(long, value_name = "M")]
    pub model: String,
    /// Id of a prediction; repeatable
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub id: Vec<String>,
    /// File of ids, one a line, - for stdin
    #[arg(long, value_name = "FILE")]
    pub ids: Option<PathBuf>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// Arguments of `models retention`.
#[derive(Debug, Args)]
pub struct RetentionArgs {
    /// Name of the model
    #[arg(long, value_name = "M")]
    pub model: String,
    /// Days that rows and ids are kept
    #[arg(long, value_name = "DAYS", value_parser = parse_keep)]
    pub rows: Option<Keep>,
    /// Days that counts by minute are kept
    #[arg(long, value_name = "DAYS", value_parser = parse_keep)]
    pub minutes: Option<Keep>,
    /// Days that counts by hour are kept
    #[arg(long, value_name = "DAYS", value_parser = parse_keep)]
    pub hours: Option<Keep>,
    /// Days that counts by day are kept; what is older is gone altogether
    #[arg(long, value_name = "DAYS", value_parser = parse_keep)]
    pub days: Option<Keep>,
    /// Days that points of metric series are kept
    #[arg(long, value_name = "DAYS", value_parser = parse_keep)]
    pub series: Option<Keep>,
    /// Keep everything for ever
    #[arg(long, conflicts_with_all = ["rows", "minutes", "hours", "days", "series"])]
    pub keep_all: bool,
}

/// How long a level is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// So many days.
    Days(u32),
    /// For ever.
    Forever,
}

impl RetentionArgs {
    /// The retention with what was stated put in; none if nothing was.
    pub fn change(&self, known: Retention) -> Option<Retention> {
        let stated = [self.rows, self.minutes, self.hours, self.days, self.series];
        if self.keep_all {
            return Some(Retention::default());
        }
        if stated.iter().all(Option::is_none) {
            return None;
        }
        let put = |stated: Option<Keep>, known: Option<u32>| match stated {
            None => known,
            Some(Keep::Days(days)) => Some(days),
            Some(Keep::Forever) => None,
        };
        Some(Retention {
            rows_days: put(self.rows, known.rows_days),
            minutes_days: put(self.minutes, known.minutes_days),
            hours_days: put(self.hours, known.hours_days),
            days_days: put(self.days, known.days_days),
            series_days: put(self.series, known.series_days),
        })
    }
}

/// Reads whole days: `90d`, `12w`, `2y` of 365 days, or `forever`.
fn parse_keep(text: &str) -> Result<Keep, String> {
    let wrong = || format!("{text:?} must be whole days such as 90d, 12w or 1y, or forever");
    if text == "forever" {
        return Ok(Keep::Forever);
    }
    let unit_days = match text.bytes().last() {
        Some(b'd') => 1,
        Some(b'w') => 7,
        Some(b'y') => 365,
        _ => return Err(wrong()),
    };
    let number: u32 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    let days = number.checked_mul(unit_days).filter(|days| *days > 0);
    days.map(Keep::Days).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_whole_and_a_year_has_365() {
        assert_eq!(parse_keep("90d"), Ok(Keep::Days(90)));
        assert_eq!(parse_keep("12w"), Ok(Keep::Days(84)));
        assert_eq!(parse_keep("2y"), Ok(Keep::Days(730)));
        assert_eq!(parse_keep("forever"), Ok(Keep::Forever));
        for wrong in ["", "d", "36h", "1.5d", "-1d", "0d", "90", "99999999y", "1mo", "9ü"] {
            let error = parse_keep(wrong).expect_err(wrong);
            assert!(error.contains("such as 90d"), "{wrong}: {error}");
        }
    }
}
