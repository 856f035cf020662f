//! What a row file gives back, whole and in parts, and what it says of other bytes.

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::{
    blob::Blob,
    column::{CategoriesBuilder, Column, NULL, is_null},
    id_column::Ids,
    schema::{Field, Kind},
};

fn field(name: &str, kind: Kind) -> Field {
    Field { name: name.to_owned(), kind }
}

fn categories(texts: &[Option<&str>]) -> Column {
    let mut builder = CategoriesBuilder::default();
    texts.iter().for_each(|text| builder.push(*text));
    Column::Categories(builder.finish())
}

fn open(encoded: &EncodedRows) -> crate::error::Result<RowFile> {
    RowFile::open(Blob::memory(Path::new("r").into(), encoded.bytes.clone()), encoded.tail)
}

/// Texts of values, which compare NaN and null too.
fn shown(column: &Column) -> Vec<String> {
    match column {
        Column::Numeric(values) => values.iter().map(|v| format!("{:x}", v.to_bits())).collect(),
        Column::Categories(column) => {
            (0..column.codes.len()).map(|row| format!("{:?}", column.text(row))).collect()
        }
    }
}

struct Rows {
    ids: Ids,
    times: Vec<i64>,
    fields: Vec<Field>,
    columns: Vec<Column>,
}

impl Rows {
    fn encode(&self) -> EncodedRows {
        write_rows(&self.ids, &self.times, &self.fields, &self.columns).expect("encodes")
    }
}

/// Rows whose columns take every encoding, over several pages.
fn rows(count: usize, uuids: bool) -> Rows {
    let hash =
        |row: usize, column: u64| xxhash_rust::xxh3::xxh3_64_with_seed(&row.to_le_bytes(), column);
    let id = |row: usize| {
        let id = uuid::Uuid::from_u64_pair(hash(row, 0), row as u64);
        if uuids { id.hyphenated().to_string() } else { format!("request/{row}") }
    };
    let noise = |row: usize| (hash(row, 1) as f64).sqrt();
    let some = |row: usize, value: f64| if hash(row, 2).is_multiple_of(3) { NULL } else { value };
    let numbers = |value: &dyn Fn(usize) -> f64| Column::Numeric((0..count).map(value).collect());
    let texts = |text: &dyn Fn(usize) -> Option<String>| {
        let texts: Vec<Option<String>> = (0..count).map(text).collect();
        Column::categories(texts.iter().map(Option::as_deref))
    };
    let columns: Vec<(&str, Kind, Column)> = vec![
        ("noise", Kind::Numeric, numbers(&noise)),
        ("some", Kind::Numeric, numbers(&|row| some(row, noise(row)))),
        ("count", Kind::Numeric, numbers(&|row| (hash(row, 3) % 40) as f64)),
        ("price", Kind::Numeric, numbers(&|row| some(row, (hash(row, 4) % 900) as f64 / 100.0))),
        ("mostly", Kind::Numeric, numbers(&|row| if row % 3 > 0 { 0.0 } else { noise(row) })),
        ("none", Kind::Numeric, Column::nulls(true, count)),
        ("one", Kind::Categorical, texts(&|_| Some("é".to_owned()))),
        ("few", Kind::Categorical, texts(&|row| (row % 7 > 0).then(|| (row % 300).to_string()))),
        ("own", Kind::Categorical, texts(&|row| (row % 9 > 0).then(|| row.to_string()))),
        ("empty", Kind::Categorical, Column::nulls(false, count)),
        ("truth", Kind::Boolean, texts(&|row| (row % 5 > 0).then(|| (row % 2 == 0).to_string()))),
    ];
    Rows {
        ids: (0..count).map(id).collect(),
        times: (0..count as i64).map(|row| row * row % 1_000 + row * 1_000).collect(),
        fields: columns.iter().map(|column| field(column.0, column.1)).collect(),
        columns: columns.into_iter().map(|column| column.2).collect(),
    }
}

fn check_rows(file: &RowFile, rows: &Rows, range: std::ops::Range<u32>) {
    let wanted: Vec<u32> = range.clone().collect();
    let times: Vec<i64> = wanted.iter().map(|row| rows.times[*row as usize]).collect();
    assert_eq!(file.times_of(range.clone()).expect("reads"), times);
    assert_eq!(file.ids_of(range.clone()).expect("reads"), rows.ids.take(&wanted));
    for (field, column) in rows.fields.iter().zip(&rows.columns) {
        let back = file.column_of(field, range.clone()).expect("reads");
        assert_eq!(shown(&back), shown(&column.take(&wanted)), "{}", field.name);
    }
}

#[test]
fn rows_come_back_whole_and_in_parts() {
    let end = 2 * PAGE_ROWS + 100;
    let page = PAGE_ROWS as u32;
    for uuids in [true, false] {
        let rows = rows(end, uuids);
        let file = open(&rows.encode()).expect("opens");
        assert_eq!(file.rows(), end);
        check_rows(&file, &rows, 0..end as u32);
        for range in [0..1, page - 1..page + 1, page..2 * page, end as u32 - 3..end as u32, 5..5] {
            check_rows(&file, &rows, range);
        }
    }
}

#[test]
fn files_of_any_few_rows_come_back() {
    for count in [0, 1, 2, 7, 8, 9, 100] {
        let rows = rows(count, true);
        check_rows(&open(&rows.encode()).expect("opens"), &rows, 0..count as u32);
    }
}

#[test]
fn any_parquet_reader_of_the_crate_reads_the_same() {
    let rows = rows(PAGE_ROWS + 50, true);
    let whole = Blob::memory(Path::new("r").into(), rows.encode().bytes);
    let file = RowFile::open_whole(&whole).expect("opens");
    check_rows(&file, &rows, 0..PAGE_ROWS as u32 + 50);
}

#[test]
fn nan_null_and_infinity_stay_apart_and_absent_columns_are_null() {
    let rows = Rows {
        ids: ["a", "b", "c"].into_iter().collect(),
        times: vec![-1, 0, 5],
        fields: vec![field("x", Kind::Numeric), field("c", Kind::Categorical)],
        columns: vec![
            Column::Numeric(vec![f64::NAN, NULL, f64::NEG_INFINITY]),
            categories(&[None, Some("é"), Some("")]),
        ],
    };
    let file = open(&rows.encode()).expect("opens");
    check_rows(&file, &rows, 0..3);
    let absent = file.column(&field("later", Kind::Numeric)).expect("reads");
    assert!(matches!(absent, Column::Numeric(values) if values.iter().all(|v| is_null(*v))));
    let other = file.column(&field("x", Kind::Categorical)).expect_err("another kind");
    assert!(other.to_string().contains("another type"), "{other}");
}

#[test]
fn an_interval_is_found_by_its_pages() {
    let rows = rows(2 * PAGE_ROWS + 100, true);
    let file = open(&rows.encode()).expect("opens");
    let last = rows.times.len() - 1;
    let mut ends: Vec<i64> = [0, 1, PAGE_ROWS - 1, PAGE_ROWS, PAGE_ROWS + 1, 2 * PAGE_ROWS, last]
        .into_iter()
        .flat_map(|row| [rows.times[row] - 1, rows.times[row], rows.times[row] + 1])
        .collect();
    ends.extend([i64::MIN, i64::MAX]);
    let mut sorted = rows.times.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, rows.times, "the rows are in the order of time");
    for start in &ends {
        for end in &ends {
            let range = TimeRange { start: *start, end: *end };
            let found = file.rows_within(&[range]).expect("reads").expect("in order");
            let [found] = found.as_slice() else { panic!("one run") };
            let want = rows.times.iter().filter(|time| range.contains(**time)).count();
            assert_eq!(found.len(), want, "{range:?}");
            let first = rows.times.iter().position(|time| range.contains(*time));
            assert!(want == 0 || first == Some(found.start as usize), "{range:?}");
        }
    }
}

#[test]
fn rows_out_of_order_are_all_asked_for() {
    let mut rows = rows(10, true);
    rows.times.reverse();
    let file = open(&rows.encode()).expect("opens");
    assert_eq!(file.rows_within(&[TimeRange { start: 0, end: 1 }]).expect("reads"), None);
}

#[test]
fn numbers_are_visited_run_by_run() {
    let end = 2 * PAGE_ROWS as u32 + 100;
    let page = PAGE_ROWS as u32;
    let rows = rows(end as usize, true);
    let file = open(&rows.encode()).expect("opens");
    let old = Blob::memory(Path::new("r").into(), rows.encode().bytes);
    let old = RowFile::open_whole(&old).expect("opens");
    let numeric = |place: &usize| rows.fields[*place].kind == Kind::Numeric;
    let absent = (field("later", Kind::Numeric), Column::nulls(true, end as usize));
    let columns = (0..rows.fields.len()).filter(numeric);
    let columns = columns.map(|place| (rows.fields[place].clone(), rows.columns[place].clone()));
    for (field, column) in columns.chain([absent]) {
        for runs in [
            std::iter::once(0..end).collect::<Vec<_>>(),
            vec![0..1, 1..2, 2..700, page - 1..page + 1, page + 1..end - 1],
            vec![5..5, 7..page, page..page, page..2 * page, end - 1..end],
            std::iter::once(page + 3..page + 9).collect(),
        ] {
            for file in [&file, &old] {
                let mut found: Vec<Vec<u64>> = vec![Vec::new(); runs.len()];
                file.visit_numbers(&field, &runs, &mut |run, numbers| match numbers {
                    Numbers::Values(values) => {
                        found[run].extend(values.iter().map(|value| value.to_bits()));
                    }
                    Numbers::Counted(values, counts) => {
                        for (value, count) in values.iter().zip(counts) {
                            let value = value.to_bits();
                            found[run].extend(std::iter::repeat_n(value, *count as usize));
                        }
                    }
                })
                .expect("reads");
                for (run, mut found) in runs.iter().zip(found) {
                    let Column::Numeric(values) = &column else { panic!("numbers") };
                    let values = &values[run.start as usize..run.end as usize];
                    let mut want: Vec<u64> = values.iter().map(|value| value.to_bits()).collect();
                    want.sort_unstable();
                    found.sort_unstable();
                    assert_eq!(found, want, "{} {run:?}", field.name);
                }
            }
        }
    }
}

fn read_all(encoded: &EncodedRows, rows: &Rows, range: std::ops::Range<u32>) -> bool {
    let Ok(file) = open(encoded) else { return false };
    let columns = rows.fields.iter().all(|field| file.column_of(field, range.clone()).is_ok());
    columns && file.times_of(range.clone()).is_ok() && file.ids_of(range).is_ok()
}

#[test]
fn every_flipped_byte_and_every_cut_is_found() {
    let rows = rows(40, true);
    let whole = rows.encode();
    assert!(read_all(&whole, &rows, 0..40));
    for at in 0..whole.bytes.len() {
        let mut bytes = whole.bytes.clone();
        bytes[at] ^= 1 << (at % 8);
        let flipped = EncodedRows { bytes, tail: whole.tail };
        assert!(!read_all(&flipped, &rows, 0..40), "byte {at}");
        let cut = EncodedRows { bytes: whole.bytes[..at].to_vec(), tail: whole.tail };
        assert!(!read_all(&cut, &rows, 0..40), "cut at {at}");
    }
}

#[test]
fn a_flipped_byte_of_a_page_is_found_when_the_page_is_read_alone() {
    let rows = rows(PAGE_ROWS + 40, true);
    let whole = rows.encode();
    let range = 3..30;
    let mut found = 0;
    for at in (0..whole.tail.offset as usize).step_by(7_001) {
        let mut bytes = whole.bytes.clone();
        bytes[at] ^= 4;
        let flipped = EncodedRows { bytes, tail: whole.tail };
        let file = open(&flipped).expect("the tail is whole");
        for (field, column) in rows.fields.iter().zip(&rows.columns) {
            match file.column_of(field, range.clone()) {
                Ok(back) => {
                    let want = column.take(&range.clone().collect::<Vec<u32>>());
                    assert_eq!(shown(&back), shown(&want), "byte {at}, {}", field.name);
                }
                Err(_) => found += 1,
            }
        }
    }
    assert!(found > 20, "pages were hit");
}

#[test]
fn a_newer_version_says_so() {
    let mut encoded = rows(3, true).encode();
    let key = b"driftline.rows";
    let at = encoded.bytes.windows(key.len()).rposition(|bytes| bytes == key).expect("the key");
    let at = at + encoded.bytes[at..].iter().position(|byte| *byte == b'2').expect("the version");
    encoded.bytes[at] = b'3';
    let tail = &encoded.bytes[encoded.tail.offset as usize..];
    encoded.tail.hash = xxhash_rust::xxh3::xxh3_64(tail);
    let error = open(&encoded).expect_err("newer");
    assert!(error.to_string().contains("newer driftline"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_numbers_come_back(
        bits in proptest::collection::vec(prop_oneof![any::<u64>(), Just(0), 4_u64..9], 0..300),
        nulls in 0_u64..10,
    ) {
        let value = |bits: &u64| if bits % 10 < nulls { NULL } else {
            crate::column::number(Some(f64::from_bits(*bits)))
        };
        let values: Vec<f64> = bits.iter().map(value).collect();
        let rows = Rows {
            ids: (0..values.len()).map(|row| row.to_string()).collect(),
            times: bits.iter().map(|bits| *bits as i64).collect(),
            fields: vec![field("x", Kind::Numeric)],
            columns: vec![Column::Numeric(values)],
        };
        let file = open(&rows.encode()).expect("opens");
        check_rows(&file, &rows, 0..bits.len() as u32);
    }

    #[test]
    fn foreign_pages_never_panic(bytes: Vec<u8>, at: u16, flip: u8) {
        use super::decode::{Check, Pages};
        let rows = rows(60, false);
        let encoded = rows.encode();
        let file = encoded.bytes.get(4..encoded.tail.offset as usize).unwrap_or_default();
        let mut flipped = file.to_vec();
        let place = usize::from(at) % flipped.len();
        flipped[place] ^= flip;
        for bytes in [&bytes, &flipped[place.saturating_sub(40)..], &flipped[..]] {
            for dictionary in [None, Some(bytes)] {
                let pages = Pages { check: Check::Done, dictionary, data: vec![(bytes, 60)] };
                let _ = super::decode::numbers(&pages, &mut Vec::new());
                let _ = super::decode::times(&pages, &mut Vec::new());
                let _ = super::decode::categories(&pages);
                let _ = super::decode::booleans(&pages);
                let _ = super::decode::uuids(&pages);
                let _ = super::decode::texts(&pages);
            }
        }
    }
}
