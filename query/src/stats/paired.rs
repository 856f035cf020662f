//! Whether two models that answered the same requests are right equally often: only the requests on
//! which one is right and the other wrong can tell.

use statrs::distribution::{Binomial, DiscreteCDF as _};

use super::numbers::finite;
use super::tails::chi_square_tail;
use super::undefined::{Measured, Undefined};

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
    fn the_limit_goes_on_where_the_exact_ends() {
        let (last, next) = (mcnemar(460, 540).expect("pairs"), mcnemar(460, 541).expect("pairs"));
        assert!(last.exact && !next.exact);
        // Without correction the limit is the smaller one, by less than a tenth.
        let ratio = next.p_value / last.p_value;
        assert!((0.8..1.0).contains(&ratio), "{last:?} {next:?}");
        assert!(mcnemar(u64::MAX, 0).is_ok_and(|t| t.p_value == 0.0));
    }
}
