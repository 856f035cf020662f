//! The corpus of the fuzz targets of the wire, of imports and of rules, as it is and with small changes, read by
//! the same decoders on every run of the tests.
//!
//! `DRIFTLINE_SEEDS=1 cargo test --test it corpus` makes the seeds anew; what fuzzing found stays.

use std::{
    fs,
    io::Write as _,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use driftline::fuzzing::{DECODERS, Decoder, IMPORT_DECODERS, RULE_DECODERS};
use driftline_alerts::{RuleSet, Syntax};
use driftline_proto::v1::{self, column::Values, label_row, prediction_row, value};
use prost::Message as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

/// Changes of each seed; `DRIFTLINE_SIM_SEEDS` asks for another number.
const CHANGES: u64 = 40;

fn corpus() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus"))
}

fn decoders() -> impl Iterator<Item = (&'static str, Decoder)> {
    DECODERS.into_iter().chain(IMPORT_DECODERS).chain(RULE_DECODERS)
}

#[test]
fn every_message_and_table_of_the_corpus_is_taken_or_refused() {
    if std::env::var_os("DRIFTLINE_SEEDS").is_some() {
        write_seeds();
        write_tables();
        write_rules();
    }
    let asked = std::env::var("DRIFTLINE_SIM_SEEDS").ok().map(|seeds| seeds.parse().unwrap());
    for (name, decode) in decoders() {
        let files: Vec<_> = fs::read_dir(corpus().join(name)).unwrap().collect();
        assert!(!files.is_empty(), "{name} has no corpus");
        for file in files {
            let path = file.unwrap().path();
            let seed = fs::read(&path).unwrap();
            decode(&seed);
            for change in 0..asked.unwrap_or(CHANGES) {
                let mut rng = ChaCha8Rng::seed_from_u64(change);
                let changed = driftline_sim::mutate(&seed, &mut rng);
                let come_back = catch_unwind(AssertUnwindSafe(|| decode(&changed)));
                assert!(come_back.is_ok(), "{}, change {change}", path.display());
            }
        }
    }
}

fn put(target: &str, name: &str, bytes: &[u8]) {
    let folder = corpus().join(target);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name), bytes).unwrap();
}

fn write_rules() {
    let example = include_str!("../../docs/rules.example.toml");
    let set = RuleSet::parse(example, Syntax::Toml).unwrap();
    put("rules_toml", "seed-00", example.as_bytes());
    put("rules_toml", "seed-01", set.export(Syntax::Toml).as_bytes());
    put("rules_yaml", "seed-00", set.export(Syntax::Yaml).as_bytes());
}

fn write_tables() {
    let header = "prediction_id,ts,amount,country,prediction,score\n";
    let rows =
        "a,2026-01-01T00:00:00Z,1.5,DE,yes,0.25\nb,2026-01-01 00:00:01+02:00,,\"F,\"\"R\",no,\n";
    let csv = format!("{header}{rows}{rows}c,not a time,x,DE\n");
    put("import_csv", "seed-00", csv.as_bytes());
    put("import_csv", "seed-01", csv.replace(',', ";").replace('\n', "\r\n").as_bytes());
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(csv.as_bytes()).unwrap();
    put("import_csv", "seed-02", &gzip.finish().unwrap());
    let line =
        r#"{"prediction_id":"a","ts":"2026-01-01T00:00:00Z","amount":1e3,"ok":true,"word":null}"#;
    let nested = r#"{"prediction_id":"b","ts":1767225600000000,"amount":"\u00e9\ud83d\ude00","more":[1,{}]}"#;
    put("import_jsonl", "seed-00", format!("{line}\n{nested}\n{line}\n").as_bytes());
    put("import_jsonl", "seed-01", format!("{nested}\n{{\"prediction_id\":\n").as_bytes());
    let frozen = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat/v2/db/references");
    put("import_parquet", "seed-00", &fs::read(frozen.join("000000000001.parquet")).unwrap());
    for (number, file) in fs::read_dir(corpus().join("file")).unwrap().enumerate() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        if bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1") {
            put("import_parquet", &format!("seed-{:02}", number + 1), &bytes);
        }
    }
}

fn write_seeds() {
    // The first byte chooses task and message: binary, multiclass, regression; predictions, labels.
    for choice in 0..6_u8 {
        let (regression, labels) = (choice % 3 == 2, choice / 3 == 1);
        let batch = match labels {
            true => label_batch(regression).encode_to_vec(),
            false => prediction_batch(regression).encode_to_vec(),
        };
        let rows = match labels {
            true => label_rows(regression).encode_to_vec(),
            false => prediction_rows(regression).encode_to_vec(),
        };
        for (name, message) in [("wire_batches", batch), ("wire_rows", rows)] {
            let folder = corpus().join(name);
            fs::create_dir_all(&folder).unwrap();
            let bytes = [&[choice], message.as_slice()].concat();
            fs::write(folder.join(format!("seed-{choice:02}")), bytes).unwrap();
        }
    }
}

fn numbers(values: &[f64], validity: &[u8]) -> v1::NumericColumn {
    v1::NumericColumn { values: values.to_vec(), validity: validity.to_vec() }
}

fn texts(dictionary: &[&str], codes: &[u32], validity: &[u8]) -> v1::CategoryColumn {
    let dictionary = dictionary.iter().map(|text| (*text).to_owned()).collect();
    v1::CategoryColumn { dictionary, codes: codes.to_vec(), validity: validity.to_vec() }
}

fn column(name: &str, values: Values) -> v1::Column {
    v1::Column { name: name.to_owned(), values: Some(values) }
}

fn outcome(regression: bool) -> v1::Column {
    match regression {
        true => column("", Values::Numeric(numbers(&[1.0, -2.5, 3.0], &[]))),
        false => column("", Values::Category(texts(&["no", "yes"], &[0, 1, 1], &[]))),
    }
}

fn ids() -> Vec<String> {
    ["a", "b", "c"].map(str::to_owned).to_vec()
}

fn prediction_batch(regression: bool) -> v1::PredictionBatch {
    let booleans = v1::BooleanColumn { values: vec![true, false, true], validity: vec![0b110] };
    v1::PredictionBatch {
        prediction_ids: ids(),
        times_micros: vec![1, -5, 1 << 50],
        features: vec![
            column("x", Values::Numeric(numbers(&[0.5, f64::NAN, 7.0], &[0b011]))),
            column("word", Values::Category(texts(&["red", "blue"], &[1, 0, 0], &[0b101]))),
            column("truth", Values::Boolean(booleans)),
            column("unknown", Values::Numeric(numbers(&[1.0, 2.0, 3.0], &[]))),
        ],
        prediction: Some(outcome(regression)),
        score: Some(numbers(&[0.1, 0.9, 0.5], &[])),
        latency_ms: Some(numbers(&[1.0, 2.0, 3.5], &[0b111])),
        status: Some(texts(&["ok"], &[0, 0, 0], &[])),
        tags: Vec::new(),
    }
}

fn label_batch(regression: bool) -> v1::LabelBatch {
    v1::LabelBatch {
        prediction_ids: ids(),
        times_micros: vec![9, 9, 10],
        labels: Some(outcome(regression)),
    }
}

fn prediction_rows(regression: bool) -> v1::WritePredictionsRequest {
    let cell = |kind| v1::Value { kind: Some(kind) };
    let row = |id: String| v1::PredictionRow {
        prediction_id: id,
        time: Some(prost_types::Timestamp { seconds: 5, nanos: 7_000 }),
        features: [
            ("x".to_owned(), cell(value::Kind::Number(0.5))),
            ("word".to_owned(), cell(value::Kind::Text("red".to_owned()))),
            ("truth".to_owned(), cell(value::Kind::Boolean(true))),
            ("other".to_owned(), v1::Value::default()),
        ]
        .into(),
        prediction: Some(match regression {
            true => prediction_row::Prediction::PredictedValue(1.5),
            false => prediction_row::Prediction::PredictedClass("yes".to_owned()),
        }),
        score: Some(0.25),
        latency_ms: Some(12.0),
        status: Some("ok".to_owned()),
        tags: std::collections::HashMap::new(),
    };
    let rows = ids().into_iter().map(row).collect();
    v1::WritePredictionsRequest { model: "m".to_owned(), rows, ..Default::default() }
}

fn label_rows(regression: bool) -> v1::WriteLabelsRequest {
    let row = |id: String| v1::LabelRow {
        prediction_id: id,
        time: Some(prost_types::Timestamp { seconds: 5, nanos: 0 }),
        truth: Some(match regression {
            true => label_row::Truth::TrueValue(-1.5),
            false => label_row::Truth::TrueClass("no".to_owned()),
        }),
    };
    let rows = ids().into_iter().map(row).collect();
    v1::WriteLabelsRequest { model: "m".to_owned(), rows, ..Default::default() }
}
