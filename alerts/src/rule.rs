//! Rules: what is watched, when it is breached, and whom that is told.
//!
//! A rule is plain data. Durations and times are microseconds; what the keys of a file mean is said
//! in `docs/alerts.md`.

use std::collections::BTreeMap;

use driftline_query::{Correction, Filter};
use driftline_storage::DAY_MICROS;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::{condition::Condition, figure::Figure, limits};

/// How grave a breach is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// To be known.
    Info,
    /// To be looked at.
    #[default]
    Warning,
    /// To be acted on.
    Critical,
}

impl Severity {
    /// All of them, the least grave first.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];

    /// Name in rules and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// What a window without a value, with too few samples or with too few labels means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NoData {
    /// Nothing is breached: what was pending or firing ends, and the state is no-data.
    Ignore,
    /// The state stays as it is.
    #[default]
    Keep,
    /// The rule is breached.
    Fire,
}

impl NoData {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ignore, Self::Keep, Self::Fire];

    /// Name in rules.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ignore => "ignore",
            Self::Keep => "keep",
            Self::Fire => "fire",
        }
    }
}

/// What has an alert of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AlertOn {
    /// Each feature.
    #[default]
    Each,
    /// The rule, by the feature that is worst.
    Worst,
}

impl AlertOn {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Each, Self::Worst];

    /// Name in rules.
    pub fn name(self) -> &'static str {
        match self {
            Self::Each => "each",
            Self::Worst => "worst",
        }
    }
}

/// What of a model is measured, of what windows, and how often.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    /// The model.
    pub model: String,
    /// One version, or all together.
    pub version: Option<String>,
    /// The figure.
    pub figure: Figure,
    /// Of a metric by class, the class or `macro`, `micro` or `weighted`; none means all rows or
    /// the positive class.
    pub class: Option<String>,
    /// What predictions have to hold, all of it; none means all predictions.
    pub slice: Vec<Filter>,
    /// Features; none named means all, score and prediction included.
    pub features: Vec<String>,
    /// What has an alert of its own.
    pub alert_on: AlertOn,
    /// Name of the reference; none means the default one.
    pub reference: Option<String>,
    /// Interval whose performance or volume stands for that of the reference.
    pub baseline: Option<(i64, i64)>,
    /// Of a share of features, what one of them drifts above, or its p-value below.
    pub threshold: Option<f64>,
    /// How p-values are adjusted over the features of a window.
    pub correction: Correction,
    /// Whether rows are read for an exact value.
    pub exact: bool,
    /// Length of a window.
    pub window: i64,
    /// Time between the ends of windows; they lie on multiples of it since 1970 UTC.
    pub every: i64,
    /// How long after its end a window is asked for.
    pub lateness: i64,
    /// How long before the newest window others are judged again when late data or labels come.
    pub horizon: i64,
    /// Values that a history has, in windows.
    pub history: u64,
}

impl Measure {
    /// Windows of the horizon, at least one.
    pub fn revisions(&self) -> i64 {
        self.horizon.div_euclid(self.every.max(1)).max(1)
    }
}

/// What a rule is about.
#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    /// A figure of a model.
    Measure(Box<Measure>),
    /// All of these rules fire.
    AllOf(Vec<String>),
    /// One of these rules fires.
    AnyOf(Vec<String>),
}

impl Subject {
    /// Names of the rules that a composite is made of.
    pub fn members(&self) -> &[String] {
        match self {
            Self::Measure(_) => &[],
            Self::AllOf(members) | Self::AnyOf(members) => members,
        }
    }
}

/// A rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its name, unique in its set.
    pub name: String,
    /// What it is about.
    pub subject: Subject,
    /// When it is breached; of a composite, how many members must fire.
    pub when: Condition,
    /// How long a breach must last before it fires (`for`).
    pub hold: i64,
    /// How long it fires on once the breach has ended.
    pub keep_firing_for: i64,
    /// Time between two notifications of one alert.
    pub cooldown: i64,
    /// Predictions of a window, of performance those with a label, below which nothing is judged.
    pub min_samples: u64,
    /// Share of predictions with a label below which nothing is judged.
    pub min_coverage: f64,
    /// What a window without data means.
    pub no_data: NoData,
    /// How grave a breach is.
    pub severity: Severity,
    /// Names of the channels that are told.
    pub channels: Vec<String>,
    /// Rules whose firing silences this one.
    pub inhibited_by: Vec<String>,
    /// Labels that go along.
    pub labels: BTreeMap<String, String>,
    /// Template of one line.
    pub summary: Option<String>,
    /// Template of what is to be known and done.
    pub description: Option<String>,
    /// Where it is written what to do.
    pub runbook_url: Option<String>,
}

/// The values that a history has unless a rule says otherwise.
pub(crate) const HISTORY_DEFAULT: u64 = 30;

/// Time between evaluations of a figure since the last training, unless a rule says otherwise.
pub(crate) const SINCE_TRAINING_EVERY: i64 = DAY_MICROS;

/// The horizon of a rule that states none, in microseconds: labels come days late, data hours.
pub(crate) fn default_horizon(figure: Figure, every: i64) -> i64 {
    let days = if figure.needs_labels() { 7 } else { 1 };
    (days * DAY_MICROS).min(every.saturating_mul(limits::REVISIONS_DEFAULT_MAX))
}

impl Rule {
    /// What a rule measures, unless it is a composite.
    pub fn measure(&self) -> Option<&Measure> {
        match &self.subject {
            Subject::Measure(measure) => Some(measure),
            Subject::AllOf(_) | Subject::AnyOf(_) => None,
        }
    }

    /// Whether each feature has an alert of its own.
    pub fn is_by_feature(&self) -> bool {
        let each =
            |measure: &Measure| measure.figure.is_by_feature() && measure.alert_on == AlertOn::Each;
        self.measure().is_some_and(each)
    }

    /// How long its evaluations are shifted against those of rules on other models, in microseconds: a
    /// tenth of the time between them, a minute at most, and the same for one model at all times.
    /// Rules on one model are not shifted against each other, as they share queries.
    pub fn spread(&self) -> i64 {
        let Some(measure) = self.measure() else { return 0 };
        let most = (measure.every / 10).clamp(1, limits::SPREAD_MAX);
        i64::try_from(xxh3_64(measure.model.as_bytes()) % most.unsigned_abs()).unwrap_or(0)
    }
}
