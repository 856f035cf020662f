//! Partials files of format 1, which are read and no longer written.
//!
//! Sections: 1 = binning, names of new categories per column, and the day; 2 = hours; 100 + h =
//! minutes of hour h. A list of buckets is their count, their numbers and their rows, then column
//! by column and bucket by bucket a mask of the specials that occur with their counts, the number
//! of bins that occur, and per bin the distance from the one before and its count, all varints. A
//! bin past those of the binning is a new category of the column.

use crate::{
    codec::{DecodeError, Decoded, Get},
    counts::Counts,
    matrix::ColumnSlots,
    special::SPECIALS,
};

/// A bucket while it is read.
struct Bucket {
    number: u16,
    rows: u32,
    /// Slots and their counts.
    counts: Vec<(u32, u32)>,
}

/// Reads a list of buckets of numbers below a bound.
pub(crate) fn get_buckets(
    bytes: &[u8],
    columns: &[ColumnSlots],
    slots: usize,
    numbers: u16,
) -> Decoded<Vec<(u16, Counts)>> {
    let mut get = Get::new(bytes);
    let count = get.count(1)?;
    let mut buckets: Vec<Bucket> = Vec::with_capacity(count);
    for _ in 0..count {
        let number = u16::try_from(get.varint()?).map_err(|_| DecodeError("a minute or hour"))?;
        if number >= numbers || buckets.last().is_some_and(|last| last.number >= number) {
            return Err(DecodeError("buckets in order"));
        }
        buckets.push(Bucket { number, rows: 0, counts: Vec::new() });
    }
    for bucket in &mut buckets {
        bucket.rows = get.varint_u32()?;
    }
    for column in columns {
        for bucket in &mut buckets {
            get_column(&mut get, column, bucket)?;
        }
    }
    get.end()?;
    let settled = |mut bucket: Bucket| {
        // New categories of a column stand behind the columns after it.
        bucket.counts.sort_unstable();
        (bucket.number, Counts::of_counts(bucket.rows, slots, bucket.counts.into_iter()))
    };
    Ok(buckets.into_iter().map(settled).collect())
}

fn get_column(get: &mut Get<'_>, column: &ColumnSlots, bucket: &mut Bucket) -> Decoded<()> {
    let mut sum = 0_u64;
    let mut push = |place: usize, count: u32| {
        let slot = column.slot(place).ok_or(DecodeError("a bin of the column"))?;
        sum += u64::from(count);
        bucket.counts.push((slot as u32, count));
        Ok(())
    };
    let mask = get.u8()?;
    for place in (0..SPECIALS).filter(|place| mask & 1 << place != 0) {
        push(place, get.varint_u32()?)?;
    }
    let count = get.count(2)?;
    let mut next = 0_usize;
    for _ in 0..count {
        let bin = next.saturating_add(get.varint_u32()? as usize);
        next = bin.saturating_add(1);
        push(bin.saturating_add(SPECIALS), get.varint_u32()?)?;
    }
    if sum == u64::from(bucket.rows) {
        Ok(())
    } else {
        Err(DecodeError("counts that add up to the rows"))
    }
}
