//! Distances between two histograms over the same bins: how far shares moved, in five measures.
//!
//! Small distances are the rule, and the plain formulas subtract nearly equal numbers there. Here a
//! difference of shares is found in whole numbers first, and each sum has only terms that are not
//! negative, so equal shares give exactly 0 and a small distance keeps its digits.

use std::f64::consts::LN_2;

use crate::stats::counts::totals;
use crate::stats::sum::sum;
use crate::stats::undefined::{Measured, Undefined};

/// The floor under every share in [`kl`], a pure number.
pub const KL_FLOOR: f64 = 1e-4;

/// Below this `(1 + x) ln(1 + x) - x` is taken from its series.
const SERIES_BELOW: f64 = 0.1;

/// Both directions of the Kullback-Leibler divergence, in nats.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Kl {
    /// `sum q ln(q / p)`: the window's surprise at the reference.
    pub cur_ref: f64,
    /// `sum p ln(p / q)`: the reference's surprise at the window.
    pub ref_cur: f64,
}

/// A bin's share of each side, and their difference (current less reference).
struct Shares {
    p: f64,
    q: f64,
    difference: f64,
}

/// The shares of each bin. The difference is rounded once, whatever cancels in it.
fn shares<'a>(
    ref_counts: &'a [u64],
    cur_counts: &'a [u64],
) -> Measured<impl Iterator<Item = Shares> + Clone + 'a> {
    let (n, m) = totals(ref_counts, cur_counts)?;
    let scale = n as f64 * m as f64;
    let (whole_n, whole_m) = (i128::from(n), i128::from(m));
    Ok(ref_counts.iter().zip(cur_counts).map(move |(&r, &c)| Shares {
        p: r as f64 / n as f64,
        q: c as f64 / m as f64,
        difference: (i128::from(c) * whole_n - i128::from(r) * whole_m) as f64 / scale,
    }))
}

/// `(1 + x) ln(1 + x) - x`, at least 0; 1 at -1.
pub(in crate::stats) fn relative_entropy(x: f64) -> f64 {
    if x <= -1.0 {
        return 1.0;
    }
    if x.abs() >= SERIES_BELOW {
        return ((1.0 + x) * x.ln_1p() - x).max(0.0);
    }
    // x^2 / 2 - x^3 / 6 + .. +- x^k / (k (k - 1)), by Horner's rule from the end.
    let series = (2_u32..=17).rev().fold(0.0, |rest, k| 1.0 / f64::from(k * (k - 1)) - x * rest);
    x * x * series
}

/// Jensen-Shannon distance, base 2: the square root of the divergence from the mean of both.
///
/// Formula: `sqrt((sum p log2(p / m) + sum q log2(q / m)) / 2)`, `m = (p + q) / 2`, a term with
/// share 0 is 0; computed as `m ((1 + x) ln(1 + x) + (1 - x) ln(1 - x))` with
/// `x = (q - p) / (q + p)`.
///
/// Shapes: two slices of rows per bin, same order. Unit: none; in [0, 1], 1 for disjoint sides.
///
/// Edge cases: a side without rows is [`Undefined::ReferenceEmpty`] or [`Undefined::WindowEmpty`];
/// a bin empty on both sides adds 0; one bin gives 0; slices of different lengths are
/// [`Undefined::BinsDiffer`]; totals above `i64::MAX` are [`Undefined::CountsTooLarge`].
///
/// Source: Lin (1991); Endres and Schindelin (2003); scipy `jensenshannon(p, q, base=2)`.
pub fn js(ref_counts: &[u64], cur_counts: &[u64]) -> Measured<f64> {
    let terms = shares(ref_counts, cur_counts)?.map(|share| {
        let both = share.p + share.q;
        let x = if both > 0.0 { share.difference / both } else { 0.0 };
        both * (relative_entropy(x) + relative_entropy(-x))
    });
    // Half for the mean m, half for the mean of both divergences.
    Ok((sum(terms) / (4.0 * LN_2)).sqrt().min(1.0))
}

/// Kullback-Leibler divergence in both directions, natural logarithm.
///
/// Formula: shares are raised to at least [`KL_FLOOR`] and then divided by their sum, p and q;
/// `cur_ref = sum q ln(q / p)`, `ref_cur = sum p ln(p / q)`.
///
/// Shapes and edge cases: as for [`js`]. Unit: nats; finite and at least 0 by the floor.
///
/// Source: Kullback and Leibler (1951); the floor as in the `kl` convention of the golden vectors.
pub fn kl(ref_counts: &[u64], cur_counts: &[u64]) -> Measured<Kl> {
    let shares = shares(ref_counts, cur_counts)?;
    let total = |of: fn(&Shares) -> f64| sum(shares.clone().map(|share| of(&share).max(KL_FLOOR)));
    let (all_p, all_q) = (total(|share| share.p), total(|share| share.q));
    let divergence = |from: fn(&Shares) -> f64, from_all: f64, to: fn(&Shares) -> f64, to_all| {
        sum(shares.clone().map(|share| {
            let from = from(&share).max(KL_FLOOR) / from_all;
            let to: f64 = to(&share).max(KL_FLOOR) / to_all;
            // Both sum to 1, so adding to - from to each term adds 0 and leaves none negative.
            to * relative_entropy((from - to) / to)
        }))
    };
    Ok(Kl {
        cur_ref: divergence(|share| share.q, all_q, |share| share.p, all_p),
        ref_cur: divergence(|share| share.p, all_p, |share| share.q, all_q),
    })
}

/// Hellinger distance `sqrt(sum (sqrt p - sqrt q)^2 / 2)`.
///
/// Computed as `((p - q) / (sqrt p + sqrt q))^2` per bin.
///
/// Shapes and edge cases: as for [`js`]. Unit: none; in [0, 1], 1 for disjoint sides.
///
/// Source: Hellinger (1909); `sqrt(1 - BC)` of the Bhattacharyya coefficient.
pub fn hellinger(ref_counts: &[u64], cur_counts: &[u64]) -> Measured<f64> {
    let terms = shares(ref_counts, cur_counts)?.map(|share| {
        let both = share.p.sqrt() + share.q.sqrt();
        if both > 0.0 { (share.difference / both).powi(2) } else { 0.0 }
    });
    Ok((sum(terms) / 2.0).sqrt().min(1.0))
}

/// Total variation distance `sum |p - q| / 2`.
///
/// Shapes and edge cases: as for [`js`]. Unit: a share, in [0, 1]: the rows that would have to move.
///
/// Source: the `tvd` convention of the golden vectors.
pub fn tvd(ref_counts: &[u64], cur_counts: &[u64]) -> Measured<f64> {
    Ok((sum(shares(ref_counts, cur_counts)?.map(|share| share.difference.abs())) / 2.0).min(1.0))
}

/// L-infinity distance `max |p - q|`: the share of the bin that moved most.
///
/// Shapes and edge cases: as for [`js`]. Unit: a share, in [0, 1].
///
/// Source: the `linf` convention of the golden vectors; NannyML `l_infinity`.
pub fn linf(ref_counts: &[u64], cur_counts: &[u64]) -> Measured<f64> {
    let moved = shares(ref_counts, cur_counts)?.map(|share| share.difference.abs());
    moved.reduce(f64::max).ok_or(Undefined::ReferenceEmpty)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Distance = fn(&[u64], &[u64]) -> Measured<f64>;

    const ALL: [Distance; 6] = [
        js,
        hellinger,
        tvd,
        linf,
        |r, c| kl(r, c).map(|kl| kl.cur_ref),
        |r, c| kl(r, c).map(|kl| kl.ref_cur),
    ];

    fn near(got: f64, want: f64) -> bool {
        (got - want).abs() <= 1e-13 * want.abs().max(1e-290)
    }

    #[test]
    fn equal_shares_are_exactly_zero_and_disjoint_ones_one() {
        for distance in ALL {
            assert_eq!(distance(&[3, 5, 0, 2], &[30, 50, 0, 20]), Ok(0.0));
            assert_eq!(distance(&[7], &[2]), Ok(0.0));
        }
        for distance in [js, hellinger, tvd, linf] {
            assert!(distance(&[10, 0], &[0, 3]).is_ok_and(|got| near(got, 1.0)));
        }
        let swap = kl(&[10, 0], &[0, 10]).map(|kl| kl.cur_ref);
        // Both floors are divided by 1 + 1e-4: (1 - 1e-4) / (1 + 1e-4) ln 1e4.
        assert!(swap.is_ok_and(|got| near(got, 0.9999 / 1.0001 * 1e4_f64.ln())));
    }

    #[test]
    fn a_side_without_rows_or_other_bins_are_undefined() {
        for distance in ALL {
            assert_eq!(distance(&[0, 0], &[1, 2]), Err(Undefined::ReferenceEmpty));
            assert_eq!(distance(&[], &[]), Err(Undefined::ReferenceEmpty));
            assert_eq!(distance(&[1, 2], &[0, 0]), Err(Undefined::WindowEmpty));
            assert_eq!(distance(&[1], &[1, 1]), Err(Undefined::BinsDiffer));
            assert_eq!(distance(&[u64::MAX, 1], &[1, 1]), Err(Undefined::CountsTooLarge));
        }
    }

    #[test]
    fn one_row_in_a_billion_keeps_its_digits() {
        let (r, c) = ([1_000_000_000, 1_000_000_000], [1_000_000_001, 999_999_999]);
        // With shares 1/2 +- e: JS^2 = e^2 / (2 ln 2), Hellinger^2 = e^2 / 2, KL = 2 e^2 and e = 5e-10,
        // all to a relative e^2.
        let e = 5e-10_f64;
        assert!(js(&r, &c).is_ok_and(|got| near(got, e / (2.0 * LN_2).sqrt())));
        assert!(hellinger(&r, &c).is_ok_and(|got| near(got, e / 2.0_f64.sqrt())));
        assert!(kl(&r, &c).is_ok_and(|got| (got.cur_ref / (2.0 * e * e) - 1.0).abs() < 1e-6));
        assert_eq!(tvd(&r, &c), Ok(e));
        assert_eq!(linf(&r, &c), Ok(e));
    }

    #[test]
    fn both_forms_of_the_relative_entropy_meet() {
        for x in [SERIES_BELOW, -SERIES_BELOW] {
            let (inside, outside) = (relative_entropy(x * (1.0 - 1e-15)), relative_entropy(x));
            assert!((inside / outside - 1.0).abs() < 1e-13, "{inside} {outside}");
        }
        assert_eq!(relative_entropy(-1.0), 1.0);
        assert_eq!(relative_entropy(0.0), 0.0);
    }

    /// The definitions, word for word.
    fn plain(r: &[u64], c: &[u64]) -> [f64; 6] {
        let (n, m) = (r.iter().sum::<u64>() as f64, c.iter().sum::<u64>() as f64);
        let p: Vec<f64> = r.iter().map(|&r| r as f64 / n).collect();
        let q: Vec<f64> = c.iter().map(|&c| c as f64 / m).collect();
        let over = |f: &dyn Fn(f64, f64) -> f64| {
            p.iter().zip(&q).map(|(&p, &q)| f(p, q)).collect::<Vec<f64>>().into_iter()
        };
        let entropy = |a: f64, b: f64| if a > 0.0 { a * (a / b).ln() } else { 0.0 };
        let js = |p: f64, q: f64| entropy(p, (p + q) / 2.0) + entropy(q, (p + q) / 2.0);
        let floored = |of: &[f64]| {
            let raised: Vec<f64> = of.iter().map(|share| share.max(KL_FLOOR)).collect();
            let all: f64 = raised.iter().sum();
            raised.into_iter().map(|share| share / all).collect::<Vec<_>>()
        };
        let (fp, fq) = (floored(&p), floored(&q));
        let kl = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(&a, &b)| entropy(a, b)).sum::<f64>();
        [
            (over(&js).sum::<f64>() / 2.0 / LN_2).max(0.0).sqrt(),
            (over(&|p, q| (p.sqrt() - q.sqrt()).powi(2)).sum::<f64>() / 2.0).sqrt(),
            over(&|p, q| (p - q).abs()).sum::<f64>() / 2.0,
            over(&|p, q| (p - q).abs()).fold(0.0, f64::max),
            kl(&fq, &fp),
            kl(&fp, &fq),
        ]
    }

    proptest! {
        #[test]
        fn each_distance_is_its_definition(
            bins in prop::collection::vec(
                (prop_oneof![Just(0), 0_u64..50, 0_u64..1 << 40], 0_u64..2_000), 1..40),
        ) {
            let (r, c): (Vec<u64>, Vec<u64>) = bins.into_iter().unzip();
            prop_assume!(totals(&r, &c).is_ok());
            for (distance, want) in ALL.iter().zip(plain(&r, &c)) {
                // The plain square roots lose half their digits near 0.
                prop_assert!(distance(&r, &c).is_ok_and(|got| (got - want).abs() < 1e-7));
                let square = |got: f64| (got * got - want * want).abs() < 1e-12 * want.max(1.0);
                prop_assert!(distance(&r, &c).is_ok_and(square));
            }
            for distance in [js, hellinger, tvd, linf] {
                prop_assert_eq!(distance(&r, &c), distance(&c, &r));
                prop_assert!(distance(&r, &c).is_ok_and(|got| (0.0..=1.0).contains(&got)));
            }
        }
    }
}
