//! Comparisons of two models: proportions, means, and whether rows were split as planned.

use serde_json::Value;

use crate::rows::{Row, of_case};
use crate::stats::{
    Interval, Measured, Moments, Proportion, cohen_d, cohen_h, mean_difference, newcombe_interval,
    proportion_difference, sample_ratio, two_proportion_z, wald_interval, welch, welch_degrees,
    welch_interval,
};
use crate::vectors::{cases, check, check_recorded, check_value, counts, finish, id, inline};

/// Compares a p-value, or checks that none is answered where none is recorded.
fn check_p(case: &Value, key: &str, got: Measured<f64>) -> usize {
    match case["expected"][key].as_f64() {
        Some(want) => check(case, key, got, want, 1e-6, 1e-12),
        None => return check_recorded(case, &[key], got),
    }
    1
}

fn check_interval(case: &Value, key: &str, got: Measured<Interval>) -> usize {
    let want: Vec<f64> =
        case["expected"][key].as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    let [low, high] = want[..] else { return 0 };
    check_value(case, key, got.map(|interval| interval.low), low);
    check_value(case, key, got.map(|interval| interval.high), high);
    1
}

fn check_proportions(case: &Value, one: Proportion, other: Proportion) -> usize {
    let test = two_proportion_z(one, other);
    check_recorded(case, &["difference"], proportion_difference(one, other))
        + check_recorded(case, &["p1"], one.share())
        + check_recorded(case, &["z_pooled"], test.map(|test| test.statistic))
        + check_recorded(case, &["chi2"], test.map(|test| test.statistic.powi(2)))
        + check_p(case, "p_two_sided", test.map(|test| test.p_value))
        + check_interval(case, "ci95_wald", wald_interval(one, other, 0.95))
        + check_recorded(case, &["cohen_h"], cohen_h(one, other))
        + check_interval(case, "ci95_newcombe", newcombe_interval(one, other, 0.95))
}

fn check_welch(case: &Value, one: &Moments, other: &Moments) -> usize {
    let test = welch(one, other);
    check_recorded(case, &["difference"], mean_difference(one, other))
        + check_recorded(case, &["var1_ddof1"], one.variance())
        + check_recorded(case, &["t"], test.map(|test| test.statistic))
        + check_recorded(case, &["df"], welch_degrees(one, other))
        + check_recorded(case, &["cohen_d_pooled"], cohen_d(one, other))
        + check_p(case, "p_two_sided", test.map(|test| test.p_value))
        + check_interval(case, "ci95", welch_interval(one, other, 0.95))
}

fn of_list(list: &Value) -> Moments {
    let values: Vec<f64> =
        list.as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    Moments::of(&values)
}

#[test]
fn two_proportions_equal_statsmodels() {
    let mut checked = 0;
    for case in inline("two_proportion_z").iter().chain(&cases("ab.json").unwrap_or_default()) {
        // Of data files the counts are recorded with the results.
        let from = if case["inputs"]["x1"].is_u64() { &case["inputs"] } else { &case["expected"] };
        if !from["x1"].is_u64() {
            continue;
        }
        let count = |key: &str| from[key].as_u64().expect("counts are recorded");
        let one = Proportion { hits: count("x1"), rows: count("n1") };
        let other = Proportion { hits: count("x2"), rows: count("n2") };
        let found = check_proportions(case, one, other);
        assert!(found >= 3, "{}", id(case));
        checked += found;
    }
    finish("two proportions", checked);
}

#[test]
fn welch_equals_scipy_on_inline_values() {
    let mut checked = 0;
    for case in inline("welch").iter().chain(&cases("ab.json").unwrap_or_default()) {
        if case["inputs"]["a"].is_array() {
            let found =
                check_welch(case, &of_list(&case["inputs"]["a"]), &of_list(&case["inputs"]["b"]));
            assert!(found >= 2, "{}", id(case));
            checked += found;
        }
    }
    finish("welch of inline values", checked);
}

#[test]
fn welch_equals_scipy_on_data_sets() {
    let mut checked = 0;
    for case in cases("ab.json").unwrap_or_default() {
        let metric = case["params"]["metric"].as_str().unwrap_or_default();
        let value: fn(&Row) -> Option<f64> = match metric {
            "|label - prediction|, labelled rows" => {
                |row| Some((row.label()? - row.prediction()).abs())
            }
            "(score - label)^2, labelled rows" => |row| Some((row.score? - row.label()?).powi(2)),
            "prediction, all rows" => |row| Some(row.prediction()),
            "score, all rows" => |row| row.score,
            _ => continue,
        };
        if !case["expected"]["t"].is_f64() {
            // The rank test of the same values is another statistic.
            continue;
        }
        let rows = of_case(&case);
        let group = |key: &str| {
            let version = case["inputs"][key]["version"].as_str().expect("groups are versions");
            let of_group = rows.iter().filter(|row| row.version == version);
            // From parts, as windows are put together.
            of_group.filter_map(|row| value(row)).fold(Moments::default(), |mut sum, value| {
                sum.merge(&Moments::of(&[value]));
                sum
            })
        };
        let (one, other) = (group("group1"), group("group2"));
        assert_eq!(Some(one.rows), case["expected"]["n1"].as_u64(), "{}", id(&case));
        let found = check_welch(&case, &one, &other);
        assert_eq!(found, 6, "{}", id(&case));
        checked += found;
    }
    finish("welch of data sets", checked);
}

#[test]
fn sample_ratio_equals_scipy() {
    let mut checked = 0;
    for case in cases("ab.json").unwrap_or_default() {
        let split = if case["inputs"]["expected_split"].is_array() {
            &case["inputs"]
        } else {
            &case["params"]
        };
        let split = &split["expected_split"];
        if !split.is_array() {
            continue;
        }
        let mut rows = counts(&case["inputs"]["counts"]);
        rows.extend(["n1", "n2"].iter().filter_map(|key| case["expected"][key].as_u64()));
        let split: Vec<f64> =
            split.as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
        let tested = sample_ratio(&rows, &split);
        let found = check_recorded(&case, &["chi2"], tested.map(|tested| tested.statistic))
            + check_p(&case, "p", tested.map(|tested| tested.p_value));
        assert_eq!(found, 2, "{}", id(&case));
        checked += found;
    }
    finish("sample ratios", checked);
}
