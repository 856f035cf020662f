//! Cells to values: a raw column becomes numbers, categories, times or ids, and rows whose cell
//! breaks the rule of its column are marked with the reason.

use std::borrow::Cow;

use driftline_storage::{
    CategoriesBuilder, Column, Kind, Rule, TIME_MAX, TIME_MIN,
    limits::{CATEGORY_BYTES_MAX, ID_BYTES_MAX},
    number,
};

use super::table::{
    RawColumn, RawKind, parse_bool, parse_int, parse_number, parse_timestamp_micros,
};

/// Integers past this are not exact as f64.
const EXACT_INTEGER_MAX: i64 = 1 << 53;
const INEXACT: Broken<'static> = (Rule::Value, "must be at most 2^53 to be exact");
/// Bytes of a cell that a message repeats.
const SHOWN_BYTES_MAX: usize = 40;

/// A rule, and how a message says it.
pub(super) type Broken<'a> = (Rule, &'a str);

/// What is wrong with a row.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) rule: Rule,
    pub(super) column: String,
    /// Column and rule: rows are grouped by it.
    pub(super) text: String,
    /// The same with the value.
    pub(super) reason: String,
}

/// The first broken rule of each row.
#[derive(Debug)]
pub(super) struct Faults {
    rows: Vec<Option<Fault>>,
}

impl Faults {
    pub(super) fn new(rows: usize) -> Self {
        Self { rows: vec![None; rows] }
    }

    /// Marks a row: the rule groups rows in the summary, the reason adds the value.
    pub(super) fn mark(
        &mut self,
        row: usize,
        column: &str,
        (rule, text): Broken<'_>,
        found: Option<&str>,
    ) {
        let Some(slot @ None) = self.rows.get_mut(row) else { return };
        let text = format!("{column} {text}");
        let reason = match found {
            Some(found) => format!("{text}, found {:?}", shown(found)),
            None => text.clone(),
        };
        *slot = Some(Fault { rule, column: column.to_owned(), text, reason });
    }

    pub(super) fn of(&self, row: usize) -> Option<&Fault> {
        self.rows.get(row).and_then(Option::as_ref)
    }
}

fn shown(text: &str) -> Cow<'_, str> {
    if text.len() <= SHOWN_BYTES_MAX {
        return Cow::Borrowed(text);
    }
    Cow::Owned(format!("{}..", &text[..text.floor_char_boundary(SHOWN_BYTES_MAX)]))
}

/// A column of a file with its name and kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cells<'a> {
    pub(super) name: &'a str,
    pub(super) kind: RawKind,
    pub(super) column: &'a RawColumn,
}

impl<'a> Cells<'a> {
    /// Values of a kind; null where a row is marked.
    pub(super) fn values(&self, kind: Kind, faults: &mut Faults) -> Column {
        match kind {
            Kind::Numeric => Column::Numeric(self.numbers(faults)),
            Kind::Boolean => self.categories(faults, Some(boolean)),
            Kind::Categorical => self.categories(faults, None),
        }
    }

    /// Numbers, see [`driftline_storage::NULL`].
    pub(super) fn numbers(&self, faults: &mut Faults) -> Vec<f64> {
        let rule = (Rule::Type, "must be a number");
        let text = |row: usize, cell: &Option<String>, faults: &mut Faults| {
            let cell = cell.as_deref()?;
            let value = parse_number(cell);
            let inexact = parse_int(cell).is_some_and(|int| !is_exact(int));
            if value.is_none() || inexact {
                let rule = if inexact { INEXACT } else { rule };
                faults.mark(row, self.name, rule, Some(cell));
            }
            value
        };
        match self.column {
            RawColumn::Float(cells) => cells.iter().map(|cell| number(*cell)).collect(),
            RawColumn::Int(cells) => {
                let mut integer = |(row, cell): (usize, &Option<i64>)| {
                    if let Some(int) = cell.filter(|int| !is_exact(*int)) {
                        let found = int.to_string();
                        faults.mark(row, self.name, INEXACT, Some(&found));
                    }
                    number(cell.map(|int| int as f64))
                };
                cells.iter().enumerate().map(&mut integer).collect()
            }
            RawColumn::Bool(cells) => {
                cells.iter().map(|cell| number(cell.map(|b| f64::from(u8::from(b))))).collect()
            }
            RawColumn::Text(cells) | RawColumn::Untyped(cells) => cells
                .iter()
                .enumerate()
                .map(|(row, cell)| number(text(row, cell, faults)))
                .collect(),
            RawColumn::Timestamp(cells) => {
                for (row, _) in cells.iter().enumerate().filter(|(_, cell)| cell.is_some()) {
                    faults.mark(row, self.name, rule, Some("a time"));
                }
                cells.iter().map(|_| number(None)).collect()
            }
        }
    }

    /// Categories, after a check and canonical form of each if one is given.
    fn categories(&self, faults: &mut Faults, form: Option<fn(&str) -> Option<&str>>) -> Column {
        let mut builder = CategoriesBuilder::with_capacity(self.column.len());
        for row in 0..self.column.len() {
            let text = self.text(row);
            let text = match (&text, form) {
                (Some(text), Some(form)) => {
                    let found = form(text);
                    if found.is_none() {
                        let rule = (Rule::Type, "must be true or false");
                        faults.mark(row, self.name, rule, Some(text));
                    }
                    found
                }
                (Some(text), None) if text.len() > CATEGORY_BYTES_MAX => {
                    let rule = (Rule::Value, "must have at most 1024 bytes");
                    faults.mark(row, self.name, rule, Some(text));
                    None
                }
                (text, _) => text.as_deref(),
            };
            builder.push(text);
        }
        Column::Categories(builder.finish())
    }

    /// The canonical text of a cell: integers in decimal, also when written `1.0`; booleans as
    /// `true` and `false`; NaN, which stands for null in integer columns of data frames, as null.
    fn text(&self, row: usize) -> Option<Cow<'a, str>> {
        match self.column {
            RawColumn::Bool(cells) => cells.get(row)?.map(|b| bool_text(b).into()),
            RawColumn::Int(cells) => cells.get(row)?.map(|int| int.to_string().into()),
            RawColumn::Float(cells) => float_text((*cells.get(row)?)?),
            RawColumn::Text(cells) => cells.get(row)?.as_deref().map(Cow::Borrowed),
            RawColumn::Timestamp(cells) => {
                cells.get(row)?.map(|micros| format!("{micros}us").into())
            }
            RawColumn::Untyped(cells) => {
                let text = cells.get(row)?.as_deref()?;
                match self.kind {
                    RawKind::Bool => {
                        Some(parse_bool(text).map_or(text.into(), |b| bool_text(b).into()))
                    }
                    RawKind::Int => {
                        Some(parse_int(text).map_or(text.into(), |int| int.to_string().into()))
                    }
                    RawKind::Float => match parse_number(text) {
                        Some(value) => float_text(value),
                        None => Some(text.into()),
                    },
                    _ => Some(text.into()),
                }
            }
        }
    }

    /// Times in microseconds; 0 where a row is marked.
    pub(super) fn times(&self, faults: &mut Faults) -> Vec<i64> {
        let rule = (Rule::Time, "must be an RFC 3339 time such as 2026-01-05T00:00:00Z");
        let mut time = |row: usize| {
            let found = match self.column {
                RawColumn::Timestamp(cells) => cells.get(row).copied().flatten(),
                RawColumn::Text(cells) | RawColumn::Untyped(cells) => {
                    let text = cells.get(row).and_then(Option::as_deref);
                    text.and_then(parse_timestamp_micros)
                }
                _ => None,
            };
            let found = found.filter(|time| {
                let inside = (TIME_MIN..=TIME_MAX).contains(time);
                if !inside {
                    let found = self.text(row);
                    let rule = (Rule::Time, "must be in the years 0001 to 9999");
                    faults.mark(row, self.name, rule, found.as_deref());
                }
                inside
            });
            found.unwrap_or_else(|| {
                match self.text(row) {
                    Some(text) => faults.mark(row, self.name, rule, Some(&text)),
                    None => faults.mark(row, self.name, (Rule::Time, "is missing"), None),
                }
                0
            })
        };
        (0..self.column.len()).map(&mut time).collect()
    }

    /// Ids as text; empty where a row is marked.
    pub(super) fn ids(&self, faults: &mut Faults) -> Vec<Cow<'a, str>> {
        let mut id = |row: usize| {
            let text = match self.column {
                // An id is text whatever it looks like: 007 is not 7.
                RawColumn::Untyped(cells) => {
                    cells.get(row).and_then(Option::as_deref).map(Into::into)
                }
                _ => self.text(row),
            };
            let text: Cow<'a, str> = text.unwrap_or_default();
            if text.is_empty() {
                faults.mark(row, self.name, (Rule::Id, "is missing"), None);
            } else if text.len() > ID_BYTES_MAX {
                let rule = (Rule::Id, "must have at most 128 bytes");
                faults.mark(row, self.name, rule, Some(&text));
            }
            text
        };
        (0..self.column.len()).map(&mut id).collect()
    }

    /// Texts as they are, such as a model or version.
    pub(super) fn texts(&self) -> Vec<Option<Cow<'a, str>>> {
        (0..self.column.len())
            .map(|row| match self.column {
                RawColumn::Untyped(cells) => {
                    cells.get(row).and_then(Option::as_deref).map(Into::into)
                }
                _ => self.text(row),
            })
            .collect()
    }

    /// The kind of a column of texts by its values.
    pub(super) fn kind_of_text(&self) -> RawKind {
        let of = |text: &str| {
            if parse_bool(text).is_some() {
                RawKind::Bool
            } else if parse_int(text).is_some() {
                RawKind::Int
            } else if parse_number(text).is_some() {
                RawKind::Float
            } else {
                RawKind::Text
            }
        };
        let mut all = RawKind::Null;
        for text in (0..self.column.len()).filter_map(|row| self.text(row)) {
            all = match (all, of(&text)) {
                (RawKind::Null, kind) => kind,
                (all, kind) if all == kind => all,
                (RawKind::Int, RawKind::Float) | (RawKind::Float, RawKind::Int) => RawKind::Float,
                _ => return RawKind::Text,
            };
        }
        all
    }

    /// How many values are numbers, how many there are, and the first that is none.
    pub(super) fn numeric_share(&self) -> (usize, usize, Option<Cow<'a, str>>) {
        let (mut numbers, mut values, mut word) = (0, 0, None);
        for text in (0..self.column.len()).filter_map(|row| self.text(row)) {
            values += 1;
            if parse_number(&text).is_some() {
                numbers += 1;
            } else if word.is_none() {
                word = Some(text);
            }
        }
        (numbers, values, word)
    }

    /// How many different texts there are, counted up to a bound, and whether all are whole numbers.
    pub(super) fn distinct(&self, bound: usize) -> (usize, bool) {
        let mut seen = std::collections::HashSet::new();
        let mut whole = true;
        for row in 0..self.column.len() {
            let Some(text) = self.text(row) else { continue };
            whole = whole && parse_int(&text).is_some();
            if seen.len() <= bound {
                seen.insert(text);
            }
        }
        (seen.len(), whole)
    }
}

fn is_exact(int: i64) -> bool {
    (-EXACT_INTEGER_MAX..=EXACT_INTEGER_MAX).contains(&int)
}

fn bool_text(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}

fn boolean(text: &str) -> Option<&str> {
    match text {
        "0" => Some("false"),
        "1" => Some("true"),
        text => parse_bool(text).map(bool_text),
    }
}

fn float_text(value: f64) -> Option<Cow<'static, str>> {
    if value.is_nan() {
        return None;
    }
    // Rust prints 1.0 as `1` and 0.5 as `0.5`, which is the canonical form.
    Some(format!("{}", value + 0.0).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use driftline_storage::is_null;

    fn untyped(kind: RawKind, texts: &[&str]) -> (RawKind, RawColumn) {
        let cell = |text: &&str| (!text.is_empty()).then(|| (*text).to_owned());
        (kind, RawColumn::Untyped(texts.iter().map(cell).collect()))
    }

    fn read(column: &(RawKind, RawColumn), kind: Kind) -> (Column, Faults) {
        let mut faults = Faults::new(column.1.len());
        let cells = Cells { name: "c", kind: column.0, column: &column.1 };
        (cells.values(kind, &mut faults), faults)
    }

    fn texts(column: &Column) -> Vec<Option<&str>> {
        let Column::Categories(column) = column else { panic!("categories") };
        (0..column.codes.len()).map(|row| column.text(row)).collect()
    }

    #[test]
    fn numbers_keep_null_nan_and_infinity_apart_and_mark_words() {
        let cells = untyped(RawKind::Float, &["1.5", "", "NaN", "-inf", "abc"]);
        let (Column::Numeric(values), faults) = read(&cells, Kind::Numeric) else {
            panic!("number")
        };
        assert_eq!(values[0], 1.5);
        assert!(is_null(values[1]) && values[2].is_nan() && !is_null(values[2]));
        assert_eq!(values[3], f64::NEG_INFINITY);
        let fault = faults.of(4).expect("marked");
        assert_eq!((fault.rule, fault.column.as_str()), (Rule::Type, "c"));
        assert_eq!(fault.reason, "c must be a number, found \"abc\"");
        assert_eq!(faults.rows.iter().flatten().count(), 1);
    }

    #[test]
    fn an_integer_that_f64_would_round_is_refused() {
        let cells = (RawKind::Int, RawColumn::Int(vec![Some(1 << 53), Some((1 << 53) + 1)]));
        let (_, faults) = read(&cells, Kind::Numeric);
        assert!(faults.of(0).is_none() && faults.of(1).is_some());
        let cells = untyped(RawKind::Int, &["9007199254740993"]);
        assert!(read(&cells, Kind::Numeric).1.of(0).is_some());
    }

    #[test]
    fn one_category_has_one_text_however_a_file_writes_it() {
        for cells in [
            untyped(RawKind::Int, &["1", "0", ""]),
            untyped(RawKind::Float, &["1.0", "0.0", "NaN"]),
            (RawKind::Int, RawColumn::Int(vec![Some(1), Some(0), None])),
            (RawKind::Float, RawColumn::Float(vec![Some(1.0), Some(-0.0), Some(f64::NAN)])),
        ] {
            let (column, faults) = read(&cells, Kind::Categorical);
            assert_eq!(texts(&column), [Some("1"), Some("0"), None]);
            assert!(faults.rows.iter().all(Option::is_none));
        }
        let (column, _) = read(&untyped(RawKind::Text, &["01"]), Kind::Categorical);
        assert_eq!(texts(&column), [Some("01")]);
    }

    #[test]
    fn the_kind_of_texts_follows_from_all_of_them() {
        let check = |texts: &[&str], want: RawKind| {
            let (kind, column) = untyped(RawKind::Null, texts);
            assert_eq!(Cells { name: "c", kind, column: &column }.kind_of_text(), want);
        };
        check(&["", ""], RawKind::Null);
        check(&["", "true", "False"], RawKind::Bool);
        check(&["1", "2"], RawKind::Int);
        check(&["1", "2.5"], RawKind::Float);
        check(&["1", "x"], RawKind::Text);
        check(&["true", "1"], RawKind::Text);
    }

    #[test]
    fn booleans_have_one_form_and_other_words_are_marked() {
        let (column, faults) =
            read(&untyped(RawKind::Bool, &["True", "false", "1", "maybe"]), Kind::Boolean);
        assert_eq!(texts(&column), [Some("true"), Some("false"), Some("true"), None]);
        assert!(faults.of(3).is_some());
    }

    #[test]
    fn times_and_ids_that_are_missing_or_wrong_are_marked() {
        let column = untyped(RawKind::Timestamp, &["2026-01-05T00:00:00Z", "", "yesterday"]);
        let mut faults = Faults::new(3);
        let cells = Cells { name: "ts", kind: column.0, column: &column.1 };
        assert_eq!(cells.times(&mut faults), [1_767_571_200_000_000, 0, 0]);
        assert_eq!(faults.of(1).expect("marked").reason, "ts is missing");
        assert!(faults.of(2).expect("marked").reason.contains("\"yesterday\""));
        let column = untyped(RawKind::Int, &["007", ""]);
        let mut faults = Faults::new(2);
        let cells = Cells { name: "prediction_id", kind: column.0, column: &column.1 };
        assert_eq!(cells.ids(&mut faults), ["007", ""]);
        assert!(faults.of(0).is_none() && faults.of(1).is_some());
    }
}
