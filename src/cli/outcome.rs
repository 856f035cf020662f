//! How a command ends, and the database that several threads of it may hold.

use std::{io, path::Path, sync::Arc};

use driftline_storage::{Error, ErrorKind, Result};

use super::time::TimeError;
use crate::Monitor;

/// Why a command ended without an answer.
pub(super) enum Failure {
    /// The command line asks for something that makes no sense.
    Usage(String),
    /// What was asked could not be done.
    Failed(Error),
    /// The answer was shown, and it says that something is wrong.
    Shown,
    /// Nobody reads the output any more.
    Unread,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<TimeError> for Failure {
    fn from(error: TimeError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::Unread;
        }
        Self::Failed(Error::new(ErrorKind::Io, format!("write the output: {error}")))
    }
}

/// The outcome of a command.
pub(super) type Outcome = std::result::Result<(), Failure>;

/// A database that several threads may hold.
pub(super) fn shared(directory: &Path) -> Result<Arc<Monitor>> {
    Monitor::open(directory).map(Arc::new)
}
