//! The bin of a number among ascending edges: how many of them are `<=` it.
//!
//! Two kernels, both without a branch on finite data. Row by row, a binary search whose depth is a
//! constant: the edges are padded with infinity to a power of two, so the compiler unrolls it and
//! needs no bounds check. For whole columns of which only the counts are wanted and that have few
//! edges, each edge is compared with a block of values at a time, which compiles to vector code.

use fearless_simd::{Level, Simd, dispatch};
use fearless_simd_macros::simd;

use crate::{
    latency::{self, latency_edges},
    special::{SPECIALS, Special},
};

/// Edges up to which counting edge by edge beats searching row by row.
const COMPARED_EDGES_MAX: usize = 24;
/// Values that are compared with all edges before the next ones are read: they stay in the first
/// cache.
const BLOCK_VALUES: usize = 512;

/// Finds the bin of a number.
#[derive(Debug, Clone)]
pub(crate) enum EdgeSearch {
    /// At most 15 edges.
    Tiny(Box<[f64; 16]>),
    /// At most 31 edges.
    Small(Box<[f64; 32]>),
    /// At most 127 edges, such as the percentiles of a reference.
    Usual(Box<[f64; 128]>),
    /// The edges of latencies.
    Latency,
    /// Any number of edges.
    Large(Box<[f64]>),
}

impl EdgeSearch {
    /// A search among strictly ascending finite edges.
    pub(crate) fn new(edges: &[f64]) -> Self {
        if edges == latency_edges() {
            return Self::Latency;
        }
        None.or_else(|| padded(edges).map(Self::Tiny))
            .or_else(|| padded(edges).map(Self::Small))
            .or_else(|| padded(edges).map(Self::Usual))
            .unwrap_or_else(|| Self::Large(edges.into()))
    }

    /// The slots of a column's rows: `first` and the specials, then the bins.
    pub(crate) fn slots(&self, values: &[f64], first: u32, out: &mut Vec<u32>) {
        out.clear();
        match self {
            Self::Tiny(edges) => out.extend(values.iter().map(|v| first + slot(edges, *v))),
            Self::Small(edges) => out.extend(values.iter().map(|v| first + slot(edges, *v))),
            Self::Usual(edges) => out.extend(values.iter().map(|v| first + slot(edges, *v))),
            Self::Latency => {
                let table = latency::Table::get();
                let slot = |value: &f64| first + slot_by(*value, |value| table.bin(value));
                out.extend(values.iter().map(slot));
            }
            Self::Large(edges) => out.extend(values.iter().map(|v| {
                let bin = |value| edges.partition_point(|edge| *edge <= value);
                first + slot_by(*v, bin)
            })),
        }
    }
}

/// The edges, padded to N places of which the last is never looked at; `None` if there are more.
fn padded<const N: usize>(edges: &[f64]) -> Option<Box<[f64; N]>> {
    let mut all = Box::new([f64::INFINITY; N]);
    all[..N - 1].get_mut(..edges.len())?.copy_from_slice(edges);
    Some(all)
}

#[inline]
fn slot<const N: usize>(edges: &[f64; N], value: f64) -> u32 {
    slot_by(value, |value| search(edges, value))
}

#[inline]
fn slot_by(value: f64, bin: impl FnOnce(f64) -> usize) -> u32 {
    let place = if value.is_finite() { SPECIALS + bin(value) } else { Special::of(value) as usize };
    place as u32
}

/// The number of edges `<=` a finite value; N is a power of two.
#[inline]
fn search<const N: usize>(edges: &[f64; N], value: f64) -> usize {
    let mut below = 0;
    let mut step = N / 2;
    while step > 0 {
        // The mask says to the compiler what the padding makes true: the place is inside.
        let edge = edges[(below + step - 1) & (N - 1)];
        below += if edge <= value { step } else { 0 };
        step /= 2;
    }
    below
}

/// Counts a column by its edges, when only the counts are wanted.
#[derive(Debug, Clone)]
pub(crate) struct EdgeCounter {
    edges: Vec<f64>,
    /// Nothing if there are so few edges that each is compared with all values.
    search: Option<EdgeSearch>,
}

impl EdgeCounter {
    /// A counter by strictly ascending edges.
    pub(crate) fn new(edges: Vec<f64>) -> Self {
        let search = (edges.len() > COMPARED_EDGES_MAX).then(|| EdgeSearch::new(&edges));
        Self { edges, search }
    }

    /// Adds values that occur so many times, as [`EdgeCounter::count`] adds values. Ascending ones
    /// are found side by side.
    pub(crate) fn count_each(&self, values: &[f64], times: &[u32], counts: &mut [u64]) {
        let (mut bin, mut from, mut to) = (0, f64::INFINITY, f64::NEG_INFINITY);
        let edge = |place: usize| self.edges.get(place).copied();
        for (value, times) in values.iter().zip(times) {
            let place = slot_by(*value, |value| {
                if !(from <= value && value < to) {
                    bin = self.edges.partition_point(|edge| *edge <= value);
                    from = bin.checked_sub(1).and_then(edge).unwrap_or(f64::NEG_INFINITY);
                    to = edge(bin).unwrap_or(f64::INFINITY);
                }
                bin
            });
            if let Some(count) = counts.get_mut(place as usize) {
                *count += u64::from(*times);
            }
        }
    }

    /// Adds values to counts: of the specials, then of one bin more than there are edges.
    pub(crate) fn count(&self, values: &[f64], counts: &mut [u64]) {
        let Some(search) = &self.search else {
            let level = Level::new();
            dispatch!(level, simd => count_blocks(simd, &self.edges, values, counts));
            return;
        };
        let mut places = Vec::with_capacity(BLOCK_VALUES);
        for block in values.chunks(BLOCK_VALUES) {
            search.slots(block, 0, &mut places);
            for place in &places {
                if let Some(count) = counts.get_mut(*place as usize) {
                    *count += 1;
                }
            }
        }
    }
}

/// The loops below are compiled for each width of vectors and the processor's is chosen.
#[simd]
fn count_blocks<S: Simd>(_: S, edges: &[f64], values: &[f64], counts: &mut [u64]) {
    for block in values.chunks(BLOCK_VALUES) {
        count_compared(edges, block, counts);
    }
}

#[inline(always)]
fn count_compared(edges: &[f64], block: &[f64], counts: &mut [u64]) {
    let above = |edge: f64| block.iter().map(|value| u64::from(*value >= edge)).sum::<u64>();
    let ordered: u64 = block.iter().map(|value| u64::from(!value.is_nan())).sum();
    let infinite = above(f64::INFINITY);
    let negative: u64 = block.iter().map(|value| u64::from(*value == f64::NEG_INFINITY)).sum();
    let null = if ordered == block.len() as u64 {
        0
    } else {
        block.iter().filter(|value| crate::column::is_null(**value)).count() as u64
    };
    let Some((specials, bins)) = counts.split_at_mut_checked(SPECIALS) else { return };
    specials[Special::Null as usize] += null;
    specials[Special::Nan as usize] += block.len() as u64 - ordered - null;
    specials[Special::PositiveInfinity as usize] += infinite;
    specials[Special::NegativeInfinity as usize] += negative;
    // Each bin holds what is at or above its own edge and not at or above the next one.
    let mut at_or_above = ordered - negative;
    for (bin, edge) in bins.iter_mut().zip(edges) {
        let next = above(*edge);
        *bin += at_or_above - next;
        at_or_above = next;
    }
    if let Some(last) = bins.last_mut() {
        *last += at_or_above - infinite;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column::NULL;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = f64> {
        let odd = [NULL, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MAX, f64::MIN];
        prop_oneof![3 => (-40_i32..40).prop_map(f64::from), 1 => prop::sample::select(odd.to_vec())]
    }

    fn edges() -> impl Strategy<Value = Vec<f64>> {
        let dense = prop::collection::btree_set(-80_i32..80, 0..150);
        let few = prop::collection::btree_set(-40_i32..40, 0..20);
        let halves = |set: std::collections::BTreeSet<i32>| {
            set.into_iter().map(|edge| f64::from(edge) / 2.0).collect()
        };
        prop_oneof![prop_oneof![dense, few].prop_map(halves), Just(latency_edges().to_vec()),]
    }

    /// The definition, word for word.
    fn plain(edges: &[f64], value: f64) -> usize {
        if value.is_finite() {
            return SPECIALS + edges.iter().filter(|edge| **edge <= value).count();
        }
        Special::of(value) as usize
    }

    proptest! {
        #[test]
        fn both_kernels_follow_the_definition(
            edges in edges(),
            values in prop::collection::vec(value(), 0..1_500),
        ) {
            let mut slots = Vec::new();
            EdgeSearch::new(&edges).slots(&values, 7, &mut slots);
            let want: Vec<u32> = values.iter().map(|v| 7 + plain(&edges, *v) as u32).collect();
            prop_assert_eq!(&slots, &want);
            let mut counts = vec![0; SPECIALS + edges.len() + 1];
            EdgeCounter::new(edges.clone()).count(&values, &mut counts);
            let mut wanted = vec![0; counts.len()];
            values.iter().for_each(|value| wanted[plain(&edges, *value)] += 1);
            prop_assert_eq!(&counts, &wanted);
            counts.fill(0);
            EdgeCounter::new(edges).count_each(&values, &vec![3; values.len()], &mut counts);
            wanted.iter_mut().for_each(|count| *count *= 3);
            prop_assert_eq!(counts, wanted);
        }
    }

    #[test]
    fn an_edge_belongs_to_the_bin_above_it_and_zero_has_no_sign() {
        let mut slots = Vec::new();
        EdgeSearch::new(&[0.0, 2.0]).slots(&[-1.0, -0.0, 0.0, 1.9, 2.0], 0, &mut slots);
        assert_eq!(
            slots.iter().map(|slot| slot - SPECIALS as u32).collect::<Vec<_>>(),
            [0, 1, 1, 1, 2]
        );
    }
}
