//! Labels: what tells series apart.

use std::{fmt, sync::Arc};

/// The label that holds the name of the metric.
pub const NAME: &str = "__name__";

/// Labels by name, each once, in the order of names. A label without a value is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Labels(Vec<(Arc<str>, Arc<str>)>);

impl Labels {
    /// Labels in any order; of one that comes twice the last stays.
    pub fn new<N: Into<Arc<str>>, V: Into<Arc<str>>>(
        labels: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let mut all = Self::default();
        for (name, value) in labels {
            all.set(name.into(), value.into());
        }
        all
    }

    /// The value of a label; empty if there is none.
    pub fn get(&self, name: &str) -> &str {
        let place = self.0.binary_search_by(|(known, _)| (**known).cmp(name));
        let found = place.ok().and_then(|place| self.0.get(place));
        found.map_or("", |(_, value)| value)
    }

    /// Sets a label, or takes it away if the value is empty.
    pub fn set(&mut self, name: Arc<str>, value: Arc<str>) {
        match self.0.binary_search_by(|(known, _)| (**known).cmp(&*name)) {
            Ok(place) if value.is_empty() => {
                self.0.remove(place);
            }
            Ok(place) => {
                if let Some(known) = self.0.get_mut(place) {
                    known.1 = value;
                }
            }
            Err(_) if value.is_empty() => {}
            Err(place) => self.0.insert(place, (name, value)),
        }
    }

    /// The same without the name of the metric.
    #[must_use]
    pub fn unnamed(&self) -> Self {
        self.without(&[])
    }

    /// The same with these labels only.
    #[must_use]
    pub fn only(&self, names: &[String]) -> Self {
        let kept = self.0.iter().filter(|(name, _)| names.iter().any(|kept| **kept == **name));
        Self(kept.cloned().collect())
    }

    /// The same without these labels and without the name of the metric.
    #[must_use]
    pub fn without(&self, names: &[String]) -> Self {
        let gone = |name: &str| name == NAME || names.iter().any(|gone| *gone == *name);
        Self(self.0.iter().filter(|(name, _)| !gone(name)).cloned().collect())
    }

    /// The same without these labels; the name of the metric stays.
    #[must_use]
    pub(crate) fn dropping(&self, names: &[String]) -> Self {
        let gone = |name: &str| names.iter().any(|gone| *gone == *name);
        Self(self.0.iter().filter(|(name, _)| !gone(name)).cloned().collect())
    }

    /// All of them, in the order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}

/// As PromQL writes it: `name{label="value"}`, with quotes, backslashes and line ends escaped.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get(NAME))?;
        f.write_str("{")?;
        let labels = self.iter().filter(|(name, _)| *name != NAME);
        for (place, (name, value)) in labels.enumerate() {
            let comma = if place > 0 { "," } else { "" };
            write!(f, "{comma}{name}=\"{}\"", escape(value))?;
        }
        f.write_str("}")
    }
}

/// A value as it stands between quotes, in PromQL and in the text formats of metrics.
pub fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_kept_by_name_once_and_empty_ones_are_none() {
        let labels = Labels::new([("b", "2"), ("a", "1"), ("b", "3"), ("c", "")]);
        assert_eq!(labels.iter().collect::<Vec<_>>(), [("a", "1"), ("b", "3")]);
        assert_eq!((labels.get("b"), labels.get("c")), ("3", ""));
        let named = Labels::new([(NAME, "m"), ("a", "1"), ("b", "2")]);
        assert_eq!(named.unnamed(), Labels::new([("a", "1"), ("b", "2")]));
        assert_eq!(named.only(&["a".to_owned()]), Labels::new([("a", "1")]));
        assert_eq!(named.without(&["a".to_owned()]), Labels::new([("b", "2")]));
    }

    #[test]
    fn hostile_values_are_escaped() {
        let labels = Labels::new([(NAME, "m"), ("feature", "a\"b{c}\\\n")]);
        assert_eq!(labels.to_string(), r#"m{feature="a\"b{c}\\\n"}"#);
    }
}
