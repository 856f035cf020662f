//! `--explain` on real data: what it says adds up to what is answered, and fast answers read no row.

use serde_json::Value;

use crate::{
    golden::load,
    program::{Server, Target, run, run_err, run_json, shared},
};

const SET: &str = "bank_marketing";
const WINDOW: [&str; 4] = ["--from", "2008-10-20T00:00:00Z", "--to", "2008-11-20T00:00:00Z"];

fn ask(target: &Target, more: &[&str]) -> Value {
    let mut args = vec!["query", "drift", "--model", SET, "--explain"];
    args.extend(WINDOW.iter().filter(|_| !more.contains(&"--from")));
    args.extend(more);
    run_json(target, &args)
}

/// Bins, rows and contributions of a result agree with each other and with its value.
fn check_result(result: &Value) -> bool {
    let explain = &result["explain"];
    let (what, bins) = (result.to_string(), explain["bins"].as_array().unwrap());
    for side in ["reference", "current"] {
        let rows = bins.iter().map(|bin| bin[side].as_u64().unwrap()).sum::<u64>();
        assert!(bins.is_empty() || explain["rows"][side] == rows, "{what}");
    }
    let added: Vec<f64> = bins.iter().filter_map(|bin| bin["contribution"].as_f64()).collect();
    let said = explain["contributions"].as_str().unwrap();
    if result["value"].is_null() {
        assert!(added.is_empty(), "{what}");
        return false;
    }
    let sum = added.iter().sum::<f64>();
    let made = match said {
        "the contributions add up to the value" => sum,
        "the contributions add up to the square of the value" => sum.max(0.0).sqrt(),
        "the value is the largest contribution" => added.iter().copied().fold(0.0, f64::max),
        _ => {
            assert!(said.starts_with("no sum over bins: ") && added.is_empty(), "{what}");
            return false;
        }
    };
    let value = result["value"].as_f64().unwrap();
    assert!((made - value).abs() <= 1e-7 * value.abs().max(1e-3), "{made}: {what}");
    assert_eq!(added.len(), bins.len(), "{what}");
    true
}

#[test]
fn bins_and_contributions_add_up_to_the_answer() {
    let Some(shared) = shared("what --explain says") else { return };
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let target = server.target();
    load(&target, &shared, SET, "parquet", false);
    let methods = [
        "psi",
        "ks",
        "chi2",
        "g_test",
        "js",
        "kl",
        "hellinger",
        "tvd",
        "linf",
        "cramers_v",
        "wasserstein",
        "cvm",
        "mean_shift",
    ];
    let methods: Vec<&str> = methods.iter().flat_map(|method| ["--method", method]).collect();
    let fast = ask(&target, &methods);
    let results = fast["windows"][0]["results"].as_array().unwrap();
    let checked = results.iter().filter(|result| check_result(result)).count();
    println!("{checked} values are made of what their bins add");
    assert!(checked > 100, "{checked}");
    let read = &fast["explain"];
    assert_eq!((&read["rows"], &read["reasons"]), (&0.into(), &Value::Array(Vec::new())), "{read}");
    let parts = read["segments"].as_u64().unwrap() + read["heads"].as_u64().unwrap();
    assert!(parts > 0 && read["partials"] == parts && read["sums"] == parts, "{read}");
    assert!(read["cells"].as_u64().unwrap() > 100, "{read}");

    for peer in ["credit", "evidently", "nannyml", "scouter", "seeds"] {
        let answer = ask(&target, &["--as", peer]);
        let results = answer["windows"][0]["results"].as_array().unwrap();
        let checked = results.iter().filter(|result| check_result(result)).count();
        println!("{peer}: {checked} values are made of what their bins add");
        assert!(checked > 3, "{peer}: {checked}");
    }

    let said =
        run(&target, &[&["query", "drift", "--model", SET, "--explain"], &WINDOW[..]].concat());
    for part in ["sum of (q - p) ln(q / p)", "epsilon 0.0001", "adds", "█", "Read: ", "rows: none"]
    {
        assert!(said.contains(part), "{part} in {said}");
    }
}

/// The reasons for which rows were read, with the rows.
fn reasons(answer: &Value) -> Vec<(String, u64)> {
    let read = &answer["explain"];
    let reasons = read["reasons"].as_array().unwrap();
    let reasons: Vec<(String, u64)> = reasons
        .iter()
        .map(|of| (of["reason"].as_str().unwrap().to_owned(), of["rows"].as_u64().unwrap()))
        .collect();
    assert_eq!(read["rows"], reasons.iter().map(|(_, rows)| rows).sum::<u64>(), "{read}");
    reasons
}

#[test]
fn rows_are_read_for_a_reason_that_is_told() {
    let Some(shared) = shared("why rows are read") else { return };
    let dir = tempfile::tempdir().unwrap();
    let target = Target::DataDir(dir.path().to_path_buf());
    load(&target, &shared, SET, "parquet", false);
    let all = ask(&target, &["--feature", "age"])["windows"][0]["predictions"].as_u64().unwrap();

    let exact = ask(&target, &["--feature", "age", "--method", "ks", "--exact"]);
    assert_eq!(reasons(&exact), [("exact values were asked for".to_owned(), all)]);
    assert_eq!(exact["explain"]["reference_rows"], 24_038);
    let result = &exact["windows"][0]["results"][0]["explain"];
    assert_eq!((&result["rows"]["current"], &result["bins"]), (&all.into(), &Value::Array(vec![])));

    let bins = ask(&target, &["--feature", "age", "--bins", "7"]);
    let why = "the bins asked for are no unions of the reference's percentiles".to_owned();
    assert_eq!(reasons(&bins), [(why, all)]);
    assert_eq!(bins["explain"]["partials"], 0);

    let cut = ["--from", "2008-10-20T00:00:00.5Z", "--to", "2008-11-20T00:00:00Z"];
    let cut = ask(&target, &[&cut[..], &["--feature", "age"]].concat());
    let minute = "a window begins or ends inside a minute";
    assert!(reasons(&cut).iter().all(|(reason, _)| reason == minute), "{cut}");

    let other = ["query", "performance", "--model", SET, "--metric", "roc_auc", "--explain"];
    let scores = run_json(&target, &[&other[..], &WINDOW[..]].concat());
    assert_eq!(reasons(&scores), []);
    let scores = run_json(&target, &[&other[..], &WINDOW[..], &["--exact"]].concat());
    assert!(reasons(&scores)[0].0.contains("labelled rows"), "{scores}");
    let quality = ["query", "quality", "--model", SET, "--feature", "age", "--explain"];
    let quality = run_json(&target, &[&quality[..], &WINDOW[..]].concat());
    assert_eq!(reasons(&quality), []);
    assert_eq!(quality["explain"]["sums"], quality["explain"]["segments"], "{quality}");

    let csv = ["query", "drift", "--model", SET, "--explain", "--format", "csv"];
    let (code, told) = run_err(&target, &[&csv[..], &WINDOW[..]].concat());
    assert!(code == 2 && told.contains("take --format json"), "{told}");
    let silent = ["query", "drift", "--model", SET, "--feature", "age"];
    let silent = run_json(&target, &[&silent[..], &WINDOW[..]].concat());
    assert!(silent["explain"].is_null() && silent["windows"][0]["results"][0]["explain"].is_null());
}

/// Of a segment with deleted rows the counts still hold them, so that it is read by its rows until it is
/// purged; a head keeps whole days.
#[test]
fn deleted_rows_and_heads_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(&dir.path().join("db"));
    let target = server.target();
    let row = |n: u32| format!("p{n},2026-01-01T{:02}:00:00Z,{n}\n", n % 24);
    let rows: String = (0..240).map(row).collect();
    let file = dir.path().join("rows.csv");
    std::fs::write(&file, "prediction_id,ts,x\n".to_owned() + &rows).unwrap();
    let file = file.display().to_string();
    run(&target, &["models", "create", "m", "--task", "binary", "--numeric", "x"]);
    run(&target, &["reference", "set", "--model", "m", &file]);
    run(&target, &["import", "predictions", "--model", "m", &file]);
    let ask = || {
        let args = ["query", "drift", "--model", "m", "--feature", "x", "--explain"];
        let day = ["--from", "2026-01-01T00:00:00Z", "--to", "2026-01-02T00:00:00Z"];
        run_json(&target, &[&args[..], &day].concat())
    };
    let head = ask();
    let read = &head["explain"];
    assert_eq!(
        (&read["heads"], &read["segments"], &read["days"]),
        (&1.into(), &0.into(), &1.into())
    );
    assert_eq!(reasons(&head), []);

    run(&target, &["compact"]);
    let sealed = ask();
    let read = &sealed["explain"];
    assert_eq!((&read["heads"], &read["segments"]), (&0.into(), &1.into()), "{read}");
    assert_eq!(reasons(&sealed), []);
    let ids = dir.path().join("ids.txt");
    std::fs::write(&ids, "p3\n").unwrap();
    let ids = ids.display().to_string();
    run(&target, &["predictions", "delete", "--model", "m", "--yes", "--ids", &ids]);
    let deleted = ask();
    let why = reasons(&deleted);
    // Maintenance may have purged it already, and then counts tell again.
    assert!(
        why.is_empty()
            || why
                == [("a segment has deleted rows that its partials still count".to_owned(), 239)],
        "{why:?}"
    );
    assert_eq!(deleted["windows"][0]["predictions"], 239);
}
