//! Residuals of a regression beside their labels, as sums that any order and any correction leaves
//! with the same bits. A residual is label - prediction.

use crate::{column::is_null, exact_sum::ExactSum, fixed::Fixed};

/// The smallest label that a relative error is divided by.
const LABEL_MIN: f64 = f64::EPSILON;

/// Sums over labelled predictions whose squared residual is finite.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ResidualTally {
    /// Rows.
    pub rows: i64,
    /// Rows whose label is 0.
    pub zero_labels: i64,
    /// Sum of residuals.
    pub residual: ExactSum,
    /// Sum of absolute residuals.
    pub abs_residual: ExactSum,
    /// Sum of squared residuals.
    pub sq_residual: ExactSum,
    /// Sum of `|residual| / max(|label|, 2^-52)` over labels that are not 0.
    pub relative_residual: ExactSum,
    /// Sum of `2 |residual| / (|label| + |prediction|)`, 0 where both are 0.
    pub symmetric_residual: Fixed,
    /// Sum of absolute labels.
    pub abs_label: ExactSum,
    /// Sum of labels.
    pub label: ExactSum,
    /// Sum of squared labels.
    pub sq_label: ExactSum,
}

impl ResidualTally {
    /// Adds (`times` = 1) or takes away (`times` = -1) a row, if it counts.
    pub(super) fn add(&mut self, label: f64, prediction: f64, times: i64) {
        let residual = label - prediction;
        if is_null(prediction) || !(residual * residual).is_finite() {
            return;
        }
        self.rows += times;
        self.residual.add(residual, times);
        self.abs_residual.add(residual.abs(), times);
        self.sq_residual.add(residual * residual, times);
        if label == 0.0 {
            self.zero_labels += times;
        } else {
            self.relative_residual.add(residual.abs() / label.abs().max(LABEL_MIN), times);
        }
        // Halved, so that the sum of two large numbers does not overflow.
        let scale = label.abs() / 2.0 + prediction.abs() / 2.0;
        if scale > 0.0 {
            self.symmetric_residual.add(residual.abs() / scale, times);
        }
        self.abs_label.add(label.abs(), times);
        self.label.add(label, times);
        self.sq_label.add(label * label, times);
    }

    /// Adds other rows' sums.
    pub fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.zero_labels += other.zero_labels;
        self.symmetric_residual.merge(other.symmetric_residual);
        for (mine, theirs) in [
            (&mut self.residual, &other.residual),
            (&mut self.abs_residual, &other.abs_residual),
            (&mut self.sq_residual, &other.sq_residual),
            (&mut self.relative_residual, &other.relative_residual),
            (&mut self.abs_label, &other.abs_label),
            (&mut self.label, &other.label),
            (&mut self.sq_label, &other.sq_label),
        ] {
            mine.merge(theirs);
        }
    }
}

/// Bytes of one in memory.
pub(super) const BYTES: usize = size_of::<ResidualTally>() + 7 * 68 * 8;
