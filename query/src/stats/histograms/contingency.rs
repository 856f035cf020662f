//! Tests and effect sizes of the table that two histograms make: one row a side, one column a bin.
//!
//! Both sides are samples, so the question is whether they are drawn alike (homogeneity). Taking the
//! reference as the truth, as goodness of fit does, calls every drift of a small reference
//! significant.

use crate::stats::counts::totals;
use crate::stats::histograms::divergence::relative_entropy;
use crate::stats::sum::sum;
use crate::stats::tails::chi_square_tail;
use crate::stats::undefined::{Measured, Undefined};

/// What a test of homogeneity says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Homogeneity {
    /// The statistic, a pure number, at least 0.
    pub statistic: f64,
    /// Degrees of freedom: bins that hold rows, less 1.
    pub dof: u64,
    /// The upper tail of the chi-square distribution at the statistic.
    pub p_value: f64,
    /// The smallest expected count of a cell, in rows; below 5 the p-value is rough.
    pub min_expected: f64,
}

/// The table without bins that are empty on both sides.
struct Table<'a> {
    n: u64,
    m: u64,
    bins: u64,
    counts: std::iter::Zip<std::slice::Iter<'a, u64>, std::slice::Iter<'a, u64>>,
}

impl<'a> Table<'a> {
    fn new(ref_counts: &'a [u64], cur_counts: &'a [u64]) -> Measured<Self> {
        let (n, m) = totals(ref_counts, cur_counts)?;
        let counts = ref_counts.iter().zip(cur_counts);
        let bins = counts.clone().filter(|&(&r, &c)| r > 0 || c > 0).count() as u64;
        if bins < 2 {
            return Err(Undefined::OneCategory);
        }
        Ok(Self { n, m, bins, counts })
    }

    /// Of each bin its rows, and the difference of its shares, current less reference.
    fn columns(&self) -> impl Iterator<Item = (f64, f64)> + use<'a> {
        let (n, m) = (i128::from(self.n), i128::from(self.m));
        let scale = self.n as f64 * self.m as f64;
        let filled = self.counts.clone().filter(|&(&r, &c)| r > 0 || c > 0);
        filled.map(move |(&r, &c)| {
            let difference = i128::from(c) * n - i128::from(r) * m;
            ((i128::from(r) + i128::from(c)) as f64, difference as f64 / scale)
        })
    }

    fn rows(&self) -> f64 {
        (i128::from(self.n) + i128::from(self.m)) as f64
    }

    fn tested(&self, statistic: f64) -> Measured<Homogeneity> {
        let smallest = self.columns().map(|(rows, _)| rows).fold(f64::INFINITY, f64::min);
        Ok(Homogeneity {
            statistic,
            dof: self.bins - 1,
            p_value: chi_square_tail(self.bins - 1, statistic)?,
            min_expected: smallest * self.n.min(self.m) as f64 / self.rows(),
        })
    }

    /// `sum (O - E)^2 / E`, which for two rows is `N M sum (q - p)^2 / (r + c)`.
    fn chi_square(&self) -> f64 {
        let (n, m) = (self.n as f64, self.m as f64);
        n * sum(self.columns().map(|(rows, difference)| difference * difference * (m / rows)))
    }
}

/// Chi-square test of homogeneity of two histograms.
///
/// Formula: `sum (O - E)^2 / E` over the cells of the 2 x K table, `E = row total x column total /
/// rows`, without Yates' correction; K - 1 degrees of freedom, K the bins with a row on either side.
///
/// Shapes: two slices of rows per bin, same order. Unit: pure numbers.
///
/// Edge cases: a side without rows is [`Undefined::ReferenceEmpty`] or [`Undefined::WindowEmpty`];
/// fewer than two bins with rows are [`Undefined::OneCategory`]; slices of different lengths are
/// [`Undefined::BinsDiffer`]; totals above `i64::MAX` are [`Undefined::CountsTooLarge`].
///
/// Source: Pearson (1900); scipy `chi2_contingency(correction=False)`.
pub fn chi2(ref_counts: &[u64], cur_counts: &[u64]) -> Measured<Homogeneity> {
    let table = Table::new(ref_counts, cur_counts)?;
    table.tested(table.chi_square())
}

/// G-test (likelihood ratio) of homogeneity of two histograms.
///
/// Formula: `2 sum O ln(O / E)`, a cell with `O = 0` adds 0; computed as
/// `2 sum E ((1 + x) ln(1 + x) - x)` with `x = (O - E) / E`, equal since `O - E` sums to 0.
///
/// Shapes, unit and edge cases: as for [`chi2`].
///
/// Source: Wilks (1938); scipy `chi2_contingency(correction=False, lambda_='log-likelihood')`.
pub fn g_test(ref_counts: &[u64], cur_counts: &[u64]) -> Measured<Homogeneity> {
    let table = Table::new(ref_counts, cur_counts)?;
    let (n, m, all) = (table.n as f64, table.m as f64, table.rows());
    let terms = table.columns().map(|(rows, difference)| {
        // O - E is -d N M / (N + M) for the reference and as much more for the window.
        let cell = |own: f64, excess: f64| own / all * rows * relative_entropy(excess / rows);
        cell(n, -difference * m) + cell(m, difference * n)
    });
    table.tested(2.0 * sum(terms))
}

/// Cramér's V of two histograms: `sqrt(chi2 / (N + M))`, without correction of bias.
///
/// Shapes: as for [`chi2`]. Unit: none; in [0, 1], 1 for disjoint sides. With two rows the smaller
/// dimension less one is always 1.
///
/// Edge cases: as for [`chi2`].
///
/// Source: Cramér (1946); scipy `association(method='cramer')`.
pub fn cramers_v(ref_counts: &[u64], cur_counts: &[u64]) -> Measured<f64> {
    let table = Table::new(ref_counts, cur_counts)?;
    Ok((table.chi_square() / table.rows()).sqrt().min(1.0))
}

/// Cramér's V with Bergsma's correction of bias, which is near 0 where nothing moved.
///
/// Formula: with `n = N + M`, `phi = max(0, chi2 / n - (K - 1) / (n - 1))`,
/// `r = 2 - 1 / (n - 1)` and `k = K - (K - 1)^2 / (n - 1)`: `sqrt(phi / min(r - 1, k - 1))`.
///
/// Shapes: as for [`chi2`]. Unit: none; at least 0 and at most 1.
///
/// Edge cases: as for [`chi2`], and [`Undefined::TooFewRows`] where a corrected dimension is not
/// above 1, that is for about as many bins as rows.
///
/// Source: Bergsma, A bias-correction for Cramér's V and Tschuprow's T (2013).
pub fn cramers_v_corrected(ref_counts: &[u64], cur_counts: &[u64]) -> Measured<f64> {
    let table = Table::new(ref_counts, cur_counts)?;
    let (rows, more) = (table.rows(), (table.bins - 1) as f64);
    let others = rows - 1.0;
    let phi = (table.chi_square() / rows - more / others).max(0.0);
    let smaller = (1.0 - 1.0 / others).min(more - more * more / others);
    if smaller <= 0.0 {
        return Err(Undefined::TooFewRows);
    }
    Ok((phi / smaller).sqrt().min(1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn near(got: f64, want: f64) -> bool {
        (got - want).abs() <= 1e-12 * want.abs().max(1e-300)
    }

    #[test]
    fn hand_made_tables_give_the_textbook_numbers() {
        // [[10, 20], [20, 10]]: 60 (100 - 400)^2 / 30^4.
        let got = chi2(&[10, 20], &[20, 10]).expect("two bins");
        assert!(near(got.statistic, 20.0 / 3.0) && got.dof == 1 && got.min_expected == 15.0);
        assert!(near(got.p_value, 0.009_823_274_507_519_235));
        let got = g_test(&[10, 20], &[20, 10]).expect("two bins");
        assert!(near(got.statistic, 40.0 * (4.0_f64 / 3.0).ln() * 2.0 - 40.0 * 1.5_f64.ln()));
    }

    #[test]
    fn equal_shares_have_statistic_zero_and_p_one() {
        for test in [chi2, g_test] {
            let got = test(&[3, 0, 5, 2], &[30, 0, 50, 20]).expect("three bins");
            assert_eq!((got.statistic, got.dof, got.p_value), (0.0, 2, 1.0));
        }
        assert_eq!(cramers_v(&[3, 5], &[30, 50]), Ok(0.0));
        assert_eq!(cramers_v_corrected(&[3, 5], &[30, 50]), Ok(0.0));
    }

    #[test]
    fn disjoint_sides_are_fully_associated() {
        assert!(cramers_v(&[5, 0, 0], &[0, 0, 7]).is_ok_and(|v| near(v, 1.0)));
        let v = cramers_v_corrected(&[500, 0], &[0, 500]);
        assert!(v.is_ok_and(|v| near(v, 1.0)));
        let g = g_test(&[4, 0], &[0, 4]);
        assert!(g.is_ok_and(|g| near(g.statistic, 16.0 * 2.0_f64.ln())));
    }

    #[test]
    fn the_corrected_v_forgets_what_chance_makes() {
        // chi2 = 5/6 over 30 rows of three bins: phi = 5/180 - 2/29 < 0.
        let (r, c) = ([5, 5, 5], [7, 5, 3]);
        assert!(cramers_v(&r, &c).is_ok_and(|v| near(v, 1.0 / 6.0)));
        assert_eq!(cramers_v_corrected(&r, &c), Ok(0.0));
        // chi2 = 20 over 120 rows: (20 / 120 - 2 / 119) / (1 - 1 / 119).
        let v = cramers_v_corrected(&[10, 20, 30], &[30, 20, 10]);
        let want = (20.0 / 120.0 - 2.0 / 119.0) / (1.0 - 1.0 / 119.0_f64);
        assert!(v.is_ok_and(|v| near(v, want.sqrt())));
        assert_eq!(cramers_v_corrected(&[1, 0], &[0, 1]), Err(Undefined::TooFewRows));
    }

    #[test]
    fn what_cannot_be_tested_says_why() {
        for test in [chi2, g_test] {
            assert_eq!(test(&[5, 0], &[3, 0]), Err(Undefined::OneCategory));
            assert_eq!(test(&[5], &[3]), Err(Undefined::OneCategory));
            assert_eq!(test(&[0, 0], &[3, 1]), Err(Undefined::ReferenceEmpty));
            assert_eq!(test(&[3, 1], &[0, 0]), Err(Undefined::WindowEmpty));
            assert_eq!(test(&[3], &[1, 1]), Err(Undefined::BinsDiffer));
            assert_eq!(test(&[u64::MAX, 1], &[1, 1]), Err(Undefined::CountsTooLarge));
            let most = i64::MAX as u64;
            assert!(test(&[most, 0], &[0, most]).is_ok_and(|t| t.statistic.is_finite()));
        }
        assert_eq!(cramers_v(&[5, 0], &[3, 0]), Err(Undefined::OneCategory));
        assert_eq!(cramers_v_corrected(&[5, 0], &[3, 0]), Err(Undefined::OneCategory));
    }

    proptest! {
        #[test]
        fn both_statistics_are_their_definitions(
            bins in prop::collection::vec((0_u64..400, 0_u64..400), 2..30),
        ) {
            let (r, c): (Vec<u64>, Vec<u64>) = bins.iter().copied().unzip();
            let Ok(pearson) = chi2(&r, &c) else { return Ok(()) };
            let (n, m) = (r.iter().sum::<u64>() as f64, c.iter().sum::<u64>() as f64);
            let (mut x2, mut g) = (0.0, 0.0);
            for (own, counts) in [(n, &r), (m, &c)] {
                for (cell, (r, c)) in counts.iter().zip(&bins) {
                    let (seen, expected) = (*cell as f64, own * (r + c) as f64 / (n + m));
                    if expected > 0.0 {
                        x2 += (seen - expected).powi(2) / expected;
                    }
                    if seen > 0.0 {
                        g += 2.0 * seen * (seen / expected).ln();
                    }
                }
            }
            let close = |got: f64, want: f64| (got - want).abs() <= 1e-10 * want.max(1.0);
            prop_assert!(close(pearson.statistic, x2));
            prop_assert!(g_test(&r, &c).is_ok_and(|got| close(got.statistic, g)));
            prop_assert!(cramers_v(&r, &c).is_ok_and(|v| close(v, (x2 / (n + m)).sqrt())));
            prop_assert_eq!(chi2(&c, &r).map(|t| t.dof), Ok(pearson.dof));
        }
    }
}
