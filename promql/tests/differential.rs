//! The evaluator against answers of a real Prometheus, over the same samples.
//!
//! `prometheus/ask.py` asked for the answers; it says where samples and instants stand and why.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use driftline_promql::{
    Answer, Data, ErrorKind, Labels, Notes, Points, Query, Result, Selector, Series, Source,
    read_selector,
};
use serde_json::Value;

const SERIES: &str = include_str!("prometheus/series.txt");
const ANSWERS: &str = include_str!("prometheus/answers.jsonl");

/// Milliseconds that Prometheus looks back for the sample of an instant.
const LOOKBACK: i64 = 300_000;
/// As `ask.py` has them, in milliseconds.
const INSTANT: i64 = 1_772_326_803_000;
const RANGE: (i64, i64, i64) = (1_772_323_803_000, 1_772_329_563_000, 720_000);

/// Samples as Prometheus keeps them: of an instant the newest of five minutes counts.
struct Samples(BTreeMap<Labels, Vec<(i64, f64)>>);

impl Samples {
    fn read() -> Self {
        let mut all: BTreeMap<Labels, Vec<(i64, f64)>> = BTreeMap::new();
        for line in SERIES.lines().filter(|line| !line.starts_with('#')) {
            let (head, seconds) = line.rsplit_once(' ').unwrap();
            let (labels, value) = head.rsplit_once(' ').unwrap();
            let selector = read_selector(labels).unwrap();
            let stated = selector.matchers.iter().map(|matcher| (&*matcher.label, &*matcher.value));
            let sample = (seconds.parse::<i64>().unwrap() * 1_000, number(value));
            all.entry(Labels::new(stated)).or_default().push(sample);
        }
        Self(all)
    }

    fn wanted(&self, selector: &Selector) -> impl Iterator<Item = (&Labels, &Vec<(i64, f64)>)> {
        self.0.iter().filter(|(labels, _)| selector.accepts(labels))
    }
}

impl Source for Samples {
    fn at(&self, selector: &Selector, instants: &[i64], _: &mut Notes) -> Result<Vec<Series>> {
        let one = |(labels, samples): (&Labels, &Vec<(i64, f64)>)| {
            let at = |instant: &i64| {
                let newest = samples.partition_point(|(time, _)| time <= instant).checked_sub(1)?;
                let (time, value) = *samples.get(newest)?;
                (time > instant - LOOKBACK).then_some(value)
            };
            Series { labels: labels.clone(), values: instants.iter().map(at).collect() }
        };
        Ok(self.wanted(selector).map(one).collect())
    }

    fn over(&self, selector: &Selector, _: &[i64], _: i64, _: &mut Notes) -> Result<Vec<Points>> {
        let one = |(labels, samples): (&Labels, &Vec<(i64, f64)>)| Points {
            labels: labels.clone(),
            spacing: None,
            points: samples.clone(),
        };
        Ok(self.wanted(selector).map(one).collect())
    }
}

fn number(text: &str) -> f64 {
    match text {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        text => text.parse().unwrap(),
    }
}

/// What an answer says, in the order that it says it: labels, and times with values.
#[derive(Debug, PartialEq)]
struct Said {
    kind: String,
    series: Vec<(String, Vec<(i64, f64)>)>,
}

fn by_prometheus(answer: &Value) -> Result<Said, String> {
    if let Some(kind) = answer["error"].as_str() {
        return Err(kind.to_owned());
    }
    let sample = |pair: &Value| {
        let millis = (pair[0].as_f64().unwrap() * 1e3).round() as i64;
        (millis, number(pair[1].as_str().unwrap()))
    };
    let kind = answer["resultType"].as_str().unwrap().to_owned();
    let result = &answer["result"];
    if kind == "string" {
        return Ok(Said { kind, series: vec![(result[1].as_str().unwrap().to_owned(), vec![])] });
    }
    if kind == "scalar" {
        let (_, value) = sample(result);
        return Ok(Said { kind, series: vec![(String::new(), vec![(INSTANT, value)])] });
    }
    let one = |series: &Value| {
        let labels = series["metric"].as_object().unwrap();
        let labels = labels.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap()));
        let samples = match &series["values"] {
            Value::Array(values) => values.iter().map(sample).collect(),
            _ => vec![sample(&series["value"])],
        };
        (Labels::new(labels).to_string(), samples)
    };
    Ok(Said { kind, series: result.as_array().unwrap().iter().map(one).collect() })
}

fn by_us(answer: Result<Answer>) -> Result<Said, String> {
    let answer = answer.map_err(|error| match error.kind() {
        ErrorKind::BadData => "bad_data".to_owned(),
        ErrorKind::Execution => "execution".to_owned(),
        kind => panic!("{kind:?}: {error}"),
    })?;
    let (kind, series) = match answer.data {
        Data::Scalar(value) => ("scalar", vec![(String::new(), vec![(INSTANT, value)])]),
        Data::Text(text) => ("string", vec![(text, vec![])]),
        Data::Vector(samples) => {
            let one = |sample: driftline_promql::Sample| {
                (sample.labels.to_string(), vec![(INSTANT, sample.value)])
            };
            ("vector", samples.into_iter().map(one).collect())
        }
        Data::Matrix(all) => {
            let one = |(labels, samples): (Labels, Vec<(i64, f64)>)| (labels.to_string(), samples);
            ("matrix", all.into_iter().map(one).collect())
        }
    };
    Ok(Said { kind: kind.to_owned(), series })
}

/// Equal but for the last digits, which the order of a sum decides.
fn is_close(got: f64, want: f64) -> bool {
    got == want
        || got.is_nan() && want.is_nan()
        || (got - want).abs() <= 1e-11 * want.abs().max(1e-3)
}

fn differs(query: &str, got: Result<Said, String>, want: Result<Said, String>) -> Option<String> {
    let (mut got, mut want) = match (got, want) {
        (Ok(got), Ok(want)) => (got, want),
        (Err(got), Err(want)) if got == want => return None,
        (got, want) => return Some(format!("{got:?}, in Prometheus {want:?}")),
    };
    // The order is a matter of sort alone.
    if !query.starts_with("sort") || want.kind == "matrix" {
        got.series.sort_by(|a, b| a.0.cmp(&b.0));
        want.series.sort_by(|a, b| a.0.cmp(&b.0));
    }
    let is_same = got.kind == want.kind
        && got.series.len() == want.series.len()
        && got.series.iter().zip(&want.series).all(|(got, want)| {
            got.0 == want.0
                && got.1.len() == want.1.len()
                && got.1.iter().zip(&want.1).all(|(g, w)| g.0 == w.0 && is_close(g.1, w.1))
        });
    (!is_same).then(|| format!("{got:?}\n    in Prometheus {want:?}"))
}

#[test]
fn answers_are_those_of_prometheus() {
    let samples = Samples::read();
    let mut lines = ANSWERS.lines();
    assert!(lines.next().unwrap().contains("\"prometheus\""));
    let (mut compared, mut wrong) = (0, Vec::new());
    for line in lines {
        let kept: Value = serde_json::from_str(line).unwrap();
        let query = kept["query"].as_str().unwrap();
        let instant = Query::read(query).and_then(|query| query.instant(&samples, INSTANT));
        let (start, end, step) = RANGE;
        let range = Query::read(query).and_then(|query| query.range(&samples, start, end, step));
        for (what, answer) in [("instant", instant), ("range", range)] {
            compared += 1;
            let told = answer.as_ref().err().map(ToString::to_string).unwrap_or_default();
            if let Some(how) = differs(query, by_us(answer), by_prometheus(&kept[what])) {
                wrong.push(format!("{query} ({what}): {told}\n    {how}"));
            }
        }
    }
    assert!(compared > 800, "{compared}");
    assert!(wrong.is_empty(), "{} of {compared} differ:\n{}", wrong.len(), wrong.join("\n"));
}
