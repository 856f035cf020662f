//! Measures of scores computed the plain way, from labelled rows one by one. Nothing of the query
//! crate is used here.

/// Area under the ROC curve, average precision, log loss in nats and Brier score of scores with
/// whether the row is of the class; none unless both classes occur.
///
/// The area is the share of pairs that are ordered right, ties half; average precision sums precision
/// over the steps of recall at each distinct score, as scikit-learn does.
pub(super) fn scores(rows: &mut [(f64, bool)]) -> Option<[f64; 4]> {
    rows.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let positives = rows.iter().filter(|(_, is)| *is).count() as f64;
    let negatives = rows.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 {
        return None;
    }
    let (mut above, mut below, mut area, mut average) = (0.0, 0.0, 0.0, 0.0);
    for same in rows.chunk_by(|a, b| a.0 == b.0) {
        let hits = same.iter().filter(|(_, is)| *is).count() as f64;
        let misses = same.len() as f64 - hits;
        // Those above are better than these misses, and half of these hits are.
        area += misses * (above + hits / 2.0);
        above += hits;
        below += misses;
        average += hits / positives * above / (above + below);
    }
    let of_class = |score: f64, is: bool| if is { score } else { 1.0 - score };
    let mean = |sum: f64| sum / rows.len() as f64;
    let loss = rows.iter().map(|(score, is)| -of_class(*score, *is).ln()).sum();
    let brier = rows.iter().map(|(score, is)| (1.0 - of_class(*score, *is)).powi(2)).sum();
    Some([area / (positives * negatives), average, mean(loss), mean(brier)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_rows_have_the_measures_that_a_hand_gives_them() {
        let mut rows = [(0.1, false), (0.4, false), (0.35, true), (0.8, true)];
        let [area, average, loss, brier] = scores(&mut rows).expect("both classes");
        let close = |got: f64, want: f64| (got - want).abs() < 1e-12;
        assert!(close(area, 0.75), "{area}");
        assert!(close(average, 0.5 + 0.5 * 2.0 / 3.0), "{average}");
        assert!(close(loss, -(0.9 * 0.6 * 0.35 * 0.8_f64).ln() / 4.0), "{loss}");
        assert!(close(brier, (0.01 + 0.16 + 0.4225 + 0.04) / 4.0), "{brier}");
        assert_eq!(scores(&mut [(0.5, true)]), None);
    }

    #[test]
    fn ties_are_half_right() {
        let mut rows = [(0.5, true), (0.5, false), (0.5, false)];
        let [area, average, ..] = scores(&mut rows).expect("both classes");
        assert_eq!(area, 0.5);
        assert!((average - 1.0 / 3.0).abs() < 1e-12, "{average}");
    }
}
