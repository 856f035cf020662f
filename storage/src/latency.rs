//! The bins of service latencies: the same for every model, so that counts of any two merge.
//!
//! Edges ascend from [`FIRST_MS`] by [`RATIO`], each the product of the one before, which is the
//! same number on every machine. Bin 0 holds what lies below the first edge, the last bin what
//! lies at or above the last one, some ten minutes. An inner bin's geometric middle is within a
//! factor of `sqrt(RATIO)`, about 1 %, of each of its values, and so is a quantile that is read
//! from counts of the exact one.
//!
//! Source of the scheme: Masson, Rim and Lee, DDSketch: A Fast and Fully-Mergeable Quantile Sketch
//! with Relative-Error Guarantees (2019).

use std::sync::LazyLock;

/// The first edge, in milliseconds: shorter than a call of a model takes.
pub const FIRST_MS: f64 = 0.01;
/// An edge over the one before.
pub const RATIO: f64 = 1.02;
/// How many edges there are; with one more the last would be past ten minutes by more than a bin.
const EDGES: usize = 906;
/// Bits of a number below those that name its cell of the table: cells are at most 1/64 of their
/// lower end wide, which is less than a bin, so at most one edge lies in each.
const CELL_SHIFT: u32 = 46;

static TABLE: LazyLock<Table> = LazyLock::new(Table::new);

/// The edges in milliseconds, ascending.
pub fn latency_edges() -> &'static [f64] {
    &TABLE.edges
}

/// Finds bins of latencies: one look into a table and one comparison.
#[derive(Debug)]
pub(crate) struct Table {
    edges: Vec<f64>,
    /// By cell, how many edges are at or below its lower end.
    below: Vec<u16>,
    /// Name of the cell that the first edge lies in.
    first: u64,
}

impl Table {
    /// The one table.
    pub(crate) fn get() -> &'static Self {
        &TABLE
    }

    fn new() -> Self {
        let edges: Vec<f64> =
            std::iter::successors(Some(FIRST_MS), |edge| Some(edge * RATIO)).take(EDGES).collect();
        let cell = |edge: Option<&f64>| edge.map_or(0, |edge| edge.to_bits() >> CELL_SHIFT);
        let (first, last) = (cell(edges.first()), cell(edges.last()));
        let below = |cell: u64| {
            let lower = f64::from_bits(cell << CELL_SHIFT);
            edges.partition_point(|edge| *edge <= lower) as u16
        };
        Self { below: (first..=last).map(below).collect(), first, edges }
    }

    /// The number of edges `<=` a finite value.
    #[inline]
    pub(crate) fn bin(&self, value: f64) -> usize {
        let cell = (value.to_bits() >> CELL_SHIFT).wrapping_sub(self.first) as usize;
        match self.below.get(cell) {
            Some(below) => {
                let below = usize::from(*below);
                below + usize::from(self.edges.get(below).is_some_and(|edge| *edge <= value))
            }
            // Numbers below the first edge's cell, negative ones among them, and those above all.
            None if value < FIRST_MS => 0,
            None => self.edges.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn edges_span_a_hundredth_of_a_millisecond_to_ten_minutes_by_two_percent() {
        let edges = latency_edges();
        assert_eq!((edges.len(), edges.first()), (EDGES, Some(&FIRST_MS)));
        let last = *edges.last().expect("edges");
        assert!((600_000.0..600_000.0 * RATIO).contains(&last), "{last}");
        // A product of other factors or in another order would end elsewhere.
        assert_eq!(last.to_bits(), 4_693_460_903_251_121_055, "{}", last.to_bits());
    }

    proptest! {
        #[test]
        fn the_table_finds_the_bin_of_any_finite_number(
            value in prop_oneof![
                -1.0_f64..1.0, 0.0_f64..1e6, any::<f64>(), (0..EDGES).prop_map(|at| latency_edges()[at]),
                (0..EDGES).prop_map(|at| latency_edges()[at].next_down()),
            ],
        ) {
            if value.is_finite() {
                let want = latency_edges().partition_point(|edge| *edge <= value);
                prop_assert_eq!(Table::get().bin(value), want);
            }
        }
    }
}
