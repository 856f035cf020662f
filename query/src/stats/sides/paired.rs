//! Two models that answered the same requests: whether they are right equally often, which only the
//! requests can tell on which one is right and the other wrong, and how far their numbers are apart.

use statrs::distribution::{Binomial, DiscreteCDF as _};

use crate::stats::numbers::{finite, normal_reach};
use crate::stats::proportion::Interval;
use crate::stats::sides::student_t::{t_p, t_reach};
use crate::stats::sides::two_proportions::Tested;
use crate::stats::sides::welch::Moments;
use crate::stats::tails::chi_square_tail;
use crate::stats::undefined::{Measured, Undefined};

/// Pairs in which only one is right, up to which the exact p-value is the answer.
pub const MCNEMAR_EXACT_MAX: u64 = 1_000;

/// McNemar's test of paired correctness.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct McNemar {
    /// `(b - c)^2 / (b + c)`, without continuity correction.
    pub statistic: f64,
    /// Two-sided; exact up to [`MCNEMAR_EXACT_MAX`] pairs of which one is right.
    pub p_value: f64,
    /// Whether the p-value is that of the binomial distribution, and not of the chi-square limit.
    pub exact: bool,
}

/// Tests whether pairs in which only the first is right are as many as those in which only the second
/// is.
///
/// Formula: with b and c the two counts, `(b - c)^2 / (b + c)`. The exact p-value is
/// `min(1, 2 P(X <= min(b, c)))` of X binomial with `b + c` trials of 1/2; above
/// [`MCNEMAR_EXACT_MAX`] trials it is the chi-square tail of one degree of freedom, which is then
/// within a few percent.
///
/// Edge cases: no pair of which only one is right is [`Undefined::TooFewRows`].
///
/// Source: McNemar, Note on the Sampling Error of the Difference between Correlated Proportions
/// (1947); statsmodels `mcnemar(exact=True)` and `mcnemar(exact=False, correction=False)`.
pub fn mcnemar(only_first: u64, only_second: u64) -> Measured<McNemar> {
    let discordant = only_first.saturating_add(only_second);
    if discordant == 0 {
        return Err(Undefined::TooFewRows);
    }
    let apart = only_first.abs_diff(only_second) as f64;
    let statistic = apart * (apart / discordant as f64);
    let exact = discordant <= MCNEMAR_EXACT_MAX;
    let p_value = if exact {
        let law = Binomial::new(0.5, discordant).map_err(|_| Undefined::NotFinite)?;
        (2.0 * law.cdf(only_first.min(only_second))).min(1.0)
    } else {
        chi_square_tail(1, statistic)?
    };
    Ok(McNemar { statistic, p_value: finite(p_value)?, exact })
}

/// The interval of the share of pairs that the first gets right minus that of the second.
///
/// Formula: with b and c the pairs of which only the first, only the second is right, n all pairs,
/// `n* = n + 2`, `b* = b + 1/2`, `c* = c + 1/2` and `d = (b* - c*) / n*`:
/// `d +- z sqrt((b* + c*) / n* - d^2) / sqrt(n*)`, cut to [-1, 1]. The plain Wald interval, without
/// the half pairs, is too narrow for few of them.
///
/// Edge cases: no pair is [`Undefined::NoValue`], a confidence outside (0, 1)
/// [`Undefined::LevelOutOfRange`]; more right pairs than pairs count as all of them.
///
/// Source: Agresti and Min, Simple Improved Confidence Intervals for Comparing Matched Proportions
/// (2005), Wald+2.
pub fn paired_interval(
    only_first: u64,
    only_second: u64,
    pairs: u64,
    confidence: f64,
) -> Measured<Interval> {
    let z = normal_reach(confidence)?;
    if pairs == 0 {
        return Err(Undefined::NoValue);
    }
    let n = pairs as f64 + 2.0;
    let (b, c) = (only_first as f64 + 0.5, only_second as f64 + 0.5);
    let middle = (b - c) / n;
    let reach = z * (((b + c) / n - middle * middle).max(0.0) / n).sqrt();
    Ok(Interval { low: (middle - reach).max(-1.0), high: (middle + reach).min(1.0) })
}

/// Student's t test of whether differences of pairs have the mean 0.
///
/// Formula: `t = mean / sqrt(variance / n)`, two-sided by Student's t with n - 1 degrees of freedom.
///
/// Edge cases: no difference is [`Undefined::NoValue`], one [`Undefined::TooFewRows`]; differences
/// that all are equal are [`Undefined::VarianceZero`].
///
/// Source: scipy `ttest_rel`.
pub fn paired_t(differences: &Moments) -> Measured<Tested> {
    let error = standard_error(differences)?;
    let t = finite(differences.mean / error)?;
    Ok(Tested { statistic: t, p_value: t_p(t, differences.rows as f64 - 1.0)? })
}

/// The interval of the mean difference of pairs: `mean +- t* sqrt(variance / n)`.
///
/// Edge cases: as for [`paired_t`]; a confidence outside (0, 1) is [`Undefined::LevelOutOfRange`].
///
/// Source: scipy `ttest_rel(..).confidence_interval`.
pub fn paired_mean_interval(differences: &Moments, confidence: f64) -> Measured<Interval> {
    let error = standard_error(differences)?;
    let reach = finite(t_reach(confidence, differences.rows as f64 - 1.0)? * error)?;
    Ok(Interval { low: differences.mean - reach, high: differences.mean + reach })
}

fn standard_error(differences: &Moments) -> Measured<f64> {
    if differences.rows == 0 {
        return Err(Undefined::NoValue);
    }
    let error = (differences.variance()? / differences.rows as f64).sqrt();
    if error > 0.0 { Ok(error) } else { Err(Undefined::VarianceZero) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_textbook_pairs_have_their_test() {
        // scipy.stats.binomtest(5, 20).pvalue and chi2.sf(5, 1).
        let tested = mcnemar(5, 15).expect("pairs");
        assert!((tested.p_value - 0.041_389_465_332_031_25).abs() < 1e-12, "{tested:?}");
        assert!(tested.exact && (tested.statistic - 5.0).abs() < 1e-14);
        assert_eq!(mcnemar(15, 5), mcnemar(5, 15));
        assert_eq!(mcnemar(0, 0), Err(Undefined::TooFewRows));
        assert!(mcnemar(7, 7).is_ok_and(|t| t.p_value == 1.0 && t.statistic == 0.0));
    }

    #[test]
    fn pairs_of_numbers_have_the_test_of_their_differences() {
        // scipy.stats.ttest_rel([1, 2, 3, 4], [1.5, 1, 2, 2]): differences -0.5, 1, 1, 2.
        let differences = Moments::of(&[-0.5, 1.0, 1.0, 2.0]);
        let tested = paired_t(&differences).expect("spread");
        // 0.875 / sqrt(1.0625 / 4).
        assert!((tested.statistic - 0.875 / 0.265_625_f64.sqrt()).abs() < 1e-12, "{tested:?}");
        let interval = paired_mean_interval(&differences, 0.95).expect("spread");
        let reach = 3.182_446_305_284_263 * 0.265_625_f64.sqrt();
        assert!((interval.high - 0.875 - reach).abs() < 1e-9, "{interval:?}");
        assert_eq!(paired_t(&Moments::of(&[1.0, 1.0])), Err(Undefined::VarianceZero));
        assert_eq!(paired_t(&Moments::of(&[1.0])), Err(Undefined::TooFewRows));
        assert_eq!(paired_t(&Moments::of(&[])), Err(Undefined::NoValue));
    }

    #[test]
    fn the_interval_of_paired_shares_has_a_width_also_without_discord() {
        let none = paired_interval(0, 0, 50, 0.95).expect("pairs");
        assert!((none.low + none.high).abs() < 1e-15 && none.high > 0.03, "{none:?}");
        // Ten to thirty of a hundred: (10 - 30) / 102, and not quite as wide as unpaired.
        let some = paired_interval(10, 30, 100, 0.95).expect("pairs");
        assert!(((some.low + some.high) / 2.0 + 20.0 / 102.0).abs() < 1e-15, "{some:?}");
        assert!((some.high - some.low) < 0.25 && some.high < 0.0, "{some:?}");
        assert_eq!(paired_interval(1, 1, 0, 0.95), Err(Undefined::NoValue));
        assert_eq!(paired_interval(1, 1, 2, 1.0), Err(Undefined::LevelOutOfRange));
    }

    #[test]
    fn the_limit_goes_on_where_the_exact_ends() {
        let (last, next) = (mcnemar(460, 540).expect("pairs"), mcnemar(460, 541).expect("pairs"));
        assert!(last.exact && !next.exact);
        // Without correction the limit is the smaller one, by less than a tenth.
        let ratio = next.p_value / last.p_value;
        assert!((0.8..1.0).contains(&ratio), "{last:?} {next:?}");
        assert!(mcnemar(u64::MAX, 0).is_ok_and(|t| t.p_value == 0.0));
    }
}
