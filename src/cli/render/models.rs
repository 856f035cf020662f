//! Models: the list of them, and all that is known of one.

use std::{borrow::Borrow, io};

use driftline_storage::{Declaration, ModelRecord, Retention, Schema, Task};
use serde::Serialize;

use super::{
    Format, Style, machine,
    references::{self, ReferenceView},
    table::{self, NONE, Table, count, name},
};
use crate::{ReferenceInfo, cli::time::format_time};

/// Versions that a row of the list names.
const VERSIONS_SHOWN_MAX: usize = 5;

/// Writes all models, in the order given.
///
/// # Errors
/// What `out` gives.
pub fn models<M: Borrow<ModelRecord>>(
    models: &[M],
    out: &mut dyn io::Write,
    format: Format,
    style: &Style,
) -> io::Result<()> {
    let views: Vec<ListItem<'_>> = models.iter().map(|model| list_item(model.borrow())).collect();
    match format {
        Format::Json => machine::json(out, &ListView { models: views }),
        Format::Csv => {
            let header = ["name", "task", "features", "versions", "created"];
            let records = views.into_iter().map(|item| {
                [
                    item.name.to_owned(),
                    machine::optional(item.task),
                    item.features.map(|n| n.to_string()).unwrap_or_default(),
                    item.versions.join(" "),
                    item.created,
                ]
            });
            machine::csv(out, header, records)
        }
        Format::Table => list_table(&views, out, style),
    }
}

#[derive(Serialize)]
struct ListView<'a> {
    models: Vec<ListItem<'a>>,
}

#[derive(Serialize)]
struct ListItem<'a> {
    name: &'a str,
    task: Option<&'static str>,
    features: Option<u64>,
    versions: Vec<&'a str>,
    created: String,
}

fn list_item(model: &ModelRecord) -> ListItem<'_> {
    ListItem {
        name: &model.name,
        task: task(model.schema.as_deref(), &model.declaration),
        features: model.schema.as_deref().map(|schema| schema.features.len() as u64),
        versions: model.versions.keys().map(String::as_str).collect(),
        created: format_time(model.created),
    }
}

/// The task as inferred, or else as stated.
fn task(schema: Option<&Schema>, declaration: &Declaration) -> Option<&'static str> {
    schema.map(|schema| schema.task).or(declaration.task).map(Task::name)
}

fn list_table(items: &[ListItem<'_>], out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    if items.is_empty() {
        return writeln!(out, "no models; make one with driftline models create or an import");
    }
    let titles = ["model", "task", ">features", "versions", "created"];
    let mut table = Table::new(style, &table::titles(titles));
    for item in items {
        let mut versions: Vec<String> =
            item.versions.iter().take(VERSIONS_SHOWN_MAX).map(|version| name(version)).collect();
        let more = item.versions.len().saturating_sub(VERSIONS_SHOWN_MAX);
        if more > 0 {
            versions.push(format!("{more} more"));
        }
        table.row([
            name(item.name),
            item.task.unwrap_or(NONE).to_owned(),
            item.features.map_or_else(|| NONE.to_owned(), count),
            if versions.is_empty() { NONE.to_owned() } else { versions.join(", ") },
            item.created.clone(),
        ]);
    }
    table.write(out)
}

/// Writes all that is known of a model. Its CSV lists the features, those of a version that has a
/// schema of its own under its name.
///
/// # Errors
/// What `out` gives.
pub fn model(
    model: &ModelRecord,
    references: &[ReferenceInfo],
    out: &mut dyn io::Write,
    format: Format,
    style: &Style,
) -> io::Result<()> {
    match format {
        Format::Json => machine::json(out, &model_view(model, references)),
        Format::Csv => {
            let records = fields(model).map(|(version, feature, kind)| {
                [machine::optional(version), feature.to_owned(), kind.to_owned()]
            });
            machine::csv(out, ["version", "feature", "kind"], records)
        }
        Format::Table => model_tables(model, references, out, style),
    }
}

#[derive(Serialize)]
struct ModelView<'a> {
    name: &'a str,
    created: String,
    task: Option<&'static str>,
    positive_class: Option<&'a str>,
    declaration: DeclarationView<'a>,
    retention: RetentionView,
    features: Option<Vec<FieldView<'a>>>,
    tags: &'a [String],
    slices: &'a [String],
    versions: Vec<VersionView<'a>>,
    references: Vec<ReferenceView<'a>>,
}

/// Writes how long a model's data is kept.
///
/// # Errors
/// What `out` gives.
pub fn retention(
    model: &ModelRecord,
    out: &mut dyn io::Write,
    format: Format,
    style: &Style,
) -> io::Result<()> {
    let levels = levels(&model.retention);
    match format {
        Format::Json => {
            let retention = retention_view(&model.retention);
            machine::json(out, &ModelRetentionView { model: &model.name, retention })
        }
        Format::Csv => {
            let days = |days: Option<u32>| days.map(|days| days.to_string()).unwrap_or_default();
            let records = levels.map(|(level, kept)| [level.to_owned(), days(kept)]);
            machine::csv(out, ["level", "days"], records)
        }
        Format::Table => {
            let mut table = Table::new(style, &table::titles(["level", "kept"]));
            for (level, kept) in levels {
                table.row([level.to_owned(), kept_text(kept)]);
            }
            table.write(out)
        }
    }
}

/// The levels of a retention, finest first, and metric series, with the days that they are kept.
fn levels(retention: &Retention) -> [(&'static str, Option<u32>); 5] {
    [
        ("rows", retention.rows_days),
        ("minutes", retention.minutes_days),
        ("hours", retention.hours_days),
        ("days", retention.days_days),
        ("series", retention.series_days),
    ]
}

fn kept_text(kept: Option<u32>) -> String {
    kept.map_or("for ever".to_owned(), |days| table::counted(u64::from(days), "day"))
}

#[derive(Serialize)]
struct ModelRetentionView<'a> {
    model: &'a str,
    retention: RetentionView,
}

#[derive(Serialize)]
struct RetentionView {
    rows_days: Option<u32>,
    minutes_days: Option<u32>,
    hours_days: Option<u32>,
    days_days: Option<u32>,
    series_days: Option<u32>,
}

fn retention_view(retention: &Retention) -> RetentionView {
    let Retention { rows_days, minutes_days, hours_days, days_days, series_days } = *retention;
    RetentionView { rows_days, minutes_days, hours_days, days_days, series_days }
}

/// Writes the tags of a model.
///
/// # Errors
/// What `out` gives.
pub fn tags(
    model: &ModelRecord,
    out: &mut dyn io::Write,
    format: Format,
    style: &Style,
) -> io::Result<()> {
    match format {
        Format::Json => machine::json(out, &TagsView { model: &model.name, tags: model.tags() }),
        _ => columns(model, ("tag", "tags", model.tags()), out, format, style),
    }
}

/// Writes the slice keys of a model.
///
/// # Errors
/// What `out` gives.
pub fn slices(
    model: &ModelRecord,
    out: &mut dyn io::Write,
    format: Format,
    style: &Style,
) -> io::Result<()> {
    match format {
        Format::Json => {
            machine::json(out, &SlicesView { model: &model.name, slices: &model.slices })
        }
        _ => columns(model, ("slice", "slices", &model.slices), out, format, style),
    }
}

/// Writes names of columns under a title; the name of several is that of the command.
fn columns(
    model: &ModelRecord,
    (one, several, columns): (&'static str, &str, &[String]),
    out: &mut dyn io::Write,
    format: Format,
    style: &Style,
) -> io::Result<()> {
    if format == Format::Csv {
        return machine::csv(out, [one], columns.iter().map(|column| [column.clone()]));
    }
    if columns.is_empty() {
        let model = name(&model.name);
        return writeln!(out, "no {several}; add some with driftline models {several} add {model}");
    }
    let mut table = Table::new(style, &table::titles([one]));
    columns.iter().for_each(|column| table.row([name(column)]));
    table.write(out)
}

#[derive(Serialize)]
struct TagsView<'a> {
    model: &'a str,
    tags: &'a [String],
}

#[derive(Serialize)]
struct SlicesView<'a> {
    model: &'a str,
    slices: &'a [String],
}

#[derive(Serialize)]
struct VersionView<'a> {
    version: &'a str,
    declaration: Option<DeclarationView<'a>>,
    features: Option<Vec<FieldView<'a>>>,
}

#[derive(Serialize)]
struct DeclarationView<'a> {
    task: Option<&'static str>,
    categorical: &'a [String],
    numeric: &'a [String],
    ignore: &'a [String],
    positive_class: Option<&'a str>,
    tags: &'a [String],
}

#[derive(Serialize)]
struct FieldView<'a> {
    name: &'a str,
    kind: &'static str,
}

fn model_view<'a>(model: &'a ModelRecord, references: &'a [ReferenceInfo]) -> ModelView<'a> {
    let versions = model.versions.iter().map(|(version, record)| VersionView {
        version,
        declaration: record.declaration.as_ref().map(declaration_view),
        features: record.schema.as_deref().map(field_views),
    });
    ModelView {
        name: &model.name,
        created: format_time(model.created),
        task: task(model.schema.as_deref(), &model.declaration),
        positive_class: positive_class(model),
        declaration: declaration_view(&model.declaration),
        retention: retention_view(&model.retention),
        features: model.schema.as_deref().map(field_views),
        tags: model.tags(),
        slices: &model.slices,
        versions: versions.collect(),
        references: references::views(references),
    }
}

fn positive_class(model: &ModelRecord) -> Option<&str> {
    let known = model.schema.as_deref().and_then(|schema| schema.positive_class.as_deref());
    known.or(model.declaration.positive_class.as_deref())
}

fn declaration_view(declaration: &Declaration) -> DeclarationView<'_> {
    DeclarationView {
        task: declaration.task.map(Task::name),
        categorical: &declaration.categorical,
        numeric: &declaration.numeric,
        ignore: &declaration.ignore,
        positive_class: declaration.positive_class.as_deref(),
        tags: &declaration.tags,
    }
}

fn field_views(schema: &Schema) -> Vec<FieldView<'_>> {
    let fields = schema.features.iter();
    fields.map(|field| FieldView { name: &field.name, kind: field.kind.name() }).collect()
}

/// Version (none for the model itself), name and kind of each feature.
fn fields(model: &ModelRecord) -> impl Iterator<Item = (Option<&str>, &str, &'static str)> {
    let own = std::iter::once((None, model.schema.as_deref()));
    let versions =
        model.versions.iter().map(|(v, record)| (Some(v.as_str()), record.schema.as_deref()));
    own.chain(versions).flat_map(|(version, schema)| {
        let fields = schema.map(|schema| schema.features.as_slice()).unwrap_or_default();
        fields.iter().map(move |field| (version, field.name.as_str(), field.kind.name()))
    })
}

fn model_tables(
    model: &ModelRecord,
    references: &[ReferenceInfo],
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    writeln!(out, "Model {}, created {}", name(&model.name), format_time(model.created))?;
    let task = task(model.schema.as_deref(), &model.declaration);
    writeln!(out, "task: {}", task.unwrap_or("not known yet"))?;
    if let Some(class) = positive_class(model) {
        writeln!(out, "positive class: {}", name(class))?;
    }
    write_declared("", &model.declaration, out)?;
    if !model.tags().is_empty() {
        let tags: Vec<String> = model.tags().iter().map(|tag| name(tag)).collect();
        writeln!(out, "tags: {}", tags.join(", "))?;
    }
    if !model.slices.is_empty() {
        let slices: Vec<String> = model.slices.iter().map(|key| name(key)).collect();
        writeln!(out, "slices counted by: {}", slices.join(", "))?;
    }
    if model.retention != Retention::default() {
        let kept =
            levels(&model.retention).map(|(level, kept)| format!("{level} {}", kept_text(kept)));
        writeln!(out, "kept: {}", kept.join(", "))?;
    }
    let versions: Vec<String> = model.versions.keys().map(|version| name(version)).collect();
    if !versions.is_empty() {
        writeln!(out, "versions: {}", versions.join(", "))?;
    }
    for (version, record) in &model.versions {
        if let Some(declaration) = &record.declaration {
            write_declared(&format!("{}: ", name(version)), declaration, out)?;
        }
    }
    writeln!(out)?;
    write_fields(model, out, style)?;
    writeln!(out)?;
    references::write_table(references, out, style)
}

fn write_declared(
    prefix: &str,
    declaration: &Declaration,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let lists = [
        ("categorical", &declaration.categorical),
        ("numeric", &declaration.numeric),
        ("ignored", &declaration.ignore),
    ];
    for (title, columns) in lists.into_iter().filter(|(_, columns)| !columns.is_empty()) {
        let columns: Vec<String> = columns.iter().map(|column| name(column)).collect();
        writeln!(out, "{prefix}declared {title}: {}", columns.join(", "))?;
    }
    Ok(())
}

fn write_fields(model: &ModelRecord, out: &mut dyn io::Write, style: &Style) -> io::Result<()> {
    let rows: Vec<_> = fields(model).collect();
    if rows.is_empty() {
        return writeln!(out, "no features yet; the first import or reference shows them");
    }
    let by_version = rows.iter().any(|(version, _, _)| version.is_some());
    let mut titles = table::titles(["feature", "kind"]);
    titles.extend(by_version.then(|| "version".to_owned()));
    let mut table = Table::new(style, &titles);
    for (version, feature, kind) in rows {
        let mut cells = vec![name(feature), kind.to_owned()];
        cells.extend(by_version.then(|| table::name_or_none(version)));
        table.row(cells);
    }
    table.write(out)
}

#[cfg(test)]
mod tests;
