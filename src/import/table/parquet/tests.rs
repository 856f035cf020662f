//! Claims about Parquet: how stored types map to ours and how damage is told.

use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::Compression;
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray,
    FixedLenByteArrayType, FloatType, Int32Type, Int64Type, Int96, Int96Type,
};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::super::testing::{Whole, opened, refusal, whole};
use super::super::{RawColumn, RawKind};
use super::column::{half_float, int96_micros};
use super::{ParquetBytes, ParquetTable, TableReader};

/// A table of one column in one row group for each of `groups`; 0 is the level of a null.
fn written<T: DataType>(column: &str, groups: &[(&[T::T], &[i16])]) -> Vec<u8> {
    written_with::<T>(column, groups, Compression::SNAPPY)
}

fn written_with<T: DataType>(
    column: &str,
    groups: &[(&[T::T], &[i16])],
    compression: Compression,
) -> Vec<u8> {
    let schema = parse_message_type(&format!("message t {{ {column}; }}")).expect("a schema");
    let properties = WriterProperties::builder().set_compression(compression).build();
    let mut bytes = Vec::new();
    let mut file = SerializedFileWriter::new(&mut bytes, Arc::new(schema), Arc::new(properties))
        .expect("a writer");
    for (values, levels) in groups {
        let mut group = file.next_row_group().expect("a row group");
        let mut column = group.next_column().expect("no error").expect("a column");
        column.typed::<T>().write_batch(values, Some(levels), None).expect("written values");
        column.close().expect("a closed column");
        group.close().expect("a closed row group");
    }
    file.close().expect("a closed file");
    bytes
}

fn read<T: DataType>(column: &str, values: &[T::T]) -> Whole {
    let levels = vec![1; values.len()];
    let table = whole("t.parquet", &written::<T>(column, &[(values, &levels)]));
    assert_eq!(table.fault, None);
    table
}

/// Asserts what a column without nulls reads as.
fn assert_reads<T: DataType>(column: &str, values: &[T::T], kind: RawKind, expected: RawColumn) {
    let table = read::<T>(column, values);
    assert_eq!(table.kinds, [kind], "{column}");
    assert_eq!(table.columns, [expected], "{column}");
}

#[test]
fn row_groups_are_read_in_pieces_with_their_nulls() {
    let groups: [(&[i64], &[i16]); 3] =
        [(&[1, 2, 3], &[1, 0, 1, 1, 0]), (&[], &[]), (&[4], &[0, 1])];
    let table = whole("t.parquet", &written::<Int64Type>("optional int64 x", &groups));
    let cells = vec![Some(1), None, Some(2), Some(3), None, None, Some(4)];
    assert_eq!(table.columns, [RawColumn::Int(cells)]);
    assert_eq!(table.row_numbers, [1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn every_compression_we_name_is_read() {
    for compression in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(Default::default()),
        Compression::ZSTD(Default::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
    ] {
        let groups: [(&[i64], &[i16]); 1] = [(&[1, 1, 1, 1], &[1, 1, 1, 1])];
        let bytes = written_with::<Int64Type>("optional int64 x", &groups, compression);
        let cells = vec![Some(1); 4];
        assert_eq!(whole("t.parquet", &bytes).columns, [RawColumn::Int(cells)], "{compression}");
    }
}

#[test]
fn numbers_and_truth_values_keep_their_type() {
    let some = |values: &[i64]| RawColumn::Int(values.iter().copied().map(Some).collect());
    let int = RawKind::Int;
    assert_reads::<Int32Type>("required int32 x", &[-1, 7], int, some(&[-1, 7]));
    assert_reads::<Int32Type>("required int32 x (UINT_32)", &[-1], int, some(&[0xffff_ffff]));
    assert_reads::<Int32Type>("required int32 x (INTEGER(8,true))", &[-8], int, some(&[-8]));
    assert_reads::<Int64Type>("required int64 x (UINT_64)", &[5], int, some(&[5]));
    let bools = RawColumn::Bool(vec![Some(true), Some(false)]);
    assert_reads::<BoolType>("required boolean x", &[true, false], RawKind::Bool, bools);
}

#[test]
fn floats_keep_infinities_and_nan() {
    let floats = RawColumn::Float(vec![Some(0.5), Some(f64::NEG_INFINITY)]);
    let values = [0.5, f32::NEG_INFINITY];
    assert_reads::<FloatType>("required float x", &values, RawKind::Float, floats);
    let table = read::<DoubleType>("required double x", &[f64::NAN]);
    let [RawColumn::Float(cells)] = table.columns.as_slice() else { unreachable!("floats") };
    assert!(matches!(cells.as_slice(), [Some(value)] if value.is_nan()));
}

#[test]
fn unsigned_numbers_past_the_signed_range_are_floats() {
    let floats = RawColumn::Float(vec![Some(5.0), Some(18_446_744_073_709_551_615.0)]);
    let column = "required int64 x (UINT_64)";
    assert_reads::<Int64Type>(column, &[5, -1], RawKind::Float, floats);
}

#[test]
fn every_stored_time_becomes_microseconds() {
    let times = |values: &[i64]| RawColumn::Timestamp(values.iter().copied().map(Some).collect());
    for (column, value, expected) in [
        ("required int64 x (TIMESTAMP_MILLIS)", 5, 5_000),
        ("required int64 x (TIMESTAMP_MICROS)", -5, -5),
        ("required int64 x (TIMESTAMP(MILLIS,true))", -5, -5_000),
        ("required int64 x (TIMESTAMP(MICROS,false))", 5, 5),
        ("required int64 x (TIMESTAMP(NANOS,true))", -1, -1),
        ("required int64 x (TIMESTAMP(NANOS,true))", 1_999, 1),
    ] {
        assert_reads::<Int64Type>(column, &[value], RawKind::Timestamp, times(&[expected]));
    }
    let day = times(&[-86_400_000_000]);
    assert_reads::<Int32Type>("required int32 x (DATE)", &[-1], RawKind::Timestamp, day);
    let mut oldest = Int96::new();
    oldest.set_data(1_500, 0, 2_440_589);
    let micros = times(&[86_400_000_001]);
    assert_reads::<Int96Type>("required int96 x", &[oldest], RawKind::Timestamp, micros);
    oldest.set_data(u32::MAX, u32::MAX, u32::MAX);
    assert_eq!(int96_micros(&oldest), None);
}

#[test]
fn a_time_past_the_range_names_its_column() {
    let values: [(&[i64], &[i16]); 1] = [(&[i64::MAX], &[1])];
    let bytes = written::<Int64Type>("required int64 x (TIMESTAMP_MILLIS)", &values);
    let fault = whole("t.parquet", &bytes).fault.expect("a refused time");
    assert!(fault.contains("column \"x\" holds a time past"), "{fault}");
}

#[test]
fn text_is_read_from_plain_and_declared_strings() {
    for column in ["required binary x", "required binary x (UTF8)", "required binary x (ENUM)"] {
        let values = [ByteArray::from("a"), ByteArray::from(""), ByteArray::from("é")];
        let table = read::<ByteArrayType>(column, &values);
        assert_eq!(
            (table.kinds.as_slice(), table.text(0)),
            (&[RawKind::Text][..], vec!["a", "", "é"])
        );
    }
}

#[test]
fn bytes_that_are_no_text_name_their_column() {
    let values: [(&[ByteArray], &[i16]); 1] = [(&[ByteArray::from(vec![0xff])], &[1])];
    let bytes = written::<ByteArrayType>("required binary x (UTF8)", &values);
    let fault = whole("t.parquet", &bytes).fault.expect("refused bytes");
    assert!(fault.contains("column \"x\" holds bytes that are not UTF-8"), "{fault}");
}

#[test]
fn decimals_half_floats_and_uuids_are_converted() {
    let price = RawColumn::Float(vec![Some(-12.34)]);
    let float = RawKind::Float;
    assert_reads::<Int32Type>("required int32 x (DECIMAL(9,2))", &[-1234], float, price.clone());
    assert_reads::<Int64Type>("required int64 x (DECIMAL(18,2))", &[-1234], float, price.clone());
    let unscaled = ByteArray::from(vec![0xfb, 0x2e]);
    let column = "required binary x (DECIMAL(9,2))";
    assert_reads::<ByteArrayType>(column, std::slice::from_ref(&unscaled), float, price.clone());
    let fixed = FixedLenByteArray::from(unscaled);
    let column = "required fixed_len_byte_array(2) x (DECIMAL(4,2))";
    assert_reads::<FixedLenByteArrayType>(column, &[fixed], float, price);
    let uuid = FixedLenByteArray::from((0..16).collect::<Vec<u8>>());
    let column = "required fixed_len_byte_array(16) x (UUID)";
    let table = read::<FixedLenByteArrayType>(column, &[uuid]);
    assert_eq!(table.text(0), ["00010203-0405-0607-0809-0a0b0c0d0e0f"]);
    for (bits, value) in [(0x3800_u16, 0.5), (0xc000, -2.0), (1, 2_f64.powi(-24))] {
        assert_eq!(half_float(&bits.to_le_bytes()), Some(value));
    }
}

#[test]
fn nested_and_foreign_columns_are_refused_by_name() {
    for (schema, message) in [
        ("repeated int64 x;", "column \"x\" is nested"),
        ("required group x { required int64 y; }", "column \"x.y\" is nested"),
        ("required fixed_len_byte_array(3) x;", "column \"x\" has the type FIXED_LEN_BYTE_ARRAY"),
        ("required binary x (BSON);", "column \"x\" has the type BYTE_ARRAY"),
        ("required int64 x; required int64 x;", "columns 1 and 2 are both named \"x\""),
    ] {
        let schema = parse_message_type(&format!("message t {{ {schema} }}")).expect("a schema");
        let mut bytes = Vec::new();
        SerializedFileWriter::new(&mut bytes, Arc::new(schema), Arc::default())
            .and_then(SerializedFileWriter::close)
            .expect("a written file");
        let refusal = refusal("t.parquet", &bytes);
        assert!(refusal.contains(message), "{refusal}");
    }
}

#[test]
fn a_file_that_lost_its_end_is_told_as_truncated() {
    let bytes = written::<Int64Type>("required int64 x", &[(&[1, 2, 3], &[1, 1, 1])]);
    for length in [4, 11, 40, bytes.len() - 1] {
        let refusal = refusal("t.parquet", bytes.get(..length).unwrap_or_default());
        assert!(refusal.contains("looks truncated"), "{refusal}");
        assert!(refusal.contains("the footer is missing; copy or write it again"), "{refusal}");
    }
}

#[test]
fn a_table_in_memory_reads_like_one_on_disk() {
    let bytes = written::<Int64Type>("required int64 x", &[(&[1, 2, 3], &[1, 1, 1])]);
    let total = bytes.len() as u64;
    let memory = ParquetBytes::Memory(Bytes::from(bytes.clone()));
    let mut memory =
        ParquetTable::open("standard input".to_owned(), memory, total).expect("a table");
    let mut disk = opened("t.parquet", &bytes).expect("a table");
    assert_eq!(memory.next_chunk(10), disk.next_chunk(10));
    assert_eq!(memory.bytes_total(), Some(total));
}

/// Every byte of a small file, one at a time, is replaced by others.
#[test]
fn no_damaged_byte_makes_the_reader_panic_or_run_on() {
    let values: Vec<ByteArray> = ["a", "b", "a", "ccc"].map(ByteArray::from).to_vec();
    let groups: [(&[ByteArray], &[i16]); 2] = [(&values, &[1, 0, 1, 1, 1]), (&[], &[0])];
    let bytes = written::<ByteArrayType>("optional binary x (UTF8)", &groups);
    for place in 0..bytes.len() {
        for flip in [0x01, 0x10, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[place] ^= flip;
            let total = damaged.len() as u64;
            let memory = ParquetBytes::Memory(Bytes::from(damaged));
            let Ok(mut table) = ParquetTable::open("t".to_owned(), memory, total) else { continue };
            let mut chunks = 0;
            while let Ok(Some(chunk)) = table.next_chunk(2) {
                assert!(chunk.columns.iter().all(|it| it.len() == chunk.row_numbers.len()));
                chunks += 1;
                assert!(chunks < 10_000, "byte {place} ^ {flip:#x}");
            }
        }
    }
}
