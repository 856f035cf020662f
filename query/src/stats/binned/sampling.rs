//! Columns for property tests of bounds: the shapes on which bins hide most.

use proptest::prelude::*;

use crate::stats::interior_quantile_edges;
use crate::stats::sum::sum;

/// Two sorted samples and the ends between bins.
#[derive(Debug, Clone)]
pub(in crate::stats) struct Column {
    pub(in crate::stats) reference: Vec<f64>,
    pub(in crate::stats) current: Vec<f64>,
    pub(in crate::stats) edges: Vec<f64>,
}

/// Point masses, a smooth law, heavy tails on both sides, tiny and huge numbers, constants.
fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        3 => (-3_i32..4).prop_map(f64::from),
        3 => -5.0..5.0_f64,
        2 => (-12.0..12.0_f64).prop_map(f64::exp),
        1 => (-25.0..25.0_f64).prop_map(|x| -x.exp()),
        1 => prop::sample::select(vec![-0.0, 1e-300, -1e-12, 1e15, -1e12, 7.25]),
    ]
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

/// A tiny to small sample; sometimes a constant one.
fn sample() -> impl Strategy<Value = Vec<f64>> {
    prop_oneof![
        5 => prop::collection::vec(value(), 1..80),
        1 => prop::collection::vec(value(), 1..3),
        1 => (value(), 1_usize..40).prop_map(|(value, rows)| vec![value; rows]),
    ]
    .prop_map(sorted)
}

/// Both sides with percentile edges of the reference, or any edges.
pub(in crate::stats) fn column() -> impl Strategy<Value = Column> {
    let moved = prop::sample::select(vec![0.0, 0.0, 0.25, 3.0]);
    let edges = prop::collection::vec(value(), 0..12);
    (sample(), sample(), moved, edges, 0_usize..30, any::<bool>()).prop_map(
        |(reference, current, moved, any_edges, parts, like)| {
            let current = if like { current } else { reference.clone() };
            let current = sorted(current.into_iter().map(|value| value + moved).collect());
            let mut edges = if parts > 1 { edges_of(&reference, parts) } else { sorted(any_edges) };
            edges.dedup();
            Column { reference, current, edges }
        },
    )
}

/// Edges between so many parts of a sorted sample.
pub(in crate::stats) fn edges_of(sorted: &[f64], parts: usize) -> Vec<f64> {
    interior_quantile_edges(sorted, parts)
}

/// Rows per bin, closed on the left.
pub(in crate::stats) fn binned_counts(sorted: &[f64], edges: &[f64]) -> Vec<u64> {
    bins(sorted, edges).into_iter().map(|bin| bin.len() as u64).collect()
}

/// Sums per bin.
pub(in crate::stats) fn binned_sums(sorted: &[f64], edges: &[f64]) -> Vec<f64> {
    bins(sorted, edges).into_iter().map(|bin| sum(bin.into_iter())).collect()
}

fn bins(sorted: &[f64], edges: &[f64]) -> Vec<Vec<f64>> {
    let mut bins = vec![Vec::new(); edges.len() + 1];
    for value in sorted {
        bins[edges.partition_point(|edge| edge <= value)].push(*value);
    }
    bins
}
