//! Any bytes as labels of a segment.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| driftline_storage::fuzzing::labels(bytes));
