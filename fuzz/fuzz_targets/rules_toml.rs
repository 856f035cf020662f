//! Any bytes as a file of rules in TOML.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| driftline::fuzzing::rules_toml(bytes));
