//! Distribution: the counts of a feature in a reference and in a window, side by side.

use driftline_storage::{ColumnBins, ColumnTally, Db, Result, Special};

use crate::{
    bins::{Compared, compare},
    gather::tallies,
    report::{Both, DistributionBin, DistributionReport, DistributionRequest},
    window::windows,
};

/// The bins of PSI by default: deciles.
const PARTS: usize = 10;

/// Counts a feature in the default PSI bins of a reference, in the reference and in a window.
///
/// # Errors
/// As [`crate::drift`].
pub fn distribution(db: &Db, request: &DistributionRequest) -> Result<DistributionReport> {
    let scope = &request.scope;
    let windows = windows(scope.from, scope.to, None)?;
    let snapshot = db.snapshot(&scope.model, scope.version.as_deref())?;
    let version = scope.version.as_deref();
    let reference = db.reference(&scope.model, version, request.reference.as_deref())?;
    // An empty list of names would mean all features.
    reference.record.schema.monitored_index(&request.feature)?;
    let comparison = compare(db, &reference, std::slice::from_ref(&request.feature), PARTS)?;
    let gathered = tallies(&snapshot, &windows, &comparison.selection)?;
    let tally = gathered.tallies.into_iter().next();
    let rows = tally.as_ref().map_or(0, |tally| tally.rows);
    let current = tally.and_then(|t| t.columns.into_iter().next()).unwrap_or_default();
    let Some(feature) = comparison.features.first() else {
        return Err(driftline_storage::Error::invalid("feature", "is not in the reference"));
    };
    let both = |count: fn(&ColumnTally) -> u64| Both {
        reference: count(&feature.reference),
        current: count(&current),
    };
    let numeric = feature.field.kind.is_numeric();
    let outside =
        |count: fn(&ColumnTally) -> u64| if numeric { both(count) } else { Both::default() };
    Ok(DistributionReport {
        scope: scope.clone(),
        feature: request.feature.clone(),
        kind: feature.field.kind,
        reference: reference.record.name.clone(),
        bins: bins(feature, &current),
        rows: Both { reference: reference.tally.rows, current: rows },
        nulls: both(|tally| tally.special(Special::Null)),
        nans: both(|tally| tally.special(Special::Nan)),
        infinities: both(|tally| {
            tally.special(Special::PositiveInfinity) + tally.special(Special::NegativeInfinity)
        }),
        below: outside(|tally| tally.bins.first().copied().unwrap_or(0)),
        above: outside(|tally| match tally.bins.as_slice() {
            [_, .., last] => *last,
            _ => 0,
        }),
    })
}

fn bins(feature: &Compared, current: &ColumnTally) -> Vec<DistributionBin> {
    let counts = feature.psi_counts(current);
    let counts = counts.reference.into_iter().zip(counts.current);
    let counts = counts.map(|(reference, current)| Both { reference, current });
    match &feature.bins {
        ColumnBins::Numeric { .. } => counts
            .enumerate()
            .map(|(place, count)| DistributionBin {
                lower: place.checked_sub(1).and_then(|edge| feature.edges.get(edge)).copied(),
                upper: feature.edges.get(place).copied(),
                category: None,
                count,
            })
            .collect(),
        ColumnBins::Categories { names } => {
            let other = || driftline_storage::OTHER_CLASS.to_owned();
            let names = names.iter().chain(current.new.keys()).cloned();
            let names = names.map(Some).chain(std::iter::repeat(None));
            counts
                .zip(names)
                .map(|(count, name)| DistributionBin {
                    lower: None,
                    upper: None,
                    category: Some(name.unwrap_or_else(other)),
                    count,
                })
                .collect()
        }
    }
}
