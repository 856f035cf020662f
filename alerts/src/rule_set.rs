//! Sets of rules and channels: files in TOML or YAML, what must hold within a set, and writing it out
//! again.

use std::collections::{BTreeMap, BTreeSet};

use driftline_storage::near_misses;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::SerializeMap};
use serde_json::{Map, Value};

use crate::{
    channel::Channel,
    channel_file::channel,
    content::pairs,
    limits,
    lines::{Lines, line_at},
    mistake::{Mistake, Mistakes},
    parse,
    reader::{kind, shown},
    rule::Rule,
    template,
};

/// The form of a file of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// TOML.
    Toml,
    /// YAML.
    Yaml,
}

impl Syntax {
    /// The form that the end of a file's name tells: YAML of `.yaml` and `.yml`, else TOML.
    pub fn of_name(name: &str) -> Self {
        let name = name.to_lowercase();
        if name.ends_with(".yaml") || name.ends_with(".yml") { Self::Yaml } else { Self::Toml }
    }

    /// Where things stand in a file of this form.
    pub fn lines(self, text: &str) -> Lines {
        match self {
            Self::Toml => Lines::of_toml(text),
            Self::Yaml => Lines::of_yaml(text),
        }
    }
}

/// Channels and rules, in the order of their file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RuleSet {
    /// The channels.
    pub channels: Vec<Channel>,
    /// The rules.
    pub rules: Vec<Rule>,
}

impl RuleSet {
    /// Reads a file and checks all that can be checked without models.
    ///
    /// # Errors
    /// All mistakes of the file; only the first where it is no TOML or YAML at all.
    pub fn parse(text: &str, syntax: Syntax) -> Result<Self, Mistakes> {
        let whole = |problem: String, line: Option<usize>| {
            let key = if syntax == Syntax::Toml { "TOML" } else { "YAML" };
            let mistake = Mistake::new("the file", key, "", problem);
            Mistakes(vec![Mistake { line, ..mistake }])
        };
        if text.len() > limits::FILE_BYTES_MAX {
            let most = limits::FILE_BYTES_MAX;
            return Err(whole(format!("has {} bytes, at most {most}", text.len()), None));
        }
        let value: Value = match syntax {
            Syntax::Toml => toml::from_str(text).map_err(|error| {
                let line = error.span().map(|span| line_at(text, span.start));
                whole(error.to_string(), line)
            })?,
            Syntax::Yaml => serde_saphyr::from_str(text).map_err(|error| {
                let hint = "a condition that begins with > stands in quotes: when: \"> 0.2\"";
                let line = error.location().and_then(|at| usize::try_from(at.line()).ok());
                whole(format!("{error}\n{hint}"), line)
            })?,
        };
        Self::from_value(&value).map_err(|mut mistakes| {
            syntax.lines(text).locate(&mut mistakes);
            mistakes
        })
    }

    /// Reads a set from the tree that a file is.
    ///
    /// # Errors
    /// All mistakes.
    pub fn from_value(value: &Value) -> Result<Self, Mistakes> {
        let mut mistakes = Vec::new();
        let empty = Map::new();
        let top = match value {
            Value::Object(top) => top,
            Value::Null => &empty,
            other => {
                mistakes.push(top_level("rule", other, "a file of rules is a table"));
                &empty
            }
        };
        for (key, value) in top {
            if key != "channel" && key != "rule" {
                let near = near_misses(key, ["channel", "rule"]);
                let text = format!("is no key of a file of rules; it has channel and rule{near}");
                mistakes.push(top_level(key, value, &text));
            }
        }
        let mut set = Self::default();
        for (place, values) in tables(top, "channel", limits::CHANNELS_MAX, &mut mistakes) {
            let before = mistakes.len();
            set.channels.extend(channel(values, place, &mut mistakes));
            in_entry(&mut mistakes, before, place);
        }
        for (place, values) in tables(top, "rule", limits::RULES_MAX, &mut mistakes) {
            let before = mistakes.len();
            set.rules.extend(parse::rule(values, place, &mut mistakes));
            in_entry(&mut mistakes, before, place);
        }
        set.check(top, &mut mistakes);
        if mistakes.is_empty() { Ok(set) } else { Err(Mistakes(mistakes)) }
    }

    /// What must hold between the rules of a set. Names of rules that are wrong in themselves count
    /// as there, so that one mistake does not make others.
    fn check(&self, top: &Map<String, Value>, mistakes: &mut Vec<Mistake>) {
        let channels = names(top, "channel", mistakes);
        let rules = names(top, "rule", mistakes);
        check_named(top, &channels, &rules, mistakes);
        for rule in &self.rules {
            let mut wrong = |key: &str, value: &str, problem: String| {
                let place = format!("rule {:?}", rule.name);
                mistakes.push(Mistake::new(place, key, format!("{value:?}"), problem));
            };
            for (key, text) in [("summary", &rule.summary), ("description", &rule.description)] {
                if let Some(Err(problem)) = text.as_ref().map(|text| template::check(rule, text)) {
                    wrong(key, text.as_deref().unwrap_or_default(), problem);
                }
            }
        }
        if let Err(circle) = order(&self.rules) {
            let place = format!("rule {:?}", circle.first().cloned().unwrap_or_default());
            let problem =
                format!("depends on itself by way of {}; take one of them out", circle.join(", "));
            let key = "all_of, any_of or inhibited_by";
            mistakes.push(Mistake::new(place, key, "", problem));
        }
    }

    /// A rule by its name.
    pub fn rule(&self, name: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.name == name)
    }

    /// The places of the rules in an order in which each comes after those that it names: members of
    /// composites and rules that silence it. Rules in a circle, which no set that was read has, come
    /// last.
    pub fn order(&self) -> Vec<usize> {
        order(&self.rules).unwrap_or_else(|_| (0..self.rules.len()).collect())
    }

    /// Places of rules that depend on each other, directly or through others, as those of a composite and
    /// its members, and of a rule and those that silence it. Each rule is in one such part.
    pub(crate) fn parts(&self) -> Vec<Vec<usize>> {
        let rules = self.rules.iter().enumerate();
        let places: BTreeMap<&str, usize> =
            rules.clone().map(|(place, rule)| (rule.name.as_str(), place)).collect();
        let mut linked: Vec<Vec<usize>> = vec![Vec::new(); self.rules.len()];
        for (place, rule) in rules {
            let named = rule.subject.members().iter().chain(&rule.inhibited_by);
            for other in named.filter_map(|name| places.get(name.as_str()).copied()) {
                for (from, to) in [(place, other), (other, place)] {
                    linked.get_mut(from).into_iter().for_each(|links| links.push(to));
                }
            }
        }
        let mut parts = Vec::new();
        let mut taken = vec![false; self.rules.len()];
        for place in 0..self.rules.len() {
            let (mut part, mut next) = (Vec::new(), vec![place]);
            while let Some(place) = next.pop() {
                let Some(taken) = taken.get_mut(place).filter(|taken| !**taken) else { continue };
                *taken = true;
                part.push(place);
                next.extend(linked.get(place).into_iter().flatten());
            }
            if !part.is_empty() {
                part.sort_unstable();
                parts.push(part);
            }
        }
        parts
    }

    /// The set as a file that reads back as the same set.
    pub fn export(&self, syntax: Syntax) -> String {
        let mut text = String::new();
        for (key, tables) in self.tables() {
            for table in tables {
                match syntax {
                    Syntax::Toml => write_toml(key, &table, &mut text),
                    Syntax::Yaml => {}
                }
            }
        }
        if syntax == Syntax::Yaml {
            text = serde_saphyr::to_string(self).unwrap_or_default();
        }
        text
    }

    fn tables(&self) -> [(&'static str, Vec<Pairs>); 2] {
        let owned = |pairs: Vec<(&str, Value)>| {
            Pairs(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
        };
        let channels = self.channels.iter().map(|channel| owned(channel.pairs())).collect();
        let rules = self.rules.iter().map(|rule| owned(pairs(rule))).collect();
        [("channel", channels), ("rule", rules)]
    }
}

/// Keys and values in order.
struct Pairs(Vec<(String, Value)>);

impl Serialize for Pairs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

impl Serialize for RuleSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, tables) in self.tables() {
            map.serialize_entry(key, &tables)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for RuleSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::from_value(&Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// One table of an array, its keys a line each.
fn write_toml(key: &str, table: &Pairs, text: &mut String) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&format!("[[{key}]]\n"));
    for (key, value) in &table.0 {
        // Every value that a set holds is one that TOML has: numbers are finite, nothing is null.
        if let Ok(value) = toml::Value::try_from(value) {
            let key = if key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
                key.clone()
            } else {
                toml::Value::String(key.clone()).to_string()
            };
            text.push_str(&format!("{key} = {value}\n"));
        }
    }
}

fn top_level(key: &str, value: &Value, problem: &str) -> Mistake {
    // A table may be a channel whose key is misspelt, and hold a secret.
    let may_show = !value.is_array() && !value.is_object();
    let value = if may_show { shown(value) } else { String::new() };
    Mistake::new("the file", key, value, problem)
}

/// Says of the mistakes since `before` which entry of their array they are in.
fn in_entry(mistakes: &mut [Mistake], before: usize, place: usize) {
    for mistake in mistakes.iter_mut().skip(before) {
        mistake.entry = Some(place);
    }
}

/// The tables of an array, counted from 1.
fn tables<'a>(
    top: &'a Map<String, Value>,
    key: &str,
    count_max: usize,
    mistakes: &mut Vec<Mistake>,
) -> Vec<(usize, &'a Map<String, Value>)> {
    let list = match top.get(key) {
        None => return Vec::new(),
        Some(Value::Array(list)) => list,
        Some(other) => {
            let text = format!("is {}, and must be a list; write [[{key}]]", kind(other));
            mistakes.push(top_level(key, other, &text));
            return Vec::new();
        }
    };
    if list.len() > count_max {
        let text = format!("has {} entries, at most {count_max}", list.len());
        mistakes.push(Mistake { value: String::new(), ..top_level(key, &Value::Null, &text) });
        return Vec::new();
    }
    let mut tables = Vec::with_capacity(list.len());
    for (place, entry) in (1..).zip(list) {
        match entry {
            Value::Object(table) => tables.push((place, table)),
            other => {
                let text = format!("is {} in place {place}, and must be a table", kind(other));
                mistakes.push(top_level(key, other, &text));
            }
        }
    }
    tables
}

/// Names of the tables of an array; one that occurs twice is a mistake.
fn names<'a>(
    top: &'a Map<String, Value>,
    key: &str,
    mistakes: &mut Vec<Mistake>,
) -> BTreeSet<&'a str> {
    let mut names = BTreeSet::new();
    for (place, table) in (1..).zip(top.get(key).and_then(Value::as_array).into_iter().flatten()) {
        let Some(name) = table.get("name").and_then(Value::as_str) else { continue };
        if !names.insert(name) {
            let problem = format!("is the name of another {key}; names are unique");
            let mistake =
                Mistake::new(format!("{key} {name:?}"), "name", format!("{name:?}"), problem);
            mistakes.push(Mistake { entry: Some(place), ..mistake });
        }
    }
    names
}

/// Whether the channels and rules that rules name are there, also of rules that are wrong in themselves.
fn check_named(
    top: &Map<String, Value>,
    channels: &BTreeSet<&str>,
    rules: &BTreeSet<&str>,
    mistakes: &mut Vec<Mistake>,
) {
    let tables = top.get("rule").and_then(Value::as_array).into_iter().flatten();
    for (place, table) in (1..).zip(tables) {
        let own = table.get("name").and_then(Value::as_str);
        let text = own.map_or_else(|| format!("rule {place}"), |own| format!("rule {own:?}"));
        for key in ["channels", "all_of", "any_of", "inhibited_by"] {
            let named = table.get(key).and_then(Value::as_array).into_iter().flatten();
            for name in named.filter_map(Value::as_str) {
                let problem = if key == "channels" {
                    (!channels.contains(name)).then(|| {
                        let near = near_misses(name, channels.iter().copied());
                        format!("is no channel of the file{near}; add a [[channel]] of that name")
                    })
                } else if own == Some(name) {
                    Some("is the rule itself; name others".to_owned())
                } else {
                    (!rules.contains(name)).then(|| {
                        let near = near_misses(name, rules.iter().copied());
                        format!("is no rule of the file{near}")
                    })
                };
                if let Some(problem) = problem {
                    let mistake = Mistake::new(text.clone(), key, format!("{name:?}"), problem);
                    mistakes.push(Mistake { entry: Some(place), ..mistake });
                }
            }
        }
    }
}

/// The places of rules, each after those that it names; else the names of rules in a circle.
fn order(rules: &[Rule]) -> Result<Vec<usize>, Vec<String>> {
    let places: BTreeMap<&str, usize> =
        rules.iter().enumerate().map(|(place, rule)| (rule.name.as_str(), place)).collect();
    let mut waits: Vec<usize> = Vec::with_capacity(rules.len());
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); rules.len()];
    for (place, rule) in rules.iter().enumerate() {
        let named = rule.subject.members().iter().chain(&rule.inhibited_by);
        let named: Vec<usize> =
            named.filter_map(|name| places.get(name.as_str()).copied()).collect();
        waits.push(named.len());
        for before in named {
            if let Some(followers) = followers.get_mut(before) {
                followers.push(place);
            }
        }
    }
    let mut ready: std::collections::VecDeque<usize> =
        (0..rules.len()).filter(|place| waits.get(*place) == Some(&0)).collect();
    let mut order = Vec::with_capacity(rules.len());
    while let Some(place) = ready.pop_front() {
        order.push(place);
        for follower in followers.get(place).into_iter().flatten() {
            if let Some(waits) = waits.get_mut(*follower) {
                *waits -= 1;
                if *waits == 0 {
                    ready.push_back(*follower);
                }
            }
        }
    }
    if order.len() == rules.len() {
        return Ok(order);
    }
    let stuck = rules.iter().enumerate().filter(|(place, _)| !order.contains(place));
    Err(stuck.map(|(_, rule)| rule.name.clone()).collect())
}

#[cfg(test)]
mod tests;
