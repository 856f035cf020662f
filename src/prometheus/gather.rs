//! Values of windows with given ends, by as few queries as can answer them.
//!
//! Ends that lie whole windows apart make one series; windows between two wanted ones are computed
//! along, unless there are many.

use std::collections::{BTreeMap, HashMap};

use driftline_alerts::{Answer as RuleAnswer, ColumnFigure};
use driftline_promql::{Labels, Selector};
use driftline_query::{
    ArrivalsWindow, ColumnQuality, DistributionReport, DriftWindow, MissingRows, OperationsRequest,
    OperationsWindow, PerformanceWindow, QualityReport, Scope, SeriesReport, stats::Undefined,
};
use driftline_storage::{ErrorKind, Result, TimeRange};

use crate::Monitor;

use super::{
    ask::Answer,
    limits,
    metric::Metric,
    plan::{Question, of_feature, of_quantile},
    slicing::{NULL, SLICE},
    statistic::{SERIES, STATISTIC},
    told::told,
};

/// What is said of points of metric series, which are read as they are.
const POINTS: &str =
    "points of metric series are read as they are; name a series, or choose a shorter range";

/// What goes along while windows are asked for.
pub(super) trait Watch {
    /// Before a query that may read so many rows, and why it does.
    fn before(&mut self, rows: u64, why: &str) -> driftline_promql::Result<()>;
    /// After a query that has read so many.
    fn after(&mut self, rows: u64);
    /// What is worth telling.
    fn tell(&mut self, note: Note);
}

/// Something to tell about an answer.
#[derive(Debug)]
pub(super) enum Note {
    /// Rows could not be read.
    Missing(String),
    /// A value does not exist.
    Undefined(String),
}

/// The series of a question: values by place of the window's end among those asked for.
#[derive(Debug, Default)]
pub(super) struct Values {
    pub(super) series: Vec<(Labels, Vec<Option<f64>>)>,
}

/// Asks for the windows with these ends, which ascend.
///
/// # Errors
/// Those of queries, and those of `watch`. A model, reference or schema that is not there gives
/// nothing.
pub(super) fn gather(
    monitor: &Monitor,
    question: &Question,
    selector: &Selector,
    ends: &[i64],
    watch: &mut dyn Watch,
) -> driftline_promql::Result<Values> {
    let (values, slice) = (Values::default(), String::new());
    let (places, key) = (HashMap::new(), String::new());
    let mut gathered = Gathered { question, selector, ends, slice, values, places, key };
    for (range, step) in stretches(question, ends) {
        let at_stake = match question.reads_rows {
            Some(_) => rows_in(monitor, question, range).map_err(told)?,
            None => 0,
        };
        watch.before(at_stake, question.reads_rows.unwrap_or(POINTS))?;
        match ask(monitor, question, range, step) {
            Ok(answers) => {
                for answer in answers {
                    watch.after(answer.rows_read());
                    gathered.take(&answer, watch);
                }
            }
            Err(error) => match error.kind() {
                // It was deleted meanwhile, has no columns or reference yet, or no such rows in this
                // interval.
                ErrorKind::NotFound | ErrorKind::FailedPrecondition => {
                    watch.tell(Note::Undefined(error.to_string()));
                }
                _ => return Err(told(error)),
            },
        }
        let samples = gathered.values.series.len().saturating_mul(ends.len());
        if gathered.values.series.len() > limits::SERIES_MAX || samples > limits::SAMPLES_MAX {
            let text = format!(
                "{selector} gives {} series of {} samples; at most {} series and {} samples; narrow \
                 it by model, version or feature, or choose a longer step",
                gathered.values.series.len(),
                ends.len(),
                limits::SERIES_MAX,
                limits::SAMPLES_MAX
            );
            return Err(driftline_promql::Error::execution(text));
        }
    }
    Ok(gathered.values)
}

/// Predictions of an interval: what a question reads that no part is counted for.
fn rows_in(monitor: &Monitor, question: &Question, range: TimeRange) -> Result<u64> {
    let scope = driftline_query::Scope {
        model: question.ask.model().to_owned(),
        from: range.start,
        to: range.end,
        ..driftline_query::Scope::default()
    };
    let request =
        OperationsRequest { scope, percentiles: Vec::new(), ..OperationsRequest::default() };
    let report = monitor.operations(&request)?;
    Ok(report.windows.iter().map(|window| window.predictions).sum())
}

/// Asks for a series, in halves where it is too much for one answer.
fn ask(
    monitor: &Monitor,
    question: &Question,
    range: TimeRange,
    step: Option<i64>,
) -> Result<Vec<Answer>> {
    let count = step.map_or(1, |step| (range.end - range.start) / step.max(1));
    match question.ask.answer(monitor, range, step) {
        Err(error) if error.kind() == ErrorKind::ResourceExhausted && count > 1 => {
            let middle = range.start + count / 2 * step.unwrap_or(0);
            let mut answers = ask(monitor, question, TimeRange { end: middle, ..range }, step)?;
            answers.extend(ask(monitor, question, TimeRange { start: middle, ..range }, step)?);
            Ok(answers)
        }
        answer => Ok(vec![answer?]),
    }
}

/// The queries that answer windows with these ends: an interval, and the step of a series.
fn stretches(question: &Question, ends: &[i64]) -> Vec<(TimeRange, Option<i64>)> {
    let window = question.window;
    let mut classes: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for end in ends {
        classes.entry(end.rem_euclid(window)).or_default().push(*end);
    }
    let most = window.saturating_mul(i64::try_from(question.windows_max()).unwrap_or(i64::MAX));
    let gap = window.saturating_mul(limits::GAP_WINDOWS_MAX);
    let mut found = Vec::new();
    for ends in classes.into_values() {
        let mut run: Option<TimeRange> = None;
        for end in ends {
            let joined = run.filter(|run| end - run.end <= gap && end - run.start <= most);
            if let (None, Some(done)) = (joined, run) {
                found.push(done);
            }
            let start = joined.map_or(end.saturating_sub(window), |run| run.start);
            run = Some(TimeRange { start, end });
        }
        found.extend(run);
    }
    let series = |range: TimeRange| {
        let step = (range.end - range.start > window).then_some(window);
        (range, step)
    };
    found.into_iter().map(series).collect()
}

struct Gathered<'a> {
    question: &'a Question,
    selector: &'a Selector,
    ends: &'a [i64],
    /// The value of the column that tells rows apart; empty of all rows together.
    slice: String,
    values: Values,
    /// The place of each series among the values by what tells it apart; none of one that is not meant.
    places: HashMap<String, Option<usize>>,
    /// Room for such a key.
    key: String,
}

impl Gathered<'_> {
    fn take(&mut self, answer: &Answer, watch: &mut dyn Watch) {
        match answer {
            Answer::Rule(RuleAnswer::Drift(report)) => {
                for part in self.parts(report, &report.groups) {
                    self.begin(&part.scope);
                    for window in &part.windows {
                        self.take_drift(&part.reference, window, watch);
                    }
                }
            }
            Answer::Rule(RuleAnswer::Performance(report)) => {
                for part in self.parts(report, &report.groups) {
                    self.begin(&part.scope);
                    part.windows.iter().for_each(|window| self.take_performance(window, watch));
                }
            }
            Answer::Rule(RuleAnswer::Quality(report)) => {
                for part in self.parts(report, &report.groups) {
                    self.begin(&part.scope);
                    self.take_quality(part, watch);
                }
            }
            Answer::Rule(RuleAnswer::Operations(report)) => {
                for part in self.parts(report, &report.groups) {
                    self.begin(&part.scope);
                    part.windows.iter().for_each(|window| self.take_operations(window, watch));
                }
            }
            Answer::Series(report) => {
                for part in self.parts(report, &report.groups) {
                    self.begin(&part.scope);
                    self.take_series(part, watch);
                }
            }
            Answer::Arrivals(report) => {
                report.windows.iter().for_each(|window| self.take_arrivals(window, watch));
            }
            Answer::Distribution(report) => self.take_distribution(report, watch),
            // Metrics ask nothing about training.
            Answer::Rule(RuleAnswer::Training(_)) => {}
        }
    }

    /// The parts of an answer that make series: its groups, or all of it.
    fn parts<'r, R>(&self, whole: &'r R, groups: &'r [R]) -> Vec<&'r R> {
        if self.question.is_grouped { groups.iter().collect() } else { vec![whole] }
    }

    /// Begins with the rows of a scope.
    fn begin(&mut self, scope: &Scope) {
        let value = scope.group.first().map(|group| group.value.as_deref().unwrap_or(NULL));
        self.slice = value.unwrap_or_default().to_owned();
    }

    /// The place of a window that was asked for.
    fn place(&self, end: i64, missing: &[MissingRows], watch: &mut dyn Watch) -> Option<usize> {
        let place = self.ends.binary_search(&end).ok()?;
        for missing in missing {
            let model = self.question.ask.model();
            let text = format!("model {model}: rows are missing, {}", missing.reason);
            watch.tell(Note::Missing(text));
        }
        Some(place)
    }

    fn put(
        &mut self,
        place: usize,
        metric: Metric,
        more: &[(&'static str, &str)],
        value: std::result::Result<f64, &str>,
        watch: &mut dyn Watch,
    ) {
        let value = match value {
            Ok(value) => value,
            Err(reason) => {
                let never = [Undefined::NotNumeric.reason(), Undefined::ReferenceEmpty.reason()];
                if !never.contains(&reason) {
                    let model = self.question.ask.model();
                    let text =
                        format!("{metric} of model {model} has no value in some windows: {reason}");
                    watch.tell(Note::Undefined(text));
                }
                return;
            }
        };
        let Some(series) = self.series_of(metric, more) else { return };
        let values = self.values.series.get_mut(series);
        if let Some(known) = values.and_then(|(_, values)| values.get_mut(place)) {
            *known = Some(value);
        }
    }

    /// The place of the series with these labels, if the selector means it. Labels are made once for a
    /// series and not for each of its windows.
    fn series_of(&mut self, metric: Metric, more: &[(&'static str, &str)]) -> Option<usize> {
        let number = self.question.metrics.iter().position(|known| *known == metric);
        self.key.clear();
        self.key.push_str(&number.unwrap_or(usize::MAX).to_string());
        // The length of each tells where it ends, whatever is in it.
        for value in more.iter().map(|(_, value)| *value).chain([self.slice.as_str()]) {
            self.key.push_str(&format!(",{}:", value.len()));
            self.key.push_str(value);
        }
        if let Some(known) = self.places.get(&self.key) {
            return *known;
        }
        let mut labels = self.question.labels_of(metric, more);
        labels.set(SLICE.into(), self.slice.as_str().into());
        let found = self.selector.accepts(&labels).then_some(self.values.series.len());
        if found.is_some() {
            self.values.series.push((labels, vec![None; self.ends.len()]));
        }
        self.places.insert(self.key.clone(), found);
        found
    }

    fn take_drift(&mut self, reference: &str, window: &DriftWindow, watch: &mut dyn Watch) {
        let Some(place) = self.place(window.end, &window.missing, watch) else { return };
        let question = self.question;
        for result in &window.results {
            let more = of_feature(&result.feature, Some(reference));
            let reason = result.undefined.as_deref().unwrap_or("it is not known");
            for metric in &question.metrics {
                match *metric {
                    Metric::Drift(method) if method == result.method => {
                        self.put(place, *metric, &more, result.value.ok_or(reason), watch);
                    }
                    Metric::PValue(method) if method == result.method => {
                        self.put(place, *metric, &more, result.p_value.ok_or(reason), watch);
                    }
                    _ => {}
                }
            }
        }
    }

    fn take_performance(&mut self, window: &PerformanceWindow, watch: &mut dyn Watch) {
        let Some(place) = self.place(window.end, &window.missing, watch) else { return };
        let question = self.question;
        for metric in &question.metrics {
            match *metric {
                Metric::Predictions => {
                    self.put(place, *metric, &[], Ok(window.predictions as f64), watch);
                }
                Metric::Labelled => {
                    self.put(place, *metric, &[], Ok(window.labelled as f64), watch);
                }
                Metric::Coverage => {
                    let share = window.labelled as f64 / window.predictions as f64;
                    let value = if window.predictions > 0 {
                        Ok(share)
                    } else {
                        Err(Undefined::NoPrediction.reason())
                    };
                    self.put(place, *metric, &[], value, watch);
                }
                Metric::Performance(measure) => {
                    for result in window.results.iter().filter(|result| result.metric == measure) {
                        let class = result.class.as_deref().unwrap_or_default();
                        let reason = result.undefined.as_deref().unwrap_or("it is not known");
                        let value = result.value.ok_or(reason);
                        self.put(place, *metric, &[("class", class)], value, watch);
                    }
                }
                _ => {}
            }
        }
    }

    fn take_quality(&mut self, report: &QualityReport, watch: &mut dyn Watch) {
        let reference = report.reference.as_deref();
        for window in &report.windows {
            let Some(place) = self.place(window.end, &window.missing, watch) else { continue };
            for column in &window.columns {
                self.take_column(place, reference, column, watch);
            }
        }
    }

    fn take_column(
        &mut self,
        place: usize,
        reference: Option<&str>,
        column: &ColumnQuality,
        watch: &mut dyn Watch,
    ) {
        let question = self.question;
        for metric in &question.metrics {
            let Metric::Column(figure) = *metric else { continue };
            let fits = if column.kind.is_numeric() {
                !figure.is_of_categories()
            } else {
                !figure.is_of_numbers()
            };
            if !fits {
                continue;
            }
            let value = match figure {
                ColumnFigure::NullChange => column.null_change,
                figure => figure.of(&column.current),
            };
            let reasons = figure.parts().iter().find_map(|part| column.undefined.get(*part));
            let reason = reasons.or_else(|| column.undefined.get("reference"));
            let reason = reason.map_or(Undefined::NoPrediction.reason(), |reason| reason);
            let reference = reference.filter(|_| figure.needs_reference());
            let more = of_feature(&column.feature, reference);
            self.put(place, *metric, &more, value.ok_or(reason), watch);
        }
    }

    fn take_operations(&mut self, window: &OperationsWindow, watch: &mut dyn Watch) {
        let Some(place) = self.place(window.end, &window.missing, watch) else { return };
        let question = self.question;
        let seconds = |milliseconds: f64| milliseconds / 1e3;
        for metric in &question.metrics {
            match *metric {
                Metric::Latency => {
                    for ((text, _), known) in
                        question.quantiles.iter().zip(&window.latency.percentiles)
                    {
                        let reason = known.figure.undefined.as_deref().unwrap_or_default();
                        let value = known.figure.value.map(seconds).ok_or(reason);
                        self.put(place, *metric, &of_quantile(text), value, watch);
                    }
                }
                Metric::LatencyMean => {
                    let known = &window.latency.mean;
                    let reason = known.undefined.as_deref().unwrap_or_default();
                    self.put(place, *metric, &[], known.value.map(seconds).ok_or(reason), watch);
                }
                Metric::ErrorRatio => {
                    let reason = window.errors.undefined.as_deref().unwrap_or_default();
                    self.put(place, *metric, &[], window.errors.rate.ok_or(reason), watch);
                }
                Metric::Throughput => {
                    let reason = window.throughput_undefined.as_deref().unwrap_or_default();
                    self.put(place, *metric, &[], window.throughput.ok_or(reason), watch);
                }
                _ => {}
            }
        }
    }

    fn take_arrivals(&mut self, window: &ArrivalsWindow, watch: &mut dyn Watch) {
        let Some(place) = self.place(window.end, &[], watch) else { return };
        let question = self.question;
        for metric in &question.metrics {
            let Metric::Arrival(figure) = *metric else { continue };
            let nothing = "nothing came that it could be of";
            if !figure.is_by_quantile() {
                self.put(place, *metric, &[], figure.of(window, 0.0).ok_or(nothing), watch);
                continue;
            }
            for (text, q) in &question.quantiles {
                let value = figure.of(window, *q).ok_or(nothing);
                self.put(place, *metric, &of_quantile(text), value, watch);
            }
        }
    }

    fn take_series(&mut self, report: &SeriesReport, watch: &mut dyn Watch) {
        let question = self.question;
        for window in &report.windows {
            let Some(place) = self.place(window.end, &window.missing, watch) else { continue };
            // A name without a point in the window is told nothing of.
            for result in window.series.iter().filter(|result| result.count > 0) {
                let mut quantiles = result.quantiles.iter().copied();
                for one in &question.statistics {
                    let quantile = one.quantile.and_then(|_| quantiles.next().flatten());
                    let value = one.of(result, quantile);
                    let more = [(SERIES, &*result.name), (STATISTIC, one.text.as_str())];
                    let value = value.as_ref().map(|value| *value).map_err(|why| &**why);
                    self.put(place, Metric::Series, &more, value, watch);
                }
            }
        }
    }

    /// Shares of bins that have a row on either side, of all rows of their side.
    fn take_distribution(&mut self, report: &DistributionReport, watch: &mut dyn Watch) {
        let Some(place) = self.place(report.scope.to, &[], watch) else { return };
        let text = |lower: Option<f64>, upper: Option<f64>| match (lower, upper) {
            (Some(lower), Some(upper)) => format!("[{lower}, {upper})"),
            (Some(lower), None) => format!(">={lower}"),
            (None, Some(upper)) => format!("<{upper}"),
            (None, None) => "any".to_owned(),
        };
        let bins = report.bins.iter().map(|bin| {
            (bin.category.clone().unwrap_or_else(|| text(bin.lower, bin.upper)), bin.count)
        });
        let special =
            [("null", report.nulls), ("NaN", report.nans), ("infinite", report.infinities)];
        let special = special.into_iter().map(|(name, count)| (name.to_owned(), count));
        let bins = bins.chain(special).enumerate();
        for (number, (bin, count)) in
            bins.filter(|(_, (_, count))| count.reference + count.current > 0)
        {
            let number = format!("{number:03}");
            for (side, rows, all) in [
                ("reference", count.reference, report.rows.reference),
                ("window", count.current, report.rows.current),
            ] {
                let mut more = of_feature(&report.feature, Some(&report.reference));
                more.extend([("place", number.as_str()), ("bin", bin.as_str()), ("side", side)]);
                let share = (all > 0).then(|| rows as f64 / all as f64);
                let value = share.ok_or(Undefined::NoPrediction.reason());
                self.put(place, Metric::Share, &more, value, watch);
            }
        }
    }
}
