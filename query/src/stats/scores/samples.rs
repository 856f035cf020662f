//! Scores that are hard on bins, for property tests: heavy tails at either end, point masses, edges
//! of bins and their neighbours, constants, tiny windows.

use proptest::prelude::*;

/// Rows of a score in [0, 1] and a truth, at least one.
pub(in crate::stats) fn rows() -> impl Strategy<Value = Vec<(f64, bool)>> {
    let edge = (0u32..=1000, -1i32..=1).prop_map(|(edge, side)| {
        let edge = f64::from(edge) / 1000.0;
        let moved = match side {
            -1 => edge.next_down(),
            1 => edge.next_up(),
            _ => edge,
        };
        moved.clamp(0.0, 1.0)
    });
    let score = prop_oneof![
        (0.0f64..=1.0).boxed(),
        (0.0f64..40.0).prop_map(|digits| 10_f64.powf(-digits)).boxed(),
        (0.0f64..16.0).prop_map(|digits| 1.0 - 10_f64.powf(-digits)).boxed(),
        prop::sample::select(vec![0.0, 1.0, 0.5, 0.1, 0.300_000_000_000_000_04]).boxed(),
        edge.boxed(),
    ];
    let score = score.boxed();
    prop_oneof![
        prop::collection::vec((score.clone(), any::<bool>()), 1..4),
        prop::collection::vec((score.clone(), any::<bool>()), 1..200),
        // Scores that go with their truth, a point mass among them.
        prop::collection::vec((score.clone(), score.clone(), any::<bool>()), 1..200).prop_map(
            |rows| {
                let row = |(one, other, truth): (f64, f64, bool)| {
                    (if truth { f64::max(one, other) } else { f64::min(one, other) }, truth)
                };
                rows.into_iter().map(row).collect()
            }
        ),
        (score, prop::collection::vec(any::<bool>(), 1..50))
            .prop_map(|(score, truths)| truths.into_iter().map(|truth| (score, truth)).collect()),
    ]
}

/// Numbers of bins; powers of two, of ten, and one alone.
pub(in crate::stats) fn bins() -> impl Strategy<Value = usize> {
    prop::sample::select(vec![1usize, 10, 64, 100, 1000, 4096])
}
