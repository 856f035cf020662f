//! The two-sample Kolmogorov-Smirnov statistic of a sample that is counted as it comes.
//!
//! Between two neighbouring values of the reference its distribution function stands still and the
//! other one only rises, so D is reached at a value of the reference or just before one. It is
//! enough to count how many values are equal to each of these, and how many lie between them: the
//! other sample is neither kept nor sorted, and D is the same whole number as from sorted samples.

use super::undefined::{Measured, Undefined};

/// Entries of the table that leads from a value to its neighbours: half a megabyte.
const TABLE_MAX: usize = 1 << 17;

/// A sample that others are compared with.
#[derive(Debug)]
pub struct KsReference {
    /// Distinct values, ascending.
    values: Vec<f64>,
    /// How many values are at most each.
    ends: Vec<u64>,
    lowest: f64,
    /// Entries of the table per unit of value.
    scale: f64,
    /// Of evenly wide stretches, how many values lie before each; one stretch more ends the last.
    table: Vec<u32>,
}

/// How another sample lies between the values of a reference.
#[derive(Debug, Clone)]
pub struct KsCounts {
    /// Below the first value, equal to it, between it and the second, and so on.
    slots: Vec<u32>,
    total: u64,
}

impl KsCounts {
    /// How many values were counted.
    pub fn total(&self) -> u64 {
        self.total
    }
}

impl KsReference {
    /// A reference of finite values in ascending order.
    pub fn new(sorted: &[f64]) -> Self {
        let (mut values, mut ends) = (Vec::new(), Vec::new());
        for run in sorted.chunk_by(|a, b| a == b) {
            let before = ends.last().copied().unwrap_or(0);
            values.extend(run.first());
            ends.push(before + run.len() as u64);
        }
        let lowest = values.first().copied().unwrap_or(0.0);
        let width = values.last().copied().unwrap_or(0.0) - lowest;
        let stretches = values.len().next_power_of_two().min(TABLE_MAX);
        let mut reference =
            Self { values, ends, lowest, scale: stretches as f64 / width, table: Vec::new() };
        let mut table = vec![0_u32; stretches + 1];
        for value in &reference.values {
            table[reference.stretch(*value, stretches) + 1] += 1;
        }
        let mut sum = 0;
        for count in &mut table {
            sum += *count;
            *count = sum;
        }
        reference.table = table;
        reference
    }

    /// The stretch of a value. Subtracting and scaling keep the order of values, so a value of the
    /// reference in an earlier stretch is smaller, and one in a later stretch larger.
    fn stretch(&self, value: f64, stretches: usize) -> usize {
        // The cast takes what lies below, and NaN of a width of 0 or infinity, to the first one.
        (((value - self.lowest) * self.scale) as usize).min(stretches - 1)
    }

    /// Counters of a sample.
    pub fn slots(&self) -> usize {
        self.values.len() * 2 + 1
    }

    /// Counts of an empty sample.
    pub fn counts(&self) -> KsCounts {
        KsCounts { slots: vec![0; self.slots()], total: 0 }
    }

    /// Counts a value so many times; what is not finite is left out.
    pub fn count(&self, counts: &mut KsCounts, value: f64, times: u64) {
        if !value.is_finite() {
            return;
        }
        let stretch = self.stretch(value, self.table.len() - 1);
        let bound = |place: usize| self.table.get(place).map_or(0, |first| *first as usize);
        let near = self.values.get(bound(stretch)..bound(stretch + 1)).unwrap_or_default();
        let below = bound(stretch) + near.partition_point(|known| *known < value);
        let equal = self.values.get(below).is_some_and(|known| *known == value);
        if let Some(slot) = counts.slots.get_mut(below * 2 + usize::from(equal)) {
            *slot = slot.saturating_add(u32::try_from(times).unwrap_or(u32::MAX));
        }
        counts.total += times;
    }

    /// D of the reference and a counted sample, as [`super::ks_statistic`] gives it.
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
        let (n, m) = (i128::from(reference), i128::from(counts.total));
        let (mut before, mut mine, mut widest) = (0, 0, 0);
        for (pair, end) in counts.slots.chunks(2).zip(&self.ends) {
            mine += i128::from(pair.first().copied().unwrap_or(0));
            widest = widest.max((before * m - mine * n).abs());
            mine += i128::from(pair.get(1).copied().unwrap_or(0));
            before = i128::from(*end);
            widest = widest.max((before * m - mine * n).abs());
        }
        Ok(widest as f64 / (n * m) as f64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::ks_statistic;
    use super::*;

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

    proptest! {
        #[test]
        fn a_counted_sample_gives_the_number_of_a_sorted_one(
            reference in prop::collection::vec(value(), 0..80),
            current in prop::collection::vec(value(), 0..80),
        ) {
            let reference = sorted(reference);
            let known = KsReference::new(&reference);
            let mut counts = known.counts();
            for value in current.iter().chain(&[f64::NAN, f64::INFINITY]) {
                known.count(&mut counts, *value, 1);
            }
            prop_assert_eq!(known.statistic(&counts), ks_statistic(&reference, &sorted(current)));
        }
    }

    #[test]
    fn values_can_come_many_at_a_time() {
        let known = KsReference::new(&[1.0, 2.0, 2.0, 3.0]);
        let mut counts = known.counts();
        known.count(&mut counts, 2.0, 3);
        known.count(&mut counts, 4.0, 1);
        assert_eq!(counts.total(), 4);
        assert_eq!(
            known.statistic(&counts),
            ks_statistic(&[1.0, 2.0, 2.0, 3.0], &[2.0, 2.0, 2.0, 4.0])
        );
    }
}
