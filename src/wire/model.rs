//! Models, schemas, declarations and references.

use std::{collections::BTreeMap, sync::Arc};

use driftline_proto::v1;
use driftline_query::ReferenceName;
use driftline_storage::{
    Declaration, Error, Field, Kind, ModelKind, ModelRecord, ReferenceSource, Result, Retention,
    Schema, Task, TimeRange, VersionRecord,
};

use super::time;
use crate::ReferenceInfo;

/// Reads a schema and checks its names and counts.
///
/// # Errors
/// `InvalidArgument` naming the broken rule.
pub(crate) fn schema(schema: v1::Schema) -> Result<Schema> {
    let task = super::required("schema.task", task("schema.task", schema.task)?)?;
    let field = |(place, field): (usize, v1::Field)| {
        let kind = kind(&format!("schema.features[{place}].kind"), field.kind)?;
        Ok(Field { name: field.name, kind })
    };
    let features = schema.features.into_iter().enumerate().map(field);
    Schema::new(task, features.collect::<Result<_>>()?, schema.positive_class)?
        .with_tags(&schema.tags)
}

/// A schema for the wire.
pub(crate) fn write_schema(schema: &Schema) -> v1::Schema {
    let field =
        |field: &Field| v1::Field { name: field.name.clone(), kind: write_kind(field.kind).into() };
    v1::Schema {
        task: write_task(Some(schema.task)).into(),
        features: schema.features.iter().map(field).collect(),
        positive_class: schema.positive_class.clone(),
        tags: schema.tags.clone(),
    }
}

/// Reads a declaration.
///
/// # Errors
/// `InvalidArgument` for an unknown task.
pub(crate) fn declaration(declaration: v1::Declaration) -> Result<Declaration> {
    Ok(Declaration {
        task: task("declaration.task", declaration.task)?,
        categorical: declaration.categorical,
        numeric: declaration.numeric,
        ignore: declaration.ignore,
        positive_class: declaration.positive_class,
        tags: declaration.tags,
    })
}

/// A declaration for the wire.
pub(crate) fn write_declaration(declaration: &Declaration) -> v1::Declaration {
    v1::Declaration {
        task: write_task(declaration.task).into(),
        categorical: declaration.categorical.clone(),
        numeric: declaration.numeric.clone(),
        ignore: declaration.ignore.clone(),
        positive_class: declaration.positive_class.clone(),
        tags: declaration.tags.clone(),
    }
}

/// Reads what a version has of its own.
///
/// # Errors
/// As [`schema`] and [`declaration`].
pub(crate) fn version(
    wire_declaration: Option<v1::Declaration>,
    wire_schema: Option<v1::Schema>,
) -> Result<VersionRecord> {
    Ok(VersionRecord {
        schema: wire_schema.map(schema).transpose()?.map(Arc::new),
        declaration: wire_declaration.map(declaration).transpose()?,
    })
}

/// Reads a model.
///
/// # Errors
/// `InvalidArgument` for what no model of this build can be.
pub(crate) fn model(model: Option<v1::Model>) -> Result<ModelRecord> {
    let model = super::required("model", model)?;
    let mut versions = BTreeMap::new();
    for known in model.versions {
        versions.insert(known.name, version(known.declaration, known.schema)?);
    }
    Ok(ModelRecord {
        name: model.name,
        kind: ModelKind::Predictions,
        created: time::micros("model.create_time", model.create_time)?,
        declaration: model.declaration.map(declaration).transpose()?.unwrap_or_default(),
        schema: model.schema.map(schema).transpose()?.map(Arc::new),
        versions,
        retention: model.retention.map(retention).unwrap_or_default(),
        slices: model.slices,
    })
}

/// A model for the wire.
pub(crate) fn write_model(model: &ModelRecord) -> v1::Model {
    let version = |(name, record): (&String, &VersionRecord)| v1::ModelVersion {
        name: name.clone(),
        schema: record.schema.as_deref().map(write_schema),
        declaration: record.declaration.as_ref().map(write_declaration),
        first_time: None,
        last_time: None,
    };
    v1::Model {
        name: model.name.clone(),
        create_time: Some(time::timestamp(model.created)),
        declaration: Some(write_declaration(&model.declaration)),
        schema: model.schema.as_deref().map(write_schema),
        versions: model.versions.iter().map(version).collect(),
        retention: Some(write_retention(&model.retention)),
        slices: model.slices.clone(),
    }
}

/// Adds to a model the times that the predictions of its versions lie between.
pub(crate) fn write_version_times(model: &mut v1::Model, times: &BTreeMap<String, TimeRange>) {
    for version in &mut model.versions {
        let Some(range) = times.get(&version.name) else { continue };
        version.first_time = Some(time::timestamp(range.start));
        version.last_time = Some(time::timestamp(range.end - 1));
    }
}

/// Reads how long data is kept; storage checks the levels against each other.
pub(crate) fn retention(retention: v1::Retention) -> Retention {
    let v1::Retention { rows_days, minutes_days, hours_days, days_days, series_days } = retention;
    Retention { rows_days, minutes_days, hours_days, days_days, series_days }
}

/// How long data is kept, for the wire.
pub(crate) fn write_retention(retention: &Retention) -> v1::Retention {
    let Retention { rows_days, minutes_days, hours_days, days_days, series_days } = *retention;
    v1::Retention { rows_days, minutes_days, hours_days, days_days, series_days }
}

/// Fields of a broken retention as requests know them.
pub(crate) const RETENTION_FIELDS: [(&str, &str); 4] = [
    ("rows_days", "retention.rows_days"),
    ("minutes_days", "retention.minutes_days"),
    ("hours_days", "retention.hours_days"),
    ("days_days", "retention.days_days"),
];

/// Reads a reference.
///
/// # Errors
/// `InvalidArgument` for what no reference of this build can be.
pub(crate) fn reference(reference: Option<v1::Reference>) -> Result<ReferenceInfo> {
    let reference = super::required("reference", reference)?;
    let source = match reference.pinned_window {
        None => ReferenceSource::Rows,
        Some(pinned) => {
            let (start, end) = window(Some(pinned))?;
            ReferenceSource::Window { start, end }
        }
    };
    Ok(ReferenceInfo {
        name: ReferenceName {
            model: reference.model,
            version: reference.version,
            name: reference.name,
        },
        created: time::micros("reference.create_time", reference.create_time)?,
        source,
        rows: reference.rows,
        is_default: reference.is_default,
    })
}

/// A reference for the wire.
pub(crate) fn write_reference(reference: &ReferenceInfo) -> v1::Reference {
    let pinned_window = match reference.source {
        ReferenceSource::Rows => None,
        ReferenceSource::Window { start, end } => Some(write_window(start, end)),
    };
    v1::Reference {
        model: reference.name.model.clone(),
        version: reference.name.version.clone(),
        name: reference.name.name.clone(),
        create_time: Some(time::timestamp(reference.created)),
        rows: reference.rows,
        pinned_window,
        is_default: reference.is_default,
    }
}

/// Reads the edges of a window, in microseconds.
///
/// # Errors
/// `InvalidArgument` if one is absent or not a time.
pub(crate) fn window(window: Option<v1::TimeWindow>) -> Result<(i64, i64)> {
    let window = super::required("window", window)?;
    Ok((
        time::micros("window.start_time", window.start_time)?,
        time::micros("window.end_time", window.end_time)?,
    ))
}

/// A window for the wire.
pub(crate) fn write_window(start: i64, end: i64) -> v1::TimeWindow {
    v1::TimeWindow { start_time: Some(time::edge(start)), end_time: Some(time::edge(end)) }
}

fn task(field: &str, task: i32) -> Result<Option<Task>> {
    match v1::Task::try_from(task) {
        Ok(v1::Task::Unspecified) => Ok(None),
        Ok(v1::Task::Binary) => Ok(Some(Task::Binary)),
        Ok(v1::Task::Multiclass) => Ok(Some(Task::Multiclass)),
        Ok(v1::Task::Regression) => Ok(Some(Task::Regression)),
        Err(_) => Err(Error::invalid(field, format!("{task} is not a task"))),
    }
}

fn write_task(task: Option<Task>) -> v1::Task {
    match task {
        None => v1::Task::Unspecified,
        Some(Task::Binary) => v1::Task::Binary,
        Some(Task::Multiclass) => v1::Task::Multiclass,
        Some(Task::Regression) => v1::Task::Regression,
    }
}

/// Reads the kind of a feature.
///
/// # Errors
/// `InvalidArgument` if it is not stated or not known.
pub(super) fn kind(field: &str, kind: i32) -> Result<Kind> {
    match v1::Kind::try_from(kind) {
        Ok(v1::Kind::Numeric) => Ok(Kind::Numeric),
        Ok(v1::Kind::Boolean) => Ok(Kind::Boolean),
        Ok(v1::Kind::Categorical) => Ok(Kind::Categorical),
        Ok(v1::Kind::Unspecified) => Err(Error::invalid(field, "is required")),
        Err(_) => Err(Error::invalid(field, format!("{kind} is not a kind"))),
    }
}

pub(super) fn write_kind(kind: Kind) -> v1::Kind {
    match kind {
        Kind::Numeric => v1::Kind::Numeric,
        Kind::Boolean => v1::Kind::Boolean,
        Kind::Categorical => v1::Kind::Categorical,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_comes_back() {
        let field = |name: &str, kind| Field { name: name.to_owned(), kind };
        let features = vec![field("a", Kind::Boolean), field("b", Kind::Categorical)];
        let schema = Schema::new(Task::Binary, features, Some("yes".to_owned())).expect("valid");
        let tags = vec!["region".to_owned()];
        let schema = Arc::new(schema.with_tags(&tags).expect("valid"));
        let declaration = Declaration { task: Some(Task::Binary), tags, ..Declaration::default() };
        let own = VersionRecord { schema: Some(schema.clone()), declaration: None };
        let record = ModelRecord {
            name: "fraud".to_owned(),
            kind: ModelKind::Predictions,
            created: 5,
            declaration,
            schema: Some(schema),
            versions: [("v1".to_owned(), own), ("v2".to_owned(), VersionRecord::default())].into(),
            retention: Retention { rows_days: Some(90), ..Retention::default() },
            slices: vec!["region".to_owned()],
        };
        assert_eq!(model(Some(write_model(&record))).expect("valid"), record);

        let mut wire = write_model(&record);
        let times = [("v2".to_owned(), TimeRange { start: 1_000_000, end: 3_000_001 })].into();
        write_version_times(&mut wire, &times);
        let of = |version: &v1::ModelVersion| (version.first_time, version.last_time);
        assert_eq!(of(&wire.versions[0]), (None, None), "it has no predictions");
        let wanted = (Some(time::timestamp(1_000_000)), Some(time::timestamp(3_000_000)));
        assert_eq!(of(&wire.versions[1]), wanted);
        // A client takes them for no part of the record.
        assert_eq!(model(Some(wire)).expect("valid"), record);
    }

    #[test]
    fn a_schema_without_task_or_with_an_unknown_kind_is_refused() {
        let error = schema(v1::Schema::default()).expect_err("no task");
        assert_eq!(error.to_string(), "schema.task: is required");
        let features = vec![v1::Field { name: "a".to_owned(), kind: 77 }];
        let wire = v1::Schema { task: 1, features, ..v1::Schema::default() };
        let error = schema(wire).expect_err("no such kind");
        assert_eq!(error.to_string(), "schema.features[0].kind: 77 is not a kind");
    }
}
