//! Many tests at once: p-values adjusted for their number, and the share of columns that drifted.
//!
//! Twenty-five features tested every hour at 5 % raise nine hundred false alarms a month.

use crate::stats::undefined::{Measured, Undefined};

/// Bonferroni's adjusted p-values: `min(1, k p)` for k tests.
///
/// Rejecting those at most alpha keeps the probability of any false alarm below alpha, however the
/// tests depend on each other.
///
/// Shapes: p-values in any order; as many adjusted ones in the same order. Unit: probabilities.
///
/// Edge cases: no p-value gives none; one outside [0, 1] is [`Undefined::PValueOutOfRange`], NaN
/// [`Undefined::NotANumber`]. A test that is undefined is no test: the caller leaves it out.
///
/// Source: Dunn (1961).
pub fn bonferroni(p_values: &[f64]) -> Measured<Vec<f64>> {
    check(p_values)?;
    Ok(p_values.iter().map(|p| (p * p_values.len() as f64).min(1.0)).collect())
}

/// Benjamini and Hochberg's adjusted p-values.
///
/// Formula: `min over j >= i of min(1, k p_(j) / j)` for the i-th smallest of k. Rejecting those at
/// most alpha keeps the expected share of false alarms among all alarms below alpha, for tests that
/// are independent or depend positively.
///
/// Shapes, unit and edge cases: as for [`bonferroni`].
///
/// Source: Benjamini and Hochberg (1995); scipy `false_discovery_control`.
pub fn benjamini_hochberg(p_values: &[f64]) -> Measured<Vec<f64>> {
    check(p_values)?;
    let mut ranked: Vec<(usize, f64)> = p_values.iter().copied().enumerate().collect();
    ranked.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut adjusted = p_values.to_vec();
    let mut least: f64 = 1.0;
    for (rank, (place, p)) in ranked.into_iter().enumerate().rev() {
        least = least.min(p * p_values.len() as f64 / (rank + 1) as f64);
        if let Some(slot) = adjusted.get_mut(place) {
            *slot = least;
        }
    }
    Ok(adjusted)
}

/// The share of columns that drifted, among those with a verdict.
///
/// Shapes: one verdict a column. Unit: a share, in [0, 1].
///
/// Edge cases: an undefined column counts neither as drifted nor as a column; without any verdict
/// the share is [`Undefined::NoValue`].
///
/// Source: Evidently's dataset drift, there at 0.5.
pub fn drifted_share(verdicts: &[Measured<bool>]) -> Measured<f64> {
    let decided = verdicts.iter().filter_map(|verdict| verdict.as_ref().ok());
    let (drifted, columns) = decided.fold((0_u32, 0_u32), |(drifted, columns), verdict| {
        (drifted + u32::from(*verdict), columns + 1)
    });
    if columns == 0 {
        return Err(Undefined::NoValue);
    }
    Ok(f64::from(drifted) / f64::from(columns))
}

fn check(p_values: &[f64]) -> Measured<()> {
    if p_values.iter().any(|p| p.is_nan()) {
        return Err(Undefined::NotANumber);
    }
    if p_values.iter().all(|p| (0.0..=1.0).contains(p)) {
        Ok(())
    } else {
        Err(Undefined::PValueOutOfRange)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn near(got: &[f64], want: &[f64]) -> bool {
        got.len() == want.len() && got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-15)
    }

    #[test]
    fn both_adjust_as_the_textbook_does() {
        let p = [0.01, 0.04, 0.03, 0.005, 0.6];
        let got = bonferroni(&p).expect("probabilities");
        assert!(near(&got, &[0.05, 0.2, 0.15, 0.025, 1.0]));
        let got = benjamini_hochberg(&p).expect("probabilities");
        assert!(near(&got, &[0.025, 0.05, 0.05, 0.025, 0.6]), "{got:?}");
    }

    #[test]
    fn no_test_has_no_result_and_a_bad_p_is_refused() {
        for adjust in [bonferroni, benjamini_hochberg] {
            assert_eq!(adjust(&[]), Ok(vec![]));
            assert_eq!(adjust(&[1.5]), Err(Undefined::PValueOutOfRange));
            assert_eq!(adjust(&[0.5, -0.1]), Err(Undefined::PValueOutOfRange));
            assert_eq!(adjust(&[0.5, f64::NAN]), Err(Undefined::NotANumber));
        }
    }

    #[test]
    fn undefined_columns_do_not_count() {
        let unknown = Err(Undefined::WindowEmpty);
        assert_eq!(drifted_share(&[Ok(true), unknown, Ok(false), Ok(false), Ok(true)]), Ok(0.5));
        assert_eq!(drifted_share(&[unknown]), Err(Undefined::NoValue));
        assert_eq!(drifted_share(&[]), Err(Undefined::NoValue));
    }

    proptest! {
        #[test]
        fn stepping_up_rejects_the_same_tests(
            p in prop::collection::vec(0.0..1.0_f64, 1..30), alpha in 0.01..0.5_f64,
        ) {
            // Benjamini and Hochberg's own words: the largest i with p_(i) <= i alpha / k.
            let mut sorted = p.clone();
            sorted.sort_by(f64::total_cmp);
            let step = alpha / p.len() as f64;
            let last = sorted.iter().zip(1_u32..).filter(|&(p, i)| *p <= f64::from(i) * step).last();
            let bound = last.map_or(-1.0, |(p, _)| *p);
            let adjusted = benjamini_hochberg(&p).expect("probabilities");
            let strict = bonferroni(&p).expect("probabilities");
            for ((p, adjusted), strict) in p.iter().zip(adjusted).zip(strict) {
                prop_assert!((adjusted - alpha).abs() < 1e-12 || (adjusted <= alpha) == (*p <= bound));
                prop_assert!(*p <= adjusted + 1e-15 && adjusted <= strict + 1e-15);
            }
        }
    }
}
