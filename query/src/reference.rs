//! Building a reference: the bins that its rows fix, and its own counts in them.
//!
//! Numeric columns get the percentiles 1 to 99 of their finite values (numpy's linear quantiles) as
//! edges, repeats removed, between the smallest value and the number just above the largest, so
//! that deciles and 20-quantiles are exact unions of bins and what lies outside the reference's
//! range is counted by itself. Category columns get their most frequent categories by name.

use std::{collections::HashMap, sync::Arc};

use driftline_storage::{
    Binning, Categories, Column, ColumnBins, Db, Error, Ids, NewReference, Reference,
    ReferenceRows, ReferenceSource, Result, RowChunk, Schema, Tally, TimeRange,
    limits::{REFERENCE_CATEGORIES_MAX, REFERENCE_ROWS_MAX},
};

use crate::{stats, window::windows};

/// How many parts the fine bins cut a reference into.
pub(crate) const FINE_PARTS: usize = 100;

/// A reference's owner and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceName {
    /// The model.
    pub model: String,
    /// The version that it belongs to; none means the whole model.
    pub version: Option<String>,
    /// Its name; one of this name of the same owner is replaced.
    pub name: String,
}

/// Stores rows as a reference.
///
/// # Errors
/// `InvalidArgument` if there is no row, `ResourceExhausted` for more than
/// [`REFERENCE_ROWS_MAX`], and what storing gives.
pub fn set_reference(db: &Db, name: ReferenceName, rows: ReferenceRows) -> Result<Reference> {
    store(db, name, rows, ReferenceSource::Rows)
}

/// Stores the predictions of a window as a reference.
///
/// # Errors
/// As [`set_reference`]; `InvalidArgument` for a window that ends before it starts.
pub fn pin_reference(db: &Db, name: ReferenceName, from: i64, to: i64) -> Result<Reference> {
    let window = windows(from, to, None)?;
    let window = window.first().copied().unwrap_or(TimeRange { start: from, end: to });
    let snapshot = db.snapshot(&name.model, name.version.as_deref())?;
    let schema = schema(db, &name)?;
    let fields = schema.columns();
    let mut rows = ReferenceRows {
        ids: Ids::default(),
        times: Vec::new(),
        columns: fields.iter().map(|field| Column::nulls(field.kind.is_numeric(), 0)).collect(),
    };
    for part in snapshot.parts.iter().filter(|part| part.range().overlaps(window)) {
        for ids in part.scan_ids(window)? {
            rows.ids.append(&ids);
        }
        for chunk in part.scan(window, &fields)? {
            rows.times.extend_from_slice(&chunk.times);
            for (mine, theirs) in rows.columns.iter_mut().zip(&chunk.columns) {
                mine.append(theirs);
            }
        }
        check_rows(rows.times.len())?;
    }
    if rows.times.is_empty() {
        let text = format!("model {:?} has no prediction in that window to pin", name.model);
        return Err(Error::new(driftline_storage::ErrorKind::FailedPrecondition, text));
    }
    store(db, name, rows, ReferenceSource::Window { start: from, end: to })
}

fn check_rows(rows: usize) -> Result<()> {
    if rows > REFERENCE_ROWS_MAX {
        let text = format!(
            "a reference has at most {REFERENCE_ROWS_MAX} rows; take a shorter window or a sample"
        );
        return Err(Error::new(driftline_storage::ErrorKind::ResourceExhausted, text));
    }
    Ok(())
}

fn schema(db: &Db, name: &ReferenceName) -> Result<Arc<Schema>> {
    let model = db.model(&name.model)?;
    model.schema_of(name.version.as_deref()).cloned().ok_or_else(|| {
        Error::new(
            driftline_storage::ErrorKind::FailedPrecondition,
            format!("the columns of model {:?} are not known yet", name.model),
        )
    })
}

fn store(
    db: &Db,
    name: ReferenceName,
    rows: ReferenceRows,
    source: ReferenceSource,
) -> Result<Reference> {
    check_rows(rows.times.len())?;
    if rows.times.is_empty() {
        return Err(Error::invalid("rows", "a reference needs at least one row"));
    }
    let schema = schema(db, &name)?;
    let fields = schema.monitored();
    let mut columns = Vec::with_capacity(fields.len());
    let mut percentiles = Vec::with_capacity(fields.len());
    for (field, column) in fields.iter().zip(&rows.columns) {
        let (bins, cuts) = fine_bins(column);
        columns.push((field.name.clone(), bins));
        percentiles.push(cuts);
    }
    for column in ColumnBins::of_operations() {
        columns.push(column);
        percentiles.push(Vec::new());
    }
    let binning = Binning::new(columns);
    let chunk = RowChunk { times: rows.times, columns: rows.columns };
    let mut tally = Tally::of_rows(Arc::new(binning.clone()), &chunk);
    // Categories past the bound stand in no bin; they are other ones, not new ones.
    for column in &mut tally.columns {
        let surplus: u64 = std::mem::take(&mut column.new).values().sum();
        column.specials[driftline_storage::Special::Other as usize] += surplus;
    }
    let rows = ReferenceRows { ids: rows.ids, times: chunk.times, columns: chunk.columns };
    db.put_reference(NewReference {
        model: name.model,
        version: name.version,
        name: name.name,
        source,
        rows,
        binning,
        tally,
        percentiles,
    })
}

/// The bins of a column, and its percentiles if it is numeric and has a finite value.
pub(crate) fn fine_bins(column: &Column) -> (ColumnBins, Vec<f64>) {
    match column {
        Column::Numeric(values) => {
            let sorted = finite_sorted(values);
            let percentiles = percentiles(&sorted);
            let mut edges: Vec<f64> = sorted.first().copied().into_iter().collect();
            edges.extend(&percentiles);
            edges.extend(sorted.last().map(|last| last.next_up()).filter(|last| last.is_finite()));
            // Interpolation may leave neighbours a rounding error out of order.
            edges.sort_unstable_by(f64::total_cmp);
            edges.dedup();
            (ColumnBins::Numeric { edges }, percentiles)
        }
        Column::Categories(column) => {
            (ColumnBins::Categories { names: frequent_names(column) }, Vec::new())
        }
    }
}

/// The finite values in order; -0 is made 0, which it equals.
pub(crate) fn finite_sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> =
        values.iter().copied().filter(|value| value.is_finite()).map(|value| value + 0.0).collect();
    sort(&mut sorted);
    sorted
}

/// Values from which on sorting by digits is faster than by comparing.
const RADIX_VALUES_MIN: usize = 4_096;

/// Sorts finite values.
fn sort(values: &mut [f64]) {
    if values.len() < RADIX_VALUES_MIN {
        values.sort_unstable_by(f64::total_cmp);
    } else {
        radsort::sort(values);
    }
}

fn percentiles(sorted: &[f64]) -> Vec<f64> {
    (1..FINE_PARTS)
        .filter_map(|part| stats::quantile(sorted, part as f64 / FINE_PARTS as f64).ok())
        .collect()
}

fn frequent_names(column: &Categories) -> Vec<String> {
    let mut counts: HashMap<u32, u64> = HashMap::new();
    for code in &column.codes {
        *counts.entry(*code).or_default() += 1;
    }
    let mut named: Vec<(u64, &String)> = counts
        .iter()
        .filter_map(|(code, count)| Some((*count, column.dictionary.get(*code as usize)?)))
        .collect();
    named.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    named.truncate(REFERENCE_CATEGORIES_MAX);
    let mut names: Vec<String> = named.into_iter().map(|(_, name)| name.clone()).collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deciles_are_edges_and_the_range_is_known() {
        let column = Column::Numeric((0..=1000).map(f64::from).collect());
        let (ColumnBins::Numeric { edges }, percentiles) = fine_bins(&column) else {
            panic!("numeric")
        };
        assert_eq!(edges.len(), 101);
        assert_eq!(edges.first(), Some(&0.0));
        assert_eq!(edges.last(), Some(&1000_f64.next_up()));
        assert_eq!(percentiles[9], 100.0);
        assert!(edges.contains(&percentiles[49]));
    }

    #[test]
    fn a_column_without_a_value_has_one_bin_and_no_category() {
        let (bins, percentiles) = fine_bins(&Column::Numeric(vec![f64::NAN, f64::INFINITY]));
        assert_eq!((bins.len(), percentiles.len()), (1, 0));
        assert_eq!(fine_bins(&Column::nulls(false, 3)).0.len(), 0);
    }
}
