//! What each bin adds to a statistic of two histograms.
//!
//! These are for readers who ask why a value is what it is; the statistics themselves take forms that
//! lose no digits where little moved. Each list has a number per bin, in the order of the bins.

use crate::stats::counts::totals;
use crate::stats::histograms::divergence::KL_FLOOR;
use crate::stats::undefined::{Measured, Undefined};

/// One bin: its rows, its shares and the rows of both sides.
struct Bin {
    r: f64,
    c: f64,
    p: f64,
    q: f64,
    n: f64,
    m: f64,
}

/// A number per bin.
///
/// Edge cases: a side without rows is [`Undefined::ReferenceEmpty`] or [`Undefined::WindowEmpty`];
/// slices of different lengths are [`Undefined::BinsDiffer`]; totals above `i64::MAX` are
/// [`Undefined::CountsTooLarge`].
fn terms(ref_counts: &[u64], cur_counts: &[u64], term: impl Fn(Bin) -> f64) -> Measured<Vec<f64>> {
    let (n, m) = totals(ref_counts, cur_counts)?;
    let (n, m) = (n as f64, m as f64);
    let bin = |(&r, &c): (&u64, &u64)| {
        let (r, c) = (r as f64, c as f64);
        term(Bin { r, c, p: r / n, q: c / m, n, m })
    };
    Ok(ref_counts.iter().zip(cur_counts).map(bin).collect())
}

/// `x ln(x / y)`, 0 for an `x` of 0.
fn surprise(x: f64, y: f64) -> f64 {
    if x > 0.0 { x * (x / y).ln() } else { 0.0 }
}

/// `(q - p) ln(q / p)`, shares raised to at least `epsilon`; they add up to [`crate::stats::psi`].
///
/// Edge cases: as for [`crate::stats::psi_with_epsilon`].
pub fn psi_terms(ref_counts: &[u64], cur_counts: &[u64], epsilon: f64) -> Measured<Vec<f64>> {
    if !(epsilon.is_normal() && epsilon > 0.0 && epsilon <= 1.0) {
        return Err(Undefined::EpsilonOutOfRange);
    }
    terms(ref_counts, cur_counts, |bin| {
        let (p, q) = (bin.p.max(epsilon), bin.q.max(epsilon));
        (q - p) * (q / p).ln()
    })
}

/// `q ln(q / p)` of the shares raised to [`KL_FLOOR`] and divided by their sum, some of them negative;
/// they add up to the divergence of the window from the reference.
///
/// Edge cases: as for [`crate::stats::kl`].
pub fn kl_terms(ref_counts: &[u64], cur_counts: &[u64]) -> Measured<Vec<f64>> {
    let raised: Vec<(f64, f64)> = {
        let p = terms(ref_counts, cur_counts, |bin| bin.p.max(KL_FLOOR))?;
        let q = terms(ref_counts, cur_counts, |bin| bin.q.max(KL_FLOOR))?;
        p.into_iter().zip(q).collect()
    };
    let all_p: f64 = raised.iter().map(|(p, _)| p).sum();
    let all_q: f64 = raised.iter().map(|(_, q)| q).sum();
    Ok(raised.iter().map(|(p, q)| surprise(q / all_q, p / all_p)).collect())
}

/// `(p log2(p / m) + q log2(q / m)) / 2` with `m = (p + q) / 2`; they add up to the square of the
/// distance.
///
/// Edge cases: as for [`crate::stats::js`].
pub fn js_terms(ref_counts: &[u64], cur_counts: &[u64]) -> Measured<Vec<f64>> {
    terms(ref_counts, cur_counts, |bin| {
        let middle = (bin.p + bin.q) / 2.0;
        let both = surprise(bin.p, middle) + surprise(bin.q, middle);
        both.max(0.0) / (2.0 * std::f64::consts::LN_2)
    })
}

/// `(sqrt p - sqrt q)^2 / 2`; they add up to the square of the distance.
///
/// Edge cases: as for [`crate::stats::hellinger`].
pub fn hellinger_terms(ref_counts: &[u64], cur_counts: &[u64]) -> Measured<Vec<f64>> {
    terms(ref_counts, cur_counts, |bin| (bin.p.sqrt() - bin.q.sqrt()).powi(2) / 2.0)
}

/// `|p - q| / 2`; they add up to the distance.
///
/// Edge cases: as for [`crate::stats::tvd`].
pub fn tvd_terms(ref_counts: &[u64], cur_counts: &[u64]) -> Measured<Vec<f64>> {
    terms(ref_counts, cur_counts, |bin| (bin.p - bin.q).abs() / 2.0)
}

/// `|p - q|`; the largest is the distance.
///
/// Edge cases: as for [`crate::stats::linf`].
pub fn linf_terms(ref_counts: &[u64], cur_counts: &[u64]) -> Measured<Vec<f64>> {
    terms(ref_counts, cur_counts, |bin| (bin.p - bin.q).abs())
}

/// `(O - E)^2 / E` of both sides; they add up to [`crate::stats::chi2`].
///
/// Edge cases: as for [`crate::stats::js`]; a bin empty on both sides adds 0.
pub fn chi2_terms(ref_counts: &[u64], cur_counts: &[u64]) -> Measured<Vec<f64>> {
    terms(ref_counts, cur_counts, |bin| {
        let rows = bin.r + bin.c;
        let share = rows / (bin.n + bin.m);
        let of = |seen: f64, own: f64| (seen - own * share).powi(2) / (own * share);
        if rows > 0.0 { of(bin.r, bin.n) + of(bin.c, bin.m) } else { 0.0 }
    })
}

/// `2 O ln(O / E)` of both sides, at least 0; they add up to [`crate::stats::g_test`].
///
/// Edge cases: as for [`chi2_terms`].
pub fn g_test_terms(ref_counts: &[u64], cur_counts: &[u64]) -> Measured<Vec<f64>> {
    terms(ref_counts, cur_counts, |bin| {
        let share = (bin.r + bin.c) / (bin.n + bin.m);
        (2.0 * (surprise(bin.r, bin.n * share) + surprise(bin.c, bin.m * share))).max(0.0)
    })
}

/// The difference of the distribution functions at the upper end of each bin; the largest is
/// [`crate::stats::BinnedKs::at_edges`].
///
/// Edge cases: as for [`crate::stats::js`].
pub fn ks_terms(ref_counts: &[u64], cur_counts: &[u64]) -> Measured<Vec<f64>> {
    let (n, m) = totals(ref_counts, cur_counts)?;
    let scale = n as f64 * m as f64;
    let mut difference = 0_i128;
    let at = |(&r, &c): (&u64, &u64)| {
        difference += i128::from(c) * i128::from(n) - i128::from(r) * i128::from(m);
        difference.unsigned_abs() as f64 / scale
    };
    Ok(ref_counts.iter().zip(cur_counts).map(at).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats;

    #[test]
    fn what_has_no_value_has_no_terms() {
        assert_eq!(psi_terms(&[1], &[1], 0.0), Err(Undefined::EpsilonOutOfRange));
        for terms in [kl_terms, js_terms, hellinger_terms, tvd_terms, linf_terms, ks_terms] {
            assert_eq!(terms(&[0, 0], &[1, 1]), Err(Undefined::ReferenceEmpty));
            assert_eq!(terms(&[1, 1], &[0, 0]), Err(Undefined::WindowEmpty));
            assert_eq!(terms(&[1], &[1, 1]), Err(Undefined::BinsDiffer));
        }
    }

    #[test]
    fn a_bin_that_nothing_is_in_adds_nothing() {
        for terms in [chi2_terms, g_test_terms, js_terms, hellinger_terms, tvd_terms] {
            assert_eq!(terms(&[3, 0, 5], &[30, 0, 50]), Ok(vec![0.0; 3]));
        }
    }

    proptest! {
        #[test]
        fn terms_make_their_statistic(
            bins in prop::collection::vec((0_u64..400, 0_u64..400), 2..30),
        ) {
            let (r, c): (Vec<u64>, Vec<u64>) = bins.into_iter().unzip();
            let near = |got: f64, want: f64| (got - want).abs() <= 1e-11 * want.abs().max(1.0);
            let sum = |terms: Measured<Vec<f64>>| terms.map(|terms| terms.iter().sum::<f64>());
            let most = |terms: Measured<Vec<f64>>| {
                terms.map(|terms| terms.into_iter().fold(0.0, f64::max))
            };
            let square = |value: Measured<f64>| value.map(|value| value * value);
            for (got, want) in [
                (sum(psi_terms(&r, &c, 1e-4)), stats::psi(&r, &c)),
                (sum(kl_terms(&r, &c)), stats::kl(&r, &c).map(|kl| kl.cur_ref)),
                (sum(js_terms(&r, &c)), square(stats::js(&r, &c))),
                (sum(hellinger_terms(&r, &c)), square(stats::hellinger(&r, &c))),
                (sum(tvd_terms(&r, &c)), stats::tvd(&r, &c)),
                (most(linf_terms(&r, &c)), stats::linf(&r, &c)),
                (most(ks_terms(&r, &c)), stats::binned_ks(&r, &c).map(|ks| ks.at_edges)),
            ] {
                match (got, want) {
                    (Ok(got), Ok(want)) => prop_assert!(near(got, want), "{got} {want}"),
                    (got, want) => prop_assert_eq!(got, want),
                }
            }
            if let Ok(test) = stats::chi2(&r, &c) {
                prop_assert!(sum(chi2_terms(&r, &c)).is_ok_and(|got| near(got, test.statistic)));
            }
            if let Ok(test) = stats::g_test(&r, &c) {
                prop_assert!(sum(g_test_terms(&r, &c)).is_ok_and(|got| near(got, test.statistic)));
            }
        }
    }
}
