//! Windows: half-open intervals of event time, one or a series.

use driftline_storage::{Error, Result, TIME_MAX, TIME_MIN, TimeRange};

use crate::limits;

/// The windows of a query: `[from, to)`, or `[from + k step, from + (k + 1) step)` for k = 0, 1, ..
/// with the last cut at `to`. Times and step are microseconds. Where `from` is `to` there is one window,
/// which holds nothing.
///
/// # Errors
/// `InvalidArgument` if `to` is before `from`, a time is outside the years 0001 to 9999, `step`
/// is not positive, or there would be more than [`limits::WINDOWS_MAX`] windows.
pub fn windows(from: i64, to: i64, step: Option<i64>) -> Result<Vec<TimeRange>> {
    for (field, time) in [("from", from), ("to", to)] {
        if !(TIME_MIN..=TIME_MAX + 1).contains(&time) {
            let text = format!("{time} microseconds lies outside the years 0001 to 9999");
            return Err(Error::invalid(field, text));
        }
    }
    if to < from {
        let text = "the window ends before it starts; its end must not be before its start";
        return Err(Error::invalid("to", text));
    }
    let Some(step) = step.filter(|step| *step <= 0 || to > from) else {
        return Ok(vec![TimeRange { start: from, end: to }]);
    };
    if step <= 0 {
        return Err(Error::invalid("step", "must be longer than 0"));
    }
    let count = (to - from).div_euclid(step) + i64::from((to - from).rem_euclid(step) > 0);
    if count > limits::WINDOWS_MAX as i64 {
        let text =
            format!("makes {count} windows, at most {}; choose a longer step", limits::WINDOWS_MAX);
        return Err(Error::invalid("step", text));
    }
    let window = |k: i64| {
        let start = from + k * step;
        TimeRange { start, end: start.saturating_add(step).min(to) }
    };
    Ok((0..count).map(window).collect())
}

/// A window cut into the whole minutes inside, or other units of so many microseconds, and what is left
/// before and after them.
pub(crate) fn split(window: TimeRange, unit: i64) -> (TimeRange, [Option<TimeRange>; 2]) {
    let up = |time: i64| (time + unit - 1).div_euclid(unit) * unit;
    let down = |time: i64| time.div_euclid(unit) * unit;
    let inner = TimeRange { start: up(window.start), end: down(window.end) };
    if inner.is_empty() {
        return (TimeRange { start: window.start, end: window.start }, [Some(window), None]);
    }
    let edge = |start, end| Some(TimeRange { start, end }).filter(|edge| !edge.is_empty());
    (inner, [edge(window.start, inner.start), edge(inner.end, window.end)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use driftline_storage::MINUTE_MICROS;
    use proptest::prelude::*;

    #[test]
    fn a_series_tiles_its_interval_and_cuts_the_last() {
        let range = |start, end| TimeRange { start, end };
        let check =
            |step, want: &[TimeRange]| assert_eq!(windows(0, 10, step).ok().as_deref(), Some(want));
        check(None, &[range(0, 10)]);
        check(Some(5), &[range(0, 5), range(5, 10)]);
        check(Some(4), &[range(0, 4), range(4, 8), range(8, 10)]);
        check(Some(i64::MAX), &[range(0, 10)]);
        for step in [None, Some(7)] {
            assert_eq!(windows(5, 5, step).ok().as_deref(), Some(&[range(5, 5)][..]), "nothing");
        }
    }

    #[test]
    fn an_interval_that_ends_before_it_starts_is_refused() {
        assert!(windows(5, 4, None).is_err());
        assert!(windows(0, 5, Some(0)).is_err());
        assert!(windows(0, i64::MAX, None).is_err());
        assert!(windows(0, TIME_MAX, Some(1)).is_err());
    }

    proptest! {
        #[test]
        fn inner_minutes_and_edges_tile_the_window(start in -400_000_000_i64..400_000_000, len in 1_i64..400_000_000) {
            let window = TimeRange { start, end: start + len };
            let (inner, edges) = split(window, MINUTE_MICROS);
            if !inner.is_empty() {
                prop_assert_eq!(inner.start.rem_euclid(MINUTE_MICROS), 0);
                prop_assert_eq!(inner.end.rem_euclid(MINUTE_MICROS), 0);
            }
            let edges = edges.iter().flatten().map(|edge| edge.end - edge.start).sum::<i64>();
            let covered = inner.end - inner.start + edges;
            prop_assert_eq!(covered, len);
        }
    }
}
