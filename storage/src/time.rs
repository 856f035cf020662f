//! Event time: microseconds since 1970-01-01T00:00:00Z, and its minutes and days.
//!
//! Buckets are floored, so instants before 1970 fall into the bucket that contains them.

/// Microseconds of one minute, the smallest bucket of partials.
pub const MINUTE_MICROS: i64 = 60 * 1_000_000;
/// Microseconds of one hour.
pub const HOUR_MICROS: i64 = 60 * MINUTE_MICROS;
/// Microseconds of one day, the most that a segment spans.
pub const DAY_MICROS: i64 = 24 * HOUR_MICROS;
/// Minutes of one day.
pub const DAY_MINUTES: u16 = 1440;
/// 0001-01-01T00:00:00Z, the first instant that is accepted.
pub const TIME_MIN: i64 = -62_135_596_800_000_000;
/// 9999-12-31T23:59:59.999999Z, the last instant that is accepted.
pub const TIME_MAX: i64 = 253_402_300_799_999_999;

/// Half-open interval `[start, end)` of event time, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    /// First instant inside.
    pub start: i64,
    /// First instant after.
    pub end: i64,
}

impl TimeRange {
    /// All instants.
    pub const ALL: Self = Self { start: i64::MIN, end: i64::MAX };

    /// Whether an instant lies inside.
    pub fn contains(self, time: i64) -> bool {
        self.start <= time && time < self.end
    }

    /// Whether two intervals share an instant.
    pub fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// What two intervals share; empty (`start >= end`) if nothing.
    pub fn intersect(self, other: Self) -> Self {
        Self { start: self.start.max(other.start), end: self.end.min(other.end) }
    }

    /// Whether no instant lies inside.
    pub fn is_empty(self) -> bool {
        self.start >= self.end
    }
}

/// The day that an instant falls into, counted from 1970-01-01.
pub fn day_of(time: i64) -> i64 {
    time.div_euclid(DAY_MICROS)
}

/// All instants of a day.
pub fn day_range(day: i64) -> TimeRange {
    TimeRange { start: day * DAY_MICROS, end: (day + 1) * DAY_MICROS }
}

/// The minute of its day that an instant falls into, `0..1440`.
pub fn minute_of_day(time: i64) -> u16 {
    let micros = time.rem_euclid(DAY_MICROS);
    u16::try_from(micros / MINUTE_MICROS).expect("a day has 1440 minutes")
}

/// `YYYY-MM-DD` of a day counted from 1970-01-01 (proleptic Gregorian calendar).
pub fn date_text(day: i64) -> String {
    // Days are shifted to eras of 400 years that begin in March, so leap days come last.
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let date = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{date:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_floor_before_1970() {
        assert_eq!(day_of(-1), -1);
        assert_eq!(minute_of_day(-1), 1439);
        assert_eq!(day_range(-1), TimeRange { start: -DAY_MICROS, end: 0 });
    }

    #[test]
    fn dates_follow_the_gregorian_calendar() {
        let check = |day: i64, want: &str| assert_eq!(date_text(day), want);
        check(0, "1970-01-01");
        check(-1, "1969-12-31");
        check(11_016, "2000-02-29");
        check(11_017, "2000-03-01");
        check(day_of(TIME_MIN), "0001-01-01");
        check(day_of(TIME_MAX), "9999-12-31");
    }
}
