//! Any bytes as a record of the ledger.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| driftline_storage::fuzzing::ledger(bytes));
