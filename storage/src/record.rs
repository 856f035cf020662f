//! Log records: the batches of one group commit, inside one frame of the log.
//!
//! ```text
//! payload     = record*
//! record      = kind:u8 length:u32 body[length]
//! 1 predictions = model version texts times column*     as format 1 has them
//! 2 labels      = model arrived:i64 hash:u64* times column
//! 3 predictions = model version ids times column*       columns in schema order
//! ```

use crate::{
    batch::PredictionBatch,
    codec::{
        DecodeError, Decoded, Get, Put as _, get_column, get_ids, get_ids_tagged, get_times,
        put_column, put_ids_tagged, put_times,
    },
    column::Column,
    id_column::Ids,
};

const PREDICTIONS_OF_TEXTS: u8 = 1;
const LABELS: u8 = 2;
const PREDICTIONS: u8 = 3;

/// Labels as logged: ids are hashes already.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LoggedLabels {
    pub(crate) arrived: i64,
    pub(crate) hashes: Vec<u64>,
    pub(crate) times: Vec<i64>,
    pub(crate) truths: Column,
}

/// One batch of a group.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Record {
    Predictions { model: String, version: String, batch: PredictionBatch },
    Labels { model: String, labels: LoggedLabels },
}

/// Appends predictions to a payload.
pub(crate) fn put_predictions(
    out: &mut Vec<u8>,
    model: &str,
    version: &str,
    batch: &PredictionBatch,
) {
    put_record(out, PREDICTIONS, |out| {
        out.put_bytes(model.as_bytes());
        out.put_bytes(version.as_bytes());
        put_ids_tagged(out, &batch.ids);
        put_times(out, &batch.times);
        out.put_varint(batch.columns.len() as u64);
        batch.columns.iter().for_each(|column| put_column(out, column));
    });
}

/// Appends labels to a payload.
pub(crate) fn put_labels(out: &mut Vec<u8>, model: &str, labels: &LoggedLabels) {
    put_record(out, LABELS, |out| {
        out.put_bytes(model.as_bytes());
        out.put_i64(labels.arrived);
        out.put_varint(labels.hashes.len() as u64);
        labels.hashes.iter().for_each(|hash| out.put_u64(*hash));
        put_times(out, &labels.times);
        put_column(out, &labels.truths);
    });
}

fn put_record(out: &mut Vec<u8>, kind: u8, body: impl FnOnce(&mut Vec<u8>)) {
    out.put_u8(kind);
    let length_at = out.len();
    out.put_u32(0);
    body(out);
    let length = u32::try_from(out.len() - length_at - 4).unwrap_or(u32::MAX);
    out[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
}

/// Reads the records of a payload.
pub(crate) fn get_records(payload: &[u8]) -> Decoded<Vec<Record>> {
    let mut get = Get::new(payload);
    let mut records = Vec::new();
    while get.rest() > 0 {
        let kind = get.u8()?;
        let length = get.u32()? as usize;
        let mut body = Get::new(get.take(length)?);
        records.push(match kind {
            PREDICTIONS => get_predictions(&mut body, get_ids_tagged)?,
            PREDICTIONS_OF_TEXTS => get_predictions(&mut body, get_ids)?,
            LABELS => get_labels(&mut body)?,
            _ => return Err(DecodeError("a kind of record")),
        });
        body.end()?;
    }
    Ok(records)
}

fn get_predictions(
    get: &mut Get<'_>,
    ids: impl FnOnce(&mut Get<'_>) -> Decoded<Ids>,
) -> Decoded<Record> {
    let (model, version) = (get.text()?.to_owned(), get.text()?.to_owned());
    let (ids, times) = (ids(get)?, get_times(get)?);
    let count = get.count(2)?;
    let columns = (0..count).map(|_| get_column(get)).collect::<Decoded<Vec<Column>>>()?;
    let rows = times.len();
    if ids.len() != rows || columns.iter().any(|column| column.len() != rows) {
        return Err(DecodeError("columns of one length"));
    }
    Ok(Record::Predictions { model, version, batch: PredictionBatch { ids, times, columns } })
}

fn get_labels(get: &mut Get<'_>) -> Decoded<Record> {
    let model = get.text()?.to_owned();
    let arrived = get.i64()?;
    let count = get.count(8)?;
    let hashes = (0..count).map(|_| get.u64()).collect::<Decoded<Vec<u64>>>()?;
    let (times, truths) = (get_times(get)?, get_column(get)?);
    if times.len() != count || truths.len() != count {
        return Err(DecodeError("columns of one length"));
    }
    Ok(Record::Labels { model, labels: LoggedLabels { arrived, hashes, times, truths } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn records_come_back() {
        let batch = PredictionBatch {
            ids: ["a", "b"].into_iter().collect(),
            times: vec![1, -2],
            columns: vec![Column::Numeric(vec![0.5, -1.5]), Column::nulls(false, 2)],
        };
        let labels = LoggedLabels {
            arrived: 9,
            hashes: vec![7],
            times: vec![3],
            truths: Column::Numeric(vec![1.0]),
        };
        let mut out = Vec::new();
        put_predictions(&mut out, "m", "1", &batch);
        put_labels(&mut out, "m", &labels);
        let want = vec![
            Record::Predictions { model: "m".to_owned(), version: "1".to_owned(), batch },
            Record::Labels { model: "m".to_owned(), labels },
        ];
        assert_eq!(get_records(&out), Ok(want));
    }

    #[test]
    fn predictions_of_format_1_come_back() {
        let mut out = Vec::new();
        put_record(&mut out, PREDICTIONS_OF_TEXTS, |out| {
            out.put_bytes(b"m");
            out.put_bytes(b"1");
            crate::codec::put_ids(out, &Ids::from_iter(["a", "bc"]));
            put_times(out, &[1, 2]);
            out.put_varint(0);
        });
        let ids = Ids::from_iter(["a", "bc"]);
        let batch = PredictionBatch { ids, times: vec![1, 2], columns: Vec::new() };
        let want = Record::Predictions { model: "m".to_owned(), version: "1".to_owned(), batch };
        assert_eq!(get_records(&out), Ok(vec![want]));
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes: Vec<u8>) {
            let _ = get_records(&bytes);
        }
    }
}
