//! Sums of floating-point numbers that other orders and corrections do not blur.

use crate::codec::{Decoded, Get, Put as _};

/// A sum kept in two numbers, some 32 decimal digits together: taking away a huge value that was
/// added leaves the small ones that a single number would have rounded off. (Two-sum of Knuth, The
/// Art of Computer Programming 2, 4.2.2.)
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sum {
    high: f64,
    low: f64,
}

impl Sum {
    /// The sum as one number; not finite if the values or their sum pass the range of a number.
    pub fn value(self) -> f64 {
        self.high + self.low
    }

    /// Adds a value.
    pub fn add(&mut self, value: f64) {
        let high = self.high + value;
        let part = high - self.high;
        let rest = (self.high - (high - part)) + (value - part);
        let low = self.low + rest;
        self.high = high + low;
        self.low = low - (self.high - high);
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: Self) {
        self.add(other.high);
        self.add(other.low);
    }

    /// Appends both numbers.
    pub(crate) fn encode(self, out: &mut Vec<u8>) {
        out.put_f64(self.high);
        out.put_f64(self.low);
    }

    /// Reads what [`Sum::encode`] wrote.
    pub(crate) fn decode(get: &mut Get<'_>) -> Decoded<Self> {
        Ok(Self { high: get.f64()?, low: get.f64()? })
    }
}
