//! What all commands do: open what they talk to, show what came, and tell wrong usage from failure.

use std::io::{self, BufWriter, Write as _};

use driftline_storage::{Drive, Error, ErrorKind, Options, Result};

use super::{
    args::{GlobalArgs, SERVER_ENV, Target},
    backend::Backend,
    outcome::{Failure, Outcome},
    render::{Format, Style},
};
use crate::{Monitor, client::Client, now_micros};

/// The database of a directory, or the client of a server.
pub(super) fn open(global: &GlobalArgs) -> Result<Box<dyn Backend>> {
    let server = std::env::var(SERVER_ENV).ok();
    Ok(match global.target(server.as_deref()) {
        Target::Directory(directory) => Box::new(Monitor::open(directory)?),
        Target::Server(url) => Box::new(Client::connect(&url)?),
    })
}

/// A database that must exist: a query on a misspelt directory must not make one.
pub(super) fn open_existing(global: &GlobalArgs) -> Result<Box<dyn Backend>> {
    must_exist(global)?;
    open(global)
}

/// A database that must exist and that nothing but the command works on: a directory is opened
/// without maintenance in the background.
pub(super) fn open_still(global: &GlobalArgs) -> Result<Box<dyn Backend>> {
    must_exist(global)?;
    match &global.data_dir {
        None => open(global),
        Some(directory) => {
            let options = Options { drive: Drive::Caller, ..Options::on_disk(now_micros) };
            Ok(Box::new(Monitor::open_with(directory, options)?))
        }
    }
}

fn must_exist(global: &GlobalArgs) -> Result<()> {
    match &global.data_dir {
        Some(directory) if !directory.join("catalog.redb").exists() => {
            let text = format!("{} holds no driftline database", directory.display());
            Err(Error::new(ErrorKind::NotFound, text))
        }
        _ => Ok(()),
    }
}

/// Shows an answer on standard output.
pub(super) fn show(
    global: &GlobalArgs,
    render: impl FnOnce(&mut dyn io::Write, Format, &Style) -> io::Result<()>,
) -> Outcome {
    let stdout = io::stdout();
    let style = Style::detect(&stdout);
    let mut out = BufWriter::new(stdout.lock());
    render(&mut out, global.format(), &style)?;
    out.flush()?;
    Ok(())
}

/// A request that storage or query refuses as it stands is wrong usage of the command.
pub(super) fn usage(error: Error) -> Failure {
    match error.kind() {
        ErrorKind::InvalidArgument => Failure::Usage(error.to_string()),
        _ => Failure::Failed(error),
    }
}
