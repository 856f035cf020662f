//! How often a test raised an alarm, and what that says of its level.

use driftline_query::stats::{Interval, Measured, Proportion};

/// The level that is checked: a p-value below it is an alarm.
pub const LEVEL: f64 = 0.05;

/// The confidence of intervals. Hundreds of tests are judged at once: at 95 % a dozen good ones
/// would be called bad.
pub const CONFIDENCE: f64 = 0.999;

/// The outcomes of one test over windows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Outcomes {
    /// Windows with a p-value.
    pub answered: u64,
    /// Those of them whose p-value is below [`LEVEL`].
    pub alarms: u64,
    /// Windows that the test refused.
    pub refused: u64,
}

/// What the outcomes without drift say of a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The level is in the interval.
    Holds,
    /// The test raises fewer alarms than it may.
    Careful,
    /// The test raises more alarms than it may.
    Exceeds,
    /// No window was answered.
    Refused,
}

impl Verdict {
    /// Its name in JSON lines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Careful => "careful",
            Self::Exceeds => "exceeds",
            Self::Refused => "refused",
        }
    }
}

impl Outcomes {
    /// Takes note of one window.
    pub fn add(&mut self, p_value: Measured<f64>) {
        match p_value {
            Ok(p_value) => {
                self.answered += 1;
                self.alarms += u64::from(p_value < LEVEL);
            }
            Err(_) => self.refused += 1,
        }
    }

    /// The share of alarms and its interval.
    pub fn share(&self) -> Measured<(f64, Interval)> {
        let share = Proportion { hits: self.alarms, rows: self.answered };
        Ok((share.share()?, share.wilson(CONFIDENCE)?))
    }

    /// Whether the test holds its level, the windows being without drift.
    pub fn verdict(&self) -> Verdict {
        match self.share() {
            Err(_) => Verdict::Refused,
            Ok((_, interval)) if LEVEL > interval.high => Verdict::Careful,
            Ok((_, interval)) if LEVEL < interval.low => Verdict::Exceeds,
            Ok(_) => Verdict::Holds,
        }
    }
}
