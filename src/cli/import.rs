//! `import predictions`, `import labels` and `reference set`: from files to a backend.

use std::{path::PathBuf, time::Instant};

use driftline_query::ReferenceName;
use driftline_storage::{
    Arrivals, Column, Declaration, Error, ErrorKind, Ids, LabelBatch, ModelRecord, PredictionBatch,
    ReferenceRows, Result, Schema, check_name,
};

use super::{
    backend::{Backend, BatchWriter, Written},
    progress::Progress,
};
use crate::{
    ReferenceInfo,
    import::{
        CHUNK_ROWS, PredictionSink, PredictionTarget, RawChunk, Roles, Summary, TableReader,
        infer_schema, look_ahead, open, read_labels, read_predictions, read_reference,
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
    path: PathBuf,
    name: String,
    table: Box<dyn TableReader>,
    first: Option<RawChunk>,
}

fn open_table(path: &std::path::Path) -> Result<Opened> {
    let unreadable = |error: crate::import::TableError| Error::invalid("file", error.to_string());
    let mut table = open(path).map_err(unreadable)?;
    let first = table.next_chunk(CHUNK_ROWS).map_err(unreadable)?;
    Ok(Opened { path: path.to_owned(), name: path.display().to_string(), table, first })
}

/// The schema of a model, and what is to be done to make it the model's: nothing of a file that is
/// refused as a whole may stay.
struct Plan {
    schema: Schema,
    create: bool,
    set: bool,
}

impl Plan {
    /// The schema that the model has, or the one that follows from the first rows of a file.
    fn of(
        backend: &dyn Backend,
        source: &Source,
        opened: &Opened,
        summary: &mut Summary,
    ) -> Result<Self> {
        let version = source.version.as_deref();
        let model: Option<std::sync::Arc<ModelRecord>> = match backend.model(&source.model) {
            Ok(model) => Some(model),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if let Some(schema) = model.as_ref().and_then(|model| model.schema_of(version)) {
            return Ok(Self { schema: schema.as_ref().clone(), create: false, set: false });
        }
        let Some(first) = &opened.first else {
            return Err(Error::invalid("file", format!("{}: has no row", opened.name)));
        };
        let none = Declaration::default();
        let declaration = model.as_ref().map_or(&none, |model| model.declaration_of(version));
        let mut columns = opened.table.columns().to_vec();
        look_ahead(&opened.path, &mut columns)
            .map_err(|error| Error::invalid("file", error.to_string()))?;
        let inferred = infer_schema(&columns, first, &source.roles, declaration)?;
        inferred.notes.into_iter().for_each(|note| summary.note(note));
        Ok(Self { schema: inferred.schema, create: model.is_none(), set: true })
    }

    /// Makes the model and its schema what was planned, once.
    fn establish(&mut self, backend: &dyn Backend, source: &Source) -> Result<()> {
        if std::mem::take(&mut self.create) {
            backend.create_model(&source.model, Declaration::default())?;
        }
        if std::mem::take(&mut self.set) {
            let version = source.version.as_deref();
            backend.set_schema(&source.model, version, self.schema.clone())?;
        }
        Ok(())
    }
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
    check_names(source)?;
    for path in &source.files {
        let version = source.version.as_deref().unwrap_or_default();
        let file = |summary: &mut Summary| prediction_file(backend, source, path, summary);
        noting(backend, (&source.model, version), summary, file)?;
    }
    Ok(())
}

/// Reads a file, and has the database count what was refused of it, if its model is there by then.
fn noting(
    backend: &dyn Backend,
    (model, version): (&str, &str),
    summary: &mut Summary,
    read: impl FnOnce(&mut Summary) -> Result<()>,
) -> Result<()> {
    let outcome = read(summary);
    let counters = std::mem::take(&mut summary.arrivals);
    let noted = match counters == Arrivals::default() {
        true => Ok(()),
        false => backend.note_arrivals(model, version, &counters),
    };
    match noted {
        // A file of which nothing was taken makes no model, and an older server counts nothing.
        Err(error) if is_no_failure(error.kind()) => outcome,
        noted => outcome.and(noted),
    }
}

fn is_no_failure(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::FailedPrecondition)
}

fn prediction_file(
    backend: &dyn Backend,
    source: &Source,
    path: &std::path::Path,
    summary: &mut Summary,
) -> Result<()> {
    let mut opened = open_table(path)?;
    let plan = Plan::of(backend, source, &opened, summary)?;
    let progress = Progress::new(&opened.name, opened.table.bytes_total());
    let schema = plan.schema.clone();
    let target = PredictionTarget {
        model: &source.model,
        version: source.version.as_deref(),
        schema: &schema,
        roles: &source.roles,
        file: &opened.name,
    };
    let mut sink = FirstEstablishes { backend, source, plan, inner: None, labels: 0 };
    let first = opened.first.take();
    let table = &mut *opened.table;
    let read = read_predictions(table, first, target, &mut sink, summary, &mut |bytes| {
        progress.set(bytes);
    });
    summary.bytes += opened.table.bytes_read();
    let labels = sink.labels;
    let (written, outcome) = sink.inner.map_or((Written::default(), Ok(())), |w| w.finish());
    progress.finish();
    summary.accepted += written.predictions.accepted;
    summary.known += written.predictions.duplicates;
    if labels > 0 {
        let (matched, waiting, known) = summary.labels.unwrap_or_default();
        summary.labels = Some((
            matched + written.labels.matched,
            waiting + written.labels.waiting,
            known + written.labels.unchanged,
        ));
    }
    read.and(outcome)
}

fn check_names(source: &Source) -> Result<()> {
    check_name("model", &source.model)?;
    source.version.as_deref().map_or(Ok(()), |version| check_name("version", version))
}

/// A writer that is begun, and its model made, by the first batch that has passed all rules.
struct FirstEstablishes<'a> {
    backend: &'a dyn Backend,
    source: &'a Source,
    plan: Plan,
    inner: Option<Box<dyn BatchWriter + 'a>>,
    labels: usize,
}

impl<'a> FirstEstablishes<'a> {
    fn writer(&mut self) -> Result<&mut (dyn BatchWriter + 'a)> {
        let inner = match self.inner.take() {
            Some(inner) => inner,
            None => {
                self.plan.establish(self.backend, self.source)?;
                self.backend.writer(&self.source.model, &self.plan.schema)?
            }
        };
        Ok(&mut **self.inner.insert(inner))
    }
}

impl PredictionSink for FirstEstablishes<'_> {
    fn predictions(&mut self, version: &str, batch: PredictionBatch) -> Result<()> {
        self.writer()?.predictions(version, batch)
    }

    fn labels(&mut self, batch: LabelBatch) -> Result<()> {
        self.labels += batch.len();
        self.writer()?.labels(batch)
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
        let file = |summary: &mut Summary| label_file(backend, source, (path, &schema), summary);
        noting(backend, (&source.model, ""), summary, file)?;
    }
    Ok(())
}

fn label_file(
    backend: &dyn Backend,
    source: &Source,
    (path, schema): (&std::path::Path, &Schema),
    summary: &mut Summary,
) -> Result<()> {
    let name = path.display().to_string();
    let mut table = open(path).map_err(|error| Error::invalid("file", error.to_string()))?;
    let progress = Progress::new(&name, table.bytes_total());
    let mut writer = backend.writer(&source.model, schema)?;
    let context = (schema, &source.roles, name.as_str());
    let mut sink = |batch: LabelBatch| writer.labels(batch);
    let read = read_labels(&mut *table, context, &mut sink, summary, &mut |bytes| {
        progress.set(bytes);
    });
    summary.bytes += table.bytes_read();
    let written = writer.finish();
    progress.finish();
    let (written, outcome) = written;
    let written = written.labels;
    summary.accepted += written.matched;
    summary.waiting += written.waiting;
    summary.known += written.unchanged;
    read.and(outcome)
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
    check_names(source)?;
    check_name("reference", name)?;
    let mut rows: Option<(Plan, ReferenceRows)> = None;
    for path in &source.files {
        let mut opened = open_table(path)?;
        if rows.is_none() {
            let plan = Plan::of(backend, source, &opened, &mut summary)?;
            let empty = empty_rows(&plan.schema);
            rows = Some((plan, empty));
        }
        let Some((Plan { schema, .. }, into)) = &mut rows else { continue };
        let progress = Progress::new(&opened.name, opened.table.bytes_total());
        let target = PredictionTarget {
            model: &source.model,
            version: source.version.as_deref(),
            schema,
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
    let Some((mut plan, rows)) = rows.filter(|(_, rows)| !rows.times.is_empty()) else {
        tell_nothing_left(&summary);
        return Err(Error::invalid("file", "no row is left to make a reference of"));
    };
    plan.establish(backend, source)?;
    if let Some(version) = &source.version {
        backend.create_version(&source.model, version, Default::default())?;
    }
    let name = ReferenceName {
        model: source.model.clone(),
        version: source.version.clone(),
        name: name.to_owned(),
    };
    let info = backend.set_reference(name, &plan.schema, rows)?;
    summary.seconds = started.elapsed().as_secs_f64();
    Ok((info, summary))
}

/// Why a reference has no rows: the error itself is only one line.
fn tell_nothing_left(summary: &Summary) {
    for refused in &summary.examples {
        eprintln!("{} row {}: {}", refused.file, refused.row, refused.reason);
    }
}

fn empty_rows(schema: &Schema) -> ReferenceRows {
    let columns = schema.columns();
    ReferenceRows {
        ids: Ids::default(),
        times: Vec::new(),
        columns: columns.iter().map(|field| Column::nulls(field.kind.is_numeric(), 0)).collect(),
    }
}
