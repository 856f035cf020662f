//! Which windows a panel asks for.
//!
//! Windows end on multiples of their step since 1970 UTC, and only whole ones are asked for: a panel
//! that is refreshed shows the same values again, and the newest point is not one of a few rows. The
//! server cuts an interval into windows that do not overlap. Where they do, those that lie whole lengths
//! apart are asked for together: a window of 7 days every day takes 7 queries.

use crate::{limits, model_query::ModelQuery, problem::Problem, wire::pluginv2::DataQuery};

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// The year 1 and the year 9999, outside of which nothing is stored, in microseconds.
const EARLIEST: i64 = -719_162 * DAY;
const LATEST: i64 = 2_932_896 * DAY;

/// Lengths that `auto` chooses among, in microseconds.
const LENGTHS: [i64; 12] = [
    MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    7 * DAY,
    30 * DAY,
];

/// The windows of a query: an interval of event time in microseconds, the length of windows and the
/// time between their ends. Without a length there is one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Windows {
    /// First instant inside the first window.
    pub(crate) from: i64,
    /// First instant after the last.
    pub(crate) to: i64,
    /// Length of a window; none of one window.
    pub(crate) length: Option<i64>,
    /// Time between the ends of two windows; the length, where they do not overlap.
    pub(crate) every: Option<i64>,
}

impl Windows {
    /// Intervals that together have all windows, each of some that do not overlap: those that lie whole
    /// lengths apart. The server cuts each into its windows.
    pub(crate) fn runs(&self) -> Vec<(i64, i64)> {
        let (Some(length), Some(every)) = (self.length, self.every) else {
            return vec![(self.from, self.to)];
        };
        let run = |phase: i64| {
            let from = self.from + phase * every;
            let count = (self.to - from) / length;
            (count > 0).then_some((from, from + count * length))
        };
        (0..length / every).filter_map(run).collect()
    }

    /// Each window by itself, in order of time.
    pub(crate) fn each(&self) -> Vec<(i64, i64)> {
        let (Some(length), Some(every)) = (self.length, self.every) else {
            return vec![(self.from, self.to)];
        };
        let count = (self.to - self.from - length) / every + 1;
        let window = |place: i64| (self.from + place * every, self.from + place * every + length);
        (0..count).map(window).collect()
    }
}

/// The windows of a query: `auto` gives those that have room in the panel, or are as long as the step
/// that was chosen. Windows that do not overlap
/// lie inside the panel; of those that do, the ends do, so that each point looks back over its window.
///
/// # Errors
/// A length or step that does not read or fit together, an interval that ends before it starts, or too
/// many windows.
pub(crate) fn windows(asked: &DataQuery, query: &ModelQuery) -> Result<Windows, Problem> {
    let range = asked.time_range.as_ref();
    let (from, to) = range.map_or((0, 0), |range| (range.from_epoch_ms, range.to_epoch_ms));
    if from >= to {
        return Err(Problem::asked("the time range of the panel ends before it starts"));
    }
    let micros = |millis: i64| millis.saturating_mul(1_000).clamp(EARLIEST, LATEST);
    let (from, to) = (micros(from), micros(to));
    if query.is_whole() {
        return Ok(Windows { from, to, length: None, every: None });
    }
    let length = match (query.window.trim(), query.step.trim()) {
        ("" | "auto", "") => fitting(to - from, asked.max_data_points),
        ("" | "auto", step) => duration("step", step)?,
        (window, _) => duration("window", window)?,
    };
    let every = match query.step.trim() {
        "" => length,
        text => step(text, length)?,
    };
    let end = to.div_euclid(every) * every;
    let start = if every < length {
        // The first end after the start of the panel; one at least.
        let first = (from.div_euclid(every) + 1) * every;
        first.min(end).saturating_sub(length)
    } else {
        // At least one window: one that ends where the panel does, if it is longer than the panel.
        let start = from.saturating_add(length - 1).div_euclid(length) * length;
        start.min(end.saturating_sub(length))
    };
    let count = (end - start - length) / every + 1;
    if count > limits::WINDOWS_MAX {
        let most = limits::WINDOWS_MAX;
        return Err(Problem::asked(format!(
            "{count} windows are more than {most}; choose longer windows, a longer step or a shorter \
             time range"
        )));
    }
    Ok(Windows { from: start, to: end, length: Some(length), every: Some(every) })
}

/// Reads a step: a window is a whole multiple of it.
fn step(text: &str, length: i64) -> Result<i64, Problem> {
    let every = duration("step", text)?;
    if every > length {
        return Err(Problem::asked(format!(
            "the step {text} is longer than a window, so that data would lie in none; choose a step of \
             the window's length or shorter"
        )));
    }
    let most = limits::OVERLAP_MAX;
    if length % every != 0 || length / every > most {
        return Err(Problem::asked(format!(
            "the step {text} does not fit its window; the window must be 1 to {most} whole steps long, \
             as 7d is of 1d"
        )));
    }
    Ok(every)
}

/// The shortest length of which the panel has room for so many.
fn fitting(span: i64, points: i64) -> i64 {
    let points =
        if points > 0 { points.min(limits::WINDOWS_DEFAULT) } else { limits::WINDOWS_DEFAULT };
    let wanted = span / points;
    let known = LENGTHS.iter().copied().find(|length| *length >= wanted);
    known.unwrap_or_else(|| (wanted / DAY + 1) * DAY)
}

/// Reads a length such as `15m`, `1h`, `7d`, in microseconds; `what` says of what it is.
///
/// # Errors
/// What does not read, is shorter than a minute or longer than ten years.
pub(crate) fn duration(what: &str, text: &str) -> Result<i64, Problem> {
    let wrong = || {
        Problem::asked(format!(
            "the {what} {text:?} does not read; write it as 15m, 1h, 1d or 1w, a minute at least"
        ))
    };
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(unit_at);
    let unit = match unit {
        "s" => SECOND,
        "m" => MINUTE,
        "h" => HOUR,
        "d" => DAY,
        "w" => 7 * DAY,
        _ => return Err(wrong()),
    };
    let length = number.parse::<i64>().ok().and_then(|number| number.checked_mul(unit));
    length.filter(|length| *length >= MINUTE && *length <= 3_660 * DAY).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::pluginv2::TimeRange;

    fn panel(from_minutes: i64, to_minutes: i64, points: i64) -> DataQuery {
        let range =
            TimeRange { from_epoch_ms: from_minutes * 60_000, to_epoch_ms: to_minutes * 60_000 };
        DataQuery { time_range: Some(range), max_data_points: points, ..DataQuery::default() }
    }

    fn query(window: &str, step: &str) -> ModelQuery {
        ModelQuery { window: window.to_owned(), step: step.to_owned(), ..ModelQuery::default() }
    }

    fn windows_of(panel: &DataQuery, window: &str) -> Result<Windows, Problem> {
        windows(panel, &query(window, ""))
    }

    fn apart(from: i64, to: i64, length: i64) -> Windows {
        Windows { from, to, length: Some(length), every: Some(length) }
    }

    #[test]
    fn whole_windows_inside_the_panel_are_asked_for() {
        let got = windows_of(&panel(30, 30 + 24 * 60, 100), "1h").expect("right");
        assert_eq!(got, apart(HOUR, 24 * HOUR, HOUR));
        assert_eq!(got.runs(), [(HOUR, 24 * HOUR)]);
        let got = windows_of(&panel(24 * 60 + 30, 24 * 60 + 40, 100), "1d").expect("right");
        assert_eq!(got, apart(0, DAY, DAY));
        let whole = ModelQuery { whole: true, ..query("1h", "") };
        let got = windows(&panel(1, 2, 100), &whole).expect("right");
        assert_eq!((got.from, got.to, got.length), (MINUTE, 2 * MINUTE, None));
        assert_eq!((got.runs(), got.each()), (vec![(MINUTE, 2 * MINUTE)], got.runs()));
    }

    #[test]
    fn windows_that_overlap_are_asked_for_in_as_many_runs_as_steps_in_one() {
        let panel = panel(10 * 24 * 60 + 1, 20 * 24 * 60 + 1, 100);
        let got = windows(&panel, &query("7d", "1d")).expect("right");
        // The ends are the days 11 to 20; each window looks back over seven.
        let want = Windows { from: 4 * DAY, to: 20 * DAY, length: Some(7 * DAY), every: Some(DAY) };
        assert_eq!(got, want);
        let each: Vec<(i64, i64)> = (11..=20).map(|end| ((end - 7) * DAY, end * DAY)).collect();
        assert_eq!(got.each(), each);
        let runs = got.runs();
        assert_eq!((runs.len(), runs[0], runs[3]), (7, (4 * DAY, 18 * DAY), (7 * DAY, 14 * DAY)));
        let cut = |(from, to): &(i64, i64)| {
            let count = (to - from) / (7 * DAY);
            (0..count).map(|n| (from + n * 7 * DAY, from + (n + 1) * 7 * DAY)).collect::<Vec<_>>()
        };
        let mut of_runs: Vec<(i64, i64)> = runs.iter().flat_map(cut).collect();
        of_runs.sort_unstable();
        assert_eq!(of_runs, each);
        // A panel that no step ends in has the last one before its end.
        let short = windows(&self::panel(61, 62, 100), &query("2h", "1h")).expect("right");
        assert_eq!(short.each(), [(-HOUR, HOUR)]);
    }

    #[test]
    fn auto_fits_the_room() {
        for (days, points, want) in
            [(1, 1_000, 5 * MINUTE), (1, 24, HOUR), (30, 1_000, 2 * HOUR), (30, 30, DAY)]
        {
            let got = windows_of(&panel(0, days * 24 * 60, points), "auto").expect("right");
            assert_eq!(got.length, Some(want), "{days} days in {points} points");
        }
        assert_eq!(fitting(100_000 * DAY, 10), 10_001 * DAY);
        let got = windows(&panel(0, 24 * 60, 1_000), &query("auto", "6h")).expect("right");
        assert_eq!(got, apart(0, DAY, 6 * HOUR));
    }

    #[test]
    fn what_does_not_read_is_said() {
        for window in ["1", "h", "1y", "-1h", "10s", "99999999999999999999d"] {
            let error = windows_of(&panel(0, 60, 10), window).expect_err(window);
            assert!(error.text.contains("1h"), "{window}: {}", error.text);
        }
        assert!(windows_of(&panel(5, 5, 10), "1h").is_err());
        let error = windows_of(&panel(0, 60 * 24 * 30, 10), "1m").expect_err("too many");
        assert!(error.text.contains("longer windows"), "{}", error.text);
        for (window, step, want) in [
            ("1h", "2h", "longer than a window"),
            ("7d", "5d", "whole steps"),
            ("7d", "1m", "whole steps"),
            ("1h", "soon", "the step \"soon\""),
        ] {
            let error = windows(&panel(0, 60, 10), &query(window, step)).expect_err(step);
            assert!(error.text.contains(want), "{step}: {}", error.text);
        }
    }
}
