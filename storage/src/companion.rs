//! The companion of a model that holds its metric series: made with the first point, hidden from
//! everything that is about models, and otherwise a model like any other. So all that holds of
//! predictions, from the log to compaction, holds of points.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    command::PredictionReceipt,
    db::{Db, Pending},
    error::{Error, Result, near_misses},
    manifest::{ModelKind, ModelRecord, Retention},
    producers::Producer,
    schema::{Declaration, check_name},
    series::{SeriesPoint, rows, schema},
    snapshot::Snapshot,
};

/// The name by which the log, segments and the catalog know the companion. No model has such a name:
/// `@` is none of the characters of names.
fn key_of(model: &str) -> String {
    format!("{model}@series")
}

impl Db {
    /// Stores points of metric series: durable and visible when [`Pending::wait`] returns.
    ///
    /// A point is known by version, name, tags, time and step. One that is known already is a
    /// duplicate: the first value stays, and the receipt counts the others. A version that is not
    /// known is made, of the series and not of the model.
    ///
    /// # Errors
    /// `InvalidArgument` with the broken rules: then nothing of the points is stored. `NotFound` for
    /// a model that does not exist; else as [`Db::write_predictions_from`].
    pub fn write_series(
        &self,
        producer: Option<Producer>,
        model: &str,
        version: &str,
        points: &[SeriesPoint],
    ) -> Result<Pending<PredictionReceipt>> {
        check_name("version", version)?;
        self.model(model)?;
        let rows = rows(points)?;
        let companion = self.companion(model)?;
        self.write_rows(producer, &companion, version, rows)
    }

    /// What a query sees of the series of a model, or of one of its versions; no part if there are
    /// none yet.
    ///
    /// # Errors
    /// `NotFound` for a model that does not exist, or a version that neither it nor its series have.
    pub fn series_snapshot(&self, model: &str, version: Option<&str>) -> Result<Snapshot> {
        let owner = self.model(model)?;
        let companion = self.record(&key_of(model));
        let records = || [Some(&owner), companion.as_ref()].into_iter().flatten();
        if let Some(version) = version
            && !records().any(|record| record.versions.contains_key(version))
        {
            let mut known: Vec<&str> =
                records().flat_map(|record| record.versions.keys()).map(String::as_str).collect();
            known.sort_unstable();
            known.dedup();
            return Err(no_version(model, version, known));
        }
        Ok(match companion {
            Some(companion) => self.snapshot_of(companion, version),
            None => Snapshot { model: owner, parts: Vec::new() },
        })
    }

    /// The companion of a model, made if there is none.
    fn companion(&self, model: &str) -> Result<Arc<ModelRecord>> {
        let name = key_of(model);
        if let Some(known) = self.record(&name) {
            return Ok(known);
        }
        let record = ModelRecord {
            name: name.clone(),
            kind: ModelKind::Series { of: model.to_owned() },
            created: (self.shared.clock)(),
            declaration: Declaration::default(),
            schema: Some(Arc::new(schema())),
            versions: BTreeMap::new(),
            retention: Retention::default(),
            slices: Vec::new(),
        };
        self.change_model(&name, |known, _| Ok(known.is_none().then_some(record)))
    }
}

fn no_version(model: &str, version: &str, mut known: Vec<&str>) -> Error {
    let near = near_misses(version, known.iter().copied());
    known.truncate(20);
    let hint = match (near.is_empty(), known.is_empty()) {
        (false, _) => near,
        (true, true) => "; it has none".to_owned(),
        (true, false) => format!("; it has {}", known.join(", ")),
    };
    let text = format!("model {model:?} has no version {version:?}{hint}");
    Error::not_found("version", version, text)
}
