//! The drift statistics that a query can ask for.

use driftline_storage::{Error, Result, near_misses};

/// A drift statistic. Each compares a window with a reference; [`crate::stats`] defines them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Population stability index.
    Psi,
    /// Two-sample Kolmogorov-Smirnov statistic.
    Ks,
    /// Chi-square test of homogeneity.
    Chi2,
    /// G-test of homogeneity.
    GTest,
    /// Jensen-Shannon distance, base 2.
    Js,
    /// Kullback-Leibler divergence of the window from the reference.
    Kl,
    /// Hellinger distance.
    Hellinger,
    /// Total variation distance.
    Tvd,
    /// Largest difference of shares.
    Linf,
    /// Wasserstein distance, in the unit of the feature.
    Wasserstein,
    /// Wasserstein distance in standard deviations of the reference.
    WassersteinNorm,
    /// Cramér's V.
    CramersV,
    /// Two-sample Cramér-von Mises statistic; of columns with ties its p-value from rows is too small
    /// where window and reference differ in size.
    Cvm,
    /// Two-sample Anderson-Darling statistic; with ties its p-value from rows is somewhat too small.
    Ad,
    /// Mann-Whitney U of the reference.
    MannWhitney,
    /// Energy distance.
    Energy,
    /// Shift of the mean in standard deviations of the reference.
    MeanShift,
    /// Ratio of the window's variance to the reference's.
    VarianceRatio,
    /// Shift of a quantile, in the unit of the feature.
    QuantileShift,
    /// Change of the share of nulls.
    NullRateChange,
    /// Share of the window's values whose category the reference does not have.
    NewCategoryShare,
    /// Share of the window's values outside the range of the reference.
    OutOfRangeShare,
}

/// What a statistic is computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Basis {
    /// Counts in the bins of PSI or by category, which partials hold exactly.
    Bins,
    /// Counts beside those bins, which partials hold as well.
    Counts,
    /// The values themselves, so that partials give bounds at best; only numbers have it.
    Values,
}

impl Method {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::Psi,
        Self::Ks,
        Self::Chi2,
        Self::GTest,
        Self::Js,
        Self::Kl,
        Self::Hellinger,
        Self::Tvd,
        Self::Linf,
        Self::Wasserstein,
        Self::WassersteinNorm,
        Self::CramersV,
        Self::Cvm,
        Self::Ad,
        Self::MannWhitney,
        Self::Energy,
        Self::MeanShift,
        Self::VarianceRatio,
        Self::QuantileShift,
        Self::NullRateChange,
        Self::NewCategoryShare,
        Self::OutOfRangeShare,
    ];

    /// Name in flags and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Psi => "psi",
            Self::Ks => "ks",
            Self::Chi2 => "chi2",
            Self::GTest => "g_test",
            Self::Js => "js",
            Self::Kl => "kl",
            Self::Hellinger => "hellinger",
            Self::Tvd => "tvd",
            Self::Linf => "linf",
            Self::Wasserstein => "wasserstein",
            Self::WassersteinNorm => "wasserstein_norm",
            Self::CramersV => "cramers_v",
            Self::Cvm => "cvm",
            Self::Ad => "ad",
            Self::MannWhitney => "mann_whitney",
            Self::Energy => "energy",
            Self::MeanShift => "mean_shift",
            Self::VarianceRatio => "variance_ratio",
            Self::QuantileShift => "quantile_shift",
            Self::NullRateChange => "null_rate_change",
            Self::NewCategoryShare => "new_category_share",
            Self::OutOfRangeShare => "out_of_range_share",
        }
    }

    pub(crate) fn basis(self) -> Basis {
        match self {
            Self::Psi
            | Self::Chi2
            | Self::GTest
            | Self::Js
            | Self::Kl
            | Self::Hellinger
            | Self::Tvd
            | Self::Linf
            | Self::CramersV => Basis::Bins,
            Self::Ks
            | Self::Wasserstein
            | Self::WassersteinNorm
            | Self::Cvm
            | Self::Ad
            | Self::MannWhitney
            | Self::Energy
            | Self::MeanShift
            | Self::VarianceRatio
            | Self::QuantileShift => Basis::Values,
            Self::NullRateChange | Self::NewCategoryShare | Self::OutOfRangeShare => Basis::Counts,
        }
    }

    /// Whether only numbers have it.
    pub fn is_of_numbers(self) -> bool {
        self.basis() == Basis::Values
    }

    /// Whether it is a test with a p-value of its own; that of [`Method::Ks`] needs rows.
    pub fn is_test(self) -> bool {
        matches!(
            self,
            Self::Ks | Self::Chi2 | Self::GTest | Self::Cvm | Self::Ad | Self::MannWhitney
        )
    }

    /// The method of a name.
    ///
    /// # Errors
    /// `InvalidArgument` naming the known ones.
    pub fn parse(name: &str) -> Result<Self> {
        let known = Self::ALL.map(Self::name);
        Self::ALL.into_iter().find(|method| method.name() == name).ok_or_else(|| {
            let near = near_misses(name, known);
            let text = format!("{name:?} is not one of {}{near}", known.join(", "));
            Error::invalid("method", text)
        })
    }
}
