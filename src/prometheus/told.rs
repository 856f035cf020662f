//! Errors of the database as errors of PromQL.

use driftline_promql::{Error, ErrorKind as Told};
use driftline_storage::ErrorKind;

/// An error of the database as one of a query.
pub(crate) fn told(error: driftline_storage::Error) -> Error {
    let kind = match error.kind() {
        ErrorKind::InvalidArgument => Told::BadData,
        ErrorKind::NotFound
        | ErrorKind::AlreadyExists
        | ErrorKind::FailedPrecondition
        | ErrorKind::ResourceExhausted => Told::Execution,
        ErrorKind::Unavailable | ErrorKind::Locked => Told::Unavailable,
        ErrorKind::Corruption | ErrorKind::Io | ErrorKind::Poisoned => Told::Internal,
    };
    Error::new(kind, error.to_string())
}
