//! Models and versions: what a caller can ask and change of them.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    catalog::Change,
    db::Db,
    error::{Error, ErrorKind, Result, near_misses},
    limits,
    manifest::{ModelKind, ModelRecord, Retention, VersionRecord},
    schema::{Declaration, Schema, check_name},
};

/// The models that callers made.
fn listed(models: &BTreeMap<String, Arc<ModelRecord>>) -> impl Iterator<Item = &Arc<ModelRecord>> {
    models.values().filter(|model| model.kind.is_predictions())
}

impl Db {
    /// All models by name.
    pub fn models(&self) -> Vec<Arc<ModelRecord>> {
        let state = self.shared.read();
        listed(&state.models).cloned().collect()
    }

    /// A model.
    ///
    /// # Errors
    /// `NotFound` naming the nearest names and what to do.
    pub fn model(&self, name: &str) -> Result<Arc<ModelRecord>> {
        let state = self.shared.read();
        let found = state.models.get(name).filter(|model| model.kind.is_predictions());
        found.cloned().ok_or_else(|| {
            let near = near_misses(name, listed(&state.models).map(|model| model.name.as_str()));
            let hint = if near.is_empty() {
                "; make it with `driftline models create` or by setting a reference".to_owned()
            } else {
                near
            };
            Error::not_found("model", name, format!("there is no model {name:?}{hint}"))
        })
    }

    /// Makes a model. Its schema may be left to be set once its columns are known.
    ///
    /// # Errors
    /// `AlreadyExists`, `InvalidArgument`, `ResourceExhausted`.
    pub fn create_model(
        &self,
        name: &str,
        declaration: Declaration,
        schema: Option<Schema>,
    ) -> Result<Arc<ModelRecord>> {
        check_name("model", name)?;
        declaration.validate()?;
        let schema = schema.map(|schema| schema.with_tags(&declaration.tags)).transpose()?;
        let created = (self.shared.clock)();
        let record = ModelRecord {
            name: name.to_owned(),
            kind: ModelKind::Predictions,
            created,
            declaration,
            schema: schema.map(Arc::new),
            versions: BTreeMap::new(),
            retention: Retention::default(),
            slices: Vec::new(),
        };
        self.change_model(name, |known, count| {
            if known.is_some() {
                let text = format!("model {name:?} exists already");
                return Err(Error::new(ErrorKind::AlreadyExists, text));
            }
            if count >= limits::MODELS_MAX {
                return Err(Error::exhausted("models", limits::MODELS_MAX));
            }
            Ok(Some(record))
        })
    }

    /// Makes a version of a model known, with its own declaration and schema if it has some.
    /// A version that is known already stays as it is.
    ///
    /// # Errors
    /// `NotFound`, `InvalidArgument`, `ResourceExhausted`.
    pub fn create_version(
        &self,
        model: &str,
        version: &str,
        record: VersionRecord,
    ) -> Result<Arc<ModelRecord>> {
        check_name("version", version)?;
        self.model(model)?;
        record.declaration.as_ref().map_or(Ok(()), Declaration::validate)?;
        self.add_version(model, version, record)
    }

    /// The same of a model or a companion that exists.
    pub(crate) fn add_version(
        &self,
        model: &str,
        version: &str,
        record: VersionRecord,
    ) -> Result<Arc<ModelRecord>> {
        self.change_model(model, |known, _| {
            let Some(known) = known.filter(|known| !known.versions.contains_key(version)) else {
                return Ok(None);
            };
            let mut record = record;
            if let Some(schema) = record.schema.take() {
                let stated = record.declaration.as_ref().unwrap_or(&known.declaration);
                record.schema = Some(tagged(schema, &stated.tags, known)?);
            }
            if known.versions.len() >= limits::VERSIONS_MAX {
                return Err(Error::exhausted("versions of a model", limits::VERSIONS_MAX));
            }
            let mut next = known.clone();
            next.versions.insert(version.to_owned(), record);
            Ok(Some(next))
        })
    }

    /// Sets the schema of a model, or of a version that was declared by itself, once. A schema that
    /// is set stays.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn set_schema(
        &self,
        model: &str,
        version: Option<&str>,
        schema: Schema,
    ) -> Result<Arc<ModelRecord>> {
        self.model(model)?;
        self.change_model(model, |known, _| {
            let Some(known) = known.filter(|known| known.schema_of(version).is_none()) else {
                return Ok(None);
            };
            let stated = &known.declaration_of(version).tags;
            let (mut next, schema) = (known.clone(), tagged(Arc::new(schema), stated, known)?);
            let own = version.and_then(|version| next.versions.get_mut(version));
            match own.filter(|own| own.declaration.is_some()) {
                Some(own) => own.schema = Some(schema),
                None => next.schema = Some(schema),
            }
            Ok(Some(next))
        })
    }

    /// Gives a model more tags, and each of its versions that has a schema of its own. Rows that are
    /// there already have null in them. Those that it has already stay.
    ///
    /// # Errors
    /// `NotFound`, `InvalidArgument` for the name of a feature or of a role, and past
    /// [`limits::TAGS_MAX`].
    pub fn add_tags(&self, model: &str, tags: &[String]) -> Result<Arc<ModelRecord>> {
        self.model(model)?;
        self.change_model(model, |known, _| {
            let Some(known) = known else { return Ok(None) };
            let mut next = known.clone();
            for tag in tags {
                if !next.declaration.tags.contains(tag) {
                    next.declaration.tags.push(tag.clone());
                }
            }
            next.declaration.validate()?;
            if let Some(schema) = &mut next.schema {
                *schema = Arc::new(Schema::clone(schema).with_tags(tags)?);
            }
            for version in next.versions.values_mut() {
                if let Some(schema) = &mut version.schema {
                    *schema = Arc::new(with_free_tags(schema, tags)?);
                }
            }
            Ok((next != *known).then_some(next))
        })
    }

    /// Declares columns whose values are slices that segments keep counts of, and takes others back.
    /// Segments that are there get theirs from maintenance.
    ///
    /// # Errors
    /// `NotFound` for a column that the model does not have, or a key to take back that is not
    /// declared; `InvalidArgument` for a column of numbers, and past [`limits::SLICE_KEYS_MAX`].
    pub fn change_slices(
        &self,
        model: &str,
        add: &[String],
        remove: &[String],
    ) -> Result<Arc<ModelRecord>> {
        self.model(model)?;
        self.change_model(model, |known, _| {
            let Some(known) = known else { return Ok(None) };
            let mut next = known.clone();
            for key in remove {
                if !known.slices.contains(key) {
                    let near = near_misses(key, known.slices.iter().map(String::as_str));
                    let text = format!("{key:?} is not declared as a slice key{near}");
                    return Err(Error::not_found("slices", key, text));
                }
            }
            next.slices.retain(|key| !remove.contains(key));
            for key in add {
                check_slice_key(known, key)?;
                if !next.slices.contains(key) {
                    next.slices.push(key.clone());
                }
            }
            if next.slices.len() > limits::SLICE_KEYS_MAX {
                let text = format!(
                    "{} slice keys, at most {}; others are answered from rows all the same",
                    next.slices.len(),
                    limits::SLICE_KEYS_MAX
                );
                return Err(Error::invalid("slices", text));
            }
            Ok((next != *known).then_some(next))
        })
    }

    /// The record of a model or a companion.
    pub(crate) fn record(&self, name: &str) -> Option<Arc<ModelRecord>> {
        self.shared.read().models.get(name).cloned()
    }

    /// Changes a model or a companion in the catalog and then in memory. `change` is told how many
    /// models there are.
    pub(crate) fn change_model(
        &self,
        name: &str,
        change: impl FnOnce(Option<&ModelRecord>, usize) -> Result<Option<ModelRecord>>,
    ) -> Result<Arc<ModelRecord>> {
        self.shared.check_poison()?;
        let _one_at_a_time = self.changes();
        let (known, count) = {
            let state = self.shared.read();
            (state.models.get(name).cloned(), listed(&state.models).count())
        };
        let Some(next) = change(known.as_deref(), count)? else {
            return known.ok_or_else(|| Error::new(ErrorKind::NotFound, "no such model"));
        };
        let change = Change { models: vec![next.clone()], ..Change::default() };
        self.shared.commit(change, |_| {})?;
        let next = Arc::new(next);
        self.shared.write().models.insert(name.to_owned(), next.clone());
        Ok(next)
    }

    /// States how long a model's data is kept. Maintenance takes what is past it.
    ///
    /// # Errors
    /// `NotFound`, `InvalidArgument` if a coarser level is kept for less long than a finer one.
    pub fn set_retention(&self, model: &str, retention: Retention) -> Result<Arc<ModelRecord>> {
        retention.validate()?;
        self.model(model)?;
        self.change_model(model, |known, _| {
            Ok(known.map(|known| ModelRecord { retention, ..known.clone() }))
        })
    }
}

/// A schema with the tags that were stated for it and those of its model.
fn tagged(schema: Arc<Schema>, stated: &[String], model: &ModelRecord) -> Result<Arc<Schema>> {
    let schema = Arc::unwrap_or_clone(schema).with_tags(stated)?;
    let of_model = model.schema.iter().flat_map(|schema| &schema.tags);
    let of_model: Vec<String> = of_model.chain(&model.declaration.tags).cloned().collect();
    Ok(Arc::new(with_free_tags(&schema, &of_model)?))
}

/// A schema with tags of its model: what is a feature of this version stays one.
fn with_free_tags(schema: &Schema, tags: &[String]) -> Result<Schema> {
    let free = tags.iter().filter(|tag| !schema.features.iter().any(|f| f.name == **tag));
    schema.clone().with_tags(free)
}

/// A slice key is a tag or a feature of categories or booleans, of the model or of a version; before
/// the columns are known, a tag that was stated.
fn check_slice_key(model: &ModelRecord, key: &str) -> Result<()> {
    let versions = model.versions.values().filter_map(|version| version.schema.as_deref());
    let schemas: Vec<&Schema> = model.schema.as_deref().into_iter().chain(versions).collect();
    if schemas.is_empty() && model.declaration.tags.iter().any(|tag| tag == key) {
        return Ok(());
    }
    let columns = || schemas.iter().flat_map(|schema| schema.slice_columns());
    let numeric = |schema: &&Schema| {
        schema.features.iter().any(|feature| feature.name == key && feature.kind.is_numeric())
    };
    if columns().any(|name| name == key) {
        return Ok(());
    }
    if schemas.iter().any(numeric) {
        let text = format!("{key:?} is numeric; slices of bands are answered from rows by --by");
        return Err(Error::invalid("slices", text));
    }
    let near = near_misses(key, columns());
    let hint = match (near.is_empty(), schemas.is_empty()) {
        (true, true) => "; its columns are not known yet, state it as a tag first".to_owned(),
        (true, false) => {
            let names: Vec<&str> = columns().take(20).collect();
            format!("; slices can be declared by {}", names.join(", "))
        }
        _ => near,
    };
    let text = format!("{key:?} is no tag and no categorical feature of the model{hint}");
    Err(Error::not_found("slices", key, text))
}
