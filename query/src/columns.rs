//! Counts of monitored columns by window, whatever their bins: from partials where parts have the
//! binning of the reference, or the plain one of a model without a reference, else from rows.

use std::sync::Arc;

use driftline_storage::{
    Binning, Cells, ColumnBins, ColumnCounts, Db, ErrorKind, Field, Result, Schema, Snapshot,
    Special, TimeRange,
};

use crate::{
    gather::{Gathered, Selection, tallies},
    report::Scope,
};

/// Counted columns.
#[derive(Debug)]
pub(crate) struct Columns {
    pub(crate) gathered: Gathered,
    /// Places of the columns in the binning, in the order asked.
    places: Vec<usize>,
    windows: usize,
}

/// Counts the columns of these names; those that the model does not monitor are left out.
pub(crate) fn columns(
    db: &Db,
    scope: &Scope,
    snapshot: &Snapshot,
    windows: &[TimeRange],
    names: &[&str],
) -> Result<Columns> {
    let (binning, fields) = binning(db, scope, snapshot)?;
    let place = |name: &&str| fields.iter().position(|field| field.name == *name);
    let places: Vec<usize> = names.iter().filter_map(place).collect();
    let selection = Selection {
        fields: places.iter().filter_map(|place| fields.get(*place)).cloned().collect(),
        cells: Arc::new(Cells::fine(binning, &places)),
    };
    let gathered = tallies(snapshot, windows, &selection)?;
    Ok(Columns { gathered, places, windows: windows.len() })
}

/// The binning of the default reference and its columns, or those of a model without one.
fn binning(db: &Db, scope: &Scope, snapshot: &Snapshot) -> Result<(Arc<Binning>, Vec<Field>)> {
    match db.reference(&scope.model, scope.version.as_deref(), None) {
        Ok(reference) => Ok((reference.binning.clone(), reference.record.schema.monitored())),
        Err(error) if error.kind() == ErrorKind::FailedPrecondition => {
            let known = snapshot.model.schema_of(scope.version.as_deref()).map(|schema| &**schema);
            let known = known.or_else(|| snapshot.parts.first().map(|part| part.schema()));
            let fields = known.map(Schema::monitored).unwrap_or_default();
            let plain = known.map_or_else(|| Binning::new(Vec::new()), Binning::unreferenced);
            Ok((Arc::new(plain), fields))
        }
        Err(error) => Err(error),
    }
}

impl Columns {
    /// Rows of a window.
    pub(crate) fn rows(&self, window: usize) -> u64 {
        self.gathered.tallies.rows(window)
    }

    /// The counts of a column in a window; nothing of one that is not monitored.
    pub(crate) fn counts(&self, window: usize, column: usize) -> Option<ColumnCounts<'_>> {
        (column < self.places.len()).then(|| self.gathered.tallies.column(window, column))
    }

    /// The edges of a numeric column, or the names of categories.
    pub(crate) fn bins(&self, column: usize) -> Option<&ColumnBins> {
        let binning = self.gathered.tallies.cells().binning();
        binning.columns().get(*self.places.get(column)?).map(|(_, bins)| bins)
    }

    /// Rows of a category, and rows of any.
    pub(crate) fn category(&self, window: usize, column: usize, name: &str) -> (u64, u64) {
        let other = self.counts(window, column).map(|counts| counts.special(Special::Other));
        let (mut of_name, mut all) = (0, other.unwrap_or(0));
        for (known, count) in self.categories(window, column) {
            all += count;
            of_name += if known == name { count } else { 0 };
        }
        (of_name, all)
    }

    /// Rows by category; those past the bound on names are not among them.
    pub(crate) fn categories(
        &self,
        window: usize,
        column: usize,
    ) -> impl Iterator<Item = (&str, u64)> {
        let names = match self.bins(column) {
            Some(ColumnBins::Categories { names }) => names.as_slice(),
            _ => &[],
        };
        let counts = self.counts(window, column);
        let bins = counts.into_iter().flat_map(|counts| counts.bins());
        let known = names.iter().map(String::as_str).zip(bins);
        let new = counts.into_iter().flat_map(|counts| counts.new_names());
        known.chain(new.map(|(name, count)| (&**name, count)))
    }

    /// Categories that the binning does not have, of all windows; names may repeat.
    pub(crate) fn new_names(&self, column: usize) -> impl Iterator<Item = String> {
        let counts = (0..self.windows).filter_map(move |window| self.counts(window, column));
        counts.flat_map(|counts| counts.new_names().map(|(name, _)| name.to_string()))
    }
}
