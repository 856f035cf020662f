//! Any bytes as columnar batches from the wire.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| driftline::fuzzing::wire_batches(bytes));
