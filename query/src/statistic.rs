//! A statistic with what is known of its error, and those that partials give.

use std::borrow::Cow;

use driftline_storage::{ColumnCounts, Outline};

use crate::{
    bins::Compared,
    method::Method,
    moments::{BinSums, Sums, mean_and_deviation, of_reference},
    stats::{self, BinnedSamples, BinnedTest, Bounds, Homogeneity, Measured, Undefined},
};

/// Confidence of the interval of a PSI.
const LEVEL: f64 = 0.95;

/// A statistic with what is known of its error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Statistic {
    pub(crate) value: f64,
    pub(crate) p_value: Option<f64>,
    pub(crate) error_bound: f64,
    pub(crate) exact: bool,
}

impl Statistic {
    /// A value that all rows would give.
    pub(crate) fn exact(value: f64) -> Self {
        Self { value, p_value: None, error_bound: 0.0, exact: true }
    }

    /// The same with a p-value.
    pub(crate) fn with_p(self, p_value: f64) -> Self {
        Self { p_value: Some(p_value), ..self }
    }

    /// A value that is off by at most a bound.
    pub(crate) fn bounded(value: f64, error_bound: f64) -> Self {
        Self { value, p_value: None, error_bound, exact: error_bound == 0.0 }
    }

    /// The same without its p-value where that of rows is exact: bounds are those of the limit, which
    /// may be below it among few rows.
    fn unless(self, exact: bool) -> Self {
        Self { p_value: self.p_value.filter(|_| !exact), ..self }
    }

    /// The middle of what counts say of a test.
    fn of_test(test: BinnedTest) -> Self {
        let bounded = Self::bounded(test.statistic.midpoint(), test.statistic.error_bound());
        bounded.with_p(test.p_value.upper)
    }
}

/// Counts of reference and window in the bins of PSI, and beside them.
pub(crate) struct Histograms {
    pub(crate) reference: Vec<u64>,
    pub(crate) window: Vec<u64>,
}

impl Histograms {
    pub(crate) fn of(feature: &Compared, current: ColumnCounts<'_>) -> Self {
        let mut reference = feature.reference_counts().to_vec();
        let mut window: Vec<u64> = feature.counts(current).collect();
        for (of_reference, of_window) in feature.beside(current) {
            reference.push(of_reference);
            window.push(of_window);
        }
        Self { reference, window }
    }
}

/// A statistic of counts in bins, which is the same from partials and from rows.
pub(crate) fn of_bins(
    method: Method,
    feature: &Compared,
    current: ColumnCounts<'_>,
) -> Measured<Statistic> {
    if method == Method::Psi {
        return feature.psi(current).map(Statistic::exact);
    }
    let Histograms { reference, window } = Histograms::of(feature, current);
    let value = |value: Measured<f64>| value.map(Statistic::exact);
    let test = |test: Measured<Homogeneity>| {
        test.map(|test| Statistic::exact(test.statistic).with_p(test.p_value))
    };
    match method {
        Method::Chi2 => test(stats::chi2(&reference, &window)),
        Method::GTest => test(stats::g_test(&reference, &window)),
        Method::Js => value(stats::js(&reference, &window)),
        Method::Kl => value(stats::kl(&reference, &window).map(|kl| kl.cur_ref)),
        Method::Hellinger => value(stats::hellinger(&reference, &window)),
        Method::Tvd => value(stats::tvd(&reference, &window)),
        Method::Linf => value(stats::linf(&reference, &window)),
        Method::CramersV => value(stats::cramers_v(&reference, &window)),
        _ => Err(Undefined::NotNumeric),
    }
}

/// More of a statistic of counts, by name; what has no value is left out.
pub(crate) fn details_of_bins(
    method: Method,
    feature: &Compared,
    current: ColumnCounts<'_>,
) -> Vec<(Cow<'static, str>, f64)> {
    let Histograms { reference, window } = Histograms::of(feature, current);
    let homogeneity = |test: Measured<Homogeneity>| match test {
        Ok(test) => vec![("dof", Ok(test.dof as f64)), ("min_expected", Ok(test.min_expected))],
        Err(_) => Vec::new(),
    };
    let known: Vec<(&'static str, Measured<f64>)> = match method {
        Method::Psi => {
            let interval = stats::psi_interval(&reference, &window, LEVEL);
            vec![
                ("debiased", stats::psi_debiased(&reference, &window)),
                ("p_value", stats::psi_p_value(&reference, &window)),
                ("lower", interval.map(|interval| interval.lower)),
                ("upper", interval.map(|interval| interval.upper)),
            ]
        }
        Method::Kl => vec![("reverse", stats::kl(&reference, &window).map(|kl| kl.ref_cur))],
        Method::Chi2 => homogeneity(stats::chi2(&reference, &window)),
        Method::GTest => homogeneity(stats::g_test(&reference, &window)),
        Method::CramersV => {
            vec![("corrected", stats::cramers_v_corrected(&reference, &window))]
        }
        _ => Vec::new(),
    };
    let some = |(name, value): (&'static str, Measured<f64>)| Some((name.into(), value.ok()?));
    known.into_iter().filter_map(some).collect()
}

/// A statistic of values from the counts of the fine bins and, where they are kept, the sums of
/// these. Its p-value is the largest that the counts allow.
pub(crate) fn of_fine_bins(
    method: Method,
    feature: &Compared,
    current: ColumnCounts<'_>,
    window: &WindowSums<'_>,
) -> Measured<Statistic> {
    if !feature.field.kind.is_numeric() {
        return Err(Undefined::NotNumeric);
    }
    let counts: Vec<u64> = current.bins().collect();
    let reference = &feature.reference.bins;
    let rows = (reference.iter().sum::<u64>(), counts.iter().sum::<u64>());
    match method {
        Method::Ks => {
            let ks = stats::binned_ks(reference, &counts)?;
            Ok(Statistic::bounded(ks.at_edges, ks.error_bound))
        }
        Method::Cvm => {
            let test = stats::binned_cvm(reference, &counts).map(Statistic::of_test);
            let exact = rows.0.max(rows.1) <= stats::CVM_EXACT_MAX_SIDE;
            test.map(|test| test.unless(exact))
        }
        Method::Ad => stats::binned_ad(reference, &counts).map(Statistic::of_test),
        Method::MannWhitney => {
            let test = stats::binned_mann_whitney(reference, &counts).map(Statistic::of_test);
            let exact = rows.0.min(rows.1) <= stats::MANN_WHITNEY_EXACT_MAX;
            test.map(|test| test.unless(exact))
        }
        _ => of_sums(method, feature, &counts, window),
    }
}

/// The sums of a window, and which of its windows and features they are asked of.
pub(crate) struct WindowSums<'a> {
    pub(crate) sums: Option<&'a Sums>,
    pub(crate) window: usize,
    pub(crate) feature: usize,
}

/// Distances and shifts, by bounds of the sums of each bin.
///
/// The functions want sums to the last bits, and ours are known to half a step. Let `x'` be the
/// values moved inside their bins such that their sums are the known middles. With the triangle
/// inequality the distance of the values differs from that of `x'` by at most that of both, which
/// for Wasserstein is at most the sum of what sums are off, over the rows; for the energy distance,
/// whose distribution functions differ by at most a bin's share inside a bin, at most the root of
/// twice the sum of those times the shares.
fn of_sums(
    method: Method,
    feature: &Compared,
    counts: &[u64],
    window: &WindowSums<'_>,
) -> Measured<Statistic> {
    let (Some(sums), Some(kept)) = (window.sums, &feature.moments) else {
        return Err(Undefined::NeedsRows);
    };
    let reference = &feature.reference.bins;
    let edges = &feature.fine;
    if reference.iter().sum::<u64>() == 0 {
        return Err(Undefined::ReferenceEmpty);
    }
    let rows = counts.iter().sum::<u64>();
    if rows == 0 {
        return Err(Undefined::WindowEmpty);
    }
    let of_window = sums.of(window.window, window.feature, edges, counts);
    let of_window = of_window.ok_or(Undefined::NeedsRows)?;
    let spread = mean_and_deviation(edges, &kept.outline).ok_or(Undefined::NotFinite);
    if method == Method::MeanShift {
        let outline = sums.outline(window.window, window.feature);
        return mean_shift(spread?, rows, &outline, &of_window, edges);
    }
    let of_reference = of_reference(edges, reference, kept).ok_or(Undefined::NeedsRows)?;
    let samples = BinnedSamples {
        ref_counts: reference,
        cur_counts: counts,
        edges,
        range: joined(of_reference.range, of_window.range),
        sums: Some((&of_reference.sums, &of_window.sums)),
    };
    let sides = [(&of_reference, reference.as_slice()), (&of_window, counts)];
    let off = |square: bool| -> f64 {
        let of = |(sums, counts): &(&BinSums, &[u64])| {
            let rows = counts.iter().sum::<u64>() as f64;
            let weight = |count: u64| if square { count as f64 / rows } else { 1.0 };
            let each = sums.off.iter().zip(*counts).map(|(off, count)| off * weight(*count));
            each.sum::<f64>() / rows
        };
        let distance = |side: &(&BinSums, &[u64])| {
            if square { (2.0 * of(side)).sqrt() } else { of(side) }
        };
        sides.iter().map(distance).sum()
    };
    let (bounds, off) = match method {
        Method::Wasserstein => (stats::binned_wasserstein(&samples)?, off(false)),
        Method::WassersteinNorm => {
            let (_, deviation) = spread?;
            (stats::binned_wasserstein_norm(&samples, deviation)?, off(false) / deviation)
        }
        Method::Energy => (stats::binned_energy(&samples)?, off(true)),
        _ => return Err(Undefined::NeedsRows),
    };
    let lower = (bounds.lower - off).max(0.0);
    let bounds = Bounds { lower, upper: bounds.upper + off };
    Ok(Statistic::bounded(bounds.midpoint(), bounds.error_bound()))
}

/// The shift of the mean: exact where sums are kept of all rows, but for rounding.
fn mean_shift(
    (mean, deviation): (f64, f64),
    rows: u64,
    whole: &Outline,
    sums: &BinSums,
    edges: &[f64],
) -> Measured<Statistic> {
    if deviation == 0.0 {
        return Err(Undefined::NoSpread);
    }
    let rows_f = rows as f64;
    let (current, off) = if whole.n == rows {
        let (mean, _) = mean_and_deviation(edges, whole).ok_or(Undefined::NotFinite)?;
        (mean, 0.0)
    } else {
        (sums.sums.iter().sum::<f64>() / rows_f, sums.off.iter().sum::<f64>() / rows_f)
    };
    let value = (current - mean) / deviation;
    if !value.is_finite() {
        return Err(Undefined::NotFinite);
    }
    Ok(Statistic::bounded(value, off / deviation))
}

fn joined(a: Option<(f64, f64)>, b: Option<(f64, f64)>) -> Option<(f64, f64)> {
    let ((a_low, a_high), (b_low, b_high)) = (a?, b?);
    Some((a_low.min(b_low), a_high.max(b_high)))
}
