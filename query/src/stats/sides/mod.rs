//! Two sides or several groups: intervals and tests of their difference, effect, lift, pairs and parity.

pub(super) mod two_proportions;
pub(super) mod student_t;
pub(super) mod welch;
pub(super) mod effect;
pub(super) mod lift;
pub(super) mod sample_ratio;
pub(super) mod paired;
pub(super) mod fairness;
