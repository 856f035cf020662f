//! Messages of `driftline.v1` to domain values and back, for the server and the client alike.
//!
//! Nothing here panics on any message: lengths, codes, kinds and times are checked before they are
//! used, and a broken rule becomes a violation that names row, field, value and rule.

pub(crate) mod admin;
pub(crate) mod batch;
pub(crate) mod column;
mod curves;
mod metric;
pub(crate) mod error;
pub(crate) mod foreign;
pub(crate) mod model;
pub(crate) mod quality;
mod explain;
mod verdict;
mod performance;
mod scope;
pub(crate) mod query;
pub(crate) mod drift;
pub(crate) mod operations;
pub(crate) mod fairness;
pub(crate) mod compare;
pub(crate) mod agreement;
pub(crate) mod arrivals;
pub(crate) mod rows;
pub(crate) mod rules;
pub(crate) mod alerts;
pub(crate) mod alert_events;
pub(crate) mod series;
pub(crate) mod time;

use driftline_storage::{Error, Result, Violation};

/// Bytes of a message that any receiver takes: gRPC libraries refuse more unless told otherwise.
pub(crate) const PORTABLE_MESSAGE_BYTES: usize = 4 << 20;
/// Broken rules listed in one error; more would only repeat.
const VIOLATIONS_MAX: usize = 20;
/// Names listed in one answer; more would only repeat.
const NAMES_MAX: usize = 100;
/// Bytes of one text from a request that an error repeats: errors travel in HTTP/2 headers.
pub(crate) const ECHO_BYTES_MAX: usize = 200;

/// The broken rules of one request.
#[derive(Debug, Default)]
struct Violations(Vec<Violation>);

impl Violations {
    fn push(&mut self, field: impl AsRef<str>, description: impl Into<String>) {
        if self.0.len() < VIOLATIONS_MAX {
            let field = clip(field.as_ref(), ECHO_BYTES_MAX).to_owned();
            self.0.push(Violation { field, description: description.into() });
        }
    }

    fn finish(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::violations(self.0)) }
    }
}

/// The start of a text, at most so many bytes.
pub(crate) fn clip(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}

/// A part of a request that must be there.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub(crate) fn required<T>(field: &str, value: Option<T>) -> Result<T> {
    value.ok_or_else(|| Error::invalid(field, "is required"))
}
