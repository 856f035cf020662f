//! Frames of answers, read back as Arrow.
#![allow(dead_code, reason = "no test file uses all of it")]

use std::{
    collections::{BTreeMap, HashMap},
    io::Cursor,
};

use arrow_array::{
    Array, BooleanArray, Float64Array, RecordBatch, StringArray, TimestampNanosecondArray,
};
use arrow_ipc::reader::FileReader;
use driftline_grafana::pluginv2::DataResponse;

/// What tells a series apart: its name and its labels.
pub type Key = (String, BTreeMap<String, String>);
/// Values of a series by the time of their points, in microseconds since 1970 UTC; of answers without
/// times by 0. What is undefined is not in it.
pub type Series = BTreeMap<Key, BTreeMap<i64, f64>>;

/// The frames of an answer that must be one.
pub fn frames(response: &DataResponse) -> Vec<RecordBatch> {
    assert_eq!((response.error.as_str(), response.status), ("", 200));
    response.frames.iter().map(|bytes| read(bytes)).collect()
}

fn read(bytes: &[u8]) -> RecordBatch {
    let mut reader = FileReader::try_new(Cursor::new(bytes), None).unwrap();
    let schema = reader.schema();
    reader.next().unwrap_or_else(|| Ok(RecordBatch::new_empty(schema))).unwrap()
}

/// The series of frames, wide or a frame for each.
pub fn series(frames: &[RecordBatch]) -> Series {
    let mut all = Series::new();
    for frame in frames {
        let times = frame
            .columns()
            .iter()
            .find_map(|column| column.as_any().downcast_ref::<TimestampNanosecondArray>());
        let schema = frame.schema();
        for (field, column) in schema.fields().iter().zip(frame.columns()) {
            let Some(values) = column.as_any().downcast_ref::<Float64Array>() else { continue };
            let labels = field.metadata().get("labels").map_or("{}", String::as_str);
            let labels: HashMap<String, String> = serde_json::from_str(labels).unwrap();
            let key = (field.metadata()["name"].clone(), labels.into_iter().collect());
            let points = all.entry(key).or_default();
            for row in (0..values.len()).filter(|row| !values.is_null(*row)) {
                let time = times.map_or(0, |times| times.value(row) / 1_000);
                let before = points.insert(time, values.value(row));
                assert!(before.is_none(), "two points of {} at {time}", field.name());
            }
        }
    }
    all
}

/// A column of a table.
fn column<'a>(frame: &'a RecordBatch, name: &str) -> &'a dyn Array {
    frame.column_by_name(name).unwrap_or_else(|| panic!("no column {name}"))
}

/// A column of texts.
pub fn texts(frame: &RecordBatch, name: &str) -> Vec<Option<String>> {
    let values = column(frame, name).as_any().downcast_ref::<StringArray>().unwrap();
    values.iter().map(|value| value.map(str::to_owned)).collect()
}

/// A column of numbers.
pub fn numbers(frame: &RecordBatch, name: &str) -> Vec<Option<f64>> {
    column(frame, name).as_any().downcast_ref::<Float64Array>().unwrap().iter().collect()
}

/// A column of yes and no.
pub fn flags(frame: &RecordBatch, name: &str) -> Vec<Option<bool>> {
    column(frame, name).as_any().downcast_ref::<BooleanArray>().unwrap().iter().collect()
}

/// A column of times, in microseconds since 1970 UTC.
pub fn times(frame: &RecordBatch, name: &str) -> Vec<Option<i64>> {
    let values = column(frame, name).as_any().downcast_ref::<TimestampNanosecondArray>().unwrap();
    values.iter().map(|time| time.map(|nanos| nanos / 1_000)).collect()
}
