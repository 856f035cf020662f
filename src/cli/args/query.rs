//! Arguments of `query`, and the requests that they mean.

use clap::{
    Args, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};
use driftline_query::{
    ArrivalsRequest, Baseline, BinRule, Correction, DistributionRequest, DriftRequest, Method,
    Metric, Nulls, Peer, PerformanceRequest, QualityRequest, ShareOptions, limits::BINS_MAX,
};

use super::SeriesQueryArgs;
use super::compare::CompareArgs;
use super::curves::CurveArgs;
use super::fairness::FairnessArgs;
use super::operations::OperationsArgs;
use super::scope::{ScopeArgs, SeriesArgs, correction_parser};
use crate::cli::time::{Moment, TimeError};

const TIMES_HELP: &str = "Times are RFC 3339 (2026-01-01T00:00:00Z) or relative (-7d, -90m, now, \
    now-7d).\nWithout --version all versions count together.\n\
    Columns of --where and --by are features, tags, score, prediction, latency_ms and status.";

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
        driftline query drift --model fraud --from -1d --to now --as evidently\n  \
        driftline query drift --model fraud --from -1d --to now --feature amount --edges 10,20,50 \
        --explain"))]
    Drift(DriftArgs),
    /// How good the predictions were whose labels are known
    #[command(after_help = format!("{TIMES_HELP}\n\n\
        Examples:\n  \
        driftline query performance --model fraud --from -30d --to now --step 1d\n  \
        driftline query performance --model fraud --from -7d --to now --metric recall --metric roc_auc\n  \
        driftline query performance --model fraud --from -7d --to now --as-of -1d\n  \
        driftline query performance --model fraud --from -7d --to now --baseline -37d..-7d\n  \
        driftline query performance --model fraud --from -7d --to now --metric roc_auc --exact\n  \
        driftline query performance --model fraud --from -30d --to now --sweep 20 --reliability\n  \
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
        driftline query quality --model fraud --from -7d --to now --step 1d --feature amount\n  \
        driftline query quality --model fraud --from -7d --to now --step 1d --arrivals"))]
    Quality(QualityArgs),
    /// How the model was served: latency percentiles, predictions a second, errors by class
    #[command(after_help = format!("{TIMES_HELP}\n\n\
        Percentiles come from counts in bins of 2 %, with the ends between which the exact one lies; \
        --exact reads\nthe rows. A status other than ok is an error; predictions without one count as \
        neither.\n\n\
        Examples:\n  \
        driftline query operations --model fraud --from -1d --to now\n  \
        driftline query operations --model fraud --from -7d --to now --step 1h --percentile 99\n  \
        driftline query operations --model fraud --from -1h --to now --ok 200 --ok 204 --format json"))]
    Operations(OperationsArgs),
    /// Whether groups are selected, found and wrongly flagged alike
    #[command(after_help = format!("{TIMES_HELP}\n\n\
        Examples:\n  \
        driftline query fairness --model credit --by sex --from -30d --to now\n  \
        driftline query fairness --model credit --by age:30,45,60 --from -30d --to now --step 7d\n  \
        driftline query fairness --model credit --by sex --by region --from -30d --to now \
        --min-group-size 50"))]
    Fairness(FairnessArgs),
    /// Metric series, such as training loss or GPU use, by window of time or of training steps
    #[command(
        after_help = "Times are RFC 3339 (2026-01-01T00:00:00Z) or relative (-7d, -90m, now, \
        now-7d).\nWithout --version all versions count together.\n\
        --where and --by take name, step, value, version and the keys of tags.\n\n\
        Examples:\n  \
        driftline query series --model fraud --list\n  \
        driftline query series --model fraud --name training_loss --from -1d --to now --step 1h\n  \
        driftline query series --model fraud --name training_loss --version v2 --from -30d --to now \
        \\\n    --over step --step-size 1000 --quantile 0.5 --by host"
    )]
    Series(SeriesQueryArgs),
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
    /// Bins of psi and the other statistics of counts, over numbers
    #[arg(long, value_name = "N", default_value_t = DriftRequest::default().bins,
          value_parser = parse_bins)]
    pub bins: usize,
    /// How those bins follow from the reference [default: quantiles]; pooled only with --as seeds
    #[arg(long, value_name = "RULE", value_parser = binning_parser())]
    pub binning: Option<BinRule>,
    /// Edges of those bins instead, ascending, of the one feature that is asked for
    #[arg(long, value_name = "X,..", value_delimiter = ',', allow_hyphen_values = true,
          conflicts_with_all = ["bins", "binning"])]
    pub edges: Vec<f64>,
    /// Where nulls and NaN stand in statistics of counts [default: apart]
    #[arg(long, value_parser = nulls_parser())]
    pub nulls: Option<Nulls>,
    /// Which quantile quantile_shift is of
    #[arg(long, value_name = "P", default_value = "0.5", value_parser = parse_quantile,
          allow_hyphen_values = true)]
    pub quantile: f64,
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
          conflicts_with_all = ["share", "exact", "details", "epsilon", "edges", "nulls"])]
    pub peer: Option<Peer>,
    /// With --as nannyml, rows of each chunk of the reference that its thresholds come from
    /// [default: a tenth of them]
    #[arg(long, value_name = "N", requires = "peer")]
    pub chunk_rows: Option<u64>,
    /// Say how each value came about - bins, counts, what each bin adds, the rule - and what was read
    #[arg(long)]
    pub explain: bool,
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
            binning: self.binning.unwrap_or_default(),
            edges: self.edges.clone(),
            nulls: self.nulls.unwrap_or_default(),
            quantile: self.quantile,
            epsilon: self.epsilon,
            exact: self.exact,
            details: self.details,
            share: self.share.then(|| self.share_options()),
            peer: self.peer,
            chunk_rows: self.chunk_rows,
            explain: self.explain,
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
    /// Read all labelled rows for metrics of scores and residuals: exact, and slower
    #[arg(long)]
    pub exact: bool,
    /// Add f_beta, the F score in which recall weighs B squared as much as precision
    #[arg(long, value_name = "B", value_parser = parse_beta, allow_hyphen_values = true)]
    pub beta: Option<f64>,
    /// Curves.
    #[command(flatten)]
    pub curves: CurveArgs,
    /// Say what the answer was read from
    #[arg(long)]
    pub explain: bool,
    /// Labels as they were known at this instant, by their label times [default: all labels]
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub as_of: Option<Moment>,
    /// Windows of the time of labels, not of predictions: what was learnt when
    #[arg(long)]
    pub by_label_time: bool,
    /// Also say how much worse each value is than this: a number, an interval FROM..TO, or
    /// `reference`, the interval that the default reference was pinned from
    #[arg(long, value_name = "X", allow_hyphen_values = true)]
    pub baseline: Option<BaselineArg>,
}

/// What performance is compared with, before times are resolved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BaselineArg {
    /// A number.
    Value(f64),
    /// An interval.
    Interval(Moment, Moment),
    /// Where the default reference came from.
    Reference,
}

impl std::str::FromStr for BaselineArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "reference" {
            return Ok(Self::Reference);
        }
        if let Some((from, to)) = text.split_once("..") {
            let moment = |text: &str| text.parse::<Moment>().map_err(|error| error.to_string());
            return Ok(Self::Interval(moment(from)?, moment(to)?));
        }
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Self::Value(value)),
            _ => Err("must be a number, FROM..TO or reference".to_owned()),
        }
    }
}

impl PerformanceArgs {
    /// The request, with times relative to `now_micros`.
    ///
    /// # Errors
    /// If a time lies outside the years 0001 to 9999.
    pub fn request(&self, now_micros: i64) -> Result<PerformanceRequest, TimeError> {
        let scope = self.series.scope(now_micros)?;
        let resolve = |moment: Moment| moment.resolve(now_micros);
        let baseline = match self.baseline {
            None => None,
            Some(BaselineArg::Value(value)) => Some(Baseline::Value(value)),
            Some(BaselineArg::Reference) => Some(Baseline::Reference),
            Some(BaselineArg::Interval(from, to)) => {
                Some(Baseline::Interval { from: resolve(from)?, to: resolve(to)? })
            }
        };
        Ok(PerformanceRequest {
            scope,
            metrics: self.metric.clone(),
            as_of: self.as_of.map(resolve).transpose()?,
            by_label_time: self.by_label_time,
            baseline,
            exact: self.exact,
            explain: self.explain,
            beta: self.beta,
            curves: self.curves.options(),
        })
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
    /// Say what the answer was read from
    #[arg(long)]
    pub explain: bool,
    /// Read rows for what counts do not tell: how many different values numbers have
    #[arg(long)]
    pub exact: bool,
    /// Say instead what came in: duplicates, lateness, refused rows, unknown columns. The interval is
    /// then one of arrival time, not of event time
    #[arg(long, conflicts_with_all = ["feature", "reference", "explain", "exact", "conditions", "by"])]
    pub arrivals: bool,
}

impl QualityArgs {
    /// The request about what came in.
    ///
    /// # Errors
    /// If a time lies outside the years 0001 to 9999.
    pub fn arrivals_request(&self, now_micros: i64) -> Result<ArrivalsRequest, TimeError> {
        Ok(ArrivalsRequest { scope: self.series.scope(now_micros)? })
    }

    /// The request, with times relative to `now_micros`.
    ///
    /// # Errors
    /// If a time lies outside the years 0001 to 9999.
    pub fn request(&self, now_micros: i64) -> Result<QualityRequest, TimeError> {
        Ok(QualityRequest {
            scope: self.series.scope(now_micros)?,
            features: self.feature.clone(),
            reference: self.reference.clone(),
            explain: self.explain,
            exact: self.exact,
            counts_only: false,
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

fn binning_parser() -> impl TypedValueParser<Value = BinRule> {
    PossibleValuesParser::new(BinRule::ALL.map(BinRule::name)).try_map(|name| BinRule::parse(&name))
}

fn nulls_parser() -> impl TypedValueParser<Value = Nulls> {
    PossibleValuesParser::new(Nulls::ALL.map(Nulls::name)).try_map(|name| Nulls::parse(&name))
}

fn parse_threshold(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(threshold) if threshold >= 0.0 && threshold.is_finite() => Ok(threshold),
        _ => Err("must be a number that is not negative, such as 0.2".to_owned()),
    }
}

fn parse_beta(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(beta) if beta >= 0.0 && beta.is_finite() => Ok(beta),
        _ => Err("must be a number that is not negative, such as 2".to_owned()),
    }
}

fn parse_bins(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(bins) if (2..=BINS_MAX).contains(&bins) => Ok(bins),
        _ => Err(format!("must be a whole number from 2 to {BINS_MAX}")),
    }
}

fn parse_quantile(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(quantile) if (0.0..=1.0).contains(&quantile) => Ok(quantile),
        _ => Err("must be a number from 0 to 1, such as 0.95".to_owned()),
    }
}

fn parse_epsilon(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(epsilon) if epsilon > 0.0 && epsilon < 1.0 => Ok(epsilon),
        _ => Err("must be a share above 0 and below 1, such as 1e-4".to_owned()),
    }
}
