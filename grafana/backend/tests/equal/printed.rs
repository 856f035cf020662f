//! Reading what the command line prints.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::frames::Series;

/// Labels of a series.
pub type Labels = BTreeMap<String, String>;

/// The end of a window, in microseconds since 1970 UTC.
pub fn end(window: &Value) -> i64 {
    let text = window["end"].as_str().unwrap();
    text.parse::<jiff::Timestamp>().unwrap().as_microsecond()
}

/// A list of an answer.
pub fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().unwrap_or_else(|| panic!("no {name} in {value}"))
}

/// A text of an answer.
pub fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}")).to_owned()
}

/// The windows of an answer, or those of each of its groups with the labels of the group.
pub fn windows(answer: &Value) -> Vec<(Labels, &Value)> {
    let of = |labels: Labels, part| list(part, "windows").iter().map(move |w| (labels.clone(), w));
    let Some(groups) = answer["groups"].as_array().filter(|groups| !groups.is_empty()) else {
        return of(Labels::new(), answer).collect();
    };
    let labels = |group: &Value| {
        let values = group["group"].as_object().unwrap().iter();
        let named = |(column, value): (&String, &Value)| {
            (column.clone(), value.as_str().unwrap_or("null").to_owned())
        };
        values.map(named).collect()
    };
    groups.iter().flat_map(|group| of(labels(group), group)).collect()
}

/// Labels and one more.
pub fn with(labels: &Labels, name: &str, value: &str) -> Labels {
    let mut labels = labels.clone();
    labels.insert(name.to_owned(), value.to_owned());
    labels
}

/// Adds a point, if there is a value.
pub fn add(all: &mut Series, name: &str, labels: &Labels, (time, value): (i64, &Value)) {
    if let Some(value) = value.as_f64() {
        all.entry((name.to_owned(), labels.clone())).or_default().insert(time, value);
    }
}
