//! Arguments of `query compare`, and the request that they mean.

use clap::Args;
use driftline_query::{AgreementRequest, CompareMetric, CompareRequest, Correction, Filter, Sides};

use super::scope::{SeriesArgs, correction_parser};
use crate::cli::time::TimeError;

/// Arguments of `query compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// Model, version, interval, its windows and groups.
    #[command(flatten)]
    pub series: SeriesArgs,
    /// What the predictions of the first side hold, as --where; also version=v1; repeatable
    #[arg(long, value_name = "COND", value_parser = Filter::parse, requires = "b",
          required_unless_present = "baseline")]
    pub a: Vec<Filter>,
    /// What those of the second side hold; repeatable
    #[arg(long, value_name = "COND", value_parser = Filter::parse, requires = "a")]
    pub b: Vec<Filter>,
    /// Pair the predictions of both sides that have the same id, as of a shadow and production, and
    /// say how they agree
    #[arg(long, conflicts_with_all = ["baseline", "metric", "class", "split", "exact",
          "min_samples", "correction"])]
    pub shadow: bool,
    /// Value of --by that each other value is compared with, in the place of --a and --b
    #[arg(long, value_name = "VALUE", requires = "by", conflicts_with_all = ["a", "b"])]
    pub baseline: Option<String>,
    /// accuracy, precision, recall, specificity, selection_rate, error_rate, mae, mse, residual_mean,
    /// brier, mean:COLUMN or categories:COLUMN; repeatable
    /// [default: accuracy and selection_rate, or mae and mean:prediction of a regression]
    #[arg(long, value_parser = CompareMetric::parse)]
    pub metric: Vec<CompareMetric>,
    /// Class that shares are of [default: the positive class]
    #[arg(long, value_name = "CLASS")]
    pub class: Option<String>,
    /// Planned split of the predictions, a number for each side: 0.5,0.5 or 9,1
    #[arg(long, value_name = "SHARES", value_delimiter = ',', value_parser = parse_share,
          allow_hyphen_values = true)]
    pub split: Vec<f64>,
    /// Read the rows of means, for exact ranks (Mann-Whitney), and slower
    #[arg(long)]
    pub exact: bool,
    /// Rows of a side below which to warn
    #[arg(long, value_name = "N", default_value_t = CompareRequest::default().min_samples,
          allow_hyphen_values = true)]
    pub min_samples: u64,
    /// Adjust p-values for the number of results in a window [default: none]
    #[arg(long, value_parser = correction_parser())]
    pub correction: Option<Correction>,
}

impl CompareArgs {
    /// The request, with times relative to `now_micros`.
    ///
    /// # Errors
    /// If a time lies outside the years 0001 to 9999.
    pub fn request(&self, now_micros: i64) -> Result<CompareRequest, TimeError> {
        let two = || Sides::Two { a: self.a.clone(), b: self.b.clone() };
        Ok(CompareRequest {
            scope: self.series.scope(now_micros)?,
            sides: self.baseline.clone().map_or_else(two, Sides::Baseline),
            metrics: self.metric.clone(),
            class: self.class.clone(),
            split: self.split.clone(),
            exact: self.exact,
            min_samples: self.min_samples,
            correction: self.correction.unwrap_or_default(),
        })
    }

    /// The request of `--shadow`, with times relative to `now_micros`.
    ///
    /// # Errors
    /// If a time lies outside the years 0001 to 9999.
    pub fn agreement_request(&self, now_micros: i64) -> Result<AgreementRequest, TimeError> {
        let scope = self.series.scope(now_micros)?;
        Ok(AgreementRequest { scope, a: self.a.clone(), b: self.b.clone() })
    }
}

fn parse_share(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(share) if share > 0.0 && share.is_finite() => Ok(share),
        _ => Err("must be positive numbers, such as 0.5,0.5 or 9,1".to_owned()),
    }
}
