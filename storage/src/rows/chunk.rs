//! Column chunks: pages one after the other, with what the footer and the page index say of them.
//!
//! Pages are of Parquet's second kind: definition levels lie before the values and are not packed.
//! Values are one zstd frame per page, or plain where zstd does not help.

use bytes::Bytes;
use parquet::{
    basic::{BoundaryOrder, Compression, Encoding, ZstdLevel},
    column::writer::ColumnCloseResult,
    errors::ParquetError,
    file::{
        metadata::{ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder},
        statistics::Statistics,
    },
    schema::types::ColumnDescPtr,
};
use zstd::zstd_safe::{
    CCtx, CParameter, InBuffer, OutBuffer, ResetDirective, compress_bound,
    zstd_sys::ZSTD_EndDirective,
};

use super::{
    bits,
    header::{PageHeader, PageKind},
};

/// The result of encoding; an error means a bug here or no memory.
pub(super) type Encoded<T> = Result<T, ParquetError>;

/// Level 3 costs half as much again for half a per cent on our columns, where it helps at all.
const ZSTD_LEVEL: i32 = 1;
/// Shorter matches are chance in our columns; Huffman coding alone does better.
const ZSTD_MATCH_MIN: u32 = 7;

/// Packs pages, and lends its buffers to one chunk after the other: touching fresh memory costs as
/// much as packing.
pub(super) struct Packer {
    context: CCtx<'static>,
    packed: Vec<u8>,
    chunk: Vec<u8>,
}

impl Packer {
    pub(super) fn new() -> Encoded<Self> {
        let mut context = CCtx::try_create().ok_or_else(|| general("no memory for zstd"))?;
        for parameter in
            [CParameter::CompressionLevel(ZSTD_LEVEL), CParameter::MinMatch(ZSTD_MATCH_MIN)]
        {
            context.set_parameter(parameter).map_err(zstd_error)?;
        }
        Ok(Self { context, packed: Vec::new(), chunk: Vec::new() })
    }

    /// Takes back the bytes of a chunk that is written.
    pub(super) fn reuse(&mut self, chunk: Bytes) {
        self.chunk = Vec::from(chunk);
    }

    /// One zstd frame of the pieces. Each piece is a block with statistics of its own, so that
    /// exponents are not coded as if they were the noise beside them.
    pub(super) fn pack(&mut self, pieces: &[&[u8]]) -> Encoded<&[u8]> {
        let bytes: usize = pieces.iter().map(|piece| piece.len()).sum();
        let room: usize = pieces.iter().map(|piece| compress_bound(piece.len())).sum();
        self.packed.clear();
        self.packed.reserve(room + 64);
        self.context.reset(ResetDirective::SessionOnly).map_err(zstd_error)?;
        self.context.set_pledged_src_size(Some(bytes as u64)).map_err(zstd_error)?;
        let mut out = OutBuffer::around(&mut self.packed);
        for piece in pieces {
            run(&mut self.context, &mut out, piece, ZSTD_EndDirective::ZSTD_e_flush)?;
        }
        run(&mut self.context, &mut out, &[], ZSTD_EndDirective::ZSTD_e_end)?;
        Ok(&self.packed)
    }
}

fn run(
    context: &mut CCtx<'static>,
    out: &mut OutBuffer<'_, Vec<u8>>,
    piece: &[u8],
    end: ZSTD_EndDirective,
) -> Encoded<()> {
    let mut input = InBuffer::around(piece);
    while context.compress_stream2(out, &mut input, end).map_err(zstd_error)? > 0 {
        if out.pos() == out.capacity() {
            return Err(general("a zstd frame longer than its bound"));
        }
    }
    Ok(())
}

fn zstd_error(code: usize) -> ParquetError {
    general(zstd::zstd_safe::get_error_name(code))
}

pub(super) fn general(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}

/// Smallest and largest value of a page, as the page index has them.
#[derive(Debug, Clone)]
pub(super) enum PageRange {
    /// Not known: the chunk has no index of its values.
    Unknown,
    /// The page has nulls only.
    Nulls,
    /// Smallest and largest, and how many NaN if the values are numbers.
    Values(Vec<u8>, Vec<u8>, Option<i64>),
}

/// Rows that become a page.
pub(super) struct PageRows<'a> {
    /// Which rows have a value; empty if all have.
    pub(super) present: &'a [bool],
    pub(super) rows: usize,
    pub(super) encoding: Encoding,
    /// The encoded values, in pieces that compress apart.
    pub(super) values: &'a [&'a [u8]],
    pub(super) range: PageRange,
}

/// A finished chunk.
pub(super) struct Chunk {
    pub(super) bytes: Bytes,
    pub(super) close: ColumnCloseResult,
}

/// Writes a chunk page by page.
pub(super) struct ChunkWriter {
    column: ColumnDescPtr,
    packed: bool,
    bytes: Vec<u8>,
    dictionary: bool,
    data_offset: usize,
    unpacked: usize,
    rows: usize,
    nulls: usize,
    encodings: Vec<Encoding>,
    offsets: OffsetIndexBuilder,
    /// Smallest and largest values by page, while all are known.
    ranges: Option<ColumnIndexBuilder>,
    order: Option<BoundaryOrder>,
}

impl ChunkWriter {
    /// A chunk whose values zstd may pack.
    pub(super) fn new(column: ColumnDescPtr, packer: &mut Packer) -> Self {
        let mut bytes = std::mem::take(&mut packer.chunk);
        bytes.clear();
        let ranges = ColumnIndexBuilder::new(column.physical_type());
        Self {
            column,
            packed: true,
            bytes,
            dictionary: false,
            data_offset: 0,
            unpacked: 0,
            rows: 0,
            nulls: 0,
            encodings: vec![Encoding::RLE],
            offsets: OffsetIndexBuilder::new(),
            ranges: Some(ranges),
            order: None,
        }
    }

    /// A chunk of bytes that lie as they are.
    pub(super) fn plain(column: ColumnDescPtr, packer: &mut Packer) -> Self {
        Self { packed: false, ..Self::new(column, packer) }
    }

    /// Says that the smallest and largest values of the pages ascend.
    pub(super) fn ascends(&mut self) {
        self.order = Some(BoundaryOrder::ASCENDING);
    }

    /// Writes the page of distinct values; it must be the first. Its plain bytes are packed already.
    pub(super) fn dictionary(&mut self, values: usize, plain: usize, packed: &[u8]) -> Encoded<()> {
        let kind = PageKind::Dictionary { values: u32_of(values)? };
        self.page(kind, plain, &[packed])?;
        self.dictionary = true;
        self.data_offset = self.bytes.len();
        self.encodings.push(Encoding::PLAIN);
        Ok(())
    }

    /// Writes a page of rows.
    pub(super) fn data(&mut self, page: &PageRows<'_>, packer: &mut Packer) -> Encoded<()> {
        let nulls = page.present.iter().filter(|present| !**present).count();
        let mut levels = Vec::new();
        if self.column.max_def_level() > 0 {
            put_levels(&mut levels, page.present, page.rows, nulls);
        }
        let plain: usize = page.values.iter().map(|piece| piece.len()).sum();
        let kind = |compressed| {
            Ok::<_, ParquetError>(PageKind::Data {
                rows: u32_of(page.rows)?,
                nulls: u32_of(nulls)?,
                encoding: page.encoding,
                levels: u32_of(levels.len())?,
                compressed,
            })
        };
        let at = self.bytes.len();
        let packed = if self.packed { Some(packer.pack(page.values)?) } else { None };
        match packed.filter(|packed| packed.len() < plain) {
            Some(packed) => self.page(kind(true)?, levels.len() + plain, &[&levels, packed])?,
            None => {
                let mut pieces = vec![levels.as_slice()];
                pieces.extend_from_slice(page.values);
                self.page(kind(false)?, levels.len() + plain, &pieces)?;
            }
        }
        self.note(page, nulls, at)
    }

    fn note(&mut self, page: &PageRows<'_>, nulls: usize, at: usize) -> Encoded<()> {
        self.offsets.append_row_count(page.rows as i64);
        let size = i32::try_from(self.bytes.len() - at).map_err(|_| general("a page too large"))?;
        self.offsets.append_offset_and_size(at as i64, size);
        self.rows += page.rows;
        self.nulls += nulls;
        if !self.encodings.contains(&page.encoding) {
            self.encodings.push(page.encoding);
        }
        let numeric = self.column.physical_type() == parquet::basic::Type::DOUBLE;
        match (&mut self.ranges, &page.range) {
            (None, _) => {}
            (ranges, PageRange::Unknown) => *ranges = None,
            (Some(ranges), PageRange::Nulls) => {
                let nans = numeric.then_some(0);
                ranges.append(true, Vec::new(), Vec::new(), nulls as i64, nans);
            }
            (Some(ranges), PageRange::Values(min, max, nans)) => {
                ranges.append(false, min.clone(), max.clone(), nulls as i64, *nans);
            }
        }
        Ok(())
    }

    fn page(&mut self, kind: PageKind, unpacked: usize, pieces: &[&[u8]]) -> Encoded<()> {
        let mut crc = crc32fast::Hasher::new();
        pieces.iter().for_each(|piece| crc.update(piece));
        let stored: usize = pieces.iter().map(|piece| piece.len()).sum();
        let (unpacked, stored) = (u32_of(unpacked)?, u32_of(stored)?);
        let at = self.bytes.len();
        PageHeader { kind, unpacked, stored, crc: crc.finalize() }.put(&mut self.bytes);
        self.unpacked += self.bytes.len() - at + unpacked as usize;
        pieces.iter().for_each(|piece| self.bytes.extend_from_slice(piece));
        Ok(())
    }

    /// The chunk, with smallest and largest value of all rows if they are known.
    pub(super) fn finish(self, statistics: Option<Statistics>) -> Encoded<Chunk> {
        let codec = if self.packed {
            Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?)
        } else {
            Compression::UNCOMPRESSED
        };
        let mut metadata = ColumnChunkMetaData::builder(self.column)
            .set_compression(codec)
            .set_encodings(self.encodings)
            .set_total_compressed_size(self.bytes.len() as i64)
            .set_total_uncompressed_size(self.unpacked as i64)
            .set_num_values(self.rows as i64)
            .set_data_page_offset(self.data_offset as i64)
            .set_dictionary_page_offset(self.dictionary.then_some(0));
        if let Some(statistics) = statistics {
            metadata = metadata.set_statistics(statistics);
        }
        let column_index = match self.ranges {
            Some(mut ranges) if self.rows > 0 => {
                ranges.set_boundary_order(self.order.unwrap_or(BoundaryOrder::UNORDERED));
                Some(ranges.build()?)
            }
            _ => None,
        };
        let close = ColumnCloseResult {
            bytes_written: self.bytes.len() as u64,
            rows_written: self.rows as u64,
            metadata: metadata.build()?,
            bloom_filter: None,
            column_index,
            offset_index: Some(self.offsets.build()),
        };
        Ok(Chunk { bytes: self.bytes.into(), close })
    }

    /// Rows without a value so far.
    pub(super) fn nulls(&self) -> u64 {
        self.nulls as u64
    }
}

fn put_levels(out: &mut Vec<u8>, present: &[bool], rows: usize, nulls: usize) {
    if nulls == 0 || nulls == rows {
        bits::put_repeated(out, u32::from(nulls == 0), rows, 1);
    } else {
        let levels: Vec<u32> = present.iter().map(|present| u32::from(*present)).collect();
        bits::put_packed(out, &levels, 1);
    }
}

/// Sizes of pages are signed 32-bit numbers in the format.
fn u32_of(value: usize) -> Encoded<u32> {
    i32::try_from(value).map(|value| value as u32).map_err(|_| general("a page too large"))
}
