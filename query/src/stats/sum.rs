//! Sums of many floating-point numbers that keep the digits a plain loop loses.
//!
//! Statistics over a million rows add terms of very different sizes; the running error of a plain
//! sum grows with their number and would be larger than the differences that are looked for.

/// A running sum with the part that rounding cut off.
///
/// Formula: Neumaier's; the error is below `2 u |sum| + O(n u^2) sum |x|`, `u = 2^-53`.
///
/// Edge cases: no term gives 0; an infinity or NaN gives something that is not finite.
///
/// Source: Neumaier, Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen (1974).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    /// Adds a term.
    pub(super) fn add(&mut self, term: f64) {
        let sum = self.sum + term;
        self.lost += if self.sum.abs() >= term.abs() {
            (self.sum - sum) + term
        } else {
            (term - sum) + self.sum
        };
        self.sum = sum;
    }

    /// The sum so far.
    pub(super) fn value(self) -> f64 {
        self.sum + self.lost
    }
}

/// The sum of some terms.
pub(super) fn sum(terms: impl Iterator<Item = f64>) -> f64 {
    let mut total = Sum::default();
    terms.for_each(|term| total.add(term));
    total.value()
}

#[cfg(test)]
mod tests {
    use super::sum;

    #[test]
    fn small_terms_survive_between_large_ones() {
        assert_eq!(sum([1.0, 1e100, 1.0, -1e100].into_iter()), 2.0);
        assert_eq!(sum(std::iter::repeat_n(0.1, 1_000_000)), 100_000.0);
        assert_eq!(sum(std::iter::empty()), 0.0);
    }

    #[test]
    fn what_is_not_finite_shows() {
        assert!(!sum([f64::MAX, f64::MAX].into_iter()).is_finite());
        assert!(!sum([f64::INFINITY, 1.0].into_iter()).is_finite());
    }
}
