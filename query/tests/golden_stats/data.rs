//! Columns of the data sets behind the golden vectors, read from their Parquet files.
//!
//! The data lie beside the vectors, in `../data` from there. Where they are missing, every case that
//! needs them is left out and the test says so.

use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use serde_json::Value;

/// Columns by name, with as many cells each.
pub(crate) type Table = HashMap<String, Vec<Field>>;

static TABLES: LazyLock<Mutex<HashMap<String, Arc<Table>>>> = LazyLock::new(Mutex::default);

/// The table of a file named as in the vectors, or `None` where the data are not installed.
pub(crate) fn table(file: &str) -> Option<Arc<Table>> {
    let path = folder().join(file);
    if !path.is_file() {
        println!("skipped: no {}", path.display());
        return None;
    }
    let mut tables = TABLES.lock().expect("no reader panicked");
    let known = tables.entry(file.to_owned()).or_insert_with(|| {
        let reader = SerializedFileReader::new(File::open(path).expect("data file opens"));
        let reader = reader.expect("data file is Parquet");
        let mut table = Table::new();
        for row in reader.get_row_iter(None).expect("rows can be read") {
            for (name, cell) in row.expect("row can be read").into_columns() {
                table.entry(name).or_default().push(cell);
            }
        }
        Arc::new(table)
    });
    Some(Arc::clone(known))
}

/// Ends a test that needs the data, as [`crate::vectors::finish`] does where they are installed.
pub(crate) fn finish(what: &str, checked: usize) {
    if folder().is_dir() {
        crate::vectors::finish(what, checked);
    }
}

fn folder() -> PathBuf {
    crate::vectors::golden_dir().join("../data")
}

/// The cells of a column in a window, which may be null.
pub(crate) fn cells(file: &str, column: &str, window: &Value) -> Option<Vec<Field>> {
    let table = table(file)?;
    let all = table.get(column).expect("file has the column");
    if window.is_null() {
        return Some(all.clone());
    }
    let end = |key: &str| micros(window[key].as_str().expect("window has both ends"));
    let (start, end) = (end("start"), end("end"));
    let instants = table.get("ts").expect("data have instants");
    let inside = |ts: &Field| match ts {
        Field::TimestampMicros(ts) => start <= *ts && *ts < end,
        other => unreachable!("instant {other}"),
    };
    let rows = all.iter().zip(instants).filter(|(_, ts)| inside(ts));
    Some(rows.map(|(cell, _)| cell.clone()).collect())
}

/// The finite numbers among cells, sorted.
pub(crate) fn sorted(cells: &[Field]) -> Vec<f64> {
    let number = |cell: &Field| match cell {
        Field::Long(value) => Some(*value as f64),
        Field::Double(value) => Some(*value).filter(|value| value.is_finite()),
        Field::Null => None,
        other => unreachable!("{other} is no number"),
    };
    let mut out: Vec<f64> = cells.iter().filter_map(number).collect();
    out.sort_by(f64::total_cmp);
    out
}

/// Rows by canonical name; null is left out.
pub(crate) fn by_name(cells: &[Field]) -> HashMap<String, u64> {
    let mut out = HashMap::new();
    for cell in cells {
        let name = match cell {
            Field::Null => continue,
            Field::Str(text) => text.clone(),
            Field::Bool(value) => value.to_string(),
            Field::Long(value) => value.to_string(),
            other => unreachable!("{other} is no category"),
        };
        *out.entry(name).or_insert(0) += 1;
    }
    out
}

/// Counts of both sides over all names of either.
pub(crate) fn paired(r: &HashMap<String, u64>, c: &HashMap<String, u64>) -> (Vec<u64>, Vec<u64>) {
    let mut names: Vec<&String> = r.keys().chain(c.keys()).collect();
    names.sort();
    names.dedup();
    let side = |of: &HashMap<String, u64>| {
        names.iter().map(|name| of.get(*name).copied().unwrap_or(0)).collect()
    };
    (side(r), side(c))
}

/// Microseconds of an instant written like `2008-10-25T00:00:00.000Z`.
fn micros(text: &str) -> i64 {
    let part = |range: std::ops::Range<usize>| {
        text.get(range).and_then(|part| part.parse::<i64>().ok()).expect("instant is well formed")
    };
    let (year, month, day) = (part(0..4), part(5..7), part(8..10));
    // Days since 1970 by counting years from March, so that leap days come last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days =
        365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 719_469;
    let seconds = days * 86_400 + part(11..13) * 3_600 + part(14..16) * 60 + part(17..19);
    seconds * 1_000_000 + part(20..23) * 1_000
}

#[test]
fn instants_are_read_as_written() {
    assert_eq!(micros("1970-01-01T00:00:00.000Z"), 0);
    assert_eq!(micros("2008-10-25T00:00:00.000Z"), 1_224_892_800_000_000);
    assert_eq!(micros("2024-02-29T12:34:56.789Z"), 1_709_210_096_789_000);
}
