//! Numbers of a column, page by page: what counts and tests of many rows read.
//!
//! A column of a day takes megabytes once it is decoded, a page fits the cache of a core. And where
//! pages hold places in a dictionary, rows are counted by place, so that each distinct value is
//! looked at once.

use std::ops::Range;

use parquet::basic::{Encoding, Type as Physical};

use super::{
    decode::{self, DataPage, Pages, Unpacker},
    file::{Form, RowFile, read},
};
use crate::{
    codec::{DecodeError, Decoded},
    column::{Column, NULL, NULL_CODE},
    error::Result,
    schema::Field,
};

/// Counts that are kept side by side: rows of one value would wait for each other's.
const LANES: usize = 4;
/// Distinct values up to which that is worth it.
const LANED_MAX: usize = 1 << 10;

/// Numbers of some rows, nulls among them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Numbers<'a> {
    /// The value of each row.
    Values(&'a [f64]),
    /// Some values, most often ascending, and how many rows have each, which may be none.
    Counted(&'a [f64], &'a [u32]),
}

impl Numbers<'_> {
    /// How many rows they are of.
    pub fn rows(&self) -> u64 {
        match self {
            Self::Values(values) => values.len() as u64,
            Self::Counted(_, rows) => rows.iter().map(|rows| u64::from(*rows)).sum(),
        }
    }
}

impl RowFile {
    /// Visits the numbers of runs of rows, which ascend and do not overlap, with the place of the
    /// run. A run may be visited in several parts.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub fn visit_numbers(
        &self,
        field: &Field,
        runs: &[Range<u32>],
        seen: &mut dyn FnMut(usize, Numbers<'_>),
    ) -> Result<()> {
        let (Some(first), Some(last)) = (runs.first(), runs.last()) else { return Ok(()) };
        let rows = first.start..last.end;
        let (blob, contents) = match &self.0 {
            Form::New(blob, contents) => (blob, contents),
            Form::Old(_) => {
                visit_column(&self.column_of(field, rows.clone())?, rows.start, runs, seen);
                return Ok(());
            }
        };
        let found = read(blob, contents, &field.name, Physical::DOUBLE, &rows, |pages, from| {
            Visitor::new(runs, seen).visit(pages, from)
        })?;
        if found.is_none() {
            for (place, run) in runs.iter().enumerate() {
                seen(place, Numbers::Counted(&[NULL], &[run.end.saturating_sub(run.start)]));
            }
        }
        Ok(())
    }
}

fn visit_column(
    column: &Column,
    from: u32,
    runs: &[Range<u32>],
    seen: &mut dyn FnMut(usize, Numbers<'_>),
) {
    let Column::Numeric(values) = column else { return };
    for (place, run) in runs.iter().enumerate() {
        let run = run.start.saturating_sub(from) as usize..run.end.saturating_sub(from) as usize;
        seen(place, Numbers::Values(values.get(run).unwrap_or_default()));
    }
}

/// Counts of a run by places in the dictionary; nulls come last.
#[derive(Debug, Default)]
struct Counts(Vec<u32>);

impl Counts {
    /// Counts places, each below `distinct`; nulls are [`NULL_CODE`].
    fn add(&mut self, codes: &[u32], distinct: usize) {
        let places = distinct + 1;
        let laned = distinct < LANED_MAX;
        self.0.resize(if laned { LANES * places } else { places }, 0);
        let counts = self.0.as_mut_slice();
        let mut count = |lane: usize, code: u32| {
            if let Some(count) = counts.get_mut(lane * places + (code as usize).min(distinct)) {
                *count += 1;
            }
        };
        let (quads, rest) = if laned { codes.as_chunks::<LANES>() } else { (&[][..], codes) };
        for quad in quads {
            for (lane, code) in quad.iter().enumerate() {
                count(lane, *code);
            }
        }
        rest.iter().for_each(|code| count(0, *code));
    }

    /// The counts of the values of the dictionary and of nulls.
    fn sums(&mut self, distinct: usize) -> &[u32] {
        let places = distinct + 1;
        let (sums, lanes) = self.0.split_at_mut_checked(places).unwrap_or_default();
        for lane in lanes.chunks(places) {
            sums.iter_mut().zip(lane).for_each(|(sum, count)| *sum += count);
        }
        sums
    }
}

struct Visitor<'a> {
    runs: &'a [Range<u32>],
    seen: &'a mut dyn FnMut(usize, Numbers<'_>),
    /// The run that is being visited.
    run: usize,
    counts: Counts,
    values: Vec<f64>,
    codes: Vec<u32>,
    some: Vec<u32>,
}

impl<'a> Visitor<'a> {
    fn new(runs: &'a [Range<u32>], seen: &'a mut dyn FnMut(usize, Numbers<'_>)) -> Self {
        let (values, codes, some) = (Vec::new(), Vec::new(), Vec::new());
        Self { runs, seen, run: 0, counts: Counts::default(), values, codes, some }
    }

    /// Visits pages whose first row is given.
    fn visit(mut self, pages: &Pages<'_>, mut row: u32) -> Decoded<()> {
        let mut unpacker = Unpacker::new()?;
        let dictionary = unpacker.dictionary_of_numbers(pages)?;
        for (bytes, rows) in &pages.data {
            let page = DataPage::open(bytes, *rows, pages.check)?;
            let levels = page.present()?;
            let values = unpacker.values(&page)?;
            if page.encoding == Encoding::RLE_DICTIONARY {
                decode::places(&page, values, dictionary.len(), &mut self.some)?;
                match levels {
                    Some(levels) => {
                        self.codes.clear();
                        decode::spread(&levels, &self.some, NULL_CODE, &mut self.codes);
                    }
                    None => std::mem::swap(&mut self.codes, &mut self.some),
                }
                self.places(row, &dictionary);
            } else {
                self.values.clear();
                decode::page_values(&page, values, levels.as_deref(), &mut self.values)?;
                self.plain(row);
            }
            let rows = u32::try_from(*rows).map_err(|_| DecodeError("a number of rows"))?;
            row = row.checked_add(rows).ok_or(DecodeError("a number of rows"))?;
        }
        Ok(())
    }

    /// The rows of the page at hand that lie in the run at hand.
    fn part(run: &Range<u32>, row: u32, rows: usize) -> Range<usize> {
        let at = |bound: u32| (bound.saturating_sub(row) as usize).min(rows);
        at(run.start)..at(run.end)
    }

    fn plain(&mut self, row: u32) {
        let end = row as usize + self.values.len();
        while let Some(run) = self.runs.get(self.run) {
            let part = self.values.get(Self::part(run, row, self.values.len()));
            if let Some(part) = part.filter(|part| !part.is_empty()) {
                (self.seen)(self.run, Numbers::Values(part));
            }
            if run.end as usize > end {
                return;
            }
            self.run += 1;
        }
    }

    fn places(&mut self, row: u32, dictionary: &[f64]) {
        let end = row as usize + self.codes.len();
        while let Some(run) = self.runs.get(self.run) {
            let part = Self::part(run, row, self.codes.len());
            let part = self.codes.get(part).unwrap_or_default();
            if run.len() >= dictionary.len() {
                self.counts.add(part, dictionary.len());
            } else if !part.is_empty() {
                let value = |code: &u32| dictionary.get(*code as usize).copied().unwrap_or(NULL);
                self.values.clear();
                self.values.extend(part.iter().map(value));
                (self.seen)(self.run, Numbers::Values(&self.values));
            }
            if run.end as usize > end {
                return;
            }
            self.end_run(run, dictionary);
            self.run += 1;
        }
    }

    fn end_run(&mut self, run: &Range<u32>, dictionary: &[f64]) {
        if run.len() < dictionary.len() {
            return;
        }
        if let Some((nulls, counts)) = self.counts.sums(dictionary.len()).split_last() {
            (self.seen)(self.run, Numbers::Counted(dictionary, counts));
            if *nulls > 0 {
                (self.seen)(self.run, Numbers::Counted(&[NULL], &[*nulls]));
            }
        }
        self.counts.0.clear();
    }
}
