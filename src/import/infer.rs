//! What was not declared about a model, inferred from the first rows of a file.

use std::path::Path;

use driftline_storage::{Declaration, Field, Kind, Result, Schema, Task};

use super::{
    CHUNK_ROWS,
    cells::Cells,
    roles::Roles,
    table::{ColumnInfo, RawChunk, RawKind, TableError, open},
};

/// Whole numbers up to which a prediction is taken as a class rather than as a value.
const CLASSES_INFERRED_MAX: usize = 20;

/// Chunks read ahead for columns whose kind the first rows do not tell: 16 million rows.
const CHUNKS_AHEAD_MAX: usize = 1_024;

/// Looks further into a file for the kind of columns that have no value in its first rows.
///
/// # Errors
/// A file that cannot be opened again or read on.
pub fn look_ahead(path: &Path, columns: &mut [ColumnInfo]) -> Result<(), TableError> {
    let unknown = |columns: &[ColumnInfo]| columns.iter().any(|c| c.kind == RawKind::Null);
    if path.as_os_str() == "-" || !unknown(columns) {
        return Ok(());
    }
    let mut table = open(path)?;
    let mut chunks = 0;
    while let Some(chunk) = table.next_chunk(CHUNK_ROWS)? {
        for (info, column) in columns.iter_mut().zip(&chunk.columns) {
            if info.kind == RawKind::Null {
                info.kind = Cells { name: &info.name, kind: RawKind::Null, column }.kind_of_text();
            }
        }
        chunks += 1;
        if chunks >= CHUNKS_AHEAD_MAX || !unknown(columns) {
            break;
        }
    }
    Ok(())
}

/// A schema and what a user should know about how it was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Inferred {
    /// The schema.
    pub schema: Schema,
    /// Guesses that a user may want to correct.
    pub notes: Vec<String>,
}

/// Infers a schema: strings and booleans are categorical, numbers numeric, unless declared; every
/// column without a role is a feature, unless ignored or a tag. The task, if not declared, follows from the
/// predictions (or labels): words, booleans and up to 20 different whole numbers are classes.
///
/// # Errors
/// `InvalidArgument` if the names break a rule of a schema.
pub fn infer_schema(
    columns: &[ColumnInfo],
    first: &RawChunk,
    roles: &Roles,
    declared: &Declaration,
) -> Result<Inferred> {
    let mut notes = Vec::new();
    let named = |names: &[String], column: &ColumnInfo| names.contains(&column.name);
    let mut features = Vec::new();
    for (place, column) in columns.iter().enumerate() {
        let is_tag = named(&declared.tags, column);
        if roles.is_role(&column.name) || is_tag || named(&declared.ignore, column) {
            continue;
        }
        let kind = if named(&declared.categorical, column) {
            Kind::Categorical
        } else if named(&declared.numeric, column) {
            Kind::Numeric
        } else {
            match column.kind {
                RawKind::Bool => Kind::Boolean,
                RawKind::Int | RawKind::Float => Kind::Numeric,
                RawKind::Text | RawKind::Timestamp => {
                    let cells = first.columns.get(place).map(|raw| Cells {
                        name: &column.name,
                        kind: column.kind,
                        column: raw,
                    });
                    notes.extend(cells.and_then(note_mixed));
                    Kind::Categorical
                }
                RawKind::Null => {
                    notes.push(format!(
                        "{:?} has no value to tell its kind by and is taken as categorical; \
                         `models create --numeric {}` before the first import says otherwise",
                        column.name, column.name
                    ));
                    Kind::Categorical
                }
            }
        };
        features.push(Field { name: column.name.clone(), kind });
    }
    let listed = [&declared.categorical, &declared.numeric];
    for name in listed.into_iter().flatten() {
        if !columns.iter().any(|column| &column.name == name) {
            notes.push(format!("{name:?} was declared, but the file has no such column"));
        }
    }
    let task = match declared.task {
        Some(task) => task,
        None => infer_task(columns, first, roles),
    };
    let schema = Schema::new(task, features, declared.positive_class.clone())?;
    let schema = schema.with_tags(&declared.tags)?;
    Ok(Inferred { schema, notes })
}

/// A column of numbers with some words in it is more often a mistake than a category.
fn note_mixed(cells: Cells<'_>) -> Option<String> {
    let (numbers, values, word) = cells.numeric_share();
    let word = word.filter(|_| numbers * 2 >= values)?;
    let name = cells.name;
    Some(format!(
        "{name:?} is taken as categorical because of values such as {word:?}, although {numbers} \
         of the first {values} are numbers; `models create --numeric {name}` before the first \
         import makes it numeric and refuses the rows that are not"
    ))
}

fn infer_task(columns: &[ColumnInfo], first: &RawChunk, roles: &Roles) -> Task {
    for role in ["prediction", "label"] {
        let Some(place) = roles.place(role, columns) else { continue };
        let (Some(info), Some(column)) = (columns.get(place), first.columns.get(place)) else {
            continue;
        };
        let cells = Cells { name: &info.name, kind: info.kind, column };
        let (distinct, whole) = cells.distinct(CLASSES_INFERRED_MAX);
        match info.kind {
            _ if distinct == 0 => {}
            RawKind::Int | RawKind::Float if !whole || distinct > CLASSES_INFERRED_MAX => {
                return Task::Regression;
            }
            _ if distinct > 2 => return Task::Multiclass,
            _ => return Task::Binary,
        }
    }
    Task::Binary
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::table::RawColumn;

    fn infer(prediction: RawColumn, kind: RawKind, declared: &Declaration) -> Inferred {
        let info = |name: &str, kind| ColumnInfo { name: name.to_owned(), kind };
        let columns = [
            info("prediction", kind),
            info("season", RawKind::Int),
            info("open", RawKind::Bool),
            info("empty", RawKind::Null),
        ];
        let rows = prediction.len();
        let first = RawChunk {
            first_row: 1,
            columns: vec![
                prediction,
                RawColumn::Int(vec![None; rows]),
                RawColumn::Bool(vec![None; rows]),
                RawColumn::Untyped(vec![None; rows]),
            ],
            bad_rows: Vec::new(),
            row_numbers: (1..=rows as u64).collect(),
        };
        infer_schema(&columns, &first, &Roles::default(), declared).expect("valid")
    }

    fn ints(values: std::ops::Range<i64>) -> RawColumn {
        RawColumn::Int(values.map(Some).collect())
    }

    #[test]
    fn the_task_follows_from_the_predictions_unless_declared() {
        let check = |column, kind, want| {
            assert_eq!(infer(column, kind, &Declaration::default()).schema.task, want);
        };
        check(ints(0..2), RawKind::Int, Task::Binary);
        check(ints(0..3), RawKind::Int, Task::Multiclass);
        check(ints(0..21), RawKind::Int, Task::Regression);
        check(RawColumn::Float(vec![Some(0.5)]), RawKind::Float, Task::Regression);
        check(RawColumn::Float(vec![Some(1.0), Some(0.0)]), RawKind::Float, Task::Binary);
        let words = ["a", "b", "c"].map(|word| Some(word.to_owned())).to_vec();
        check(RawColumn::Text(words), RawKind::Text, Task::Multiclass);
        let declared = Declaration { task: Some(Task::Regression), ..Declaration::default() };
        assert_eq!(infer(ints(0..2), RawKind::Int, &declared).schema.task, Task::Regression);
    }

    #[test]
    fn kinds_follow_from_the_columns_unless_declared() {
        let declared = Declaration {
            categorical: vec!["season".to_owned(), "seazon".to_owned()],
            ignore: vec!["open".to_owned()],
            tags: vec!["empty".to_owned(), "region".to_owned()],
            ..Declaration::default()
        };
        let inferred = infer(ints(0..2), RawKind::Int, &declared);
        let kinds: Vec<(&str, Kind)> =
            inferred.schema.features.iter().map(|f| (f.name.as_str(), f.kind)).collect();
        assert_eq!(kinds, [("season", Kind::Categorical)]);
        assert_eq!(inferred.schema.tags, ["empty", "region"], "those that are not there may come");
        assert_eq!(inferred.notes.len(), 1, "{:?}", inferred.notes);
    }
}
