//! Any bytes as counts of a reference.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| driftline_storage::fuzzing::reference(bytes));
