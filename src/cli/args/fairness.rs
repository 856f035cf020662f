//! Arguments of `query fairness`, and the request that they mean.

use clap::{
    Args, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};
use driftline_query::{FairnessMetric, FairnessRequest, SelectionOf, stats::EmptyRate};

use super::scope::SeriesArgs;
use crate::cli::time::TimeError;

/// Which predictions selection rates are compared of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SelectionArg {
    /// Those whose label is known
    Labelled,
    /// All of them
    All,
}

/// What a group counts as in a comparison of a rate that it does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EmptyRateArg {
    /// It is left out of that comparison
    LeftOut,
    /// A rate of 0, like fairlearn
    Zero,
}

/// Arguments of `query fairness`.
#[derive(Debug, Args)]
pub struct FairnessArgs {
    /// Model, version, interval, its windows and groups.
    #[command(flatten)]
    pub series: SeriesArgs,
    /// Class whose rates are compared [default: the positive class]
    #[arg(long, value_name = "CLASS")]
    pub class: Option<String>,
    /// Rate of each group, or comparison of the groups; repeatable [default: all]
    #[arg(long, value_parser = metric_parser())]
    pub metric: Vec<FairnessMetric>,
    /// Leave groups with fewer labelled predictions out of comparisons [default: compare all, and
    /// warn below 30]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub min_group_size: Option<u64>,
    /// Ratio of selection rates from which on groups are selected alike
    #[arg(long, value_name = "RATIO", default_value = "0.8", value_parser = parse_threshold,
          allow_hyphen_values = true)]
    pub threshold: f64,
    /// Predictions that selection rates are compared of
    #[arg(long, value_enum, default_value = "labelled")]
    pub selection: SelectionArg,
    /// What a group without a rate counts as where that rate is compared
    #[arg(long, value_enum, default_value = "left-out")]
    pub empty_rate: EmptyRateArg,
}

impl FairnessArgs {
    /// The request, with times relative to `now_micros`.
    ///
    /// # Errors
    /// If a time lies outside the years 0001 to 9999.
    pub fn request(&self, now_micros: i64) -> Result<FairnessRequest, TimeError> {
        Ok(FairnessRequest {
            scope: self.series.scope(now_micros)?,
            class: self.class.clone(),
            metrics: self.metric.clone(),
            min_group_size: self.min_group_size,
            threshold: self.threshold,
            selection: match self.selection {
                SelectionArg::Labelled => SelectionOf::Labelled,
                SelectionArg::All => SelectionOf::All,
            },
            empty_rate: match self.empty_rate {
                EmptyRateArg::LeftOut => EmptyRate::LeftOut,
                EmptyRateArg::Zero => EmptyRate::Zero,
            },
        })
    }
}

fn metric_parser() -> impl TypedValueParser<Value = FairnessMetric> {
    PossibleValuesParser::new(FairnessMetric::ALL.map(FairnessMetric::name))
        .try_map(|name| FairnessMetric::parse(&name))
}

fn parse_threshold(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(threshold) if threshold > 0.0 && threshold <= 1.0 => Ok(threshold),
        _ => Err("must be a ratio above 0 and at most 1, such as 0.8".to_owned()),
    }
}
