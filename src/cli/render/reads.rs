//! What an answer was read from, in words and for programs.

use std::io;

use driftline_query::Reads;
use serde::Serialize;

use super::table::{count, counted, sentence};

/// What was read, for programs.
#[derive(Serialize)]
pub(super) struct ReadsView<'a> {
    segments: u64,
    heads: u64,
    partials: u64,
    running_sums: u64,
    days: u64,
    hours: u64,
    minutes: u64,
    sums: u64,
    cells: u64,
    rows: u64,
    reference_rows: u64,
    reasons: Vec<ReasonView<'a>>,
}

#[derive(Serialize)]
struct ReasonView<'a> {
    reason: &'a str,
    rows: u64,
}

/// The object under `explain` of an answer.
pub(super) fn view(reads: &Reads) -> ReadsView<'_> {
    ReadsView {
        segments: reads.segments,
        heads: reads.heads,
        partials: reads.partials,
        running_sums: reads.buckets.sums,
        days: reads.buckets.days,
        hours: reads.buckets.hours,
        minutes: reads.buckets.minutes,
        sums: reads.sums,
        cells: reads.cells,
        rows: reads.rows,
        reference_rows: reads.reference_rows,
        reasons: reads
            .reasons
            .iter()
            .map(|read| ReasonView { reason: &read.reason, rows: read.rows })
            .collect(),
    }
}

/// Writes what was read, if that was asked for.
pub(super) fn write(reads: Option<&Reads>, out: &mut dyn io::Write) -> io::Result<()> {
    let Some(reads) = reads else { return Ok(()) };
    let parts = [counted(reads.segments, "segment"), counted(reads.heads, "head")].join(" and ");
    writeln!(out, "\nRead: {parts}, {} of them by partials", reads.partials)?;
    let buckets = &reads.buckets;
    let levels = [
        (buckets.sums, "running sum by hour", "running sums by hour"),
        (buckets.days, "day", "days"),
        (buckets.hours, "hour", "hours"),
        (buckets.minutes, "minute", "minutes"),
    ];
    let levels: Vec<String> = levels
        .iter()
        .filter(|(number, ..)| *number > 0)
        .map(|(number, one, many)| {
            format!("{} {}", count(*number), if *number == 1 { one } else { many })
        })
        .collect();
    let levels = if levels.is_empty() { "none".to_owned() } else { levels.join(", ") };
    writeln!(out, "  buckets: {levels}; {} in each window", counted(reads.cells, "cell"))?;
    if reads.sums > 0 {
        writeln!(out, "  sums of values by hour or day: of {}", counted(reads.sums, "part"))?;
    }
    match reads.rows {
        0 => writeln!(out, "  rows: none")?,
        rows => writeln!(out, "  rows: {}", count(rows))?,
    }
    for read in &reads.reasons {
        writeln!(out, "    {}: {}", counted(read.rows, "row"), sentence(&read.reason))?;
    }
    if reads.reference_rows > 0 {
        writeln!(out, "  rows of the reference: {}", count(reads.reference_rows))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use driftline_query::RowsRead;
    use driftline_storage::BucketsRead;

    use super::*;
    use crate::cli::render::tests::text;

    #[test]
    fn what_was_read_is_said_in_words() {
        let fast = Reads {
            segments: 2,
            heads: 1,
            partials: 3,
            buckets: BucketsRead { sums: 1, minutes: 1_200, ..BucketsRead::default() },
            cells: 11,
            ..Reads::default()
        };
        assert_eq!(
            text(|out| write(Some(&fast), out)),
            "\nRead: 2 segments and 1 head, 3 of them by partials\n  buckets: 1 running sum by \
             hour, 1,200 minutes; 11 cells in each window\n  rows: none\n"
        );
        let reasons = vec![RowsRead { reason: Cow::Borrowed("asked\nfor"), rows: 7 }];
        let rows = Reads { segments: 1, rows: 7, reference_rows: 9, sums: 1, reasons, ..fast };
        let said = text(|out| write(Some(&rows), out));
        assert!(said.contains("  rows: 7\n    7 rows: asked for\n"), "{said}");
        assert!(said.ends_with("  rows of the reference: 9\n"), "{said}");
        assert!(said.contains("by hour or day: of 1 part\n"), "{said}");
        assert_eq!(text(|out| write(None, out)), "");
    }
}
