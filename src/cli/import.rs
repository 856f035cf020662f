//! `import predictions`, `import labels` and `reference set`: from files to a backend.

use std::{path::PathBuf, time::Instant};

use driftline_query::ReferenceName;
use driftline_storage::{
    Column, Declaration, Error, ErrorKind, Ids, LabelBatch, ModelRecord, PredictionBatch,
    ReferenceRows, Result, Schema,
};

use super::{
    backend::{Backend, Written},
    progress::Progress,
};
use crate::{
    ReferenceInfo,
    import::{
        CHUNK_ROWS, PredictionSink, PredictionTarget, RawChunk, Roles, Summary, TableReader,
        infer_schema, open, read_labels, read_predictions, read_reference,
    },
};

/// What a command says about its files.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// The model.
    pub model: String,
    /// The version of all rows; none takes it from the rows.
    pub version: Option<String>,
    /// The files; `-` is standard input.
    pub files: Vec<PathBuf>,
    /// Which column is what.
    pub roles: Roles,
}

/// An open table whose first rows are read, for their schema.
struct Opened {
    name: String,
    table: Box<dyn TableReader>,
    first: Option<RawChunk>,
}

fn open_table(path: &std::path::Path) -> Result<Opened> {
    let unreadable = |error: crate::import::TableError| Error::invalid("file", error.to_string());
    let mut table = open(path).map_err(unreadable)?;
    let first = table.next_chunk(CHUNK_ROWS).map_err(unreadable)?;
    Ok(Opened { name: path.display().to_string(), table, first })
}

/// The schema of the model, which is made and inferred where it is not known yet.
fn ensure_schema(
    backend: &dyn Backend,
    source: &Source,
    opened: &Opened,
    summary: &mut Summary,
) -> Result<Schema> {
    let version = source.version.as_deref();
    let model: std::sync::Arc<ModelRecord> = match backend.model(&source.model) {
        Ok(model) => model,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let model = backend.create_model(&source.model, Declaration::default())?;
            summary.note(format!("made model {:?}", source.model));
            model
        }
        Err(error) => return Err(error),
    };
    if let Some(schema) = model.schema_of(version) {
        return Ok(schema.clone());
    }
    let Some(first) = &opened.first else {
        return Err(Error::invalid("file", format!("{}: has no row", opened.name)));
    };
    let declaration = model.declaration_of(version);
    let inferred = infer_schema(opened.table.columns(), first, &source.roles, declaration)?;
    inferred.notes.into_iter().for_each(|note| summary.note(note));
    let model = backend.set_schema(&source.model, version, inferred.schema)?;
    model
        .schema_of(version)
        .cloned()
        .ok_or_else(|| Error::new(ErrorKind::FailedPrecondition, "the schema was not kept"))
}

/// Imports files of predictions.
///
/// # Errors
/// A file that cannot be read, a column that it must have, what storing gives.
pub fn import_predictions(backend: &dyn Backend, source: &Source) -> (Summary, Result<()>) {
    timed(|summary| predictions(backend, source, summary))
}

/// Runs an import. What it took is told also when it failed in the middle.
fn timed(import: impl FnOnce(&mut Summary) -> Result<()>) -> (Summary, Result<()>) {
    let started = Instant::now();
    let mut summary = Summary::default();
    let outcome = import(&mut summary);
    summary.seconds = started.elapsed().as_secs_f64();
    (summary, outcome)
}

fn predictions(backend: &dyn Backend, source: &Source, summary: &mut Summary) -> Result<()> {
    for path in &source.files {
        let mut opened = open_table(path)?;
        let schema = ensure_schema(backend, source, &opened, summary)?;
        let progress = Progress::new(&opened.name, opened.table.bytes_total());
        let target = PredictionTarget {
            model: &source.model,
            version: source.version.as_deref(),
            schema: &schema,
            roles: &source.roles,
            file: &opened.name,
        };
        let mut sink = Counting { inner: backend.writer(&source.model, &schema)?, labels: 0 };
        let first = opened.first.take();
        let table = &mut *opened.table;
        let read = read_predictions(table, first, target, &mut sink, summary, &mut |bytes| {
            progress.set(bytes);
        });
        summary.bytes += opened.table.bytes_read();
        // What was read before a failure is on its way; it counts before the failure is told.
        let written = sink.inner.finish();
        progress.finish();
        let (written, read) = match written {
            Ok(written) => (written, read),
            Err(error) => (Written::default(), read.and(Err(error))),
        };
        summary.accepted += written.predictions.accepted;
        summary.known += written.predictions.duplicates;
        if sink.labels > 0 {
            let (matched, waiting, known) = summary.labels.unwrap_or_default();
            summary.labels = Some((
                matched + written.labels.matched,
                waiting + written.labels.waiting,
                known + written.labels.unchanged,
            ));
        }
        read?;
    }
    Ok(())
}

/// A writer that knows whether labels came.
struct Counting<'a> {
    inner: Box<dyn super::backend::BatchWriter + 'a>,
    labels: usize,
}

impl PredictionSink for Counting<'_> {
    fn predictions(&mut self, version: &str, batch: PredictionBatch) -> Result<()> {
        self.inner.predictions(version, batch)
    }

    fn labels(&mut self, batch: LabelBatch) -> Result<()> {
        self.labels += batch.len();
        self.inner.labels(batch)
    }
}

/// Imports files of labels.
///
/// # Errors
/// As [`import_predictions`]; `NotFound` for an unknown model.
pub fn import_labels(backend: &dyn Backend, source: &Source) -> (Summary, Result<()>) {
    timed(|summary| labels(backend, source, summary))
}

fn labels(backend: &dyn Backend, source: &Source, summary: &mut Summary) -> Result<()> {
    let model = backend.model(&source.model)?;
    let schema = model.schema_of(None).cloned().ok_or_else(|| {
        let text = format!(
            "the columns of model {:?} are not known yet; import predictions or set a reference first",
            source.model
        );
        Error::new(ErrorKind::FailedPrecondition, text)
    })?;
    for path in &source.files {
        let name = path.display().to_string();
        let mut table = open(path).map_err(|error| Error::invalid("file", error.to_string()))?;
        let progress = Progress::new(&name, table.bytes_total());
        let mut writer = backend.writer(&source.model, &schema)?;
        let context = (&schema, &source.roles, name.as_str());
        let mut sink = |batch: LabelBatch| writer.labels(batch);
        let read = read_labels(&mut *table, context, &mut sink, summary, &mut |bytes| {
            progress.set(bytes);
        });
        summary.bytes += table.bytes_read();
        let written = writer.finish();
        progress.finish();
        let (written, read) = match written {
            Ok(written) => (written.labels, read),
            Err(error) => (Default::default(), read.and(Err(error))),
        };
        summary.accepted += written.matched;
        summary.waiting += written.waiting;
        summary.known += written.unchanged;
        read?;
    }
    Ok(())
}

/// Makes the rows of files a reference.
///
/// # Errors
/// As [`import_predictions`].
pub fn set_reference(
    backend: &dyn Backend,
    source: &Source,
    name: &str,
) -> Result<(ReferenceInfo, Summary)> {
    let started = Instant::now();
    let mut summary = Summary::default();
    let mut rows: Option<(Schema, ReferenceRows)> = None;
    for path in &source.files {
        let mut opened = open_table(path)?;
        let schema = ensure_schema(backend, source, &opened, &mut summary)?;
        let (_, into) = rows.get_or_insert_with(|| (schema.clone(), empty_rows(&schema)));
        let progress = Progress::new(&opened.name, opened.table.bytes_total());
        let target = PredictionTarget {
            model: &source.model,
            version: source.version.as_deref(),
            schema: &schema,
            roles: &source.roles,
            file: &opened.name,
        };
        let first = opened.first.take();
        read_reference(&mut *opened.table, first, target, into, &mut summary, &mut |bytes| {
            progress.set(bytes);
        })?;
        summary.bytes += opened.table.bytes_read();
        progress.finish();
    }
    let Some((schema, rows)) = rows else {
        return Err(Error::invalid("file", "name at least one file"));
    };
    if let Some(version) = &source.version {
        backend.create_version(&source.model, version, Default::default())?;
    }
    let name = ReferenceName {
        model: source.model.clone(),
        version: source.version.clone(),
        name: name.to_owned(),
    };
    let info = backend.set_reference(name, &schema, rows)?;
    summary.seconds = started.elapsed().as_secs_f64();
    Ok((info, summary))
}

fn empty_rows(schema: &Schema) -> ReferenceRows {
    let columns = schema.columns();
    ReferenceRows {
        ids: Ids::default(),
        times: Vec::new(),
        columns: columns.iter().map(|field| Column::nulls(field.kind.is_numeric(), 0)).collect(),
    }
}
