//! That drift tests hold their level without drift and see drift: `benches/calibration` in small,
//! which has the sizes and laws that this leaves out.

#[path = "../benches/calibration/laws.rs"]
mod laws;
#[path = "../benches/calibration/tally.rs"]
mod tally;
#[path = "../benches/calibration/tests_of.rs"]
mod tests_of;

use std::collections::BTreeMap;

use driftline_query::stats::{Measured, Proportion};
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

use laws::{CategoryLaw, NumberLaw};
use tally::{CONFIDENCE, LEVEL, Outcomes, Verdict};
use tests_of::{COUNT_TESTS, VALUE_TESTS, of_counts, of_values};

/// What the name of a test ends with that is answered from fine bins.
const FAST: &str = ", fast";

const WINDOWS: usize = 300;
const ROWS: usize = 1_000;

/// The p-values of windows by the test's name.
type PValues = BTreeMap<&'static str, Vec<Measured<f64>>>;

/// Windows of a law, moved by so much, each with a reference of its own.
fn of_numbers(
    law: NumberLaw,
    shift: f64,
    (windows, rows, reference): (usize, usize, usize),
) -> PValues {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut out = PValues::new();
    for _ in 0..windows {
        let reference = law.sorted(&mut rng, reference);
        let mut window = law.sorted(&mut rng, rows);
        window.iter_mut().for_each(|value| *value += shift);
        for (name, p_value) in VALUE_TESTS.into_iter().zip(of_values(&reference, &window)) {
            out.entry(name).or_default().push(p_value);
        }
    }
    out
}

/// Windows of so many rows and references of 20,000.
fn of_categories(law: CategoryLaw, rows: u64) -> PValues {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut out = PValues::new();
    for _ in 0..WINDOWS {
        let (r, c) = (law.counts(&mut rng, 20_000), law.counts(&mut rng, rows));
        for (name, p_value) in COUNT_TESTS.into_iter().zip(of_counts(&r, &c)) {
            out.entry(name).or_default().push(p_value);
        }
    }
    out
}

fn outcomes(p_values: &[Measured<f64>]) -> Outcomes {
    let mut outcomes = Outcomes::default();
    p_values.iter().for_each(|p_value| outcomes.add(*p_value));
    outcomes
}

/// Half of all windows have a p-value below a half, where the law of p-values is even.
fn half_lie_below_a_half(p_values: &[Measured<f64>]) -> bool {
    let below = p_values.iter().filter(|p| p.is_ok_and(|p| p < 0.5)).count();
    let share = Proportion { hits: below as u64, rows: p_values.len() as u64 };
    share.wilson(CONFIDENCE).is_ok_and(|interval| interval.low <= 0.5 && 0.5 <= interval.high)
}

fn check_level(law: &str, p_values: &PValues) {
    for (name, p_values) in p_values {
        let outcomes = outcomes(p_values);
        let verdict = outcomes.verdict();
        let seen = format!("{name} on {law} {} {LEVEL}: {outcomes:?}", verdict.name());
        assert_eq!(outcomes.refused, 0, "{seen}");
        if name.ends_with(FAST) {
            assert_ne!(verdict, Verdict::Exceeds, "{seen}");
        } else {
            assert_eq!(verdict, Verdict::Holds, "{seen}");
            assert!(half_lie_below_a_half(p_values), "{name} on {law}");
        }
    }
}

#[test]
fn windows_without_drift_raise_as_many_alarms_as_the_level_says() {
    let law = NumberLaw::Normal;
    check_level(law.name(), &of_numbers(law, 0.0, (WINDOWS, ROWS, ROWS)));
    let law = CategoryLaw::Eight;
    check_level(law.name(), &of_categories(law, ROWS as u64));
}

#[test]
fn psi_refuses_a_p_value_where_the_rarest_of_forty_categories_has_few_rows() {
    // At 1,200 and 4,000 rows the chi-square form alarms in 18 % and 8 % of windows.
    for (law, rows, answered) in [
        (CategoryLaw::Eight, 1_000, true),
        (CategoryLaw::Forty, 1_200, false),
        (CategoryLaw::Forty, 4_000, false),
    ] {
        let refused = outcomes(&of_categories(law, rows)["psi"]).refused;
        let few = refused < WINDOWS as u64 / 10;
        assert_eq!(few, answered, "{} {rows}: {refused} refused", law.name());
    }
}

#[test]
fn small_windows_hold_their_level_too() {
    let p_values = of_numbers(NumberLaw::Normal, 0.0, (WINDOWS, 100, 200));
    for (name, p_values) in &p_values {
        let outcomes = outcomes(p_values);
        // 200 rows are too few for deciles: PSI says so.
        let refused = *name == "psi, deciles";
        assert_eq!(outcomes.verdict() == Verdict::Refused, refused, "{name} {outcomes:?}");
        assert_ne!(outcomes.verdict(), Verdict::Exceeds, "{name} {outcomes:?}");
    }
}

#[test]
fn a_drift_of_half_a_deviation_is_seen_by_every_test() {
    for (name, p_values) in of_numbers(NumberLaw::Normal, 0.5, (50, ROWS, ROWS)) {
        assert_eq!(outcomes(&p_values).alarms, 50, "{name}");
    }
}

#[test]
fn a_fast_p_value_is_never_below_that_of_the_rows() {
    for law in NumberLaw::ALL {
        let p_values = of_numbers(law, 0.0, (60, ROWS, ROWS / 2));
        let mut pairs = 0;
        for (name, fast) in &p_values {
            let Some(exact) = name.strip_suffix(FAST).and_then(|name| p_values.get(name)) else {
                continue;
            };
            for (fast, exact) in fast.iter().zip(exact) {
                assert!(fast.unwrap() >= exact.unwrap() * (1.0 - 1e-9), "{name}, {}", law.name());
                pairs += 1;
            }
        }
        assert_eq!(pairs, 5 * 60);
    }
}

/// Midranks take ties for differences where sizes differ, as `docs/calibration.md` says.
#[test]
fn of_tests_of_rows_only_cvm_calls_tied_counts_drifted() {
    let p_values = of_numbers(NumberLaw::Counts, 0.0, (200, 100, 1_000));
    let alarms = |name| outcomes(&p_values[name]).alarms;
    assert_eq!(alarms("cvm"), 200);
    for name in ["ks", "cvm_tied", "ad", "mann_whitney"] {
        assert_ne!(outcomes(&p_values[name]).verdict(), Verdict::Exceeds, "{name}");
    }
}
