//! Times and durations as people write them, and times as reports show them.
//!
//! An instant is microseconds since 1970 UTC. Instants are shifted by whole cycles of 400 years
//! (146 097 days, after which the calendar repeats) before they become a date, so that every `i64`
//! has a text, also the year 10000 that ends the last window there can be.

use std::{fmt, str::FromStr};

use driftline_storage::{DAY_MICROS, HOUR_MICROS, MINUTE_MICROS, TIME_MAX, TIME_MIN};
use jiff::{SignedDuration, Span, civil};

const SECOND_MICROS: i64 = 1_000_000;
const CYCLE_YEARS: i128 = 400;
const CYCLE_MICROS: i128 = 146_097 * DAY_MICROS as i128;
const EPOCH: civil::DateTime = civil::date(1970, 1, 1).at(0, 0, 0, 0);
const FORMS: &str = "write RFC 3339 such as 2026-01-01T00:00:00Z, or a time relative to now such \
                     as -7d, -90m, now or now-7d";

/// Why a text is no time or duration: what is wrong and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeError(String);

impl fmt::Display for TimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TimeError {}

fn bad<T>(text: impl Into<String>) -> Result<T, TimeError> {
    Err(TimeError(text.into()))
}

/// A time as written: an instant, or one relative to the clock, which is read once per command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Microseconds since 1970 UTC.
    At(i64),
    /// Microseconds after now; before it if negative.
    FromNow(i64),
}

impl Moment {
    /// The instant, in microseconds since 1970 UTC.
    ///
    /// # Errors
    /// If it lies outside the years 0001 to 9999.
    pub fn resolve(self, now_micros: i64) -> Result<i64, TimeError> {
        let instant = match self {
            Self::At(instant) => Some(instant),
            Self::FromNow(offset) => now_micros.checked_add(offset),
        };
        match instant {
            Some(instant) if (TIME_MIN..=TIME_MAX).contains(&instant) => Ok(instant),
            _ => bad("the time lies outside the years 0001 to 9999"),
        }
    }
}

impl FromStr for Moment {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        let text = text.trim();
        let (is_now, rest) = match text.strip_prefix("now") {
            Some(rest) => (true, rest.trim_start()),
            None => (false, text),
        };
        let sign = match rest.bytes().next() {
            None if is_now => return Ok(Self::FromNow(0)),
            Some(b'-') => -1,
            Some(b'+') => 1,
            _ if is_now => return bad(format!("{text:?} is not a time; {FORMS}")),
            _ => return parse_rfc3339(text).map(Self::At),
        };
        let length = parse_span(rest[1..].trim_start())?;
        Ok(Self::FromNow(sign * length))
    }
}

/// Reads a time: RFC 3339, or relative to `now_micros`. Digits below a microsecond are dropped.
///
/// # Errors
/// If it is neither, or lies outside the years 0001 to 9999.
pub fn parse_time(text: &str, now_micros: i64) -> Result<i64, TimeError> {
    text.parse::<Moment>()?.resolve(now_micros)
}

/// Reads a duration such as `1d`, `90m` or `1h30m`, in microseconds; a day has 24 hours.
///
/// # Errors
/// If it is not a duration, not longer than 0, or has months or years, whose length varies.
pub fn parse_duration(text: &str) -> Result<i64, TimeError> {
    match parse_span(text.trim())? {
        0 => bad(format!("{text:?} must be at least a microsecond long")),
        micros => Ok(micros),
    }
}

/// An unsigned duration in microseconds, 0 or longer.
fn parse_span(text: &str) -> Result<i64, TimeError> {
    let Ok(span) = text.parse::<Span>() else {
        return bad(format!("{text:?} is not a duration; write 1d, 6h, 15m, 30s or 1h30m"));
    };
    if span.get_years() != 0 || span.get_months() != 0 {
        let text =
            format!("{text:?} has months or years, whose length varies; write days or weeks");
        return bad(text);
    }
    if span.is_negative() {
        return bad(format!("{text:?} is negative; write a length such as 1d"));
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
    i64::try_from(sum).or_else(|_| bad(format!("{text:?} is too long")))
}

/// The places of a date and a time of day in RFC 3339, where `d` is a digit and `T` also a space.
const SHAPE: &[u8] = b"dddd-dd-ddTdd:dd:dd";

fn fits(text: &str, shape: &[u8]) -> bool {
    text.len() == shape.len()
        && text.bytes().zip(shape).all(|(byte, want)| match want {
            b'd' => byte.is_ascii_digit(),
            b'T' => matches!(byte, b'T' | b't' | b' '),
            want => byte == *want,
        })
}

/// RFC 3339 to the letter: jiff alone also takes texts without seconds or with a zone's name.
fn parse_rfc3339(text: &str) -> Result<i64, TimeError> {
    if fits(text, &SHAPE[..10]) {
        return bad(format!("{text:?} is a date without a time; write {text}T00:00:00Z"));
    }
    let zone_at = text.bytes().skip(10).position(|byte| matches!(byte, b'Z' | b'z' | b'+' | b'-'));
    let Some(zone_at) = zone_at.map(|at| at + 10) else {
        if text.get(..SHAPE.len()).is_some_and(|head| fits(head, SHAPE)) {
            return bad(format!("{text:?} has no time zone; write {text}Z for UTC"));
        }
        if parse_span(text).is_ok() {
            return bad(format!("{text:?} is not a time; write -{text} for that long ago"));
        }
        return bad(format!("{text:?} is not a time; {FORMS}"));
    };
    let wrong = || TimeError(format!("{text:?} is not a time; {FORMS}"));
    let (local, zone) = (text.get(..zone_at).ok_or_else(wrong)?, &text[zone_at..]);
    let (whole, fraction) = local.split_at_checked(SHAPE.len()).ok_or_else(wrong)?;
    let fraction_ok = fraction.is_empty()
        || fraction.strip_prefix('.').is_some_and(|digits| {
            !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
        });
    if !fits(whole, SHAPE) || !fraction_ok {
        return Err(wrong());
    }
    let offset = parse_zone(zone).ok_or_else(wrong)?;
    let date = whole
        .parse::<civil::DateTime>()
        .map_err(|error| TimeError(format!("{text:?} is not on the calendar: {error}")))?;
    let micros = date.duration_since(EPOCH).as_micros() + i128::from(fraction_micros(fraction));
    match i64::try_from(micros - i128::from(offset)) {
        Ok(instant) => Moment::At(instant).resolve(0),
        Err(_) => Err(wrong()),
    }
}

/// Microseconds of `.123456789`; digits past the sixth are dropped.
fn fraction_micros(fraction: &str) -> i64 {
    let digits = fraction.bytes().skip(1).chain(std::iter::repeat(b'0')).take(6);
    digits.fold(0, |sum, digit| sum * 10 + i64::from(digit.saturating_sub(b'0')))
}

/// Microseconds that a zone is ahead of UTC.
fn parse_zone(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    if !fits(zone, b"+dd:dd") && !fits(zone, b"-dd:dd") {
        return None;
    }
    let hours: i64 = zone.get(1..3)?.parse().ok()?;
    let minutes: i64 = zone.get(4..6)?.parse().ok()?;
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    (hours < 24 && minutes < 60).then_some(sign * (hours * HOUR_MICROS + minutes * MINUTE_MICROS))
}

/// A time as RFC 3339 in UTC, with a fraction only if it has one. Years outside 0000 to 9999 get a
/// sign and six digits, as ISO 8601 wants.
pub fn format_time(micros: i64) -> String {
    let cycle = i128::from(micros).div_euclid(CYCLE_MICROS);
    let within = i128::from(micros).rem_euclid(CYCLE_MICROS);
    let within = SignedDuration::from_micros(i64::try_from(within).unwrap_or(0));
    let date = EPOCH.saturating_add(within);
    let year = i128::from(date.year()) + cycle * CYCLE_YEARS;
    let year =
        if (0..=9999).contains(&year) { format!("{year:04}") } else { format!("{year:+07}") };
    let mut text = format!(
        "{year}-{:02}-{:02}T{:02}:{:02}:{:02}",
        date.month(),
        date.day(),
        date.hour(),
        date.minute(),
        date.second()
    );
    if date.subsec_nanosecond() != 0 {
        let fraction = format!(".{:06}", date.subsec_nanosecond() / 1_000);
        text.push_str(fraction.trim_end_matches('0'));
    }
    text.push('Z');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_767_225_600_000_000; // 2026-01-01T00:00:00Z

    #[track_caller]
    fn check(text: &str, want: &str) {
        let got = parse_time(text, NOW).map_or_else(|error| error.to_string(), format_time);
        assert_eq!(got, want, "{text:?}");
    }

    #[test]
    fn times_are_rfc_3339_or_relative_to_now() {
        check("2026-01-05T00:00:00Z", "2026-01-05T00:00:00Z");
        check("2026-01-05t01:30:00+01:30", "2026-01-05T00:00:00Z");
        check("2026-01-05 00:00:00.5-00:30", "2026-01-05T00:30:00.5Z");
        check("2026-01-05T00:00:00.1234569Z", "2026-01-05T00:00:00.123456Z");
        check("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z");
        check("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z");
        check("now", "2026-01-01T00:00:00Z");
        check("-7d", "2025-12-25T00:00:00Z");
        check("-90m", "2025-12-31T22:30:00Z");
        check("now-7d", "2025-12-25T00:00:00Z");
        check("now + 1h30m", "2026-01-01T01:30:00Z");
        check("+1w", "2026-01-08T00:00:00Z");
    }

    #[test]
    fn what_is_no_time_says_what_to_write() {
        for (text, want) in [
            ("2026-01-01", "write 2026-01-01T00:00:00Z"),
            ("2026-01-01T00:00:00", "write 2026-01-01T00:00:00Z for UTC"),
            ("7d", "write -7d"),
            ("yesterday", "write RFC 3339 such as 2026-01-01T00:00:00Z, or a time relative to now"),
            ("2026-01-01T00Z", "such as -7d"),
            ("2026-01-01T00:00:00.Z", "RFC 3339"),
            ("2026-01-01T00:00:00Z[UTC]", "RFC 3339"),
            ("2026-01-01T00:00:00+25:00", "RFC 3339"),
            ("2026-02-30T00:00:00Z", "not on the calendar"),
            ("0000-06-01T00:00:00Z", "outside the years 0001 to 9999"),
            ("9999-12-31T23:59:59-01:00", "outside the years 0001 to 9999"),
            ("-1mo", "months or years"),
            ("-5000000d", "outside"),
            ("now7d", "RFC 3339"),
            ("nowhere", "RFC 3339"),
            ("--7d", "negative"),
            ("", "RFC 3339"),
            ("-", "not a duration"),
            ("2026-01-0äT00:00:00Z", "RFC 3339"),
            ("ääääääääää-ääääääää", "RFC 3339"),
        ] {
            let error = parse_time(text, NOW).expect_err(text).to_string();
            assert!(error.contains(want), "{text:?}: {error}");
        }
    }

    #[test]
    fn durations_have_fixed_units() {
        for (text, seconds) in [
            ("1d", 86_400),
            ("6h", 21_600),
            ("15m", 900),
            ("30s", 30),
            ("1h30m", 5_400),
            ("1w", 604_800),
            ("1 week 2 days", 777_600),
            ("1.5h", 5_400),
        ] {
            assert_eq!(parse_duration(text), Ok(seconds * SECOND_MICROS), "{text}");
        }
        for (text, want) in [
            ("1mo", "months or years"),
            ("2 years", "months or years"),
            ("0s", "at least a microsecond"),
            ("1ns", "at least a microsecond"),
            ("-1d", "negative"),
            ("1d ago", "negative"),
            ("day", "write 1d, 6h"),
            ("", "write 1d, 6h"),
            ("5", "write 1d, 6h"),
        ] {
            let error = parse_duration(text).expect_err(text).to_string();
            assert!(error.contains(want), "{text:?}: {error}");
        }
    }

    #[test]
    fn every_instant_has_a_text() {
        assert_eq!(format_time(0), "1970-01-01T00:00:00Z");
        assert_eq!(format_time(-1), "1969-12-31T23:59:59.999999Z");
        assert_eq!(format_time(TIME_MIN), "0001-01-01T00:00:00Z");
        assert_eq!(format_time(TIME_MAX + 1), "+010000-01-01T00:00:00Z");
        assert_eq!(format_time(i64::MAX), "+294247-01-10T04:00:54.775807Z");
        assert_eq!(format_time(i64::MIN), "-290308-12-21T19:59:05.224192Z");
    }
}
