//! What is taken of times, numbers and ids, and which window it is in.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Bench, DAY, import, list};
use crate::{
    golden::close,
    program::{run, run_json, try_run},
};

/// Predictions at some instants, which a window holds or not.
pub(super) fn check_window(bench: &mut Bench, case: &Value) -> usize {
    let model = bench.model("--numeric");
    let inputs = &case["inputs"];
    let times = list(inputs.get("ts").or(inputs.get("ts_in_arrival_order")).unwrap());
    let rows = times.iter().enumerate();
    let rows = rows.map(|(row, ts)| format!("i{row},{},1\n", ts.as_str().unwrap()));
    let text = "prediction_id,ts,x\n".to_owned() + &rows.collect::<String>();
    let file = bench.file("times.csv", &text);
    run(&bench.target(), &["import", "predictions", "--model", &model, &file]);
    let ask = |from: &str, to: &str, more: &[&str]| {
        let args = ["query", "performance", "--model", &model, "--from", from, "--to", to];
        let output = try_run(&bench.target(), &[&args[..], more, &["--format", "json"]].concat());
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        match output.status.success() {
            true => Ok(serde_json::from_slice::<Value>(&output.stdout).unwrap()),
            false => Err(told),
        }
    };
    if let Some(counts) = case["expected"].get("counts") {
        let day = ask("2026-01-01T00:00:00Z", "2026-01-01T03:00:00Z", &["--step", "1h"]).unwrap();
        for window in list(&day["windows"]) {
            assert_eq!(
                window["predictions"],
                counts[window["start"].as_str().unwrap()],
                "{window}"
            );
        }
        return 3;
    }
    let end = |name: &str| inputs["window"][name].as_str().unwrap();
    match (ask(end("start"), end("end"), &[]), case["expected"].get("count")) {
        (Ok(report), Some(count)) => {
            assert_eq!(&report["windows"][0]["predictions"], count, "{}", case["id"]);
        }
        (Err(told), None) => assert!(told.contains("ends before it starts"), "{told}"),
        (answer, _) => panic!("{}: {answer:?}", case["id"]),
    }
    1
}

/// Whole numbers of 64 bits past 2^53 are refused row by row. Our choice, in docs/ingest.md: one that is
/// past 64 bits as well is read as f64 reads it.
pub(super) fn check_whole_numbers(bench: &mut Bench, case: &Value) -> usize {
    let inputs = &case["inputs"];
    let values = list(inputs.get("values").or(inputs.get("reference")).unwrap_or(&Value::Null));
    let values = if values.is_empty() { vec![inputs["int"].clone()] } else { values };
    let model = bench.model("--numeric");
    let row = |(row, value): (usize, &Value)| {
        format!("w{row},2026-01-01T00:00:00Z,{}\n", value.as_str().unwrap())
    };
    let text: String = values.iter().enumerate().map(row).collect();
    let taken = import(bench, &model, &("prediction_id,ts,x\n".to_owned() + &text));
    let beyond = |value: &&Value| {
        value.as_str().unwrap().parse::<i64>().is_ok_and(|whole| whole.unsigned_abs() > 1 << 53)
    };
    let refused = values.iter().filter(beyond).count();
    let accepted = values.len() - refused;
    let counts = (&taken["refused"], &taken["accepted"]);
    assert_eq!(counts, (&refused.into(), &accepted.into()), "{}: {taken}", case["id"]);
    1
}

/// The first row of an id is kept, a second one counted.
pub(super) fn check_twice(bench: &mut Bench, case: &Value) -> usize {
    let rows = list(&case["inputs"]["predictions"]);
    let mut stored = 0;
    let mut known = 0;
    let mut models = BTreeMap::new();
    for row in &rows {
        let of = row["model"].as_str().unwrap_or("one").to_owned();
        let fresh = !models.contains_key(&of);
        let model = models.entry(of).or_insert_with(|| {
            bench.models += 1;
            format!("m{}", bench.models)
        });
        if fresh {
            run(&bench.target(), &["models", "create", model, "--task", "binary"]);
        }
        let text = format!(
            "prediction_id,ts,x,prediction\na,2026-01-01T00:00:00Z,1,{}\n",
            row["prediction"]
        );
        let taken = import(bench, model, &text);
        stored += taken["accepted"].as_u64().unwrap();
        known += taken["known"].as_u64().unwrap();
    }
    assert_eq!(stored, case["expected"]["stored"].as_u64().unwrap(), "{}", case["id"]);
    assert_eq!(known, rows.len() as u64 - stored, "{}", case["id"]);
    1
}

/// A late row changes its window.
pub(super) fn check_late(bench: &mut Bench, case: &Value) -> usize {
    let inputs = &case["inputs"];
    let model = bench.filled(&[json!(1), json!(9)], &list(&inputs["first"]), true).unwrap();
    let ask = |bench: &Bench| {
        let args = ["query", "quality", "--model", &model, "--feature", "x"];
        let report = run_json(&bench.target(), &[&args[..], &DAY].concat());
        report["windows"][0]["columns"][0].clone()
    };
    let before = ask(bench);
    let late = list(&inputs["then"])[0].to_string();
    import(bench, &model, &format!("prediction_id,ts,x\nlate,2026-01-01T23:59:59Z,{late}\n"));
    let after = ask(bench);
    for (column, when) in [(before, "before"), (after, "after")] {
        let expected = |figure: &str| &case["expected"][format!("{figure}_{when}")];
        assert_eq!(&column["values"], expected("count"), "{}", case["id"]);
        close(&column["mean"], expected("mean"), 1e-9, "mean");
    }
    4
}

/// Instants that a row may have, before 1970 and at both ends of time: each is in its own window.
pub(super) fn check_instants(bench: &mut Bench, case: &Value) -> usize {
    let ts = &case["inputs"]["ts"];
    let times = if ts.is_array() { list(ts) } else { vec![ts.clone()] };
    let model = bench.model("--numeric");
    let row = |(row, ts): (usize, &Value)| format!("t{row},{},1\n", ts.as_str().unwrap());
    let text: String = times.iter().enumerate().map(row).collect();
    import(bench, &model, &("prediction_id,ts,x\n".to_owned() + &text));
    let ask = |from: &str, to: &str, more: &[&str]| {
        let args = ["query", "performance", "--model", &model, "--from", from, "--to", to];
        run_json(&bench.target(), &[&args[..], more].concat())
    };
    if let Some(start) = case["expected"]["start"].as_str() {
        let report = ask("1969-12-30T00:00:00Z", "1970-01-02T00:00:00Z", &["--step", "1d"]);
        let windows = list(&report["windows"]);
        let mut holding = windows.iter().filter(|window| window["predictions"] == 1);
        let window = holding.next().unwrap();
        assert_eq!((&window["start"], &window["end"]), (&json!(start), &case["expected"]["end"]));
        return 2;
    }
    let report = ask("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", &[]);
    // The end of time itself is after every window that ends there.
    assert_eq!(report["windows"][0]["predictions"], times.len() - 1, "{}", case["id"]);
    times.len() - 1
}

/// Texts as the start of a window: taken and shown in UTC, or refused.
pub(super) fn check_time(bench: &mut Bench, model: &str, case: &Value) -> usize {
    let text = case["inputs"]["text"].as_str().unwrap();
    let args =
        ["query", "performance", "--model", model, "--from", text, "--to", "9999-01-01T00:00:00Z"];
    let output = try_run(&bench.target(), &[&args[..], &["--format", "json"]].concat());
    let zeros = |text: &str| {
        let text = text.trim_end_matches('Z');
        let text = if text.contains('.') { text.trim_end_matches('0') } else { text };
        text.trim_end_matches('.').to_owned()
    };
    let taken = output.status.success().then(|| {
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        zeros(report["from"].as_str().unwrap())
    });
    let utc = case["expected"]["utc"].as_str();
    let allowed = list(&case["allowed"]);
    // Our choice, in docs/ingest.md: a leap second is taken as the second before it.
    let ours = (case["id"] == "window/leap_second").then_some("2016-12-31T23:59:59Z");
    let allowed = allowed.iter().filter_map(Value::as_str).chain(utc).chain(ours);
    let allowed: Vec<&str> = allowed.collect();
    match taken {
        Some(taken) => {
            let known = allowed.iter().any(|text| zeros(text) == taken);
            assert!(known, "{}: taken as {taken}, of {allowed:?}", case["id"]);
        }
        None => {
            assert_eq!(output.status.code(), Some(2), "{}", case["id"]);
            assert_eq!(utc, None, "{}: refused", case["id"]);
        }
    }
    1
}
