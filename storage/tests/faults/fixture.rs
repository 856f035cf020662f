//! A database on a simulated disk with a little data, for tests that look at one fault closely.

use std::{path::Path, sync::Arc};

use driftline_sim::{
    Change, Oracle, ROOT, SimClock, SimVfs, View,
    data::{self, LabelSpec, MODELS, RowSpec, VERSIONS},
};
use driftline_storage::{
    DAY_MICROS, Db, Declaration, Drive, LabelReceipt, MINUTE_MICROS, Options, PredictionReceipt,
    Result,
};

/// A disk, a clock, and what a database on it must hold.
pub struct Disk {
    pub vfs: SimVfs,
    pub clock: SimClock,
    pub oracle: Oracle,
    pub drive: Drive,
}

/// Rows with these ids, some minutes apart over two days.
pub fn rows(ids: std::ops::Range<u16>) -> Vec<RowSpec> {
    ids.map(|id| RowSpec {
        id,
        time: i64::from(id) * 37 * MINUTE_MICROS % (2 * DAY_MICROS),
        salt: u32::from(id).wrapping_mul(2_654_435_761),
    })
    .collect()
}

/// One label for each id.
pub fn labels(ids: std::ops::Range<u16>, time: i64, truth: u8) -> Vec<LabelSpec> {
    ids.map(|id| LabelSpec { id, time, truth }).collect()
}

impl Disk {
    /// An empty disk.
    pub fn new(seed: u64) -> Self {
        let clock = SimClock::at(1_000_000);
        Self { vfs: SimVfs::new(seed), clock, oracle: Oracle::default(), drive: Drive::Caller }
    }

    /// The same disk and what is on it, on another machine.
    pub fn fork(&self) -> Self {
        let clock = SimClock::at(self.clock.now());
        Self { vfs: self.vfs.fork(), clock, oracle: self.oracle.clone(), drive: self.drive }
    }

    /// Opens the database.
    pub fn open(&self) -> Result<Db> {
        let clock = self.clock.clone();
        let vfs = Arc::new(self.vfs.clone());
        Db::open(
            Path::new(ROOT),
            Options { vfs, clock: Arc::new(move || clock.now()), drive: self.drive, shards: 1 },
        )
    }

    /// Makes the models.
    pub fn create(&self) -> Db {
        let db = self.open().unwrap();
        for (place, model) in MODELS.iter().enumerate() {
            db.create_model(model, Declaration::default(), Some(data::schema(place))).unwrap();
        }
        db.change_slices(MODELS[0], &["c".to_owned()], &[]).unwrap();
        db
    }

    /// Writes rows of a version of the first model; they are expected once acknowledged.
    pub fn predict(
        &mut self,
        db: &Db,
        version: usize,
        rows: &[RowSpec],
    ) -> Result<PredictionReceipt> {
        let batch = data::predictions(0, rows);
        let receipt = db.write_predictions(MODELS[0], VERSIONS[version], batch)?.wait()?;
        assert_eq!(receipt, self.expect(version, rows));
        Ok(receipt)
    }

    /// Rows of a version of the first model are acknowledged, whoever wrote them.
    pub fn expect(&mut self, version: usize, rows: &[RowSpec]) -> PredictionReceipt {
        let rows = rows.to_vec();
        self.oracle.apply(&Change::Predict { model: 0, version, rows, producer: None })
    }

    /// Writes labels of the first model; they are expected once acknowledged.
    pub fn label(&mut self, db: &Db, labels: &[LabelSpec]) -> Result<LabelReceipt> {
        let receipt = db.write_labels(MODELS[0], data::labels(0, labels))?.wait()?;
        let arrived = self.clock.now();
        self.oracle.apply(&Change::Label { model: 0, labels: labels.to_vec(), arrived });
        Ok(receipt)
    }

    /// The database holds what was acknowledged and nothing else.
    pub fn check(&self, db: &Db) {
        View::read(db).unwrap().compare(&self.oracle).unwrap();
    }

    /// Path of the only file whose name ends so, or of the last of them.
    pub fn file(&self, ends_with: &str) -> std::path::PathBuf {
        let files = self.vfs.files();
        let mut found =
            files.iter().filter(|(path, _)| path.to_string_lossy().ends_with(ends_with));
        found.next_back().unwrap().0.clone()
    }
}
