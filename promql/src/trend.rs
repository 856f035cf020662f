//! How the points of a range move: differences, and the line through them. As Prometheus has them.

use crate::sums;

/// Times in milliseconds and values, ascending.
pub(crate) type Samples<'a> = &'a [(i64, f64)];

/// How often a value differs from the one before; NaN is like NaN.
pub(crate) fn changes(samples: Samples<'_>) -> Option<f64> {
    let differs = |pair: &&[(i64, f64)]| match pair {
        [(_, one), (_, other)] => one != other && !(one.is_nan() && other.is_nan()),
        _ => false,
    };
    (!samples.is_empty()).then(|| samples.windows(2).filter(differs).count() as f64)
}

/// The last value minus the first, as if they stood at the borders of the range where they stand close
/// to them: within 1.1 of the mean distance of points, and half that distance further where not.
///
/// None of fewer than two points.
pub(crate) fn delta(samples: Samples<'_>, instant: i64, range: i64) -> Option<f64> {
    let ((first, from), (last, to)) = ends(samples)?;
    let seconds = |millis: i64| millis as f64 / 1e3;
    let sampled = seconds(last - first);
    let between = sampled / (samples.len() - 1) as f64;
    let beyond = |gap: f64| if gap < between * 1.1 { gap } else { between / 2.0 };
    let before = beyond(seconds(first - (instant - range)));
    let after = beyond(seconds(instant - last));
    Some((to - from) * ((sampled + before + after) / sampled))
}

/// The last value minus the one before; none of fewer than two points.
pub(crate) fn last_delta(samples: Samples<'_>) -> Option<f64> {
    match samples {
        [.., (_, before), (_, last)] => Some(last - before),
        _ => None,
    }
}

/// A line by least squares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Line {
    /// By second.
    pub(crate) slope: f64,
    /// The value at the origin.
    pub(crate) at_origin: f64,
}

/// The line through points, by seconds from an origin; none of fewer than two points. Values that are
/// all the same give a level line, and NaN if they are infinite.
pub(crate) fn line(samples: Samples<'_>, origin: i64) -> Option<Line> {
    let ((_, first), _) = ends(samples)?;
    if samples.iter().all(|(_, value)| *value == first) {
        let line = Line { slope: 0.0, at_origin: first };
        let none = Line { slope: f64::NAN, at_origin: f64::NAN };
        return Some(if first.is_infinite() { none } else { line });
    }
    let x = |time: i64| (time - origin) as f64 / 1e3;
    let sum = |of: &dyn Fn(f64, f64) -> f64| {
        let all: Vec<f64> = samples.iter().map(|(time, value)| of(x(*time), *value)).collect();
        sums::sum(&all)
    };
    let (xs, ys) = (sum(&|x, _| x), sum(&|_, y| y));
    let (products, squares) = (sum(&|x, y| x * y), sum(&|x, _| x * x));
    let count = samples.len() as f64;
    let slope = (products - xs * ys / count) / (squares - xs * xs / count);
    Some(Line { slope, at_origin: ys / count - slope * xs / count })
}

fn ends(samples: Samples<'_>) -> Option<((i64, f64), (i64, f64))> {
    match samples {
        [first, .., last] => Some((*first, *last)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trends_need_two_points_and_follow_a_line_exactly() {
        let all: Vec<(i64, f64)> = (0..10).map(|n| (n * 1_000, 3.0 + 2.0 * n as f64)).collect();
        let found = line(&all, 4_000).expect("a line");
        assert_eq!(found, Line { slope: 2.0, at_origin: 11.0 });
        assert_eq!(last_delta(&all), Some(2.0));
        // Nine seconds were sampled and ten are asked for.
        assert_eq!(delta(&all, 9_500, 10_000), Some(20.0));
        assert_eq!(changes(&all), Some(9.0));
        for few in [&all[..0], &all[..1]] {
            assert_eq!((line(few, 0), delta(few, 0, 1), last_delta(few)), (None, None, None));
        }
        assert_eq!((changes(&all[..1]), changes(&[])), (Some(0.0), None));
        let nan = [(0, f64::NAN), (1, f64::NAN), (2, 1.0)];
        assert_eq!(changes(&nan), Some(1.0));
    }
}
