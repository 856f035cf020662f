//! What the two-sample tests of ranks share: their answer, and the rows that they can take.

use crate::stats::samples::kolmogorov::PMethod;
use crate::stats::undefined::{Measured, Undefined};

/// The most rows of a side: with this many, sums of fourth powers of ranks fit an `i128`.
pub const RANKED_ROWS_MAX: u64 = 1 << 30;

/// What a test of two samples says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TwoSampleTest {
    /// The statistic, a pure number.
    pub statistic: f64,
    /// The probability of a statistic at least as extreme between samples of the same law.
    pub p_value: f64,
    /// How the p-value was computed.
    pub method: PMethod,
}

/// Refuses sizes whose ranks would overflow.
pub(in crate::stats) fn check_rows(n: u64, m: u64) -> Measured<()> {
    if n.max(m) > RANKED_ROWS_MAX { Err(Undefined::TooManyRows) } else { Ok(()) }
}

/// The number of ways to choose k of n, while it and its products with n fit.
pub(in crate::stats) fn binomial(n: u64, k: u64) -> u128 {
    (1..=u128::from(k)).fold(1, |ways, i| ways * (u128::from(n - k) + i) / i)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binomials_are_exact() {
        assert_eq!(binomial(40, 20), 137_846_528_820);
        assert_eq!(binomial(31_258, 8), 22_582_910_424_273_341_684_899_844_881_251);
        assert_eq!((binomial(5, 0), binomial(5, 5), binomial(0, 0)), (1, 1, 1));
    }

    #[test]
    fn sizes_stop_where_ranks_would_overflow() {
        assert_eq!(check_rows(RANKED_ROWS_MAX, RANKED_ROWS_MAX), Ok(()));
        assert_eq!(check_rows(1, RANKED_ROWS_MAX + 1), Err(Undefined::TooManyRows));
    }
}
