//! Metrics of scores: from rows equal to scikit-learn, and from histograms within their bounds.

use ndarray::Array2;
use serde_json::Value;

use crate::rows::labelled_of_case;
use crate::stats::{
    Bounded, ClassMean, Measured, Reliability, ScoreHistogram, ScoredRows, Undefined,
    multiclass_log_loss, one_vs_rest_roc_auc,
};
use crate::vectors::{cases, check_recorded, check_value, counts, finish, id, inline};

/// The number that JSON has, which spells NaN and the infinities as words.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

/// Rows of score and truth of a case with inline inputs; nothing without scores.
fn of_inputs(case: &Value) -> Option<Vec<(f64, bool)>> {
    let labels = case["inputs"]["labels"].as_array()?;
    let scores = case["inputs"]["scores"].as_array()?;
    let row = |(score, label): (&Value, &Value)| Some((number(score)?, label == &Value::from(1)));
    scores.iter().zip(labels).map(row).collect()
}

fn of_rows(case: &Value) -> Vec<(f64, bool)> {
    let row = |row: &&crate::rows::Row| Some((row.score?, row.label()? == 1.0));
    labelled_of_case(case).iter().filter_map(row).collect()
}

fn check_bins(case: &Value, got: &Reliability) -> usize {
    let want = &case["expected"]["calibration_bins"];
    if !want.is_object() {
        return 0;
    }
    let rows: Vec<u64> = got.bins.iter().map(|bin| bin.rows).collect();
    assert_eq!(rows, counts(&want["n"]), "{}", id(case));
    for (place, bin) in got.bins.iter().enumerate() {
        for (key, got) in [("mean_label", bin.mean_label), ("mean_score", bin.mean_score)] {
            match want[key][place].as_f64() {
                Some(want) => check_value(case, key, got.ok_or(Undefined::NoValue), want),
                None => assert_eq!(got, None, "{} {key} {place}", id(case)),
            }
        }
    }
    1
}

fn check_exact(case: &Value, rows: &[(f64, bool)]) -> usize {
    let scored = ScoredRows::new(rows.iter().copied());
    let of =
        |metric: fn(&ScoredRows) -> Measured<f64>| scored.as_ref().map_err(|e| *e).and_then(metric);
    let mut checked = [
        ("roc_auc", of(ScoredRows::roc_auc)),
        ("average_precision", of(ScoredRows::average_precision)),
        ("log_loss", of(ScoredRows::log_loss)),
        ("brier", of(ScoredRows::brier)),
        ("ece10", of(ScoredRows::ece)),
        ("mce10", of(|scored| Ok(scored.reliability(10)?.mce))),
    ]
    .into_iter()
    .map(|(key, got)| check_recorded(case, &[key], got))
    .sum();
    let Ok(scored) = scored else { return checked };
    checked += check_bins(case, &scored.reliability(10).expect("probabilities"));
    let (want, threshold) = (&case["expected"]["confusion"], case["params"]["threshold"].as_f64());
    if let (true, Some(threshold)) = (want.is_object(), threshold) {
        let want = ["tp", "fp", "fn", "tn"].map(|key| want[key].as_u64().expect("recorded"));
        let exact = scored.threshold_sweep(&[threshold])[0];
        let histogram =
            ScoreHistogram::from_rows(1000, rows.iter().copied()).expect("probabilities");
        let fast = histogram.threshold_sweep().into_iter().find(|(edge, _)| *edge == threshold);
        for cells in [exact, fast.expect("three decimals are an edge").1] {
            let got = [
                cells.true_positives,
                cells.false_positives,
                cells.false_negatives,
                cells.true_negatives,
            ];
            assert_eq!(got, want, "{}", id(case));
        }
        checked += 2;
    }
    checked
}

/// Holds a bound to the recorded value; returns its half-width.
fn check_bounds(case: &Value, key: &str, got: Measured<Bounded>) -> Option<f64> {
    let Some(want) = case["expected"][key].as_f64() else {
        let known = case["expected"].get(key).is_none() || case["undefined"][key].is_string();
        assert!(
            known && (got.is_err() || case["expected"].get(key).is_none()),
            "{} {key}",
            id(case)
        );
        return None;
    };
    let got = got.expect("what has a value has bounds");
    let error = (got.value() - want).abs();
    assert!(error <= got.error_bound() + 1e-12, "{} {key}: {got:?} {want}", id(case));
    Some(got.error_bound())
}

type Fast = fn(&ScoreHistogram) -> Measured<Bounded>;

const FAST: [(&str, Fast); 6] = [
    ("roc_auc", ScoreHistogram::roc_auc),
    ("average_precision", ScoreHistogram::average_precision),
    ("log_loss", ScoreHistogram::log_loss),
    ("brier", ScoreHistogram::brier),
    ("ece10", |histogram| histogram.ece(10)),
    ("mce10", |histogram| histogram.mce(10)),
];

#[test]
fn score_metrics_equal_scikit_learn_on_inline_cases() {
    let mut checked = 0;
    for case in inline("classification") {
        if let Some(rows) = of_inputs(&case) {
            checked += check_exact(&case, &rows);
        }
        // Which bin each score is in, told by a window of that score alone.
        for (place, want) in counts(&case["expected"]["bins"]).into_iter().enumerate() {
            let score = case["inputs"]["scores"][place].as_f64().expect("a score");
            let alone = ScoredRows::new([(score, false)]).expect("a row");
            let bins = alone.reliability(10).expect("a probability").bins;
            assert_eq!(bins.iter().position(|bin| bin.rows == 1), Some(want as usize), "{score}");
            checked += 1;
        }
    }
    finish("inline score metrics", checked);
}

#[test]
fn score_metrics_equal_scikit_learn_on_data_sets() {
    let mut checked = 0;
    for case in cases("classification.json").unwrap_or_default() {
        let found = check_exact(&case, &of_rows(&case));
        assert_eq!(found, 9, "{}", id(&case));
        checked += found;
    }
    for case in cases("late_labels.json").unwrap_or_default() {
        if case["expected"]["confusion"].is_object() {
            checked += check_exact(&case, &of_rows(&case));
        }
    }
    finish("score metrics of data sets", checked);
}

#[test]
fn recorded_values_lie_within_the_bounds_of_histograms() {
    let mut checked = 0;
    for (bins, sums) in [(1000, true), (1000, false), (100, true)] {
        let mut widest = [0.0_f64; FAST.len()];
        let data = cases("classification.json").unwrap_or_default();
        let of_data = data.iter().map(|case| (case, of_rows(case)));
        let edge = inline("classification");
        let of_edge = edge.iter().filter_map(|case| Some((case, of_inputs(case)?)));
        for (case, rows) in of_data.chain(of_edge) {
            let Ok(histogram) = ScoreHistogram::from_rows(bins, rows.iter().copied()) else {
                // A score that is no number is undefined on both ways.
                assert!(case["undefined"].is_object(), "{}", id(case));
                continue;
            };
            let histogram = if sums { histogram } else { histogram.without_sums() };
            for ((key, fast), widest) in FAST.into_iter().zip(&mut widest) {
                let Some(bound) = check_bounds(case, key, fast(&histogram)) else { continue };
                checked += 1;
                if rows.len() >= 500 {
                    *widest = widest.max(bound);
                }
            }
        }
        let names = FAST.map(|(key, _)| key);
        println!("{bins} bins, sums {sums}: widest bounds from 500 rows on, {names:?}: {widest:?}");
    }
    finish("bounds of histograms", checked);
}

#[test]
fn score_metrics_of_many_classes_equal_scikit_learn() {
    let mut checked = 0;
    for case in cases("multiclass.json").unwrap_or_default() {
        let rows = case["inputs"]["scores"].as_array().expect("scores are inline");
        let flat: Vec<f64> = rows
            .iter()
            .flat_map(|row| row.as_array().into_iter().flatten())
            .filter_map(Value::as_f64)
            .collect();
        let scores = Array2::from_shape_vec((rows.len(), flat.len() / rows.len()), flat);
        let scores = scores.expect("rows of one length");
        // Classes are their places here.
        let labels: Vec<usize> =
            counts(&case["inputs"]["labels"]).into_iter().map(|label| label as usize).collect();
        let auc = |mean| one_vs_rest_roc_auc(scores.view(), &labels, mean);
        checked +=
            check_recorded(&case, &["log_loss"], multiclass_log_loss(scores.view(), &labels));
        checked += check_recorded(&case, &["roc_auc_ovr_macro"], auc(ClassMean::Macro));
        checked += check_recorded(&case, &["roc_auc_ovr_weighted"], auc(ClassMean::Weighted));
    }
    assert!(checked == 6 || checked == 0, "{checked}");
    finish("score metrics of many classes", checked);
}
