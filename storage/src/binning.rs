//! Binnings: the fine bins that a reference fixes for each monitored column, and those of latency and
//! status.
//!
//! A numeric column has interior edges `e[0] < e[1] < ..`; value `x` falls into bin `i` where `i` is
//! the number of edges `<= x`, so bins are closed on the left and the outer ones are unbounded. A
//! reference puts its smallest value first and the number just above its largest value last, so the
//! outer bins count what lies below and above its range. A category column has its reference's
//! categories in order. Latency has the bins of [`crate::latency`], status the one category [`OK`];
//! binnings that are older than these two columns end with the prediction.
//!
//! Counts of a whole binning stand in one row of numbers, its *slots*: column after column, each
//! with its specials (in the order of [`crate::Special`]) and then its bins. Parts of the same binning
//! therefore add slot by slot. Categories that the reference never saw differ from part to part and
//! have slots behind those of the binning, see [`crate::binner::NewNames`].
//!
//! A binning is named by the hash of its content: partials of the same binning merge, whatever
//! reference or version they came from; others never do.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, OnceLock},
};

use xxhash_rust::xxh3::xxh3_64;

use crate::{
    codec::{DecodeError, Decoded, Get, Put as _},
    edges::EdgeSearch,
    latency::latency_edges,
    limits,
    schema::{Field, LATENCY, OK, STATUS, Schema},
    special::SPECIALS,
};

const NUMERIC: u8 = 1;
const CATEGORIES: u8 = 2;
const OF_LATENCY: u8 = 3;

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
    /// The bins of latencies, the same in every binning.
    Latency,
}

impl ColumnBins {
    /// Number of bins.
    pub fn len(&self) -> usize {
        match self {
            Self::Numeric { edges } => edges.len() + 1,
            Self::Categories { names } => names.len(),
            Self::Latency => latency_edges().len() + 1,
        }
    }

    /// The edges of numbers; nothing for categories.
    pub fn edges(&self) -> Option<&[f64]> {
        match self {
            Self::Numeric { edges } => Some(edges),
            Self::Categories { .. } => None,
            Self::Latency => Some(latency_edges()),
        }
    }

    /// What sums over numbers are taken around, see [`centre`]: of latencies 0. Nothing for categories.
    pub fn centre(&self) -> Option<f64> {
        match self {
            Self::Numeric { edges } => Some(centre(edges)),
            Self::Categories { .. } => None,
            Self::Latency => Some(0.0),
        }
    }

    /// The bins of latency and status by column name, as every new binning has them behind those of
    /// the monitored columns.
    pub fn of_operations() -> [(String, Self); 2] {
        let status = Self::Categories { names: vec![OK.to_owned()] };
        [(LATENCY.to_owned(), Self::Latency), (STATUS.to_owned(), status)]
    }

    /// Whether there is no bin: a category column whose reference had no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// What sums over the values of a column of some edges are taken around: the middle edge, or 0 without
/// edges. Values far from 0 would otherwise lose their variance to rounding.
pub fn centre(edges: &[f64]) -> f64 {
    edges.get(edges.len() / 2).copied().unwrap_or(0.0)
}

/// The bins of all counted columns of a model version.
#[derive(Debug, Clone)]
pub struct Binning {
    id: u64,
    /// Column name and bins, in [`Schema::counted`] order.
    columns: Vec<(String, ColumnBins)>,
    /// First slot of each column, and the number of slots.
    starts: Vec<u32>,
    /// Made when the first value is looked up, and then shared by all who count with this binning.
    lookups: OnceLock<Arc<[Lookup]>>,
}

impl PartialEq for Binning {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && self.columns == other.columns
    }
}

/// How the bin of a value is found in one column.
#[derive(Debug)]
pub(crate) enum Lookup {
    Numeric(EdgeSearch),
    Categories(NameIndex),
}

impl Binning {
    /// A binning of named columns.
    pub fn new(columns: Vec<(String, ColumnBins)>) -> Self {
        let mut next = 0_u32;
        let mut starts = vec![0];
        for (_, bins) in &columns {
            let slots = u32::try_from(SPECIALS + bins.len()).unwrap_or(u32::MAX);
            next = next.saturating_add(slots);
            starts.push(next);
        }
        let mut binning = Self { id: 0, columns, starts, lookups: OnceLock::new() };
        let mut bytes = Vec::new();
        binning.encode(&mut bytes);
        binning.id = xxh3_64(&bytes);
        binning
    }

    /// Approximate bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        let bins = |(name, bins): &(String, ColumnBins)| {
            name.len()
                + 64
                + match bins {
                    ColumnBins::Numeric { edges } => edges.len() * 8,
                    ColumnBins::Categories { names } => names.iter().map(|n| n.len() + 24).sum(),
                    ColumnBins::Latency => 0,
                }
        };
        self.columns.iter().map(bins).sum()
    }

    /// Number of slots.
    pub fn slots(&self) -> usize {
        self.starts.last().map_or(0, |slots| *slots as usize)
    }

    /// The slots of a column, its specials first; empty if there is no such column.
    pub fn column_slots(&self, place: usize) -> Range<usize> {
        let at = |place: usize| self.starts.get(place).map_or(self.slots(), |at| *at as usize);
        at(place)..at(place.saturating_add(1))
    }

    pub(crate) fn lookups(&self) -> Arc<[Lookup]> {
        let lookup = |(_, bins): &(String, ColumnBins)| match bins {
            ColumnBins::Numeric { edges } => Lookup::Numeric(EdgeSearch::new(edges)),
            ColumnBins::Latency => Lookup::Numeric(EdgeSearch::new(latency_edges())),
            ColumnBins::Categories { names } => Lookup::Categories(NameIndex::from_names(names)),
        };
        self.lookups.get_or_init(|| self.columns.iter().map(lookup).collect()).clone()
    }

    /// The binning of a version without a reference: one bin per number, no known category, but for
    /// latency and status.
    pub fn unreferenced(schema: &Schema) -> Self {
        let bins = |field: Field| {
            let bins = if field.kind.is_numeric() {
                ColumnBins::Numeric { edges: Vec::new() }
            } else {
                ColumnBins::Categories { names: Vec::new() }
            };
            (field.name, bins)
        };
        let monitored = schema.monitored().into_iter().map(bins);
        Self::new(monitored.chain(ColumnBins::of_operations()).collect())
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

    /// Appends the binning: per column its name, kind (1 numeric, 2 categories, 3 latency) and bins,
    /// of which latency needs none.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.put_varint(self.columns.len() as u64);
        for (name, bins) in &self.columns {
            out.put_bytes(name.as_bytes());
            match bins {
                ColumnBins::Numeric { edges } => {
                    out.put_u8(NUMERIC);
                    out.put_varint(edges.len() as u64);
                    edges.iter().for_each(|edge| out.put_f64(*edge));
                }
                ColumnBins::Categories { names } => {
                    out.put_u8(CATEGORIES);
                    put_names(out, names);
                }
                ColumnBins::Latency => out.put_u8(OF_LATENCY),
            }
        }
    }

    /// Reads what [`Binning::encode`] wrote.
    pub fn decode(get: &mut Get<'_>) -> Decoded<Self> {
        let count = get.count(3)?;
        let mut slots = 0_usize;
        let mut columns = Vec::with_capacity(count);
        for _ in 0..count {
            let name = get.text()?.to_owned();
            let bins = match get.u8()? {
                NUMERIC => {
                    let count = get.count(8)?;
                    let edges = (0..count).map(|_| get.f64()).collect::<Decoded<Vec<f64>>>()?;
                    if !edges.is_sorted_by(|a, b| a < b) {
                        return Err(DecodeError("ascending edges"));
                    }
                    ColumnBins::Numeric { edges }
                }
                CATEGORIES => ColumnBins::Categories { names: get_names(get)? },
                OF_LATENCY => ColumnBins::Latency,
                _ => return Err(DecodeError("a kind of bins")),
            };
            slots += SPECIALS + bins.len();
            if slots > limits::SLOTS_MAX {
                return Err(DecodeError("a binning of fewer slots"));
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn binning() -> Binning {
        Binning::new(vec![
            ("x".to_owned(), ColumnBins::Numeric { edges: vec![0.0, 2.0] }),
            ("c".to_owned(), ColumnBins::Categories { names: vec!["a".to_owned()] }),
            ("l".to_owned(), ColumnBins::Latency),
        ])
    }

    #[test]
    fn a_binning_comes_back_under_the_same_name() {
        let mut bytes = Vec::new();
        binning().encode(&mut bytes);
        let back = Binning::decode(&mut Get::new(&bytes)).expect("decodes");
        assert_eq!((back.id(), back.columns()), (binning().id(), binning().columns()));
    }

    #[test]
    fn every_column_has_its_specials_and_then_its_bins() {
        let binning = binning();
        let slots = |place| binning.column_slots(place);
        assert_eq!((slots(0), slots(1), slots(2), slots(3)), (0..8, 8..14, 14..926, 926..926));
        assert_eq!(binning.slots(), 926);
    }
}
