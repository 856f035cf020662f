//! Parses the cells of text tables: numbers, truth values and timestamps.
//!
//! Timestamps get a fast path for the form most logs have, since a log has at least one in every
//! row; every other form goes to the general parser, and both agree on what they accept.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

#[cfg(test)]
mod tests;

const SECONDS_PER_DAY: i64 = 86_400;
const MICROS_PER_SECOND: i64 = 1_000_000;

/// A number as text tables write it, NaN and infinities included; spaces around it are ignored.
#[must_use]
pub fn parse_number(text: &str) -> Option<f64> {
    text.trim_ascii().parse().ok()
}

/// A whole number that fits 64 bits; spaces around it are ignored.
#[must_use]
pub fn parse_int(text: &str) -> Option<i64> {
    text.trim_ascii().parse().ok()
}

/// `true` or `false` in any case; spaces around it are ignored.
#[must_use]
pub fn parse_bool(text: &str) -> Option<bool> {
    let text = text.trim_ascii();
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// Microseconds since 1970-01-01T00:00:00Z of an RFC 3339 timestamp, rounded down.
///
/// A space may stand for the `T`, and a timestamp without an offset is taken as UTC. A date
/// without a time is no timestamp, and neither is a bare number, whose unit would be a guess.
#[must_use]
pub fn parse_timestamp_micros(text: &str) -> Option<i64> {
    let text = text.trim_ascii();
    parse_fixed_form(text.as_bytes()).or_else(|| parse_any_form(text))
}

/// `YYYY-MM-DDTHH:MM:SS[.fff[fff]]Z`; `None` says only that the form is another or the value is
/// out of range.
fn parse_fixed_form(text: &[u8]) -> Option<i64> {
    let (fixed, tail) = text.split_first_chunk::<19>()?;
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', clock @ ..] = fixed else {
        return None;
    };
    let [h1, h2, b':', n1, n2, b':', s1, s2] = clock else { return None };
    let micros = match tail {
        [b'Z'] => 0,
        [b'.', a, b, c, b'Z'] => digits([a, b, c])? * 1_000,
        [b'.', a, b, c, d, e, f, b'Z'] => digits([a, b, c, d, e, f])?,
        _ => return None,
    };
    let (year, month, day) = (digits([y1, y2, y3, y4])?, digits([m1, m2])?, digits([d1, d2])?);
    let (hour, minute, second) = (digits([h1, h2])?, digits([n1, n2])?, digits([s1, s2])?);
    // The leap second (60) is left to the general parser.
    let in_range = (1..=12).contains(&month)
        && (1..=days_in_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !in_range {
        return None;
    }
    let seconds =
        days_since_epoch(year, month, day) * SECONDS_PER_DAY + hour * 3_600 + minute * 60 + second;
    Some(seconds * MICROS_PER_SECOND + micros)
}

fn digits<const N: usize>(text: [&u8; N]) -> Option<i64> {
    text.into_iter().try_fold(0, |number, byte| match byte {
        b'0'..=b'9' => Some(number * 10 + i64::from(byte - b'0')),
        _ => None,
    })
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar. Years are counted from March, so
/// that the leap day is the last day of its year.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    // 146 097 days make 400 years; 719 468 days lie between 0000-03-01 and 1970-01-01.
    era * 146_097 + day_of_era - 719_468
}

/// Every accepted form. The general parser takes dates without a time, basic forms (`20260101`)
/// and time zone names too, which are refused here: they are more often categories or codes.
fn parse_any_form(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let at = |place: usize| bytes.get(place).copied();
    let has_form = at(4) == Some(b'-')
        && at(7) == Some(b'-')
        && matches!(at(10), Some(b'T' | b't' | b' '))
        && at(13) == Some(b':')
        && bytes.first().is_some_and(u8::is_ascii_digit)
        && !bytes.contains(&b'[');
    if !has_form {
        return None;
    }
    // Parsing a civil time passes over an offset, so it must not see one.
    let has_offset = bytes.iter().skip(11).any(|byte| matches!(byte, b'+' | b'-' | b'Z' | b'z'));
    let timestamp: Timestamp = if has_offset {
        text.parse().ok()?
    } else {
        text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp()
    };
    i64::try_from(timestamp.as_nanosecond().div_euclid(1_000)).ok()
}
