//! Log records: the batches of one group commit, inside one frame of the log.
//!
//! ```text
//! records       = record*
//! record        = kind:u8 length:u32 body[length]
//! 1 predictions = model version texts times column*       columns in schema order; version 1
//! 2 labels      = model arrived:i64 hash:u64* times column                      version 1
//! 3 predictions = producer model version ids times column*                      version 2
//! 4 labels      = producer first:u64 model arrived:i64 hash:u64* times column   version 2
//! 5 predictions = sender model version arrived:i64 batches left_out ids times column*
//! 6 labels      = sender first:u64 model arrived:i64 left_out hash:u64* times column
//! 7 notes       = model version arrived:i64 counters
//! producer      = id sequence left_out                  only an empty id where none is named
//! sender        = id sequence                           only an empty id where none is named
//! ```
//! `first` is the first label's order of arrival in the database. `left_out` counts what the batch
//! had besides: rows that were duplicates, or labels that were known; its receipt tells of them. A
//! batch of nothing else is logged too, without a row. Notes tell of what came and is no row: rows
//! that were refused and columns that were left out.

use crate::{
    arrivals::Arrivals,
    batch::PredictionBatch,
    codec::{
        DecodeError, Decoded, Get, Put as _, get_column, get_ids, get_ids_tagged, get_times,
        put_column, put_ids_tagged, put_times,
    },
    column::Column,
    producers::Producer,
};

const PREDICTIONS_V1: u8 = 1;
const LABELS_V1: u8 = 2;
const PREDICTIONS_V2: u8 = 3;
const LABELS_V2: u8 = 4;
const PREDICTIONS: u8 = 5;
const LABELS: u8 = 6;
const NOTES: u8 = 7;

/// Labels as logged: ids are hashes already.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LoggedLabels {
    pub(crate) arrived: i64,
    pub(crate) hashes: Vec<u64>,
    pub(crate) times: Vec<i64>,
    pub(crate) truths: Column,
}

/// When rows of predictions came, and in how many batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// By the clock of the database, in microseconds since 1970.
    pub(crate) time: i64,
    /// Batches that came together.
    pub(crate) batches: u64,
}

/// One batch of a group.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Record {
    Predictions {
        producer: Option<Producer>,
        left_out: u64,
        /// Where it was logged, from version 3 on.
        arrival: Option<Arrival>,
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
    Notes {
        model: String,
        version: String,
        arrived: i64,
        counters: Box<Arrivals>,
    },
}

/// Appends predictions to a payload.
pub(crate) fn put_predictions(
    out: &mut Vec<u8>,
    producer: Option<&Producer>,
    (model, version): (&str, &str),
    (arrival, left_out): (Arrival, u64),
    batch: &PredictionBatch,
) {
    put_record(out, PREDICTIONS, |out| {
        put_sender(out, producer);
        out.put_bytes(model.as_bytes());
        out.put_bytes(version.as_bytes());
        out.put_i64(arrival.time);
        out.put_varint(arrival.batches);
        out.put_varint(left_out);
        put_ids_tagged(out, &batch.ids);
        put_times(out, &batch.times);
        out.put_varint(batch.columns.len() as u64);
        batch.columns.iter().for_each(|column| put_column(out, column));
    });
}

/// Appends labels to a payload.
pub(crate) fn put_labels(
    out: &mut Vec<u8>,
    producer: Option<&Producer>,
    (first, left_out): (u64, u64),
    model: &str,
    labels: &LoggedLabels,
) {
    put_record(out, LABELS, |out| {
        put_sender(out, producer);
        out.put_u64(first);
        out.put_bytes(model.as_bytes());
        out.put_i64(labels.arrived);
        out.put_varint(left_out);
        out.put_varint(labels.hashes.len() as u64);
        labels.hashes.iter().for_each(|hash| out.put_u64(*hash));
        put_times(out, &labels.times);
        put_column(out, &labels.truths);
    });
}

/// Appends counters of what came in an hour to a payload; `arrived` is an instant of the hour.
pub(crate) fn put_notes(
    out: &mut Vec<u8>,
    (model, version): (&str, &str),
    arrived: i64,
    counters: &Arrivals,
) {
    put_record(out, NOTES, |out| {
        out.put_bytes(model.as_bytes());
        out.put_bytes(version.as_bytes());
        out.put_i64(arrived);
        counters.put(out);
    });
}

fn put_sender(out: &mut Vec<u8>, producer: Option<&Producer>) {
    let Some(producer) = producer else { return out.put_bytes(&[]) };
    out.put_bytes(producer.id.as_bytes());
    out.put_varint(producer.sequence);
}

fn get_sender(get: &mut Get<'_>) -> Decoded<Option<Producer>> {
    let id = get.text()?;
    if id.is_empty() {
        return Ok(None);
    }
    Ok(Some(Producer { id: id.to_owned(), sequence: get.varint()? }))
}

/// The sender of a record of version 2, and what it left out if one is named.
fn get_producer(get: &mut Get<'_>) -> Decoded<(Option<Producer>, u64)> {
    let producer = get_sender(get)?;
    let left_out = if producer.is_some() { get.varint()? } else { 0 };
    Ok((producer, left_out))
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
            PREDICTIONS_V1 | PREDICTIONS_V2 | PREDICTIONS => get_predictions(kind, &mut body)?,
            LABELS_V1 | LABELS_V2 | LABELS => get_labels(kind, &mut body)?,
            NOTES => Record::Notes {
                model: body.text()?.to_owned(),
                version: body.text()?.to_owned(),
                arrived: body.i64()?,
                counters: Box::new(Arrivals::get(&mut body)?),
            },
            _ => return Err(DecodeError("a kind of record")),
        });
        body.end()?;
    }
    Ok(records)
}

fn get_predictions(kind: u8, get: &mut Get<'_>) -> Decoded<Record> {
    let (producer, mut left_out) = match kind {
        PREDICTIONS_V1 => (None, 0),
        PREDICTIONS_V2 => get_producer(get)?,
        _ => (get_sender(get)?, 0),
    };
    let (model, version) = (get.text()?.to_owned(), get.text()?.to_owned());
    let mut arrival = None;
    if kind == PREDICTIONS {
        arrival = Some(Arrival { time: get.i64()?, batches: get.varint()? });
        left_out = get.varint()?;
    }
    let ids = if kind == PREDICTIONS_V1 { get_ids(get)? } else { get_ids_tagged(get)? };
    let times = get_times(get)?;
    let count = get.count(2)?;
    let columns = (0..count).map(|_| get_column(get)).collect::<Decoded<Vec<Column>>>()?;
    let rows = times.len();
    if ids.len() != rows || columns.iter().any(|column| column.len() != rows) {
        return Err(DecodeError("columns of one length"));
    }
    let batch = PredictionBatch { ids, times, columns };
    Ok(Record::Predictions { producer, left_out, arrival, model, version, batch })
}

fn get_labels(kind: u8, get: &mut Get<'_>) -> Decoded<Record> {
    let (producer, mut left_out) = match kind {
        LABELS_V1 => (None, 0),
        LABELS_V2 => get_producer(get)?,
        _ => (get_sender(get)?, 0),
    };
    let first = if kind == LABELS_V1 { None } else { Some(get.u64()?) };
    let model = get.text()?.to_owned();
    let arrived = get.i64()?;
    if kind == LABELS {
        left_out = get.varint()?;
    }
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
    use crate::id_column::Ids;
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
        let (left_out, arrival) = (2, Arrival { time: -5, batches: 3 });
        let mut counters = Arrivals { refused_batches: 4, ..Arrivals::default() };
        counters.ignore("odd", 7);
        put_predictions(&mut out, producer.as_ref(), ("m", "1"), (arrival, left_out), &batch);
        put_labels(&mut out, None, (12, 6), "m", &labels);
        put_notes(&mut out, ("m", "1"), 8, &counters);
        let (model, version) = ("m".to_owned(), "1".to_owned());
        let (arrival, counters) = (Some(arrival), Box::new(counters));
        let want = vec![
            Record::Predictions {
                producer,
                left_out,
                arrival,
                model: model.clone(),
                version: version.clone(),
                batch,
            },
            Record::Labels {
                producer: None,
                left_out: 6,
                first: Some(12),
                model: model.clone(),
                labels,
            },
            Record::Notes { model, version, arrived: 8, counters },
        ];
        assert_eq!(get_records(&out), Ok(want));
    }

    #[test]
    fn records_of_version_2_come_back() {
        let batch = PredictionBatch {
            ids: ["a"].into_iter().collect(),
            times: vec![1],
            columns: vec![Column::Numeric(vec![0.5])],
        };
        let mut out = Vec::new();
        let sender = |out: &mut Vec<u8>| {
            out.put_bytes(b"p");
            out.put_varint(7);
            out.put_varint(3);
        };
        put_record(&mut out, PREDICTIONS_V2, |out| {
            sender(out);
            out.put_bytes(b"m");
            out.put_bytes(b"1");
            put_ids_tagged(out, &batch.ids);
            put_times(out, &batch.times);
            out.put_varint(1);
            put_column(out, &batch.columns[0]);
        });
        put_record(&mut out, LABELS_V2, |out| {
            sender(out);
            out.put_u64(12);
            out.put_bytes(b"m");
            out.put_i64(9);
            out.put_varint(0);
            put_times(out, &[]);
            put_column(out, &Column::Numeric(Vec::new()));
        });
        let (model, version) = ("m".to_owned(), "1".to_owned());
        let producer = Some(Producer { id: "p".to_owned(), sequence: 7 });
        let labels = LoggedLabels {
            arrived: 9,
            hashes: Vec::new(),
            times: Vec::new(),
            truths: Column::Numeric(Vec::new()),
        };
        let want = vec![
            Record::Predictions {
                producer: producer.clone(),
                left_out: 3,
                arrival: None,
                model: model.clone(),
                version,
                batch,
            },
            Record::Labels { producer, left_out: 3, first: Some(12), model, labels },
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
        let (producer, arrival) = (None, None);
        let want = Record::Predictions { producer, left_out: 0, arrival, model, version, batch };
        assert_eq!(get_records(&out), Ok(vec![want]));
    }

    proptest! {
        #[test]
        fn foreign_bytes_never_panic(bytes: Vec<u8>) {
            let _ = get_records(&bytes);
        }
    }
}
