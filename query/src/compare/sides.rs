//! The variants that are compared with a baseline.

use driftline_storage::{Error, ErrorKind, Result, Snapshot};

use crate::{
    report::Scope,
    slice::{self, Group},
};

/// The groups of the scope by name, and the place of the baseline.
pub(super) fn variants(
    snapshot: &Snapshot,
    scope: &Scope,
    baseline: &str,
) -> Result<(Vec<(String, Snapshot)>, usize)> {
    let [by] = scope.by.as_slice() else {
        let text = format!(
            "{} columns tell variants apart, it must be one, as in version or variant",
            scope.by.len()
        );
        return Err(Error::invalid("by", text));
    };
    let name = |(group, rows): (Group, Snapshot)| {
        let value = group.into_iter().next().and_then(|value| value.value)?;
        Some((value, rows))
    };
    let sides: Vec<_> =
        slice::groups(snapshot, scope, scope.range())?.into_iter().filter_map(name).collect();
    let names: Vec<String> = sides.iter().map(|(name, _)| format!("{name:?}")).collect();
    let found = sides.iter().position(|(name, _)| name == baseline);
    match (found, sides.len()) {
        (_, 0) => {
            let text = format!("no prediction of the interval has a value of {:?}", by.column);
            Err(Error::new(ErrorKind::FailedPrecondition, text))
        }
        (None, _) => {
            let text = format!(
                "{:?} has no value {baseline:?} in this interval; it has {}",
                by.column,
                names.join(", ")
            );
            Err(Error::not_found("baseline", baseline, text))
        }
        (Some(_), 1) => {
            let text = format!(
                "{:?} has only {} in this interval; there is nothing to compare it with",
                by.column,
                names.join(", ")
            );
            Err(Error::new(ErrorKind::FailedPrecondition, text))
        }
        (Some(place), _) => Ok((sides, place)),
    }
}
