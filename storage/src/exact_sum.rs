//! Sums of any floating-point numbers without rounding, in any order to the same bits.
//!
//! ```text
//! limbs   68 of 32 bits, the lowest worth 2^-1074, so that every finite number has its place and
//!         2^60 of them fit; each in 64 bits, so that carries wait
//! ```
//! (Kulisch, Computer Arithmetic and Validity, 2008: the long accumulator.)

use std::ops::Range;

/// Bits from 2^-1074 to 2^1024, and some for carries.
const LIMBS: usize = 68;
const LIMB_BITS: u32 = 32;
const MASK: u64 = (1 << LIMB_BITS) - 1;
/// Additions, each below 2^32 in a limb, after which carries must move on.
const WAITING_MAX: u32 = 1 << 30;
const MANTISSA_BITS: u32 = 52;
/// The least exponent of a number.
const EXPONENT_MIN: i32 = -1074;
/// Limbs that a number of 53 bits touches.
const TOUCHED: usize = 3;

/// A sum of floating-point numbers, exact until it is asked for.
#[derive(Debug, Clone)]
pub struct ExactSum {
    limbs: Box<[i64; LIMBS]>,
    /// Additions since carries moved.
    waiting: u32,
    /// Terms that are no finite number.
    infinite: i64,
}

impl Default for ExactSum {
    fn default() -> Self {
        Self { limbs: Box::new([0; LIMBS]), waiting: 0, infinite: 0 }
    }
}

impl PartialEq for ExactSum {
    fn eq(&self, other: &Self) -> bool {
        self.infinite == other.infinite && carried(&self.limbs) == carried(&other.limbs)
    }
}

/// The same sum with each limb but the highest in [0, 2^32): the one way to write it so.
fn carried(limbs: &[i64; LIMBS]) -> [i64; LIMBS] {
    let mut limbs = *limbs;
    let mut carry = 0;
    let (last, lower) = match limbs.split_last_mut() {
        Some(split) => split,
        None => return limbs,
    };
    for limb in lower {
        let sum = *limb + carry;
        (*limb, carry) = (sum & MASK as i64, sum >> LIMB_BITS);
    }
    *last += carry;
    limbs
}

impl ExactSum {
    /// Adds a number (`times` = 1) or takes it away (`times` = -1).
    pub fn add(&mut self, value: f64, times: i64) {
        if !value.is_finite() {
            self.infinite += times;
            return;
        }
        let bits = value.to_bits();
        let exponent = (bits >> MANTISSA_BITS & 0x7ff) as u32;
        let hidden = u64::from(exponent > 0) << MANTISSA_BITS;
        let mantissa = bits & ((1 << MANTISSA_BITS) - 1) | hidden;
        let place = exponent.saturating_sub(1);
        let shifted = u128::from(mantissa) << (place % LIMB_BITS);
        let sign = if value.is_sign_negative() { -times } else { times };
        let first = (place / LIMB_BITS) as usize;
        let touched: Range<usize> = first..first + TOUCHED;
        for (limb, part) in self.limbs.get_mut(touched).into_iter().flatten().zip(0..) {
            *limb += sign * (shifted >> (part * LIMB_BITS) & u128::from(MASK)) as i64;
        }
        self.waited(1);
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: &Self) {
        self.infinite += other.infinite;
        for (mine, theirs) in self.limbs.iter_mut().zip(other.limbs.iter()) {
            *mine += theirs;
        }
        self.waited(other.waiting + 1);
    }

    fn waited(&mut self, additions: u32) {
        self.waiting += additions;
        if self.waiting >= WAITING_MAX {
            *self.limbs = carried(&self.limbs);
            self.waiting = 1;
        }
    }

    /// The sum, rounded once; infinite if a term or the sum is.
    pub fn value(&self) -> f64 {
        if self.infinite != 0 {
            return f64::INFINITY;
        }
        let limbs = carried(&self.limbs);
        if limbs.last().is_some_and(|last| *last < 0) {
            let mut negated = limbs;
            negated.iter_mut().for_each(|limb| *limb = -*limb);
            return -rounded(&carried(&negated));
        }
        rounded(&limbs)
    }
}

/// The number nearest to carried limbs of which none is negative.
fn rounded(limbs: &[i64; LIMBS]) -> f64 {
    let Some(top) = limbs.iter().rposition(|limb| *limb != 0) else { return 0.0 };
    let low = top.saturating_sub(TOUCHED);
    let (below, above) = limbs.split_at(low);
    let digits = above
        .iter()
        .rev()
        .fold(0_u128, |all, limb| all.wrapping_shl(LIMB_BITS) | u128::from(limb.unsigned_abs()));
    // What is cut off decides only whether a half is above or below: one bit says as much.
    let rest = below.iter().any(|limb| *limb != 0);
    let digits = (digits | u128::from(rest)) as f64;
    let exponent = EXPONENT_MIN + low as i32 * LIMB_BITS as i32;
    // In two steps, as half of the exponent is in the range of a number always.
    digits * power(exponent / 2) * power(exponent - exponent / 2)
}

/// 2 to a power of -1022 to 1023.
fn power(exponent: i32) -> f64 {
    f64::from_bits(((exponent + 1023) as u64) << MANTISSA_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sum(values: &[f64]) -> ExactSum {
        let mut sum = ExactSum::default();
        values.iter().for_each(|value| sum.add(*value, 1));
        sum
    }

    fn finite() -> impl Strategy<Value = f64> {
        prop_oneof![
            3 => -1e6_f64..1e6,
            1 => any::<f64>().prop_filter("finite", |value| value.is_finite()),
            1 => prop::sample::select(vec![0.0, -0.0, f64::MIN_POSITIVE, 5e-324, f64::MAX, f64::MIN]),
        ]
    }

    proptest! {
        #[test]
        fn one_number_comes_back_and_goes_without_a_trace(value in finite(), rest in finite()) {
            prop_assert_eq!(sum(&[value]).value(), value);
            let mut both = sum(&[rest, value]);
            both.add(rest, -1);
            prop_assert_eq!(both.value(), value);
            prop_assert_eq!(both, sum(&[value]));
        }

        #[test]
        fn any_order_and_any_parts_give_the_same_bits(
            values in prop::collection::vec(finite(), 0..40), cut in 0_usize..40,
        ) {
            let whole = sum(&values);
            let mut turned = values.clone();
            turned.reverse();
            prop_assert_eq!(&sum(&turned), &whole);
            let (head, tail) = values.split_at(cut.min(values.len()));
            let mut merged = sum(tail);
            merged.merge(&sum(head));
            prop_assert_eq!(merged.value().to_bits(), whole.value().to_bits());
            prop_assert_eq!(merged, whole);
        }

        #[test]
        fn whole_numbers_sum_as_integers_do(values in prop::collection::vec(any::<i64>(), 0..60)) {
            // As doubles they are whole numbers too.
            let want: i128 = values.iter().map(|value| (*value as f64) as i128).sum();
            let got = sum(&values.iter().map(|value| *value as f64).collect::<Vec<_>>());
            prop_assert_eq!(got.value(), want as f64);
        }
    }

    #[test]
    fn halves_are_rounded_to_even_whatever_lies_far_below() {
        let half = 1.0 + f64::EPSILON / 2.0;
        assert_eq!(half, 1.0, "a half is rounded to even");
        assert_eq!(sum(&[1.0, f64::EPSILON / 2.0]).value(), 1.0);
        assert_eq!(sum(&[1.0, f64::EPSILON / 2.0, 5e-324]).value(), 1.0 + f64::EPSILON);
        assert_eq!(sum(&[1e300, 1.0, -1e300]).value(), 1.0);
    }

    #[test]
    fn a_term_that_is_infinite_goes_again() {
        let mut with = sum(&[1.0, f64::INFINITY]);
        assert_eq!(with.value(), f64::INFINITY);
        with.add(f64::INFINITY, -1);
        assert_eq!(with.value(), 1.0);
        assert_eq!(sum(&[f64::MAX, f64::MAX]).value(), f64::INFINITY);
    }

    #[test]
    fn carries_move_before_they_are_lost() {
        let mut many = ExactSum { waiting: WAITING_MAX - 1, ..sum(&[1.5, -3.25]) };
        many.add(-1.0, 1);
        assert_eq!(many.waiting, 1);
        many.add(2.0, 1);
        assert_eq!(many.value(), -0.75);
    }
}
