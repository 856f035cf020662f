//! What models look like in each form.

use std::{collections::BTreeMap, sync::Arc};

use driftline_query::ReferenceName;
use driftline_storage::{Field, Kind, ModelKind, ReferenceSource, Retention, VersionRecord};

use super::*;
use crate::cli::render::tests::text;

fn fraud() -> ModelRecord {
    let field = |name: &str, kind| Field { name: name.to_owned(), kind };
    let features = vec![field("amount", Kind::Numeric), field("country", Kind::Categorical)];
    let schema = Schema {
        task: Task::Binary,
        features,
        positive_class: Some("fraud".to_owned()),
        tags: Vec::new(),
    };
    let declaration = Declaration { ignore: vec!["request".to_owned()], ..Declaration::default() };
    let versions = ["v1", "v2"].map(|version| (version.to_owned(), VersionRecord::default()));
    ModelRecord {
        kind: ModelKind::Predictions,
        name: "fraud".to_owned(),
        created: 0,
        declaration,
        schema: Some(Arc::new(schema)),
        versions: BTreeMap::from(versions),
        retention: Retention::default(),
        slices: Vec::new(),
    }
}

fn new() -> ModelRecord {
    ModelRecord {
        kind: ModelKind::Predictions,
        name: "new".to_owned(),
        created: 1_500_000,
        declaration: Declaration { task: Some(Task::Regression), ..Declaration::default() },
        schema: None,
        versions: BTreeMap::new(),
        retention: Retention::default(),
        slices: Vec::new(),
    }
}

fn train() -> ReferenceInfo {
    ReferenceInfo {
        name: ReferenceName { model: "fraud".to_owned(), version: None, name: "train".to_owned() },
        created: 0,
        source: ReferenceSource::Rows,
        rows: 5,
        is_default: true,
    }
}

#[test]
fn the_list_has_all_three_forms() {
    let list = [Arc::new(fraud()), Arc::new(new())];
    let show = |format| text(|out| models(&list, out, format, &Style::PLAIN));
    assert_eq!(
        show(Format::Table),
        "\
model  task        features  versions  created
────── ─────────── ───────── ───────── ───────────────────────
fraud  binary             2  v1, v2    1970-01-01T00:00:00Z
new    regression         -  -         1970-01-01T00:00:01.5Z
"
    );
    assert_eq!(
        show(Format::Csv),
        "\
name,task,features,versions,created
fraud,binary,2,v1 v2,1970-01-01T00:00:00Z
new,regression,,,1970-01-01T00:00:01.5Z
"
    );
    assert_eq!(
        show(Format::Json),
        concat!(
            r#"{"models":[{"name":"fraud","task":"binary","features":2,"versions":["v1","v2"],"#,
            r#""created":"1970-01-01T00:00:00Z"},{"name":"new","task":"regression","#,
            r#""features":null,"versions":[],"created":"1970-01-01T00:00:01.5Z"}]}"#,
            "\n"
        )
    );
}

#[test]
fn a_model_has_all_three_forms() {
    let show = |format| text(|out| model(&fraud(), &[train()], out, format, &Style::PLAIN));
    assert_eq!(
        show(Format::Table),
        "\
Model fraud, created 1970-01-01T00:00:00Z
task: binary
positive class: fraud
declared ignored: request
versions: v1, v2

feature  kind
──────── ────────────
amount   numeric
country  categorical

reference  version  rows  source  created               default
────────── ──────── ───── ─────── ───────────────────── ────────
train      -           5  rows    1970-01-01T00:00:00Z  yes
"
    );
    assert_eq!(
        show(Format::Csv),
        "\
version,feature,kind
,amount,numeric
,country,categorical
"
    );
    assert_eq!(
        show(Format::Json),
        concat!(
            r#"{"name":"fraud","created":"1970-01-01T00:00:00Z","task":"binary","#,
            r#""positive_class":"fraud","declaration":{"task":null,"categorical":[],"#,
            r#""numeric":[],"ignore":["request"],"positive_class":null,"tags":[]},"retention":{"#,
            r#""rows_days":null,"minutes_days":null,"hours_days":null,"days_days":null,"#,
            r#""series_days":null},"features":["#,
            r#"{"name":"amount","kind":"numeric"},{"name":"country","kind":"categorical"}],"tags":[],"slices":[],"#,
            r#""versions":[{"version":"v1","declaration":null,"features":null},"#,
            r#"{"version":"v2","declaration":null,"features":null}],"references":["#,
            r#"{"model":"fraud","version":null,"name":"train","rows":5,"source":"rows","#,
            r#""from":null,"to":null,"created":"1970-01-01T00:00:00Z","default":true}]}"#,
            "\n"
        )
    );
}

#[test]
fn what_is_not_known_yet_says_how_it_will_be() {
    let shown = text(|out| model(&new(), &[], out, Format::Table, &Style::PLAIN));
    assert!(shown.contains("task: regression") && shown.contains("first import"), "{shown}");
    let none: [ModelRecord; 0] = [];
    let shown = text(|out| models(&none, out, Format::Table, &Style::PLAIN));
    assert!(shown.contains("no models"), "{shown}");
}

#[test]
fn a_version_with_features_of_its_own_is_told_apart() {
    let mut record = fraud();
    let own = VersionRecord {
        schema: record.schema.clone(),
        declaration: Some(Declaration {
            numeric: vec!["amount".to_owned()],
            ..Declaration::default()
        }),
    };
    record.versions.insert("v3".to_owned(), own);
    let shown = text(|out| model(&record, &[], out, Format::Table, &Style::PLAIN));
    assert!(shown.contains("v3: declared numeric: amount"), "{shown}");
    let csv = text(|out| model(&record, &[], out, Format::Csv, &Style::PLAIN));
    assert!(csv.contains("\nv3,country,categorical\n"), "{csv}");
}

#[test]
fn retention_is_shown_by_level() {
    let mut record = fraud();
    record.retention = Retention { rows_days: Some(90), days_days: None, ..Retention::default() };
    let shown = text(|out| model(&record, &[], out, Format::Table, &Style::PLAIN));
    let line =
        "kept: rows 90 days, minutes for ever, hours for ever, days for ever, series for ever";
    assert!(shown.contains(line), "{shown}");
    let csv = text(|out| retention(&record, out, Format::Csv, &Style::PLAIN));
    assert_eq!(csv, "level,days\nrows,90\nminutes,\nhours,\ndays,\nseries,\n");
    let json = text(|out| retention(&record, out, Format::Json, &Style::PLAIN));
    assert!(json.starts_with(r#"{"model":"fraud","retention":{"rows_days":90,"#), "{json}");
}

#[test]
fn tags_are_shown_beside_the_features() {
    let mut record = fraud();
    record.declaration.tags = vec!["stated".to_owned()];
    let schema = Schema::clone(record.schema.as_ref().expect("has one"));
    let tags_of_schema = ["region".to_owned(), "age group".to_owned()];
    record.schema = Some(Arc::new(schema.with_tags(&tags_of_schema).expect("valid")));
    let shown = text(|out| model(&record, &[], out, Format::Table, &Style::PLAIN));
    assert!(shown.contains("\ntags: region, age group\n"), "{shown}");
    let csv = text(|out| tags(&record, out, Format::Csv, &Style::PLAIN));
    assert_eq!(csv, "tag\nregion\nage group\n");
    let json = text(|out| tags(&record, out, Format::Json, &Style::PLAIN));
    assert_eq!(json, "{\"model\":\"fraud\",\"tags\":[\"region\",\"age group\"]}\n");
    let none = text(|out| tags(&new(), out, Format::Table, &Style::PLAIN));
    assert!(none.contains("driftline models tags add new"), "{none}");
}

#[test]
fn slice_keys_are_shown_with_the_model_and_by_themselves() {
    let mut record = fraud();
    record.slices = vec!["country".to_owned()];
    let shown = text(|out| model(&record, &[], out, Format::Table, &Style::PLAIN));
    assert!(shown.contains("\nslices counted by: country\n"), "{shown}");
    let json = text(|out| slices(&record, out, Format::Json, &Style::PLAIN));
    assert_eq!(json, "{\"model\":\"fraud\",\"slices\":[\"country\"]}\n");
    let table = text(|out| slices(&record, out, Format::Table, &Style::PLAIN));
    assert!(table.starts_with("slice\n"), "{table}");
}
