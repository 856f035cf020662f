//! Two sorted samples walked together, tied values at once.
//!
//! Every two-sample statistic of ranks or distribution functions is a sum over the distinct values
//! of both sides, so they share one walk and one set of refusals.

use crate::stats::undefined::{Measured, Undefined};

/// One distinct value of the pooled samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::stats) struct Tie {
    /// The value.
    pub(in crate::stats) value: f64,
    /// Rows of the reference below it.
    pub(in crate::stats) ref_before: u64,
    /// Rows of the window below it.
    pub(in crate::stats) cur_before: u64,
    /// Rows of the reference equal to it.
    pub(in crate::stats) ref_here: u64,
    /// Rows of the window equal to it.
    pub(in crate::stats) cur_here: u64,
}

/// The sizes of two samples that have values and no NaN.
pub(in crate::stats) fn sizes(ref_sorted: &[f64], cur_sorted: &[f64]) -> Measured<(u64, u64)> {
    if ref_sorted.is_empty() {
        return Err(Undefined::ReferenceEmpty);
    }
    if cur_sorted.is_empty() {
        return Err(Undefined::WindowEmpty);
    }
    // NaN compares with nothing, so a walk would neither order it nor pass it.
    if ref_sorted.iter().chain(cur_sorted).any(|value| value.is_nan()) {
        return Err(Undefined::NotANumber);
    }
    Ok((ref_sorted.len() as u64, cur_sorted.len() as u64))
}

/// The distinct values of both samples, ascending. The caller has checked [`sizes`].
pub(in crate::stats) fn ties<'a>(
    ref_sorted: &'a [f64],
    cur_sorted: &'a [f64],
) -> impl Iterator<Item = Tie> + 'a {
    let (mut i, mut j) = (0, 0);
    std::iter::from_fn(move || {
        let value = match (ref_sorted.get(i), cur_sorted.get(j)) {
            (Some(a), Some(b)) => a.min(*b),
            (a, b) => *a.or(b)?,
        };
        let run = |values: &[f64]| values.iter().take_while(|&&v| v <= value).count();
        let (ref_here, cur_here) = (run(&ref_sorted[i..]), run(&cur_sorted[j..]));
        let tie = Tie {
            value,
            ref_before: i as u64,
            cur_before: j as u64,
            ref_here: ref_here as u64,
            cur_here: cur_here as u64,
        };
        i += ref_here;
        j += cur_here;
        Some(tie)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tied_values_are_passed_together() {
        let walk: Vec<Tie> = ties(&[1.0, 2.0, 2.0], &[-0.0, 0.0, 2.0, 5.0]).collect();
        let tie = |value, ref_before, cur_before, ref_here, cur_here| Tie {
            value,
            ref_before,
            cur_before,
            ref_here,
            cur_here,
        };
        let want = [
            tie(0.0, 0, 0, 0, 2),
            tie(1.0, 0, 2, 1, 0),
            tie(2.0, 1, 2, 2, 1),
            tie(5.0, 3, 3, 0, 1),
        ];
        assert_eq!(walk, want);
    }

    #[test]
    fn an_empty_side_or_a_nan_has_no_walk() {
        assert_eq!(sizes(&[], &[1.0]), Err(Undefined::ReferenceEmpty));
        assert_eq!(sizes(&[1.0], &[]), Err(Undefined::WindowEmpty));
        assert_eq!(sizes(&[1.0], &[f64::NAN]), Err(Undefined::NotANumber));
        assert_eq!(sizes(&[1.0], &[2.0, f64::INFINITY]), Ok((1, 2)));
    }
}
