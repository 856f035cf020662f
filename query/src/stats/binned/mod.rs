//! What counts and sums by bin say of the samples in them: bounds of distances, of tests and of quantiles.

pub(super) mod bounds;
pub(super) mod samples;
pub(super) mod distance;
pub(super) mod ranks;
pub(super) mod anderson_darling;
pub(super) mod quantile;
pub(super) mod shift;
#[cfg(test)]
pub(super) mod sampling;
