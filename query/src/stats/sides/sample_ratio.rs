//! Whether rows were split as planned: a sample-ratio mismatch makes any comparison of arms suspect.

use statrs::function::gamma::checked_gamma_ur;

use crate::stats::numbers::finite;
use crate::stats::sides::two_proportions::Tested;
use crate::stats::undefined::{Measured, Undefined};

/// Chi-square test of the rows of each arm against the planned split.
///
/// Formula: with n rows and shares s_k of the plan, made to add up to 1, `sum (rows_k - n s_k)^2 /
/// (n s_k)`, with one degree of freedom fewer than arms. A p-value below 0.001 or so says that the
/// split is broken; at 0.05 one sound split in twenty would be suspected.
///
/// Shapes: K rows of arms and K shares, K at least 2. Any unit of shares: 9 to 1 is 0.9 to 0.1.
///
/// Edge cases: another number of shares is [`Undefined::LengthsDiffer`]; fewer than two arms, and a
/// share that is not a positive number, are [`Undefined::SplitOutOfRange`]; no row is
/// [`Undefined::NoValue`].
///
/// Source: scipy `chisquare`; Fabijan et al., Diagnosing Sample Ratio Mismatch in Online Controlled
/// Experiments (2019).
pub fn sample_ratio(rows: &[u64], split: &[f64]) -> Measured<Tested> {
    if rows.len() != split.len() {
        return Err(Undefined::LengthsDiffer);
    }
    let whole = finite(split.iter().sum()).map_err(|_| Undefined::SplitOutOfRange)?;
    if rows.len() < 2 || !split.iter().all(|share| *share > 0.0) {
        return Err(Undefined::SplitOutOfRange);
    }
    let all: f64 = rows.iter().map(|rows| *rows as f64).sum();
    if all == 0.0 {
        return Err(Undefined::NoValue);
    }
    let term = |(rows, share): (&u64, &f64)| {
        let planned = all * (share / whole);
        (*rows as f64 - planned).powi(2) / planned
    };
    let statistic = finite(rows.iter().zip(split).map(term).sum())?;
    let freedom = rows.len() as f64 - 1.0;
    // The function is not defined at 0, where every arm is as planned.
    let p_value = match statistic {
        0.0 => 1.0,
        statistic => checked_gamma_ur(freedom / 2.0, statistic / 2.0)
            .map_err(|_| Undefined::NotFinite)
            .and_then(finite)?,
    };
    Ok(Tested { statistic, p_value })
}

#[cfg(test)]
mod tests {
    use super::{Undefined, sample_ratio};

    #[test]
    fn a_split_as_planned_is_no_mismatch() {
        let exact = sample_ratio(&[900, 100], &[9.0, 1.0]).expect("rows");
        assert!(exact.statistic < 1e-20 && exact.p_value > 0.999_999, "{exact:?}");
        let halves = sample_ratio(&[500, 500], &[0.5, 0.5]).expect("rows");
        assert_eq!((halves.statistic, halves.p_value), (0.0, 1.0));
    }

    #[test]
    fn three_arms_have_two_degrees_of_freedom() {
        // 100, 110, 90 of 100 each: 0 + 1 + 1, and the p-value of two degrees is exp(-chi2 / 2).
        let tested = sample_ratio(&[100, 110, 90], &[1.0, 1.0, 1.0]).expect("rows");
        assert!((tested.statistic - 2.0).abs() < 1e-12, "{tested:?}");
        assert!((tested.p_value - (-1.0_f64).exp()).abs() < 1e-12, "{tested:?}");
    }

    #[test]
    fn plans_that_are_none_are_refused() {
        assert_eq!(sample_ratio(&[1, 2], &[1.0]), Err(Undefined::LengthsDiffer));
        assert_eq!(sample_ratio(&[1], &[1.0]), Err(Undefined::SplitOutOfRange));
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(sample_ratio(&[1, 2], &[1.0, bad]), Err(Undefined::SplitOutOfRange));
        }
        assert_eq!(sample_ratio(&[0, 0], &[0.5, 0.5]), Err(Undefined::NoValue));
        assert!(sample_ratio(&[u64::MAX, 0], &[0.5, 0.5]).is_ok_and(|t| t.p_value == 0.0));
    }
}
