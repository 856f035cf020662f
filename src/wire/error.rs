//! Errors as gRPC statuses and back, both by one table.
//!
//! A status carries `google.rpc` details: ErrorInfo always, BadRequest for broken rules,
//! ResourceInfo for what is missing or there already, RetryInfo where waiting helps. The reason of
//! ErrorInfo is what the way back goes by; statuses of other origin go by their code.

use std::{collections::HashMap, time::Duration};

use driftline_storage::{Error, ErrorKind, Violation};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::{ECHO_BYTES_MAX, VIOLATIONS_MAX, clip};

/// The domain of ErrorInfo.
const DOMAIN: &str = "driftline";
/// Bytes of a message: it travels in HTTP/2 headers beside the details, which take some 16 KiB.
const MESSAGE_BYTES_MAX: usize = 1_024;
/// What a client is told to wait when a bound is reached: queues empty faster than that.
const RETRY_DELAY: Duration = Duration::from_secs(1);

const TABLE: [(ErrorKind, Code, &str); 10] = [
    (ErrorKind::InvalidArgument, Code::InvalidArgument, "INVALID_ARGUMENT"),
    (ErrorKind::NotFound, Code::NotFound, "NOT_FOUND"),
    (ErrorKind::AlreadyExists, Code::AlreadyExists, "ALREADY_EXISTS"),
    (ErrorKind::FailedPrecondition, Code::FailedPrecondition, "FAILED_PRECONDITION"),
    (ErrorKind::ResourceExhausted, Code::ResourceExhausted, "RESOURCE_EXHAUSTED"),
    (ErrorKind::Unavailable, Code::Unavailable, "BUSY"),
    (ErrorKind::Locked, Code::Unavailable, "DIRECTORY_LOCKED"),
    (ErrorKind::Corruption, Code::DataLoss, "DATA_CORRUPTED"),
    (ErrorKind::Io, Code::Internal, "IO_FAILED"),
    (ErrorKind::Poisoned, Code::Unavailable, "WRITES_STOPPED"),
];

/// What a request is about, for the details of its error.
#[derive(Debug, Clone, Default)]
pub(crate) struct About {
    /// The model, if the request names one.
    pub(crate) model: Option<String>,
    /// The batch of a stream.
    pub(crate) sequence: Option<u64>,
}

impl About {
    /// A request about a model.
    pub(crate) fn model(name: &str) -> Self {
        Self { model: Some(clip(name, ECHO_BYTES_MAX).to_owned()), sequence: None }
    }
}

/// The reason of ErrorInfo of a kind of error.
pub(crate) fn reason(kind: ErrorKind) -> &'static str {
    TABLE.iter().find(|row| row.0 == kind).map_or("IO_FAILED", |row| row.2)
}

/// The status of an error.
pub(crate) fn to_status(error: &Error, about: &About) -> Status {
    let kind = error.kind();
    let code = TABLE.iter().find(|row| row.0 == kind).map_or(Code::Internal, |row| row.1);
    let place = about.sequence.map(|sequence| format!("batch[{sequence}].")).unwrap_or_default();
    let text = error.to_string();
    let prefix = if error.field_violations().is_empty() { "" } else { place.as_str() };
    let message = format!("{prefix}{}", clip(&text, MESSAGE_BYTES_MAX));

    let sequence = about.sequence.map(|sequence| ("sequence".to_owned(), sequence.to_string()));
    let sequence: HashMap<String, String> = sequence.into_iter().collect();
    let mut details = ErrorDetails::with_error_info(reason(kind), DOMAIN, sequence);
    for violation in error.field_violations().iter().take(VIOLATIONS_MAX) {
        let field = format!("{place}{}", clip(&violation.field, ECHO_BYTES_MAX));
        details.add_bad_request_violation(field, clip(&violation.description, ECHO_BYTES_MAX));
    }
    match kind {
        ErrorKind::NotFound | ErrorKind::AlreadyExists => {
            let known = error.resource().map(|(resource, name)| (resource, name.to_owned()));
            let (resource, name) =
                known.unwrap_or_else(|| ("model", about.model.clone().unwrap_or_default()));
            let name = clip(&name, ECHO_BYTES_MAX).to_owned();
            details.set_resource_info(resource, name, "", message.clone());
        }
        ErrorKind::ResourceExhausted | ErrorKind::Unavailable => {
            details.set_retry_info(Some(RETRY_DELAY));
        }
        _ => {}
    }
    Status::with_error_details(code, message, details)
}

/// The error that a status tells of, with its kind, message and broken rules.
pub(crate) fn from_status(status: &Status) -> Error {
    let details = status.get_error_details();
    let info = details.error_info().filter(|info| info.domain == DOMAIN);
    let known = info.and_then(|info| TABLE.iter().find(|row| row.2 == info.reason));
    let Some((kind, _, _)) = known else {
        return Error::new(kind_of(status.code()), foreign(status));
    };
    let place = info.and_then(|info| info.metadata.get("sequence"));
    let place = place.map(|sequence| format!("batch[{sequence}].")).unwrap_or_default();
    let violations = details.bad_request().map(|request| request.field_violations.as_slice());
    let violations: Vec<Violation> = violations
        .unwrap_or_default()
        .iter()
        .map(|violation| Violation {
            // The caller sees no batches, it only wrote rows.
            field: violation.field.strip_prefix(&place).unwrap_or(&violation.field).to_owned(),
            description: violation.description.clone(),
        })
        .collect();
    if *kind == ErrorKind::InvalidArgument && !violations.is_empty() {
        return Error::violations(violations);
    }
    Error::new(*kind, status.message())
}

fn kind_of(code: Code) -> ErrorKind {
    match code {
        Code::InvalidArgument | Code::OutOfRange => ErrorKind::InvalidArgument,
        Code::NotFound => ErrorKind::NotFound,
        Code::AlreadyExists => ErrorKind::AlreadyExists,
        Code::FailedPrecondition | Code::Unimplemented => ErrorKind::FailedPrecondition,
        Code::ResourceExhausted => ErrorKind::ResourceExhausted,
        Code::DataLoss => ErrorKind::Corruption,
        _ => ErrorKind::Io,
    }
}

fn foreign(status: &Status) -> String {
    let (code, message) = (status.code(), status.message());
    match code {
        Code::Unavailable | Code::Unknown | Code::Cancelled => format!(
            "the server cannot be reached or has stopped ({message}); start it and run the command \
             again, what is stored is not stored twice"
        ),
        Code::Unimplemented => {
            format!("the server does not know this call, is it an older driftline? {message}")
        }
        _ => format!("the server answered {code:?}: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_error_comes_back_with_its_message() {
        for (kind, code, _) in TABLE {
            let status = to_status(&Error::new(kind, "why"), &About::model("fraud"));
            assert_eq!(status.code(), code);
            let error = from_status(&status);
            assert_eq!((error.kind(), error.to_string()), (kind, "why".to_owned()));
        }
    }

    #[test]
    fn violations_of_a_stream_name_the_batch_and_come_back_without_it() {
        let error = Error::invalid("rows[1].ts", "is late");
        let about = About { sequence: Some(7), ..About::model("fraud") };
        let status = to_status(&error, &about);
        assert_eq!(status.message(), "batch[7].rows[1].ts: is late");
        assert_eq!(from_status(&status).field_violations(), error.field_violations());
    }

    #[test]
    fn a_huge_error_fits_into_headers() {
        let violation =
            |_| Violation { field: "f".repeat(10_000), description: "ä".repeat(9_000) };
        let error = Error::violations((0..100).map(violation).collect());
        let status = to_status(&error, &About::model(&"m".repeat(1 << 20)));
        assert!(status.message().len() + status.details().len() * 4 / 3 < 16 << 10);
    }
}
