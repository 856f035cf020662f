//! From pages back to columns.
//!
//! The bytes were checked by hash or crc before, yet nothing here trusts them: lengths are compared
//! with what the tail says, and an error is the worst that other bytes give.

use parquet::basic::Encoding;
use zstd::bulk::Decompressor;

use super::{
    bits, delta,
    header::{PageHeader, PageKind},
    planes,
};
use crate::{
    codec::{DecodeError, Decoded, Get},
    column::{Categories, CategoriesBuilder, NULL, NULL_CODE},
    id_column::Ids,
    limits,
};

/// Whether pages are compared with their crc32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// The hash of the whole chunk was.
    Done,
    /// Pages were read by themselves.
    Crc,
}

/// Pages of a chunk.
#[derive(Debug)]
pub(super) struct Pages<'a> {
    pub(super) check: Check,
    pub(super) dictionary: Option<&'a [u8]>,
    /// Each page of rows, and how many rows it must have.
    pub(super) data: Vec<(&'a [u8], usize)>,
}

impl Pages<'_> {
    fn rows(&self) -> usize {
        self.data.iter().map(|(_, rows)| rows).sum()
    }
}

/// A page of rows, its parts told apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct DataPage<'a> {
    pub(super) rows: usize,
    pub(super) nulls: usize,
    pub(super) encoding: Encoding,
    levels: &'a [u8],
    values: &'a [u8],
    /// Bytes of the values once unpacked, if they are packed.
    packed: Option<usize>,
}

fn stored(bytes: &[u8], check: Check) -> Decoded<(PageHeader, &[u8])> {
    let mut get = Get::new(bytes);
    let header = PageHeader::get(&mut get)?;
    let content = get.take(header.stored as usize)?;
    get.end()?;
    if check == Check::Crc && crc32fast::hash(content) != header.crc {
        return Err(DecodeError("a page whose checksum matches"));
    }
    Ok((header, content))
}

impl<'a> DataPage<'a> {
    pub(super) fn open(bytes: &'a [u8], rows: usize, check: Check) -> Decoded<Self> {
        let (header, content) = stored(bytes, check)?;
        let PageKind::Data { rows: found, nulls, encoding, levels, compressed } = header.kind
        else {
            return Err(DecodeError("a page of rows"));
        };
        if found as usize != rows {
            return Err(DecodeError("as many rows as the tail says"));
        }
        let (levels, values) =
            content.split_at_checked(levels as usize).ok_or(DecodeError("levels in the page"))?;
        let plain = (header.unpacked as usize).checked_sub(levels.len());
        let plain = plain.ok_or(DecodeError("a size of the page"))?;
        let packed = compressed.then_some(plain);
        Ok(Self { rows, nulls: nulls as usize, encoding, levels, values, packed })
    }

    /// Which rows have a value; `None` if all have.
    pub(super) fn present(&self) -> Decoded<Option<Vec<u32>>> {
        if self.nulls == 0 {
            return Ok(None);
        }
        let mut levels = Vec::new();
        bits::get_hybrid(self.levels, 1, self.rows, &mut levels)?;
        if levels.iter().filter(|level| **level == 0).count() != self.nulls {
            return Err(DecodeError("as many nulls as the header says"));
        }
        Ok(Some(levels))
    }

    /// Rows that have a value.
    pub(super) fn some(&self) -> usize {
        self.rows - self.nulls
    }
}

/// Unpacks pages, into one buffer after the other.
pub(super) struct Unpacker {
    context: Decompressor<'static>,
    bytes: Vec<u8>,
}

impl Unpacker {
    pub(super) fn new() -> Decoded<Self> {
        let context = Decompressor::new().map_err(|_| DecodeError("memory for zstd"))?;
        Ok(Self { context, bytes: Vec::new() })
    }

    fn unpack(&mut self, packed: &[u8], plain: usize) -> Decoded<&[u8]> {
        if plain > limits::SECTION_BYTES_MAX {
            return Err(DecodeError("a page within its bound"));
        }
        self.bytes.clear();
        self.bytes.reserve(plain);
        let found = self.context.decompress_to_buffer(packed, &mut self.bytes);
        match found {
            Ok(found) if found == plain => Ok(&self.bytes),
            _ => Err(DecodeError("a zstd frame of the page's size")),
        }
    }

    /// The encoded values of a page.
    pub(super) fn values<'s>(&'s mut self, page: &DataPage<'s>) -> Decoded<&'s [u8]> {
        match page.packed {
            Some(plain) => self.unpack(page.values, plain),
            None => Ok(page.values),
        }
    }

    /// The plain values of a dictionary page and how many they are.
    fn dictionary<'s>(&'s mut self, pages: &Pages<'_>) -> Decoded<Option<(&'s [u8], usize)>> {
        let Some(bytes) = pages.dictionary else { return Ok(None) };
        let (header, content) = stored(bytes, pages.check)?;
        let PageKind::Dictionary { values } = header.kind else {
            return Err(DecodeError("a dictionary"));
        };
        Ok(Some((self.unpack(content, header.unpacked as usize)?, values as usize)))
    }

    /// The numbers of a dictionary; none if the chunk has no dictionary.
    pub(super) fn dictionary_of_numbers(&mut self, pages: &Pages<'_>) -> Decoded<Vec<f64>> {
        let Some((bytes, count)) = self.dictionary(pages)? else { return Ok(Vec::new()) };
        let (values, rest) = bytes.as_chunks::<8>();
        if values.len() != count || !rest.is_empty() {
            return Err(DecodeError("a dictionary of its size"));
        }
        Ok(values.iter().map(|value| f64::from_le_bytes(*value)).collect())
    }
}

/// Reads the places of a page's values in a dictionary of so many.
pub(super) fn places(
    page: &DataPage<'_>,
    values: &[u8],
    distinct: usize,
    out: &mut Vec<u32>,
) -> Decoded<()> {
    let (width, packed) = values.split_first().ok_or(DecodeError("a width"))?;
    bits::get_hybrid(packed, u32::from(*width), page.some(), out)?;
    let largest = out.iter().copied().max().unwrap_or(0);
    let inside = out.is_empty() || (largest as usize) < distinct;
    if inside { Ok(()) } else { Err(DecodeError("a place in the dictionary")) }
}

/// Puts nulls between values.
pub(super) fn spread<T: Copy>(levels: &[u32], some: &[T], null: T, out: &mut Vec<T>) {
    let mut some = some.iter();
    out.extend(levels.iter().map(|level| match level {
        0 => null,
        _ => some.next().copied().unwrap_or(null),
    }));
}

/// The numbers of a page of planes or plain values, at the end of a vector.
fn page_numbers(page: &DataPage<'_>, values: &[u8], out: &mut Vec<f64>) -> Decoded<()> {
    if values.len() != page.some() * planes::PLANES {
        return Err(DecodeError("eight bytes for each number"));
    }
    match page.encoding {
        Encoding::BYTE_STREAM_SPLIT => planes::join(values, out),
        Encoding::PLAIN => {
            out.extend(values.as_chunks::<8>().0.iter().map(|value| f64::from_le_bytes(*value)));
        }
        _ => return Err(DecodeError("an encoding of numbers")),
    }
    Ok(())
}

/// The numbers of such a page with nulls between them, at the end of a vector.
pub(super) fn page_values(
    page: &DataPage<'_>,
    values: &[u8],
    levels: Option<&[u32]>,
    out: &mut Vec<f64>,
) -> Decoded<()> {
    let Some(levels) = levels else { return page_numbers(page, values, out) };
    let mut some = Vec::with_capacity(page.some());
    page_numbers(page, values, &mut some)?;
    spread(levels, &some, NULL, out);
    Ok(())
}

/// Decodes numbers to the end of a vector.
pub(super) fn numbers(pages: &Pages<'_>, out: &mut Vec<f64>) -> Decoded<()> {
    let mut unpacker = Unpacker::new()?;
    let dictionary = unpacker.dictionary_of_numbers(pages)?;
    let mut codes = Vec::new();
    out.reserve(pages.rows());
    for (bytes, rows) in &pages.data {
        let page = DataPage::open(bytes, *rows, pages.check)?;
        let levels = page.present()?;
        let values = unpacker.values(&page)?;
        if page.encoding != Encoding::RLE_DICTIONARY {
            page_values(&page, values, levels.as_deref(), out)?;
            continue;
        }
        places(&page, values, dictionary.len(), &mut codes)?;
        let some = codes.iter().map(|code| dictionary[*code as usize]);
        match levels {
            Some(levels) => spread(&levels, &some.collect::<Vec<f64>>(), NULL, out),
            None => out.extend(some),
        }
    }
    Ok(())
}

/// Decodes event times to the end of a vector.
pub(super) fn times(pages: &Pages<'_>, out: &mut Vec<i64>) -> Decoded<()> {
    let mut unpacker = Unpacker::new()?;
    for (bytes, rows) in &pages.data {
        let page = DataPage::open(bytes, *rows, pages.check)?;
        if page.encoding != Encoding::DELTA_BINARY_PACKED || page.nulls > 0 {
            return Err(DecodeError("times as differences"));
        }
        delta::get(unpacker.values(&page)?, page.rows, out)?;
    }
    Ok(())
}

/// Decodes ids.
pub(super) fn uuids(pages: &Pages<'_>) -> Decoded<Ids> {
    let mut unpacker = Unpacker::new()?;
    let mut uuids = Vec::with_capacity(pages.rows());
    for (bytes, rows) in &pages.data {
        let page = DataPage::open(bytes, *rows, pages.check)?;
        let (chunks, rest) = unpacker.values(&page)?.as_chunks::<16>();
        let whole = page.encoding == Encoding::PLAIN && page.nulls == 0;
        if !whole || chunks.len() != page.rows || !rest.is_empty() {
            return Err(DecodeError("sixteen bytes for each id"));
        }
        uuids.extend_from_slice(chunks);
    }
    Ok(uuids.into())
}

/// Decodes ids that are texts.
pub(super) fn texts(pages: &Pages<'_>) -> Decoded<Ids> {
    let mut unpacker = Unpacker::new()?;
    let mut ids = Ids::default();
    for (bytes, rows) in &pages.data {
        let page = DataPage::open(bytes, *rows, pages.check)?;
        if page.encoding != Encoding::PLAIN || page.nulls > 0 {
            return Err(DecodeError("ids as plain texts"));
        }
        let mut get = Get::new(unpacker.values(&page)?);
        for _ in 0..page.rows {
            if !ids.push(text(&mut get)?) {
                return Err(DecodeError("an id of 1 to 128 bytes"));
            }
        }
        get.end()?;
    }
    Ok(ids)
}

fn text<'a>(get: &mut Get<'a>) -> Decoded<&'a str> {
    let length = get.u32()? as usize;
    std::str::from_utf8(get.take(length)?).map_err(|_| DecodeError("UTF-8 text"))
}

/// Decodes categories.
pub(super) fn categories(pages: &Pages<'_>) -> Decoded<Categories> {
    let mut unpacker = Unpacker::new()?;
    let Some((bytes, count)) = unpacker.dictionary(pages)? else {
        return each_text(pages, &mut unpacker);
    };
    let mut get = Get::new(bytes);
    // A text takes at least its length.
    let mut dictionary = Vec::with_capacity(count.min(bytes.len() / 4));
    for _ in 0..count {
        dictionary.push(text(&mut get)?.to_owned());
    }
    get.end()?;
    let mut codes = Vec::with_capacity(pages.rows());
    let mut some = Vec::new();
    for (bytes, rows) in &pages.data {
        let page = DataPage::open(bytes, *rows, pages.check)?;
        let levels = page.present()?;
        let values = unpacker.values(&page)?;
        if page.encoding != Encoding::RLE_DICTIONARY {
            return Err(DecodeError("places in the dictionary"));
        }
        places(&page, values, count, &mut some)?;
        match levels {
            Some(levels) => spread(&levels, &some, NULL_CODE, &mut codes),
            None => codes.extend_from_slice(&some),
        }
    }
    Ok(Categories { codes, dictionary })
}

fn each_text(pages: &Pages<'_>, unpacker: &mut Unpacker) -> Decoded<Categories> {
    let mut builder = CategoriesBuilder::with_capacity(pages.rows());
    for (bytes, rows) in &pages.data {
        let page = DataPage::open(bytes, *rows, pages.check)?;
        let levels = page.present()?;
        if page.encoding != Encoding::PLAIN {
            return Err(DecodeError("plain texts"));
        }
        let mut get = Get::new(unpacker.values(&page)?);
        for row in 0..page.rows {
            let some = levels.as_ref().is_none_or(|levels| levels.get(row) == Some(&1));
            builder.push(if some { Some(text(&mut get)?) } else { None });
        }
        get.end()?;
    }
    Ok(builder.finish())
}

/// Decodes truths as the categories `false` and `true`.
pub(super) fn booleans(pages: &Pages<'_>) -> Decoded<Categories> {
    let mut unpacker = Unpacker::new()?;
    let mut codes = Vec::with_capacity(pages.rows());
    for (bytes, rows) in &pages.data {
        let page = DataPage::open(bytes, *rows, pages.check)?;
        let levels = page.present()?;
        let values = unpacker.values(&page)?;
        if page.encoding != Encoding::PLAIN || values.len() != page.some().div_ceil(8) {
            return Err(DecodeError("a bit for each truth"));
        }
        let bit = |row: usize| u32::from(values[row / 8] >> (row % 8) & 1);
        let some: Vec<u32> = (0..page.some()).map(bit).collect();
        match levels {
            Some(levels) => spread(&levels, &some, NULL_CODE, &mut codes),
            None => codes.extend(some),
        }
    }
    let dictionary = vec!["false".to_owned(), "true".to_owned()];
    Ok(Categories { codes, dictionary })
}
