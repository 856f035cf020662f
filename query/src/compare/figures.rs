//! From what was counted of two sides to the numbers of an answer.

use std::{borrow::Cow, collections::BTreeMap};

use super::report::{COMPARE_FIGURES, CompareMetric, CompareResult, SideValue};
use crate::stats::{
    Interval, Lift, Measured, Moments, Proportion, Undefined, binned_mann_whitney, chi2, cohen_d,
    cohen_h, cramers_v, lift_of_means, lift_of_proportions, mann_whitney, mean_difference,
    newcombe_interval, proportion_difference, two_proportion_z, wald_interval, welch,
    welch_degrees, welch_interval,
};

/// Confidence of the intervals.
const LEVEL: f64 = 0.95;

/// What ranks are made of.
#[derive(Debug, Clone)]
pub(super) enum Ranks {
    /// Ascending values.
    Sorted(Vec<f64>),
    /// Counts by fine bin of the reference.
    Bins(Vec<u64>),
    /// Nothing, and why.
    Lacking(Undefined),
}

/// What is known of a side by a metric.
#[derive(Debug, Clone)]
pub(super) enum Measure {
    Share(Proportion),
    Mean(Moments, Ranks),
    Categories(BTreeMap<String, u64>),
    Undefined(Undefined),
}

impl Measure {
    pub(super) fn rows(&self) -> u64 {
        match self {
            Self::Share(share) => share.rows,
            Self::Mean(moments, _) => moments.rows,
            Self::Categories(counts) => counts.values().sum(),
            Self::Undefined(_) => 0,
        }
    }

    /// A side of an answer; `empty` says why it has no row.
    fn side(&self, empty: Undefined) -> SideValue {
        let mut side = SideValue { rows: self.rows(), ..SideValue::default() };
        let value = match self {
            Self::Share(share) => {
                side.hits = Some(share.hits);
                share.share().map_err(|_| empty).map(Some)
            }
            Self::Mean(moments, _) => {
                side.std = moments.variance().ok().map(f64::sqrt);
                if moments.rows == 0 { Err(empty) } else { Ok(Some(moments.mean)) }
            }
            Self::Categories(_) if side.rows == 0 => Err(empty),
            Self::Categories(_) => Ok(None),
            Self::Undefined(undefined) => Err(*undefined),
        };
        side.value = value.ok().flatten();
        side.undefined = value.err().map(|undefined| undefined.to_string());
        side
    }
}

/// Numbers by name as they come.
#[derive(Debug, Default)]
struct Figures {
    found: Vec<(&'static str, f64)>,
    undefined: Vec<(Cow<'static, str>, String)>,
}

impl Figures {
    /// Notes a number, or why there is none.
    fn note(&mut self, name: &'static str, value: Measured<f64>) {
        match value {
            Ok(value) => self.found.push((name, value)),
            Err(why) => self.undefined.push((Cow::Borrowed(name), why.to_string())),
        }
    }

    fn interval(&mut self, [low, high]: [&'static str; 2], interval: Measured<Interval>) {
        self.note(low, interval.map(|interval| interval.low));
        self.note(high, interval.map(|interval| interval.high));
    }

    fn lift(&mut self, lift: Measured<Lift>) {
        self.note("lift", lift.map(|lift| lift.value));
        self.interval(["lift_lower", "lift_upper"], lift.map(|lift| lift.interval));
    }

    fn take(&mut self, name: &str) -> Option<f64> {
        let place = self.found.iter().position(|(known, _)| *known == name)?;
        Some(self.found.remove(place).1)
    }
}

/// Compares two sides by a metric. `empty` says why a side may have no row.
pub(super) fn result(
    metric: &CompareMetric,
    a: &Measure,
    b: &Measure,
    empty: Undefined,
) -> CompareResult {
    let mut figures = Figures::default();
    match (a, b) {
        (Measure::Undefined(why), _) | (_, Measure::Undefined(why)) => {
            figures.note("difference", Err(*why));
        }
        _ if a.rows() == 0 || b.rows() == 0 => figures.note("difference", Err(empty)),
        (Measure::Share(a), Measure::Share(b)) => shares(&mut figures, *a, *b),
        (Measure::Mean(a, a_ranks), Measure::Mean(b, b_ranks)) => {
            means(&mut figures, a, b);
            ranks(&mut figures, a_ranks, b_ranks);
        }
        (Measure::Categories(a), Measure::Categories(b)) => categories(&mut figures, a, b),
        _ => figures.note("difference", Err(Undefined::BinsDiffer)),
    }
    let [difference, lower, upper, p_value] =
        ["difference", "lower", "upper", "p_value"].map(|name| figures.take(name));
    let place = |name: &str| COMPARE_FIGURES.iter().position(|known| *known == name);
    figures.found.sort_by_key(|(name, _)| place(name));
    CompareResult {
        metric: metric.clone(),
        a: a.side(empty),
        b: b.side(empty),
        difference,
        lower,
        upper,
        p_value,
        figures: figures.found.into_iter().map(|(name, n)| (Cow::Borrowed(name), n)).collect(),
        undefined: figures.undefined,
    }
}

fn shares(figures: &mut Figures, a: Proportion, b: Proportion) {
    let test = two_proportion_z(a, b);
    figures.note("difference", proportion_difference(a, b));
    figures.interval(["lower", "upper"], newcombe_interval(a, b, LEVEL));
    figures.interval(["wald_lower", "wald_upper"], wald_interval(a, b, LEVEL));
    figures.note("z", test.map(|test| test.statistic));
    figures.note("p_value", test.map(|test| test.p_value));
    // Of two rows and two columns the chi-square is the square of z.
    figures.note("chi2", test.map(|test| test.statistic.powi(2)));
    figures.note("cohen_h", cohen_h(a, b));
    figures.lift(lift_of_proportions(a, b, LEVEL));
}

fn means(figures: &mut Figures, a: &Moments, b: &Moments) {
    let test = welch(a, b);
    figures.note("difference", mean_difference(a, b));
    figures.interval(["lower", "upper"], welch_interval(a, b, LEVEL));
    figures.note("t", test.map(|test| test.statistic));
    figures.note("dof", welch_degrees(a, b));
    figures.note("p_value", test.map(|test| test.p_value));
    figures.note("cohen_d", cohen_d(a, b));
    figures.lift(lift_of_means(a, b, LEVEL));
}

/// The share of pairs with the larger value on the first side; from bins with bounds, and with the
/// largest p-value that they allow.
fn ranks(figures: &mut Figures, a: &Ranks, b: &Ranks) {
    let (u, error, p, pairs) = match (a, b) {
        (Ranks::Sorted(a), Ranks::Sorted(b)) => {
            let test = mann_whitney(a, b);
            let pairs = a.len() as f64 * b.len() as f64;
            (test.map(|t| t.statistic), Ok(0.0), test.map(|t| t.p_value), pairs)
        }
        (Ranks::Bins(a), Ranks::Bins(b)) => {
            let test = binned_mann_whitney(a, b);
            let rows = |counts: &[u64]| counts.iter().sum::<u64>() as f64;
            let statistic = test.map(|test| test.statistic);
            (
                statistic.map(|bounds| bounds.midpoint()),
                statistic.map(|bounds| bounds.error_bound()),
                test.map(|test| test.p_value.upper),
                rows(a) * rows(b),
            )
        }
        (Ranks::Lacking(why), _) | (_, Ranks::Lacking(why)) => {
            (Err(*why), Err(*why), Err(*why), 1.0)
        }
        _ => {
            let why = Undefined::NeedsRows;
            (Err(why), Err(why), Err(why), 1.0)
        }
    };
    figures.note("mann_whitney_u", u);
    figures.note("mann_whitney_u_error", error);
    figures.note("mann_whitney_p", p);
    figures.note("superiority", u.map(|u| u / pairs));
    figures.note("superiority_error", error.map(|error| error / pairs));
}

fn categories(figures: &mut Figures, a: &BTreeMap<String, u64>, b: &BTreeMap<String, u64>) {
    let names: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    let counts = |side: &BTreeMap<String, u64>| -> Vec<u64> {
        names.iter().map(|name| side.get(*name).copied().unwrap_or(0)).collect()
    };
    let (a, b) = (counts(a), counts(b));
    let test = chi2(&a, &b);
    figures.note("chi2", test.map(|test| test.statistic));
    figures.note("dof", test.map(|test| test.dof as f64));
    figures.note("p_value", test.map(|test| test.p_value));
    figures.note("min_expected", test.map(|test| test.min_expected));
    figures.note("cramers_v", cramers_v(&a, &b));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(hits: u64, rows: u64) -> Measure {
        Measure::Share(Proportion { hits, rows })
    }

    fn figure(result: &CompareResult, name: &str) -> Option<f64> {
        result.figures.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    #[test]
    fn a_share_has_all_its_figures_in_order() {
        let metric = CompareMetric::Accuracy;
        let got = result(&metric, &share(120, 1_000), &share(150, 1_000), Undefined::NoLabel);
        assert!(got.difference.is_some_and(|d| (d + 0.03).abs() < 1e-15), "{got:?}");
        assert!(got.p_value.is_some_and(|p| (p - 0.049_640_386_865_368_78).abs() < 1e-9));
        let names: Vec<&str> = got.figures.iter().map(|(name, _)| &**name).collect();
        let want = [
            "wald_lower",
            "wald_upper",
            "z",
            "chi2",
            "cohen_h",
            "lift",
            "lift_lower",
            "lift_upper",
        ];
        assert_eq!(names, want);
        assert!(figure(&got, "lift").is_some_and(|lift| (lift + 0.2).abs() < 1e-12));
        assert!(got.undefined.is_empty());
    }

    #[test]
    fn a_side_without_rows_has_a_reason_and_no_figure() {
        let metric = CompareMetric::Recall;
        let got = result(&metric, &share(0, 0), &share(1, 2), Undefined::ClassNotLabelled);
        assert_eq!(got.a.undefined.as_deref(), Some("no row labelled with the class"));
        assert_eq!((got.b.value, got.difference, got.p_value), (Some(0.5), None, None));
        assert!(got.figures.is_empty());
        let why = vec![("difference".into(), "no row labelled with the class".to_owned())];
        assert_eq!(got.undefined, why);
    }

    #[test]
    fn ranks_of_bins_surround_those_of_rows() {
        let mean = |values: &[f64], ranks| Measure::Mean(Moments::of(values), ranks);
        let (a, b) = ([1.0, 2.0, 5.0, 9.0], [0.0, 2.5, 6.0, 6.5, 7.0]);
        let metric = CompareMetric::Mean("x".to_owned());
        let sorted = |values: &[f64]| mean(values, Ranks::Sorted(values.to_vec()));
        let exact = result(&metric, &sorted(&a), &sorted(&b), Undefined::NoValue);
        // 1 > 0; 2 > 0; 5 > 0 and 2.5; 9 > all.
        assert_eq!(figure(&exact, "mann_whitney_u"), Some(9.0));
        assert_eq!(figure(&exact, "superiority"), Some(0.45));
        let bins = |values: &[f64], bins: Vec<u64>| mean(values, Ranks::Bins(bins));
        // Below 3, below 8, above.
        let fast =
            result(&metric, &bins(&a, vec![2, 1, 1]), &bins(&b, vec![2, 3, 0]), Undefined::NoValue);
        let (u, error) = (figure(&fast, "mann_whitney_u"), figure(&fast, "mann_whitney_u_error"));
        assert!((u.unwrap_or(0.0) - 9.0).abs() <= error.unwrap_or(0.0), "{fast:?}");
        assert!(figure(&fast, "mann_whitney_p") >= figure(&exact, "mann_whitney_p"));
    }

    #[test]
    fn categories_of_both_sides_are_matched_by_name() {
        let counts = |pairs: &[(&str, u64)]| {
            Measure::Categories(pairs.iter().map(|(n, c)| ((*n).to_owned(), *c)).collect())
        };
        let metric = CompareMetric::Categories("country".to_owned());
        let (a, b) = (counts(&[("x", 10), ("y", 20)]), counts(&[("y", 10), ("x", 20)]));
        let got = result(&metric, &a, &b, Undefined::NoValue);
        assert!(figure(&got, "chi2").is_some_and(|chi2| (chi2 - 20.0 / 3.0).abs() < 1e-12));
        assert_eq!((figure(&got, "dof"), got.difference, got.a.rows), (Some(1.0), None, 30));
    }
}
