//! Counts in bins: distances of two histograms, tests of homogeneity, PSI and what each bin adds.

pub(super) mod divergence;
pub(super) mod contingency;
pub(super) mod contributions;
pub(super) mod noncentral;
pub(super) mod psi;
pub(super) mod psi_significance;
