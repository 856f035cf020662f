//! Claims about telling formats and about inputs that are no table.

use std::io::Cursor;
use std::path::Path;

use super::super::open;
use super::super::testing::{gzipped, opened, refusal, whole};
use super::{Format, Input, sniff};

fn format_of(name: &str, content: &[u8]) -> Format {
    match sniff(name, Cursor::new(content.to_vec()), None) {
        Ok(Input::Text(text)) => text.format,
        _ => unreachable!("a text table"),
    }
}

#[test]
fn the_content_tells_the_format_before_the_name() {
    assert_eq!(format_of("t.csv", b" \n{\"a\":1}\n"), Format::JsonLines);
    assert_eq!(format_of("t.csv", &gzipped(b"{\"a\":1}\n")), Format::JsonLines);
    assert_eq!(format_of("t.parquet.csv", b"a\n1\n"), Format::Csv);
    assert_eq!(format_of("standard input", b"a\n1\n"), Format::Csv);
}

#[test]
fn the_name_tells_the_format_where_the_content_does_not() {
    for name in ["t.jsonl", "T.NDJSON", "t.json.gz"] {
        assert_eq!(format_of(name, b"null\n{\"a\":1}\n"), Format::JsonLines);
    }
}

#[test]
fn binary_content_is_refused_as_foreign() {
    for (content, message) in [
        (b"PK\x03\x04\0\0\0".as_slice(), "a zip archive or an Excel workbook"),
        (b"\x28\xb5\x2f\xfd\x01", "zstd-compressed data"),
        (b"a,b\n1,\0\n", "byte 7 is a NUL"),
        (b"\xff\xfea\0,\0b\0", "UTF-16 text"),
        (b"na\xefve,b\n1,2\n", "byte 3 is not UTF-8"),
        (&gzipped(b"PAR1\0\0"), "a gzipped Parquet file"),
    ] {
        let refusal = refusal("t.csv", content);
        assert!(refusal.contains("not CSV, JSON lines or Parquet: "), "{refusal}");
        assert!(refusal.contains(message), "{refusal}");
    }
    assert!(refusal("t.parquet", b"a,b\n1,2\n").contains("the content does not"));
}

#[test]
fn an_input_without_content_is_refused_as_empty() {
    for content in [b"".as_slice(), b" \n\n", b"\xef\xbb\xbf", &gzipped(b"")] {
        assert!(refusal("t.csv", content).contains("the input is empty"));
    }
}

#[test]
fn a_path_that_cannot_be_opened_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let refusal = |path: &Path| open(path).err().map(|fault| fault.to_string());
    assert!(refusal(folder.path()).is_some_and(|text| text.contains("this is a directory")));
    let path = folder.path().join("none.csv");
    let expected = format!("{}: there is no such file; check the path", path.display());
    assert_eq!(refusal(&path), Some(expected));
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_name() {
    let table = opened("t.csv", b"\xef\xbb\xbfa,b\n1,2\n").expect("a table");
    assert_eq!(table.columns().first().map(|column| column.name.as_str()), Some("a"));
}

#[test]
fn a_gzip_of_several_members_is_one_table() {
    let bytes = [gzipped(b"a\n1\n"), gzipped(b"2\n")].concat();
    assert_eq!(whole("t.csv.gz", &bytes).text(0), ["1", "2"]);
}

#[test]
fn a_gzip_cut_off_in_its_first_bytes_is_told_as_truncated() {
    let bytes = gzipped(b"a,b\n1,2\n");
    let refusal = refusal("t.csv.gz", bytes.get(..12).unwrap_or_default());
    assert!(refusal.contains("the gzip data is truncated"), "{refusal}");
}

#[test]
fn a_damaged_gzip_is_told_as_damaged() {
    let mut bytes = gzipped("a,b\n1,2\n".repeat(100).as_bytes());
    if let Some(checksum) = bytes.iter_mut().rev().nth(6) {
        *checksum ^= 1;
    }
    let table = whole("t.csv.gz", &bytes);
    assert!(table.fault.is_some_and(|fault| fault.contains("the gzip data is damaged")));
}
