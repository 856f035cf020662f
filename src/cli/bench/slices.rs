//! `bench slices`: what is asked of parts of the rows, of serving and of scores, on a model of two
//! classes that has the slices of one column declared.
//!
//! Windows begin and end on hours, as slices are counted by the hour. Each line says how many rows an
//! answer read at most; the answers of the first windows are checked against a plain scan. A `_cold`
//! line is the first question after opening: of slices that are not declared it counts them.

use driftline_query::{
    By, DriftReport, DriftRequest, FairnessReport, FairnessRequest, Filter, Method, Metric,
    OperationsReport, OperationsRequest, PerformanceReport, PerformanceRequest, Scope,
};
use driftline_storage::{DAY_MICROS, Error, ErrorKind, HOUR_MICROS, Result};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::{
    check::{Compared, close, compare_psi},
    dataset::{DECLARED, Dataset, MODEL},
    measure::{Samples, peak_rss_mb, reset_peak},
    plain::{Counting, Probe, SortedReference, scan},
    plain_scores,
    report::{Line, Report},
};
use crate::{
    Monitor,
    cli::{
        outcome::{Failure, Outcome},
        progress::Progress,
    },
    workload::{CLASSES, START, numeric_name},
};

/// CPU time in milliseconds that the runs of one question fill; a debug build only checks.
const CPU_WANTED_MS: f64 = if cfg!(debug_assertions) { 1.0 } else { 500.0 };
const RUNS_MIN: usize = 3;
const RUNS_MAX: usize = 200;
/// A column by which no slices are declared, its place among the categories, and how it is grouped by.
const UNDECLARED: (&str, usize) = ("c4", 4);
/// Place of [`DECLARED`] among the categories.
const DECLARED_PLACE: usize = 1;
/// A value of each column.
const DECLARED_VALUE: &str = "ios";
const UNDECLARED_VALUE: &str = "pro";
/// The status that is no error.
const OK: &str = "200";
/// The largest shift of a window of all data at each end, in hours.
const CUT_MAX_HOURS: i64 = 12;
const SCORES: [Metric; 4] = [Metric::RocAuc, Metric::PrAuc, Metric::LogLoss, Metric::Brier];

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ask {
    /// PSI of all numbers where a column has a value.
    Where {
        declared: bool,
    },
    /// The same of all rows and of each group.
    By {
        declared: bool,
    },
    Fairness {
        declared: bool,
    },
    /// Percentiles of latency and the rate of errors.
    Operations {
        series: bool,
    },
    Scores {
        exact: bool,
    },
}

enum Answer {
    Drift(DriftReport),
    Fairness(FairnessReport),
    Operations(OperationsReport),
    Scores(PerformanceReport),
}

impl Answer {
    /// Rows that were read, where the answer says so.
    fn rows(&self) -> Option<u64> {
        match self {
            Self::Drift(report) => Some(
                report.rows_scanned + report.groups.iter().map(|g| g.rows_scanned).sum::<u64>(),
            ),
            Self::Operations(report) => Some(report.rows_scanned),
            Self::Scores(report) => report.reads.as_ref().map(|reads| reads.rows),
            Self::Fairness(_) => None,
        }
    }
}

struct Check {
    what: String,
    ask: Ask,
    range: (i64, i64),
    answer: Answer,
}

/// Measures the questions; makes the data if it is not there.
pub(super) fn slices(dataset: &mut Dataset, report: &Report) -> Outcome {
    dataset.ensure()?;
    let directory = dataset.labelled();
    let mut random = ChaCha8Rng::seed_from_u64(dataset.workload.shape.seed);
    let questions = questions(dataset);
    let bar = Progress::steps("asking", 2 * questions.len() as u64);
    let mut checks = Vec::new();
    for (done, question) in questions.iter().enumerate() {
        let monitor = Monitor::open(&directory)?;
        reset_peak();
        let mut cold = Measured::default();
        let range = draw(question.2, dataset, &mut random);
        checks.push(cold.ask(&monitor, question, range, dataset)?);
        report.say(&cold.line(&format!("{}_cold", question.0), dataset))?;
        bar.set(2 * done as u64);
        reset_peak();
        let mut warm = Measured::default();
        while warm.samples.len() < RUNS_MIN
            || (warm.samples.len() < RUNS_MAX && warm.cpu_ms() < CPU_WANTED_MS)
        {
            let range = draw(question.2, dataset, &mut random);
            let check = warm.ask(&monitor, question, range, dataset)?;
            if warm.samples.len() == 1 {
                checks.push(check);
            }
        }
        report.say(&warm.line(&question.0, dataset))?;
        bar.set(2 * done as u64 + 1);
    }
    bar.finish();
    let count = checks.len() as f64;
    check_all(dataset, checks)?;
    let line = Line::new("checked", dataset.rows(), count, "answers");
    Ok(report.say(&line.note("as a plain scan of the rows has them"))?)
}

/// A name, what is asked, and the days of its windows.
type Question = (String, Ask, i64);

fn questions(dataset: &Dataset) -> Vec<Question> {
    let days = i64::from(dataset.workload.shape.days);
    let week = days.min(7);
    let named = |name: &str, ask, days| (format!("{name}_{days}d"), ask, days);
    vec![
        named("psi_where_declared", Ask::Where { declared: true }, days),
        named("psi_where_undeclared", Ask::Where { declared: false }, days),
        named("psi_by_declared", Ask::By { declared: true }, days),
        named("psi_by_undeclared", Ask::By { declared: false }, days),
        named("fairness_declared", Ask::Fairness { declared: true }, days),
        named("fairness_undeclared", Ask::Fairness { declared: false }, days),
        named("operations", Ask::Operations { series: false }, days),
        (format!("operations_series_{}h", 24 * days), Ask::Operations { series: true }, days),
        named("scores", Ask::Scores { exact: false }, week),
        named("scores", Ask::Scores { exact: false }, days),
        named("scores_exact", Ask::Scores { exact: true }, week),
    ]
}

/// A window of about so many days, on hours.
fn draw(days: i64, dataset: &Dataset, random: &mut ChaCha8Rng) -> (i64, i64) {
    let end = dataset.workload.end();
    let slack = (end - START - days * DAY_MICROS) / HOUR_MICROS;
    if slack > 0 {
        let from = START + random.random_range(0..=slack) * HOUR_MICROS;
        return (from, from + days * DAY_MICROS);
    }
    let mut cut = || random.random_range(0..=CUT_MAX_HOURS) * HOUR_MICROS;
    (START + cut(), end - cut() + HOUR_MICROS)
}

#[derive(Default)]
struct Measured {
    samples: Samples,
    rows: Option<u64>,
}

impl Measured {
    fn cpu_ms(&self) -> f64 {
        self.samples.cpu_ms().unwrap_or(f64::INFINITY) * self.samples.len() as f64
    }

    fn ask(
        &mut self,
        monitor: &Monitor,
        (what, question, _): &Question,
        range: (i64, i64),
        dataset: &Dataset,
    ) -> Result<Check> {
        let answer = self.samples.time(|| ask(monitor, *question, range, dataset))?;
        self.rows = self.rows.max(answer.rows());
        Ok(Check { what: what.clone(), ask: *question, range, answer })
    }

    fn line(&self, what: &str, dataset: &Dataset) -> Line {
        let line = Line::query(what, dataset.rows(), &self.samples).peak(peak_rss_mb());
        match self.rows {
            Some(rows) => line.note(format!("{rows} rows read")),
            None => line,
        }
    }
}

fn ask(monitor: &Monitor, ask: Ask, (from, to): (i64, i64), dataset: &Dataset) -> Result<Answer> {
    let scope = Scope { model: MODEL.to_owned(), from, to, ..Scope::default() };
    let by =
        |declared| By::parse(if declared { DECLARED } else { UNDECLARED.0 }).map(|by| vec![by]);
    let drift = |scope: Scope| {
        let features = (0..dataset.workload.shape.features).map(numeric_name).collect();
        let request =
            DriftRequest { scope, methods: vec![Method::Psi], features, ..DriftRequest::default() };
        monitor.drift(&request).map(Answer::Drift)
    };
    match ask {
        Ask::Where { declared } => {
            let (column, value) = match declared {
                true => (DECLARED, DECLARED_VALUE),
                false => (UNDECLARED.0, UNDECLARED_VALUE),
            };
            let conditions = vec![Filter::parse(&format!("{column}={value}"))?];
            drift(Scope { conditions, ..scope })
        }
        Ask::By { declared } => drift(Scope { by: by(declared)?, ..scope }),
        Ask::Fairness { declared } => {
            let scope = Scope { by: by(declared)?, ..scope };
            let request = FairnessRequest { scope, ..FairnessRequest::default() };
            monitor.fairness(&request).map(Answer::Fairness)
        }
        Ask::Operations { series } => {
            let scope = Scope { step: series.then_some(HOUR_MICROS), ..scope };
            let ok = vec![OK.to_owned()];
            let request = OperationsRequest { scope, ok, ..OperationsRequest::default() };
            monitor.operations(&request).map(Answer::Operations)
        }
        Ask::Scores { exact } => {
            let metrics = SCORES.to_vec();
            let request = PerformanceRequest {
                scope,
                metrics,
                exact,
                explain: true,
                ..PerformanceRequest::default()
            };
            monitor.performance(&request).map(Answer::Scores)
        }
    }
}

/// Checks all answers in one pass over the rows.
fn check_all(dataset: &Dataset, checks: Vec<Check>) -> std::result::Result<(), Failure> {
    let sorted = SortedReference::of(dataset);
    let mut of_checks: Vec<usize> = Vec::new();
    let mut probes = Vec::new();
    for check in &checks {
        let some = check.probes(dataset, &sorted);
        of_checks.push(some.len());
        probes.extend(some);
    }
    scan(dataset, &mut probes);
    let mut probes = probes.into_iter();
    for (check, count) in checks.iter().zip(of_checks) {
        let counted = probes.by_ref().take(count).map(|probe| probe.counting).collect();
        check.compare(counted).map_err(|text| {
            let (from, to) = check.range;
            let text = format!("{} of [{from}, {to}): {text}", check.what);
            Error::new(ErrorKind::Corruption, text)
        })?;
    }
    Ok(())
}

impl Check {
    /// What has to be counted to check the answer.
    fn probes(&self, dataset: &Dataset, sorted: &SortedReference) -> Vec<Probe> {
        let features = dataset.workload.shape.features;
        let place =
            |declared: bool| features + if declared { DECLARED_PLACE } else { UNDECLARED.1 };
        let psi = || Probe::bins(self.range, None, DriftRequest::default().bins, sorted);
        match (self.ask, &self.answer) {
            (Ask::Where { declared: true }, _) => vec![psi().only(place(true), DECLARED_VALUE)],
            (Ask::Where { declared: false }, _) => {
                vec![psi().only(place(false), UNDECLARED_VALUE)]
            }
            (Ask::By { declared }, Answer::Drift(report)) => {
                let value = |group: &DriftReport| value_of(&group.scope.group);
                let groups = report.groups.iter().map(value);
                let of_group = |value: String| psi().only(place(declared), &value);
                std::iter::once(psi()).chain(groups.map(of_group)).collect()
            }
            (Ask::Fairness { declared }, Answer::Fairness(report)) => {
                let groups = report.windows.iter().flat_map(|window| &window.groups);
                let confusion = || Probe::confusion(self.range);
                groups
                    .map(|group| confusion().only(place(declared), &value_of(&group.group)))
                    .collect()
            }
            (Ask::Operations { .. }, _) => {
                let values = || Probe::values(self.range, features + 7);
                vec![values(), values().only(features + 8, OK)]
            }
            (Ask::Scores { .. }, _) => vec![Probe::scores(self.range)],
            _ => Vec::new(),
        }
    }

    fn compare(&self, counted: Vec<Counting>) -> Compared {
        match &self.answer {
            Answer::Drift(report) => {
                let reports = std::iter::once(report)
                    .filter(|_| matches!(self.ask, Ask::Where { .. } | Ask::By { .. }))
                    .chain(&report.groups);
                for (report, counting) in reports.zip(counted) {
                    let Counting::Bins { reference, windows, .. } = counting else {
                        return Err("other counts than bins".to_owned());
                    };
                    compare_psi(report, &reference, &windows)?;
                }
                Ok(())
            }
            Answer::Fairness(report) => compare_fairness(report, &counted),
            Answer::Operations(report) => compare_operations(report, counted),
            Answer::Scores(report) => compare_scores(report, counted),
        }
    }
}

fn value_of(group: &[driftline_query::GroupValue]) -> String {
    group.first().and_then(|value| value.value.clone()).unwrap_or_default()
}

/// Compares the counts of each group that its rates are made of.
fn compare_fairness(report: &FairnessReport, counted: &[Counting]) -> Compared {
    let groups: Vec<_> = report.windows.iter().flat_map(|window| &window.groups).collect();
    if groups.len() != counted.len() || groups.is_empty() {
        return Err(format!("{} groups", groups.len()));
    }
    for (group, counting) in groups.into_iter().zip(counted) {
        let Counting::Confusion { counts: [[right, wrong, _], [missed, found, _], _] } = counting
        else {
            return Err("other counts than of classes".to_owned());
        };
        let want = [missed + found, right + wrong, wrong + found];
        let got = [group.positives, group.negatives, group.predicted_positives];
        if got != want {
            let (name, class) = (value_of(&group.group), CLASSES[1]);
            return Err(format!("{name}: of {class}, not, predicted {got:?}, of rows {want:?}"));
        }
    }
    Ok(())
}

/// Compares errors, and whether the ends of percentiles enclose those of the rows.
fn compare_operations(report: &OperationsReport, counted: Vec<Counting>) -> Compared {
    let mut values = counted.into_iter().filter_map(|counting| match counting {
        Counting::Values { values, .. } => Some(values),
        _ => None,
    });
    let (mut all, served) = (values.next().unwrap_or_default(), values.next().unwrap_or_default());
    all.sort_unstable_by(f64::total_cmp);
    let errors: u64 = report.windows.iter().map(|window| window.errors.errors).sum();
    let rows: u64 = report.windows.iter().map(|window| window.latency.count).sum();
    let want = (all.len() as u64, (all.len() - served.len()) as u64);
    if (rows, errors) != want {
        return Err(format!("{rows} latencies and {errors} errors, of rows {want:?}"));
    }
    let [window] = report.windows.as_slice() else { return Ok(()) };
    for known in &window.latency.percentiles {
        let rank = known.percentile / 100.0 * all.len() as f64;
        let (lower, upper) = (known.figure.lower, known.figure.upper);
        let below = all.partition_point(|value| lower.is_some_and(|lower| *value < lower));
        let within = all.partition_point(|value| upper.is_none_or(|upper| *value <= upper));
        if below as f64 > rank.ceil() || (within as f64) < rank.floor() {
            return Err(format!("p{} is not from {lower:?} to {upper:?}", known.percentile));
        }
    }
    Ok(())
}

/// Compares measures of scores, each within its bound.
fn compare_scores(report: &PerformanceReport, counted: Vec<Counting>) -> Compared {
    let Some(Counting::Scores { mut rows }) = counted.into_iter().next() else {
        return Err("other counts than scores".to_owned());
    };
    let Some(want) = plain_scores::scores(&mut rows) else { return Ok(()) };
    let results = report.windows.iter().flat_map(|window| &window.results);
    let results: Vec<_> = results.filter(|result| SCORES.contains(&result.metric)).collect();
    if results.len() != want.len() {
        return Err(format!("{} results, not {}", results.len(), want.len()));
    }
    for (result, want) in results.into_iter().zip(want) {
        let bound = result.error_bound.unwrap_or(0.0);
        let near = |got: f64| close(got, want) || (got - want).abs() <= bound + 1e-12;
        if !result.value.is_some_and(near) {
            let (name, value) = (result.metric.name(), result.value);
            return Err(format!("{name} is {value:?} +- {bound}, of the rows {want}"));
        }
    }
    Ok(())
}
