//! Tables for people: light lines, numbers on the right, names that cannot disturb the terminal.

use std::io;

use comfy_table::{
    Cell, CellAlignment, Color, ContentArrangement, LineStyle, Table as Grid, TableStyle,
};

use super::Style;
use crate::cli::time::format_time;

/// Characters of a name that a table shows; names may have a kilobyte.
const NAME_CHARS_MAX: usize = 48;
/// The place of a value that does not exist.
pub(super) const NONE: &str = "-";
/// Width taken where there is no terminal.
const WIDTH_DEFAULT: usize = 100;

/// What a cell says by its colour; the text says it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Good,
    Warn,
    Bad,
}

impl Tone {
    fn color(self) -> Option<Color> {
        match self {
            Self::Plain => None,
            Self::Good => Some(Color::Green),
            Self::Warn => Some(Color::Yellow),
            Self::Bad => Some(Color::Red),
        }
    }
}

/// A table that is being filled.
pub(super) struct Table {
    grid: Grid,
    style: Style,
}

impl Table {
    /// A table with titles; those that start with `>` head columns of numbers, without the `>`.
    pub(super) fn new(style: &Style, titles: &[String]) -> Self {
        let mut grid = Grid::new();
        let line = if style.unicode { '─' } else { '-' };
        let light = LineStyle::none().fill(line).junction(' ');
        grid.load_style(TableStyle::new().header_separator(light)).force_no_tty();
        if style.color {
            grid.enforce_styling();
        }
        if style.width > 0 {
            let width = u16::try_from(style.width).unwrap_or(u16::MAX);
            grid.set_width(width).set_content_arrangement(ContentArrangement::Dynamic);
        }
        let (cells, numeric): (Vec<Cell>, Vec<bool>) =
            titles.iter().map(|title| title_cell(title)).unzip();
        grid.set_header(cells);
        for (column, numeric) in grid.column_iter_mut().zip(numeric) {
            column.set_padding((0, 1));
            if numeric {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        Self { grid, style: *style }
    }

    /// Adds a row of plain cells.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.toned(cells.into_iter().map(|text| (text, Tone::Plain)));
    }

    /// Adds a row whose cells have tones.
    pub(super) fn toned(&mut self, cells: impl IntoIterator<Item = (String, Tone)>) {
        let cell = |(text, tone): (String, Tone)| {
            let color = tone.color().filter(|_| self.style.color);
            let cell = Cell::new_owned(text);
            color.map_or_else(|| cell.clone(), |color| cell.clone().fg(color))
        };
        let cells: Vec<Cell> = cells.into_iter().map(cell).collect();
        self.grid.add_row(cells);
    }

    /// Writes the table.
    pub(super) fn write(&self, out: &mut dyn io::Write) -> io::Result<()> {
        writeln!(out, "{}", self.grid.trim_fmt())
    }
}

fn title_cell(title: &str) -> (Cell, bool) {
    match title.strip_prefix('>') {
        Some(title) => (Cell::new(title).set_alignment(CellAlignment::Right), true),
        None => (Cell::new(title), false),
    }
}

/// Owned titles.
pub(super) fn titles<const N: usize>(titles: [&str; N]) -> Vec<String> {
    titles.map(str::to_owned).to_vec()
}

/// Columns of the terminal.
pub(super) fn terminal_width() -> usize {
    Grid::new().width().map_or(0, usize::from)
}

/// Columns to plan charts for.
pub(super) fn chart_width(style: &Style) -> usize {
    if style.width == 0 { WIDTH_DEFAULT } else { style.width }
}

/// A name as it may stand in a terminal: control characters escaped, long names cut.
pub(super) fn name(text: &str) -> String {
    match text.char_indices().nth(NAME_CHARS_MAX) {
        Some((end, _)) => whole(&text[..end]) + "…",
        None => whole(text),
    }
}

/// A text as it may stand in a terminal, whole.
pub(super) fn whole(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unsafe(c) { clean.extend(c.escape_default()) } else { clean.push(c) }
    }
    clean
}

/// Control characters, and those that turn the direction of writing.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A name, or `-`.
pub(super) fn name_or_none(text: Option<&str>) -> String {
    text.map_or_else(|| NONE.to_owned(), name)
}

/// A reason on one line, whole.
pub(super) fn sentence(text: &str) -> String {
    text.chars().map(|c| if is_unsafe(c) { ' ' } else { c }).collect()
}

/// Says how many rows a table left out, if it did.
pub(super) fn write_more(left_out: usize, out: &mut dyn io::Write) -> io::Result<()> {
    if left_out == 0 {
        return Ok(());
    }
    writeln!(out, "... {} more; --format json has all", count(left_out as u64))
}

/// A number rounded to six significant digits, whole digits kept; `-` for none.
pub(super) fn number(value: Option<f64>) -> String {
    let Some(value) = value.filter(|value| value.is_finite()) else { return NONE.to_owned() };
    let size = value.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    if !(1e-4..1e15).contains(&size) {
        let text = format!("{value:.5e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{exponent}", trim_zeros(digits));
    }
    let decimals = (5 - size.log10().floor() as i32).clamp(0, 9) as usize;
    trim_zeros(&format!("{value:.decimals$}")).to_owned()
}

fn trim_zeros(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

/// A count with its thousands apart: `12,345`.
pub(super) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of bytes in the unit that suits it: `12 B`, `3.4 MiB`.
pub(super) fn bytes(value: u64) -> String {
    if value < 1_024 {
        return format!("{value} B");
    }
    let mut size = value as f64;
    let mut unit = "B";
    for next in ["KiB", "MiB", "GiB", "TiB"] {
        // What would round to 1024 of a unit is 1 of the next.
        if size < 1_023.95 {
            break;
        }
        size /= 1_024.0;
        unit = next;
    }
    format!("{size:.1} {unit}")
}

/// A count and its noun: `1 prediction`, `2 predictions`.
pub(super) fn counted(value: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(value), if value == 1 { "" } else { "s" })
}

/// A part of a whole in percent; `-` of nothing.
pub(super) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return NONE.to_owned();
    }
    format!("{:.1} %", part as f64 / whole as f64 * 100.0)
}

/// A length of time in its two largest units: `3d 4h`, `59s`.
pub(super) fn span(micros: i64) -> String {
    let seconds = micros / 1_000_000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, minutes) => format!("{minutes}m {}s", seconds % 60),
        (0, hours, minutes) => format!("{hours}h {}m", minutes % 60),
        (days, hours, _) => format!("{days}d {}h", hours % 24),
    }
}

/// The model and version that an answer is about.
pub(super) fn subject(model: &str, version: Option<&str>) -> String {
    let version = version.map_or("all versions".to_owned(), |v| format!("version {}", name(v)));
    format!("{}, {version}", name(model))
}

/// An interval.
pub(super) fn interval(from: i64, to: i64) -> String {
    format!("{} to {}", format_time(from), format_time(to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::render::tests::text;

    #[test]
    fn numbers_have_six_significant_digits() {
        for (value, want) in [
            (0.0, "0"),
            (-0.0, "0"),
            (0.312_345_678, "0.312346"),
            (-0.1, "-0.1"),
            (0.000_123_456_78, "0.000123457"),
            (1_234.567_89, "1234.57"),
            (99_999_999.4, "99999999"),
            (1.0, "1"),
            (100.0, "100"),
            (0.000_012_345_67, "1.23457e-5"),
            (1e300, "1e300"),
            (f64::NAN, "-"),
            (f64::INFINITY, "-"),
        ] {
            assert_eq!(number(Some(value)), want, "{value}");
        }
    }

    #[test]
    fn names_cannot_disturb_the_terminal() {
        assert_eq!(name("a\u{1b}[31m\nb"), "a\\u{1b}[31m\\nb");
        assert_eq!(name("\u{202e}evil"), "\\u{202e}evil");
        assert_eq!(name("grün"), "grün");
        assert_eq!(name(&"x".repeat(100)).chars().count(), NAME_CHARS_MAX + 1);
    }

    #[test]
    fn counts_and_shares_read_well() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(counted(1, "row"), "1 row");
        for (value, want) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1.0 KiB"),
            (1_048_575, "1.0 MiB"),
            (5 << 30, "5.0 GiB"),
            (u64::MAX, "16777216.0 TiB"),
        ] {
            assert_eq!(bytes(value), want);
        }
        assert_eq!(percent(1, 3), "33.3 %");
        assert_eq!(percent(0, 0), "-");
    }

    #[test]
    fn colour_is_there_only_if_asked_for() {
        let draw = |style: &Style| {
            let mut table = Table::new(style, &titles(["a", ">b"]));
            table.toned([("x".to_owned(), Tone::Plain), ("1".to_owned(), Tone::Bad)]);
            text(|out| table.write(out))
        };
        assert!(!draw(&Style::PLAIN).contains('\u{1b}'));
        assert!(draw(&Style { color: true, ..Style::PLAIN }).contains('\u{1b}'));
    }

    #[test]
    fn any_width_can_be_drawn() {
        for width in [0, 1, 2, 5, 1_000_000] {
            let style = Style { width, ..Style::PLAIN };
            let mut table = Table::new(&style, &titles(["name", ">value"]));
            table.row(["a long name to wrap".to_owned(), "123456".to_owned()]);
            assert!(!text(|out| table.write(out)).is_empty(), "{width}");
        }
    }
}
