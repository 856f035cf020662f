//! Random operations and faults by seed, against a plain model.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use driftline_sim::{Failure, simulate, simulate_flips, simulate_with_threads};

/// Seeds of a run that nobody asked more of.
const SEEDS: u64 = 200;
/// Failures that are worth printing at once.
const FAILURES_MAX: usize = 5;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}

/// How many seeds the caller of the tests asks for.
pub fn seeds_asked() -> Option<u64> {
    number("DRIFTLINE_SIM_SEEDS")
}

#[test]
fn a_database_over_a_failing_disk_says_what_a_plain_model_says() {
    check(0..seeds_asked().unwrap_or(SEEDS), simulate);
}

#[test]
fn it_says_so_with_threads_of_its_own() {
    check(0..seeds_asked().unwrap_or(SEEDS) / 10, simulate_with_threads);
}

#[test]
fn a_bit_flipped_in_whatever_it_left_is_told_or_changes_no_answer() {
    let told = AtomicUsize::new(0);
    check(0..seeds_asked().unwrap_or(SEEDS) / 4, |seed| {
        told.fetch_add(simulate_flips(seed, 4)?, Relaxed);
        Ok(())
    });
    assert!(number("DRIFTLINE_SIM_SEED").is_some() || told.into_inner() > 20, "files are read");
}

fn check(seeds: std::ops::Range<u64>, simulate: impl Fn(u64) -> Result<(), Box<Failure>>) {
    let seeds = number("DRIFTLINE_SIM_SEED").map_or(seeds, |seed| seed..seed + 1);
    let failed = seeds.filter_map(|seed| simulate(seed).err());
    let failures: Vec<_> = failed.take(FAILURES_MAX).collect();
    failures.iter().for_each(|failure| println!("{failure}\n"));
    assert!(failures.is_empty(), "{} seeds failed, the first are above", failures.len());
}
