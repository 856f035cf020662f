//! Claims about payloads: the very JSON and mail of one notice, and that hostile names stay names.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::{
    address::MailServer,
    channel::{Email, MailTls},
    event::{AlertState, Event},
    notice::Notice,
    rule::Severity,
};

fn notice(state: AlertState) -> Notice {
    let event = Event {
        rule: "amount-drift".to_owned(),
        feature: Some("amount".to_owned()),
        state,
        at: 1_769_040_000_000_000,
        window_start: 1_768_953_600_000_000,
        window_end: 1_769_040_000_000_000,
        value: Some(0.312_345_678),
        p_value: None,
        condition: "> 0.2".to_owned(),
        limits: vec![0.2],
        samples: 12_000,
        coverage: None,
        reference: Some("default".to_owned()),
        content: 0xabc,
        dedup_key: "00c0ffee00c0ffee".to_owned(),
        notified: true,
        suppressed: None,
        reason: None,
    };
    Notice {
        id: format!("{}-ops", event.id()),
        channel: "ops".to_owned(),
        event,
        severity: Severity::Critical,
        model: Some("fraud".to_owned()),
        version: None,
        metric: Some("psi".to_owned()),
        by_feature: true,
        labels: BTreeMap::from([("team".to_owned(), "risk".to_owned())]),
        summary: "amount of fraud moved".to_owned(),
        description: Some("Look at the feed.\nThen retrain.".to_owned()),
        runbook_url: Some("https://example.org/runbook".to_owned()),
    }
}

/// A notice whose every text tries to be something else.
fn hostile() -> Notice {
    let evil = "a\"b\\c\r\nBcc: x@y.z\r\n\r\n<!channel> & </td><script>'\u{202e}\u{0}\u{1f4a9}";
    let mut notice = notice(AlertState::Firing);
    notice.event.feature = Some(evil.to_owned());
    notice.event.reason = Some(evil.to_owned());
    notice.summary = evil.to_owned();
    notice.description = Some(evil.repeat(500));
    notice.labels = BTreeMap::from([(evil.to_owned(), evil.to_owned())]);
    notice.runbook_url = Some(format!("https://{evil}"));
    notice.model = Some(evil.to_owned());
    notice.id = evil.to_owned();
    notice.event.dedup_key = evil.to_owned();
    notice
}

fn json(bytes: Vec<u8>) -> Value {
    serde_json::from_slice(&bytes).expect("JSON")
}

fn email() -> Email {
    Email {
        smtp: MailServer { host: "localhost".to_owned(), port: 25 },
        from: "Driftline <driftline@example.org>".to_owned(),
        to: vec!["team@example.org".to_owned(), "\"On, Call\" <call@example.org>".to_owned()],
        login: None,
        tls: MailTls::None,
    }
}

fn letter(notice: &Notice) -> String {
    let letter = mail(notice, &email(), 1_769_040_001_000_000).expect("a mail");
    assert_eq!(letter.from, "driftline@example.org");
    assert_eq!(letter.to, ["team@example.org", "call@example.org"]);
    String::from_utf8(letter.bytes).expect("ASCII")
}

#[test]
fn a_webhook_gets_all_of_a_notice_under_names_that_stay() {
    let want = json!({
        "payload_version": 1,
        "id": "00c0ffee00c0ffee-firing-1769040000000000-ops",
        "dedup_key": "00c0ffee00c0ffee",
        "state": "firing",
        "severity": "critical",
        "title": "[FIRING] critical: amount of fraud moved",
        "summary": "amount of fraud moved",
        "description": "Look at the feed.\nThen retrain.",
        "runbook_url": "https://example.org/runbook",
        "channel": "ops",
        "rule": "amount-drift",
        "rule_content": "0000000000000abc",
        "labels": { "team": "risk" },
        "model": "fraud",
        "version": null,
        "metric": "psi",
        "feature": "amount",
        "reference": "default",
        "at": "2026-01-22T00:00:00Z",
        "window": { "start": "2026-01-21T00:00:00Z", "end": "2026-01-22T00:00:00Z" },
        "value": 0.312345678,
        "p_value": null,
        "condition": "> 0.2",
        "limits": [0.2],
        "samples": 12000,
        "coverage": null,
        "reason": null,
    });
    assert_eq!(json(webhook(&notice(AlertState::Firing))), want);
}

#[test]
fn slack_gets_blocks_and_a_text_that_stands_for_them() {
    let field =
        |name: &str, value: &str| json!({ "type": "mrkdwn", "text": format!("*{name}*\n{value}") });
    let section =
        |text: &str| json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } });
    let want = json!({
        "text": "[RESOLVED] critical: amount of fraud moved",
        "blocks": [
            section("*[RESOLVED] critical: amount of fraud moved*"),
            { "type": "section", "fields": [
                field("Rule", "amount-drift"),
                field("Model", "fraud"),
                field("Feature", "amount"),
                field("Metric", "psi"),
                field("Value", "0.312346"),
                field("Condition", "&gt; 0.2"),
                field("Limits", "0.2"),
                field("Reference", "default"),
                field("Window", "2026-01-21T00:00:00Z to 2026-01-22T00:00:00Z"),
                field("Samples", "12000"),
            ] },
            { "type": "section", "fields": [field("At", "2026-01-22T00:00:00Z")] },
            section("Look at the feed.\nThen retrain."),
            section("<https://example.org/runbook|Runbook>"),
            { "type": "context", "elements": [
                { "type": "mrkdwn", "text": "00c0ffee00c0ffee team=risk" }
            ] },
        ],
    });
    assert_eq!(json(slack(&notice(AlertState::Resolved))), want);
}

#[test]
fn pagerduty_triggers_and_resolves_by_one_key() {
    let body = json(pagerduty(&notice(AlertState::Firing), "KEY"));
    let want = json!({
        "routing_key": "KEY",
        "event_action": "trigger",
        "dedup_key": "00c0ffee00c0ffee",
        "client": "Driftline",
        "links": [{ "href": "https://example.org/runbook", "text": "Runbook" }],
        "payload": {
            "summary": "amount of fraud moved",
            "source": "fraud",
            "severity": "critical",
            "timestamp": "2026-01-22T00:00:00Z",
            "component": "amount",
            "group": "fraud",
            "class": "psi",
            "custom_details": {
                "Rule": "amount-drift",
                "Model": "fraud",
                "Feature": "amount",
                "Metric": "psi",
                "Value": "0.312346",
                "Condition": "> 0.2",
                "Limits": "0.2",
                "Reference": "default",
                "Window": "2026-01-21T00:00:00Z to 2026-01-22T00:00:00Z",
                "Samples": "12000",
                "At": "2026-01-22T00:00:00Z",
                "Description": "Look at the feed.\nThen retrain.",
                "Labels": { "team": "risk" },
            },
        },
    });
    assert_eq!(body, want);
    let body = json(pagerduty(&notice(AlertState::Resolved), "KEY"));
    assert_eq!(
        (&body["event_action"], &body["dedup_key"]),
        (&json!("resolve"), &want["dedup_key"])
    );
    let plain = Notice { model: None, metric: None, ..notice(AlertState::Firing) };
    let plain = json(pagerduty(&plain, "KEY"));
    assert_eq!(
        (&plain["payload"]["source"], plain["payload"].get("group")),
        (&json!("amount-drift"), None)
    );
    for severity in Severity::ALL {
        let notice = Notice { severity, ..notice(AlertState::Firing) };
        let severity = json(pagerduty(&notice, "KEY"))["payload"]["severity"].clone();
        assert!(["info", "warning", "critical"].map(|name| json!(name)).contains(&severity));
    }
}

#[test]
fn alertmanager_knows_a_firing_and_its_end_by_the_same_labels() {
    let body = json(alertmanager(&notice(AlertState::Firing)));
    let want = json!([{
        "labels": {
            "alertname": "amount-drift",
            "severity": "critical",
            "model": "fraud",
            "metric": "psi",
            "feature": "amount",
            "team": "risk",
        },
        "annotations": {
            "summary": "amount of fraud moved",
            "description": "Look at the feed.\nThen retrain.",
            "runbook_url": "https://example.org/runbook",
            "value": "0.312346",
            "condition": "> 0.2",
            "feature": "amount",
            "reference": "default",
            "window_start": "2026-01-21T00:00:00Z",
            "window_end": "2026-01-22T00:00:00Z",
            "samples": "12000",
            "dedup_key": "00c0ffee00c0ffee",
            "notice_id": "00c0ffee00c0ffee-firing-1769040000000000-ops",
        },
        "startsAt": "2026-01-22T00:00:00Z",
        "endsAt": "2027-01-22T00:00:00Z",
    }]);
    assert_eq!(body, want);
    let mut resolved = notice(AlertState::Resolved);
    resolved.event.at += 3_600_000_000;
    let body = json(alertmanager(&resolved));
    assert_eq!(body[0]["labels"], want[0]["labels"]);
    assert_eq!(
        (&body[0]["startsAt"], &body[0]["endsAt"]),
        (&Value::Null, &json!("2026-01-22T00:59:00Z"))
    );
    // The feature that was the worst one may be another in the end.
    let worst = Notice { by_feature: false, ..notice(AlertState::Firing) };
    assert_eq!(json(alertmanager(&worst))[0]["labels"].get("feature"), None);
    // What a rule says of itself does not take the place of what the alert is.
    let mut named = notice(AlertState::Firing);
    named.labels.insert("alertname".to_owned(), "another".to_owned());
    assert_eq!(json(alertmanager(&named))[0]["labels"]["alertname"], "amount-drift");
}

#[test]
fn mail_is_text_and_html_in_one_thread_per_firing() {
    let header = |letter: &str, name: &str| {
        let line = letter.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("{name} in {letter}")).to_owned()
    };
    let (fired, resolved) =
        (letter(&notice(AlertState::Firing)), letter(&notice(AlertState::Resolved)));
    assert_eq!(header(&fired, "Subject"), "[FIRING] critical: amount of fraud moved");
    assert_eq!(header(&fired, "From"), "Driftline <driftline@example.org>");
    // "On, Call" in base 64: the comma separates nobody.
    let to = "team@example.org, =?utf-8?b?T24sIENhbGw=?= <call@example.org>";
    assert_eq!(header(&fired, "To"), to);
    assert_eq!(header(&fired, "Date"), "Thu, 22 Jan 2026 00:00:01 +0000");
    assert_eq!(header(&fired, "Auto-Submitted"), "auto-generated");
    for name in ["In-Reply-To", "References"] {
        assert_eq!(header(&fired, name), header(&resolved, name));
    }
    assert_ne!(header(&fired, "Message-ID"), header(&resolved, "Message-ID"));
    assert!(header(&fired, "Message-ID").ends_with("@example.org>"));
    assert_eq!(fired, letter(&notice(AlertState::Firing)), "the same notice is the same mail");
    assert!(fired.contains("Content-Type: text/plain; charset=utf-8"), "{fired}");
    let fired = fired.replace("=\r\n", "").replace("=3D", "=");
    assert!(fired.contains("Value: 0.312346\r\n") && fired.contains("Label team: risk"), "{fired}");
    assert!(fired.contains("<td>&gt; 0.2</td>"), "{fired}");
    assert!(fired.contains("<a href=\"https://example.org/runbook\">"), "{fired}");
}

#[test]
fn hostile_names_break_no_format() {
    let hostile = hostile();
    // Each is JSON, which `json` sees to.
    assert_eq!(json(webhook(&hostile))["feature"], hostile.event.feature.clone().expect("there"));
    let slack = json(slack(&hostile)).to_string();
    assert!(!slack.contains("<!channel>") && !slack.contains("<script>"), "{slack}");
    for block in json(super::slack(&hostile))["blocks"].as_array().expect("blocks") {
        let text = block["text"]["text"].as_str().unwrap_or_default();
        assert!(text.chars().count() <= 3_000);
    }
    let event = json(pagerduty(&hostile, "KEY"));
    assert!(!event["payload"]["summary"].as_str().expect("text").contains('\n'));
    let alert = json(alertmanager(&hostile));
    let legal = |name: &String| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    assert!(alert[0]["labels"].as_object().expect("labels").keys().all(legal));
    let letter = letter(&hostile);
    let (head, _) = letter.split_once("\r\n\r\n").expect("headers and a body");
    let names: Vec<&str> = head
        .lines()
        .filter(|line| !line.starts_with([' ', '\t']))
        .filter_map(|line| line.split_once(':'))
        .map(|(name, _)| name)
        .collect();
    let want = [
        "From",
        "Date",
        "Message-ID",
        "In-Reply-To",
        "References",
        "Subject",
        "To",
        "Auto-Submitted",
        "Driftline-Notice-Id",
        "MIME-Version",
        "Content-Type",
    ];
    let mut sorted = (names.clone(), want.to_vec());
    sorted.0.sort_unstable();
    sorted.1.sort_unstable();
    assert_eq!(sorted.0, sorted.1, "{head}");
    assert!(letter.lines().all(|line| line.len() <= 998), "lines fit a mail server");
}

#[test]
fn long_summaries_are_cut_to_what_a_receiver_takes() {
    let mut long = notice(AlertState::Firing);
    long.summary = "\u{e4}".repeat(5_000);
    let text = json(slack(&long))["text"].as_str().expect("text").chars().count();
    assert_eq!(text, 3_000);
    let summary = json(pagerduty(&long, "KEY"))["payload"]["summary"].clone();
    assert_eq!(summary.as_str().expect("text").chars().count(), 1_024);
}
