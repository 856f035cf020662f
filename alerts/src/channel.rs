//! Channels: where notifications go. What is sent there and how is the business of who delivers.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    limits,
    mistake::Mistake,
    reader::{Table, kind},
};

/// What a channel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelKind {
    /// A POST of JSON to a URL.
    Webhook,
    /// An incoming webhook of Slack.
    Slack,
    /// Events of PagerDuty.
    PagerDuty,
    /// Mail over SMTP.
    Email,
    /// Prometheus's Alertmanager.
    Alertmanager,
    /// The server's own log.
    Log,
}

impl ChannelKind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Webhook, Self::Slack, Self::PagerDuty, Self::Email, Self::Alertmanager, Self::Log];

    /// Name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Slack => "slack",
            Self::PagerDuty => "pagerduty",
            Self::Email => "email",
            Self::Alertmanager => "alertmanager",
            Self::Log => "log",
        }
    }

    /// Settings without which it can tell nobody, each with an example.
    fn needed(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Webhook => &[("url", "\"http://127.0.0.1:9000/hook\"")],
            Self::Slack => &[("url", "{ env = \"SLACK_URL\" }")],
            Self::PagerDuty => &[("routing_key", "{ env = \"PAGERDUTY_KEY\" }")],
            Self::Email => &[
                ("smtp", "\"smtp.example.org:587\""),
                ("from", "\"driftline@example.org\""),
                ("to", "\"team@example.org\""),
            ],
            Self::Alertmanager => &[("url", "\"http://127.0.0.1:9093\"")],
            Self::Log => &[],
        }
    }
}

/// The value of a setting, or where it is read when it is used, so that a secret stands in no file
/// of rules.
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
    fn read(value: &Value) -> Option<Self> {
        let from_table = |table: &Map<String, Value>| {
            let mut entries = table.iter();
            match (entries.next(), entries.next()) {
                (Some((key, Value::String(name))), None) if !name.is_empty() => {
                    match key.as_str() {
                        "env" => Some(Self::Env(name.clone())),
                        "file" => Some(Self::File(name.clone())),
                        _ => None,
                    }
                }
                _ => None,
            }
        };
        match value {
            Value::String(text) if !text.is_empty() => Some(Self::Plain(text.clone())),
            Value::Number(number) => Some(Self::Plain(number.to_string())),
            Value::Bool(flag) => Some(Self::Plain(flag.to_string())),
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
}

/// A channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Its name, unique in its set.
    pub name: String,
    /// What it is.
    pub kind: ChannelKind,
    /// Its settings by key.
    pub settings: BTreeMap<String, Setting>,
}

impl Channel {
    /// Its keys and values in the order of writing.
    pub(crate) fn pairs(&self) -> Vec<(&str, Value)> {
        let head = [("name", json!(self.name)), ("type", json!(self.kind.name()))];
        let settings = self.settings.iter().map(|(key, setting)| (key.as_str(), setting.value()));
        head.into_iter().chain(settings).collect()
    }
}

/// Reads a channel, the `place`-th of its file counted from 1; none if something is wrong with it.
pub(crate) fn channel(
    values: &Map<String, Value>,
    place: usize,
    mistakes: &mut Vec<Mistake>,
) -> Option<Channel> {
    let before = mistakes.len();
    let name = values.get("name").and_then(Value::as_str);
    let text = name.map_or_else(|| format!("channel {place}"), |name| format!("channel {name:?}"));
    let mut table = Table::new(text, values, mistakes);
    let name = table.needed("name", "\"ops\"").map(str::to_owned);
    if !table.has("type") {
        let names = ChannelKind::ALL.map(ChannelKind::name).join(", ");
        table.wrong("type", format!("is missing; it is one of {names}"));
    }
    let kind_of = table.choice("type", &ChannelKind::ALL.map(|one| (one.name(), one)));
    let mut settings = BTreeMap::new();
    for (key, value) in table.rest() {
        match Setting::read(value) {
            Some(Setting::Plain(text)) if text.len() > limits::TEXT_BYTES_MAX => {
                table.wrong(key, format!("has more than {} bytes", limits::TEXT_BYTES_MAX));
            }
            Some(setting) => {
                settings.insert(key.to_owned(), setting);
            }
            None => {
                let text = "must be text, { env = \"NAME\" } or { file = \"PATH\" }";
                table.wrong(key, format!("is {}, and {text}", kind(value)));
            }
        }
    }
    for (key, example) in kind_of.map(ChannelKind::needed).unwrap_or_default() {
        if !table.has(key) {
            table.wrong(key, format!("is missing; write {key} = {example}"));
        }
    }
    if let Some(Setting::Plain(url)) = settings.get("url")
        && !(url.starts_with("http://") || url.starts_with("https://"))
    {
        table.wrong("url", "is no URL; it begins with http:// or https://");
    }
    let channel = Channel { name: name?, kind: kind_of?, settings };
    (mistakes.len() == before).then_some(channel)
}
