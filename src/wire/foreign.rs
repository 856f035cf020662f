//! Messages of any bytes turned into batches: what fuzzing calls, and what the tests call with the
//! corpus that fuzzing left.
//!
//! The first byte chooses schema and message, the rest is the message.

use driftline_proto::v1;
use driftline_storage::{Field, Kind, Schema, Task};
use prost::Message as _;

use super::{batch, rows};

/// A decoder; it must come back, whatever the bytes.
pub type Decoder = fn(&[u8]);

/// The decoders by the name of their fuzz target.
pub const DECODERS: [(&str, Decoder); 2] =
    [("wire_batches", wire_batches), ("wire_rows", wire_rows)];

/// Columnar batches of predictions and of labels.
pub fn wire_batches(bytes: &[u8]) {
    let Some((schema, labels, message)) = chosen(bytes) else { return };
    if labels {
        if let Ok(message) = v1::LabelBatch::decode(message)
            && let Ok(batch) = batch::labels(message, &schema)
            && batch.validate(&schema).is_ok()
        {
            batch::write_labels(&batch);
        }
    } else if let Ok(message) = v1::PredictionBatch::decode(message)
        && let Ok(taken) = batch::predictions(message, &schema)
        && taken.batch.validate(&schema).is_ok()
    {
        batch::write_predictions(&taken.batch, &schema);
    }
}

/// Rows of predictions and of labels, as unary requests have them.
pub fn wire_rows(bytes: &[u8]) {
    let Some((schema, labels, message)) = chosen(bytes) else { return };
    if labels {
        if let Ok(message) = v1::WriteLabelsRequest::decode(message)
            && let Ok(batch) = rows::labels(&message.rows, &schema)
        {
            let _ = batch.validate(&schema);
        }
    } else if let Ok(message) = v1::WritePredictionsRequest::decode(message)
        && let Ok(taken) = rows::predictions(&message.rows, &schema)
    {
        let _ = taken.batch.validate(&schema);
    }
}

/// The schema, whether the message is of labels, and the message.
fn chosen(bytes: &[u8]) -> Option<(Schema, bool, &[u8])> {
    let (choice, message) = bytes.split_first()?;
    let task = [Task::Binary, Task::Multiclass, Task::Regression][usize::from(choice % 3)];
    let kinds = [("x", Kind::Numeric), ("word", Kind::Categorical), ("truth", Kind::Boolean)];
    let features = kinds.map(|(name, kind)| Field { name: name.to_owned(), kind });
    let schema = Schema::new(task, features.to_vec(), None).ok()?;
    let schema = schema.with_tags(&["region".to_owned()]).ok()?;
    Some((schema, choice / 3 % 2 == 1, message))
}
