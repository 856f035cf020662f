//! Distribution: the counts of a feature in a reference and in a window, side by side.

use std::borrow::Cow;

use driftline_storage::{Db, Result, Special};

use crate::{
    bins::{Asked, Detail, compare},
    explain,
    explanation::{Both, ExplainedBin},
    gather::tallies,
    report::{DistributionBin, DistributionReport, DistributionRequest},
    slice,
    stats::PSI_EPSILON,
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
    let snapshot = slice::snapshot(db, scope)?;
    let version = scope.version.as_deref();
    let reference = db.reference(&scope.model, version, request.reference.as_deref())?;
    // An empty list of names would mean all features.
    reference.record.schema.monitored_index(&request.feature)?;
    let asked = Asked {
        names: std::slice::from_ref(&request.feature),
        parts: PARTS,
        epsilon: PSI_EPSILON,
        detail: Detail::Fine,
        ..Asked::default()
    };
    let comparison = compare(db, &reference, asked)?;
    let gathered = tallies(&snapshot, &windows, &comparison.selection)?;
    if let Some(missing) = gathered.missing.first() {
        return Err(missing.error());
    }
    let current = gathered.tallies.column(0, 0);
    let binning = comparison.selection.cells.binning();
    let known = binning.column(&request.feature).map(|(_, bins)| bins);
    let (Some(feature), Some(known)) = (comparison.features.first(), known) else {
        return Err(driftline_storage::Error::invalid("feature", "is not in the reference"));
    };
    let both = |kind: Special| Both {
        reference: feature.reference.special(kind),
        current: current.special(kind),
    };
    let (positive, negative) = (both(Special::PositiveInfinity), both(Special::NegativeInfinity));
    let bounds = current.bounds();
    let outer = |reference: Option<&u64>, current: &[u64]| match current {
        [from, .., to] if feature.field.kind.is_numeric() => {
            Both { reference: reference.copied().unwrap_or(0), current: to - from }
        }
        _ => Both::default(),
    };
    let fine = &feature.reference.bins;
    Ok(DistributionReport {
        scope: scope.clone(),
        feature: request.feature.clone(),
        kind: feature.field.kind,
        reference: reference.record.name.clone(),
        bins: explain::bins(feature, known, current).into_iter().map(distribution_bin).collect(),
        rows: Both { reference: reference.tally.rows, current: gathered.tallies.rows(0) },
        nulls: both(Special::Null),
        nans: both(Special::Nan),
        infinities: Both {
            reference: positive.reference + negative.reference,
            current: positive.current + negative.current,
        },
        below: outer(fine.first(), bounds.get(..2).unwrap_or_default()),
        above: match fine.as_slice() {
            [_, .., last] => outer(Some(last), bounds.get(fine.len() - 1..).unwrap_or_default()),
            _ => Both::default(),
        },
    })
}

fn distribution_bin(bin: ExplainedBin) -> DistributionBin {
    DistributionBin {
        lower: bin.lower,
        upper: bin.upper,
        category: bin.name.map(Cow::into_owned),
        count: bin.count,
    }
}
