//! `bench query`: drift and performance over windows drawn at random, warm and just opened.
//!
//! Queries run in this process, so that what is measured is the engine and not the way to it. No
//! window is asked twice. The first answers of each kind are checked against a plain scan.

use std::{collections::HashSet, path::Path, time::Duration};

use driftline_query::{DriftRequest, Method, Metric, PerformanceRequest, Scope};
use driftline_storage::{DAY_MICROS, HOUR_MICROS, MINUTE_MICROS, Result};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::{
    check::{Check, check_all},
    dataset::{Dataset, MODEL},
    measure::{Samples, peak_rss_mb, reset_peak},
    question::{Answer, Ask, Drawn, ONE_FEATURE},
    report::{Line, Report},
};
use crate::{
    Monitor,
    cli::{outcome::Outcome, progress::Progress},
    workload::{self, numeric_name},
};

/// CPU time that the runs of one question fill, unless they are [`RUNS_MAX`] before; the figures of
/// a debug build mean nothing, so it only checks.
const CPU_WANTED: Duration = Duration::from_millis(if cfg!(debug_assertions) { 1 } else { 1_000 });
/// Runs of one question at most.
const RUNS_MAX: usize = 1_000;
/// Runs of one question at least.
const RUNS_MIN: usize = 5;
/// Runs that only warm up.
const WARMING_RUNS: usize = 20;
/// Runs just after opening.
const COLD_RUNS: usize = 3;
/// Minutes that the data must be longer than a window for the window to be moved about in it.
const SLACK_MINUTES_MIN: i64 = 60;
/// Answers of each question that are checked.
const CHECKED: usize = 2;
/// A number of bins that no fine bins of a reference can give.
const OTHER_BINS: usize = 7;

/// Which windows are drawn.
#[derive(Debug, Clone, Copy)]
enum Windows {
    /// One of a length in microseconds.
    One(i64),
    /// As many whole hours as the data has, beginning some hours off its start.
    Hours,
    /// The same, beginning some minutes off.
    HoursOffMinutes,
}

#[derive(Debug)]
struct Question {
    what: String,
    ask: Ask,
    windows: Windows,
}

/// Measures queries; makes predictions and labels if they are not there.
pub(super) fn query(dataset: &mut Dataset, report: &Report) -> Outcome {
    dataset.ensure()?;
    let directory = dataset.labelled();
    let mut draw = Draw::new(dataset);
    let mut checks = Vec::new();
    let questions = questions(dataset);
    let bar = Progress::steps("asking", 2 * questions.len() as u64);
    let monitor = Monitor::open(&directory)?;
    warm_up(&monitor, dataset)?;
    for (done, question) in questions.iter().enumerate() {
        let line = warm(&monitor, question, dataset, &mut draw, &mut checks)?;
        report.say(&line)?;
        bar.set(done as u64);
    }
    drop(monitor);
    for (done, question) in questions.iter().enumerate() {
        let line = cold(&directory, question, dataset, &mut draw, &mut checks)?;
        report.say(&line)?;
        bar.set((questions.len() + done) as u64);
    }
    bar.finish();
    check_all(dataset, &checks)?;
    let line = Line::new("checked", dataset.rows(), checks.len() as f64, "answers");
    Ok(report.say(&line.note("equal to a plain scan of the rows within 1e-9"))?)
}

fn questions(dataset: &Dataset) -> Vec<Question> {
    let days = i64::from(dataset.workload.shape.days);
    let mut questions = Vec::new();
    let mut add = |what: String, ask, windows| questions.push(Question { what, ask, windows });
    let psi = Ask::Psi { bins: 10 };
    add("psi_window_1h".to_owned(), psi, Windows::One(HOUR_MICROS));
    for length in [1, 7, 30].into_iter().filter(|length| *length < days).chain([days]) {
        add(format!("psi_window_{length}d"), psi, Windows::One(length * DAY_MICROS));
    }
    let hours = days * 24;
    add(format!("psi_series_{hours}h"), psi, Windows::Hours);
    add(format!("psi_series_{hours}h_off_minutes"), psi, Windows::HoursOffMinutes);
    let week = days.min(7);
    add(format!("confusion_{week}d"), Ask::Confusion, Windows::One(week * DAY_MICROS));
    add(format!("classes_{week}d"), Ask::Classes, Windows::One(week * DAY_MICROS));
    add(format!("js_{days}d"), Ask::Js, Windows::One(days * DAY_MICROS));
    add(format!("ks_fast_{days}d"), Ask::KsFast, Windows::One(days * DAY_MICROS));
    let wasserstein = Ask::Wasserstein;
    add(format!("wasserstein_{days}d"), wasserstein, Windows::One(days * DAY_MICROS));
    add(format!("ks_exact_{week}d"), Ask::KsExact, Windows::One(week * DAY_MICROS));
    let other = Ask::Psi { bins: OTHER_BINS };
    add(format!("rescan_{week}d"), other, Windows::One(week * DAY_MICROS));
    questions
}

/// Draws minute-aligned windows, none twice.
#[derive(Debug)]
struct Draw {
    random: ChaCha8Rng,
    seen: HashSet<(String, Drawn)>,
    end: i64,
}

impl Draw {
    fn new(dataset: &Dataset) -> Self {
        let random = ChaCha8Rng::seed_from_u64(dataset.workload.shape.seed);
        Self { random, seen: HashSet::new(), end: dataset.workload.end() }
    }

    fn next(&mut self, question: &Question) -> Drawn {
        let mut drawn = self.any(question.windows);
        // Of little data there may be too few windows for all runs.
        for _ in 0..RUNS_MAX {
            if self.seen.insert((question.what.clone(), drawn)) {
                break;
            }
            drawn = self.any(question.windows);
        }
        drawn
    }

    fn any(&mut self, windows: Windows) -> Drawn {
        let (start, end) = (workload::START, self.end);
        match windows {
            Windows::One(length) => {
                let slack = (end - start - length) / MINUTE_MICROS;
                if slack >= SLACK_MINUTES_MIN {
                    let from = start + self.random.random_range(0..=slack) * MINUTE_MICROS;
                    return Drawn { from, to: from + length, step: None };
                }
                // Nearly all of the data: some minutes are cut off at both ends.
                let cut = length / MINUTE_MICROS / 60;
                let mut cut = || self.random.random_range(0..=cut) * MINUTE_MICROS;
                Drawn { from: start + cut(), to: end - cut(), step: None }
            }
            Windows::Hours => {
                let hours = self.random.random_range(-30..=30);
                self.series(hours * HOUR_MICROS)
            }
            Windows::HoursOffMinutes => {
                let minutes =
                    self.random.random_range(1..60) + 60 * self.random.random_range(-5..5);
                self.series(minutes * MINUTE_MICROS)
            }
        }
    }

    fn series(&self, off: i64) -> Drawn {
        Drawn { from: workload::START + off, to: self.end + off, step: Some(HOUR_MICROS) }
    }
}

/// Asks a question.
fn ask(monitor: &Monitor, ask: Ask, drawn: Drawn, names: &[String]) -> Result<Answer> {
    let Drawn { from, to, step } = drawn;
    let scope = Scope { model: MODEL.to_owned(), from, to, step, ..Scope::default() };
    let drift = |method, names: &[String], bins, exact| {
        let features = names.to_vec();
        let request = DriftRequest {
            scope: scope.clone(),
            methods: vec![method],
            features,
            bins,
            exact,
            ..DriftRequest::default()
        };
        monitor.drift(&request).map(Answer::Drift)
    };
    match ask {
        Ask::Psi { bins } => drift(Method::Psi, names, bins, false),
        Ask::Js => drift(Method::Js, names, 10, false),
        Ask::KsFast => drift(Method::Ks, names, 10, false),
        Ask::Wasserstein => drift(Method::Wasserstein, names, 10, false),
        Ask::KsExact => {
            drift(Method::Ks, names.get(ONE_FEATURE..=ONE_FEATURE).unwrap_or_default(), 10, true)
        }
        Ask::Confusion | Ask::Classes => {
            let metrics = match ask {
                Ask::Classes => vec![Metric::Accuracy, Metric::F1],
                _ => Vec::new(),
            };
            let request = PerformanceRequest { scope, metrics, ..Default::default() };
            monitor.performance(&request).map(Answer::Performance)
        }
    }
}

fn names(dataset: &Dataset) -> Vec<String> {
    (0..dataset.workload.shape.features).map(numeric_name).collect()
}

/// Reads what queries keep in memory, of all days.
fn warm_up(monitor: &Monitor, dataset: &Dataset) -> Result<()> {
    let (from, to) = (workload::START, dataset.workload.end());
    for step in [HOUR_MICROS, HOUR_MICROS + MINUTE_MICROS] {
        let drawn = Drawn { from, to, step: Some(step) };
        ask(monitor, Ask::Psi { bins: 10 }, drawn, &names(dataset))?;
        ask(monitor, Ask::Confusion, drawn, &[])?;
    }
    Ok(())
}

fn warm(
    monitor: &Monitor,
    question: &Question,
    dataset: &Dataset,
    draw: &mut Draw,
    checks: &mut Vec<Check>,
) -> std::result::Result<Line, crate::cli::outcome::Failure> {
    let names = names(dataset);
    let mut samples = Samples::default();
    let mut first = Samples::default();
    first.time(|| ask(monitor, question.ask, draw.next(question), &names))?;
    // What takes long is warm after one run, and has no time for more.
    if first.cpu_ms() < Some(10.0) {
        for _ in 0..WARMING_RUNS {
            ask(monitor, question.ask, draw.next(question), &names)?;
        }
    }
    reset_peak();
    let series = !matches!(question.windows, Windows::One(_));
    let most = if series { WARMING_RUNS } else { RUNS_MAX };
    while samples.len() < RUNS_MIN
        || (samples.len() < most && samples.cpu.is_none_or(|cpu| cpu < CPU_WANTED))
    {
        let drawn = draw.next(question);
        let answer = samples.time(|| ask(monitor, question.ask, drawn, &names))?;
        if samples.len() <= if series { 1 } else { CHECKED } {
            checks.push(Check { what: question.what.clone(), ask: question.ask, drawn, answer });
        }
    }
    Ok(Line::query(&question.what, dataset.rows(), &samples).peak(peak_rss_mb()))
}

fn cold(
    directory: &Path,
    question: &Question,
    dataset: &Dataset,
    draw: &mut Draw,
    checks: &mut Vec<Check>,
) -> std::result::Result<Line, crate::cli::outcome::Failure> {
    let names = names(dataset);
    let mut samples = Samples::default();
    reset_peak();
    for _ in 0..COLD_RUNS {
        let monitor = Monitor::open(directory)?;
        let drawn = draw.next(question);
        let answer = samples.time(|| ask(&monitor, question.ask, drawn, &names))?;
        if samples.len() == 1 {
            let what = format!("{}_cold", question.what);
            checks.push(Check { what, ask: question.ask, drawn, answer });
        }
    }
    let what = format!("{}_cold", question.what);
    Ok(Line::query(what, dataset.rows(), &samples).peak(peak_rss_mb()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_have_their_length_lie_on_minutes_and_differ() {
        let day = 24 * 60 * MINUTE_MICROS;
        for (days, length) in [(1, HOUR_MICROS), (2, day), (30, HOUR_MICROS), (30, 7 * day)] {
            let end = workload::START + days * day;
            let random = ChaCha8Rng::seed_from_u64(1);
            let mut draw = Draw { random, seen: HashSet::new(), end };
            let windows = Windows::One(length);
            let question = Question { what: String::new(), ask: Ask::Confusion, windows };
            let mut seen = HashSet::new();
            for _ in 0..200 {
                let drawn = draw.next(&question);
                assert_eq!(drawn.to - drawn.from, length, "{length} of {days} days");
                assert_eq!(drawn.from % MINUTE_MICROS, 0);
                assert!(drawn.from >= workload::START && drawn.to <= end);
                assert!(seen.insert(drawn), "{drawn:?} of {days} days comes twice");
            }
        }
    }

    #[test]
    fn a_window_of_all_data_is_nearly_all_of_it() {
        let end = workload::START + 30 * DAY_MICROS;
        let random = ChaCha8Rng::seed_from_u64(1);
        let mut draw = Draw { random, seen: HashSet::new(), end };
        for _ in 0..200 {
            let drawn = draw.any(Windows::One(30 * DAY_MICROS));
            assert!(drawn.to - drawn.from >= 29 * DAY_MICROS, "{drawn:?}");
            assert!(drawn.from >= workload::START && drawn.to <= end, "{drawn:?}");
        }
    }
}
