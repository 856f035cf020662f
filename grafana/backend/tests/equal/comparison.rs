//! How sides differ, as series and as a table.

use driftline_storage::Task;
use serde_json::{Value, json};

use crate::{
    frames::{Series, numbers, series, texts},
    printed::{Labels, add, end, list, text, windows},
    sets::Set,
    side::{Sides, same},
};

/// Each other group beside the first one.
pub fn both(sides: &Sides, set: &Set) {
    let (by, baseline) = set.by;
    let measures = match set.task {
        Task::Regression => ["mae", "residual_mean", "mean:temp"],
        _ => ["accuracy", "selection_rate", "mean:score"],
    };
    let query = json!({
        "queryType": "compare", "by": by, "baseline": baseline, "metrics": measures,
        "window": set.window,
    });
    let asked = measures.iter().flat_map(|measure| ["--metric", measure]);
    let args: Vec<&str> = ["--by", by, "--baseline", baseline].into_iter().chain(asked).collect();
    let step = [&args[..], &["--step", set.window]].concat();
    let got = series(&sides.frames(set, query.clone()));
    same(&got, &printed(&sides.printed(set, "compare", &step)), 30);

    let mut whole = query;
    whole["whole"] = json!(true);
    let frames = sides.frames(set, whole);
    let answer = sides.printed(set, "compare", &args);
    let rows = results(&list(&answer, "windows")[0]);
    assert_eq!((frames.len(), frames[0].num_rows()), (1, rows.len()));
    let names = |of: &dyn Fn(&(Value, Value)) -> String| -> Vec<Option<String>> {
        rows.iter().map(|row| Some(of(row))).collect()
    };
    assert_eq!(texts(&frames[0], "a"), names(&|(sides, _)| text(sides, "a")));
    assert_eq!(texts(&frames[0], "b"), names(&|(sides, _)| text(sides, "b")));
    assert_eq!(texts(&frames[0], "measure"), names(&|(_, result)| text(result, "metric")));
    for (field, path) in [
        ("value of a", "/a/value"),
        ("value of b", "/b/value"),
        ("difference", "/difference"),
        ("lower", "/lower"),
        ("upper", "/upper"),
        ("p-value", "/p_value"),
        ("rows of a", "/a/rows"),
        ("rows of b", "/b/rows"),
    ] {
        let want: Vec<Option<f64>> =
            rows.iter().map(|(_, result)| result.pointer(path).and_then(Value::as_f64)).collect();
        assert_eq!(numbers(&frames[0], field), want, "{field}");
        assert!(want.iter().any(Option::is_some), "{field} has a value");
    }
}

/// Comparisons of a window, each with one of its results.
fn results(window: &Value) -> Vec<(Value, Value)> {
    let of = |comparison: &Value| -> Vec<(Value, Value)> {
        let results = list(comparison, "results").iter();
        results.map(|result| (comparison.clone(), result.clone())).collect()
    };
    list(window, "comparisons").iter().flat_map(of).collect()
}

fn printed(answer: &Value) -> Series {
    let mut all = Series::new();
    for (_, window) in windows(answer) {
        for (sides, result) in results(window) {
            let labels = Labels::from([
                ("a".to_owned(), text(&sides, "a")),
                ("b".to_owned(), text(&sides, "b")),
                ("measure".to_owned(), text(&result, "metric")),
            ]);
            for name in ["difference", "lower", "upper"] {
                add(&mut all, name, &labels, (end(window), &result[name]));
            }
        }
    }
    all
}
