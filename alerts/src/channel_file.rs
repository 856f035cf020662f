//! From the keys of a channel to the channel, with every mistake that the file alone shows.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{
    address::{MailServer, mailbox, receiver_url},
    channel::{Channel, ChannelKind, Destination, Email, LogLevel, Login, MailTls, PAGERDUTY_URL},
    duration::format_duration,
    limits,
    mistake::Mistake,
    reach::is_this_machine,
    reader::{Table, kind},
    setting::Setting,
};

/// Keys whose values a mistake may show.
const SHOWN: [&str; 10] = [
    "name",
    "type",
    "smtp",
    "from",
    "to",
    "tls",
    "level",
    "timeout",
    "give_up_after",
    "allow_private",
];
/// Headers whose values are secrets.
const SECRET_HEADERS: [&str; 5] =
    ["authorization", "proxy-authorization", "cookie", "x-api-key", "x-auth-token"];
/// Headers that whoever sends makes.
const OWN_HEADERS: [&str; 8] = [
    "host",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// Reads a channel, the `place`-th of its file counted from 1; none if something is wrong with it.
pub(crate) fn channel(
    values: &Map<String, Value>,
    place: usize,
    mistakes: &mut Vec<Mistake>,
) -> Option<Channel> {
    let before = mistakes.len();
    let name = values.get("name").and_then(Value::as_str);
    let text = name.map_or_else(|| format!("channel {place}"), |name| format!("channel {name:?}"));
    let mut table = Table::new(text, values, mistakes).showing_only(&SHOWN);
    let name = table.needed("name", "\"ops\"").map(str::to_owned);
    if let Some(Err(error)) = name.as_ref().map(|name| driftline_storage::check_name("name", name))
    {
        let rule = error.field_violations().first().map(|v| v.description.clone());
        table.wrong("name", rule.unwrap_or_default());
    }
    if !table.has("type") {
        let names = ChannelKind::ALL.map(ChannelKind::name).join(", ");
        table.wrong("type", format!("is missing; it is one of {names}"));
    }
    let kind = table.choice("type", &ChannelKind::ALL.map(|one| (one.name(), one)));
    let timeout = span(&mut table, "timeout", limits::TIMEOUT_MIN, limits::TIMEOUT_MAX)
        .unwrap_or(limits::TIMEOUT_DEFAULT);
    let give_up_after = span(&mut table, "give_up_after", 0, limits::GIVE_UP_AFTER_MAX)
        .unwrap_or(limits::GIVE_UP_AFTER_DEFAULT);
    let allow_private = table.flag("allow_private").unwrap_or(false);
    // Without a kind nobody knows which other keys there are.
    let kind = kind?;
    let destination = match kind {
        ChannelKind::Webhook => webhook(&mut table, allow_private),
        ChannelKind::Slack => slack(&mut table, allow_private),
        ChannelKind::PagerDuty => pagerduty(&mut table, allow_private),
        ChannelKind::Email => email(&mut table, allow_private),
        ChannelKind::Alertmanager => alertmanager(&mut table, allow_private),
        ChannelKind::Log => log(&mut table),
    };
    table.finish(&format!("a channel of type {}", kind.name()));
    let (name, destination) = (name?, destination?);
    let channel = Channel { name, destination, timeout, give_up_after, allow_private };
    (mistakes.len() == before).then_some(channel)
}

fn span(table: &mut Table<'_>, key: &'static str, least: i64, most: i64) -> Option<i64> {
    let span = table.duration(key, least)?;
    if span > most {
        table.wrong(key, format!("is too long; it is {} at most", format_duration(most)));
        return None;
    }
    Some(span)
}

fn webhook(table: &mut Table<'_>, allow_private: bool) -> Option<Destination> {
    let url = url(table, "\"http://127.0.0.1:9000/hook\"", allow_private);
    let secret = secret(table, "secret");
    let headers = headers(table);
    Some(Destination::Webhook { url: url?, secret, headers })
}

fn slack(table: &mut Table<'_>, allow_private: bool) -> Option<Destination> {
    let url = url(table, "{ env = \"SLACK_URL\" }", allow_private)?;
    if let Setting::Plain(text) = &url
        && !leads_to_this_machine(text)
    {
        not_plain(table, "url");
        return None;
    }
    Some(Destination::Slack { url })
}

fn pagerduty(table: &mut Table<'_>, allow_private: bool) -> Option<Destination> {
    needed(table, "routing_key", "{ env = \"PAGERDUTY_KEY\" }");
    let routing_key = secret(table, "routing_key");
    let default = || Some(Setting::Plain(PAGERDUTY_URL.to_owned()));
    let url = if table.has("url") { url(table, "", allow_private) } else { default() };
    // So that the key is known should it be misspelt.
    table.value("url");
    Some(Destination::PagerDuty { routing_key: routing_key?, url: url? })
}

fn alertmanager(table: &mut Table<'_>, allow_private: bool) -> Option<Destination> {
    let url = url(table, "\"http://127.0.0.1:9093\"", allow_private);
    let headers = headers(table);
    Some(Destination::Alertmanager { url: url?, headers })
}

fn log(table: &mut Table<'_>) -> Option<Destination> {
    let level = table.choice("level", &LogLevel::ALL.map(|level| (level.name(), level)));
    Some(Destination::Log { level: level.unwrap_or_default() })
}

fn email(table: &mut Table<'_>, allow_private: bool) -> Option<Destination> {
    let smtp = table.needed("smtp", "\"smtp.example.org:587\"").and_then(|text| {
        MailServer::parse(text, allow_private).map_err(|problem| table.wrong("smtp", problem)).ok()
    });
    let from = table.needed("from", "\"driftline@example.org\"").map(str::to_owned);
    needed(table, "to", "[\"team@example.org\"]");
    let to = table.texts("to", limits::RECIPIENTS_MAX);
    if to.as_ref().is_some_and(Vec::is_empty) {
        table.wrong("to", "is empty; write to = [\"team@example.org\"]");
    }
    let from = from.into_iter().map(|text| ("from", text));
    let boxes: Vec<_> = from.chain(to.iter().flatten().cloned().map(|text| ("to", text))).collect();
    for (key, text) in &boxes {
        if let Err(problem) = mailbox(text) {
            table.wrong(key, format!("{text:?} {problem}"));
        }
    }
    let login = login(table);
    let tls = table.choice("tls", &MailTls::ALL.map(|tls| (tls.name(), tls)));
    let smtp = smtp?;
    let tls = tls.unwrap_or(MailTls::of_port(smtp.port));
    if tls == MailTls::None && login.is_some() && !is_this_machine(&smtp.host()) {
        let text = "would send the password in the clear; take it away, or username and password";
        table.wrong("tls", text);
    }
    let (_, from) = boxes.into_iter().next()?;
    Some(Destination::Email(Box::new(Email { smtp, from, to: to?, login, tls })))
}

/// A name and a password, which come together.
fn login(table: &mut Table<'_>) -> Option<Login> {
    let username = setting(table, "username");
    let password = secret(table, "password");
    for (key, other) in [("username", "password"), ("password", "username")] {
        if table.has(key) && !table.has(other) {
            table.wrong(other, format!("is missing beside {key}"));
        }
    }
    Some(Login { username: username?, password: password? })
}

fn needed(table: &mut Table<'_>, key: &'static str, example: &str) {
    if !table.has(key) {
        table.wrong(key, format!("is missing; write {key} = {example}"));
    }
}

/// Text, or where it stands.
fn setting(table: &mut Table<'_>, key: &'static str) -> Option<Setting> {
    let value = table.value(key)?;
    match read_setting(value) {
        Ok(setting) => Some(setting),
        Err(problem) => {
            table.wrong(key, problem);
            None
        }
    }
}

fn read_setting(value: &Value) -> Result<Setting, String> {
    let forms = "{ env = \"NAME\" } or { file = \"PATH\" }";
    let setting = match (Setting::read(value), value) {
        (Some(setting), _) => setting,
        (None, Value::String(_)) => return Err(format!("is empty; write text, {forms}")),
        (None, other) => return Err(format!("is {}, and must be text, {forms}", kind(other))),
    };
    let bytes = setting.text().len();
    let most = limits::TEXT_BYTES_MAX;
    if bytes > most {
        return Err(format!("has {bytes} bytes, at most {most}"));
    }
    if setting.text().chars().any(char::is_control) {
        return Err("has control characters, such as a line break; take them out".to_owned());
    }
    if matches!(&setting, Setting::Env(name) if name.contains('=')) {
        return Err("names no environment variable; its name has no =".to_owned());
    }
    Ok(setting)
}

/// Where a secret stands. One that is written here would be stored, exported and shown with the rules.
fn secret(table: &mut Table<'_>, key: &'static str) -> Option<Setting> {
    let setting = setting(table, key)?;
    if matches!(setting, Setting::Plain(_)) {
        not_plain(table, key);
        return None;
    }
    Some(setting)
}

fn not_plain(table: &mut Table<'_>, key: &str) {
    let text = "is a secret and stands here in plain text";
    let forms = format!("write {key} = {{ env = \"NAME\" }} or {key} = {{ file = \"PATH\" }}");
    table.wrong(key, format!("{text}; {forms}"));
}

fn url(table: &mut Table<'_>, example: &str, allow_private: bool) -> Option<Setting> {
    needed(table, "url", example);
    let url = setting(table, "url")?;
    let Setting::Plain(text) = &url else { return Some(url) };
    let problem = match receiver_url(text, allow_private) {
        Err(problem) => problem,
        Ok(known) if known.password().is_some() => {
            "has a password in plain text; write url = { env = \"NAME\" }".to_owned()
        }
        Ok(_) => return Some(url),
    };
    table.wrong("url", problem);
    None
}

fn leads_to_this_machine(url: &str) -> bool {
    let url = receiver_url(url, false);
    url.is_ok_and(|url| url.host().is_some_and(|host| is_this_machine(&host)))
}

/// A table of headers, by name in lower case.
fn headers(table: &mut Table<'_>) -> BTreeMap<String, Setting> {
    let mut headers = BTreeMap::new();
    let values = match table.value("headers") {
        None => return headers,
        Some(Value::Object(values)) if values.len() <= limits::HEADERS_MAX => values,
        Some(Value::Object(values)) => {
            let most = limits::HEADERS_MAX;
            table.wrong("headers", format!("has {} entries, at most {most}", values.len()));
            return headers;
        }
        Some(other) => {
            let form = "must be a table such as { x-team = \"risk\" }";
            table.wrong("headers", format!("is {}, and {form}", kind(other)));
            return headers;
        }
    };
    for (name, value) in values {
        match header(name, value) {
            Ok((known, _)) if headers.contains_key(&known) => {
                table.wrong("headers", format!("{name:?} stands there twice"));
            }
            Ok((name, setting)) => {
                headers.insert(name, setting);
            }
            Err(problem) => table.wrong("headers", format!("{name:?} {problem}")),
        }
    }
    headers
}

fn header(name: &str, value: &Value) -> Result<(String, Setting), String> {
    let lower = name.to_ascii_lowercase();
    let legal = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if lower.is_empty() || lower.len() > 128 || !lower.chars().all(legal) {
        return Err("is no name of a header; write one such as x-team".to_owned());
    }
    if OWN_HEADERS.contains(&lower.as_str()) || lower.starts_with("driftline-") {
        return Err("is made by Driftline; take it out".to_owned());
    }
    let setting = read_setting(value)?;
    if let Setting::Plain(text) = &setting {
        if SECRET_HEADERS.contains(&lower.as_str()) {
            let forms = "{ env = \"NAME\" } or { file = \"PATH\" }";
            return Err(format!("is a secret and stands here in plain text; write {forms}"));
        }
        if !text.chars().all(|c| c == ' ' || c.is_ascii_graphic()) {
            return Err("has letters that a header cannot have; write ASCII".to_owned());
        }
    }
    Ok((lower, setting))
}

#[cfg(test)]
mod tests;
