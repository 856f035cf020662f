//! Bars and sparklines of text. Odd numbers draw nothing: a chart never fails.

use super::Style;

const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const LEVELS_ASCII: [char; 8] = ['_', '.', ':', '-', '=', '+', '*', '#'];
/// Eighths of a cell, from the left.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// A horizontal bar of at most `cells` cells, full at `full`. A value above 0 shows at least a
/// trace.
pub(super) fn bar(value: f64, full: f64, cells: usize, style: &Style) -> String {
    let share = value / full;
    if !(share.is_finite() && share > 0.0) {
        return String::new();
    }
    let eighths = ((share.min(1.0) * cells as f64 * 8.0).round() as usize).max(1);
    if !style.unicode {
        return "#".repeat(eighths.div_ceil(8).min(cells));
    }
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}

/// One character per value between `low` and `high`; a gap where there is none. Of more values than
/// `cells`, neighbours share a character, which shows the largest of them.
pub(super) fn sparkline(
    values: &[Option<f64>],
    (low, high): (f64, f64),
    cells: usize,
    style: &Style,
) -> String {
    let (levels, gap) = if style.unicode { (LEVELS, '·') } else { (LEVELS_ASCII, ' ') };
    let per_cell = values.len().div_ceil(cells.max(1)).max(1);
    let finite = |value: &Option<f64>| value.filter(|value| value.is_finite());
    values
        .chunks(per_cell)
        .map(|chunk| match chunk.iter().filter_map(finite).reduce(f64::max) {
            None => gap,
            Some(value) => {
                let share = (value - low) / (high - low);
                let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
                levels[((share * 8.0) as usize).min(7)]
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style::PLAIN;
    const ASCII: Style = Style { unicode: false, ..Style::PLAIN };

    #[test]
    fn bars_grow_by_eighths_and_end_at_full() {
        assert_eq!(bar(0.5, 1.0, 4, &PLAIN), "██");
        assert_eq!(bar(0.28125, 1.0, 4, &PLAIN), "█▏");
        assert_eq!(bar(9.0, 1.0, 4, &PLAIN), "████");
        assert_eq!(bar(1e-9, 1.0, 4, &PLAIN), "▏");
        assert_eq!(bar(0.3, 1.0, 4, &ASCII), "##");
    }

    #[test]
    fn odd_numbers_draw_nothing() {
        for (value, full) in [(0.0, 0.0), (-1.0, 1.0), (f64::NAN, 1.0), (1.0, f64::NAN)] {
            assert_eq!(bar(value, full, 4, &PLAIN), "", "{value} of {full}");
        }
        assert_eq!(bar(1.0, 1.0, 0, &ASCII), "");
        assert_eq!(sparkline(&[], (0.0, 1.0), 0, &PLAIN), "");
        assert_eq!(sparkline(&[Some(1.0), None], (1.0, 1.0), 9, &PLAIN), "▁·");
    }

    #[test]
    fn a_long_series_shares_cells_and_keeps_its_peaks() {
        let values: Vec<_> = (0..8).map(|i| Some(f64::from(i))).collect();
        assert_eq!(sparkline(&values, (0.0, 7.0), 8, &PLAIN), "▁▂▃▄▅▆▇█");
        assert_eq!(sparkline(&values, (0.0, 7.0), 4, &PLAIN), "▂▄▆█");
        assert_eq!(sparkline(&values, (0.0, 7.0), 8, &ASCII), "_.:-=+*#");
    }
}
