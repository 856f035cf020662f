//! What a report says of its slice and groups.

use std::{collections::BTreeMap, io};

use driftline_query::{Filter, GroupValue, Scope};

use super::table::name;

/// The values of a group by column; none of an answer about all rows.
pub(super) type GroupView<'a> = BTreeMap<&'a str, Option<&'a str>>;

/// Which group an answer is about.
pub(super) fn group(scope: &Scope) -> Option<GroupView<'_>> {
    group_of(&scope.group)
}

/// A group; none of all rows.
pub(super) fn group_of(group: &[GroupValue]) -> Option<GroupView<'_>> {
    let values = group.iter().map(|g| (g.column.as_str(), g.value.as_deref()));
    (!group.is_empty()).then(|| values.collect())
}

/// The conditions as they are asked for.
pub(super) fn conditions(scope: &Scope) -> Vec<String> {
    scope.conditions.iter().map(Filter::to_string).collect()
}

/// Titles of the columns of a CSV that tell groups apart.
pub(super) fn csv_titles(scope: &Scope) -> impl Iterator<Item = String> {
    scope.by.iter().map(|by| format!("by {}", by.column))
}

/// Their cells: those of an answer about all rows are empty, and so is null.
pub(super) fn csv_cells(by: usize, scope: &Scope) -> impl Iterator<Item = String> {
    let value = |place: usize| scope.group.get(place).and_then(|group| group.value.clone());
    (0..by).map(move |place| value(place).unwrap_or_default())
}

/// Writes the conditions, if there are any.
pub(super) fn write_conditions(scope: &Scope, out: &mut dyn io::Write) -> io::Result<()> {
    if scope.conditions.is_empty() {
        return Ok(());
    }
    let conditions = conditions(scope);
    writeln!(out, "where {}", conditions.iter().map(|c| name(c)).collect::<Vec<_>>().join(" and "))
}

/// Writes the heading of a group.
pub(super) fn write_heading(scope: &Scope, out: &mut dyn io::Write) -> io::Result<()> {
    let value = |value: &Option<String>| value.as_deref().map_or_else(|| "null".to_owned(), name);
    let texts = scope.group.iter().map(|g| format!("{}: {}", name(&g.column), value(&g.value)));
    writeln!(out, "\n== {} ==\n", texts.collect::<Vec<_>>().join(", "))
}
