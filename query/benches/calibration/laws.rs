//! The laws that references and windows are drawn from.

use rand_chacha::ChaCha8Rng;
use rand_distr::{Binomial, Distribution as _, Poisson, StandardNormal, StandardUniform};

/// The mean of [`NumberLaw::Counts`]: some ten values, the most frequent of which has 22 % of rows.
const COUNTS_MEAN: f64 = 3.0;
/// The share of zeros of [`NumberLaw::MostlyZero`].
const ZEROS: f64 = 0.9;

/// A law of a numeric column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberLaw {
    /// Standard normal: no ties. Rank tests are the same for each law without ties.
    Normal,
    /// Lognormal, sigma 1: the same ranks by other values, which bin edges have to follow.
    Lognormal,
    /// Poisson: ties at each of a few values.
    Counts,
    /// Nine of ten rows are 0, the others lognormal: ties at one value.
    MostlyZero,
}

impl NumberLaw {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Normal, Self::Lognormal, Self::Counts, Self::MostlyZero];

    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Lognormal => "lognormal",
            Self::Counts => "counts",
            Self::MostlyZero => "mostly zero",
        }
    }

    /// So many rows, ascending.
    pub fn sorted(self, rng: &mut ChaCha8Rng, rows: usize) -> Vec<f64> {
        let normal = |rng: &mut ChaCha8Rng| -> f64 { StandardNormal.sample(rng) };
        let poisson = Poisson::new(COUNTS_MEAN).expect("a mean above 0");
        let value = |_| match self {
            Self::Normal => normal(rng),
            Self::Lognormal => normal(rng).exp(),
            Self::Counts => poisson.sample(rng),
            Self::MostlyZero => {
                let place: f64 = StandardUniform.sample(rng);
                if place < ZEROS { 0.0 } else { normal(rng).exp() }
            }
        };
        let mut values: Vec<f64> = (0..rows).map(value).collect();
        radsort::sort(&mut values);
        values
    }
}

/// A law of a category column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CategoryLaw {
    /// Eight categories with shares as 1 / k: the rarest has 4.6 % of rows.
    Eight,
    /// Forty categories with shares as k^-1.5: a window of 100 rows expects fewer than 5 in all but
    /// three.
    Forty,
}

impl CategoryLaw {
    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eight => "8 categories",
            Self::Forty => "40 categories",
        }
    }

    /// How many categories it has.
    pub const fn categories(self) -> u32 {
        match self {
            Self::Eight => 8,
            Self::Forty => 40,
        }
    }

    /// Counts of so many rows: multinomial, one binomial a category.
    pub fn counts(self, rng: &mut ChaCha8Rng, rows: u64) -> Vec<u64> {
        let categories = self.categories();
        let power: f64 = match self {
            Self::Eight => -1.0,
            Self::Forty => -1.5,
        };
        let weight = |category: u32| f64::from(category).powf(power);
        let mut weight_left: f64 = (1..=categories).map(weight).sum();
        let mut rows_left = rows;
        let count = |category| {
            // The last one takes what is left, whatever rounding says.
            let share = if category == categories { 1.0 } else { weight(category) / weight_left };
            let binomial = Binomial::new(rows_left, share.min(1.0)).expect("a share");
            let count = binomial.sample(rng);
            rows_left -= count;
            weight_left -= weight(category);
            count
        };
        (1..=categories).map(count).collect()
    }
}
