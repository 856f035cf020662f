//! What data quality reports look like in each form.

use std::sync::Arc;

use driftline_query::{MissingRows, QualityWindow, Scope};
use driftline_storage::{DAY_MICROS, HOUR_MICROS, Kind};

use super::*;
use crate::cli::render::tests::text;

fn column(feature: &str, kind: Kind, current: ColumnProfile) -> ColumnQuality {
    let reference = ColumnProfile {
        rows: 1_000,
        nulls: 10,
        values: 990,
        distinct: 50,
        min: Some(0.0),
        max: Some(10.0),
        mean: Some(5.0),
        std: Some(2.5),
        ..ColumnProfile::default()
    };
    ColumnQuality {
        feature: feature.into(),
        kind,
        current,
        reference: Some(Arc::new(reference)),
        null_change: Some(9.0),
        null_p_value: Some(0.001),
        undefined: BTreeMap::new(),
    }
}

fn amount() -> ColumnQuality {
    let current = ColumnProfile {
        rows: 200,
        nulls: 20,
        nans: 1,
        positive_infinities: 2,
        negative_infinities: 3,
        values: 174,
        distinct: 40,
        constant: Some(false),
        below: Some(0),
        above: Some(6),
        min: Some(0.5),
        max: Some(12.0),
        mean: Some(5.25),
        std: Some(2.0),
        covered: Some(0.5),
        ..ColumnProfile::default()
    };
    column("amount", Kind::Numeric, current)
}

fn country() -> ColumnQuality {
    let current = ColumnProfile {
        rows: 200,
        values: 200,
        distinct: 1,
        constant: Some(true),
        unseen: Some(200),
        unseen_categories: Some(12),
        unseen_names: vec![UnseenName { name: "zz".to_owned(), rows: 200 }],
        other: Some(0),
        ..ColumnProfile::default()
    };
    ColumnQuality {
        null_change: None,
        null_p_value: None,
        reference: None,
        undefined: [("null_change".into(), "model has no reference".into())].into(),
        ..column("country", Kind::Categorical, current)
    }
}

fn report(columns: Vec<ColumnQuality>) -> QualityReport {
    let window =
        QualityWindow { start: 0, end: DAY_MICROS, predictions: 200, columns, missing: Vec::new() };
    QualityReport {
        scope: Scope { model: "fraud".to_owned(), from: 0, to: DAY_MICROS, ..Scope::default() },
        reference: Some("train".to_owned()),
        asked: DAY_MICROS + 5 * HOUR_MICROS,
        newest: Some(DAY_MICROS - 500_000),
        rows_scanned: 0,
        reads: None,
        schema_changes: Vec::new(),
        windows: vec![window],
        groups: Vec::new(),
    }
}

fn show(report: &QualityReport, format: Format) -> String {
    text(|out| quality(report, out, format, &Style::PLAIN))
}

#[test]
fn a_table_has_what_is_looked_at_first() {
    assert_eq!(
        show(&report(vec![amount(), country()]), Format::Table),
        "\
Data quality of fraud, all versions, beside reference train
1970-01-01T00:00:00Z to 1970-01-02T00:00:00Z: 200 predictions
newest prediction of all: 1970-01-01T23:59:59.5Z, 5h 0m ago

feature  kind           null  reference  points  p-value    NaN  infinite  out of range   unseen      distinct
──────── ──────────── ─────── ────────── ─────── ──────── ────── ───────── ───────────── ──────── ─────────────
amount   numeric      10.0 %      1.0 %       9    0.001  0.5 %     2.5 %         3.0 %        -            40
country  categorical   0.0 %          -       -        -      0         0             -  100.0 %  1 (constant)

feature  min  reference  max  reference  mean  reference  std  reference  covered
──────── ──── ────────── ──── ────────── ───── ────────── ──── ────────── ────────
amount   0.5          0   12         10  5.25          5    2        2.5   50.0 %

Categories that the reference does not have:
  country: zz (200), 11 more

1 figure undefined: model has no reference
"
    );
}

#[test]
fn different_values_and_other_columns_are_told_where_they_are_known() {
    let mut asked = amount();
    asked.current.cardinality = Some(12_345);
    asked.current.cardinality_error = Some(0.008_117);
    asked.undefined = [("reference.cardinality".into(), "needs rows".into())].into();
    let mut named = country();
    named.current.cardinality = Some(1);
    named.current.cardinality_error = Some(0.0);
    let change = |column: &str, change| SchemaChange {
        version: "v2".to_owned(),
        column: column.to_owned(),
        change,
    };
    let mut report = report(vec![asked, named]);
    report.schema_changes = vec![
        change("city", ColumnChange::Added(Kind::Categorical)),
        change("age", ColumnChange::Removed(Kind::Numeric)),
        change("new", ColumnChange::Kind { was: Kind::Boolean, now: Kind::Numeric }),
    ];
    let shown = show(&report, Format::Table);
    let part = "\
Columns that are not as in the reference:
  city: new, categorical (version v2)
  age: gone, was numeric (version v2)
  new: numeric, was boolean (version v2)
";
    assert!(shown.contains(part), "{shown}");
    let part = "\
feature  different values  reference  standard error
──────── ───────────────── ────────── ───────────────
amount             12,345          -           0.8 %
country                 1          -               0
";
    assert!(shown.contains(part), "{shown}");
    assert!(!shown.contains("eeds rows"), "{shown}");
    let json = show(&report, Format::Json);
    let part = r#""schema_changes":[{"version":"v2","column":"city","reference_kind":null,"kind":"categorical"},"#;
    assert!(json.contains(part), "{json}");
    assert!(json.contains(r#""cardinality":12345,"cardinality_error":0.008117,"#), "{json}");
    assert!(show(&report, Format::Csv).contains(",0.5,12345,0.008117,"), "by column");
}

#[test]
fn json_has_the_window_flat_and_the_reference_beside_it() {
    let json: serde_json::Value =
        serde_json::from_str(&show(&report(vec![amount(), country()]), Format::Json))
            .expect("JSON");
    assert_eq!(json["newest"], "1970-01-01T23:59:59.5Z");
    assert_eq!(json["age_seconds"], 18_000.5);
    let columns = &json["windows"][0]["columns"];
    let amount = &columns[0];
    assert_eq!((&amount["nulls"], &amount["null_rate"]), (&20.into(), &0.1.into()));
    assert_eq!(
        (&amount["infinity_rate"], &amount["out_of_range_rate"]),
        (&0.025.into(), &0.03.into())
    );
    assert_eq!(
        (&amount["reference"]["nulls"], &amount["reference"]["mean"]),
        (&10.into(), &5.0.into())
    );
    let country = &columns[1];
    assert_eq!(country["unseen_names"], serde_json::json!([{"name": "zz", "rows": 200}]));
    assert_eq!((&country["unseen_rate"], &country["constant"]), (&1.0.into(), &true.into()));
    assert!(country["reference"].is_null() && country["mean"].is_null());
    assert_eq!(country["undefined"]["null_change"], "model has no reference");
}

#[test]
fn csv_has_a_line_for_each_window_and_column() {
    let shown = show(&report(vec![amount(), country()]), Format::Csv);
    let lines: Vec<&str> = shown.lines().collect();
    let (day, next) = ("1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z");
    assert_eq!(
        lines[1..],
        [
            format!(
                "{day},{next},200,amount,numeric,20,0.1,9.0,0.001,1,2,3,174,40,false,0,6,,,,0.5,12.0,\
                 5.25,2.0,0.5,,,0.01,0.0,10.0,5.0,2.5,"
            ),
            format!(
                "{day},{next},200,country,categorical,0,0.0,,,0,0,0,200,1,true,,,200,12,0,,,,,,,,,,,,,\
                 null_change: model has no reference"
            ),
        ]
    );
    assert_eq!(lines[0].split(',').count(), lines[1].split(',').count());
}

#[test]
fn a_series_names_its_windows_and_is_cut_with_a_word() {
    let mut long = report(vec![amount()]);
    let window = long.windows[0].clone();
    let at = |hour: i64| QualityWindow { start: hour * HOUR_MICROS, ..window.clone() };
    long.windows = (0..250).map(at).collect();
    let shown = show(&long, Format::Table);
    assert!(shown.contains("1970-01-01T07:00:00Z  amount"), "{shown}");
    assert!(shown.contains("... 50 more; --format json has all"), "{shown}");
}

#[test]
fn odd_reports_are_shown_without_fail() {
    let mut odd = report(vec![ColumnQuality {
        feature: "\u{1b}".into(),
        null_change: Some(f64::NAN),
        current: ColumnProfile {
            nulls: u64::MAX,
            positive_infinities: u64::MAX,
            negative_infinities: 1,
            below: Some(u64::MAX),
            above: Some(1),
            mean: Some(f64::INFINITY),
            covered: Some(f64::NAN),
            unseen_names: vec![UnseenName { name: "\u{202e}".to_owned(), rows: 0 }],
            ..ColumnProfile::default()
        },
        ..amount()
    }]);
    (odd.asked, odd.newest) = (i64::MIN, Some(i64::MAX));
    let mut empty = report(Vec::new());
    (empty.newest, empty.reference) = (None, None);
    empty.windows[0].missing = vec![MissingRows { rows: 1, reason: "gone".to_owned() }];
    for report in [odd, empty] {
        for format in [Format::Table, Format::Json, Format::Csv] {
            for width in [0, 1, 80] {
                let style = Style { color: true, width, unicode: false };
                let shown = text(|out| quality(&report, out, format, &style));
                assert!(shown.ends_with('\n'));
                assert!(format != Format::Table || !shown.contains('\u{202e}'), "{shown}");
            }
        }
    }
}
