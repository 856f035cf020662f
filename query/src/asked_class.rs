//! The class that a question about shares is about: the one that was asked for, or the positive one.

use driftline_storage::{Db, Error, OutcomeTally, Result, Snapshot, Task, near_misses};

use crate::{
    columns::Columns,
    performance::{known_classes, positive_class},
    report::Scope,
};

/// Classes that an error names.
const CLASSES_NAMED_MAX: usize = 20;

/// What the model of a scope predicts; that of a version if it has its own.
pub(crate) fn task(snapshot: &Snapshot, scope: &Scope) -> Task {
    let schema = snapshot.model.schema_of(scope.version.as_deref());
    let schema = schema.map(|schema| &**schema);
    let schema = schema.or_else(|| snapshot.parts.first().map(|part| part.schema()));
    schema.map_or(Task::Binary, |schema| schema.task)
}

/// The class that was asked for; without one the positive class of a binary model. `predictions` has
/// the column of what was predicted.
///
/// # Errors
/// `InvalidArgument` where none was asked for and none is the positive one, `NotFound` for one that
/// neither the reference nor the interval has.
pub(crate) fn asked_class(
    db: &Db,
    scope: &Scope,
    snapshot: &Snapshot,
    outcomes: &[OutcomeTally],
    predictions: &Columns,
    asked: Option<&str>,
) -> Result<String> {
    let mut classes = known_classes(db, scope, outcomes)?;
    classes.extend(predictions.new_names(0));
    classes.sort_unstable();
    classes.dedup();
    let named = || {
        let named = classes.iter().take(CLASSES_NAMED_MAX).map(|class| format!("{class:?}"));
        named.collect::<Vec<_>>().join(", ")
    };
    let Some(asked) = asked else {
        let positive = match task(snapshot, scope) {
            Task::Binary => positive_class(snapshot, scope.version.as_deref(), &classes).ok(),
            Task::Multiclass | Task::Regression => None,
        };
        return positive.ok_or_else(|| {
            let text = format!(
                "is required, as the model declares no positive class and has not two classes; \
                 known are {}",
                named()
            );
            Error::invalid("class", text)
        });
    };
    let declared = positive_class(snapshot, scope.version.as_deref(), &[]);
    if declared.as_deref() == Ok(asked) || classes.iter().any(|class| class == asked) {
        return Ok(asked.to_owned());
    }
    let near = near_misses(asked, classes.iter().map(String::as_str));
    let hint = if near.is_empty() { format!("; known are {}", named()) } else { near };
    let text = format!("no prediction or label is of class {asked:?}{hint}");
    Err(Error::not_found("class", asked, text))
}
