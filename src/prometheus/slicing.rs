//! The labels that choose rows: `by` tells the values of a column apart, `where` keeps some rows.

use driftline_promql::{Error, Operator as Compares, Result, Selector};
use driftline_query::{By, Filter, Operator};
use driftline_storage::ModelRecord;

use super::{told::told, window::wanted};

/// The label of the column whose values are told apart.
pub(super) const BY: &str = "by";
/// The label of one of these values.
pub(super) const SLICE: &str = "slice";
/// The label of conditions on rows.
pub(super) const WHERE: &str = "where";
/// What stands between conditions.
pub(super) const AND: &str = " and ";
/// The slice of rows without a value.
pub(super) const NULL: &str = "null";

/// Which rows a question is about.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Slicing {
    /// As the labels have them; empty for all rows.
    pub(super) by: String,
    pub(super) condition: String,
    pub(super) groups: Vec<By>,
    pub(super) conditions: Vec<Filter>,
    /// Whether partials count it: all rows, versions, and single values of a declared column.
    pub(super) is_counted: bool,
}

/// The slicings of a model that a selector means: all rows unless a matcher says otherwise. A regular
/// expression of `by` is tried against the declared slices of the model and its own alternatives.
///
/// # Errors
/// `BadData` for a column with bands, or a condition, that does not read.
pub(super) fn slicings(model: &ModelRecord, selector: &Selector) -> Result<Vec<Slicing>> {
    let declared: Vec<&str> =
        std::iter::once("").chain(model.slices.iter().map(String::as_str)).collect();
    // An alternative of a regular expression is a column if it has none of its signs.
    let is_plain = |by: By| by.column.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    let by = wanted(selector, BY, &[""], &declared, |text| By::parse(text).is_ok_and(is_plain));
    let kept = wanted(selector, WHERE, &[""], &[""], |text| read_conditions(text).is_ok());
    let mut found = Vec::new();
    for condition in &kept {
        let conditions = read_conditions(condition)?;
        for column in &by {
            let groups = match column.as_str() {
                "" => Vec::new(),
                column => vec![By::parse(column).map_err(told)?],
            };
            let is_counted = is_counted(model, &groups, &conditions);
            let (by, condition, conditions) =
                (column.clone(), condition.clone(), conditions.clone());
            found.push(Slicing { by, condition, groups, conditions, is_counted });
        }
    }
    Ok(found)
}

/// Says what is missing where a slice is asked for of no column.
pub(super) fn mistake(selector: &Selector) -> Option<String> {
    let names_slice = selector
        .of(SLICE)
        .any(|matcher| matches!(matcher.operator, Compares::Equal | Compares::Matches(_)));
    let lacks = names_slice && !selector.allows(SLICE, "") && !selector.asks(BY);
    lacks.then(|| {
        "a slice is a value of a column: say which column by a matcher, such as by=\"country\""
            .to_owned()
    })
}

fn read_conditions(text: &str) -> Result<Vec<Filter>> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let read = |one: &str| {
        Filter::parse(one).map_err(|error| {
            let error = told(error);
            Error::new(error.kind(), format!("where={text:?}: {error}"))
        })
    };
    text.split(AND).map(read).collect()
}

fn is_counted(model: &ModelRecord, groups: &[By], conditions: &[Filter]) -> bool {
    let is_declared = |column: &str| model.slices.iter().any(|known| known == column);
    match (groups, conditions) {
        ([], []) => true,
        ([by], []) => by.column == "version" || by.bands.is_empty() && is_declared(&by.column),
        ([], [one]) => {
            one.column == "version" || one.operator == Operator::Equal && is_declared(&one.column)
        }
        _ => false,
    }
}
