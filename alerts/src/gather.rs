//! Observations of a stretch of history for many rules, with as few queries as they can share.
//!
//! Windows that tile, and those that overlap by whole steps, come from series: of a window of a day
//! every hour there are 24, each of days. Other windows are asked for one by one.

use std::collections::{BTreeMap, HashMap};

use driftline_storage::{DAY_MICROS, Error, ErrorKind, Result, TimeRange};

use crate::{
    answers::Answers,
    ask::{Answer, Ask},
    board::Evaluation,
    figure::{Figure, Volume},
    limits,
    models::{Models, baseline_of},
    observe::observe,
    parallel::each,
    plan::{ends_within, window_at},
    rule::{Measure, Rule},
};

/// What answering cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Queries.
    pub queries: u64,
    /// Windows that they answered.
    pub windows: u64,
    /// Rows that were read because partials could not answer.
    pub rows_scanned: u64,
}

impl Cost {
    /// Adds what something else cost.
    pub(crate) fn add(&mut self, other: Self) {
        self.queries += other.queries;
        self.windows += other.windows;
        self.rows_scanned += other.rows_scanned;
    }
}

/// Rules that share their queries: of the same windows, by one query.
#[derive(Debug)]
pub struct Group<'a> {
    /// The query.
    pub ask: Ask,
    /// A measure that stands for the windows of all.
    pub measure: &'a Measure,
    /// Places of the rules in their set.
    pub rules: Vec<usize>,
}

/// Groups rules by what they ask, each given with its place in its set. Composites ask nothing.
pub fn groups<'a>(rules: impl IntoIterator<Item = (usize, &'a Rule)>) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    // Places of groups by what their rules surely have in common, so that few are compared.
    let mut known: HashMap<_, Vec<usize>> = HashMap::new();
    for (place, rule) in rules {
        let Some(measure) = rule.measure() else { continue };
        let Some(ask) = Ask::of(rule, measure) else { continue };
        let windows = (measure.window, measure.every, measure.lateness);
        let key = (&measure.model, &measure.version, windows, std::mem::discriminant(&ask));
        let alike = known.entry(key).or_default();
        let mut merges = |at: &usize| groups.get_mut(*at).is_some_and(|g| g.ask.merge(&ask));
        match alike.iter().copied().find(|at| merges(at)) {
            Some(at) => groups.get_mut(at).into_iter().for_each(|group| group.rules.push(place)),
            None => {
                alike.push(groups.len());
                groups.push(Group { ask, measure, rules: vec![place] });
            }
        }
    }
    groups
}

/// A group, and how much of it may be gathered at a time.
#[derive(Debug)]
pub(crate) struct Sized<'a> {
    group: Group<'a>,
    /// Observations of one window, of all rules together.
    results: usize,
    /// Windows of one query at most.
    windows_max: usize,
}

/// Groups rules by what they ask, and finds how large the answers are.
///
/// # Errors
/// Those of `models`.
pub(crate) fn sized<'a>(rules: &'a [Rule], models: &dyn Models) -> Result<Vec<Sized<'a>>> {
    let mut columns: HashMap<(&str, Option<&str>), usize> = HashMap::new();
    let mut of_model = |measure: &'a Measure| -> Result<usize> {
        let (model, version) = (measure.model.as_str(), measure.version.as_deref());
        if let Some(columns) = columns.get(&(model, version)) {
            return Ok(*columns);
        }
        let record = models.model(model)?;
        let count = record.schema_of(version).map_or(1, |schema| schema.monitored_len());
        columns.insert((model, version), count);
        Ok(count)
    };
    let size = |group: Group<'a>| {
        let columns = of_model(group.measure)?;
        let results = group.ask.results(columns).max(1);
        let most = limits::BACK_TEST_RESULTS_MAX / results;
        let windows_max = most.clamp(1, driftline_query::limits::WINDOWS_MAX);
        let of_rule = |place: &usize| match rules.get(*place).and_then(Rule::measure) {
            Some(measure) if !measure.figure.is_by_feature() => 1,
            Some(measure) if !measure.features.is_empty() => measure.features.len(),
            _ => columns,
        };
        let results = group.rules.iter().map(of_rule).sum();
        Ok(Sized { group, results, windows_max })
    };
    groups(rules.iter().enumerate()).into_iter().map(size).collect()
}

/// Length of the stretch of history that may be gathered at a time, in microseconds.
pub(crate) fn stretch(groups: &[Sized<'_>]) -> i64 {
    // Results a day, of which all groups together may have so many.
    let of_day = |sized: &Sized<'_>| {
        sized.results as f64 * DAY_MICROS as f64 / sized.group.measure.every.max(1) as f64
    };
    let days = limits::BACK_TEST_RESULTS_MAX as f64 / groups.iter().map(of_day).sum::<f64>();
    let longest = groups.iter().map(|sized| sized.group.measure.every).max().unwrap_or(DAY_MICROS);
    ((days * DAY_MICROS as f64) as i64).max(longest)
}

/// The figure of the reference of each rule that compares with it and has no profile for that.
///
/// # Errors
/// Those of queries.
pub(crate) fn baselines(
    rules: &[Rule],
    models: &dyn Models,
    answers: &dyn Answers,
    cost: &mut Cost,
) -> Result<BTreeMap<usize, f64>> {
    let mut baselines = BTreeMap::new();
    for (place, rule) in rules.iter().enumerate() {
        let Some(value) = baseline(rule, models, answers)? else { continue };
        cost.queries += 1;
        cost.windows += 1;
        baselines.insert(place, value);
    }
    Ok(baselines)
}

/// The figure of the reference that a rule of performance or volume compares with: that of the
/// interval which the rule states, or which its reference was pinned from. A number of predictions is
/// of the length of a window. None if the rule needs none, or has no such interval.
///
/// # Errors
/// Those of queries.
pub fn baseline(rule: &Rule, models: &dyn Models, answers: &dyn Answers) -> Result<Option<f64>> {
    let Some(measure) = rule.measure().filter(|_| rule.when.needs_reference()) else {
        return Ok(None);
    };
    let references = models.references(&measure.model)?;
    let (Some(ask @ (Ask::Performance(_) | Ask::Operations(_))), Some((start, end))) =
        (Ask::of(rule, measure), baseline_of(&references, measure))
    else {
        return Ok(None);
    };
    let answer = ask.answer(TimeRange { start, end }, None, answers)?;
    let windows = observe(rule, &answer, None);
    let value = windows.first().and_then(|(_, seen)| seen.first()?.1.value);
    let scale = match measure.figure {
        Figure::Volume(Volume::Predictions | Volume::Labelled) => {
            measure.window as f64 / (end - start) as f64
        }
        _ => 1.0,
    };
    Ok(value.map(|value| value * scale))
}

/// An evaluation, and the clock's time at which it is made.
pub(crate) type Timed = (i64, Evaluation);

/// Who gathers.
pub(crate) struct Gatherer<'a> {
    pub(crate) rules: &'a [Rule],
    pub(crate) baselines: &'a BTreeMap<usize, f64>,
    pub(crate) answers: &'a dyn Answers,
}

impl Gatherer<'_> {
    /// All evaluations of some groups whose windows lie in `interval`, made by the clock in `clock`, in
    /// no order, and what they cost.
    pub(crate) fn gather(
        &self,
        groups: &[Sized<'_>],
        interval: TimeRange,
        clock: TimeRange,
    ) -> Result<(Vec<Timed>, Cost)> {
        let mut queries = Vec::new();
        for sized in groups {
            let measure = sized.group.measure;
            let back = measure.lateness.saturating_add(measure.window);
            let interval = TimeRange {
                start: interval.start.max(clock.start.saturating_sub(back)),
                end: interval.end.min(clock.end.saturating_sub(measure.lateness)),
            };
            let at = |end: i64| end.saturating_add(measure.lateness);
            let ends = ends_within(measure, interval).filter(|end| clock.contains(at(*end)));
            let series = series(measure, ends, sized.windows_max);
            queries.extend(series.into_iter().map(|one| (&sized.group, one)));
        }
        let gathered = each(queries, |(group, (range, step))| {
            let (mut evaluations, mut cost) = (Vec::new(), Cost::default());
            for answer in self.ask(&group.ask, range, step, &mut cost)? {
                self.observe(group, &answer, &mut evaluations);
            }
            Ok((evaluations, cost))
        })?;
        let mut all = Vec::with_capacity(gathered.iter().map(|(some, _)| some.len()).sum());
        let mut cost = Cost::default();
        for (evaluations, one) in gathered {
            all.extend(evaluations);
            cost.add(one);
        }
        Ok((all, cost))
    }

    fn observe(&self, group: &Group<'_>, answer: &Answer, evaluations: &mut Vec<Timed>) {
        for place in &group.rules {
            let Some(rule) = self.rules.get(*place) else { continue };
            let baseline = self.baselines.get(place).copied();
            let observed = observe(rule, answer, baseline).into_iter();
            evaluations.extend(observed.map(|(window, seen)| {
                let at = window.end.saturating_add(group.measure.lateness);
                (at, Evaluation { rule: *place, window, seen })
            }));
        }
    }

    /// Asks for a series, in halves where it is too much for one answer.
    pub(crate) fn ask(
        &self,
        ask: &Ask,
        range: TimeRange,
        step: Option<i64>,
        cost: &mut Cost,
    ) -> Result<Vec<Answer>> {
        let count = step.map_or(1, |step| (range.end - range.start).div_euclid(step.max(1)));
        cost.queries += 1;
        match ask.answer(range, step, self.answers) {
            Ok(answer) => {
                cost.windows += count.unsigned_abs();
                cost.rows_scanned += match &answer {
                    Answer::Drift(report) => report.rows_scanned,
                    Answer::Quality(report) => report.rows_scanned,
                    Answer::Operations(report) => report.rows_scanned,
                    Answer::Performance(_) | Answer::Training(_) => 0,
                };
                Ok(vec![answer])
            }
            Err(error) if error.kind() == ErrorKind::ResourceExhausted && count > 1 => {
                let middle = range.start + count / 2 * step.unwrap_or(0);
                let mut answers = self.ask(ask, TimeRange { end: middle, ..range }, step, cost)?;
                let rest = TimeRange { start: middle, ..range };
                answers.extend(self.ask(ask, rest, step, cost)?);
                Ok(answers)
            }
            Err(error) => Err(error),
        }
    }
}

/// The queries that answer windows with these ends: an interval, and the step of a series.
pub(crate) fn series(
    measure: &Measure,
    ends: impl Iterator<Item = i64>,
    windows_max: usize,
) -> Vec<(TimeRange, Option<i64>)> {
    let window = measure.window;
    if window.rem_euclid(measure.every) != 0 {
        return ends.map(|end| (window_at(measure, end), None)).collect();
    }
    // Ends that lie whole windows apart make one series.
    let mut classes: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
    for end in ends {
        classes.entry(end.rem_euclid(window)).or_default().push(end);
    }
    let chunks = |ends: Vec<i64>| -> Vec<(TimeRange, Option<i64>)> {
        let chunk = |ends: &[i64]| {
            let (first, last) = (ends.first().copied()?, ends.last().copied()?);
            Some((TimeRange { start: first.saturating_sub(window), end: last }, Some(window)))
        };
        ends.chunks(windows_max.max(1)).filter_map(chunk).collect()
    };
    classes.into_values().flat_map(chunks).collect()
}

/// The interval of a run over history.
///
/// # Errors
/// `InvalidArgument` if it ends before it starts or lies outside the years 0001 to 9999.
pub(crate) fn interval(from: i64, to: i64) -> Result<TimeRange> {
    driftline_query::windows(from, to, None)?;
    if from == to {
        return Err(Error::invalid("to", "is the start as well; there is nothing between"));
    }
    Ok(TimeRange { start: from, end: to })
}

/// Refuses what would take too many evaluations.
///
/// # Errors
/// `ResourceExhausted`.
pub(crate) fn check_size(rules: &[Rule], interval: TimeRange) -> Result<()> {
    let length = interval.end.saturating_sub(interval.start);
    let measures = rules.iter().filter_map(Rule::measure);
    let count =
        measures.map(|measure| length.div_euclid(measure.every)).fold(0, i64::saturating_add);
    if count > limits::BACK_TEST_EVALUATIONS_MAX {
        let most = limits::BACK_TEST_EVALUATIONS_MAX;
        let text = format!(
            "{count} evaluations are more than {most}; choose a shorter interval, fewer rules or a \
             longer every"
        );
        return Err(Error::new(ErrorKind::ResourceExhausted, text));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use driftline_storage::HOUR_MICROS;

    use super::*;
    use crate::tests::rule;

    #[test]
    fn overlapping_windows_come_from_as_many_series_as_they_overlap() {
        let check = |times: &str, hours: i64, most: usize, want: &[(i64, i64)]| {
            let rule = rule(&format!("metric = \"psi\"\nwhen = \"> 0.2\"\n{times}"));
            let measure = rule.measure().expect("a metric");
            let interval = TimeRange { start: 0, end: hours * HOUR_MICROS };
            let got: Vec<(i64, i64)> = series(measure, ends_within(measure, interval), most)
                .iter()
                .map(|(range, _)| (range.start / HOUR_MICROS, range.end / HOUR_MICROS))
                .collect();
            assert_eq!(got, want, "{times}");
        };
        check("window = \"2h\"", 6, 100, &[(0, 6)]);
        check("window = \"2h\"\nevery = \"1h\"", 6, 100, &[(0, 6), (1, 5)]);
        check("window = \"2h\"\nevery = \"1h\"", 6, 2, &[(0, 4), (4, 6), (1, 5)]);
        check("window = \"3h\"\nevery = \"2h\"", 8, 100, &[(1, 4), (3, 6), (5, 8)]);
        check("window = \"1h\"\nevery = \"2h\"", 5, 100, &[(1, 2), (3, 4)]);
    }

    #[test]
    fn too_many_evaluations_are_refused() {
        let rules = vec![rule("metric = \"psi\"\nwhen = \"> 0.2\"\nwindow = \"1m\"")];
        let interval = |minutes: i64| TimeRange { start: 0, end: minutes * 60_000_000 };
        let most = limits::BACK_TEST_EVALUATIONS_MAX;
        assert!(check_size(&rules, interval(most)).is_ok());
        assert!(check_size(&rules, interval(most + 1)).is_err());
    }
}
