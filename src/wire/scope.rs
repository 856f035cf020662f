//! What a question is about: model, interval, slice and groups.

use driftline_proto::v1;
use driftline_query::{By, Filter, GroupValue, Operator, Scope};
use driftline_storage::{Error, Result};

use super::{required, time};

/// Operators and their numbers on the wire.
const OPERATORS: [(Operator, v1::SliceOperator); 8] = [
    (Operator::Equal, v1::SliceOperator::Equal),
    (Operator::NotEqual, v1::SliceOperator::NotEqual),
    (Operator::Less, v1::SliceOperator::Less),
    (Operator::LessOrEqual, v1::SliceOperator::LessOrEqual),
    (Operator::Greater, v1::SliceOperator::Greater),
    (Operator::GreaterOrEqual, v1::SliceOperator::GreaterOrEqual),
    (Operator::IsNull, v1::SliceOperator::IsNull),
    (Operator::IsNotNull, v1::SliceOperator::IsNotNull),
];

/// Reads a scope.
pub(super) fn scope(scope: Option<v1::Scope>) -> Result<Scope> {
    let scope = required("scope", scope)?;
    if scope.model.is_empty() {
        return Err(Error::invalid("scope.model", "is required"));
    }
    if scope.version.as_deref() == Some("") {
        return Err(Error::invalid("scope.version", "must be a name, or absent for all versions"));
    }
    Ok(Scope {
        model: scope.model,
        version: scope.version,
        from: time::micros("scope.start_time", scope.start_time)?,
        to: time::micros("scope.end_time", scope.end_time)?,
        step: scope.step.map(|step| time::length("scope.step", step)).transpose()?,
        conditions: scope.conditions.into_iter().map(condition).collect::<Result<_>>()?,
        by: scope.group_by.into_iter().map(by).collect::<Result<_>>()?,
        group: group(scope.group),
    })
}

/// A scope for the wire.
pub(super) fn write_scope(scope: &Scope) -> v1::Scope {
    let by = |by: &By| v1::GroupBy { column: by.column.clone(), bands: by.bands.clone() };
    v1::Scope {
        model: scope.model.clone(),
        version: scope.version.clone(),
        start_time: Some(time::edge(scope.from)),
        end_time: Some(time::edge(scope.to)),
        step: scope.step.map(time::duration),
        conditions: scope.conditions.iter().map(write_condition).collect(),
        group_by: scope.by.iter().map(by).collect(),
        group: write_group(&scope.group),
    }
}

/// Reads which group an answer is about.
pub(super) fn group(group: Vec<v1::GroupValue>) -> Vec<GroupValue> {
    let value = |value: v1::GroupValue| GroupValue { column: value.column, value: value.value };
    group.into_iter().map(value).collect()
}

/// A group for the wire.
pub(super) fn write_group(group: &[GroupValue]) -> Vec<v1::GroupValue> {
    let value = |value: &GroupValue| v1::GroupValue {
        column: value.column.clone(),
        value: value.value.clone(),
    };
    group.iter().map(value).collect()
}

pub(super) fn condition(condition: v1::SliceCondition) -> Result<Filter> {
    let known = v1::SliceOperator::try_from(condition.operator).ok();
    let operator = OPERATORS.iter().find(|(_, wire)| Some(*wire) == known);
    let Some((operator, _)) = operator else {
        let text = format!("{} is not an operator", condition.operator);
        return Err(Error::invalid("scope.conditions.operator", text));
    };
    if condition.column.is_empty() {
        return Err(Error::invalid("scope.conditions.column", "is required"));
    }
    if !operator.has_value() && !condition.value.is_empty() {
        let text = format!("{:?} has no use with{}", condition.value, operator.text());
        return Err(Error::invalid("scope.conditions.value", text));
    }
    Ok(Filter { column: condition.column, operator: *operator, value: condition.value })
}

pub(super) fn write_condition(filter: &Filter) -> v1::SliceCondition {
    let operator = OPERATORS.iter().find(|(operator, _)| *operator == filter.operator);
    v1::SliceCondition {
        column: filter.column.clone(),
        operator: operator.map_or(0, |(_, wire)| (*wire).into()),
        value: filter.value.clone(),
    }
}

fn by(by: v1::GroupBy) -> Result<By> {
    if by.column.is_empty() {
        return Err(Error::invalid("scope.group_by.column", "is required"));
    }
    Ok(By { column: by.column, bands: by.bands })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_comes_back() {
        let filter = |operator: Operator| Filter {
            column: "a".to_owned(),
            operator,
            value: if operator.has_value() { "x".to_owned() } else { String::new() },
        };
        let value = |value: Option<&str>| GroupValue {
            column: "c".to_owned(),
            value: value.map(str::to_owned),
        };
        let asked = Scope {
            model: "m".to_owned(),
            version: Some("v".to_owned()),
            from: -5,
            to: 7_200_000_000,
            step: Some(3_600_000_000),
            conditions: Operator::ALL.map(filter).to_vec(),
            by: vec![By { column: "c".to_owned(), bands: vec![1.0, 2.5] }],
            group: vec![value(None), value(Some(""))],
        };
        assert_eq!(scope(Some(write_scope(&asked))).expect("valid"), asked);
    }

    #[test]
    fn a_condition_without_operator_is_refused() {
        let mut wire = v1::SliceCondition { column: "a".to_owned(), ..Default::default() };
        let error = condition(wire.clone()).expect_err("no operator");
        assert!(error.to_string().contains("scope.conditions.operator"), "{error}");
        wire.operator = v1::SliceOperator::IsNull.into();
        wire.value = "x".to_owned();
        assert!(condition(wire).is_err());
    }
}
