//! The file of the labels that wait, written anew by each publication.
//!
//! Section 2, version 2:
//!
//! ```text
//! models:varint model*
//! model = name:text classes labels:varint seq:varint* hash:u64* times arrivals truths
//! ```
//! in order of arrival, each order as the difference from the one before, times and truths as in
//! `labels/columns.rs`. Version 1 has section 1: per model its name in a list of one and its labels,
//! each order, hash, label time and arrival of eight bytes, a kind of truth (1 number, 2 class) and
//! the truth.

use std::path::Path;

use super::{Settled, Waiting};
use crate::{
    binning::get_names,
    codec::{DecodeError, Decoded, Get, Put as _},
    error::{Error, Result},
    labels::{
        LabelEntry, Truth,
        columns::{get_times, get_truths, put_times, put_truths},
    },
    outcome::Classes,
    section::{Format, SectionReader, SectionWriter},
};

/// Magic and version of files of waiting labels.
pub(crate) const FORMAT: Format = Format { magic: *b"DROR", version: 2 };
const MODELS_V1: u32 = 1;
const MODELS: u32 = 2;

impl Settled {
    /// Writes the labels that wait on; nothing if none does.
    ///
    /// # Errors
    /// `Io` if compression fails.
    pub fn encode(&self) -> Result<Option<Vec<u8>>> {
        let mut models = 0_u64;
        let mut body = Vec::new();
        for (model, view, kept) in self.kept() {
            let labels: Vec<_> = kept.collect();
            if labels.is_empty() {
                continue;
            }
            models += 1;
            body.put_bytes(model.as_bytes());
            view.classes().encode(&mut body);
            body.put_varint(labels.len() as u64);
            let mut before = 0;
            for label in &labels {
                body.put_varint(label.seq.wrapping_sub(before));
                before = label.seq;
            }
            labels.iter().for_each(|label| body.put_u64(label.hash));
            put_times(&mut body, &labels.iter().map(|label| label.time).collect::<Vec<_>>());
            put_times(&mut body, &labels.iter().map(|label| label.arrived).collect::<Vec<_>>());
            put_truths(&mut body, &labels.iter().map(|label| label.truth).collect::<Vec<_>>());
        }
        if models == 0 {
            return Ok(None);
        }
        let mut content = Vec::new();
        content.put_varint(models);
        content.append(&mut body);
        let mut writer = SectionWriter::new(FORMAT);
        writer.push(MODELS, &content)?;
        Ok(Some(writer.finish()))
    }
}

impl Waiting {
    /// Reads the labels that waited when a file was published.
    ///
    /// # Errors
    /// `Corruption` with the file.
    pub fn decode(path: &Path, bytes: &[u8]) -> Result<Self> {
        let reader = SectionReader::open(path, bytes, FORMAT)?;
        let waiting = match reader.version() {
            1 => decode_v1(&reader.required(MODELS_V1)?),
            _ => decode(&reader.required(MODELS)?),
        };
        waiting.map_err(|error| Error::corruption(path, 0, format!("expected {}", error.0)))
    }
}

fn decode(content: &[u8]) -> Decoded<Waiting> {
    let mut get = Get::new(content);
    let mut waiting = Waiting::default();
    for _ in 0..get.count(7)? {
        let model = get.text()?;
        let classes = Classes::decode(&mut get)?;
        let count = get.count(25)?;
        let mut seqs = Vec::with_capacity(count);
        let mut seq = 0_u64;
        for _ in 0..count {
            seq = seq.checked_add(get.varint()?).ok_or(DecodeError("an order of arrival"))?;
            seqs.push(seq);
        }
        let hashes = get.take(count * 8)?.as_chunks::<8>().0;
        let times = get_times(&mut get, count)?;
        let arrivals = get_times(&mut get, count)?;
        let truths = get_truths(&mut get, count, classes.names().len())?;
        let labels = seqs.into_iter().zip(hashes).zip(times).zip(arrivals).zip(truths);
        for ((((seq, hash), time), arrived), truth) in labels {
            let truth = Truth::of(truth, classes.names());
            let hash = u64::from_le_bytes(*hash);
            add(&mut waiting, model, &LabelEntry { seq, hash, time, arrived, truth })?;
        }
    }
    get.end()?;
    Ok(waiting)
}

fn decode_v1(content: &[u8]) -> Decoded<Waiting> {
    let mut get = Get::new(content);
    let mut waiting = Waiting::default();
    for _ in 0..get.count(3)? {
        let model = get_names(&mut get)?.pop().ok_or(DecodeError("a model"))?;
        for _ in 0..get.count(34)? {
            let (seq, hash) = (get.u64()?, get.u64()?);
            let (time, arrived) = (get.i64()?, get.i64()?);
            let truth = match get.u8()? {
                1 => Truth::Number(get.f64()?),
                2 => Truth::Class(get.text()?.into()),
                _ => return Err(DecodeError("a kind of truth")),
            };
            add(&mut waiting, &model, &LabelEntry { seq, hash, time, arrived, truth })?;
        }
    }
    get.end()?;
    Ok(waiting)
}

fn add(waiting: &mut Waiting, model: &str, label: &LabelEntry) -> Decoded<()> {
    let last = waiting.models.get(model).and_then(|queue| queue.view().last_seq());
    if last.is_some_and(|last| last >= label.seq) {
        return Err(DecodeError("labels in order of arrival"));
    }
    waiting.add(model, label);
    Ok(())
}
