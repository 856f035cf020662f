//! Explaining results: the rule of a method, the bins that it was computed over and what each adds.

use std::borrow::Cow;

use driftline_storage::{ColumnBins, ColumnCounts, Error, ErrorKind, OTHER_CLASS, Result};

use crate::{
    bins::{Compared, Comparison},
    explanation::{Both, ExplainedBin, Explanation},
    limits,
    method::{Basis, Method},
    stats::{self, Measured},
};

/// The name of the bin of nulls and NaN.
const NULLS: &str = "(null)";
pub(crate) const SUM: &str = "the contributions add up to the value";
const SHARE: &str = "no sum over bins: the value is made of the shares of the first";
pub(crate) const SQUARE: &str = "the contributions add up to the square of the value";
pub(crate) const LARGEST: &str = "the value is the largest contribution";
const BOUNDED: &str =
    "no sum over bins: counts and sums by bin only bound it, and the value is the middle";
const SINGLE: &str = "no sum over bins: single values were compared, and no bins were used";

/// Refuses to explain more bins than [`limits::EXPLAINED_BINS_MAX`].
pub(crate) fn check(comparison: &Comparison, windows: usize, methods: &[Method]) -> Result<()> {
    let of_feature = |feature: &Compared| {
        let coarse = feature.edges.len() + 1;
        let fine = feature.reference.bins.len() + 1;
        let numeric = feature.field.kind.is_numeric();
        let of = |method: &Method| match method.basis() {
            Basis::Bins if numeric => coarse,
            Basis::Counts => 3,
            _ => fine,
        };
        methods.iter().map(of).sum::<usize>()
    };
    let bins = comparison.features.iter().map(of_feature).sum::<usize>();
    if bins.saturating_mul(windows) <= limits::EXPLAINED_BINS_MAX {
        return Ok(());
    }
    let text = format!(
        "{windows} windows of {bins} bins are more than {} that are explained in one answer; choose \
         a longer step, fewer features or fewer methods",
        limits::EXPLAINED_BINS_MAX
    );
    Err(Error::new(ErrorKind::ResourceExhausted, text))
}

/// The rule of a method, one sentence.
pub(crate) fn rule(method: Method) -> &'static str {
    match method {
        Method::Psi => {
            "sum of (q - p) ln(q / p), p the reference's and q the window's share of a bin, both \
             raised to at least epsilon"
        }
        Method::Ks => "largest difference of the two distribution functions",
        Method::Chi2 => {
            "sum of (O - E)^2 / E over both sides of each bin, E from the shares of both together"
        }
        Method::GTest => {
            "twice the sum of O ln(O / E) over both sides of each bin, E from the shares of both \
             together"
        }
        Method::Js => "square root of the divergence of p and q from their mean, logarithm base 2",
        Method::Kl => {
            "sum of q ln(q / p), shares raised to at least epsilon and divided by their sum"
        }
        Method::Hellinger => "square root of half the sum of (sqrt p - sqrt q)^2",
        Method::Tvd => "half the sum of |p - q|",
        Method::Linf => "largest |p - q|",
        Method::Wasserstein => "area between the two distribution functions",
        Method::WassersteinNorm => {
            "area between the two distribution functions, over the reference's deviation (ddof 0)"
        }
        Method::CramersV => "square root of chi2 over the rows of both sides",
        Method::Cvm => "sum of squared differences of midranks, as scipy's cramervonmises_2samp",
        Method::Ad => {
            "midrank Anderson-Darling statistic of two samples, less 1 and over its sigma"
        }
        Method::MannWhitney => {
            "pairs whose value of the reference is the larger one, equal ones half"
        }
        Method::Energy => {
            "square root of twice the area between the squared distribution functions"
        }
        Method::MeanShift => {
            "mean of the window less that of the reference, over the reference's deviation (ddof 0)"
        }
        Method::VarianceRatio => "variance of the window over that of the reference (ddof 1)",
        Method::QuantileShift => {
            "quantile of the window less that of the reference, linear between values"
        }
        Method::NullRateChange => "share of nulls in the window less that in the reference",
        Method::NewCategoryShare => {
            "rows of the window whose category the reference does not have, over those with a category"
        }
        Method::OutOfRangeShare => {
            "rows of the window below the smallest or above the largest value of the reference, over \
             those with a finite value"
        }
    }
}

/// What the bins of PSI hold, with their edges or names: of a number the quantile bins, of a category
/// the known ones, then new ones and what is counted together.
pub(crate) fn bins(
    feature: &Compared,
    known: &ColumnBins,
    current: ColumnCounts<'_>,
) -> Vec<ExplainedBin> {
    let reference = feature.reference_counts().iter().copied();
    let counts = reference.zip(feature.counts(current)).chain(feature.beside(current));
    let counts = counts.map(|(reference, current)| Both { reference, current });
    match known {
        ColumnBins::Numeric { .. } | ColumnBins::Latency => {
            let inside = feature.edges.len() + 1;
            let mut counts = counts;
            let mut bins = between(&feature.edges, counts.by_ref().take(inside));
            bins.extend(counts.map(null_bin));
            bins
        }
        ColumnBins::Categories { names } => {
            let new = current.new_names().map(|(name, _)| name.to_string());
            let names = names.iter().cloned().chain(new).map(Cow::Owned);
            let beside = feature.beside(current).count() - current.new_names().count();
            let other = beside > usize::from(feature.nulls);
            let names = names.chain(other.then_some(Cow::Borrowed(OTHER_CLASS)));
            let names = names.chain(feature.nulls.then_some(Cow::Borrowed(NULLS)));
            let bin =
                |(count, name)| ExplainedBin { name: Some(name), count, ..ExplainedBin::default() };
            counts.zip(names).map(bin).collect()
        }
    }
}

/// The bin of nulls and NaN.
pub(crate) fn null_bin(count: Both) -> ExplainedBin {
    ExplainedBin { name: Some(Cow::Borrowed(NULLS)), count, ..ExplainedBin::default() }
}

/// Bins between ascending edges, the outer ones unbounded.
pub(crate) fn between(edges: &[f64], counts: impl Iterator<Item = Both>) -> Vec<ExplainedBin> {
    let bin = |(place, count): (usize, Both)| ExplainedBin {
        lower: place.checked_sub(1).and_then(|edge| edges.get(edge)).copied(),
        upper: edges.get(place).copied(),
        count,
        ..ExplainedBin::default()
    };
    counts.enumerate().map(bin).collect()
}

/// Explains a statistic of counts.
pub(crate) fn of_bins(
    method: Method,
    feature: &Compared,
    known: &ColumnBins,
    current: ColumnCounts<'_>,
    epsilon: f64,
) -> Explanation {
    explained(method, bins(feature, known, current), epsilon)
}

/// Explains a statistic of values that came from fine bins.
pub(crate) fn of_fine_bins(
    method: Method,
    feature: &Compared,
    current: ColumnCounts<'_>,
) -> Explanation {
    let counts = feature.reference.bins.iter().zip(current.bins());
    let counts = counts.map(|(reference, current)| Both { reference: *reference, current });
    explained(method, between(&feature.fine, counts), 0.0)
}

/// Explains a statistic of values that came from rows.
pub(crate) fn of_rows(method: Method, rows: Both) -> Explanation {
    Explanation {
        rule: rule(method).into(),
        rows,
        epsilon: None,
        contributions: SINGLE.into(),
        bins: Vec::new(),
    }
}

/// Explains a share of rows by these and the others.
pub(crate) fn of_shares(method: Method, bins: Vec<ExplainedBin>) -> Explanation {
    explained(method, bins, 0.0)
}

/// Adds rule, sizes and contributions to bins.
fn explained(method: Method, bins: Vec<ExplainedBin>, epsilon: f64) -> Explanation {
    let reference: Vec<u64> = bins.iter().map(|bin| bin.count.reference).collect();
    let current: Vec<u64> = bins.iter().map(|bin| bin.count.current).collect();
    let (terms, made) = terms(method, &reference, &current, epsilon);
    let epsilon = match method {
        Method::Psi => Some(epsilon),
        Method::Kl => Some(stats::KL_FLOOR),
        _ => None,
    };
    of_terms(rule(method), epsilon, bins, terms, made)
}

/// Explains a statistic by its rule, its bins and what each adds.
pub(crate) fn of_terms(
    rule: &'static str,
    epsilon: Option<f64>,
    mut bins: Vec<ExplainedBin>,
    terms: Option<Measured<Vec<f64>>>,
    made: &'static str,
) -> Explanation {
    let rows = Both {
        reference: bins.iter().map(|bin| bin.count.reference).sum(),
        current: bins.iter().map(|bin| bin.count.current).sum(),
    };
    let contributions = match terms {
        Some(Ok(terms)) => {
            for (bin, term) in bins.iter_mut().zip(terms) {
                bin.contribution = Some(term);
            }
            made
        }
        // The result says why there is no value.
        Some(Err(undefined)) => undefined.reason(),
        None => made,
    };
    Explanation { rule: rule.into(), rows, epsilon, contributions: contributions.into(), bins }
}

/// What each bin adds to a method, and how that makes the value.
fn terms(
    method: Method,
    reference: &[u64],
    current: &[u64],
    epsilon: f64,
) -> (Option<Measured<Vec<f64>>>, &'static str) {
    match method {
        Method::Psi => (Some(stats::psi_terms(reference, current, epsilon)), SUM),
        Method::Kl => (Some(stats::kl_terms(reference, current)), SUM),
        Method::Chi2 => (Some(stats::chi2_terms(reference, current)), SUM),
        Method::GTest => (Some(stats::g_test_terms(reference, current)), SUM),
        Method::Tvd => (Some(stats::tvd_terms(reference, current)), SUM),
        Method::Js => (Some(stats::js_terms(reference, current)), SQUARE),
        Method::Hellinger => (Some(stats::hellinger_terms(reference, current)), SQUARE),
        Method::CramersV => {
            let rows = reference.iter().chain(current).sum::<u64>() as f64;
            let terms = stats::chi2_terms(reference, current);
            let over = |terms: Vec<f64>| terms.iter().map(|term| term / rows).collect();
            (Some(terms.map(over)), SQUARE)
        }
        Method::Linf => (Some(stats::linf_terms(reference, current)), LARGEST),
        Method::Ks => (Some(stats::ks_terms(reference, current)), LARGEST),
        Method::Wasserstein
        | Method::WassersteinNorm
        | Method::Cvm
        | Method::Ad
        | Method::MannWhitney
        | Method::Energy
        | Method::MeanShift
        | Method::VarianceRatio
        | Method::QuantileShift => (None, BOUNDED),
        Method::NullRateChange | Method::NewCategoryShare | Method::OutOfRangeShare => {
            (None, SHARE)
        }
    }
}
