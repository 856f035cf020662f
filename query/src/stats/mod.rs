//! Pure statistics: numbers in, a number or a reason out.
//!
//! Nothing here reads a clock, a file or a stored format, so every definition can be tested against
//! the golden vectors alone. A result that has no value is an [`Undefined`] reason, never NaN, 0 or
//! 1: a window without data must not read as "no drift". The modules stand in layer order; each
//! names only those above it.

mod undefined;

mod counts;
mod sum;
mod tails;

mod classification;
mod divergence;
mod contingency;
mod kolmogorov;
mod ks;
mod ks_counts;
mod noncentral;
mod psi;
mod psi_significance;
mod quantile;
mod regression;
mod multiple;
mod sample;
mod shift;
mod wasserstein;
mod two_sample;
mod cvm_exact;
mod cramer_von_mises;
mod anderson_darling;
mod mann_whitney;
mod bounds;
mod binned;
mod binned_distance;
mod binned_ranks;
mod binned_ad;
#[cfg(test)]
mod sampling;

pub use self::anderson_darling::ad;
pub use self::binned::BinnedSamples;
pub use self::binned_ad::binned_ad;
pub use self::binned_distance::{binned_energy, binned_wasserstein, binned_wasserstein_norm};
pub use self::binned_ranks::{binned_cvm, binned_cvm_tied, binned_mann_whitney};
pub use self::bounds::{BinnedTest, Bounds};
pub use self::classification::Confusion;
pub use self::contingency::{Homogeneity, chi2, cramers_v, cramers_v_corrected, g_test};
pub use self::cramer_von_mises::{cvm, cvm_tied};
pub use self::cvm_exact::CVM_EXACT_MAX_SIDE;
pub use self::divergence::{KL_FLOOR, Kl, hellinger, js, kl, linf, tvd};
pub use self::kolmogorov::{
    EXACT_MAX_CELLS, EXACT_MAX_SIDE, PMethod, exact_p, kolmogorov_limit, ks_p_value,
};
pub use self::ks::{BinnedKs, binned_ks, ks_statistic};
pub use self::ks_counts::{KsCounts, KsReference};
pub use self::mann_whitney::{MANN_WHITNEY_EXACT_MAX, mann_whitney};
pub use self::multiple::{benjamini_hochberg, bonferroni, drifted_share};
pub use self::psi::{PSI_EPSILON, PsiReference, psi, psi_with_epsilon};
pub use self::psi_significance::{
    PSI_ROWS_PER_BIN_MIN, PsiInterval, psi_debiased, psi_interval, psi_p_value,
};
pub use self::quantile::{interior_quantile_edges, quantile};
pub use self::regression::{mae, rmse};
pub use self::shift::{mean_shift, quantile_shifts, variance_ratio};
pub use self::two_sample::{RANKED_ROWS_MAX, TwoSampleTest};
pub use self::undefined::{Measured, Undefined};
pub use self::wasserstein::{energy, wasserstein, wasserstein_norm};
