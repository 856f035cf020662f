//! Any bytes as labels that wait.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| driftline_storage::fuzzing::waiting(bytes));
