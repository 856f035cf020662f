//! PSI as Scouter (0.25) computes it.
//!
//! Deciles of the reference by Hyndman and Fan's type 7, repeats kept, bins closed on the right with
//! open ends, or categories; 1e-10 is added to every share; values that are not finite are left out.
//! Drift is a value above the 95 % quantile of chi-square with a degree less than bins, over the rows of
//! the window, which ignores how many rows the reference has. Windows of 100 rows or fewer have no
//! verdict.

use std::borrow::Cow;

use super::{Judged, Outcome, Sides, binned, reason};
use crate::{
    explain,
    explanation::{ExplainedBin, Explanation},
    stats::{self, Measured, Undefined},
};

/// What is added to every share.
const ADDED: f64 = 1e-10;
/// Bins of a number.
const BINS: usize = 10;
/// Share of windows without drift that are to have no alert.
const LEVEL: f64 = 0.95;
/// Rows of a window up to which it is not judged.
const ROWS_MIN: u64 = 100;

const NEW_CATEGORY: &str = "a category is new, and Scouter has no bin to put it in; ask for psi without \
                            the mode, or with --as credit";

/// Deciles as Scouter computes them: `(1 - h) x[j] + h x[j + 1]` with `j + h = n p + 1 - p`, counted
/// from 1. The order of operations matters: a value between two equal ones may differ from both in the
/// last bit, and bins are closed on the right.
fn deciles(sorted: &[f64]) -> Vec<f64> {
    let at = |part: usize| {
        let p = part as f64 / BINS as f64;
        let position = sorted.len() as f64 * p + (1.0 - p);
        let h = position - position.floor();
        let j = (position.floor() as usize).saturating_sub(1);
        let next = (j + 1).min(sorted.len().saturating_sub(1));
        Some((1.0 - h) * sorted.get(j)? + h * sorted.get(next)?)
    };
    (1..BINS).filter_map(at).collect()
}

fn bins(sides: Sides<'_>) -> Vec<ExplainedBin> {
    match sides {
        Sides::Numbers { reference, window } => {
            binned::right_closed(&deciles(reference), reference, window)
        }
        Sides::Names(names) => names.to_vec(),
    }
}

/// `(p - q) ln(p / q)` of each bin.
fn terms(reference: &[u64], window: &[u64]) -> Measured<Vec<f64>> {
    let (n, m) = (reference.iter().sum::<u64>() as f64, window.iter().sum::<u64>() as f64);
    if n == 0.0 {
        return Err(Undefined::ReferenceEmpty);
    }
    if m == 0.0 {
        return Err(Undefined::WindowEmpty);
    }
    let term = |(r, c): (&u64, &u64)| {
        let (p, q) = (*r as f64 / n + ADDED, *c as f64 / m + ADDED);
        (p - q) * (p / q).ln()
    };
    Ok(reference.iter().zip(window).map(term).collect())
}

/// PSI and its verdict.
pub(super) fn judge(sides: Sides<'_>) -> Outcome {
    let bins = bins(sides);
    let new = |bin: &ExplainedBin| bin.count.reference == 0 && bin.count.current > 0;
    if matches!(sides, Sides::Names(names) if names.iter().any(new)) {
        return Err(NEW_CATEGORY.into());
    }
    let (reference, window) = binned::counts(&bins);
    let value = terms(&reference, &window).map_err(reason)?.iter().sum::<f64>();
    let rows = window.iter().sum::<u64>();
    let held = match sides {
        Sides::Numbers { .. } => bins.len(),
        Sides::Names(_) => reference.iter().filter(|rows| **rows > 0).count(),
    };
    let Some(dof @ 1..) = held.checked_sub(1) else { return Err(reason(Undefined::OneCategory)) };
    let quantile = stats::chi_square_quantile(dof as u64, LEVEL).map_err(reason)?;
    let threshold = quantile / rows as f64;
    if rows <= ROWS_MIN {
        let why = Cow::Borrowed("Scouter does not judge windows of 100 rows or fewer");
        return Ok(Judged { value: Ok(value), p_value: None, threshold, detected: Err(why) });
    }
    Ok(Judged::distance(value, threshold, value > threshold))
}

/// How a value came about.
pub(super) fn explain(sides: Sides<'_>) -> Explanation {
    let bins = bins(sides);
    let (reference, window) = binned::counts(&bins);
    let terms = terms(&reference, &window);
    let rule = "sum of (p - q) ln(p / q), epsilon added to every share; bins closed on the right";
    explain::of_terms(rule, Some(ADDED), bins, Some(terms), explain::SUM)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explanation::Both;

    #[test]
    fn deciles_are_of_type_7() {
        // numpy.quantile(numpy.arange(1.0, 9.0), [.1, ..., .9])
        let values: Vec<f64> = (1..9).map(f64::from).collect();
        let want = [1.7, 2.4, 3.1, 3.8, 4.5, 5.2, 5.9, 6.6, 7.3];
        assert!(deciles(&values).iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-12));
        assert_eq!(deciles(&[3.0]), [3.0; 9]);
        assert!(deciles(&[]).is_empty());
    }

    #[test]
    fn an_empty_bin_costs_the_logarithm_of_what_is_added() {
        let reference: Vec<f64> = (0..1_000).map(f64::from).collect();
        let window = vec![0.0; 200];
        let sides = Sides::Numbers { reference: &reference, window: &window };
        let judged = judge(sides).expect("rows");
        // The first bin has a tenth of the reference and all of the window, the others nothing of it.
        let empty = (0.1 - 0.0) * ((0.1 + 1e-10) / 1e-10_f64).ln();
        let want = 0.9 * 10.0_f64.ln() + 9.0 * empty;
        assert!((judged.value.expect("a value") - want).abs() < 1e-6);
        // scipy.stats.chi2.ppf(0.95, 9) / 200
        assert!((judged.threshold - 16.918_977_604_620_448 / 200.0).abs() < 1e-9);
        assert_eq!(judged.detected, Ok(true));
        let few = Sides::Numbers { reference: &reference, window: &reference[..100] };
        assert!(judge(few).expect("rows").detected.is_err());
    }

    #[test]
    fn a_new_category_is_refused_with_what_would_work() {
        let bin = |reference, current| ExplainedBin {
            count: Both { reference, current },
            ..ExplainedBin::default()
        };
        let names = [bin(500, 300), bin(500, 100), bin(0, 1)];
        assert!(judge(Sides::Names(&names)).is_err_and(|why| why.contains("--as credit")));
        let judged = judge(Sides::Names(&names[..2])).expect("known ones");
        let want = -0.25 * (0.5_f64 / 0.75).ln() + 0.25 * 2.0_f64.ln();
        assert!(
            (judged.value.expect("a value") - want).abs() < 1e-8 && judged.detected == Ok(true)
        );
        let one = judge(Sides::Names(&names[..1]));
        assert_eq!(one.err(), Some(reason(Undefined::OneCategory)));
    }
}
