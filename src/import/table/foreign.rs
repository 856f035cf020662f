//! Tables of any bytes, read to their end: what fuzzing calls, and what the tests call with the corpus
//! that fuzzing left.
//!
//! The content tells the format before the name does, so a target may come to read another one.

use super::{reader, source};

/// A decoder; it must come back, whatever the bytes.
pub type Decoder = fn(&[u8]);

/// The decoders by the name of their fuzz target.
pub const DECODERS: [(&str, Decoder); 3] = [
    ("import_csv", import_csv),
    ("import_jsonl", import_jsonl),
    ("import_parquet", import_parquet),
];

/// CSV, gzipped or not.
pub fn import_csv(bytes: &[u8]) {
    read("fuzzed.csv", bytes);
}

/// JSON lines, gzipped or not.
pub fn import_jsonl(bytes: &[u8]) {
    read("fuzzed.jsonl", bytes);
}

/// Parquet of any writer.
pub fn import_parquet(bytes: &[u8]) {
    read("fuzzed.parquet", bytes);
}

/// Rows of a chunk: few, so that small tables have several.
const CHUNK_ROWS: usize = 7;

fn read(name: &str, bytes: &[u8]) {
    let Ok(mut table) = source::from_bytes(name, bytes.to_vec()).and_then(reader) else { return };
    while let Ok(Some(_)) = table.next_chunk(CHUNK_ROWS) {}
}
