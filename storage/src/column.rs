//! Columns of values in memory.
//!
//! Numbers are plain f64. A null is a reserved NaN bit pattern, so that null, NaN and the
//! infinities stay four different things without a second array; every other NaN is stored as the
//! standard one. Wire formats and Parquet carry nulls apart; the pattern never leaves this process
//! except in the log.

const NULL_BITS: u64 = 0x7ff8_0000_0000_d81f;

/// The number that stands for null.
pub const NULL: f64 = f64::from_bits(NULL_BITS);

/// Whether a number is null; NaN is not.
pub fn is_null(value: f64) -> bool {
    value.to_bits() == NULL_BITS
}

/// A number as stored: an optional value with any NaN made the standard one.
pub fn number(value: Option<f64>) -> f64 {
    match value {
        None => NULL,
        Some(value) if value.is_nan() => f64::NAN,
        Some(value) => value,
    }
}

/// The code that stands for null in a [`Categories`] column.
pub const NULL_CODE: u32 = u32::MAX;

/// A column of categories: codes into a dictionary of distinct texts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Categories {
    /// One code per row, [`NULL_CODE`] for null, otherwise an index into `dictionary`.
    pub codes: Vec<u32>,
    /// Distinct texts in order of first use.
    pub dictionary: Vec<String>,
}

impl Categories {
    /// The text of a row; `None` for null.
    pub fn text(&self, row: usize) -> Option<&str> {
        let code = *self.codes.get(row)?;
        self.dictionary.get(code as usize).map(String::as_str)
    }
}

/// Texts of a dictionary up to which they are compared one by one: that is as fast as an index, and
/// a column of one row needs none.
const UNINDEXED_MAX: usize = 8;

/// Builds a [`Categories`] column from texts.
#[derive(Debug, Default)]
pub struct CategoriesBuilder {
    column: Categories,
    /// The code of each text, once there are more than [`UNINDEXED_MAX`].
    index: std::collections::HashMap<String, u32, foldhash::fast::RandomState>,
}

impl CategoriesBuilder {
    /// A builder with room for rows.
    pub fn with_capacity(rows: usize) -> Self {
        let mut builder = Self::default();
        builder.column.codes.reserve(rows);
        builder
    }

    /// Appends a row.
    pub fn push(&mut self, text: Option<&str>) {
        let Some(text) = text else {
            self.column.codes.push(NULL_CODE);
            return;
        };
        let code = self.code(text).unwrap_or_else(|| self.learn(text));
        self.column.codes.push(code);
    }

    fn code(&self, text: &str) -> Option<u32> {
        let dictionary = &self.column.dictionary;
        if dictionary.len() > UNINDEXED_MAX {
            return self.index.get(text).copied();
        }
        (0..).zip(dictionary).find(|(_, known)| *known == text).map(|(code, _)| code)
    }

    fn learn(&mut self, text: &str) -> u32 {
        let dictionary = &mut self.column.dictionary;
        let code = u32::try_from(dictionary.len()).unwrap_or(NULL_CODE);
        dictionary.push(text.to_owned());
        if dictionary.len() > UNINDEXED_MAX {
            let from = self.index.len();
            let fresh = (0..).zip(dictionary.iter()).skip(from);
            self.index.extend(fresh.map(|(code, text)| (text.clone(), code)));
        }
        code
    }

    /// The column.
    pub fn finish(self) -> Categories {
        self.column
    }
}

/// A column of a batch or chunk.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Numbers, see [`NULL`].
    Numeric(Vec<f64>),
    /// Categories; booleans are the texts `true` and `false`.
    Categories(Categories),
}

impl Column {
    /// Number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Numeric(values) => values.len(),
            Self::Categories(column) => column.codes.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A column of categories from texts; `None` is null.
    pub fn categories<'a>(texts: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        let mut builder = CategoriesBuilder::default();
        texts.into_iter().for_each(|text| builder.push(text));
        Self::Categories(builder.finish())
    }

    /// A column of nulls.
    pub fn nulls(numeric: bool, rows: usize) -> Self {
        if numeric {
            Self::Numeric(vec![NULL; rows])
        } else {
            Self::Categories(Categories { codes: vec![NULL_CODE; rows], dictionary: Vec::new() })
        }
    }

    /// The rows of a selection, in its order; rows outside the column are null.
    pub fn take(&self, rows: &[u32]) -> Self {
        match self {
            Self::Numeric(values) => Self::Numeric(
                rows.iter().map(|row| values.get(*row as usize).copied().unwrap_or(NULL)).collect(),
            ),
            // A few rows must not carry the texts of many.
            Self::Categories(column) if column.dictionary.len() > rows.len() => {
                Self::categories(rows.iter().map(|row| column.text(*row as usize)))
            }
            Self::Categories(column) => Self::Categories(Categories {
                codes: rows
                    .iter()
                    .map(|row| column.codes.get(*row as usize).copied().unwrap_or(NULL_CODE))
                    .collect(),
                dictionary: column.dictionary.clone(),
            }),
        }
    }

    /// Appends the rows of a column of the same kind, translating its dictionary.
    pub fn append(&mut self, other: &Self) {
        match (self, other) {
            (Self::Numeric(values), Self::Numeric(more)) => values.extend_from_slice(more),
            (Self::Categories(column), Self::Categories(more)) => append_codes(column, more),
            (this, other) => {
                let nulls = Self::nulls(matches!(this, Self::Numeric(_)), other.len());
                this.append(&nulls);
            }
        }
    }

    /// Approximate bytes in memory.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Numeric(values) => values.len() * 8,
            Self::Categories(column) => {
                column.codes.len() * 4
                    + column.dictionary.iter().map(|text| text.len() + 24).sum::<usize>()
            }
        }
    }
}

fn append_codes(column: &mut Categories, more: &Categories) {
    let known = column.dictionary.iter().map(String::as_str).zip(0..);
    let indexed = column.dictionary.len() > UNINDEXED_MAX;
    let index: std::collections::HashMap<&str, u32, foldhash::fast::RandomState> =
        if indexed { known.clone().collect() } else { Default::default() };
    let code = |text: &str| {
        if indexed {
            return index.get(text).copied();
        }
        known.clone().find(|(known, _)| *known == text).map(|(_, code)| code)
    };
    let mut fresh = Vec::new();
    let mut translate = Vec::with_capacity(more.dictionary.len());
    for text in &more.dictionary {
        translate.push(code(text).unwrap_or_else(|| {
            fresh.push(text.clone());
            u32::try_from(column.dictionary.len() + fresh.len() - 1).unwrap_or(NULL_CODE)
        }));
    }
    column.dictionary.extend(fresh);
    let codes = more.codes.iter().map(|code| match translate.get(*code as usize) {
        Some(code) => *code,
        None => NULL_CODE,
    });
    column.codes.extend(codes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_nan_and_infinity_are_different_things() {
        assert!(is_null(number(None)));
        assert!(!is_null(number(Some(f64::NAN))) && number(Some(f64::NAN)).is_nan());
        assert!(!is_null(number(Some(f64::from_bits(NULL_BITS)))), "a NaN is never taken for null");
        assert_eq!(number(Some(f64::INFINITY)), f64::INFINITY);
    }

    #[test]
    fn appending_translates_the_dictionary() {
        let build = |texts: &[Option<&str>]| {
            let mut builder = CategoriesBuilder::default();
            texts.iter().for_each(|text| builder.push(*text));
            Column::Categories(builder.finish())
        };
        let mut column = build(&[Some("a"), None, Some("b")]);
        column.append(&build(&[Some("c"), Some("b"), None]));
        assert_eq!(column, build(&[Some("a"), None, Some("b"), Some("c"), Some("b"), None]));
    }

    #[test]
    fn a_few_rows_do_not_carry_the_texts_of_many() {
        let texts: Vec<String> = (0..100).map(|n| n.to_string()).collect();
        let column = Column::categories(texts.iter().map(|text| Some(text.as_str())));
        let taken = column.take(&[7, 200, 7]);
        assert_eq!(taken, Column::categories([Some("7"), None, Some("7")]));
    }
}
