//! Arguments that queries share: what is asked about, in which windows, and for how many tests is
//! corrected.

use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser},
};
use driftline_query::{By, Correction, Filter, Scope};

use crate::cli::time::{Moment, TimeError, parse_duration};

/// Model, version and interval.
#[derive(Debug, Args)]
pub struct ScopeArgs {
    /// Name of the model
    #[arg(long, value_name = "M")]
    pub model: String,
    /// Version of the model [default: all versions]
    #[arg(long, value_name = "V")]
    pub version: Option<String>,
    /// First instant of the window
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub from: Moment,
    /// First instant after the window
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub to: Moment,
    /// Only predictions that hold this: country=FR, status!=ok, 'age>=30', 'income is null';
    /// repeatable, all of them count
    #[arg(long = "where", value_name = "COND", value_parser = Filter::parse)]
    pub conditions: Vec<Filter>,
}

impl ScopeArgs {
    /// The scope, with times relative to `now_micros`.
    ///
    /// # Errors
    /// If a time lies outside the years 0001 to 9999.
    pub fn scope(&self, now_micros: i64) -> Result<Scope, TimeError> {
        Ok(Scope {
            model: self.model.clone(),
            version: self.version.clone(),
            from: self.from.resolve(now_micros)?,
            to: self.to.resolve(now_micros)?,
            conditions: self.conditions.clone(),
            ..Scope::default()
        })
    }
}

/// Model, version, interval, its windows and groups.
#[derive(Debug, Args)]
pub struct SeriesArgs {
    /// Model, version and interval.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Length of each window of a series: 1d, 6h, 15m, 30s, 1h30m [default: one window]
    #[arg(long, value_name = "DUR", value_parser = parse_duration, allow_hyphen_values = true)]
    pub step: Option<i64>,
    /// Also answer for each group by itself: by the values of a column, by version, or by bands of a
    /// number (age:30,45,60); repeatable
    #[arg(long, value_name = "COLUMN", value_parser = By::parse)]
    pub by: Vec<By>,
}

impl SeriesArgs {
    /// The scope, with times relative to `now_micros`.
    ///
    /// # Errors
    /// If a time lies outside the years 0001 to 9999.
    pub fn scope(&self, now_micros: i64) -> Result<Scope, TimeError> {
        Ok(Scope { step: self.step, by: self.by.clone(), ..self.scope.scope(now_micros)? })
    }
}

/// Reads a correction for many tests.
pub(super) fn correction_parser() -> impl TypedValueParser<Value = Correction> {
    PossibleValuesParser::new(Correction::ALL.map(Correction::name))
        .try_map(|name| Correction::parse(&name))
}
