//! How many buckets an answer was added up from.

/// Buckets that were read of partials, by their level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BucketsRead {
    /// Running sums up to the end of an hour: two are the difference that any run of hours is.
    pub sums: u64,
    /// Buckets of whole days, which heads keep.
    pub days: u64,
    /// Buckets of hours.
    pub hours: u64,
    /// Buckets of minutes.
    pub minutes: u64,
}

impl BucketsRead {
    /// Adds what was read elsewhere.
    pub fn merge(&mut self, other: Self) {
        self.sums += other.sums;
        self.days += other.days;
        self.hours += other.hours;
        self.minutes += other.minutes;
    }
}
