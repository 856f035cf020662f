//! A database as a source of series for PromQL, within the bounds of one request.

use std::{cell::RefCell, collections::BTreeSet, time::Instant};

use driftline_promql::{Error, ErrorKind, Notes, Points, Result, Selector, Series, Source};
use driftline_storage::MINUTE_MICROS;

use crate::Monitor;

use super::{
    freshness::newest,
    gather::{Note, Watch, gather},
    limits,
    metric::Metric,
    plan::{Question, metrics, questions},
    timeline::states,
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

impl Spent {
    fn go_on(&self) -> Result<()> {
        if Instant::now() > self.until {
            let text = "query timed out; choose a longer step, a shorter range or fewer models";
            return Err(Error::new(ErrorKind::Timeout, text));
        }
        Ok(())
    }
}

impl<'a> MonitorSource<'a> {
    /// The series as they are now, for a request that ends at a moment, or past its time at most.
    pub(crate) fn new(monitor: &'a Monitor, now: i64, until: Option<Instant>) -> Self {
        let latest = Instant::now() + limits::TIME_MAX;
        let until = until.map_or(latest, |until| until.min(latest));
        Self { monitor, now, spent: RefCell::new(Spent { queries: 0, rows: 0, until }) }
    }

    #[cfg(test)]
    pub(super) fn spend_rows(&self, rows: u64) {
        self.spent.borrow_mut().rows += rows;
    }

    fn questions(&self, selector: &Selector, notes: &mut Notes) -> Result<Vec<Question>> {
        questions(self.monitor, selector, &mut |text| notes.inform(text))
    }

    /// The end of the window of an instant; none if it lies ahead of the clock.
    fn end(&self, question: &Question, instant: i64) -> Option<i64> {
        let micros = instant.checked_mul(MILLI_MICROS)?;
        let is_past = micros <= self.now.saturating_add(MINUTE_MICROS);
        let before = micros.div_euclid(question.grid) * question.grid;
        // The newest window of what came is still being filled.
        let end =
            if question.ends_after && before < micros { before + question.grid } else { before };
        is_past.then_some(end)
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

    /// The series that are of no window.
    fn others(
        &self,
        selector: &Selector,
        instants: &[i64],
        notes: &mut Notes,
    ) -> Result<Vec<Series>> {
        let mut all = Vec::new();
        for metric in metrics(selector) {
            match metric {
                Metric::Newest => all.extend(newest(self.monitor, selector, instants, self.now)?),
                Metric::AlertState => {
                    // What becomes of alerts after now is not known.
                    let past = self.now.saturating_add(MINUTE_MICROS) / MILLI_MICROS;
                    let past = instants.partition_point(|instant| *instant <= past);
                    let known = instants.get(..past).unwrap_or_default();
                    let mut found = states(self.monitor, selector, known, notes)?;
                    for series in &mut found {
                        series.values.resize(instants.len(), None);
                    }
                    all.extend(found);
                }
                _ => {}
            }
        }
        check_series(selector, all.len(), instants.len())?;
        Ok(all)
    }
}

impl Source for MonitorSource<'_> {
    fn at(&self, selector: &Selector, instants: &[i64], notes: &mut Notes) -> Result<Vec<Series>> {
        let mut all = self.others(selector, instants, notes)?;
        for question in self.questions(selector, notes)? {
            all.extend(self.answer(&question, selector, instants, notes)?);
            check_series(selector, all.len(), instants.len())?;
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
        // What is of no window is looked at every minute.
        let minute = MINUTE_MICROS / MILLI_MICROS;
        if metrics(selector).iter().any(|metric| !metric.is_of_windows()) {
            let times = tiles(instants, range, minute)?;
            let found = self.others(selector, &times, notes)?;
            all.extend(found.into_iter().map(|series| points(series, &times, minute)));
        }
        for question in self.questions(selector, notes)? {
            let spacing = (question.window / MILLI_MICROS).max(1);
            let times = tiles(instants, range, spacing)?;
            let found = self.answer(&question, selector, &times, notes)?;
            all.extend(found.into_iter().map(|series| points(series, &times, spacing)));
            check_series(selector, all.len(), times.len())?;
        }
        Ok(all)
    }

    fn go_on(&self) -> Result<()> {
        self.spent.borrow().go_on()
    }
}

/// Times that lie so far apart and tile the ranges of instants, counted back from each of them.
fn tiles(instants: &[i64], range: i64, spacing: i64) -> Result<Vec<i64>> {
    let each = usize::try_from(range / spacing).unwrap_or(usize::MAX);
    if each.saturating_add(1).saturating_mul(instants.len()) > limits::RANGE_INSTANTS_MAX {
        let text = format!(
            "ranges of {each} windows at {} instants look at more than {} windows; choose a longer \
             step, a shorter range or a longer window",
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
            time = time.saturating_sub(spacing);
        }
    }
    Ok(times.into_iter().collect())
}

/// The samples of a series at some times, as points that lie so far apart.
fn points(series: Series, times: &[i64], spacing: i64) -> Points {
    let samples = times.iter().zip(series.values);
    Points {
        labels: series.labels,
        spacing: Some(spacing),
        points: samples.filter_map(|(time, value)| Some((*time, value?))).collect(),
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
    fn before(&mut self, rows: u64, why: &str) -> Result<()> {
        let mut spent = self.spent.borrow_mut();
        spent.go_on()?;
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
                "would read {} rows, at most {}: {why}",
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
