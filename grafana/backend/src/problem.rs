//! What can go wrong with a query, as a sentence that says what to do.

use std::error::Error as _;

use tonic::{Code, Status};

use crate::unreachable::{TOO_LATE, Unreachable};

/// Whose fault a problem is, which Grafana tells apart in its own alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The server, the network or what was asked.
    Downstream,
    /// This plugin.
    Plugin,
}

/// A problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// What to say.
    pub(crate) text: String,
    /// A status of HTTP.
    pub(crate) status: i32,
    /// Whose fault.
    pub(crate) source: Source,
}

impl Problem {
    /// What was asked makes no sense.
    pub(crate) fn asked(text: impl Into<String>) -> Self {
        Self { text: text.into(), status: 400, source: Source::Downstream }
    }

    /// The plugin failed.
    pub(crate) fn own(text: impl Into<String>) -> Self {
        Self { text: text.into(), status: 500, source: Source::Plugin }
    }

    /// The server was too slow.
    pub(crate) fn late() -> Self {
        Self { text: TOO_LATE.to_owned(), status: 504, source: Source::Downstream }
    }

    /// Why this is so, as Grafana names it.
    pub(crate) fn source_name(&self) -> &'static str {
        match self.source {
            Source::Downstream => "downstream",
            Source::Plugin => "plugin",
        }
    }
}

impl From<Unreachable> for Problem {
    fn from(unreachable: Unreachable) -> Self {
        let Unreachable { text, status } = unreachable;
        Self { text, status, source: Source::Downstream }
    }
}

impl From<Status> for Problem {
    fn from(status: Status) -> Self {
        if let Some(unreachable) = status.source().and_then(|e| e.downcast_ref::<Unreachable>()) {
            return unreachable.clone().into();
        }
        let said = status.message();
        let (text, code) = match status.code() {
            Code::Unauthenticated => (
                format!(
                    "the server did not take the token ({said}). Set a valid one in the data \
                     source's settings"
                ),
                401,
            ),
            Code::PermissionDenied => (
                format!("the token does not allow this ({said}). Use one with the right to read"),
                403,
            ),
            Code::NotFound => (said.to_owned(), 404),
            Code::InvalidArgument | Code::OutOfRange | Code::FailedPrecondition => {
                (said.to_owned(), 400)
            }
            Code::ResourceExhausted => (
                format!(
                    "{said}. Ask for fewer features or groups, a shorter time or longer windows"
                ),
                429,
            ),
            Code::DeadlineExceeded | Code::Cancelled => return Self::late(),
            Code::Unavailable => (
                format!(
                    "the server cannot be reached or is too busy ({said}). Is `driftline serve` \
                     running?"
                ),
                503,
            ),
            Code::Unimplemented => (
                "the server does not know this query. It is older than the plugin: update it"
                    .to_owned(),
                501,
            ),
            _ => (format!("the server failed: {said}"), 502),
        };
        Self { text, status: code, source: Source::Downstream }
    }
}
