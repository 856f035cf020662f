//! What an answer was read from: which parts, which buckets of their partials, which rows and why.

use std::borrow::Cow;

use driftline_storage::BucketsRead;

/// What an answer was read from, over all of its windows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reads {
    /// Segments with rows in a window.
    pub segments: u64,
    /// Heads of versions, of rows that no segment holds yet, with rows in a window.
    pub heads: u64,
    /// Those of both whose partials answered; the others were read by their rows.
    pub partials: u64,
    /// Buckets of partials, by level.
    pub buckets: BucketsRead,
    /// Those of both whose sums by hour or day were read.
    pub sums: u64,
    /// Cells that each window was counted in, over all columns.
    pub cells: u64,
    /// Rows of the model.
    pub rows: u64,
    /// Rows of the reference.
    pub reference_rows: u64,
    /// Why rows were read; the rows of all reasons are `rows`.
    pub reasons: Vec<RowsRead>,
}

/// Rows that were read for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowsRead {
    /// The reason, a phrase.
    pub reason: Cow<'static, str>,
    /// The rows; those that several statistics read count each time.
    pub rows: u64,
}

/// Why rows are read although partials are cheaper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowsFor {
    /// A window begins or ends inside a minute.
    CutMinute,
    /// Windows of a series cut so many minutes of a part that it is read once instead.
    ManyCuts,
    /// The part was counted with the bins of another reference.
    OtherBinning,
    /// The bins that were asked for are not made of percentiles of the reference.
    AskedBins,
    /// The slice hangs on labels, which come and change, so that nothing is counted of it.
    Slice,
    /// The part holds rows that were deleted and are not yet purged.
    Deleted,
    /// The partials of the part cannot be read.
    Damaged,
    /// Exact values were asked for.
    Exact,
    /// A parity mode needs the values of the window.
    Peer,
    /// Metrics of scores or of single residuals need them.
    Metric,
}

impl RowsFor {
    fn phrase(self) -> &'static str {
        match self {
            Self::CutMinute => "a window begins or ends inside a minute",
            Self::ManyCuts => "windows cut more minutes of a part than are read apart",
            Self::OtherBinning => "a part was counted in the bins of another reference",
            Self::AskedBins => "the bins asked for are no unions of the reference's percentiles",
            Self::Slice => "nothing is counted of a slice that hangs on labels",
            Self::Deleted => "a segment has deleted rows that its partials still count",
            Self::Damaged => "the partials of a segment cannot be read",
            Self::Exact => "exact values were asked for",
            Self::Peer => "the mode needs the values of the window",
            Self::Metric => "metrics of scores or of single residuals need labelled rows",
        }
    }
}

impl Reads {
    /// Adds rows that were read; none are no reason.
    pub(crate) fn add_rows(&mut self, reason: RowsFor, rows: u64) {
        if rows == 0 {
            return;
        }
        self.rows += rows;
        let phrase = reason.phrase();
        match self.reasons.iter_mut().find(|known| known.reason == phrase) {
            Some(known) => known.rows += rows,
            None => self.reasons.push(RowsRead { reason: phrase.into(), rows }),
        }
    }

    /// Adds what another answer of the same parts was read from: parts are the same, rows are not.
    pub(crate) fn join(&mut self, other: &Self) {
        self.segments = self.segments.max(other.segments);
        self.heads = self.heads.max(other.heads);
        self.partials = self.partials.max(other.partials);
        self.sums = self.sums.max(other.sums);
        self.cells = self.cells.max(other.cells);
        self.reference_rows = self.reference_rows.max(other.reference_rows);
        self.buckets.merge(other.buckets);
        self.rows += other.rows;
        for RowsRead { reason, rows } in &other.reasons {
            match self.reasons.iter_mut().find(|known| known.reason == *reason) {
                Some(known) => known.rows += rows,
                None => self.reasons.push(RowsRead { reason: reason.clone(), rows: *rows }),
            }
        }
    }

    /// Gives rows that were read for one reason another.
    pub(crate) fn rename(&mut self, from: RowsFor, to: RowsFor) {
        if let Some(known) = self.reasons.iter_mut().find(|known| known.reason == from.phrase()) {
            known.reason = to.phrase().into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_add_up_by_reason() {
        let mut reads = Reads::default();
        reads.add_rows(RowsFor::CutMinute, 0);
        assert_eq!(reads, Reads::default());
        reads.add_rows(RowsFor::CutMinute, 3);
        reads.add_rows(RowsFor::OtherBinning, 4);
        reads.add_rows(RowsFor::CutMinute, 2);
        reads.rename(RowsFor::OtherBinning, RowsFor::AskedBins);
        reads.rename(RowsFor::Exact, RowsFor::Peer);
        let rows: Vec<u64> = reads.reasons.iter().map(|read| read.rows).collect();
        assert_eq!((reads.rows, rows), (9, vec![5, 4]));
        assert_eq!(reads.reasons[1].reason, RowsFor::AskedBins.phrase());
    }
}
