//! The formulas of the documents that Driftline began with.
//!
//! They name several indices of stability. Over quantiles of the reference 1e-4 is added to every
//! share; over bins of equal width, of the reference or of reference and window together, a share of 0
//! becomes 1e-4. Nulls, NaN and infinities are left out. Drift is PSI above 0.2, a test at p < 0.05, a
//! mean more than three deviations of the reference away; a window of fewer than 100 values has no
//! verdict. An index whose bins come from each sample by itself is in them too: it compares nothing,
//! and is not offered.

use std::borrow::Cow;

use super::{Judged, Outcome, Sides, binned, equal_width, reason};
use crate::{
    bin_rule::BinRule,
    explain,
    explanation::{Both, ExplainedBin, Explanation},
    method::Method,
    stats::{self, Measured, Undefined},
};

/// What is reproduced.
pub(super) const METHODS: [Method; 4] = [Method::Psi, Method::Ks, Method::Chi2, Method::MeanShift];

/// What is added to a share, or put in the place of 0.
const EPSILON: f64 = 1e-4;
/// PSI above which a column drifts.
const PSI: f64 = 0.2;
/// p-value below which it does.
const P_VALUE: f64 = 0.05;
/// Deviations of the reference above which a mean has drifted, to either side.
const DEVIATIONS: f64 = 3.0;
/// Values that a window needs for a verdict.
const ROWS_MIN: u64 = 100;

const NOT_OF_NUMBERS: &str =
    "the documents have chi2 of categories only; ask for psi, ks or mean_shift of numbers";

/// Whether a method of a number needs the values of the window and not its counts by quantile alone.
pub(super) fn needs_rows(methods: &[Method], rule: BinRule) -> bool {
    rule != BinRule::Quantiles || methods.iter().any(|method| *method != Method::Psi)
}

/// The bins of PSI. Those over quantiles are counted already, and so are categories.
fn bins(
    sides: Sides<'_>,
    counted: &[ExplainedBin],
    rule: BinRule,
    parts: usize,
) -> Vec<ExplainedBin> {
    let Sides::Numbers { reference, window } = sides else { return counted.to_vec() };
    let (ends, both) = (reference.first().zip(reference.last()), window.first().zip(window.last()));
    match (rule, ends, both) {
        (BinRule::EqualWidth, Some((low, high)), _) => {
            binned::open(&stats::equal_width_edges(*low, *high, parts), reference, window)
        }
        (BinRule::Pooled, Some((low, high)), Some((least, most))) => {
            let edges = equal_width::edges(low.min(*least), high.max(*most), parts);
            binned::closed(&edges, reference, window)
        }
        _ => counted.to_vec(),
    }
}

/// `(q - p) ln(q / p)` of each bin. Of quantiles and categories 1e-4 is added, elsewhere it is put in
/// the place of 0.
fn terms(bins: &[ExplainedBin], added: bool) -> Measured<Vec<f64>> {
    let Both { reference, current } = binned::rows(bins);
    if reference == 0 {
        return Err(Undefined::ReferenceEmpty);
    }
    if current == 0 {
        return Err(Undefined::WindowEmpty);
    }
    let share = |count: u64, rows: u64| match (added, count) {
        (true, _) => count as f64 / rows as f64 + EPSILON,
        (false, 0) => EPSILON,
        (false, _) => count as f64 / rows as f64,
    };
    let term = |bin: &ExplainedBin| {
        let (p, q) = (share(bin.count.reference, reference), share(bin.count.current, current));
        (q - p) * (q / p).ln()
    };
    Ok(bins.iter().map(term).collect())
}

/// A question about a column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) method: Option<Method>,
    pub(super) sides: Sides<'a>,
    /// Its quantiles or categories, counted.
    pub(super) counted: &'a [ExplainedBin],
    pub(super) rule: BinRule,
    pub(super) parts: usize,
}

impl Asked<'_> {
    fn of_psi(&self) -> (Vec<ExplainedBin>, bool) {
        let bins = bins(self.sides, self.counted, self.rule, self.parts);
        let numbers = matches!(self.sides, Sides::Numbers { .. });
        (bins, !(numbers && self.rule != BinRule::Quantiles))
    }

    /// A method of a window, PSI if none is asked for.
    pub(super) fn judge(&self) -> (Method, Outcome) {
        let method = self.method.unwrap_or(Method::Psi);
        (method, self.of_method(method))
    }

    fn of_method(&self, method: Method) -> Outcome {
        let (value, p_value, threshold, rows) = match (method, self.sides) {
            (Method::Psi, _) => {
                let (bins, added) = self.of_psi();
                let value = terms(&bins, added).map_err(reason)?.iter().sum::<f64>();
                (value, None, PSI, binned::rows(&bins).current)
            }
            (Method::Chi2, Sides::Names(names)) => {
                let (reference, window) = binned::counts(names);
                let test = stats::chi2(&reference, &window).map_err(reason)?;
                (test.statistic, Some(test.p_value), P_VALUE, window.iter().sum())
            }
            (Method::Chi2, _) => return Err(NOT_OF_NUMBERS.into()),
            (Method::Ks, Sides::Numbers { reference, window }) => {
                let value = stats::ks_statistic(reference, window).map_err(reason)?;
                let (n, m) = (reference.len() as u64, window.len() as u64);
                let (p_value, _) = stats::ks_p_value(n, m, value).map_err(reason)?;
                (value, Some(p_value), P_VALUE, m)
            }
            (Method::MeanShift, Sides::Numbers { reference, window }) => {
                let value = stats::mean_shift(reference, window).map_err(reason)?;
                (value, None, DEVIATIONS, window.len() as u64)
            }
            _ => return Err(reason(Undefined::NotNumeric)),
        };
        let drifts = match p_value {
            Some(p_value) => p_value < threshold,
            None => value.abs() > threshold,
        };
        let detected = if rows < ROWS_MIN {
            Err(Cow::Borrowed(Undefined::TooFewRows.reason()))
        } else {
            Ok(drifts)
        };
        Ok(Judged { value: Ok(value), p_value, threshold, detected })
    }

    /// How a value came about.
    pub(super) fn explain(&self) -> Explanation {
        let method = self.method.unwrap_or(Method::Psi);
        match (method, self.sides) {
            (Method::Psi, _) => {
                let (bins, added) = self.of_psi();
                let rule = if added {
                    "sum of (q - p) ln(q / p), epsilon added to every share"
                } else {
                    "sum of (q - p) ln(q / p), a share of 0 made epsilon"
                };
                let terms = terms(&bins, added);
                explain::of_terms(rule, Some(EPSILON), bins, Some(terms), explain::SUM)
            }
            (Method::Chi2, Sides::Names(names)) => {
                let (reference, window) = binned::counts(names);
                let terms = stats::chi2_terms(&reference, &window);
                let rule = explain::rule(method);
                explain::of_terms(rule, None, names.to_vec(), Some(terms), explain::SUM)
            }
            (_, Sides::Numbers { reference, window }) => {
                let rows = Both { reference: reference.len() as u64, current: window.len() as u64 };
                explain::of_rows(method, rows)
            }
            (_, Sides::Names(names)) => explain::of_rows(method, binned::rows(names)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bin(reference: u64, current: u64) -> ExplainedBin {
        ExplainedBin { count: Both { reference, current }, ..ExplainedBin::default() }
    }

    #[test]
    fn an_empty_share_is_added_to_or_replaced() {
        let bins = [bin(50, 100), bin(50, 0)];
        let sum = |added| terms(&bins, added).map(|terms| terms.iter().sum::<f64>());
        let replaced = 0.5 * 2.0_f64.ln() + (1e-4 - 0.5) * (1e-4_f64 / 0.5).ln();
        assert!(sum(false).is_ok_and(|got| (got - replaced).abs() < 1e-12));
        let added = 0.5 * (1.0001_f64 / 0.5001).ln() - 0.5 * (1e-4_f64 / 0.5001).ln();
        assert!(sum(true).is_ok_and(|got| (got - added).abs() < 1e-12));
        assert_eq!(terms(&[bin(0, 1)], true), Err(Undefined::ReferenceEmpty));
        assert_eq!(terms(&[bin(1, 0)], true), Err(Undefined::WindowEmpty));
    }

    #[test]
    fn small_windows_have_a_value_and_no_verdict() {
        let reference: Vec<f64> = (0..200).map(f64::from).collect();
        let asked = |method, window| Asked {
            method: Some(method),
            sides: Sides::Numbers { reference: &reference, window },
            counted: &[],
            rule: BinRule::Pooled,
            parts: 10,
        };
        let moved: Vec<f64> = (0..100).map(|i| 1_000.0 + f64::from(i)).collect();
        for method in [Method::Psi, Method::Ks, Method::MeanShift] {
            let judged = asked(method, &moved).judge().1.expect("values");
            assert_eq!(judged.detected, Ok(true), "{}", method.name());
            let judged = asked(method, &moved[..99]).judge().1.expect("values");
            assert!(judged.value.is_ok() && judged.detected.is_err());
        }
        assert_eq!(asked(Method::Chi2, &moved).judge().1.err(), Some(NOT_OF_NUMBERS.into()));
        assert!(needs_rows(&[Method::Psi], BinRule::EqualWidth));
        assert!(!needs_rows(&[Method::Psi], BinRule::Quantiles));
        assert!(needs_rows(&[Method::Psi, Method::Ks], BinRule::Quantiles));
    }
}
