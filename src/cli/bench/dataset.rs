//! The directory of benchmarks: which data it holds, and making that data.
//!
//! ```text
//! <dir>/dataset.json      what the data is, and how far it got
//! <dir>/database/         a database with the predictions, all sealed
//! <dir>/labelled/         the same with labels
//! <dir>/labels.parquet    these labels as a file
//! <dir>/scratch/          what one benchmark needs; removed after it
//! ```
//!
//! A directory that holds anything else is not touched.

use std::{
    collections::VecDeque,
    fs, io,
    path::{Path, PathBuf},
};

use driftline_query::ReferenceName;
use driftline_storage::{
    Column, Declaration, Error, ErrorKind, Field, Ids, Kind, MINUTE_MICROS, Pending, Result,
    write_rows,
};
use serde::{Deserialize, Serialize};

use super::apart::run_apart;
use crate::{
    Monitor,
    cli::{args::BenchKind, outcome::Failure, progress::Progress, render::Format},
    client::Client,
    workload::{Shape, Workload},
};

/// The model of all benchmarks but the fleet's.
pub(super) const MODEL: &str = "bench";
/// The column by which a model of two classes has its slices declared.
pub(super) const DECLARED: &str = "c1";
/// Its only version.
pub(super) const VERSION: &str = "1";
/// Batches that wait for the log at once while data is made in this process.
const PENDING_MAX: usize = 8;

type Tried<T> = std::result::Result<T, Failure>;

/// What `dataset.json` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Marker {
    shape: Shape,
    /// Whether `database/` is whole.
    predictions: bool,
    /// Whether `labelled/` and `labels.parquet` are whole.
    labels: bool,
}

impl Marker {
    fn read(root: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(root.join("dataset.json")).ok()?).ok()
    }
}

/// A directory of benchmarks.
#[derive(Debug)]
pub(super) struct Dataset {
    root: PathBuf,
    marker: Marker,
    /// Whether it goes at the end.
    temporary: bool,
    pub(super) workload: Workload,
}

impl Dataset {
    /// Opens the directory of a user, or a temporary one.
    pub(super) fn open(directory: Option<&Path>, shape: Shape) -> Tried<Self> {
        let temporary = directory.is_none();
        let root = directory.map_or_else(
            || std::env::temp_dir().join(format!("driftline-bench-{}", std::process::id())),
            Path::to_path_buf,
        );
        fs::create_dir_all(&root)?;
        let fresh = Marker { shape, predictions: false, labels: false };
        let known = Marker::read(&root);
        if known.is_none() && fs::read_dir(&root)?.next().is_some() {
            let text = format!("{} is not empty and no benchmark made it", root.display());
            return Err(Error::new(ErrorKind::FailedPrecondition, text).into());
        }
        let same = known.filter(|known| known.shape == shape);
        let mut dataset =
            Self { root, marker: same.unwrap_or(fresh), temporary, workload: Workload::new(shape) };
        if same.is_none() {
            dataset.start_over()?;
        }
        Ok(dataset)
    }

    /// The shape of the data that a directory has.
    pub(super) fn shape_of(directory: &Path) -> Option<Shape> {
        Marker::read(directory).map(|marker| marker.shape)
    }

    /// Predictions of the data set.
    pub(super) fn rows(&self) -> u64 {
        self.marker.shape.rows
    }

    /// The database with predictions.
    pub(super) fn database(&self) -> PathBuf {
        self.root.join("database")
    }

    /// The same database with labels.
    pub(super) fn labelled(&self) -> PathBuf {
        self.root.join("labelled")
    }

    /// Where all of it is.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Removes all data.
    pub(super) fn start_over(&mut self) -> io::Result<()> {
        self.marker.predictions = false;
        self.marker.labels = false;
        self.save()?;
        for name in ["database", "labelled", "scratch"] {
            remove(&self.root.join(name))?;
        }
        Ok(())
    }

    /// Notes that `database/` is whole.
    pub(super) fn predictions_are_there(&mut self) -> io::Result<()> {
        self.marker.predictions = true;
        self.save()
    }

    /// An empty directory for one benchmark.
    pub(super) fn scratch(&self) -> io::Result<PathBuf> {
        let scratch = self.root.join("scratch");
        remove(&scratch)?;
        fs::create_dir_all(&scratch)?;
        Ok(scratch)
    }

    /// Makes all data that is not there, in a process of its own so that the memory which that
    /// takes is not counted.
    pub(super) fn ensure(&mut self) -> Tried<()> {
        if !self.marker.labels {
            let shape = self.marker.shape;
            run_apart(BenchKind::Data, &self.root, shape, Format::Json)?;
            self.marker = Marker::read(&self.root).unwrap_or(self.marker);
        }
        if !self.marker.labels || self.marker.shape != self.workload.shape {
            let text = format!("{} was changed by another process", self.root.display());
            return Err(Error::new(ErrorKind::FailedPrecondition, text).into());
        }
        Ok(())
    }

    /// Makes the predictions and labels that are not there.
    pub(super) fn make(&mut self) -> Tried<()> {
        self.make_predictions()?;
        self.make_labels()
    }

    fn make_predictions(&mut self) -> Tried<()> {
        if self.marker.predictions {
            return Ok(());
        }
        self.start_over()?;
        let monitor = Monitor::open(self.database())?;
        prepare(&monitor, &self.workload)?;
        let bar = Progress::steps("making predictions", self.workload.blocks());
        let mut pending = Queue::new(PENDING_MAX);
        for block in 0..self.workload.blocks() {
            let batch = self.workload.block(block);
            pending.push(monitor.write_predictions(MODEL, VERSION, batch)?)?;
            bar.set(block);
        }
        pending.finish()?;
        monitor.seal()?;
        bar.finish();
        drop(monitor);
        Ok(self.predictions_are_there()?)
    }

    fn make_labels(&mut self) -> Tried<()> {
        let labelled = self.labelled();
        if self.marker.labels {
            return Ok(());
        }
        remove(&labelled)?;
        copy(&self.database(), &labelled)?;
        let monitor = Monitor::open(&labelled)?;
        let bar = Progress::steps("making labels", self.workload.blocks());
        let mut pending = Queue::new(PENDING_MAX);
        let mut all = LabelFile::default();
        for block in 0..self.workload.blocks() {
            let labels = self.workload.labels(block, &self.workload.block(block)).labels;
            all.add(&labels);
            if !labels.is_empty() {
                pending.push(monitor.write_labels(MODEL, labels)?)?;
            }
            bar.set(block);
        }
        pending.finish()?;
        monitor.seal()?;
        bar.finish();
        all.write(&self.root.join("labels.parquet"))?;
        self.marker.labels = true;
        Ok(self.save()?)
    }

    /// A copy of the database with predictions that a benchmark may change.
    pub(super) fn copy_of_predictions(&mut self) -> Tried<PathBuf> {
        self.ensure()?;
        let copied = self.scratch()?.join("database");
        copy(&self.database(), &copied)?;
        Ok(copied)
    }

    /// Removes what need not stay.
    pub(super) fn close(self) -> io::Result<()> {
        if self.temporary { remove(&self.root) } else { remove(&self.root.join("scratch")) }
    }

    fn save(&self) -> io::Result<()> {
        fs::write(self.root.join("dataset.json"), serde_json::to_vec(&self.marker)?)
    }
}

fn remove(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Copies a closed database. Segments and references never change once they are published, so a
/// second name for each does; the catalog and the log are written to.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let immutable = path.extension().is_some_and(|kind| kind != "redb" && kind != "wal");
        if entry.file_type()?.is_dir() {
            copy(&path, &target)?;
        } else if !immutable || fs::hard_link(&path, &target).is_err() {
            fs::copy(&path, &target)?;
        }
    }
    Ok(())
}

fn reference_name() -> ReferenceName {
    ReferenceName { model: MODEL.to_owned(), version: None, name: "default".to_owned() }
}

/// Makes the model and its reference.
pub(super) fn prepare(monitor: &Monitor, workload: &Workload) -> Result<()> {
    monitor.create_model(MODEL, Declaration::default(), Some(workload.schema()?))?;
    if workload.shape.binary {
        monitor.change_slices(MODEL, &[DECLARED.to_owned()], &[])?;
    }
    monitor.set_reference(reference_name(), workload.reference()).map(|_| ())
}

/// Makes the model and its reference on a server.
pub(super) fn prepare_server(client: &Client, workload: &Workload) -> Result<()> {
    let schema = workload.schema()?;
    client.create_model(MODEL, &Declaration::default(), Some(&schema))?;
    client.set_reference(&reference_name(), workload.reference(), &schema).map(|_| ())
}

/// Writes under way, at most so many.
pub(super) struct Queue<T> {
    pending: VecDeque<Pending<T>>,
    most: usize,
}

impl<T> Queue<T> {
    pub(super) fn new(most: usize) -> Self {
        Self { pending: VecDeque::new(), most }
    }

    pub(super) fn push(&mut self, pending: Pending<T>) -> Result<()> {
        self.pending.push_back(pending);
        while self.pending.len() > self.most {
            self.pending.pop_front().map_or(Ok(()), |first| first.wait().map(|_| ()))?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<()> {
        self.pending.into_iter().try_for_each(|pending| pending.wait().map(|_| ()))
    }
}

/// All labels, for programs that join them themselves.
#[derive(Default)]
struct LabelFile {
    ids: Ids,
    times: Vec<i64>,
    truths: Option<Column>,
}

impl LabelFile {
    fn add(&mut self, labels: &driftline_storage::LabelBatch) {
        labels.ids.iter().for_each(|id| {
            self.ids.push(&id);
        });
        self.times.extend_from_slice(&labels.times);
        self.truths.get_or_insert_with(|| Column::nulls(false, 0)).append(&labels.truths);
    }

    fn write(self, path: &Path) -> Tried<()> {
        let field = Field { name: "label".to_owned(), kind: Kind::Categorical };
        let truths = self.truths.unwrap_or_else(|| Column::nulls(false, 0));
        Ok(fs::write(path, write_rows(&self.ids, &self.times, &[field], &[truths])?.bytes)?)
    }
}

/// Counts the minutes that have a row, of times that ascend over all calls.
#[derive(Debug, Default)]
pub(super) struct Minutes {
    last: Option<i64>,
    pub(super) count: u64,
}

impl Minutes {
    pub(super) fn add(&mut self, times: &[i64]) {
        for minute in times.iter().map(|time| time.div_euclid(MINUTE_MICROS)) {
            if self.last != Some(minute) {
                self.last = Some(minute);
                self.count += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_are_counted_once_over_batches() {
        let mut minutes = Minutes::default();
        minutes.add(&[0, 1, MINUTE_MICROS]);
        minutes.add(&[MINUTE_MICROS + 1, 5 * MINUTE_MICROS]);
        assert_eq!(minutes.count, 3);
    }

    #[test]
    fn a_directory_with_something_else_is_not_touched() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("diary.txt"), "mine").expect("writes");
        let shape = Shape { rows: 1, features: 1, days: 1, seed: 1, binary: false };
        assert!(Dataset::open(Some(dir.path()), shape).is_err());
        assert!(!dir.path().join("dataset.json").exists());
    }

    #[test]
    fn other_data_is_made_anew_and_the_same_is_kept() {
        let dir = tempfile::tempdir().expect("a directory");
        let shape = Shape { rows: 10, features: 1, days: 1, seed: 1, binary: false };
        let open = |shape| Dataset::open(Some(dir.path()), shape).ok().expect("opens");
        let mut dataset = open(shape);
        fs::create_dir(dataset.database()).expect("makes");
        dataset.predictions_are_there().expect("saves");
        assert!(open(shape).database().exists());
        assert!(!open(Shape { seed: 2, ..shape }).database().exists());
    }
}
