//! The ledger: a copy of it is opened in memory, so that a running server's is not touched.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use redb::{ReadableDatabase as _, TableHandle as _};
use serde::de::IgnoredAny;

use super::{Datum, Found};
use crate::{
    error::Result,
    ledger::{LAYOUT, RECORDS, commits, visit},
    redb_backend::open_unchecked,
    redb_entry::At as _,
    redb_file::open_copy,
};

/// Bytes of a value that are shown.
const SHOWN_BYTES: usize = 1_000;

/// Whether a file of redb is a ledger: its name may be any.
pub(super) fn is_ledger(bytes: &[u8]) -> bool {
    let has_records = || {
        let database = open_unchecked(bytes.to_vec())?;
        let read = database.begin_read().ok()?;
        let mut tables = read.list_tables().ok()?;
        Some(tables.any(|table| table.name() == RECORDS.name()))
    };
    // What is damaged is told by whoever reads it next.
    catch_unwind(AssertUnwindSafe(has_records)).ok().flatten() == Some(true)
}

/// Reads a ledger.
///
/// # Errors
/// `Corruption` with file and table, `FailedPrecondition` for a newer format.
pub(super) fn inspect(path: &Path, bytes: Vec<u8>) -> Result<Found> {
    let (version, database) = open_copy(path, bytes, &LAYOUT)?;
    let read = database.begin_read().at(path)?;
    let mut tables: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let mut rows = Vec::new();
    visit(&read, path, |table, key, value| {
        let (records, bytes) = tables.entry(table.to_owned()).or_default();
        *records += 1;
        *bytes += value.len() as u64;
        rows.push(row(table, key, value));
    })?;
    let mut found = Found::of("ledger");
    found.fact("format version", version);
    found.fact("transactions", commits(&read, path)?);
    found.fact("records", rows.len());
    let tables = tables.into_iter().map(|(table, (records, bytes))| {
        vec![table.into(), Datum::Count(records), Datum::Count(bytes)]
    });
    found.list("tables", &["table", "records", "bytes"], tables.collect());
    found.list("records", &["table", "key", "bytes", "value"], rows);
    Ok(found)
}

/// What is told of a record; its value if that is JSON.
pub(crate) fn row(table: &str, key: &[u8], value: &[u8]) -> Vec<Datum> {
    let json = serde_json::from_slice::<IgnoredAny>(value).is_ok();
    let text = std::str::from_utf8(value).ok().filter(|_| json).map(|text| {
        let cut = text.floor_char_boundary(SHOWN_BYTES);
        let more = if cut < text.len() { " .." } else { "" };
        format!("{}{more}", text.get(..cut).unwrap_or(text))
    });
    vec![table.into(), key.escape_ascii().to_string().into(), value.len().into(), text.into()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Db, LedgerChange, Options, inspect::inspect as inspect_file};

    #[test]
    fn keys_are_escaped_and_values_are_shown_if_they_are_json() {
        let check = |key: &[u8], value: &[u8], want: [Datum; 3]| {
            assert_eq!(row("t", key, value), [&[Datum::from("t")], &want[..]].concat());
        };
        let text = |text: &str| Datum::from(text);
        check(b"rule\0x", b"{\"a\":1}", [text("rule\\x00x"), Datum::Count(7), text("{\"a\":1}")]);
        check(&[0xff], b"no json", [text("\\xff"), Datum::Count(7), Datum::None]);
        let long = format!("\"{}\"", "\u{e9}".repeat(600));
        let told = row("t", b"", long.as_bytes());
        let Some(Datum::Text(shown)) = told.last() else { panic!("a text") };
        assert!(shown.len() <= SHOWN_BYTES + 3 && shown.ends_with(" .."), "{shown}");
    }

    #[test]
    fn a_ledger_is_known_by_what_is_in_it_and_a_catalog_is_none() {
        let dir = tempfile::tempdir().expect("temporary directory");
        {
            let db = Db::open(dir.path(), Options::on_disk(|| 0)).expect("opens");
            let put = |table: &str, value: &[u8]| (table.to_owned(), b"k".into(), value.into());
            let put = vec![put("states", b"{}"), put("outbox", b"[1,2]")];
            for _ in 0..2 {
                let change = LedgerChange { put: put.clone(), remove: Vec::new() };
                db.ledger().commit(&change).expect("commits");
            }
        }
        let copy = dir.path().join("copy");
        std::fs::copy(dir.path().join("ledger.redb"), &copy).expect("copies");
        let found = inspect_file(&copy).expect("reads");
        assert_eq!(found.kind, "ledger");
        let fact = |name: &'static str, count: u64| (name, Datum::Count(count));
        let facts = [fact("format version", 1), fact("transactions", 2), fact("records", 2)];
        assert_eq!(found.facts, facts);
        let table =
            |name: &str, bytes: u64| vec![Datum::from(name), Datum::Count(1), Datum::Count(bytes)];
        assert_eq!(found.lists[0].rows, [table("outbox", 5), table("states", 2)]);
        assert_eq!(found.lists[1].rows[1].last(), Some(&Datum::from("{}")));
        let catalog = inspect_file(&dir.path().join("catalog.redb")).expect("reads");
        assert_eq!(catalog.kind, "catalog");
    }
}
