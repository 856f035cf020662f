//! What came in by window of arrival time, not of event time: duplicates, lateness, rows that were
//! refused and columns that were left out.
//!
//! Storage counts by hour of arrival, and of old days by day. Such a bucket counts in the window that it
//! begins in; a window says whether all buckets that it touches lie inside it.

use driftline_storage::{
    ArrivalBucket, Arrivals, Db, Error, Lateness, LatenessBin, Result, Rule, TimeRange,
};

use crate::{report::Scope, window::windows};

/// Asks what came in for a model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ArrivalsRequest {
    /// Model, version, and an interval of arrival time. Conditions and groups are refused: what came is
    /// not counted by its content.
    pub scope: Scope,
}

/// Events by how long after their time they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LatenessReport {
    /// The shortest and the longest in microseconds; negative for an event ahead of the clock.
    pub range: Option<(i64, i64)>,
    /// Bins that hold something, ascending.
    pub bins: Vec<LatenessBin>,
}

impl LatenessReport {
    /// All that came.
    pub fn total(&self) -> u64 {
        self.bins.iter().fold(0, |sum, bin| sum.saturating_add(bin.rows))
    }

    /// Between which seconds the quantile lies: the ends of the bin that holds the smallest lateness
    /// which a share of at least `probability` does not exceed. None without an event, and for a
    /// probability outside of 0 to 1.
    pub fn quantile(&self, probability: f64) -> Option<(i64, i64)> {
        let total = self.total();
        if total == 0 || !(0.0..=1.0).contains(&probability) {
            return None;
        }
        // In f64 a product with a count past 2^53 may round past it.
        let rank = ((probability * total as f64).ceil() as u64).clamp(1, total);
        let mut below = 0_u64;
        let bin = self.bins.iter().find(|bin| {
            below = below.saturating_add(bin.rows);
            below >= rank
        })?;
        Some((bin.least, bin.most))
    }

    /// Events whose time lies ahead of the clock at which they came.
    pub fn ahead(&self) -> u64 {
        let ahead = self.bins.iter().filter(|bin| bin.most <= 0);
        ahead.fold(0, |sum, bin| sum.saturating_add(bin.rows))
    }
}

/// Rows that were refused for one rule about one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedRows {
    /// The rule that they break.
    pub rule: Rule,
    /// The column; empty for all columns past the bound on names.
    pub column: String,
    /// How many.
    pub rows: u64,
}

/// Rows with a column that the schema does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IgnoredColumn {
    /// The column; empty for all columns past the bound on names.
    pub column: String,
    /// How many rows came with it.
    pub rows: u64,
}

/// What came in one window of arrival time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ArrivalsWindow {
    /// First instant inside.
    pub start: i64,
    /// First instant after.
    pub end: i64,
    /// Whether all hours, or days of old, that the window touches lie inside it. If not, one that begins in
    /// it counts as a whole, and one that began before it not at all.
    pub whole: bool,
    /// Batches of predictions that were taken.
    pub batches: u64,
    /// Rows that were stored.
    pub accepted: u64,
    /// Rows left out because their id was there already.
    pub duplicates: u64,
    /// How late the stored rows came.
    pub lateness: LatenessReport,
    /// Labels that came.
    pub labels: u64,
    /// How late after their label time labels came that were not known and have one.
    pub label_lateness: LatenessReport,
    /// Batches that were refused as a whole.
    pub refused_batches: u64,
    /// Rows that were refused, most first.
    pub refused: Vec<RefusedRows>,
    /// Columns that were left out, most rows first.
    pub ignored: Vec<IgnoredColumn>,
}

impl ArrivalsWindow {
    /// Rows that were refused, whatever for.
    pub fn refused_rows(&self) -> u64 {
        self.refused.iter().fold(0, |sum, refused| sum.saturating_add(refused.rows))
    }

    /// The share of duplicates among the rows that could be stored; none without one.
    pub fn duplicate_share(&self) -> Option<f64> {
        share(self.duplicates, &[self.accepted, self.duplicates])
    }

    /// The share of refused rows among all rows and labels that came; none without one.
    pub fn refused_share(&self) -> Option<f64> {
        let refused = self.refused_rows();
        share(refused, &[self.accepted, self.duplicates, self.labels, refused])
    }
}

fn share(part: u64, whole: &[u64]) -> Option<f64> {
    let whole = whole.iter().fold(0_u64, |sum, part| sum.saturating_add(*part));
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The answer to an [`ArrivalsRequest`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ArrivalsReport {
    /// What was asked.
    pub scope: Scope,
    /// When the answer was made, by the database's clock.
    pub asked: i64,
    /// In order of time of arrival.
    pub windows: Vec<ArrivalsWindow>,
}

/// Counts what came in the windows of a request.
///
/// # Errors
/// `NotFound` for a model or version that does not exist; `InvalidArgument` for a window that ends before
/// it starts, and for conditions or groups; `Corruption`, `Io`.
pub fn arrivals(db: &Db, request: &ArrivalsRequest) -> Result<ArrivalsReport> {
    let scope = &request.scope;
    for (field, asked) in [("where", !scope.conditions.is_empty()), ("by", !scope.by.is_empty())] {
        if asked {
            let text = "what came in is counted by model, version and hour only; leave it out, or \
                        ask for the columns";
            return Err(Error::invalid(field, text));
        }
    }
    let windows = windows(scope.from, scope.to, scope.step)?;
    let version = scope.version.as_deref();
    db.snapshot(&scope.model, version)?;
    let asked = db.now();
    let buckets = db.arrivals(&scope.model, version, scope.range())?;
    let windows = windows.iter().map(|window| window_of(*window, &buckets, asked)).collect();
    Ok(ArrivalsReport { scope: scope.clone(), asked, windows })
}

fn window_of(window: TimeRange, buckets: &[ArrivalBucket], now: i64) -> ArrivalsWindow {
    let mut sum = Arrivals::default();
    let mut whole = true;
    for bucket in buckets.iter().filter(|bucket| bucket.range.overlaps(window)) {
        let range = bucket.range;
        // Nothing has come after now.
        let end = range.end.min(now.saturating_add(1).max(range.start));
        whole &= window.start <= range.start && end <= window.end;
        if window.contains(range.start) {
            sum.add(&bucket.arrivals);
        }
    }
    report(window, whole, sum)
}

fn report(window: TimeRange, whole: bool, sum: Arrivals) -> ArrivalsWindow {
    let accepted = sum.accepted();
    let mut refused: Vec<RefusedRows> = sum
        .refused
        .into_iter()
        .map(|((rule, column), rows)| RefusedRows { rule, column, rows })
        .collect();
    refused.sort_by_key(|refused| std::cmp::Reverse(refused.rows));
    let mut ignored: Vec<IgnoredColumn> =
        sum.ignored.into_iter().map(|(column, rows)| IgnoredColumn { column, rows }).collect();
    ignored.sort_by_key(|ignored| std::cmp::Reverse(ignored.rows));
    ArrivalsWindow {
        start: window.start,
        end: window.end,
        whole,
        batches: sum.batches,
        accepted,
        duplicates: sum.duplicates,
        lateness: lateness(&sum.lateness),
        labels: sum.labels,
        label_lateness: lateness(&sum.label_lateness),
        refused_batches: sum.refused_batches,
        refused,
        ignored,
    }
}

fn lateness(counted: &Lateness) -> LatenessReport {
    let bins = counted.bins().filter(|bin| bin.rows > 0).collect();
    LatenessReport { range: counted.range(), bins }
}

#[cfg(test)]
mod tests {
    use driftline_storage::{DAY_MICROS, HOUR_MICROS};

    use super::*;

    fn bucket(start: i64, length: i64, batches: u64) -> ArrivalBucket {
        let range = TimeRange { start, end: start + length };
        ArrivalBucket { range, arrivals: Arrivals { batches, ..Arrivals::default() } }
    }

    #[test]
    fn a_bucket_counts_in_the_window_that_it_begins_in() {
        let day = bucket(0, DAY_MICROS, 1);
        let hours =
            [2, 3].map(|n| bucket(DAY_MICROS + n * HOUR_MICROS, HOUR_MICROS, 10 * n as u64));
        let buckets = [vec![day], hours.to_vec()].concat();
        let check = |(start, end), now, want| {
            let window = window_of(TimeRange { start, end }, &buckets, now);
            assert_eq!((window.batches, window.whole), want, "{start} {end} {now}");
        };
        let (hour, late) = (HOUR_MICROS, i64::MAX);
        check((0, 3 * DAY_MICROS), late, (51, true));
        check((0, DAY_MICROS), late, (1, true));
        check((hour, 2 * hour), late, (0, false));
        check((0, hour), late, (1, false));
        check((hour, DAY_MICROS + 3 * hour), late, (20, false));
        check((DAY_MICROS, DAY_MICROS + 3 * hour + 1), late, (50, false));
        // The hour is not over yet, and what comes after now comes after the window.
        let now = DAY_MICROS + 3 * hour + 5;
        check((DAY_MICROS, now + 1), now, (50, true));
        check((DAY_MICROS, now), now, (50, false));
        check((5 * DAY_MICROS, 6 * DAY_MICROS), late, (0, true));
    }

    #[test]
    fn a_quantile_lies_in_the_bin_that_holds_its_rank() {
        let mut counted = Lateness::default();
        let seconds = [-5, 0, 0, 1, 3, 3, 100, 100, 100, 5_000];
        counted.count(0, seconds.into_iter().map(|late: i64| -late * 1_000_000));
        let report = lateness(&counted);
        assert_eq!((report.total(), report.ahead()), (10, 1));
        assert_eq!(report.range, Some((-5_000_000, 5_000_000_000)));
        for (probability, want) in [
            (0.0, (-8, -4)),
            (0.1, (-8, -4)),
            (0.3, (0, 1)),
            (0.4, (1, 2)),
            (0.5, (2, 4)),
            (0.9, (64, 128)),
            (0.91, (4_096, 8_192)),
            (1.0, (4_096, 8_192)),
        ] {
            assert_eq!(report.quantile(probability), Some(want), "{probability}");
        }
        assert_eq!(report.quantile(1.5), None);
        assert_eq!(LatenessReport::default().quantile(0.5), None);
    }

    #[test]
    fn shares_need_something_that_came() {
        let mut window = ArrivalsWindow { accepted: 6, duplicates: 2, ..ArrivalsWindow::default() };
        assert_eq!((window.duplicate_share(), window.refused_share()), (Some(0.25), Some(0.0)));
        let refused = RefusedRows { rule: Rule::Type, column: "x".to_owned(), rows: 8 };
        window.refused.push(refused);
        assert_eq!(window.refused_share(), Some(0.5));
        let none = ArrivalsWindow::default();
        assert_eq!((none.duplicate_share(), none.refused_share()), (None, None));
    }
}
