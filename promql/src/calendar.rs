//! Parts of dates in UTC.

use jiff::{Timestamp, tz::TimeZone};

/// A part of a date.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    Minute,
    Hour,
    /// 0 is Sunday.
    DayOfWeek,
    DayOfMonth,
    DayOfYear,
    DaysInMonth,
    Month,
    Year,
}

impl Part {
    /// Of a time in seconds since 1970 UTC; NaN of what is no time between the years -9999 and 9999.
    pub(crate) fn of(self, seconds: f64) -> f64 {
        if !seconds.is_finite() {
            return f64::NAN;
        }
        // Seconds are cut off towards zero, as Prometheus does; what is too large is no timestamp.
        let Ok(time) = Timestamp::from_second(seconds as i64) else { return f64::NAN };
        let date = time.to_zoned(TimeZone::UTC);
        match self {
            Self::Minute => f64::from(date.minute()),
            Self::Hour => f64::from(date.hour()),
            Self::DayOfWeek => f64::from(date.weekday().to_sunday_zero_offset()),
            Self::DayOfMonth => f64::from(date.day()),
            Self::DayOfYear => f64::from(date.day_of_year()),
            Self::DaysInMonth => f64::from(date.days_in_month()),
            Self::Month => f64::from(date.month()),
            Self::Year => f64::from(date.year()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_date_has_no_parts() {
        assert_eq!(Part::Year.of(0.0), 1970.0);
        assert_eq!(Part::DayOfWeek.of(0.0), 4.0, "a Thursday");
        for seconds in [f64::NAN, f64::INFINITY, 1e300, -1e300] {
            assert!(Part::Year.of(seconds).is_nan(), "{seconds}");
        }
    }
}
