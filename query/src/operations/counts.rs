//! Counts of latencies and statuses by window, summed over parts of any binnings.
//!
//! The bins of latencies are the same in every binning and statuses are known by name, so that counts
//! of different binnings add up here. Parts whose partials are older than these columns, or count
//! deleted rows, are counted from rows.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use driftline_storage::{
    Binning, Cells, ColumnBins, Field, Kind, LATENCY, OTHER_CLASS, Part, Result, STATUS, Snapshot,
    Special, TimeRange, latency_edges,
};

use crate::gather::{Gathered, Missing, Selection, tallies};

/// The column of latencies.
pub(super) fn latency_field() -> Field {
    Field { name: LATENCY.to_owned(), kind: Kind::Numeric }
}

/// Counts of one window.
#[derive(Debug, Clone)]
pub(super) struct WindowCounts {
    pub(super) rows: u64,
    /// Latencies by bin.
    pub(super) latencies: Vec<u64>,
    /// Rows by status, without those that have none.
    pub(super) statuses: BTreeMap<Arc<str>, u64>,
}

/// Counts of some windows.
#[derive(Debug)]
pub(super) struct Counts {
    pub(super) windows: Vec<WindowCounts>,
    pub(super) rows_scanned: u64,
    pub(super) missing: Vec<Missing>,
    /// By part of the snapshot, whether it is among the missing ones.
    pub(super) left_out: Vec<bool>,
}

/// Parts that are counted together, by their places in the snapshot.
struct Group {
    binning: Arc<Binning>,
    /// Places of latency and status in it.
    columns: [usize; 2],
    parts: Vec<usize>,
}

/// Latency and status in a binning, if it counts them.
fn columns_of(binning: &Binning) -> Option<[usize; 2]> {
    match (binning.column(LATENCY)?, binning.column(STATUS)?) {
        ((latency, ColumnBins::Latency), (status, ColumnBins::Categories { .. })) => {
            Some([latency, status])
        }
        _ => None,
    }
}

/// The parts by binning; those that only rows can answer for have one of their own.
fn groups(snapshot: &Snapshot) -> Vec<Group> {
    let rows_only = Arc::new(Binning::new(ColumnBins::of_operations().into()));
    let mut groups = vec![Group { binning: rows_only, columns: [0, 1], parts: Vec::new() }];
    let mut known: HashMap<u64, usize> = HashMap::new();
    for (place, part) in snapshot.parts.iter().enumerate() {
        let id = part.binning();
        let group = known.get(&id).copied().unwrap_or_else(|| match usable(part) {
            Ok((binning, columns)) => {
                groups.push(Group { binning, columns, parts: Vec::new() });
                known.insert(id, groups.len() - 1);
                groups.len() - 1
            }
            Err(Unusable::Binning) => {
                known.insert(id, 0);
                0
            }
            // Another part of the binning may be read where this one is damaged.
            Err(Unusable::Part) => 0,
        });
        if let Some(group) = groups.get_mut(group) {
            group.parts.push(place);
        }
    }
    groups
}

/// Why partials do not answer.
enum Unusable {
    /// Their binning does not count latency and status, whatever the part.
    Binning,
    /// They cannot be read.
    Part,
}

fn usable(part: &Part) -> std::result::Result<(Arc<Binning>, [usize; 2]), Unusable> {
    if part.binning() == 0 {
        return Err(Unusable::Binning);
    }
    let binning = part.load_binning().map_err(|_| Unusable::Part)?;
    let columns = columns_of(&binning).ok_or(Unusable::Binning)?;
    Ok((binning, columns))
}

/// Counts each window. Windows are disjoint and ascending.
pub(super) fn counts(snapshot: &Snapshot, windows: &[TimeRange]) -> Result<Counts> {
    let none = WindowCounts {
        rows: 0,
        latencies: vec![0; latency_edges().len() + 1],
        statuses: BTreeMap::new(),
    };
    let mut counts = Counts {
        windows: vec![none; windows.len()],
        rows_scanned: 0,
        missing: Vec::new(),
        left_out: vec![false; snapshot.parts.len()],
    };
    let fields = vec![latency_field(), Field { name: STATUS.to_owned(), kind: Kind::Categorical }];
    for group in groups(snapshot).into_iter().filter(|group| !group.parts.is_empty()) {
        let parts = group.parts.iter().filter_map(|place| snapshot.parts.get(*place)).cloned();
        let some = Snapshot { model: snapshot.model.clone(), parts: parts.collect() };
        let cells = Arc::new(Cells::fine(group.binning.clone(), &group.columns));
        let selection = Selection { cells, fields: fields.clone() };
        let gathered = tallies(&some, windows, &selection)?;
        counts.add(&group, gathered);
    }
    Ok(counts)
}

impl Counts {
    fn add(&mut self, group: &Group, gathered: Gathered) {
        let names = match group.binning.columns().get(group.columns[1]) {
            Some((_, ColumnBins::Categories { names })) => names.as_slice(),
            _ => &[],
        };
        for (place, window) in self.windows.iter_mut().enumerate() {
            window.rows += gathered.tallies.rows(place);
            let latencies = gathered.tallies.column(place, 0);
            let bins = window.latencies.iter_mut().zip(latencies.bins());
            bins.for_each(|(mine, count)| *mine += count);
            let statuses = gathered.tallies.column(place, 1);
            let known = names.iter().map(|name| Arc::from(name.as_str())).zip(statuses.bins());
            let new = statuses.new_names().map(|(name, count)| (name.clone(), count));
            let other = (Arc::from(OTHER_CLASS), statuses.special(Special::Other));
            for (name, count) in known.chain(new).chain([other]).filter(|(_, count)| *count > 0) {
                *window.statuses.entry(name).or_default() += count;
            }
        }
        self.rows_scanned += gathered.rows_scanned;
        self.missing.extend(gathered.missing);
        for (place, left_out) in group.parts.iter().zip(gathered.left_out) {
            if let Some(mine) = self.left_out.get_mut(*place) {
                *mine = left_out;
            }
        }
    }
}
