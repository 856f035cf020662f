//! Unary rows, turned into the columns that storage takes.

use std::collections::BTreeSet;

use driftline_proto::v1::{
    self, LabelRow, PredictionRow, label_row::Truth, prediction_row::Prediction, value,
};
use driftline_storage::{
    CategoriesBuilder, Column, Ids, Kind, LATENCY, LabelBatch, PREDICTION, PredictionBatch, Result,
    SCORE, STATUS, Schema, number,
};

use super::{
    Violations,
    batch::{self, Taken},
    column::class_of,
    time,
};

/// A value of a row while its column is not yet known to fit.
enum Cell<'a> {
    Null,
    Number(f64),
    Text(&'a str),
    Boolean(bool),
    /// A number that may name a class.
    Outcome(f64),
}

/// Builds a column of a kind from cells, row by row.
struct Builder<'a> {
    field: &'a str,
    kind: Kind,
    numbers: Vec<f64>,
    texts: CategoriesBuilder,
}

impl<'a> Builder<'a> {
    fn new(field: &'a str, kind: Kind, rows: usize) -> Self {
        let (numbers, texts) = if kind.is_numeric() { (rows, 0) } else { (0, rows) };
        Self {
            field,
            kind,
            numbers: Vec::with_capacity(numbers),
            texts: CategoriesBuilder::with_capacity(texts),
        }
    }

    fn push(&mut self, row: usize, cell: &Cell<'_>, found: &mut Violations) {
        let class;
        let text = match cell {
            Cell::Null => None,
            Cell::Number(value) | Cell::Outcome(value) if self.kind.is_numeric() => {
                self.numbers.push(number(Some(*value)));
                return;
            }
            Cell::Text(text) if self.kind == Kind::Categorical => Some(*text),
            Cell::Text(text @ ("true" | "false")) if self.kind == Kind::Boolean => Some(*text),
            Cell::Boolean(true) if !self.kind.is_numeric() => Some("true"),
            Cell::Boolean(false) if !self.kind.is_numeric() => Some("false"),
            Cell::Outcome(value) => match class_of(*value) {
                Ok(text) => {
                    class = text;
                    Some(class.as_str())
                }
                Err(rule) => return found.push(format!("rows[{row}].{}", self.field), rule),
            },
            Cell::Number(_) => return self.refuse(row, "a number", found),
            Cell::Text(_) => return self.refuse(row, "text", found),
            Cell::Boolean(_) => return self.refuse(row, "a boolean", found),
        };
        if self.kind.is_numeric() {
            self.numbers.push(number(None));
        } else {
            self.texts.push(text);
        }
    }

    fn refuse(&self, row: usize, what: &str, found: &mut Violations) {
        let text = format!("is {what}, must be {}", self.kind.name());
        found.push(format!("rows[{row}].{}", self.field), text);
    }

    fn finish(self) -> Column {
        if self.kind.is_numeric() {
            Column::Numeric(self.numbers)
        } else {
            Column::Categories(self.texts.finish())
        }
    }
}

/// Reads rows of predictions.
///
/// # Errors
/// `InvalidArgument` naming rows, fields and rules.
pub(crate) fn predictions(
    rows: &[PredictionRow],
    schema: &Schema,
) -> Result<Taken<PredictionBatch>> {
    let mut found = Violations::default();
    batch::check_size(rows.len(), schema, &mut found);
    found.finish()?;

    let mut found = Violations::default();
    let mut ids = Ids::default();
    let mut times = Vec::with_capacity(rows.len());
    for (row, content) in rows.iter().enumerate() {
        batch::push_id(&mut ids, row, &content.prediction_id, &mut found);
        times.push(time_of(row, "time", content.time, &mut found));
    }
    let mut columns = Vec::with_capacity(schema.columns_len());
    let mut known = 0;
    for (name, kind) in schema.fields() {
        let mut builder = Builder::new(name, kind, rows.len());
        let is_feature = columns.len() < schema.features.len();
        let is_tag = columns.len() >= schema.untagged_len();
        for (row, content) in rows.iter().enumerate() {
            let cell = if is_feature {
                let value = content.features.get(name);
                known += usize::from(value.is_some());
                feature(value)
            } else if is_tag {
                let text = content.tags.get(name);
                known += usize::from(text.is_some());
                text.map_or(Cell::Null, |text| Cell::Text(text))
            } else {
                role(content, name)
            };
            builder.push(row, &cell, &mut found);
        }
        columns.push(builder.finish());
    }
    found.finish()?;
    let batch = PredictionBatch { ids, times, columns };
    let sent: usize = rows.iter().map(|row| row.features.len() + row.tags.len()).sum();
    // Names are sorted out only where there is one that the schema does not have.
    let ignored = if known < sent { ignored(rows, schema) } else { Vec::new() };
    Ok(Taken { batch, ignored })
}

fn feature(value: Option<&v1::Value>) -> Cell<'_> {
    match value.and_then(|value| value.kind.as_ref()) {
        None => Cell::Null,
        Some(value::Kind::Number(value)) => Cell::Number(*value),
        Some(value::Kind::Text(text)) => Cell::Text(text),
        Some(value::Kind::Boolean(value)) => Cell::Boolean(*value),
    }
}

fn role<'a>(row: &'a PredictionRow, name: &str) -> Cell<'a> {
    match name {
        SCORE => row.score.map_or(Cell::Null, Cell::Number),
        LATENCY => row.latency_ms.map_or(Cell::Null, Cell::Number),
        STATUS => row.status.as_deref().map_or(Cell::Null, Cell::Text),
        PREDICTION => match &row.prediction {
            None => Cell::Null,
            Some(Prediction::PredictedClass(class)) => Cell::Text(class),
            Some(Prediction::PredictedValue(value)) => Cell::Outcome(*value),
        },
        _ => Cell::Null,
    }
}

fn ignored(rows: &[PredictionRow], schema: &Schema) -> Vec<String> {
    let features: BTreeSet<&String> = schema.features.iter().map(|field| &field.name).collect();
    let tags: BTreeSet<&String> = schema.tags.iter().collect();
    let of_features = rows.iter().flat_map(|row| row.features.keys());
    let of_tags = rows.iter().flat_map(|row| row.tags.keys());
    let foreign = of_features
        .filter(|name| !features.contains(name))
        .chain(of_tags.filter(|name| !tags.contains(name)));
    let names: BTreeSet<&String> = foreign.collect();
    batch::names(names.into_iter().cloned())
}

/// Reads rows of labels.
///
/// # Errors
/// `InvalidArgument` naming rows, fields and rules.
pub(crate) fn labels(rows: &[LabelRow], schema: &Schema) -> Result<LabelBatch> {
    let mut found = Violations::default();
    batch::check_rows(rows.len(), &mut found);
    found.finish()?;

    let mut found = Violations::default();
    let mut ids = Ids::default();
    let mut times = Vec::with_capacity(rows.len());
    let mut truths = Builder::new("label", schema.outcome_kind(), rows.len());
    for (row, content) in rows.iter().enumerate() {
        batch::push_id(&mut ids, row, &content.prediction_id, &mut found);
        times.push(time_of(row, "time", content.time, &mut found));
        let cell = match &content.truth {
            None => Cell::Null,
            Some(Truth::TrueClass(class)) => Cell::Text(class),
            Some(Truth::TrueValue(value)) => Cell::Outcome(*value),
        };
        truths.push(row, &cell, &mut found);
    }
    found.finish()?;
    Ok(LabelBatch { ids, times, truths: truths.finish() })
}

fn time_of(
    row: usize,
    name: &str,
    time: Option<prost_types::Timestamp>,
    found: &mut Violations,
) -> i64 {
    time::micros(&format!("rows[{row}].{name}"), time).unwrap_or_else(|error| {
        for violation in error.field_violations() {
            found.push(&violation.field, violation.description.clone());
        }
        0
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use driftline_proto::v1::Value;
    use driftline_storage::{Field, Task};

    use super::*;

    fn schema() -> Schema {
        let field = |name: &str, kind| Field { name: name.to_owned(), kind };
        let features = vec![field("amount", Kind::Numeric), field("country", Kind::Categorical)];
        let schema = Schema::new(Task::Binary, features, None).expect("valid");
        schema.with_tags(&["region".to_owned()]).expect("valid")
    }

    fn row(features: &[(&str, value::Kind)]) -> PredictionRow {
        let value = |kind: &value::Kind| Value { kind: Some(kind.clone()) };
        let features: HashMap<String, Value> =
            features.iter().map(|(name, kind)| ((*name).to_owned(), value(kind))).collect();
        PredictionRow {
            prediction_id: "a".to_owned(),
            time: Some(time::timestamp(5)),
            features,
            ..PredictionRow::default()
        }
    }

    #[test]
    fn a_row_becomes_columns_and_unknown_features_are_named() {
        let mut row = row(&[("amount", value::Kind::Number(2.0)), ("x", value::Kind::Number(0.0))]);
        row.prediction = Some(Prediction::PredictedValue(1.0));
        row.tags = HashMap::from(
            [("region", "eu"), ("amount", "1")]
                .map(|(name, text)| (name.to_owned(), text.to_owned())),
        );
        let taken = predictions(&[row], &schema()).expect("valid");
        taken.batch.validate(&schema()).expect("fits the schema");
        assert_eq!(taken.ignored, ["amount", "x"], "a feature is no tag");
        assert_eq!(taken.batch.columns.last(), Some(&Column::categories([Some("eu")])));
        assert_eq!(taken.batch.columns.first(), Some(&Column::Numeric(vec![2.0])));
        let mut class = CategoriesBuilder::default();
        class.push(Some("1"));
        let class = Column::Categories(class.finish());
        assert_eq!(taken.batch.columns.get(schema().prediction_index()), Some(&class));
    }

    #[test]
    fn a_value_of_the_wrong_kind_names_row_and_kinds() {
        let check = |row: PredictionRow, want: &str| {
            let error = predictions(&[row], &schema()).expect_err(want);
            assert_eq!(error.to_string(), want);
        };
        let text = value::Kind::Text("much".to_owned());
        check(row(&[("amount", text)]), "rows[0].amount: is text, must be numeric");
        let number = value::Kind::Number(7.0);
        check(row(&[("country", number)]), "rows[0].country: is a number, must be categorical");
        let mut late = row(&[]);
        late.time = None;
        check(late, "rows[0].time: is required");
    }
}
