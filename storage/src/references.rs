//! References and snapshots: storing what is compared with, and seeing what is compared.

use std::{
    collections::BTreeSet,
    sync::{Arc, PoisonError},
};

use crate::{
    batch::{check_rows, widen},
    binner::Binner,
    binning::Binning,
    catalog::Change,
    column::Column,
    counting::count,
    db::Db,
    error::{Error, ErrorKind, Result, near_misses},
    files,
    head::VersionKey,
    id_column::Ids,
    limits,
    manifest::{ModelRecord, ReferenceRecord, ReferenceSource},
    moments::Moments,
    reference::{self, Reference},
    rows::{self, RowFile},
    schema::{Schema, check_name},
    snapshot::{Part, Snapshot},
    tally::Tally,
};

fn moments_of(columns: &[Column], binning: &Arc<Binning>) -> Moments {
    // Of one bucket, whatever their times.
    let times = vec![0; columns.first().map_or(0, Column::len)];
    let counted = count(&times, columns.iter(), &mut Binner::new(binning.clone()));
    counted.hours.into_iter().next().map_or_else(Moments::default, |hour| hour.moments)
}

/// A reference to be stored.
#[derive(Debug)]
pub struct NewReference {
    /// The model.
    pub model: String,
    /// The version that it belongs to; none means the whole model.
    pub version: Option<String>,
    /// Its name; one of this name of the same owner is replaced.
    pub name: String,
    /// Where the rows came from.
    pub source: ReferenceSource,
    /// The rows, columns in [`Schema::columns`] order.
    pub rows: ReferenceRows,
    /// The bins that it fixes.
    pub binning: Binning,
    /// Its own counts.
    pub tally: Tally,
    /// Its percentiles, see [`Reference::percentiles`].
    pub percentiles: Vec<Vec<f64>>,
}

/// Rows of any number, unlike a batch.
#[derive(Debug)]
pub struct ReferenceRows {
    /// Prediction ids.
    pub ids: Ids,
    /// Event times in microseconds.
    pub times: Vec<i64>,
    /// Columns.
    pub columns: Vec<Column>,
}

impl Db {
    /// Stores a reference in place of the one with its owner and name. The head is counted again
    /// with its binning if it is a default; segments answer from rows until they are re-binned.
    ///
    /// # Errors
    /// `InvalidArgument`, `NotFound`, `ResourceExhausted`, `Io`.
    pub fn put_reference(&self, new: NewReference) -> Result<Reference> {
        self.shared.check_poison()?;
        check_name("reference", &new.name)?;
        let model = self.model(&new.model)?;
        let schema = model.known_schema(new.version.as_deref())?;
        check_rows(&schema, &new.rows.ids, &new.rows.times, &new.rows.columns)?;
        let replaced: Vec<Reference> = {
            let state = self.shared.read();
            let owned: Vec<&Reference> =
                state.references.values().filter(|r| r.record.model == new.model).collect();
            let same =
                |r: &&&Reference| r.record.name == new.name && r.record.version == new.version;
            let replaced: Vec<Reference> =
                owned.iter().filter(same).map(|r| (*r).clone()).collect();
            if owned.len() - replaced.len() >= limits::REFERENCES_MAX {
                return Err(Error::exhausted("references of a model", limits::REFERENCES_MAX));
            }
            replaced
        };
        let reference = self.publish_reference(new, schema, &replaced)?;
        self.retire(replaced);
        self.keeper.rebin(&reference.record.model);
        Ok(reference)
    }

    /// Removes the files of replaced references that no query holds any more; the others have their
    /// turn with the next replacement or at open.
    fn retire(&self, replaced: Vec<Reference>) {
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        retired.extend(replaced.into_iter().map(|reference| reference.record));
        retired.retain(|record| {
            if Arc::strong_count(record) > 1 {
                return true;
            }
            for file in [&record.rows, &record.summary] {
                let path = self.shared.root.join(&file.path);
                if let Err(error) = self.shared.vfs.remove(&path) {
                    tracing::warn!(path = %path.display(), %error, "a replaced file stays");
                }
            }
            false
        });
    }

    fn publish_reference(
        &self,
        new: NewReference,
        schema: Arc<Schema>,
        replaced: &[Reference],
    ) -> Result<Reference> {
        let shared = &self.shared;
        let id = shared.next_id();
        let write = |ending: &str, content: &[u8]| {
            let path = format!("{}/{id:012}.{ending}", files::REFERENCES);
            files::write_file(&*shared.vfs, &shared.root, path, content)
        };
        let columns = schema.columns();
        let mut new = new;
        widen(&mut new.rows.columns, columns.len(), new.rows.times.len());
        let encoded =
            rows::write_rows(&new.rows.ids, &new.rows.times, &columns, &new.rows.columns)?;
        let mut rows = write("parquet", &encoded.bytes)?;
        rows.tail = Some(encoded.tail);
        let binning = Arc::new(new.binning);
        let moments = moments_of(&new.rows.columns, &binning);
        let summary = write(
            "reference",
            &reference::write_summary(&binning, &new.tally, &new.percentiles, &moments)?,
        )?;
        files::sync_directories(&*shared.vfs, &shared.root, &[&rows, &summary])?;
        let record = ReferenceRecord {
            id,
            model: new.model,
            version: new.version,
            name: new.name,
            created: (shared.clock)(),
            source: new.source,
            row_count: new.rows.times.len() as u64,
            schema: Arc::unwrap_or_clone(schema),
            binning: binning.id(),
            rows,
            summary,
        };
        let change = Change {
            references: vec![record.clone()],
            references_removed: replaced.iter().map(|r| r.record.id).collect(),
            ..Change::default()
        };
        shared.commit(change, |_| {})?;
        let reference = Reference {
            record: Arc::new(record),
            moments: Some(reference::by_column(&binning, &moments)),
            binning,
            tally: Arc::new(new.tally),
            percentiles: Arc::new(new.percentiles),
        };
        let mut state = shared.write();
        replaced.iter().for_each(|r| drop(state.references.remove(&r.record.id)));
        state.references.insert(id, reference.clone());
        Ok(reference)
    }

    /// The references of a model, oldest first.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn references(&self, model: &str) -> Result<Vec<Reference>> {
        self.model(model)?;
        let state = self.shared.read();
        Ok(state.references.values().filter(|r| r.record.model == model).cloned().collect())
    }

    /// The reference of a name, or the default one; a version's own before the model's.
    ///
    /// # Errors
    /// `NotFound` naming those that exist, `FailedPrecondition` if there is none at all.
    pub fn reference(
        &self,
        model: &str,
        version: Option<&str>,
        name: Option<&str>,
    ) -> Result<Reference> {
        self.model(model)?;
        let state = self.shared.read();
        let Some(name) = name else {
            return state.default_reference(model, version).cloned().ok_or_else(|| {
                Error::new(
                    ErrorKind::FailedPrecondition,
                    format!(
                        "model {model:?} has no reference to compare with; \
                         make one with `driftline reference set` or `driftline reference pin`"
                    ),
                )
            });
        };
        let of_model = || state.references.values().filter(|r| r.record.model == model);
        let named = |owner: Option<&str>| {
            of_model().find(|r| r.record.name == name && r.record.version.as_deref() == owner)
        };
        let found = version.and_then(|version| named(Some(version))).or_else(|| named(None));
        found.cloned().ok_or_else(|| {
            let names: BTreeSet<&str> = of_model().map(|r| r.record.name.as_str()).collect();
            let names: Vec<&str> = names.into_iter().collect();
            let text = format!(
                "model {model:?} has no reference {name:?} for {}; it has {}",
                version.map_or("all versions".to_owned(), |v| format!("version {v:?}")),
                if names.is_empty() { "none".to_owned() } else { names.join(", ") }
            );
            Error::not_found("reference", name, text)
        })
    }

    /// The rows of a reference.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn reference_rows(&self, reference: &Reference) -> Result<Arc<RowFile>> {
        self.shared.files.rows(&reference.record.rows)
    }

    /// What a query sees of a model, or of one of its versions.
    ///
    /// # Errors
    /// `NotFound` for a model or version that does not exist.
    pub fn snapshot(&self, model: &str, version: Option<&str>) -> Result<Snapshot> {
        let record = self.model(model)?;
        if let Some(version) = version
            && !record.versions.contains_key(version)
        {
            let near = near_misses(version, record.versions.keys().map(String::as_str));
            let known: Vec<&str> = record.versions.keys().map(String::as_str).take(20).collect();
            let hint = if near.is_empty() {
                format!(
                    "; it has {}",
                    if known.is_empty() { "none".into() } else { known.join(", ") }
                )
            } else {
                near
            };
            let text = format!("model {model:?} has no version {version:?}{hint}");
            return Err(Error::not_found("version", version, text));
        }
        Ok(self.snapshot_of(record, version))
    }

    /// What a query sees of a model or a companion, or of a version.
    pub(crate) fn snapshot_of(&self, record: Arc<ModelRecord>, version: Option<&str>) -> Snapshot {
        let state = self.shared.read();
        let model = record.name.clone();
        let from = (model.clone(), version.unwrap_or_default().to_owned());
        let wanted =
            |key: &VersionKey| key.0 == model && version.is_none_or(|version| key.1 == version);
        let mut parts = Vec::new();
        for head in state.heads() {
            let heads = head.versions.range(from.clone()..).take_while(|(key, _)| wanted(key));
            let heads = heads.filter(|(_, head)| head.rows > 0);
            parts.extend(heads.map(|(_, head)| Part::head(head.clone())));
        }
        let versions = state.segments.versions.range(from..).take_while(|(key, _)| wanted(key));
        for (_, days) in versions {
            let segments = days.values().flatten();
            parts.extend(segments.map(|segment| Part::segment(segment.clone())));
        }
        Snapshot { model: record, parts }
    }
}
