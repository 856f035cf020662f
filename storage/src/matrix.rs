//! How the counts of many buckets stand on disk: column by column, slot by slot, bucket by bucket.
//!
//! ```text
//! matrix  = count:varint (number:varint rows:varint)*count column*
//! column  = 1 bits:u8 length:varint zstd[length]      counts of all slots and buckets, packed
//!         | 2 occur:varint (gap:varint)* (count - 1:varint)*     only the counts above 0
//!         | 3 slot:varint (1 | 2)                     one slot has what the others leave of the rows
//! ```
//! Buckets are named by their number, ascending. A column's slots are its specials, its bins and then its
//! new categories; a slot's counts over all buckets stand side by side. Packed counts have 2, 4 or 8
//! bits, the first in the lowest, or 16 or 32 bits as planes of bytes, lowest first. zstd runs
//! with matches of seven bytes and more only, which leaves the counts to its entropy coder: they are
//! noise around a rate, and short matches cost more than they save. A gap is the number of zeroes before
//! a count. A slot that has more than half of the rows is not written, because every row of a bucket
//! stands in one slot of each column: its counts follow from the others', and where they are written
//! as 0, as in kind 3, the rest packs better. A column without a value takes four bytes.
//!
//! So a column's counts of a bucket add up to its rows; bytes that say otherwise are refused.

use std::ops::Range;

use zstd::{
    bulk::{Compressor, Decompressor},
    zstd_safe::CParameter,
};

use crate::{
    codec::{DecodeError, Decoded, Get, Put as _},
    counts::Counts,
};

const PACKED: u8 = 1;
const GAPS: u8 = 2;
const REST: u8 = 3;
/// Of this many counts fewer than one occurs: gaps are smaller than packed counts.
const GAPS_BELOW: usize = 10;
const ZSTD_LEVEL: i32 = 1;
const ZSTD_MATCH_MIN: u32 = 7;

/// The slots of one column: those of the binning, then those of its new categories.
#[derive(Debug, Clone)]
pub(crate) struct ColumnSlots {
    pub(crate) known: Range<usize>,
    pub(crate) new: Vec<usize>,
}

impl ColumnSlots {
    fn len(&self) -> usize {
        self.known.len() + self.new.len()
    }

    fn iter(&self) -> impl Iterator<Item = usize> {
        self.known.clone().chain(self.new.iter().copied())
    }

    pub(crate) fn slot(&self, place: usize) -> Option<usize> {
        let known = self.known.clone().nth(place);
        known.or_else(|| self.new.get(place - self.known.len()).copied())
    }

    /// Where the slots stand once those of a hole are gone; nothing if they are in it.
    pub(crate) fn beside(&self, hole: &Range<usize>) -> Option<Self> {
        let moved = |slot: usize| if slot < hole.end { slot } else { slot - hole.len() };
        let known = moved(self.known.start)..moved(self.known.start) + self.known.len();
        let new = self.new.iter().map(|slot| moved(*slot)).collect();
        (!hole.contains(&self.known.start)).then_some(Self { known, new })
    }

    /// Neighbouring slots, in order.
    fn ranges(&self) -> impl Iterator<Item = Range<usize>> {
        let new = self.new.iter().map(|slot| *slot..*slot + 1);
        std::iter::once(self.known.clone()).chain(new)
    }
}

/// Writes matrices; it keeps the memory of its compressor.
pub(crate) struct MatrixWriter {
    compressor: Compressor<'static>,
}

impl MatrixWriter {
    pub(crate) fn new() -> std::io::Result<Self> {
        let mut compressor = Compressor::new(ZSTD_LEVEL)?;
        compressor.set_parameter(CParameter::MinMatch(ZSTD_MATCH_MIN))?;
        Ok(Self { compressor })
    }

    /// Appends buckets.
    pub(crate) fn put(
        &mut self,
        out: &mut Vec<u8>,
        columns: &[ColumnSlots],
        buckets: &[(u16, &Counts)],
    ) -> std::io::Result<()> {
        out.put_varint(buckets.len() as u64);
        for (number, counts) in buckets {
            out.put_varint(u64::from(*number));
            out.put_varint(u64::from(counts.rows()));
        }
        let slots = columns.iter().flat_map(|c| c.iter()).max().map_or(0, |last| last + 1);
        let mut occurs = vec![false; slots];
        let wide: Vec<Vec<u32>> =
            buckets.iter().map(|(_, counts)| widened(counts, &mut occurs)).collect();
        let mut cells = Vec::new();
        for column in columns {
            cells.clear();
            for slot in column.iter() {
                // Most bins of latencies are empty all hour long.
                if occurs.get(slot) == Some(&true) {
                    cells.extend(wide.iter().map(|bucket| bucket.get(slot).copied().unwrap_or(0)));
                } else {
                    cells.resize(cells.len() + buckets.len(), 0);
                }
            }
            if let Some(slot) = main_slot(&cells, buckets) {
                out.put_u8(REST);
                out.put_varint(slot as u64);
                let first = slot * buckets.len();
                cells.get_mut(first..first + buckets.len()).unwrap_or_default().fill(0);
            }
            self.put_column(out, &cells)?;
        }
        Ok(())
    }

    fn put_column(&mut self, out: &mut Vec<u8>, cells: &[u32]) -> std::io::Result<()> {
        let occur = cells.iter().filter(|count| **count > 0).count();
        if occur * GAPS_BELOW < cells.len() || cells.is_empty() {
            put_gaps(out, cells, occur);
            return Ok(());
        }
        let (bits, packed) = pack(cells);
        let packed = self.compressor.compress(&packed)?;
        out.put_u8(PACKED);
        out.put_u8(bits);
        out.put_bytes(&packed);
        Ok(())
    }
}

/// The slot of a column that has more than half of the rows of all buckets.
fn main_slot(cells: &[u32], buckets: &[(u16, &Counts)]) -> Option<usize> {
    let rows: u64 = buckets.iter().map(|(_, counts)| u64::from(counts.rows())).sum();
    let of_slot = |cells: &[u32]| cells.iter().map(|count| u64::from(*count)).sum::<u64>();
    cells.chunks(buckets.len().max(1)).position(|cells| 2 * of_slot(cells) > rows)
}

/// A count for each slot; notes which of them occur.
fn widened(counts: &Counts, occurs: &mut [bool]) -> Vec<u32> {
    let mut wide = vec![0_u32; occurs.len()];
    counts.for_each(|slot, count| {
        if let (Some(cell), Some(occurs)) = (wide.get_mut(slot), occurs.get_mut(slot)) {
            *cell += count;
            *occurs = true;
        }
    });
    wide
}

fn put_gaps(out: &mut Vec<u8>, cells: &[u32], occur: usize) {
    out.put_u8(GAPS);
    out.put_varint(occur as u64);
    let mut gap = 0_u64;
    for count in cells {
        if *count == 0 {
            gap += 1;
        } else {
            out.put_varint(gap);
            gap = 0;
        }
    }
    for count in cells.iter().filter(|count| **count > 0) {
        out.put_varint(u64::from(count - 1));
    }
}

fn pack(cells: &[u32]) -> (u8, Vec<u8>) {
    let max = cells.iter().copied().max().unwrap_or(0);
    let join = |bits: usize| -> Vec<u8> {
        let join =
            |some: &[u32]| some.iter().rev().fold(0_u8, |byte, count| byte << bits | *count as u8);
        cells.chunks(8 / bits).map(join).collect()
    };
    let planes = |count: usize| -> Vec<u8> {
        (0..count).flat_map(|plane| cells.iter().map(move |c| (c >> (8 * plane)) as u8)).collect()
    };
    match max {
        0..=3 => (2, join(2)),
        4..=15 => (4, join(4)),
        16..=0xff => (8, planes(1)),
        0x100..=0xffff => (16, planes(2)),
        _ => (32, planes(4)),
    }
}

/// A column as it was read.
struct Column<'a> {
    /// The slot that has what the others leave of the rows, by its place in the column.
    rest: Option<usize>,
    cells: Cells<'a>,
}

enum Cells<'a> {
    Packed(u8, &'a [u8]),
    /// Place among the cells of the column, and count.
    Gaps(Vec<(usize, u32)>),
}

/// Reads buckets, of numbers below a bound, in a place of so many slots. Columns whose slots lie in a
/// hole are left out, and the slots behind it stand where it begins.
pub(crate) fn get_matrix(
    get: &mut Get<'_>,
    columns: &[ColumnSlots],
    slots: usize,
    hole: &Range<usize>,
    numbers: u16,
) -> Decoded<Vec<(u16, Counts)>> {
    let headers = get_headers(get, numbers)?;
    let (mut kept, mut read) = (Vec::new(), Vec::with_capacity(columns.len()));
    for column in columns {
        let cells = get_column(get, column.len(), headers.len())?;
        if let Some(column) = column.beside(hole) {
            kept.push(column);
            read.push(cells);
        }
    }
    let (columns, slots) = (kept.as_slice(), slots - hole.len());
    let occur = |column: &Column<'_>| match &column.cells {
        Cells::Packed(..) => None,
        Cells::Gaps(cells) => Some(cells.len() + column.rest.map_or(0, |_| headers.len())),
    };
    // A cell takes at least a byte, an entry of a list four.
    let lists = read.iter().map(occur).sum::<Option<usize>>();
    if lists.is_some_and(|occur| occur * 4 < slots * headers.len()) {
        return lists_of(&headers, columns, slots, &read);
    }
    let mut unpack = Unpack::new().map_err(|_| DecodeError("memory for zstd"))?;
    let mut buckets: Vec<Counts> =
        headers.iter().map(|(_, rows)| Counts::zeros(*rows, slots)).collect();
    for (column, read) in columns.iter().zip(&read) {
        unpack.read(&read.cells, column.len() * headers.len())?;
        for (place, bucket) in buckets.iter_mut().enumerate() {
            let mut sum = 0;
            let mut first = 0;
            for range in column.ranges() {
                let from = first * headers.len() + place;
                sum += unpack.put(bucket, range.clone(), from, headers.len());
                first += range.len();
            }
            match read.rest {
                None => check_rows(sum, bucket.rows())?,
                Some(rest) => {
                    check_unwritten(unpack.count(rest * headers.len() + place))?;
                    let slot = column.slot(rest).ok_or(DecodeError("a slot of the column"))?;
                    let count = rest_of(bucket.rows(), sum)?;
                    bucket.set(slot..slot + 1, std::iter::once(count));
                }
            }
        }
    }
    buckets.iter_mut().for_each(Counts::narrow);
    Ok(headers.into_iter().map(|(number, _)| number).zip(buckets).collect())
}

fn check_rows(sum: u64, rows: u32) -> Decoded<()> {
    if sum == u64::from(rows) {
        return Ok(());
    }
    Err(DecodeError("counts that add up to the rows"))
}

fn check_unwritten(count: u32) -> Decoded<()> {
    if count == 0 { Ok(()) } else { Err(DecodeError("no count of the slot of the rest")) }
}

/// What counts leave of the rows.
fn rest_of(rows: u32, sum: u64) -> Decoded<u32> {
    let rest = u64::from(rows).checked_sub(sum).and_then(|rest| u32::try_from(rest).ok());
    rest.ok_or(DecodeError("counts that add up to at most the rows"))
}

/// Number and rows of each bucket.
fn get_headers(get: &mut Get<'_>, numbers: u16) -> Decoded<Vec<(u16, u32)>> {
    let count = get.count(2)?;
    let mut headers: Vec<(u16, u32)> = Vec::with_capacity(count.min(usize::from(numbers)));
    for _ in 0..count {
        let number = u16::try_from(get.varint()?).map_err(|_| DecodeError("a bucket's number"))?;
        let follows = headers.last().is_none_or(|(last, _)| *last < number);
        if !follows || number >= numbers {
            return Err(DecodeError("buckets in order"));
        }
        headers.push((number, get.varint_u32()?));
    }
    Ok(headers)
}

/// Reads a column of so many cells, an equal number for each slot.
fn get_column<'a>(get: &mut Get<'a>, slots: usize, buckets: usize) -> Decoded<Column<'a>> {
    let cells = slots * buckets;
    match get.u8()? {
        REST => {
            let rest = get.varint_u32()? as usize;
            if rest >= slots {
                return Err(DecodeError("a slot of the column"));
            }
            let kind = get.u8()?;
            Ok(Column { rest: Some(rest), cells: get_cells(get, kind, cells)? })
        }
        kind => Ok(Column { rest: None, cells: get_cells(get, kind, cells)? }),
    }
}

fn get_cells<'a>(get: &mut Get<'a>, kind: u8, cells: usize) -> Decoded<Cells<'a>> {
    match kind {
        PACKED => Ok(Cells::Packed(get.u8()?, get.bytes()?)),
        GAPS => {
            let occur = get.count(2)?;
            let mut places = Vec::with_capacity(occur);
            let mut next = 0_usize;
            for _ in 0..occur {
                let gap = get.varint_u32()? as usize;
                let place = next.checked_add(gap).filter(|place| *place < cells);
                let place = place.ok_or(DecodeError("a count of the column"))?;
                next = place + 1;
                places.push((place, 0));
            }
            for (_, count) in &mut places {
                *count = get.varint_u32()?.checked_add(1).ok_or(DecodeError("a count"))?;
            }
            Ok(Cells::Gaps(places))
        }
        _ => Err(DecodeError("a kind of column")),
    }
}

fn lists_of(
    headers: &[(u16, u32)],
    columns: &[ColumnSlots],
    slots: usize,
    read: &[Column<'_>],
) -> Decoded<Vec<(u16, Counts)>> {
    let mut lists: Vec<Vec<(u32, u32)>> = vec![Vec::new(); headers.len()];
    for (column, read) in columns.iter().zip(read) {
        let Cells::Gaps(cells) = &read.cells else { continue };
        let rest = read.rest.and_then(|rest| column.slot(rest));
        let mut sums = vec![0_u64; headers.len()];
        for (cell, count) in cells {
            let (slot, bucket) = (cell / headers.len(), cell % headers.len());
            let slot = column.slot(slot).ok_or(DecodeError("a slot of the column"))?;
            check_unwritten(if rest == Some(slot) { *count } else { 0 })?;
            if let (Some(list), Some(sum)) = (lists.get_mut(bucket), sums.get_mut(bucket)) {
                list.push((slot as u32, *count));
                *sum += u64::from(*count);
            }
        }
        for ((sum, (_, rows)), list) in sums.iter().zip(headers).zip(&mut lists) {
            let Some(slot) = rest else {
                check_rows(*sum, *rows)?;
                continue;
            };
            let count = rest_of(*rows, *sum)?;
            if count > 0 {
                list.push((slot as u32, count));
            }
        }
    }
    let bucket = |((number, rows), mut list): (&(u16, u32), Vec<(u32, u32)>)| {
        // New categories of a column stand behind the columns after it.
        list.sort_unstable();
        (*number, Counts::of_counts(*rows, slots, list.into_iter()))
    };
    Ok(headers.iter().zip(lists).map(bucket).collect())
}

/// The cells of one column, unpacked.
struct Unpack {
    decompressor: Decompressor<'static>,
    packed: Vec<u8>,
    bytes: Vec<u8>,
    longs: Vec<u32>,
    wide: bool,
}

impl Unpack {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            decompressor: Decompressor::new()?,
            packed: Vec::new(),
            bytes: Vec::new(),
            longs: Vec::new(),
            wide: false,
        })
    }

    fn read(&mut self, column: &Cells<'_>, cells: usize) -> Decoded<()> {
        self.wide = match column {
            Cells::Packed(bits, _) => *bits > 8,
            Cells::Gaps(_) => true,
        };
        match column {
            Cells::Packed(bits, bytes) => self.unpack(*bits, bytes, cells),
            Cells::Gaps(places) => {
                self.longs.clear();
                self.longs.resize(cells, 0);
                for (place, count) in places {
                    if let Some(cell) = self.longs.get_mut(*place) {
                        *cell = *count;
                    }
                }
                Ok(())
            }
        }
    }

    fn unpack(&mut self, bits: u8, bytes: &[u8], cells: usize) -> Decoded<()> {
        if !matches!(bits, 2 | 4 | 8 | 16 | 32) {
            return Err(DecodeError("counts of 2, 4, 8, 16 or 32 bits"));
        }
        let length = (cells * usize::from(bits)).div_ceil(8);
        self.packed.clear();
        self.packed.reserve_exact(length);
        let read = self.decompressor.decompress_to_buffer(bytes, &mut self.packed);
        if read.ok() != Some(length) {
            return Err(DecodeError("zstd of a column's counts"));
        }
        match bits {
            2 | 4 => split(&self.packed, bits, cells, &mut self.bytes),
            8 => std::mem::swap(&mut self.packed, &mut self.bytes),
            _ => {
                self.longs.clear();
                self.longs.resize(cells, 0);
                for (plane, bytes) in self.packed.chunks_exact(cells.max(1)).enumerate() {
                    for (cell, byte) in self.longs.iter_mut().zip(bytes) {
                        *cell |= u32::from(*byte) << (8 * plane);
                    }
                }
            }
        }
        Ok(())
    }

    /// A cell.
    fn count(&self, cell: usize) -> u32 {
        match self.wide {
            true => self.longs.get(cell).copied().unwrap_or(0),
            false => self.bytes.get(cell).copied().map_or(0, u32::from),
        }
    }

    /// Puts every so many-th cell, from one on, into slots of a bucket. Returns their sum.
    fn put(&self, bucket: &mut Counts, slots: Range<usize>, from: usize, every: usize) -> u64 {
        if self.wide {
            let cells = self.longs.get(from..).unwrap_or_default();
            bucket.set(slots, cells.iter().step_by(every).copied())
        } else {
            let cells = self.bytes.get(from..).unwrap_or_default();
            bucket.set(slots, cells.iter().step_by(every).map(|cell| u32::from(*cell)))
        }
    }
}

fn split(packed: &[u8], bits: u8, cells: usize, out: &mut Vec<u8>) {
    out.clear();
    if bits == 4 {
        out.extend(packed.iter().flat_map(|byte| [byte & 15, byte >> 4]));
    } else {
        out.extend(packed.iter().flat_map(|b| [b & 3, b >> 2 & 3, b >> 4 & 3, b >> 6]));
    }
    out.truncate(cells);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SLOTS: usize = 16;

    fn columns() -> Vec<ColumnSlots> {
        vec![
            ColumnSlots { known: 0..7, new: vec![12, 14] },
            ColumnSlots { known: 7..12, new: vec![13, 15] },
        ]
    }

    fn after_reading() -> Vec<ColumnSlots> {
        vec![
            ColumnSlots { known: 0..7, new: vec![12, 13] },
            ColumnSlots { known: 7..12, new: vec![14, 15] },
        ]
    }

    /// Rows by the slot that they have in each of the two columns, as lists of slots.
    fn bucket() -> impl Strategy<Value = Counts> {
        let rate = prop_oneof![1_u32..4, 1_u32..300, 60_000_u32..80_000];
        let slots: Vec<Vec<usize>> =
            columns().iter().map(|column| column.iter().collect()).collect();
        (rate, 0_usize..9, 0_usize..9, any::<bool>()).prop_map(move |(rows, a, b, spread)| {
            let mut cells = std::collections::BTreeMap::new();
            for row in 0..rows.min(400) {
                let weight = if row == 0 { rows - rows.min(400) + 1 } else { 1 };
                let step = if spread { row as usize } else { 0 };
                *cells.entry(slots[0][(a + step) % 9] as u32).or_insert(0) += weight;
                *cells.entry(slots[1][(b + step * 5) % 7] as u32).or_insert(0) += weight;
            }
            Counts::of_counts(rows, SLOTS, cells.into_iter())
        })
    }

    fn moved(counts: &Counts) -> Counts {
        let mut cells = std::collections::BTreeMap::new();
        counts.for_each(|slot, count| {
            let slot = match slot {
                13 => 14,
                14 => 13,
                slot => slot,
            };
            *cells.entry(slot as u32).or_insert(0) += count;
        });
        Counts::of_counts(counts.rows(), SLOTS, cells.into_iter())
    }

    fn encode(buckets: &[(u16, Counts)]) -> Vec<u8> {
        let borrowed: Vec<(u16, &Counts)> = buckets.iter().map(|(n, c)| (*n, c)).collect();
        let mut out = Vec::new();
        let mut writer = MatrixWriter::new().expect("memory");
        writer.put(&mut out, &columns(), &borrowed).expect("packs");
        out
    }

    fn buckets() -> impl Strategy<Value = Vec<(u16, Counts)>> {
        let gaps = prop::collection::vec((1_u16..4, bucket()), 0..14);
        gaps.prop_map(|gaps| {
            let mut number = 0;
            let next = |(gap, counts)| {
                number += gap;
                (number, counts)
            };
            gaps.into_iter().map(next).collect()
        })
    }

    #[test]
    fn a_column_whose_rows_all_stand_in_one_slot_takes_four_bytes() {
        let one = ColumnSlots { known: 0..900, new: Vec::new() };
        let bucket = |rows| Counts::of_counts(rows, 900, std::iter::once((0, rows)));
        let buckets: Vec<(u16, Counts)> = (0..60).map(|n| (n, bucket(u32::from(n) + 1))).collect();
        let borrowed: Vec<(u16, &Counts)> = buckets.iter().map(|(n, c)| (*n, c)).collect();
        let written = |columns: &[ColumnSlots]| {
            let mut out = Vec::new();
            let mut writer = MatrixWriter::new().expect("memory");
            writer.put(&mut out, columns, &borrowed).expect("packs");
            out
        };
        let (headers, bytes) = (written(&[]), written(std::slice::from_ref(&one)));
        assert_eq!(bytes[headers.len()..], [REST, 0, GAPS, 0]);
        let back = get_matrix(&mut Get::new(&bytes), &[one], 900, &(0..0), 60).expect("decodes");
        assert_eq!(back, buckets);
    }

    proptest! {
        #[test]
        fn buckets_come_back_with_new_categories_column_by_column(buckets in buckets()) {
            let bytes = encode(&buckets);
            let mut get = Get::new(&bytes);
            let back = get_matrix(&mut get, &after_reading(), SLOTS, &(0..0), 60).expect("decodes");
            let want: Vec<_> = buckets.iter().map(|(number, c)| (*number, moved(c))).collect();
            prop_assert_eq!(back, want);
            prop_assert_eq!(get.end(), Ok(()));
        }

        #[test]
        fn foreign_bytes_give_an_error_or_counts_that_add_up(
            buckets in buckets(),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = encode(&buckets);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok(back) = get_matrix(&mut Get::new(&bytes), &after_reading(), SLOTS, &(0..0), 60) {
                for (_, counts) in back {
                    let mut sum = 0;
                    counts.for_each(|_, count| sum += u64::from(count));
                    prop_assert_eq!(sum, 2 * u64::from(counts.rows()));
                }
            }
            let cut = cut.index(bytes.len());
            let _ = get_matrix(&mut Get::new(&bytes[..cut]), &after_reading(), SLOTS, &(0..0), 60);
        }
    }
}
