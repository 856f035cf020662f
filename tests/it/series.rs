//! Metric series through the real binary and the server: from files, over gRPC, after a kill.

use std::{fs, path::Path};

use driftline::{
    client::Client,
    query::{Filter, SeriesAxis, SeriesRequest},
    storage::{ErrorKind, Producer, SeriesPoint},
};
use serde_json::{Value, json};

use crate::program::{Server, Target, run, run_err, run_json};

/// A training of 60 steps, one a minute: the loss by host, and a rate that has no step.
const LONG: &str = "\
name,ts,step,value,host
loss,2026-01-05T00:00:00Z,0,4,a
loss,2026-01-05T00:00:00Z,0,6,b
loss,2026-01-05T00:01:00Z,10,3,a
loss,2026-01-05T00:02:00Z,20,2,a
loss,2026-01-05T01:00:00Z,30,1,a
loss,2026-01-05T01:01:00Z,40,NaN,a
cache_hits,2026-01-05T00:00:30Z,,0.5,
cache_hits,2026-01-05T01:00:30Z,,0.75,
";
const DAY: [&str; 4] = ["--from", "2026-01-05T00:00:00Z", "--to", "2026-01-06T00:00:00Z"];

fn file(dir: &Path, name: &str, text: &str) -> String {
    let path = dir.join(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn query(target: &Target, more: &[&str]) -> Value {
    let args = [&["query", "series", "--model", "fraud"], &DAY[..], more].concat();
    run_json(target, &args)
}

fn result<'a>(window: &'a Value, name: &str) -> &'a Value {
    let series = window["series"].as_array().unwrap();
    series.iter().find(|result| result["name"] == name).unwrap()
}

fn import(target: &Target, file: &str, more: &[&str]) -> Value {
    let args = [&["import", "series", "--model", "fraud"], more, &[file]].concat();
    run_json(target, &args)
}

#[test]
fn series_of_a_file_are_summed_up_by_time_step_and_group() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::DataDir(dir.path().join("db"));
    let long = file(dir.path(), "long.csv", LONG);
    let first = import(&target, &long, &["--version", "v2", "--tag", "host"]);
    assert_eq!((&first["accepted"], &first["known"]), (&json!(8), &json!(0)), "{first}");
    let again = import(&target, &long, &["--version", "v2", "--tag", "host"]);
    assert_eq!((&again["accepted"], &again["known"]), (&json!(0), &json!(8)), "{again}");

    let report = query(&target, &["--step", "1h", "--quantile", "0.5"]);
    let windows = report["windows"].as_array().unwrap();
    assert_eq!((windows.len(), &report["points_read"]), (24, &json!(8)));
    let loss = result(&windows[0], "loss");
    for (figure, want) in [
        ("count", json!(4)),
        ("sum", json!(15.0)),
        ("mean", json!(3.75)),
        ("min", json!(2.0)),
        ("max", json!(6.0)),
        ("first", json!(4.0)),
        ("last", json!(2.0)),
        // From 4 to 2 in two minutes.
        ("rate", json!(-2.0 / 120.0)),
        ("quantiles", json!([{"q": 0.5, "value": 3.5}])),
        ("first_time", json!("2026-01-05T00:00:00Z")),
        ("last_step", json!(20)),
        ("undefined", json!({})),
    ] {
        assert_eq!(loss[figure], want, "{figure}");
    }
    let second = result(&windows[1], "loss");
    assert_eq!(
        (&second["count"], &second["nans"], &second["mean"]),
        (&json!(2), &json!(1), &json!(1.0))
    );
    assert_eq!(second["undefined"]["rate"], "too few rows", "one finite value has no rate");
    let empty = result(&windows[2], "cache_hits");
    assert_eq!((&empty["count"], &empty["mean"]), (&json!(0), &Value::Null));
    assert!(empty["undefined"]["mean"].is_string());

    let steps = query(&target, &["--over", "step", "--step-size", "20", "--by", "host"]);
    let of = |report: &Value| -> Vec<(u64, u64)> {
        let windows = report["windows"].as_array().unwrap();
        let one = |window: &Value| {
            (
                window["start_step"].as_u64().unwrap(),
                result(window, "loss")["count"].as_u64().unwrap(),
            )
        };
        windows.iter().map(one).collect()
    };
    assert_eq!(of(&steps), [(0, 3), (20, 2), (40, 1)]);
    assert_eq!((&steps["over"], &steps["without_step"]), (&json!("step"), &json!(2)));
    let groups = steps["groups"].as_array().unwrap();
    let hosts: Vec<&Value> = groups.iter().map(|group| &group["group"]["host"]).collect();
    assert_eq!(hosts, [&Value::Null, &json!("a"), &json!("b")]);
    assert_eq!(
        (&groups[0]["without_step"], of(&groups[1])),
        (&json!(2), vec![(0, 2), (20, 2), (40, 1)])
    );
    assert_eq!(
        result(&groups[1]["windows"][0], "loss")["rate"],
        json!(-0.1),
        "from 4 to 3 in ten steps"
    );
    assert_eq!(of(&groups[2]), [(0, 1), (20, 0), (40, 0)]);

    let sliced = query(&target, &["--where", "host=a", "--where", "step>=20", "--name", "loss"]);
    assert_eq!(result(&sliced["windows"][0], "loss")["count"], 3);
    assert_eq!(sliced["where"], json!(["host=a", "step>=20"]));
    let by_version = query(&target, &["--by", "version", "--by", "step:15"]);
    let names: Vec<&Value> =
        by_version["groups"].as_array().unwrap().iter().map(|group| &group["group"]).collect();
    let group = |step: Value| json!({"version": "v2", "step": step});
    assert_eq!(names, [&group(Value::Null), &group(json!("<15")), &group(json!(">=15"))]);
}

#[test]
fn series_are_listed_and_stay_out_of_what_is_about_models() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::DataDir(dir.path().join("db"));
    let wide = "{\"at\": \"2026-01-05T00:00:00Z\", \"epoch\": 1, \"gpu\": 0.5, \"grad\": null}\n\
                {\"at\": \"2026-01-05T00:01:00Z\", \"epoch\": 2, \"gpu\": 0.75, \"grad\": 2.5}\n";
    let wide = file(dir.path(), "wide.jsonl", wide);
    let told = import(&target, &wide, &["--map", "ts=at", "--map", "step=epoch"]);
    assert_eq!((&told["rows"], &told["accepted"]), (&json!(2), &json!(3)), "{told}");
    let list = run_json(&target, &["query", "series", "--model", "fraud", "--list"]);
    let info = |name: &str, points: u64, first: &str, steps: [u64; 2]| {
        json!({
            "name": name, "version": "default", "points": points,
            "first_time": first, "last_time": "2026-01-05T00:01:00Z",
            "first_step": steps[0], "last_step": steps[1], "tags": [],
        })
    };
    let want = [
        info("gpu", 2, "2026-01-05T00:00:00Z", [1, 2]),
        info("grad", 1, "2026-01-05T00:01:00Z", [2, 2]),
    ];
    assert_eq!(list["series"], json!(want));
    let late = ["query", "series", "--model", "fraud", "--list", "--from", "2026-01-05T00:00:30Z"];
    assert_eq!(run_json(&target, &late)["series"].as_array().unwrap().len(), 2);
    let csv = run(&target, &[&late[..], &["--format", "csv"]].concat());
    let line = "gpu,default,1,2026-01-05T00:01:00Z,2026-01-05T00:01:00Z,2,2,";
    assert_eq!(csv.lines().nth(1), Some(line));

    let models = run_json(&target, &["models", "list"]);
    let names: Vec<&Value> =
        models["models"].as_array().unwrap().iter().map(|model| &model["name"]).collect();
    assert_eq!(names, [&json!("fraud")]);
    let stats = run_json(&target, &["models", "stats", "--model", "fraud"]);
    assert_eq!((&stats["head_rows"], &stats["series"]["head_points"]), (&json!(0), &json!(3)));
    for args in [
        ["models", "show", "fraud@series"].as_slice(),
        &["models", "stats", "--model", "fraud@series"],
        &["query", "series", "--model", "fraud@series", "--list"],
        &[&["query", "quality", "--model", "fraud@series"], &DAY[..]].concat(),
    ] {
        let (code, error) = run_err(&target, args);
        assert!(code == 1 && error.contains("there is no model \"fraud@series\""), "{error}");
    }
    let (code, error) = run_err(&target, &["models", "create", "fraud@series"]);
    assert!(code == 2 && error.contains("letters, digits"), "{error}");
}

#[test]
fn what_is_asked_wrongly_says_what_would_work() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::DataDir(dir.path().join("db"));
    let long = file(dir.path(), "long.csv", LONG);
    import(&target, &long, &["--tag", "host"]);
    let check = |more: &[&str], code: i32, want: &str| {
        let args = [&["query", "series", "--model", "fraud"], &DAY[..], more].concat();
        let (found, error) = run_err(&target, &args);
        assert!(found == code && error.contains(want), "{more:?}: {found} {error}");
    };
    check(&["--name", "los"], 1, "no metric series \"los\", did you mean \"loss\"?");
    check(&["--where", "hots=a"], 1, "no point of the interval has a tag \"hots\", did you mean");
    check(&["--by", "step"], 2, "\"step\" is numeric; give bands");
    check(&["--version", "v9"], 1, "no version \"v9\"");
    check(&["--step-size", "10"], 2, "--step-size needs --over step");
    check(&["--over", "step", "--step", "1h"], 2, "--over step has --step-size N");
    check(&["--over", "step", "--step-size", "0"], 2, "--step-size");
    check(&["--quantile", "1.5"], 2, "must be a probability from 0 to 1");
    check(&["--list", "--quantile", "0.5"], 2, "cannot be used with");
    check(&["--step", "1s"], 2, "makes 86400 windows");
    let (code, error) = run_err(&target, &["query", "series", "--model", "fraud"]);
    assert!(code == 2 && error.contains("--from"), "{error}");
    // A name that was silent in the interval is no mistake.
    let args = ["query", "series", "--model", "fraud", "--name", "loss"];
    let early = ["--from", "2025-01-05T00:00:00Z", "--to", "2025-01-06T00:00:00Z"];
    let silent = run_json(&target, &[&args[..], &early].concat());
    assert_eq!(result(&silent["windows"][0], "loss")["count"], 0);
    let (code, error) =
        run_err(&target, &["import", "series", "--model", "n", &long, "--tag", "x"]);
    assert!(code == 1 && error.contains("no column \"x\""), "{error}");
    let (_, error) = run_err(&target, &["models", "show", "n"]);
    assert!(error.contains("there is no model"), "a refused file makes no model: {error}");
}

fn points(steps: std::ops::Range<u64>) -> Vec<SeriesPoint> {
    let point = |step: u64| SeriesPoint {
        name: "loss".to_owned(),
        time: 1_767_571_200_000_000 + i64::try_from(step).unwrap() * 1_000_000,
        step: Some(step),
        value: 1.0 / (step + 1) as f64,
        tags: [("host".to_owned(), "a".to_owned())].into(),
    };
    steps.map(point).collect()
}

#[test]
fn points_sent_over_grpc_are_there_once_after_a_kill_and_a_resend() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::start(dir.path());
    let client = Client::connect(&server.grpc).unwrap();
    let missing = client.write_series(None, "fraud", "1", &points(0..1)).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound, "{missing}");
    client.create_model("fraud", &Default::default(), None).unwrap();
    let from = |sequence| Some(Producer { id: "trainer".to_owned(), sequence });
    for batch in 0..5 {
        let steps = batch * 1_000..(batch + 1) * 1_000;
        let receipt = client.write_series(from(batch), "fraud", "1", &points(steps)).unwrap();
        assert_eq!((receipt.accepted, receipt.duplicates), (1_000, 0));
    }
    server.kill();
    let server = Server::start(dir.path());
    let client = Client::connect(&server.grpc).unwrap();
    let again = client.write_series(from(4), "fraud", "1", &points(4_000..5_000)).unwrap();
    assert_eq!((again.accepted, again.duplicates), (1_000, 0), "the first answer again");
    let again = client.write_series(from(9), "fraud", "1", &points(4_500..5_500)).unwrap();
    assert_eq!((again.accepted, again.duplicates), (500, 500));

    let target = server.target();
    let series = query(&target, &["--over", "step", "--step-size", "1000", "--by", "host"]);
    let counts = |report: &Value| -> Vec<u64> {
        let windows = report["windows"].as_array().unwrap();
        windows.iter().map(|window| result(window, "loss")["count"].as_u64().unwrap()).collect()
    };
    assert_eq!(counts(&series), [1_000, 1_000, 1_000, 1_000, 1_000, 500]);
    assert_eq!(counts(&series["groups"][0]), counts(&series));
    run(&target, &["compact"]);
    assert_eq!(query(&target, &["--over", "step", "--step-size", "1000", "--by", "host"]), series);
    assert_eq!(run_json(&target, &["verify"])["problems"], json!([]));
    drop(server);
    let target = Target::DataDir(dir.path().to_path_buf());
    let local = query(&target, &["--over", "step", "--step-size", "1000", "--by", "host"]);
    assert_eq!(local, series, "near and far answer alike");
    let stats = run_json(&target, &["models", "stats", "--model", "fraud"]);
    assert_eq!(stats["series"]["segment_points"], 5_500);
}

#[test]
fn what_breaks_a_rule_is_refused_as_a_whole_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(dir.path());
    let client = Client::connect(&server.grpc).unwrap();
    client.create_model("fraud", &Default::default(), None).unwrap();
    let mut bad = points(0..3);
    bad[1].name = String::new();
    bad[2].tags = [("step".to_owned(), "1".to_owned())].into();
    let error = client.write_series(None, "fraud", "1", &bad).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let fields: Vec<&str> =
        error.field_violations().iter().map(|broken| broken.field.as_str()).collect();
    assert_eq!(fields, ["points[1].name", "points[2].tags"], "{error}");
    let mut request = SeriesRequest::default();
    request.scope.model = "fraud".to_owned();
    request.scope.to = 4_102_444_800_000_000;
    assert_eq!(client.series(&request).unwrap().points_read, 0, "nothing was stored");
    request.axis = SeriesAxis::Step { size: Some(0) };
    let error = client.series(&request).unwrap_err();
    assert_eq!(error.field_violations()[0].field, "step_size");
    request.axis = SeriesAxis::Time;
    request.scope.conditions = vec![Filter::parse("value>x").unwrap()];
    let error = client.series(&request).unwrap_err();
    assert_eq!(error.field_violations()[0].field, "scope.conditions", "{error}");
}

#[test]
fn retention_of_series_is_stated_beside_that_of_predictions() {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::DataDir(dir.path().join("db"));
    let long = file(dir.path(), "long.csv", LONG);
    import(&target, &long, &["--tag", "host"]);
    let new = "name,ts,value\nloss,2026-03-05T00:00:00Z,1\n";
    import(&target, &file(dir.path(), "new.csv", new), &[]);
    let kept = run_json(&target, &["models", "retention", "--model", "fraud", "--series", "30d"]);
    assert_eq!(
        (&kept["retention"]["series_days"], &kept["retention"]["rows_days"]),
        (&json!(30), &Value::Null)
    );
    run(&target, &["compact"]);
    let list = run_json(&target, &["query", "series", "--model", "fraud", "--list"]);
    assert_eq!(list["series"].as_array().unwrap().len(), 1, "January is gone: {list}");
    assert_eq!(list["points_read"], 1);
}
