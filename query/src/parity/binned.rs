//! Counts of both sides in the bins of a tool, with what each bin is.

use super::equal_width;
use crate::explanation::{Both, ExplainedBin};

/// The counts of each side.
pub(super) fn counts(bins: &[ExplainedBin]) -> (Vec<u64>, Vec<u64>) {
    bins.iter().map(|bin| (bin.count.reference, bin.count.current)).unzip()
}

/// The rows of each side.
pub(super) fn rows(bins: &[ExplainedBin]) -> Both {
    let of = |side: fn(&Both) -> u64| bins.iter().map(|bin| side(&bin.count)).sum();
    Both { reference: of(|count| count.reference), current: of(|count| count.current) }
}

/// Sorted values in bins with an edge at either end, closed on the left and the last on both sides.
pub(super) fn closed(edges: &[f64], reference: &[f64], window: &[f64]) -> Vec<ExplainedBin> {
    let counts = equal_width::counts(reference, edges).into_iter();
    let counts = counts.zip(equal_width::counts(window, edges));
    let bin = |(ends, (reference, current)): (&[f64], (u64, u64))| ExplainedBin {
        lower: ends.first().copied(),
        upper: ends.last().copied(),
        count: Both { reference, current },
        ..ExplainedBin::default()
    };
    edges.windows(2).zip(counts).map(bin).collect()
}

/// A bin for each distinct value of either side.
pub(super) fn of_values(counted: &[(f64, u64, u64)]) -> Vec<ExplainedBin> {
    let bin = |(value, reference, current): &(f64, u64, u64)| ExplainedBin {
        lower: Some(*value),
        upper: Some(*value),
        count: Both { reference: *reference, current: *current },
        ..ExplainedBin::default()
    };
    counted.iter().map(bin).collect()
}

/// Sorted values in bins that are closed on the right, the outer ones unbounded; edges may repeat.
pub(super) fn right_closed(edges: &[f64], reference: &[f64], window: &[f64]) -> Vec<ExplainedBin> {
    let up_to = |values: &[f64], end: Option<&f64>| match end {
        Some(end) => values.partition_point(|value| value <= end) as u64,
        None => values.len() as u64,
    };
    let mut before = Both::default();
    let bin = |place: usize| {
        let upper = edges.get(place);
        let until = Both { reference: up_to(reference, upper), current: up_to(window, upper) };
        let count = Both {
            reference: until.reference - before.reference,
            current: until.current - before.current,
        };
        before = until;
        ExplainedBin {
            lower: place.checked_sub(1).and_then(|edge| edges.get(edge)).copied(),
            upper: upper.copied(),
            count,
            ..ExplainedBin::default()
        }
    };
    (0..=edges.len()).map(bin).collect()
}

/// Sorted values in bins that are closed on the left, the outer ones unbounded.
pub(super) fn open(edges: &[f64], reference: &[f64], window: &[f64]) -> Vec<ExplainedBin> {
    let below = |values: &[f64], end: Option<&f64>| match end {
        Some(end) => values.partition_point(|value| value < end) as u64,
        None => values.len() as u64,
    };
    let counts = |values: &[f64]| -> Vec<u64> {
        let ends = edges.iter().map(Some).chain([None]).map(|end| below(values, end));
        let mut before = 0;
        ends.map(|until| until - std::mem::replace(&mut before, until)).collect()
    };
    let counts = counts(reference).into_iter().zip(counts(window));
    let counts = counts.map(|(reference, current)| Both { reference, current });
    crate::explain::between(edges, counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_on_an_edge_belongs_where_bins_are_closed() {
        let (x, y) = ([0.0, 1.0, 1.0, 2.0, 3.0], [1.0, 2.0, 9.0]);
        let of = |bins: Vec<ExplainedBin>| counts(&bins);
        assert_eq!(of(open(&[1.0, 2.0], &x, &y)), (vec![1, 2, 2], vec![0, 1, 2]));
        assert_eq!(of(right_closed(&[1.0, 2.0], &x, &y)), (vec![3, 1, 1], vec![1, 1, 1]));
        assert_eq!(of(right_closed(&[1.0, 1.0], &x, &y)), (vec![3, 0, 2], vec![1, 0, 2]));
        assert_eq!(of(closed(&[0.0, 1.0, 2.0], &x, &y)), (vec![1, 3], vec![0, 2]));
        assert_eq!(rows(&open(&[], &x, &y)), Both { reference: 5, current: 3 });
    }
}
