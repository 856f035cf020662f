//! Statistics of two samples: Wasserstein, energy, Cramér-von Mises, Mann-Whitney; and that their
//! forms from percentile bins hold the exact value.

use serde_json::Value;

use crate::data::{self, cells, sorted};
use crate::stats::{
    BinnedSamples, Bounds, TwoSampleTest, ad, binned_ad, binned_cvm, binned_cvm_tied,
    binned_energy, binned_mann_whitney, binned_wasserstein, cvm, cvm_tied, energy,
    interior_quantile_edges, mann_whitney, mean_shift, variance_ratio, wasserstein,
    wasserstein_norm,
};
use crate::vectors::{
    check, check_value, finish, id, inline, numeric_by_column, numeric_windows, sorted_numbers,
    undefined,
};

/// Both sorted samples of a case over data files.
fn samples(case: &Value) -> Option<(Vec<f64>, Vec<f64>)> {
    let side = |key: &str| {
        let (side, column) = (&case["inputs"][key], case["inputs"]["column"].as_str());
        let file = side["file"].as_str().expect("file is named");
        Some(sorted(&cells(file, column.expect("column is named"), &side["window"])?))
    };
    Some((side("reference")?, side("current")?))
}

/// Checks every statistic that a case records; returns how many.
fn check_case(case: &Value, x: &[f64], y: &[f64]) -> usize {
    let expected = &case["expected"];
    let mut checked = 0;
    let plain = [
        ("wasserstein", wasserstein(x, y), 1e-9),
        ("wasserstein_norm", wasserstein_norm(x, y), 1e-9),
        ("energy_distance", energy(x, y), 1e-7),
    ];
    for (name, got, relative) in plain {
        if let Some(want) = expected[name].as_f64() {
            check(case, name, got, want, relative, 1e-12);
            checked += 1;
        } else if undefined(case, name) {
            assert!(got.is_err(), "{} {name}", id(case));
            checked += 1;
        }
    }
    let block = &expected["cramer_von_mises"];
    if let Some(want) = block["statistic"].as_f64() {
        let got = cvm(x, y);
        check(case, "cvm", got.map(|t| t.statistic), want, 1e-7, 0.0);
        // scipy's series stops at terms of 1e-7, so that is how well its p is known.
        let p = block["p"].as_f64().expect("p is recorded");
        check(case, "cvm p", got.map(|t| t.p_value), p, 1e-6, 4e-7);
        checked += 1;
    }
    let block = &expected["mann_whitney"];
    if let Some(want) = block["u_ref"].as_f64() {
        let got = mann_whitney(x, y);
        assert_eq!(got.map(|t| t.statistic), Ok(want), "{}", id(case));
        let p = block["p"].as_f64().expect("p is recorded");
        check(case, "mann_whitney p", got.map(|t| t.p_value), p, 1e-9, 1e-300);
        checked += 1;
    }
    if let (Some(before), Some(after)) =
        (expected["mean_ref"].as_f64(), expected["mean_cur"].as_f64())
    {
        let (s, t) = (expected["std_ref"].as_f64(), expected["std_cur"].as_f64());
        let (s, t) = s.zip(t).expect("deviations are recorded beside means");
        if s > 0.0 {
            // Recorded with ddof 1, ours is 0 for a shift and 1 for a ratio of variances.
            let rows = x.len() as f64;
            let shift = (after - before) / (s * ((rows - 1.0) / rows).sqrt());
            check_value(case, "mean_shift", mean_shift(x, y), shift);
            check_value(case, "variance_ratio", variance_ratio(x, y), (t / s).powi(2));
        } else {
            assert!(mean_shift(x, y).is_err() && variance_ratio(x, y).is_err(), "{}", id(case));
        }
        checked += 1;
    }
    checked
}

fn holds(case: &Value, what: &str, bounds: Bounds, exact: f64) {
    let inside = bounds.lower <= exact && exact <= bounds.upper;
    let near = (bounds.midpoint() - exact).abs() <= bounds.error_bound();
    assert!(inside && near, "{} {what}: {exact} outside {bounds:?}", id(case));
}

/// What a sample is in bins closed on the left: rows and sums.
fn binned(sorted: &[f64], edges: &[f64]) -> (Vec<u64>, Vec<f64>) {
    let mut out = (vec![0; edges.len() + 1], vec![0.0; edges.len() + 1]);
    for value in sorted {
        let bin = edges.partition_point(|edge| edge <= value);
        out.0[bin] += 1;
        out.1[bin] += value;
    }
    out
}

/// The forms from percentile bins hold the exact values; returns the error bound of Wasserstein in
/// shares of the distance, with sums.
fn check_bounds(case: &Value, x: &[f64], y: &[f64]) -> Option<f64> {
    let edges = interior_quantile_edges(x, 100);
    let ((r, x_sums), (c, y_sums)) = (binned(x, &edges), binned(y, &edges));
    let exact = wasserstein(x, y).ok()?;
    let ends = x.iter().chain(y).copied();
    let range = ends.clone().reduce(f64::min).zip(ends.reduce(f64::max));
    let without =
        BinnedSamples { ref_counts: &r, cur_counts: &c, edges: &edges, range, sums: None };
    let with = BinnedSamples { range: None, sums: Some((&x_sums, &y_sums)), ..without };
    for samples in [&without, &with] {
        holds(case, "wasserstein", binned_wasserstein(samples).expect("ends or sums"), exact);
        let squares = binned_energy(samples).expect("ends or sums");
        holds(case, "energy", squares, energy(x, y).expect("rows"));
    }
    let test = |what: &str, binned: crate::stats::BinnedTest, exact: TwoSampleTest| {
        holds(case, what, binned.statistic, exact.statistic);
        holds(case, what, binned.p_value, exact.p_value);
    };
    test("cvm", binned_cvm(&r, &c).expect("rows"), cvm(x, y).expect("rows"));
    test("cvm_tied", binned_cvm_tied(&r, &c).expect("rows"), cvm_tied(x, y).expect("rows"));
    let ranks = mann_whitney(x, y).expect("rows");
    if ranks.method == crate::stats::PMethod::Asymptotic {
        test("mann_whitney", binned_mann_whitney(&r, &c).expect("rows"), ranks);
    }
    if let (Ok(binned), Ok(exact)) = (binned_ad(&r, &c), ad(x, y)) {
        test("ad", binned, exact);
    }
    (exact > 0.0).then(|| binned_wasserstein(&with).map_or(f64::NAN, Bounds::error_bound) / exact)
}

#[test]
fn statistics_of_whole_files_equal_scipy() {
    let mut checked = 0;
    for case in numeric_by_column().values() {
        let Some((x, y)) = samples(case) else { continue };
        let found = check_case(case, &x, &y);
        assert!(found == 6 || case["undefined"]["all"].is_string(), "{}: {found}", id(case));
        checked += found;
        if let Some(relative) = check_bounds(case, &x, &y) {
            println!("{}: wasserstein from percentiles +- {relative:.1e} of it", id(case));
        }
    }
    data::finish("statistics of whole files", checked);
}

#[test]
fn wasserstein_of_windows_equals_scipy() {
    let (mut checked, mut errors) = (0, Vec::new());
    for (_, window) in numeric_windows() {
        let Some((x, y)) = samples(&window) else { continue };
        let found = check_case(&window, &x, &y);
        assert!(found > 0, "{}", id(&window));
        checked += found;
        errors.extend(check_bounds(&window, &x, &y));
    }
    errors.sort_by(f64::total_cmp);
    if let (Some(median), Some(most)) = (errors.get(errors.len() / 2), errors.last()) {
        println!("wasserstein from percentiles: median +- {median:.1e} of it, most {most:.1e}");
    }
    data::finish("wasserstein of windows", checked);
}

#[test]
fn statistics_of_inline_cases_equal_scipy() {
    let mut checked = 0;
    for case in inline("numeric_drift") {
        let x = sorted_numbers(&case["inputs"]["reference"]);
        let y = sorted_numbers(&case["inputs"]["current"]);
        checked += check_case(&case, &x, &y);
        check_bounds(&case, &x, &y);
    }
    finish("statistics of inline cases", checked);
}
