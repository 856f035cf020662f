//! Columns of label times and truths as bytes, shared by the files that hold labels.
//!
//! ```text
//! times  = unit:varint, then eight planes of a byte per time, lowest byte first: the difference
//!          from the time before, in units, its sign in the lowest bit
//! truths = kind:u8, then 1: a byte per class; 2: two planes of a byte per class; 3: eight planes of
//!          a byte per truth, of the bits that a truth has in memory
//! ```
//! Bytes of one weight side by side are what zstd packs well: label times differ in the low ones.

use super::truth::Truth64;
use crate::{
    codec::{DecodeError, Decoded, Get, Put as _},
    outcome::Answer,
};

const CLASS_BYTES: u8 = 1;
const CLASS_WORDS: u8 = 2;
const BITS: u8 = 3;

/// Units that label times are whole multiples of, largest first, in microseconds.
const UNITS: [i64; 3] = [1_000_000, 1_000, 1];

/// Appends times.
pub(crate) fn put_times(out: &mut Vec<u8>, times: &[i64]) {
    let whole = |unit: &&i64| times.iter().all(|time| time % **unit == 0);
    let unit = UNITS.iter().find(whole).copied().unwrap_or(1);
    out.put_varint(unit.unsigned_abs());
    let mut before = 0_i64;
    let steps = times.iter().map(|time| {
        let time = time / unit;
        let step = time.wrapping_sub(std::mem::replace(&mut before, time));
        // The sign goes to the lowest bit, so that small steps have zeros above.
        ((step << 1) ^ (step >> 63)) as u64
    });
    put_planes::<8>(out, steps.map(u64::to_le_bytes));
}

/// Appends truths.
pub(crate) fn put_truths(out: &mut Vec<u8>, truths: &[Truth64]) {
    let largest = truths.iter().try_fold(0, |largest, truth| Some(truth.place()?.max(largest)));
    let places = truths.iter().filter_map(|truth| truth.place());
    match largest {
        Some(largest) if largest <= u32::from(u8::MAX) => {
            out.put_u8(CLASS_BYTES);
            out.extend(places.map(|place| place as u8));
        }
        Some(largest) if largest <= u32::from(u16::MAX) => {
            out.put_u8(CLASS_WORDS);
            put_planes::<2>(out, places.map(|place| (place as u16).to_le_bytes()));
        }
        _ => {
            out.put_u8(BITS);
            put_planes::<8>(out, truths.iter().map(|truth| truth.bits().to_le_bytes()));
        }
    }
}

/// Appends the first byte of every value, then the second of every one, and so on.
fn put_planes<const N: usize>(out: &mut Vec<u8>, values: impl Iterator<Item = [u8; N]>) {
    let values: Vec<[u8; N]> = values.collect();
    let start = out.len();
    out.resize(start + values.len() * N, 0);
    if values.is_empty() {
        return;
    }
    for (place, plane) in out[start..].chunks_exact_mut(values.len()).enumerate() {
        plane.iter_mut().zip(&values).for_each(|(byte, value)| *byte = value[place]);
    }
}

/// Reads what [`put_planes`] wrote.
fn get_planes<const N: usize>(get: &mut Get<'_>, count: usize) -> Decoded<Vec<[u8; N]>> {
    let bytes = get.take(count.checked_mul(N).ok_or(DecodeError("a count"))?)?;
    let mut values = vec![[0; N]; count];
    if count > 0 {
        for (place, plane) in bytes.chunks_exact(count).enumerate() {
            values.iter_mut().zip(plane).for_each(|(value, byte)| value[place] = *byte);
        }
    }
    Ok(values)
}

/// Reads what [`put_times`] wrote.
pub(crate) fn get_times(get: &mut Get<'_>, count: usize) -> Decoded<Vec<i64>> {
    let unit = i64::try_from(get.varint()?).map_err(|_| DecodeError("a unit of time"))?;
    let mut time = 0_i64;
    let times = get_planes::<8>(get, count)?.into_iter().map(|step| {
        let step = u64::from_le_bytes(step);
        time = time.wrapping_add((step >> 1) as i64 ^ -((step & 1) as i64));
        time.wrapping_mul(unit)
    });
    Ok(times.collect())
}

/// Reads what [`put_truths`] wrote; classes have places below `classes`.
pub(crate) fn get_truths(get: &mut Get<'_>, count: usize, classes: usize) -> Decoded<Vec<Truth64>> {
    let kind = get.u8()?;
    let class = |place: u32| {
        let known = (place as usize) < classes;
        known.then(|| Truth64::class(place)).ok_or(DecodeError("a class of its list"))
    };
    match kind {
        CLASS_BYTES => get.take(count)?.iter().map(|place| class((*place).into())).collect(),
        CLASS_WORDS => {
            let places = get_planes::<2>(get, count)?;
            places.into_iter().map(|place| class(u16::from_le_bytes(place).into())).collect()
        }
        BITS => {
            let bits = get_planes::<8>(get, count)?;
            let truth = |bits| match Truth64::from_bits(u64::from_le_bytes(bits)).answer() {
                Answer::Class(place) => class(place),
                Answer::Number(value) => Ok(Truth64::number(value)),
                Answer::Nothing => Ok(Truth64::NOTHING),
            };
            bits.into_iter().map(truth).collect()
        }
        _ => Err(DecodeError("a kind of truths")),
    }
}
