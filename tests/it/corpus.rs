//! The corpus of the fuzz targets of the wire, read by the same decoders on every run of the tests.
//!
//! `DRIFTLINE_SEEDS=1 cargo test --test it corpus` makes the seeds anew; what fuzzing found stays.

use std::{fs, path::Path};

use driftline::fuzzing::DECODERS;
use driftline_proto::v1::{self, column::Values, label_row, prediction_row, value};
use prost::Message as _;

fn corpus() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus"))
}

#[test]
fn every_message_of_the_corpus_is_taken_or_refused() {
    if std::env::var_os("DRIFTLINE_SEEDS").is_some() {
        write_seeds();
    }
    for (name, decode) in DECODERS {
        let files: Vec<_> = fs::read_dir(corpus().join(name)).unwrap().collect();
        assert!(!files.is_empty(), "{name} has no corpus");
        files.into_iter().for_each(|file| decode(&fs::read(file.unwrap().path()).unwrap()));
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
