//! Senders: how a notice gets to a channel.

use std::{future::Future, pin::Pin, time::Duration};

use driftline_alerts::{Channel, Notice};

/// A notice was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// What the receiver said, such as `HTTP 200`.
    pub detail: String,
}

/// A notice was not taken. The reason never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It may be taken later.
    Retry {
        /// What went wrong.
        why: String,
        /// How long the receiver wants to be left alone.
        after: Option<Duration>,
    },
    /// It will never be taken as it is.
    Refuse {
        /// What is wrong.
        why: String,
    },
}

/// Who sends notices.
pub trait Sender: Send + Sync {
    /// Sends a notice over a channel. The same notice may be sent twice.
    fn send<'a>(
        &'a self,
        channel: &'a Channel,
        notice: &'a Notice,
    ) -> Pin<Box<dyn Future<Output = Result<Delivered, Failure>> + Send + 'a>>;
}
