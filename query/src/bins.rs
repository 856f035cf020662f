//! The bins of a comparison: how the fine bins of a reference join into those of PSI, and the
//! counts of reference and window in them.

use std::sync::Arc;

use driftline_storage::{
    Binning, Cells, Column, ColumnBins, ColumnCounts, ColumnMoments, ColumnTally, Db, Field,
    Reference, Result, RowChunk, Special, Tally, Wanted,
};

use crate::{
    bin_rule::{BinRule, Nulls},
    gather::Selection,
    reads::RowsFor,
    reference::{FINE_PARTS, finite_sorted},
    stats::{self, Measured, PsiReference},
};

/// How finely windows are counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Detail {
    /// The bins of PSI alone.
    #[default]
    Psi,
    /// The fine bins, of which those of PSI are unions.
    Fine,
}

/// A feature of the reference that a query compares.
#[derive(Debug)]
pub(crate) struct Compared {
    pub(crate) name: Arc<str>,
    pub(crate) field: Field,
    /// For a numeric feature, edges of the wanted bins.
    pub(crate) edges: Vec<f64>,
    /// The reference's counts by fine bin.
    pub(crate) reference: ColumnTally,
    /// Edges of the fine bins of a numeric feature, if these are counted.
    pub(crate) fine: Vec<f64>,
    /// The reference's moments, if they are kept.
    pub(crate) moments: Option<ColumnMoments>,
    /// Its percentiles 1 to 99, if the fine bins are cut at them.
    percentiles: Vec<f64>,
    /// For a numeric feature, the fine bins that begin a bin of PSI, but for the first one.
    cuts: Vec<u32>,
    /// Where the bins of PSI begin and end among the bounds of the counted cells.
    bounds: Vec<u32>,
    /// Counts of the reference in the bins of PSI.
    coarse: Vec<u64>,
    psi: Measured<PsiReference>,
    /// Whether nulls and NaN are a bin.
    pub(crate) nulls: bool,
}

/// The features of a query, and what to gather for them.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) features: Vec<Compared>,
    /// The place of each in the binning of the selection.
    pub(crate) places: Vec<usize>,
    pub(crate) selection: Selection,
    /// Rows of the reference.
    pub(crate) rows: u64,
}

/// What a query asks of a comparison.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asked<'a> {
    /// Features by name; none means all.
    pub(crate) names: &'a [String],
    /// Bins of PSI.
    pub(crate) parts: usize,
    /// How they follow from the reference.
    pub(crate) rule: BinRule,
    /// Their edges instead, if there are any.
    pub(crate) edges: &'a [f64],
    /// The floor of PSI.
    pub(crate) epsilon: f64,
    /// Nulls can be a bin only beside fine ones.
    pub(crate) nulls: Nulls,
    pub(crate) detail: Detail,
}

impl Asked<'_> {
    /// Whether the fine bins of a reference join into the wanted ones.
    fn are_unions(&self, reference: &Reference, places: &[usize]) -> bool {
        if self.edges.is_empty() {
            return self.rule == BinRule::Quantiles && FINE_PARTS.is_multiple_of(self.parts);
        }
        let known = |place: &usize| match reference.binning.columns().get(*place) {
            Some((_, ColumnBins::Numeric { edges: fine })) => {
                self.edges.iter().all(|edge| fine.contains(edge))
            }
            _ => true,
        };
        places.iter().all(known)
    }

    /// The wanted edges of a column, from the sorted values of the reference.
    fn edges_of(&self, sorted: &[f64]) -> Vec<f64> {
        match (self.edges, self.rule) {
            ([], BinRule::Quantiles) => stats::interior_quantile_edges(sorted, self.parts),
            ([], _) => match (sorted.first(), sorted.last()) {
                (Some(low), Some(high)) => stats::equal_width_edges(*low, *high, self.parts),
                _ => Vec::new(),
            },
            (edges, _) => edges.to_vec(),
        }
    }
}

/// Prepares the comparison of features in the wanted bins.
///
/// The reference's own binning serves when its fine bins hold the wanted edges; otherwise the edges
/// are computed from its rows, and the windows must be read from rows as well.
pub(crate) fn compare(db: &Db, reference: &Reference, asked: Asked<'_>) -> Result<Comparison> {
    let fields = reference.record.schema.monitored();
    let mut places = Vec::with_capacity(asked.names.len());
    for name in asked.names {
        let place = match reference.binning.column(name) {
            Some((place, _)) if place < fields.len() => place,
            _ => reference.record.schema.monitored_index(name)?,
        };
        if !places.contains(&place) {
            places.push(place);
        }
    }
    if places.is_empty() {
        places = (0..fields.len()).collect();
    }
    if asked.are_unions(reference, &places) {
        return Ok(by_percentiles(reference, &fields, &places, asked));
    }
    by_rows(db, reference, &fields, &places, asked)
}

fn by_percentiles(
    reference: &Reference,
    fields: &[Field],
    places: &[usize],
    asked: Asked<'_>,
) -> Comparison {
    let stride = FINE_PARTS / asked.parts;
    let feature = |place: &usize| {
        let percentiles = reference.percentiles.get(*place)?;
        let (_, bins) = reference.binning.columns().get(*place)?;
        let quantile = |part: usize| percentiles.get((part * stride).checked_sub(1)?).copied();
        let mut edges: Vec<f64> = match (asked.edges, bins) {
            ([], _) => (1..asked.parts).filter_map(quantile).collect(),
            (_, ColumnBins::Categories { .. }) => Vec::new(),
            (edges, ColumnBins::Numeric { .. } | ColumnBins::Latency) => edges.to_vec(),
        };
        edges.dedup();
        let counts = reference.tally.columns.get(*place)?.clone();
        let mut compared = Compared::new(fields.get(*place)?, bins, edges, counts, asked);
        if asked.detail == Detail::Fine {
            compared.moments = reference.moments.as_ref().and_then(|all| all.get(*place).cloned());
            compared.percentiles = percentiles.clone();
        }
        Some(compared)
    };
    let features: Vec<Compared> = places.iter().filter_map(feature).collect();
    let rows = reference.tally.rows;
    comparison(reference.binning.clone(), places, features, asked.detail, rows)
}

fn by_rows(
    db: &Db,
    reference: &Reference,
    fields: &[Field],
    places: &[usize],
    asked: Asked<'_>,
) -> Result<Comparison> {
    let rows = db.reference_rows(reference)?;
    let mut columns = Vec::with_capacity(places.len());
    let mut features = Vec::with_capacity(places.len());
    for place in places {
        let (Some(field), Some((_, known)), Some(counts)) = (
            fields.get(*place),
            reference.binning.columns().get(*place),
            reference.tally.columns.get(*place),
        ) else {
            continue;
        };
        let (bins, edges, counts) = match known {
            ColumnBins::Numeric { .. } | ColumnBins::Latency => {
                count_between(rows.column(field)?, asked)
            }
            ColumnBins::Categories { .. } => (known.clone(), Vec::new(), counts.clone()),
        };
        features.push(Compared::new(field, &bins, edges, counts, asked));
        columns.push((field.name.clone(), bins));
    }
    let places: Vec<usize> = (0..features.len()).collect();
    let binning = Arc::new(Binning::new(columns));
    Ok(comparison(binning, &places, features, asked.detail, reference.tally.rows))
}

/// The wanted bins of a column, and its counts in them.
fn count_between(column: Column, asked: Asked<'_>) -> (ColumnBins, Vec<f64>, ColumnTally) {
    let edges = match &column {
        Column::Numeric(values) => asked.edges_of(&finite_sorted(values)),
        Column::Categories(_) => Vec::new(),
    };
    let bins = ColumnBins::Numeric { edges: edges.clone() };
    let binning = Arc::new(Binning::new(vec![(String::new(), bins.clone())]));
    let chunk = RowChunk { times: vec![0; column.len()], columns: vec![column] };
    let counts = Tally::of_rows(binning, &chunk).columns.into_iter().next().unwrap_or_default();
    (bins, edges, counts)
}

fn comparison(
    binning: Arc<Binning>,
    places: &[usize],
    features: Vec<Compared>,
    detail: Detail,
    rows: u64,
) -> Comparison {
    let cuts = |feature: &Compared| match detail {
        Detail::Psi if feature.field.kind.is_numeric() => Wanted::Runs(feature.cuts.clone()),
        _ => Wanted::Bins,
    };
    let cells: Vec<_> =
        places.iter().copied().zip(&features).map(|(place, f)| (place, cuts(f))).collect();
    let fields = features.iter().map(|feature| feature.field.clone()).collect();
    let selection = Selection { cells: Arc::new(Cells::new(binning, &cells)), fields };
    Comparison { features, places: places.to_vec(), selection, rows }
}

impl Comparison {
    /// Why parts whose counts are in other bins are read by their rows.
    pub(crate) fn rows_for(&self, reference: &Reference) -> RowsFor {
        if Arc::ptr_eq(self.selection.cells.binning(), &reference.binning) {
            RowsFor::OtherBinning
        } else {
            RowsFor::AskedBins
        }
    }
}

impl Compared {
    fn new(
        field: &Field,
        bins: &ColumnBins,
        edges: Vec<f64>,
        reference: ColumnTally,
        asked: Asked<'_>,
    ) -> Self {
        let cuts: Vec<u32> = match bins.edges() {
            Some(fine) => cuts(fine, &edges),
            None => (1..bins.len() as u32).collect(),
        };
        let fine = match asked.detail {
            Detail::Psi => Vec::new(),
            Detail::Fine => bins.edges().unwrap_or_default().to_vec(),
        };
        let bounds = match asked.detail {
            Detail::Psi => (0..=cuts.len() as u32 + u32::from(!bins.is_empty())).collect(),
            Detail::Fine => {
                let mut bounds = vec![0];
                bounds.extend(&cuts);
                bounds.extend((!bins.is_empty()).then_some(bins.len() as u32));
                bounds
            }
        };
        let mut compared = Self {
            name: field.name.as_str().into(),
            field: field.clone(),
            edges,
            fine,
            moments: None,
            percentiles: Vec::new(),
            reference,
            cuts,
            bounds,
            coarse: Vec::new(),
            psi: Err(stats::Undefined::NoReference),
            nulls: asked.nulls == Nulls::Bin,
        };
        compared.coarse = compared.joined_reference();
        compared.psi = PsiReference::new(
            compared.coarse.iter().copied(),
            compared.reference_other() + compared.reference_nulls().unwrap_or(0),
            asked.epsilon,
        );
        compared
    }

    /// Rows of the reference that stand beside the bins of PSI.
    fn reference_other(&self) -> u64 {
        if self.field.kind.is_numeric() { 0 } else { self.reference.special(Special::Other) }
    }

    /// Nulls and NaN of the reference, if they are a bin.
    fn reference_nulls(&self) -> Option<u64> {
        let of = |special| self.reference.special(special);
        self.nulls.then(|| of(Special::Null) + of(Special::Nan))
    }

    /// A percentile of the reference, 1 to 99, if it is kept.
    pub(crate) fn percentile(&self, percent: usize) -> Option<f64> {
        self.percentiles.get(percent.checked_sub(1)?).copied()
    }

    /// The reference's counts in the bins of PSI.
    pub(crate) fn reference_counts(&self) -> &[u64] {
        &self.coarse
    }

    fn joined_reference(&self) -> Vec<u64> {
        let bins = &self.reference.bins;
        if bins.is_empty() {
            return Vec::new();
        }
        let starts = std::iter::once(0).chain(self.cuts.iter().map(|cut| *cut as usize));
        let ends = self.cuts.iter().map(|cut| *cut as usize).chain([bins.len()]);
        let count = |(start, end)| bins.get(start..end).unwrap_or_default().iter().sum();
        starts.zip(ends).map(count).collect()
    }

    /// A window's counts in the bins of PSI: the quantile bins of a number, the known categories.
    pub(crate) fn counts<'a>(
        &'a self,
        current: ColumnCounts<'a>,
    ) -> impl ExactSizeIterator<Item = u64> + Clone + 'a {
        let at = move |bound: &u32| current.bounds().get(*bound as usize).copied().unwrap_or(0);
        self.bounds.windows(2).map(move |bounds| match bounds {
            [from, to] => at(to) - at(from),
            _ => 0,
        })
    }

    /// Counts of reference and window beside those bins: of categories new ones by name, then
    /// *other* if it occurs; then nulls and NaN if they are a bin.
    pub(crate) fn beside<'a>(
        &'a self,
        current: ColumnCounts<'a>,
    ) -> impl Iterator<Item = (u64, u64)> + Clone + 'a {
        let numeric = self.field.kind.is_numeric();
        let other = (self.reference_other(), current.special(Special::Other));
        let occurs = !numeric && other != (0, 0);
        let new = current.new_names().map(|(_, count)| (0, count));
        let nulls = self.reference_nulls().map(|reference| {
            (reference, current.special(Special::Null) + current.special(Special::Nan))
        });
        new.chain(occurs.then_some(other)).chain(nulls)
    }

    /// The values of a window that are compared: all but nulls, NaN and infinities.
    pub(crate) fn compared(&self, current: ColumnCounts<'_>) -> u64 {
        let beside = self.beside(current).map(|(_, count)| count);
        self.counts(current).chain(beside).sum()
    }

    /// The population stability index of a window.
    pub(crate) fn psi(&self, current: ColumnCounts<'_>) -> Measured<f64> {
        let reference = self.psi.as_ref().map_err(|undefined| *undefined)?;
        reference.psi(self.counts(current), self.beside(current))
    }
}

/// The bins that begin at coarse edges, which are among the fine ones.
fn cuts(fine: &[f64], coarse: &[f64]) -> Vec<u32> {
    let cut = |edge: &f64| fine.partition_point(|known| known <= edge) as u32;
    let mut cuts: Vec<u32> = coarse.iter().map(cut).collect();
    cuts.dedup();
    cuts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fine_bins_join_into_coarse_ones() {
        let fine = vec![0.0, 1.0, 2.0, 3.0];
        let field = Field { name: "x".to_owned(), kind: driftline_storage::Kind::Numeric };
        let counts = ColumnTally { bins: vec![1, 10, 100, 1000, 10_000], ..ColumnTally::default() };
        let asked = Asked { parts: 10, epsilon: 1e-4, detail: Detail::Fine, ..Asked::default() };
        let check = |coarse: &[f64], want: &[u64]| {
            let bins = ColumnBins::Numeric { edges: fine.clone() };
            let compared = Compared::new(&field, &bins, coarse.to_vec(), counts.clone(), asked);
            assert_eq!(compared.reference_counts(), want);
        };
        check(&[], &[11_111]);
        check(&[2.0], &[111, 11_000]);
        check(&[0.0, 3.0], &[1, 1110, 10_000]);
        check(&fine, &[1, 10, 100, 1000, 10_000]);
    }
}
