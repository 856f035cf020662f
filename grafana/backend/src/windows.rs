//! Which windows a panel asks for.
//!
//! Windows end on multiples of their length since 1970 UTC, and only whole ones are asked for: a
//! panel that is refreshed shows the same values again, and the newest point is not one of a few
//! rows.

use crate::{limits, problem::Problem, wire::pluginv2::DataQuery};

const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

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

/// An interval of event time in microseconds, and the length of its windows; none means one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Windows {
    /// First instant inside.
    pub(crate) from: i64,
    /// First instant after.
    pub(crate) to: i64,
    /// Length of a window.
    pub(crate) step: Option<i64>,
}

/// The windows of a query: `auto` gives those that have room in the panel.
///
/// # Errors
/// A length that does not read, an interval that ends before it starts, or too many windows.
pub(crate) fn windows(query: &DataQuery, window: &str, whole: bool) -> Result<Windows, Problem> {
    let range = query.time_range.as_ref();
    let (from, to) = range.map_or((0, 0), |range| (range.from_epoch_ms, range.to_epoch_ms));
    if from >= to {
        return Err(Problem::asked("the time range of the panel ends before it starts"));
    }
    let (from, to) = (from.saturating_mul(1_000), to.saturating_mul(1_000));
    if whole {
        return Ok(Windows { from, to, step: None });
    }
    let length = match window.trim() {
        "" | "auto" => fitting(to - from, query.max_data_points),
        text => duration(text)?,
    };
    // At least one window: one that ends where the panel does, if it is longer than the panel.
    let end = to.div_euclid(length) * length;
    let start = (from + length - 1).div_euclid(length) * length;
    let start = start.min(end.saturating_sub(length));
    let count = (end - start) / length;
    if count > limits::WINDOWS_MAX {
        let most = limits::WINDOWS_MAX;
        return Err(Problem::asked(format!(
            "{count} windows of {window} are more than {most}; choose longer windows or a shorter \
             time range"
        )));
    }
    Ok(Windows { from: start, to: end, step: Some(length) })
}

/// The shortest length of which the panel has room for so many.
fn fitting(span: i64, points: i64) -> i64 {
    let points =
        if points > 0 { points.min(limits::WINDOWS_DEFAULT) } else { limits::WINDOWS_DEFAULT };
    let wanted = span / points;
    let known = LENGTHS.iter().copied().find(|length| *length >= wanted);
    known.unwrap_or_else(|| (wanted / DAY + 1) * DAY)
}

/// Reads a length such as `15m`, `1h`, `7d`.
fn duration(text: &str) -> Result<i64, Problem> {
    let wrong = || {
        Problem::asked(format!(
            "the window {text:?} does not read; write it as 15m, 1h, 1d or 1w, a minute at least, \
             or choose auto"
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

    #[test]
    fn whole_windows_inside_the_panel_are_asked_for() {
        let got = windows(&panel(30, 30 + 24 * 60, 100), "1h", false).expect("right");
        assert_eq!(got, Windows { from: HOUR, to: 24 * HOUR, step: Some(HOUR) });
        let got = windows(&panel(24 * 60 + 30, 24 * 60 + 40, 100), "1d", false).expect("right");
        assert_eq!(got, Windows { from: 0, to: DAY, step: Some(DAY) });
        let got = windows(&panel(1, 2, 100), "1h", true).expect("right");
        assert_eq!(got, Windows { from: MINUTE, to: 2 * MINUTE, step: None });
    }

    #[test]
    fn auto_fits_the_room() {
        for (days, points, want) in
            [(1, 1_000, 5 * MINUTE), (1, 24, HOUR), (30, 1_000, 2 * HOUR), (30, 30, DAY)]
        {
            let got = windows(&panel(0, days * 24 * 60, points), "auto", false).expect("right");
            assert_eq!(got.step, Some(want), "{days} days in {points} points");
        }
        assert_eq!(fitting(100_000 * DAY, 10), 10_001 * DAY);
    }

    #[test]
    fn what_does_not_read_is_said() {
        for window in ["1", "h", "1y", "-1h", "10s", "99999999999999999999d"] {
            let error = windows(&panel(0, 60, 10), window, false).expect_err(window);
            assert!(error.text.contains("1h"), "{window}: {}", error.text);
        }
        assert!(windows(&panel(5, 5, 10), "1h", false).is_err());
        let error = windows(&panel(0, 60 * 24 * 30, 10), "1m", false).expect_err("too many");
        assert!(error.text.contains("longer windows"), "{}", error.text);
    }
}
