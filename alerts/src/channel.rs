//! Channels: where notifications go, with the settings of each kind. What is sent there is said in
//! `payload`; how, by who delivers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{address::MailServer, duration::format_duration, limits, setting::Setting};

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
}

/// Where PagerDuty takes events, version 2 of its API.
pub const PAGERDUTY_URL: &str = "https://events.pagerduty.com/v2/enqueue";

/// How a mail server is talked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// TLS from the first byte on.
    Implicit,
    /// Clear at first, and nothing but the greeting until `STARTTLS` has led to TLS.
    Starttls,
    /// Clear all along.
    None,
}

impl MailTls {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Implicit, Self::Starttls, Self::None];

    /// Name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Implicit => "required",
            Self::Starttls => "starttls",
            Self::None => "none",
        }
    }

    /// What a server is talked to by unless a channel says so: TLS in any case, from the first byte on
    /// port 465, which is for that (RFC 8314).
    pub fn of_port(port: u16) -> Self {
        if port == 465 { Self::Implicit } else { Self::Starttls }
    }
}

/// How grave the lines of a log are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogLevel {
    /// Errors.
    Error,
    /// Warnings, which a server shows unless it is told not to.
    #[default]
    Warn,
    /// To be known.
    Info,
}

impl LogLevel {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Error, Self::Warn, Self::Info];

    /// Name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
        }
    }
}

/// Who may send mail, by name and password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The name.
    pub username: Setting,
    /// The password; never plain.
    pub password: Setting,
}

/// Mail over SMTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    /// The server.
    pub smtp: MailServer,
    /// Who sends, a mailbox.
    pub from: String,
    /// Who gets it, mailboxes, at least one.
    pub to: Vec<String>,
    /// Who may send, if the server asks for that.
    pub login: Option<Login>,
    /// How the server is talked to.
    pub tls: MailTls,
}

/// The settings of a channel by what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A POST of JSON to a URL.
    Webhook {
        /// Where to.
        url: Setting,
        /// What notifications are signed with; never plain.
        secret: Option<Setting>,
        /// Headers that go along, by name in lower case.
        headers: BTreeMap<String, Setting>,
    },
    /// An incoming webhook of Slack.
    Slack {
        /// Where to; a secret, plain only if it leads to this machine.
        url: Setting,
    },
    /// Events of PagerDuty.
    PagerDuty {
        /// What names the service there; never plain.
        routing_key: Setting,
        /// Where to.
        url: Setting,
    },
    /// Mail.
    Email(Box<Email>),
    /// Prometheus's Alertmanager.
    Alertmanager {
        /// Its address, without the path of its API.
        url: Setting,
        /// Headers that go along, by name in lower case.
        headers: BTreeMap<String, Setting>,
    },
    /// The server's own log.
    Log {
        /// How grave its lines are.
        level: LogLevel,
    },
}

/// A channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Its name, unique in its set.
    pub name: String,
    /// Where notifications go.
    pub destination: Destination,
    /// How long one try may take, in microseconds.
    pub timeout: i64,
    /// How long a notification is tried before it is given up, in microseconds.
    pub give_up_after: i64,
    /// Whether addresses that not all of the Internet has may be told.
    pub allow_private: bool,
}

impl Channel {
    /// What it is.
    pub fn kind(&self) -> ChannelKind {
        match self.destination {
            Destination::Webhook { .. } => ChannelKind::Webhook,
            Destination::Slack { .. } => ChannelKind::Slack,
            Destination::PagerDuty { .. } => ChannelKind::PagerDuty,
            Destination::Email(_) => ChannelKind::Email,
            Destination::Alertmanager { .. } => ChannelKind::Alertmanager,
            Destination::Log { .. } => ChannelKind::Log,
        }
    }

    /// Its keys and values in the order of writing, without those that have their default.
    pub(crate) fn pairs(&self) -> Vec<(&str, Value)> {
        let mut pairs = vec![("name", json!(self.name)), ("type", json!(self.kind().name()))];
        match &self.destination {
            Destination::Webhook { url, secret, headers } => {
                pairs.push(("url", url.value()));
                pairs.extend(secret.as_ref().map(|secret| ("secret", secret.value())));
                pairs.extend(headers_pair(headers));
            }
            Destination::Slack { url } => pairs.push(("url", url.value())),
            Destination::PagerDuty { routing_key, url } => {
                pairs.push(("routing_key", routing_key.value()));
                if *url != Setting::Plain(PAGERDUTY_URL.to_owned()) {
                    pairs.push(("url", url.value()));
                }
            }
            Destination::Email(email) => email_pairs(email, &mut pairs),
            Destination::Alertmanager { url, headers } => {
                pairs.push(("url", url.value()));
                pairs.extend(headers_pair(headers));
            }
            Destination::Log { level } => {
                if *level != LogLevel::default() {
                    pairs.push(("level", json!(level.name())));
                }
            }
        }
        for (key, span, default) in [
            ("timeout", self.timeout, limits::TIMEOUT_DEFAULT),
            ("give_up_after", self.give_up_after, limits::GIVE_UP_AFTER_DEFAULT),
        ] {
            if span != default {
                pairs.push((key, json!(format_duration(span))));
            }
        }
        if self.allow_private {
            pairs.push(("allow_private", json!(true)));
        }
        pairs
    }
}

fn headers_pair(headers: &BTreeMap<String, Setting>) -> Option<(&'static str, Value)> {
    let value = |(name, setting): (&String, &Setting)| (name.clone(), setting.value());
    let table: serde_json::Map<String, Value> = headers.iter().map(value).collect();
    (!table.is_empty()).then_some(("headers", Value::Object(table)))
}

fn email_pairs(email: &Email, pairs: &mut Vec<(&str, Value)>) {
    pairs.push(("smtp", json!(email.smtp.text())));
    pairs.push(("from", json!(email.from)));
    pairs.push(("to", json!(email.to)));
    if let Some(login) = &email.login {
        pairs.push(("username", login.username.value()));
        pairs.push(("password", login.password.value()));
    }
    if email.tls != MailTls::of_port(email.smtp.port) {
        pairs.push(("tls", json!(email.tls.name())));
    }
}
