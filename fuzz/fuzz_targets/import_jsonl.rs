//! Any bytes as JSON lines to import.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| driftline::fuzzing::import_jsonl(bytes));
