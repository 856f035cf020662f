//! Small models with small data: what random operations write, and what it must read as.
//!
//! A row's values follow from one number, its salt, so that an operation prints short and the values
//! that are read back can be told from those of another row with the same id.

use driftline_storage::{
    Binning, Column, ColumnBins, DAY_MICROS, Field, HOUR_MICROS, Ids, Kind, LabelBatch, NULL,
    NewReference, PredictionBatch, ReferenceRows, ReferenceSource, Schema, SeriesPoint, Tally,
    Task, is_null,
};

/// The models: one of classes, one of numbers.
pub const MODELS: [&str; 2] = ["classes", "numbers"];
/// The versions of each model.
pub const VERSIONS: [&str; 2] = ["v0", "v1"];
const CLASSES: [&str; 3] = ["no", "yes", "maybe"];

/// A row of predictions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowSpec {
    /// The prediction id.
    pub id: u16,
    /// Event time in microseconds.
    pub time: i64,
    /// What its values follow from.
    pub salt: u32,
}

/// A label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LabelSpec {
    /// The prediction id.
    pub id: u16,
    /// Label time in microseconds.
    pub time: i64,
    /// A class or a small number.
    pub truth: u8,
}

/// The schema of a model.
pub fn schema(model: usize) -> Schema {
    let field = |name: &str, kind| Field { name: name.to_owned(), kind };
    Schema {
        task: if model == 0 { Task::Multiclass } else { Task::Regression },
        features: vec![field("x", Kind::Numeric), field("c", Kind::Categorical)],
        positive_class: None,
        tags: Vec::new(),
    }
}

/// The text of a prediction id. Ids from 1,000 on are UUIDs.
pub fn id_text(id: u16) -> String {
    if id < 1_000 { format!("id-{id}") } else { format!("00000000-0000-4000-8000-{id:012}") }
}

/// The day of a time.
pub fn day(time: i64) -> i64 {
    time.div_euclid(DAY_MICROS)
}

/// The numeric feature.
pub fn number(salt: u32) -> f64 {
    match salt % 16 {
        0 => NULL,
        1 => f64::NAN,
        2 => f64::INFINITY,
        3 => f64::NEG_INFINITY,
        4 => -0.0,
        5 => 5e-324,
        _ => f64::from((salt >> 4) % 1_000) / 10.0 - 20.0,
    }
}

/// The categorical feature.
pub fn category(salt: u32) -> Option<String> {
    let n = (salt >> 14) % 9;
    (n > 0).then(|| format!("c{n}"))
}

/// The predicted class, and the class of a truth.
pub fn class(n: u32) -> &'static str {
    CLASSES[n as usize % CLASSES.len()]
}

/// The predicted class of a row; a few rows have none.
pub fn predicted_class(salt: u32) -> Option<&'static str> {
    let n = (salt >> 18) % 13;
    (n > 0).then(|| class(n))
}

/// The predicted number of a row; a few rows have none.
pub fn predicted_number(salt: u32) -> f64 {
    let n = (salt >> 18) % 13;
    if n > 0 { f64::from(n) / 4.0 } else { NULL }
}

/// The latency of a row; some rows have none.
fn latency(salt: u32) -> f64 {
    let n = (salt >> 9) % 50;
    if n > 8 { f64::from(n * n) / 7.0 } else { NULL }
}

/// The status of a row; some rows have none.
fn status(salt: u32) -> Option<&'static str> {
    ["ok", "timeout", "refused"].get((salt >> 13) as usize % 5).copied()
}

fn score(salt: u32) -> f64 {
    f64::from((salt >> 22) % 128) / 128.0
}

/// Whether two numbers are the same value: equal bits, or both NaN and not null.
pub fn same_number(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan() && is_null(a) == is_null(b))
}

/// The columns of rows, as a batch has them.
fn columns(model: usize, rows: &[RowSpec]) -> Vec<Column> {
    let numbers =
        |value: fn(u32) -> f64| Column::Numeric(rows.iter().map(|row| value(row.salt)).collect());
    let texts: Vec<Option<String>> = rows.iter().map(|row| category(row.salt)).collect();
    let prediction = if model == 0 {
        Column::categories(rows.iter().map(|row| predicted_class(row.salt)))
    } else {
        numbers(predicted_number)
    };
    vec![
        numbers(number),
        Column::categories(texts.iter().map(Option::as_deref)),
        numbers(score),
        prediction,
        numbers(latency),
        Column::categories(rows.iter().map(|row| status(row.salt))),
    ]
}

fn ids(all: impl Iterator<Item = u16>) -> Ids {
    let texts: Vec<String> = all.map(id_text).collect();
    texts.iter().map(String::as_str).collect()
}

/// A batch of predictions.
pub fn predictions(model: usize, rows: &[RowSpec]) -> PredictionBatch {
    PredictionBatch {
        ids: ids(rows.iter().map(|row| row.id)),
        times: rows.iter().map(|row| row.time).collect(),
        columns: columns(model, rows),
    }
}

/// A batch of labels.
pub fn labels(model: usize, labels: &[LabelSpec]) -> LabelBatch {
    let truths = if model == 0 {
        Column::categories(labels.iter().map(|label| Some(class(label.truth.into()))))
    } else {
        Column::Numeric(labels.iter().map(|label| f64::from(label.truth)).collect())
    };
    LabelBatch {
        ids: ids(labels.iter().map(|label| label.id)),
        times: labels.iter().map(|label| label.time).collect(),
        truths,
    }
}

/// A binning that follows from a salt; some are older than the counts of operations.
pub fn binning(model: usize, salt: u32) -> Binning {
    let edges = (0..salt % 7).map(|n| f64::from(n) * f64::from(1 + salt % 11) - 10.0).collect();
    let names = (0..salt % 5).map(|n| format!("c{}", n + 1)).collect();
    let prediction = if model == 0 {
        ColumnBins::Categories { names: vec![class(salt).to_owned()] }
    } else {
        ColumnBins::Numeric { edges: vec![f64::from(salt % 3)] }
    };
    let mut columns = vec![
        ("x".to_owned(), ColumnBins::Numeric { edges }),
        ("c".to_owned(), ColumnBins::Categories { names }),
        ("score".to_owned(), ColumnBins::Numeric { edges: vec![0.25, 0.5] }),
        ("prediction".to_owned(), prediction),
    ];
    if !salt.is_multiple_of(3) {
        columns.extend(ColumnBins::of_operations());
    }
    Binning::new(columns)
}

/// A reference that follows from a salt.
pub fn reference(model: usize, name: &str, salt: u32) -> NewReference {
    let rows: Vec<RowSpec> = (0..20_u16)
        .map(|n| RowSpec { id: n, time: i64::from(n), salt: salt.wrapping_mul(u32::from(n) + 1) })
        .collect();
    let batch = predictions(model, &rows);
    let binning = binning(model, salt);
    NewReference {
        model: MODELS[model].to_owned(),
        version: None,
        name: name.to_owned(),
        source: ReferenceSource::Rows,
        rows: ReferenceRows { ids: batch.ids, times: batch.times, columns: batch.columns },
        tally: Tally::new(binning.columns(), &(0..binning.columns().len()).collect::<Vec<_>>()),
        percentiles: vec![Vec::new(); binning.columns().len()],
        binning,
    }
}

/// Points of a metric series at steps, an hour apart over some days.
pub fn points(steps: &[u16]) -> Vec<SeriesPoint> {
    let point = |step: &u16| SeriesPoint {
        name: format!("series {}", step % 3),
        time: i64::from(*step) * HOUR_MICROS - DAY_MICROS,
        step: Some((*step).into()),
        value: f64::from(*step) / 4.0,
        tags: [("host".to_owned(), format!("h{}", step % 2))].into(),
    };
    steps.iter().map(point).collect()
}
