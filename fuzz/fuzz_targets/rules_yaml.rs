//! Any bytes as a file of rules in YAML.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| driftline::fuzzing::rules_yaml(bytes));
