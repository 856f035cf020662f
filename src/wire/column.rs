//! One column: numbers, categories or booleans with a validity bitmap on the wire, and storage's
//! columns with reserved nulls inside.

use std::collections::HashMap;

use driftline_proto::v1::{BooleanColumn, CategoryColumn, NumericColumn, column::Values};
use driftline_storage::{Categories, Column, Field, Kind, NULL_CODE, is_null, number};

/// Largest whole number that a class may be: beyond, neighbours have the same f64.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// What a column of the wire is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The values of a feature of a kind, or of a column with a role.
    Kind(Kind),
    /// Predicted or true classes: categories, but whole numbers and booleans also name classes.
    Class,
}

impl Wanted {
    /// Predictions and labels of a task.
    pub(crate) fn outcome(schema: &driftline_storage::Schema) -> Self {
        if schema.task.is_classification() { Self::Class } else { Self::Kind(Kind::Numeric) }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Kind(kind) => kind.name(),
            Self::Class => "categorical",
        }
    }
}

/// Reads a column of so many rows.
///
/// # Errors
/// The value found and the rule that it breaks.
pub(crate) fn read(values: Option<Values>, wanted: Wanted, rows: usize) -> Result<Column, String> {
    let values =
        values.ok_or("has no values; leave out a column whose rows are all null".to_owned())?;
    match (wanted, values) {
        (Wanted::Kind(Kind::Numeric), Values::Numeric(column)) => read_numbers(column, rows),
        (Wanted::Kind(Kind::Categorical) | Wanted::Class, Values::Category(column)) => {
            read_categories(&column, rows)
        }
        (Wanted::Kind(Kind::Boolean), Values::Category(column)) => {
            match column.dictionary.iter().find(|text| !matches!(text.as_str(), "true" | "false")) {
                Some(text) => Err(format!(
                    "has the category {:?}, a boolean feature has only true and false",
                    super::clip(text, super::ECHO_BYTES_MAX)
                )),
                None => read_categories(&column, rows),
            }
        }
        (Wanted::Kind(Kind::Boolean | Kind::Categorical) | Wanted::Class, Values::Boolean(c)) => {
            read_booleans(&c, rows)
        }
        (Wanted::Class, Values::Numeric(column)) => read_classes(&column, rows),
        (wanted, found) => {
            Err(format!("is a {} column, must be {}", name_of(&found), wanted.name()))
        }
    }
}

fn name_of(values: &Values) -> &'static str {
    match values {
        Values::Numeric(_) => "numeric",
        Values::Category(_) => "category",
        Values::Boolean(_) => "boolean",
    }
}

/// Reads a column of numbers.
///
/// # Errors
/// The value found and the rule that it breaks.
pub(crate) fn read_numbers(column: NumericColumn, rows: usize) -> Result<Column, String> {
    let valid = Validity::new(&column.validity, column.values.len(), rows)?;
    let mut values = column.values;
    for (row, value) in values.iter_mut().enumerate() {
        *value = number(valid.at(row).then_some(*value));
    }
    Ok(Column::Numeric(values))
}

/// Reads a column of categories.
///
/// # Errors
/// The value found and the rule that it breaks.
pub(crate) fn read_categories(column: &CategoryColumn, rows: usize) -> Result<Column, String> {
    let valid = Validity::new(&column.validity, column.codes.len(), rows)?;
    for (row, code) in column.codes.iter().enumerate() {
        if valid.at(row) && *code as usize >= column.dictionary.len() {
            let texts = column.dictionary.len();
            return Err(format!("row {row}: code {code} lies outside a dictionary of {texts}"));
        }
    }
    let codes = column.codes.iter().enumerate().map(|(row, code)| valid.at(row).then_some(*code));
    Ok(Column::Categories(compact(codes, &column.dictionary)))
}

fn read_booleans(column: &BooleanColumn, rows: usize) -> Result<Column, String> {
    let valid = Validity::new(&column.validity, column.values.len(), rows)?;
    let codes = column.values.iter().enumerate();
    let codes = codes.map(|(row, value)| valid.at(row).then_some(u32::from(*value)));
    Ok(Column::Categories(compact(codes, &["false".to_owned(), "true".to_owned()])))
}

fn read_classes(column: &NumericColumn, rows: usize) -> Result<Column, String> {
    let valid = Validity::new(&column.validity, column.values.len(), rows)?;
    let mut classes = driftline_storage::CategoriesBuilder::with_capacity(rows);
    for (row, value) in column.values.iter().enumerate() {
        if valid.at(row) {
            let class = class_of(*value).map_err(|rule| format!("row {row}: {rule}"))?;
            classes.push(Some(&class));
        } else {
            classes.push(None);
        }
    }
    Ok(Column::Categories(classes.finish()))
}

/// The class that a whole number names: its decimal text.
///
/// # Errors
/// The value and the rule that it breaks.
pub(crate) fn class_of(value: f64) -> Result<String, String> {
    if value.fract() == 0.0 && value.abs() <= WHOLE_MAX {
        // The cast is exact: the number is whole and within 2^53.
        return Ok((value as i64).to_string());
    }
    Err(format!("{value} is not a class, send text or a whole number up to 2^53"))
}

/// The column of a field for the wire.
pub(crate) fn write(field: &Field, column: &Column) -> Values {
    match column {
        Column::Numeric(values) => Values::Numeric(write_numbers(values)),
        Column::Categories(column) => {
            let booleans = field.kind == Kind::Boolean;
            match booleans.then(|| write_booleans(column)).flatten() {
                Some(booleans) => Values::Boolean(booleans),
                None => Values::Category(write_categories(column)),
            }
        }
    }
}

/// Numbers for the wire.
pub(crate) fn write_numbers(values: &[f64]) -> NumericColumn {
    let valid = |value: &f64| !is_null(*value);
    NumericColumn {
        validity: bitmap(values.iter().map(valid)),
        values: values.iter().map(|value| if valid(value) { *value } else { 0.0 }).collect(),
    }
}

/// Categories for the wire, with no text that no row has.
pub(crate) fn write_categories(column: &Categories) -> CategoryColumn {
    let known = |code: u32| (code as usize) < column.dictionary.len();
    let codes = column.codes.iter().map(|code| known(*code).then_some(*code));
    let column = compact(codes, &column.dictionary);
    let valid = |code: &u32| *code != NULL_CODE;
    CategoryColumn {
        validity: bitmap(column.codes.iter().map(valid)),
        codes: column.codes.iter().map(|code| if valid(code) { *code } else { 0 }).collect(),
        dictionary: column.dictionary,
    }
}

fn write_booleans(column: &Categories) -> Option<BooleanColumn> {
    let truths: Option<Vec<bool>> = column.dictionary.iter().map(|t| t.parse().ok()).collect();
    let truths = truths?;
    let value = |code: &u32| truths.get(*code as usize).copied();
    Some(BooleanColumn {
        validity: bitmap(column.codes.iter().map(|code| value(code).is_some())),
        values: column.codes.iter().map(|code| value(code).unwrap_or(false)).collect(),
    })
}

/// Whether every row is null.
pub(crate) fn is_all_null(column: &Column) -> bool {
    match column {
        Column::Numeric(values) => values.iter().all(|value| is_null(*value)),
        Column::Categories(column) => column.codes.iter().all(|code| *code == NULL_CODE),
    }
}

/// Codes into distinct texts in order of first use, which is what storage wants; senders may repeat
/// texts or send some that no row has.
fn compact(codes: impl Iterator<Item = Option<u32>>, dictionary: &[String]) -> Categories {
    let mut index: HashMap<&str, u32> = HashMap::new();
    let mut translate = vec![NULL_CODE; dictionary.len()];
    let mut column = Categories::default();
    column.codes.reserve(codes.size_hint().0);
    for code in codes {
        let place = code.map(|code| code as usize).and_then(|place| translate.get_mut(place));
        let text = code.and_then(|code| dictionary.get(code as usize));
        let (Some(place), Some(text)) = (place, text) else {
            column.codes.push(NULL_CODE);
            continue;
        };
        if *place == NULL_CODE {
            let next = u32::try_from(column.dictionary.len()).unwrap_or(NULL_CODE);
            *place = *index.entry(text).or_insert_with(|| {
                column.dictionary.push(text.clone());
                next
            });
        }
        column.codes.push(*place);
    }
    column
}

/// A validity bitmap whose length was checked.
struct Validity<'a>(&'a [u8]);

impl<'a> Validity<'a> {
    fn new(bits: &'a [u8], values: usize, rows: usize) -> Result<Self, String> {
        if values != rows {
            return Err(format!("{values} values for {rows} rows"));
        }
        if !bits.is_empty() && bits.len() != rows.div_ceil(8) {
            let (found, wanted) = (bits.len(), rows.div_ceil(8));
            return Err(format!("a validity of {found} bytes, {rows} rows take {wanted} or none"));
        }
        Ok(Self(bits))
    }

    fn at(&self, row: usize) -> bool {
        self.0.is_empty() || self.0.get(row / 8).is_some_and(|byte| byte >> (row % 8) & 1 == 1)
    }
}

fn bitmap(valid: impl ExactSizeIterator<Item = bool>) -> Vec<u8> {
    let mut bits = vec![0_u8; valid.len().div_ceil(8)];
    let mut all = true;
    for (row, valid) in valid.enumerate() {
        all &= valid;
        if let Some(byte) = bits.get_mut(row / 8) {
            *byte |= u8::from(valid) << (row % 8);
        }
    }
    if all { Vec::new() } else { bits }
}

#[cfg(test)]
mod tests {
    use driftline_storage::{CategoriesBuilder, NULL};

    use super::*;

    fn texts(texts: &[Option<&str>]) -> Column {
        let mut builder = CategoriesBuilder::default();
        texts.iter().for_each(|text| builder.push(*text));
        Column::Categories(builder.finish())
    }

    #[test]
    fn a_column_comes_back_with_null_nan_and_infinity_apart() {
        let check = |kind: Kind, column: Column| {
            let field = Field { name: "x".to_owned(), kind };
            let values = write(&field, &column);
            let back = read(Some(values), Wanted::Kind(kind), column.len()).expect("valid");
            assert_eq!(format!("{back:?}"), format!("{column:?}"));
            if let (Column::Numeric(a), Column::Numeric(b)) = (&back, &column) {
                let bits = |v: &[f64]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(a), bits(b));
            }
        };
        check(Kind::Numeric, Column::Numeric(vec![1.0, NULL, f64::NAN, f64::INFINITY]));
        check(Kind::Numeric, Column::Numeric(vec![NULL; 9]));
        check(Kind::Categorical, texts(&[Some("a"), None, Some("b"), Some("a")]));
        check(Kind::Boolean, texts(&[Some("false"), None, Some("true")]));
        check(Kind::Categorical, texts(&[]));
    }

    #[test]
    fn repeated_and_unused_texts_are_folded() {
        let dictionary = ["unused", "a", "a"].map(str::to_owned).to_vec();
        let column = CategoryColumn { dictionary, codes: vec![2, 1, 9], validity: vec![0b011] };
        let read = read_categories(&column, 3).expect("valid");
        assert_eq!(read, texts(&[Some("a"), Some("a"), None]));
    }

    #[test]
    fn a_column_that_breaks_a_rule_says_which() {
        let check = |values: Values, wanted: Wanted, want: &str| {
            let found = read(Some(values), wanted, 2).expect_err(want);
            assert!(found.contains(want), "{found}");
        };
        let number = |values: Vec<f64>, validity: Vec<u8>| {
            Values::Numeric(NumericColumn { values, validity })
        };
        let numeric = Wanted::Kind(Kind::Numeric);
        check(number(vec![1.0], vec![]), numeric, "1 values for 2 rows");
        check(number(vec![1.0, 2.0], vec![1, 1]), numeric, "a validity of 2 bytes");
        let categorical = Wanted::Kind(Kind::Categorical);
        check(number(vec![1.0, 2.0], vec![]), categorical, "numeric column, must be categorical");
        check(number(vec![1.0, 2.5], vec![]), Wanted::Class, "row 1: 2.5 is not a class");
        check(number(vec![f64::NAN, 1.0], vec![]), Wanted::Class, "row 0: NaN");
        let column = CategoryColumn { codes: vec![0, 0], ..CategoryColumn::default() };
        check(Values::Category(column), categorical, "row 0: code 0");
        let dictionary = vec!["maybe".to_owned()];
        let column = CategoryColumn { dictionary, codes: vec![0, 0], validity: vec![] };
        check(Values::Category(column), Wanted::Kind(Kind::Boolean), "\"maybe\"");
    }

    #[test]
    fn whole_numbers_and_booleans_name_classes() {
        let numbers = NumericColumn { values: vec![1.0, -0.0], validity: vec![] };
        let classes = read(Some(Values::Numeric(numbers)), Wanted::Class, 2).expect("valid");
        assert_eq!(classes, texts(&[Some("1"), Some("0")]));
        let booleans = BooleanColumn { values: vec![true, false], validity: vec![] };
        let classes = read(Some(Values::Boolean(booleans)), Wanted::Class, 2).expect("valid");
        assert_eq!(classes, texts(&[Some("true"), Some("false")]));
    }
}
