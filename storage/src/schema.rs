//! What a model logs: its task, its features in order, the columns that every row has, and its tags.
//!
//! Tags are texts beside the features, such as a variant, a region or an age group: rows are sliced by
//! them, and nothing is compared. They stand last among the columns and only ever become more, so that
//! rows from before a tag are those of now without their last columns.

use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result, near_misses},
    limits,
};

/// What a model predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// One of two classes.
    Binary,
    /// One of several classes.
    Multiclass,
    /// A number.
    Regression,
}

impl Task {
    /// The name used in flags and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Multiclass => "multiclass",
            Self::Regression => "regression",
        }
    }

    /// Whether predictions and labels are classes.
    pub fn is_classification(self) -> bool {
        !matches!(self, Self::Regression)
    }
}

/// How a column's values are read and binned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Numbers as f64; integers are exact up to 2^53 and refused beyond.
    Numeric,
    /// `true` and `false`, binned as two categories.
    Boolean,
    /// Text; integers and booleans in their decimal or `true`/`false` form.
    Categorical,
}

impl Kind {
    /// The name used in messages and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Numeric => "numeric",
            Self::Boolean => "boolean",
            Self::Categorical => "categorical",
        }
    }

    /// Whether values are numbers; otherwise they are categories.
    pub fn is_numeric(self) -> bool {
        matches!(self, Self::Numeric)
    }
}

/// One column: its name and kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Name as logged, unique in its model.
    pub name: String,
    /// Kind of its values.
    pub kind: Kind,
}

/// The column of the model's score.
pub const SCORE: &str = "score";
/// The column of the predicted class or value.
pub const PREDICTION: &str = "prediction";
/// The column of the serving time in milliseconds.
pub const LATENCY: &str = "latency_ms";
/// The column of the serving status, `ok` or a class of error.
pub const STATUS: &str = "status";
/// When a label was given, in microseconds; no column of rows, but slices may ask for it.
pub const LABEL_TIME: &str = "label_ts";
/// The status of a prediction that was served.
pub const OK: &str = "ok";
/// Names of columns with a role; no feature may have one of them.
pub const ROLES: [&str; 10] = [
    "prediction_id",
    "ts",
    PREDICTION,
    SCORE,
    "label",
    LABEL_TIME,
    "model",
    "version",
    LATENCY,
    STATUS,
];

/// What a model version logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// What the model predicts.
    pub task: Task,
    /// The features in order.
    pub features: Vec<Field>,
    /// The class that `score` is the probability of, if stated.
    pub positive_class: Option<String>,
    /// Columns of text that are no features, in order of their coming.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

impl Schema {
    /// A schema whose names and counts keep the rules of [`limits`].
    ///
    /// # Errors
    /// `InvalidArgument` with one violation per broken rule.
    pub fn new(task: Task, features: Vec<Field>, positive_class: Option<String>) -> Result<Self> {
        if features.len() > limits::FEATURES_MAX {
            let text = format!("{} features, at most {}", features.len(), limits::FEATURES_MAX);
            return Err(Error::invalid("features", text));
        }
        let mut seen = std::collections::HashSet::new();
        for feature in &features {
            check_feature_name(&feature.name)?;
            if !seen.insert(feature.name.as_str()) {
                let text = format!("{:?} appears twice, names must be unique", feature.name);
                return Err(Error::invalid("features.name", text));
            }
        }
        Ok(Self { task, features, positive_class, tags: Vec::new() })
    }

    /// The schema with more tags behind those that it has; one that it has already stays where it is.
    ///
    /// # Errors
    /// `InvalidArgument` for the name of a feature or of a role, and past [`limits::TAGS_MAX`].
    pub fn with_tags<'a>(mut self, tags: impl IntoIterator<Item = &'a String>) -> Result<Self> {
        for tag in tags {
            check_tag_name(tag)?;
            if self.features.iter().any(|feature| feature.name == *tag) {
                let text =
                    format!("{tag:?} is a feature already, and slices take features as well");
                return Err(Error::invalid("tags", text));
            }
            if !self.tags.contains(tag) {
                self.tags.push(tag.clone());
            }
        }
        check_tag_count(self.tags.len())?;
        Ok(self)
    }

    /// The columns of a row in storage order: features, score, prediction, latency, status, tags.
    pub fn columns(&self) -> Vec<Field> {
        self.fields().map(|(name, kind)| Field { name: name.to_owned(), kind }).collect()
    }

    /// Name and kind of each of [`Schema::columns`].
    pub fn fields(&self) -> impl Iterator<Item = (&str, Kind)> {
        let roles = [
            (SCORE, Kind::Numeric),
            (PREDICTION, self.outcome_kind()),
            (LATENCY, Kind::Numeric),
            (STATUS, Kind::Categorical),
        ];
        let tags = self.tags.iter().map(|tag| (tag.as_str(), Kind::Categorical));
        self.features.iter().map(|field| (field.name.as_str(), field.kind)).chain(roles).chain(tags)
    }

    /// How many columns rows have that came before any tag.
    pub fn untagged_len(&self) -> usize {
        self.features.len() + 4
    }

    /// The columns that slices can be declared by: features that are no numbers, and tags.
    pub fn slice_columns(&self) -> impl Iterator<Item = &str> {
        let features = self.features.iter().filter(|feature| !feature.kind.is_numeric());
        features.map(|feature| feature.name.as_str()).chain(self.tags.iter().map(String::as_str))
    }

    /// How many columns rows have.
    pub fn columns_len(&self) -> usize {
        self.untagged_len() + self.tags.len()
    }

    /// Whether another schema has the same columns but for tags: then what is counted of their rows is
    /// the same.
    pub fn is_alike(&self, other: &Self) -> bool {
        self.task == other.task
            && self.features == other.features
            && self.positive_class == other.positive_class
    }

    /// The kind of predictions and labels.
    pub fn outcome_kind(&self) -> Kind {
        if self.task.is_classification() { Kind::Categorical } else { Kind::Numeric }
    }

    /// The columns that are binned and compared: the features, score and prediction.
    pub fn monitored(&self) -> Vec<Field> {
        let mut columns = self.columns();
        columns.truncate(self.monitored_len());
        columns
    }

    /// How many of [`Schema::columns`], from the first, are monitored.
    pub fn monitored_len(&self) -> usize {
        self.features.len() + 2
    }

    /// The columns that partials count: the monitored ones, latency and status, which are the first
    /// of [`Schema::columns`].
    pub fn counted(&self) -> Vec<Field> {
        let mut columns = self.columns();
        columns.truncate(self.untagged_len());
        columns
    }

    /// Place of the score in [`Schema::columns`].
    pub fn score_index(&self) -> usize {
        self.features.len()
    }

    /// Place of the prediction in [`Schema::columns`].
    pub fn prediction_index(&self) -> usize {
        self.features.len() + 1
    }

    /// Place of a monitored column.
    ///
    /// # Errors
    /// `NotFound` naming the nearest names.
    pub fn monitored_index(&self, name: &str) -> Result<usize> {
        let columns = self.monitored();
        columns.iter().position(|column| column.name == name).ok_or_else(|| {
            let near = near_misses(name, columns.iter().map(|column| column.name.as_str()));
            let hint = if near.is_empty() {
                let names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).take(20).collect();
                format!("; it has {}", names.join(", "))
            } else {
                near
            };
            Error::not_found("feature", name, format!("the model has no feature {name:?}{hint}"))
        })
    }
}

/// What a user states about a model before its columns are known; the rest is inferred.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declaration {
    /// The task, if stated.
    pub task: Option<Task>,
    /// Columns read as categories whatever they look like.
    pub categorical: Vec<String>,
    /// Columns read as numbers.
    pub numeric: Vec<String>,
    /// Columns that are not features.
    pub ignore: Vec<String>,
    /// The class that `score` is the probability of.
    pub positive_class: Option<String>,
    /// Columns that are tags, see [`Schema::tags`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

impl Declaration {
    /// Checks the names that it states.
    ///
    /// # Errors
    /// `InvalidArgument` for a tag with the name of a role, and past [`limits::TAGS_MAX`].
    pub fn validate(&self) -> Result<()> {
        self.tags.iter().try_for_each(|tag| check_tag_name(tag))?;
        check_tag_count(self.tags.len())
    }
}

/// Checks the name of a model, version or reference: it becomes a directory or a key.
///
/// # Errors
/// `InvalidArgument` naming the field, the value and the rule.
pub fn check_name(field: &str, name: &str) -> Result<()> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let ok = !name.is_empty()
        && name.len() <= limits::NAME_BYTES_MAX
        && name.chars().all(legal)
        && !name.starts_with(['.', '-']);
    if ok {
        return Ok(());
    }
    let rule = "must be 1 to 128 letters, digits, '.', '_' or '-' and not start with '.' or '-'";
    Err(Error::invalid(field, format!("{name:?} {rule}")))
}

fn check_feature_name(name: &str) -> Result<()> {
    if name.is_empty() || name.len() > limits::NAME_BYTES_MAX {
        let text = format!("{name:?} must have 1 to {} bytes", limits::NAME_BYTES_MAX);
        return Err(Error::invalid("features.name", text));
    }
    if ROLES.contains(&name) {
        let text = format!("{name:?} is the name of a role column, rename the feature");
        return Err(Error::invalid("features.name", text));
    }
    Ok(())
}

fn check_tag_name(name: &str) -> Result<()> {
    if name.is_empty() || name.len() > limits::NAME_BYTES_MAX {
        let text = format!("{name:?} must have 1 to {} bytes", limits::NAME_BYTES_MAX);
        return Err(Error::invalid("tags", text));
    }
    if ROLES.contains(&name) {
        let text = format!("{name:?} is the name of a role column, rename the tag");
        return Err(Error::invalid("tags", text));
    }
    Ok(())
}

fn check_tag_count(count: usize) -> Result<()> {
    if count > limits::TAGS_MAX {
        let text = format!("{count} tags, at most {}", limits::TAGS_MAX);
        return Err(Error::invalid("tags", text));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(names: &[&str]) -> Result<Schema> {
        let field = |name: &&str| Field { name: (*name).to_owned(), kind: Kind::Numeric };
        Schema::new(Task::Binary, names.iter().map(field).collect(), None)
    }

    #[test]
    fn a_misspelt_feature_names_its_near_misses() {
        let schema = schema(&["amount", "country"]).expect("valid");
        let error = schema.monitored_index("amout").expect_err("misspelt");
        assert!(error.to_string().contains("did you mean \"amount\"?"), "{error}");
    }

    #[test]
    fn role_names_and_twins_are_refused() {
        assert!(schema(&["score"]).is_err());
        assert!(schema(&["a", "a"]).is_err());
    }

    #[test]
    fn tags_stand_last_and_none_is_a_feature_or_a_role() {
        let tags = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let tagged = schema(&["a"]).and_then(|s| s.with_tags(&tags(&["region"]))).expect("valid");
        let tagged = tagged.with_tags(&tags(&["region", "variant"])).expect("valid");
        assert_eq!(tagged.tags, ["region", "variant"]);
        let names: Vec<&str> = tagged.fields().map(|(name, _)| name).collect();
        assert_eq!(names[tagged.untagged_len()..], ["region", "variant"]);
        assert_eq!(tagged.monitored_len(), 3, "tags are not compared");
        for bad in [&["a"][..], &["ts"], &[""]] {
            assert!(tagged.clone().with_tags(&tags(bad)).is_err(), "{bad:?}");
        }
        let many: Vec<String> = (0..=limits::TAGS_MAX).map(|n| n.to_string()).collect();
        assert!(tagged.with_tags(&many).is_err());
    }

    #[test]
    fn a_schema_without_tags_is_written_as_before_there_were_any() {
        let text = serde_json::to_string(&schema(&["a"]).expect("valid")).expect("json");
        assert!(!text.contains("tags"), "{text}");
        let back: Schema = serde_json::from_str(&text).expect("json");
        assert_eq!(back, schema(&["a"]).expect("valid"));
    }

    #[test]
    fn names_that_leave_their_directory_are_refused() {
        for name in ["", "..", "a/b", ".hidden", "-flag", "a b", "ä"] {
            assert!(check_name("model", name).is_err(), "{name:?}");
        }
        assert!(check_name("model", "fraud-v1.2_b").is_ok());
    }
}
