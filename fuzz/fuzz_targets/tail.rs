//! Any bytes as the tail of a row file.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| driftline_storage::fuzzing::tail(bytes));
