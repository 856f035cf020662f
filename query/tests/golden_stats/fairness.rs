//! Group rates and the distances between groups.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::stats::{
    BinaryCells, EmptyRate, GROUP_ROWS_MIN, Measured, Proportion, fairness, group_rates, parity,
};
use crate::vectors::{cases, check_recorded, finish, id, inline};

/// A group's cells from its recorded counts and rates.
fn cells(group: &Value) -> BinaryCells {
    let count = |key: &str| group[key].as_u64().expect("counts are recorded");
    let part =
        |rate: &str, of: u64| (group[rate].as_f64().unwrap_or(0.0) * of as f64).round() as u64;
    let (positives, negatives) = (count("positives"), count("negatives"));
    let (hits, alarms) = (part("tpr", positives), part("fpr", negatives));
    assert_eq!(hits + alarms, count("predicted_positives"));
    BinaryCells {
        true_positives: hits,
        false_positives: alarms,
        false_negatives: positives - hits,
        true_negatives: negatives - alarms,
    }
}

fn check_rates(
    case: &Value,
    path: impl Fn(&'static str) -> Vec<String>,
    of: &BinaryCells,
) -> usize {
    let rates = group_rates(of, 0.95, GROUP_ROWS_MIN);
    let rate = |key: &'static str, got: Measured<f64>| {
        let path = path(key);
        check_recorded(case, &path.iter().map(String::as_str).collect::<Vec<_>>(), got)
    };
    rate("selection_rate", rates.selection.share)
        + rate("tpr", rates.true_positive.share)
        + rate("fpr", rates.false_positive.share)
}

fn check_distances(case: &Value, groups: &[BinaryCells], empty: EmptyRate) -> usize {
    let got = fairness(groups, empty);
    let rates: Vec<Proportion> = groups.iter().map(BinaryCells::selection_of).collect();
    let apart = parity(&rates, 0.95);
    [
        ("demographic_parity_difference", got.demographic_parity_difference),
        ("demographic_parity_ratio", got.demographic_parity_ratio),
        ("equal_opportunity_difference", got.equal_opportunity_difference),
        ("equal_opportunity_ratio", got.equal_opportunity_ratio),
        ("equalized_odds_difference", got.equalized_odds_difference),
        ("equalized_odds_ratio", got.equalized_odds_ratio),
        ("equalized_odds_difference_mean", got.equalized_odds_difference_mean),
        ("accuracy_difference", got.accuracy_difference),
        ("demographic_parity_difference_to_overall", apart.difference_to_overall),
    ]
    .into_iter()
    .map(|(key, got)| check_recorded(case, &[key], got))
    .sum()
}

#[test]
fn groups_of_data_sets_equal_fairlearn() {
    let mut checked = 0;
    for case in cases("fairness.json").unwrap_or_default() {
        let groups = case["expected"]["groups"].as_object().expect("groups are recorded");
        let all: Vec<BinaryCells> = groups.values().map(cells).collect();
        for (name, of) in groups.keys().zip(&all) {
            let path = |key: &'static str| vec!["groups".to_owned(), name.clone(), key.to_owned()];
            let found = check_rates(&case, path, of);
            assert_eq!(found, 3, "{} {name}", id(&case));
            checked += found;
        }
        // A missing rate counts as 0 in these vectors.
        let found = check_distances(&case, &all, EmptyRate::Zero);
        assert_eq!(found, 9, "{}", id(&case));
        let four_fifths = fairness(&all, EmptyRate::Zero).four_fifths;
        let ratio = case["expected"]["demographic_parity_ratio"].as_f64().expect("recorded");
        assert_eq!(four_fifths, Ok(ratio >= 0.8), "{}", id(&case));
        checked += found + 1;
    }
    finish("groups of data sets", checked);
}

#[test]
fn groups_of_inline_cases_are_as_recorded() {
    let mut checked = 0;
    for case in inline("fairness") {
        let list = |key: &str| case["inputs"][key].as_array().expect("inputs are inline").iter();
        let mut groups: BTreeMap<String, BinaryCells> = BTreeMap::new();
        for ((label, prediction), group) in
            list("labels").zip(list("predictions")).zip(list("group"))
        {
            // Rows without a group are left out.
            let Some(group) = group.as_str() else { continue };
            let cells = groups.entry(group.to_owned()).or_default();
            *match (label.as_u64(), prediction.as_u64()) {
                (Some(1), Some(1)) => &mut cells.true_positives,
                (Some(1), _) => &mut cells.false_negatives,
                (_, Some(1)) => &mut cells.false_positives,
                _ => &mut cells.true_negatives,
            } += 1;
        }
        for (name, of) in &groups {
            checked += check_rates(&case, |key| vec![key.to_owned(), name.clone()], of);
        }
        let all: Vec<BinaryCells> = groups.into_values().collect();
        if let Some(rows) = case["expected"]["rows_used"].as_u64() {
            assert_eq!(all.iter().map(BinaryCells::rows).sum::<u64>(), rows, "{}", id(&case));
            checked += 1;
        }
        checked += check_distances(&case, &all, EmptyRate::LeftOut);
    }
    finish("inline groups", checked);
}
