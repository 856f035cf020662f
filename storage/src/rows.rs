//! Row files: an ordinary Parquet file per segment and per reference, readable by any engine.
//!
//! Columns: `prediction_id` (UUID if all ids are canonical UUIDs, else string), `ts` (microseconds
//! UTC), then [`Schema::columns`] under their own names: numbers as DOUBLE, booleans as BOOLEAN,
//! categories as strings, all optional. One row group, sorted by time. Numbers of many distinct
//! values are byte-stream-split, others go through a dictionary; all pages are zstd.

use std::{collections::HashSet, path::Path, sync::Arc};

use bytes::Bytes;
use parquet::{
    basic::{
        Compression, Encoding, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel,
    },
    column::writer::ColumnWriter,
    data_type::{
        BoolType, ByteArray, ByteArrayType, DoubleType, FixedLenByteArray, FixedLenByteArrayType,
        Int64Type,
    },
    errors::ParquetError,
    file::{
        properties::{EnabledStatistics, WriterProperties},
        reader::{FileReader as _, SerializedFileReader},
        writer::SerializedFileWriter,
    },
    schema::types::{ColumnPath, Type},
};

use crate::{
    column::{Categories, Column, NULL, NULL_CODE, is_null, number},
    error::{Error, ErrorKind, Result},
    id_column::Ids,
    schema::{Field, Kind},
    time::TimeRange,
};

/// Distinct numbers up to which a dictionary is smaller than byte-stream-split.
const DICTIONARY_VALUES_MAX: usize = 4_096;
/// Level 1 costs a third of the time of level 3 for two per cent more bytes on our columns.
const ZSTD_LEVEL: i32 = 1;

/// Some rows: their times and some of their columns.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RowChunk {
    /// Event times in microseconds.
    pub times: Vec<i64>,
    /// The columns that were asked for, in the order asked.
    pub columns: Vec<Column>,
}

impl RowChunk {
    /// The rows inside an interval.
    pub fn within(self, range: TimeRange) -> Self {
        if self.times.iter().all(|time| range.contains(*time)) {
            return self;
        }
        let rows: Vec<u32> = (0_u32..)
            .zip(&self.times)
            .filter(|(_, t)| range.contains(**t))
            .map(|(r, _)| r)
            .collect();
        self.take(&rows)
    }

    /// The rows of a selection, in its order.
    pub fn take(&self, rows: &[u32]) -> Self {
        Self {
            times: rows.iter().filter_map(|r| self.times.get(*r as usize)).copied().collect(),
            columns: self.columns.iter().map(|column| column.take(rows)).collect(),
        }
    }
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
) -> Result<Vec<u8>> {
    encode(ids, times, fields, columns)
        .map_err(|error| Error::new(ErrorKind::Io, format!("encode rows as Parquet: {error}")))
}

fn encode(
    ids: &Ids,
    times: &[i64],
    fields: &[Field],
    columns: &[Column],
) -> Result<Vec<u8>, ParquetError> {
    let uuids: Option<Vec<FixedLenByteArray>> = ids.uuids().map(|uuids| {
        let all = Bytes::copy_from_slice(uuids.as_flattened());
        let one = |row: usize| ByteArray::from(all.slice(row * 16..row * 16 + 16)).into();
        (0..uuids.len()).map(one).collect()
    });
    let schema = parquet_schema(fields, uuids.is_some())?;
    let properties = properties(fields, columns)?;
    let mut bytes = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::new(properties))?;
    let mut group = writer.next_row_group()?;
    let mut place = 0;
    while let Some(mut column) = group.next_column()? {
        match (place, column.untyped()) {
            (0, ColumnWriter::FixedLenByteArrayColumnWriter(writer)) => {
                writer.write_batch(uuids.as_deref().unwrap_or_default(), None, None)?;
            }
            (0, ColumnWriter::ByteArrayColumnWriter(writer)) => {
                let values: Vec<ByteArray> = ids.iter().map(|id| ByteArray::from(&*id)).collect();
                writer.write_batch(&values, None, None)?;
            }
            (1, ColumnWriter::Int64ColumnWriter(writer)) => {
                writer.write_batch(times, None, None)?;
            }
            (_, writer) => match columns.get(place - 2) {
                Some(column) => write_column(writer, column)?,
                None => return Err(ParquetError::General("a column without values".to_owned())),
            },
        }
        column.close()?;
        place += 1;
    }
    group.close()?;
    writer.close()?;
    Ok(bytes)
}

fn parquet_schema(fields: &[Field], uuid: bool) -> Result<Arc<Type>, ParquetError> {
    let id = if uuid {
        Type::primitive_type_builder("prediction_id", Physical::FIXED_LEN_BYTE_ARRAY)
            .with_length(16)
            .with_logical_type(Some(LogicalType::Uuid))
    } else {
        Type::primitive_type_builder("prediction_id", Physical::BYTE_ARRAY)
            .with_logical_type(Some(LogicalType::String))
    };
    let micros = LogicalType::timestamp(true, TimeUnit::MICROS);
    let time = Type::primitive_type_builder("ts", Physical::INT64).with_logical_type(Some(micros));
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

fn properties(fields: &[Field], columns: &[Column]) -> Result<WriterProperties, ParquetError> {
    let zstd = Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?);
    let path = |name: &str| ColumnPath::new(vec![name.to_owned()]);
    let mut builder = WriterProperties::builder()
        .set_compression(zstd)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_row_count(None)
        .set_column_dictionary_enabled(path("prediction_id"), false)
        .set_column_dictionary_enabled(path("ts"), false)
        .set_column_encoding(path("ts"), Encoding::DELTA_BINARY_PACKED);
    for (field, column) in fields.iter().zip(columns) {
        if let Column::Numeric(values) = column
            && has_many_values(values)
        {
            builder = builder
                .set_column_dictionary_enabled(path(&field.name), false)
                .set_column_encoding(path(&field.name), Encoding::BYTE_STREAM_SPLIT);
        }
    }
    Ok(builder.build())
}

fn has_many_values(values: &[f64]) -> bool {
    let mut seen: HashSet<u64, foldhash::fast::RandomState> = HashSet::default();
    values.iter().any(|value| seen.insert(value.to_bits()) && seen.len() > DICTIONARY_VALUES_MAX)
        || seen.len() * 2 > values.len()
}

fn write_column(writer: &mut ColumnWriter<'_>, column: &Column) -> Result<(), ParquetError> {
    match (writer, column) {
        (ColumnWriter::DoubleColumnWriter(writer), Column::Numeric(values)) => {
            let levels: Vec<i16> = values.iter().map(|v| i16::from(!is_null(*v))).collect();
            let present: Vec<f64> = values.iter().copied().filter(|v| !is_null(*v)).collect();
            writer.write_batch(&present, Some(&levels), None)?;
        }
        (ColumnWriter::ByteArrayColumnWriter(writer), Column::Categories(column)) => {
            let texts: Vec<ByteArray> =
                column.dictionary.iter().map(|text| ByteArray::from(text.as_str())).collect();
            let (levels, present) = present(column, |code| texts.get(code).cloned());
            writer.write_batch(&present, Some(&levels), None)?;
        }
        (ColumnWriter::BoolColumnWriter(writer), Column::Categories(column)) => {
            let truths: Vec<bool> = column.dictionary.iter().map(|text| text == "true").collect();
            let (levels, present) = present(column, |code| truths.get(code).copied());
            writer.write_batch(&present, Some(&levels), None)?;
        }
        _ => return Err(ParquetError::General("a column of another kind".to_owned())),
    }
    Ok(())
}

fn present<T>(column: &Categories, value: impl Fn(usize) -> Option<T>) -> (Vec<i16>, Vec<T>) {
    let mut levels = Vec::with_capacity(column.codes.len());
    let mut present = Vec::with_capacity(column.codes.len());
    for code in &column.codes {
        let found = value(*code as usize);
        levels.push(i16::from(found.is_some()));
        present.extend(found);
    }
    (levels, present)
}

/// A row file whose bytes are in memory and were checked against the catalog.
pub struct RowFile {
    path: Arc<Path>,
    reader: SerializedFileReader<Bytes>,
    bytes: usize,
}

impl std::fmt::Debug for RowFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RowFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl RowFile {
    /// Opens the bytes of a row file.
    ///
    /// # Errors
    /// `Corruption` if they are not Parquet.
    pub fn open(path: Arc<Path>, bytes: Vec<u8>) -> Result<Self> {
        let len = bytes.len();
        let reader = SerializedFileReader::new(Bytes::from(bytes))
            .map_err(|error| Error::corruption(&path, 0, error))?;
        Ok(Self { path, reader, bytes: len })
    }

    /// Bytes held in memory.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        usize::try_from(self.reader.metadata().file_metadata().num_rows()).unwrap_or(0)
    }

    /// The event times, ascending.
    ///
    /// # Errors
    /// `Corruption`.
    pub fn times(&self) -> Result<Vec<i64>> {
        let mut times = Vec::with_capacity(self.rows());
        self.each_group("ts", &mut |reader| {
            let mut reader = typed::<Int64Type>(reader)?;
            reader.read_records(usize::MAX, None, None, &mut times).map(|_| ())
        })?;
        Ok(times)
    }

    /// The prediction ids.
    ///
    /// # Errors
    /// `Corruption`.
    pub fn ids(&self) -> Result<Ids> {
        let mut ids = Ids::default();
        self.each_group("prediction_id", &mut |reader| {
            match &reader {
                parquet::column::reader::ColumnReader::FixedLenByteArrayColumnReader(_) => {
                    let mut values = Vec::new();
                    typed::<FixedLenByteArrayType>(reader)?.read_records(
                        usize::MAX,
                        None,
                        None,
                        &mut values,
                    )?;
                    for value in &values {
                        let uuid = <[u8; 16]>::try_from(value.data())
                            .map_err(|error| ParquetError::General(error.to_string()))?;
                        ids.push_uuid(uuid);
                    }
                }
                _ => {
                    let mut values = Vec::new();
                    typed::<ByteArrayType>(reader)?.read_records(
                        usize::MAX,
                        None,
                        None,
                        &mut values,
                    )?;
                    for value in &values {
                        ids.push(value.as_utf8()?);
                    }
                }
            }
            Ok(())
        })?;
        Ok(ids)
    }

    /// A column by name; nulls if the file was written before the column existed.
    ///
    /// # Errors
    /// `Corruption`.
    pub fn column(&self, field: &Field) -> Result<Column> {
        let mut column = Column::nulls(field.kind.is_numeric(), 0);
        let mut found = false;
        self.each_group(&field.name, &mut |reader| {
            found = true;
            column.append(&read_column(reader, field)?);
            Ok(())
        })?;
        if !found {
            return Ok(Column::nulls(field.kind.is_numeric(), self.rows()));
        }
        Ok(column)
    }

    fn each_group(
        &self,
        name: &str,
        read: &mut dyn FnMut(parquet::column::reader::ColumnReader) -> Result<(), ParquetError>,
    ) -> Result<()> {
        let schema = self.reader.metadata().file_metadata().schema_descr();
        let Some(place) = schema.columns().iter().position(|column| column.name() == name) else {
            return Ok(());
        };
        for group in 0..self.reader.num_row_groups() {
            self.reader
                .get_row_group(group)
                .and_then(|group| group.get_column_reader(place))
                .and_then(&mut *read)
                .map_err(|error| Error::corruption(&self.path, 0, format!("{name}: {error}")))?;
        }
        Ok(())
    }
}

fn typed<T: parquet::data_type::DataType>(
    reader: parquet::column::reader::ColumnReader,
) -> Result<parquet::column::reader::ColumnReaderImpl<T>, ParquetError> {
    T::get_column_reader(reader)
        .ok_or_else(|| ParquetError::General("a column of another type".to_owned()))
}

fn read_column(
    reader: parquet::column::reader::ColumnReader,
    field: &Field,
) -> Result<Column, ParquetError> {
    let mut levels = Vec::new();
    match field.kind {
        Kind::Numeric => {
            let mut values = Vec::new();
            typed::<DoubleType>(reader)?.read_records(
                usize::MAX,
                Some(&mut levels),
                None,
                &mut values,
            )?;
            let mut values = values.into_iter();
            let value = |level: &i16| if *level == 1 { number(values.next()) } else { NULL };
            Ok(Column::Numeric(levels.iter().map(value).collect()))
        }
        Kind::Boolean => {
            let mut values = Vec::new();
            typed::<BoolType>(reader)?.read_records(
                usize::MAX,
                Some(&mut levels),
                None,
                &mut values,
            )?;
            let mut values = values.into_iter();
            let code = |level: &i16| match (level, values.next_if_present(*level)) {
                (1, Some(value)) => u32::from(value),
                _ => NULL_CODE,
            };
            let codes = levels.iter().map(code).collect();
            let dictionary = vec!["false".to_owned(), "true".to_owned()];
            Ok(Column::Categories(Categories { codes, dictionary }))
        }
        Kind::Categorical => {
            let mut values = Vec::new();
            typed::<ByteArrayType>(reader)?.read_records(
                usize::MAX,
                Some(&mut levels),
                None,
                &mut values,
            )?;
            let mut builder = crate::column::CategoriesBuilder::with_capacity(levels.len());
            let mut values = values.iter();
            for level in levels {
                match values.next_if_present(level) {
                    Some(value) => builder.push(Some(value.as_utf8()?)),
                    None => builder.push(None),
                }
            }
            Ok(Column::Categories(builder.finish()))
        }
    }
}

/// Takes the next value where the definition level says that there is one.
trait NextIfPresent: Iterator {
    fn next_if_present(&mut self, level: i16) -> Option<Self::Item> {
        if level == 1 { self.next() } else { None }
    }
}

impl<I: Iterator> NextIfPresent for I {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column::CategoriesBuilder;

    fn categories(texts: &[Option<&str>]) -> Column {
        let mut builder = CategoriesBuilder::default();
        texts.iter().for_each(|text| builder.push(*text));
        Column::Categories(builder.finish())
    }

    fn field(name: &str, kind: Kind) -> Field {
        Field { name: name.to_owned(), kind }
    }

    fn round_trip(ids: &[&str]) -> (RowFile, Vec<Field>, Vec<Column>) {
        let ids: Ids = ids.iter().copied().collect();
        let fields = vec![
            field("x", Kind::Numeric),
            field("b", Kind::Boolean),
            field("c", Kind::Categorical),
            field("none", Kind::Numeric),
        ];
        let columns = vec![
            Column::Numeric(vec![f64::NAN, NULL, f64::NEG_INFINITY]),
            categories(&[Some("true"), None, Some("false")]),
            categories(&[None, Some("é"), Some("")]),
            Column::nulls(true, 3),
        ];
        let bytes = write_rows(&ids, &[-1, 0, 5], &fields, &columns).expect("encodes");
        (RowFile::open(Path::new("r").into(), bytes).expect("opens"), fields, columns)
    }

    #[test]
    fn rows_come_back_with_null_nan_and_infinity_apart() {
        let (file, fields, columns) = round_trip(&["a", "b", "c"]);
        assert_eq!(file.times().expect("reads"), [-1, 0, 5]);
        assert_eq!(file.ids().expect("reads").iter().collect::<Vec<_>>(), ["a", "b", "c"]);
        let Column::Numeric(x) = file.column(&fields[0]).expect("reads") else { panic!("number") };
        assert!(x[0].is_nan() && !is_null(x[0]) && is_null(x[1]) && x[2] == f64::NEG_INFINITY);
        for row in 0..3 {
            for place in [1, 2] {
                let back = file.column(&fields[place]).expect("reads");
                let (Column::Categories(back), Column::Categories(want)) = (back, &columns[place])
                else {
                    panic!("categories")
                };
                assert_eq!(back.text(row), want.text(row));
            }
        }
        let absent = file.column(&field("later", Kind::Numeric)).expect("reads");
        assert!(matches!(absent, Column::Numeric(values) if values.iter().all(|v| is_null(*v))));
    }

    #[test]
    fn canonical_uuids_take_sixteen_bytes_and_come_back() {
        let ids = [
            "67e55044-10b1-426f-9247-bb680e5fe0c8",
            "00000000-0000-0000-0000-000000000000",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
        ];
        let (file, ..) = round_trip(&ids);
        assert_eq!(file.ids().expect("reads").iter().collect::<Vec<_>>(), ids);
        let upper = ["67E55044-10B1-426F-9247-BB680E5FE0C8", "b", "c"];
        let (file, ..) = round_trip(&upper);
        assert_eq!(file.ids().expect("reads").iter().collect::<Vec<_>>(), upper);
    }
}
