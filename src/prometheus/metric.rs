//! The metrics that there are: names, what they say, and how often they change.

use std::fmt;

use driftline_alerts::ColumnFigure;
use driftline_query::{Method, Metric as Measure};
use driftline_storage::{HOUR_MICROS, MINUTE_MICROS};

use super::arrival::Arrival;

/// What all names begin with.
const PREFIX: &str = "driftline_";

/// A metric that can be asked for. None is a counter: a window may hold less than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metric {
    /// A statistic of drift, by feature.
    Drift(Method),
    /// The p-value of a statistic that has one from counts, by feature.
    PValue(Method),
    /// A measure of model quality; some by class.
    Performance(Measure),
    /// What a column holds.
    Column(ColumnFigure),
    /// Predictions.
    Predictions,
    /// Predictions whose label is known.
    Labelled,
    /// Their share.
    Coverage,
    /// Percentiles of the serving time.
    Latency,
    /// Mean serving time.
    LatencyMean,
    /// Share of predictions whose status is not `ok`.
    ErrorRatio,
    /// Predictions a second.
    Throughput,
    /// The share of rows in each bin of a feature, of the window and of the reference.
    Share,
    /// What came in.
    Arrival(Arrival),
    /// A figure of a metric series.
    Series,
    /// When the newest prediction was made; of no window.
    Newest,
    /// Whether an alert is pending or fires; of no window.
    AlertState,
}

/// What answers a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Drift,
    Performance,
    Quality,
    Operations,
    Distribution,
    Arrivals,
    Series,
    /// Not a window.
    Newest,
    /// Not a window.
    Alerts,
}

impl Asked {
    /// What is asked by windows.
    pub(super) const OF_WINDOWS: [Self; 7] = [
        Self::Drift,
        Self::Performance,
        Self::Quality,
        Self::Operations,
        Self::Distribution,
        Self::Arrivals,
        Self::Series,
    ];
}

impl Metric {
    /// All of them. Those that would read rows each time are left out: the median error, and p-values
    /// that counts do not give. F-beta is F1 unless a beta is asked for, which no label can.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let measures = Measure::ALL
            .into_iter()
            .filter(|measure| !matches!(measure, Measure::MedianAe | Measure::FBeta));
        Method::ALL
            .map(Self::Drift)
            .into_iter()
            .chain([Method::Chi2, Method::GTest].map(Self::PValue))
            .chain(measures.map(Self::Performance))
            .chain(ColumnFigure::ALL.map(Self::Column))
            .chain([
                Self::Predictions,
                Self::Labelled,
                Self::Coverage,
                Self::Latency,
                Self::LatencyMean,
                Self::ErrorRatio,
                Self::Throughput,
                Self::Share,
            ])
            .chain(Arrival::ALL.map(Self::Arrival))
            .chain([Self::Series, Self::Newest, Self::AlertState])
    }

    /// The metric of a name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::all().find(|metric| metric.name() == name)
    }

    /// Name without the prefix.
    fn short_name(self) -> String {
        match self {
            Self::Drift(method) => drift_name(method).to_owned(),
            Self::PValue(method) => format!("{}_p_value", drift_name(method)),
            Self::Performance(measure) => measure.name().to_owned(),
            Self::Column(figure) => column_name(figure).to_owned(),
            Self::Predictions => "predictions".to_owned(),
            Self::Labelled => "predictions_labelled".to_owned(),
            Self::Coverage => "coverage".to_owned(),
            Self::Latency => "latency_seconds".to_owned(),
            Self::LatencyMean => "latency_mean_seconds".to_owned(),
            Self::ErrorRatio => "error_ratio".to_owned(),
            Self::Throughput => "predictions_per_second".to_owned(),
            Self::Share => "feature_share".to_owned(),
            Self::Arrival(figure) => figure.name().to_owned(),
            Self::Series => "series".to_owned(),
            Self::Newest => "newest_prediction_timestamp_seconds".to_owned(),
            Self::AlertState => "alert_state".to_owned(),
        }
    }

    /// Name.
    pub(crate) fn name(self) -> String {
        format!("{PREFIX}{}", self.short_name())
    }

    /// Its type: percentiles are told as a summary without sum and count, all others as gauges.
    pub(crate) fn kind(self) -> &'static str {
        if self.is_by_quantile() { "summary" } else { "gauge" }
    }

    /// Its unit; empty if it has none, or that of a column.
    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::Latency | Self::LatencyMean | Self::Newest => "seconds",
            Self::Arrival(figure) if figure.is_by_quantile() => "seconds",
            _ => "",
        }
    }

    /// What it says, in a sentence.
    pub(crate) fn help(self) -> String {
        match self {
            Self::Drift(method) => {
                format!("{} of a feature of the window against the reference", statistic(method))
            }
            Self::PValue(method) => {
                format!("p-value of the {} of a feature of the window", statistic(method))
            }
            Self::Performance(measure) => {
                format!("{} of the labelled predictions of the window", measure_name(measure))
            }
            Self::Column(figure) => format!("{} of the window", column_help(figure)),
            Self::Predictions => "Predictions of the window".to_owned(),
            Self::Labelled => "Predictions of the window whose label is known".to_owned(),
            Self::Coverage => {
                "Share of the predictions of the window whose label is known".to_owned()
            }
            Self::Latency => "Percentiles of the serving time of the window".to_owned(),
            Self::LatencyMean => "Mean serving time of the window".to_owned(),
            Self::ErrorRatio => {
                "Share of the predictions of the window whose status is not ok".to_owned()
            }
            Self::Throughput => "Predictions a second of the window".to_owned(),
            Self::Share => {
                "Share of the rows of the window, or of the reference, in a bin of a feature"
                    .to_owned()
            }
            Self::Arrival(figure) => format!("{} that came in the window", figure.help()),
            Self::Series => "A statistic of the points of a metric series in the window".to_owned(),
            Self::Newest => "Event time of the newest prediction, since 1970 UTC".to_owned(),
            Self::AlertState => "1 for each alert that is pending or fires".to_owned(),
        }
    }

    /// What answers it.
    pub(super) fn asked(self) -> Asked {
        match self {
            Self::Drift(_) | Self::PValue(_) => Asked::Drift,
            Self::Performance(_) | Self::Predictions | Self::Labelled | Self::Coverage => {
                Asked::Performance
            }
            Self::Column(_) => Asked::Quality,
            Self::Latency | Self::LatencyMean | Self::ErrorRatio | Self::Throughput => {
                Asked::Operations
            }
            Self::Share => Asked::Distribution,
            Self::Arrival(_) => Asked::Arrivals,
            Self::Series => Asked::Series,
            Self::Newest => Asked::Newest,
            Self::AlertState => Asked::Alerts,
        }
    }

    /// Whether it has a value for each quantile that is asked for.
    pub(super) fn is_by_quantile(self) -> bool {
        match self {
            Self::Latency => true,
            Self::Arrival(figure) => figure.is_by_quantile(),
            _ => false,
        }
    }

    /// Whether it is of windows, and so has that label.
    pub(super) fn is_of_windows(self) -> bool {
        !matches!(self, Self::Newest | Self::AlertState)
    }

    /// Whether it can be asked of slices: what came in is not counted by what it holds.
    pub(super) fn is_of_slices(self) -> bool {
        self.is_of_windows() && !matches!(self, Self::Arrival(_) | Self::Share)
    }

    /// Whether it is meant only where a matcher is about its name, for what it costs.
    pub(super) fn wants_name(self) -> bool {
        matches!(self, Self::Share | Self::Series)
    }

    /// Its windows begin and end at whole multiples of this, in microseconds: what is kept by the hour
    /// would take rows for the rest.
    pub(super) fn grid(self) -> i64 {
        use ColumnFigure::{Max, Mean, Min, Std};
        match self {
            Self::Performance(measure) if measure.reads_rows() => HOUR_MICROS,
            Self::Column(Min | Max | Mean | Std) | Self::Arrival(_) => HOUR_MICROS,
            _ => MINUTE_MICROS,
        }
    }

    /// Labels beside `model`, `version` and `window`.
    pub(super) fn labels(self) -> &'static [&'static str] {
        match self {
            Self::Drift(_) | Self::PValue(_) => &["feature", "reference"],
            Self::Performance(measure) if measure.is_by_class() => &["class"],
            Self::Column(figure) if figure.needs_reference() => &["feature", "reference"],
            Self::Column(_) => &["feature"],
            Self::Latency => &["quantile"],
            Self::Arrival(figure) if figure.is_by_quantile() => &["quantile"],
            Self::Share => &["feature", "reference", "place", "bin", "side"],
            Self::Series => &["name", "statistic"],
            Self::AlertState => &["rule", "feature", "severity", "state"],
            _ => &[],
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

/// Shares are ratios in Prometheus.
fn drift_name(method: Method) -> &'static str {
    match method {
        Method::NullRateChange => "null_ratio_change",
        Method::NewCategoryShare => "new_category_ratio",
        Method::OutOfRangeShare => "out_of_reference_ratio",
        method => method.name(),
    }
}

fn column_name(figure: ColumnFigure) -> &'static str {
    match figure {
        ColumnFigure::NullRate => "null_ratio",
        ColumnFigure::NanRate => "nan_ratio",
        ColumnFigure::InfinityRate => "infinity_ratio",
        ColumnFigure::NullChange => "null_change_points",
        ColumnFigure::UnseenRate => "unseen_ratio",
        ColumnFigure::BelowRate => "below_ratio",
        ColumnFigure::AboveRate => "above_ratio",
        ColumnFigure::OutOfRangeRate => "out_of_range_ratio",
        ColumnFigure::Distinct => "feature_distinct",
        ColumnFigure::Min => "feature_min",
        ColumnFigure::Max => "feature_max",
        ColumnFigure::Mean => "feature_mean",
        ColumnFigure::Std => "feature_std",
    }
}

fn statistic(method: Method) -> &'static str {
    match method {
        Method::Psi => "Population stability index",
        Method::Ks => "Kolmogorov-Smirnov statistic",
        Method::Chi2 => "Chi-square statistic",
        Method::GTest => "G statistic",
        Method::Js => "Jensen-Shannon distance",
        Method::Kl => "Kullback-Leibler divergence",
        Method::Hellinger => "Hellinger distance",
        Method::Tvd => "Total variation distance",
        Method::Linf => "Largest difference of shares",
        Method::Wasserstein => "Wasserstein distance, in the unit of the feature,",
        Method::WassersteinNorm => "Wasserstein distance, in standard deviations of the reference,",
        Method::CramersV => "Cramer's V",
        Method::Cvm => "Cramer-von Mises statistic",
        Method::Ad => "Anderson-Darling statistic",
        Method::MannWhitney => "Mann-Whitney U of the reference",
        Method::Energy => "Energy distance",
        Method::MeanShift => "Shift of the mean, in standard deviations of the reference,",
        Method::VarianceRatio => "Ratio of variances",
        Method::QuantileShift => "Shift of the median, in the unit of the feature,",
        Method::NullRateChange => "Change of the share of nulls",
        Method::NewCategoryShare => "Share of values whose category the reference does not have",
        Method::OutOfRangeShare => "Share of values outside the range of the reference",
    }
}

fn measure_name(measure: Measure) -> String {
    let name = measure.name().replace('_', " ");
    let mut letters = name.chars();
    letters
        .next()
        .map_or(String::new(), |first| format!("{}{}", first.to_uppercase(), letters.as_str()))
}

fn column_help(figure: ColumnFigure) -> &'static str {
    match figure {
        ColumnFigure::NullRate => "Share of rows without a value",
        ColumnFigure::NanRate => "Share of rows with NaN",
        ColumnFigure::InfinityRate => "Share of rows with an infinity",
        ColumnFigure::NullChange => {
            "Share of nulls minus that of the reference, in percentage points,"
        }
        ColumnFigure::UnseenRate => {
            "Share of rows with a category that the reference does not have"
        }
        ColumnFigure::BelowRate => "Share of rows below the smallest value of the reference",
        ColumnFigure::AboveRate => "Share of rows above the largest value of the reference",
        ColumnFigure::OutOfRangeRate => "Share of rows outside the range of the reference",
        ColumnFigure::Distinct => "Fine bins or categories that hold a row",
        ColumnFigure::Min => "Smallest value",
        ColumnFigure::Max => "Largest value",
        ColumnFigure::Mean => "Mean",
        ColumnFigure::Std => "Standard deviation",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_keep_the_rules_of_prometheus() {
        let names: Vec<String> = Metric::all().map(Metric::name).collect();
        for (place, name) in names.iter().enumerate() {
            assert!(!names.get(..place).unwrap_or_default().contains(name), "{name} twice");
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'));
            assert!(!name.ends_with("_total"), "{name} is no counter");
            assert_eq!(Metric::named(name).map(Metric::name).as_ref(), Some(name));
        }
        assert!(names.len() > 60);
        assert_eq!(Metric::named("driftline_nothing"), None);
    }
}
