//! Predictions and references from tables.

use std::{borrow::Cow, collections::BTreeMap};

use driftline_storage::{
    Column, DEFAULT_VERSION, Error, Ids, LABEL_TIME_UNKNOWN, LabelBatch, PredictionBatch,
    ReferenceRows, Result, Rule, Schema,
};

use super::{
    CHUNK_ROWS,
    cells::{Cells, Fault, Faults},
    roles::Roles,
    summary::{Refusal, Summary},
    table::{ColumnInfo, RawChunk, TableReader},
};

/// Where the rows of a file go.
#[derive(Debug, Clone, Copy)]
pub struct PredictionTarget<'a> {
    /// The model.
    pub model: &'a str,
    /// The version of all rows; none takes it from the rows.
    pub version: Option<&'a str>,
    /// What the model logs.
    pub schema: &'a Schema,
    /// Which column is what.
    pub roles: &'a Roles,
    /// The file, for messages.
    pub file: &'a str,
}

/// Something that takes batches as they are read.
pub trait PredictionSink {
    /// Takes predictions of a version.
    ///
    /// # Errors
    /// What storing them gives; the import stops.
    fn predictions(&mut self, version: &str, batch: PredictionBatch) -> Result<()>;
    /// Takes the labels that came beside them.
    ///
    /// # Errors
    /// What storing them gives; the import stops.
    fn labels(&mut self, batch: LabelBatch) -> Result<()>;
}

/// Reads a table of predictions to its end, beginning with a chunk that was read already.
/// `progress` is called with the bytes read after each chunk.
///
/// # Errors
/// A table that cannot be read on, a column that it must have, what the sink gives.
pub fn read_predictions(
    table: &mut dyn TableReader,
    first: Option<RawChunk>,
    target: PredictionTarget<'_>,
    sink: &mut dyn PredictionSink,
    summary: &mut Summary,
    progress: &mut dyn FnMut(u64),
) -> Result<()> {
    let columns = table.columns().to_vec();
    target.roles.check(&columns)?;
    target.roles.required("prediction_id", &columns)?;
    target.roles.required("ts", &columns)?;
    let unknown = note_columns(&columns, target, summary);
    let mut logged_model = None;
    let mut next = first;
    while let Some(chunk) = next {
        let all = (chunk.row_numbers.len() + chunk.bad_rows.len()) as u64;
        unknown.iter().for_each(|column| summary.arrivals.ignore(column, all));
        let rows = convert(&chunk, &columns, target, &mut logged_model, summary);
        for (version, rows) in by_version(&rows) {
            let batch =
                PredictionBatch { ids: rows.ids(), times: rows.times(), columns: rows.columns() };
            if !batch.is_empty() {
                sink.predictions(&version, batch)?;
            }
            if let Some(labels) = rows.labels().filter(|labels| !labels.is_empty()) {
                sink.labels(labels)?;
            }
        }
        progress(table.bytes_read());
        next = table.next_chunk(CHUNK_ROWS).map_err(unreadable)?;
    }
    for late in table.late_columns() {
        summary.note(format!("{late:?} appears after the first rows and is left out"));
    }
    Ok(())
}

/// Reads a table as the rows of a reference. Ids and times may be absent: training data often has
/// none, and nothing about a reference needs them.
///
/// # Errors
/// As [`read_predictions`].
pub fn read_reference(
    table: &mut dyn TableReader,
    first: Option<RawChunk>,
    target: PredictionTarget<'_>,
    into: &mut ReferenceRows,
    summary: &mut Summary,
    progress: &mut dyn FnMut(u64),
) -> Result<()> {
    let columns = table.columns().to_vec();
    target.roles.check(&columns)?;
    note_columns(&columns, target, summary);
    let mut next = first;
    let mut logged_model = None;
    while let Some(chunk) = next {
        let rows = convert(&chunk, &columns, target, &mut logged_model, summary);
        let keep: Vec<u32> = rows.kept.clone();
        let rows = Selected { rows: &rows, keep };
        into.ids.append(&rows.ids());
        into.times.extend(rows.times());
        for (mine, theirs) in into.columns.iter_mut().zip(rows.columns()) {
            mine.append(&theirs);
        }
        summary.accepted += rows.keep.len() as u64;
        progress(table.bytes_read());
        next = table.next_chunk(CHUNK_ROWS).map_err(unreadable)?;
    }
    Ok(())
}

/// A table that cannot be read on, as an error of a request.
pub(super) fn unreadable(error: super::table::TableError) -> Error {
    Error::invalid("file", error.to_string())
}

/// Tells of columns that are left out and of such that the file lacks. Returns the former.
fn note_columns(
    columns: &[ColumnInfo],
    target: PredictionTarget<'_>,
    summary: &mut Summary,
) -> Vec<String> {
    let mut unknown = Vec::new();
    let features = &target.schema.features;
    let tags = &target.schema.tags;
    for column in columns.iter().filter(|column| !target.roles.is_role(&column.name)) {
        let known = features.iter().map(|feature| &feature.name).chain(tags);
        if !known.into_iter().any(|known| *known == column.name) {
            summary.note(format!(
                "{:?} is neither a feature nor a tag of the model and is left out",
                column.name
            ));
            unknown.push(column.name.clone());
        }
    }
    for name in features.iter().map(|feature| &feature.name).chain(tags) {
        if !columns.iter().any(|column| column.name == *name) {
            summary.note(format!("the file has no column {name:?}, its values are null"));
        }
    }
    unknown
}

/// A chunk as values; rows that break a rule are not among the kept.
struct Rows<'a> {
    ids: Vec<Cow<'a, str>>,
    times: Vec<i64>,
    columns: Vec<Column>,
    versions: Vec<Option<Cow<'a, str>>>,
    labels: Option<(Column, Vec<i64>)>,
    kept: Vec<u32>,
    version: &'a str,
}

struct Selected<'r, 'a> {
    rows: &'r Rows<'a>,
    keep: Vec<u32>,
}

impl Selected<'_, '_> {
    fn ids(&self) -> Ids {
        self.keep
            .iter()
            .filter_map(|row| self.rows.ids.get(*row as usize))
            .map(|id| &**id)
            .collect()
    }

    fn times(&self) -> Vec<i64> {
        self.keep.iter().filter_map(|row| self.rows.times.get(*row as usize)).copied().collect()
    }

    fn columns(&self) -> Vec<Column> {
        if self.keep.len() == self.rows.times.len() {
            return self.rows.columns.clone();
        }
        self.rows.columns.iter().map(|column| column.take(&self.keep)).collect()
    }

    fn labels(&self) -> Option<LabelBatch> {
        let (truths, times) = self.rows.labels.as_ref()?;
        let labelled: Vec<u32> =
            self.keep.iter().copied().filter(|row| has_value(truths, *row as usize)).collect();
        Some(LabelBatch {
            ids: Selected { rows: self.rows, keep: labelled.clone() }.ids(),
            times: labelled.iter().filter_map(|row| times.get(*row as usize)).copied().collect(),
            truths: truths.take(&labelled),
        })
    }
}

/// Whether a label says something: a class, or a finite number.
pub(super) fn has_value(truths: &Column, row: usize) -> bool {
    match truths {
        Column::Numeric(values) => values.get(row).is_some_and(|value| value.is_finite()),
        Column::Categories(column) => column.text(row).is_some(),
    }
}

fn by_version<'r, 'a>(rows: &'r Rows<'a>) -> Vec<(String, Selected<'r, 'a>)> {
    let mut groups: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for row in &rows.kept {
        let logged = rows.versions.get(*row as usize).and_then(Option::as_deref);
        groups.entry(logged.unwrap_or(rows.version)).or_default().push(*row);
    }
    let selected =
        |(version, keep): (&str, Vec<u32>)| (version.to_owned(), Selected { rows, keep });
    groups.into_iter().map(selected).collect()
}

fn convert<'a>(
    chunk: &'a RawChunk,
    columns: &'a [ColumnInfo],
    target: PredictionTarget<'a>,
    logged_model: &mut Option<String>,
    summary: &mut Summary,
) -> Rows<'a> {
    let count = chunk.row_numbers.len();
    let mut faults = Faults::new(count);
    let cells = |place: usize| -> Option<Cells<'a>> {
        let info = columns.get(place)?;
        Some(Cells { name: &info.name, kind: info.kind, column: chunk.columns.get(place)? })
    };
    let role = |role: &str| target.roles.place(role, columns).and_then(&cells);
    let ids = match role("prediction_id") {
        Some(cells) => cells.ids(&mut faults),
        None => chunk.row_numbers.iter().map(|row| format!("row-{row}").into()).collect(),
    };
    let times = role("ts").map_or_else(|| vec![0; count], |cells| cells.times(&mut faults));
    let values = target
        .schema
        .columns()
        .into_iter()
        .enumerate()
        .map(|(place, field)| {
            let named =
                place < target.schema.features.len() || place >= target.schema.untagged_len();
            let name = if named { field.name.as_str() } else { target.roles.column(&field.name) };
            let found = columns.iter().position(|column| column.name == name).and_then(&cells);
            match found {
                Some(cells) => cells.values(field.kind, &mut faults),
                None => Column::nulls(field.kind.is_numeric(), count),
            }
        })
        .collect::<Vec<Column>>();
    check_latency(&values, target.schema, &mut faults);
    let kind = target.schema.outcome_kind();
    let labels = role("label").map(|cells| {
        let truths = cells.values(kind, &mut faults);
        let times = role("label_ts").map_or_else(
            || vec![LABEL_TIME_UNKNOWN; count],
            |cells| cells.times(&mut Faults::new(count)),
        );
        (truths, times)
    });
    let versions = match (target.version, role("version")) {
        (None, Some(cells)) => cells.texts(),
        _ => Vec::new(),
    };
    if let Some(cells) = role("model") {
        check_model(&cells, target, logged_model, &mut faults, summary);
    }
    check_versions(&versions, target, &mut faults);
    let kept = refuse(chunk, &faults, target.file, summary);
    let version = target.version.unwrap_or(DEFAULT_VERSION);
    Rows { ids, times, columns: values, versions, labels, kept, version }
}

fn check_latency(values: &[Column], schema: &Schema, faults: &mut Faults) {
    let place = schema.prediction_index() + 1;
    let Some(Column::Numeric(values)) = values.get(place) else { return };
    for (row, value) in values.iter().enumerate() {
        if !driftline_storage::is_latency(*value) {
            let found = value.to_string();
            let rule = (Rule::Value, "must be finite and not negative");
            faults.mark(row, "latency_ms", rule, Some(&found));
        }
    }
}

fn check_versions(
    versions: &[Option<Cow<'_, str>>],
    target: PredictionTarget<'_>,
    faults: &mut Faults,
) {
    let mut last: Option<(&str, bool)> = None;
    for (row, version) in versions.iter().enumerate() {
        let Some(version) = version.as_deref() else { continue };
        let fine = match last {
            Some((known, fine)) if known == version => fine,
            _ => driftline_storage::check_name("version", version).is_ok(),
        };
        last = Some((version, fine));
        if !fine {
            let rule = (Rule::Name, "must be 1 to 128 letters, digits, '.', '_' or '-'");
            faults.mark(row, target.roles.column("version"), rule, Some(version));
        }
    }
}

/// A file holds the rows of one model: that of its first row. It may have another name here.
fn check_model(
    cells: &Cells<'_>,
    target: PredictionTarget<'_>,
    logged: &mut Option<String>,
    faults: &mut Faults,
    summary: &mut Summary,
) {
    for (row, model) in cells.texts().into_iter().enumerate() {
        let Some(model) = model else { continue };
        let expected = logged.get_or_insert_with(|| {
            if model != target.model {
                summary.note(format!(
                    "the file names its model {model:?}; its rows go to {:?}",
                    target.model
                ));
            }
            model.to_string()
        });
        if *model != **expected {
            let rule = format!("is of another model than the first row's {expected:?}");
            faults.mark(row, cells.name, (Rule::Name, rule.as_str()), Some(&model));
        }
    }
}

/// Counts the refused rows of a chunk. Returns the others.
pub(super) fn refuse(
    chunk: &RawChunk,
    faults: &Faults,
    file: &str,
    summary: &mut Summary,
) -> Vec<u32> {
    summary.rows += (chunk.row_numbers.len() + chunk.bad_rows.len()) as u64;
    let mut refused: Vec<(u64, Refusal<'_>, &str)> = chunk
        .bad_rows
        .iter()
        .map(|bad| (bad.row, Refusal::UNREADABLE, bad.reason.as_str()))
        .collect();
    let mut kept = Vec::with_capacity(chunk.row_numbers.len());
    for (row, number) in (0_u32..).zip(&chunk.row_numbers) {
        match faults.of(row as usize) {
            Some(Fault { rule, column, text, reason }) => {
                refused.push((*number, Refusal { rule: *rule, column, text }, reason));
            }
            None => kept.push(row),
        }
    }
    refused.sort_by_key(|(number, ..)| *number);
    for (number, refusal, reason) in refused {
        summary.refuse(file, number, refusal, reason.to_owned());
    }
    kept
}
