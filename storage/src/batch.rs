//! Batches: the only shapes in which predictions and labels enter the database.
//!
//! A batch is checked as a whole before anything is stored: either all of its rows obey the rules
//! or the batch is refused with the places where it does not.

use crate::{
    column::{Categories, Column, NULL_CODE, is_null},
    error::{Error, Result, Violation},
    id_column::Ids,
    limits,
    schema::{Kind, LATENCY, Schema},
    time::{TIME_MAX, TIME_MIN},
};

/// The time of a label whose time is not known: any label with a time wins over it.
pub const LABEL_TIME_UNKNOWN: i64 = TIME_MIN;

/// Violations listed in one error; more would only repeat.
const VIOLATIONS_MAX: usize = 20;

/// Predictions of one model version, column by column.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PredictionBatch {
    /// Prediction ids.
    pub ids: Ids,
    /// Event times in microseconds.
    pub times: Vec<i64>,
    /// One column per entry of [`Schema::columns`], in its order; tags may be left out from the last
    /// on, which are then null.
    pub columns: Vec<Column>,
}

impl PredictionBatch {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Checks lengths, kinds, times and values against the schema.
    ///
    /// # Errors
    /// `InvalidArgument` with up to 20 violations that name row, field, value and rule.
    pub fn validate(&self, schema: &Schema) -> Result<()> {
        if self.len() > limits::BATCH_ROWS_MAX {
            let text =
                format!("{} rows, a batch has at most {}", self.len(), limits::BATCH_ROWS_MAX);
            return Err(Error::invalid("rows", text));
        }
        if self.bytes() > limits::BATCH_BYTES_MAX {
            let text = format!(
                "{} bytes, a batch has at most {}; send fewer rows at a time",
                self.bytes(),
                limits::BATCH_BYTES_MAX
            );
            return Err(Error::invalid("rows", text));
        }
        check_rows(schema, &self.ids, &self.times, &self.columns)
    }

    /// The rows of a selection, in its order.
    pub fn take(&self, rows: &[u32]) -> Self {
        Self {
            ids: self.ids.take(rows),
            times: rows.iter().filter_map(|r| self.times.get(*r as usize)).copied().collect(),
            columns: self.columns.iter().map(|column| column.take(rows)).collect(),
        }
    }

    /// Adds the tags that are left out, as nulls.
    pub(crate) fn widen(&mut self, columns: usize) {
        widen(&mut self.columns, columns, self.times.len());
    }

    /// Appends the rows of a batch of the same schema.
    pub(crate) fn append(&mut self, other: &Self) {
        self.ids.append(&other.ids);
        self.times.extend_from_slice(&other.times);
        for (mine, theirs) in self.columns.iter_mut().zip(&other.columns) {
            mine.append(theirs);
        }
    }

    /// Approximate bytes in memory.
    pub fn bytes(&self) -> usize {
        self.ids.bytes()
            + self.times.len() * 8
            + self.columns.iter().map(Column::bytes).sum::<usize>()
    }
}

/// Labels of one model, of any of its versions.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelBatch {
    /// Ids of the predictions that the labels belong to.
    pub ids: Ids,
    /// When each label became known, in microseconds.
    pub times: Vec<i64>,
    /// The truth: categories for a classification, numbers for a regression. Never null.
    pub truths: Column,
}

impl LabelBatch {
    /// Number of labels.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there is no label.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Checks lengths, kinds, times and values.
    ///
    /// # Errors
    /// `InvalidArgument` with up to 20 violations that name row, field, value and rule.
    pub fn validate(&self, schema: &Schema) -> Result<()> {
        if self.len() > limits::BATCH_ROWS_MAX {
            let text =
                format!("{} rows, a batch has at most {}", self.len(), limits::BATCH_ROWS_MAX);
            return Err(Error::invalid("rows", text));
        }
        if self.bytes() > limits::BATCH_BYTES_MAX {
            let text = format!(
                "{} bytes, a batch has at most {}; send fewer labels at a time",
                self.bytes(),
                limits::BATCH_BYTES_MAX
            );
            return Err(Error::invalid("rows", text));
        }
        let mut found = Vec::new();
        check_shape(self.ids.len(), self.len(), &mut found);
        check_times("label_ts", &self.times, &mut found);
        check_column(&self.truths, ("label", schema.outcome_kind()), self.len(), &mut found);
        for row in 0..self.len() {
            let bad = match &self.truths {
                Column::Numeric(values) => values.get(row).is_some_and(|v| !v.is_finite()),
                Column::Categories(column) => column.text(row).is_none(),
            };
            if bad {
                push(&mut found, row, "label", "is null or not finite, a label must have a value");
            }
        }
        finish(found)
    }

    /// Approximate bytes in memory.
    pub fn bytes(&self) -> usize {
        self.ids.bytes() + self.times.len() * 8 + self.truths.bytes()
    }

    /// The labels of a selection, in its order.
    pub fn take(&self, rows: &[u32]) -> Self {
        Self {
            ids: self.ids.take(rows),
            times: rows.iter().filter_map(|r| self.times.get(*r as usize)).copied().collect(),
            truths: self.truths.take(rows),
        }
    }
}

/// Adds columns of nulls until there are as many as asked for: tags that rows came without.
pub(crate) fn widen(columns: &mut Vec<Column>, count: usize, rows: usize) {
    while columns.len() < count {
        columns.push(Column::nulls(false, rows));
    }
}

/// Checks rows of any number against the schema, see [`PredictionBatch::validate`].
pub(crate) fn check_rows(
    schema: &Schema,
    ids: &Ids,
    times: &[i64],
    columns: &[Column],
) -> Result<()> {
    let mut found = Vec::new();
    check_shape(ids.len(), times.len(), &mut found);
    let known = schema.columns_len();
    if !(schema.untagged_len()..=known).contains(&columns.len()) {
        let text = format!("{} columns, the schema has {known}", columns.len());
        found.push(violation("columns", text));
    }
    check_times("ts", times, &mut found);
    for (column, field) in columns.iter().zip(schema.fields()) {
        check_column(column, field, times.len(), &mut found);
    }
    finish(found)
}

/// Whether a number may be a serving time in milliseconds; null may.
pub fn is_latency(value: f64) -> bool {
    is_null(value) || (value.is_finite() && value >= 0.0)
}

fn check_shape(ids: usize, rows: usize, found: &mut Vec<Violation>) {
    if ids != rows {
        let text = format!("{ids} ids for {rows} times, each row needs both");
        found.push(violation("prediction_id", text));
    }
}

fn check_times(name: &str, times: &[i64], found: &mut Vec<Violation>) {
    for (row, time) in times.iter().enumerate() {
        if !(TIME_MIN..=TIME_MAX).contains(time) {
            let text = format!("{time} microseconds lies outside the years 0001 to 9999");
            push(found, row, name, &text);
        }
    }
}

fn check_column(
    column: &Column,
    (name, kind): (&str, Kind),
    rows: usize,
    found: &mut Vec<Violation>,
) {
    if column.len() != rows {
        let text = format!("{} values for {rows} rows", column.len());
        found.push(violation(name, text));
        return;
    }
    match column {
        Column::Numeric(_) if !kind.is_numeric() => {
            found.push(violation(name, format!("is a number, must be {}", kind.name())));
        }
        Column::Categories(_) if kind.is_numeric() => {
            found.push(violation(name, "is text, must be numeric".to_owned()));
        }
        Column::Numeric(values) if name == LATENCY => {
            for (row, value) in values.iter().enumerate() {
                if !is_latency(*value) {
                    push(found, row, LATENCY, &format!("{value} must be finite and not negative"));
                }
            }
        }
        Column::Numeric(_) => {}
        Column::Categories(column) => {
            check_codes(column, name, found);
            for text in &column.dictionary {
                if kind == Kind::Boolean && text != "true" && text != "false" {
                    let text = format!("{text:?} must be \"true\" or \"false\"");
                    found.push(violation(name, text));
                }
                if text.len() > limits::CATEGORY_BYTES_MAX {
                    let text = format!(
                        "a category of {} bytes, at most {}",
                        text.len(),
                        limits::CATEGORY_BYTES_MAX
                    );
                    found.push(violation(name, text));
                }
            }
        }
    }
}

/// The log takes nothing that it could not read back.
fn check_codes(column: &Categories, field: &str, found: &mut Vec<Violation>) {
    let known = column.dictionary.len();
    let foreign = |code: &&u32| **code != NULL_CODE && **code as usize >= known;
    if let Some(code) = column.codes.iter().find(foreign) {
        let text = format!("code {code} in a dictionary of {known} texts");
        found.push(violation(field, text));
    }
}

fn push(found: &mut Vec<Violation>, row: usize, field: &str, rule: &str) {
    if found.len() < VIOLATIONS_MAX {
        found.push(violation(&format!("rows[{row}].{field}"), rule.to_owned()));
    }
}

fn violation(field: &str, description: String) -> Violation {
    Violation { field: field.to_owned(), description }
}

fn finish(mut found: Vec<Violation>) -> Result<()> {
    if found.is_empty() {
        return Ok(());
    }
    found.truncate(VIOLATIONS_MAX);
    Err(Error::violations(found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Field, Task};

    fn schema() -> Schema {
        let features = vec![Field { name: "x".to_owned(), kind: Kind::Numeric }];
        Schema::new(Task::Binary, features, None).expect("valid")
    }

    fn batch(times: Vec<i64>, x: Column) -> PredictionBatch {
        let rows = times.len();
        let ids: Vec<String> = (0..rows).map(|row| format!("p{row}")).collect();
        let nulls = |numeric| Column::nulls(numeric, rows);
        PredictionBatch {
            ids: ids.iter().map(String::as_str).collect(),
            times,
            columns: vec![x, nulls(true), nulls(false), nulls(true), nulls(false)],
        }
    }

    #[test]
    fn a_batch_that_breaks_a_rule_names_row_and_field() {
        let check = |batch: PredictionBatch, want: &str| {
            let error = batch.validate(&schema()).expect_err(want);
            assert!(error.to_string().contains(want), "{error}");
        };
        check(batch(vec![0, i64::MAX], Column::nulls(true, 2)), "rows[1].ts");
        check(batch(vec![0], Column::nulls(true, 2)), "x: 2 values for 1 rows");
        check(batch(vec![0], Column::nulls(false, 1)), "x: is text, must be numeric");
        let mut short = batch(vec![0, 0], Column::nulls(true, 2));
        short.ids = short.ids.take(&[0]);
        check(short, "prediction_id: 1 ids for 2 times");
    }

    #[test]
    fn nan_and_infinity_are_values_of_a_feature() {
        let values = Column::Numeric(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY]);
        batch(vec![0, 1, 2], values).validate(&schema()).expect("valid");
    }
}
