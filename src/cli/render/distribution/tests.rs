//! What distribution reports look like in each form.

use driftline_query::Scope;
use driftline_storage::{DAY_MICROS, Kind};

use super::*;
use crate::cli::render::tests::text;

fn both(reference: u64, current: u64) -> Both {
    Both { reference, current }
}

fn bin(lower: Option<f64>, upper: Option<f64>, count: Both) -> DistributionBin {
    DistributionBin { lower, upper, category: None, count }
}

fn category(name: &str, count: Both) -> DistributionBin {
    DistributionBin { category: Some(name.to_owned()), ..bin(None, None, count) }
}

fn report(kind: Kind, bins: Vec<DistributionBin>) -> DistributionReport {
    DistributionReport {
        scope: Scope { model: "fraud".to_owned(), from: 0, to: DAY_MICROS, ..Scope::default() },
        feature: "amount".to_owned(),
        kind,
        reference: "train".to_owned(),
        bins,
        rows: both(1_000, 200),
        nulls: both(0, 20),
        nans: Both::default(),
        infinities: Both::default(),
        below: Both::default(),
        above: both(0, 5),
    }
}

fn numeric() -> DistributionReport {
    let bins = vec![
        bin(None, Some(10.5), both(500, 20)),
        bin(Some(10.5), Some(20.0), both(300, 60)),
        bin(Some(20.0), None, both(200, 100)),
    ];
    report(Kind::Numeric, bins)
}

fn show(report: &DistributionReport, format: Format) -> String {
    text(|out| distribution(report, out, format, &Style::PLAIN))
}

#[test]
fn reference_and_current_stand_side_by_side() {
    assert_eq!(
        show(&numeric(), Format::Table),
        "\
Distribution of amount (numeric) of fraud, all versions
1970-01-01T00:00:00Z to 1970-01-02T00:00:00Z: 200 predictions; reference train: 1,000 rows

bin         reference  rows                        current  rows
─────────── ────────── ───── ───────────────────── ──────── ───── ─────────────────────
< 10.5         50.0 %   500  ████████████████████   10.0 %    20  ████
[10.5, 20)     30.0 %   300  ████████████           30.0 %    60  ████████████
>= 20          20.0 %   200  ████████               50.0 %   100  ████████████████████
(null)          0.0 %     0                         10.0 %    20  ████
5 predictions (2.5 %) above the range of the reference
"
    );
}

#[test]
fn json_has_bins_and_what_lies_outside_them() {
    assert_eq!(
        show(&numeric(), Format::Json),
        concat!(
            r#"{"model":"fraud","version":null,"feature":"amount","kind":"numeric","bins":["#,
            r#"{"lower":null,"upper":10.5,"category":null,"reference":500,"current":20},"#,
            r#"{"lower":10.5,"upper":20.0,"category":null,"reference":300,"current":60},"#,
            r#"{"lower":20.0,"upper":null,"category":null,"reference":200,"current":100}],"#,
            r#""nulls":{"reference":0,"current":20},"nans":{"reference":0,"current":0},"#,
            r#""infinities":{"reference":0,"current":0},"below":{"reference":0,"current":0},"#,
            r#""above":{"reference":0,"current":5},"rows":{"reference":1000,"current":200},"#,
            r#""reference":"train","from":"1970-01-01T00:00:00Z","to":"1970-01-02T00:00:00Z"}"#,
            "\n"
        )
    );
}

#[test]
fn csv_tells_bins_from_other_counts() {
    assert_eq!(
        show(&report(Kind::Categorical, vec![category("a, \"b\"", both(1, 2))]), Format::Csv),
        "\
part,lower,upper,category,reference,current
bin,,,\"a, \"\"b\"\"\",1,2
null,,,,0,20
nan,,,,0,0
infinity,,,,0,0
below,,,,0,0
above,,,,0,5
rows,,,,1000,200
"
    );
}

#[test]
fn a_long_list_of_categories_is_cut_with_a_word() {
    let bins = (0..100).map(|i| category(&format!("c{i}"), both(10, 2))).collect();
    let report = report(Kind::Categorical, bins);
    let shown = show(&report, Format::Table);
    assert!(shown.contains("... 70 more; --format json has all\n"), "{shown}");
    assert!(shown.contains("c29") && !shown.contains("c30"), "{shown}");
    assert!(show(&report, Format::Json).contains("c99"));
}

#[test]
fn odd_reports_are_shown_without_fail() {
    let mut odd = report(
        Kind::Numeric,
        vec![
            bin(Some(f64::NAN), Some(f64::INFINITY), both(u64::MAX, 1)),
            category("\u{1b}", both(0, 0)),
        ],
    );
    odd.rows = Both::default();
    let mut empty = report(Kind::Boolean, vec![]);
    (empty.nulls, empty.above) = (Both::default(), Both::default());
    for report in [odd, empty] {
        for format in [Format::Table, Format::Json, Format::Csv] {
            for width in [0, 1, 80] {
                let style = Style { color: true, width, unicode: false };
                let shown = text(|out| distribution(&report, out, format, &style));
                assert!(shown.ends_with('\n'));
            }
        }
    }
}
