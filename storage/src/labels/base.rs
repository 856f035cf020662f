//! Labels in row order, unchanged once made: what a sidecar holds.
//!
//! ```text
//! bits    one per row, set for a row with a label          ranks   labels before each 512 rows
//! times   eight bytes per label                            truths  one or eight bytes per label
//! ```
//! Finding a label is a bit and a count of bits. Labels of few classes take nine bytes each.

use super::{Given, in_row_order, truth::Truth64};

const RANK_WORDS: usize = 8;

/// Truths in order: the places of classes below 256, or whatever they are.
#[derive(Debug, Clone)]
enum Truths {
    Bytes(Vec<u8>),
    Bits(Vec<u64>),
}

impl Truths {
    fn get(&self, at: usize) -> Option<Truth64> {
        match self {
            Self::Bytes(places) => places.get(at).map(|place| Truth64::class((*place).into())),
            Self::Bits(bits) => bits.get(at).map(|bits| Truth64::from_bits(*bits)),
        }
    }

    fn push(&mut self, truth: Truth64) {
        match (&mut *self, truth.place().and_then(|place| u8::try_from(place).ok())) {
            (Self::Bytes(places), Some(place)) => places.push(place),
            (Self::Bits(bits), _) => bits.push(truth.bits()),
            (Self::Bytes(places), None) => {
                let mut bits = Vec::with_capacity(places.capacity());
                bits.extend(places.iter().map(|place| Truth64::class((*place).into()).bits()));
                bits.push(truth.bits());
                *self = Self::Bits(bits);
            }
        }
    }

    /// Appends those of a range.
    fn extend(&mut self, other: &Self, range: std::ops::Range<usize>) {
        match (&mut *self, other) {
            (Self::Bytes(mine), Self::Bytes(theirs)) => {
                mine.extend_from_slice(theirs.get(range).unwrap_or_default());
            }
            (Self::Bits(mine), Self::Bits(theirs)) => {
                mine.extend_from_slice(theirs.get(range).unwrap_or_default());
            }
            _ => range.filter_map(|at| other.get(at)).for_each(|truth| self.push(truth)),
        }
    }
}

/// Labels in row order.
#[derive(Debug, Clone)]
pub(super) struct Base {
    bits: Vec<u64>,
    ranks: Vec<u32>,
    times: Vec<i64>,
    truths: Truths,
}

impl Default for Base {
    fn default() -> Self {
        Self::with_capacity(0)
    }
}

impl Base {
    /// Nothing yet, with room for so many labels.
    pub(super) fn with_capacity(labels: usize) -> Self {
        Self {
            bits: Vec::new(),
            ranks: Vec::new(),
            times: Vec::with_capacity(labels),
            truths: Truths::Bytes(Vec::with_capacity(labels)),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether a row has a label.
    pub(super) fn contains(&self, row: u32) -> bool {
        self.bits.get((row / 64) as usize).is_some_and(|bits| bits >> (row % 64) & 1 == 1)
    }

    /// Labels of the rows before one.
    fn rank(&self, row: u32) -> usize {
        let word = ((row / 64) as usize).min(self.bits.len());
        let start = word / RANK_WORDS * RANK_WORDS;
        let Some(before) = self.ranks.get(word / RANK_WORDS) else { return self.len() };
        let between = self.bits[start..word].iter().map(|bits| bits.count_ones()).sum::<u32>();
        let below = self.bits.get(word).map_or(0, |bits| bits & ((1 << (row % 64)) - 1));
        (before + between + below.count_ones()) as usize
    }

    pub(super) fn get(&self, row: u32) -> Option<Given> {
        if !self.contains(row) {
            return None;
        }
        let at = self.rank(row);
        Some(Given { time: *self.times.get(at)?, truth: self.truths.get(at)? })
    }

    /// Appends the label of a row after all others; [`Base::finish`] must follow.
    pub(super) fn push(&mut self, row: u32, given: Given) {
        let word = (row / 64) as usize;
        if self.bits.len() <= word {
            self.bits.resize(word + 1, 0);
        }
        self.bits[word] |= 1 << (row % 64);
        self.times.push(given.time);
        self.truths.push(given.truth);
    }

    /// Counts the labels of each 512 rows.
    pub(super) fn finish(mut self) -> Self {
        let mut before = 0;
        self.ranks.clear();
        for words in self.bits.chunks(RANK_WORDS) {
            self.ranks.push(before);
            before += words.iter().map(|bits| bits.count_ones()).sum::<u32>();
        }
        self
    }

    /// These labels with changes laid over them: a label, or nothing where one goes. Each row has
    /// one change at most.
    pub(super) fn with(&self, changes: &[(u32, Option<Given>)]) -> Self {
        let last = changes.iter().map(|(row, _)| (row / 64) as usize + 1).max().unwrap_or(0);
        let mut bits = self.bits.clone();
        bits.resize(bits.len().max(last), 0);
        let mut merged = Self { bits, ..Self::with_capacity(self.len() + changes.len()) };
        let order = in_row_order(changes.iter().map(|(row, _)| *row));
        let mut copied = 0;
        for (row, given) in order.filter_map(|at| changes.get(at)) {
            let (until, replaced) = (self.rank(*row), usize::from(self.contains(*row)));
            merged.copy(self, copied..until);
            copied = until + replaced;
            let (word, bit) = ((row / 64) as usize, 1 << (row % 64));
            match given {
                Some(given) => {
                    merged.bits[word] |= bit;
                    merged.times.push(given.time);
                    merged.truths.push(given.truth);
                }
                None => merged.bits[word] &= !bit,
            }
        }
        merged.copy(self, copied..self.len());
        merged.finish()
    }

    fn copy(&mut self, from: &Self, range: std::ops::Range<usize>) {
        self.times.extend_from_slice(from.times.get(range.clone()).unwrap_or_default());
        self.truths.extend(&from.truths, range);
    }

    /// Rows with a label, ascending.
    pub(super) fn rows(&self) -> impl Iterator<Item = u32> {
        (0_u32..).step_by(64).zip(&self.bits).flat_map(|(first, bits)| {
            let mut bits = *bits;
            std::iter::from_fn(move || {
                let bit = bits.trailing_zeros();
                bits &= bits.wrapping_sub(1);
                (bit < 64).then_some(first + bit)
            })
        })
    }

    /// Label times in row order.
    pub(super) fn times(&self) -> &[i64] {
        &self.times
    }

    /// Truths in row order.
    pub(super) fn truths(&self) -> impl Iterator<Item = Truth64> {
        (0..self.len()).filter_map(|at| self.truths.get(at))
    }

    /// Rows with their labels, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, Given)> {
        let given = self.times.iter().zip(self.truths());
        self.rows().zip(given.map(|(time, truth)| Given { time: *time, truth }))
    }

    /// Approximate bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        let truths = match &self.truths {
            Truths::Bytes(places) => places.capacity(),
            Truths::Bits(bits) => bits.capacity() * 8,
        };
        self.bits.len() * 8 + self.ranks.len() * 4 + self.times.capacity() * 8 + truths
    }
}
