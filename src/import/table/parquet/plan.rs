//! Decides how each column of a Parquet table is read from what the file declares about it.
//!
//! The newer logical types decide before the older converted types, and columns that no value of
//! ours can hold are refused by name when the table is opened.

use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::statistics::Statistics;
use parquet::schema::types::ColumnDescriptor;

use super::super::chunk::{ColumnInfo, RawKind};
use super::super::error::TableError;

/// Digits of a decimal that fit the 128 bits it is computed in.
const DECIMAL_DIGITS_MAX: i32 = 38;

/// Unit of a stored timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Millis,
    Micros,
    Nanos,
}

/// What the stored values of a column mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Nothing beyond the stored type.
    Plain,
    Unsigned,
    Text,
    Timestamp(Unit),
    Date,
    /// A whole number of ten to the minus this many.
    Decimal(i32),
    HalfFloat,
    Uuid,
    /// Declared to hold nulls only.
    Null,
}

/// How to read a column.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) name: String,
    pub(super) meaning: Meaning,
    /// Whether rows may lack a value, so that the file says of each whether it does.
    pub(super) is_optional: bool,
    kind: RawKind,
}

impl Plan {
    pub(super) fn info(&self) -> ColumnInfo {
        ColumnInfo { name: self.name.clone(), kind: self.kind }
    }

    /// Whether whole numbers are handed out as floats, being past the signed 64 bits.
    pub(super) fn is_float(&self) -> bool {
        self.kind == RawKind::Float
    }
}

/// Plans every column, refusing nested ones and types without a counterpart.
pub(super) fn plan_columns(
    input: &str,
    metadata: &ParquetMetaData,
) -> Result<Vec<Plan>, TableError> {
    let schema = metadata.file_metadata().schema_descr();
    let mut plans = Vec::with_capacity(schema.num_columns());
    for (place, column) in schema.columns().iter().enumerate() {
        let name = column.path().string();
        if column.path().parts().len() != 1 || column.max_rep_level() > 0 {
            return Err(TableError::new(
                input,
                format!("column \"{name}\" is nested (a list, map or struct)"),
                "write it as plain columns or drop it",
            ));
        }
        let meaning = tell_meaning(column).ok_or_else(|| {
            TableError::new(
                input,
                format!("column \"{name}\" has the type {}, which is not read", type_name(column)),
                "write it as a number, text, boolean or timestamp, or drop it",
            )
        })?;
        let kind = tell_kind(column.physical_type(), meaning, || exceeds_i64(metadata, place));
        plans.push(Plan { name, meaning, is_optional: column.max_def_level() > 0, kind });
    }
    if plans.is_empty() {
        return Err(TableError::new(input, "the table has no columns", "write it with columns"));
    }
    Ok(plans)
}

fn type_name(column: &ColumnDescriptor) -> String {
    match (column.logical_type_ref(), column.converted_type()) {
        (Some(logical), _) => format!("{} ({logical:?})", column.physical_type()),
        (None, ConvertedType::NONE) => column.physical_type().to_string(),
        (None, converted) => format!("{} ({converted})", column.physical_type()),
    }
}

fn tell_meaning(column: &ColumnDescriptor) -> Option<Meaning> {
    match column.physical_type() {
        Type::BOOLEAN | Type::FLOAT | Type::DOUBLE if is_null(column) => Some(Meaning::Null),
        Type::BOOLEAN | Type::FLOAT | Type::DOUBLE => Some(Meaning::Plain),
        Type::INT96 => Some(Meaning::Timestamp(Unit::Nanos)),
        Type::INT32 | Type::INT64 => tell_integer(column),
        Type::BYTE_ARRAY => tell_bytes(column),
        Type::FIXED_LEN_BYTE_ARRAY => tell_fixed_bytes(column),
    }
}

fn is_null(column: &ColumnDescriptor) -> bool {
    matches!(column.logical_type_ref(), Some(LogicalType::Unknown))
}

fn tell_integer(column: &ColumnDescriptor) -> Option<Meaning> {
    let unit = |unit: &TimeUnit| match unit {
        TimeUnit::MILLIS => Unit::Millis,
        TimeUnit::MICROS => Unit::Micros,
        TimeUnit::NANOS => Unit::Nanos,
    };
    match column.logical_type_ref() {
        Some(LogicalType::Timestamp(about)) => return Some(Meaning::Timestamp(unit(&about.unit))),
        Some(LogicalType::Date) => return Some(Meaning::Date),
        Some(LogicalType::Decimal(_)) => return tell_decimal(column),
        Some(LogicalType::Integer(about)) if !about.is_signed => return Some(Meaning::Unsigned),
        Some(LogicalType::Integer(_) | LogicalType::Time(_)) => return Some(Meaning::Plain),
        Some(LogicalType::Unknown) => return Some(Meaning::Null),
        Some(_) | None => {}
    }
    match column.converted_type() {
        ConvertedType::TIMESTAMP_MILLIS => Some(Meaning::Timestamp(Unit::Millis)),
        ConvertedType::TIMESTAMP_MICROS => Some(Meaning::Timestamp(Unit::Micros)),
        ConvertedType::DATE => Some(Meaning::Date),
        ConvertedType::DECIMAL => tell_decimal(column),
        ConvertedType::UINT_8
        | ConvertedType::UINT_16
        | ConvertedType::UINT_32
        | ConvertedType::UINT_64 => Some(Meaning::Unsigned),
        _ => Some(Meaning::Plain),
    }
}

fn tell_bytes(column: &ColumnDescriptor) -> Option<Meaning> {
    match (column.logical_type_ref(), column.converted_type()) {
        (Some(LogicalType::Unknown), _) => Some(Meaning::Null),
        (Some(LogicalType::Decimal(_)), _) | (_, ConvertedType::DECIMAL) => tell_decimal(column),
        (None | Some(LogicalType::String | LogicalType::Enum | LogicalType::Json), _) => {
            Some(Meaning::Text)
        }
        _ => None,
    }
}

fn tell_fixed_bytes(column: &ColumnDescriptor) -> Option<Meaning> {
    match (column.logical_type_ref(), column.converted_type(), column.type_length()) {
        (Some(LogicalType::Unknown), _, _) => Some(Meaning::Null),
        (Some(LogicalType::Decimal(_)), _, _) | (_, ConvertedType::DECIMAL, _) => {
            tell_decimal(column)
        }
        (Some(LogicalType::Float16), _, 2) => Some(Meaning::HalfFloat),
        (Some(LogicalType::Uuid), _, 16) => Some(Meaning::Uuid),
        _ => None,
    }
}

fn tell_decimal(column: &ColumnDescriptor) -> Option<Meaning> {
    let is_held = (1..=DECIMAL_DIGITS_MAX).contains(&column.type_precision())
        && (0..=DECIMAL_DIGITS_MAX).contains(&column.type_scale());
    is_held.then(|| Meaning::Decimal(column.type_scale()))
}

fn tell_kind(stored: Type, meaning: Meaning, exceeds_i64: impl Fn() -> bool) -> RawKind {
    match (meaning, stored) {
        (Meaning::Null, _) => RawKind::Null,
        (Meaning::Text | Meaning::Uuid, _) => RawKind::Text,
        (Meaning::Timestamp(_) | Meaning::Date, _) => RawKind::Timestamp,
        (Meaning::Decimal(_) | Meaning::HalfFloat, _) => RawKind::Float,
        (Meaning::Unsigned, Type::INT64) if exceeds_i64() => RawKind::Float,
        (_, Type::FLOAT | Type::DOUBLE) => RawKind::Float,
        (_, Type::BOOLEAN) => RawKind::Bool,
        _ => RawKind::Int,
    }
}

/// Whether the statistics of an unsigned column tell of values past the signed range. A file
/// without statistics shows them only when they are read.
fn exceeds_i64(metadata: &ParquetMetaData, place: usize) -> bool {
    metadata.row_groups().iter().filter_map(|group| group.columns().get(place)).any(|column| {
        match column.statistics() {
            // Stored as the signed number of the same bits.
            Some(Statistics::Int64(values)) => values.max_opt().is_some_and(|max| *max < 0),
            _ => false,
        }
    })
}
