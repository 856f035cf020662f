//! When a rule is due, and for which windows. Windows end on multiples of `every` since 1970 UTC, so
//! that a restart, a second server and a back-test look at the same ones.

use driftline_storage::TimeRange;

use crate::{
    limits,
    rule::{Measure, Rule},
};

/// The windows that a rule is to be evaluated for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Due {
    /// Windows that were not judged yet, in order of time.
    pub windows: Vec<TimeRange>,
    /// Windows that lie too far back to be caught up with, after a long pause.
    pub skipped: u64,
}

/// The window that ends at an instant.
pub fn window_at(measure: &Measure, end: i64) -> TimeRange {
    TimeRange { start: end.saturating_sub(measure.window), end }
}

/// The last end of a window at or before an instant.
fn last_end(measure: &Measure, time: i64) -> i64 {
    time.div_euclid(measure.every).saturating_mul(measure.every)
}

/// How long after its end a window of a rule is asked for: the lateness that the rule states, and a
/// shift that spreads rules over time.
fn delay(rule: &Rule, measure: &Measure) -> i64 {
    measure.lateness.saturating_add(rule.spread())
}

/// The windows that are due at `now`. `evaluated` is the end of the newest window that was judged;
/// none for a rule that is new, which begins with the newest window that is due.
///
/// If the clock went back, nothing is due until it reaches the next window, see [`waits`]. If it was
/// far ahead when windows were judged, those count as not judged: [`crate::step`] forgets them too.
pub fn due(rule: &Rule, evaluated: Option<i64>, now: i64) -> Due {
    let Some(measure) = rule.measure() else { return Due::default() };
    if waits(rule, evaluated, now) {
        return Due::default();
    }
    let newest = last_end(measure, now.saturating_sub(delay(rule, measure)));
    let first = match evaluated {
        Some(end) if end <= now => last_end(measure, end).saturating_add(measure.every),
        _ => newest,
    };
    let count = newest.saturating_sub(first).div_euclid(measure.every) + 1;
    let taken = count.clamp(0, limits::CATCH_UP_MAX);
    let window = |back: i64| window_at(measure, newest.saturating_sub(back * measure.every));
    let windows = (0..taken).rev().map(window).collect();
    Due { windows, skipped: (count.max(0) - taken).unsigned_abs() }
}

/// Whether a rule waits for a clock that was set back to be where it was: to judge windows of before
/// would end what fires and tell it once more when its own window comes again.
pub fn waits(rule: &Rule, evaluated: Option<i64>, now: i64) -> bool {
    let most = rule.measure().map_or(0, |measure| measure.every).max(limits::CLOCK_BACK_MAX);
    evaluated.is_some_and(|end| (1..=most).contains(&end.saturating_sub(now)))
}

/// When a rule is due next, by the clock.
pub fn next_due(rule: &Rule, evaluated: i64) -> Option<i64> {
    let measure = rule.measure()?;
    let end = last_end(measure, evaluated).saturating_add(measure.every);
    Some(end.saturating_add(delay(rule, measure)))
}

/// The windows within the horizon that rows or labels touch whose event time lies in an interval,
/// in order of time, of those that were judged: they are to be judged again.
pub fn touched(rule: &Rule, evaluated: i64, interval: TimeRange) -> Vec<TimeRange> {
    let Some(measure) = rule.measure() else { return Vec::new() };
    let newest = last_end(measure, evaluated);
    let count = measure.horizon.div_euclid(measure.every).clamp(0, limits::REVISIONS_MAX);
    let window = |back: i64| window_at(measure, newest.saturating_sub(back * measure.every));
    // What is counted since the last training changes with all that came before the window's end.
    let grows = measure.figure.is_since_training();
    let holds =
        |window: &TimeRange| window.overlaps(interval) || (grows && interval.start < window.end);
    (0..=count).rev().map(window).filter(holds).collect()
}

/// The ends of windows that lie whole in an interval, in order of time.
pub(crate) fn ends_within(measure: &Measure, interval: TimeRange) -> impl Iterator<Item = i64> {
    let earliest = interval.start.saturating_add(measure.window);
    let first = last_end(measure, earliest.saturating_sub(1)).saturating_add(measure.every);
    let (every, end) = (measure.every, interval.end);
    std::iter::successors(Some(first), move |end| end.checked_add(every))
        .take_while(move |time| *time <= end)
}

#[cfg(test)]
mod tests {
    use driftline_storage::{DAY_MICROS, HOUR_MICROS, MINUTE_MICROS};
    use proptest::prelude::*;

    use super::*;
    use crate::tests::rule;

    const HOUR: i64 = HOUR_MICROS;

    fn hourly() -> Rule {
        rule(
            "metric = \"psi\"\nwhen = \"> 0.2\"\nwindow = \"1d\"\nevery = \"1h\"\nlateness = \"10m\"\n\
             horizon = \"3h\"",
        )
    }

    fn ends(due: &Due) -> Vec<i64> {
        due.windows.iter().map(|window| window.end / HOUR).collect()
    }

    #[test]
    fn a_window_is_due_once_its_lateness_and_shift_are_over() {
        let rule = hourly();
        let shift = rule.spread();
        assert!((0..MINUTE_MICROS).contains(&shift) && shift == rule.spread());
        let at = |micros: i64| ends(&due(&rule, Some(99 * HOUR), micros));
        let ready = 100 * HOUR + 10 * MINUTE_MICROS + shift;
        assert!(at(ready - 1).is_empty());
        assert_eq!(at(ready), [100]);
        assert_eq!(next_due(&rule, 99 * HOUR), Some(ready));
        let window = due(&rule, Some(99 * HOUR), ready).windows[0];
        assert_eq!(window.end - window.start, DAY_MICROS);
    }

    #[test]
    fn a_new_rule_begins_with_the_newest_window_and_a_pause_is_caught_up_with() {
        let rule = hourly();
        let now = 100 * HOUR + 30 * MINUTE_MICROS;
        assert_eq!(ends(&due(&rule, None, now)), [100]);
        assert_eq!(ends(&due(&rule, Some(97 * HOUR), now)), [98, 99, 100]);
        let long = due(&rule, Some(0), 2_000 * HOUR + 30 * MINUTE_MICROS);
        assert_eq!((long.windows.len(), long.skipped), (1_024, 976));
        assert_eq!(long.windows.last().map(|window| window.end), Some(2_000 * HOUR));
    }

    #[test]
    fn a_clock_that_goes_back_waits_and_one_that_was_ahead_goes_on() {
        let rule = hourly();
        let now = 100 * HOUR + 30 * MINUTE_MICROS;
        // Judged before the clock went back by a moment: nothing is due twice.
        assert!(due(&rule, Some(100 * HOUR), now).windows.is_empty());
        assert!(due(&rule, Some(100 * HOUR), 100 * HOUR).windows.is_empty());
        // Set back over the end of the window, by less than an hour: the window is not judged again.
        assert!(due(&rule, Some(101 * HOUR), now).windows.is_empty());
        assert!(waits(&rule, Some(101 * HOUR), now) && !waits(&rule, Some(100 * HOUR), now));
        assert!(waits(&rule, Some(101 * HOUR), 100 * HOUR));
        assert_eq!(ends(&due(&rule, Some(101 * HOUR), 100 * HOUR - 1)), [99]);
        assert!(!waits(&rule, None, now));
        // Judged by a clock a year ahead: the right time goes on.
        assert_eq!(ends(&due(&rule, Some(9_000 * HOUR), now)), [100]);
    }

    #[test]
    fn late_rows_touch_the_windows_that_hold_them_within_the_horizon() {
        let rule = hourly();
        let at = |hour: i64| TimeRange { start: hour * HOUR, end: hour * HOUR + 1 };
        let ends = |interval| -> Vec<i64> {
            touched(&rule, 100 * HOUR, interval).iter().map(|window| window.end / HOUR).collect()
        };
        assert_eq!(ends(at(90)), [97, 98, 99, 100]);
        assert_eq!(ends(at(98)), [99, 100]);
        assert_eq!(ends(at(74)), [97, 98]);
        assert_eq!(ends(at(101)), [] as [i64; 0]);
    }

    #[test]
    fn a_back_test_sees_windows_that_lie_whole_in_its_interval() {
        let rule = hourly();
        let measure = rule.measure().expect("a metric");
        let ends = |start: i64, end: i64| -> Vec<i64> {
            ends_within(measure, TimeRange { start, end }).map(|end| end / HOUR).collect()
        };
        assert_eq!(ends(0, 26 * HOUR), [24, 25, 26]);
        assert_eq!(ends(1, 26 * HOUR - 1), [25]);
        assert!(ends(0, 23 * HOUR).is_empty());
    }

    proptest! {
        #[test]
        fn every_window_is_due_once_however_often_one_looks(
            looks in prop::collection::vec(1..400_i64, 1..40),
        ) {
            let rule = hourly();
            let (mut now, mut evaluated) = (1_000 * HOUR, None);
            let mut seen = Vec::new();
            for minutes in looks {
                now += minutes * MINUTE_MICROS;
                let due = due(&rule, evaluated, now);
                prop_assert_eq!(due.skipped, 0);
                seen.extend(due.windows.iter().map(|window| window.end));
                evaluated = seen.last().copied().or(evaluated);
                prop_assert!(evaluated.and_then(|end| next_due(&rule, end)).is_none_or(|at| at > now));
            }
            prop_assert!(seen.windows(2).all(|pair| pair[1] - pair[0] == HOUR));
        }
    }
}
