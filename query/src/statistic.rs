//! A statistic with what is known of its error, and those that partials give.

use std::borrow::Cow;

use driftline_storage::ColumnCounts;

use crate::{
    bins::Compared,
    method::Method,
    stats::{self, Homogeneity, Measured, Undefined},
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
}

/// Counts of reference and window in the bins of PSI, and beside them.
struct Histograms {
    reference: Vec<u64>,
    window: Vec<u64>,
}

impl Histograms {
    fn of(feature: &Compared, current: ColumnCounts<'_>) -> Self {
        let (mut reference, mut window) =
            (feature.reference_counts(), feature.counts(current).collect::<Vec<u64>>());
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

/// A statistic of values from the counts of the fine bins.
pub(crate) fn of_fine_bins(
    method: Method,
    feature: &Compared,
    current: ColumnCounts<'_>,
) -> Measured<Statistic> {
    if !feature.field.kind.is_numeric() {
        return Err(Undefined::NotNumeric);
    }
    let counts: Vec<u64> = current.bins().collect();
    match method {
        Method::Ks => {
            let ks = stats::binned_ks(&feature.reference.bins, &counts)?;
            Ok(Statistic::bounded(ks.at_edges, ks.error_bound))
        }
        _ => Err(Undefined::NeedsRows),
    }
}
