//! The dashboards for Grafana's Prometheus data source, the rules and the examples of the documentation:
//! every expression is asked of a server with the demo's data, and answers.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use serde_json::Value;

use crate::{
    program::{Server, Target, run},
    prometheus::{get, look, promql_of},
};

/// Days that dashboards show.
const DAYS: u64 = 30;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// The last eight days of a second version, one prediction every five minutes up to now, labelled.
fn second_version() -> String {
    let mut csv = String::from(
        "prediction_id,ts,amount,distance_km,hour,account_age_days,purchases_24h,device,merchant,\
         card_present,score,prediction,label,latency_ms,status\n",
    );
    let now = now();
    for n in 0..8 * 288_u64 {
        let second = now - 60 - n * 300;
        let time = jiff::Timestamp::from_second(i64::try_from(second).unwrap()).unwrap();
        let predicted = if n % 9 == 0 { "fraud" } else { "legit" };
        let label = if n % 13 == 0 { "fraud" } else { predicted };
        let device = ["phone", "laptop", "tablet"][(n % 3) as usize];
        let score = if predicted == "fraud" { 0.8 } else { 0.1 };
        let status = if n % 50 == 0 { "timeout" } else { "ok" };
        writeln!(
            csv,
            "b{n},{time},{},{},{},{},{},{device},grocery,{},{score},{predicted},{label},{},{status}",
            20 + n % 60,
            n % 30,
            second / 3_600 % 24,
            100 + n % 900,
            n % 5,
            n % 2 == 0,
            15 + n % 40,
        )
        .unwrap();
    }
    csv
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
"#;

/// A server with the demo's data, two versions, and an alert that fires.
fn served(dir: &Path) -> Server {
    let target = Target::DataDir(dir.join("db"));
    run(&target, &["demo"]);
    let file = dir.join("second.csv");
    fs::write(&file, second_version()).unwrap();
    let file = file.to_str().unwrap();
    run(&target, &["import", "predictions", "--model", "fraud-demo", "--version", "2", file]);
    let rules = dir.join("rules.toml");
    fs::write(&rules, RULES).unwrap();
    run(&target, &["rules", "apply", rules.to_str().unwrap()]);
    let server = Server::start(&dir.join("db"));
    let began = Instant::now();
    while look(&server, "alerts", &[])["data"]["alerts"].as_array().unwrap().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(120), "nothing fires");
        std::thread::sleep(Duration::from_millis(50));
    }
    server
}

/// An expression with the variables of dashboards put in.
fn substituted(expression: &str) -> String {
    let mut text = expression.to_owned();
    for (variable, value) in [
        ("$__rate_interval", "1h"),
        ("$__interval", "1d"),
        ("$__range", "30d"),
        ("$model", "fraud-demo"),
        ("$version", ".*"),
        ("$feature", "amount"),
        ("$window", "1d"),
        ("$a", "1"),
        ("$b", "2"),
    ] {
        text = text.replace(variable, value);
    }
    assert!(!text.contains('$'), "a variable that the test does not know: {text}");
    text
}

/// Why an answer does not do, if it does not.
fn wrong(server: &Server, query: &str, is_instant: bool) -> Option<String> {
    let (now, day) = (now(), 86_400);
    let (time, start) = (now.to_string(), (now - DAYS * day).to_string());
    let answer = if is_instant {
        get(server, "query", &[("query", query), ("time", &time)])
    } else {
        let range = [("query", query), ("start", &start), ("end", &time), ("step", "1d")];
        get(server, "query_range", &range)
    };
    let is_empty = answer["data"]["result"].as_array().is_none_or(Vec::is_empty);
    let warned = answer.get("warnings").is_some();
    (is_empty || warned).then(|| format!("{query}: {answer:.500}"))
}

fn json_files(folder: &str) -> Vec<(PathBuf, Value)> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|kind| kind == "json"));
    files.sort();
    let read = |path: &PathBuf| serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    files.iter().map(|path| (path.clone(), read(path))).collect()
}

#[test]
fn every_expression_of_dashboards_rules_and_documents_answers() {
    let dir = tempfile::tempdir().unwrap();
    let server = served(dir.path());
    let (mut asked, mut failed) = (0, Vec::new());
    for (path, dashboard) in json_files("grafana/dashboards-prometheus") {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let query = substituted(target["expr"].as_str().unwrap());
                asked += 1;
                let why = wrong(&server, &query, target["instant"] == true);
                failed.extend(why.map(|why| format!("{name}, {}: {why}", panel["title"])));
            }
        }
        for annotation in dashboard["annotations"]["list"].as_array().unwrap() {
            let query = substituted(annotation["expr"].as_str().unwrap());
            asked += 1;
            failed.extend(wrong(&server, &query, true).map(|why| format!("{name}: {why}")));
        }
        for variable in dashboard["templating"]["list"].as_array().unwrap() {
            let Some(definition) = variable["definition"].as_str() else { continue };
            asked += 1;
            let inside =
                definition.strip_prefix("label_values(").unwrap().strip_suffix(')').unwrap();
            let (selector, label) = inside.rsplit_once(", ").unwrap();
            let selector = substituted(selector);
            let values = get(&server, &format!("label/{label}/values"), &[("match[]", &selector)]);
            let is_empty = values["data"].as_array().unwrap().is_empty();
            failed.extend(is_empty.then(|| format!("{name}: {definition} has no values")));
        }
    }
    assert!(asked > 100, "{asked}");
    // Rules and examples need not fire: they are to be evaluated without an error.
    let rules = fs::read_to_string(root().join("clients/prometheus/rules.yml")).unwrap();
    let rules: Vec<&str> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).collect();
    assert!(rules.len() >= 10);
    let time = now().to_string();
    for rule in &rules {
        get(&server, "query", &[("query", rule), ("time", &time)]);
    }
    let page = fs::read_to_string(root().join("docs/prometheus.md")).unwrap();
    let examples = promql_of(&page);
    assert!(examples.len() >= 10, "{examples:?}");
    for example in examples {
        let query = example.replace("\"fraud\"", "\"fraud-demo\"");
        get(&server, "query", &[("query", &query), ("time", &time)]);
    }
    assert!(failed.is_empty(), "{} of {asked} do not answer:\n{}", failed.len(), failed.join("\n"));
}
