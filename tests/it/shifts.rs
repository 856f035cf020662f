//! Shifts of variance and quantiles, changes of nulls, new categories and values out of range: equal to
//! the golden profiles, and from partials within the bound that is told.

use std::{collections::BTreeMap, path::Path};

use serde_json::Value;

use crate::{
    golden::{SETS, close, golden, load, result_of, window},
    program::{Target, run, run_json, shared},
};

const QUANTILES: [&str; 4] = ["0.05", "0.5", "0.95", "0.99"];

/// A loaded data set that is asked each question once.
struct Asked<'a> {
    target: Target,
    set: &'a str,
    known: BTreeMap<String, Value>,
    _dir: tempfile::TempDir,
}

impl<'a> Asked<'a> {
    fn load(shared: &Path, set: &'a str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let target = Target::DataDir(dir.path().to_path_buf());
        load(&target, shared, set, "parquet", false);
        Self { target, set, known: BTreeMap::new(), _dir: dir }
    }

    fn ask(&mut self, (from, to): (&str, &str), more: &[&str]) -> Value {
        let args = ["query", "drift", "--model", self.set, "--from", from, "--to", to];
        let args = [&args[..], more].concat();
        let ask = || run_json(&self.target, &args);
        let report = self.known.entry(args.join(" ")).or_insert_with(ask);
        report["windows"][0].clone()
    }
}

/// A fast value is off by no more than it says, and where it has none it says that rows have.
fn check_bound(fast: &Value, exact: &Value, what: &str) {
    let Some(value) = fast["value"].as_f64() else {
        let reason = fast["undefined"].as_str().unwrap();
        assert!(exact["value"].is_null() || reason.contains("from rows"), "{what}: {fast}");
        return;
    };
    let (bound, exact) = (fast["error_bound"].as_f64().unwrap(), exact["value"].as_f64().unwrap());
    let rounding = 1e-9 * exact.abs().max(1e-3);
    assert!((value - exact).abs() <= bound + rounding, "{what}: {fast}, from rows {exact}");
}

/// Values of one window against its profile and that of the reference. Returns how many.
fn check_numeric(asked: &mut Asked<'_>, case: &Value, reference: &Value) -> usize {
    let (inputs, expected, id) = (&case["inputs"], &case["expected"], &case["id"]);
    let column = inputs["column"].as_str().unwrap();
    let (from, to) = window(case);
    let mut compared = 0;
    for p in QUANTILES {
        let methods = ["--method", "variance_ratio", "--method", "quantile_shift", "--quantile", p];
        let fast = asked.ask((&from, &to), &methods);
        let exact = asked.ask((&from, &to), &[&methods[..], &["--exact"]].concat());
        let of = |profile: &Value| profile["quantiles_linear"][p].as_f64();
        let spread = |profile: &Value| profile["std_ddof1"].as_f64().filter(|std| *std > 0.0);
        let shift = of(expected).zip(of(reference)).map(|(now, was)| now - was);
        let now = expected["std_ddof1"].as_f64();
        let ratio = now.zip(spread(reference)).map(|(now, was)| (now / was).powi(2));
        for (method, want) in [("quantile_shift", shift), ("variance_ratio", ratio)] {
            let what = format!("{id} {method} {p}");
            let found = result_of(&exact, column, method, id);
            match want {
                None => assert!(found["undefined"].is_string(), "{what}: {found}"),
                Some(want) => close(&found["value"], &want.into(), 1e-9, &what),
            }
            check_bound(result_of(&fast, column, method, id), found, &what);
            compared += usize::from(want.is_some());
        }
    }
    compared
}

#[test]
fn shifts_of_windows_equal_the_golden_profiles() {
    let Some(shared) = shared("shifts of variance and quantiles") else { return };
    let (mut compared, mut nulls) = (0, 0);
    for set in SETS {
        let mut asked = Asked::load(&shared, set);
        let cases = golden(&shared, "profile.json", set);
        let of_reference =
            |case: &&Value| case["inputs"]["file"].as_str().unwrap().ends_with("reference.parquet");
        for case in cases.iter().filter(|case| !of_reference(case)) {
            let Some(column) = case["inputs"]["column"].as_str() else { continue };
            let mut references = cases.iter().filter(of_reference);
            let known = references.find(|known| known["inputs"]["column"] == column);
            let Some(reference) = known.map(|known| &known["expected"]) else { continue };
            let (expected, id) = (&case["expected"], &case["id"]);
            if expected.get("quantiles_linear").is_some() {
                compared += check_numeric(&mut asked, case, reference);
            }
            let (from, to) = window(case);
            let ask = asked.ask((&from, &to), &["--method", "null_rate_change"]);
            let found = result_of(&ask, column, "null_rate_change", id);
            let rate = |of: &Value| of["nulls"].as_f64().unwrap() / of["rows"].as_f64().unwrap();
            close(&found["value"], &(rate(expected) - rate(reference)).into(), 1e-9, "nulls");
            assert_eq!((&found["exact"], &found["error_bound"]), (&true.into(), &0.0.into()));
            nulls += 1;
        }
    }
    println!("{compared} shifts and {nulls} changes of nulls equal");
    assert!(compared > 100 && nulls > 30, "{compared} {nulls}");
}

#[test]
fn shifts_of_windows_that_cut_hours_stay_inside_their_bound() {
    let Some(shared) = shared("shifts of windows that cut hours") else { return };
    let mut values = 0;
    for (set, windows) in [
        (
            "bike_sharing",
            [
                ("2012-03-05T10:37:00Z", "2012-03-05T12:10:00Z"),
                ("2012-03-05T10:37:00Z", "2012-04-09T03:59:00Z"),
                ("2012-06-01T00:00:30Z", "2012-06-01T23:30:00Z"),
            ],
        ),
        (
            "employment_ma",
            [
                ("2026-02-01T10:37:00Z", "2026-02-01T11:10:00Z"),
                ("2026-01-15T10:37:00Z", "2026-02-03T03:59:00Z"),
                ("2026-02-02T05:01:00Z", "2026-02-02T05:20:00Z"),
            ],
        ),
    ] {
        let mut asked = Asked::load(&shared, set);
        for window in windows {
            for p in QUANTILES {
                let more =
                    ["--method", "variance_ratio", "--method", "quantile_shift", "--quantile", p];
                let fast = asked.ask(window, &more);
                let exact = asked.ask(window, &[&more[..], &["--exact"]].concat());
                let pairs = fast["results"].as_array().unwrap().iter();
                for (fast, exact) in pairs.zip(exact["results"].as_array().unwrap()) {
                    assert_eq!(fast["feature"], exact["feature"]);
                    check_bound(fast, exact, &format!("{set} {window:?} {p} {fast}"));
                    values += usize::from(fast["value"].is_number());
                }
            }
        }
    }
    println!("{values} fast shifts inside their bounds");
    assert!(values > 100, "{values}");
}

#[test]
fn new_categories_and_values_out_of_range_are_shares_of_the_values() {
    let Some(shared) = shared("new categories and values out of range") else { return };
    let (mut new, mut outside) = (0, 0);
    for set in SETS {
        let mut asked = Asked::load(&shared, set);
        for case in golden(&shared, "drift_categorical.json", set) {
            let (expected, id) = (&case["expected"], &case["id"]);
            let column = case["inputs"]["column"].as_str().unwrap();
            let (from, to) = window(&case);
            let found = asked.ask((&from, &to), &["--method", "new_category_share"]);
            let found = result_of(&found, column, "new_category_share", id);
            let counts = expected["cur_counts"].as_array().into_iter().flatten();
            let names = expected["categories"].as_array().into_iter().flatten();
            let pairs: Vec<(&Value, f64)> =
                names.zip(counts.map(|count| count.as_f64().unwrap())).collect();
            let all: f64 = pairs.iter().map(|(_, count)| count).sum();
            if all == 0.0 || expected["n_ref"] == 0 {
                assert!(found["undefined"].is_string(), "{id}: {found}");
                continue;
            }
            let unseen = expected["unseen_in_ref"].as_array().unwrap();
            let of_new = pairs.iter().filter(|(name, _)| unseen.contains(name));
            let want = of_new.map(|(_, count)| count).sum::<f64>() / all;
            close(&found["value"], &want.into(), 1e-9, &id.to_string());
            assert_eq!(found["exact"], true, "{id}");
            new += 1;
        }
        let all = ("2000-01-01T00:00:00Z", "2100-01-01T00:00:00Z");
        let shares = asked.ask(all, &["--method", "out_of_range_share", "--explain"]);
        let quality = ["query", "quality", "--model", set, "--from", all.0, "--to", all.1];
        let quality = run_json(&asked.target, &quality);
        for column in quality["windows"][0]["columns"].as_array().unwrap() {
            let name = column["feature"].as_str().unwrap();
            let share = result_of(&shares, name, "out_of_range_share", &column["feature"]);
            let (below, above) = (column["below"].as_f64(), column["above"].as_f64());
            let (Some(rows), Some(values)) = (below.zip(above), column["values"].as_f64()) else {
                assert!(share["undefined"].is_string(), "{share}");
                continue;
            };
            if column["reference"]["values"] == 0 {
                assert!(share["undefined"].is_string(), "{share}");
                continue;
            }
            close(&share["value"], &((rows.0 + rows.1) / values).into(), 1e-9, name);
            assert_eq!(share["explain"]["bins"][0]["current"].as_f64(), Some(rows.0 + rows.1));
            outside += 1;
        }
    }
    println!("{new} shares of new categories and {outside} out of range equal");
    assert!(new > 10 && outside > 10, "{new} {outside}");
}

/// A reference of more categories than are kept by name leaves some names in doubt, and says how many.
#[test]
fn new_categories_beside_too_many_known_ones_have_a_bound() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::DataDir(dir.path().join("db"));
    let write = |name: &str, categories: &[String]| {
        let row = |(row, category): (usize, &String)| {
            let ts = format!("2026-01-01T{:02}:{:02}:00Z", row / 60, row % 60);
            format!("{name}{row},{ts},{category}\n")
        };
        let text: String = categories.iter().enumerate().map(row).collect();
        let path = dir.path().join(format!("{name}.csv"));
        std::fs::write(&path, "prediction_id,ts,c\n".to_owned() + &text).unwrap();
        path.display().to_string()
    };
    let names = |from: usize, to: usize| (from..to).map(|n| format!("c{n:04}")).collect::<Vec<_>>();
    let reference = write("r", &names(0, 1_001));
    run(&target, &["models", "create", "m", "--task", "binary", "--categorical", "c"]);
    run(&target, &["reference", "set", "--model", "m", &reference]);
    // Two are known by name, the last of the reference is not, and one is new.
    let window = write("w", &[names(0, 2), names(1_000, 1_002)].concat());
    run(&target, &["import", "predictions", "--model", "m", &window]);
    let args = ["query", "drift", "--model", "m", "--feature", "c", "--explain"];
    let day = ["--from", "2026-01-01T00:00:00Z", "--to", "2026-01-02T00:00:00Z"];
    let method = ["--method", "new_category_share"];
    let report = run_json(&target, &[&args[..], &day, &method].concat());
    let result = &report["windows"][0]["results"][0];
    assert_eq!(
        (&result["value"], &result["error_bound"]),
        (&0.25.into(), &0.25.into()),
        "{result}"
    );
    assert_eq!(result["exact"], false);
    let bins = result["explain"]["bins"].as_array().unwrap();
    let counts: Vec<u64> = bins.iter().map(|bin| bin["current"].as_u64().unwrap()).collect();
    assert_eq!(counts, [0, 2, 2], "{result}");
}
