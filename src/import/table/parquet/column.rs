//! Reads one column of a row group in pieces and turns its stored values into ours.

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{
    BoolType, ByteArrayType, DataType, DoubleType, FixedLenByteArrayType, FloatType, Int32Type,
    Int64Type, Int96, Int96Type,
};
use parquet::errors::ParquetError;

use super::super::chunk::RawColumn;
use super::plan::{Meaning, Plan, Unit};

const MICROS_PER_DAY: i64 = 86_400_000_000;

/// The Julian day of 1970-01-01, from which the oldest timestamps count.
const JULIAN_EPOCH: i64 = 2_440_588;

/// A column of the row group being read.
pub(super) struct ColumnPiece {
    reader: Typed,
    meaning: Meaning,
    is_float: bool,
}

/// Why the values of a column are none of ours, in words that follow its name.
type Misfit = &'static str;

const OUT_OF_RANGE: Misfit = "holds a time past what 64 bits of microseconds can tell";

enum Typed {
    Bool(Values<BoolType>),
    Int32(Values<Int32Type>),
    Int64(Values<Int64Type>),
    Int96(Values<Int96Type>),
    Float(Values<FloatType>),
    Double(Values<DoubleType>),
    Bytes(Values<ByteArrayType>),
    Fixed(Values<FixedLenByteArrayType>),
}

impl ColumnPiece {
    pub(super) fn new(plan: &Plan, reader: ColumnReader) -> Self {
        let optional = plan.is_optional;
        let reader = match reader {
            ColumnReader::BoolColumnReader(reader) => Typed::Bool(Values::new(reader, optional)),
            ColumnReader::Int32ColumnReader(reader) => Typed::Int32(Values::new(reader, optional)),
            ColumnReader::Int64ColumnReader(reader) => Typed::Int64(Values::new(reader, optional)),
            ColumnReader::Int96ColumnReader(reader) => Typed::Int96(Values::new(reader, optional)),
            ColumnReader::FloatColumnReader(reader) => Typed::Float(Values::new(reader, optional)),
            ColumnReader::DoubleColumnReader(reader) => {
                Typed::Double(Values::new(reader, optional))
            }
            ColumnReader::ByteArrayColumnReader(reader) => {
                Typed::Bytes(Values::new(reader, optional))
            }
            ColumnReader::FixedLenByteArrayColumnReader(reader) => {
                Typed::Fixed(Values::new(reader, optional))
            }
        };
        Self { reader, meaning: plan.meaning, is_float: plan.is_float() }
    }

    /// The next `rows` rows or, at the end of a damaged row group, fewer. The outer error is the
    /// file's, the inner one that of values we cannot hold.
    pub(super) fn read(&mut self, rows: usize) -> Result<Result<RawColumn, Misfit>, ParquetError> {
        Ok(match &mut self.reader {
            Typed::Bool(values) => Ok(RawColumn::Bool(values.read(rows)?.map(|value| *value))),
            Typed::Float(values) => {
                Ok(RawColumn::Float(values.read(rows)?.map(|value| f64::from(*value))))
            }
            Typed::Double(values) => Ok(RawColumn::Float(values.read(rows)?.map(|value| *value))),
            Typed::Int32(values) => int32(&values.read(rows)?, self.meaning),
            Typed::Int64(values) => int64(&values.read(rows)?, self.meaning, self.is_float),
            Typed::Int96(values) => values
                .read(rows)?
                .try_map(|value| int96_micros(value).ok_or(OUT_OF_RANGE))
                .map(RawColumn::Timestamp),
            Typed::Bytes(values) => bytes(&values.read(rows)?, self.meaning, |value| value.data()),
            Typed::Fixed(values) => bytes(&values.read(rows)?, self.meaning, |value| value.data()),
        })
    }
}

/// The stored values of a column, read in pieces into buffers that are used again.
struct Values<T: DataType> {
    reader: ColumnReaderImpl<T>,
    is_optional: bool,
    /// Of each row, 1 if it has a value and 0 if not; empty when all have.
    levels: Vec<i16>,
    values: Vec<T::T>,
}

impl<T: DataType> Values<T> {
    fn new(reader: ColumnReaderImpl<T>, is_optional: bool) -> Self {
        Self { reader, is_optional, levels: Vec::new(), values: Vec::new() }
    }

    fn read(&mut self, rows: usize) -> Result<Piece<'_, T::T>, ParquetError> {
        self.levels.clear();
        self.values.clear();
        let levels = self.is_optional.then_some(&mut self.levels);
        self.reader.read_records(rows, levels, None, &mut self.values)?;
        Ok(Piece { levels: self.is_optional.then_some(&self.levels), values: &self.values })
    }
}

/// Values without their nulls, and where the nulls are.
struct Piece<'a, T> {
    levels: Option<&'a [i16]>,
    values: &'a [T],
}

impl<T> Piece<'_, T> {
    fn map<U>(&self, value: impl Fn(&T) -> U) -> Vec<Option<U>> {
        let Some(levels) = self.levels else {
            return self.values.iter().map(|stored| Some(value(stored))).collect();
        };
        let mut values = self.values.iter();
        levels
            .iter()
            .map(|level| if *level > 0 { values.next().map(&value) } else { None })
            .collect()
    }

    fn try_map<U, E>(&self, value: impl Fn(&T) -> Result<U, E>) -> Result<Vec<Option<U>>, E> {
        let mut values = self.values.iter();
        let Some(levels) = self.levels else {
            return values.map(|stored| value(stored).map(Some)).collect();
        };
        levels
            .iter()
            .map(|level| match level {
                1.. => values.next().map(&value).transpose(),
                _ => Ok(None),
            })
            .collect()
    }
}

fn int32(piece: &Piece<i32>, meaning: Meaning) -> Result<RawColumn, Misfit> {
    match meaning {
        // The stored number has the bits of the unsigned one.
        Meaning::Unsigned => {
            Ok(RawColumn::Int(piece.map(|value| i64::from(value.cast_unsigned()))))
        }
        // 2^31 days are 1.9e20 microseconds, past 64 bits.
        Meaning::Date => piece
            .try_map(|value| i64::from(*value).checked_mul(MICROS_PER_DAY).ok_or(OUT_OF_RANGE))
            .map(RawColumn::Timestamp),
        Meaning::Timestamp(unit) => piece
            .try_map(|value| to_micros(i64::from(*value), unit).ok_or(OUT_OF_RANGE))
            .map(RawColumn::Timestamp),
        Meaning::Decimal(scale) => {
            Ok(RawColumn::Float(piece.map(|value| decimal(i128::from(*value), scale))))
        }
        _ => Ok(RawColumn::Int(piece.map(|value| i64::from(*value)))),
    }
}

fn int64(piece: &Piece<i64>, meaning: Meaning, is_float: bool) -> Result<RawColumn, Misfit> {
    match meaning {
        Meaning::Unsigned if is_float || piece.values.iter().any(|value| *value < 0) => {
            Ok(RawColumn::Float(piece.map(|value| value.cast_unsigned() as f64)))
        }
        Meaning::Timestamp(unit) => piece
            .try_map(|value| to_micros(*value, unit).ok_or(OUT_OF_RANGE))
            .map(RawColumn::Timestamp),
        Meaning::Decimal(scale) => {
            Ok(RawColumn::Float(piece.map(|value| decimal(i128::from(*value), scale))))
        }
        _ => Ok(RawColumn::Int(piece.map(|value| *value))),
    }
}

fn bytes<T>(
    piece: &Piece<T>,
    meaning: Meaning,
    data: impl Fn(&T) -> &[u8],
) -> Result<RawColumn, Misfit> {
    match meaning {
        Meaning::Decimal(scale) => piece
            .try_map(|value| {
                let unscaled = big_endian(data(value));
                unscaled
                    .map(|unscaled| decimal(unscaled, scale))
                    .ok_or("holds a decimal of more than 128 bits")
            })
            .map(RawColumn::Float),
        Meaning::HalfFloat => piece
            .try_map(|value| half_float(data(value)).ok_or("holds a half float not of 2 bytes"))
            .map(RawColumn::Float),
        Meaning::Uuid => Ok(RawColumn::Text(piece.map(|value| uuid_text(data(value))))),
        _ => piece
            .try_map(|value| {
                std::str::from_utf8(data(value))
                    .map(str::to_owned)
                    .map_err(|_| "holds bytes that are not UTF-8 text")
            })
            .map(RawColumn::Text),
    }
}

/// Rounds down, as text timestamps are.
fn to_micros(value: i64, unit: Unit) -> Option<i64> {
    match unit {
        Unit::Millis => value.checked_mul(1_000),
        Unit::Micros => Some(value),
        Unit::Nanos => Some(value.div_euclid(1_000)),
    }
}

pub(super) fn int96_micros(value: &Int96) -> Option<i64> {
    // Nanoseconds of the day, low word first, then the Julian day.
    let [low, high, day] = value.data() else { return None };
    let nanos = (u64::from(*high) << 32) | u64::from(*low);
    let days = i64::from(*day) - JULIAN_EPOCH;
    days.checked_mul(MICROS_PER_DAY)?.checked_add(i64::try_from(nanos / 1_000).ok()?)
}

/// The double nearest to the decimal, up to one rounding: both operands are exact in the range
/// of ordinary money and rates (15 digits).
fn decimal(unscaled: i128, scale: i32) -> f64 {
    unscaled as f64 / 10_f64.powi(scale)
}

/// A two's complement number of any length up to 16 bytes.
fn big_endian(bytes: &[u8]) -> Option<i128> {
    let is_negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    let start = if is_negative { -1 } else { 0 };
    (bytes.len() <= size_of::<i128>())
        .then(|| bytes.iter().fold(start, |number, byte| (number << 8) | i128::from(*byte)))
}

/// IEEE 754 binary16: sign, 5 bits of exponent, 10 of fraction.
pub(super) fn half_float(bytes: &[u8]) -> Option<f64> {
    let bits = u16::from_le_bytes(bytes.try_into().ok()?);
    let fraction = f64::from(bits & 0x3ff) / 1024.0;
    let magnitude = match i32::from(bits >> 10) & 0x1f {
        0 => fraction * 2_f64.powi(-14),
        0x1f if fraction == 0.0 => f64::INFINITY,
        0x1f => f64::NAN,
        exponent => (1.0 + fraction) * 2_f64.powi(exponent - 15),
    };
    Some(if bits & 0x8000 == 0 { magnitude } else { -magnitude })
}

/// The hyphenated form, as the other formats write it.
fn uuid_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(36);
    for (place, byte) in bytes.iter().enumerate() {
        if matches!(place, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        for digit in [byte >> 4, byte & 0xf] {
            text.extend(char::from_digit(u32::from(digit), 16));
        }
    }
    text
}
