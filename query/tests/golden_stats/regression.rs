//! Regression quality from rows, and from the sums of parts of them.

use serde_json::Value;

use crate::rows::labelled_of_case;
use crate::stats::{Measured, RegressionRows, RegressionSums, Undefined};
use crate::vectors::{cases, check_recorded, finish, id, inline};

fn of_inputs(case: &Value) -> Vec<(f64, f64)> {
    let list = |key: &str| case["inputs"][key].as_array().into_iter().flatten();
    let pair =
        |(label, prediction): (&Value, &Value)| Some((label.as_f64()?, prediction.as_f64()?));
    list("labels").zip(list("predictions")).filter_map(pair).collect()
}

fn of_rows(case: &Value) -> Vec<(f64, f64)> {
    let rows = labelled_of_case(case);
    rows.iter().filter_map(|row| Some((row.label()?, row.prediction()))).collect()
}

fn check_exact(case: &Value, rows: &[(f64, f64)]) -> usize {
    let exact = RegressionRows::new(rows.iter().copied());
    let of = |metric: fn(&RegressionRows) -> Measured<f64>| {
        exact.as_ref().map_err(|e| *e).and_then(metric)
    };
    let mut checked = [
        ("mape", of(RegressionRows::mape)),
        ("mape_skip_zero", of(RegressionRows::mape_skip_zero)),
        ("smape", of(RegressionRows::smape)),
        ("wape", of(RegressionRows::wape)),
        ("r2", of(RegressionRows::r2)),
        ("median_ae", of(RegressionRows::median_ae)),
        ("residual_mean", of(RegressionRows::residual_mean)),
        ("residual_std_ddof1", of(RegressionRows::residual_std)),
    ]
    .into_iter()
    .map(|(key, got)| check_recorded(case, &[key], got))
    .sum();
    for key in ["0.05", "0.25", "0.5", "0.75", "0.95"] {
        let q: f64 = key.parse().expect("a probability");
        let got = exact.as_ref().map_err(|e| *e).and_then(|rows| rows.residual_quantile(q));
        checked += check_recorded(case, &["residual_quantiles", key], got);
    }
    checked
}

/// The same from sums of a third and the rest of the rows; those that sums cannot tell are counted.
fn check_sums(case: &Value, rows: &[(f64, f64)]) -> (usize, usize) {
    let (head, tail) = rows.split_at(rows.len() / 3);
    let mut sums = RegressionSums::from_rows(head.iter().copied());
    sums.merge(&RegressionSums::from_rows(tail.iter().copied()));
    let (mut checked, mut lost) = (0, 0);
    for (key, got) in [
        ("mae", sums.mae()),
        ("rmse", sums.rmse()),
        ("mape", sums.mape()),
        ("mape_skip_zero", sums.mape_skip_zero()),
        ("wape", sums.wape()),
        ("r2", sums.r2()),
        ("residual_mean", sums.residual_mean()),
        ("residual_std_ddof1", sums.residual_std()),
    ] {
        match got {
            Err(Undefined::PrecisionLost) => lost += 1,
            got => checked += check_recorded(case, &[key], got),
        }
    }
    (checked, lost)
}

#[test]
fn regression_metrics_equal_scikit_learn_on_inline_cases() {
    let mut checked = 0;
    for case in inline("regression") {
        let rows = of_inputs(&case);
        let (of_sums, lost) = check_sums(&case, &rows);
        checked += check_exact(&case, &rows) + of_sums;
        assert!(of_sums > 0, "{}", id(&case));
        // Sums cannot tell labels or residuals that are equal from those that nearly are.
        let exact = RegressionRows::new(rows);
        let equal = |exact: &RegressionRows| {
            usize::from(exact.r2() == Err(Undefined::ConstantLabels))
                + usize::from(exact.residual_std().is_ok_and(|std| std < 1e-12))
        };
        assert!(lost <= exact.as_ref().map_or(0, equal), "{}", id(&case));
    }
    finish("inline regression metrics", checked);
}

#[test]
fn regression_metrics_equal_scikit_learn_on_data_sets() {
    let mut checked = 0;
    for case in cases("regression.json").unwrap_or_default() {
        let rows = of_rows(&case);
        assert_eq!(Some(rows.len() as u64), case["expected"]["n"].as_u64(), "{}", id(&case));
        let exact = check_exact(&case, &rows);
        assert_eq!(exact, 13, "{}", id(&case));
        let (of_sums, lost) = check_sums(&case, &rows);
        assert_eq!((of_sums, lost), (8, 0), "{}", id(&case));
        checked += exact + of_sums;
    }
    for case in cases("late_labels.json").unwrap_or_default() {
        if case["expected"]["mae"].is_f64() {
            let rows = of_rows(&case);
            let labelled = case["expected"]["labelled"].as_u64();
            assert_eq!(Some(rows.len() as u64), labelled, "{}", id(&case));
            checked += check_sums(&case, &rows).0;
        }
    }
    finish("regression metrics of data sets", checked);
}
