//! Two samples as counts per bin, with what else is kept of a bin: its ends and its sums.
//!
//! A cell is one bin as a distance sees it: shares of both sides, the difference of the distribution
//! functions at its ends, and where the means of its values lie.

use crate::stats::counts::totals;
use crate::stats::undefined::{Measured, Undefined};

/// How far a bin's mean may lie outside its ends, relative to these, before its sum is refused: more
/// than the rounding of a plain sum of a million rows, less than any mistake.
const MEAN_SLACK: f64 = 1e-9;

/// Two samples in the same bins, ascending.
#[derive(Debug, Clone, Copy)]
pub struct BinnedSamples<'a> {
    /// Rows of the reference per bin.
    pub ref_counts: &'a [u64],
    /// Rows of the window per bin.
    pub cur_counts: &'a [u64],
    /// The ends between bins, ascending and finite, one less than bins.
    pub edges: &'a [f64],
    /// The smallest and the largest value of both sides together, if known: the outer ends.
    pub range: Option<(f64, f64)>,
    /// Sums of the values per bin of reference and window, if known, each right to 2^-50 of the sum
    /// of absolute values.
    pub sums: Option<(&'a [f64], &'a [f64])>,
}

/// Where the mean of one side's values in a bin lies: from the lower end, and to the upper end; one
/// is infinite where that end is not known, both are 0 without values.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::stats) struct Place {
    pub(in crate::stats) from_low: f64,
    pub(in crate::stats) to_high: f64,
    /// The mean, or 0 without values.
    pub(in crate::stats) mean: f64,
}

/// One bin.
#[derive(Debug, Clone, Copy)]
pub(in crate::stats) struct Cell {
    /// Width; infinite where an outer end is not known.
    pub(in crate::stats) width: f64,
    /// The share of the reference.
    pub(in crate::stats) p: f64,
    /// The share of the window.
    pub(in crate::stats) q: f64,
    /// `F_ref - F_cur` before it.
    pub(in crate::stats) before: f64,
    /// `F_ref - F_cur` behind it.
    pub(in crate::stats) after: f64,
    /// Where the means are, if sums are kept.
    pub(in crate::stats) places: Option<(Place, Place)>,
    /// The largest absolute value of a known end.
    pub(in crate::stats) reach: f64,
}

impl BinnedSamples<'_> {
    /// The cells, ascending.
    ///
    /// Edge cases: an empty side is [`Undefined::ReferenceEmpty`] or [`Undefined::WindowEmpty`];
    /// slices that do not fit each other are [`Undefined::BinsDiffer`]; edges or a range that do not
    /// fit are [`Undefined::BadEdges`]; a sum that its bin cannot have is [`Undefined::BadSums`].
    pub(in crate::stats) fn cells(&self) -> Measured<Vec<Cell>> {
        let (n, m) = totals(self.ref_counts, self.cur_counts)?;
        self.check_edges()?;
        if let Some((r, c)) = self.sums
            && (r.len() != self.ref_counts.len() || c.len() != self.ref_counts.len())
        {
            return Err(Undefined::BinsDiffer);
        }
        let (whole_n, whole_m) = (i128::from(n), i128::from(m));
        let scale = n as f64 * m as f64;
        let mut difference = 0_i128;
        let pairs = self.ref_counts.iter().zip(self.cur_counts).enumerate();
        pairs
            .map(|(bin, (&r, &c))| {
                let (low, high) = self.ends(bin, r > 0 || c > 0)?;
                let before = difference;
                difference += i128::from(r) * whole_m - i128::from(c) * whole_n;
                let at = |sums: &[f64]| sums.get(bin).copied().unwrap_or(0.0);
                let places = match self.sums {
                    None => None,
                    Some((x, y)) => {
                        Some((place(low, high, r, at(x))?, place(low, high, c, at(y))?))
                    }
                };
                let known = |end: f64| if end.is_finite() { end.abs() } else { 0.0 };
                Ok(Cell {
                    width: high - low,
                    p: r as f64 / n as f64,
                    q: c as f64 / m as f64,
                    before: before as f64 / scale,
                    after: difference as f64 / scale,
                    places,
                    reach: known(low).max(known(high)),
                })
            })
            .collect()
    }

    fn check_edges(&self) -> Measured<()> {
        let ascending = self.edges.is_sorted_by(|a, b| a < b);
        let finite = self.edges.iter().all(|edge| edge.is_finite());
        let range =
            self.range.is_none_or(|(low, high)| low <= high && low.is_finite() && high.is_finite());
        if ascending && finite && range && self.edges.len() + 1 == self.ref_counts.len() {
            Ok(())
        } else {
            Err(Undefined::BadEdges)
        }
    }

    /// Both ends of a bin; an outer one is the range's, or infinite.
    fn ends(&self, bin: usize, filled: bool) -> Measured<(f64, f64)> {
        let below = bin.checked_sub(1).and_then(|bin| self.edges.get(bin)).copied();
        let above = self.edges.get(bin).copied();
        let low = below.or(self.range.map(|range| range.0)).unwrap_or(f64::NEG_INFINITY);
        let high = above.or(self.range.map(|range| range.1)).unwrap_or(f64::INFINITY);
        match (low <= high, filled) {
            (true, _) => Ok((low, high)),
            // Rows on the far side of their own edge.
            (false, true) => Err(Undefined::BadEdges),
            // All values are beyond this bin: it is as wide as any without rows.
            (false, false) => {
                Ok((below.unwrap_or(f64::NEG_INFINITY), above.unwrap_or(f64::INFINITY)))
            }
        }
    }
}

/// Where the mean of so many values with a sum lies between the ends of its bin.
fn place(low: f64, high: f64, rows: u64, sum: f64) -> Measured<Place> {
    if !sum.is_finite() {
        return Err(Undefined::NotFinite);
    }
    if rows == 0 {
        return if sum == 0.0 { Ok(Place::default()) } else { Err(Undefined::BadSums) };
    }
    let mean = sum / rows as f64;
    let known = |end: f64| if end.is_finite() { end.abs() } else { 0.0 };
    let slack = MEAN_SLACK * known(low).max(known(high)).max(mean.abs());
    if mean < low - slack || mean > high + slack {
        return Err(Undefined::BadSums);
    }
    Ok(Place { from_low: (mean - low).max(0.0), to_high: (high - mean).max(0.0), mean })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples<'a>(counts: &'a [u64], edges: &'a [f64]) -> BinnedSamples<'a> {
        BinnedSamples { ref_counts: counts, cur_counts: counts, edges, range: None, sums: None }
    }

    #[test]
    fn cells_know_their_ends_and_differences() {
        let given = BinnedSamples {
            ref_counts: &[1, 2, 1],
            cur_counts: &[0, 1, 1],
            range: Some((-1.0, 9.0)),
            sums: Some((&[-1.0, 3.0, 9.0], &[0.0, 2.0, 8.0])),
            ..samples(&[], &[1.0, 2.0])
        };
        let cells = given.cells().expect("fitting");
        assert_eq!(cells.iter().map(|c| c.width).collect::<Vec<_>>(), [2.0, 1.0, 7.0]);
        assert_eq!(cells.iter().map(|c| c.after).collect::<Vec<_>>(), [0.25, 0.25, 0.0]);
        let (x, y) = cells[2].places.expect("sums");
        assert_eq!((x.from_low, x.to_high, y.from_low, y.to_high), (7.0, 0.0, 6.0, 1.0));
        let open = BinnedSamples { range: None, ..given }.cells().expect("fitting");
        assert!(open[0].width.is_infinite() && open[2].width.is_infinite());
    }

    #[test]
    fn an_outer_bin_beyond_all_values_is_open_and_must_be_empty() {
        let far = BinnedSamples { range: Some((5.0, 9.0)), ..samples(&[0, 3], &[1.0]) };
        assert!(far.cells().is_ok_and(|cells| cells[0].width.is_infinite()));
        let wrong = BinnedSamples { range: Some((5.0, 9.0)), ..samples(&[1, 3], &[1.0]) };
        assert_eq!(wrong.cells().err(), Some(Undefined::BadEdges));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let err = |given: BinnedSamples<'_>| given.cells().err();
        assert_eq!(err(samples(&[0, 0], &[1.0])), Some(Undefined::ReferenceEmpty));
        assert_eq!(err(samples(&[1, 1], &[])), Some(Undefined::BadEdges));
        for edges in [[2.0, 1.0], [1.0, 1.0], [f64::NAN, 1.0], [1.0, f64::INFINITY]] {
            assert_eq!(err(samples(&[1, 1, 1], &edges)), Some(Undefined::BadEdges));
        }
        let range =
            |low, high| BinnedSamples { range: Some((low, high)), ..samples(&[1, 1], &[1.0]) };
        assert_eq!(err(range(f64::NAN, 1.0)), Some(Undefined::BadEdges));
        assert_eq!(err(range(0.0, f64::INFINITY)), Some(Undefined::BadEdges));
        let sums = |low, high, r| {
            let given = range(low, high);
            BinnedSamples { sums: Some((r, &[0.5, 1.5])), ..given }.cells().err()
        };
        assert_eq!(sums(0.0, 2.0, &[0.5, 1.5]), None);
        assert_eq!(sums(0.0, 2.0, &[0.5]), Some(Undefined::BinsDiffer));
        assert_eq!(sums(0.0, 2.0, &[0.5, 2.5]), Some(Undefined::BadSums));
        assert_eq!(sums(0.0, 2.0, &[1.5, 1.5]), Some(Undefined::BadSums));
        assert_eq!(sums(0.0, 2.0, &[f64::NAN, 1.5]), Some(Undefined::NotFinite));
        let empty = BinnedSamples {
            ref_counts: &[0, 2],
            sums: Some((&[0.1, 3.0], &[0.5, 1.5])),
            ..samples(&[1, 1], &[1.0])
        };
        assert_eq!(err(empty), Some(Undefined::BadSums));
    }
}
