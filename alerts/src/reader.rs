//! Reading the keys of a table, so that all mistakes of a file are found at once.

use std::collections::BTreeMap;

use driftline_storage::near_misses;
use serde_json::{Map, Value};

use crate::{duration::parse_duration, limits, mistake::Mistake};

/// A table of a file while it is read: each key is asked for by name, and what was not asked for is a
/// mistake.
pub(crate) struct Table<'a> {
    place: String,
    values: &'a Map<String, Value>,
    asked: Vec<&'static str>,
    shown: Option<&'static [&'static str]>,
    mistakes: &'a mut Vec<Mistake>,
}

/// A value as a message shows it, shortened.
pub(crate) fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(120) {
        Some((end, _)) => format!("{}..", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// The kind of a value in words.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing or no finite number",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}

impl<'a> Table<'a> {
    /// A table at a place, which messages name.
    pub(crate) fn new(
        place: String,
        values: &'a Map<String, Value>,
        mistakes: &'a mut Vec<Mistake>,
    ) -> Self {
        Self { place, values, asked: Vec::new(), shown: None, mistakes }
    }

    /// Lets mistakes show the values of these keys only: any other may hold a secret, also one that is
    /// misspelt.
    pub(crate) fn showing_only(mut self, keys: &'static [&'static str]) -> Self {
        self.shown = Some(keys);
        self
    }

    /// Tells a mistake about a key.
    pub(crate) fn wrong(&mut self, key: &str, problem: impl Into<String>) {
        let may_show = self.shown.is_none_or(|keys| keys.contains(&key));
        let value = self.values.get(key).filter(|_| may_show).map(shown).unwrap_or_default();
        self.mistakes.push(Mistake::new(self.place.clone(), key, value, problem));
    }

    /// Whether the key is there.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// The value of a key as it is.
    pub(crate) fn value(&mut self, key: &'static str) -> Option<&'a Value> {
        self.asked.push(key);
        self.values.get(key)
    }

    /// The value of a key if it is of a kind.
    fn of_kind<T>(
        &mut self,
        key: &'static str,
        wanted: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.value(key)?;
        let read = read(value);
        if read.is_none() {
            self.wrong(key, format!("is {}, and must be {wanted}", kind(value)));
        }
        read
    }

    /// Text of a bounded length, not empty.
    pub(crate) fn text_of(&mut self, key: &'static str, bytes_max: usize) -> Option<&'a str> {
        let text = self.of_kind(key, "text in quotes", Value::as_str)?;
        if text.is_empty() {
            self.wrong(key, "is empty; give it a text or leave it out");
            return None;
        }
        if text.len() > bytes_max {
            self.wrong(key, format!("has {} bytes, at most {bytes_max}", text.len()));
            return None;
        }
        Some(text)
    }

    /// Short text, not empty.
    pub(crate) fn text(&mut self, key: &'static str) -> Option<&'a str> {
        self.text_of(key, limits::TEXT_BYTES_MAX)
    }

    /// As [`Table::text`], of a key that must be there.
    pub(crate) fn needed(&mut self, key: &'static str, example: &str) -> Option<&'a str> {
        if !self.has(key) {
            self.asked.push(key);
            self.wrong(key, format!("is missing; write {key} = {example}"));
            return None;
        }
        self.text(key)
    }

    /// Text that one of so many names must be.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        known: &[(&'static str, T)],
    ) -> Option<T> {
        let text = self.text(key)?;
        let found = known.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            let near = near_misses(text, names.iter().copied());
            self.wrong(key, format!("is not one of {}{near}", names.join(", ")));
        }
        found
    }

    /// A duration in microseconds, from `least` to [`limits::SPAN_MAX`].
    pub(crate) fn duration(&mut self, key: &'static str, least: i64) -> Option<i64> {
        let text = self.of_kind(key, "a duration in quotes, such as \"1d\"", Value::as_str)?;
        let read = parse_duration(text).and_then(|micros| {
            if micros < least {
                let least = crate::duration::format_duration(least);
                return Err(format!("is too short; it must be {least} or longer"));
            }
            if micros > limits::SPAN_MAX {
                return Err("is longer than ten years".to_owned());
            }
            Ok(micros)
        });
        read.map_err(|problem| self.wrong(key, problem)).ok()
    }

    /// A finite number.
    pub(crate) fn number(&mut self, key: &'static str) -> Option<f64> {
        self.of_kind(key, "a number", |value| value.as_f64().filter(|number| number.is_finite()))
    }

    /// A whole number of 0 or more.
    pub(crate) fn count(&mut self, key: &'static str) -> Option<u64> {
        self.of_kind(key, "a whole number that is not negative", Value::as_u64)
    }

    /// True or false.
    pub(crate) fn flag(&mut self, key: &'static str) -> Option<bool> {
        self.of_kind(key, "true or false", Value::as_bool)
    }

    /// A list of short texts without repeats; one text stands for a list of it.
    pub(crate) fn texts(&mut self, key: &'static str, count_max: usize) -> Option<Vec<String>> {
        let read = |value: &Value| match value {
            Value::String(one) => Some(vec![one.clone()]),
            Value::Array(many) => {
                many.iter().map(|one| one.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
            }
            _ => None,
        };
        let texts = self.of_kind(key, "a list of texts", read)?;
        let mut seen = std::collections::BTreeSet::new();
        let problem = if texts.len() > count_max {
            Some(format!("has {} entries, at most {count_max}", texts.len()))
        } else if let Some(text) =
            texts.iter().find(|text| text.is_empty() || text.len() > limits::TEXT_BYTES_MAX)
        {
            Some(format!("has an entry of {} bytes, 1 to {}", text.len(), limits::TEXT_BYTES_MAX))
        } else {
            let twice = texts.iter().find(|text| !seen.insert(text.as_str()));
            twice.map(|text| format!("names {text:?} twice"))
        };
        match problem {
            Some(problem) => {
                self.wrong(key, problem);
                None
            }
            None => Some(texts),
        }
    }

    /// A table of short texts.
    pub(crate) fn table_of_texts(
        &mut self,
        key: &'static str,
        count_max: usize,
    ) -> Option<BTreeMap<String, String>> {
        let table = self.of_kind(key, "a table of texts", Value::as_object)?;
        if table.len() > count_max {
            self.wrong(key, format!("has {} entries, at most {count_max}", table.len()));
            return None;
        }
        let mut read = BTreeMap::new();
        for (name, value) in table {
            match value.as_str() {
                Some(text) if text.len() <= limits::TEXT_BYTES_MAX && !name.is_empty() => {
                    read.insert(name.clone(), text.to_owned());
                }
                Some(text) => {
                    let most = limits::TEXT_BYTES_MAX;
                    self.wrong(key, format!("{name:?} has {} bytes, at most {most}", text.len()));
                }
                None => self.wrong(key, format!("{name:?} is {}, and must be text", kind(value))),
            }
        }
        Some(read)
    }

    /// Keys that were not asked for, with their values.
    pub(crate) fn rest(&self) -> Vec<(&'a str, &'a Value)> {
        let asked = |key: &str| self.asked.contains(&key);
        self.values.iter().filter(|(key, _)| !asked(key)).map(|(k, v)| (k.as_str(), v)).collect()
    }

    /// Ends the reading: a key that was not asked for is a mistake.
    pub(crate) fn finish(mut self, of: &str) {
        for (key, _) in self.rest() {
            let near = near_misses(key, self.asked.iter().copied());
            let known = if near.is_empty() { format!("; {}", self.asked.join(", ")) } else { near };
            self.wrong(key, format!("is no key of {of}{known}"));
        }
    }
}
