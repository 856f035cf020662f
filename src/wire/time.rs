//! Timestamps and durations: microseconds inside, messages of seconds and nanoseconds outside.

use driftline_storage::{Error, Result, TIME_MAX, TIME_MIN};
use prost_types::{Duration, Timestamp};

const MICROS: i64 = 1_000_000;

/// Microseconds since 1970 UTC; what is finer is cut off.
///
/// # Errors
/// `InvalidArgument` if it is absent or outside the years 0001 to 9999.
pub(crate) fn micros(field: &str, time: Option<Timestamp>) -> Result<i64> {
    let time = super::required(field, time)?;
    let micros = checked(time.seconds, time.nanos)
        .filter(|micros| time.nanos >= 0 && (TIME_MIN..=TIME_MAX).contains(micros));
    micros.ok_or_else(|| {
        let text = format!(
            "{} s and {} ns must lie in the years 0001 to 9999, with 0 to 999999999 ns",
            time.seconds, time.nanos
        );
        Error::invalid(field, text)
    })
}

/// The timestamp of an instant in microseconds since 1970 UTC.
pub(crate) fn timestamp(micros: i64) -> Timestamp {
    let nanos = i32::try_from(micros.rem_euclid(MICROS) * 1_000).unwrap_or(0);
    Timestamp { seconds: micros.div_euclid(MICROS), nanos }
}

/// The timestamp of an edge of a query: unbounded edges become the first or last instant there is.
pub(crate) fn edge(micros: i64) -> Timestamp {
    timestamp(micros.clamp(TIME_MIN, TIME_MAX))
}

/// Microseconds of a duration; what is finer is cut off.
///
/// # Errors
/// `InvalidArgument` for one that 64 bits of microseconds cannot hold.
pub(crate) fn length(field: &str, duration: Duration) -> Result<i64> {
    checked(duration.seconds, duration.nanos).ok_or_else(|| {
        let text = format!(
            "{} s and {} ns is not a duration of less than 292000 years",
            duration.seconds, duration.nanos
        );
        Error::invalid(field, text)
    })
}

/// The duration of a number of microseconds.
pub(crate) fn duration(micros: i64) -> Duration {
    let nanos = i32::try_from(micros % MICROS * 1_000).unwrap_or(0);
    Duration { seconds: micros / MICROS, nanos }
}

fn checked(seconds: i64, nanos: i32) -> Option<i64> {
    let whole = seconds.checked_mul(MICROS)?;
    let fits = (-999_999_999..=999_999_999).contains(&nanos);
    whole.checked_add(i64::from(nanos) / 1_000).filter(|_| fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_come_back_and_impossible_ones_are_refused() {
        for instant in [TIME_MIN, -1, 0, 1_700_000_000_123_456, TIME_MAX] {
            assert_eq!(micros("time", Some(timestamp(instant))).expect("valid"), instant);
        }
        for (seconds, nanos) in [(i64::MAX, 0), (i64::MIN, 0), (0, -1), (0, 1_000_000_000)] {
            assert!(micros("time", Some(Timestamp { seconds, nanos })).is_err());
        }
        assert!(micros("time", None).is_err());
        assert!(micros("time", Some(edge(i64::MAX))).is_ok());
    }

    #[test]
    fn durations_come_back() {
        for micros in [-1_500_000, 0, 1, 3_600_000_000] {
            assert_eq!(length("step", duration(micros)).expect("valid"), micros);
        }
        assert!(length("step", Duration { seconds: i64::MAX, nanos: 0 }).is_err());
    }
}
