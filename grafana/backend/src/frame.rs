//! Data frames: named columns of one length, as Arrow files in the way that Grafana reads them.

use std::{collections::BTreeMap, collections::HashMap, sync::Arc};

use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray, TimestampNanosecondArray,
};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{DataType, Field as ArrowField, Schema, TimeUnit};
use serde_json::{Map, Value, json};

use crate::problem::Problem;

/// The values of a field; none is null.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Times, microseconds since 1970 UTC.
    Time(Vec<Option<i64>>),
    /// Numbers.
    Number(Vec<Option<f64>>),
    /// Texts.
    Text(Vec<Option<String>>),
    /// Yes or no.
    Flag(Vec<Option<bool>>),
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Self::Time(values) => values.len(),
            Self::Number(values) => values.len(),
            Self::Text(values) => values.len(),
            Self::Flag(values) => values.len(),
        }
    }

    fn kind(&self) -> DataType {
        match self {
            Self::Time(_) => DataType::Timestamp(TimeUnit::Nanosecond, None),
            Self::Number(_) => DataType::Float64,
            Self::Text(_) => DataType::Utf8,
            Self::Flag(_) => DataType::Boolean,
        }
    }

    fn array(&self) -> ArrayRef {
        match self {
            // A time outside the years 1677 to 2262 has no nanoseconds; a panel cannot show it.
            Self::Time(values) => Arc::new(
                values
                    .iter()
                    .map(|time| time.and_then(|micros| micros.checked_mul(1_000)))
                    .collect::<TimestampNanosecondArray>(),
            ),
            Self::Number(values) => Arc::new(values.iter().copied().collect::<Float64Array>()),
            Self::Text(values) => Arc::new(values.iter().cloned().collect::<StringArray>()),
            Self::Flag(values) => Arc::new(values.iter().copied().collect::<BooleanArray>()),
        }
    }
}

/// A column of a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// What tells it apart from others of the name.
    pub labels: BTreeMap<String, String>,
    /// Unit, display name and the like, as Grafana's field configuration has them.
    pub config: Map<String, Value>,
    /// Its values.
    pub values: Values,
}

impl Field {
    /// A field without labels and configuration.
    pub fn new(name: impl Into<String>, values: Values) -> Self {
        Self { name: name.into(), labels: BTreeMap::new(), config: Map::new(), values }
    }

    /// The same with a label.
    #[must_use]
    pub fn label(mut self, name: &str, value: impl Into<String>) -> Self {
        self.labels.insert(name.to_owned(), value.into());
        self
    }

    /// The same with something in its configuration.
    #[must_use]
    pub fn configure(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.config.insert(key.to_owned(), value.into());
        self
    }
}

/// How grave a notice is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gravity {
    /// To be known.
    Info,
    /// To be looked at.
    Warning,
}

/// A frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// Its name.
    pub name: String,
    /// What it is by Grafana's contract of the data plane, such as `timeseries-multi`; none for a table.
    pub kind: Option<&'static str>,
    /// Sentences that a panel shows beside the data.
    pub notices: Vec<(Gravity, String)>,
    /// What was computed, in words and as commands: the query inspector shows it.
    pub executed: String,
    /// What the answer was read from, as counts by name: the query inspector shows them.
    pub reads: Map<String, Value>,
    /// The columns.
    pub fields: Vec<Field>,
}

impl Frame {
    /// A frame without notices.
    pub fn new(name: impl Into<String>, kind: Option<&'static str>, fields: Vec<Field>) -> Self {
        Self {
            name: name.into(),
            kind,
            notices: Vec::new(),
            executed: String::new(),
            reads: Map::new(),
            fields,
        }
    }

    fn meta(&self) -> Value {
        let mut meta = Map::new();
        if let Some(kind) = self.kind {
            meta.insert("type".to_owned(), json!(kind));
            meta.insert("typeVersion".to_owned(), json!([0, 1]));
        } else {
            meta.insert("preferredVisualisationType".to_owned(), json!("table"));
        }
        if !self.executed.is_empty() {
            meta.insert("executedQueryString".to_owned(), json!(self.executed));
        }
        if !self.reads.is_empty() {
            let stat = |(name, count): (&String, &Value)| {
                let unit = if name.ends_with("bytes") { "decbytes" } else { "short" };
                json!({ "displayName": name, "value": count, "unit": unit })
            };
            let stats: Vec<Value> = self.reads.iter().map(stat).collect();
            meta.insert("stats".to_owned(), json!(stats));
            meta.insert("custom".to_owned(), json!({ "reads": self.reads }));
        }
        let notice = |(gravity, text): &(Gravity, String)| {
            let gravity = if *gravity == Gravity::Info { "info" } else { "warning" };
            json!({ "severity": gravity, "text": text })
        };
        if !self.notices.is_empty() {
            let notices: Vec<Value> = self.notices.iter().map(notice).collect();
            meta.insert("notices".to_owned(), json!(notices));
        }
        Value::Object(meta)
    }

    /// The frame as an Arrow file. Names, labels and configuration stand in the metadata of the
    /// schema and its fields, as JSON.
    ///
    /// # Errors
    /// A fault of the plugin: fields of different lengths.
    pub(crate) fn encode(&self, ref_id: &str) -> Result<Vec<u8>, Problem> {
        let lengths = self.fields.iter().map(|field| field.values.len());
        if lengths.clone().min() != lengths.max() {
            return Err(Problem::own(format!(
                "the fields of frame {} differ in length",
                self.name
            )));
        }
        let fields: Vec<ArrowField> = self.fields.iter().map(arrow_field).collect();
        let metadata = HashMap::from([
            ("name".to_owned(), self.name.clone()),
            ("refId".to_owned(), ref_id.to_owned()),
            ("meta".to_owned(), self.meta().to_string()),
        ]);
        let schema = Arc::new(Schema::new(fields).with_metadata(metadata));
        let arrays: Vec<ArrayRef> = self.fields.iter().map(|field| field.values.array()).collect();
        let failed = |error: arrow_schema::ArrowError| Problem::own(format!("a frame: {error}"));
        let mut writer = FileWriter::try_new(Vec::new(), &schema).map_err(failed)?;
        if !arrays.is_empty() {
            let batch = RecordBatch::try_new(schema, arrays).map_err(failed)?;
            writer.write(&batch).map_err(failed)?;
        }
        writer.into_inner().map_err(failed)
    }
}

fn arrow_field(field: &Field) -> ArrowField {
    let mut metadata = HashMap::from([("name".to_owned(), field.name.clone())]);
    if !field.labels.is_empty() {
        metadata.insert("labels".to_owned(), json!(field.labels).to_string());
    }
    if !field.config.is_empty() {
        metadata.insert("config".to_owned(), json!(field.config).to_string());
    }
    ArrowField::new(&field.name, field.values.kind(), true).with_metadata(metadata)
}

#[cfg(test)]
mod tests {
    use arrow_array::Array as _;
    use arrow_ipc::reader::FileReader;

    use super::*;

    #[test]
    fn a_frame_is_read_back_with_its_metadata() {
        let time = Field::new("time", Values::Time(vec![Some(1_000_000), None]));
        let value = Field::new("psi", Values::Number(vec![None, Some(0.25)]))
            .label("feature", "a\"b{c}")
            .configure("unit", "short");
        let mut frame = Frame::new("drift", Some("timeseries-wide"), vec![time, value]);
        frame.notices.push((Gravity::Warning, "few samples".to_owned()));
        let bytes = frame.encode("A").expect("encodes");
        let reader = FileReader::try_new(std::io::Cursor::new(bytes), None).expect("an Arrow file");
        let schema = reader.schema();
        assert_eq!(schema.metadata()["refId"], "A");
        let meta: Value = serde_json::from_str(&schema.metadata()["meta"]).expect("JSON");
        assert_eq!(meta["notices"][0]["text"], "few samples");
        let labels: Value =
            serde_json::from_str(&schema.field(1).metadata()["labels"]).expect("JSON");
        assert_eq!(labels["feature"], "a\"b{c}");
        let batch = reader.map(|batch| batch.expect("reads")).next().expect("one batch");
        let times = batch.column(0).as_any().downcast_ref::<TimestampNanosecondArray>();
        let times = times.expect("times");
        assert_eq!((times.value(0), times.is_null(1)), (1_000_000_000, true));
    }

    #[test]
    fn fields_of_different_lengths_are_a_fault() {
        let fields = vec![
            Field::new("a", Values::Number(vec![None])),
            Field::new("b", Values::Number(vec![])),
        ];
        assert!(Frame::new("x", None, fields).encode("A").is_err());
        assert!(Frame::new("x", None, vec![]).encode("A").is_ok());
    }
}
