//! Sums of the buckets of one part, by slot: what a window covers of a day that no running sum has.
//!
//! Minutes of a busy model keep a byte a slot, and a window's edge adds up to thirty of them. They
//! are added block by block of slots in 16 bits, so that the sums stay in registers.

use std::ops::Range;

use crate::counts::Counts;

/// Slots of a block: their 16-bit sums fill four vector registers of the least machine.
const BLOCK_SLOTS: usize = 32;
/// Buckets of bytes that 16 bits can sum.
const BYTES_SUMMED_MAX: usize = (u16::MAX / u8::MAX as u16) as usize;

/// Sums by slot. Only the slots of the asked spans are right.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    rows: u32,
    slots: Vec<u32>,
}

impl Sums {
    /// Forgets all, and makes room for so many slots.
    pub(crate) fn clear(&mut self, slots: usize) {
        self.rows = 0;
        self.slots.clear();
        self.slots.resize(slots, 0);
    }

    /// Rows of the buckets.
    pub(crate) fn rows(&self) -> u32 {
        self.rows
    }

    /// The sum of each slot.
    pub(crate) fn slots(&self) -> &[u32] {
        &self.slots
    }

    /// Adds buckets.
    pub(crate) fn add<'a>(
        &mut self,
        buckets: impl Iterator<Item = &'a Counts>,
        spans: &[Range<usize>],
    ) {
        self.fold(buckets, spans, u32::wrapping_add);
    }

    /// Takes buckets away from a sum that holds them.
    pub(crate) fn subtract<'a>(
        &mut self,
        buckets: impl Iterator<Item = &'a Counts>,
        spans: &[Range<usize>],
    ) {
        self.fold(buckets, spans, u32::wrapping_sub);
    }

    fn fold<'a>(
        &mut self,
        buckets: impl Iterator<Item = &'a Counts>,
        spans: &[Range<usize>],
        join: impl Fn(u32, u32) -> u32 + Copy,
    ) {
        let mut narrow: Vec<&[u8]> = Vec::with_capacity(64);
        for bucket in buckets {
            self.rows = join(self.rows, bucket.rows());
            match bucket.as_bytes() {
                Some(bytes) => narrow.push(bytes),
                None => bucket.join_to(spans, &mut self.slots, join),
            }
        }
        for some in narrow.chunks(BYTES_SUMMED_MAX) {
            for span in spans {
                fold_bytes(some, span.clone(), &mut self.slots, join);
            }
        }
    }
}

fn fold_bytes(
    buckets: &[&[u8]],
    span: Range<usize>,
    slots: &mut [u32],
    join: impl Fn(u32, u32) -> u32 + Copy,
) {
    let end = span.end.min(slots.len());
    let mut start = span.start;
    while start < end {
        let stop = end.min(start + BLOCK_SLOTS);
        let mut sums = [0_u16; BLOCK_SLOTS];
        for bucket in buckets {
            match bucket.get(start..start + BLOCK_SLOTS).and_then(|b| b.as_array()) {
                Some(block) => add_block(&mut sums, block),
                None => {
                    let rest = bucket.get(start..stop.min(bucket.len())).unwrap_or_default();
                    sums.iter_mut().zip(rest).for_each(|(sum, byte)| *sum += u16::from(*byte));
                }
            }
        }
        if let Some(slots) = slots.get_mut(start..stop) {
            slots.iter_mut().zip(sums).for_each(|(slot, sum)| *slot = join(*slot, sum.into()));
        }
        start = stop;
    }
}

#[inline]
fn add_block(sums: &mut [u16; BLOCK_SLOTS], block: &[u8; BLOCK_SLOTS]) {
    for (sum, byte) in sums.iter_mut().zip(block) {
        *sum += u16::from(*byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Rows per slot; enough in one of them to need each width, few for a list.
    fn bucket() -> impl Strategy<Value = Vec<u32>> {
        let count = prop_oneof![6 => Just(0_u32), 6 => 1_u32..4, 1 => 1_u32..90_000];
        let quiet = prop_oneof![20 => Just(0_u32), 1 => 1_u32..600];
        prop_oneof![prop::collection::vec(count, 70), prop::collection::vec(quiet, 70)]
    }

    fn counts(of: &[u32]) -> Counts {
        let counts = (0_u32..).zip(of.iter().copied()).filter(|(_, count)| *count > 0);
        Counts::of_counts(of.iter().sum(), of.len(), counts)
    }

    proptest! {
        #[test]
        fn buckets_of_any_width_add_and_are_taken_away(
            buckets in prop::collection::vec(bucket(), 0..8),
            gone in 0_usize..8,
        ) {
            let all: Vec<Counts> = buckets.iter().map(|of| counts(of)).collect();
            let mut sums = Sums::default();
            sums.clear(70);
            let spans = [0..40, 40..usize::MAX];
            sums.add(all.iter(), &spans);
            let gone = gone.min(all.len());
            sums.subtract(all[..gone].iter(), &spans);
            let want: Vec<u32> =
                (0..70).map(|slot| buckets[gone..].iter().map(|of| of[slot]).sum()).collect();
            prop_assert_eq!(sums.slots(), &want);
            prop_assert_eq!(sums.rows(), want.iter().sum::<u32>());
        }

        #[test]
        fn buckets_merge_in_any_order_to_the_same(
            buckets in prop::collection::vec(bucket(), 1..6),
            turn in 0_usize..6,
        ) {
            let mut ordered = Counts::default();
            buckets.iter().for_each(|of| ordered.add(&counts(of)));
            let mut turned = Counts::default();
            let turn = turn % buckets.len();
            buckets[turn..].iter().chain(&buckets[..turn]).for_each(|of| turned.add(&counts(of)));
            let whole: Vec<u32> =
                (0..70).map(|slot| buckets.iter().map(|of| of[slot]).sum()).collect();
            prop_assert_eq!(&ordered, &counts(&whole));
            prop_assert_eq!(&turned, &ordered);
        }
    }
}
