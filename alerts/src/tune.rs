//! Thresholds for a wanted rate of false alarms, from the quiet part of history.
//!
//! A window is *far* if its value lies more than ten robust standard deviations (1.4826 times the
//! median absolute deviation) beyond the median of its alert, in the direction that breaches. A
//! stretch of far windows that is longer than two windows is not quiet: a single odd window, which
//! overlapping windows show as often as they overlap, is noise that a threshold must stand, and what
//! lasts is what the rule is for. Windows that share time with such a stretch are left out with it.
//!
//! Windows at either end of the interval with less than half of the usual samples are left out: there
//! the data begins or ends inside of them.
//!
//! The alarms of a threshold are those that the rule's own step tells over the quiet windows. A firing
//! that lasts counts once for each window length, so that a threshold below all values, which fires
//! once and for ever, does not pass for a good one.

use std::collections::BTreeMap;

use driftline_storage::{DAY_MICROS, Error, ErrorKind, Result, TimeRange};

use crate::{
    answers::Answers,
    condition::{Bound, Comparison, Condition, Test},
    event::AlertState,
    figure::Figure,
    gather::{Cost, Gatherer, check_size, interval, sized},
    history::History,
    judge::{Judgement, judge},
    limits,
    models::Models,
    observation::Observation,
    rule::Rule,
    rule_set::RuleSet,
    state::State,
    step::step_as,
};

/// Robust standard deviations beyond which a window is far.
const FAR: f64 = 10.0;
/// From a median absolute deviation to the standard deviation of a normal distribution.
const NORMAL: f64 = 1.4826;
/// Windows that a stretch must outlast to be no noise.
const NOISE_WINDOWS: i64 = 2;
/// Days of the month that a rate is of.
const MONTH: f64 = 30.0;
/// Quiet windows below which nothing is proposed.
const QUIET_MIN: usize = 10;

/// What is proposed for a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Tuning {
    /// Its name.
    pub name: String,
    /// Its condition now.
    pub when: String,
    /// The condition proposed.
    pub proposed: Option<String>,
    /// Why there is none.
    pub undefined: Option<String>,
    /// Judged windows of the quiet part, over all alerts of the rule.
    pub quiet_windows: u64,
    /// Time that the quiet part spans, in microseconds.
    pub quiet: i64,
    /// Alarms of the condition now in the quiet part.
    pub alarms_now: u64,
    /// Alarms of the condition proposed.
    pub alarms: u64,
    /// The rate in 30 days that so many alarms in such a time do not rule out at 95 %.
    pub rate_upper: Option<f64>,
    /// Stretches that are not quiet: the feature, if there is one, and the time.
    pub loud: Vec<(Option<String>, TimeRange)>,
    /// Of them, those in which the condition proposed still fires.
    pub loud_detected: u64,
}

/// One judged window of one alert, and whether it is quiet.
#[derive(Debug, Clone)]
struct Judged {
    observation: Observation,
    value: f64,
    quiet: bool,
}

type Series = BTreeMap<Option<String>, Vec<Judged>>;

/// Proposes thresholds for all rules that compare a value with a number, with at most `rate` alarms
/// of each rule in 30 days.
///
/// # Errors
/// As [`crate::back_test`].
pub fn tune(
    set: &RuleSet,
    (from, to): (i64, i64),
    rate: f64,
    models: &dyn Models,
    answers: &dyn Answers,
) -> Result<(Vec<Tuning>, Cost)> {
    let interval = interval(from, to)?;
    let mut tunings = Vec::with_capacity(set.rules.len());
    let mut cost = Cost::default();
    for rule in &set.rules {
        let mut tuning = empty(rule);
        match tunable(rule) {
            Err(reason) => tuning.undefined = Some(reason),
            Ok(comparison) => {
                let series = observed(rule, interval, models, answers, &mut cost)?;
                propose(rule, comparison, series, rate, &mut tuning);
            }
        }
        tunings.push(tuning);
    }
    Ok((tunings, cost))
}

fn empty(rule: &Rule) -> Tuning {
    Tuning {
        name: rule.name.clone(),
        when: rule.when.to_string(),
        proposed: None,
        undefined: None,
        quiet_windows: 0,
        quiet: 0,
        alarms_now: 0,
        alarms: 0,
        rate_upper: None,
        loud: Vec::new(),
        loud_detected: 0,
    }
}

/// The direction in which a rule compares, if it does so with a number.
fn tunable(rule: &Rule) -> std::result::Result<Comparison, String> {
    let Some(measure) = rule.measure() else {
        return Err("a composite has no threshold; tune its members".to_owned());
    };
    if measure.figure.is_since_training() {
        return Err("what grows until the next training has no false alarms".to_owned());
    }
    if rule.when.p_value {
        let text = "a p-value has its rate of false alarms in its level";
        return Err(text.to_owned());
    }
    match rule.when.test {
        // What is proposed is a value that was quiet, so that it must not breach itself.
        Test::Compare(comparison, Bound::Constant(_)) if comparison.is_upward() => {
            Ok(Comparison::Above)
        }
        Test::Compare(_, Bound::Constant(_)) => Ok(Comparison::Below),
        _ => Err("only a condition that compares with one number is tuned".to_owned()),
    }
}

/// The windows of a rule that can be judged, by alert, in order of time.
fn observed(
    rule: &Rule,
    interval: TimeRange,
    models: &dyn Models,
    answers: &dyn Answers,
    cost: &mut Cost,
) -> Result<Series> {
    let rules = std::slice::from_ref(rule);
    check_size(rules, interval)?;
    let baselines = BTreeMap::new();
    let gatherer = Gatherer { rules, baselines: &baselines, answers };
    let end = interval.end.saturating_add(limits::SPAN_MAX);
    let clock = TimeRange { start: interval.start, end };
    let (evaluations, one) = gatherer.gather(&sized(rules, models)?, interval, clock)?;
    cost.add(one);
    let mut series = Series::new();
    let mut count = 0;
    for (feature, observation) in evaluations.into_iter().flat_map(|(_, one)| one.seen) {
        let (judgement, _) = judge(rule, &observation, &History::default());
        let Some(value) = observation.value.filter(|value| value.is_finite()) else { continue };
        if matches!(judgement, Judgement::NoData(_)) {
            continue;
        }
        count += 1;
        if count > limits::TUNE_VALUES_MAX {
            let most = limits::TUNE_VALUES_MAX;
            let text = format!("more than {most} values; choose a shorter interval");
            return Err(Error::new(ErrorKind::ResourceExhausted, text));
        }
        // A value that is known to a bound is taken as it is: the rule it is for says whether
        // that is enough.
        let observation = Observation { between: None, ..observation };
        let alert = feature.as_deref().map(str::to_owned);
        series.entry(alert).or_default().push(Judged { observation, value, quiet: true });
    }
    let is_volume = matches!(rule.measure().map(|m| m.figure), Some(Figure::Volume(_)));
    for judged in series.values_mut() {
        judged.sort_by_key(|judged| judged.observation.window.end);
        // The number of predictions is no sign of a window that is cut where it is the value.
        if !is_volume {
            trim(judged);
        }
    }
    Ok(series)
}

/// Takes the windows off both ends that have less than half of the usual samples.
fn trim(judged: &mut Vec<Judged>) {
    let samples = |judged: &Judged| judged.observation.samples as f64;
    let Some(usual) = median(judged.iter().map(samples).collect()) else { return };
    let is_whole = |judged: &Judged| samples(judged) >= usual / 2.0;
    let first = judged.iter().position(is_whole).unwrap_or(judged.len());
    judged.drain(..first);
    let last = judged.iter().rposition(is_whole).map_or(0, |last| last + 1);
    judged.truncate(last);
}

fn propose(
    rule: &Rule,
    comparison: Comparison,
    mut series: Series,
    rate: f64,
    tuning: &mut Tuning,
) {
    for (feature, judged) in &mut series {
        let loud = mark(judged, comparison);
        tuning.loud.extend(loud.into_iter().map(|range| (feature.clone(), range)));
    }
    let quiet = |series: &Series| -> Vec<f64> {
        let quiet = series.values().flatten().filter(|judged| judged.quiet);
        quiet.map(|judged| judged.value).collect()
    };
    let mut values = quiet(&series);
    tuning.quiet_windows = values.len() as u64;
    tuning.quiet = quiet_time(rule, &series);
    if values.len() < QUIET_MIN {
        let text = format!("{} quiet windows, at least {QUIET_MIN}", values.len());
        tuning.undefined = Some(text);
        return;
    }
    tuning.alarms_now = alarms(rule, &series, true);
    let months = tuning.quiet as f64 / (MONTH * DAY_MICROS as f64);
    let allowed = (rate * months).floor();
    // From the tamest to the wildest: the wildest alarms never.
    values.sort_by(|a, b| if comparison.is_upward() { a.total_cmp(b) } else { b.total_cmp(a) });
    values.dedup();
    let candidate = |value: f64| {
        let limit = beyond(value, comparison);
        let test = Test::Compare(comparison, Bound::Constant(limit));
        Rule { when: Condition { p_value: false, test }, ..rule.clone() }
    };
    let place =
        values.partition_point(|value| alarms(&candidate(*value), &series, true) as f64 > allowed);
    let Some(value) = values.get(place).or(values.last()) else { return };
    let proposed = candidate(*value);
    tuning.alarms = alarms(&proposed, &series, true);
    tuning.rate_upper = Some(poisson_upper(tuning.alarms) / months).filter(|rate| rate.is_finite());
    tuning.loud_detected = detected(&proposed, &series, &tuning.loud);
    tuning.proposed = Some(proposed.when.to_string());
}

/// Marks what is not quiet in the windows of one alert. Returns the stretches.
fn mark(judged: &mut [Judged], comparison: Comparison) -> Vec<TimeRange> {
    let sign = if comparison.is_upward() { 1.0 } else { -1.0 };
    let values: Vec<f64> = judged.iter().map(|judged| judged.value * sign).collect();
    let Some(middle) = median(values.clone()) else { return Vec::new() };
    let deviations = values.iter().map(|value| (value - middle).abs()).collect();
    let spread = median(deviations).unwrap_or(0.0) * NORMAL;
    let is_far = |judged: &Judged| judged.value * sign > middle + FAR * spread;
    let mut loud: Vec<TimeRange> = Vec::new();
    for stretch in judged.chunk_by(|a, b| is_far(a) == is_far(b)) {
        let (Some(first), Some(last)) = (stretch.first(), stretch.last()) else { continue };
        let window = first.observation.window;
        let range = TimeRange { start: window.start, end: last.observation.window.end };
        let lasts = range.end - range.start > NOISE_WINDOWS * (window.end - window.start);
        if is_far(first) && lasts {
            loud.push(range);
        }
    }
    for judged in judged.iter_mut() {
        judged.quiet = !loud.iter().any(|range| range.overlaps(judged.observation.window));
    }
    loud
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = values.get(middle).copied()?;
    let lower =
        if values.len().is_multiple_of(2) { values.get(middle - 1).copied()? } else { upper };
    Some(lower / 2.0 + upper / 2.0)
}

/// Time between evaluations times the windows that are quiet for any alert.
fn quiet_time(rule: &Rule, series: &Series) -> i64 {
    let quiet = series.values().flatten().filter(|judged| judged.quiet);
    let ends: std::collections::BTreeSet<i64> =
        quiet.map(|judged| judged.observation.window.end).collect();
    let every = rule.measure().map_or(0, |measure| measure.every);
    every.saturating_mul(i64::try_from(ends.len()).unwrap_or(i64::MAX))
}

/// The alarms of a rule over the quiet windows, or over all.
fn alarms(rule: &Rule, series: &Series, quiet: bool) -> u64 {
    let content = rule.content_hash();
    let window = rule.measure().map_or(1, |measure| measure.window.max(1));
    let every = rule.measure().map_or(0, |measure| measure.every);
    let mut alarms = 0;
    for (feature, judged) in series {
        let mut state = State::default();
        let mut since = None;
        let mut last = 0;
        for judged in judged.iter().filter(|judged| judged.quiet || !quiet) {
            let end = judged.observation.window.end;
            // A firing does not go on over what was left out.
            if end - last > window + every
                && let Some(since) = since.take()
            {
                alarms += firings(since, last, window);
                state = State::default();
            }
            last = end;
            let next =
                step_as((rule, content), feature.as_deref(), &state, &judged.observation, end);
            state = next.0;
            match (since, state.state() == AlertState::Firing) {
                (None, true) => since = Some(end),
                (Some(began), false) => {
                    alarms += firings(began, end, window);
                    since = None;
                }
                _ => {}
            }
        }
        alarms += since.map_or(0, |since| firings(since, last, window));
    }
    alarms
}

/// A firing counts once, and once more for each window length that it lasts.
fn firings(since: i64, until: i64, window: i64) -> u64 {
    1 + (until - since).div_euclid(window).unsigned_abs()
}

/// The loud stretches in which a rule fires.
fn detected(rule: &Rule, series: &Series, loud: &[(Option<String>, TimeRange)]) -> u64 {
    let fires = |(feature, range): &&(Option<String>, TimeRange)| {
        let inside = |judged: &&Judged| range.overlaps(judged.observation.window);
        let judged: Vec<Judged> =
            series.get(feature).into_iter().flatten().filter(inside).cloned().collect();
        alarms(rule, &BTreeMap::from([(feature.clone(), judged)]), false) > 0
    };
    loud.iter().filter(fires).count() as u64
}

/// A number of three digits at or beyond a value, in the direction that breaches.
fn beyond(value: f64, comparison: Comparison) -> f64 {
    if value == 0.0 {
        return 0.0;
    }
    let unit = 10_f64.powi(value.abs().log10().floor() as i32 - 2);
    let upward = comparison.is_upward();
    let digits = if upward { (value / unit).ceil() } else { (value / unit).floor() };
    // Through text, so that 0.029 does not become 0.029000000000000001.
    let rounded = format!("{:.2e}", digits * unit).parse::<f64>();
    let beyond = |limit: &f64| if upward { *limit >= value } else { *limit <= value };
    rounded.ok().filter(|limit| limit.is_finite()).filter(beyond).unwrap_or(value)
}

/// The mean of a Poisson distribution that gives so few events or fewer in 5 % of cases: the upper end
/// of the rate that was seen, at 95 %.
fn poisson_upper(count: u64) -> f64 {
    let at_most = |mean: f64| {
        // Summed from the largest term on, in logarithms, so that no term overflows.
        let mut log_term = -mean;
        let mut sum = log_term.exp();
        for k in 1..=count {
            log_term += (mean / k as f64).ln();
            sum += log_term.exp();
        }
        sum
    };
    let (mut low, mut high) = (0.0, 10.0 + 3.0 * count as f64);
    for _ in 0..100 {
        let middle = (low + high) / 2.0;
        if at_most(middle) > 0.05 { low = middle } else { high = middle }
    }
    high
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::rule;

    const DAY: i64 = DAY_MICROS;

    fn series(values: impl IntoIterator<Item = f64>) -> Series {
        let judged = (1..).zip(values).map(|(day, value)| {
            let window = TimeRange { start: (day - 1) * DAY, end: day * DAY };
            let observation =
                Observation { value: Some(value), samples: 1_000, ..Observation::empty(window) };
            Judged { observation, value, quiet: true }
        });
        BTreeMap::from([(Some("a".to_owned()), judged.collect())])
    }

    fn tuned(keys: &str, values: impl IntoIterator<Item = f64>, rate: f64) -> Tuning {
        let rule = rule(&format!("window = \"1d\"\n{keys}"));
        let mut tuning = empty(&rule);
        let comparison = tunable(&rule).expect("tunable");
        propose(&rule, comparison, series(values), rate, &mut tuning);
        tuning
    }

    /// Days of values from 0.01 to 0.05 without order.
    fn noise(day: i64) -> f64 {
        0.01 + 0.04 * ((day * 7919) % 101) as f64 / 100.0
    }

    #[test]
    fn a_threshold_is_above_the_noise_and_below_what_lasts() {
        let psi = "metric = \"psi\"\nwhen = \"> 0.02\"";
        let drift = (0..90).map(|day| if day < 80 { noise(day) } else { 0.8 });
        let tuning = tuned(psi, drift, 0.0);
        assert_eq!(tuning.proposed.as_deref(), Some("> 0.05"));
        assert_eq!((tuning.alarms, tuning.loud_detected), (0, 1));
        assert_eq!(
            tuning.loud,
            [(Some("a".to_owned()), TimeRange { start: 80 * DAY, end: 90 * DAY })]
        );
        assert_eq!((tuning.quiet_windows, tuning.quiet), (80, 80 * DAY));
        assert!(tuning.alarms_now > 20);
        // No alarm in 80 days rules out more than 3 / 80 * 30 a month.
        assert!((tuning.rate_upper.expect("a rate") - 2.996 / 80.0 * 30.0).abs() < 1e-3);
    }

    #[test]
    fn a_higher_rate_allows_a_lower_threshold_and_keeps_its_promise() {
        let psi = "metric = \"psi\"\nwhen = \"> 1\"";
        let limit = |rate: f64| {
            let tuning = tuned(psi, (0..300).map(noise), rate);
            assert!(tuning.alarms as f64 <= rate * 10.0, "{tuning:?}");
            let text = tuning.proposed.expect("proposed");
            text.trim_start_matches("> ").parse::<f64>().expect("a number")
        };
        let limits: Vec<f64> = [0.0, 1.0, 3.0, 10.0].map(limit).to_vec();
        assert!(limits.windows(2).all(|pair| pair[0] > pair[1]), "{limits:?}");
    }

    #[test]
    fn a_single_odd_window_is_noise_that_a_threshold_must_stand() {
        let psi = "metric = \"psi\"\nwhen = \"> 1\"";
        let odd = (0..90).map(|day| if day == 40 { 0.9 } else { noise(day) });
        let tuning = tuned(psi, odd, 0.0);
        assert!(tuning.loud.is_empty());
        assert_eq!(tuning.proposed.as_deref(), Some("> 0.9"));
    }

    #[test]
    fn what_falls_is_tuned_downwards() {
        let accuracy = "metric = \"accuracy\"\nwhen = \"<= 0.5\"";
        let fall = (0..90).map(|day| if day < 70 { 0.9 - noise(day) } else { 0.4 });
        let tuning = tuned(accuracy, fall, 0.0);
        // The lowest quiet value is 0.85, which <= 0.85 would breach.
        assert_eq!(tuning.proposed.as_deref(), Some("< 0.85"));
        assert_eq!((tuning.alarms, tuning.loud.len(), tuning.loud_detected), (0, 1, 1));
    }

    #[test]
    fn a_threshold_that_fires_for_ever_does_not_pass_for_a_good_one() {
        let psi = "metric = \"psi\"\nwhen = \"> 0\"";
        let tuning = tuned(psi, (0..300).map(noise), 1.0);
        assert_eq!(tuning.alarms_now, 300);
        assert!(tuning.proposed.is_some_and(|text| text.as_str() > "> 0.04"));
    }

    #[test]
    fn what_cannot_be_tuned_says_why() {
        let wrong = |keys: &str| tunable(&rule(&format!("window = \"1d\"\n{keys}"))).err();
        let test = wrong("metric = \"chi2\"\nwhen = \"p < 0.05\"");
        assert!(test.is_some_and(|text| text.contains("in its level")));
        assert!(wrong("metric = \"mean\"\nwhen = \"> reference\"").is_some());
        let few = tuned("metric = \"psi\"\nwhen = \"> 1\"", (0..9).map(noise), 1.0);
        assert_eq!(few.undefined.as_deref(), Some("9 quiet windows, at least 10"));
    }

    #[test]
    fn windows_that_are_cut_at_an_end_are_left_out() {
        let mut judged = series((0..12).map(noise)).into_values().next().expect("one alert");
        for (place, samples) in [(0, 10), (1, 600), (5, 10), (10, 499), (11, 1)] {
            judged[place].observation.samples = samples;
        }
        trim(&mut judged);
        let days: Vec<i64> = judged.iter().map(|j| j.observation.window.start / DAY).collect();
        // A quiet night in between is as it is.
        assert_eq!(days, (1..10).collect::<Vec<i64>>());
    }

    #[test]
    fn what_is_always_zero_is_told_by_anything_else() {
        let share = "metric = \"drift_share\"\nwhen = \">= 0.3\"";
        let tuning = tuned(share, (0..40).map(|day| if day < 30 { 0.0 } else { 0.3 }), 1.0);
        assert_eq!(tuning.proposed.as_deref(), Some("> 0"));
        assert_eq!((tuning.loud.len(), tuning.loud_detected), (1, 1));
    }

    #[test]
    fn limits_have_three_digits_at_or_beyond_the_value() {
        use Comparison::{Above, Below};
        for (value, comparison, want) in [
            (0.051_234, Above, 0.0513),
            (0.05, Above, 0.05),
            (0.851, Below, 0.851),
            (0.8519, Below, 0.851),
            (123_456.0, Above, 124_000.0),
            (-0.051_234, Above, -0.0512),
            (0.0, Above, 0.0),
            (f64::MIN_POSITIVE, Above, f64::MIN_POSITIVE),
        ] {
            let got = beyond(value, comparison);
            assert!((got - want).abs() < 1e-12 * want.abs().max(1.0), "{value}: {got}");
            assert!(!comparison.holds(value, got), "{value}: {got}");
        }
    }

    #[test]
    fn the_upper_rate_is_that_of_the_tables() {
        // scipy chi2.ppf(0.95, 2 * (n + 1)) / 2.
        for (count, want) in [(0, 2.995_732), (1, 4.743_865), (5, 10.513_03), (20, 29.062)] {
            assert!((poisson_upper(count) - want).abs() < 1e-3, "{count}");
        }
    }
}
