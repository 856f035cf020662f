//! Univariate drift as NannyML (0.13) computes it.
//!
//! Nulls and NaN are left out (infinities too, on which it fails). Bins of Jensen-Shannon and
//! Hellinger are those of numpy's `doane` over the reference, and one more for what is outside, or the
//! reference's categories and one more for new ones. A reference of 10,000 values or more is kept as
//! 10,000 bins of equal width for Kolmogorov-Smirnov and Wasserstein, whose values are then estimates.
//! Drift is a value above the mean and three deviations of the values that the chunks of the reference
//! itself have; of chi-square p < 0.05.

use std::borrow::Cow;

use driftline_storage::Column;

use super::{Judged, Outcome, Sides, binned, equal_width, reason};
use crate::{
    explain,
    explanation::{Both, ExplainedBin, Explanation},
    method::Method,
    reference::finite_sorted,
    stats::{self, Measured, Undefined},
};

/// What is reproduced.
pub(super) const METHODS: [Method; 6] =
    [Method::Js, Method::Ks, Method::Wasserstein, Method::Hellinger, Method::Chi2, Method::Linf];

/// Values of the reference from which two methods are estimated.
const ESTIMATED_FROM: usize = 10_000;
/// Bins of those estimates.
const ESTIMATE_BINS: usize = 10_000;
/// Chunks that a reference is cut into unless their rows are given.
const CHUNKS: usize = 10;
/// Deviations of the chunks' values above their mean that are not yet drift.
const DEVIATIONS: f64 = 3.0;
/// p-value below which chi-square is drift.
const P_VALUE: f64 = 0.05;

const NOT_OF_NUMBERS: &str =
    "NannyML has it of categories only; ask for js, ks, wasserstein or hellinger of numbers";
const NO_CHUNKS: &str = "the reference has too few rows for the chunks of NannyML's threshold; give \
                         it more, or smaller chunks";

/// Why there is no threshold, or from which value on a window drifts.
type Threshold = std::result::Result<f64, Cow<'static, str>>;

/// A column of a reference, as its methods keep it, and their thresholds.
#[derive(Debug)]
pub(super) struct Fitted {
    kept: Kept,
    thresholds: Vec<(Method, Threshold)>,
}

#[derive(Debug)]
enum Kept {
    /// Of numbers.
    Numbers {
        /// Sorted.
        reference: Vec<f64>,
        doane: Vec<f64>,
        /// Nothing where values are compared exactly.
        estimate: Option<Estimate>,
        /// Sorted values of each chunk.
        chunks: Vec<Vec<f64>>,
    },
    /// Of categories: rows of the whole and of each chunk, in one order.
    Names { reference: Vec<u64>, chunks: Vec<Vec<u64>> },
}

impl Fitted {
    /// Fits methods, Jensen-Shannon if none is asked for, to a column in the order of its rows. Chunks
    /// have so many rows each and the last what is left.
    pub(super) fn new(column: &Column, chunk_rows: Option<u64>, methods: &[Method]) -> Self {
        let kept = Kept::new(column, chunk_rows);
        let methods = if methods.is_empty() { &[Method::Js] } else { methods };
        let threshold = |method: &Method| (*method, kept.threshold(*method));
        let thresholds = methods.iter().map(threshold).collect();
        Self { kept, thresholds }
    }

    fn threshold(&self, method: Method) -> Threshold {
        let known = self.thresholds.iter().find(|(known, _)| *known == method);
        known.map_or(Err(NO_CHUNKS.into()), |(_, threshold)| threshold.clone())
    }
}

impl Kept {
    fn new(column: &Column, chunk_rows: Option<u64>) -> Self {
        let rows = chunk_rows
            .map_or(column.len() / CHUNKS, |rows| usize::try_from(rows).unwrap_or(usize::MAX));
        match column {
            Column::Numeric(values) => {
                let reference = finite_sorted(values);
                let estimate = Estimate::new(&reference);
                let doane = equal_width::doane(&reference);
                let chunks = match rows {
                    0 => Vec::new(),
                    rows => values.chunks(rows).map(finite_sorted).collect(),
                };
                Self::Numbers { reference, doane, estimate, chunks }
            }
            Column::Categories(column) => {
                let count = |codes: &[u32]| {
                    let mut counts = vec![0_u64; column.dictionary.len()];
                    for code in codes {
                        if let Some(count) = counts.get_mut(*code as usize) {
                            *count += 1;
                        }
                    }
                    counts
                };
                let chunks = match rows {
                    0 => Vec::new(),
                    rows => column.codes.chunks(rows).map(count).collect(),
                };
                Self::Names { reference: count(&column.codes), chunks }
            }
        }
    }

    /// The value of a method from which on a window drifts.
    fn threshold(&self, method: Method) -> Threshold {
        let values: Vec<Measured<f64>> = match self {
            Self::Numbers { chunks, .. } => {
                chunks.iter().map(|chunk| self.of_numbers(method, chunk)).collect()
            }
            Self::Names { reference, chunks } => {
                chunks.iter().map(|chunk| of_names(method, reference, chunk)).collect()
            }
        };
        // Chunks without a value of the column are left out.
        let known = values.into_iter().filter(|value| *value != Err(Undefined::WindowEmpty));
        let values = known.collect::<Measured<Vec<f64>>>().map_err(reason)?;
        if values.is_empty() {
            return Err(NO_CHUNKS.into());
        }
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
        let threshold = mean + DEVIATIONS * variance.sqrt();
        // No value of this one can be larger.
        Ok(if method == Method::Ks { threshold.min(1.0) } else { threshold })
    }

    /// A method of sorted values of a number.
    fn of_numbers(&self, method: Method, window: &[f64]) -> Measured<f64> {
        let Self::Numbers { reference, doane, estimate, .. } = self else {
            return Err(Undefined::NotNumeric);
        };
        if reference.is_empty() {
            return Err(Undefined::ReferenceEmpty);
        }
        if window.is_empty() {
            return Err(Undefined::WindowEmpty);
        }
        match (method, estimate) {
            (Method::Js | Method::Hellinger, _) => {
                let (known, counts) = binned::counts(&with_outside(doane, reference, window));
                histogram(method, &known, &counts)
            }
            (Method::Ks, None) => stats::ks_statistic(reference, window),
            (Method::Ks, Some(estimate)) => Ok(estimate.ks(window)),
            (Method::Wasserstein, None) => stats::wasserstein(reference, window),
            (Method::Wasserstein, Some(estimate)) => estimate.wasserstein(window),
            _ => Err(Undefined::NotNumeric),
        }
    }
}

fn histogram(method: Method, reference: &[u64], window: &[u64]) -> Measured<f64> {
    if method == Method::Js {
        stats::js(reference, window)
    } else {
        stats::hellinger(reference, window)
    }
}

/// The bins of a number, and one for the values of the window outside them.
fn with_outside(edges: &[f64], reference: &[f64], window: &[f64]) -> Vec<ExplainedBin> {
    let mut bins = binned::closed(edges, reference, window);
    let outside = window.len() as u64 - binned::rows(&bins).current;
    bins.push(outside_bin(outside));
    bins
}

fn outside_bin(current: u64) -> ExplainedBin {
    ExplainedBin {
        name: Some(Cow::Borrowed("(outside the reference)")),
        count: Both { reference: 0, current },
        ..ExplainedBin::default()
    }
}

/// Categories of the reference, and one for new ones together.
fn with_new(names: &[ExplainedBin]) -> Vec<ExplainedBin> {
    let (known, new): (Vec<ExplainedBin>, Vec<ExplainedBin>) =
        names.iter().cloned().partition(|bin| bin.count.reference > 0);
    let mut bins = known;
    bins.push(outside_bin(binned::rows(&new).current));
    bins
}

/// Bins of equal width over a large reference, with its distribution function at their upper ends.
#[derive(Debug)]
struct Estimate {
    edges: Vec<f64>,
    reference: Vec<f64>,
}

impl Estimate {
    /// Nothing of fewer values than are estimated.
    fn new(sorted: &[f64]) -> Option<Self> {
        let (low, high) = sorted.first().zip(sorted.last())?;
        (sorted.len() >= ESTIMATED_FROM).then(|| {
            let edges = equal_width::edges(*low, *high, ESTIMATE_BINS);
            let reference = up_to(&edges, sorted);
            Self { edges, reference }
        })
    }

    fn ks(&self, window: &[f64]) -> f64 {
        let window = up_to(&self.edges, window);
        let differences = self.reference.iter().zip(&window).map(|(f, g)| (f - g).abs());
        differences.fold(0.0, f64::max)
    }

    /// The area inside the reference's range as the sum over the bins of the difference at their upper
    /// ends times their width, and outside exactly. Inside, rows below the range count one too many,
    /// as they do in NannyML.
    fn wasserstein(&self, window: &[f64]) -> Measured<f64> {
        let (Some(low), Some(next), Some(high)) =
            (self.edges.first(), self.edges.get(1), self.edges.last())
        else {
            return Err(Undefined::ReferenceEmpty);
        };
        let rows = window.len() as f64;
        let below = window.partition_point(|value| value < low);
        let above = window.partition_point(|value| value <= high);
        let excess = if below > 0 { 1.0 / rows } else { 0.0 };
        let known = self.reference.iter().zip(up_to(&self.edges, window));
        let inside: f64 = known.map(|(f, g)| (f - (g + excess)).abs() * (next - low)).sum();
        let under: f64 = window.iter().take(below).map(|value| low - value).sum();
        let over: f64 = window.iter().skip(above).map(|value| value - high).sum();
        let value = inside + (under + over) / rows;
        if value.is_finite() { Ok(value) } else { Err(Undefined::NotFinite) }
    }
}

/// The share of sorted values up to the upper end of each bin. Bins are closed on the left, the last
/// one on both sides.
fn up_to(edges: &[f64], sorted: &[f64]) -> Vec<f64> {
    let mut values = sorted.iter().peekable();
    let mut rows = 0_u64;
    let last = edges.len().saturating_sub(1);
    let mut share = |(place, end): (usize, &f64)| {
        while values.next_if(|value| *value < end || (place == last && *value == end)).is_some() {
            rows += 1;
        }
        rows as f64 / sorted.len() as f64
    };
    edges.iter().enumerate().skip(1).map(&mut share).collect()
}

/// A method of rows by category, over the categories of either side.
fn of_names(method: Method, reference: &[u64], window: &[u64]) -> Measured<f64> {
    match method {
        Method::Chi2 => chi2(reference, window).map(|(statistic, _)| statistic),
        Method::Linf => stats::linf(reference, window),
        Method::Js | Method::Hellinger => {
            let new = |(known, _): &(&u64, &u64)| **known == 0;
            let pairs = || reference.iter().zip(window);
            let others: u64 = pairs().filter(new).map(|(_, rows)| rows).sum();
            let (mut known, mut rows): (Vec<u64>, Vec<u64>) =
                pairs().filter(|pair| !new(pair)).map(|(r, c)| (*r, *c)).unzip();
            known.push(0);
            rows.push(others);
            histogram(method, &known, &rows)
        }
        _ => Err(Undefined::NotNumeric),
    }
}

/// Chi-square and its p-value, with Yates' correction of two categories, which scipy applies unless it
/// is told not to; one category gives 0 and 1.
fn chi2(reference: &[u64], window: &[u64]) -> Measured<(f64, f64)> {
    let test = match stats::chi2(reference, window) {
        Err(Undefined::OneCategory) => return Ok((0.0, 1.0)),
        test => test?,
    };
    if test.dof != 1 {
        return Ok((test.statistic, test.p_value));
    }
    // Each cell of the table is as far from its expectation, and that is cut by half a row.
    let (n, m) = (reference.iter().sum::<u64>() as f64, window.iter().sum::<u64>() as f64);
    let filled = reference.iter().zip(window).find(|(r, c)| **r + **c > 0);
    let off = filled.map_or(0.0, |(r, c)| (*r as f64 - n * (*r + *c) as f64 / (n + m)).abs());
    if off == 0.0 {
        return Ok((0.0, 1.0));
    }
    let statistic = test.statistic * ((off - off.min(0.5)) / off).powi(2);
    Ok((statistic, stats::chi_square_tail(1, statistic)?))
}

/// A method of a window, Jensen-Shannon if none is asked for.
pub(super) fn judge(asked: Option<Method>, sides: Sides<'_>, fitted: &Fitted) -> (Method, Outcome) {
    let method = asked.unwrap_or(Method::Js);
    (method, of_method(method, sides, fitted))
}

fn of_method(method: Method, sides: Sides<'_>, fitted: &Fitted) -> Outcome {
    let value = match (method, sides) {
        (Method::Chi2 | Method::Linf, Sides::Numbers { .. }) => return Err(NOT_OF_NUMBERS.into()),
        (Method::Chi2, Sides::Names(names)) => {
            let (reference, window) = binned::counts(names);
            let (statistic, p_value) = chi2(&reference, &window).map_err(reason)?;
            return Ok(Judged {
                value: Ok(statistic),
                p_value: Some(p_value),
                threshold: P_VALUE,
                detected: Ok(p_value < P_VALUE),
            });
        }
        (_, Sides::Numbers { window, .. }) => fitted.kept.of_numbers(method, window),
        (_, Sides::Names(names)) => {
            let (reference, window) = binned::counts(names);
            of_names(method, &reference, &window)
        }
    };
    let value = value.map_err(reason)?;
    Ok(match fitted.threshold(method) {
        Ok(threshold) => Judged::distance(value, threshold, value > threshold),
        Err(why) => {
            Judged { value: Ok(value), p_value: None, threshold: f64::NAN, detected: Err(why) }
        }
    })
}

/// How a value came about.
pub(super) fn explain(asked: Option<Method>, sides: Sides<'_>, fitted: &Fitted) -> Explanation {
    let method = asked.unwrap_or(Method::Js);
    let bins = match (method, sides, &fitted.kept) {
        (
            Method::Js | Method::Hellinger,
            Sides::Numbers { reference, window },
            Kept::Numbers { doane, .. },
        ) => with_outside(doane, reference, window),
        (Method::Js | Method::Hellinger, Sides::Names(names), _) => with_new(names),
        (Method::Chi2 | Method::Linf, Sides::Names(names), _) => names.to_vec(),
        _ => Vec::new(),
    };
    let (reference, window) = binned::counts(&bins);
    match method {
        Method::Js => {
            let terms = stats::js_terms(&reference, &window);
            explain::of_terms(explain::rule(method), None, bins, Some(terms), explain::SQUARE)
        }
        Method::Hellinger => {
            let terms = stats::hellinger_terms(&reference, &window);
            explain::of_terms(explain::rule(method), None, bins, Some(terms), explain::SQUARE)
        }
        Method::Linf if !bins.is_empty() => {
            let terms = stats::linf_terms(&reference, &window);
            explain::of_terms(explain::rule(method), None, bins, Some(terms), explain::LARGEST)
        }
        Method::Chi2 if !bins.is_empty() => {
            let made = "no sum over bins where there are two: Yates' correction cuts their table";
            let two = bins.iter().filter(|bin| bin.count != Both::default()).count() == 2;
            let terms = (!two).then(|| stats::chi2_terms(&reference, &window));
            let made = if two { made } else { explain::SUM };
            explain::of_terms(explain::rule(method), None, bins, terms, made)
        }
        _ => {
            let rows = match sides {
                Sides::Numbers { reference, window } => {
                    Both { reference: reference.len() as u64, current: window.len() as u64 }
                }
                Sides::Names(names) => binned::rows(names),
            };
            let explanation = explain::of_rows(method, rows);
            match &fitted.kept {
                Kept::Numbers { estimate: Some(_), .. } => Explanation {
                    contributions:
                        "estimated on 10,000 bins of equal width over the reference, as \
                                    NannyML keeps references of 10,000 values or more"
                            .into(),
                    ..explanation
                },
                _ => explanation,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(values: impl IntoIterator<Item = f64>, chunk_rows: Option<u64>) -> Fitted {
        Fitted::new(&Column::Numeric(values.into_iter().collect()), chunk_rows, &METHODS)
    }

    #[test]
    fn two_categories_are_cut_by_half_a_row() {
        // scipy.stats.chi2_contingency([[10, 20], [20, 10]]): 5.4, p = 0.02013675...
        let (statistic, p_value) = chi2(&[10, 20], &[20, 10]).expect("two categories");
        assert!(
            (statistic - 5.4).abs() < 1e-12 && (p_value - 0.020_136_751_550_346_333).abs() < 1e-12
        );
        assert_eq!(chi2(&[10, 20, 0], &[20, 40, 0]), Ok((0.0, 1.0)));
        assert_eq!(chi2(&[10], &[3]), Ok((0.0, 1.0)));
        let three = stats::chi2(&[5, 6, 7], &[7, 6, 1]).expect("three").statistic;
        assert_eq!(chi2(&[5, 6, 7], &[7, 6, 1]).map(|(statistic, _)| statistic), Ok(three));
    }

    #[test]
    fn a_threshold_needs_chunks_that_have_values() {
        let few = numbers((0..9).map(f64::from), None);
        assert_eq!(few.threshold(Method::Js), Err(NO_CHUNKS.into()));
        let nothing = numbers([f64::NAN; 4], Some(2));
        assert!(nothing.threshold(Method::Ks).is_err());
        let half = numbers([1.0, 2.0, f64::NAN, f64::NAN], Some(2));
        assert_eq!(half.threshold(Method::Ks), Ok(0.0), "the empty half is left out");
        // Two chunks apart from each other: both have D = 1/2, and no deviation.
        let apart = numbers([1.0, 2.0, 11.0, 12.0], Some(2));
        assert_eq!(apart.threshold(Method::Ks), Ok(0.5));
        let window = [20.0, 21.0];
        let sides = Sides::Numbers { reference: &[1.0, 2.0, 11.0, 12.0], window: &window };
        let judged = judge(Some(Method::Ks), sides, &apart).1.expect("values");
        assert_eq!((judged.value, judged.detected), (Ok(1.0), Ok(true)));
        let judged = judge(Some(Method::Ks), sides, &few).1.expect("a value all the same");
        assert!(judged.value.is_ok() && judged.detected == Err(NO_CHUNKS.into()));
    }

    #[test]
    fn large_references_are_estimated_near_the_exact_value() {
        let reference: Vec<f64> =
            (0..12_000).map(|i| f64::from(i * 7919 % 12_000) / 100.0).collect();
        let fitted = numbers(reference.iter().copied(), None);
        let sorted = finite_sorted(&reference);
        let window = finite_sorted(&[-30.0, 5.0, 5.5, 60.25, 100.0, 150.0, 151.0]);
        let ks = fitted.kept.of_numbers(Method::Ks, &window).expect("values");
        assert!((ks - stats::ks_statistic(&sorted, &window).expect("values")).abs() < 1e-3);
        let area = fitted.kept.of_numbers(Method::Wasserstein, &window).expect("values");
        let exact = stats::wasserstein(&sorted, &window).expect("values");
        // One row below the range counts twice inside, a seventh over a range of 120.
        assert!((area - exact).abs() < 120.0 / 7.0, "{area} {exact}");
        let inside = finite_sorted(&[5.0, 5.5, 60.25, 100.0]);
        let area = fitted.kept.of_numbers(Method::Wasserstein, &inside).expect("values");
        let exact = stats::wasserstein(&sorted, &inside).expect("values");
        assert!((area / exact - 1.0).abs() < 1e-3, "{area} {exact}");
    }

    #[test]
    fn what_it_has_not_of_numbers_is_refused() {
        let fitted = numbers((0..100).map(f64::from), None);
        let sides = Sides::Numbers { reference: &[1.0], window: &[1.0] };
        for method in [Method::Chi2, Method::Linf] {
            assert_eq!(judge(Some(method), sides, &fitted).1.err(), Some(NOT_OF_NUMBERS.into()));
        }
        assert_eq!(judge(None, sides, &fitted).0, Method::Js);
    }
}
