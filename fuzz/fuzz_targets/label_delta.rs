//! Any bytes as labels since the sidecar before.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| driftline_storage::fuzzing::label_delta(bytes));
