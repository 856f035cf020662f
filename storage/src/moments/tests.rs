//! Moments merge in any order, come back from bytes and are what their values say.

use super::*;
use crate::{binner::Binner, column::Column, counting::count};
use proptest::prelude::*;
use std::sync::Arc;

fn binning(edges: &[f64]) -> Arc<Binning> {
    let numeric = |edges: &[f64]| ColumnBins::Numeric { edges: edges.to_vec() };
    let names = vec!["a".to_owned()];
    Arc::new(Binning::new(vec![
        ("x".to_owned(), numeric(edges)),
        ("c".to_owned(), ColumnBins::Categories { names }),
        ("y".to_owned(), numeric(&[])),
    ]))
}

fn moments_of(binning: &Arc<Binning>, values: &[f64]) -> Moments {
    let columns = [
        Column::Numeric(values.to_vec()),
        Column::categories(values.iter().map(|_| Some("a"))),
        Column::Numeric(values.to_vec()),
    ];
    let times = vec![0; values.len()];
    let mut binner = Binner::new(binning.clone());
    let counted = count(&times, columns.iter(), &mut binner);
    let mut all = Moments::default();
    counted.hours.iter().for_each(|hour| all.merge(&hour.moments));
    all
}

fn columns_of(binning: &Binning, moments: &Moments) -> Vec<ColumnMoments> {
    let mut columns = vec![ColumnMoments::default(); 3];
    moments.add_to(binning, &[0, 1, 2], &mut columns);
    columns
}

fn value() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => -10.0_f64..10.0,
        2 => (-4_i32..4).prop_map(f64::from),
        1 => prop::sample::select(vec![crate::column::NULL, f64::NAN, f64::INFINITY, 1e12]),
    ]
}

proptest! {
    #[test]
    fn parts_merge_in_any_order_to_the_whole(
        parts in prop::collection::vec(prop::collection::vec(value(), 1..60), 1..6),
        turn in any::<prop::sample::Index>(),
    ) {
        let binning = binning(&[-5.0, -1.0, 0.0, 0.5, 5.0]);
        let all: Vec<f64> = parts.iter().flatten().copied().collect();
        let want = columns_of(&binning, &moments_of(&binning, &all));
        let turn = turn.index(parts.len());
        let mut merged = Moments::default();
        for part in parts[turn..].iter().chain(&parts[..turn]) {
            merged.merge(&moments_of(&binning, part));
        }
        let got = columns_of(&binning, &merged);
        prop_assert!(got.iter().zip(&want).all(|(got, want)| got.agrees(want)));
        let mut bytes = Vec::new();
        merged.encode(&binning, &mut bytes);
        let mut get = Get::new(&bytes);
        let back = Moments::decode(&mut get, &binning, all.len() as u64).expect("decodes");
        prop_assert_eq!(get.end(), Ok(()));
        prop_assert_eq!(columns_of(&binning, &back), got);
    }

    #[test]
    fn steps_give_the_sum_of_a_bin_to_half_a_step_for_each_value(
        values in prop::collection::vec(-3.0_f64..7.0, 1..400),
    ) {
        let binning = binning(&[-3.0, 7.0]);
        let column = &columns_of(&binning, &moments_of(&binning, &values))[0];
        let (step, n) = (10.0 / f64::from(OFFSET_STEPS), values.len() as f64);
        let sum = n * -3.0 + (column.offsets[0] as f64 + n / 2.0) * step;
        let want: f64 = values.iter().sum();
        prop_assert!((sum - want).abs() <= n * step / 2.0 * (1.0 + 1e-9), "{sum} {want}");
    }

    #[test]
    fn foreign_bytes_never_panic(bytes: Vec<u8>, rows in 0_u64..1_000) {
        let _ = Moments::decode(&mut Get::new(&bytes), &binning(&[0.0, 1.0, 4.0]), rows);
    }
}

#[test]
fn more_rows_than_32_bits_can_sum_take_64() {
    let binning = binning(&[0.0, 1.0]);
    let some = moments_of(&binning, &[0.999_9; 4_096]);
    let mut all = Moments::default();
    (0..300).for_each(|_| all.merge(&some));
    let sum = columns_of(&binning, &all)[0].offsets[0];
    assert_eq!(sum, 300 * 4_096 * 4_095);
    assert!(sum > u64::from(u32::MAX));
    let mut bytes = Vec::new();
    all.encode(&binning, &mut bytes);
    let back = Moments::decode(&mut Get::new(&bytes), &binning, 300 * 4_096).expect("decodes");
    assert_eq!(columns_of(&binning, &back), columns_of(&binning, &all));
}

#[test]
fn values_of_the_outer_bins_and_bins_wider_than_numbers_have_their_sums() {
    let binning = binning(&[-f64::MAX, f64::MAX]);
    let columns = columns_of(&binning, &moments_of(&binning, &[1.0, -2.0, f64::MAX]));
    assert_eq!(columns[0].outline.above.value(), f64::MAX);
    assert_eq!(columns[0].offsets, [0], "no step can be told in such a bin");
    let outline = columns[2].outline;
    assert_eq!((outline.n, outline.min, outline.max), (3, -2.0, f64::MAX));
    assert!(!outline.squares.value().is_finite(), "past the range of numbers");
    assert_eq!(columns[1], ColumnMoments::default(), "a category has none");
}

#[test]
fn moments_of_other_values_do_not_agree() {
    let binning = binning(&[0.0, 1.0, 2.0]);
    let of = |values: &[f64]| columns_of(&binning, &moments_of(&binning, values)).remove(0);
    let known = of(&[0.25, 1.5, 7.0]);
    assert!(known.agrees(&of(&[7.0, 0.25, 1.5])), "in any order");
    // One value more, one inside its bin, one in an outer bin, and two that keep the sum.
    for other in [&[0.25, 1.5, 7.0, 1.0][..], &[0.5, 1.5, 7.0], &[0.25, 1.5, 8.0]] {
        assert!(!known.agrees(&of(other)), "{other:?}");
    }
    assert!(!of(&[3.0, 5.0]).agrees(&of(&[2.5, 5.5])));
    let mut step = known.clone();
    step.offsets[0] += 1;
    assert!(!known.agrees(&step), "by one step of one bin");
}
