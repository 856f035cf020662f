//! The p-values of every drift test for a reference and a window.

use driftline_query::stats::{
    BinnedTest, Measured, TwoSampleTest, ad, binned_ad, binned_cvm, binned_cvm_tied, binned_ks,
    binned_mann_whitney, chi2, cvm, cvm_tied, g_test, interior_quantile_edges, ks_p_value,
    ks_statistic, mann_whitney, psi_p_value,
};

/// The tests of [`of_counts`], in its order.
pub const COUNT_TESTS: [&str; 3] = ["chi2", "g_test", "psi"];

/// The tests of [`of_values`], in its order: from rows, the same from fine bins, and from deciles.
pub const VALUE_TESTS: [&str; 13] = [
    "ks",
    "cvm",
    "cvm_tied",
    "ad",
    "mann_whitney",
    "ks, fast",
    "cvm, fast",
    "cvm_tied, fast",
    "ad, fast",
    "mann_whitney, fast",
    "chi2, deciles",
    "g_test, deciles",
    "psi, deciles",
];

/// The p-values of two samples of numbers, ascending.
pub fn of_values(reference: &[f64], window: &[f64]) -> [Measured<f64>; VALUE_TESTS.len()] {
    let exact = |test: fn(&[f64], &[f64]) -> Measured<TwoSampleTest>| {
        test(reference, window).map(|test| test.p_value)
    };
    let edges = fine_edges(reference);
    let (r, c) = (counts(reference, &edges), counts(window, &edges));
    let fast = |test: fn(&[u64], &[u64]) -> Measured<BinnedTest>| {
        test(&r, &c).map(|test| test.p_value.upper)
    };
    let (n, m) = (reference.len() as u64, window.len() as u64);
    let ks_p = |d: f64| ks_p_value(n, m, d).map(|(p, _)| p);
    let deciles = interior_quantile_edges(reference, 10);
    let [chi2, g_test, psi] = of_counts(&counts(reference, &deciles), &counts(window, &deciles));
    [
        ks_statistic(reference, window).and_then(ks_p),
        exact(cvm),
        exact(cvm_tied),
        exact(ad),
        exact(mann_whitney),
        // D is at least what it is at the edges, and p falls with D.
        binned_ks(&r, &c).and_then(|ks| ks_p(ks.at_edges)),
        fast(binned_cvm),
        fast(binned_cvm_tied),
        fast(binned_ad),
        fast(binned_mann_whitney),
        chi2,
        g_test,
        psi,
    ]
}

/// The p-values of two histograms of the same bins.
pub fn of_counts(reference: &[u64], window: &[u64]) -> [Measured<f64>; COUNT_TESTS.len()] {
    [
        chi2(reference, window).map(|test| test.p_value),
        g_test(reference, window).map(|test| test.p_value),
        psi_p_value(reference, window),
    ]
}

/// The edges that a reference fixes: its percentiles between its smallest value and the number just
/// above its largest.
fn fine_edges(reference: &[f64]) -> Vec<f64> {
    let mut edges = interior_quantile_edges(reference, 100);
    edges.extend(reference.first());
    edges.extend(reference.last().map(|last| last.next_up()));
    edges.sort_unstable_by(f64::total_cmp);
    edges.dedup();
    edges
}

/// Rows per bin of ascending values, bins closed on the left.
fn counts(values: &[f64], edges: &[f64]) -> Vec<u64> {
    let mut before = 0;
    let ends = edges.iter().map(|edge| values.partition_point(|value| value < edge));
    ends.chain([values.len()])
        .map(|end| (end - std::mem::replace(&mut before, end)) as u64)
        .collect()
}
