//! The lines of a file on which its rules, channels and their keys stand, so that a mistake can say
//! where to look. They are sought only once there is a mistake.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::Spanned;
use toml::de::{DeTable, DeValue};

use crate::mistake::{Mistake, Mistakes};

/// Where the tables and keys of a file stand.
#[derive(Debug)]
pub struct Lines(Vec<Key>);

/// A key, its line counted from 1, and what stands there.
#[derive(Debug)]
struct Key {
    name: String,
    line: usize,
    value: Node,
}

/// A value of a file as far as lines are asked for.
#[derive(Debug)]
enum Node {
    Table(Vec<Key>),
    /// Entries with the lines that they begin on.
    List(Vec<(usize, Node)>),
    Text(String),
    Other,
}

impl Lines {
    /// The lines of a file in TOML; none of a text that is none.
    pub(crate) fn of_toml(text: &str) -> Self {
        let top = DeTable::parse(text).ok();
        Self(top.map(|top| toml_table(top.get_ref(), &Starts::of(text))).unwrap_or_default())
    }

    /// The lines of a file in YAML; none of a text that is none.
    pub(crate) fn of_yaml(text: &str) -> Self {
        match serde_saphyr::from_str::<Node>(text) {
            Ok(Node::Table(keys)) => Self(keys),
            _ => Self(Vec::new()),
        }
    }

    /// Gives the mistakes of the file their lines: that of the key, or where that is missing of its
    /// rule or channel.
    pub fn locate(&self, mistakes: &mut Mistakes) {
        for mistake in &mut mistakes.0 {
            mistake.line = mistake.line.or_else(|| self.line(mistake));
        }
    }

    fn line(&self, mistake: &Mistake) -> Option<usize> {
        let (array, name) = match mistake.place.split_once(' ') {
            Some((array @ ("rule" | "channel"), name)) => (array, name),
            _ => return line_of(&self.0, &mistake.key),
        };
        let list = self.0.iter().find(|key| key.name == array)?;
        let Node::List(entries) = &list.value else { return Some(list.line) };
        let is_named = |node: &Node| match node {
            Node::Table(keys) => keys.iter().any(|key| {
                key.name == "name"
                    && matches!(&key.value, Node::Text(text) if format!("{text:?}") == name)
            }),
            _ => false,
        };
        let key = |node: &Node| match node {
            Node::Table(keys) => line_of(keys, &mistake.key),
            _ => None,
        };
        let (line, entry) = match mistake.entry {
            Some(entry) => entries.get(entry.checked_sub(1)?)?,
            // Of two with one name the one is meant that has the key.
            None => {
                let mut named = entries.iter().filter(|(_, node)| is_named(node));
                named.clone().find(|(_, node)| key(node).is_some()).or_else(|| named.next())?
            }
        };
        key(entry).or(Some(*line))
    }
}

/// The line of a key, or of the first that is there of `one, two or three`.
fn line_of(keys: &[Key], wanted: &str) -> Option<usize> {
    let line = |name: &str| keys.iter().find(|key| key.name == name).map(|key| key.line);
    line(wanted).or_else(|| wanted.split([',', ' ', '.']).find_map(line))
}

/// Offsets at which lines start.
struct Starts(Vec<usize>);

impl Starts {
    fn of(text: &str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        Self(ends.map(|(end, _)| end + 1).collect())
    }

    /// The line of an offset, counted from 1.
    fn line(&self, offset: usize) -> usize {
        self.0.partition_point(|start| *start <= offset) + 1
    }
}

/// The line of an offset of a text, counted from 1.
pub(crate) fn line_at(text: &str, offset: usize) -> usize {
    Starts::of(text).line(offset)
}

fn toml_table(table: &DeTable<'_>, starts: &Starts) -> Vec<Key> {
    let key = |(key, value): (&toml::Spanned<_>, &toml::Spanned<DeValue<'_>>)| {
        let name: &std::borrow::Cow<'_, str> = key.get_ref();
        Key {
            name: name.to_string(),
            line: starts.line(key.span().start),
            value: toml_value(value.get_ref(), starts),
        }
    };
    table.iter().map(key).collect()
}

fn toml_value(value: &DeValue<'_>, starts: &Starts) -> Node {
    match value {
        DeValue::Table(table) => Node::Table(toml_table(table, starts)),
        DeValue::Array(array) => {
            let entry = |value: &toml::Spanned<DeValue<'_>>| {
                (starts.line(value.span().start), toml_value(value.get_ref(), starts))
            };
            Node::List(array.iter().map(entry).collect())
        }
        DeValue::String(text) => Node::Text(text.to_string()),
        _ => Node::Other,
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

/// The line of a value of a YAML file.
fn line_in_yaml<T>(value: &Spanned<T>) -> usize {
    usize::try_from(value.referenced.line()).unwrap_or(usize::MAX)
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut keys = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let line = line_in_yaml(&key);
            keys.push(Key { name: key.value, line, value: map.next_value()? });
        }
        Ok(Node::Table(keys))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = list.next_element::<Spanned<Node>>()? {
            entries.push((line_in_yaml(&entry), entry.value));
        }
        Ok(Node::List(entries))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_enum<A: serde::de::EnumAccess<'de>>(self, data: A) -> Result<Node, A::Error> {
        data.variant::<IgnoredAny>().map(|_| Node::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Other)
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Other)
    }
}

#[cfg(test)]
mod tests {
    use crate::rule_set::{RuleSet, Syntax};

    /// The mistakes of a file as line and key.
    fn lines(text: &str, syntax: Syntax) -> Vec<(Option<usize>, String)> {
        let mistakes = RuleSet::parse(text, syntax).expect_err("has mistakes");
        mistakes.0.into_iter().map(|mistake| (mistake.line, mistake.key)).collect()
    }

    const TOML: &str = r#"# what is wrong
[[channel]]
name = "ops"
type = "webhok"

[[rule]]
name = "a"
model = "m"
metric = "psi"
when = "> 0.2"
widow = "1d"
channels = [
  "ops",
]

[[rule]]
name = "a"
any_of = ["a", "b"]
"#;

    const YAML: &str = r#"channel:
  - name: ops
    type: webhok
rule:
  - name: a
    model: m
    metric: psi
    when: "> 0.2"
    widow: 1d

  - name: a
    any_of:
      - a
      - b
"#;

    #[test]
    fn a_mistake_has_the_line_of_its_key_or_of_its_table() {
        let toml = lines(TOML, Syntax::Toml);
        let want = |line, key: &str| (Some(line), key.to_owned());
        for one in [want(4, "type"), want(6, "window"), want(11, "widow"), want(17, "name")] {
            assert!(toml.contains(&one), "{one:?}: {toml:?}");
        }
        let yaml = lines(YAML, Syntax::Yaml);
        for one in [want(3, "type"), want(5, "window"), want(9, "widow"), want(11, "name")] {
            assert!(yaml.contains(&one), "{one:?}: {yaml:?}");
        }
        assert!(toml.contains(&want(18, "any_of")), "{toml:?}");
        assert!(yaml.contains(&want(12, "any_of")), "{yaml:?}");
    }

    #[test]
    fn a_file_that_does_not_read_has_the_line_where_reading_ends() {
        let key = |syntax| if syntax == Syntax::Toml { "TOML" } else { "YAML" };
        for (text, syntax, line) in [
            ("[[rule]]\nname = \"a\"\nwindow = 1d\n", Syntax::Toml, 3),
            ("rule:\n  - name: a\n    when: > 0.2\n", Syntax::Yaml, 3),
            ("rule:\n  - name: [a\n", Syntax::Yaml, 2),
        ] {
            assert_eq!(lines(text, syntax), [(Some(line), key(syntax).to_owned())], "{text}");
        }
    }

    #[test]
    fn mistakes_at_the_top_and_in_one_line_tables_have_lines() {
        let toml = "roule = []\nrule = [{ name = \"a\", model = \"m\" },\n  { nam = \"b\" }]\n";
        let found = lines(toml, Syntax::Toml);
        assert!(found.contains(&(Some(1), "roule".to_owned())), "{found:?}");
        assert!(found.contains(&(Some(2), "metric".to_owned())), "{found:?}");
        assert!(found.contains(&(Some(3), "nam".to_owned())), "{found:?}");
        let yaml = "rule: 3\nchannel: [3]\n";
        let want = [(Some(2), "channel".to_owned()), (Some(1), "rule".to_owned())];
        assert_eq!(lines(yaml, Syntax::Yaml), want);
    }
}
