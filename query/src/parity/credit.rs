//! PSI by the custom of credit scoring.
//!
//! Deciles of the reference with open ends, or categories; nulls and NaN are a bin of their own;
//! shares are raised to 1e-4; above 0.25 the column has drifted. All from counts.

use driftline_storage::{ColumnCounts, Special};

use super::{Judged, Outcome, reason};
use crate::{
    bins::Compared,
    statistic::Histograms,
    stats::{self, PSI_EPSILON},
};

/// PSI above which a score is to be rebuilt.
const THRESHOLD: f64 = 0.25;

pub(super) fn judge(feature: &Compared, current: ColumnCounts<'_>) -> Outcome {
    let Histograms { mut reference, mut window } = Histograms::of(feature, current);
    let nothing = [Special::Null, Special::Nan];
    reference.push(nothing.map(|special| feature.reference.special(special)).iter().sum());
    window.push(nothing.map(|special| current.special(special)).iter().sum());
    let value = stats::psi_with_epsilon(&reference, &window, PSI_EPSILON).map_err(reason)?;
    Ok(Judged::distance(value, THRESHOLD, value > THRESHOLD))
}
