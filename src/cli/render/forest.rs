//! Intervals drawn as text, one a line below the other, so that an eye sees which overlap.

use super::Style;

/// What an interval is drawn on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Axis {
    /// The value at the left end.
    pub(super) low: f64,
    /// The value at the right end.
    pub(super) high: f64,
    /// A value that a line goes through, such as no difference.
    pub(super) line: Option<f64>,
}

impl Axis {
    /// The axis that some intervals need.
    pub(super) fn around(values: impl IntoIterator<Item = f64>, line: Option<f64>) -> Self {
        let finite = values.into_iter().chain(line).filter(|value| value.is_finite());
        let (low, high) = finite
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (f64::min(l, v), f64::max(h, v)));
        Self { low, high, line }
    }

    fn place(&self, value: f64, cells: usize) -> Option<usize> {
        let share = (value - self.low) / (self.high - self.low);
        let last = cells.checked_sub(1)?;
        share.is_finite().then(|| (share.clamp(0.0, 1.0) * last as f64).round() as usize)
    }
}

/// A value between the ends of its interval, in so many cells. What is not known is not drawn.
pub(super) fn interval(
    value: Option<f64>,
    ends: Option<(f64, f64)>,
    axis: &Axis,
    cells: usize,
    style: &Style,
) -> String {
    let [left, bar, point, right, line] = match style.unicode {
        true => ['├', '─', '●', '┤', '│'],
        false => ['[', '-', 'o', ']', '|'],
    };
    let mut drawn = vec![' '; cells];
    let mut put = |place: Option<usize>, mark: char| {
        if let Some(cell) = place.and_then(|place| drawn.get_mut(place)) {
            *cell = mark;
        }
    };
    put(axis.line.and_then(|value| axis.place(value, cells)), line);
    let known =
        ends.and_then(|(low, high)| Some((axis.place(low, cells)?, axis.place(high, cells)?)));
    if let Some((low, high)) = known {
        (low..=high).for_each(|place| put(Some(place), bar));
        put(Some(low), left);
        put(Some(high), right);
    }
    put(value.and_then(|value| axis.place(value, cells)), point);
    drawn.into_iter().collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASCII: Style = Style { unicode: false, ..Style::PLAIN };

    #[test]
    fn ends_point_and_line_stand_at_their_values() {
        let axis = Axis { low: -1.0, high: 1.0, line: Some(0.0) };
        let draw = |value, ends| interval(value, ends, &axis, 9, &ASCII);
        assert_eq!(draw(Some(0.5), Some((0.25, 1.0))), "    |[o-]");
        assert_eq!(draw(Some(-0.25), Some((-1.0, 0.5))), "[--o--]");
        assert_eq!(draw(None, None), "    |");
        assert_eq!(draw(Some(9.0), Some((-9.0, 9.0))), "[-------o");
        assert_eq!(interval(Some(0.0), Some((-1.0, 1.0)), &axis, 5, &Style::PLAIN), "├─●─┤");
    }

    #[test]
    fn odd_numbers_draw_nothing() {
        let none = Axis::around([], None);
        assert_eq!(interval(Some(1.0), Some((0.0, 2.0)), &none, 5, &ASCII), "");
        let one = Axis::around([1.0], None);
        assert_eq!(interval(Some(1.0), None, &one, 5, &ASCII), "");
        let axis = Axis::around([0.0, f64::NAN, 2.0], Some(1.0));
        assert_eq!(axis, Axis { low: 0.0, high: 2.0, line: Some(1.0) });
        assert_eq!(interval(Some(f64::NAN), None, &axis, 5, &ASCII), "  |");
        assert_eq!(interval(Some(1.0), None, &axis, 0, &ASCII), "");
    }
}
