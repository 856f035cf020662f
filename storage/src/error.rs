//! The one error of this crate: its kind says what a caller can do, its message what, where and why.

use std::{fmt, io, path::Path};

/// What a caller can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request is wrong; change it. The violations name the fields.
    InvalidArgument,
    /// A named thing does not exist.
    NotFound,
    /// A named thing exists already.
    AlreadyExists,
    /// The request is right but the database is not in the state for it.
    FailedPrecondition,
    /// A bound of [`crate::limits`] is reached, or the disk is full.
    ResourceExhausted,
    /// The database is busy; the same request may go through later.
    Unavailable,
    /// Another process has the directory open.
    Locked,
    /// Stored bytes are not what was written.
    Corruption,
    /// The operating system refused.
    Io,
    /// An earlier failure stopped all writes; reopen the database.
    Poisoned,
}

/// One broken rule of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field, such as `rows[3].ts`.
    pub field: String,
    /// The value found and the rule that it breaks.
    pub description: String,
}

/// An error of the storage engine.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    violations: Vec<Violation>,
    /// Type and name of what is missing or there already.
    resource: Option<(&'static str, String)>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// A result of the storage engine.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of a kind, with its message.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), violations: Vec::new(), resource: None, source: None }
    }

    /// A request with one broken rule.
    pub fn invalid(field: impl Into<String>, description: impl Into<String>) -> Self {
        let violation = Violation { field: field.into(), description: description.into() };
        Self::violations(vec![violation])
    }

    /// A request with broken rules; the message repeats the first.
    pub fn violations(violations: Vec<Violation>) -> Self {
        let message = match violations.as_slice() {
            [] => "invalid request".to_owned(),
            [one] => format!("{}: {}", one.field, one.description),
            [first, rest @ ..] => {
                format!("{}: {} (and {} more)", first.field, first.description, rest.len())
            }
        };
        Self { violations, ..Self::new(ErrorKind::InvalidArgument, message) }
    }

    /// A thing of some type that does not exist.
    pub fn not_found(
        resource: &'static str,
        name: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        let resource = Some((resource, name.into()));
        Self { resource, ..Self::new(ErrorKind::NotFound, message) }
    }

    /// The same error with the fields of its violations renamed as another interface knows them.
    #[must_use]
    pub fn with_fields_renamed(self, names: &[(&str, &str)]) -> Self {
        if self.violations.is_empty() {
            return self;
        }
        let renamed = |violation: Violation| {
            let new = names.iter().find(|(old, _)| *old == violation.field);
            let field = new.map_or(violation.field.clone(), |(_, new)| (*new).to_owned());
            Violation { field, ..violation }
        };
        Self::violations(self.violations.into_iter().map(renamed).collect())
    }

    /// A failed system call on a file.
    ///
    /// A full disk is `ResourceExhausted`: once there is room the same call may succeed.
    pub fn io(path: &Path, what: &str, source: io::Error) -> Self {
        use io::ErrorKind as Os;
        let full = matches!(source.kind(), Os::StorageFull | Os::QuotaExceeded);
        let kind = if full { ErrorKind::ResourceExhausted } else { ErrorKind::Io };
        let hint = if full { "; make room, then writes go on by themselves" } else { "" };
        let mut error = Self::new(kind, format!("{what} {}: {source}{hint}", path.display()));
        error.source = Some(Box::new(source));
        error
    }

    /// Bytes at an offset of a file that are not what was written.
    pub fn corruption(path: &Path, offset: u64, what: impl fmt::Display) -> Self {
        let text = format!("{} is damaged at byte {offset}: {what}", path.display());
        Self::new(ErrorKind::Corruption, text)
    }

    /// Whether stored bytes are damaged or gone, which trying again does not change.
    pub(crate) fn is_damage(&self) -> bool {
        let source = self.source.as_ref().and_then(|source| source.downcast_ref::<io::Error>());
        self.kind == ErrorKind::Corruption
            || source.is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
    }

    /// A bound on the number of things that is reached.
    pub(crate) fn exhausted(what: &str, bound: usize) -> Self {
        Self::new(
            ErrorKind::ResourceExhausted,
            format!("there are {bound} {what}, the most allowed"),
        )
    }

    /// What a caller can do.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The broken rules of a request; empty for other kinds.
    pub fn field_violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Type and name of what is missing or there already, if known.
    pub fn resource(&self) -> Option<(&'static str, &str)> {
        self.resource.as_ref().map(|(resource, name)| (*resource, name.as_str()))
    }

    /// The same error for each caller of a shared operation.
    pub(crate) fn duplicate(&self) -> Self {
        Self {
            kind: self.kind,
            message: self.message.clone(),
            violations: self.violations.clone(),
            resource: self.resource.clone(),
            source: None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// ` did you mean "a" or "b"?` for the names nearest to a misspelt one; empty if none is near.
pub fn near_misses<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let mut near: Vec<(f64, &str)> = known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&wanted.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness > 0.75)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    near.truncate(3);
    if near.is_empty() {
        return String::new();
    }
    let names: Vec<String> = near.iter().map(|(_, name)| format!("{name:?}")).collect();
    format!(", did you mean {}?", names.join(" or "))
}
