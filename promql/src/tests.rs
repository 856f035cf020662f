//! Queries over a source of a few series whose values can be computed by hand.

use proptest::prelude::*;

use crate::{
    Data, ErrorKind, Labels, NAME, Notes, Points, Query, Result, Selector, Series, Source,
    read_selector,
};

/// Series with a sample every ten seconds from 0 to 90 s, where a value is stated.
struct Table(Vec<(Labels, Vec<Option<f64>>)>);

const STEP: i64 = 10_000;

/// Name, labels and values of a series.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], [f64; 10]);

impl Table {
    fn new(series: &[Row<'_>]) -> Self {
        let one = |(name, labels, values): &Row<'_>| {
            let named = labels.iter().copied().chain([(NAME, *name)]);
            // A negative zero stands for no sample.
            let value =
                |value: &f64| (!(*value == 0.0 && value.is_sign_negative())).then_some(*value);
            (Labels::new(named), values.iter().map(value).collect())
        };
        Self(series.iter().map(one).collect())
    }

    fn wanted(&self, selector: &Selector) -> impl Iterator<Item = &(Labels, Vec<Option<f64>>)> {
        self.0.iter().filter(|(labels, _)| selector.accepts(labels))
    }
}

impl Source for Table {
    fn at(&self, selector: &Selector, instants: &[i64], notes: &mut Notes) -> Result<Vec<Series>> {
        assert!(instants.is_sorted_by(|a, b| a < b), "each once and ascending: {instants:?}");
        notes.inform("read");
        let one = |(labels, values): &(Labels, Vec<Option<f64>>)| {
            let at = |instant: &i64| *values.get(usize::try_from(instant / STEP).ok()?)?;
            Series { labels: labels.clone(), values: instants.iter().map(at).collect() }
        };
        Ok(self.wanted(selector).map(one).collect())
    }

    fn over(&self, selector: &Selector, _: &[i64], _: i64, _: &mut Notes) -> Result<Vec<Points>> {
        let one = |(labels, values): &(Labels, Vec<Option<f64>>)| Points {
            labels: labels.clone(),
            spacing: Some(STEP),
            points: (0..).zip(values).filter_map(|(n, v)| Some((n * STEP, (*v)?))).collect(),
        };
        Ok(self.wanted(selector).map(one).collect())
    }
}

const NONE: f64 = -0.0;

fn table() -> Table {
    let tens = |n: f64| std::array::from_fn(|place| n * (place + 1) as f64);
    Table::new(&[
        ("psi", &[("model", "a"), ("feature", "x")], tens(1.0)),
        ("psi", &[("model", "a"), ("feature", "y\"b{c}")], tens(2.0)),
        ("psi", &[("model", "b"), ("feature", "x")], tens(3.0)),
        ("rows", &[("model", "a")], [10.0; 10]),
        ("rows", &[("model", "b")], [5.0, NONE, 5.0, NONE, 5.0, NONE, 5.0, NONE, 5.0, NONE]),
        ("lines", &[("model", "a")], [1.0; 10]),
        ("owner", &[("model", "a"), ("team", "red")], [1.0; 10]),
    ])
}

/// A query at 50 s, as `labels value` lines.
fn ask(query: &str) -> Vec<String> {
    let answer = Query::read(query).and_then(|query| query.instant(&table(), 50_000));
    match answer.unwrap_or_else(|error| panic!("{query}: {error}")).data {
        Data::Scalar(value) => vec![value.to_string()],
        Data::Text(text) => vec![text],
        Data::Vector(samples) => {
            samples.iter().map(|sample| format!("{} {}", sample.labels, sample.value)).collect()
        }
        Data::Matrix(all) => all
            .iter()
            .map(|(labels, samples)| {
                let samples: Vec<String> = samples
                    .iter()
                    .map(|(time, value)| format!("{value}@{}", time / 1_000))
                    .collect();
                format!("{labels} {}", samples.join(" "))
            })
            .collect(),
    }
}

fn refuse(query: &str) -> (ErrorKind, String) {
    let answer = Query::read(query).and_then(|query| query.instant(&table(), 50_000));
    let error = answer.expect_err(query);
    (error.kind(), error.to_string())
}

fn check(query: &str, want: &[&str]) {
    assert_eq!(ask(query), want, "{query}");
}

#[test]
fn selectors_match_as_prometheus_does() {
    check("1+1", &["2"]);
    check("\"text\"", &["text"]);
    check("psi{model=\"b\"}", &["psi{feature=\"x\",model=\"b\"} 18"]);
    check(r#"psi{feature="y\"b{c}"}"#, &[r#"psi{feature="y\"b{c}",model="a"} 12"#]);
    check(r#"psi{feature=~"y.*"}"#, &[r#"psi{feature="y\"b{c}",model="a"} 12"#]);
    check(r#"psi{feature=~"y"}"#, &[]);
    check(r#"psi{feature!~"y.*",model!="a"}"#, &["psi{feature=\"x\",model=\"b\"} 18"]);
    check(r#"psi{team=""}"#, &ask("psi").iter().map(String::as_str).collect::<Vec<_>>());
    check(r#"{__name__=~"own.*"}"#, &["owner{model=\"a\",team=\"red\"} 1"]);
    check("nothing", &[]);
    check("rows", &["rows{model=\"a\"} 10"]);
    check("psi{model=\"b\"} offset 30s", &["psi{feature=\"x\",model=\"b\"} 9"]);
    check("psi{model=\"b\"} offset -20s", &["psi{feature=\"x\",model=\"b\"} 24"]);
    check("psi{model=\"b\"} @ 10", &["psi{feature=\"x\",model=\"b\"} 6"]);
    check("psi{model=\"b\"}[20s]", &["psi{feature=\"x\",model=\"b\"} 15@40 18@50"]);
    check("psi{model=\"b\"}[30s:20s]", &["psi{feature=\"x\",model=\"b\"} 15@40"]);
}

#[test]
fn operators_match_as_prometheus_does() {
    check("2 ^ 3 ^ 2", &["512"]);
    check("-2 ^ 2", &["-4"]);
    check("7 % 4", &["3"]);
    check("1 < bool 2", &["1"]);
    check("psi{model=\"b\"} / 2", &["{feature=\"x\",model=\"b\"} 9"]);
    check("100 - psi{model=\"b\"}", &["{feature=\"x\",model=\"b\"} 82"]);
    check(
        "psi > 10",
        &["psi{feature=\"x\",model=\"b\"} 18", r#"psi{feature="y\"b{c}",model="a"} 12"#],
    );
    check("10 < psi{feature=\"x\"}", &["psi{feature=\"x\",model=\"b\"} 18"]);
    check(
        "psi{feature=\"x\"} > bool 10",
        &["{feature=\"x\",model=\"a\"} 0", "{feature=\"x\",model=\"b\"} 1"],
    );
    check("psi{feature=\"x\"} * on(model) rows", &["{model=\"a\"} 60"]);
    check(
        "psi * on(model) group_left rows",
        &["{feature=\"x\",model=\"a\"} 60", r#"{feature="y\"b{c}",model="a"} 120"#],
    );
    check(
        "psi{feature=\"x\"} * on(model) group_left(team) owner",
        &["{feature=\"x\",model=\"a\",team=\"red\"} 6"],
    );
    check("rows - on(model) group_right psi{feature=\"x\"}", &["{feature=\"x\",model=\"a\"} 4"]);
    check("rows + ignoring(team) owner", &["{model=\"a\"} 11"]);
    check("rows > on(model) owner", &["{model=\"a\"} 10"]);
    check("rows > ignoring(team) owner", &["rows{model=\"a\"} 10"]);
    check(
        "psi and on(model) rows",
        &["psi{feature=\"x\",model=\"a\"} 6", r#"psi{feature="y\"b{c}",model="a"} 12"#],
    );
    check("psi unless on(model) rows", &["psi{feature=\"x\",model=\"b\"} 18"]);
    check("rows or on(model) owner", &["rows{model=\"a\"} 10"]);
    check("rows{model=\"z\"} or vector(0)", &["{} 0"]);
}

#[test]
fn aggregations_match_as_prometheus_does() {
    check("sum(psi)", &["{} 36"]);
    check("avg by (model) (psi)", &["{model=\"a\"} 9", "{model=\"b\"} 18"]);
    check("max without (feature) (psi)", &["{model=\"a\"} 12", "{model=\"b\"} 18"]);
    check("min(psi)", &["{} 6"]);
    check("count by (feature) (psi)", &["{feature=\"x\"} 2", r#"{feature="y\"b{c}"} 1"#]);
    check("topk(1, psi)", &["psi{feature=\"x\",model=\"b\"} 18"]);
    check(
        "bottomk by (model) (1, psi)",
        &["psi{feature=\"x\",model=\"a\"} 6", "psi{feature=\"x\",model=\"b\"} 18"],
    );
    check("topk(0, psi)", &[]);
    check("quantile(0.5, psi)", &["{} 12"]);
    check("stdvar(psi{model=\"a\"})", &["{} 9"]);
    check("group(psi)", &["{} 1"]);
    check("sum(nothing)", &[]);
}

#[test]
fn functions_match_as_prometheus_does() {
    check("avg_over_time(psi{model=\"b\"}[1m])", &["{feature=\"x\",model=\"b\"} 10.5"]);
    check("last_over_time(rows{model=\"b\"}[20s])", &["rows{model=\"b\"} 5"]);
    check("quantile_over_time(0.5, psi{model=\"b\"}[30s])", &["{feature=\"x\",model=\"b\"} 15"]);
    check("max_over_time(sum(psi)[30s:10s])", &["{} 36"]);
    check("count_over_time(rows[1m] offset 10s)", &["{model=\"a\"} 5", "{model=\"b\"} 3"]);
    check("abs(psi{model=\"b\"} - 20)", &["{feature=\"x\",model=\"b\"} 2"]);
    check("round(psi{model=\"b\"}, 5)", &["{feature=\"x\",model=\"b\"} 20"]);
    check("clamp(psi{model=\"b\"}, 0, 3)", &["{feature=\"x\",model=\"b\"} 3"]);
    check("scalar(rows) + 1", &["11"]);
    check("scalar(psi)", &["NaN"]);
    check("time()", &["50"]);
    check("absent(psi{model=\"z\",feature=~\"x\"})", &["{model=\"z\"} 1"]);
    check("absent(psi)", &[]);
    check(
        "sort_desc(psi{feature=\"x\"})",
        &["psi{feature=\"x\",model=\"b\"} 18", "psi{feature=\"x\",model=\"a\"} 6"],
    );
}

#[test]
fn what_there_is_not_is_named_with_what_there_is() {
    for (query, kind, want) in [
        ("rate(psi[1m])", ErrorKind::BadData, "no function rate: it is of counters"),
        ("histogram_quantile(0.9, psi)", ErrorKind::BadData, "there are no histograms: quantiles"),
        (
            "timestamp(psi)",
            ErrorKind::BadData,
            "there is no function timestamp; there are abs, absent",
        ),
        ("limitk(1, psi)", ErrorKind::BadData, "there is no aggregation limitk; there are avg"),
        ("psi{", ErrorKind::BadData, "cannot read the query"),
        ("psi{model=~\"(\"}", ErrorKind::BadData, "illegal regex"),
        ("{model=~\".*\"}", ErrorKind::BadData, "cannot read the query"),
        ("sum(1)", ErrorKind::BadData, "cannot read the query"),
        ("1 < 2", ErrorKind::BadData, "cannot read the query"),
        (
            "{__name__=~\"rows|lines\"} * 2",
            ErrorKind::Execution,
            "have the same labels {model=\"a\"}",
        ),
        ("psi * on(model) rows", ErrorKind::Execution, "say group_left or group_right"),
        ("rows * on(model) psi", ErrorKind::Execution, "of the right side match the same series"),
    ] {
        let (got, text) = refuse(query);
        assert!(got == kind && text.contains(want), "{query}: {got:?} {text}");
    }
}

#[test]
fn a_range_has_a_sample_where_there_is_one() {
    let range = |query: &str, step: i64| {
        let answer = Query::read(query).expect("reads").range(&table(), 0, 50_000, step);
        let Data::Matrix(all) = answer.expect("answers").data else { panic!("a matrix") };
        all
    };
    let rows = range("rows{model=\"b\"}", 10_000);
    assert_eq!(rows[0].1, [(0, 5.0), (20_000, 5.0), (40_000, 5.0)]);
    let number = range("1 + 1", 25_000);
    assert_eq!(number, [(Labels::default(), vec![(0, 2.0), (25_000, 2.0), (50_000, 2.0)])]);
    assert_eq!(range("psi{model=\"b\"} @ end()", 25_000)[0].1[0], (0, 18.0));
    assert_eq!(range("psi{model=\"b\"} @ start()", 25_000)[0].1[2], (50_000, 3.0));
    let over = range("sum_over_time(psi{model=\"b\"}[20s])", 25_000);
    assert_eq!(over[0].1, [(0, 3.0), (50_000, 33.0)], "25 s lies between the points");
    let top = range("topk(1, {__name__=~\"psi|rows\"})", 25_000);
    assert_eq!(top.len(), 2, "each is the largest at some instant: {top:?}");
}

#[test]
fn ranges_are_bounded_as_in_prometheus() {
    let query = Query::read("psi").expect("reads");
    let refuse = |start, end, step| {
        query.range(&table(), start, end, step).expect_err("refused").to_string()
    };
    let most = crate::limits::INSTANTS_MAX as i64;
    assert!(query.range(&table(), 0, most - 1, 1).is_ok());
    assert!(refuse(0, most, 1).contains("maximum resolution of 11000 points"));
    assert!(refuse(0, 10, 0).contains("step"));
    assert!(refuse(10, 0, 1).contains("end timestamp must not be before start"));
    let ranged = Query::read("psi[1m]").expect("reads");
    assert!(ranged.range(&table(), 0, 1, 1).is_err());
    let deep = Query::read("max_over_time(psi[10d:1s])").expect("reads");
    let error = deep.instant(&table(), 0).expect_err("too many").to_string();
    assert!(error.contains("subquery of more than 50000 instants"), "{error}");
}

#[test]
fn selectors_alone_are_read_for_discovery() {
    assert!(read_selector("{model=\"a\"}").is_ok());
    for text in ["1", "sum(psi)", "psi offset 1m", "psi[1m]"] {
        assert!(read_selector(text).is_err(), "{text}");
    }
}

#[test]
fn notes_of_the_source_come_once() {
    let answer = Query::read("psi + psi").and_then(|query| query.instant(&table(), 0));
    assert_eq!(answer.expect("answers").notes.infos, ["read"]);
}

/// Pieces of queries, whole and broken.
const PIECES: [&str; 40] = [
    "psi",
    "rows",
    "{model=\"a\"}",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "[1m]",
    "[1m:10s]",
    "[1m:]",
    "sum",
    "topk",
    "by",
    "(model)",
    "without",
    "on",
    "ignoring",
    "group_left",
    "+",
    "-",
    "*",
    "/",
    "%",
    "^",
    "==",
    ">",
    "bool",
    "and",
    "or",
    "unless",
    "offset",
    "1d",
    "@",
    "start()",
    "0x1F",
    "1e3",
    "max_over_time(",
    "\"\\x\"",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_text_panics(pieces in prop::collection::vec(0..PIECES.len(), 0..12), odd in ".{0,8}") {
        let words: Vec<&str> = pieces.iter().map(|piece| PIECES[*piece]).collect();
        for text in [words.join(" "), words.concat(), format!("{} {odd}", words.join(" ")), odd] {
            if let Ok(query) = Query::read(&text) {
                let _ = query.instant(&table(), 50_000);
                let _ = query.range(&table(), 0, 50_000, 20_000);
            }
        }
    }
}
