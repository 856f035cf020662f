//! Metrics of confusion matrices: per class, averaged, and the agreement beyond chance.

use serde_json::Value;

use crate::rows::labelled_of_case;
use crate::stats::{Confusion, Measured, OfClass, PerClass};
use crate::vectors::{cases, check_recorded, finish, id, inline};

/// Where the recorded labels are words that only ingest may take as a class.
const NOT_OURS: &str = "classification/labels_as_bool";

fn class(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A matrix of pairs; of a binary model with both classes, whichever occur.
fn confusion(pairs: &[(String, String)]) -> Confusion {
    let binary = |name: &str| name == "0" || name == "1";
    let both = pairs.iter().all(|(actual, predicted)| binary(actual) && binary(predicted));
    let known = [("0", "0", 0), ("1", "1", 0)].into_iter().take(if both { 2 } else { 0 });
    Confusion::from_pairs(known.chain(pairs.iter().map(|(a, p)| (a.as_str(), p.as_str(), 1))))
}

fn of_inputs(case: &Value) -> Confusion {
    let list = |key: &str| case["inputs"][key].as_array().into_iter().flatten().map(class);
    confusion(&list("labels").zip(list("predictions")).collect::<Vec<_>>())
}

fn of_rows(case: &Value) -> Confusion {
    let pair = |row: &&crate::rows::Row| Some((row.label.clone()?.0, row.prediction.clone()));
    confusion(&labelled_of_case(case).iter().filter_map(pair).collect::<Vec<_>>())
}

type Metric = fn(&PerClass<'_>, OfClass<'_>) -> Measured<f64>;

const METRICS: [(&str, Metric); 4] = [
    ("precision", |classes, of| classes.precision(of)),
    ("recall", |classes, of| classes.recall(of)),
    ("f1", |classes, of| classes.f1(of)),
    ("specificity", |classes, of| classes.specificity(of)),
];

/// Every spelling under which the vectors record a metric of classes; returns how many were there.
fn check_classes(case: &Value, confusion: &Confusion) -> usize {
    let classes = PerClass::new(confusion);
    let of = |metric: Metric, of: OfClass<'_>| {
        classes.as_ref().map_err(|e| *e).and_then(|c| metric(c, of))
    };
    let mut checked = check_recorded(case, &["accuracy"], confusion.accuracy());
    checked += check_recorded(case, &["mcc"], confusion.mcc());
    checked += check_recorded(case, &["cohen_kappa"], confusion.kappa());
    let balanced = classes.as_ref().map_err(|e| *e).and_then(|c| c.balanced_accuracy());
    checked += check_recorded(case, &["balanced_accuracy"], balanced);
    let specificity = of(METRICS[3].1, OfClass::Named("1"));
    checked += check_recorded(case, &["specificity"], specificity);
    for (name, metric) in METRICS {
        for (average, mean) in
            [("macro", OfClass::Macro), ("micro", OfClass::Micro), ("weighted", OfClass::Weighted)]
        {
            checked += check_recorded(case, &[average, name], of(metric, mean));
        }
        for class in confusion.classes() {
            let got = of(metric, OfClass::Named(class));
            checked += check_recorded(case, &[&format!("class_{class}"), name], got);
            checked += check_recorded(case, &[&format!("{name}_{class}")], got);
            checked += check_recorded(case, &[name, class], got);
        }
    }
    checked + check_recorded(case, &["macro_f1"], of(METRICS[2].1, OfClass::Macro))
}

#[test]
fn metrics_of_classes_equal_scikit_learn_on_inline_cases() {
    let mut checked = 0;
    for case in inline("classification").iter().filter(|case| id(case) != NOT_OURS) {
        let found = check_classes(case, &of_inputs(case));
        // Some cases are about scores alone.
        let about_scores = case["expected"].as_object().is_some_and(|expected| {
            expected.keys().all(|key| {
                ["average_precision", "bins", "brier", "ece10", "log_loss", "roc_auc"]
                    .contains(&key.as_str())
            })
        });
        assert!(found > 0 || about_scores, "{}", id(case));
        checked += found;
    }
    finish("inline metrics of classes", checked);
}

#[test]
fn a_class_that_is_only_predicted_counts_as_zero_in_a_macro_mean() {
    // `macro_recall_over_labels_and_predictions` is recorded as 0.5, the mean without the class,
    // against its own note, the convention and the cases of data sets; so it is not compared.
    let pairs = [("a", "a"), ("a", "b")].map(|(a, p)| (a.to_owned(), p.to_owned()));
    let confusion = confusion(&pairs);
    let classes = PerClass::new(&confusion).expect("rows");
    assert_eq!(classes.recall(OfClass::Macro), Ok(0.25));
    assert_eq!(classes.f1(OfClass::Macro), Ok(1.0 / 3.0));
}

#[test]
fn metrics_of_classes_equal_scikit_learn_on_data_sets() {
    let mut checked = 0;
    for case in cases("classification.json").unwrap_or_default() {
        let confusion = of_rows(&case);
        assert_eq!(Some(confusion.total()), case["expected"]["n"].as_u64(), "{}", id(&case));
        let found = check_classes(&case, &confusion);
        assert!(found >= 20, "{}: {found}", id(&case));
        checked += found;
    }
    for case in cases("late_labels.json").unwrap_or_default() {
        if case["expected"]["confusion"].is_object() {
            let confusion = of_rows(&case);
            let labelled = case["expected"]["labelled"].as_u64();
            assert_eq!(Some(confusion.total()), labelled, "{}", id(&case));
            checked += check_classes(&case, &confusion);
        }
    }
    finish("metrics of classes of data sets", checked);
}

#[test]
fn metrics_of_many_classes_equal_scikit_learn() {
    let mut checked = 0;
    for case in cases("multiclass.json").unwrap_or_default() {
        let confusion = of_inputs(&case);
        checked += check_classes(&case, &confusion);
        let classes = PerClass::new(&confusion).expect("rows");
        for (place, want) in
            case["expected"]["per_class"].as_array().into_iter().flatten().enumerate()
        {
            let name = class(&want["class"]);
            let cells = classes.cells(&name).expect("a class of the matrix");
            assert_eq!(Some(cells.labelled_rows()), want["support"].as_u64(), "{}", id(&case));
            // The list is read as one more case, whose results lie under their place.
            let one = serde_json::json!({"id": format!("{} {place}", id(&case)), "expected": want});
            for (metric, get) in METRICS {
                checked += check_recorded(&one, &[metric], get(&classes, OfClass::Named(&name)));
            }
        }
    }
    finish("metrics of many classes", checked);
}
