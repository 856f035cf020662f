//! Arguments of `query operations`.

use clap::Args;
use driftline_query::OperationsRequest;

use super::scope::SeriesArgs;
use crate::cli::time::TimeError;

/// Arguments of `query operations`.
#[derive(Debug, Args)]
pub struct OperationsArgs {
    /// Model, version, interval, its windows and groups.
    #[command(flatten)]
    pub series: SeriesArgs,
    /// Percentile of the latency; repeatable [default: 50, 90, 95, 99 and 99.9]
    #[arg(long, value_name = "P", value_parser = parse_percentile, allow_hyphen_values = true)]
    pub percentile: Vec<f64>,
    /// Status that is no error; repeatable [default: ok]
    #[arg(long, value_name = "STATUS")]
    pub ok: Vec<String>,
    /// Read latencies from rows: exact, and slower
    #[arg(long)]
    pub exact: bool,
}

impl OperationsArgs {
    /// The request, with times relative to `now_micros`.
    ///
    /// # Errors
    /// If a time lies outside the years 0001 to 9999.
    pub fn request(&self, now_micros: i64) -> Result<OperationsRequest, TimeError> {
        let default = OperationsRequest::default();
        Ok(OperationsRequest {
            scope: self.series.scope(now_micros)?,
            percentiles: match self.percentile.as_slice() {
                [] => default.percentiles,
                some => some.to_vec(),
            },
            ok: if self.ok.is_empty() { default.ok } else { self.ok.clone() },
            exact: self.exact,
        })
    }
}

fn parse_percentile(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(percentile) if (0.0..=100.0).contains(&percentile) => Ok(percentile),
        _ => Err("must be a number from 0 to 100, such as 99.9".to_owned()),
    }
}
