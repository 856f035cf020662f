//! Whose definition of drift a query reproduces.

use driftline_storage::{Error, Result, near_misses};

/// A tool or custom whose numbers a query reproduces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Credit scoring's PSI: deciles of the reference, nulls as a bin.
    Credit,
    /// Evidently.
    Evidently,
    /// NannyML.
    Nannyml,
    /// Scouter.
    Scouter,
    /// The formulas of the documents that Driftline began with.
    Seeds,
}

impl Peer {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Credit, Self::Evidently, Self::Nannyml, Self::Scouter, Self::Seeds];

    /// Name in flags.
    pub fn name(self) -> &'static str {
        match self {
            Self::Credit => "credit",
            Self::Evidently => "evidently",
            Self::Nannyml => "nannyml",
            Self::Scouter => "scouter",
            Self::Seeds => "seeds",
        }
    }

    /// The peer of a name.
    ///
    /// # Errors
    /// `InvalidArgument` naming the known ones.
    pub fn parse(name: &str) -> Result<Self> {
        let known = Self::ALL.map(Self::name);
        Self::ALL.into_iter().find(|peer| peer.name() == name).ok_or_else(|| {
            let near = near_misses(name, known);
            let text = format!("{name:?} is not one of {}{near}", known.join(", "));
            Error::invalid("as", text)
        })
    }
}
