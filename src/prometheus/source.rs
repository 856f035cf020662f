//! A database as a source of series for PromQL, within the bounds of one request.

use std::{cell::RefCell, collections::BTreeSet, time::Instant};

use driftline_promql::{Error, ErrorKind, Notes, Points, Result, Selector, Series, Source};
use driftline_storage::MINUTE_MICROS;

use crate::Monitor;

use super::{
    absent::tell_absent,
    gather::{Note, Watch, gather},
    limits,
    plan::{Question, questions},
};

/// Microseconds of a millisecond, the unit of PromQL.
const MILLI_MICROS: i64 = 1_000;

/// The series of a database for one request.
pub(crate) struct MonitorSource<'a> {
    monitor: &'a Monitor,
    /// The clock, in microseconds: instants a minute after it and later have no sample.
    now: i64,
    spent: RefCell<Spent>,
}

/// What a request has cost.
#[derive(Debug)]
struct Spent {
    queries: usize,
    rows: u64,
    until: Instant,
}

impl<'a> MonitorSource<'a> {
    /// The series as they are now, for a request that ends at a moment, or past its time at most.
    pub(crate) fn new(monitor: &'a Monitor, now: i64, until: Option<Instant>) -> Self {
        let latest = Instant::now() + limits::TIME_MAX;
        let until = until.map_or(latest, |until| until.min(latest));
        Self { monitor, now, spent: RefCell::new(Spent { queries: 0, rows: 0, until }) }
    }

    fn questions(&self, selector: &Selector, notes: &mut Notes) -> Result<Vec<Question>> {
        questions(self.monitor, selector, &mut |text| notes.inform(text))
    }

    /// The end of the window of an instant; none if it lies ahead of the clock.
    fn end(&self, question: &Question, instant: i64) -> Option<i64> {
        let micros = instant.checked_mul(MILLI_MICROS)?;
        let is_past = micros <= self.now.saturating_add(MINUTE_MICROS);
        is_past.then(|| micros.div_euclid(question.grid) * question.grid)
    }

    /// The series of a question at instants that ascend.
    fn answer(
        &self,
        question: &Question,
        selector: &Selector,
        instants: &[i64],
        notes: &mut Notes,
    ) -> Result<Vec<Series>> {
        let ends: Vec<Option<i64>> =
            instants.iter().map(|instant| self.end(question, *instant)).collect();
        let once: BTreeSet<i64> = ends.iter().copied().flatten().collect();
        let once: Vec<i64> = once.into_iter().collect();
        if once.len() > limits::WINDOWS_MAX {
            let text = format!(
                "{selector} asks for {} windows, at most {}; choose a longer step or a shorter range",
                once.len(),
                limits::WINDOWS_MAX
            );
            return Err(Error::execution(text));
        }
        let mut watch = Watched { spent: &self.spent, notes };
        let values = gather(self.monitor, question, selector, &once, &mut watch)?;
        let places: Vec<Option<usize>> =
            ends.iter().map(|end| once.binary_search(end.as_ref()?).ok()).collect();
        let one = |(labels, values): (driftline_promql::Labels, Vec<Option<f64>>)| {
            let at = |place: &Option<usize>| values.get((*place)?).copied().flatten();
            Series { labels, values: places.iter().map(at).collect() }
        };
        let mut series: Vec<Series> = values.series.into_iter().map(one).collect();
        series.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(series)
    }
}

impl Source for MonitorSource<'_> {
    fn at(&self, selector: &Selector, instants: &[i64], notes: &mut Notes) -> Result<Vec<Series>> {
        let mut all = Vec::new();
        for question in self.questions(selector, notes)? {
            all.extend(self.answer(&question, selector, instants, notes)?);
            check_series(selector, all.len(), instants.len())?;
        }
        if all.is_empty() {
            tell_absent(self.monitor, selector, notes);
        }
        Ok(all)
    }

    /// The points of a range are those of the windows that tile it, counted back from its end: of a
    /// range of a day and windows of an hour these are 24, and each row is in one of them.
    fn over(
        &self,
        selector: &Selector,
        instants: &[i64],
        range: i64,
        notes: &mut Notes,
    ) -> Result<Vec<Points>> {
        let mut all = Vec::new();
        for question in self.questions(selector, notes)? {
            let spacing = question.window / MILLI_MICROS;
            let each = usize::try_from(range / spacing.max(1)).unwrap_or(usize::MAX);
            if each.saturating_add(1).saturating_mul(instants.len()) > limits::RANGE_INSTANTS_MAX {
                let text = format!(
                    "ranges of {each} windows at {} instants look at more than {} windows; choose a \
                     longer step, a shorter range or a longer window",
                    instants.len(),
                    limits::RANGE_INSTANTS_MAX
                );
                return Err(Error::execution(text));
            }
            let mut times: BTreeSet<i64> = BTreeSet::new();
            for instant in instants {
                let mut time = *instant;
                while time > instant.saturating_sub(range) {
                    times.insert(time);
                    time = time.saturating_sub(spacing.max(1));
                }
            }
            let times: Vec<i64> = times.into_iter().collect();
            let points = |series: Series| Points {
                labels: series.labels,
                spacing: Some(spacing),
                points: times
                    .iter()
                    .zip(series.values)
                    .filter_map(|(time, value)| Some((*time, value?)))
                    .collect(),
            };
            all.extend(self.answer(&question, selector, &times, notes)?.into_iter().map(points));
            check_series(selector, all.len(), times.len())?;
        }
        if all.is_empty() {
            tell_absent(self.monitor, selector, notes);
        }
        Ok(all)
    }
}

/// Bounds what all questions of a selector give.
fn check_series(selector: &Selector, series: usize, instants: usize) -> Result<()> {
    if series > limits::SERIES_MAX || series.saturating_mul(instants) > limits::SAMPLES_MAX {
        let text = format!(
            "{selector} gives more than {} series, or than {} samples; narrow it by model, version or \
             feature, or choose a longer step",
            limits::SERIES_MAX,
            limits::SAMPLES_MAX
        );
        return Err(Error::execution(text));
    }
    Ok(())
}

struct Watched<'a> {
    spent: &'a RefCell<Spent>,
    notes: &'a mut Notes,
}

impl Watch for Watched<'_> {
    fn before(&mut self, rows: u64) -> Result<()> {
        let mut spent = self.spent.borrow_mut();
        if Instant::now() > spent.until {
            let text = "query timed out; choose a longer step, a shorter range or fewer models";
            return Err(Error::new(ErrorKind::Timeout, text));
        }
        spent.queries += 1;
        if spent.queries > limits::QUERIES_MAX {
            let text = format!(
                "takes more than {} questions to the database; narrow it by model or version, or \
                 choose a step by which the window can be divided",
                limits::QUERIES_MAX
            );
            return Err(Error::execution(text));
        }
        if spent.rows.saturating_add(rows) > limits::ROWS_MAX {
            let text = format!(
                "would read {} rows, at most {}: partials are counted in the bins of the default \
                 reference only; choose a shorter range, a longer step or the default reference",
                spent.rows.saturating_add(rows),
                limits::ROWS_MAX
            );
            return Err(Error::execution(text));
        }
        Ok(())
    }

    fn after(&mut self, rows: u64) {
        let mut spent = self.spent.borrow_mut();
        spent.rows = spent.rows.saturating_add(rows);
    }

    fn tell(&mut self, note: Note) {
        match note {
            Note::Missing(text) => self.notes.warn(text),
            Note::Undefined(text) => self.notes.inform(text),
        }
    }
}
