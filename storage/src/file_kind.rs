//! What a published file holds, and what can be done when it is damaged.

use crate::{files::FileRecord, manifest::SegmentRecord};

/// What a file of a data directory holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileKind {
    /// The catalog, which lists all others.
    Catalog,
    /// Log frames.
    Log,
    /// Rows of a segment.
    Rows,
    /// Where the ids of a segment are.
    Ids,
    /// Counts of a segment by minute, hour and day.
    Partials,
    /// Labels of a segment.
    Labels,
    /// Deleted rows of a segment.
    Tombstones,
    /// Rows and counts of the declared slices of a segment.
    Slices,
    /// Rows and counts of a reference.
    References,
    /// Labels that wait for their prediction.
    Waiting,
    /// Records of a layer above, such as rules of alerts and their states.
    Ledger,
}

impl FileKind {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 11] = [
        Self::Catalog,
        Self::Log,
        Self::Rows,
        Self::Ids,
        Self::Partials,
        Self::Labels,
        Self::Tombstones,
        Self::Slices,
        Self::References,
        Self::Waiting,
        Self::Ledger,
    ];
    /// Those that hold the data of a model.
    pub const OF_MODEL: [Self; 7] = [
        Self::Rows,
        Self::Ids,
        Self::Partials,
        Self::Labels,
        Self::Tombstones,
        Self::Slices,
        Self::References,
    ];

    /// Its name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Catalog => "catalog",
            Self::Log => "log",
            Self::Rows => "rows",
            Self::Ids => "ids",
            Self::Partials => "partials",
            Self::Labels => "labels",
            Self::Tombstones => "tombstones",
            Self::Slices => "slices",
            Self::References => "references",
            Self::Waiting => "waiting_labels",
            Self::Ledger => "ledger",
        }
    }

    /// The kind of a name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What to do about a damaged file.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Catalog => {
                "restore the whole directory from a backup, the catalog lists the rest"
            }
            Self::Log => {
                "send the batches of that time again; the stretch itself is kept in quarantine/"
            }
            Self::Rows | Self::Labels | Self::Tombstones => {
                "restore the file from a backup; until then windows that need it leave it out and \
                 say so"
            }
            Self::Partials | Self::Slices => {
                "restore the file from a backup; until then counts come from the rows, more slowly"
            }
            Self::Ids => {
                "restore the file from a backup; until then ids are read from the rows, more slowly"
            }
            Self::References => {
                "restore the file from a backup, or set the reference again from its rows"
            }
            Self::Waiting => "restore the file from a backup, or import the late labels again",
            Self::Ledger => {
                "restore the file from a backup, or move it away and apply the rules of alerts again; \
                 the data is whole without it"
            }
        }
    }

    /// The files of a segment that are there, each with its kind.
    pub(crate) fn of_segment(segment: &SegmentRecord) -> impl Iterator<Item = (Self, &FileRecord)> {
        let labels = segment.labels.iter().map(|sidecar| (Self::Labels, &sidecar.file));
        [
            (Self::Rows, &segment.rows),
            (Self::Ids, &segment.ids),
            (Self::Partials, &segment.partials),
        ]
        .into_iter()
        .chain(labels)
        .chain(segment.tombstones.iter().map(|file| (Self::Tombstones, file)))
        .chain(segment.slices.iter().map(|slices| (Self::Slices, &slices.file)))
        .filter(|(_, file)| !file.path.is_empty())
    }
}
