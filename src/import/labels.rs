//! Labels from tables.

use driftline_storage::{LABEL_TIME_UNKNOWN, LabelBatch, Result, Rule, Schema};

use super::{
    CHUNK_ROWS,
    cells::{Cells, Faults},
    predictions::{has_value, refuse, unreadable},
    roles::Roles,
    summary::Summary,
    table::TableReader,
};

/// Reads a table of labels to its end. A label without a time gives way to any label with one.
///
/// # Errors
/// A table that cannot be read on, a column that it must have, what `sink` gives.
pub fn read_labels(
    table: &mut dyn TableReader,
    (schema, roles, file): (&Schema, &Roles, &str),
    sink: &mut dyn FnMut(LabelBatch) -> Result<()>,
    summary: &mut Summary,
    progress: &mut dyn FnMut(u64),
) -> Result<()> {
    let columns = table.columns().to_vec();
    roles.check(&columns)?;
    let id = roles.required("prediction_id", &columns)?;
    let label = roles.required("label", &columns)?;
    let time = roles.place("label_ts", &columns);
    let kind = schema.outcome_kind();
    while let Some(chunk) = table.next_chunk(CHUNK_ROWS).map_err(unreadable)? {
        let count = chunk.row_numbers.len();
        let mut faults = Faults::new(count);
        let cells = |place: usize| {
            let (info, column) = (columns.get(place)?, chunk.columns.get(place)?);
            Some(Cells { name: &info.name, kind: info.kind, column })
        };
        let (Some(ids), Some(labels)) = (cells(id), cells(label)) else { continue };
        let all = ids.ids(&mut faults);
        let truths = labels.values(kind, &mut faults);
        for row in 0..count {
            if !has_value(&truths, row) {
                let rule = (Rule::Value, "is missing or not finite");
                faults.mark(row, labels.name, rule, None);
            }
        }
        let times = match time.and_then(&cells) {
            Some(cells) => cells.times(&mut faults),
            None => vec![LABEL_TIME_UNKNOWN; count],
        };
        let kept = refuse(&chunk, &faults, file, summary);
        let batch = LabelBatch {
            ids: kept.iter().filter_map(|row| all.get(*row as usize)).map(|id| &**id).collect(),
            times: kept.iter().filter_map(|row| times.get(*row as usize)).copied().collect(),
            truths: truths.take(&kept),
        };
        if !batch.is_empty() {
            sink(batch)?;
        }
        progress(table.bytes_read());
    }
    Ok(())
}
