//! Any bytes as an entry of the catalog.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| driftline_storage::fuzzing::catalog(bytes));
