//! Rows: the Parquet file of a segment or a reference.

use std::path::Path;

use bytes::Bytes;
use parquet::{
    basic::Type,
    file::{
        metadata::ParquetMetaData,
        reader::{FileReader as _, SerializedFileReader},
    },
};

use xxhash_rust::xxh3::xxh3_64;

use super::{Datum, Found};
use crate::{
    blob::{Blob, Tail},
    column::{Column, NULL_CODE, is_null},
    error::{Error, Result},
    rows::{HASHES_KEY, RowFile, byte_range},
    schema::{Field, Kind},
};

/// Reads a Parquet file, every value of it.
///
/// # Errors
/// `Corruption` with the file.
pub(super) fn inspect(path: &Path, bytes: Vec<u8>) -> Result<Found> {
    let bytes = Bytes::from(bytes);
    let bad = |error: &dyn std::fmt::Display| Error::corruption(path, 0, error);
    let reader = SerializedFileReader::new(bytes.clone()).map_err(|error| bad(&error))?;
    let metadata = reader.metadata();
    let file = open(path, &bytes, metadata)?;
    let mut found = Found::of("rows");
    found.fact("rows", file.rows());
    found.fact("row groups", metadata.num_row_groups());
    let times = file.times()?;
    let time = |time: Option<&i64>| time.map_or(Datum::None, |time| Datum::Time(*time));
    found.fact("first event", time(times.iter().min()));
    found.fact("last event", time(times.iter().max()));
    let ids = file.ids()?;
    if ids.len() != times.len() || times.len() != file.rows() {
        return Err(bad(&"columns of different lengths"));
    }
    let columns = ["column", "type", "encodings", "codec", "bytes", "unpacked", "nulls"];
    let rows = list_columns(metadata, &file)?;
    found.list("columns", &columns, rows);
    Ok(found)
}

/// Opens a file whose tail the catalog does not tell: it begins where the last column ends.
fn open(path: &Path, bytes: &Bytes, metadata: &ParquetMetaData) -> Result<RowFile> {
    let blob = Blob::memory(path.into(), bytes.clone());
    let keys = metadata.file_metadata().key_value_metadata();
    if !keys.is_some_and(|keys| keys.iter().any(|pair| pair.key == HASHES_KEY)) {
        return RowFile::open_whole(&blob);
    }
    let chunks = metadata.row_groups().iter().flat_map(|group| group.columns());
    let ends = chunks.map(|chunk| byte_range(chunk).map(|(start, len)| start.saturating_add(len)));
    let ends: Option<Vec<u64>> = ends.collect();
    let negative = || Error::corruption(path, bytes.len() as u64, "a column of negative length");
    let offset = ends.ok_or_else(negative)?.into_iter().max().unwrap_or(0);
    let from = usize::try_from(offset).ok();
    let tail = from.and_then(|from| bytes.get(from..)).ok_or_else(|| {
        Error::corruption(path, bytes.len() as u64, "a column reaches past the end")
    })?;
    let hash = xxh3_64(tail);
    RowFile::open(blob, Tail { offset, hash })
}

fn list_columns(metadata: &ParquetMetaData, file: &RowFile) -> Result<Vec<Vec<Datum>>> {
    let schema = metadata.file_metadata().schema_descr();
    let mut rows = Vec::with_capacity(schema.num_columns());
    for (place, column) in schema.columns().iter().enumerate() {
        let chunks = metadata.row_groups().iter().filter_map(|group| group.columns().get(place));
        let sum = |size: fn(&parquet::file::metadata::ColumnChunkMetaData) -> i64| {
            let sizes = chunks.clone().map(|chunk| u64::try_from(size(chunk)).unwrap_or(0));
            Datum::Count(sizes.sum())
        };
        let first = chunks.clone().next();
        let encodings = first.map(|chunk| {
            let names = chunk.encodings().map(|encoding| encoding.to_string().to_lowercase());
            names.collect::<Vec<_>>().join(" ")
        });
        let codec = first.map(|chunk| {
            let codec = chunk.compression().to_string().to_lowercase();
            codec.split('(').next().unwrap_or_default().to_owned()
        });
        rows.push(vec![
            column.name().into(),
            column.physical_type().to_string().to_lowercase().into(),
            encodings.into(),
            codec.into(),
            sum(|chunk| chunk.compressed_size()),
            sum(|chunk| chunk.uncompressed_size()),
            nulls(file, column.name(), column.physical_type())?.into(),
        ]);
    }
    Ok(rows)
}

/// Reads a column and counts its nulls; none of ids and times, which were read already.
fn nulls(file: &RowFile, name: &str, physical: Type) -> Result<Option<usize>> {
    if matches!(name, "prediction_id" | "ts") {
        return Ok(None);
    }
    let kind = match physical {
        Type::BOOLEAN => Kind::Boolean,
        Type::BYTE_ARRAY => Kind::Categorical,
        _ => Kind::Numeric,
    };
    let column = file.column(&Field { name: name.to_owned(), kind })?;
    Ok(Some(match column {
        Column::Numeric(values) => values.iter().filter(|value| is_null(**value)).count(),
        Column::Categories(column) => {
            column.codes.iter().filter(|code| **code == NULL_CODE).count()
        }
    }))
}
