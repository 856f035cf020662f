//! Queries that would cost too much, and queries at random: each is answered or refused with a sentence,
//! within bounds of time and memory, and none panics.
use std::time::{Duration, Instant};

use driftline_promql::{
    Data, ErrorKind, Labels, Notes, Points, Query, Result, Selector, Series, Source, limits,
};
use proptest::prelude::*;

/// A series for each feature and version, whose value moves with time; a part of them has gaps.
struct Wide {
    features: usize,
}

impl Wide {
    fn wanted(&self, selector: &Selector) -> Vec<(Labels, usize)> {
        let mut wanted = Vec::new();
        for n in 0..self.features {
            let feature = format!("f{}", n / 2);
            let version = if n % 2 == 0 { "1" } else { "2" };
            let name = if n % 5 == 0 { "rows" } else { "psi" };
            let labels = [("__name__", name), ("feature", &*feature), ("version", version)];
            let labels = Labels::new(labels);
            if selector.accepts(&labels) {
                wanted.push((labels, n));
            }
        }
        wanted
    }

    fn value(n: usize, instant: i64) -> Option<f64> {
        let minute = instant.div_euclid(60_000);
        (n % 7 != 3 || minute % 4 != 0).then(|| (minute % 100) as f64 / 100.0 + n as f64)
    }
}

impl Source for Wide {
    fn at(&self, selector: &Selector, instants: &[i64], _: &mut Notes) -> Result<Vec<Series>> {
        let one = |(labels, n): (Labels, usize)| Series {
            labels,
            values: instants.iter().map(|instant| Self::value(n, *instant)).collect(),
        };
        Ok(self.wanted(selector).into_iter().map(one).collect())
    }

    fn over(
        &self,
        selector: &Selector,
        instants: &[i64],
        range: i64,
        _: &mut Notes,
    ) -> Result<Vec<Points>> {
        let (Some(first), Some(last)) = (instants.first(), instants.last()) else {
            return Ok(Vec::new());
        };
        let from = first.saturating_sub(range).max(last.saturating_sub(600_000_000));
        let times: Vec<i64> =
            (from.div_euclid(60_000)..=last.div_euclid(60_000)).map(|n| n * 60_000).collect();
        let one = |(labels, n): (Labels, usize)| Points {
            labels,
            spacing: None,
            points: times.iter().filter_map(|time| Some((*time, Self::value(n, *time)?))).collect(),
        };
        Ok(self.wanted(selector).into_iter().map(one).collect())
    }
}

/// The error of a query over many instants.
fn refuse(query: &str, instants: i64) -> (ErrorKind, String) {
    let source = Wide { features: 2_000 };
    let began = Instant::now();
    let answer = Query::read(query).and_then(|query| query.range(&source, 0, instants - 1, 1));
    let error = answer.expect_err(query);
    assert!(began.elapsed() < Duration::from_secs(20), "{query}: {:?}", began.elapsed());
    (error.kind(), error.to_string())
}

#[test]
fn what_costs_too_much_is_refused_with_a_sentence() {
    let nested = "max_over_time(".repeat(5) + "vector(1)" + &"[1d:1s])".repeat(5);
    let doubled = (0..30).fold("psi{feature=\"f1\"}".to_owned(), |inside, _| {
        format!("label_join({inside},\"l\",\"\",\"l\",\"l\",\"feature\")")
    });
    let replaced =
        format!("label_replace(psi,\"l\",\"{}\",\"feature\",\"(.*)\")", "$1".repeat(4_000));
    let alternatives: Vec<String> = (0..2_000).map(|n| format!("f{n}")).collect();
    let patterns = "psi{feature=~\"a|b\"} or ".repeat(limits::PATTERNS_MAX + 1) + "psi";
    let long = format!("psi{{feature=~\"{}\"}}", "f|".repeat(limits::QUERY_BYTES_MAX));
    for (query, instants, want) in [
        ("psi", 4_000, "series of 4000 samples, more than"),
        ("count_values(\"v\", psi * time())", 2_000, "count_values gives"),
        (&nested, 1, "a subquery of more than 50000 instants"),
        ("max_over_time(psi[1d:1ms])", 1, "a subquery of more than 50000 instants"),
        (
            "quantile_over_time(0.5, psi{feature=~\"f.{1,2}\"}[30d])",
            5_000,
            "longer step or a shorter",
        ),
        (&doubled, 1, "labels of"),
        (&replaced, 1, "labels of"),
        (&patterns, 1, "regular expressions, at most 40"),
        (&long, 1, "bytes, at most 16384"),
        ("psi{feature=~\"((a{100}){100}){100}\"}", 1, "cannot read the query"),
        (
            "label_replace(psi, \"a\", \"b\", \"c\", \"((a{100}){100}){100}\")",
            1,
            "no regular expression",
        ),
        ("psi * on() psi", 1, "of the right side match the same series"),
    ] {
        let (kind, text) = refuse(query, instants);
        assert!(matches!(kind, ErrorKind::BadData | ErrorKind::Execution), "{kind:?}: {text}");
        assert!(text.contains(want), "{query:.60}: {text}");
        assert!(text.len() < 700, "a sentence, not {} bytes", text.len());
    }
    // What is large and still within the bounds is answered.
    let wide = Wide { features: 2_000 };
    let query = format!("count(psi{{feature=~\"{}\"}})", alternatives.join("|"));
    let answer = Query::read(&query).and_then(|query| query.instant(&wide, 60_000)).unwrap();
    let Data::Vector(samples) = answer.data else { panic!("a vector") };
    assert!(samples[0].value > 1_000.0, "{samples:?}");
}

#[test]
fn a_source_that_is_out_of_time_ends_a_query() {
    struct Late(Wide);
    impl Source for Late {
        fn at(
            &self,
            selector: &Selector,
            instants: &[i64],
            notes: &mut Notes,
        ) -> Result<Vec<Series>> {
            self.0.at(selector, instants, notes)
        }
        fn over(
            &self,
            of: &Selector,
            at: &[i64],
            range: i64,
            notes: &mut Notes,
        ) -> Result<Vec<Points>> {
            self.0.over(of, at, range, notes)
        }
        fn go_on(&self) -> Result<()> {
            Err(driftline_promql::Error::new(ErrorKind::Timeout, "no time"))
        }
    }
    let query = Query::read("1 + 1").unwrap();
    let error = query.instant(&Late(Wide { features: 1 }), 0).expect_err("late");
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[test]
fn what_nests_as_deep_as_it_may_is_evaluated_on_a_thread_of_usual_size() {
    let deep = |left: &str, inside: &str, right: &str, levels: usize| {
        format!("{}{inside}{}", left.repeat(levels), right.repeat(levels))
    };
    let most = limits::DEPTH_MAX - 1;
    for (left, inside, right, levels) in [
        ("(", "psi", ")", most),
        ("-", "psi", "", most),
        ("abs(", "psi", ")", most),
        ("sum(", "psi", ")", most),
        ("count_values(\"v\",", "psi", ")", most - 1),
        ("", "psi", " + psi", most),
        ("", "psi", " or psi", most),
        ("max_over_time(", "psi", "[2m:1m])", most / 2),
        ("label_join(", "psi", ",\"a\",\"\",\"feature\")", most / 2),
    ] {
        let source = Wide { features: 20 };
        let query = Query::read(&deep(left, inside, right, levels)).unwrap();
        query.instant(&source, 60_000).unwrap();
        let deeper = Query::read(&deep(left, inside, right, levels + most + 2));
        let error = deeper.expect_err("too deep").to_string();
        assert!(error.contains("levels") || error.contains("words and signs"), "{error}");
    }
}

/// Queries by the grammar of PromQL, most of which read.
fn vector() -> impl Strategy<Value = String> {
    let matcher = prop_oneof![
        Just(String::new()),
        "\\{feature=\"f[0-9]\"\\}",
        "\\{feature=~\"f[0-9]\\.\\*\",version!=\"1\"\\}",
        "\\{nothing!~\"a\\|b\"\\}",
    ];
    let shift = prop_oneof![
        4 => Just(String::new()),
        1 => "( offset -?[1-9]m)?( @ [0-9]{1,9})?",
        1 => Just(" @ end()".to_owned()),
    ];
    let name = prop_oneof![Just("psi"), Just("rows"), Just("none")];
    let selector = (name, matcher, shift);
    let leaf = selector.prop_map(|(name, matcher, shift)| format!("{name}{matcher}{shift}"));
    let number = || {
        prop_oneof![
            Just("0".to_owned()),
            Just("NaN".to_owned()),
            Just("-Inf".to_owned()),
            "[0-9]{1,3}(\\.[0-9])?",
            Just("scalar(rows)".to_owned()),
            Just("time()".to_owned())
        ]
    };
    leaf.prop_recursive(4, 40, 3, move |inner| {
        let grouping = prop_oneof![
            Just(""),
            Just("by (feature) "),
            Just("without (version) "),
            Just("by () ")
        ];
        let matching = prop_oneof![
            Just(""),
            Just(" on (feature)"),
            Just(" ignoring (version)"),
            Just(" on (feature, version) group_left"),
            Just(" on (feature) group_right (version)"),
            Just(" on ()")
        ];
        let operator = prop_oneof![
            Just("+"),
            Just("-"),
            Just("*"),
            Just("/"),
            Just("%"),
            Just("^"),
            Just(">"),
            Just("=="),
            Just("!= bool"),
            Just("<= bool"),
            Just("atan2")
        ];
        let set = prop_oneof![Just("and"), Just("or"), Just("unless")];
        let range = prop_oneof![
            Just("[5m]"),
            Just("[10m:1m]"),
            Just("[1h:]"),
            Just("[3m:2m] offset 1m"),
            Just("[1d:1h] @ 9")
        ];
        prop_oneof![
            (inner.clone(), operator.clone(), matching.clone(), inner.clone())
                .prop_map(|(l, o, m, r)| format!("({l} {o}{m} {r})")),
            (inner.clone(), set, matching, inner.clone())
                .prop_map(|(l, o, m, r)| format!("({l} {o}{m} {r})")),
            (inner.clone(), operator, number()).prop_map(|(l, o, r)| format!("({l} {o} {r})")),
            (
                prop::sample::select(vec!["sum", "avg", "min", "max", "count", "group", "stddev"]),
                grouping.clone(),
                inner.clone()
            )
                .prop_map(|(o, g, of)| format!("{o} {g}({of})")),
            (
                prop::sample::select(vec!["topk", "bottomk", "quantile"]),
                grouping,
                number(),
                inner.clone()
            )
                .prop_map(|(o, g, n, of)| format!("{o} {g}({n}, {of})")),
            inner.clone().prop_map(|of| format!("count_values(\"value\", {of})")),
            (
                prop::sample::select(vec![
                    "avg_over_time",
                    "max_over_time",
                    "stdvar_over_time",
                    "absent_over_time",
                    "changes",
                    "delta",
                    "idelta",
                    "deriv",
                    "last_over_time"
                ]),
                inner.clone(),
                range.clone()
            )
                .prop_map(|(f, of, range)| format!("{f}({of}{range})")),
            (number(), inner.clone(), range.clone())
                .prop_map(|(n, of, range)| format!("quantile_over_time({n}, {of}{range})")),
            (number(), inner.clone(), range)
                .prop_map(|(n, of, range)| format!("predict_linear({of}{range}, {n})")),
            (
                prop::sample::select(vec![
                    "abs",
                    "ln",
                    "sqrt",
                    "sgn",
                    "acosh",
                    "round",
                    "sort",
                    "sort_desc",
                    "absent",
                    "year",
                    "days_in_month"
                ]),
                inner.clone()
            )
                .prop_map(|(f, of)| format!("{f}({of})")),
            inner.clone().prop_map(|of| format!("-{of}")),
            inner.clone().prop_map(|of| {
                format!("label_replace({of}, \"to\", \"$1-$2\", \"feature\", \"(.)(.*)\")")
            }),
            inner.prop_map(|of| format!(
                "label_join({of}, \"feature\", \"/\", \"version\", \"to\")"
            )),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn queries_at_random_are_answered_or_refused_within_bounds(query in vector()) {
        let source = Wide { features: 40 };
        let began = Instant::now();
        let read = match Query::read(&query) {
            Ok(read) => read,
            Err(error) => {
                prop_assert_eq!(error.kind(), ErrorKind::BadData);
                return Ok(());
            }
        };
        for answer in [read.instant(&source, 7_777_777), read.range(&source, 0, 9_000_000, 450_000)] {
            match answer {
                Err(error) => {
                    let text = error.to_string();
                    prop_assert!(matches!(error.kind(), ErrorKind::BadData | ErrorKind::Execution));
                    prop_assert!(!text.is_empty() && !text.ends_with('.'), "{}", text);
                }
                Ok(answer) => match answer.data {
                    Data::Vector(samples) => {
                        let mut once: Vec<&Labels> = samples.iter().map(|s| &s.labels).collect();
                        once.sort();
                        prop_assert!(once.is_sorted_by(|a, b| a < b), "series twice: {:?}", once);
                    }
                    Data::Matrix(all) => {
                        prop_assert!(all.len() <= limits::SERIES_MAX);
                        prop_assert!(all.is_sorted_by(|a, b| a.0 < b.0), "series twice");
                        for (_, samples) in &all {
                            prop_assert!(samples.is_sorted_by(|a, b| a.0 < b.0) && !samples.is_empty());
                        }
                    }
                    Data::Scalar(_) | Data::Text(_) => {}
                },
            }
        }
        prop_assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }
}
