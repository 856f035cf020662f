//! Rules in force and alerts through the real program: applying and exporting, states and history,
//! silences, acknowledgements and dead letters, on a directory and against a server.

use std::{
    fs,
    future::Future,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use driftline::{
    Monitor,
    alerting::{
        AlertFilter, HistoryRequest, ServiceOptions,
        sender::{Delivered, Failure, Sender},
    },
    alerts::{AlertState, Channel, Notice},
    client::Client,
};
use driftline_proto::v1::{self, alert_service_client::AlertServiceClient};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::program::{Server, Target, program, run, run_err, run_json, try_run};

/// Rules of the demo's model: one that fires as a whole, one that fires on two features, and one that
/// never does. Nobody takes what the channel `pager` is told. They are evaluated once a week, so that no
/// window ends while a test runs.
const RULES: &str = r#"[[channel]]
name = "ops"
type = "log"

[[channel]]
name = "pager"
type = "log"

[[rule]]
name = "volume"
model = "fraud-demo"
metric = "predictions"
window = "30d"
every = "7d"
when = "> 0"
severity = "critical"
channels = ["ops", "pager"]

[[rule]]
name = "nulls"
model = "fraud-demo"
metric = "null_rate"
feature = ["amount", "hour"]
window = "30d"
every = "7d"
when = ">= 0"
channels = ["ops"]
labels = { team = "risk" }

[[rule]]
name = "quiet"
model = "fraud-demo"
metric = "predictions"
window = "30d"
every = "7d"
when = "< 0"
"#;

/// A database with the demo's month, and files beside it.
struct Desk(TempDir);

impl Desk {
    fn demo() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        let output = program().arg("demo").arg("--data-dir").arg(desk.db()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        desk
    }

    /// The same month in a directory of its own.
    fn copied(&self) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        copy(&self.db(), &desk.db());
        desk
    }

    fn db(&self) -> PathBuf {
        self.0.path().join("db")
    }

    fn target(&self) -> Target {
        Target::DataDir(self.db())
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Takes what every channel is told but `pager`, whose address is wrong for good.
struct Ops;

impl Sender for Ops {
    fn send<'a>(
        &'a self,
        channel: &'a Channel,
        _: &'a Notice,
    ) -> Pin<Box<dyn Future<Output = Result<Delivered, Failure>> + Send + 'a>> {
        Box::pin(async {
            match channel.name.as_str() {
                "pager" => Err(Failure::Refuse { why: "no such pager".to_owned() }),
                _ => Ok(Delivered { detail: "taken".to_owned() }),
            }
        })
    }
}

/// Evaluates the rules of a database until the three alerts fire and all is sent or given up.
fn evaluate(db: &Path) {
    let monitor = Monitor::open(db).unwrap();
    let options = ServiceOptions { sender: Arc::new(Ops), threads: 1 };
    let service = monitor.alerts().start(options).unwrap();
    let firing = AlertFilter { states: vec![AlertState::Firing], ..AlertFilter::default() };
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let fires = monitor.alerts().list(&firing).unwrap().len();
        let outbox = monitor.alerts().outbox().unwrap();
        if fires == 3 && outbox.pending == 0 && outbox.dead == 1 {
            break;
        }
        assert!(Instant::now() < deadline, "{fires} alerts fire, {outbox:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    service.stop();
}

#[test]
fn rules_and_alerts_of_the_demo() {
    let desk = Desk::demo();
    let evaluated = desk.copied();
    applying_is_told_key_by_key_and_twice_is_once(&desk);
    a_file_with_a_mistake_applies_nothing(&desk);
    what_is_exported_can_be_applied_again(&desk);
    let desk = evaluated;
    let rules = desk.file("rules.toml", RULES);
    run(&desk.target(), &["rules", "apply", &rules, "--by", "test"]);
    evaluate(&desk.db());
    alerts_are_shown_with_what_became_of_them(&desk);
    silences_and_notes_are_the_same_near_and_far(&desk);
    history_has_pages(&desk);
    mistakes_over_the_wire_have_violations(&desk);
    dead_letters_are_retried_and_dropped(&desk);
    rules_that_go_resolve_their_alerts(&desk);
}

fn applying_is_told_key_by_key_and_twice_is_once(desk: &Desk) {
    let target = desk.target();
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/rules.example.toml");
    let planned = run(&target, &["rules", "apply", example, "--dry-run"]);
    assert!(planned.contains("+ rule \"feature-drift\"\n"), "{planned}");
    assert!(planned.ends_with("9 differences\ndry run: revision 0 stays in force\n"), "{planned}");
    let done = run(&target, &["rules", "apply", example]);
    assert!(done.ends_with("9 differences\nrevision 1 is in force\n"), "{done}");
    let again = run(&target, &["rules", "apply", example]);
    assert_eq!(again, "nothing changes, revision 1 stays in force\n");
    // Nobody is told: from here on servers evaluate these rules.
    let text = fs::read_to_string(example).unwrap().replace("\"> 0.2\"", "\"> 0.25\"");
    let hook = "type = \"webhook\"\nurl = \"http://127.0.0.1:9000/hook\"";
    assert!(text.contains(hook), "{text}");
    let edited = desk.file("edited.toml", &text.replace(hook, "type = \"log\""));
    let report = run_json(&target, &["rules", "apply", &edited, "--by", "ann"]);
    let want = r#"{"dry_run":false,"revision":2,"differences":[{"what":"channel",
        "name":"ops","edit":"changed","keys":[
        {"key":"type","before":"webhook","after":"log"},
        {"key":"url","before":"http://127.0.0.1:9000/hook","after":null}]},{"what":"rule",
        "name":"feature-drift","edit":"changed","keys":[{"key":"when","before":"> 0.2",
        "after":"> 0.25"}]}]}"#;
    assert_eq!(report, serde_json::from_str::<Value>(want).unwrap());
    let status = run_json(&target, &["rules", "status"]);
    let known = [&status["revision"], &status["applied_by"], &status["rules"], &status["running"]];
    assert_eq!(known, [&Value::from(2), &"ann".into(), &Value::from(7), &Value::from(false)]);
}

/// The rules of a file that is right, for files that are not.
const RIGHT: &str = r#"[[channel]]
name = "ops"
type = "log"
[[rule]]
name = "one"
model = "fraud-demo"
metric = "psi"
window = "1d"
when = "> 0.2"
channels = ["ops"]
"#;

/// What stands in that file in place of what, and what is told of it: line, place, key and problem.
const WRONG: [(&str, &str, &str, &str); 17] = [
    ("window = \"1d\"", "widow = \"1d\"", ":8: rule \"one\": widow", "did you mean \"window\"?"),
    ("window = \"1d\"", "window = \"1 fortnight\"", ":8: rule \"one\": window", "write 1d, 6h"),
    ("window = \"1d\"", "window = 86400", ":8: rule \"one\": window", "a duration in quotes"),
    ("when = \"> 0.2\"", "when = \"> 20 %\"", ":9: rule \"one\": when", "> 20 %"),
    ("name = \"ops\"", "name = \"oops\"", ":10: rule \"one\": channels", "did you mean \"oops\"?"),
    ("type = \"log\"", "type = \"fax\"", ":3: channel \"ops\": type", "is not one of webhook"),
    ("channels = [\"ops\"]", "summary = \"{{ feture }}\"", ":10: rule \"one\": summary", "feture"),
    (
        "type = \"log\"",
        "type = \"webhook\"\nurl = \"http://169.254.169.254/latest\"",
        ":4: channel \"ops\": url",
        "169.254.169.254",
    ),
    (
        "type = \"log\"",
        "type = \"email\"\nsmtp = \"mail.example.org:25\"\nfrom = \"a@example.org\"\n\
         to = \"b@example.org\"\nusername = \"a\"\npassword = { env = \"P\" }\ntls = \"none\"",
        ":9: channel \"ops\": tls",
        "would send the password in the clear",
    ),
    (
        "type = \"log\"",
        "type = \"webhook\"\nurl = \"https://example.org/\"\nsecret = \"hunter2\"",
        ":5: channel \"ops\": secret",
        "env",
    ),
    ("model = \"fraud-demo\"", "model = \"fraud\"", ":6: rule \"one\": model", "\"fraud-demo\"?"),
    ("\"psi\"", "\"psi\"\nfeature = \"amout\"", ":8: rule \"one\": feature", "\"amount\"?"),
    ("\"psi\"", "\"psi\"\nreference = \"march\"", ":8: rule \"one\": reference", "march"),
    ("\"psi\"", "\"mae\"", ":7: rule \"one\": metric", "mae"),
    (
        "channels = [\"ops\"]",
        "[[rule]]\nname = \"one\"\nany_of = [\"one\"]",
        ":11: rule \"one\": name",
        "names are unique",
    ),
    (
        "channels = [\"ops\"]",
        "inhibited_by = [\"two\"]\n[[rule]]\nname = \"two\"\nany_of = [\"one\"]",
        ": rule \"one\": all_of, any_of or inhibited_by",
        "depends on itself by way of one, two",
    ),
    ("[[channel]]", "[[channel]", ":1: the file: TOML", "TOML parse error"),
];

fn a_file_with_a_mistake_applies_nothing(desk: &Desk) {
    let before = run(&desk.target(), &["rules", "export"]);
    let check = |target: &Target| {
        for (right, wrong, place, problem) in WRONG {
            assert!(RIGHT.contains(right), "{right}");
            let file = desk.file("wrong.toml", &RIGHT.replacen(right, wrong, 1));
            let (code, error) = run_err(target, &["rules", "apply", &file]);
            let told = error.contains(place) && error.contains(problem);
            assert!(code == 2 && told && error.contains(&file), "{wrong}: {code}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        let both = RIGHT.replace("\"1d\"", "1").replace("\"ops\"]", "\"oops\"]");
        let both = desk.file("wrong.toml", &both.replace("\"log\"", "\"fax\""));
        let (_, error) = run_err(target, &["rules", "apply", &both]);
        assert!(error.contains(":8: ") && error.contains(":3: "), "all at once: {error}");
        let yaml = "rule:\n  - name: one\n    model: fraud-demo\n    metric: psi\n    widow: 1d\n";
        let yaml = desk.file("wrong.yaml", yaml);
        let (_, error) = run_err(target, &["rules", "apply", &yaml]);
        assert!(error.contains("wrong.yaml:5: rule \"one\": widow"), "{error}");
    };
    check(&desk.target());
    {
        let server = Server::start(&desk.db());
        check(&server.target());
    }
    assert_eq!(run(&desk.target(), &["rules", "export"]), before);
    let (code, error) = run_err(&desk.target(), &["rules", "apply", "nowhere.toml"]);
    assert!(code == 1 && error.contains("nowhere.toml"), "{code}: {error}");
}

fn what_is_exported_can_be_applied_again(desk: &Desk) {
    let target = desk.target();
    let revision = |target: &Target| run_json(target, &["rules", "status"])["revision"].clone();
    let before = revision(&target);
    let mut texts = Vec::new();
    for (format, name) in [("toml", "out.toml"), ("yaml", "out.yaml")] {
        let text = run(&target, &["rules", "export", "--format", format]);
        let file = desk.file(name, &text);
        let again = run(&target, &["rules", "apply", &file]);
        assert!(again.starts_with("nothing changes"), "{format}: {again}");
        texts.push(text);
    }
    assert_eq!(run(&target, &["rules", "export"]), texts[0], "TOML unless told otherwise");
    let json = run_json(&target, &["rules", "export"]);
    assert_eq!(json["rule"][0]["name"], "feature-drift");
    let server = Server::start(&desk.db());
    for (format, text) in ["toml", "yaml"].iter().zip(&texts) {
        let there = run(&server.target(), &["rules", "export", "--format", format]);
        assert_eq!(&there, text);
    }
    assert_eq!(revision(&server.target()), before);
    for args in [["rules", "export", "--format", "csv"], ["models", "list", "--format", "toml"]] {
        let (code, _) = run_err(&server.target(), &args);
        assert_eq!(code, 2, "{args:?}");
    }
}

fn names(report: &Value, list: &str, key: &str) -> Vec<String> {
    let list = report[list].as_array().unwrap().iter();
    list.map(|entry| entry[key].as_str().unwrap_or_default().to_owned()).collect()
}

fn alerts_are_shown_with_what_became_of_them(desk: &Desk) {
    let target = desk.target();
    let all = run_json(&target, &["alerts", "list"]);
    assert_eq!(names(&all, "alerts", "rule"), ["nulls", "nulls", "quiet", "volume"]);
    let states = ["firing", "firing", "inactive", "firing"];
    assert_eq!(names(&all, "alerts", "state"), states);
    let filtered = |args: &[&str]| {
        let report = run_json(&target, &[&["alerts", "list"], args].concat());
        names(&report, "alerts", "rule").len()
    };
    assert_eq!(filtered(&["--state", "firing", "--severity", "critical"]), 1);
    assert_eq!(filtered(&["--rule", "nulls", "--feature", "hour"]), 1);
    assert_eq!(filtered(&["--state", "inactive", "--state", "pending"]), 1);
    assert_eq!(filtered(&["--model", "other"]), 0);
    let table = run(&target, &["alerts", "list"]);
    assert!(table.ends_with("4 alerts: 3 firing, 1 inactive\n"), "{table}");
    let one = run_json(&target, &["alerts", "show", "nulls/hour"]);
    assert_eq!((&one["feature"], &one["labels"]["team"]), (&"hour".into(), &"risk".into()));
    assert_eq!(one["events"].as_array().unwrap().len(), 1);
    let key = one["dedup_key"].as_str().unwrap();
    assert_eq!(run_json(&target, &["alerts", "show", key]), one);
    let text = run(&target, &["alerts", "show", "volume"]);
    for want in ["critical", "firing since", "pager dead (no such pager)", "ops delivered"] {
        assert!(text.contains(want), "{want}: {text}");
    }
    let (code, error) = run_err(&target, &["alerts", "show", "nulls"]);
    assert!(code == 2 && error.contains("nulls/amount, nulls/hour"), "{code}: {error}");
    let (code, error) = run_err(&target, &["alerts", "show", "nowhere"]);
    assert!(code == 1 && error.contains("there is no alert"), "{code}: {error}");
    let history = run_json(&target, &["alerts", "history"]);
    let mut rules = names(&history, "events", "rule");
    rules.sort();
    assert_eq!(rules, ["nulls", "nulls", "volume"]);
    let picture = run(&target, &["alerts", "history"]);
    for want in ["3 events", "█", "▲", "  amount", "ops delivered, pager dead"] {
        assert!(picture.contains(want), "{want}: {picture}");
    }
    let list = run(&target, &["rules", "list"]);
    assert!(list.contains("2 firing") && list.ends_with("3 rules\n"), "{list}");
    let status = run(&target, &["rules", "status"]);
    for want in ["revision 1 of", "by test", "3 firing, 1 inactive", "dead letters  1"] {
        assert!(status.contains(want), "{want}: {status}");
    }
    let csv = run(&target, &["alerts", "history", "--format", "csv", "--rule", "volume"]);
    assert!(csv.contains("ops delivered; pager dead"), "{csv}");
}

fn silences_and_notes_are_the_same_near_and_far(desk: &Desk) {
    let target = desk.target();
    let until = ["--until", "2999-01-01T00:00:00Z"];
    let silence = [&["alerts", "silence", "--matcher", "rule=volume", "--comment", "backfill"][..]];
    let made = run_json(&target, &[&silence.concat()[..], &until, &["--author", "ann"]].concat());
    assert_eq!(made["matchers"], serde_json::json!(["rule=\"volume\""]));
    let id = made["id"].to_string();
    let ack = ["alerts", "ack", "nulls/hour", "--comment", "known", "--author", "ann"];
    let taken = run_json(&target, &ack);
    assert_eq!((&taken["rule"], &taken["feature"]), (&"nulls".into(), &"hour".into()));
    let shown: Vec<Vec<&str>> = vec![
        vec!["alerts", "list"],
        vec!["alerts", "history", "--from", "2020-01-01T00:00:00Z", "--to", "2999-01-01T00:00:00Z"],
        vec!["alerts", "show", "nulls/hour"],
        vec!["alerts", "silences", "--expired"],
        vec!["alerts", "outbox"],
        vec!["alerts", "dead-letters"],
        vec!["rules", "export"],
        vec!["rules", "export", "--format", "yaml"],
    ];
    let answers = |target: &Target| -> Vec<String> {
        let plain = shown.iter().map(|args| run(target, args));
        let json = shown
            .iter()
            .take(6)
            .map(|args| run(target, &[args, &["--format", "json"][..]].concat()));
        plain.chain(json).collect()
    };
    let here = answers(&target);
    assert!(here[0].contains(&format!("silenced by {id}")), "{}", here[0]);
    assert!(here[0].contains("acknowledged by ann"), "{}", here[0]);
    let wrong: [(&[&str], &str); 6] = [
        (
            &["alerts", "silence", "--matcher", "rule", "--for", "2h", "--comment", "x"],
            "no matcher",
        ),
        (
            &["alerts", "silence", "--matcher", "rule=~.*", "--for", "2h", "--comment", "x"],
            "fit every",
        ),
        (
            &["alerts", "silence", "--matcher", "rule=a", "--for", "-2h", "--comment", "x"],
            "negative",
        ),
        (
            &["alerts", "silence", "--matcher", "rule=a", "--until", "-2h", "--comment", "x"],
            "--until",
        ),
        (&["alerts", "silence", "--matcher", "rule=a", "--comment", "x"], "--for"),
        (&["alerts", "list", "--state", "fine"], "firing"),
    ];
    let missing: [(&[&str], &str); 4] = [
        (&["alerts", "unsilence", "999999"], "there is no silence 999999"),
        (&["alerts", "ack", "quiet", "--comment", "x"], "does not fire"),
        (&["alerts", "unack", "volume"], "is not acknowledged"),
        (&["alerts", "retry", "999999"], "there is no dead letter 999999"),
    ];
    let refused = |target: &Target| {
        for (code, cases) in [(2, &wrong[..]), (1, &missing[..])] {
            for (args, want) in cases {
                let (got, error) = run_err(target, args);
                assert!(got == code && error.contains(want), "{args:?}: {got}: {error}");
            }
        }
    };
    refused(&target);
    let server = Server::start(&desk.db());
    let there = answers(&server.target());
    for (here, there) in here.iter().zip(&there) {
        assert_eq!(here, there);
    }
    refused(&server.target());
    let ended = run(&server.target(), &["alerts", "unsilence", &id]);
    assert!(ended.starts_with(&format!("silence {id} ended: rule=\"volume\"")), "{ended}");
    assert_eq!(run(&server.target(), &["alerts", "silences"]), "no silences\n");
    let kept = run(&server.target(), &["alerts", "silences", "--expired"]);
    assert!(kept.contains("expired"), "{kept}");
    let key = taken["dedup_key"].as_str().unwrap();
    run(&server.target(), &["alerts", "unack", key]);
    let list = run(&server.target(), &["alerts", "list"]);
    assert!(!list.contains("silenced") && !list.contains("acknowledged"), "{list}");
}

fn history_has_pages(desk: &Desk) {
    let server = Server::start(&desk.db());
    let client = Client::connect(&server.grpc).unwrap();
    let whole = client.alert_history(&HistoryRequest::default()).unwrap();
    assert_eq!((whole.entries.len(), whole.next), (3, None));
    let mut request = HistoryRequest { limit: 1, ..HistoryRequest::default() };
    let mut paged = Vec::new();
    loop {
        let page = client.alert_history(&request).unwrap();
        assert!(page.entries.len() <= 1);
        paged.extend(page.entries);
        request.before = page.next;
        if request.before.is_none() {
            break;
        }
    }
    assert_eq!(paged, whole.entries);
    let newest = run_json(&server.target(), &["alerts", "history", "--limit", "2"]);
    let ids: Vec<String> = whole.entries.iter().take(2).map(|one| one.id.to_string()).collect();
    assert_eq!((names(&newest, "events", "id"), &newest["more"]), (ids, &Value::from(true)));
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let mut service = AlertServiceClient::connect(server.grpc.clone()).await.unwrap();
        let mut request = v1::ListAlertsRequest { page_size: 3, ..Default::default() };
        let first = service.list_alerts(request.clone()).await.unwrap().into_inner();
        request.page_token = first.next_page_token.clone();
        let second = service.list_alerts(request.clone()).await.unwrap().into_inner();
        let names: Vec<String> =
            first.alerts.iter().chain(&second.alerts).map(|one| one.rule.clone()).collect();
        assert_eq!(names, ["nulls", "nulls", "quiet", "volume"]);
        assert!(!first.next_page_token.is_empty() && second.next_page_token.is_empty());
        let request = v1::ListAlertEventsRequest { page_token: "x".into(), ..Default::default() };
        let status = service.list_alert_events(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        let details = status.get_error_details();
        assert_eq!(details.bad_request().unwrap().field_violations[0].field, "page_token");
    });
}

fn mistakes_over_the_wire_have_violations(desk: &Desk) {
    use v1::apply_rules_request::Source;
    let server = Server::start(&desk.db());
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let mut service = AlertServiceClient::connect(server.grpc.clone()).await.unwrap();
        let toml = RIGHT.replace("\"1d\"", "1").replace("\"ops\"]", "\"oops\"]");
        let request = |source| v1::ApplyRulesRequest { source, ..Default::default() };
        let wrong = request(Some(Source::Toml(toml.replace("\"> 0.2\"", "\"> x\""))));
        let status = service.apply_rules(wrong).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        let details = status.get_error_details();
        let violations = &details.bad_request().unwrap().field_violations;
        let field = |name: &str| violations.iter().find(|one| one.field == name).unwrap();
        assert!(field("rule \"one\": window").description.ends_with("(line 8)"));
        assert!(field("rule \"one\": when").description.ends_with("(line 9)"));
        let status = service.apply_rules(request(None)).await.unwrap_err();
        let details = status.get_error_details();
        assert_eq!(details.bad_request().unwrap().field_violations[0].field, "source");
        let mut late = request(Some(Source::Yaml(String::new())));
        late.expected_revision = Some(7);
        let status = service.apply_rules(late).await.unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition, "{status:?}");
        // What the server has comes back as messages, and nothing differs.
        let known = service.get_rules(v1::GetRulesRequest {}).await.unwrap().into_inner();
        let same = request(known.rule_set.map(Source::RuleSet));
        let answer = service.apply_rules(same).await.unwrap().into_inner();
        assert_eq!((answer.differences.len(), answer.revision), (0, known.revision));
        let source = Some(v1::check_rules_request::Source::Toml(toml.clone()));
        let checked = service.check_rules(v1::CheckRulesRequest { source }).await.unwrap();
        let lines: Vec<_> = checked.into_inner().mistakes.iter().map(|one| one.line).collect();
        assert_eq!(lines, [Some(8), Some(10)]);
        let all = v1::DropDeadLettersRequest::default();
        let status = service.drop_dead_letters(all).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "nothing is dropped by mistake");
    });
}

fn dead_letters_are_retried_and_dropped(desk: &Desk) {
    let target = desk.target();
    let letters = run_json(&target, &["alerts", "dead-letters"]);
    let letter = &letters["notices"][0];
    assert_eq!((&letter["channel"], &letter["error"]), (&"pager".into(), &"no such pager".into()));
    let id = letter["id"].to_string();
    assert_eq!(run(&target, &["alerts", "retry", &id]), "1 dead letter retried\n");
    assert_eq!(run(&target, &["alerts", "dead-letters"]), "no dead letters\n");
    let waiting = run_json(&target, &["alerts", "outbox"]);
    assert_eq!(names(&waiting, "notices", "channel"), ["pager"]);
    let text = run(&target, &["alerts", "history", "--rule", "volume"]);
    assert!(text.contains("pager pending"), "{text}");
    evaluate(&desk.db());
    assert_eq!(run(&target, &["alerts", "drop", "--all"]), "1 dead letter dropped\n");
    assert_eq!(run(&target, &["alerts", "retry", "--all"]), "0 dead letters retried\n");
    let output = try_run(&target, &["alerts", "drop"]);
    assert_eq!(output.status.code(), Some(2));
}

fn rules_that_go_resolve_their_alerts(desk: &Desk) {
    let server = Server::start(&desk.db());
    let none = desk.file("none.toml", "");
    let gone = run(&server.target(), &["rules", "apply", &none]);
    assert!(gone.contains("- rule \"nulls\"\n"), "{gone}");
    assert_eq!(run(&server.target(), &["alerts", "list"]), "no alerts\n");
    let history = run_json(&server.target(), &["alerts", "history", "--state", "resolved"]);
    assert_eq!(names(&history, "events", "rule").len(), 3);
    assert_eq!(run(&server.target(), &["rules", "list"]), "no rules are in force\n");
}
