//! Entries of the catalog without redb and the checksum around them: what fuzzing reads.
//!
//! ```text
//! entry = kind:u8 json
//! ```
//! where kind is 1 a model, 2 a reference, 3 a segment, 4 a schema, 5 a producer, 6 a producer's key,
//! 7 bytes written, 8 the state, 9 the format version.

use std::{collections::BTreeMap, sync::Arc};

use redb::{Database, ReadableDatabase as _, ReadableTable as _};
use serde::de::DeserializeOwned;

use super::{MODELS, Number, PRODUCERS, REFERENCES, SCHEMAS, SEGMENTS, STATE_KEY, WRITTEN};
use crate::{
    manifest::{ModelRecord, ReferenceRecord, StateRecord, StoredSegment, Written},
    producers::{ProducerKey, ProducerRecord},
    redb_backend::open_unchecked,
    redb_file::{FORMAT_KEY, META, Text},
    schema::{Schema, Task},
};

/// Decodes an entry. `None` if it is refused.
pub(crate) fn decode_entry(bytes: &[u8]) -> Option<()> {
    let (kind, json) = bytes.split_first()?;
    match kind {
        1 => parse::<ModelRecord>(json).map(drop),
        2 => parse::<ReferenceRecord>(json).map(drop),
        3 => {
            let stored: StoredSegment = parse(json)?;
            let schema = Schema::new(Task::Binary, Vec::new(), None).ok()?;
            let mut schemas = BTreeMap::from([(stored.schema_id, Arc::new(schema))]);
            let record = stored.record(&mut schemas)?;
            record.files().count();
            record.bytes();
            Some(())
        }
        4 => parse::<Schema>(json).map(drop),
        5 => parse::<ProducerRecord>(json).map(drop),
        6 => parse::<ProducerKey>(json).map(drop),
        7 => parse::<Written>(json).map(|mut written| {
            let more = written;
            written.add(&more);
        }),
        8 => parse::<StateRecord>(json).map(drop),
        9 => parse::<u32>(json).map(drop),
        _ => None,
    }
}

fn parse<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    serde_json::from_slice(json).ok()
}

/// The entries of a catalog, as [`decode_entry`] reads them; none of other bytes.
pub(crate) fn entries_of(bytes: &[u8]) -> Vec<Vec<u8>> {
    if !bytes.starts_with(b"redb") {
        return Vec::new();
    }
    let Some(database) = open_unchecked(bytes.to_vec()) else { return Vec::new() };
    let mut entries = Vec::new();
    let mut add = |kind: u8, json: &[u8]| entries.push([&[kind], json].concat());
    for (table, kind) in [(META, 8), (MODELS, 1), (PRODUCERS, 5), (WRITTEN, 7)] {
        for (key, json) in texts(&database, table).unwrap_or_default() {
            match key.as_str() {
                FORMAT_KEY => add(9, &json),
                STATE_KEY => add(8, &json),
                _ => add(kind, &json),
            }
            if kind == 5 {
                add(6, key.as_bytes());
            }
        }
    }
    for (table, kind) in [(REFERENCES, 2), (SEGMENTS, 3), (SCHEMAS, 4)] {
        numbers(&database, table).unwrap_or_default().iter().for_each(|json| add(kind, json));
    }
    entries
}

fn content(value: &[u8]) -> Vec<u8> {
    value.get(4..).unwrap_or_default().to_vec()
}

fn texts(database: &Database, table: Text) -> Option<Vec<(String, Vec<u8>)>> {
    let opened = database.begin_read().ok()?.open_table(table).ok()?;
    let entries = opened.iter().ok()?.filter_map(Result::ok);
    Some(entries.map(|(key, value)| (key.value().to_owned(), content(value.value()))).collect())
}

fn numbers(database: &Database, table: Number) -> Option<Vec<Vec<u8>>> {
    let opened = database.begin_read().ok()?.open_table(table).ok()?;
    let entries = opened.iter().ok()?.filter_map(Result::ok);
    Some(entries.map(|(_, value)| content(value.value())).collect())
}
