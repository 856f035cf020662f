//! Bins of equal width over the values of reference and window together, as numpy makes them.

/// Edges of numpy's `histogram_bin_edges(.., 'sturges')` for so many values between two.
///
/// The width of numpy is `range / (log2(n) + 1)`, at least 1 where all values are whole.
pub(super) fn sturges(low: f64, high: f64, values: usize, whole: bool) -> Vec<f64> {
    let width = (high - low) / ((values as f64).log2() + 1.0);
    let width = if whole { width.max(1.0) } else { width };
    let bins = if high > low { ((high - low) / width).ceil().max(1.0) } else { 1.0 };
    // A constant column has one bin of width 1 around it.
    let (low, high) = if low < high { (low, high) } else { (low - 0.5, high + 0.5) };
    let step = (high - low) / bins;
    let count = bins as usize;
    (0..=count).map(|i| if i == count { high } else { i as f64 * step + low }).collect()
}

/// Counts in bins that are closed on the left, the last one on both sides. Values outside are in
/// none.
pub(super) fn counts(values: &[f64], edges: &[f64]) -> Vec<u64> {
    let mut counts = vec![0; edges.len().saturating_sub(1)];
    for value in values {
        let after = edges.partition_point(|edge| edge <= value);
        let bin =
            if edges.last() == Some(value) { after.checked_sub(2) } else { after.checked_sub(1) };
        if let Some(count) = bin.and_then(|bin| counts.get_mut(bin)) {
            *count += 1;
        }
    }
    counts
}

/// The distinct values of either side in order, with the rows of both.
pub(super) fn by_value(reference: &[f64], window: &[f64]) -> Vec<(f64, u64, u64)> {
    let (mut left, mut right) = (reference, window);
    let mut counted = Vec::new();
    loop {
        let value = match (left.first(), right.first()) {
            (Some(a), Some(b)) => a.min(*b),
            (Some(a), None) => *a,
            (None, Some(b)) => *b,
            (None, None) => return counted,
        };
        let (i, j) = (
            left.partition_point(|known| *known <= value),
            right.partition_point(|known| *known <= value),
        );
        counted.push((value, i as u64, j as u64));
        left = left.get(i..).unwrap_or_default();
        right = right.get(j..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_those_of_numpy() {
        // numpy.histogram_bin_edges(numpy.arange(8.0), 'sturges')
        assert_eq!(sturges(0.0, 7.0, 8, false), [0.0, 1.75, 3.5, 5.25, 7.0]);
        assert_eq!(sturges(0.0, 1.0, 2, true), [0.0, 1.0]);
        assert_eq!(sturges(0.0, 1.0, 2, false), [0.0, 0.5, 1.0]);
        assert_eq!(sturges(3.0, 3.0, 9, false), [2.5, 3.5]);
        assert_eq!(counts(&[0.0, 0.4, 0.5, 1.0, 2.0, -1.0], &[0.0, 0.5, 1.0]), [2, 2]);
    }

    #[test]
    fn rows_are_counted_by_value() {
        let counted = by_value(&[1.0, 1.0, 3.0], &[0.0, 1.0, 4.0, 4.0]);
        assert_eq!(counted, [(0.0, 0, 1), (1.0, 2, 1), (3.0, 1, 0), (4.0, 0, 2)]);
        assert_eq!(by_value(&[], &[]), []);
    }
}
