//! The whole file: chunks of all columns, page indexes, footer, and the hashes that cover them.

use std::sync::Arc;

use bytes::Bytes;
use parquet::{
    basic::{LogicalType, Repetition, TimeUnit, Type as Physical},
    errors::ParquetError,
    file::{metadata::KeyValue, properties::WriterProperties, writer::SerializedFileWriter},
    schema::types::Type,
};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::{
    HASHES_KEY, IDS, MAGIC, TIMES, VERSION,
    chunk::{Encoded, Packer, general},
    encode,
};
use crate::{
    blob::Tail,
    column::Column,
    error::{Error, ErrorKind, Result},
    id_column::Ids,
    schema::{Field, Kind},
};

/// More than footers take, but those of thousands of columns.
const FOOTER_BYTES: usize = 64 << 10;

/// A row file in memory, and what must be known to check it without reading it whole.
#[derive(Debug, Clone)]
pub struct EncodedRows {
    /// The file.
    pub bytes: Vec<u8>,
    /// Where its page indexes and footer begin, and their hash.
    pub tail: Tail,
}

/// Writes rows in their order.
///
/// # Errors
/// `Io` if the encoder fails, which means a bug here or no memory.
pub fn write_rows(
    ids: &Ids,
    times: &[i64],
    fields: &[Field],
    columns: &[Column],
) -> Result<EncodedRows> {
    encode(ids, times, fields, columns)
        .map_err(|error| Error::new(ErrorKind::Io, format!("encode rows as Parquet: {error}")))
}

fn encode(ids: &Ids, times: &[i64], fields: &[Field], columns: &[Column]) -> Encoded<EncodedRows> {
    let lengths = columns.iter().map(Column::len).chain([ids.len()]);
    if columns.len() != fields.len() || lengths.clone().any(|length| length != times.len()) {
        return Err(general("columns of different lengths"));
    }
    let properties = WriterProperties::builder()
        .set_created_by(concat!("driftline version ", env!("CARGO_PKG_VERSION")).to_owned())
        .build();
    let schema = schema(fields, ids.uuids().is_some())?;
    // Room for all values as they are: what is not touched costs nothing.
    let widths = columns.iter().map(Column::bytes).sum::<usize>() + ids.bytes() + times.len() * 8;
    let mut bytes = Vec::with_capacity(widths + FOOTER_BYTES);
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::new(properties))?;
    let descriptor = writer.schema_descr().columns().to_vec();
    let mut packer = Packer::new()?;
    let mut hashes = Vec::with_capacity(descriptor.len());
    let mut group = writer.next_row_group()?;
    for (place, descriptor) in descriptor.into_iter().enumerate() {
        let chunk = match place {
            0 => encode::ids(descriptor, ids, &mut packer)?,
            1 => encode::times(descriptor, times, &mut packer)?,
            _ => {
                let column = columns.get(place - 2).ok_or_else(|| general("no such column"))?;
                encode::column(descriptor, column, &mut packer)?
            }
        };
        hashes.push(chunk_hash(place, &chunk.bytes));
        group.append_column::<Bytes>(&chunk.bytes, chunk.close)?;
        packer.reuse(chunk.bytes);
    }
    group.close()?;
    let tail = writer.bytes_written();
    let hashes: String = hashes.iter().map(|hash| format!("{hash:016x}")).collect();
    let hashes = format!("{VERSION} {hashes}");
    writer.append_key_value_metadata(KeyValue::new(HASHES_KEY.to_owned(), hashes));
    writer.close()?;
    let hash = xxh3_64(bytes.get(tail..).unwrap_or_default());
    Ok(EncodedRows { bytes, tail: Tail { offset: tail as u64, hash } })
}

/// The hash of a chunk; the first one's covers the magic before it.
fn chunk_hash(place: usize, bytes: &[u8]) -> u64 {
    if place > 0 {
        return xxh3_64(bytes);
    }
    let mut hash = Xxh3::new();
    hash.update(MAGIC);
    hash.update(bytes);
    hash.digest()
}

fn schema(fields: &[Field], uuid: bool) -> Result<Arc<Type>, ParquetError> {
    let id = if uuid {
        Type::primitive_type_builder(IDS, Physical::FIXED_LEN_BYTE_ARRAY)
            .with_length(16)
            .with_logical_type(Some(LogicalType::Uuid))
    } else {
        Type::primitive_type_builder(IDS, Physical::BYTE_ARRAY)
            .with_logical_type(Some(LogicalType::String))
    };
    let micros = LogicalType::timestamp(true, TimeUnit::MICROS);
    let time = Type::primitive_type_builder(TIMES, Physical::INT64).with_logical_type(Some(micros));
    let mut types = Vec::with_capacity(fields.len() + 2);
    for builder in [id, time] {
        types.push(Arc::new(builder.with_repetition(Repetition::REQUIRED).build()?));
    }
    for field in fields {
        let (physical, logical) = match field.kind {
            Kind::Numeric => (Physical::DOUBLE, None),
            Kind::Boolean => (Physical::BOOLEAN, None),
            Kind::Categorical => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        };
        let builder = Type::primitive_type_builder(&field.name, physical)
            .with_logical_type(logical)
            .with_repetition(Repetition::OPTIONAL);
        types.push(Arc::new(builder.build()?));
    }
    Ok(Arc::new(Type::group_type_builder("driftline").with_fields(types).build()?))
}
