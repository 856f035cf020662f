//! Figures of what came in, by hour of arrival.

use driftline_query::ArrivalsWindow;

/// What can be asked of what came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    Accepted,
    Duplicates,
    DuplicateRatio,
    Refused,
    RefusedRatio,
    Ignored,
    Labels,
    /// How long after their event rows came, by quantile.
    Delay,
    /// How long after their label time labels came, by quantile.
    LabelDelay,
}

impl Arrival {
    /// All of them.
    pub(super) const ALL: [Self; 9] = [
        Self::Accepted,
        Self::Duplicates,
        Self::DuplicateRatio,
        Self::Refused,
        Self::RefusedRatio,
        Self::Ignored,
        Self::Labels,
        Self::Delay,
        Self::LabelDelay,
    ];

    /// Name in metrics, without the prefix.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Accepted => "arrived_rows",
            Self::Duplicates => "arrived_duplicates",
            Self::DuplicateRatio => "arrived_duplicate_ratio",
            Self::Refused => "arrived_refused_rows",
            Self::RefusedRatio => "arrived_refused_ratio",
            Self::Ignored => "arrived_unknown_column_rows",
            Self::Labels => "arrived_labels",
            Self::Delay => "arrival_delay_seconds",
            Self::LabelDelay => "label_delay_seconds",
        }
    }

    /// What it says, in words that go on with "that came in the window".
    pub(super) fn help(self) -> &'static str {
        match self {
            Self::Accepted => "Rows of predictions that were stored, of those",
            Self::Duplicates => "Rows left out because their id was there already, of those",
            Self::DuplicateRatio => {
                "Share of duplicates among the rows that could be stored, of those"
            }
            Self::Refused => "Rows that were refused, of those",
            Self::RefusedRatio => "Share of refused rows among all rows and labels, of those",
            Self::Ignored => "Rows with a column that the schema does not have, of those",
            Self::Labels => "Labels, known ones included, of those",
            Self::Delay => {
                "Upper bound of quantiles of the time from the event to the arrival of rows, of those"
            }
            Self::LabelDelay => {
                "Upper bound of quantiles of the time from label time to the arrival of labels, of those"
            }
        }
    }

    /// Whether it has a value for each quantile.
    pub(super) fn is_by_quantile(self) -> bool {
        matches!(self, Self::Delay | Self::LabelDelay)
    }

    /// Its value; none where nothing came that it could be of. Delays are told by the upper end of the
    /// bin that holds the quantile.
    pub(super) fn of(self, window: &ArrivalsWindow, quantile: f64) -> Option<f64> {
        let count = |rows: u64| Some(rows as f64);
        match self {
            Self::Accepted => count(window.accepted),
            Self::Duplicates => count(window.duplicates),
            Self::DuplicateRatio => window.duplicate_share(),
            Self::Refused => count(window.refused_rows()),
            Self::RefusedRatio => window.refused_share(),
            Self::Ignored => {
                count(window.ignored.iter().fold(0, |sum, one| sum.saturating_add(one.rows)))
            }
            Self::Labels => count(window.labels),
            Self::Delay => window.lateness.quantile(quantile).map(|(_, most)| most as f64),
            Self::LabelDelay => {
                window.label_lateness.quantile(quantile).map(|(_, most)| most as f64)
            }
        }
    }
}
