//! What a rule can watch: drift, performance, what a column holds, how much came, operations, and what
//! came since the last training.

use driftline_query::{ColumnProfile, Method, Metric};
use driftline_storage::near_misses;

/// What a column holds, as `query quality` tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnFigure {
    /// Share of rows without a value.
    NullRate,
    /// Share of rows with NaN.
    NanRate,
    /// Share of rows with an infinity.
    InfinityRate,
    /// Share of nulls minus that of the reference, in percentage points.
    NullChange,
    /// Share of rows with a category that the reference does not have.
    UnseenRate,
    /// Share of rows below the smallest value of the reference.
    BelowRate,
    /// Share of rows above its largest value.
    AboveRate,
    /// Both together.
    OutOfRangeRate,
    /// Fine bins or categories that hold a row.
    Distinct,
    /// Smallest value.
    Min,
    /// Largest value.
    Max,
    /// Mean.
    Mean,
    /// Standard deviation.
    Std,
}

impl ColumnFigure {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::NullRate,
        Self::NanRate,
        Self::InfinityRate,
        Self::NullChange,
        Self::UnseenRate,
        Self::BelowRate,
        Self::AboveRate,
        Self::OutOfRangeRate,
        Self::Distinct,
        Self::Min,
        Self::Max,
        Self::Mean,
        Self::Std,
    ];

    /// Name in rules.
    pub fn name(self) -> &'static str {
        match self {
            Self::NullRate => "null_rate",
            Self::NanRate => "nan_rate",
            Self::InfinityRate => "infinity_rate",
            Self::NullChange => "null_change",
            Self::UnseenRate => "unseen_rate",
            Self::BelowRate => "below_rate",
            Self::AboveRate => "above_rate",
            Self::OutOfRangeRate => "out_of_range_rate",
            Self::Distinct => "distinct",
            Self::Min => "min",
            Self::Max => "max",
            Self::Mean => "mean",
            Self::Std => "std",
        }
    }

    /// Whether only numbers have it.
    pub fn is_of_numbers(self) -> bool {
        matches!(
            self,
            Self::NanRate
                | Self::InfinityRate
                | Self::BelowRate
                | Self::AboveRate
                | Self::OutOfRangeRate
                | Self::Min
                | Self::Max
                | Self::Mean
                | Self::Std
        )
    }

    /// Whether only categories have it.
    pub fn is_of_categories(self) -> bool {
        self == Self::UnseenRate
    }

    /// Whether counts tell it, and no sums of values.
    pub fn is_of_counts(self) -> bool {
        !matches!(self, Self::Min | Self::Max | Self::Mean | Self::Std)
    }

    /// Whether it compares with the reference by itself.
    pub fn needs_reference(self) -> bool {
        matches!(
            self,
            Self::NullChange
                | Self::UnseenRate
                | Self::BelowRate
                | Self::AboveRate
                | Self::OutOfRangeRate
        )
    }

    /// Names of the figures of a profile that it is made of, as reasons are kept.
    pub fn parts(self) -> &'static [&'static str] {
        match self {
            Self::NullChange => &["null_change"],
            Self::UnseenRate => &["unseen"],
            Self::BelowRate => &["below"],
            Self::AboveRate => &["above"],
            Self::OutOfRangeRate => &["below", "above"],
            Self::Min => &["min"],
            Self::Max => &["max"],
            Self::Mean => &["mean"],
            Self::Std => &["std"],
            Self::NullRate | Self::NanRate | Self::InfinityRate | Self::Distinct => &[],
        }
    }

    /// The figure of a profile. [`ColumnFigure::NullChange`] is none of a profile but of two.
    pub fn of(self, profile: &ColumnProfile) -> Option<f64> {
        match self {
            Self::NullRate => profile.share(profile.nulls),
            Self::NanRate => profile.share(profile.nans),
            Self::InfinityRate => {
                profile.share(profile.positive_infinities + profile.negative_infinities)
            }
            Self::NullChange => None,
            Self::UnseenRate => profile.share(profile.unseen?),
            Self::BelowRate => profile.share(profile.below?),
            Self::AboveRate => profile.share(profile.above?),
            Self::OutOfRangeRate => profile.share(profile.below? + profile.above?),
            Self::Distinct => (profile.rows > 0).then_some(profile.distinct as f64),
            Self::Min => profile.min,
            Self::Max => profile.max,
            Self::Mean => profile.mean,
            Self::Std => profile.std,
        }
    }
}

/// How much came in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Volume {
    /// Predictions.
    Predictions,
    /// Of them, those whose label is known.
    Labelled,
    /// Share of the predictions whose label is known.
    Coverage,
}

impl Volume {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Predictions, Self::Labelled, Self::Coverage];

    /// Name in rules.
    pub fn name(self) -> &'static str {
        match self {
            Self::Predictions => "predictions",
            Self::Labelled => "labelled",
            Self::Coverage => "coverage",
        }
    }
}

/// How a model is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operations {
    /// Median of the serving time, in milliseconds.
    LatencyP50,
    /// Its 90th percentile.
    LatencyP90,
    /// Its 95th percentile.
    LatencyP95,
    /// Its 99th percentile.
    LatencyP99,
    /// Its 99.9th percentile.
    LatencyP999,
    /// Share of predictions whose status is not `ok`.
    ErrorRate,
    /// Predictions a second.
    Throughput,
}

impl Operations {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::LatencyP50,
        Self::LatencyP90,
        Self::LatencyP95,
        Self::LatencyP99,
        Self::LatencyP999,
        Self::ErrorRate,
        Self::Throughput,
    ];

    /// Name in rules.
    pub fn name(self) -> &'static str {
        match self {
            Self::LatencyP50 => "latency_p50",
            Self::LatencyP90 => "latency_p90",
            Self::LatencyP95 => "latency_p95",
            Self::LatencyP99 => "latency_p99",
            Self::LatencyP999 => "latency_p999",
            Self::ErrorRate => "error_rate",
            Self::Throughput => "throughput",
        }
    }

    /// Which percentile of the latency it is, if it is one.
    pub fn percentile(self) -> Option<f64> {
        match self {
            Self::LatencyP50 => Some(50.0),
            Self::LatencyP90 => Some(90.0),
            Self::LatencyP95 => Some(95.0),
            Self::LatencyP99 => Some(99.0),
            Self::LatencyP999 => Some(99.9),
            Self::ErrorRate | Self::Throughput => None,
        }
    }
}

/// What came since the model was last trained, as [`crate::last_training`] knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinceTraining {
    /// Predictions of later event time whose label is known.
    NewLabels,
    /// Predictions of later event time.
    NewPredictions,
    /// Days from the training to the end of the window.
    ReferenceAge,
}

impl SinceTraining {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::NewLabels, Self::NewPredictions, Self::ReferenceAge];

    /// Name in rules.
    pub fn name(self) -> &'static str {
        match self {
            Self::NewLabels => "new_labels",
            Self::NewPredictions => "new_predictions",
            Self::ReferenceAge => "reference_age",
        }
    }
}

/// Name of the share of columns that drift.
const DRIFT_SHARE: &str = "drift_share";

/// What a rule watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// A statistic of drift, by feature.
    Drift(Method),
    /// The share of features that drift by a statistic.
    DriftShare(Method),
    /// A metric of predictions whose label is known.
    Performance(Metric),
    /// What a column holds, by feature.
    Column(ColumnFigure),
    /// How much came.
    Volume(Volume),
    /// How the model is served.
    Operations(Operations),
    /// What came since the last training.
    SinceTraining(SinceTraining),
}

impl Figure {
    /// Name in rules.
    pub fn name(self) -> &'static str {
        match self {
            Self::Drift(method) => method.name(),
            Self::DriftShare(_) => DRIFT_SHARE,
            Self::Performance(metric) => metric.name(),
            Self::Column(figure) => figure.name(),
            Self::Volume(volume) => volume.name(),
            Self::Operations(figure) => figure.name(),
            Self::SinceTraining(figure) => figure.name(),
        }
    }

    /// All of them, the share of features by the statistic that is its default.
    pub fn all() -> impl Iterator<Item = Self> {
        let drift = Method::ALL.into_iter().map(Self::Drift);
        let share = std::iter::once(Self::DriftShare(Method::Psi));
        let performance = Metric::ALL.into_iter().map(Self::Performance);
        let columns = ColumnFigure::ALL.into_iter().map(Self::Column);
        let volumes = Volume::ALL.into_iter().map(Self::Volume);
        let operations = Operations::ALL.into_iter().map(Self::Operations);
        let training = SinceTraining::ALL.into_iter().map(Self::SinceTraining);
        let of_windows = drift.chain(share).chain(performance).chain(columns).chain(volumes);
        of_windows.chain(operations).chain(training)
    }

    /// The figure of a name.
    ///
    /// # Errors
    /// What would work.
    pub fn parse(name: &str) -> Result<Self, String> {
        Self::all().find(|figure| figure.name() == name).ok_or_else(|| {
            let names: Vec<&str> = Self::all().map(Self::name).collect();
            let near = near_misses(name, names.iter().copied());
            let known = if near.is_empty() { format!(": {}", names.join(", ")) } else { near };
            format!("is no metric that a rule can watch{known}")
        })
    }

    /// Whether it has a value for each feature.
    pub fn is_by_feature(self) -> bool {
        matches!(self, Self::Drift(_) | Self::Column(_))
    }

    /// Whether it compares with a reference, so that a model without one has none of it.
    pub fn needs_reference(self) -> bool {
        match self {
            Self::Drift(_) | Self::DriftShare(_) => true,
            Self::Column(figure) => figure.needs_reference(),
            _ => false,
        }
    }

    /// Whether it begins at the last training, whatever the window's own start.
    pub fn is_since_training(self) -> bool {
        matches!(self, Self::SinceTraining(_))
    }

    /// Whether it needs labels.
    pub fn needs_labels(self) -> bool {
        matches!(
            self,
            Self::Performance(_)
                | Self::Volume(Volume::Coverage | Volume::Labelled)
                | Self::SinceTraining(SinceTraining::NewLabels)
        )
    }

    /// Samples of a window below which nothing is judged, unless the rule says another number.
    ///
    /// PSI of n rows in ten deciles is 9/n without any drift; 100 is also what the engine's own
    /// verdicts ask for. A metric of 30 labelled rows has an interval of some 0.2 to either side.
    pub fn min_samples(self) -> u64 {
        match self {
            Self::Drift(_) | Self::DriftShare(_) => 100,
            Self::Performance(_) => 30,
            Self::Volume(_) | Self::Operations(Operations::Throughput) | Self::SinceTraining(_) => {
                0
            }
            Self::Column(_) | Self::Operations(_) => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_means_one_figure() {
        let names: BTreeSet<&str> = Figure::all().map(Figure::name).collect();
        assert_eq!(names.len(), Figure::all().count());
        for figure in Figure::all() {
            assert_eq!(Figure::parse(figure.name()), Ok(figure));
        }
    }

    #[test]
    fn a_misspelt_metric_names_its_near_misses() {
        let near = Figure::parse("acuracy").expect_err("misspelt");
        assert!(near.contains("did you mean \"accuracy\""), "{near}");
        let far = Figure::parse("zzz").expect_err("unknown");
        assert!(far.contains("psi, ks") && far.contains("latency_p99"), "{far}");
    }

    #[test]
    fn rates_are_of_all_rows_and_none_of_none() {
        let profile = ColumnProfile {
            rows: 10,
            nulls: 2,
            below: Some(1),
            above: Some(3),
            ..ColumnProfile::default()
        };
        assert_eq!(ColumnFigure::NullRate.of(&profile), Some(0.2));
        assert_eq!(ColumnFigure::OutOfRangeRate.of(&profile), Some(0.4));
        assert_eq!(ColumnFigure::UnseenRate.of(&profile), None);
        assert_eq!(ColumnFigure::Distinct.of(&ColumnProfile::default()), None);
    }
}
