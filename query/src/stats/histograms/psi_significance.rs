//! What a PSI means for its sample sizes: without its bias, as a test, and as an interval.
//!
//! Two samples of the same law never have PSI 0: ten bins of a hundred rows a side give 0.19 by
//! chance. Thresholds such as 0.2 know nothing of that.
//!
//! Under no drift `PSI / (1 / N + 1 / M)` tends to a chi-square variable with B - 1 degrees of
//! freedom, and under a small drift to a non-central one. B counts the bins that hold a row on
//! either side; the others cannot move.

use crate::stats::counts::totals;
use crate::stats::histograms::noncentral::noncentrality;
use crate::stats::histograms::psi::psi;
use crate::stats::tails::chi_square_tail;
use crate::stats::undefined::{Measured, Undefined};

/// Rows of the smaller side per bin, below which the chi-square form is refused: from here on its
/// test at 5 % is wrong in 5 to 7 % of windows without drift, at 10 rows in 7 to 31 %.
pub const PSI_ROWS_PER_BIN_MIN: u64 = 30;

/// Rows that the smaller side expects in every bin, below which the chi-square form is refused, too:
/// forty categories of very different sizes, the rarest with 2 expected rows, are wrong in 19 % of
/// windows without drift at 30 rows per bin, and in 5 to 6 % where it has 20.
pub const PSI_EXPECTED_MIN: u64 = 10;

/// Where the PSI of the populations lies with a given confidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PsiInterval {
    /// The lower end, in nats; 0 where the window may be undrifted.
    pub lower: f64,
    /// The upper end, in nats.
    pub upper: f64,
}

/// A PSI with the sizes that decide what it means.
struct Sized {
    psi: f64,
    /// `1 / N + 1 / M`.
    unit: f64,
    bins: u64,
    smaller: u64,
    /// The fewest rows that the smaller side expects in a bin with rows, times all rows.
    expected: u128,
    all: u128,
}

impl Sized {
    fn new(ref_counts: &[u64], cur_counts: &[u64]) -> Measured<Self> {
        let (n, m) = totals(ref_counts, cur_counts)?;
        let pooled =
            ref_counts.iter().zip(cur_counts).map(|(&r, &c)| u128::from(r) + u128::from(c));
        let filled = pooled.filter(|rows| *rows > 0);
        let rarest = filled.clone().min().unwrap_or(0);
        Ok(Self {
            psi: psi(ref_counts, cur_counts)?,
            unit: 1.0 / n as f64 + 1.0 / m as f64,
            bins: filled.count() as u64,
            smaller: n.min(m),
            expected: rarest * u128::from(n.min(m)),
            all: u128::from(n) + u128::from(m),
        })
    }

    /// The same, where the chi-square form holds.
    fn tested(ref_counts: &[u64], cur_counts: &[u64]) -> Measured<Self> {
        let sized = Self::new(ref_counts, cur_counts)?;
        if sized.bins < 2 {
            return Err(Undefined::OneCategory);
        }
        let rare = sized.expected < u128::from(PSI_EXPECTED_MIN) * sized.all;
        if rare || sized.smaller / PSI_ROWS_PER_BIN_MIN < sized.bins {
            return Err(Undefined::TooFewRows);
        }
        Ok(sized)
    }
}

/// PSI less what chance alone is expected to give, at least 0.
///
/// Formula: `max(0, PSI - (B - 1) (1 / N + 1 / M))`, PSI as [`psi`].
///
/// Shapes: two slices of rows per bin, same order. Unit: nats.
///
/// Edge cases: as for [`psi`]; one bin with rows gives 0.
///
/// Source: Yurdakul, Statistical Properties of the Population Stability Index (2018).
pub fn psi_debiased(ref_counts: &[u64], cur_counts: &[u64]) -> Measured<f64> {
    let sized = Sized::new(ref_counts, cur_counts)?;
    Ok((sized.psi - sized.bins.saturating_sub(1) as f64 * sized.unit).max(0.0))
}

/// The probability of at least this PSI between two samples of the same law.
///
/// Formula: the upper tail of chi-square with B - 1 degrees of freedom at `PSI / (1 / N + 1 / M)`.
///
/// Shapes: as for [`psi_debiased`]. Unit: a probability.
///
/// Edge cases: as for [`psi`]; fewer than two bins with rows are [`Undefined::OneCategory`]; fewer
/// than [`PSI_ROWS_PER_BIN_MIN`] rows of the smaller side per bin, or fewer than
/// [`PSI_EXPECTED_MIN`] that it expects in a bin by the pooled shares, are [`Undefined::TooFewRows`].
///
/// Source: Yurdakul (2018).
pub fn psi_p_value(ref_counts: &[u64], cur_counts: &[u64]) -> Measured<f64> {
    let sized = Sized::tested(ref_counts, cur_counts)?;
    chi_square_tail(sized.bins - 1, sized.psi / sized.unit)
}

/// A confidence interval for the PSI of the populations behind two samples.
///
/// Formula: with `x = PSI / (1 / N + 1 / M)` the ends are the `lambda (1 / N + 1 / M)` at which a
/// non-central chi-square variable with B - 1 degrees of freedom is at most x with probability
/// `(1 + level) / 2` and `(1 - level) / 2`.
///
/// Shapes: as for [`psi_debiased`], and a level in (0, 1), such as 0.95. Unit: nats.
///
/// Edge cases: as for [`psi_p_value`]; another level is [`Undefined::LevelOutOfRange`]. Both ends
/// are 0 where the sides are more alike than chance makes them. The form is that of a small drift;
/// for large drifts it is only an indication.
///
/// Source: Potgieter et al., arXiv 2307.11878 (2023).
pub fn psi_interval(ref_counts: &[u64], cur_counts: &[u64], level: f64) -> Measured<PsiInterval> {
    if !(level > 0.0 && level < 1.0) {
        return Err(Undefined::LevelOutOfRange);
    }
    let sized = Sized::tested(ref_counts, cur_counts)?;
    let end = |probability| {
        Ok(noncentrality(sized.bins - 1, sized.psi / sized.unit, probability)? * sized.unit)
    };
    Ok(PsiInterval { lower: end((1.0 + level) / 2.0)?, upper: end((1.0 - level) / 2.0)? })
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn drawn(rng: &mut ChaCha8Rng, rows: u64, bins: &[f64]) -> Vec<u64> {
        let mut counts = vec![0; bins.len() + 1];
        for _ in 0..rows {
            let place: f64 = rng.random();
            counts[bins.partition_point(|edge| *edge <= place)] += 1;
        }
        counts
    }

    const DECILES: [f64; 9] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];

    #[test]
    fn without_drift_the_bias_goes_and_the_test_keeps_its_level() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let (mut plain, mut alarms, mut covered) = (0.0, 0, 0);
        let runs = 600;
        for _ in 0..runs {
            let (r, c) = (drawn(&mut rng, 1_000, &DECILES), drawn(&mut rng, 500, &DECILES));
            plain += psi(&r, &c).expect("rows") / f64::from(runs);
            alarms += u32::from(psi_p_value(&r, &c).expect("rows") < 0.05);
            covered += u32::from(psi_interval(&r, &c, 0.95).expect("rows").lower == 0.0);
        }
        // 9 (1 / 1000 + 1 / 500) = 0.027.
        assert!((plain - 0.027).abs() < 0.002, "{plain}");
        assert!((15..=54).contains(&alarms), "{alarms} of {runs} at 5 %");
        assert!(covered >= 570, "{covered} of {runs} intervals hold 0");
    }

    #[test]
    fn intervals_hold_the_psi_of_the_populations() {
        // The window's shares are the reference's moved by a tilt; its PSI is known.
        let tilted: Vec<f64> = DECILES.iter().map(|q: &f64| q.powf(1.15)).collect();
        let ends = |edges: &[f64]| {
            let mut ends = vec![0.0];
            ends.extend(edges);
            ends.push(1.0);
            ends.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<f64>>()
        };
        let shares = ends(&tilted);
        let truth: f64 = shares.iter().map(|q| (q - 0.1) * (q / 0.1).ln()).sum();
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let runs = 400;
        let held: u32 = (0..runs)
            .map(|_| {
                let (r, c) = (drawn(&mut rng, 4_000, &DECILES), drawn(&mut rng, 4_000, &tilted));
                let interval = psi_interval(&r, &c, 0.9).expect("rows");
                u32::from(interval.lower <= truth && truth <= interval.upper)
            })
            .sum();
        assert!((340..=380).contains(&held), "{held} of {runs} at 90 %");
    }

    #[test]
    fn five_bins_give_scipys_numbers() {
        let (r, c) = ([120, 80, 100, 95, 105], [60, 70, 40, 50, 80]);
        let near = |got: f64, want: f64| (got - want).abs() <= 1e-9 * want;
        assert!(psi_debiased(&r, &c).is_ok_and(|got| near(got, 0.057_253_314_021_492_675)));
        assert!(psi_p_value(&r, &c).is_ok_and(|got| near(got, 0.005_283_622_950_063_156)));
        let interval = psi_interval(&r, &c, 0.95).expect("rows");
        assert!(near(interval.lower, 0.007_784_114_168_968_337), "{interval:?}");
        assert!(near(interval.upper, 0.159_578_721_230_315_5), "{interval:?}");
    }

    #[test]
    fn a_bin_that_nobody_fills_does_not_count() {
        let (r, c) = ([300, 310, 0, 290], [100, 90, 0, 120]);
        let (short_r, short_c) = ([300, 310, 290], [100, 90, 120]);
        assert_eq!(psi_p_value(&r, &c), psi_p_value(&short_r, &short_c));
        assert_eq!(psi_debiased(&r, &c), psi_debiased(&short_r, &short_c));
    }

    #[test]
    fn few_rows_and_bad_levels_are_refused() {
        assert_eq!(psi_p_value(&[300, 659], &[0, 59]), Err(Undefined::TooFewRows));
        assert!(psi_p_value(&[300, 659], &[1, 59]).is_ok());
        // Pooled shares of 1/10: 100 rows expect 10 in the rarer bin, 99 do not.
        assert!(psi_p_value(&[90, 810], &[10, 90]).is_ok());
        assert_eq!(psi_p_value(&[90, 810], &[9, 90]), Err(Undefined::TooFewRows));
        assert_eq!(psi_p_value(&[900, 0], &[900, 0]), Err(Undefined::OneCategory));
        assert_eq!(psi_p_value(&[0, 0], &[900, 0]), Err(Undefined::ReferenceEmpty));
        assert_eq!(psi_debiased(&[4], &[9]), Ok(0.0));
        assert_eq!(psi_debiased(&[4, 0], &[0, 0]), Err(Undefined::WindowEmpty));
        for level in [0.0, 1.0, -0.5, f64::NAN] {
            assert_eq!(psi_interval(&[90, 90], &[90, 90], level), Err(Undefined::LevelOutOfRange));
        }
    }

    #[test]
    fn equal_shares_are_certain_and_a_swap_is_not_chance() {
        assert_eq!(psi_p_value(&[500, 500], &[50, 50]), Ok(1.0));
        let same = PsiInterval { lower: 0.0, upper: 0.0 };
        assert_eq!(psi_interval(&[500, 500], &[50, 50], 0.95), Ok(same));
        assert!(psi_p_value(&[500, 10], &[10, 500]).is_ok_and(|p| p < 1e-100));
        let far = psi_interval(&[500, 10], &[10, 500], 0.95).expect("rows");
        let value = psi(&[500, 10], &[10, 500]).expect("rows");
        assert!(far.lower < value && value < far.upper && far.lower > 0.8 * value);
    }
}
