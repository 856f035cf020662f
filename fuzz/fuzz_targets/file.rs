//! Any bytes as a whole file as it is.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| driftline_storage::fuzzing::file(bytes));
