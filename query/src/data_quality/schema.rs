//! The schema of a reference beside those of the versions that an answer is about.

use std::collections::BTreeMap;

use driftline_storage::{Kind, Schema, Snapshot, TimeRange};

use super::report::{ColumnChange, SchemaChange};
use crate::report::Scope;

/// What the versions with rows in the interval of a scope have otherwise than a reference, by version
/// and then in the order of columns. Without such rows it is the schema that is known of the scope.
pub(super) fn changes(snapshot: &Snapshot, scope: &Scope, reference: &Schema) -> Vec<SchemaChange> {
    let range = TimeRange { start: scope.from, end: scope.to };
    let inside = snapshot.parts.iter().filter(|part| part.range().overlaps(range));
    let mut schemas: BTreeMap<&str, Vec<&Schema>> = BTreeMap::new();
    for part in inside {
        let known = schemas.entry(part.version()).or_default();
        if !known.contains(&part.schema()) {
            known.push(part.schema());
        }
    }
    if schemas.is_empty() {
        let version = scope.version.as_deref();
        let known = snapshot.model.schema_of(version).map(|schema| &**schema);
        schemas.insert(version.unwrap_or_default(), known.into_iter().collect());
    }
    let of_version = |(version, schemas): (&str, Vec<&Schema>)| {
        let mut changes: Vec<SchemaChange> = Vec::new();
        for (column, change) in schemas.into_iter().flat_map(|schema| between(reference, schema)) {
            let change = SchemaChange { version: version.to_owned(), column, change };
            if !changes.contains(&change) {
                changes.push(change);
            }
        }
        changes
    };
    schemas.into_iter().flat_map(of_version).collect()
}

/// What one schema has otherwise than another: columns of another kind and new ones in its order,
/// then those that are gone.
fn between(reference: &Schema, schema: &Schema) -> Vec<(String, ColumnChange)> {
    let kind = |schema: &Schema, name: &str| -> Option<Kind> {
        schema.fields().find(|(known, _)| *known == name).map(|(_, kind)| kind)
    };
    let mine = schema.fields().filter_map(|(name, now)| {
        let change = match kind(reference, name) {
            None => ColumnChange::Added(now),
            Some(was) if was != now => ColumnChange::Kind { was, now },
            Some(_) => return None,
        };
        Some((name.to_owned(), change))
    });
    let gone = reference.fields().filter(|(name, _)| kind(schema, name).is_none());
    let gone = gone.map(|(name, was)| (name.to_owned(), ColumnChange::Removed(was)));
    mine.chain(gone).collect()
}

#[cfg(test)]
mod tests {
    use driftline_storage::{Field, Task};

    use super::*;

    fn schema(task: Task, columns: &[(&str, Kind)]) -> Schema {
        let field = |(name, kind): &(&str, Kind)| Field { name: (*name).to_owned(), kind: *kind };
        Schema::new(task, columns.iter().map(field).collect(), None).expect("valid")
    }

    #[test]
    fn each_difference_is_named_once() {
        let was = schema(Task::Binary, &[("a", Kind::Numeric), ("b", Kind::Boolean)]);
        let now = schema(Task::Regression, &[("c", Kind::Numeric), ("a", Kind::Categorical)]);
        let kind = |was, now| ColumnChange::Kind { was, now };
        let want = [
            ("c", ColumnChange::Added(Kind::Numeric)),
            ("a", kind(Kind::Numeric, Kind::Categorical)),
            ("prediction", kind(Kind::Categorical, Kind::Numeric)),
            ("b", ColumnChange::Removed(Kind::Boolean)),
        ];
        let want: Vec<_> = want.map(|(name, change)| (name.to_owned(), change)).into();
        assert_eq!(between(&was, &now), want);
        assert!(between(&was, &was).is_empty());
        let turned = schema(Task::Binary, &[("b", Kind::Boolean), ("a", Kind::Numeric)]);
        assert!(between(&was, &turned).is_empty(), "the order of columns is no difference");
    }
}
