//! Any bytes as a CSV file to import.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| driftline::fuzzing::import_csv(bytes));
