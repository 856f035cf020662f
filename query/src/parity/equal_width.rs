//! Bins of equal width as numpy makes them, over whatever values a tool takes them from.

/// Edges of `numpy.linspace(low, high, bins + 1)`; a constant column has bins of a width of 1 around it
/// in all, as `numpy.histogram` gives it.
pub(super) fn edges(low: f64, high: f64, bins: usize) -> Vec<f64> {
    let (low, high) = if low < high { (low, high) } else { (low - 0.5, high + 0.5) };
    let step = (high - low) / bins as f64;
    (0..=bins).map(|i| if i == bins { high } else { i as f64 * step + low }).collect()
}

/// Edges of numpy's `histogram_bin_edges(.., 'sturges')` for so many values between two.
///
/// The width of numpy is `range / (log2(n) + 1)`, at least 1 where all values are whole.
pub(super) fn sturges(low: f64, high: f64, values: usize, whole: bool) -> Vec<f64> {
    let width = (high - low) / ((values as f64).log2() + 1.0);
    let width = if whole { width.max(1.0) } else { width };
    edges(low, high, bins_of(high - low, width))
}

/// Edges of numpy's `histogram_bin_edges(.., 'doane')` over sorted values; none of no value.
///
/// The width is `range / (1 + log2(n) + log2(1 + |g1| / s))`, `g1` the skewness and
/// `s = sqrt(6 (n - 2) / ((n + 1) (n + 3)))`; one bin for two values or fewer and for a constant.
pub(super) fn doane(sorted: &[f64]) -> Vec<f64> {
    let (Some(low), Some(high)) = (sorted.first(), sorted.last()) else { return Vec::new() };
    let n = sorted.len() as f64;
    let mean = sorted.iter().sum::<f64>() / n;
    let moment = |power: i32| sorted.iter().map(|x| (x - mean).powi(power)).sum::<f64>() / n;
    let sigma = moment(2).sqrt();
    let width = if sorted.len() > 2 && sigma > 0.0 {
        let spread = (6.0 * (n - 2.0) / ((n + 1.0) * (n + 3.0))).sqrt();
        let skewness = moment(3) / sigma.powi(3);
        (high - low) / (1.0 + n.log2() + (1.0 + skewness.abs() / spread).log2())
    } else {
        0.0
    };
    edges(*low, *high, bins_of(high - low, width))
}

/// How many bins of a width cover a range; one where there is no width. A width that is far too small
/// for memory ends at as many bins as values could ask for.
fn bins_of(range: f64, width: f64) -> usize {
    const BINS_MAX: f64 = 10_000.0;
    if range > 0.0 && width > 0.0 {
        (range / width).ceil().clamp(1.0, BINS_MAX) as usize
    } else {
        1
    }
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
    fn doane_takes_more_bins_for_skewed_values() {
        // numpy.histogram_bin_edges(numpy.arange(8.0), 'doane')
        let even: Vec<f64> = (0..8).map(f64::from).collect();
        assert_eq!(doane(&even), [0.0, 1.75, 3.5, 5.25, 7.0]);
        assert!(doane(&[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 100.0]).len() > 5);
        assert_eq!(doane(&[2.0, 2.0, 2.0]), [1.5, 2.5]);
        assert_eq!(doane(&[1.0, 3.0]), [1.0, 3.0]);
        assert!(doane(&[]).is_empty());
    }
}
