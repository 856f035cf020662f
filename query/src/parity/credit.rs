//! PSI by the custom of credit scoring.
//!
//! Deciles of the reference with open ends, or categories; nulls and NaN are a bin of their own;
//! shares are raised to 1e-4; above 0.25 the column has drifted. All from counts.

use driftline_storage::ColumnCounts;

use super::{Judged, Outcome, reason};
use crate::bins::Compared;

/// PSI above which a score is to be rebuilt.
const THRESHOLD: f64 = 0.25;

pub(super) fn judge(feature: &Compared, current: ColumnCounts<'_>) -> Outcome {
    let value = feature.psi(current).map_err(reason)?;
    Ok(Judged::distance(value, THRESHOLD, value > THRESHOLD))
}
