//! The values of reference and window together.

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
    fn rows_are_counted_by_value() {
        let counted = by_value(&[1.0, 1.0, 3.0], &[0.0, 1.0, 4.0, 4.0]);
        assert_eq!(counted, [(0.0, 0, 1), (1.0, 2, 1), (3.0, 1, 0), (4.0, 0, 2)]);
        assert_eq!(by_value(&[], &[]), []);
    }
}
