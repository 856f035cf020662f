//! Where the hash of an id is among many: sorted hashes in buckets, some eight and a half bytes each.
//!
//! ```text
//! table  = count:u32 bucket_bits:u8 row_bits:u8 offset_bytes:u8 0:u8 groups prints rests
//! groups = (base:u32 offset[16])*    entries before the first of 16 buckets, and from there to each
//! prints = u8 per entry              the eight bits of the hash after those of the bucket
//! rests  = bits                      of each entry: the other bits of the hash, then the row
//! ```
//! Hashes are ascending. The first `bucket_bits` of a hash are its bucket, four to eight entries
//! each; one bucket more, of no entry, ends the last. `rests` run from the lowest bit of each byte
//! up. A hash that is not here is told by the prints of its bucket, all but one in fifty: groups and
//! prints of a day fit the cache of a core, the rests do not. Nothing is unpacked: the table in
//! memory is the bytes of the file.

use crate::{
    codec::{DecodeError, Decoded, Get, Put as _},
    limits,
};

const HEADER_BYTES: usize = 8;
/// Buckets of a group.
const GROUP: usize = 16;
const BASE_BYTES: usize = 4;
/// Bits of a print.
const PRINT_BITS: u32 = 8;
/// Prints that are compared at a time.
const LANES: usize = 8;
/// The lowest and the highest bit of each lane.
const LOWS: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = LOWS << 7;
/// Bytes after the last part, so that a word can be read at any of its bytes.
const PADDING: usize = 16;
/// Entries of a bucket past which a search by halves is faster. Chance makes no such bucket, but a
/// sender that chooses ids by their hashes can.
const LINEAR_MAX: usize = 64;
/// Hashes that are looked up side by side, so that the waits for memory overlap.
const BATCH: usize = 16;

/// Hashes and their rows.
pub(crate) struct IdTable {
    bytes: Vec<u8>,
    shape: Shape,
}

/// Sizes and places of the parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shape {
    count: usize,
    bucket_bits: u32,
    row_bits: u32,
    offset_bytes: usize,
    prints: usize,
    rests: usize,
    end: usize,
}

impl Shape {
    fn new(count: usize, bucket_bits: u32, row_bits: u32, offset_bytes: usize) -> Option<Self> {
        let known = bucket_bits <= 30 && row_bits <= 32 && matches!(offset_bytes, 1 | 2 | 4);
        if !known || count > u32::MAX as usize {
            return None;
        }
        let groups = ((1_usize << bucket_bits) + 1).div_ceil(GROUP);
        let mut shape =
            Self { count, bucket_bits, row_bits, offset_bytes, prints: 0, rests: 0, end: 0 };
        shape.prints = HEADER_BYTES + groups * shape.group_bytes();
        shape.rests = shape.prints + count;
        shape.end = shape.rests + (count * shape.rest_bits() as usize).div_ceil(8);
        Some(shape)
    }

    fn group_bytes(&self) -> usize {
        BASE_BYTES + GROUP * self.offset_bytes
    }

    /// Bits of a hash that are neither its bucket nor its print.
    fn low_bits(&self) -> u32 {
        u64::BITS - self.bucket_bits - PRINT_BITS
    }

    fn rest_bits(&self) -> u32 {
        self.low_bits() + self.row_bits
    }

    fn bucket(&self, hash: u64) -> usize {
        bucket_of(hash, self.bucket_bits)
    }

    fn print(&self, hash: u64) -> u8 {
        (hash >> self.low_bits()) as u8
    }

    fn low(&self, hash: u64) -> u64 {
        hash & (u64::MAX >> (u64::BITS - self.low_bits()))
    }
}

fn bucket_of(hash: u64, bucket_bits: u32) -> usize {
    // A shift by all bits is none: one bucket has no bits.
    hash.checked_shr(u64::BITS - bucket_bits).unwrap_or(0) as usize
}

/// Bytes from a place on, as a number; 0 past the end.
fn word_at(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..).and_then(|bytes| bytes.first_chunk::<8>()) {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => 0,
    }
}

/// The highest bit of each lane of zeros. The lowest set bit is right; those above may be chance.
fn zeros(lanes: u64) -> u64 {
    lanes.wrapping_sub(LOWS) & !lanes & HIGHS
}

impl IdTable {
    /// How many hashes there are.
    pub(crate) fn len(&self) -> usize {
        self.shape.count
    }

    /// The table of hashes and their rows.
    pub(crate) fn build(
        entries: impl ExactSizeIterator<Item = (u64, u32)> + Clone,
    ) -> Option<Self> {
        let count = u32::try_from(entries.len()).ok()?;
        let bucket_bits = count.checked_ilog2().unwrap_or(0).saturating_sub(2);
        let last = entries.clone().map(|entry| entry.1).max().unwrap_or(0);
        let row_bits = u32::BITS - last.leading_zeros();
        let entries = sorted(entries, bucket_bits);
        let starts = starts(&entries, bucket_bits);
        let farthest =
            starts.chunks(GROUP).filter_map(|group| Some(group.last()? - group.first()?));
        let offset_bytes = match farthest.max().unwrap_or(0) {
            0..=0xff => 1,
            0x100..=0xffff => 2,
            _ => 4,
        };
        let shape = Shape::new(entries.len(), bucket_bits, row_bits, offset_bytes)?;
        let mut bytes = Vec::with_capacity(shape.end + PADDING);
        bytes.put_u32(u32::try_from(entries.len()).ok()?);
        bytes.extend([bucket_bits as u8, row_bits as u8, offset_bytes as u8, 0]);
        for group in starts.chunks(GROUP) {
            let base = group.first().copied().unwrap_or(0);
            bytes.put_u32(base);
            for start in group {
                bytes.extend_from_slice(&(start - base).to_le_bytes()[..offset_bytes]);
            }
        }
        bytes.resize(shape.prints, 0);
        bytes.extend(entries.iter().map(|entry| shape.print(entry.0)));
        bytes.resize(shape.end + PADDING, 0);
        put_rests(&mut bytes[shape.rests..], &shape, &entries);
        Some(Self { bytes, shape })
    }

    /// The bytes of the table.
    pub(crate) fn encoded(&self) -> &[u8] {
        &self.bytes[..self.shape.end]
    }

    /// The table that has these bytes.
    pub(crate) fn decode(mut bytes: Vec<u8>) -> Decoded<Self> {
        let mut get = Get::new(&bytes);
        let count = get.u32()? as usize;
        let (bucket_bits, row_bits) = (u32::from(get.u8()?), u32::from(get.u8()?));
        let offset_bytes = usize::from(get.u8()?);
        let known = get.u8()? == 0 && count <= limits::SECTION_BYTES_MAX;
        let shape = Shape::new(count, bucket_bits, row_bits, offset_bytes).filter(|_| known);
        let shape = shape.ok_or(DecodeError("a table of ids"))?;
        if shape.end != bytes.len() {
            return Err(DecodeError("a table of ids of its size"));
        }
        bytes.resize(shape.end + PADDING, 0);
        Ok(Self { bytes, shape })
    }

    /// The first entry of a bucket.
    fn start(&self, bucket: usize) -> usize {
        let group = HEADER_BYTES + bucket / GROUP * self.shape.group_bytes();
        let base = word_at(&self.bytes, group) as u32;
        let offset =
            word_at(&self.bytes, group + BASE_BYTES + bucket % GROUP * self.shape.offset_bytes);
        let offset = match self.shape.offset_bytes {
            1 => u32::from(offset as u8),
            2 => u32::from(offset as u16),
            _ => offset as u32,
        };
        // Damaged bytes may say anything; entries past the last do not exist.
        (base as usize + offset as usize).min(self.shape.count)
    }

    /// The entries of a bucket, from the first to before the last.
    fn bucket(&self, bucket: usize) -> (usize, usize) {
        let place = bucket % GROUP;
        // All but one bucket of a group end in it, and offsets of a day have one byte.
        if self.shape.offset_bytes == 1 && place + 1 < GROUP {
            let at = HEADER_BYTES + bucket / GROUP * (BASE_BYTES + GROUP);
            let group = self.bytes.get(at..).and_then(|group| group.split_first_chunk());
            let offsets = group.and_then(|(base, rest)| Some((base, rest.first_chunk::<GROUP>()?)));
            if let Some((base, offsets)) = offsets {
                let base = u32::from_le_bytes(*base) as usize;
                let entry = |offset: u8| (base + usize::from(offset)).min(self.shape.count);
                let first = entry(offsets[place]);
                return (first, entry(offsets[place + 1]).max(first));
            }
        }
        let first = self.start(bucket);
        (first, self.start(bucket + 1).max(first))
    }

    /// The bits of a hash that its bucket and print leave, and the row, of an entry.
    fn rest(&self, entry: usize) -> (u64, u32) {
        let bit = entry * self.shape.rest_bits() as usize;
        let at = self.shape.rests + bit / 8;
        let word = u128::from(word_at(&self.bytes, at))
            | u128::from(word_at(&self.bytes, at + 8)) << u64::BITS;
        let word = word >> (bit % 8);
        let row = (word >> self.shape.low_bits()) as u64;
        (self.shape.low(word as u64), (row & !(u64::MAX << self.shape.row_bits)) as u32)
    }

    fn print_of(&self, entry: usize) -> u8 {
        self.bytes.get(self.shape.prints + entry).copied().unwrap_or(0)
    }

    fn find_among(&self, hash: u64, mut entry: usize, mut end: usize) -> Option<u32> {
        let (print, low) = (self.shape.print(hash), self.shape.low(hash));
        while end - entry > LINEAR_MAX {
            let middle = entry + (end - entry) / 2;
            if (self.print_of(middle), self.rest(middle).0) <= (print, low) {
                entry = middle;
            } else {
                end = middle;
            }
        }
        let wanted = u64::from(print) * LOWS;
        while entry < end {
            let mut equal = zeros(word_at(&self.bytes, self.shape.prints + entry) ^ wanted);
            while equal != 0 {
                let here = entry + equal.trailing_zeros() as usize / LANES;
                equal &= equal - 1;
                if here < end && self.print_of(here) == print {
                    let (found, row) = self.rest(here);
                    if found == low {
                        return Some(row);
                    }
                }
            }
            entry += LANES;
        }
        None
    }

    /// The row of an id by its hash.
    pub(crate) fn find(&self, hash: u64) -> Option<u32> {
        let (first, end) = self.bucket(self.shape.bucket(hash));
        self.find_among(hash, first, end)
    }

    /// Whether entries may have a hash by the prints of the first [`LANES`]: most have not.
    fn may_be_among(&self, hash: u64, entry: usize, end: usize) -> bool {
        let count = end - entry;
        // Prints behind the last entry are of another bucket.
        let behind = (u64::BITS as usize).saturating_sub(count * LANES);
        let inside = u64::MAX.checked_shr(behind as u32).unwrap_or(0);
        let prints = word_at(&self.bytes, self.shape.prints + entry);
        let wanted = u64::from(self.shape.print(hash)) * LOWS;
        let equal = zeros(prints ^ wanted);
        (equal & inside != 0) | (count > LANES)
    }

    /// Looks up many hashes and tells place and row of each that is here. Hashes in ascending order
    /// are faster: neighbours are near each other in memory.
    pub(crate) fn find_each(&self, hashes: &[u64], mut found: impl FnMut(usize, u32)) {
        let (mut buckets, mut likely) = ([(0, 0); BATCH], [0; BATCH]);
        for (batch, hashes) in hashes.chunks(BATCH).enumerate() {
            for (bucket, hash) in buckets.iter_mut().zip(hashes) {
                *bucket = self.bucket(self.shape.bucket(*hash));
            }
            // No branch depends on what was read before the few that are left are looked at.
            let mut count = 0;
            for (place, ((first, end), hash)) in buckets.iter().zip(hashes).enumerate() {
                likely[count % BATCH] = place;
                count += usize::from(self.may_be_among(*hash, *first, *end));
            }
            for place in likely.iter().take(count) {
                let (Some(hash), Some((first, end))) = (hashes.get(*place), buckets.get(*place))
                else {
                    continue;
                };
                if let Some(row) = self.find_among(*hash, *first, *end) {
                    found(batch * BATCH + place, row);
                }
            }
        }
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.len()
    }
}

impl std::fmt::Debug for IdTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.shape.fmt(f)
    }
}

/// Hashes with their rows, ascending. Two ids of one hash: the first row answers for both.
fn sorted(
    unsorted: impl ExactSizeIterator<Item = (u64, u32)> + Clone,
    bucket_bits: u32,
) -> Vec<(u64, u32)> {
    let mut ends = vec![0_u32; (1 << bucket_bits) + 1];
    for (hash, _) in unsorted.clone() {
        ends[bucket_of(hash, bucket_bits) + 1] += 1;
    }
    let mut sum = 0;
    for end in &mut ends {
        sum += *end;
        *end = sum;
    }
    let mut entries = vec![(0, 0); unsorted.len()];
    for entry in unsorted {
        let place = &mut ends[bucket_of(entry.0, bucket_bits)];
        entries[*place as usize] = entry;
        *place += 1;
    }
    // Each place stands at the end of its bucket now.
    let mut first = 0;
    for end in ends.iter().take(1 << bucket_bits) {
        entries[first..*end as usize].sort_unstable();
        first = *end as usize;
    }
    entries.dedup_by_key(|entry| entry.0);
    entries
}

/// The first entry of each bucket, and of one past the last.
fn starts(entries: &[(u64, u32)], bucket_bits: u32) -> Vec<u32> {
    let mut starts = vec![0_u32; (1 << bucket_bits) + 1];
    for (hash, _) in entries {
        starts[bucket_of(*hash, bucket_bits) + 1] += 1;
    }
    let mut sum = 0;
    for start in &mut starts {
        sum += *start;
        *start = sum;
    }
    starts
}

fn put_rests(out: &mut [u8], shape: &Shape, entries: &[(u64, u32)]) {
    let mut place = 0;
    let (mut word, mut filled) = (0_u128, 0);
    for (hash, row) in entries {
        let rest = u128::from(shape.low(*hash)) | u128::from(*row) << shape.low_bits();
        word |= rest << filled;
        filled += shape.rest_bits();
        // A rest has at most 88 bits and less than 32 are left over before it.
        while filled >= 32 {
            out[place..place + 4].copy_from_slice(&(word as u32).to_le_bytes());
            place += 4;
            word >>= 32;
            filled -= 32;
        }
    }
    out[place..place + 4].copy_from_slice(&(word as u32).to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(hashes: &[u64]) -> IdTable {
        let entries = hashes.iter().enumerate().map(|(row, hash)| (*hash, row as u32));
        let built = IdTable::build(entries).expect("builds");
        IdTable::decode(built.encoded().to_vec()).expect("reads")
    }

    fn hash(n: u64) -> u64 {
        xxhash_rust::xxh3::xxh3_64(&n.to_le_bytes())
    }

    #[test]
    fn every_hash_is_found_in_its_row_and_no_other_is() {
        for count in [0_u64, 1, 2, 3, 10, 63, 64, 65, 1_000, 70_000] {
            let hashes: Vec<u64> = (0..count).map(hash).collect();
            let table = table(&hashes);
            for row in 0..count {
                assert_eq!(table.find(hash(row)), Some(row as u32), "{count}");
            }
            for foreign in count..count + 5_000 {
                assert_eq!(table.find(hash(foreign)), None, "{count}");
            }
        }
    }

    #[test]
    fn an_entry_of_a_day_takes_eight_bytes_and_a_half() {
        let hashes: Vec<u64> = (0..333_333).map(hash).collect();
        let bytes = table(&hashes).bytes() as f64 / hashes.len() as f64;
        assert!(bytes < 8.65, "{bytes}");
    }

    proptest! {
        #[test]
        fn crowded_buckets_and_twins_are_found(
            near in proptest::collection::vec(0_u64..3_000, 0..600),
            top in 0_u64..4,
            probes in proptest::collection::vec(0_u64..3_000, 0..100),
        ) {
            let hash = |n: u64| (top << 62) | (n << 20) | (n % 7);
            let hashes: Vec<u64> = near.iter().map(|n| hash(*n)).collect();
            let table = table(&hashes);
            let want = |n: u64| near.iter().position(|known| *known == n).map(|row| row as u32);
            for probe in near.iter().chain(&probes) {
                prop_assert_eq!(table.find(hash(*probe)), want(*probe));
            }
            let probed: Vec<u64> = probes.iter().map(|n| hash(*n)).collect();
            let mut found = vec![None; probed.len()];
            table.find_each(&probed, |place, row| found[place] = Some(row));
            prop_assert_eq!(found, probes.iter().map(|n| want(*n)).collect::<Vec<_>>());
        }

        #[test]
        fn damaged_tables_never_panic(
            count in 0_u64..200, at: usize, flip: u8, probes: Vec<u64>, bytes: Vec<u8>,
        ) {
            let hashes: Vec<u64> = (0..count).map(hash).collect();
            let mut damaged = table(&hashes).encoded().to_vec();
            let at = at % damaged.len();
            damaged[at] ^= flip;
            for bytes in [damaged, bytes] {
                let Ok(table) = IdTable::decode(bytes) else { continue };
                for probe in hashes.iter().chain(&probes) {
                    let _ = table.find(*probe);
                }
                table.find_each(&probes, |_, _| {});
            }
        }
    }
}
