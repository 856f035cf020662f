//! The experiments: windows drawn and tested, each with its own stream of the seed.

use driftline_query::stats::{Measured, Undefined, chi2, psi};
use indicatif::ProgressBar;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use statrs::distribution::{ChiSquared, ContinuousCDF as _};

use crate::{
    laws::{CategoryLaw, NumberLaw},
    tally::{LEVEL, Outcomes},
    tests_of::{COUNT_TESTS, VALUE_TESTS, of_counts, of_values},
};

/// Sizes of an experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Rows of a window.
    pub rows: usize,
    /// Rows of its reference.
    pub reference: usize,
    /// Windows, each with a reference of its own.
    pub windows: u64,
}

/// The outcomes of tests at one size and one law.
#[derive(Debug)]
pub struct Run {
    /// The law's name.
    pub law: &'static str,
    /// The sizes.
    pub size: Size,
    /// By how many standard deviations windows are moved.
    pub shift: f64,
    /// Outcomes by the test's name.
    pub outcomes: Vec<(&'static str, Outcomes)>,
}

/// How a chi-square test behaves for one reference that is kept, over references.
#[derive(Debug)]
pub struct Kept {
    /// The sizes; windows are those of each reference.
    pub size: Size,
    /// Of each reference the share of its windows with an alarm, ascending.
    pub shares: Vec<f64>,
}

/// A generator that no other experiment shares.
fn stream(seed: u64, experiment: u64, size: Size) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream((experiment << 56) ^ ((size.reference as u64) << 28) ^ size.rows as u64);
    rng
}

/// Windows of numbers moved by so many standard deviations of a standard normal law.
pub fn of_numbers(law: NumberLaw, shift: f64, size: Size, seed: u64, bar: &ProgressBar) -> Run {
    // Shifts in hundredths keep clear of the numbers of the other experiments.
    let mut rng = stream(seed, law as u64 + (shift * 100.0).round() as u64, size);
    let mut outcomes = VALUE_TESTS.map(|name| (name, Outcomes::default()));
    for _ in 0..size.windows {
        let reference = law.sorted(&mut rng, size.reference);
        let mut window = law.sorted(&mut rng, size.rows);
        window.iter_mut().for_each(|value| *value += shift);
        for ((_, outcomes), p_value) in outcomes.iter_mut().zip(of_values(&reference, &window)) {
            outcomes.add(p_value);
        }
        bar.inc((size.rows + size.reference) as u64);
    }
    Run { law: law.name(), size, shift, outcomes: outcomes.to_vec() }
}

/// Windows of categories.
pub fn of_categories(law: CategoryLaw, size: Size, seed: u64) -> Run {
    let mut rng = stream(seed, 100 + law as u64, size);
    let mut outcomes = COUNT_TESTS.map(|name| (name, Outcomes::default()));
    for _ in 0..size.windows {
        let reference = law.counts(&mut rng, size.reference as u64);
        let window = law.counts(&mut rng, size.rows as u64);
        for ((_, outcomes), p_value) in outcomes.iter_mut().zip(of_counts(&reference, &window)) {
            outcomes.add(p_value);
        }
    }
    Run { law: law.name(), size, shift: 0.0, outcomes: outcomes.to_vec() }
}

/// Windows of eight categories, so many for each of some references.
pub fn of_kept_references(references: u64, size: Size, seed: u64) -> Kept {
    let mut rng = stream(seed, 110, size);
    let law = CategoryLaw::Eight;
    let share = |_| {
        let reference = law.counts(&mut rng, size.reference as u64);
        let alarm = |_| {
            let test = chi2(&reference, &law.counts(&mut rng, size.rows as u64));
            u64::from(test.is_ok_and(|test| test.p_value < LEVEL))
        };
        (0..size.windows).map(alarm).sum::<u64>() as f64 / size.windows as f64
    };
    let mut shares: Vec<f64> = (0..references).map(share).collect();
    shares.sort_unstable_by(f64::total_cmp);
    Kept { size, shares }
}

/// The p-value of PSI by its chi-square form, also where the library refuses one.
fn unguarded_psi(reference: &[u64], window: &[u64]) -> Measured<f64> {
    let filled = reference.iter().zip(window).filter(|&(r, c)| r + c > 0).count();
    let rows = |counts: &[u64]| counts.iter().sum::<u64>() as f64;
    let law = ChiSquared::new(filled as f64 - 1.0).map_err(|_| Undefined::OneCategory)?;
    let unit = 1.0 / rows(reference) + 1.0 / rows(window);
    Ok(law.sf(psi(reference, window)? / unit))
}

/// The chi-square form of PSI in windows of so many rows per category.
pub fn of_unguarded_psi(law: CategoryLaw, size: Size, seed: u64) -> Run {
    let mut rng = stream(seed, 120 + law as u64, size);
    let mut outcomes = Outcomes::default();
    for _ in 0..size.windows {
        let reference = law.counts(&mut rng, size.reference as u64);
        outcomes.add(unguarded_psi(&reference, &law.counts(&mut rng, size.rows as u64)));
    }
    Run { law: law.name(), size, shift: 0.0, outcomes: vec![("psi, unguarded", outcomes)] }
}
