//! Claims about files of rules: what is read, what is told of mistakes, and that exports read back.

use super::*;
use crate::{
    figure::Figure,
    rule::{AlertOn, NoData, Severity, Subject},
};
use driftline_query::{Correction, Method};
use driftline_storage::{DAY_MICROS, HOUR_MICROS};
use proptest::prelude::*;

const CONTRACT: &str = r#"
[[channel]]
name = "ops"
type = "webhook"
url  = "http://127.0.0.1:9000/hook"

[[rule]]
name     = "amount-drift"
model    = "fraud"
metric   = "psi"
feature  = "*"
window   = "1d"
every    = "1h"
when     = "> 0.2"
for      = "0s"
cooldown = "6h"
severity = "critical"
channels = ["ops"]
"#;

const EVERYTHING: &str = r#"
[[channel]]
name = "pager"
type = "pagerduty"
routing_key = { env = "PAGERDUTY_KEY" }

[[rule]]
name = "tests"
model = "fraud"
version = "2"
metric = "chi2"
feature = ["amount", "country"]
reference = "march"
window = "1d"
every = "6h"
lateness = "10m"
horizon = "12h"
when = "p < 0.01"
correction = "bh"
for = "12h"
keep_firing_for = "1h"
cooldown = "1d"
min_samples = 500
no_data = "fire"
inhibited_by = ["worst"]
summary = "{{ feature }} moved"
description = "p = {{ p_value }}"
runbook_url = "https://example.org/drift"
labels = { team = "risk", "odd key" = "x" }
channels = ["pager"]

[[rule]]
name = "worst"
model = "fraud"
metric = "js"
alert_on = "worst"
window = "1d"
when = "> 0.1"

[[rule]]
name = "share"
model = "fraud"
metric = "drift_share"
method = "chi2"
correction = "bonferroni"
threshold = 0.01
window = "1d"
when = ">= 0.3"
severity = "info"

[[rule]]
name = "right"
model = "fraud"
metric = "recall"
class = "macro"
baseline = ["2026-01-01T00:00:00Z", "2026-01-08T00:00:00Z"]
window = "1d"
min_coverage = 0.8
when = "< reference - 0.05"

[[rule]]
name = "odd"
model = "fraud"
metric = "null_rate"
window = "1h"
when = "outside history - 4 sd .. history + 4 sd"
history = 48
no_data = "ignore"

[[rule]]
name = "fresh"
model = "fraud"
metric = "new_labels"
reference = "training"
every = "6h"
when = ">= 50000"

[[rule]]
name = "old"
model = "fraud"
metric = "reference_age"
when = "> 30"

[[rule]]
name = "all"
all_of = ["worst", "right"]
for = "1h"
severity = "critical"
"#;

fn parsed(text: &str) -> RuleSet {
    RuleSet::parse(text, Syntax::Toml).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

/// A rule with these keys beside what every rule has, which must be wrong.
#[track_caller]
fn wrong(keys: &str, wants: &[&str]) {
    let text = format!("[[rule]]\nname = \"r\"\nmodel = \"m\"\n{keys}\n");
    let mistakes = RuleSet::parse(&text, Syntax::Toml).expect_err(keys).to_string();
    for want in wants {
        assert!(mistakes.contains(want), "{keys}: {mistakes}");
    }
}

const PSI: &str = "metric = \"psi\"\nwhen = \"> 0.2\"\nwindow = \"1d\"\n";

#[test]
fn the_core_keys_of_a_file_mean_what_they_say() {
    let set = parsed(CONTRACT);
    assert_eq!(set.channels.len(), 1);
    let rule = set.rule("amount-drift").expect("there");
    let measure = rule.measure().expect("a metric");
    assert_eq!(measure.figure, Figure::Drift(Method::Psi));
    assert!(measure.features.is_empty());
    assert_eq!((measure.window, measure.every), (DAY_MICROS, HOUR_MICROS));
    assert_eq!((rule.hold, rule.cooldown), (0, 6 * HOUR_MICROS));
    assert_eq!((rule.severity, rule.no_data), (Severity::Critical, NoData::Keep));
    assert_eq!(rule.min_samples, 100);
}

#[test]
fn every_key_is_read() {
    let set = parsed(EVERYTHING);
    let rule = set.rule("tests").expect("there");
    assert!(rule.when.p_value && rule.no_data == NoData::Fire && rule.min_samples == 500);
    let measure = rule.measure().expect("a metric");
    assert_eq!(measure.correction, Correction::BenjaminiHochberg);
    assert_eq!((measure.lateness, measure.revisions()), (HOUR_MICROS / 6, 2));
    let worst = set.rule("worst").and_then(Rule::measure).expect("there");
    assert_eq!((worst.alert_on, worst.every), (AlertOn::Worst, DAY_MICROS));
    let all = set.rule("all").expect("there");
    assert_eq!(all.subject, Subject::AllOf(vec!["worst".into(), "right".into()]));
    assert_eq!(all.when.to_string(), ">= 2");
    let order = set.order();
    let place = |name: &str| {
        let rule = |place: &usize| set.rules[*place].name == name;
        order.iter().position(rule).expect("in order")
    };
    assert!(place("worst") < place("tests") && place("right") < place("all"));
}

#[test]
fn an_export_reads_back_as_the_same_set() {
    for text in [CONTRACT, EVERYTHING, ""] {
        let set = parsed(text);
        for syntax in [Syntax::Toml, Syntax::Yaml] {
            let text = set.export(syntax);
            let read = RuleSet::parse(&text, syntax);
            assert_eq!(read.as_ref(), Ok(&set), "{text}");
            // Once written, a file does not change by being written again.
            assert_eq!(read.map(|set| set.export(syntax)), Ok(text));
        }
        let json = serde_json::to_string(&set).expect("writes");
        assert_eq!(serde_json::from_str::<RuleSet>(&json).expect("reads"), set);
    }
}

#[test]
fn yaml_says_the_same_as_toml() {
    let yaml = r#"
channel:
  - { name: ops, type: webhook, url: "http://127.0.0.1:9000/hook" }
rule:
  - name: amount-drift
    model: fraud
    metric: psi
    feature: "*"
    window: 1d
    every: 1h
    when: "> 0.2"
    for: 0s
    cooldown: 6h
    severity: critical
    channels: [ops]
"#;
    assert_eq!(RuleSet::parse(yaml, Syntax::Yaml), Ok(parsed(CONTRACT)));
    let error = RuleSet::parse("rule:\n  - when: > 0.2\n", Syntax::Yaml).expect_err("block");
    assert!(error.to_string().contains("quotes"), "{error}");
    assert_eq!(Syntax::of_name("a.YML"), Syntax::Yaml);
    assert_eq!(Syntax::of_name("rules"), Syntax::Toml);
}

#[test]
fn all_mistakes_of_a_file_are_told_at_once() {
    let text = CONTRACT
        .replace("\"1d\"", "\"a day\"")
        .replace("\"critical\"", "\"urgent\"")
        .replace("\"> 0.2\"", "\"0.2\"")
        .replace("cooldown", "cooldwn")
        .replace("[\"ops\"]", "[\"opps\"]");
    let Mistakes(mistakes) = RuleSet::parse(&text, Syntax::Toml).expect_err("wrong");
    let keys: Vec<&str> = mistakes.iter().map(|mistake| mistake.key.as_str()).collect();
    assert_eq!(keys, ["when", "window", "severity", "cooldwn", "channels"]);
    assert!(mistakes.iter().all(|mistake| mistake.place == "rule \"amount-drift\""));
    assert_eq!(mistakes[1].value, "\"a day\"");
    assert!(mistakes[3].problem.contains("did you mean \"cooldown\"?"), "{}", mistakes[3]);
    let text = CONTRACT.replace("[\"ops\"]", "[\"opps\"]");
    let error = RuleSet::parse(&text, Syntax::Toml).expect_err("no channel").to_string();
    assert!(
        error.contains("channels = \"opps\": is no channel of the file, did you mean \"ops\"?")
    );
}

#[test]
fn keys_that_do_not_fit_each_other_are_told() {
    wrong(
        "",
        &["metric: is missing; write metric = \"psi\"", "when: is missing", "window: is missing"],
    );
    wrong("metric = \"psy\"\nwhen = \"> 1\"\nwindow = \"1d\"", &["did you mean \"psi\"?"]);
    wrong(
        &format!("{PSI}every = \"1s\""),
        &["every = \"1s\": is too short; it must be 1m or longer"],
    );
    wrong(&format!("{PSI}method = \"ks\""), &["method", "is for drift_share"]);
    wrong(&format!("{PSI}class = \"a\""), &["class", "is for precision"]);
    wrong(&format!("{PSI}threshold = 1"), &["threshold", "is for drift_share"]);
    wrong(&format!("{PSI}correction = \"bh\""), &["adjusts p-values"]);
    wrong(&format!("{PSI}slice = \"country\""), &["is no condition", "column=value"]);
    wrong(&format!("{PSI}feature = [\"*\", \"a\"]"), &["* alone means any"]);
    wrong(&format!("{PSI}min_coverage = 2"), &["min_coverage = 2: is not a share"]);
    wrong(&format!("{PSI}min_samples = -1"), &["must be a whole number that is not negative"]);
    wrong(&format!("{PSI}channels = 3"), &["is a number, and must be a list of texts"]);
    wrong(&format!("{PSI}labels = {{ a = 1 }}"), &["\"a\" is a number, and must be text"]);
    wrong(&format!("{PSI}horizon = \"100d\"\nevery = \"1m\""), &["at most 17h4m"]);
    wrong(&format!("{PSI}summary = \"{{{{ nope }}}}\""), &["summary", "names a variable"]);
    wrong(&format!("{PSI}inhibited_by = [\"r\"]"), &["is the rule itself"]);
    wrong(&format!("{PSI}baseline = [\"2026-01-01T00:00:00Z\"]"), &["is not two times"]);
    let ks = "metric = \"ks\"\nwhen = \"p < 0.05\"\nwindow = \"1d\"";
    wrong(ks, &["add exact = true"]);
    let js = "metric = \"js\"\nwhen = \"p < 0.05\"\nwindow = \"1d\"";
    wrong(js, &["is for psi, ks, chi2"]);
    let relative = "metric = \"psi\"\nwhen = \"> reference * 2\"\nwindow = \"1d\"";
    wrong(relative, &["drift is measured from it already"]);
    let worst =
        "metric = \"mean\"\nwhen = \"> reference * 2\"\nwindow = \"1d\"\nalert_on = \"worst\"";
    wrong(worst, &["a limit that is a number"]);
    let window = "metric = \"new_labels\"\nwhen = \"> 100\"\nwindow = \"1d\"";
    wrong(window, &["begins at the last training; write every = \"1d\""]);
    wrong("metric = \"reference_age\"\nwhen = \"> 30d\"", &["its unit is days"]);
    wrong("metric = \"new_labels\"\nwhen = \"> reference\"", &["from training to training"]);
    let short = "metric = \"mean\"\nwhen = \"> history + 3 sd\"\nwindow = \"1d\"\nhistory = 3";
    wrong(short, &["from 8 to 1000"]);
}

#[test]
fn composites_name_rules_that_are_there_and_no_circle() {
    let rule = |name: &str, keys: &str| format!("[[rule]]\nname = \"{name}\"\n{keys}\n");
    let check = |text: &str, want: &str| {
        let error = RuleSet::parse(text, Syntax::Toml).expect_err(text).to_string();
        assert!(error.contains(want), "{error}");
    };
    check(&rule("a", "all_of = [\"b\"]"), "is no rule of the file");
    check(&rule("a", "any_of = []"), "is empty; name the rules");
    check(&rule("a", "any_of = [\"b\"]\nwindow = \"1d\""), "a composite watches other rules");
    check(&rule("a", "any_of = [\"b\"]\nall_of = [\"b\"]"), "stands beside all_of");
    let circle = rule("a", "all_of = [\"b\"]") + &rule("b", "any_of = [\"a\"]");
    check(&circle, "depends on itself by way of a, b");
    check(&(rule("a", "x = 1") + &rule("a", "x = 1")), "is the name of another rule");
}

#[test]
fn no_file_panics() {
    for text in [
        "rule = 3",
        "rule = [1]",
        "[rule]",
        "[[rule]]",
        "[[chanel]]",
        "= ",
        "[[channel]]\nname = 1",
    ] {
        assert!(RuleSet::parse(text, Syntax::Toml).is_err(), "{text}");
    }
    for text in ["- a", "rule: {a: &b [*b]}", "rule: 1", "rule: [null]", "{"] {
        assert!(RuleSet::parse(text, Syntax::Yaml).is_err(), "{text}");
    }
    assert_eq!(RuleSet::parse("", Syntax::Yaml), Ok(RuleSet::default()));
    // Names that stand for names that stand for names, nine times nine deep.
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for depth in 1..9 {
        let inner = format!("*a{},", depth - 1).repeat(9);
        bomb.push_str(&format!("a{depth}: &a{depth} [{}]\n", inner.trim_end_matches(',')));
    }
    assert!(RuleSet::parse(&bomb, Syntax::Yaml).is_err());
    let deep = "[".repeat(100_000);
    assert!(RuleSet::parse(&deep, Syntax::Yaml).is_err());
    assert!(RuleSet::parse(&format!("rule = {deep}"), Syntax::Toml).is_err());
}

proptest! {
    #[test]
    fn no_changed_file_panics(place in 0..1_500_usize, new in "\\PC{0,3}", cut in 0..40_usize) {
        let mut text: Vec<char> = EVERYTHING.chars().collect();
        let from = place.min(text.len());
        let to = (from + cut).min(text.len());
        text.splice(from..to, new.chars());
        let text: String = text.into_iter().collect();
        // What is read is written and read again as the same.
        if let Ok(set) = RuleSet::parse(&text, Syntax::Toml) {
            prop_assert_eq!(RuleSet::parse(&set.export(Syntax::Toml), Syntax::Toml), Ok(set));
        }
        let _ = RuleSet::parse(&text, Syntax::Yaml);
    }
}
