//! Claims about CSV: how kinds are inferred, which rows are bad and what the quotes mean.

use super::super::RawKind::{Bool, Float, Int, Null, Text, Timestamp};
use super::super::source::{RECORD_BYTES_MAX, SAMPLE_BYTES};
use super::super::testing::{gzipped, refusal, whole};
use super::scan::{complete_records, quoted_cells};

#[test]
fn kinds_come_from_the_text_of_the_cells() {
    let table = whole(
        "t.csv",
        b"b,i,f,t,s,n\n\
          true,1,1,2026-01-01T00:00:00Z,a,\n\
          False,-2,NaN,2026-01-01 00:00:00.5+01:00,2,\n\
          TRUE,,1e5,,,\n",
    );
    assert_eq!(table.kinds, [Bool, Int, Float, Timestamp, Text, Null]);
    assert_eq!(table.text(1), ["1", "-2", "-"]);
    assert_eq!(table.text(2), ["1", "NaN", "1e5"]);
}

#[test]
fn a_quoted_number_column_is_text() {
    let table = whole("t.csv", b"\"code\",\"x\"\n\"2\",2\n\"16\",3\n,4\n");
    assert_eq!(table.kinds, [Text, Int]);
    assert_eq!(table.text(0), ["2", "16", "-"]);
}

#[test]
fn quotes_say_nothing_when_every_cell_is_quoted() {
    let table = whole("t.csv", b"\"a\",\"b\",\"c\"\n\"2\",\"true\",\n\"3\",\"false\",\n");
    assert_eq!(table.kinds, [Int, Bool, Null]);
}

#[test]
fn a_quoted_timestamp_column_is_a_timestamp() {
    let table = whole("t.csv", b"ts,x\n\"2026-01-01T00:00:00Z\",1\n");
    assert_eq!(table.kinds, [Timestamp, Int]);
}

#[test]
fn a_column_quoted_only_where_it_must_be_is_told_by_its_text() {
    let table = whole("t.csv", b"a,b\n\"1\",x\n2,\"y,z\"\n");
    assert_eq!(table.kinds, [Int, Text]);
    assert_eq!(table.text(1), ["x", "y,z"]);
}

#[test]
fn quoted_cells_keep_commas_quotes_and_line_breaks() {
    let table = whole("t.csv", b"a,b\r\n\"x, \"\"y\"\"\r\nz\",1\r\n\r\n\"\",2");
    assert_eq!(table.text(0), ["x, \"y\"\r\nz", "-"]);
    assert_eq!(table.row_numbers, [1, 2]);
}

#[test]
fn rows_beside_a_bad_row_are_kept() {
    let table = whole("t.csv", b"a,b\n1,2\n3\n4,5,6\n7,\xff\n8,9\n");
    assert_eq!(table.row_numbers, [1, 5]);
    assert_eq!(table.text(0), ["1", "8"]);
    assert_eq!(
        table.bad(),
        [
            (2, "1 cells where the header names 2 columns"),
            (3, "3 cells where the header names 2 columns"),
            (4, "the cell of column \"b\" is not valid UTF-8"),
        ]
    );
    assert_eq!(table.kinds, [Int, Int]);
}

#[test]
fn an_over_long_record_is_one_bad_row() {
    for quote in ["", "\""] {
        let long = "line\n,".repeat(RECORD_BYTES_MAX);
        let long = if quote.is_empty() { long.replace('\n', "") } else { long };
        let text = format!("a,b\n1,2\n{quote}{long}{quote},x\n3,4\n5,6\n");
        let table = whole("t.csv", text.as_bytes());
        assert_eq!(table.text(0), ["1", "3", "5"]);
        assert_eq!(table.row_numbers, [1, 3, 4]);
        assert_eq!(table.bad(), [(2, "longer than 1048576 bytes")]);
    }
}

#[test]
fn a_short_quote_never_closed_is_one_bad_row() {
    let table = whole("t.csv", b"a,b\n1,2\n3,\"4\n5,6\n");
    assert_eq!(table.row_numbers, [1]);
    let reason = "opens a quoted cell that is never closed (9 bytes to the end of the input)";
    assert_eq!(table.bad(), [(2, reason)]);
}

#[test]
fn a_quote_that_swallows_the_rest_of_a_long_table_is_an_error() {
    let text = format!("a,b\n1,2\n3,\"4\n{}", "5,6\n".repeat(RECORD_BYTES_MAX));
    let table = whole("t.csv", text.as_bytes());
    assert_eq!(table.row_numbers, [1]);
    assert!(table.fault.is_some_and(|fault| fault.contains("row 2 opens a quoted cell")));
}

#[test]
fn a_cell_past_the_sample_is_handed_out_whatever_the_kind() {
    let text = format!("a\n{}x\n", "12345678\n".repeat(SAMPLE_BYTES / 9 + 1));
    let table = whole("t.csv", text.as_bytes());
    assert_eq!(table.kinds, [Int]);
    assert_eq!(table.text(0).last(), Some(&"x"));
}

#[test]
fn a_cut_off_record_at_the_end_of_the_sample_says_nothing() {
    // The sample ends within "1000", after the 1.
    let row = "7777777\n".repeat(SAMPLE_BYTES / 8 - 1);
    let text = format!("aaaaaa\n{row}\"10\n00\"\n");
    let table = whole("t.csv", text.as_bytes());
    assert_eq!(table.kinds, [Int]);
    assert_eq!(complete_records(b"a,b\n1,\"x\ny"), b"a,b\n");
}

#[test]
fn a_truncated_gzip_gives_its_rows_before_the_error() {
    let rows: String = (0..50_000).map(|row| format!("{row},{}\n", row * 7919 % 1009)).collect();
    let mut bytes = gzipped(format!("a,b\n{rows}").as_bytes());
    bytes.truncate(bytes.len() / 2);
    let table = whole("t.csv.gz", &bytes);
    assert!(table.row_numbers.len() > 10_000);
    let last = table.row_numbers.last().expect("rows before the damage");
    let fault = table.fault.expect("an error after the rows");
    assert!(fault.contains(&format!("truncated: it ends too early, after row {last}")), "{fault}");
}

#[test]
fn a_header_that_cannot_be_one_is_refused() {
    for (text, message) in [
        ("a,b,a\n1,2,3\n", "columns 1 and 3 are both named \"a\""),
        ("1,2\n3,4\n", "the first line holds values"),
        ("x,2026-01-01T00:00:00Z\n", "the first line holds values"),
        (",a\n0,1\n", "column 1 has no name"),
        ("a;b\n1;2\n", "one column that holds ';'"),
        ("a\tb\n1\t2\n", "separate the columns by commas"),
    ] {
        let refusal = refusal("t.csv", text.as_bytes());
        assert!(refusal.contains(message), "{refusal}");
    }
}

#[test]
fn a_header_without_rows_is_an_empty_table() {
    let table = whole("t.csv", b"a,b\n");
    assert_eq!(table.kinds, [Null, Null]);
    assert!(table.row_numbers.is_empty());
}

#[test]
fn every_cell_of_a_record_is_told_quoted_or_not() {
    let mut quoted = Vec::new();
    for (record, expected) in [
        ("a,\"b\",", vec![false, true, false]),
        (",\"x\"\"y\",,\n", vec![false, true, false, false]),
        ("\r\n\"a\nb\",c\"d\r\n", vec![true, false]),
        ("\"\"", vec![true]),
    ] {
        quoted_cells(record.as_bytes(), &mut quoted);
        assert_eq!(quoted, expected, "{record}");
    }
}

proptest::proptest! {
    #[test]
    fn any_bytes_read_to_an_end(text in "([a-c,\"\r\n\u{e9}]|\"\"|\n){0,60}", cut in 0_usize..60) {
        let mut bytes = format!("a,b\n{text}").into_bytes();
        bytes.truncate((cut + 4).min(bytes.len()));
        let table = whole("t.csv", &bytes);
        let mut rows: Vec<u64> = table.bad_rows.iter().map(|bad| bad.row).collect();
        rows.extend(&table.row_numbers);
        rows.sort_unstable();
        // Every record is either kept or bad, and none is both.
        proptest::prop_assert_eq!(rows.clone(), (1..=rows.len() as u64).collect::<Vec<_>>());
    }
}
