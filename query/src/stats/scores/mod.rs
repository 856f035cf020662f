//! Scores of a class against labels: ranking, calibration, and both from counts by score.

pub(super) mod scored;
pub(super) mod ranking;
pub(super) mod calibration;
pub(super) mod multiclass;
pub(super) mod histogram;
pub(super) mod rank_bounds;
pub(super) mod cost_bounds;
#[cfg(test)]
pub(super) mod samples;
