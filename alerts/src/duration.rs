//! Durations as rules write them: `1d`, `90m`, `1h30m`, in microseconds, and back.

use driftline_storage::{DAY_MICROS, HOUR_MICROS, MINUTE_MICROS};
use jiff::Span;

const SECOND_MICROS: i64 = 1_000_000;

/// Units by length, the longest first. Weeks are written as days.
const UNITS: [(i64, &str); 6] = [
    (DAY_MICROS, "d"),
    (HOUR_MICROS, "h"),
    (MINUTE_MICROS, "m"),
    (SECOND_MICROS, "s"),
    (1_000, "ms"),
    (1, "us"),
];

/// Reads a duration of 0 or longer; a day has 24 hours, and what is below a microsecond is dropped.
///
/// # Errors
/// What is wrong and what to write, fit to follow the value.
pub fn parse_duration(text: &str) -> Result<i64, String> {
    let Ok(span) = text.trim().parse::<Span>() else {
        return Err("is not a duration; write 1d, 6h, 15m, 30s or 1h30m".to_owned());
    };
    if span.get_years() != 0 || span.get_months() != 0 {
        return Err("has months or years, whose length varies; write days or weeks".to_owned());
    }
    if span.is_negative() {
        return Err("is negative; write a length such as 1d".to_owned());
    }
    let parts: [(i64, i64); 6] = [
        (i64::from(span.get_weeks()), 7 * DAY_MICROS),
        (i64::from(span.get_days()), DAY_MICROS),
        (i64::from(span.get_hours()), HOUR_MICROS),
        (span.get_minutes(), MINUTE_MICROS),
        (span.get_seconds(), SECOND_MICROS),
        (span.get_milliseconds(), 1_000),
    ];
    let below = i128::from(span.get_microseconds()) + i128::from(span.get_nanoseconds()) / 1_000;
    let sum = parts.iter().fold(below, |sum, (n, unit)| sum + i128::from(*n) * i128::from(*unit));
    i64::try_from(sum).map_err(|_| "is too long; write days, such as 30d".to_owned())
}

/// A duration as [`parse_duration`] reads it; a negative one is written as 0.
pub fn format_duration(micros: i64) -> String {
    let mut rest = micros.max(0);
    let mut text = String::new();
    for (unit, name) in UNITS {
        if rest >= unit {
            text.push_str(&format!("{}{name}", rest / unit));
            rest %= unit;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_have_fixed_units() {
        for (text, seconds) in
            [("1d", 86_400), ("6h", 21_600), ("0s", 0), ("1h30m", 5_400), ("1w", 604_800)]
        {
            assert_eq!(parse_duration(text), Ok(seconds * SECOND_MICROS), "{text}");
        }
        for (text, want) in [
            ("1mo", "months or years"),
            ("soon", "write 1d"),
            ("5", "write 1d"),
            ("", "write 1d"),
            ("-1d", "negative"),
        ] {
            assert!(parse_duration(text).is_err_and(|error| error.contains(want)), "{text}");
        }
        assert_eq!(format_duration(0), "0s");
        assert_eq!(format_duration(90 * MINUTE_MICROS), "1h30m");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(micros in 0..=crate::limits::SPAN_MAX) {
            prop_assert_eq!(parse_duration(&format_duration(micros)), Ok(micros));
        }
    }
}
