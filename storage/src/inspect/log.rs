//! Logs: their frames and the batches in them, and stretches that were put aside.

use std::path::Path;

use super::{Datum, Found};
use crate::{
    error::{Error, Result},
    producers::Producer,
    record::{Record, get_records},
    replay::{Survey, frames_in, survey},
};

/// Reads a log file.
///
/// # Errors
/// `Corruption` if its header or a record does not decode, `FailedPrecondition` for a newer version.
pub(super) fn inspect(path: &Path, bytes: &[u8]) -> Result<Found> {
    let seen = survey(path, bytes)?;
    let mut found = Found::of("log");
    found.fact("version", u32::from(seen.version));
    found.fact("shard", u32::from(seen.shard));
    found.fact("first sequence", seen.first);
    found.fact("frames", seen.frames.len());
    let records = list_records(path, bytes, &seen, &mut found)?;
    found.fact("batches", records.len());
    let columns = ["offset", "sequence", "batch", "model", "version", "rows", "producer", "number"];
    found.list("batches", &columns, records);
    for (start, end) in &seen.damage {
        let text = format!("damaged at byte {start}: {} bytes do not check", end - start);
        found.damage.push(text);
    }
    Ok(found)
}

fn list_records(
    path: &Path,
    bytes: &[u8],
    seen: &Survey,
    found: &mut Found,
) -> Result<Vec<Vec<Datum>>> {
    let (mut rows, mut predictions, mut labels) = (Vec::new(), 0, 0);
    for frame in &seen.frames {
        let payload = bytes.get(frame.records.0..frame.records.1).unwrap_or_default();
        let bad = |error: crate::codec::DecodeError| {
            Error::corruption(path, frame.offset, format!("expected {}", error.0))
        };
        for record in get_records(payload).map_err(bad)? {
            let (kind, model, version, count, producer) = match &record {
                Record::Predictions { producer, model, version, batch, .. } => {
                    predictions += batch.len();
                    ("predictions", model, Some(version.as_str()), batch.len(), producer)
                }
                Record::Labels { producer, model, labels: batch, .. } => {
                    labels += batch.hashes.len();
                    ("labels", model, None, batch.hashes.len(), producer)
                }
                Record::Notes { model, version, counters, .. } => {
                    let refused = usize::try_from(counters.refused_rows()).unwrap_or(usize::MAX);
                    ("notes", model, Some(version.as_str()), refused, &None)
                }
            };
            let number = producer.as_ref().map(|producer: &Producer| producer.sequence);
            rows.push(vec![
                frame.offset.into(),
                frame.sequence.into(),
                kind.into(),
                model.as_str().into(),
                version.into(),
                count.into(),
                producer.as_ref().map(|producer| producer.id.as_str()).into(),
                number.into(),
            ]);
        }
    }
    found.fact("predictions", predictions);
    found.fact("labels", labels);
    Ok(rows)
}

/// Looks into a stretch of a log that did not check: `<log file>.<offset>`.
pub(super) fn quarantined(path: &Path, bytes: &[u8]) -> Found {
    let mut found = Found::of("stretch of a log that did not check");
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    if let Some((log, offset)) = name.rsplit_once('.') {
        found.fact("log file", log);
        found.fact("at byte", offset.parse::<u64>().ok());
    }
    let zeros = bytes.iter().filter(|byte| **byte == 0).count();
    found.fact("zero bytes", zeros);
    found.fact("frames that begin in it", frames_in(bytes).len());
    let start: Vec<String> = bytes.iter().take(32).map(|byte| format!("{byte:02x}")).collect();
    found.fact("first bytes", start.join(" "));
    found
}
