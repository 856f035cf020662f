//! Metric series: named numbers of a model version over time, such as a training loss.
//!
//! A point is stored as a row of a companion of its model, see [`crate::ModelKind`]. The row's id is
//! a hash of all that tells one point from another, so that a point sent again is known.

use std::collections::BTreeMap;

use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_128;

use crate::{
    batch::PredictionBatch,
    column::{CategoriesBuilder, Column, is_null, number},
    error::{Error, Result, Violation},
    id_column::Ids,
    limits,
    schema::{Field, Kind, PREDICTION, Schema, Task},
    time::{TIME_MAX, TIME_MIN},
};

/// The column of the series' name.
pub const SERIES_NAME: &str = "name";
/// The column of the tags: a JSON object of texts, its keys ascending.
pub const SERIES_TAGS: &str = "tags";
/// The column of the step.
pub const SERIES_STEP: &str = "step";
/// The column of the value.
pub const SERIES_VALUE: &str = PREDICTION;
/// The largest step, past which f64 would round.
pub const STEP_MAX: u64 = 1 << 53;

/// Keys that no tag may have: queries call the point's own columns by them.
const KEYS_TAKEN: [&str; 5] = ["name", "step", "value", "version", "ts"];
/// Violations listed in one error; more would only repeat.
const VIOLATIONS_MAX: usize = 20;

/// A point of a metric series.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SeriesPoint {
    /// Name of the series, 1 to [`limits::NAME_BYTES_MAX`] bytes without control characters.
    pub name: String,
    /// Event time in microseconds.
    pub time: i64,
    /// Step of the training, if it has one, at most [`STEP_MAX`].
    pub step: Option<u64>,
    /// The value; NaN and the infinities are values, as of a loss that diverged. Null is not.
    pub value: f64,
    /// What else tells it from other points, such as the host; at most [`limits::POINT_TAGS_MAX`].
    pub tags: BTreeMap<String, String>,
}

impl SeriesPoint {
    /// Its tags as they are stored; none for no tag.
    fn tag_text(&self) -> Option<String> {
        if self.tags.is_empty() {
            return None;
        }
        // A map of texts always has a JSON form.
        serde_json::to_string(&self.tags).ok()
    }

    /// The id of its row: a hash of name, tags, time and step, in the form of a UUID. The value is
    /// no part of it, so the first of two values stays.
    fn id(&self, tags: Option<&str>) -> String {
        let mut key = Vec::with_capacity(64);
        for text in [self.name.as_str(), tags.unwrap_or_default()] {
            key.extend_from_slice(&(text.len() as u64).to_le_bytes());
            key.extend_from_slice(text.as_bytes());
        }
        key.extend_from_slice(&self.time.to_le_bytes());
        // Steps are smaller than that, so no step has bytes of its own.
        key.extend_from_slice(&self.step.unwrap_or(u64::MAX).to_le_bytes());
        Uuid::from_u128(xxh3_128(&key)).hyphenated().to_string()
    }

    /// The first rule that it breaks.
    pub fn broken_rule(&self) -> Option<Violation> {
        let mut found = Vec::new();
        self.check("", &mut found);
        found.into_iter().next()
    }

    fn check(&self, place: &str, found: &mut Vec<Violation>) {
        let mut broken = |field: &str, rule: String| {
            if found.len() < VIOLATIONS_MAX {
                found.push(Violation { field: format!("{place}{field}"), description: rule });
            }
        };
        let legal = |text: &str| {
            (1..=limits::NAME_BYTES_MAX).contains(&text.len())
                && !text.chars().any(char::is_control)
        };
        if !legal(&self.name) {
            let rule = "must have 1 to 128 bytes and no control character";
            broken("name", format!("{:?} {rule}", clip(&self.name)));
        }
        if !(TIME_MIN..=TIME_MAX).contains(&self.time) {
            let text = format!("{} microseconds lies outside the years 0001 to 9999", self.time);
            broken("time", text);
        }
        if let Some(step) = self.step.filter(|step| *step > STEP_MAX) {
            broken("step", format!("{step} must be at most 2^53 to be exact"));
        }
        if is_null(self.value) {
            broken("value", "is missing; leave the point out".to_owned());
        }
        if self.tags.len() > limits::POINT_TAGS_MAX {
            let text =
                format!("{} tags, a point has at most {}", self.tags.len(), limits::POINT_TAGS_MAX);
            broken("tags", text);
        }
        for key in self.tags.keys() {
            let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
            if !legal(key) || !key.chars().all(letters) {
                let rule = "must be 1 to 128 letters, digits, '.', '_' or '-'";
                broken("tags", format!("the key {:?} {rule}", clip(key)));
            } else if KEYS_TAKEN.contains(&key.as_str()) {
                broken("tags", format!("the key {key:?} is a column of every point, rename it"));
            }
        }
        let bytes = self.tag_text().map_or(0, |text| text.len());
        if bytes > limits::CATEGORY_BYTES_MAX {
            let most = limits::CATEGORY_BYTES_MAX;
            broken("tags", format!("{bytes} bytes as JSON, at most {most}"));
        }
    }
}

/// The tags of a point as [`SERIES_TAGS`] has them; none of a text that is not of that form.
pub fn read_tags(text: &str) -> BTreeMap<String, String> {
    serde_json::from_str(text).unwrap_or_default()
}

fn clip(text: &str) -> &str {
    text.get(..text.floor_char_boundary(limits::NAME_BYTES_MAX)).unwrap_or(text)
}

/// The schema of every companion that holds series.
pub(crate) fn schema() -> Schema {
    let field = |name: &str, kind| Field { name: name.to_owned(), kind };
    Schema {
        task: Task::Regression,
        features: vec![
            field(SERIES_NAME, Kind::Categorical),
            field(SERIES_TAGS, Kind::Categorical),
            field(SERIES_STEP, Kind::Numeric),
        ],
        positive_class: None,
        tags: Vec::new(),
    }
}

/// Points as rows of [`schema`].
///
/// # Errors
/// `InvalidArgument` with up to 20 violations that name point, field, value and rule.
pub(crate) fn rows(points: &[SeriesPoint]) -> Result<PredictionBatch> {
    let count = points.len();
    if count > limits::BATCH_ROWS_MAX {
        let text = format!("{count} points, a call takes at most {}", limits::BATCH_ROWS_MAX);
        return Err(Error::invalid("points", text));
    }
    let mut found = Vec::new();
    points
        .iter()
        .enumerate()
        .for_each(|(place, point)| point.check(&format!("points[{place}]."), &mut found));
    if !found.is_empty() {
        return Err(Error::violations(found));
    }
    let mut ids = Ids::default();
    let mut names = CategoriesBuilder::with_capacity(count);
    let mut tags = CategoriesBuilder::with_capacity(count);
    for point in points {
        let text = point.tag_text();
        ids.push(&point.id(text.as_deref()));
        names.push(Some(&point.name));
        tags.push(text.as_deref());
    }
    let numbers = |of: fn(&SeriesPoint) -> Option<f64>| {
        Column::Numeric(points.iter().map(|point| number(of(point))).collect())
    };
    Ok(PredictionBatch {
        ids,
        times: points.iter().map(|point| point.time).collect(),
        columns: vec![
            Column::Categories(names.finish()),
            Column::Categories(tags.finish()),
            numbers(|point| point.step.map(|step| step as f64)),
            Column::nulls(true, count),
            numbers(|point| Some(point.value)),
            Column::nulls(true, count),
            Column::nulls(false, count),
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column::NULL;

    fn point() -> SeriesPoint {
        let tags = [("host".to_owned(), "a".to_owned())].into();
        SeriesPoint { name: "loss".to_owned(), time: 7, step: Some(3), value: 0.5, tags }
    }

    #[test]
    fn rows_are_those_of_the_schema() {
        let odd = SeriesPoint { value: f64::NAN, step: None, ..point() };
        let rows = rows(&[point(), odd]).expect("valid");
        rows.validate(&schema()).expect("rows of the schema");
        let tags = Column::categories([Some(r#"{"host":"a"}"#); 2]);
        assert_eq!(rows.columns.get(1), Some(&tags));
        assert_eq!(read_tags(&point().tag_text().expect("a tag")), point().tags);
        assert!(read_tags("host=a").is_empty());
    }

    #[test]
    fn an_id_follows_from_all_but_the_value() {
        let id = |point: SeriesPoint| point.id(point.tag_text().as_deref());
        let same = SeriesPoint { value: 9.0, ..point() };
        assert_eq!(id(same), id(point()));
        assert!(crate::id_column::parse_uuid(id(point()).as_bytes()).is_some());
        let others = [
            SeriesPoint { name: "los".to_owned(), ..point() },
            SeriesPoint { time: 8, ..point() },
            SeriesPoint { step: None, ..point() },
            SeriesPoint { step: Some(4), ..point() },
            SeriesPoint { tags: BTreeMap::new(), ..point() },
        ];
        for other in others {
            assert_ne!(id(other.clone()), id(point()), "{other:?}");
        }
    }

    #[test]
    fn a_broken_rule_names_point_field_value_and_rule() {
        let tag = |key: &str, value: String| [(key.to_owned(), value)].into();
        let check = |bad: SeriesPoint, want: &str| {
            let error = rows(&[point(), bad]).expect_err(want);
            assert!(error.to_string().contains(want), "{error}");
        };
        check(SeriesPoint { name: String::new(), ..point() }, "points[1].name: \"\" must have");
        check(SeriesPoint { name: "a\nb".to_owned(), ..point() }, "no control character");
        check(SeriesPoint { name: "é".repeat(65), ..point() }, "1 to 128 bytes");
        check(SeriesPoint { time: i64::MAX, ..point() }, "points[1].time: 9223372036854775807");
        let step = Some(STEP_MAX + 1);
        check(SeriesPoint { step, ..point() }, "points[1].step: 9007199254740993 must be");
        check(SeriesPoint { value: NULL, ..point() }, "points[1].value: is missing");
        check(SeriesPoint { tags: tag("a b", "x".into()), ..point() }, "points[1].tags: the key");
        check(SeriesPoint { tags: tag("step", "1".into()), ..point() }, "rename it");
        check(SeriesPoint { tags: tag("a", "x".repeat(1024)), ..point() }, "bytes as JSON");
        let many = (0..=limits::POINT_TAGS_MAX).map(|n| (format!("t{n}"), String::new())).collect();
        check(SeriesPoint { tags: many, ..point() }, "17 tags, a point has at most 16");
        let bound = vec![point(); limits::BATCH_ROWS_MAX + 1];
        assert!(rows(&bound).expect_err("one more").to_string().starts_with("points: 65537"));
    }
}
