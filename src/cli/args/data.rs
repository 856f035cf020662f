//! Arguments of `import` and `reference`: files, and which of their columns has which role.

use clap::{Args, Subcommand};
use driftline_query::ReferenceName;
use driftline_storage::{ROLES, near_misses};

use super::SeriesImportArgs;
use crate::cli::time::{Moment, TimeError};

/// The name of a reference if none is given.
pub const REFERENCE_DEFAULT: &str = "default";

const FILES_HELP: &str = "Files are CSV, CSV.gz, JSON lines or Parquet, told apart by name and \
    first bytes; - is stdin.\nRoles of --map: prediction_id, ts, prediction, score, label, \
    label_ts, model, version,\nlatency_ms, status. Other columns are features.";

/// Commands about references.
#[derive(Debug, Subcommand)]
pub enum ReferenceCommand {
    /// Make the rows of files a reference
    #[command(after_help = format!("{FILES_HELP}\n\n\
        Examples:\n  \
        driftline reference set --model fraud train.parquet\n  \
        driftline reference set --model fraud --name q1 --map score=probability q1-*.csv.gz"))]
    Set(SetArgs),
    /// Make the stored predictions of a window a reference
    #[command(after_help = "Example:\n  \
        driftline reference pin --model fraud --name january \\\n    \
        --from 2026-01-01T00:00:00Z --to 2026-02-01T00:00:00Z")]
    Pin(PinArgs),
    /// List the references of a model, oldest first
    List {
        /// Name of the model
        #[arg(long, value_name = "M")]
        model: String,
    },
}

/// Arguments of `reference set`.
#[derive(Debug, Args)]
pub struct SetArgs {
    /// Name of the model
    #[arg(long, value_name = "M")]
    pub model: String,
    /// Version that the reference belongs to [default: the whole model]
    #[arg(long, value_name = "V")]
    pub version: Option<String>,
    /// Name of the reference; one of that name is replaced
    #[arg(long, default_value = REFERENCE_DEFAULT)]
    pub name: String,
    /// Column that has a role if it is not named like it; repeatable
    #[arg(long, value_name = "ROLE=COLUMN", value_parser = parse_map)]
    pub map: Vec<String>,
    /// Files to read, - for stdin
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<String>,
}

impl SetArgs {
    /// Owner and name of the reference.
    pub fn reference(&self) -> ReferenceName {
        reference(&self.model, self.version.as_deref(), &self.name)
    }
}

/// Arguments of `reference pin`.
#[derive(Debug, Args)]
pub struct PinArgs {
    /// Name of the model
    #[arg(long, value_name = "M")]
    pub model: String,
    /// Version whose predictions are taken [default: all versions]
    #[arg(long, value_name = "V")]
    pub version: Option<String>,
    /// Name of the reference; one of that name is replaced
    #[arg(long, default_value = REFERENCE_DEFAULT)]
    pub name: String,
    /// First instant of the window
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub from: Moment,
    /// First instant after the window
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub to: Moment,
}

impl PinArgs {
    /// Owner and name of the reference.
    pub fn reference(&self) -> ReferenceName {
        reference(&self.model, self.version.as_deref(), &self.name)
    }

    /// First instant inside and first after, in microseconds since 1970 UTC.
    ///
    /// # Errors
    /// If one lies outside the years 0001 to 9999.
    pub fn window(&self, now_micros: i64) -> Result<(i64, i64), TimeError> {
        Ok((self.from.resolve(now_micros)?, self.to.resolve(now_micros)?))
    }
}

fn reference(model: &str, version: Option<&str>, name: &str) -> ReferenceName {
    ReferenceName {
        model: model.to_owned(),
        version: version.map(str::to_owned),
        name: name.to_owned(),
    }
}

/// Commands that import.
#[derive(Debug, Subcommand)]
pub enum ImportCommand {
    /// Import predictions, with their labels if the files have them
    #[command(after_help = format!("{FILES_HELP}\n\n\
        Examples:\n  \
        driftline import predictions --model fraud --version v2 log.parquet\n  \
        zcat log.csv.gz | driftline import predictions --model fraud --map ts=served_at -"))]
    Predictions(ImportArgs),
    /// Import labels, joined to predictions by prediction_id
    #[command(after_help = format!("{FILES_HELP}\n\n\
        Examples:\n  \
        driftline import labels --model fraud chargebacks.csv\n  \
        driftline import labels --model fraud --map label=is_fraud --map label_ts=seen_at a.jsonl"))]
    Labels(LabelImportArgs),
    /// Import points of metric series, such as the loss of a training
    #[command(after_help = "Files are CSV, CSV.gz, JSON lines or Parquet; - is stdin.\n\
        Long files have a row per point: columns name, ts, value, and maybe step and version.\n\
        Wide files have no column name: each column of numbers beside ts, step and version is a \
        series.\nRoles of --map: name, ts, step, value, version. A point that is known already is \
        left as it is.\n\n\
        Examples:\n  \
        driftline import series --model fraud --version v2 metrics.csv\n  \
        driftline import series --model fraud --map ts=time --map step=epoch --tag host run.jsonl")]
    Series(SeriesImportArgs),
}

/// Arguments of `import predictions`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Name of the model
    #[arg(long, value_name = "M")]
    pub model: String,
    /// Version of all rows [default: the rows' version column, else "default"]
    #[arg(long, value_name = "V")]
    pub version: Option<String>,
    /// Column that has a role if it is not named like it; repeatable
    #[arg(long, value_name = "ROLE=COLUMN", value_parser = parse_map)]
    pub map: Vec<String>,
    /// Files to read, - for stdin
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<String>,
}

/// Arguments of `import labels`.
#[derive(Debug, Args)]
pub struct LabelImportArgs {
    /// Name of the model
    #[arg(long, value_name = "M")]
    pub model: String,
    /// Column that has a role if it is not named like it; repeatable
    #[arg(long, value_name = "ROLE=COLUMN", value_parser = parse_map)]
    pub map: Vec<String>,
    /// Files to read, - for stdin
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<String>,
}

/// Checks `role=column`, which stays as written.
fn parse_map(text: &str) -> Result<String, String> {
    let Some((role, column)) = text.split_once('=') else {
        return Err("must be ROLE=COLUMN, such as score=probability".to_owned());
    };
    if !ROLES.contains(&role) {
        let near = near_misses(role, ROLES);
        return Err(format!("{role:?} is not one of {}{near}", ROLES.join(", ")));
    }
    if column.is_empty() {
        return Err(format!("names no column for the role {role}"));
    }
    Ok(text.to_owned())
}

/// The first role that has two columns.
pub(super) fn repeated_role(maps: &[String]) -> Option<&str> {
    let role = |map: &'_ String| map.split_once('=').map_or(0, |(role, _)| role.len());
    let roles: Vec<&str> = maps.iter().map(|map| &map[..role(map)]).collect();
    roles.iter().enumerate().find(|(at, role)| roles[..*at].contains(role)).map(|(_, role)| *role)
}
