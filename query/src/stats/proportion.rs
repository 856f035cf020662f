//! A share of counted rows, and how sure one can be of it.

use crate::stats::numbers::normal_reach;
use crate::stats::undefined::{Measured, Undefined};

/// Two ends between which a value lies, with the confidence that was asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end, at least `low`.
    pub high: f64,
}

/// Rows of a kind among all rows that could be of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Proportion {
    /// Rows of the kind, at most `rows`.
    pub hits: u64,
    /// All rows.
    pub rows: u64,
}

impl Proportion {
    /// `hits / rows`, a share in [0, 1].
    ///
    /// Edge cases: no row is [`Undefined::NoValue`]; more hits than rows count as all of them.
    pub fn share(&self) -> Measured<f64> {
        match self.rows {
            0 => Err(Undefined::NoValue),
            rows => Ok(self.hits.min(rows) as f64 / rows as f64),
        }
    }

    /// Wilson's score interval of the share.
    ///
    /// Formula: with p the share, n the rows and z the normal quantile of the confidence,
    /// `(p + z^2 / 2n +- z sqrt(p (1 - p) / n + z^2 / 4n^2)) / (1 + z^2 / n)`, no continuity
    /// correction. It holds its confidence for small n and shares near 0 or 1, where the Wald
    /// interval has no width.
    ///
    /// Shapes: `confidence` in (0, 1), most often 0.95. Unit: shares; the ends lie in [0, 1].
    ///
    /// Edge cases: no row is [`Undefined::NoValue`], another confidence
    /// [`Undefined::LevelOutOfRange`]; no hit has the lower end 0 exactly, all hits the upper end 1.
    ///
    /// Source: Wilson, Probable Inference, the Law of Succession, and Statistical Inference (1927).
    pub fn wilson(&self, confidence: f64) -> Measured<Interval> {
        let z = normal_reach(confidence)?;
        let share = self.share()?;
        let per_row = z * z / self.rows as f64;
        let middle = share + per_row / 2.0;
        let reach = (per_row * (share * (1.0 - share) + per_row / 4.0)).sqrt();
        // At the borders both terms are equal but for rounding.
        let low = if self.hits == 0 { 0.0 } else { (middle - reach) / (1.0 + per_row) };
        let high = if self.hits >= self.rows { 1.0 } else { (middle + reach) / (1.0 + per_row) };
        Ok(Interval { low: low.max(0.0), high: high.min(1.0) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Interval, Proportion, Undefined};

    fn wilson(hits: u64, rows: u64) -> Interval {
        Proportion { hits, rows }.wilson(0.95).expect("rows")
    }

    #[test]
    fn the_textbook_interval_comes_out() {
        // 81 of 263, the example of Newcombe (1998), method 3: 0.2553 to 0.3662.
        let interval = wilson(81, 263);
        assert!((interval.low - 0.2553).abs() < 5e-5, "{interval:?}");
        assert!((interval.high - 0.3662).abs() < 5e-5, "{interval:?}");
        // 0 of 20 and 1 of 29, of the same table.
        assert!((wilson(0, 20).high - 0.1611).abs() < 5e-5);
        assert!((wilson(1, 29).low - 0.0061).abs() < 5e-5);
        assert!((wilson(1, 29).high - 0.1718).abs() < 5e-5);
    }

    #[test]
    fn shares_at_the_border_keep_their_border() {
        assert_eq!(wilson(0, 7).low.to_bits(), 0.0_f64.to_bits());
        assert_eq!(wilson(7, 7).high.to_bits(), 1.0_f64.to_bits());
        assert!(wilson(0, 7).high > 0.3 && wilson(7, 7).low < 0.7);
    }

    #[test]
    fn no_row_and_no_level_are_undefined() {
        let none = Proportion { hits: 0, rows: 0 };
        assert_eq!(none.share(), Err(Undefined::NoValue));
        assert_eq!(none.wilson(0.95), Err(Undefined::NoValue));
        let one = Proportion { hits: 1, rows: 2 };
        assert_eq!(one.wilson(1.0), Err(Undefined::LevelOutOfRange));
        assert_eq!(Proportion { hits: 3, rows: 2 }.share(), Ok(1.0));
    }

    proptest! {
        #[test]
        fn the_ends_surround_the_share_and_narrow_with_rows(rows in 1u64..500, part in 0.0f64..=1.0) {
            let hits = (rows as f64 * part) as u64;
            let one = Proportion { hits, rows };
            let share = one.share().expect("rows");
            let interval = one.wilson(0.95).expect("rows");
            prop_assert!(0.0 <= interval.low && interval.low <= share + 1e-15);
            prop_assert!(share <= interval.high + 1e-15 && interval.high <= 1.0);
            let many = wilson(hits * 100, rows * 100);
            prop_assert!(many.high - many.low < interval.high - interval.low);
        }
    }
}
