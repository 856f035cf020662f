//! Two samples of values: shifts, distances and rank tests, with exact p-values where these are cheap.

pub(super) mod sample;
pub(super) mod shift;
pub(super) mod kolmogorov;
pub(super) mod ks;
pub(super) mod ks_counts;
pub(super) mod wasserstein;
pub(super) mod two_sample;
pub(super) mod cvm_exact;
pub(super) mod cramer_von_mises;
pub(super) mod anderson_darling;
pub(super) mod mann_whitney;
