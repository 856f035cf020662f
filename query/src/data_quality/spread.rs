//! Smallest, largest, mean and deviation of the values of windows, from the sums that parts keep by
//! hour, of quiet days by day.
//!
//! The sums of a part are taken around a middle edge of its own binning. Here each becomes a mean and
//! a sum of squared deviations from it, which parts of any binnings join to; so the figures are there
//! also where counts must be read from rows. Hours (or quiet days) that a window cuts are not in them.

use driftline_storage::{Binning, DAY_MICROS, Outline, Part, Result, Snapshot, TimeRange};

use crate::{
    gather::overlapping,
    stats::{Measured, Undefined},
};

/// Deviations whose squares are a smaller part than this of the squares that they are differences
/// of are not answered; those that are, rounding changes by less than a hundred thousandth.
const APART_MIN: f64 = 1e-10;

/// The spread of some finite values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    /// How many.
    pub(crate) n: u64,
    min: f64,
    max: f64,
    mean: f64,
    /// Sum of squared deviations from the mean.
    apart: f64,
    /// The squares that `apart` is a difference of.
    squares: f64,
}

impl Default for Spread {
    fn default() -> Self {
        let (min, max) = (f64::INFINITY, f64::NEG_INFINITY);
        Self { n: 0, min, max, mean: 0.0, apart: 0.0, squares: 0.0 }
    }
}

impl Spread {
    /// The spread of the values of sums around a centre.
    pub(crate) fn new(centre: f64, outline: &Outline) -> Self {
        let (n, min, max) = (outline.n, outline.min, outline.max);
        match n {
            0 => Self::default(),
            // Sums would say it with a rounding error.
            _ if min == max => Self { n, min, max, mean: min, apart: 0.0, squares: 0.0 },
            _ => {
                let (sum, squares) = (outline.sum.value(), outline.squares.value());
                let from_centre = sum / n as f64;
                let apart = (squares - sum * from_centre).max(0.0);
                Self { n, min, max, mean: centre + from_centre, apart, squares }
            }
        }
    }

    /// Adds other values.
    ///
    /// Formula: with d the difference of the means, `mean += d n2 / (n1 + n2)` and
    /// `apart += apart2 + d^2 n1 n2 / (n1 + n2)`.
    ///
    /// Source: Chan, Golub and LeVeque, Updating Formulae and a Pairwise Algorithm for Computing
    /// Sample Variances (1979).
    pub(crate) fn merge(&mut self, other: &Self) {
        if self.n == 0 || other.n == 0 {
            *self = if self.n == 0 { *other } else { *self };
            return;
        }
        let (mine, theirs) = (self.n as f64, other.n as f64);
        let difference = other.mean - self.mean;
        let between = difference * difference * mine * (theirs / (mine + theirs));
        self.mean += difference * (theirs / (mine + theirs));
        self.apart += other.apart + between;
        self.squares += other.squares + between;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.n += other.n;
    }

    /// The smallest and the largest; none without values.
    pub(crate) fn range(&self) -> Option<(f64, f64)> {
        (self.n > 0).then_some((self.min, self.max))
    }

    /// The mean.
    ///
    /// Edge cases: no value is [`Undefined::NoValue`], an overflow [`Undefined::NotFinite`].
    pub(crate) fn mean(&self) -> Measured<f64> {
        match self.n {
            0 => Err(Undefined::NoValue),
            _ if self.mean.is_finite() => Ok(self.mean),
            _ => Err(Undefined::NotFinite),
        }
    }

    /// The standard deviation of the values themselves (`ddof = 0`).
    ///
    /// Edge cases: no value is [`Undefined::NoValue`], an overflow [`Undefined::NotFinite`], values
    /// that differ by far less than from the centre of their sums [`Undefined::PrecisionLost`];
    /// equal values have 0 exactly.
    pub(crate) fn std(&self) -> Measured<f64> {
        let variance = self.apart / self.n as f64;
        match self.n {
            0 => Err(Undefined::NoValue),
            _ if self.min == self.max => Ok(0.0),
            _ if !(variance.is_finite() && self.squares.is_finite()) => Err(Undefined::NotFinite),
            _ if self.apart < APART_MIN * self.squares => Err(Undefined::PrecisionLost),
            _ => Ok(variance.sqrt()),
        }
    }
}

/// The spreads of numeric columns, by window, then column; of other columns they are empty. Parts
/// that are left out of the counts are left out here; one whose sums alone cannot be read lowers the
/// share that the figures cover. Also how many parts were read.
pub(crate) fn spreads(
    snapshot: &Snapshot,
    windows: &[TimeRange],
    columns: &[&str],
    left_out: &[bool],
) -> (Vec<Vec<Spread>>, u64) {
    let mut spreads = vec![vec![Spread::default(); columns.len()]; windows.len()];
    let mut parts = 0;
    for (part, left_out) in snapshot.parts.iter().zip(left_out) {
        if *left_out {
            continue;
        }
        let found = of_part(part, windows, columns).unwrap_or_default();
        parts += u64::from(!found.is_empty());
        for (window, column, spread) in found {
            if let Some(mine) = spreads.get_mut(window).and_then(|all| all.get_mut(column)) {
                mine.merge(&spread);
            }
        }
    }
    (spreads, parts)
}

/// What a part keeps, with window and column.
fn of_part(
    part: &Part,
    windows: &[TimeRange],
    columns: &[&str],
) -> Result<Vec<(usize, usize, Spread)>> {
    let mut hours = Vec::new();
    for (window, range) in overlapping(part, windows) {
        let whole = part.moment_hours(around(part.range(), range))?;
        hours.extend(whole.map(|hours| (window, hours)));
    }
    if hours.is_empty() {
        return Ok(Vec::new());
    }
    let binning = part.load_binning()?;
    let known = numeric(&binning, columns);
    let places: Vec<usize> = known.iter().map(|(_, place, _)| *place).collect();
    let mut found = Vec::with_capacity(hours.len() * known.len());
    for (window, hours) in hours {
        let mut outlines = vec![Outline::default(); places.len()];
        part.fold_outlines(hours, &places, &mut outlines)?;
        for ((column, _, centre), outline) in known.iter().zip(&outlines) {
            found.push((window, *column, Spread::new(*centre, outline)));
        }
    }
    Ok(found)
}

/// The interval whose sums are those of a window: where all rows of a part lie inside, whole days.
fn around(part: TimeRange, window: TimeRange) -> TimeRange {
    if part.intersect(window) != part {
        return window;
    }
    TimeRange {
        start: part.start.div_euclid(DAY_MICROS) * DAY_MICROS,
        end: (part.end - 1).div_euclid(DAY_MICROS).saturating_add(1).saturating_mul(DAY_MICROS),
    }
}

/// Columns that are numeric in a binning: which of the asked ones, their place there, and what their
/// sums are taken around.
fn numeric(binning: &Binning, columns: &[&str]) -> Vec<(usize, usize, f64)> {
    let of = |(column, name): (usize, &&str)| {
        let (place, bins) = binning.column(name)?;
        Some((column, place, bins.centre()?))
    };
    columns.iter().enumerate().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use driftline_storage::centre;

    use super::*;

    fn of(edges: &[f64], values: &[f64]) -> Spread {
        let mut outline = Outline::default();
        for value in values {
            let from_centre = value - centre(edges);
            outline.n += 1;
            outline.min = outline.min.min(*value);
            outline.max = outline.max.max(*value);
            outline.sum.add(from_centre);
            outline.squares.add(from_centre * from_centre);
        }
        Spread::new(centre(edges), &outline)
    }

    #[test]
    fn equal_values_have_their_mean_and_no_deviation_exactly() {
        // A third around a far centre: sums alone would round.
        let mut one = of(&[1e6], &[1.0 / 3.0; 3]);
        one.merge(&of(&[], &[1.0 / 3.0; 5]));
        assert_eq!((one.mean(), one.std()), (Ok(1.0 / 3.0), Ok(0.0)));
        assert_eq!(one.range(), Some((1.0 / 3.0, 1.0 / 3.0)));
    }

    #[test]
    fn what_sums_cannot_tell_is_undefined() {
        let none = Spread::default();
        assert_eq!((none.range(), none.mean()), (None, Err(Undefined::NoValue)));
        assert_eq!(none.std(), Err(Undefined::NoValue));
        assert_eq!(of(&[0.0], &[1e9, 1e9 + 1.0]).std(), Err(Undefined::PrecisionLost));
        let far = of(&[], &[1e200, -1e200]);
        assert_eq!((far.mean(), far.std()), (Ok(0.0), Err(Undefined::NotFinite)));
    }

    proptest! {
        #[test]
        fn parts_of_different_binnings_join_to_the_spread_of_all_values(
            parts in prop::collection::vec(
                (-50.0_f64..50.0, prop::collection::vec(-100.0_f64..100.0, 0..20)), 1..6),
        ) {
            let mut joined = Spread::default();
            for (edge, values) in &parts {
                joined.merge(&of(&[*edge], values));
            }
            let all: Vec<f64> = parts.iter().flat_map(|(_, values)| values.clone()).collect();
            prop_assert_eq!(joined.n as usize, all.len());
            if all.len() > 1 {
                let n = all.len() as f64;
                let mean = all.iter().sum::<f64>() / n;
                let variance = all.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
                prop_assert!((joined.mean().expect("values") - mean).abs() < 1e-11);
                prop_assert!((joined.std().expect("apart") - variance.sqrt()).abs() < 1e-8);
            }
        }
    }
}
