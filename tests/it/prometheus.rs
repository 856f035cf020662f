//! The API of Prometheus through the real server: values are those of `driftline query` for the same
//! windows, and errors those of Prometheus.

use std::{
    fmt::Write as _,
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
};

use serde_json::Value;

use crate::program::{Server, Target, run, run_json};

/// A name that would break a selector, a line of text and a string of JSON.
const HOSTILE: &str = "a\"b{c}";
/// The first of March 2026 in seconds.
const DAY: i64 = 1_772_323_200;

/// Two days of 2,880 predictions, one a minute and version; the second day lies higher. Version 2 has
/// no label, and an hour of the second day has no prediction.
fn log() -> String {
    let mut csv = String::from(
        "prediction_id,ts,version,x,\"a\"\"b{c}\",country,score,prediction,label,latency_ms,status\n",
    );
    for n in 0..2 * 2_880 {
        let (version, minute) = (n % 2 + 1, n / 2);
        if minute / 60 == 30 {
            continue;
        }
        let moved = if minute >= 1_440 { minute % 40 } else { 0 };
        let x = (minute * 7) % 100 + moved;
        let country = ["DE", "FR", "IT"][(minute / 7 + moved) % 3];
        let predicted = if minute % 4 == 0 { "yes" } else { "no" };
        let label = match (version, minute % 5) {
            (2, _) => "",
            (_, 0) => "yes",
            _ => predicted,
        };
        let score = if predicted == "yes" { 0.75 } else { 0.25 };
        let status = if minute % 50 == 0 { "timeout" } else { "ok" };
        let (hour, day) = (minute / 60 % 24, minute / 1_440 + 1);
        let ts = format!("2026-03-{day:02}T{hour:02}:{:02}:00Z", minute % 60);
        let latency = minute % 90 + 1;
        writeln!(
            csv,
            "p{n},{ts},{version},{x},{},{country},{score},{predicted},{label},{latency},{status}",
            minute % 13
        )
        .unwrap();
    }
    csv
}

fn imported(dir: &Path) -> Target {
    let target = Target::DataDir(dir.join("db"));
    let file = dir.join("log.csv");
    fs::write(&file, log()).unwrap();
    run(&target, &["models", "create", "fraud", "--task", "binary", "--positive-class", "yes"]);
    run(&target, &["import", "predictions", "--model", "fraud", file.to_str().unwrap()]);
    let window = ["--from", "2026-03-01T00:00:00Z", "--to", "2026-03-02T00:00:00Z"];
    let pin = |name: &str| {
        run(
            &target,
            &[&["reference", "pin", "--model", "fraud", "--name", name], &window[..]].concat(),
        );
    };
    // The first one is the default.
    pin("first-day");
    pin("other");
    target
}

/// What a server answers: status and body.
fn ask(server: &Server, request: &str, path: &str, form: &str) -> (u16, String) {
    let address = server.http.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let kind = if request == "POST" {
        let len = form.len();
        format!("content-type: application/x-www-form-urlencoded\r\ncontent-length: {len}\r\n")
    } else {
        String::new()
    };
    let head =
        format!("{request} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{kind}\r\n");
    stream.write_all(format!("{head}{form}").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    if !head.to_lowercase().contains("transfer-encoding: chunked") {
        return (status, body.to_owned());
    }
    let mut rest = body;
    let mut whole = String::new();
    while let Some((length, more)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length.trim(), 16).unwrap_or(0);
        if length == 0 {
            break;
        }
        whole.push_str(&more[..length]);
        rest = &more[length + 2..];
    }
    (status, whole)
}

fn encode(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// The answer to a GET, which must be one: of what may change between two requests.
pub fn look(server: &Server, path: &str, params: &[(&str, &str)]) -> Value {
    let (status, body) = ask(server, "GET", &format!("/api/v1/{path}?{}", encoded(params)), "");
    assert_eq!(status, 200, "{path} {params:?}: {body}");
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(answer["status"], "success");
    answer
}

fn encoded(params: &[(&str, &str)]) -> String {
    let params: Vec<String> =
        params.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    params.join("&")
}

/// The answer by GET, and by POST alike.
pub fn get(server: &Server, path: &str, params: &[(&str, &str)]) -> Value {
    let answer = look(server, path, params);
    if !path.starts_with("label/") {
        let (status, body) = ask(server, "POST", &format!("/api/v1/{path}"), &encoded(params));
        let posted: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, &posted), (200, &answer), "{path} {params:?}");
    }
    answer
}

/// The expressions of a page: the lines of its blocks of PromQL.
pub fn promql_of(page: &str) -> Vec<&str> {
    let blocks = page.split("```promql\n").skip(1);
    blocks
        .flat_map(|block| block.split("```").next().unwrap_or_default().lines())
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .collect()
}

fn instant(server: &Server, query: &str, time: i64) -> Vec<(Value, f64)> {
    let answer = get(server, "query", &[("query", query), ("time", &time.to_string())]);
    let result = answer["data"]["result"].as_array().unwrap_or_else(|| panic!("{answer}")).clone();
    result
        .iter()
        .map(|series| {
            let value = series["value"][1].as_str().unwrap().parse().unwrap();
            (series["metric"].clone(), value)
        })
        .collect()
}

/// Status, type and text of an error.
fn refuse(server: &Server, path: &str, params: &[(&str, &str)]) -> (u16, String, String) {
    let (status, body) = ask(server, "GET", &format!("/api/v1/{path}?{}", encoded(params)), "");
    let answer: Value = serde_json::from_str(&body).unwrap_or_else(|_| panic!("{body}"));
    assert_eq!(answer["status"], "error", "{body}");
    let text = |field: &str| answer[field].as_str().unwrap().to_owned();
    (status, text("errorType"), text("error"))
}

#[test]
fn values_are_those_of_queries_for_the_same_windows() {
    let dir = tempfile::tempdir().unwrap();
    imported(dir.path());
    let server = Server::start(&dir.path().join("db"));
    let target = server.target();
    let end = DAY + 40 * 3_600 + 17 * 60;
    let query = |kind: &str, more: &[&str], from: i64| {
        let (from, to) = (rfc(from), rfc(end));
        let args = ["query", kind, "--model", "fraud", "--from", &from, "--to", &to];
        run_json(&target, &[&args[..], more].concat())["windows"][0].clone()
    };
    for (window, seconds) in [("1h", 3_600), ("1d", 86_400)] {
        let drift =
            query("drift", &["--version", "1", "--method", "psi", "--method", "ks"], end - seconds);
        let results = drift["results"].as_array().unwrap();
        let mut compared = 0;
        for method in ["psi", "ks"] {
            let selector = format!("driftline_{method}{{version=\"1\",window=\"{window}\"}}");
            // Anywhere within the minute is the same.
            let got = instant(&server, &selector, end + 59);
            for (labels, value) in &got {
                assert_eq!(labels["reference"], "first-day");
                let wanted = |result: &&Value| {
                    result["feature"] == labels["feature"] && result["method"] == method
                };
                let want = results.iter().find(wanted).unwrap_or_else(|| panic!("{labels}"));
                assert_eq!(want["value"].as_f64(), Some(*value), "{labels}");
                compared += 1;
            }
        }
        assert!(compared >= 7, "{compared}: x, the hostile one and score by both, more by PSI");
    }
    let one = |selector: &str| {
        let got = instant(&server, selector, end);
        assert_eq!(got.len(), 1, "{selector}: {got:?}");
        got[0].1
    };
    let quality = query("performance", &["--version", "1", "--metric", "accuracy"], end - 3_600);
    assert_eq!(
        Some(one("driftline_accuracy{version=\"1\"}")),
        quality["results"][0]["value"].as_f64()
    );
    let count = |field: &str| quality[field].as_u64().unwrap() as f64;
    assert_eq!(one("driftline_predictions{version=\"1\"}"), count("predictions"));
    assert_eq!(one("sum(driftline_predictions)"), 2.0 * count("predictions"));
    assert_eq!(one("driftline_predictions{version=\"\"}"), 2.0 * count("predictions"));
    assert_eq!(one("driftline_coverage{version=\"\"}"), 0.5);
    let served = query("operations", &["--version", "2", "--percentile", "75"], end - 3_600);
    let p75 = served["latency_ms"]["percentiles"][0]["value"].as_f64().unwrap() / 1e3;
    assert_eq!(one("driftline_latency_seconds{version=\"2\",quantile=\"0.75\"}"), p75);
    let errors = served["errors"]["rate"]["value"].as_f64().unwrap();
    assert_eq!(one("driftline_error_ratio{version=\"2\"}"), errors);
    assert_eq!(one("driftline_null_ratio{version=\"1\",feature=\"x\"}"), 0.0);
    // Of a quiet day sums are kept by the day.
    let whole = DAY + 2 * 86_400;
    let column = run_json(
        &target,
        &[
            "query",
            "quality",
            "--model",
            "fraud",
            "--version",
            "1",
            "--feature",
            "x",
            "--from",
            &rfc(DAY + 86_400),
            "--to",
            &rfc(whole),
        ],
    );
    let mean = column["windows"][0]["columns"][0]["mean"].as_f64();
    let selector = "driftline_feature_mean{version=\"1\",feature=\"x\",window=\"1d\"}";
    assert_eq!(Some(instant(&server, selector, whole + 1_800)[0].1), mean, "{column}");
    let auc = run_json(
        &target,
        &[
            "query",
            "performance",
            "--model",
            "fraud",
            "--version",
            "1",
            "--metric",
            "roc_auc",
            "--from",
            &rfc(DAY + 16 * 3_600),
            "--to",
            &rfc(DAY + 40 * 3_600),
        ],
    );
    let auc = auc["windows"][0]["results"][0]["value"].as_f64();
    assert_eq!(Some(one("driftline_roc_auc{version=\"1\",window=\"1d\"}")), auc);
}

/// Seconds since 1970 as the command line reads them.
fn rfc(seconds: i64) -> String {
    let (day, rest) = ((seconds - DAY) / 86_400 + 1, (seconds - DAY) % 86_400);
    format!("2026-03-{day:02}T{:02}:{:02}:00Z", rest / 3_600, rest / 60 % 60)
}

#[test]
fn a_graph_has_the_values_of_its_instants() {
    let dir = tempfile::tempdir().unwrap();
    imported(dir.path());
    let server = Server::start(&dir.path().join("db"));
    let graph = |query: &str, start: i64, end: i64, step: &str| {
        let (start, end) = (start.to_string(), end.to_string());
        let params = [("query", query), ("start", &start), ("end", &end), ("step", step)];
        get(&server, "query_range", &params)["data"]["result"].as_array().unwrap().clone()
    };
    // Windows of three hours that overlap by whole steps, and by parts of them.
    for (step, seconds) in [("1h", 3_600), ("2h", 7_200), ("2400", 2_400), ("7m", 420)] {
        let selector = "driftline_psi{version=\"1\",feature=\"x\",window=\"3h\"}";
        let (start, end) = (DAY + 20 * 3_600, DAY + 36 * 3_600);
        let all = graph(selector, start, end, step);
        assert_eq!(all.len(), 1);
        let values = all[0]["values"].as_array().unwrap();
        assert_eq!(values.len() as i64, (end - start) / seconds + 1);
        for place in [0, 3, values.len() - 1] {
            let time = values[place][0].as_i64().unwrap();
            assert_eq!(time, start + place as i64 * seconds);
            let alone = instant(&server, selector, time);
            assert_eq!(values[place][1].as_str().unwrap().parse(), Ok(alone[0].1), "{step} {time}");
        }
    }
    // The hour without predictions has none of drift, and 0 predictions.
    let gap = DAY + 31 * 3_600;
    let hours = graph("driftline_psi{version=\"1\",feature=\"x\"}", gap - 3_600, gap + 3_600, "1h");
    let times: Vec<i64> =
        hours[0]["values"].as_array().unwrap().iter().map(|v| v[0].as_i64().unwrap()).collect();
    assert_eq!(times, [gap - 3_600, gap + 3_600]);
    assert_eq!(instant(&server, "driftline_predictions{version=\"1\"}", gap)[0].1, 0.0);
    // Windows of a range tile it back from the instant.
    let sum = "sum_over_time(driftline_predictions{version=\"1\",window=\"1h\"}[1d])";
    assert_eq!(instant(&server, sum, DAY + 86_400 + 17 * 60)[0].1, 1_440.0);
    let top = instant(&server, "topk(2, driftline_psi{version=\"1\"})", DAY + 40 * 3_600);
    assert!(top.len() == 2 && top[0].1 >= top[1].1, "{top:?}");
    let drifted = "driftline_psi{version=\"1\",feature=\"a\\\"b{c}\"} < 100";
    assert_eq!(instant(&server, drifted, DAY + 40 * 3_600)[0].0["feature"], HOSTILE);
    let moved = "count by (model) (driftline_psi{version=\"1\",window=\"1d\"} > 0.01)";
    assert!(instant(&server, moved, DAY + 2 * 86_400)[0].1 >= 1.0);
    let later =
        (std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap()).as_secs();
    assert!(instant(&server, "driftline_predictions", later as i64 + 3_600).is_empty(), "ahead");
}

#[test]
fn the_catalog_tells_which_series_there_are() {
    let dir = tempfile::tempdir().unwrap();
    imported(dir.path());
    let server = Server::start(&dir.path().join("db"));
    let texts = |answer: &Value| -> Vec<String> {
        answer["data"].as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect()
    };
    let features = texts(&get(
        &server,
        "label/feature/values",
        &[("match[]", "driftline_psi{model=\"fraud\"}")],
    ));
    assert_eq!(features, [HOSTILE, "country", "prediction", "score", "x"]);
    assert_eq!(texts(&get(&server, "label/model/values", &[])), ["fraud"]);
    assert!(
        texts(&get(&server, "label/__name__/values", &[])).contains(&"driftline_psi".to_owned())
    );
    let windows = texts(&get(&server, "label/window/values", &[]));
    assert!(windows.contains(&"1d".to_owned()), "{windows:?}");
    assert_eq!(texts(&get(&server, "labels", &[])).len(), 19);
    // What data tells is looked up for a metric that is named, at the end of the time asked about.
    let end = (DAY + 86_400).to_string();
    let slices = "driftline_predictions{by=\"country\",window=\"1d\"}";
    let slices = get(&server, "label/slice/values", &[("match[]", slices), ("end", &end)]);
    assert_eq!(texts(&slices), ["DE", "FR", "IT"]);
    let classes = [("match[]", "driftline_recall{window=\"1d\"}"), ("end", &end)];
    let classes = texts(&get(&server, "label/class/values", &classes));
    assert_eq!(classes, ["macro", "micro", "no", "weighted", "yes"]);
    let formatted = get(&server, "format_query", &[("query", "sum(rate(a[1m]))by(b)")]);
    assert_eq!(formatted["data"], "sum by (b) (rate(a[1m]))");
    assert_eq!(texts(&get(&server, "label/version/values", &[])), ["1", "2"]);
    let week = [("match[]", "{model=\"fraud\",version=\"1\"}")];
    assert_eq!(texts(&get(&server, "label/quantile/values", &week)).len(), 5);
    let labels = texts(&get(&server, "labels", &[("match[]", "driftline_psi")]));
    assert_eq!(labels, ["__name__", "feature", "model", "reference", "version", "window"]);
    let series = get(&server, "series", &[("match[]", "driftline_psi{feature=~\"[xs].*\"}")]);
    assert_eq!(series["data"].as_array().unwrap().len(), 4, "two features of two versions");
    let other = [("match[]", "driftline_psi{feature=\"x\",reference=~\".+\",version=\"1\"}")];
    assert_eq!(get(&server, "series", &other)["data"].as_array().unwrap().len(), 2);
    let few = get(&server, "series", &[("match[]", "{model=\"fraud\"}"), ("limit", "3")]);
    assert_eq!(few["data"].as_array().unwrap().len(), 3);
    assert!(few["warnings"][0].as_str().unwrap().contains("truncated"), "{few}");
    let metadata = get(&server, "metadata", &[("metric", "driftline_latency_seconds")]);
    assert_eq!(metadata["data"]["driftline_latency_seconds"][0]["unit"], "seconds");
    assert_eq!(get(&server, "status/buildinfo", &[])["data"]["application"], "driftline");
    // Every series that is told of has a value, and none else has one, but for those of a class.
    let told = get(&server, "series", &[("match[]", "{model=\"fraud\",version=\"1\"}")]);
    let told = told["data"].as_array().unwrap();
    for (labels, _) in instant(&server, "{model=\"fraud\",version=\"1\"}", DAY + 40 * 3_600) {
        assert!(told.contains(&labels) || labels["class"].is_string(), "{labels} is not told of");
    }
}

#[test]
fn another_reference_reads_rows_and_says_what_is_undefined() {
    let dir = tempfile::tempdir().unwrap();
    imported(dir.path());
    let server = Server::start(&dir.path().join("db"));
    let at = (DAY + 40 * 3_600).to_string();
    let query = "driftline_psi{version=\"1\",feature=\"x\",reference=\"other\"}";
    let answer = get(&server, "query", &[("query", query), ("time", &at)]);
    assert_eq!(answer["data"]["result"][0]["metric"]["reference"], "other");
    let answer =
        get(&server, "query", &[("query", "driftline_accuracy{version=\"2\"}"), ("time", &at)]);
    assert_eq!(answer["data"]["result"], serde_json::json!([]));
    let info = answer["infos"][0].as_str().unwrap();
    assert!(info.contains("driftline_accuracy of model fraud has no value"), "{info}");
    let hourly = "driftline_roc_auc{version=\"1\",window=\"30m\"}";
    let answer = get(&server, "query", &[("query", hourly), ("time", &at)]);
    assert!(answer["infos"][0].as_str().unwrap().contains("choose whole hours"), "{answer}");
}

#[test]
fn errors_are_those_of_prometheus() {
    let dir = tempfile::tempdir().unwrap();
    imported(dir.path());
    let server = Server::start(&dir.path().join("db"));
    for nothing in ["nothing", "driftline_psi{model=\"gone\"}", "driftline_psi{team=\"x\"}"] {
        assert!(instant(&server, nothing, DAY).is_empty(), "{nothing}");
    }
    let check = |path: &str, params: &[(&str, &str)], status: u16, kind: &str, want: &str| {
        let (got, of, text) = refuse(&server, path, params);
        assert!((got, of.as_str()) == (status, kind) && text.contains(want), "{got} {of} {text}");
    };
    let bad = |query: &str, want: &str| check("query", &[("query", query)], 400, "bad_data", want);
    bad("rate(driftline_psi[1h])", "there is no function rate: it is of counters");
    bad("timestamp(driftline_psi)", "there is no function timestamp; there are abs");
    bad("driftline_psi{", "invalid parameter \"query\"");
    bad("driftline_psi{model=~\"(\"}", "regex");
    bad("driftline_psi{window=\"30s\"}", "whole minutes");
    bad("driftline_latency_seconds{quantile=\"99\"}", "from 0 to 1");
    check("query", &[], 400, "bad_data", "invalid parameter \"query\": is required");
    check("query", &[("query", "1"), ("time", "soon")], 400, "bad_data", "valid timestamp");
    let range = [("query", "driftline_psi"), ("start", "0"), ("end", "11000"), ("step", "1")];
    check("query_range", &range, 400, "bad_data", "maximum resolution of 11000 points");
    let range = [("query", "driftline_psi"), ("start", "9"), ("end", "1"), ("step", "1")];
    check("query_range", &range, 400, "bad_data", "end timestamp must not be before start time");
    check(
        "query_range",
        &[("query", "1"), ("start", "0")],
        400,
        "bad_data",
        "\"end\": is required",
    );
    check("series", &[], 400, "bad_data", "no match[] parameter provided");
    check("series", &[("match[]", "1")], 400, "bad_data", "is no selector");
    check("nothing", &[], 404, "not_found", "there is no /api/v1/nothing: there are query");
    for (path, want) in [
        ("write", "over gRPC"),
        ("read", "federate /federate"),
        ("status/tsdb", "driftline models stats"),
        ("admin/tsdb/delete_series", "predictions delete"),
    ] {
        check(path, &[], 404, "not_found", want);
    }
    let twice = "driftline_psi{version=\"1\"} + on(model) driftline_ks{version=\"1\"}";
    let params = [("query", twice), ("time", &(DAY + 40 * 3_600).to_string())];
    check("query", &params, 422, "execution", "match the same series");
    let (status, body) = ask(&server, "POST", "/api/v1/query", &"x".repeat(70_000));
    assert!(status == 400 && body.contains("a form of more than 65536 bytes"), "{status} {body}");
}

#[test]
fn scrapes_tell_the_latest_values_in_both_formats() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::DataDir(dir.path().join("demo"));
    run(&target, &["demo"]);
    // The demo ends at a midnight.
    let server = Server::start_with(&dir.path().join("demo"), &["--metrics-window", "7d"]);
    let (status, text) = ask(&server, "GET", "/metrics", "");
    assert!(status == 200 && text.ends_with("# EOF\n"), "{text}");
    assert!(text.contains("driftline_psi{feature=\"amount\",model=\"fraud-demo\""), "{text}");
    assert!(text.contains("driftline_models_left_out 0"), "{text}");
    assert!(text.contains("# TYPE driftline_latency_seconds summary"), "{text}");
    let week = "driftline_psi{window=\"7d\"}";
    let (status, text) = ask(&server, "GET", &format!("/federate?match[]={}", encode(week)), "");
    assert!(status == 200 && text.contains("# TYPE driftline_psi gauge"), "{text}");
    let (status, text) = ask(&server, "GET", "/federate", "");
    assert!(status == 400 && text.contains("no match[]"), "{text}");
    let off = Server::start_with(&dir.path().join("demo2"), &["--metrics-window", "off"]);
    let (_, text) = ask(&off, "GET", "/metrics", "");
    assert!(!text.contains("driftline_models_left_out") && text.contains("driftline_head_rows"));
}

const RULES: &str = r#"
[[rule]]
name = "amount-drift"
model = "fraud-demo"
metric = "psi"
feature = "amount"
window = "7d"
every = "1d"
when = "> 0.05"
severity = "critical"
labels = { team = "red" }
runbook_url = "http://127.0.0.1/drift"

[[rule]]
name = "quiet"
model = "fraud-demo"
metric = "psi"
feature = "*"
window = "1d"
when = "> history + 8 sd"

[[rule]]
name = "both"
all_of = ["amount-drift", "quiet"]
"#;

#[test]
fn rules_and_their_alerts_are_told_as_prometheus_does() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::DataDir(dir.path().join("db"));
    run(&target, &["demo"]);
    let file = dir.path().join("rules.toml");
    fs::write(&file, RULES).unwrap();
    run(&target, &["rules", "apply", file.to_str().unwrap()]);
    let server = Server::start(&dir.path().join("db"));
    // The service judges the newest window.
    let began = std::time::Instant::now();
    let alerts = loop {
        let healthy = look(&server, "rules", &[("rule_name[]", "amount-drift")])["data"]["groups"]
            [0]["rules"][0]["health"]
            == "ok";
        let alerts = look(&server, "alerts", &[])["data"]["alerts"].as_array().unwrap().clone();
        if healthy && !alerts.is_empty() {
            break alerts;
        }
        assert!(began.elapsed().as_secs() < 120, "nothing fires");
        std::thread::sleep(std::time::Duration::from_millis(50));
    };
    let alert = &alerts[0];
    assert_eq!((alerts.len(), &alert["state"]), (1, &"firing".into()), "{alerts:?}");
    let labels = serde_json::json!({
        "alertname": "amount-drift", "model": "fraud-demo", "feature": "amount", "severity": "critical",
        "team": "red"
    });
    assert_eq!(alert["labels"], labels);
    assert_eq!(alert["annotations"]["runbook_url"], "http://127.0.0.1/drift");
    let since = alert["activeAt"].as_str().unwrap();
    assert!(since.ends_with("T00:00:00Z"), "the end of the window that breached: {since}");
    // The query that stands for the rule gives the alert's series.
    let groups = get(&server, "rules", &[])["data"]["groups"].as_array().unwrap().clone();
    let names: Vec<&str> = groups.iter().map(|group| group["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["composites", "fraud-demo"]);
    let rule = groups[1]["rules"]
        .as_array()
        .unwrap()
        .iter()
        .find(|rule| rule["name"] == "amount-drift")
        .unwrap();
    let of = |field: &str| rule[field].as_str().unwrap();
    assert_eq!((of("type"), of("state"), of("health")), ("alerting", "firing", "ok"), "{rule}");
    assert_eq!(rule["alerts"].as_array().unwrap().len(), 1);
    assert_eq!(groups[1]["interval"], 86_400.0);
    let params = [("query", of("query")), ("time", since)];
    let found = get(&server, "query", &params)["data"]["result"].clone();
    assert_eq!(found[0]["metric"]["feature"], "amount", "{found}");
    assert_eq!(found[0]["value"][1], alert["value"], "{found}");
    let one = get(&server, "rules", &[("rule_name[]", "quiet"), ("exclude_alerts", "true")]);
    let one = &one["data"]["groups"][0]["rules"];
    assert_eq!((one.as_array().unwrap().len(), &one[0]["state"]), (1, &"inactive".into()));
    assert!(one[0]["query"].as_str().unwrap().starts_with("psi > history"), "{one}");
    let none = get(&server, "rules", &[("type", "record")]);
    assert_eq!(none["data"]["groups"], serde_json::json!([]));
    let (status, kind, text) = refuse(&server, "rules", &[("type", "x")]);
    assert!((status, kind.as_str()) == (400, "bad_data") && text.contains("alert or record"));
    let (_, text) = ask(&server, "GET", "/metrics", "");
    assert!(text.contains("driftline_alert_state{"), "{text}");
}
