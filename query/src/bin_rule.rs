//! Which bins statistics of counts are asked for.

use driftline_storage::{Error, Result, near_misses};

/// How the bins of a number follow from its reference.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BinRule {
    /// Quantiles of the reference, so that each bin holds about as many of its rows.
    #[default]
    Quantiles,
    /// Bins of equal width between the smallest and the largest value of the reference, the outer ones
    /// unbounded.
    EqualWidth,
    /// Bins of equal width over reference and window together; only in the mode `seeds`, for they
    /// move with every window.
    Pooled,
}

impl BinRule {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Quantiles, Self::EqualWidth, Self::Pooled];

    /// Name in flags.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quantiles => "quantiles",
            Self::EqualWidth => "equal-width",
            Self::Pooled => "pooled",
        }
    }

    /// The rule of a name.
    ///
    /// # Errors
    /// `InvalidArgument` naming the known ones.
    pub fn parse(name: &str) -> Result<Self> {
        let known = Self::ALL.map(Self::name);
        Self::ALL.into_iter().find(|rule| rule.name() == name).ok_or_else(|| {
            let near = near_misses(name, known);
            Error::invalid("binning", format!("{name:?} is not one of {}{near}", known.join(", ")))
        })
    }
}

/// Where nulls and NaN stand in statistics of counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Nulls {
    /// Beside the bins, in no share.
    #[default]
    Apart,
    /// In a bin of their own.
    Bin,
}

impl Nulls {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Apart, Self::Bin];

    /// Name in flags.
    pub fn name(self) -> &'static str {
        match self {
            Self::Apart => "apart",
            Self::Bin => "bin",
        }
    }

    /// The choice of a name.
    ///
    /// # Errors
    /// `InvalidArgument` naming the known ones.
    pub fn parse(name: &str) -> Result<Self> {
        let known = Self::ALL.map(Self::name);
        Self::ALL.into_iter().find(|nulls| nulls.name() == name).ok_or_else(|| {
            let near = near_misses(name, known);
            Error::invalid("nulls", format!("{name:?} is not one of {}{near}", known.join(", ")))
        })
    }
}
