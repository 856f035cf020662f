//! Log records: the batches of one group commit, inside one frame of the log.
//!
//! ```text
//! records       = record*
//! record        = kind:u8 length:u32 body[length]
//! 1 predictions = model version texts times column*       columns in schema order; version 1
//! 2 labels      = model arrived:i64 hash:u64* times column                      version 1
//! 3 predictions = producer model version ids times column*
//! 4 labels      = producer first:u64 model arrived:i64 hash:u64* times column
//! producer      = id sequence left_out                  only an empty id where none is named
//! ```
//! `first` is the first label's order of arrival in the database. `left_out` counts what the batch
//! had besides: rows that were duplicates, or labels that were known; its receipt tells of them.

use crate::{
    batch::PredictionBatch,
    codec::{
        DecodeError, Decoded, Get, Put as _, get_column, get_ids, get_ids_tagged, get_times,
        put_column, put_ids_tagged, put_times,
    },
    column::Column,
    id_column::Ids,
    producers::Producer,
};

const PREDICTIONS_V1: u8 = 1;
const LABELS_V1: u8 = 2;
const PREDICTIONS: u8 = 3;
const LABELS: u8 = 4;

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
    Predictions {
        producer: Option<Producer>,
        left_out: u64,
        model: String,
        version: String,
        batch: PredictionBatch,
    },
    Labels {
        producer: Option<Producer>,
        left_out: u64,
        /// Order of arrival of the first label, where it was logged.
        first: Option<u64>,
        model: String,
        labels: LoggedLabels,
    },
}

/// Appends predictions to a payload.
pub(crate) fn put_predictions(
    out: &mut Vec<u8>,
    producer: Option<(&Producer, u64)>,
    (model, version): (&str, &str),
    batch: &PredictionBatch,
) {
    put_record(out, PREDICTIONS, |out| {
        put_producer(out, producer);
        out.put_bytes(model.as_bytes());
        out.put_bytes(version.as_bytes());
        put_ids_tagged(out, &batch.ids);
        put_times(out, &batch.times);
        out.put_varint(batch.columns.len() as u64);
        batch.columns.iter().for_each(|column| put_column(out, column));
    });
}

/// Appends labels to a payload.
pub(crate) fn put_labels(
    out: &mut Vec<u8>,
    producer: Option<(&Producer, u64)>,
    first: u64,
    model: &str,
    labels: &LoggedLabels,
) {
    put_record(out, LABELS, |out| {
        put_producer(out, producer);
        out.put_u64(first);
        out.put_bytes(model.as_bytes());
        out.put_i64(labels.arrived);
        out.put_varint(labels.hashes.len() as u64);
        labels.hashes.iter().for_each(|hash| out.put_u64(*hash));
        put_times(out, &labels.times);
        put_column(out, &labels.truths);
    });
}

fn put_producer(out: &mut Vec<u8>, producer: Option<(&Producer, u64)>) {
    let Some((producer, left_out)) = producer else { return out.put_bytes(&[]) };
    out.put_bytes(producer.id.as_bytes());
    out.put_varint(producer.sequence);
    out.put_varint(left_out);
}

fn get_producer(get: &mut Get<'_>) -> Decoded<(Option<Producer>, u64)> {
    let id = get.text()?;
    if id.is_empty() {
        return Ok((None, 0));
    }
    Ok((Some(Producer { id: id.to_owned(), sequence: get.varint()? }), get.varint()?))
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
            PREDICTIONS_V1 => get_predictions((None, 0), &mut body, get_ids)?,
            PREDICTIONS => get_predictions(get_producer(&mut body)?, &mut body, get_ids_tagged)?,
            LABELS_V1 => get_labels((None, 0), None, &mut body)?,
            LABELS => {
                let producer = get_producer(&mut body)?;
                get_labels(producer, Some(body.u64()?), &mut body)?
            }
            _ => return Err(DecodeError("a kind of record")),
        });
        body.end()?;
    }
    Ok(records)
}

fn get_predictions(
    (producer, left_out): (Option<Producer>, u64),
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
    let batch = PredictionBatch { ids, times, columns };
    Ok(Record::Predictions { producer, left_out, model, version, batch })
}

fn get_labels(
    (producer, left_out): (Option<Producer>, u64),
    first: Option<u64>,
    get: &mut Get<'_>,
) -> Decoded<Record> {
    let model = get.text()?.to_owned();
    let arrived = get.i64()?;
    let count = get.count(8)?;
    let hashes = (0..count).map(|_| get.u64()).collect::<Decoded<Vec<u64>>>()?;
    let (times, truths) = (get_times(get)?, get_column(get)?);
    if times.len() != count || truths.len() != count {
        return Err(DecodeError("columns of one length"));
    }
    let labels = LoggedLabels { arrived, hashes, times, truths };
    Ok(Record::Labels { producer, left_out, first, model, labels })
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
        let producer = Some(Producer { id: "p".to_owned(), sequence: 300 });
        let left_out = 2;
        let named = producer.as_ref().map(|producer| (producer, left_out));
        put_predictions(&mut out, named, ("m", "1"), &batch);
        put_labels(&mut out, None, 12, "m", &labels);
        let (model, version) = ("m".to_owned(), "1".to_owned());
        let want = vec![
            Record::Predictions { producer, left_out, model: model.clone(), version, batch },
            Record::Labels { producer: None, left_out: 0, first: Some(12), model, labels },
        ];
        assert_eq!(get_records(&out), Ok(want));
    }

    #[test]
    fn predictions_of_format_1_come_back() {
        let mut out = Vec::new();
        put_record(&mut out, PREDICTIONS_V1, |out| {
            out.put_bytes(b"m");
            out.put_bytes(b"1");
            crate::codec::put_ids(out, &Ids::from_iter(["a", "bc"]));
            put_times(out, &[1, 2]);
            out.put_varint(0);
        });
        let ids = Ids::from_iter(["a", "bc"]);
        let batch = PredictionBatch { ids, times: vec![1, 2], columns: Vec::new() };
        let (model, version) = ("m".to_owned(), "1".to_owned());
        let want = Record::Predictions { producer: None, left_out: 0, model, version, batch };
        assert_eq!(get_records(&out), Ok(vec![want]));
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes: Vec<u8>) {
            let _ = get_records(&bytes);
        }
    }
}
