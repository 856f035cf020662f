//! Slices: the rows of a model whose columns hold given values.
//!
//! A slice is a conjunction. Which rows it has is looked up once per part, as a bitmap; what a query
//! then asks of the part is answered from those rows.

use std::collections::BTreeMap;

use roaring::RoaringBitmap;
use xxhash_rust::xxh3::xxh3_128;

use crate::{
    codec::Put as _,
    column::{Column, NULL_CODE, is_null},
    schema::LABEL_TIME,
};

/// Numbers from the first, inclusive, to the second, exclusive; an end that is absent is unbounded and
/// has the infinity on its side. NaN and null are in none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NumberRange {
    /// Smallest number inside.
    pub from: Option<f64>,
    /// Smallest number above.
    pub below: Option<f64>,
}

impl NumberRange {
    /// Whether a number is inside.
    pub fn contains(self, value: f64) -> bool {
        !value.is_nan()
            && self.from.is_none_or(|from| value >= from)
            && self.below.is_none_or(|below| value < below)
    }
}

/// What a value has to be.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// One of these texts; booleans are `true` and `false`.
    Is(Vec<String>),
    /// A text that is none of these; null is not one.
    IsNot(Vec<String>),
    /// A number in one of these ranges.
    Within(Vec<NumberRange>),
    /// Null.
    Null,
    /// Anything but null; NaN is a value.
    NotNull,
}

/// A column and what it has to hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Name of the column; one that a row's schema does not have is null there.
    pub column: String,
    /// What it has to hold.
    pub test: Test,
}

/// Rows that meet all of some conditions; no condition means all rows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Slice {
    /// The conditions.
    pub conditions: Vec<Condition>,
}

impl Slice {
    /// Names the slice in the cache: conditions in another order are the same slice.
    pub(crate) fn key(&self) -> u128 {
        let mut conditions: Vec<Vec<u8>> = self.conditions.iter().map(Condition::encode).collect();
        conditions.sort_unstable();
        let mut all = Vec::new();
        conditions.iter().for_each(|condition| all.put_bytes(condition));
        xxh3_128(&all)
    }
}

impl Condition {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.put_bytes(self.column.as_bytes());
        let texts = |out: &mut Vec<u8>, kind: u8, texts: &[String]| {
            out.put_u8(kind);
            texts.iter().for_each(|text| out.put_bytes(text.as_bytes()));
        };
        match &self.test {
            Test::Is(all) => texts(&mut out, 0, all),
            Test::IsNot(all) => texts(&mut out, 1, all),
            Test::Within(ranges) => {
                out.put_u8(2);
                for end in ranges.iter().flat_map(|range| [range.from, range.below]) {
                    out.put_u8(u8::from(end.is_some()));
                    out.put_f64(end.unwrap_or_default());
                }
            }
            Test::Null => out.put_u8(3),
            Test::NotNull => out.put_u8(4),
        }
        out
    }
}

impl Slice {
    /// Whether it hangs on labels, which come and change while rows do not.
    pub(crate) fn is_of_labels(&self) -> bool {
        self.conditions.iter().any(|condition| condition.column == LABEL_TIME)
    }
}

/// How the rows of a column are told apart.
#[derive(Debug, Clone, PartialEq)]
pub enum Grouping {
    /// By value, of a column of texts; null is a group of its own.
    Values,
    /// By the first of some tests that a value meets.
    Tests(Vec<Test>),
}

/// What the rows of a group have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum GroupKey {
    /// A text.
    Text(String),
    /// The place of a test.
    Test(usize),
    /// Null.
    Null,
}

impl GroupKey {
    /// Bytes beside its own.
    pub(crate) fn bytes(&self) -> usize {
        if let Self::Text(text) = self { text.len() } else { 0 }
    }

    /// What a row of the group has to hold.
    pub fn test(&self, grouping: &Grouping) -> Test {
        match (self, grouping) {
            (Self::Text(text), _) => Test::Is(vec![text.clone()]),
            (Self::Test(place), Grouping::Tests(tests)) => {
                tests.get(*place).cloned().unwrap_or(Test::Null)
            }
            _ => Test::Null,
        }
    }
}

impl Test {
    /// Adds the rows that meet the test; the first value of the column is of row `first`.
    pub fn select(&self, column: &Column, first: u32, into: &mut RoaringBitmap) {
        let rows = first..;
        match column {
            Column::Numeric(values) => {
                let meets = |value: f64| match self {
                    Self::Is(_) => false,
                    Self::IsNot(_) | Self::NotNull => !is_null(value),
                    Self::Within(ranges) => ranges.iter().any(|range| range.contains(value)),
                    Self::Null => is_null(value),
                };
                into.extend(rows.zip(values).filter(|(_, value)| meets(**value)).map(|row| row.0));
            }
            Column::Categories(categories) => {
                let meets = |text: &String| match self {
                    Self::Is(texts) => texts.contains(text),
                    Self::IsNot(texts) => !texts.contains(text),
                    Self::Within(_) | Self::Null => false,
                    Self::NotNull => true,
                };
                let known: Vec<bool> = categories.dictionary.iter().map(meets).collect();
                let null = matches!(self, Self::Null);
                let meets = |code: u32| match code {
                    NULL_CODE => null,
                    code => known.get(code as usize).copied().unwrap_or(false),
                };
                let codes = rows.zip(&categories.codes);
                into.extend(codes.filter(|(_, code)| meets(**code)).map(|row| row.0));
            }
        }
    }
}

/// The ranges of tests that are one range each, one behind the other: the windows of a series, say,
/// of which a value is found without asking each.
fn ascending(tests: &[Test]) -> Option<Vec<NumberRange>> {
    let range = |test: &Test| match test {
        Test::Within(ranges) => match ranges.as_slice() {
            [range] => Some(*range),
            _ => None,
        },
        _ => None,
    };
    let ranges: Vec<NumberRange> = tests.iter().map(range).collect::<Option<_>>()?;
    let apart = |one: &NumberRange, next: &NumberRange| match (one.below, next.from) {
        (Some(end), Some(from)) => end <= from,
        _ => false,
    };
    ranges.is_sorted_by(apart).then_some(ranges)
}

impl Grouping {
    /// Names the groups of a column in the cache.
    pub(crate) fn key(&self, column: &str) -> u128 {
        let mut all = Vec::new();
        all.put_bytes(column.as_bytes());
        if let Self::Tests(tests) = self {
            let of = |test: &Test| Condition { column: String::new(), test: test.clone() }.encode();
            tests.iter().for_each(|test| all.put_bytes(&of(test)));
        }
        xxh3_128(&all)
    }

    /// Adds each row to its group; the first value of the column is of row `first`.
    pub fn group(&self, column: &Column, first: u32, into: &mut BTreeMap<GroupKey, RoaringBitmap>) {
        match self {
            Self::Tests(tests) => match (column, ascending(tests)) {
                (Column::Numeric(values), Some(ranges)) => {
                    for (row, value) in (first..).zip(values) {
                        let ends =
                            |range: &NumberRange| range.below.is_some_and(|end| end <= *value);
                        let place = ranges.partition_point(ends);
                        let key = match ranges.get(place) {
                            _ if is_null(*value) => GroupKey::Null,
                            Some(range) if range.contains(*value) => GroupKey::Test(place),
                            _ => continue,
                        };
                        into.entry(key).or_default().insert(row);
                    }
                }
                _ => {
                    let mut left = RoaringBitmap::new();
                    Test::NotNull.select(column, first, &mut left);
                    for (place, test) in tests.iter().enumerate() {
                        let mut rows = RoaringBitmap::new();
                        test.select(column, first, &mut rows);
                        let rows = rows & &left;
                        left -= &rows;
                        *into.entry(GroupKey::Test(place)).or_default() |= rows;
                    }
                    Test::Null.select(column, first, into.entry(GroupKey::Null).or_default());
                }
            },
            Self::Values => {
                let Column::Categories(categories) = column else { return };
                let mut by_code = vec![RoaringBitmap::new(); categories.dictionary.len() + 1];
                for (row, code) in (first..).zip(&categories.codes) {
                    let place = (*code as usize).min(categories.dictionary.len());
                    if let Some(rows) = by_code.get_mut(place) {
                        rows.insert(row);
                    }
                }
                let texts = categories.dictionary.iter().cloned().map(GroupKey::Text);
                for (key, rows) in texts.chain([GroupKey::Null]).zip(by_code) {
                    if !rows.is_empty() {
                        *into.entry(key).or_default() |= rows;
                    }
                }
            }
        }
        into.retain(|_, rows| !rows.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column::NULL;

    fn selected(test: &Test, column: &Column) -> Vec<u32> {
        let mut rows = RoaringBitmap::new();
        test.select(column, 10, &mut rows);
        rows.iter().collect()
    }

    #[test]
    fn null_nan_and_infinity_are_three_things() {
        let column = Column::Numeric(vec![1.0, NULL, f64::NAN, f64::INFINITY, 5.0]);
        let from_two = Test::Within(vec![NumberRange { from: Some(2.0), below: None }]);
        assert_eq!(selected(&from_two, &column), [13, 14]);
        assert_eq!(selected(&Test::Null, &column), [11]);
        assert_eq!(selected(&Test::NotNull, &column), [10, 12, 13, 14]);
        let below = Test::Within(vec![NumberRange { from: None, below: Some(5.0) }]);
        assert_eq!(selected(&below, &column), [10]);
    }

    #[test]
    fn a_text_that_is_not_there_is_in_no_row_and_null_is_no_text() {
        let column = Column::categories([Some("a"), None, Some("b"), Some("a")]);
        assert_eq!(selected(&Test::Is(vec!["a".into(), "zz".into()]), &column), [10, 13]);
        assert_eq!(selected(&Test::IsNot(vec!["a".into()]), &column), [12]);
        assert_eq!(selected(&Test::IsNot(Vec::new()), &column), [10, 12, 13]);
        assert_eq!(selected(&Test::Null, &column), [11]);
    }

    #[test]
    fn a_slice_is_named_by_its_conditions_in_any_order() {
        let on = |column: &str, test| Condition { column: column.to_owned(), test };
        let range = |from, below| Test::Within(vec![NumberRange { from, below }]);
        let tests = [
            Test::Is(vec!["a".into(), "b".into()]),
            Test::Is(vec!["ab".into()]),
            Test::IsNot(vec!["ab".into()]),
            range(Some(0.0), None),
            range(None, Some(0.0)),
            Test::Null,
            Test::NotNull,
        ];
        let each = ["x", "y"].map(|name| tests.iter().map(move |test| on(name, test.clone())));
        let conditions: Vec<Condition> = each.into_iter().flatten().collect();
        let mut keys = std::collections::BTreeSet::new();
        for (place, one) in conditions.iter().enumerate() {
            keys.insert(Slice { conditions: vec![one.clone()] }.key());
            for other in &conditions[..place] {
                let both = Slice { conditions: vec![one.clone(), other.clone()] };
                let turned = Slice { conditions: vec![other.clone(), one.clone()] };
                assert_eq!(both.key(), turned.key());
                keys.insert(both.key());
            }
        }
        assert_eq!(keys.len(), 14 + 14 * 13 / 2);
    }

    #[test]
    fn every_row_with_a_group_is_in_exactly_one() {
        let column = Column::categories([Some("a"), None, Some("b"), Some("a")]);
        let mut groups = BTreeMap::new();
        Grouping::Values.group(&column, 0, &mut groups);
        let rows = |key: GroupKey| groups[&key].iter().collect::<Vec<u32>>();
        assert_eq!(rows(GroupKey::Text("a".into())), [0, 3]);
        assert_eq!(rows(GroupKey::Text("b".into())), [2]);
        assert_eq!(rows(GroupKey::Null), [1]);

        let range = |from, below| Test::Within(vec![NumberRange { from, below }]);
        let apart = Grouping::Tests(vec![
            range(None, Some(2.0)),
            range(Some(3.0), Some(4.0)),
            range(Some(4.0), None),
        ]);
        let numbers = Column::Numeric(vec![2.0, 4.0, NULL, f64::NAN, 1.0, 3.5, f64::INFINITY]);
        let mut groups = BTreeMap::new();
        apart.group(&numbers, 10, &mut groups);
        let rows = |key: GroupKey| groups[&key].iter().collect::<Vec<u32>>();
        assert_eq!(rows(GroupKey::Test(0)), [14]);
        assert_eq!(rows(GroupKey::Test(1)), [15]);
        assert_eq!(rows(GroupKey::Test(2)), [11, 16]);
        assert_eq!((rows(GroupKey::Null), groups.len()), (vec![12], 4));

        let bands = Grouping::Tests(vec![range(None, Some(2.0)), range(None, None)]);
        let numbers = Column::Numeric(vec![1.0, NULL, f64::NAN, 2.0]);
        let mut groups = BTreeMap::new();
        bands.group(&numbers, 0, &mut groups);
        let all: Vec<(GroupKey, Vec<u32>)> =
            groups.into_iter().map(|(key, rows)| (key, rows.iter().collect())).collect();
        let want =
            [(GroupKey::Test(0), vec![0]), (GroupKey::Test(1), vec![3]), (GroupKey::Null, vec![1])];
        assert_eq!(all, want);
    }
}
