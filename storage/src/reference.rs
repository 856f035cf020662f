//! References in memory: the record, the binning that it fixes and its own counts.
//!
//! Summary files have the sections 1 = binning, 2 = per column the count of each bin and of each
//! special, 3 = per column its percentiles, 4 = moments (version 2). Latency and status are columns from
//! version 3 on. Rows are a row file like a
//! segment's, for exact tests and new binnings.

use std::{path::Path, sync::Arc};

use crate::{
    binning::Binning,
    codec::{DecodeError, Decoded, Get, Put as _},
    error::{Error, Result},
    limits,
    manifest::ReferenceRecord,
    moments::{ColumnMoments, Moments},
    section::{Format, SectionReader, SectionWriter},
    special::SPECIALS,
    tally::{ColumnTally, Tally},
};

/// Magic and version of reference summaries.
pub const FORMAT: Format = Format { magic: *b"DRRF", version: 3 };
const BINNING: u32 = 1;
const COUNTS: u32 = 2;
const PERCENTILES: u32 = 3;
const MOMENTS: u32 = 4;

/// A reference.
#[derive(Debug, Clone)]
pub struct Reference {
    /// What the catalog says.
    pub record: Arc<ReferenceRecord>,
    /// The bins that it fixes, by counted column.
    pub binning: Arc<Binning>,
    /// Its own counts, by counted column.
    pub tally: Arc<Tally>,
    /// Its percentiles 1 to 99 by counted column, with repeats; empty for categories, latency and
    /// columns without a finite value.
    pub percentiles: Arc<Vec<Vec<f64>>>,
    /// Its moments by counted column, empty for categories; nothing if it is older than these.
    pub moments: Option<Arc<Vec<ColumnMoments>>>,
}

/// The moments of the columns of a binning, by place.
pub(crate) fn by_column(binning: &Binning, moments: &Moments) -> Arc<Vec<ColumnMoments>> {
    let places: Vec<usize> = (0..binning.columns().len()).collect();
    let mut columns = vec![ColumnMoments::default(); places.len()];
    moments.add_to(binning, &places, &mut columns);
    Arc::new(columns)
}

/// Writes a summary file.
///
/// # Errors
/// `Io` if compression fails.
pub(crate) fn write_summary(
    binning: &Binning,
    tally: &Tally,
    percentiles: &[Vec<f64>],
    moments: &Moments,
) -> Result<Vec<u8>> {
    let mut writer = SectionWriter::new(FORMAT);
    let mut out = Vec::new();
    binning.encode(&mut out);
    writer.push(BINNING, &out)?;
    out.clear();
    out.put_varint(tally.rows);
    for column in &tally.columns {
        column.specials.iter().for_each(|count| out.put_varint(*count));
        out.put_varint(column.bins.len() as u64);
        column.bins.iter().for_each(|count| out.put_varint(*count));
    }
    writer.push(COUNTS, &out)?;
    out.clear();
    for column in percentiles {
        out.put_varint(column.len() as u64);
        column.iter().for_each(|value| out.put_f64(*value));
    }
    writer.push(PERCENTILES, &out)?;
    out.clear();
    moments.encode(binning, &mut out);
    writer.push(MOMENTS, &out)?;
    Ok(writer.finish())
}

/// Reads a summary file.
///
/// # Errors
/// `Corruption` with the file.
pub(crate) fn read_summary(
    path: &Path,
    bytes: &[u8],
    record: Arc<ReferenceRecord>,
) -> Result<Reference> {
    let reader = SectionReader::open(path, bytes, FORMAT)?;
    let (binning, counts) = (reader.required(BINNING)?, reader.required(COUNTS)?);
    let percentiles = reader.required(PERCENTILES)?;
    let moments = reader.section(MOMENTS)?;
    let decode = || -> Decoded<Reference> {
        let mut get = Get::new(&binning);
        let binning = Binning::decode(&mut get)?;
        get.end()?;
        let tally = decode_counts(&binning, &counts)?;
        let percentiles = decode_percentiles(binning.columns().len(), &percentiles)?;
        let moments = moments.map(|bytes| decode_moments(&binning, &bytes)).transpose()?;
        Ok(Reference {
            record,
            binning: Arc::new(binning),
            tally: Arc::new(tally),
            percentiles: Arc::new(percentiles),
            moments,
        })
    };
    decode().map_err(|error| Error::corruption(path, 0, format!("expected {}", error.0)))
}

fn decode_counts(binning: &Binning, counts: &[u8]) -> Decoded<Tally> {
    let mut get = Get::new(counts);
    let mut tally = Tally { rows: get.varint()?, columns: Vec::new() };
    for (_, bins) in binning.columns() {
        let mut column = ColumnTally::default();
        for place in 0..SPECIALS {
            column.specials[place] = get.varint()?;
        }
        let count = get.count(1)?;
        if count != bins.len() {
            return Err(DecodeError("one count per bin"));
        }
        column.bins = (0..count).map(|_| get.varint()).collect::<Decoded<Vec<u64>>>()?;
        tally.columns.push(column);
    }
    get.end()?;
    Ok(tally)
}

fn decode_moments(binning: &Binning, bytes: &[u8]) -> Decoded<Arc<Vec<ColumnMoments>>> {
    let mut get = Get::new(bytes);
    let moments = Moments::decode(&mut get, binning, limits::REFERENCE_ROWS_MAX as u64)?;
    get.end()?;
    Ok(by_column(binning, &moments))
}

fn decode_percentiles(columns: usize, bytes: &[u8]) -> Decoded<Vec<Vec<f64>>> {
    let mut get = Get::new(bytes);
    let mut all = Vec::with_capacity(columns.min(get.rest()));
    for _ in 0..columns {
        let count = get.count(8)?;
        all.push((0..count).map(|_| get.f64()).collect::<Decoded<Vec<f64>>>()?);
    }
    get.end()?;
    Ok(all)
}
