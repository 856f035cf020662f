//! Arguments of `import series` and `query series`.

use clap::Args;
use driftline_query::{By, Filter, Scope, SeriesAxis, SeriesListRequest, SeriesRequest};

use crate::cli::time::{Moment, TimeError, parse_duration};

/// Arguments of `import series`.
#[derive(Debug, Args)]
pub struct SeriesImportArgs {
    /// Name of the model
    #[arg(long, value_name = "M")]
    pub model: String,
    /// Version of all rows [default: the rows' version column, else "default"]
    #[arg(long, value_name = "V")]
    pub version: Option<String>,
    /// Column that has a role if it is not named like it; repeatable
    #[arg(long, value_name = "ROLE=COLUMN")]
    pub map: Vec<String>,
    /// Column that tells points apart, such as the host; repeatable
    #[arg(long, value_name = "COLUMN")]
    pub tag: Vec<String>,
    /// Files to read, - for stdin
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<String>,
}

/// What the windows of `query series` are of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Over {
    /// Event time
    #[default]
    Time,
    /// The training step
    Step,
}

/// Arguments of `query series`.
#[derive(Debug, Args)]
pub struct SeriesQueryArgs {
    /// Name of the model
    #[arg(long, value_name = "M")]
    pub model: String,
    /// Version of the model [default: all versions]
    #[arg(long, value_name = "V")]
    pub version: Option<String>,
    /// First instant of the window
    #[arg(long, value_name = "T", allow_hyphen_values = true, required_unless_present = "list")]
    pub from: Option<Moment>,
    /// First instant after the window
    #[arg(long, value_name = "T", allow_hyphen_values = true, required_unless_present = "list")]
    pub to: Option<Moment>,
    /// Name of a series; repeatable [default: all]
    #[arg(long, value_name = "NAME")]
    pub name: Vec<String>,
    /// Length of each window of a series: 1d, 6h, 15m, 30s, 1h30m [default: one window]
    #[arg(long, value_name = "DUR", value_parser = parse_duration, allow_hyphen_values = true)]
    pub step: Option<i64>,
    /// What windows are of
    #[arg(long, value_enum, default_value_t, conflicts_with = "list")]
    pub over: Over,
    /// Training steps of each window, with --over step [default: one window]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub step_size: Option<u64>,
    /// Also a quantile of the values, such as 0.5; repeatable
    #[arg(long, value_name = "Q", value_parser = parse_probability, conflicts_with = "list")]
    pub quantile: Vec<f64>,
    /// Only points that hold this: host=a, 'step>=1000', 'value is not null'; repeatable, all of
    /// them count
    #[arg(long = "where", value_name = "COND", value_parser = Filter::parse,
          conflicts_with = "list")]
    pub conditions: Vec<Filter>,
    /// Also answer for each group by itself: by the values of a tag, by version, or by bands of a
    /// number (step:1000,2000); repeatable
    #[arg(long, value_name = "TAG", value_parser = By::parse, conflicts_with = "list")]
    pub by: Vec<By>,
    /// List the series instead: names, versions, points and ranges
    #[arg(long, conflicts_with_all = ["name", "step", "step_size"])]
    pub list: bool,
}

impl SeriesQueryArgs {
    /// What contradicts itself in a way that the parser cannot state.
    ///
    /// # Errors
    /// The sentence to show.
    pub fn check(&self) -> Result<(), String> {
        match (self.over, self.step, self.step_size) {
            (Over::Time, _, Some(_)) => Err("--step-size needs --over step".to_owned()),
            (Over::Step, Some(_), _) => {
                Err("--step is a length of time; --over step has --step-size N".to_owned())
            }
            _ => Ok(()),
        }
    }

    /// The request, with times relative to `now_micros`.
    ///
    /// # Errors
    /// If a time lies outside the years 0001 to 9999.
    pub fn request(&self, now_micros: i64) -> Result<SeriesRequest, TimeError> {
        let at = |moment: Option<Moment>| {
            moment.map_or(Ok(now_micros), |moment| moment.resolve(now_micros))
        };
        Ok(SeriesRequest {
            scope: Scope {
                model: self.model.clone(),
                version: self.version.clone(),
                from: at(self.from)?,
                to: at(self.to)?,
                step: self.step,
                conditions: self.conditions.clone(),
                by: self.by.clone(),
                ..Scope::default()
            },
            names: self.name.clone(),
            axis: match self.over {
                Over::Time => SeriesAxis::Time,
                Over::Step => SeriesAxis::Step { size: self.step_size },
            },
            quantiles: self.quantile.clone(),
        })
    }

    /// The request to list, with times relative to `now_micros`.
    ///
    /// # Errors
    /// As for [`SeriesQueryArgs::request`].
    pub fn list_request(&self, now_micros: i64) -> Result<SeriesListRequest, TimeError> {
        let at = |moment: Option<Moment>| moment.map(|m| m.resolve(now_micros)).transpose();
        Ok(SeriesListRequest {
            model: self.model.clone(),
            version: self.version.clone(),
            from: at(self.from)?,
            to: at(self.to)?,
        })
    }
}

fn parse_probability(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(q) if (0.0..=1.0).contains(&q) => Ok(q),
        _ => Err("must be a probability from 0 to 1, such as 0.5".to_owned()),
    }
}
