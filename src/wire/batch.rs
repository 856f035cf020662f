//! Columnar batches: checked against a schema on their way in, stripped of empty columns on their
//! way out.

use std::collections::{HashMap, hash_map::Entry};

use driftline_proto::v1;
use driftline_storage::{
    Column, Field, Ids, Kind, LATENCY, LabelBatch, PREDICTION, PredictionBatch, Result, SCORE,
    STATUS, Schema, limits,
};

use super::{
    NAMES_MAX, Violations, clip,
    column::{self, Wanted},
};

/// Bytes that one batch may have as storage holds it, absent columns included: a small message with
/// few columns of a wide schema must not grow past what one log record takes.
const BATCH_BYTES_MAX: usize = 48 << 20;

/// A batch and what was left out of it.
#[derive(Debug)]
pub(crate) struct Taken<T> {
    /// What is stored.
    pub(crate) batch: T,
    /// Columns that the schema does not have, sorted, at most 100.
    pub(crate) ignored: Vec<String>,
}

/// Reads a batch of predictions.
///
/// # Errors
/// `InvalidArgument` naming rows, columns and rules.
pub(crate) fn predictions(
    batch: v1::PredictionBatch,
    schema: &Schema,
) -> Result<Taken<PredictionBatch>> {
    let rows = batch.times_micros.len();
    let mut found = Violations::default();
    check_size(rows, schema, &mut found);
    let ids = ids(&batch.prediction_ids, rows, &mut found);
    let mut features = by_name(batch.features, &mut found);
    let mut tags = by_name(batch.tags, &mut found);
    found.finish()?;

    let mut found = Violations::default();
    let mut columns = Vec::with_capacity(schema.columns_len());
    for field in &schema.features {
        let read = features
            .remove(&field.name)
            .map(|values| column::read(values, Wanted::Kind(field.kind), rows));
        columns.push(or_nulls(&field.name, field.kind, rows, read, &mut found));
    }
    let read = batch.score.map(|column| column::read_numbers(column, rows));
    columns.push(or_nulls(SCORE, Kind::Numeric, rows, read, &mut found));
    let wanted = Wanted::outcome(schema);
    let read = batch.prediction.map(|column| column::read(column.values, wanted, rows));
    columns.push(or_nulls(PREDICTION, schema.outcome_kind(), rows, read, &mut found));
    let read = batch.latency_ms.map(|column| column::read_numbers(column, rows));
    columns.push(or_nulls(LATENCY, Kind::Numeric, rows, read, &mut found));
    let read = batch.status.map(|column| column::read_categories(&column, rows));
    columns.push(or_nulls(STATUS, Kind::Categorical, rows, read, &mut found));
    for tag in &schema.tags {
        let wanted = Wanted::Kind(Kind::Categorical);
        let read = tags.remove(tag).map(|values| column::read(values, wanted, rows));
        columns.push(or_nulls(tag, Kind::Categorical, rows, read, &mut found));
    }
    found.finish()?;
    let batch = PredictionBatch { ids, times: batch.times_micros, columns };
    Ok(Taken { batch, ignored: names(features.into_keys().chain(tags.into_keys())) })
}

/// Reads a batch of labels.
///
/// # Errors
/// `InvalidArgument` naming rows, columns and rules.
pub(crate) fn labels(batch: v1::LabelBatch, schema: &Schema) -> Result<LabelBatch> {
    let rows = batch.times_micros.len();
    let mut found = Violations::default();
    check_rows(rows, &mut found);
    let ids = ids(&batch.prediction_ids, rows, &mut found);
    found.finish()?;
    let column = super::required("label", batch.labels)?;
    let read = column::read(column.values, Wanted::outcome(schema), rows);
    let truths = read.map_err(|rule| driftline_storage::Error::invalid("label", rule))?;
    Ok(LabelBatch { ids, times: batch.times_micros, truths })
}

/// Predictions for the wire.
pub(crate) fn write_predictions(batch: &PredictionBatch, schema: &Schema) -> v1::PredictionBatch {
    let fields = schema.columns();
    let present = |place: usize| {
        let column = batch.columns.get(place).filter(|column| !column::is_all_null(column))?;
        fields.get(place).map(|field| (field, column))
    };
    let numbers = |place: usize| match present(place) {
        Some((_, Column::Numeric(values))) => Some(column::write_numbers(values)),
        _ => None,
    };
    let (score, prediction) = (schema.score_index(), schema.prediction_index());
    let status = match present(prediction + 2) {
        Some((_, Column::Categories(column))) => Some(column::write_categories(column)),
        _ => None,
    };
    v1::PredictionBatch {
        prediction_ids: batch.ids.iter().map(|id| id.to_string()).collect(),
        times_micros: batch.times.clone(),
        features: (0..schema.features.len())
            .filter_map(present)
            .map(|(field, column)| write_column(field, column))
            .collect(),
        prediction: present(prediction).map(|(field, column)| write_column(field, column)),
        score: numbers(score),
        latency_ms: numbers(prediction + 1),
        status,
        tags: (schema.untagged_len()..schema.columns_len())
            .filter_map(present)
            .map(|(field, column)| write_column(field, column))
            .collect(),
    }
}

/// Labels for the wire.
pub(crate) fn write_labels(batch: &LabelBatch) -> v1::LabelBatch {
    let kind = match &batch.truths {
        Column::Numeric(_) => Kind::Numeric,
        Column::Categories(_) => Kind::Categorical,
    };
    let field = Field { name: String::new(), kind };
    v1::LabelBatch {
        prediction_ids: batch.ids.iter().map(|id| id.to_string()).collect(),
        times_micros: batch.times.clone(),
        labels: Some(write_column(&field, &batch.truths)),
    }
}

fn write_column(field: &Field, column: &Column) -> v1::Column {
    v1::Column { name: field.name.clone(), values: Some(column::write(field, column)) }
}

/// Names of columns that were left out, as an answer lists them.
pub(crate) fn names(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.map(|name| clip(&name, 128).to_owned()).collect();
    names.sort_unstable();
    names.dedup();
    names.truncate(NAMES_MAX);
    names
}

pub(super) fn check_rows(rows: usize, found: &mut Violations) {
    if rows > limits::BATCH_ROWS_MAX {
        found.push("rows", format!("{rows} rows, a batch has at most {}", limits::BATCH_ROWS_MAX));
    }
}

/// Checks the size of a batch before anything is allocated for it.
pub(super) fn check_size(rows: usize, schema: &Schema, found: &mut Violations) {
    check_rows(rows, found);
    let width = |kind: Kind| if kind.is_numeric() { 8 } else { 4 };
    let row: usize = schema.fields().map(|(_, kind)| width(kind)).sum();
    if rows.saturating_mul(row) > BATCH_BYTES_MAX {
        let text = format!(
            "{rows} rows of {row} bytes are more than {BATCH_BYTES_MAX} bytes, send at most {} rows",
            BATCH_BYTES_MAX / row.max(1)
        );
        found.push("rows", text);
    }
}

fn ids(texts: &[String], rows: usize, found: &mut Violations) -> Ids {
    if texts.len() != rows {
        let text = format!("{} ids for {rows} times, each row needs both", texts.len());
        found.push("prediction_ids", text);
    }
    let mut ids = Ids::default();
    for (row, id) in texts.iter().enumerate() {
        push_id(&mut ids, row, id, found);
    }
    ids
}

pub(super) fn push_id(ids: &mut Ids, row: usize, id: &str, found: &mut Violations) {
    if !ids.push(id) {
        let text = format!("{} bytes, an id has 1 to {}", id.len(), limits::ID_BYTES_MAX);
        found.push(format!("rows[{row}].prediction_id"), text);
    }
}

type ByName = HashMap<String, Option<v1::column::Values>>;

fn by_name(columns: Vec<v1::Column>, found: &mut Violations) -> ByName {
    let mut by_name = HashMap::with_capacity(columns.len());
    for column in columns {
        match by_name.entry(column.name) {
            Entry::Occupied(twin) => {
                found.push(twin.key(), "appears twice, a batch has a column once");
            }
            Entry::Vacant(place) => {
                place.insert(column.values);
            }
        }
    }
    by_name
}

fn or_nulls(
    name: &str,
    kind: Kind,
    rows: usize,
    read: Option<Result<Column, String>>,
    found: &mut Violations,
) -> Column {
    match read {
        Some(Ok(column)) => return column,
        Some(Err(rule)) => found.push(name, rule),
        None => {}
    }
    Column::nulls(kind.is_numeric(), rows)
}

#[cfg(test)]
mod tests {
    use driftline_storage::{NULL, Task};

    use super::*;

    fn schema() -> Schema {
        let field = |name: &str, kind| Field { name: name.to_owned(), kind };
        let features = vec![field("amount", Kind::Numeric), field("new", Kind::Boolean)];
        let schema = Schema::new(Task::Binary, features, None).expect("valid");
        schema.with_tags(&["region".to_owned(), "empty".to_owned()]).expect("valid")
    }

    fn batch() -> PredictionBatch {
        PredictionBatch {
            ids: ["a", "b"].into_iter().collect(),
            times: vec![1, -2],
            columns: vec![
                Column::Numeric(vec![1.5, NULL]),
                Column::nulls(false, 2),
                Column::Numeric(vec![0.25, 0.5]),
                Column::nulls(false, 2),
                Column::nulls(true, 2),
                Column::nulls(false, 2),
                Column::categories([None, Some("eu")]),
                Column::nulls(false, 2),
            ],
        }
    }

    #[test]
    fn a_batch_comes_back_and_empty_columns_are_not_sent() {
        let wire = write_predictions(&batch(), &schema());
        assert_eq!((wire.features.len(), wire.tags.len()), (1, 1));
        assert!(wire.prediction.is_none() && wire.status.is_none());
        let taken = predictions(wire, &schema()).expect("valid");
        assert_eq!(format!("{:?}", taken.batch), format!("{:?}", batch()));
        assert!(taken.ignored.is_empty());
    }

    #[test]
    fn unknown_columns_are_named_and_twins_refused() {
        let mut wire = write_predictions(&batch(), &schema());
        let mut extra = wire.features.first().cloned().expect("one feature");
        extra.name = "extra".to_owned();
        wire.features.push(extra);
        wire.tags.extend(wire.tags.first().cloned());
        let error = predictions(wire.clone(), &schema()).expect_err("twins");
        assert_eq!(error.to_string(), "region: appears twice, a batch has a column once");
        wire.tags.iter_mut().take(1).for_each(|tag| tag.name = "other".to_owned());
        let ignored = predictions(wire.clone(), &schema()).expect("valid").ignored;
        assert_eq!(ignored, ["extra", "other"]);
        let twin = wire.features.first().cloned().expect("one feature");
        wire.features.push(twin);
        let error = predictions(wire, &schema()).expect_err("twins");
        assert_eq!(error.to_string(), "amount: appears twice, a batch has a column once");
    }

    #[test]
    fn a_batch_that_would_outgrow_a_log_record_is_refused_before_it_is_built() {
        let features = (0..2_000).map(|n| Field { name: format!("f{n}"), kind: Kind::Numeric });
        let wide = Schema::new(Task::Binary, features.collect(), None).expect("valid");
        let rows = 60_000;
        let wire = v1::PredictionBatch {
            prediction_ids: vec!["a".to_owned(); rows],
            times_micros: vec![0; rows],
            ..v1::PredictionBatch::default()
        };
        let error = predictions(wire, &wide).expect_err("too wide");
        assert!(error.to_string().contains("send at most 31"), "{error}");
    }
}
