//! Sending a notice over a channel, once: what to send is made by [`driftline_alerts::payload`], and
//! when to try again is the business of who calls.
//!
//! Nothing here holds a secret longer than a delivery takes, and no failure tells one.

mod connect;
mod http;
mod limits;
mod log;
mod secret;
mod smtp;

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use driftline_alerts::{Channel, Destination, Notice, format_duration};
use driftline_storage::Result;

use self::{http::Http, smtp::Smtp};
use crate::now_micros;

/// A notice that a receiver has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// What the receiver answered, such as `HTTP 200`.
    pub detail: String,
}

/// Why a notice was not taken. No text of it holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It may be taken later.
    Retry {
        /// What happened.
        why: String,
        /// How long the receiver asks to wait.
        after: Option<Duration>,
    },
    /// It will not be taken until somebody changes something.
    Refuse {
        /// What happened, and what would work.
        why: String,
    },
}

impl Failure {
    fn retry(why: impl Into<String>) -> Self {
        Self::Retry { why: why.into(), after: None }
    }

    fn refuse(why: impl Into<String>) -> Self {
        Self::Refuse { why: why.into() }
    }

    /// What happened.
    pub fn why(&self) -> &str {
        match self {
            Self::Retry { why, .. } | Self::Refuse { why } => why,
        }
    }
}

/// The outcome of one try.
pub type Outcome = std::result::Result<Delivered, Failure>;

/// What sends notices.
pub trait Sender: Send + Sync {
    /// Sends a notice over a channel, once. It ends within the timeout of the channel.
    ///
    /// A notice may have been taken although the outcome is a failure: the answer can get lost. It is sent
    /// again with the same id then.
    fn send<'a>(
        &'a self,
        channel: &'a Channel,
        notice: &'a Notice,
    ) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;
}

/// A sender of every kind of channel. Connections to HTTP receivers are kept for the next notice.
#[derive(Debug)]
pub struct Senders {
    http: Http,
    smtp: Smtp,
}

impl Senders {
    /// A sender that trusts the authorities of certificates that this machine trusts; `SSL_CERT_FILE` and
    /// `SSL_CERT_DIR` name others.
    ///
    /// # Errors
    /// `Io` if the TLS library does not start.
    pub fn new() -> Result<Self> {
        let tls = Arc::new(connect::tls()?);
        Ok(Self { http: Http::new(&tls)?, smtp: Smtp::new(tls) })
    }

    async fn deliver(&self, channel: &Channel, notice: &Notice) -> Outcome {
        match &channel.destination {
            Destination::Email(email) => self.smtp.send(channel, email, notice, now_micros()).await,
            Destination::Log { level } => Ok(log::write(*level, notice)),
            _ => self.http.send(channel, notice, now_micros()).await,
        }
    }
}

impl Sender for Senders {
    fn send<'a>(
        &'a self,
        channel: &'a Channel,
        notice: &'a Notice,
    ) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>> {
        let limit = Duration::from_micros(channel.timeout.max(0).unsigned_abs());
        Box::pin(async move {
            let outcome = tokio::time::timeout(limit, self.deliver(channel, notice)).await;
            outcome.unwrap_or_else(|_| {
                let limit = format_duration(channel.timeout);
                Err(Failure::retry(format!("no answer within {limit}")))
            })
        })
    }
}

#[cfg(test)]
mod tests;
