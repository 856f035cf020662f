//! Claims about JSON lines: columns and their kinds, canonical text and bad lines.

use super::super::RawKind::{Bool, Float, Int, Null, Text, Timestamp};
use super::super::source::{RECORD_BYTES_MAX, SAMPLE_BYTES};
use super::super::testing::{gzipped, opened, refusal, whole};

#[test]
fn columns_are_the_keys_in_the_order_they_first_appear() {
    let table = opened("t", b"{\"z\":1,\"a\":2}\n{\"m\":3,\"a\":4}\n").expect("a table");
    let names: Vec<&str> = table.columns().iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["z", "a", "m"]);
}

#[test]
fn kinds_come_from_the_values() {
    let table = whole(
        "t.jsonl",
        br#"{"b":true,"i":1,"f":1,"g":2,"t":"2026-01-01T00:00:00Z","s":"2","m":1,"n":null}
{"b":false,"i":-2,"f":0.5,"g":"NaN","t":"2026-01-01 00:00:00","s":"x","m":"a","n":null}"#,
    );
    assert_eq!(table.kinds, [Bool, Int, Float, Float, Timestamp, Text, Text, Null]);
}

#[test]
fn cells_are_canonical_text_and_missing_ones_null() {
    let table = whole(
        "t.jsonl",
        b"{\"a\":1.50,\"b\":true}\n\n{\"b\":null,\"a\":\"x\\u0041\"}\r\n{\"a\":-3}\n{\"a\":\"\"}\n",
    );
    assert_eq!(table.text(0), ["1.5", "xA", "-3", ""]);
    assert_eq!(table.text(1), ["true", "-", "-", "-"]);
    assert_eq!(table.row_numbers, [1, 3, 4, 5]);
}

#[test]
fn lines_beside_a_bad_line_are_kept() {
    let table = whole(
        "t.jsonl",
        b"{\"a\":1}\n{\"a\":}\n[1]\n{\"a\":[1,{}]}\n{\"a\":NaN}\n{\"a\":\"\xff\"}\n{\"a\":2}\n",
    );
    assert_eq!(table.row_numbers, [1, 7]);
    let bad = table.bad();
    let rows: Vec<u64> = bad.iter().map(|(row, _)| *row).collect();
    assert_eq!(rows, [2, 3, 4, 5, 6]);
    assert_eq!(bad[0].1, "expected value at character 6 of the line");
    assert!(bad[1].1.contains("expected a JSON object"), "{}", bad[1].1);
    assert_eq!(bad[2].1, "column \"a\" holds an array or an object");
    assert!(bad[3].1.contains("JSON has no bare NaN"), "{}", bad[3].1);
    assert!(bad[4].1.contains("unicode"), "{}", bad[4].1);
}

#[test]
fn an_over_long_line_is_a_bad_row() {
    let long = "x".repeat(RECORD_BYTES_MAX);
    let table =
        whole("t.jsonl", format!("{{\"a\":1}}\n{{\"a\":\"{long}\"}}\n{{\"a\":2}}").as_bytes());
    assert_eq!(table.row_numbers, [1, 3]);
    assert_eq!(table.bad(), [(2, "longer than 1048576 bytes")]);
}

#[test]
fn keys_past_the_sample_are_told_as_late() {
    let mut text = "{\"a\":1}\n".repeat(SAMPLE_BYTES / 8 + 1);
    text.push_str("{\"a\":1,\"b\":2}\n{\"b\":2}\n");
    let table = whole("t.jsonl", text.as_bytes());
    assert_eq!(table.late, ["b"]);
    assert_eq!(table.columns.len(), 1);
}

#[test]
fn a_truncated_gzip_gives_its_lines_before_the_error() {
    let text: String =
        (0_u64..20_000).map(|row| format!("{{\"a\":{}}}\n", row * row % 99_991)).collect();
    let mut bytes = gzipped(text.as_bytes());
    bytes.truncate(bytes.len() / 2);
    let table = whole("t.jsonl.gz", &bytes);
    assert!(table.row_numbers.len() > 1_000);
    assert!(table.fault.is_some_and(|fault| fault.contains("truncated")));
}

#[test]
fn a_table_without_a_single_object_is_refused() {
    for (text, message) in [
        ("{\n\"a\": 1\n}\n", "no line is a JSON object (line 1: EOF"),
        ("{}\n{}\n", "no column"),
        ("[{\"a\":1}]", "a JSON array"),
    ] {
        let refusal = refusal("t.json", text.as_bytes());
        assert!(refusal.contains(message), "{refusal}");
    }
}
