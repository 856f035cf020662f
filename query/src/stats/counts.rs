//! What every statistic over two histograms must check first: same bins, and a row on each side.
//!
//! Kept in one place so that PSI and KS refuse the same inputs for the same reasons.

use crate::stats::undefined::{Measured, Undefined};

/// The totals (N, M) of a reference and a current histogram with the same bins.
///
/// Both are in 1..=`i64::MAX`, so a product of two of them fits an `i128`. The reference is checked
/// first: without it no window can be compared, whatever the window holds.
pub(super) fn totals(ref_counts: &[u64], cur_counts: &[u64]) -> Measured<(u64, u64)> {
    if ref_counts.len() != cur_counts.len() {
        return Err(Undefined::BinsDiffer);
    }
    let n = total(ref_counts)?;
    let m = total(cur_counts)?;
    match (n, m) {
        (0, _) => Err(Undefined::ReferenceEmpty),
        (_, 0) => Err(Undefined::WindowEmpty),
        _ => Ok((n, m)),
    }
}

fn total(counts: &[u64]) -> Measured<u64> {
    counts
        .iter()
        .try_fold(0u64, |sum, &count| sum.checked_add(count))
        .filter(|&sum| i64::try_from(sum).is_ok())
        .ok_or(Undefined::CountsTooLarge)
}

#[cfg(test)]
mod tests {
    use super::{Undefined, totals};

    #[test]
    fn an_empty_reference_is_reported_before_an_empty_window() {
        assert_eq!(totals(&[0, 0], &[0, 0]), Err(Undefined::ReferenceEmpty));
        assert_eq!(totals(&[], &[]), Err(Undefined::ReferenceEmpty));
        assert_eq!(totals(&[1, 0], &[0, 0]), Err(Undefined::WindowEmpty));
    }

    #[test]
    fn totals_stop_at_the_range_of_i64() {
        let limit = i64::MAX as u64;
        assert_eq!(totals(&[limit - 1, 1], &[1, 1]), Ok((limit, 2)));
        assert_eq!(totals(&[limit, 1], &[1, 1]), Err(Undefined::CountsTooLarge));
        assert_eq!(totals(&[1, 1], &[u64::MAX, 1]), Err(Undefined::CountsTooLarge));
    }

    #[test]
    fn histograms_of_different_bins_are_not_comparable() {
        assert_eq!(totals(&[1], &[1, 1]), Err(Undefined::BinsDiffer));
    }
}
