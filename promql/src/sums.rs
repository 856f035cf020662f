//! Sums, means and variances of values.

/// The sum, with what rounding lost added back (Kahan and Neumaier).
pub(crate) fn sum(values: &[f64]) -> f64 {
    let (mut sum, mut lost) = (0.0_f64, 0.0_f64);
    for value in values {
        let next = sum + value;
        if next.is_finite() {
            let (large, small) =
                if sum.abs() >= value.abs() { (sum, *value) } else { (*value, sum) };
            lost += (large - next) + small;
        }
        sum = next;
    }
    sum + lost
}

/// The mean; NaN of nothing. A sum too large for a number does not make it infinite.
pub(crate) fn mean(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let total = sum(values);
    if total.is_finite() || values.iter().any(|value| !value.is_finite()) {
        return total / count;
    }
    let parts: Vec<f64> = values.iter().map(|value| value / count).collect();
    sum(&parts)
}

/// The variance, `ddof = 0`; NaN of nothing.
pub(crate) fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    let squares: Vec<f64> = values.iter().map(|value| (value - mean).powi(2)).collect();
    sum(&squares) / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_keeps_what_rounding_loses() {
        assert_eq!(sum(&[1e100, 1.0, -1e100]), 1.0);
        assert_eq!(sum(&[f64::INFINITY, 1.0]), f64::INFINITY);
        assert_eq!(mean(&[1.5e308, 1.0e308]), 1.25e308);
        assert!(mean(&[f64::INFINITY, f64::NEG_INFINITY]).is_nan());
        assert!(mean(&[]).is_nan());
    }
}
