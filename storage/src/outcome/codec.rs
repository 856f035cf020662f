//! Outcomes as bytes, a section of a label sidecar.
//!
//! ```text
//! outcomes = names days:varint day*
//! day      = day:i64 hours:u32 hour*          one hour per bit of `hours`, lowest first
//! hour     = cells:varint cell* minutes:varint errors*
//! cell     = step:varint count:varint         step from the cell before, of minute << 20 | pair
//! errors   = minute:u8 n:varint (high:f64 low:f64) x 3
//! ```
//! A pair is the true class << 10 | the predicted class, all ones for a labelled prediction that
//! has no such pair. Sums of hours and days follow from the minutes and are not written.

use std::sync::Arc;

use super::{
    Classes, DAY, Day, Outcomes,
    hour::{Cell, HOUR_MINUTES, HOURS, Hour},
    sums::{CLASS_BITS, ErrorSums, NO_PAIR, PairCode, classes_of},
};
use crate::{
    codec::{DecodeError, Decoded, Get, Put as _},
    limits,
    time::{TIME_MAX, TIME_MIN, day_of},
    two_sum::Sum,
};

impl Classes {
    /// Appends the names in order of place.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.put_varint(self.names.len() as u64);
        self.names.iter().for_each(|name| out.put_bytes(name.as_bytes()));
    }

    /// Reads what [`Classes::encode`] wrote.
    pub(crate) fn decode(get: &mut Get<'_>) -> Decoded<Self> {
        let mut classes = Self::default();
        for place in 0..get.count(1)? {
            let added = classes.place_or_add(get.text()?, limits::CLASSES_MAX + 1);
            if added.is_none_or(|added| added as usize != place) {
                return Err(DecodeError("distinct classes within their bound"));
            }
        }
        Ok(classes)
    }
}

impl Outcomes {
    /// Appends classes and minutes.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        self.classes.encode(out);
        out.put_varint(self.days.len() as u64);
        for (day, hours) in &self.days {
            out.put_i64(*day);
            let present = |(place, hour): (u32, &Option<_>)| u32::from(hour.is_some()) << place;
            out.put_u32((0..).zip(&hours.hours).map(present).sum());
            hours.hours.iter().flatten().for_each(|hour| put_hour(out, hour));
        }
    }

    /// Reads what [`Outcomes::encode`] wrote.
    pub(crate) fn decode(get: &mut Get<'_>) -> Decoded<Self> {
        let classes = Classes::decode(get)?;
        let known = classes.names.len();
        let mut outcomes = Self { classes: Arc::new(classes), days: Vec::new() };
        for _ in 0..get.count(12)? {
            let day = get.i64()?;
            let after = outcomes.days.last().is_none_or(|(last, _)| *last < day);
            if !after || !(day_of(TIME_MIN)..=day_of(TIME_MAX)).contains(&day) {
                return Err(DecodeError("days in order"));
            }
            let mut hours = Day::default();
            let present = get.u32()?;
            if present >> HOURS != 0 {
                return Err(DecodeError("at most 24 hours a day"));
            }
            for (place, slot) in hours.hours.iter_mut().enumerate() {
                if present >> place & 1 == 1 {
                    let hour = get_hour(get, known)?;
                    hours.sums.merge(&hour.sums);
                    *slot = Some(Arc::new(hour));
                }
            }
            outcomes.days.push((day, Arc::new(hours)));
        }
        Ok(outcomes)
    }

    /// Reads the outcomes of a sidecar of version 1: a list of minutes, each with what is labelled,
    /// its pairs (true class, predicted class, count) and its error sums.
    pub(crate) fn decode_v1(get: &mut Get<'_>) -> Decoded<Self> {
        let classes = Classes::decode(get)?;
        let known = classes.names.len();
        let mut outcomes = Self { classes: Arc::new(classes), days: Vec::new() };
        for _ in 0..get.count(11)? {
            let minute = get.i64()?;
            let days = day_of(TIME_MIN) * DAY..(day_of(TIME_MAX) + 1) * DAY;
            if !days.contains(&minute) {
                return Err(DecodeError("a minute of the years 0001 to 9999"));
            }
            let mut hour = Hour::default();
            let of_hour = minute.rem_euclid(i64::from(HOUR_MINUTES)) as u8;
            let mut rest = small(get)?;
            for _ in 0..get.count(3)? {
                let (truth, predicted) = (get.varint_u32()?, get.varint_u32()?);
                if truth.max(predicted) as usize >= known {
                    return Err(DecodeError("a class of its list"));
                }
                let count = small(get)?;
                rest = rest.checked_sub(count).ok_or(DecodeError("pairs that are labelled"))?;
                hour.add_count(of_hour, truth << CLASS_BITS | predicted, count);
            }
            hour.add_count(of_hour, NO_PAIR, rest);
            let n = small(get)?;
            if n != 0 {
                hour.add_errors(of_hour, &get_sums(get, i64::from(n))?);
            }
            outcomes.merge_hour(minute, &hour);
        }
        Ok(outcomes)
    }

    /// Adds the sums of an hour that contains a minute.
    fn merge_hour(&mut self, minute: i64, other: &Hour) {
        let place = minute.rem_euclid(DAY) / i64::from(HOUR_MINUTES);
        let day = self.day(minute.div_euclid(DAY));
        day.sums.merge(&other.sums);
        let hour = Arc::make_mut(day.hours[place as usize].get_or_insert_default());
        other.cells().for_each(|cell| hour.add_count(cell.minute(), cell.pair(), cell.count));
        other.errors().iter().for_each(|(minute, errors)| hour.add_errors(*minute, errors));
    }
}

/// A count of rows.
fn small(get: &mut Get<'_>) -> Decoded<i32> {
    i32::try_from(get.varint()?).map_err(|_| DecodeError("a count below 2^31"))
}

fn put_hour(out: &mut Vec<u8>, hour: &Hour) {
    out.put_varint(hour.cells().count() as u64);
    let mut before = 0;
    for cell in hour.cells() {
        out.put_varint(u64::from(cell.key() - before));
        // Positive and small; one below 0 would come back all the same.
        out.put_varint(u64::from(cell.count as u32));
        before = cell.key();
    }
    out.put_varint(hour.errors().len() as u64);
    for (minute, errors) in hour.errors() {
        out.put_u8(*minute);
        out.put_varint(u64::from(errors.n as u32));
        for sum in [errors.sum, errors.sum_abs, errors.sum_sq] {
            sum.encode(out);
        }
    }
}

fn get_hour(get: &mut Get<'_>, classes: usize) -> Decoded<Hour> {
    let mut hour = Hour::default();
    let mut key = 0_u32;
    for place in 0..get.count(2)? {
        let step = get.varint_u32()?;
        key = key.checked_add(step).ok_or(DecodeError("a minute of an hour"))?;
        if place > 0 && step == 0 {
            return Err(DecodeError("minutes and pairs in order"));
        }
        let cell = Cell::new(key, get.varint_u32()? as i32);
        let cell = cell.ok_or(DecodeError("a minute of an hour"))?;
        if !known_pair(cell.pair(), classes) {
            return Err(DecodeError("a class of its list"));
        }
        hour.push(cell);
    }
    for _ in 0..get.count(50)? {
        let minute = get.u8()?;
        if u16::from(minute) >= HOUR_MINUTES {
            return Err(DecodeError("a minute of an hour"));
        }
        let n = get.varint_u32()? as i32;
        hour.add_errors(minute, &get_sums(get, i64::from(n))?);
    }
    Ok(hour)
}

fn known_pair(pair: PairCode, classes: usize) -> bool {
    classes_of(pair).is_none_or(|(truth, predicted)| truth.max(predicted) < classes)
}

fn get_sums(get: &mut Get<'_>, n: i64) -> Decoded<ErrorSums> {
    let mut sum = || Sum::decode(get);
    Ok(ErrorSums { n, sum: sum()?, sum_abs: sum()?, sum_sq: sum()? })
}
