//! The rule files of `docs/examples` on the real data sets: quiet weeks stay quiet, and what happened is
//! found when it happened.

use std::path::Path;

use serde_json::Value;

use crate::{
    golden::load,
    program::{Target, run_json, shared},
};

/// An event: when, which rule, which feature, and its state.
type Noted = (String, String, Option<String>, String);

/// What a file of rules would have done on its data set, in order of time.
fn events(shared: &Path, set: &str, from: &str, to: &str) -> Vec<Noted> {
    let dir = tempfile::tempdir().unwrap();
    let target = Target::DataDir(dir.path().join("db"));
    load(&target, shared, set, "parquet", false);
    let file = format!("{}/docs/examples/{set}.rules.toml", env!("CARGO_MANIFEST_DIR"));
    let (from, to) = (format!("{from}T00:00:00Z"), format!("{to}T00:00:00Z"));
    let report = run_json(&target, &["rules", "test", &file, "--from", &from, "--to", &to]);
    assert_eq!(report["cost"]["rows_scanned"], 0, "{set}");
    let of_rule = |rule: &Value| -> Vec<Noted> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let events = rule["events"].as_array().unwrap().iter();
        let noted = |event: &Value| {
            let feature = event["feature"].as_str().map(str::to_owned);
            (text(&event["at"]), text(&rule["name"]), feature, text(&event["state"]))
        };
        events.map(noted).collect()
    };
    let mut events: Vec<Noted> =
        report["rules"].as_array().unwrap().iter().flat_map(of_rule).collect();
    events.sort();
    events
}

/// The times at which a rule came into a state, on a feature or at all.
fn times<'a>(events: &'a [Noted], rule: &str, feature: Option<&str>, state: &str) -> Vec<&'a str> {
    let same =
        |event: &&Noted| event.1 == rule && event.2.as_deref() == feature && event.3 == state;
    events.iter().filter(same).map(|event| &event.0[..13]).collect()
}

#[test]
fn quiet_weeks_stay_quiet_and_an_incident_of_two_days_is_found() {
    let Some(shared) = shared("rules on employment_ma") else { return };
    let events = events(&shared, "employment_ma", "2026-01-05", "2026-02-16");
    assert!(events.iter().all(|event| event.0.as_str() > "2026-01-19"), "{:?}", &events[..3]);
    let fired = |rule, feature| times(&events, rule, feature, "firing");
    let resolved = |rule, feature| times(&events, rule, feature, "resolved");
    // A window of a day is judged when it is over.
    for rule in ["incident", "accuracy", "wrong-and-moved"] {
        assert_eq!(fired(rule, None), ["2026-02-02T00"], "{rule}");
        assert_eq!(resolved(rule, None), ["2026-02-04T00"], "{rule}");
    }
    assert_eq!(fired("incident-early", Some("score")), ["2026-02-01T03"]);
    assert_eq!(fired("feature-drift", Some("relp")), ["2026-01-20T00", "2026-02-02T00"]);
    for feature in ["agep", "score", "prediction", "mar", "schl"] {
        assert_eq!(fired("feature-drift", Some(feature)), ["2026-02-02T00"], "{feature}");
    }
    assert!(!events.iter().any(|event| event.1 == "volume"));
}

#[test]
fn a_crisis_moves_what_is_asked_and_the_model_is_wrong() {
    let Some(shared) = shared("rules on bank_marketing") else { return };
    let events = events(&shared, "bank_marketing", "2008-10-01", "2010-11-18");
    let fired = |rule, feature| times(&events, rule, feature, "firing");
    let resolved = |rule, feature| times(&events, rule, feature, "resolved");
    for (rule, feature, when) in [
        ("score-drift", Some("score"), "2008-11-13T00"),
        ("null-change", Some("contact"), "2008-11-13T00"),
        ("accuracy", None, "2008-10-30T00"),
        ("train-anew", None, "2008-11-13T00"),
    ] {
        assert_eq!(fired(rule, feature), [when], "{rule}");
        assert!(resolved(rule, feature).is_empty(), "{rule} lasts");
    }
    assert_eq!(fired("volume", None), ["2008-12-25T00"]);
    assert_eq!(resolved("volume", None), ["2009-01-29T00"]);
}

#[test]
fn seasons_move_the_weather_and_growth_the_error() {
    let Some(shared) = shared("rules on bike_sharing") else { return };
    let events = events(&shared, "bike_sharing", "2011-07-01", "2013-01-01");
    let fired = |rule, feature| times(&events, rule, feature, "firing");
    assert_eq!(fired("weather", Some("temp")), ["2011-08-04T00"]);
    assert!(!events.iter().any(|event| event.1 == "calendar" || event.1 == "error-2"));
    assert_eq!(fired("error-1", None)[0], "2012-03-15T00");
    let ended = times(&events, "error-1", None, "no_data");
    assert_eq!(ended, ["2012-09-06T00"], "when the second version took over");
    assert_eq!(fired("hours-missing", None), ["2011-08-28T00", "2012-10-30T00"]);
}
