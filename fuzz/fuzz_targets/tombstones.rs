//! Any bytes as deleted rows.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| driftline_storage::fuzzing::tombstones(bytes));
