//! Whether rules fit the models that they are about: models, versions, features, references and
//! labels that are not there are found when a rule is written.

use std::{collections::BTreeMap, sync::Arc};

use driftline_storage::{
    DAY_MICROS, ErrorKind, Field, ModelRecord, ReferenceSource, Result, Schema, Task, near_misses,
};

use crate::{
    duration::format_duration,
    figure::{ColumnFigure, Figure},
    mistake::{Mistake, Mistakes},
    models::{KnownReference, Models, reference_of},
    rule::{Measure, Rule},
    rule_set::RuleSet,
};

/// Checks all rules of a set against their models.
///
/// # Errors
/// Those of `models` but what is not found, which is a mistake of the rule. Mistakes come inside.
pub fn check(set: &RuleSet, models: &dyn Models) -> Result<Result<(), Mistakes>> {
    let mut known = Known { models, found: BTreeMap::new() };
    let mut mistakes = Vec::new();
    for rule in &set.rules {
        if let Some(measure) = rule.measure() {
            known.check(rule, measure, &mut mistakes)?;
        }
    }
    Ok(if mistakes.is_empty() { Ok(()) } else { Err(Mistakes(mistakes)) })
}

/// What is known of a model; a text is why it is not.
#[derive(Clone)]
struct Found {
    record: Arc<ModelRecord>,
    references: Vec<KnownReference>,
    has_labels: bool,
}

/// Models that were asked for, each once.
struct Known<'a> {
    models: &'a dyn Models,
    found: BTreeMap<String, std::result::Result<Found, String>>,
}

impl Known<'_> {
    fn find(&mut self, model: &str) -> Result<std::result::Result<Found, String>> {
        if let Some(found) = self.found.get(model) {
            return Ok(found.clone());
        }
        let found = match self.models.model(model) {
            Ok(record) => Ok(Found {
                record,
                references: self.models.references(model)?,
                has_labels: self.models.has_labels(model)?,
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(error.to_string()),
            Err(error) => return Err(error),
        };
        self.found.insert(model.to_owned(), found.clone());
        Ok(found)
    }

    fn check(&mut self, rule: &Rule, measure: &Measure, all: &mut Vec<Mistake>) -> Result<()> {
        let mut wrong = Wrong { rule: &rule.name, all };
        let found = match self.find(&measure.model)? {
            Ok(found) => found,
            Err(problem) => {
                wrong.tell("model", format!("{:?}", measure.model), problem);
                return Ok(());
            }
        };
        if !check_version(&found, measure, &mut wrong) {
            return Ok(());
        }
        match found.record.known_schema(measure.version.as_deref()) {
            Ok(schema) => {
                check_task(&schema, measure, &mut wrong);
                check_slice(&schema, measure, &mut wrong);
                check_features(&schema, measure, &mut wrong);
            }
            Err(error) => wrong.tell("model", format!("{:?}", measure.model), error.to_string()),
        }
        check_reference(&found, rule, measure, &mut wrong);
        if measure.figure.needs_labels() && !found.has_labels {
            let text = format!(
                "needs labels, and no prediction of model {:?} has one; import labels first, or \
                 watch drift",
                measure.model
            );
            wrong.tell("metric", format!("{:?}", measure.figure.name()), text);
        }
        check_window(&found, measure, &mut wrong);
        Ok(())
    }
}

/// Tells mistakes of a rule.
struct Wrong<'a> {
    rule: &'a str,
    all: &'a mut Vec<Mistake>,
}

impl Wrong<'_> {
    fn tell(&mut self, key: &str, value: String, problem: String) {
        let place = format!("rule {:?}", self.rule);
        self.all.push(Mistake::new(place, key, value, problem));
    }
}

/// Whether the version is there, or none is named.
fn check_version(found: &Found, measure: &Measure, wrong: &mut Wrong<'_>) -> bool {
    let Some(version) = &measure.version else { return true };
    let known: Vec<&str> = found.record.versions.keys().map(String::as_str).collect();
    if known.contains(&version.as_str()) {
        return true;
    }
    let near = near_misses(version, known.iter().copied());
    let known = if near.is_empty() { format!("; it has {}", known.join(", ")) } else { near };
    let text = format!("model {:?} has no such version{known}", measure.model);
    wrong.tell("version", format!("{version:?}"), text);
    false
}

fn check_task(schema: &Schema, measure: &Measure, wrong: &mut Wrong<'_>) {
    let Figure::Performance(metric) = measure.figure else { return };
    if !metric.suits(schema.task) {
        let fitting = driftline_query::Metric::ALL.into_iter().filter(|m| m.suits(schema.task));
        let names: Vec<&str> = fitting.map(driftline_query::Metric::name).collect();
        let text = format!(
            "a {} model has no {}; it has {}",
            schema.task.name(),
            metric.name(),
            names.join(", ")
        );
        wrong.tell("metric", format!("{:?}", metric.name()), text);
    } else if metric.is_by_class() && measure.class.is_none() && schema.task == Task::Multiclass {
        let text = "is needed: a model of several classes has one value for each; write class = \
                    \"macro\" or the name of a class";
        wrong.tell("class", String::new(), text.to_owned());
    }
}

fn check_slice(schema: &Schema, measure: &Measure, wrong: &mut Wrong<'_>) {
    for filter in &measure.slice {
        let known = filter.column == "version"
            || schema.fields().any(|(name, _)| name == filter.column.as_str());
        if !known {
            let near = near_misses(&filter.column, schema.fields().map(|(name, _)| name));
            let text = format!("names no column of model {:?}{near}", measure.model);
            wrong.tell("slice", format!("{:?}", filter.to_string()), text);
        }
    }
}

fn check_features(schema: &Schema, measure: &Measure, wrong: &mut Wrong<'_>) {
    let columns = schema.monitored();
    for name in &measure.features {
        if let Err(error) = schema.monitored_index(name) {
            wrong.tell("feature", format!("{name:?}"), error.to_string());
            continue;
        }
        let Some(column) = columns.iter().find(|column| column.name == *name) else { continue };
        if let Some(kind) = unfit(measure.figure, column) {
            let text = format!("is {kind}, and {} is of none such", measure.figure.name());
            wrong.tell("feature", format!("{name:?}"), text);
        }
    }
    let fits = |column: &Field| unfit(measure.figure, column).is_none();
    if measure.figure.is_by_feature() && !columns.iter().any(fits) {
        let text = format!("no column of model {:?} can have it", measure.model);
        wrong.tell("metric", format!("{:?}", measure.figure.name()), text);
    }
}

/// The kind of a column that cannot have the figure.
fn unfit(figure: Figure, column: &Field) -> Option<&'static str> {
    let numeric = column.kind.is_numeric();
    let needs_number = match figure {
        Figure::Drift(method) | Figure::DriftShare(method) => method.is_of_numbers(),
        Figure::Column(figure) => figure.is_of_numbers(),
        _ => false,
    };
    let needs_category = matches!(figure, Figure::Column(ColumnFigure::UnseenRate));
    ((needs_number && !numeric) || (needs_category && numeric)).then(|| column.kind.name())
}

fn check_reference(found: &Found, rule: &Rule, measure: &Measure, wrong: &mut Wrong<'_>) {
    let wants = measure.figure.needs_reference()
        || rule.when.needs_reference()
        || measure.reference.is_some();
    if !wants || measure.baseline.is_some() {
        return;
    }
    let reference = reference_of(&found.references, measure);
    match (reference, &measure.reference) {
        (None, Some(name)) => {
            let known: Vec<&str> =
                found.references.iter().map(|reference| reference.name.as_str()).collect();
            let near = near_misses(name, known.iter().copied());
            let known =
                if near.is_empty() { format!("; it has {}", known.join(", ")) } else { near };
            let text = format!("model {:?} has no such reference{known}", measure.model);
            wrong.tell("reference", format!("{name:?}"), text);
        }
        (None, None) => {
            let text = format!(
                "compares with a reference, and model {:?} has none; make one with driftline \
                 reference set or pin",
                measure.model
            );
            wrong.tell("metric", format!("{:?}", measure.figure.name()), text);
        }
        (Some(reference), _) => {
            let from_rows = reference.source == ReferenceSource::Rows;
            let is_profile = matches!(measure.figure, Figure::Column(_));
            if rule.when.needs_reference() && !is_profile && from_rows {
                let text = format!(
                    "compares with {} of reference {:?}, whose uploaded rows have no labels and no \
                     time; add baseline = [FROM, TO], or pin a reference",
                    measure.figure.name(),
                    reference.name
                );
                wrong.tell("when", format!("{:?}", rule.when.to_string()), text);
            }
        }
    }
}

fn check_window(found: &Found, measure: &Measure, wrong: &mut Wrong<'_>) {
    let retention = &found.record.retention;
    let reads_rows = measure.exact
        || matches!(measure.figure, Figure::Performance(metric) if metric.reads_rows());
    let levels =
        [("rows", retention.rows_days.filter(|_| reads_rows)), ("counts", retention.days_days)];
    for (level, days) in levels {
        let Some(days) = days else { continue };
        let kept = i64::from(days).saturating_mul(DAY_MICROS);
        let wanted = measure.window.saturating_add(measure.lateness);
        if wanted > kept {
            let text = format!(
                "with its lateness reaches {} back, and {level} of model {:?} are kept for {days} \
                 days; choose a shorter window",
                format_duration(wanted),
                measure.model
            );
            wrong.tell("window", format!("{:?}", format_duration(measure.window)), text);
        }
    }
}

#[cfg(test)]
mod tests;
