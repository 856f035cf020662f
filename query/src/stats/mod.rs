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
mod contributions;
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
mod binned_quantile;
mod binned_shift;
#[cfg(test)]
mod sampling;

pub use self::anderson_darling::ad;
pub use self::binned::BinnedSamples;
pub use self::binned_ad::binned_ad;
pub use self::binned_distance::{binned_energy, binned_wasserstein, binned_wasserstein_norm};
pub use self::binned_quantile::{BinnedValues, Bracketed};
pub use self::binned_ranks::{binned_cvm, binned_cvm_tied, binned_mann_whitney};
pub use self::binned_shift::{SpreadSums, binned_quantile};
pub use self::bounds::{BinnedTest, Bounds};
mod numbers;
mod proportion;
mod binary;
mod per_class;
mod agreement;
mod scored;
mod ranking;
mod calibration;
mod multiclass;
mod score_histogram;
mod rank_bounds;
mod cost_bounds;
mod regression_sums;
mod regression_rows;
mod degradation;
mod student_t;
mod two_proportions;
mod fairness;
mod welch;
mod effect;
mod lift;
mod sample_ratio;
mod paired;
mod summary;
#[cfg(test)]
mod coverage;
#[cfg(test)]
mod score_samples;

pub use self::classification::Confusion;
pub use self::contingency::{Homogeneity, chi2, cramers_v, cramers_v_corrected, g_test};
pub use self::contributions::{
    chi2_terms, g_test_terms, hellinger_terms, js_terms, kl_terms, ks_terms, linf_terms, psi_terms,
    tvd_terms,
};
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
    PSI_EXPECTED_MIN, PSI_ROWS_PER_BIN_MIN, PsiInterval, psi_debiased, psi_interval, psi_p_value,
};
pub use self::quantile::{equal_width_edges, interior_quantile_edges, quantile};
pub use self::regression::{mae, rmse};
pub use self::shift::{mean_shift, quantile_shifts, variance_ratio};
pub(crate) use self::tails::{chi_square_quantile, chi_square_tail};
pub use self::two_sample::{RANKED_ROWS_MAX, TwoSampleTest};
pub use self::undefined::{Measured, Undefined};
pub use self::wasserstein::{energy, wasserstein, wasserstein_norm};

pub use self::binary::BinaryCells;
pub use self::calibration::{
    ECE_BINS, LOG_LOSS_CLIP, Reliability, ReliabilityBin, ReliabilitySums,
};
pub use self::degradation::{Better, degradation};
pub use self::effect::{cohen_d, cohen_h};
pub use self::fairness::{
    EmptyRate, Fairness, GROUP_ROWS_MIN, GroupRate, GroupRates, Parity, fairness, group_rates,
    parity,
};
pub use self::lift::{Lift, lift_of_means, lift_of_proportions};
pub use self::multiclass::{ClassMean, multiclass_log_loss, one_vs_rest_roc_auc};
pub use self::paired::{
    MCNEMAR_EXACT_MAX, McNemar, mcnemar, paired_interval, paired_mean_interval, paired_t,
};
pub use self::per_class::{OfClass, PerClass};
pub use self::proportion::{Interval, Proportion};
pub use self::regression_rows::RegressionRows;
pub use self::regression_sums::RegressionSums;
pub use self::sample_ratio::sample_ratio;
pub use self::score_histogram::{Bounded, ScoreCounts, ScoreHistogram};
pub use self::scored::{ScoreGroup, ScoredRows};
pub use self::summary::Summary;
pub use self::two_proportions::{
    Tested, newcombe_interval, proportion_difference, two_proportion_z, wald_interval,
};
pub use self::welch::{Moments, mean_difference, welch, welch_degrees, welch_interval};
