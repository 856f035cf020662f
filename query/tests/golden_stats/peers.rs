//! Values of NannyML and Evidently, where their definitions are ours on their own bins.
//!
//! NannyML estimates Wasserstein from 10,000 bins where the reference has as many rows; those cases
//! are held to a fiftieth, or one bin's width. Left out of Evidently are the definitions that are not ours:
//! PSI and KL with its zero rule, numeric distances over its pooled bins, goodness of fit.

use std::collections::HashMap;

use parquet::record::Field;
use serde_json::Value;

use crate::data::{by_name, cells, finish, paired, sorted};
use crate::stats::{
    Measured, Undefined, chi2, energy, hellinger, js, linf, wasserstein, wasserstein_norm,
};
use crate::vectors::{cases, check, id};

/// Rows from which NannyML estimates.
const ESTIMATED_FROM: usize = 10_000;

/// How far its estimates may be off, as a share.
const ESTIMATE_ERROR: f64 = 0.02;

fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case["inputs"][key].as_str().expect("input is named")
}

/// Edges of numpy's `histogram_bin_edges(.., 'doane')`.
fn doane(sorted: &[f64]) -> Vec<f64> {
    let n = sorted.len() as f64;
    let (low, high) = (sorted[0], sorted[sorted.len() - 1]);
    let mean = sorted.iter().sum::<f64>() / n;
    let moment = |power: i32| sorted.iter().map(|x| (x - mean).powi(power)).sum::<f64>() / n;
    let sigma = moment(2).sqrt();
    let bins = if sigma > 0.0 {
        let spread = (6.0 * (n - 2.0) / ((n + 1.0) * (n + 3.0))).sqrt();
        let skewness = moment(3) / sigma.powi(3);
        let width = (high - low) / (1.0 + n.log2() + (1.0 + skewness.abs() / spread).log2());
        ((high - low) / width).ceil()
    } else {
        1.0
    };
    // A constant column has one bin of width 1 around it.
    let (low, high) = if low < high { (low, high) } else { (low - 0.5, high + 0.5) };
    let step = (high - low) / bins;
    (0..=bins as usize)
        .map(|i| if i as f64 == bins { high } else { low + i as f64 * step })
        .collect()
}

/// Counts in numpy's bins, the last closed on both sides, and one for what is outside.
fn in_bins(values: &[f64], edges: &[f64]) -> Vec<u64> {
    let mut out = vec![0; edges.len()];
    for value in values {
        let after = edges.partition_point(|edge| edge <= value);
        let last = edges.last() == Some(value);
        let bin = if last { after - 2 } else { after.wrapping_sub(1) };
        out[if bin < edges.len() - 1 { bin } else { edges.len() - 1 }] += 1;
    }
    out
}

/// A reference as NannyML fits it.
enum Reference {
    /// Sorted values, its edges, and the counts between them.
    Numbers(Vec<f64>, Vec<f64>, Vec<u64>),
    /// Rows by category.
    Names(HashMap<String, u64>),
}

impl Reference {
    fn new(cells: &[Field], numeric: bool) -> Self {
        if !numeric {
            return Self::Names(by_name(cells));
        }
        let values = sorted(cells);
        // A column without values has no edges, and no chunk of it is recorded.
        let edges = if values.is_empty() { Vec::new() } else { doane(&values) };
        let counts = in_bins(&values, &edges);
        Self::Numbers(values, edges, counts)
    }

    /// A chunk's value, and how far NannyML may be from it.
    fn value(&self, method: &str, chunk: &[Field]) -> (Measured<f64>, f64) {
        match self {
            Self::Names(known) => (categorical(method, known, &by_name(chunk)), 1e-9),
            Self::Numbers(x, edges, r) => numeric(method, (x, edges, r), &sorted(chunk)),
        }
    }
}

fn numeric(
    method: &str,
    (x, edges, r): (&[f64], &[f64], &[u64]),
    y: &[f64],
) -> (Measured<f64>, f64) {
    match method {
        "jensen_shannon" => (js(r, &in_bins(y, edges)), 1e-9),
        "hellinger" => (hellinger(r, &in_bins(y, edges)), 1e-9),
        "wasserstein" if x.len() < ESTIMATED_FROM => (wasserstein(x, y), 1e-12),
        "wasserstein" => {
            let (exact, width) = (wasserstein(x, y), (x[x.len() - 1] - x[0]) / 10_000.0);
            (exact, exact.map_or(0.0, |exact| (exact * ESTIMATE_ERROR).max(width)))
        }
        other => unreachable!("method {other}"),
    }
}

/// Counts over the reference's categories, and one for all others.
fn with_others(r: &HashMap<String, u64>, c: &HashMap<String, u64>) -> (Vec<u64>, Vec<u64>) {
    let known: HashMap<String, u64> =
        r.keys().map(|name| (name.clone(), c.get(name).copied().unwrap_or(0))).collect();
    let others = c.values().sum::<u64>() - known.values().sum::<u64>();
    let (mut r, mut c) = paired(r, &known);
    r.push(0);
    c.push(others);
    (r, c)
}

/// What Yates' correction, which NannyML leaves on, makes of the chi-square of a 2 x 2 table: there
/// every cell is as far from its expectation, and that is cut by half a row.
fn yates(r: &[u64], c: &[u64]) -> f64 {
    let (&[r0, r1], &[c0, _]) = (r, c) else { return 1.0 };
    let (n, m) = ((r0 + r1) as f64, c.iter().sum::<u64>() as f64);
    let off = (r0 as f64 - n * (r0 + c0) as f64 / (n + m)).abs();
    ((off - off.min(0.5)) / off).powi(2)
}

fn categorical(method: &str, x: &HashMap<String, u64>, y: &HashMap<String, u64>) -> Measured<f64> {
    let (r, c) = paired(x, y);
    let (known, window) = with_others(x, y);
    match method {
        "jensen_shannon" => js(&known, &window),
        "hellinger" => hellinger(&known, &window),
        "chi2" => chi2(&r, &c).map(|test| test.statistic * yates(&r, &c)),
        "l_infinity" => linf(&r, &c),
        other => unreachable!("method {other}"),
    }
}

#[test]
fn drift_of_chunks_equals_nannyml() {
    let numeric_columns: Vec<String> = cases("drift_numeric.json")
        .unwrap_or_default()
        .iter()
        .map(|case| format!("{}/{}", text(case, "dataset"), text(case, "column")))
        .collect();
    let mut checked = 0;
    for case in cases("nannyml.json").unwrap_or_default() {
        let Some(method) = case["params"]["method"].as_str() else { continue };
        // Its D of large references is estimated too, and ours is tested elsewhere.
        if method == "kolmogorov_smirnov" || !id(&case).contains("/univariate/") {
            continue;
        }
        let column = text(&case, "column");
        let Some(reference) = cells(text(&case, "reference"), column, &Value::Null) else {
            continue;
        };
        let Some(all) = cells(text(&case, "predictions"), column, &Value::Null) else { continue };
        let name = format!("{}/{column}", text(&case, "dataset"));
        let size = case["params"]["chunk_size"].as_u64().expect("chunks have a size") as usize;
        let values = case["expected"]["values"].as_array().expect("values are recorded");
        assert_eq!(values.len(), all.chunks(size).len(), "{}", id(&case));
        let fitted = Reference::new(&reference, numeric_columns.contains(&name));
        for (chunk, want) in all.chunks(size).zip(values) {
            let Some(want) = want.as_f64() else { continue };
            let (got, absolute) = fitted.value(method, chunk);
            check(&case, method, got, want, 1e-6, absolute);
            checked += 1;
        }
    }
    finish("chunks of NannyML", checked);
}

#[test]
fn drift_of_windows_equals_evidently() {
    let mut checked = 0;
    for case in cases("evidently.json").unwrap_or_default() {
        let Some(column) = case["inputs"]["column"].as_str() else { continue };
        let Some(reference) = cells(text(&case, "reference"), column, &Value::Null) else {
            continue;
        };
        let window = &case["inputs"]["window"];
        let Some(current) = cells(text(&case, "predictions"), column, window) else { continue };
        let value = |name: &str| case["expected"][name]["value"].as_f64();
        if let (Some(norm), Some(squared)) = (value("wasserstein"), value("ed")) {
            let (x, y) = (sorted(&reference), sorted(&current));
            // It divides by 0.001 at least; a constant reference has no norm of ours.
            let got = match wasserstein_norm(&x, &y) {
                Err(Undefined::NoSpread) => wasserstein(&x, &y).map(|w| w / 0.001),
                got => got,
            };
            check(&case, "wasserstein", got, norm, 1e-6, 0.0);
            check(&case, "ed", energy(&x, &y), squared, 1e-6, 0.0);
            checked += 2;
        } else if let (Some(base_e), Some(root)) = (value("jensenshannon"), value("hellinger")) {
            let (r, c) = paired(&by_name(&reference), &by_name(&current));
            let natural = js(&r, &c).map(|js| js * std::f64::consts::LN_2.sqrt());
            check(&case, "jensenshannon", natural, base_e, 1e-6, 1e-9);
            check(&case, "hellinger", hellinger(&r, &c), root, 1e-6, 1e-7);
            checked += 2;
        }
    }
    finish("windows of Evidently", checked);
}
