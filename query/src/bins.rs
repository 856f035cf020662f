//! The bins of a comparison: how the fine bins of a reference join into those of PSI, and the
//! counts of reference and window in them.

use std::sync::Arc;

use driftline_storage::{
    Binning, Column, ColumnBins, ColumnTally, Db, Field, Reference, Result, RowChunk, Special,
    Tally,
};

use crate::{
    gather::Selection,
    reference::{FINE_PARTS, finite_sorted},
    stats,
};

/// A feature of the reference that a query compares.
#[derive(Debug, Clone)]
pub(crate) struct Compared {
    pub(crate) field: Field,
    /// Its bins in the selection's binning.
    pub(crate) bins: ColumnBins,
    /// For a numeric feature, edges of the wanted quantile bins.
    pub(crate) edges: Vec<f64>,
    /// The reference's counts in `bins`.
    pub(crate) reference: ColumnTally,
}

/// The features of a query, and what to gather for them.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) features: Vec<Compared>,
    pub(crate) selection: Selection,
}

/// Prepares the comparison of features (all if none is named) by some number of quantile bins.
///
/// The reference's own binning serves when its percentiles hold the wanted quantiles; otherwise
/// the quantiles are computed from its rows, and the windows must be read from rows as well.
pub(crate) fn compare(
    db: &Db,
    reference: &Reference,
    names: &[String],
    parts: usize,
) -> Result<Comparison> {
    let schema = &reference.record.schema;
    let monitored = schema.monitored();
    let mut places = Vec::new();
    for name in names {
        let place = schema.monitored_index(name)?;
        if !places.contains(&place) {
            places.push(place);
        }
    }
    if places.is_empty() {
        places = (0..monitored.len()).collect();
    }
    if FINE_PARTS.is_multiple_of(parts) {
        return Ok(by_percentiles(reference, &monitored, places, parts));
    }
    by_rows(db, reference, &monitored, places, parts)
}

fn by_percentiles(
    reference: &Reference,
    monitored: &[Field],
    places: Vec<usize>,
    parts: usize,
) -> Comparison {
    let stride = FINE_PARTS / parts;
    let columns = reference.binning.columns();
    let feature = |place: &usize| {
        let percentiles = reference.percentiles.get(*place)?;
        let mut edges: Vec<f64> =
            (1..parts).filter_map(|part| percentiles.get(part * stride - 1).copied()).collect();
        edges.dedup();
        Some(Compared {
            field: monitored.get(*place)?.clone(),
            bins: columns.get(*place)?.1.clone(),
            edges,
            reference: reference.tally.columns.get(*place)?.clone(),
        })
    };
    let features: Vec<Compared> = places.iter().filter_map(feature).collect();
    let fields = features.iter().map(|feature| feature.field.clone()).collect();
    let selection = Selection { binning: reference.binning.clone(), fields, places };
    Comparison { features, selection }
}

fn by_rows(
    db: &Db,
    reference: &Reference,
    monitored: &[Field],
    places: Vec<usize>,
    parts: usize,
) -> Result<Comparison> {
    let rows = db.reference_rows(reference)?;
    let mut columns = Vec::with_capacity(places.len());
    let mut features = Vec::with_capacity(places.len());
    for place in &places {
        let (Some(field), Some((_, known))) =
            (monitored.get(*place), reference.binning.columns().get(*place))
        else {
            continue;
        };
        let column = rows.column(field)?;
        let (bins, edges) = match &column {
            Column::Numeric(values) => {
                let edges = stats::interior_quantile_edges(&finite_sorted(values), parts);
                (ColumnBins::Numeric { edges: edges.clone() }, edges)
            }
            Column::Categories(_) => (known.clone(), Vec::new()),
        };
        columns.push((field.name.clone(), bins.clone()));
        let binning = Arc::new(Binning::new(vec![(field.name.clone(), bins.clone())]));
        let mut tally = Tally::new(binning.columns(), &[0]);
        let chunk = RowChunk { times: vec![0; column.len()], columns: vec![column] };
        tally.add_rows(&chunk, &[0], &mut driftline_storage::Binner::new(binning));
        let reference = tally.columns.into_iter().next().unwrap_or_default();
        features.push(Compared { field: field.clone(), bins, edges, reference });
    }
    let fields = features.iter().map(|feature| feature.field.clone()).collect();
    let places = (0..features.len()).collect();
    let selection = Selection { binning: Arc::new(Binning::new(columns)), fields, places };
    Ok(Comparison { features, selection })
}

/// Counts of reference and window in the same bins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) reference: Vec<u64>,
    pub(crate) current: Vec<u64>,
}

impl Compared {
    /// Counts in the bins of PSI: the quantile bins of a number; of categories those of the
    /// reference, then new ones by name, then *other* if it occurs.
    pub(crate) fn psi_counts(&self, current: &ColumnTally) -> Counts {
        match &self.bins {
            ColumnBins::Numeric { edges } => Counts {
                reference: join(edges, &self.edges, &self.reference.bins),
                current: join(edges, &self.edges, &current.bins),
            },
            ColumnBins::Categories { .. } => {
                let mut counts = Counts {
                    reference: self.reference.bins.clone(),
                    current: current.bins.clone(),
                };
                for (name, count) in &current.new {
                    counts.reference.push(self.reference.new.get(name).copied().unwrap_or(0));
                    counts.current.push(*count);
                }
                let other = Special::Other;
                let (reference, current) = (self.reference.special(other), current.special(other));
                if reference + current > 0 {
                    counts.reference.push(reference);
                    counts.current.push(current);
                }
                counts
            }
        }
    }

    /// Counts in the fine bins of a number.
    pub(crate) fn fine_counts(&self, current: &ColumnTally) -> Counts {
        Counts { reference: self.reference.bins.clone(), current: current.bins.clone() }
    }
}

/// Joins the counts of fine bins into those of coarse ones, whose edges are among the fine ones.
fn join(fine: &[f64], coarse: &[f64], counts: &[u64]) -> Vec<u64> {
    let mut joined = vec![0; coarse.len() + 1];
    for (bin, count) in counts.iter().enumerate() {
        // A fine bin begins at the edge before it; the first one lies below all edges.
        let begin = bin.checked_sub(1).and_then(|edge| fine.get(edge));
        let place = begin.map_or(0, |begin| coarse.partition_point(|edge| edge <= begin));
        joined[place] += count;
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fine_bins_join_into_coarse_ones() {
        let fine = [0.0, 1.0, 2.0, 3.0];
        let check = |coarse: &[f64], want: &[u64]| {
            assert_eq!(join(&fine, coarse, &[1, 10, 100, 1000, 10_000]), want);
        };
        check(&[], &[11_111]);
        check(&[2.0], &[111, 11_000]);
        check(&[0.0, 3.0], &[1, 1110, 10_000]);
        check(&fine, &[1, 10, 100, 1000, 10_000]);
    }
}
