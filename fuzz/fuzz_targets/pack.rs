//! Any bytes as files one after the other.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| driftline_storage::fuzzing::pack(bytes));
