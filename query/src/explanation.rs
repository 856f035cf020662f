//! How a statistic came about, as plain data: its bins, what is in them and what each adds.

use std::borrow::Cow;

/// A count in the reference and in the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Both {
    /// Rows of the reference.
    pub reference: u64,
    /// Rows of the window.
    pub current: u64,
}

/// How one statistic of one feature in one window came about.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Explanation {
    /// The rule, one sentence.
    pub rule: Cow<'static, str>,
    /// Rows that were compared; nulls, NaN and infinities are among them only if they are a bin.
    pub rows: Both,
    /// What a share is raised to, or becomes where the bin is empty; none if empty bins stay empty.
    pub epsilon: Option<f64>,
    /// How the contributions make the value, or why there are none, one sentence.
    pub contributions: Cow<'static, str>,
    /// The bins in their order; none if single values were compared.
    pub bins: Vec<ExplainedBin>,
}

impl Explanation {
    /// Says that there is no value, and so nothing that bins add to it.
    pub(crate) fn undefined(mut self, reason: Cow<'static, str>) -> Self {
        self.contributions = reason;
        self.bins.iter_mut().for_each(|bin| bin.contribution = None);
        self
    }
}

/// One bin of a statistic.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExplainedBin {
    /// Smallest value inside, or the largest below where bins are closed on the right; none is
    /// unbounded, or no number.
    pub lower: Option<f64>,
    /// The other end; none is unbounded, or no number.
    pub upper: Option<f64>,
    /// The category, or what else the bin holds, such as nulls.
    pub name: Option<Cow<'static, str>>,
    /// Its rows.
    pub count: Both,
    /// What it adds, if the statistic is made of its bins.
    pub contribution: Option<f64>,
}
