//! What cannot be answered in PromQL: each is an error that says what to do, or an empty answer that
//! says beside it why it is empty.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::{
    program::{Server, Target, run},
    prometheus::{ask, get, refuse},
};

/// The demo's month, and a model with a hostile feature.
fn served(dir: &std::path::Path) -> Server {
    let target = Target::DataDir(dir.join("db"));
    run(&target, &["demo"]);
    let mut csv = String::from("prediction_id,ts,\"a\"\"b{c}\",score,prediction\n");
    for n in 0..600 {
        let ts = format!("2026-03-01T{:02}:{:02}:00Z", n / 60, n % 60);
        writeln!(csv, "p{n},{ts},{},0.5,yes", n % 17).unwrap();
    }
    let file = dir.join("log.csv");
    std::fs::write(&file, csv).unwrap();
    let create = ["models", "create", "hostile", "--task", "binary", "--positive-class", "yes"];
    run(&target, &create);
    run(&target, &["import", "predictions", "--model", "hostile", file.to_str().unwrap()]);
    let window = ["--from", "2026-03-01T00:00:00Z", "--to", "2026-03-01T05:00:00Z"];
    run(&target, &[&["reference", "pin", "--model", "hostile"], &window[..]].concat());
    Server::start(&dir.join("db"))
}

/// Eight in the morning of that day.
const MORNING: &str = "1772352000";

/// The infos of an answer without a series.
fn infos(server: &Server, query: &str, time: &str) -> String {
    let answer = get(server, "query", &[("query", query), ("time", time)]);
    assert_eq!(answer["data"]["result"], json!([]), "{query}");
    answer["infos"].as_array().unwrap_or(&vec![]).iter().map(Value::to_string).collect()
}

#[test]
fn an_empty_answer_says_which_name_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let server = served(dir.path());
    for (query, words) in [
        ("driftline_psi{model=\"fraud-dema\"}", ["no model", "fraud-demo"]),
        ("driftline_psi{model=\"gone\"}", ["no model", "hostile"]),
        ("avg_over_time(driftline_psi{model=\"gone\"}[1d])", ["no model", "hostile"]),
        ("driftline_psy", ["no metric", "driftline_psi"]),
        ("up", ["no metric", "driftline_"]),
        ("driftline_psi{model=\"fraud-demo\",version=\"9\"}", ["no version", "\\\"9\\\""]),
        ("driftline_psi{model=\"fraud-demo\",feature=\"amont\"}", ["no feature", "amount"]),
        ("driftline_psi{reference=\"defalt\"}", ["no reference", "default"]),
    ] {
        let said = infos(&server, query, MORNING);
        assert!(words.iter().all(|word| said.contains(word)), "{query}: {said}");
    }
    // A pattern may well mean nothing.
    assert_eq!(infos(&server, "driftline_psi{model=~\"gone.*\"}", MORNING), "");
}

#[test]
fn a_time_without_data_has_no_sample_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let server = served(dir.path());
    for metric in ["driftline_psi", "driftline_accuracy", "driftline_latency_seconds"] {
        let said = infos(&server, &format!("{metric}{{model=\"hostile\"}}"), "1000000000");
        assert!(said.contains("has no value"), "{metric}: {said}");
    }
    // So does a graph, and a count is 0.
    let range = [("start", "1000000000"), ("end", "1000086400"), ("step", "3600")];
    let of = |query| get(&server, "query_range", &[&[("query", query)], &range[..]].concat());
    let psi = of("driftline_psi{model=\"hostile\"}");
    assert!(psi["infos"][0].as_str().unwrap().contains("has no value"), "{psi}");
    let count = of("driftline_predictions{model=\"hostile\"}");
    let values = count["data"]["result"][0]["values"].as_array().unwrap();
    assert!(values.len() == 25 && values.iter().all(|value| value[1] == "0"), "{count}");
}

#[test]
fn a_hostile_feature_is_chosen_told_and_computed() {
    let dir = tempfile::tempdir().unwrap();
    let server = served(dir.path());
    let selector = "driftline_psi{model=\"hostile\",feature=\"a\\\"b{c}\"}";
    let answer = get(&server, "query", &[("query", selector), ("time", MORNING)]);
    assert_eq!(answer["data"]["result"][0]["metric"]["feature"], "a\"b{c}", "{answer}");
    let by = format!("sum by (feature) ({selector}) * 2");
    let answer = get(&server, "query", &[("query", &by), ("time", MORNING)]);
    assert_eq!(answer["data"]["result"][0]["metric"], json!({ "feature": "a\"b{c}" }));
    let broken = "driftline_psi{feature=\"a\"b{c}\"}";
    let (status, kind, text) = refuse(&server, "query", &[("query", broken)]);
    assert!((status, kind.as_str()) == (400, "bad_data") && text.contains("query"), "{text}");
}

#[test]
fn what_costs_too_much_or_is_not_there_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let server = served(dir.path());
    let features = |count: usize| -> String {
        let names: Vec<String> = (0..count).map(|n| format!("f{n}")).collect();
        format!("driftline_psi{{feature=~\"{}\"}}", names.join("|"))
    };
    // Grafana sends what is long by POST.
    let form = format!("query={}", features(10_000));
    let (status, body) = ask(&server, "POST", "/api/v1/query", &form);
    let is_told = body.contains("bytes, at most 16384; ask in parts");
    assert!(status == 400 && is_told, "{status} {body}");
    let many = features(3_000);
    let month = [("start", "1769904000"), ("end", "1772496000")];
    let instant: [(&str, u16, &str, &[&str]); 5] = [
        ("rate(driftline_psi[1h])", 400, "bad_data", &["no function rate", "delta"]),
        ("psi(driftline_psi)", 400, "bad_data", &["no function psi", "there are"]),
        (&many, 400, "bad_data", &["16384", "in parts"]),
        ("driftline_psi{window=\"soon\"}", 400, "bad_data", &["window", "soon"]),
        ("driftline_psi{model=\"fraud-demo\"", 400, "bad_data", &["query"]),
    ];
    for (query, status, kind, words) in instant {
        let (got, of, text) = refuse(&server, "query", &[("query", query), ("time", MORNING)]);
        let shown: String = query.chars().take(80).collect();
        assert_eq!((got, of.as_str()), (status, kind), "{shown}: {text}");
        assert!(words.iter().all(|word| text.contains(word)), "{shown}: {text}");
    }
    let ranges: [(&str, &str, u16, &str, &[&str]); 4] = [
        // A window of a month that moves by minutes takes as many questions as it has minutes.
        ("driftline_psi{window=\"30d\"}", "240", 422, "execution", &["5000 questions", "step"]),
        ("driftline_psi", "60", 400, "bad_data", &["11000 points"]),
        (
            "sum_over_time(driftline_predictions{window=\"1m\"}[30d])",
            "3600",
            422,
            "execution",
            &["longer", "window"],
        ),
        ("driftline_psi", "soon", 400, "bad_data", &["step", "15s, 1h or 60"]),
    ];
    for (query, step, status, kind, words) in ranges {
        let params = [&[("query", query), ("step", step)], &month[..]].concat();
        let (got, of, text) = refuse(&server, "query_range", &params);
        assert_eq!((got, of.as_str()), (status, kind), "{query}: {text}");
        assert!(words.iter().all(|word| text.contains(word)), "{query}: {text}");
    }
    let hasty = [
        ("query", "driftline_psi{window=\"30d\"}"),
        ("start", "1769904000"),
        ("end", "1772496000"),
        ("step", "600"),
        ("timeout", "0.001"),
    ];
    let (status, kind, text) = refuse(&server, "query_range", &hasty);
    assert!((status, kind.as_str()) == (503, "timeout") && text.contains("choose"), "{text}");
}
