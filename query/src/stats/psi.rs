//! Population stability index of two histograms over the same bins.
//!
//! Empty bins make the plain formula infinite, and the custom chosen against that decides the
//! number. Ours raises each share to a floor and does not renormalise, as the golden vectors do.

use super::counts::totals;
use super::undefined::{Measured, Undefined};

/// The floor under every share, a pure number: the default of [`psi`].
///
/// With an empty bin the floor sets the size of the answer: a full swap of two bins gives
/// `2 (1 - 1e-4) ln 1e4 = 18.4188`.
pub const PSI_EPSILON: f64 = 1e-4;

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
    // A subnormal floor would let q / p overflow to infinity.
    if !(epsilon.is_normal() && epsilon > 0.0 && epsilon <= 1.0) {
        return Err(Undefined::EpsilonOutOfRange);
    }
    let (n, m) = totals(ref_counts, cur_counts)?;
    let sum = ref_counts.iter().zip(cur_counts).fold(0.0, |sum, (&r, &c)| {
        let p = (r as f64 / n as f64).max(epsilon);
        let q = (c as f64 / m as f64).max(epsilon);
        sum + (q - p) * (q / p).ln()
    });
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{PSI_EPSILON, Undefined, psi, psi_with_epsilon};

    fn close(got: f64, want: f64) -> bool {
        (got - want).abs() <= 1e-12_f64.max(1e-12 * want.abs())
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
    fn an_unusable_epsilon_is_refused() {
        for epsilon in [0.0, -1e-4, 1.5, 5e-324, f64::NAN, f64::INFINITY] {
            assert_eq!(
                psi_with_epsilon(&[1, 0], &[0, 1], epsilon),
                Err(Undefined::EpsilonOutOfRange)
            );
        }
        assert!(psi_with_epsilon(&[1, 0], &[0, 1], f64::MIN_POSITIVE).is_ok_and(f64::is_finite));
    }

    proptest! {
        #[test]
        fn psi_is_finite_not_negative_and_symmetric(
            bins in prop::collection::vec((0u64..1 << 40, 0u64..1 << 40), 0..40)
        ) {
            let (r, c): (Vec<u64>, Vec<u64>) = bins.into_iter().unzip();
            if let Ok(value) = psi(&r, &c) {
                prop_assert!(value.is_finite() && value >= 0.0);
                let back = psi(&c, &r);
                prop_assert!(back.is_ok_and(|back| close(back, value)));
            }
        }
    }
}
