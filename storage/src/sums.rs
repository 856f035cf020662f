//! Sums of the buckets of one part, by slot: what a window covers of a day that no running sum has.
//!
//! Minutes of a busy model keep a byte a slot, and a window's edge adds up to thirty of them. They
//! are added four at a time in 16 bits, which compiles to vector code.

use std::ops::Range;

use crate::{
    buckets::BucketsRead,
    counts::{Counts, before, behind},
};

/// Buckets of bytes that 16 bits can sum.
const BYTES_SUMMED_MAX: usize = (u16::MAX / u8::MAX as u16) as usize;

/// No slot is left out of a bucket.
const NO_HOLE: Range<usize> = 0..0;

/// Sums by slot. Only the slots of the asked spans are right.
#[derive(Debug, Default)]
pub(crate) struct Sums {
    /// What was read for all sums since the first.
    pub(crate) read: BucketsRead,
    rows: u32,
    slots: Vec<u32>,
    /// Sums of bytes on their way to `slots`.
    words: Vec<u16>,
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
        self.fold(buckets, spans, &NO_HOLE, u32::wrapping_add);
    }

    /// Takes buckets away from a sum that holds them.
    pub(crate) fn subtract<'a>(
        &mut self,
        buckets: impl Iterator<Item = &'a Counts>,
        spans: &[Range<usize>],
    ) {
        self.fold(buckets, spans, &NO_HOLE, u32::wrapping_sub);
    }

    /// Adds buckets without the slots of a hole: those behind it stand where it begins.
    pub(crate) fn add_around<'a>(
        &mut self,
        buckets: impl Iterator<Item = &'a Counts>,
        spans: &[Range<usize>],
        hole: &Range<usize>,
    ) {
        self.fold(buckets, spans, hole, u32::wrapping_add);
    }

    fn fold<'a>(
        &mut self,
        buckets: impl Iterator<Item = &'a Counts>,
        spans: &[Range<usize>],
        hole: &Range<usize>,
        join: impl Fn(u32, u32) -> u32 + Copy,
    ) {
        let mut narrow: Vec<&[u8]> = Vec::with_capacity(64);
        for bucket in buckets {
            self.rows = join(self.rows, bucket.rows());
            match bucket.as_bytes() {
                Some(bytes) => narrow.push(bytes),
                None => bucket.join_to(spans, hole, &mut self.slots, join),
            }
        }
        self.fold_narrow(&narrow, spans, hole, join);
    }

    /// Adds rows and buckets that keep a byte a slot, without the slots of a hole.
    pub(crate) fn add_bytes(
        &mut self,
        rows: u32,
        buckets: &[&[u8]],
        spans: &[Range<usize>],
        hole: &Range<usize>,
    ) {
        self.rows = self.rows.wrapping_add(rows);
        self.fold_narrow(buckets, spans, hole, u32::wrapping_add);
    }

    fn fold_narrow(
        &mut self,
        buckets: &[&[u8]],
        spans: &[Range<usize>],
        hole: &Range<usize>,
        join: impl Fn(u32, u32) -> u32 + Copy,
    ) {
        self.fold_bytes(buckets, before(spans, hole), 0, join);
        self.fold_bytes(buckets, behind(spans, hole), hole.len(), join);
    }

    /// Joins the bytes of spans, which stand so many slots before their own.
    fn fold_bytes(
        &mut self,
        buckets: &[&[u8]],
        spans: impl Iterator<Item = Range<usize>> + Clone,
        shift: usize,
        join: impl Fn(u32, u32) -> u32 + Copy,
    ) {
        let all = self.slots.len();
        for some in buckets.chunks(BYTES_SUMMED_MAX) {
            for span in spans.clone() {
                let span = span.start.min(all)..span.end.min(all);
                if span.is_empty() {
                    continue;
                }
                self.words.clear();
                self.words.resize(span.len(), 0);
                sum_bytes(some, span.start - shift..span.end - shift, &mut self.words);
                let slots = self.slots.get_mut(span).unwrap_or_default();
                for (slot, word) in slots.iter_mut().zip(&self.words) {
                    *slot = join(*slot, u32::from(*word));
                }
            }
        }
    }
}

/// Adds the bytes of a span; a bucket may end inside it.
fn sum_bytes(buckets: &[&[u8]], span: Range<usize>, words: &mut [u16]) {
    let inside = |bucket: &'_ [u8]| span.start..span.end.min(bucket.len());
    let (whole, short): (Vec<&[u8]>, Vec<&[u8]>) =
        buckets.iter().partition(|bucket| bucket.len() >= span.end);
    let (fours, rest) = whole.as_chunks::<4>();
    for bucket in rest.iter().chain(&short) {
        let bytes = bucket.get(inside(bucket)).unwrap_or_default();
        words.iter_mut().zip(bytes).for_each(|(word, byte)| *word += u16::from(*byte));
    }
    for four in fours {
        let [a, b, c, d] = four.map(|bucket| bucket.get(span.clone()).unwrap_or_default());
        for ((((word, a), b), c), d) in words.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *word += u16::from(*a) + u16::from(*b) + u16::from(*c) + u16::from(*d);
        }
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
