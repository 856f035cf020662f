//! Whether intervals hold the confidence that they claim, and tests their level, over seeded samples
//! of which the truth is known.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::stats::proportion::{Interval, Proportion};
use crate::stats::scores::scored::ScoredRows;
use crate::stats::sides::lift::{lift_of_means, lift_of_proportions};
use crate::stats::sides::sample_ratio::sample_ratio;
use crate::stats::sides::two_proportions::{newcombe_interval, two_proportion_z};
use crate::stats::sides::welch::{Moments, welch, welch_interval};
use crate::stats::undefined::Measured;

const RUNS: usize = 2000;

/// The share of runs in which a thing was so; what had no value was not.
fn share(mut one_run: impl FnMut(&mut ChaCha8Rng) -> Measured<bool>) -> f64 {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let so = (0..RUNS).filter(|_| one_run(&mut rng) == Ok(true)).count();
    so as f64 / RUNS as f64
}

/// Of 2,000 runs of which 95 % should be, between 93 and 97 % are but once in some ten thousand.
fn check_coverage(
    what: &str,
    truth: f64,
    mut interval: impl FnMut(&mut ChaCha8Rng) -> Measured<Interval>,
) {
    let holds = |of: Interval| of.low <= truth && truth <= of.high;
    let held = share(|rng| interval(rng).map(holds));
    assert!((0.93..=0.97).contains(&held), "{what}: {held}");
}

/// Where nothing differs 5 % of p-values are below 0.05.
fn check_level(what: &str, mut p_value: impl FnMut(&mut ChaCha8Rng) -> Measured<f64>) {
    let found = share(|rng| p_value(rng).map(|p| p < 0.05));
    assert!((0.03..=0.07).contains(&found), "{what}: {found}");
}

fn hits(rng: &mut impl Rng, rows: u64, share: f64) -> Proportion {
    Proportion { hits: (0..rows).filter(|_| rng.random_bool(share)).count() as u64, rows }
}

/// Skewed and positive, of mean `2 scale / 3`: the larger of two uniform numbers.
fn values(rng: &mut impl Rng, rows: usize, scale: f64) -> Moments {
    let value = |_| scale * rng.random::<f64>().max(rng.random::<f64>());
    Moments::of(&(0..rows).map(value).collect::<Vec<f64>>())
}

#[test]
fn intervals_hold_their_confidence() {
    check_coverage("wilson", 0.1, |rng| hits(rng, 120, 0.1).wilson(0.95));
    check_coverage("newcombe", 0.2, |rng| {
        newcombe_interval(hits(rng, 90, 0.3), hits(rng, 150, 0.1), 0.95)
    });
    check_coverage("lift of shares", 1.0, |rng| {
        lift_of_proportions(hits(rng, 300, 0.2), hits(rng, 400, 0.1), 0.95)
            .map(|lift| lift.interval)
    });
    check_coverage("lift of means", 0.5, |rng| {
        lift_of_means(&values(rng, 80, 3.0), &values(rng, 120, 2.0), 0.95).map(|lift| lift.interval)
    });
    check_coverage("welch", 2.0 / 3.0, |rng| {
        welch_interval(&values(rng, 15, 3.0), &values(rng, 40, 2.0), 0.95)
    });
    // The larger of two uniform numbers is above a third one two times of three.
    check_coverage("area under the curve", 2.0 / 3.0, |rng| {
        let rows = (0..150).map(|place| {
            let positive = place < 60;
            let score = rng.random::<f64>();
            (if positive { score.max(rng.random()) } else { score }, positive)
        });
        ScoredRows::new(rows.collect::<Vec<_>>())?.roc_auc_interval(0.95)
    });
}

#[test]
fn tests_hold_their_level() {
    check_level("two proportions", |rng| {
        Ok(two_proportion_z(hits(rng, 300, 0.2), hits(rng, 500, 0.2))?.p_value)
    });
    check_level("welch", |rng| Ok(welch(&values(rng, 25, 1.0), &values(rng, 60, 1.0))?.p_value));
    check_level("sample ratio", |rng| {
        let first = hits(rng, 1000, 0.7).hits;
        Ok(sample_ratio(&[first, 1000 - first], &[7.0, 3.0])?.p_value)
    });
}
