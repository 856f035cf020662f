//! Binnings: the fine bins that a reference fixes for each monitored column.
//!
//! A numeric column has interior edges `e[0] < e[1] < ..`; value `x` falls into bin `i` where `i` is
//! the number of edges `<= x`, so bins are closed on the left and the outer ones are unbounded. A
//! reference puts its smallest value first and the number just above its largest value last, so the
//! outer bins count what lies below and above its range. A category column has its reference's
//! categories in order; categories that the reference never saw follow, in order of arrival.
//!
//! A binning is named by the hash of its content: partials of the same binning merge, whatever
//! reference or version they came from; others never do.

use std::{collections::HashMap, sync::Arc};

use xxhash_rust::xxh3::xxh3_64;

use crate::{
    codec::{DecodeError, Decoded, Get, Put as _},
    column::{Column, NULL_CODE, is_null},
    limits,
    schema::{Field, Schema},
};

/// Rows that are in no bin, by what they hold instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Special {
    /// No value.
    Null = 0,
    /// Not a number.
    Nan = 1,
    /// Positive infinity.
    PositiveInfinity = 2,
    /// Negative infinity.
    NegativeInfinity = 3,
    /// A category past the bound on names.
    Other = 4,
}

/// How many kinds of [`Special`] there are.
pub const SPECIALS: usize = 5;

/// The code of a row: a bin, or a special counted down from the largest code.
pub(crate) fn special_code(special: Special) -> u32 {
    u32::MAX - special as u32
}

/// The place of a code among the specials, if it is one.
pub(crate) fn special_of(code: u32) -> Option<usize> {
    let place = (u32::MAX - code) as usize;
    (place < SPECIALS).then_some(place)
}

/// The bins of one column.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnBins {
    /// Strictly ascending finite edges.
    Numeric {
        /// Interior edges, see the module.
        edges: Vec<f64>,
    },
    /// Distinct names.
    Categories {
        /// The reference's categories.
        names: Vec<String>,
    },
}

impl ColumnBins {
    /// Number of bins.
    pub fn len(&self) -> usize {
        match self {
            Self::Numeric { edges } => edges.len() + 1,
            Self::Categories { names } => names.len(),
        }
    }

    /// Whether there is no bin: a category column whose reference had no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The bins of all monitored columns of a model version.
#[derive(Debug, Clone, PartialEq)]
pub struct Binning {
    id: u64,
    /// Column name and bins, in [`Schema::monitored`] order.
    columns: Vec<(String, ColumnBins)>,
}

impl Binning {
    /// A binning of named columns.
    pub fn new(columns: Vec<(String, ColumnBins)>) -> Self {
        let mut binning = Self { id: 0, columns };
        let mut bytes = Vec::new();
        binning.encode(&mut bytes);
        binning.id = xxh3_64(&bytes);
        binning
    }

    /// The binning of a version without a reference: one bin per number, no known category.
    pub fn unreferenced(schema: &Schema) -> Self {
        let bins = |field: Field| {
            let bins = if field.kind.is_numeric() {
                ColumnBins::Numeric { edges: Vec::new() }
            } else {
                ColumnBins::Categories { names: Vec::new() }
            };
            (field.name, bins)
        };
        Self::new(schema.monitored().into_iter().map(bins).collect())
    }

    /// The hash of the content.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Column names and bins.
    pub fn columns(&self) -> &[(String, ColumnBins)] {
        &self.columns
    }

    /// Bins of a column by name.
    pub fn column(&self, name: &str) -> Option<(usize, &ColumnBins)> {
        let place = self.columns.iter().position(|(known, _)| known == name)?;
        self.columns.get(place).map(|(_, bins)| (place, bins))
    }

    /// Appends the binning: per column its name, kind (1 numeric, 2 categories) and bins.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_varint(self.columns.len() as u64);
        for (name, bins) in &self.columns {
            out.put_bytes(name.as_bytes());
            out.put_u8(if matches!(bins, ColumnBins::Numeric { .. }) { 1 } else { 2 });
            match bins {
                ColumnBins::Numeric { edges } => {
                    out.put_varint(edges.len() as u64);
                    edges.iter().for_each(|edge| out.put_f64(*edge));
                }
                ColumnBins::Categories { names } => put_names(out, names),
            }
        }
    }

    /// Reads what [`Binning::encode`] wrote.
    pub fn decode(get: &mut Get<'_>) -> Decoded<Self> {
        let count = get.count(3)?;
        let mut columns = Vec::with_capacity(count);
        for _ in 0..count {
            let name = get.text()?.to_owned();
            let bins = match get.u8()? {
                1 => {
                    let count = get.count(8)?;
                    let edges = (0..count).map(|_| get.f64()).collect::<Decoded<Vec<f64>>>()?;
                    if !edges.is_sorted_by(|a, b| a < b) {
                        return Err(DecodeError("ascending edges"));
                    }
                    ColumnBins::Numeric { edges }
                }
                2 => ColumnBins::Categories { names: get_names(get)? },
                _ => return Err(DecodeError("a kind of bins")),
            };
            columns.push((name, bins));
        }
        Ok(Self::new(columns))
    }
}

/// Appends a list of names.
pub(crate) fn put_names(out: &mut Vec<u8>, names: &[String]) {
    out.put_varint(names.len() as u64);
    names.iter().for_each(|name| out.put_bytes(name.as_bytes()));
}

/// Reads what [`put_names`] wrote.
pub(crate) fn get_names(get: &mut Get<'_>) -> Decoded<Vec<String>> {
    let count = get.count(1)?;
    (0..count).map(|_| Ok(get.text()?.to_owned())).collect()
}

/// Names in order of first use, found by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct NameIndex {
    names: Vec<String>,
    places: HashMap<String, u32, foldhash::fast::RandomState>,
}

impl NameIndex {
    pub(crate) fn from_names(names: &[String]) -> Self {
        let places = names.iter().cloned().zip(0..).collect();
        Self { names: names.to_vec(), places }
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    pub(crate) fn place(&self, name: &str) -> Option<u32> {
        self.places.get(name).copied()
    }

    /// The place of a name, which is added while there are fewer than `bound`.
    pub(crate) fn place_or_add(&mut self, name: &str, bound: usize) -> Option<u32> {
        if let Some(place) = self.place(name) {
            return Some(place);
        }
        if self.names.len() >= bound {
            return None;
        }
        let place = u32::try_from(self.names.len()).ok()?;
        self.names.push(name.to_owned());
        self.places.insert(name.to_owned(), place);
        Some(place)
    }
}

/// Turns values into codes, learning the names of categories that the binning does not know.
#[derive(Debug, Clone)]
pub struct Binner {
    binning: Arc<Binning>,
    known: Vec<NameIndex>,
    new: Vec<NameIndex>,
}

impl Binner {
    /// A binner that has met no new category.
    pub fn new(binning: Arc<Binning>) -> Self {
        let index = |(_, bins): &(String, ColumnBins)| match bins {
            ColumnBins::Numeric { .. } => NameIndex::default(),
            ColumnBins::Categories { names } => NameIndex::from_names(names),
        };
        let known: Vec<NameIndex> = binning.columns.iter().map(index).collect();
        let new = vec![NameIndex::default(); known.len()];
        Self { binning, known, new }
    }

    /// The binning.
    pub fn binning(&self) -> &Arc<Binning> {
        &self.binning
    }

    /// New categories per column, in order of code from the number of known ones.
    pub fn new_names(&self) -> Vec<Vec<String>> {
        self.new.iter().map(|index| index.names().to_vec()).collect()
    }

    /// New categories of one column.
    pub(crate) fn column_new_names(&self, place: usize) -> &[String] {
        self.new.get(place).map_or(&[], NameIndex::names)
    }

    /// The codes of a column's rows: the bin, or a special.
    pub fn codes(&mut self, place: usize, column: &Column) -> Vec<u32> {
        match (self.binning.columns.get(place), column) {
            (Some((_, ColumnBins::Numeric { edges })), Column::Numeric(values)) => {
                values.iter().map(|value| numeric_code(edges, *value)).collect()
            }
            (Some((_, ColumnBins::Categories { .. })), Column::Categories(column)) => {
                let translate: Vec<u32> =
                    column.dictionary.iter().map(|text| self.category_code(place, text)).collect();
                let null = special_code(Special::Null);
                let code = |code: &u32| match translate.get(*code as usize) {
                    Some(bin) if *code != NULL_CODE => *bin,
                    _ => null,
                };
                column.codes.iter().map(code).collect()
            }
            (_, column) => vec![special_code(Special::Null); column.len()],
        }
    }

    fn category_code(&mut self, place: usize, text: &str) -> u32 {
        let (Some(known), Some(new)) = (self.known.get(place), self.new.get_mut(place)) else {
            return special_code(Special::Other);
        };
        if let Some(bin) = known.place(text) {
            return bin;
        }
        match new.place_or_add(text, limits::NEW_CATEGORIES_MAX) {
            Some(bin) => bin + u32::try_from(known.names().len()).unwrap_or(0),
            None => special_code(Special::Other),
        }
    }
}

fn numeric_code(edges: &[f64], value: f64) -> u32 {
    if value.is_finite() {
        return u32::try_from(edges.partition_point(|edge| *edge <= value)).unwrap_or(0);
    }
    special_code(if is_null(value) {
        Special::Null
    } else if value.is_nan() {
        Special::Nan
    } else if value > 0.0 {
        Special::PositiveInfinity
    } else {
        Special::NegativeInfinity
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column::{CategoriesBuilder, NULL};

    fn binner() -> Binner {
        Binner::new(Arc::new(Binning::new(vec![
            ("x".to_owned(), ColumnBins::Numeric { edges: vec![0.0, 2.0] }),
            ("c".to_owned(), ColumnBins::Categories { names: vec!["a".to_owned()] }),
        ])))
    }

    #[test]
    fn bins_are_closed_on_the_left_and_specials_are_apart() {
        let values = vec![-1.0, -0.0, 0.0, 1.9, 2.0, NULL, f64::NAN, f64::INFINITY];
        let codes = binner().codes(0, &Column::Numeric(values));
        let special = |s| special_code(s);
        let want = [0, 1, 1, 1, 2];
        assert_eq!(codes[..5], want);
        assert_eq!(codes[5], special(Special::Null));
        assert_eq!(codes[6], special(Special::Nan));
        assert_eq!(codes[7], special(Special::PositiveInfinity));
    }

    #[test]
    fn new_categories_follow_the_known_ones_up_to_the_bound() {
        let mut builder = CategoriesBuilder::default();
        builder.push(Some("a"));
        builder.push(None);
        for number in 0..=limits::NEW_CATEGORIES_MAX {
            builder.push(Some(&format!("new {number}")));
        }
        let codes = binner().codes(1, &Column::Categories(builder.finish()));
        assert_eq!(codes[..4], [0, special_code(Special::Null), 1, 2]);
        assert_eq!(codes.last(), Some(&special_code(Special::Other)));
    }

    #[test]
    fn a_binning_comes_back_under_the_same_name() {
        let binning = binner().binning().as_ref().clone();
        let mut bytes = Vec::new();
        binning.encode(&mut bytes);
        assert_eq!(Binning::decode(&mut Get::new(&bytes)), Ok(binning));
    }
}
