//! Partials: the mergeable counts of the rows of one bucket of event time.
//!
//! Counts are integers, so partials merge in any order to the same bits. Each column keeps only
//! the bins that occur: a minute of a quiet model touches a few of its hundred.

use crate::{
    binning::{SPECIALS, special_of},
    codec::{Decoded, Get, Put as _},
};

/// Counts of one column in one bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnPartial {
    /// Bin and count, ascending by bin, counts above 0.
    pub bins: Vec<(u32, u32)>,
    /// Rows in no bin, by [`crate::Special`].
    pub specials: [u32; SPECIALS],
}

impl ColumnPartial {
    /// Counts of codes; the codes are sorted in place.
    fn of_codes(codes: &mut [u32]) -> Self {
        codes.sort_unstable();
        let mut partial = Self::default();
        for run in codes.chunk_by(|a, b| a == b) {
            let (Some(code), Ok(count)) = (run.first(), u32::try_from(run.len())) else { continue };
            match special_of(*code) {
                Some(place) => partial.specials[place] += count,
                None => partial.bins.push((*code, count)),
            }
        }
        partial
    }

    fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.specials.iter_mut().zip(other.specials) {
            *mine = mine.saturating_add(theirs);
        }
        if self.bins.is_empty() {
            self.bins.clone_from(&other.bins);
            return;
        }
        // The usual late merge touches bins that are there already.
        let mut fresh = Vec::new();
        for &(bin, count) in &other.bins {
            match self.bins.binary_search_by_key(&bin, |entry| entry.0) {
                Ok(at) => self.bins[at].1 = self.bins[at].1.saturating_add(count),
                Err(_) => fresh.push((bin, count)),
            }
        }
        if !fresh.is_empty() {
            self.bins.append(&mut fresh);
            self.bins.sort_unstable_by_key(|entry| entry.0);
        }
    }
}

/// Counts of all monitored columns in one bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Partial {
    /// Rows in the bucket.
    pub rows: u32,
    /// One entry per monitored column.
    pub columns: Vec<ColumnPartial>,
}

impl Partial {
    /// The partial of some rows: `codes[column][row]` for the rows of a selection.
    pub fn of_rows(codes: &[Vec<u32>], rows: &[u32]) -> Self {
        let mut scratch = Vec::with_capacity(rows.len());
        let columns = codes
            .iter()
            .map(|codes| {
                scratch.clear();
                scratch.extend(rows.iter().filter_map(|row| codes.get(*row as usize)));
                ColumnPartial::of_codes(&mut scratch)
            })
            .collect();
        Self { rows: u32::try_from(rows.len()).unwrap_or(u32::MAX), columns }
    }

    /// Adds another partial of the same binning.
    pub fn merge(&mut self, other: &Self) {
        self.rows = self.rows.saturating_add(other.rows);
        if self.columns.is_empty() {
            self.columns.clone_from(&other.columns);
            return;
        }
        for (mine, theirs) in self.columns.iter_mut().zip(&other.columns) {
            mine.merge(theirs);
        }
    }

    /// Approximate bytes in memory.
    pub fn bytes(&self) -> usize {
        self.columns.iter().map(|c| size_of::<ColumnPartial>() + c.bins.len() * 8).sum()
    }
}

/// Appends partials of the same binning, column by column, which compresses best:
/// rows of each; then per column and partial the specials (a bit mask and the counts it names) and
/// the bins (count, then per bin the distance from the one before and its count).
pub fn put_partials<'a>(
    out: &mut Vec<u8>,
    columns: usize,
    partials: impl Iterator<Item = &'a Partial> + Clone,
) {
    for partial in partials.clone() {
        out.put_varint(u64::from(partial.rows));
    }
    for place in 0..columns {
        for partial in partials.clone() {
            match partial.columns.get(place) {
                Some(column) => put_column(out, column),
                None => put_column(out, &ColumnPartial::default()),
            }
        }
    }
}

/// Reads `count` partials of `columns` columns that [`put_partials`] wrote.
pub fn get_partials(get: &mut Get<'_>, columns: usize, count: usize) -> Decoded<Vec<Partial>> {
    let mut partials = Vec::with_capacity(count.min(get.rest()));
    for _ in 0..count {
        partials.push(Partial { rows: get.varint_u32()?, columns: Vec::new() });
    }
    for _ in 0..columns {
        for partial in &mut partials {
            partial.columns.push(get_column(get)?);
        }
    }
    Ok(partials)
}

fn put_column(out: &mut Vec<u8>, column: &ColumnPartial) {
    let mask = column
        .specials
        .iter()
        .enumerate()
        .fold(0_u8, |mask, (place, count)| if *count > 0 { mask | 1 << place } else { mask });
    out.put_u8(mask);
    for count in column.specials.iter().filter(|count| **count > 0) {
        out.put_varint(u64::from(*count));
    }
    out.put_varint(column.bins.len() as u64);
    let mut next = 0;
    for (bin, count) in &column.bins {
        out.put_varint(u64::from(bin - next));
        out.put_varint(u64::from(*count));
        next = bin + 1;
    }
}

fn get_column(get: &mut Get<'_>) -> Decoded<ColumnPartial> {
    use crate::codec::DecodeError;
    let mut column = ColumnPartial::default();
    let mask = get.u8()?;
    for (place, count) in column.specials.iter_mut().enumerate() {
        if mask & 1 << place != 0 {
            *count = get.varint_u32()?;
        }
    }
    let count = get.count(2)?;
    column.bins.reserve(count);
    let mut next = 0_u32;
    for _ in 0..count {
        let bin = next.checked_add(get.varint_u32()?).ok_or(DecodeError("a bin"))?;
        next = bin.checked_add(1).ok_or(DecodeError("a bin"))?;
        column.bins.push((bin, get.varint_u32()?));
    }
    Ok(column)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binning::{Special, special_code};
    use proptest::prelude::*;

    fn codes() -> impl Strategy<Value = Vec<Vec<u32>>> {
        let code = prop_oneof![0_u32..5, Just(special_code(Special::Null)), 90_u32..100];
        prop::collection::vec(prop::collection::vec(code, 40), 3)
    }

    fn of(codes: &[Vec<u32>], rows: std::ops::Range<u32>) -> Partial {
        Partial::of_rows(codes, &rows.collect::<Vec<u32>>())
    }

    proptest! {
        #[test]
        fn parts_merge_to_the_whole_in_any_order(codes in codes(), cut in 0_u32..40) {
            let (a, b) = (of(&codes, 0..cut), of(&codes, cut..40));
            let mut ab = a.clone();
            ab.merge(&b);
            let mut ba = b;
            ba.merge(&a);
            prop_assert_eq!(&ab, &of(&codes, 0..40));
            prop_assert_eq!(&ba, &ab);
        }

        #[test]
        fn partials_come_back(codes in codes(), cut in 0_u32..40) {
            let partials = [of(&codes, 0..cut), of(&codes, cut..40)];
            let mut out = Vec::new();
            put_partials(&mut out, 3, partials.iter());
            prop_assert_eq!(get_partials(&mut Get::new(&out), 3, 2), Ok(partials.to_vec()));
        }
    }
}
