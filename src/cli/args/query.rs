//! Arguments of `query`, and the requests that they mean.

use clap::{
    Args, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};
use driftline_query::{
    By, Correction, DistributionRequest, DriftRequest, Filter, Method, Metric, Peer,
    PerformanceRequest, QualityRequest, Scope, ShareOptions, limits::BINS_MAX,
};

use super::{compare::CompareArgs, fairness::FairnessArgs};
use crate::cli::time::{Moment, TimeError, parse_duration};

const TIMES_HELP: &str = "Times are RFC 3339 (2026-01-01T00:00:00Z) or relative (-7d, -90m, now, \
    now-7d).\nWithout --version all versions count together.\n\
    Columns of --where and --by are features, score, prediction, latency_ms and status.";

/// Commands that ask.
#[derive(Debug, Subcommand)]
pub enum QueryCommand {
    /// How far features, score and prediction moved from a reference
    #[command(after_help = format!("{TIMES_HELP}\n\n\
        Examples:\n  \
        driftline query drift --model fraud --from -1d --to now\n  \
        driftline query drift --model fraud --from -7d --to now --step 1d --feature amount\n  \
        driftline query drift --model fraud --from -1d --to now --method ks --exact --format json\n  \
        driftline query drift --model fraud --from -7d --to now --step 1d --method chi2 --share \
        --correction bh\n  \
        driftline query drift --model fraud --from -1d --to now --as evidently"))]
    Drift(DriftArgs),
    /// How good the predictions were whose labels are known
    #[command(after_help = format!("{TIMES_HELP}\n\n\
        Examples:\n  \
        driftline query performance --model fraud --from -30d --to now --step 1d\n  \
        driftline query performance --model fraud --from -7d --to now --metric recall --metric roc_auc\n  \
        driftline query performance --model price --from -7d --to now --metric mae --format csv"))]
    Performance(PerformanceArgs),
    /// How the values of a feature lie, beside a reference
    #[command(after_help = format!("{TIMES_HELP}\n\n\
        Example:\n  \
        driftline query distribution --model fraud --feature amount --from -1d --to now"))]
    Distribution(DistributionArgs),
    /// What features, score and prediction hold: nulls, odd values, ranges, and how fresh they are
    #[command(after_help = format!("{TIMES_HELP}\n\
        Without a reference there is nothing to compare with; the counts are shown.\n\n\
        Examples:\n  \
        driftline query quality --model fraud --from -1d --to now\n  \
        driftline query quality --model fraud --from -7d --to now --step 1d --feature amount"))]
    Quality(QualityArgs),
    /// Whether groups are selected, found and wrongly flagged alike
    #[command(after_help = format!("{TIMES_HELP}\n\n\
        Examples:\n  \
        driftline query fairness --model credit --by sex --from -30d --to now\n  \
        driftline query fairness --model credit --by age:30,45,60 --from -30d --to now --step 7d\n  \
        driftline query fairness --model credit --by sex --by region --from -30d --to now \
        --min-group-size 50"))]
    Fairness(FairnessArgs),
    /// How two sides differ: versions, variants of an experiment, or any two slices
    #[command(after_help = format!("{TIMES_HELP}\n\n\
        Examples:\n  \
        driftline query compare --model fraud --a version=v2 --b version=v1 --from -7d --to now\n  \
        driftline query compare --model fraud --by variant --baseline control --split 1,1,1 \
        --from -7d --to now\n  \
        driftline query compare --model fraud --a country=FR --b country=DE --metric mean:score \
        --metric error_rate --from -7d --to now --exact\n  \
        driftline query compare --model fraud --shadow --a version=v1 --b version=v2 --from -7d \
        --to now"))]
    Compare(CompareArgs),
}

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

/// Arguments of `query drift`.
#[derive(Debug, Args)]
pub struct DriftArgs {
    /// Model, version, interval, its windows and groups.
    #[command(flatten)]
    pub series: SeriesArgs,
    /// Statistic; repeatable [default: psi]
    #[arg(long, value_parser = method_parser())]
    pub method: Vec<Method>,
    /// Feature, or score or prediction; repeatable [default: all]
    #[arg(long, value_name = "F")]
    pub feature: Vec<String>,
    /// Name of the reference [default: the one named "default", else the oldest]
    #[arg(long, value_name = "NAME")]
    pub reference: Option<String>,
    /// Quantile bins of PSI
    #[arg(long, value_name = "N", default_value_t = DriftRequest::default().bins,
          value_parser = parse_bins)]
    pub bins: usize,
    /// Share that empty bins of PSI are raised to
    #[arg(long, value_name = "SHARE", default_value = "1e-4", value_parser = parse_epsilon,
          allow_hyphen_values = true)]
    pub epsilon: f64,
    /// Read all rows for statistics of values: exact, with p-values, and slower
    #[arg(long)]
    pub exact: bool,
    /// Say more: PSI without its bias, as a test and as an interval; degrees of freedom
    #[arg(long)]
    pub details: bool,
    /// Judge each column, and say which share of them drifts
    #[arg(long)]
    pub share: bool,
    /// Adjust p-values for the number of columns in a window [default: none]
    #[arg(long, requires = "share", value_parser = correction_parser())]
    pub correction: Option<Correction>,
    /// p-value below which a test drifts, or value above which another statistic does
    /// [default: 0.05 of tests, 0.2 of psi, 3 of mean_shift; the others need one]
    #[arg(long, value_name = "X", requires = "share", value_parser = parse_threshold,
          allow_hyphen_values = true)]
    pub threshold: Option<f64>,
    /// Values in the window that a column needs for a verdict [default: 100]
    #[arg(long, value_name = "N", requires = "share")]
    pub min_samples: Option<u64>,
    /// Reproduce another tool's numbers and verdicts: its bins, zero rule and threshold, and without
    /// --method its choice for each column
    #[arg(long = "as", value_name = "TOOL", value_parser = peer_parser(),
          conflicts_with_all = ["share", "exact", "details", "bins", "epsilon"])]
    pub peer: Option<Peer>,
}

impl DriftArgs {
    /// The request, with times relative to `now_micros`.
    ///
    /// # Errors
    /// If a time lies outside the years 0001 to 9999.
    pub fn request(&self, now_micros: i64) -> Result<DriftRequest, TimeError> {
        Ok(DriftRequest {
            scope: self.series.scope(now_micros)?,
            methods: self.method.clone(),
            features: self.feature.clone(),
            reference: self.reference.clone(),
            bins: self.bins,
            epsilon: self.epsilon,
            exact: self.exact,
            details: self.details,
            share: self.share.then(|| self.share_options()),
            peer: self.peer,
        })
    }

    fn share_options(&self) -> ShareOptions {
        let default = ShareOptions::default();
        ShareOptions {
            correction: self.correction.unwrap_or(default.correction),
            threshold: self.threshold,
            min_samples: self.min_samples.unwrap_or(default.min_samples),
        }
    }
}

/// Arguments of `query performance`.
#[derive(Debug, Args)]
pub struct PerformanceArgs {
    /// Model, version, interval, its windows and groups.
    #[command(flatten)]
    pub series: SeriesArgs,
    /// Metric; repeatable [default: accuracy, or mae and rmse of a regression]
    #[arg(long, value_parser = metric_parser())]
    pub metric: Vec<Metric>,
}

impl PerformanceArgs {
    /// The request, with times relative to `now_micros`.
    ///
    /// # Errors
    /// If a time lies outside the years 0001 to 9999.
    pub fn request(&self, now_micros: i64) -> Result<PerformanceRequest, TimeError> {
        let scope = self.series.scope(now_micros)?;
        Ok(PerformanceRequest { scope, metrics: self.metric.clone() })
    }
}

/// Arguments of `query distribution`.
#[derive(Debug, Args)]
pub struct DistributionArgs {
    /// Model, version and interval.
    #[command(flatten)]
    pub scope: ScopeArgs,
    /// Feature, or score or prediction
    #[arg(long, value_name = "F")]
    pub feature: String,
    /// Name of the reference [default: the one named "default", else the oldest]
    #[arg(long, value_name = "NAME")]
    pub reference: Option<String>,
}

impl DistributionArgs {
    /// The request, with times relative to `now_micros`.
    ///
    /// # Errors
    /// If a time lies outside the years 0001 to 9999.
    pub fn request(&self, now_micros: i64) -> Result<DistributionRequest, TimeError> {
        Ok(DistributionRequest {
            scope: self.scope.scope(now_micros)?,
            feature: self.feature.clone(),
            reference: self.reference.clone(),
        })
    }
}

/// Arguments of `query quality`.
#[derive(Debug, Args)]
pub struct QualityArgs {
    /// Model, version, interval, its windows and groups.
    #[command(flatten)]
    pub series: SeriesArgs,
    /// Feature, or score or prediction; repeatable [default: all]
    #[arg(long, value_name = "F")]
    pub feature: Vec<String>,
    /// Name of the reference [default: the one named "default", else the oldest, else none]
    #[arg(long, value_name = "NAME")]
    pub reference: Option<String>,
}

impl QualityArgs {
    /// The request, with times relative to `now_micros`.
    ///
    /// # Errors
    /// If a time lies outside the years 0001 to 9999.
    pub fn request(&self, now_micros: i64) -> Result<QualityRequest, TimeError> {
        Ok(QualityRequest {
            scope: self.series.scope(now_micros)?,
            features: self.feature.clone(),
            reference: self.reference.clone(),
        })
    }
}

fn method_parser() -> impl TypedValueParser<Value = Method> {
    PossibleValuesParser::new(Method::ALL.map(Method::name)).try_map(|name| Method::parse(&name))
}

fn metric_parser() -> impl TypedValueParser<Value = Metric> {
    PossibleValuesParser::new(Metric::ALL.map(Metric::name)).try_map(|name| Metric::parse(&name))
}

fn peer_parser() -> impl TypedValueParser<Value = Peer> {
    PossibleValuesParser::new(Peer::ALL.map(Peer::name)).try_map(|name| Peer::parse(&name))
}

pub(super) fn correction_parser() -> impl TypedValueParser<Value = Correction> {
    PossibleValuesParser::new(Correction::ALL.map(Correction::name))
        .try_map(|name| Correction::parse(&name))
}

fn parse_threshold(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(threshold) if threshold >= 0.0 && threshold.is_finite() => Ok(threshold),
        _ => Err("must be a number that is not negative, such as 0.2".to_owned()),
    }
}

fn parse_bins(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(bins) if (2..=BINS_MAX).contains(&bins) => Ok(bins),
        _ => Err(format!("must be a whole number from 2 to {BINS_MAX}")),
    }
}

fn parse_epsilon(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(epsilon) if epsilon > 0.0 && epsilon < 1.0 => Ok(epsilon),
        _ => Err("must be a share above 0 and below 1, such as 1e-4".to_owned()),
    }
}
