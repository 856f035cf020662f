//! The two-sample Kolmogorov-Smirnov statistic of a sample that is counted as it comes.
//!
//! Between two neighbouring values of the reference its distribution function stands still and the
//! other one only rises, so D is reached at a value of the reference or just before one. It is
//! enough to count how many values are equal to each of these and how many lie between them: the
//! other sample is neither kept nor sorted, and D is the same whole number as from sorted samples.
//!
//! A large reference is counted twice. The first time by some two thousand bins, whose counters fit
//! the cache of a core; they give D at the edges and how far it may rise inside each bin. The second
//! time only values of bins where it may rise above that are looked at, most often a few per cent.

use crate::stats::undefined::{Measured, Undefined};

/// Bins of the first count of a large reference, which has some distinct values in each. A power of
/// two: so many edges are searched without a branch.
const BINS: usize = 1 << 11;
const BIN_VALUES_MIN: usize = 4;
/// Opened stretches up to which each is compared with all values.
const OPEN_COMPARED_MAX: usize = 8;
/// Entries of the table that leads from a value to its neighbours.
const TABLE_MAX: usize = 1 << 17;

/// Ascending values, with a table to find others among them.
#[derive(Debug)]
struct Ladder {
    values: Vec<f64>,
    /// Entries of the table per unit of value.
    scale: f64,
    /// Of evenly wide stretches, how many values lie before each; one stretch more ends the last.
    table: Vec<u32>,
}

impl Ladder {
    fn new(values: Vec<f64>) -> Self {
        let width = values.last().copied().unwrap_or(0.0) - values.first().copied().unwrap_or(0.0);
        let stretches = (values.len() * 2).next_power_of_two().min(TABLE_MAX);
        let mut ladder = Self { values, scale: stretches as f64 / width, table: Vec::new() };
        let mut table = vec![0_u32; stretches + 1];
        for value in &ladder.values {
            table[ladder.stretch(*value, stretches) + 1] += 1;
        }
        let mut sum = 0;
        for count in &mut table {
            sum += *count;
            *count = sum;
        }
        ladder.table = table;
        ladder
    }

    /// The stretch of a value. Subtracting and scaling keep the order of values, so one of ours in
    /// an earlier stretch is smaller, and one in a later stretch larger.
    fn stretch(&self, value: f64, stretches: usize) -> usize {
        let lowest = self.values.first().copied().unwrap_or(0.0);
        // The cast takes what lies below, and NaN of a width of 0 or infinity, to the first one.
        (((value - lowest) * self.scale) as usize).min(stretches - 1)
    }

    /// How many values are smaller than one, and whether one is equal to it.
    fn find(&self, value: f64) -> (usize, bool) {
        let stretch = self.stretch(value, self.table.len() - 1);
        let bound = |place: usize| self.table.get(place).map_or(0, |first| *first as usize);
        let near = self.values.get(bound(stretch)..bound(stretch + 1)).unwrap_or_default();
        let below = bound(stretch) + near.partition_point(|known| *known < value);
        (below, self.values.get(below).is_some_and(|known| *known == value))
    }
}

/// Bins of some distinct values each.
#[derive(Debug)]
struct Bins {
    /// Distinct values of each, but the last.
    every: usize,
    /// The first value of each, then infinity; the last place is never looked at.
    edges: Box<[f64; BINS]>,
    count: usize,
}

impl Bins {
    /// How many edges are at most a finite value.
    fn find(&self, value: f64) -> usize {
        let (mut below, mut step) = (0, BINS / 2);
        while step > 0 {
            // The mask says to the compiler what the padding makes true: the place is inside.
            let edge = self.edges[(below + step - 1) & (BINS - 1)];
            below += if edge <= value { step } else { 0 };
            step /= 2;
        }
        below
    }

    /// From where to before where the bin of a place is, that below the first one included.
    fn bounds(&self, bin: usize) -> (f64, f64) {
        let from = bin.checked_sub(1).and_then(|bin| self.edges.get(bin));
        let to = self.edges.get(bin).copied().unwrap_or(f64::INFINITY);
        (from.copied().unwrap_or(f64::NEG_INFINITY), to)
    }
}

/// A sample that others are compared with.
#[derive(Debug)]
pub struct KsReference {
    /// Distinct values.
    values: Ladder,
    /// How many values are at most each.
    ends: Vec<u64>,
    /// Nothing if they are few.
    bins: Option<Bins>,
}

/// How another sample lies between the values of a reference.
#[derive(Debug, Clone)]
pub struct KsCounts {
    /// Below the first value, equal to it, between it and the second, and so on; where the values
    /// are in bins only those of opened ones.
    slots: Vec<u32>,
    /// Below the first bin, in it, and so on.
    bins: Vec<u32>,
    /// Opened bins, neighbours joined: from here to before there.
    open: Vec<(f64, f64)>,
    total: u64,
}

impl KsCounts {
    /// How many values were counted.
    pub fn total(&self) -> u64 {
        self.total
    }
}

fn add(counts: &mut [u32], place: usize, times: u64) {
    if let Some(count) = counts.get_mut(place) {
        *count = count.saturating_add(u32::try_from(times).unwrap_or(u32::MAX));
    }
}

impl KsReference {
    /// A reference of finite values in ascending order.
    pub fn new(sorted: &[f64]) -> Self {
        Self::with_bins(sorted, BINS - 1)
    }

    fn with_bins(sorted: &[f64], bins: usize) -> Self {
        let (mut values, mut ends) = (Vec::new(), Vec::new());
        for run in sorted.chunk_by(|a, b| a == b) {
            let before = ends.last().copied().unwrap_or(0);
            values.extend(run.first());
            ends.push(before + run.len() as u64);
        }
        let every = values.len().div_ceil(bins);
        let bins = (every >= BIN_VALUES_MIN).then(|| {
            let mut edges = Box::new([f64::INFINITY; BINS]);
            let firsts = values.iter().step_by(every);
            let count = firsts.len();
            edges.iter_mut().zip(firsts).for_each(|(edge, first)| *edge = *first);
            Bins { every, edges, count }
        });
        Self { values: Ladder::new(values), ends, bins }
    }

    /// Number of counters of a sample.
    pub fn slots(&self) -> usize {
        self.values.values.len() * 2 + 1
    }

    /// Counts of an empty sample.
    pub fn counts(&self) -> KsCounts {
        let bins = self.bins.as_ref().map_or(0, |bins| bins.count + 1);
        KsCounts { slots: vec![0; self.slots()], bins: vec![0; bins], open: Vec::new(), total: 0 }
    }

    fn count_exactly(&self, counts: &mut KsCounts, value: f64, times: u64) {
        let (below, equal) = self.values.find(value);
        add(&mut counts.slots, below * 2 + usize::from(equal), times);
    }

    /// Counts values; what is not finite is left out.
    pub fn count(&self, counts: &mut KsCounts, values: &[f64]) {
        self.count_each(counts, values.iter().map(|value| (*value, 1)));
    }

    /// Counts values that occur so many times.
    pub fn count_each(&self, counts: &mut KsCounts, values: impl Iterator<Item = (f64, u64)>) {
        let finite = values.filter(|(value, _)| value.is_finite());
        let mut total = 0;
        match &self.bins {
            None => finite.for_each(|(value, times)| {
                total += times;
                self.count_exactly(counts, value, times);
            }),
            Some(bins) => finite.for_each(|(value, times)| {
                total += times;
                add(&mut counts.bins, bins.find(value), times);
            }),
        }
        counts.total += total;
    }

    /// Whether the same values must come again, to be counted by [`KsReference::count_again`].
    pub fn open(&self, counts: &mut KsCounts) -> bool {
        let Some(bins) = &self.bins else { return false };
        let mut widest = 0;
        self.each_bin(counts, bins, &mut |_, before, _, _| widest = widest.max(before.abs()));
        let mut open: Vec<(f64, f64)> = Vec::new();
        self.each_bin(counts, bins, &mut |bin, before, mine, theirs| {
            if (before + theirs).abs().max((before - mine).abs()) <= widest {
                return;
            }
            let (from, to) = bins.bounds(bin);
            match open.last_mut() {
                Some(last) if last.1 == from => last.1 = to,
                _ => open.push((from, to)),
            }
        });
        counts.open = open;
        !counts.open.is_empty()
    }

    /// Counts those of the values that lie in opened bins.
    pub fn count_again(&self, counts: &mut KsCounts, values: &[f64]) {
        self.count_each_again(counts, values.iter().map(|value| (*value, 1)));
    }

    /// Counts those of values that occur so many times that lie in opened bins.
    pub fn count_each_again(
        &self,
        counts: &mut KsCounts,
        values: impl Iterator<Item = (f64, u64)>,
    ) {
        let open = std::mem::take(&mut counts.open);
        let (first, last) = (open.first(), open.last());
        let (from, to) = (first.map_or(0.0, |open| open.0), last.map_or(0.0, |open| open.1));
        let near = |value: &f64| *value >= from && *value < to && value.is_finite();
        for (value, times) in values.filter(|(value, _)| near(value)) {
            let inside = |(from, to): &(f64, f64)| (*from <= value) & (value < *to);
            let opened = if open.len() <= OPEN_COMPARED_MAX {
                open.iter().fold(false, |opened, stretch| opened | inside(stretch))
            } else {
                let after = open.partition_point(|(from, _)| *from <= value);
                after.checked_sub(1).and_then(|place| open.get(place)).is_some_and(inside)
            };
            if opened {
                self.count_exactly(counts, value, times);
            }
        }
        counts.open = open;
    }

    /// Visits the bins: place, difference of the distribution functions before it (reference less
    /// current), and the shares of the current and of the reference in it, all times both sizes.
    fn each_bin(
        &self,
        counts: &KsCounts,
        bins: &Bins,
        seen: &mut dyn FnMut(usize, i128, i128, i128),
    ) {
        let n = i128::from(self.ends.last().copied().unwrap_or(0));
        let m = i128::from(counts.total);
        let (mut reference, mut before) = (0_u64, 0);
        for (bin, count) in counts.bins.iter().enumerate() {
            // The bin below the first value has none; the last one has what is left.
            let last = (bin * bins.every).min(self.ends.len());
            let end =
                last.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or(0);
            let (mine, theirs) = (i128::from(*count) * n, i128::from(end - reference) * m);
            seen(bin, before, mine, theirs);
            before += theirs - mine;
            reference = end;
        }
    }

    /// D of the reference and a counted sample, as [`crate::stats::ks_statistic`] gives it.
    ///
    /// Edge cases: an empty side is [`Undefined::ReferenceEmpty`] or [`Undefined::WindowEmpty`]; a
    /// sample of more than 2^32 values is [`Undefined::CountsTooLarge`].
    pub fn statistic(&self, counts: &KsCounts) -> Measured<f64> {
        let reference = self.ends.last().copied().ok_or(Undefined::ReferenceEmpty)?;
        if counts.total == 0 {
            return Err(Undefined::WindowEmpty);
        }
        if counts.total > u64::from(u32::MAX) {
            return Err(Undefined::CountsTooLarge);
        }
        let mut widest = 0;
        match &self.bins {
            None => {
                let below = counts.slots.first().copied().unwrap_or(0);
                let before = -i128::from(below) * i128::from(reference);
                widest = self.widest(counts, 0..self.ends.len(), before);
            }
            Some(bins) => self.each_bin(counts, bins, &mut |bin, before, _, _| {
                widest = widest.max(before.abs());
                let (from, _) = bins.bounds(bin);
                if counts.open.iter().any(|(start, end)| *start <= from && from < *end) {
                    let values = bin.saturating_sub(1) * bins.every..bin * bins.every;
                    widest = widest.max(self.widest(counts, values, before));
                }
            }),
        }
        Ok(widest as f64 / (i128::from(reference) * i128::from(counts.total)) as f64)
    }

    /// The widest difference at some neighbouring values and just before each, given the one just
    /// before the first.
    fn widest(&self, counts: &KsCounts, values: std::ops::Range<usize>, before: i128) -> i128 {
        let n = i128::from(self.ends.last().copied().unwrap_or(0));
        let m = i128::from(counts.total);
        let slot = |place: usize| i128::from(counts.slots.get(place).copied().unwrap_or(0)) * n;
        let end = |place: usize| self.ends.get(place).copied().unwrap_or(0);
        let (mut difference, mut widest) = (before, before.abs());
        for place in values.start..values.end.min(self.ends.len()) {
            if place > values.start {
                difference -= slot(place * 2);
                widest = widest.max(difference.abs());
            }
            let here = end(place) - place.checked_sub(1).map_or(0, end);
            difference += i128::from(here) * m - slot(place * 2 + 1);
            widest = widest.max(difference.abs());
        }
        widest
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stats::ks_statistic;

    fn value() -> impl Strategy<Value = f64> {
        let odd = [-0.0, f64::MAX, f64::MIN, f64::MIN_POSITIVE, 1e300, -1e-300];
        prop_oneof![
            4 => (-20_i32..20).prop_map(f64::from),
            2 => -5.0..5.0,
            1 => prop::sample::select(odd.to_vec()),
        ]
    }

    fn sorted(mut values: Vec<f64>) -> Vec<f64> {
        values.iter_mut().for_each(|value| *value += 0.0);
        values.sort_unstable_by(f64::total_cmp);
        values
    }

    fn counted(known: &KsReference, values: &[f64]) -> Measured<f64> {
        let mut counts = known.counts();
        known.count(&mut counts, values);
        if known.open(&mut counts) {
            known.count_again(&mut counts, values);
        }
        known.statistic(&counts)
    }

    proptest! {
        #[test]
        fn a_counted_sample_gives_the_number_of_a_sorted_one(
            reference in prop::collection::vec(value(), 0..120),
            current in prop::collection::vec(value(), 0..120),
            shift in prop::sample::select(vec![0.0, 0.1, 3.0, 100.0]),
        ) {
            let reference = sorted(reference);
            let mut current: Vec<f64> = current.iter().map(|value| value + shift).collect();
            current.extend([f64::NAN, f64::INFINITY]);
            let finite = current.iter().copied().filter(|value| value.is_finite()).collect();
            let want = ks_statistic(&reference, &sorted(finite));
            for bins in [2, 8, 1_000] {
                let known = KsReference::with_bins(&reference, bins);
                prop_assert_eq!(counted(&known, &current), want, "{} bins", bins);
            }
        }
    }

    #[test]
    fn few_bins_are_opened_where_samples_are_alike() {
        // Some chance: bits of products, folded.
        let value = |n: u32| {
            let product = u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let folded = (product ^ product >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            (folded >> 12) as f64
        };
        let reference = sorted((0..20_000).map(value).collect());
        let known = KsReference::new(&reference);
        let current: Vec<f64> = (20_000..90_000).map(value).collect();
        let mut counts = known.counts();
        known.count(&mut counts, &current);
        assert!(known.open(&mut counts), "D may be inside a bin");
        let inside = |value: &&f64| counts.open.iter().any(|(a, b)| a <= *value && *value < b);
        let inside = current.iter().filter(inside).count();
        assert!(inside * 5 < current.len(), "{inside} values of {}", current.len());
        assert_eq!(counted(&known, &current), ks_statistic(&reference, &sorted(current)));
    }

    #[test]
    fn values_can_come_many_at_a_time() {
        let known = KsReference::new(&[1.0, 2.0, 2.0, 3.0]);
        let mut counts = known.counts();
        known.count_each(&mut counts, [(2.0, 3), (4.0, 1)].into_iter());
        assert_eq!(counts.total(), 4);
        assert_eq!(
            known.statistic(&counts),
            ks_statistic(&[1.0, 2.0, 2.0, 3.0], &[2.0, 2.0, 2.0, 4.0])
        );
    }
}
