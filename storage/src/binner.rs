//! From values to slots: where each row of a batch is counted.
//!
//! Categories that the binning does not know are learned by name, up to a bound per column, and get
//! slots behind those of the binning in order of arrival; past the bound they are *other*.

use std::sync::Arc;

use crate::{
    binning::{Binning, Lookup, NameIndex},
    column::{Categories, Column, NULL_CODE},
    limits,
    special::Special,
};

/// Categories that a binning does not know, by slot behind those of the binning.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewNames {
    names: Vec<(u32, Arc<str>)>,
}

impl NewNames {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// Column and name of each, in order of slot.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &Arc<str>)> {
        self.names.iter().map(|(column, name)| (*column as usize, name))
    }

    /// Appends a name of a column.
    pub(crate) fn push(&mut self, column: usize, name: &str) {
        self.names.push((u32::try_from(column).unwrap_or(u32::MAX), name.into()));
    }
}

/// Turns values into slots, learning the names of categories that the binning does not know.
#[derive(Debug, Clone)]
pub struct Binner {
    binning: Arc<Binning>,
    lookups: Arc<[Lookup]>,
    /// New names by column, each with its place among all.
    index: Vec<(NameIndex, Vec<u32>)>,
    names: Arc<NewNames>,
}

/// The slot of each entry of a column's dictionary; empty for numbers.
pub(crate) type Translation = Vec<u32>;

impl Binner {
    /// A binner that has met no new category.
    pub fn new(binning: Arc<Binning>) -> Self {
        let lookups = binning.lookups();
        let index = vec![(NameIndex::default(), Vec::new()); lookups.len()];
        Self { binning, lookups, index, names: Arc::default() }
    }

    /// The binning.
    pub(crate) fn binning(&self) -> &Arc<Binning> {
        &self.binning
    }

    /// New categories so far.
    pub fn names(&self) -> &Arc<NewNames> {
        &self.names
    }

    /// Slots so far, those of new categories included.
    pub(crate) fn slots(&self) -> usize {
        self.binning.slots() + self.names.len()
    }

    /// Learns the new categories of a column.
    pub(crate) fn translate(&mut self, place: usize, column: &Column) -> Translation {
        match (self.lookups.get(place), column) {
            (Some(Lookup::Categories(_)), Column::Categories(column)) => {
                column.dictionary.iter().map(|text| self.category(place, text)).collect()
            }
            _ => Translation::new(),
        }
    }

    fn category(&mut self, place: usize, text: &str) -> u32 {
        let first = self.binning.column_slots(place).start;
        let slot = |special: Special| (first + special as usize) as u32;
        let (Some(Lookup::Categories(known)), Some((index, places))) =
            (self.lookups.get(place), self.index.get_mut(place))
        else {
            return slot(Special::Null);
        };
        if let Some(bin) = known.place(text) {
            return (first + crate::special::SPECIALS) as u32 + bin;
        }
        let Some(number) = index.place_or_add(text, limits::NEW_CATEGORIES_MAX) else {
            return slot(Special::Other);
        };
        if number as usize == places.len() {
            places.push(self.names.len() as u32);
            Arc::make_mut(&mut self.names).push(place, text);
        }
        let new = places.get(number as usize).copied().unwrap_or(0);
        self.binning.slots() as u32 + new
    }

    /// The slot of each row of a column, whose categories are translated.
    pub(crate) fn slots_of(
        &self,
        place: usize,
        column: &Column,
        translation: &[u32],
        out: &mut Vec<u32>,
    ) {
        let first = self.binning.column_slots(place).start as u32;
        match (self.lookups.get(place), column) {
            (Some(Lookup::Numeric(search)), Column::Numeric(values)) => {
                search.slots(values, first, out);
            }
            (Some(Lookup::Categories(_)), Column::Categories(column)) => {
                category_slots(column, translation, first, out);
            }
            (_, column) => {
                out.clear();
                out.resize(column.len(), first + Special::Null as u32);
            }
        }
    }
}

fn category_slots(column: &Categories, translation: &[u32], first: u32, out: &mut Vec<u32>) {
    let null = first + Special::Null as u32;
    out.clear();
    out.extend(column.codes.iter().map(|code| match translation.get(*code as usize) {
        Some(slot) if *code != NULL_CODE => *slot,
        _ => null,
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{binning::ColumnBins, column::CategoriesBuilder, special::SPECIALS};

    #[test]
    fn new_categories_stand_behind_the_binning_up_to_the_bound() {
        let bins = ColumnBins::Categories { names: vec!["a".to_owned()] };
        let columns = vec![("c".to_owned(), bins.clone()), ("d".to_owned(), bins)];
        let mut binner = Binner::new(Arc::new(Binning::new(columns)));
        let mut builder = CategoriesBuilder::default();
        builder.push(Some("a"));
        builder.push(None);
        for number in 0..=limits::NEW_CATEGORIES_MAX {
            builder.push(Some(&format!("new {number}")));
        }
        let column = Column::Categories(builder.finish());
        let translation = binner.translate(1, &column);
        let mut slots = Vec::new();
        binner.slots_of(1, &column, &translation, &mut slots);
        // Each column has its specials and one bin, so column 1 begins at 6 and new names at 12.
        assert_eq!(slots[..4], [6 + SPECIALS as u32, 6, 12, 13]);
        assert_eq!(slots.last(), Some(&(6 + Special::Other as u32)));
        assert_eq!(binner.slots(), 12 + limits::NEW_CATEGORIES_MAX);
        let again = binner.translate(0, &Column::categories([Some("new 0")]));
        assert_eq!(again, [12 + limits::NEW_CATEGORIES_MAX as u32], "names belong to a column");
        assert_eq!(binner.translate(1, &Column::categories([Some("new 1")])), [13]);
    }
}
