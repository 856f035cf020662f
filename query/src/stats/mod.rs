//! Pure statistics: numbers in, a number or a reason out.
//!
//! Nothing here reads a clock, a file or a stored format, so every definition can be tested against
//! the golden vectors alone. A result that has no value is an [`Undefined`] reason, never NaN, 0 or
//! 1: a window without data must not read as "no drift". The modules stand in layer order; each
//! names only those above it, and folders hold what is about one subject.

mod undefined;
mod counts;
mod sum;
mod tails;
mod numbers;
mod proportion;
mod quantile;
mod multiple;
mod degradation;
mod summary;

mod histograms;
mod samples;
mod binned;
mod classes;
mod scores;
mod regression;
mod sides;
#[cfg(test)]
mod coverage;

pub use self::binned::anderson_darling::binned_ad;
pub use self::binned::bounds::{BinnedTest, Bounds};
pub use self::binned::distance::{binned_energy, binned_wasserstein, binned_wasserstein_norm};
pub use self::binned::quantile::{BinnedValues, Bracketed};
pub use self::binned::ranks::{binned_cvm, binned_cvm_tied, binned_mann_whitney};
pub use self::binned::samples::BinnedSamples;
pub use self::binned::shift::{SpreadSums, binned_quantile};
pub use self::classes::binary::BinaryCells;
pub use self::classes::classification::Confusion;
pub use self::classes::per_class::{OfClass, PerClass};
pub use self::degradation::{Better, degradation};
pub use self::histograms::contingency::{
    Homogeneity, chi2, cramers_v, cramers_v_corrected, g_test,
};
pub use self::histograms::contributions::{
    chi2_terms, g_test_terms, hellinger_terms, js_terms, kl_terms, ks_terms, linf_terms, psi_terms,
    tvd_terms,
};
pub use self::histograms::divergence::{KL_FLOOR, Kl, hellinger, js, kl, linf, tvd};
pub use self::histograms::psi::{PSI_EPSILON, PsiReference, psi, psi_with_epsilon};
pub use self::histograms::psi_significance::{
    PSI_EXPECTED_MIN, PSI_ROWS_PER_BIN_MIN, PsiInterval, psi_debiased, psi_interval, psi_p_value,
};
pub use self::multiple::{benjamini_hochberg, bonferroni, drifted_share};
pub use self::proportion::{Interval, Proportion};
pub use self::quantile::{equal_width_edges, interior_quantile_edges, quantile};
pub use self::regression::errors::{mae, rmse};
pub use self::regression::rows::RegressionRows;
pub use self::regression::sums::RegressionSums;
pub use self::samples::anderson_darling::ad;
pub use self::samples::cramer_von_mises::{cvm, cvm_tied};
pub use self::samples::cvm_exact::CVM_EXACT_MAX_SIDE;
pub use self::samples::kolmogorov::{
    EXACT_MAX_CELLS, EXACT_MAX_SIDE, PMethod, exact_p, kolmogorov_limit, ks_p_value,
};
pub use self::samples::ks::{BinnedKs, binned_ks, ks_statistic};
pub use self::samples::ks_counts::{KsCounts, KsReference};
pub use self::samples::mann_whitney::{MANN_WHITNEY_EXACT_MAX, mann_whitney};
pub use self::samples::shift::{mean_shift, quantile_shifts, variance_ratio};
pub use self::samples::two_sample::{RANKED_ROWS_MAX, TwoSampleTest};
pub use self::samples::wasserstein::{energy, wasserstein, wasserstein_norm};
pub use self::scores::calibration::{
    ECE_BINS, LOG_LOSS_CLIP, Reliability, ReliabilityBin, ReliabilitySums,
};
pub use self::scores::histogram::{Bounded, ScoreCounts, ScoreHistogram};
pub use self::scores::multiclass::{ClassMean, multiclass_log_loss, one_vs_rest_roc_auc};
pub use self::scores::scored::{ScoreGroup, ScoredRows};
pub use self::sides::effect::{cohen_d, cohen_h};
pub use self::sides::fairness::{
    EmptyRate, Fairness, GROUP_ROWS_MIN, GroupRate, GroupRates, Parity, fairness, group_rates,
    parity,
};
pub use self::sides::lift::{Lift, lift_of_means, lift_of_proportions};
pub use self::sides::paired::{
    MCNEMAR_EXACT_MAX, McNemar, mcnemar, paired_interval, paired_mean_interval, paired_t,
};
pub use self::sides::sample_ratio::sample_ratio;
pub use self::sides::two_proportions::{
    Tested, newcombe_interval, proportion_difference, two_proportion_z, wald_interval,
};
pub use self::sides::welch::{Moments, mean_difference, welch, welch_degrees, welch_interval};
pub use self::summary::Summary;
pub(crate) use self::tails::{chi_square_quantile, chi_square_tail};
pub use self::undefined::{Measured, Undefined};
