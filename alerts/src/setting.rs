//! Settings that may stand elsewhere than in the file of rules, so that a secret stands in none.

use serde_json::{Map, Value, json};

/// The value of a setting, or where it is read whenever it is used.
///
/// A plain value is never a secret: where a setting is one, only the other two are read from a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// The value.
    Plain(String),
    /// Name of the environment variable that has it.
    Env(String),
    /// Path of the file that has it.
    File(String),
}

impl Setting {
    /// What a file has; none of what is neither text nor a table of `env` or `file`.
    pub(crate) fn read(value: &Value) -> Option<Self> {
        let from_table = |table: &Map<String, Value>| {
            let mut entries = table.iter();
            let (Some((key, Value::String(name))), None) = (entries.next(), entries.next()) else {
                return None;
            };
            match key.as_str() {
                _ if name.is_empty() => None,
                "env" => Some(Self::Env(name.clone())),
                "file" => Some(Self::File(name.clone())),
                _ => None,
            }
        };
        match value {
            Value::String(text) if !text.is_empty() => Some(Self::Plain(text.clone())),
            Value::Object(table) => from_table(table),
            _ => None,
        }
    }

    /// As a file has it.
    pub(crate) fn value(&self) -> Value {
        match self {
            Self::Plain(text) => json!(text),
            Self::Env(name) => json!({ "env": name }),
            Self::File(path) => json!({ "file": path }),
        }
    }

    /// Its text: the value, or the name of the place that has it.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Plain(text) | Self::Env(text) | Self::File(text) => text,
        }
    }
}
