//! Population stability index of two histograms over the same bins.
//!
//! Empty bins make the plain formula infinite, and the custom chosen against that decides the
//! number. Ours raises each share to a floor and does not renormalise, as the golden vectors do.
//!
//! A series compares many windows with one reference, so [`PsiReference`] keeps the reference's
//! shares and their logarithms, and takes the logarithms of small counts from a table: `ln(c / M)`
//! is `ln c - ln M`, which differs from the plain formula in the last bits only.

use std::sync::LazyLock;

use crate::stats::undefined::{Measured, Undefined};

/// The floor under every share, a pure number: the default of [`psi`].
///
/// With an empty bin the floor sets the size of the answer: a full swap of two bins gives
/// `2 (1 - 1e-4) ln 1e4 = 18.4188`.
pub const PSI_EPSILON: f64 = 1e-4;

/// Counts whose logarithms stand in a table: the deciles of an hour of a busy model, in the first
/// cache.
const TABLE_COUNTS: usize = 4_096;

static LOGARITHMS: LazyLock<Box<[f64]>> =
    LazyLock::new(|| (0..TABLE_COUNTS).map(|count| (count as f64).ln()).collect());

#[inline]
fn logarithm(table: &[f64], count: u64) -> f64 {
    match usize::try_from(count).ok().and_then(|count| table.get(count)) {
        Some(known) => *known,
        None => (count as f64).ln(),
    }
}

/// Population stability index with the default floor [`PSI_EPSILON`].
///
/// See [`psi_with_epsilon`] for the formula, the shapes and the edge cases.
pub fn psi(ref_counts: &[u64], cur_counts: &[u64]) -> Measured<f64> {
    psi_with_epsilon(ref_counts, cur_counts, PSI_EPSILON)
}

/// Population stability index `sum((q - p) ln(q / p))`.
///
/// `p = max(ref / N, epsilon)` and `q = max(cur / M, epsilon)` per bin, not renormalised.
///
/// Shapes: two slices of rows per bin, B bins each, same order; nulls are left out by the caller,
/// or given as one more bin for the `nulls=bin` option. Unit: nats; the result is finite and >= 0.
///
/// Edge cases: a side whose counts sum to 0 is undefined ([`Undefined::ReferenceEmpty`],
/// [`Undefined::WindowEmpty`]); a bin empty on both sides adds 0; one bin gives 0; slices of
/// different lengths are [`Undefined::BinsDiffer`]; an epsilon that is not a normal number in
/// (0, 1] is [`Undefined::EpsilonOutOfRange`].
///
/// Source: Lewis, An Introduction to Credit Scoring (1994); Yurdakul, Statistical Properties of the
/// Population Stability Index (2018); the floor as in the `psi` convention of the golden vectors.
pub fn psi_with_epsilon(ref_counts: &[u64], cur_counts: &[u64], epsilon: f64) -> Measured<f64> {
    if ref_counts.len() != cur_counts.len() {
        return Err(Undefined::BinsDiffer);
    }
    let known = ref_counts.iter().copied();
    PsiReference::new(known, 0, epsilon)?.psi(cur_counts.iter().copied(), std::iter::empty())
}

/// A share of the reference and its logarithm.
#[derive(Debug, Clone, Copy)]
struct Share {
    p: f64,
    ln_p: f64,
}

/// The reference's side of [`psi_with_epsilon`].
#[derive(Debug, Clone)]
pub struct PsiReference {
    shares: Vec<Share>,
    total: u64,
    epsilon: f64,
    ln_epsilon: f64,
}

impl PsiReference {
    /// A reference of counts per bin, and of rows that stand beside these bins.
    ///
    /// # Errors
    /// As [`psi_with_epsilon`].
    pub fn new(
        counts: impl Iterator<Item = u64> + Clone,
        beside: u64,
        epsilon: f64,
    ) -> Measured<Self> {
        // A subnormal floor would let q / p overflow to infinity.
        if !(epsilon.is_normal() && epsilon > 0.0 && epsilon <= 1.0) {
            return Err(Undefined::EpsilonOutOfRange);
        }
        let total = total(counts.clone().chain([beside]))?;
        if total == 0 {
            return Err(Undefined::ReferenceEmpty);
        }
        let mut reference = Self { shares: Vec::new(), total, epsilon, ln_epsilon: epsilon.ln() };
        reference.shares = counts.map(|count| reference.share(count)).collect();
        Ok(reference)
    }

    fn share(&self, count: u64) -> Share {
        let p = (count as f64 / self.total as f64).max(self.epsilon);
        Share { p, ln_p: p.ln() }
    }

    /// The index of a window of counts per bin, and of pairs of reference and window that stand
    /// beside them.
    ///
    /// # Errors
    /// As [`psi_with_epsilon`].
    pub fn psi(
        &self,
        counts: impl ExactSizeIterator<Item = u64> + Clone,
        beside: impl Iterator<Item = (u64, u64)> + Clone,
    ) -> Measured<f64> {
        if counts.len() != self.shares.len() {
            return Err(Undefined::BinsDiffer);
        }
        let total = total(counts.clone().chain(beside.clone().map(|(_, current)| current)))?;
        if total == 0 {
            return Err(Undefined::WindowEmpty);
        }
        let table = LOGARITHMS.as_ref();
        let (m, ln_m) = (total as f64, logarithm(table, total));
        let term = |share: &Share, count: u64| {
            let q = count as f64 / m;
            if q > self.epsilon {
                (q - share.p) * (logarithm(table, count) - ln_m - share.ln_p)
            } else {
                (self.epsilon - share.p) * (self.ln_epsilon - share.ln_p)
            }
        };
        let known =
            self.shares.iter().zip(counts).fold(0.0, |sum, (p, count)| sum + term(p, count));
        let all =
            beside.fold(known, |sum, (reference, count)| sum + term(&self.share(reference), count));
        // Where p and q are equal but for rounding, so are their terms to 0.
        Ok(all.max(0.0))
    }
}

fn total(counts: impl Iterator<Item = u64>) -> Measured<u64> {
    let mut counts = counts;
    counts
        .try_fold(0_u64, |sum, count| sum.checked_add(count))
        .filter(|sum| i64::try_from(*sum).is_ok())
        .ok_or(Undefined::CountsTooLarge)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{PSI_EPSILON, Undefined, psi, psi_with_epsilon};

    fn close(got: f64, want: f64) -> bool {
        (got - want).abs() <= 1e-12_f64.max(1e-12 * want.abs())
    }

    /// The definition, word for word.
    fn plain(reference: &[u64], current: &[u64], epsilon: f64) -> f64 {
        let (n, m) = (reference.iter().sum::<u64>() as f64, current.iter().sum::<u64>() as f64);
        let share = |count: u64, of: f64| (count as f64 / of).max(epsilon);
        let shares = reference.iter().zip(current).map(|(r, c)| (share(*r, n), share(*c, m)));
        shares.map(|(p, q)| (q - p) * (q / p).ln()).sum()
    }

    #[test]
    fn textbook_shares_give_the_textbook_value() {
        let want = -0.1 * 0.5_f64.ln() + 0.1 * 1.2_f64.ln();
        assert!(psi(&[20, 30, 50], &[10, 30, 60]).is_ok_and(|got| close(got, want)));
    }

    #[test]
    fn a_full_swap_costs_what_the_floor_says() {
        let want = 2.0 * (1.0 - PSI_EPSILON) * (1.0 / PSI_EPSILON).ln();
        assert!(psi(&[10, 0], &[0, 10]).is_ok_and(|got| close(got, want)));
    }

    #[test]
    fn one_bin_and_equal_shares_are_zero() {
        assert_eq!(psi(&[10], &[3]), Ok(0.0));
        assert_eq!(psi(&[3, 5, 0, 2], &[30, 50, 0, 20]), Ok(0.0));
    }

    #[test]
    fn a_side_without_rows_is_undefined() {
        assert_eq!(psi(&[], &[]), Err(Undefined::ReferenceEmpty));
        assert_eq!(psi(&[0, 0], &[1, 2]), Err(Undefined::ReferenceEmpty));
        assert_eq!(psi(&[1, 2], &[0, 0]), Err(Undefined::WindowEmpty));
    }

    #[test]
    fn histograms_of_other_bins_or_past_the_range_are_refused() {
        assert_eq!(psi(&[1], &[1, 1]), Err(Undefined::BinsDiffer));
        assert_eq!(psi(&[i64::MAX as u64, 1], &[1, 1]), Err(Undefined::CountsTooLarge));
        assert_eq!(psi(&[1, 1], &[u64::MAX, 1]), Err(Undefined::CountsTooLarge));
    }

    #[test]
    fn an_unusable_epsilon_is_refused() {
        for epsilon in [0.0, -1e-4, 1.5, 5e-324, f64::NAN, f64::INFINITY] {
            assert_eq!(
                psi_with_epsilon(&[1, 0], &[0, 1], epsilon),
                Err(Undefined::EpsilonOutOfRange)
            );
        }
        assert!(psi_with_epsilon(&[1, 0], &[0, 1], f64::MIN_POSITIVE).is_ok_and(f64::is_finite));
    }

    fn count() -> impl Strategy<Value = u64> {
        prop_oneof![Just(0), 0_u64..6_000, 0_u64..1 << 40]
    }

    proptest! {
        #[test]
        fn psi_is_its_definition_not_negative_and_symmetric(
            bins in prop::collection::vec((count(), count()), 0..40)
        ) {
            let (r, c): (Vec<u64>, Vec<u64>) = bins.into_iter().unzip();
            if let Ok(value) = psi(&r, &c) {
                prop_assert!(value.is_finite() && value >= 0.0);
                prop_assert!(close(value, plain(&r, &c, PSI_EPSILON)));
                let back = psi(&c, &r);
                prop_assert!(back.is_ok_and(|back| close(back, value)));
            }
        }
    }
}
