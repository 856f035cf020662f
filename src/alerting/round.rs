//! Asking the queries of a round: a few threads of low priority, each query apart from the others, so that
//! one that fails or panics concerns its rules alone.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Instant,
};

use driftline_alerts::{Evaluation, Query, RuleSet, Shares, baseline};
use driftline_storage::{Db, Error, ErrorKind, Result};

use super::{answers::Asked, limits};

/// Figures of references by place of their rule, each with when it was asked for.
pub(super) type Baselines = BTreeMap<usize, (i64, Option<f64>)>;

/// What became of a query.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) query: Query,
    /// What its windows say, each with when it was to be judged at the earliest.
    pub(super) evaluations: Result<Vec<(i64, Evaluation)>>,
    /// Figures of references that were asked for.
    pub(super) baselines: Baselines,
    /// How long it took, in microseconds.
    pub(super) took: i64,
}

/// Who asks the queries of a round.
#[derive(Debug)]
pub(super) struct Round<'a> {
    pub(super) db: &'a Db,
    pub(super) set: &'a RuleSet,
    pub(super) shares: &'a Shares,
    pub(super) baselines: &'a Baselines,
    pub(super) now: i64,
    pub(super) threads: usize,
    /// Whether to leave out what was not begun.
    pub(super) stopping: &'a AtomicBool,
}

impl Round<'_> {
    /// Asks queries. Where one fails that rules share, each of them is asked for alone.
    pub(super) fn ask(&self, queries: Vec<Query>) -> Vec<Answered> {
        let next = Mutex::new(queries.into_iter());
        let worker = || {
            let mut answered = Vec::new();
            while !self.stopping.load(Ordering::Relaxed) {
                let query = next.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some(query) = query else { break };
                self.ask_one(query, &mut answered);
            }
            answered
        };
        let count = next.lock().unwrap_or_else(PoisonError::into_inner).len();
        let threads = self.threads.min(count);
        if threads <= 1 {
            return worker();
        }
        let low = || {
            lower_priority();
            worker()
        };
        thread::scope(|scope| {
            let started: Vec<_> = (0..threads).map(|_| scope.spawn(low)).collect();
            // A query that panics is caught where it is asked.
            started.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
        })
    }

    fn ask_one(&self, query: Query, answered: &mut Vec<Answered>) {
        let one = self.answer(query);
        let is_of_rule = |error: &Error| {
            matches!(
                error.kind(),
                ErrorKind::InvalidArgument | ErrorKind::NotFound | ErrorKind::FailedPrecondition
            )
        };
        let apart = match &one.evaluations {
            Err(error) if is_of_rule(error) => self.shares.apart(&one.query),
            _ => Vec::new(),
        };
        if apart.is_empty() {
            answered.push(one);
        } else {
            answered.extend(apart.into_iter().map(|query| self.answer(query)));
        }
    }

    fn answer(&self, query: Query) -> Answered {
        let started = Instant::now();
        let mut baselines = Baselines::new();
        let answer = || {
            let asked = Asked(self.db);
            self.ask_baselines(&query, &asked, &mut baselines)?;
            let known = query.rules().filter_map(|place| {
                let known = baselines.get(&place).or_else(|| self.baselines.get(&place));
                Some((place, known?.1?))
            });
            self.shares.answer(&query, &known.collect(), &asked)
        };
        let evaluations = catch_unwind(AssertUnwindSafe(answer)).unwrap_or_else(|_| {
            let text = "the query panicked, the log says more";
            Err(Error::new(ErrorKind::Io, text))
        });
        let took = i64::try_from(started.elapsed().as_micros()).unwrap_or(i64::MAX);
        Answered { query, evaluations, baselines, took }
    }

    /// The figures of references that rules of a query compare with and that are not known, or not as
    /// of late.
    fn ask_baselines(
        &self,
        query: &Query,
        asked: &Asked<'_>,
        baselines: &mut Baselines,
    ) -> Result<()> {
        for place in query.rules() {
            let rule = self.set.rules.get(place).filter(|rule| rule.when.needs_reference());
            let Some(rule) = rule else { continue };
            let known = self.baselines.get(&place).map(|(at, _)| *at);
            let is_fresh =
                |at: i64| (at..at.saturating_add(limits::BASELINE_KEPT)).contains(&self.now);
            if !known.is_some_and(is_fresh) {
                baselines.insert(place, (self.now, baseline(rule, asked, asked)?));
            }
        }
        Ok(())
    }
}

/// Lets the calling thread have what others leave over. Where the system does not allow it, it stays as
/// it is.
pub(super) fn lower_priority() {
    // Of the calling thread alone: Linux counts priorities by thread.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, limits::PRIORITY);
}
