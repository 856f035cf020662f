//! Row files of format 1, and any other Parquet file with our columns: read whole, by the crate.
//!
//! The caller has checked all bytes against the catalog: the crate's decoders may panic on others.

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use parquet::{
    column::reader::{ColumnReader, ColumnReaderImpl},
    data_type::{BoolType, ByteArrayType, DataType, DoubleType, FixedLenByteArrayType, Int64Type},
    errors::ParquetError,
    file::reader::{FileReader as _, SerializedFileReader},
};

use super::{IDS, TIMES};
use crate::{
    column::{Categories, CategoriesBuilder, Column, NULL, NULL_CODE, number},
    error::{Error, Result},
    id_column::Ids,
    schema::{Field, Kind},
};

/// A row file in memory.
pub(super) struct OldRows {
    path: Arc<Path>,
    reader: SerializedFileReader<Bytes>,
    bytes: usize,
}

impl std::fmt::Debug for OldRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OldRows").field("path", &self.path).finish_non_exhaustive()
    }
}

impl OldRows {
    /// Opens the bytes of a row file.
    ///
    /// # Errors
    /// `Corruption` if they are not Parquet.
    pub(super) fn open(path: Arc<Path>, bytes: Bytes) -> Result<Self> {
        let len = bytes.len();
        let reader =
            SerializedFileReader::new(bytes).map_err(|error| Error::corruption(&path, 0, error))?;
        Ok(Self { path, reader, bytes: len })
    }

    /// Bytes held in memory.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Number of rows.
    pub(super) fn rows(&self) -> usize {
        usize::try_from(self.reader.metadata().file_metadata().num_rows()).unwrap_or(0)
    }

    /// The event times, ascending.
    ///
    /// # Errors
    /// `Corruption`.
    pub(super) fn times(&self) -> Result<Vec<i64>> {
        let mut times = Vec::with_capacity(self.rows());
        self.each_group(TIMES, &mut |reader| {
            let mut reader = typed::<Int64Type>(reader)?;
            reader.read_records(usize::MAX, None, None, &mut times).map(|_| ())
        })?;
        Ok(times)
    }

    /// The prediction ids.
    ///
    /// # Errors
    /// `Corruption`.
    pub(super) fn ids(&self) -> Result<Ids> {
        let mut ids = Ids::default();
        self.each_group(IDS, &mut |reader| {
            match &reader {
                ColumnReader::FixedLenByteArrayColumnReader(_) => {
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
    pub(super) fn column(&self, field: &Field) -> Result<Column> {
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
        read: &mut dyn FnMut(ColumnReader) -> Result<(), ParquetError>,
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

fn typed<T: DataType>(reader: ColumnReader) -> Result<ColumnReaderImpl<T>, ParquetError> {
    T::get_column_reader(reader)
        .ok_or_else(|| ParquetError::General("a column of another type".to_owned()))
}

fn read_column(reader: ColumnReader, field: &Field) -> Result<Column, ParquetError> {
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
            let mut builder = CategoriesBuilder::with_capacity(levels.len());
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
