//! What answers lack because stored rows could not be read.

use std::{collections::BTreeMap, io};

use driftline_query::MissingRows;
use serde::Serialize;

use super::table::counted;

/// Missing rows as programs read them.
#[derive(Debug, Serialize)]
pub(super) struct MissingView<'a> {
    rows: u64,
    reason: &'a str,
}

/// The missing rows of a window.
pub(super) fn view(missing: &[MissingRows]) -> Vec<MissingView<'_>> {
    missing.iter().map(|m| MissingView { rows: m.rows, reason: &m.reason }).collect()
}

/// Says each reason once, for people.
pub(super) fn write<'a>(
    windows: impl Iterator<Item = &'a [MissingRows]>,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
    for missing in windows.flatten() {
        reasons.insert(&missing.reason, missing.rows);
    }
    if !reasons.is_empty() {
        writeln!(out, "\nIncomplete: what follows could not be read and is in no value above.")?;
    }
    for (reason, rows) in reasons {
        writeln!(out, "  {}: {reason}", counted(rows, "row"))?;
    }
    Ok(())
}
