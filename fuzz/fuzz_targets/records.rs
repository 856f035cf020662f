//! Any bytes as the records of a log frame.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| driftline_storage::fuzzing::records(bytes));
