//! A file of rules as a user gave it, so that its mistakes can be told with file and line.

use std::path::Path;

use driftline_alerts::{Mistakes, RuleSet, Syntax, limits};
use driftline_storage::{Error, Result};

use super::outcome::Failure;

/// A file of rules, read and not yet understood.
pub(super) struct RuleFile {
    /// Its name, as it was given.
    pub(super) name: String,
    text: String,
    syntax: Syntax,
}

impl RuleFile {
    /// Reads a file.
    ///
    /// # Errors
    /// `Io` naming the file, `InvalidArgument` for one that is too large.
    pub(super) fn read(file: &Path) -> Result<Self> {
        let told = |error| Error::io(file, "read", error);
        let bytes = std::fs::metadata(file).map_err(told)?.len();
        let name = file.display().to_string();
        if bytes > limits::FILE_BYTES_MAX as u64 {
            let most = limits::FILE_BYTES_MAX;
            return Err(Error::invalid(
                "FILE",
                format!("{name} has {bytes} bytes, at most {most}"),
            ));
        }
        let text = std::fs::read_to_string(file).map_err(told)?;
        let syntax = Syntax::of_name(&name);
        Ok(Self { name, text, syntax })
    }

    /// The rules, or all mistakes that can be found without models.
    pub(super) fn rules(&self) -> std::result::Result<RuleSet, Mistakes> {
        RuleSet::parse(&self.text, self.syntax)
    }

    /// Mistakes that were found later, with the lines of the file.
    pub(super) fn located(&self, mut mistakes: Mistakes) -> Mistakes {
        self.syntax.lines(&self.text).locate(&mut mistakes);
        mistakes
    }

    /// A file with mistakes is wrong usage of a command that runs it: all of them, a line each.
    pub(super) fn refuse(&self, mistakes: Mistakes) -> Failure {
        let told = self.located(mistakes).0;
        let told: Vec<String> = told.iter().map(|mistake| mistake.in_file(&self.name)).collect();
        Failure::Usage(told.join("\n").replace('\n', "\n  "))
    }
}
