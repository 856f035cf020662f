//! Slices of a query: the snapshots that `--where` keeps, and those that `--by` tells apart.
//!
//! What a slice sees is decided in storage, so every statistic answers of a slice as it does of all
//! rows.

use std::sync::Arc;

use driftline_storage::{
    Db, Error, ErrorKind, Field, GroupKey, Grouping, Result, Slice, Snapshot, TimeRange,
    near_misses,
};

use crate::{
    condition::{By, Filter, GroupValue, Operator},
    gather,
    limits::{GROUPS_MAX, RESULTS_MAX},
    report::Scope,
};

/// Values that an error names of a column.
const VALUES_NAMED_MAX: usize = 10;
/// The key of `by` that tells versions apart; it is no column.
const VERSION: &str = "version";

/// A group of rows.
pub(crate) type Group = Vec<GroupValue>;

/// The rows that a scope is about.
///
/// # Errors
/// `NotFound` for a model, version or column that does not exist, and for a condition that no row of
/// the interval meets; `InvalidArgument` for one that its column cannot meet.
pub(crate) fn snapshot(db: &Db, scope: &Scope) -> Result<Snapshot> {
    snapshot_in(db, scope, scope.range())
}

/// The same of another interval of event time than the scope's.
pub(crate) fn snapshot_in(db: &Db, scope: &Scope, range: TimeRange) -> Result<Snapshot> {
    let snapshot = db.snapshot(&scope.model, scope.version.as_deref())?;
    if scope.conditions.is_empty() {
        return Ok(snapshot);
    }
    narrow_in(&snapshot, &scope.conditions, (scope, range), "where")
}

/// The rows of a snapshot that meet conditions, which were asked for in a field of the request.
///
/// # Errors
/// As for [`snapshot`].
pub(crate) fn narrow(
    snapshot: &Snapshot,
    conditions: &[Filter],
    scope: &Scope,
    asked_in: &'static str,
) -> Result<Snapshot> {
    narrow_in(snapshot, conditions, (scope, scope.range()), asked_in)
}

/// The same, with rows in another interval of event time than the scope's.
fn narrow_in(
    snapshot: &Snapshot,
    conditions: &[Filter],
    (scope, range): (&Scope, TimeRange),
    asked_in: &'static str,
) -> Result<Snapshot> {
    if conditions.is_empty() {
        return Ok(snapshot.clone());
    }
    let kept = meeting(snapshot, conditions, scope, asked_in)?;
    check_rows(snapshot, &kept, conditions, (scope, range), asked_in)?;
    Ok(kept)
}

/// As [`narrow`], which may leave no row.
pub(crate) fn meeting(
    snapshot: &Snapshot,
    conditions: &[Filter],
    scope: &Scope,
    asked_in: &'static str,
) -> Result<Snapshot> {
    Filter::check_count(conditions)?;
    let (versions, columns): (Vec<&Filter>, Vec<&Filter>) =
        conditions.iter().partition(|filter| filter.column == VERSION);
    let mut kept = snapshot.clone();
    for filter in versions {
        let is = match filter.operator {
            Operator::Equal => true,
            Operator::NotEqual => false,
            _ => {
                let text = format!("{filter}: a version is compared by = or !=");
                return Err(Error::invalid(asked_in, text));
            }
        };
        kept.parts.retain(|part| (part.version() == filter.value) == is);
    }
    let mut slice = Slice::default();
    for filter in columns {
        let field = field(asked_in, &filter.column, snapshot, scope)?;
        slice.conditions.push(filter.condition(&field)?);
    }
    Ok(kept.restrict(&Arc::new(slice)))
}

/// How a side is named.
pub(crate) fn side_name(filters: &[Filter]) -> String {
    filters.iter().map(Filter::to_string).collect::<Vec<_>>().join(" and ")
}

/// Checks that both sides have rows and differ.
pub(crate) fn check_sides(
    snapshot: &Snapshot,
    scope: &Scope,
    a: &[Filter],
    b: &[Filter],
) -> Result<()> {
    for (field, filters) in [("a", a), ("b", b)] {
        if filters.is_empty() {
            let text = "is required: say what its predictions hold, as in version=v1";
            return Err(Error::invalid(field, text));
        }
        narrow(snapshot, filters, scope, field)?;
    }
    if a == b {
        let text = format!("{} is the other side too; the sides must differ", side_name(b));
        return Err(Error::invalid("b", text));
    }
    Ok(())
}

/// The groups of a scope that are there in an interval of event time, at most [`GROUPS_MAX`], in the
/// order of their values; none if it asks for none.
///
/// # Errors
/// As for [`snapshot`], and `ResourceExhausted` past the bound.
pub(crate) fn groups(
    snapshot: &Snapshot,
    scope: &Scope,
    range: TimeRange,
) -> Result<Vec<(Group, Snapshot)>> {
    if scope.by.is_empty() {
        return Ok(Vec::new());
    }
    let mut groups = vec![(Group::new(), snapshot.clone())];
    for by in &scope.by {
        by.check()?;
        let mut finer = Vec::new();
        for (group, snapshot) in groups {
            for (value, part) in split(&snapshot, by, range, scope)? {
                let mut group = group.clone();
                group.push(GroupValue { column: by.column.clone(), value });
                finer.push((group, part));
            }
        }
        if finer.len() > GROUPS_MAX {
            let text = format!(
                "{} groups are more than {GROUPS_MAX}; choose a column with fewer values, or \
                 single values of it by a condition",
                finer.len()
            );
            return Err(Error::new(ErrorKind::ResourceExhausted, text));
        }
        groups = finer;
    }
    Ok(groups)
}

/// An answer that groups may have each for themselves.
pub(crate) trait OfGroup {
    /// Its results, as [`RESULTS_MAX`] counts them.
    fn results(&self) -> usize;
}

/// An answer of all rows of a scope, and one of each of its groups.
pub(crate) fn of_groups<R: OfGroup>(
    snapshot: &Snapshot,
    scope: &Scope,
    ask: impl Fn(&Snapshot, &Scope) -> Result<R>,
) -> Result<(R, Vec<R>)> {
    of_groups_in(snapshot, scope, scope.range(), ask)
}

/// The same with the groups of another interval of event time than the scope's.
pub(crate) fn of_groups_in<R: OfGroup>(
    snapshot: &Snapshot,
    scope: &Scope,
    range: TimeRange,
    ask: impl Fn(&Snapshot, &Scope) -> Result<R>,
) -> Result<(R, Vec<R>)> {
    let whole = ask(snapshot, scope)?;
    let one = |(group, rows): (Group, Snapshot)| {
        let scope = Scope { by: Vec::new(), group, ..scope.clone() };
        ask(&rows, &scope)
    };
    let groups = groups(snapshot, scope, range)?;
    check_groups(whole.results(), groups.len())?;
    let groups = groups.into_iter().map(one).collect::<Result<_>>()?;
    Ok((whole, groups))
}

/// Refuses more results than one answer may have: each group has as many as all rows.
fn check_groups(results: usize, groups: usize) -> Result<()> {
    if results.saturating_mul(groups.saturating_add(1)) <= RESULTS_MAX {
        return Ok(());
    }
    let text = format!(
        "{groups} groups of {results} results each are more than {RESULTS_MAX} in one answer; choose \
         a longer step, fewer features or fewer groups"
    );
    Err(Error::new(ErrorKind::ResourceExhausted, text))
}

fn split(
    snapshot: &Snapshot,
    by: &By,
    range: TimeRange,
    scope: &Scope,
) -> Result<Vec<(Option<String>, Snapshot)>> {
    if by.column == VERSION {
        let mut versions: std::collections::BTreeMap<String, Snapshot> = Default::default();
        for part in snapshot.parts.iter().filter(|part| part.range().overlaps(range)) {
            let of_version = versions
                .entry(part.version().to_owned())
                .or_insert_with(|| Snapshot { model: snapshot.model.clone(), parts: Vec::new() });
            of_version.parts.push(part.clone());
        }
        return Ok(versions.into_iter().map(|(name, rows)| (Some(name), rows)).collect());
    }
    let field = field("by", &by.column, snapshot, scope)?;
    let groups = snapshot.split(&field, &by.grouping(&field)?, range, GROUPS_MAX)?;
    let named = |(key, rows)| match key {
        GroupKey::Text(text) => (Some(text), rows),
        GroupKey::Test(place) => (Some(by.band_name(place)), rows),
        GroupKey::Null => (None, rows),
    };
    Ok(groups.into_iter().map(named).collect())
}

/// A column of the model or of a version that is there.
pub(crate) fn field(
    asked_in: &'static str,
    name: &str,
    snapshot: &Snapshot,
    scope: &Scope,
) -> Result<Field> {
    let known = snapshot.model.schema_of(scope.version.as_deref()).map(|schema| &**schema);
    let schemas = || known.into_iter().chain(snapshot.parts.iter().map(|part| part.schema()));
    let found = schemas().find_map(|schema| schema.fields().find(|(known, _)| *known == name));
    if let Some((name, kind)) = found {
        return Ok(Field { name: name.to_owned(), kind });
    }
    let mut names: Vec<&str> = schemas().flat_map(|s| s.fields().map(|(name, _)| name)).collect();
    names.sort_unstable();
    names.dedup();
    let near = near_misses(name, names.iter().copied());
    let hint = match near.is_empty() {
        true => {
            format!("; it has {}", names.iter().take(20).copied().collect::<Vec<_>>().join(", "))
        }
        false => near,
    };
    let text = format!("the model has no column {name:?}{hint}");
    Err(Error::not_found(asked_in, name, text))
}

/// Refuses a slice without rows where there are rows to have: most often a value is misspelt.
fn check_rows(
    all: &Snapshot,
    sliced: &Snapshot,
    conditions: &[Filter],
    (scope, range): (&Scope, TimeRange),
    asked_in: &'static str,
) -> Result<()> {
    let count = |snapshot: &Snapshot| -> Result<(u64, bool)> {
        let (rows, missing, _) = gather::predictions(snapshot, &[range])?;
        Ok((rows.iter().sum(), missing.is_empty()))
    };
    let (found, complete) = count(sliced)?;
    if found > 0 || !complete || count(all)?.0 == 0 {
        return Ok(());
    }
    let asked: Vec<String> = conditions.iter().map(Filter::to_string).collect();
    let mut hints = Vec::new();
    for filter in conditions {
        let texts = values(all, &filter.column, range, scope, asked_in)?;
        if !texts.is_empty() {
            hints.push(format!("{:?} has {} there", filter.column, texts.join(", ")));
        }
    }
    let hint = if hints.is_empty() { String::new() } else { format!("; {}", hints.join("; ")) };
    let text = format!("no row of the interval has {}{hint}", asked.join(" and "));
    Err(Error::not_found(asked_in, asked.join(" and "), text))
}

/// Some values of a column of texts in an interval, or of `version`, for an error to name; none of
/// numbers.
fn values(
    all: &Snapshot,
    column: &str,
    range: TimeRange,
    scope: &Scope,
    asked_in: &'static str,
) -> Result<Vec<String>> {
    if column == VERSION {
        let parts = all.parts.iter().filter(|part| part.range().overlaps(range));
        let versions: std::collections::BTreeSet<&str> = parts.map(|part| part.version()).collect();
        let some = versions.into_iter().take(VALUES_NAMED_MAX);
        return Ok(some.map(|version| format!("{version:?}")).collect());
    }
    let field = field(asked_in, column, all, scope)?;
    if field.kind.is_numeric() {
        return Ok(Vec::new());
    }
    let Ok(values) = all.split(&field, &Grouping::Values, range, GROUPS_MAX) else {
        return Ok(Vec::new());
    };
    let texts = values.into_iter().filter_map(|(key, _)| match key {
        GroupKey::Text(text) => Some(format!("{text:?}")),
        _ => None,
    });
    Ok(texts.take(VALUES_NAMED_MAX).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_share_the_bound_of_one_answer() {
        assert!(check_groups(RESULTS_MAX, 0).is_ok());
        assert!(check_groups(RESULTS_MAX / 5, 4).is_ok());
        let error = check_groups(RESULTS_MAX / 5, 5).expect_err("one group more");
        assert_eq!(error.kind(), ErrorKind::ResourceExhausted);
        assert!(check_groups(usize::MAX, 2).is_err());
    }
}
