//! How many columns of each window drift, and which share of them that is.

use std::io;

use driftline_query::{DriftShare, DriftWindow, Method};

use crate::cli::{
    render::{
        Style,
        machine::checked,
        table::{NONE, Table, Tone, count, number, sentence},
    },
    time::format_time,
};

/// Writes a row per window and statistic, if columns were judged.
pub(super) fn write(
    windows: &[DriftWindow],
    out: &mut dyn io::Write,
    style: &Style,
) -> io::Result<()> {
    if windows.iter().all(|window| window.shares.is_empty()) {
        return Ok(());
    }
    let titles = ["start", "method", ">drifted", ">judged", ">share", "undefined"];
    let mut table = Table::new(style, &titles.map(str::to_owned));
    for window in windows {
        for share in &window.shares {
            table.toned(row(window, share));
        }
    }
    writeln!(out)?;
    table.write(out)
}

fn row(window: &DriftWindow, share: &DriftShare) -> [(String, Tone); 6] {
    let (value, reason) = checked(share.share, share.undefined.as_deref());
    let tone = if share.drifted > 0 { Tone::Warn } else { Tone::Plain };
    let reason = if value.is_some() { String::new() } else { sentence(reason.unwrap_or(NONE)) };
    [
        (format_time(window.start), Tone::Plain),
        (share.method.map_or("each its own", Method::name).to_owned(), Tone::Plain),
        (count(share.drifted), tone),
        (count(share.columns), Tone::Plain),
        (number(value), tone),
        (reason, Tone::Plain),
    ]
}
