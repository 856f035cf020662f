//! From answers to observations: what each window of a report says about each alert of a rule.

use std::{borrow::Cow, sync::Arc};

use driftline_query::{
    ColumnQuality, DriftResult, DriftWindow, Method, MissingRows, OperationsWindow, Percentile,
    PerformanceWindow, QualityWindow, stats::Undefined,
};
use driftline_storage::{DAY_MICROS, TimeRange};

use crate::{
    ask::{Answer, adjust},
    condition::{Bound, Test},
    figure::{ColumnFigure, Figure, Operations, SinceTraining, Volume},
    models::Training,
    observation::Observation,
    rule::{AlertOn, Measure, Rule},
    training::TrainingWindow,
};

/// What a window says about each alert of a rule: the feature, if each has one, and the observation.
pub type Seen = Vec<(Option<Arc<str>>, Observation)>;

/// What each window of an answer says about the alerts of a rule, in order of time. `baseline` is
/// the figure of the reference, where the answer has none of its own.
pub fn observe(rule: &Rule, answer: &Answer, baseline: Option<f64>) -> Vec<(TimeRange, Seen)> {
    let Some(measure) = rule.measure() else { return Vec::new() };
    match answer {
        Answer::Drift(report) => {
            let reference = Arc::from(&*report.reference);
            let one = |window: &DriftWindow| {
                let seen = match measure.figure {
                    Figure::Drift(method) => of_drift(rule, measure, method, window),
                    Figure::DriftShare(method) => vec![(None, of_share(method, window))],
                    _ => Vec::new(),
                };
                (range(window.start, window.end), named(seen, Some(&reference)))
            };
            report.windows.iter().map(one).collect()
        }
        Answer::Performance(report) => {
            let one = |window: &PerformanceWindow| {
                let seen = of_performance(measure, window, baseline);
                (range(window.start, window.end), vec![(None, seen)])
            };
            report.windows.iter().map(one).collect()
        }
        Answer::Quality(report) => {
            let reference = report.reference.as_deref().map(Arc::from);
            let one = |window: &QualityWindow| {
                let seen = of_columns(rule, measure, window);
                (range(window.start, window.end), named(seen, reference.as_ref()))
            };
            report.windows.iter().map(one).collect()
        }
        Answer::Operations(report) => {
            let one = |window: &OperationsWindow| {
                let seen = of_operations(measure, window, baseline);
                (range(window.start, window.end), vec![(None, seen)])
            };
            report.windows.iter().map(one).collect()
        }
        Answer::Training(report) => {
            let one = |window: &TrainingWindow| {
                let seen = of_training(measure, &report.training, window);
                (window.window, vec![(None, seen)])
            };
            report.windows.iter().map(one).collect()
        }
    }
}

fn range(start: i64, end: i64) -> TimeRange {
    TimeRange { start, end }
}

fn missing(missing: &[MissingRows]) -> u64 {
    missing.iter().map(|missing| missing.rows).sum()
}

fn named(mut seen: Seen, reference: Option<&Arc<str>>) -> Seen {
    for (_, observation) in &mut seen {
        observation.reference = reference.cloned();
    }
    seen
}

/// Whether a rule is about a feature.
fn is_about(measure: &Measure, feature: &str) -> bool {
    measure.features.is_empty() || measure.features.iter().any(|name| name == feature)
}

fn of_drift(rule: &Rule, measure: &Measure, method: Method, window: &DriftWindow) -> Seen {
    // A rule on any feature is about those that can have the statistic.
    let never = [Undefined::NotNumeric.reason(), Undefined::ReferenceEmpty.reason()];
    let can = |result: &DriftResult| {
        let reason = result.undefined.as_deref();
        !measure.features.is_empty() || !reason.is_some_and(|reason| never.contains(&reason))
    };
    let wanted = |result: &&DriftResult| {
        result.method == method && is_about(measure, &result.feature) && can(result)
    };
    let observation = |result: &DriftResult| Observation {
        value: result.value,
        between: between(result),
        p_value: p_value(result),
        samples: window.predictions,
        undefined: result.undefined.clone(),
        missing_rows: missing(&window.missing),
        ..Observation::empty(range(window.start, window.end))
    };
    let mut seen: Seen = window
        .results
        .iter()
        .filter(wanted)
        .map(|result| (Some(result.feature.clone()), observation(result)))
        .collect();
    if rule.when.p_value {
        correct(rule, measure, &mut seen);
    }
    fold(rule, measure, seen)
}

/// Where the exact value may be: KS only above what counts tell, others on both sides.
fn between(result: &DriftResult) -> Option<(f64, f64)> {
    let (value, bound) = (result.value?, result.error_bound?);
    let is_rough = !result.exact && bound > 0.0;
    let low = if result.method == Method::Ks { value } else { value - bound };
    is_rough.then_some((low, value + bound))
}

/// The p-value of a test; that of PSI is among its details.
fn p_value(result: &DriftResult) -> Option<f64> {
    let detail = result.details.iter().find(|(name, _)| name == "p_value").map(|(_, p)| *p);
    result.p_value.or(detail)
}

/// Adjusts the p-values of one window over the features that have one and rows enough.
fn correct(rule: &Rule, measure: &Measure, seen: &mut Seen) {
    let has_rows = |observation: &Observation| observation.samples >= rule.min_samples;
    let known: Vec<f64> = seen
        .iter()
        .filter(|(_, observation)| has_rows(observation))
        .filter_map(|(_, observation)| observation.p_value)
        .collect();
    let Some(adjusted) = adjust(measure.correction, &known) else { return };
    let tested = seen
        .iter_mut()
        .filter(|(_, observation)| has_rows(observation) && observation.p_value.is_some());
    for ((_, observation), adjusted) in tested.zip(adjusted) {
        observation.p_value = Some(adjusted);
    }
}

/// One observation for all features, by the worst of them, if the rule wants that.
fn fold(rule: &Rule, measure: &Measure, seen: Seen) -> Seen {
    if measure.alert_on == AlertOn::Each {
        return seen;
    }
    let badness = |observation: &Observation| {
        let known = if rule.when.p_value { observation.p_value } else { observation.value };
        let value = known.filter(|value| value.is_finite())?;
        match rule.when.test {
            Test::Compare(comparison, _) if comparison.is_upward() => Some(value),
            Test::Compare(..) => Some(-value),
            Test::Outside(Bound::Constant(low), Bound::Constant(high)) => {
                Some((low - value).max(value - high))
            }
            Test::Outside(..) => None,
        }
    };
    let known = seen.iter().filter_map(|one| Some((badness(&one.1)?, one)));
    let worst = known.reduce(|worst, next| if next.0 > worst.0 { next } else { worst });
    // Without any value the first feature's reason stands for all.
    let chosen = worst.map(|(_, one)| one).or(seen.first());
    let folded = chosen.map(|(feature, observation)| {
        let feature = feature.as_deref().map(str::to_owned);
        (None, Observation { feature, ..observation.clone() })
    });
    folded.into_iter().collect()
}

fn of_share(method: Method, window: &DriftWindow) -> Observation {
    let share = window.shares.iter().find(|share| share.method == Some(method));
    Observation {
        value: share.and_then(|share| share.share),
        samples: window.predictions,
        undefined: share.and_then(|share| share.undefined.clone()),
        missing_rows: missing(&window.missing),
        ..Observation::empty(range(window.start, window.end))
    }
}

fn of_performance(
    measure: &Measure,
    window: &PerformanceWindow,
    baseline: Option<f64>,
) -> Observation {
    let covered = window.labelled as f64 / window.predictions as f64;
    let coverage = (window.predictions > 0).then_some(covered);
    let empty = Observation {
        baseline,
        missing_rows: missing(&window.missing),
        ..Observation::empty(range(window.start, window.end))
    };
    match measure.figure {
        Figure::Volume(Volume::Predictions) => {
            let value = Some(window.predictions as f64);
            Observation { value, samples: window.predictions, ..empty }
        }
        Figure::Volume(Volume::Labelled) => {
            let value = Some(window.labelled as f64);
            Observation { value, samples: window.predictions, ..empty }
        }
        Figure::Volume(Volume::Coverage) => Observation {
            value: coverage,
            samples: window.predictions,
            undefined: coverage.is_none().then_some(Cow::Borrowed("window has no prediction")),
            ..empty
        },
        Figure::Performance(metric) => {
            let same = |result: &&driftline_query::MetricResult| {
                result.metric == metric && result.class == measure.class
            };
            let result = window.results.iter().find(same);
            let undefined = match result {
                Some(result) => result.undefined.clone().map(Cow::Owned),
                None => Some(Cow::Borrowed("no labelled prediction of the window has the class")),
            };
            Observation {
                value: result.and_then(|result| result.value),
                samples: window.labelled,
                coverage: Some(coverage.unwrap_or(0.0)),
                undefined,
                ..empty
            }
        }
        Figure::Drift(_)
        | Figure::DriftShare(_)
        | Figure::Column(_)
        | Figure::Operations(_)
        | Figure::SinceTraining(_) => empty,
    }
}

fn of_operations(
    measure: &Measure,
    window: &OperationsWindow,
    baseline: Option<f64>,
) -> Observation {
    let empty = Observation {
        baseline,
        missing_rows: missing(&window.missing),
        ..Observation::empty(range(window.start, window.end))
    };
    let Figure::Operations(figure) = measure.figure else { return empty };
    match figure {
        Operations::Throughput => Observation {
            value: window.throughput,
            samples: window.predictions,
            undefined: window.throughput_undefined.clone(),
            ..empty
        },
        Operations::ErrorRate => Observation {
            value: window.errors.rate,
            samples: window.errors.with_status,
            undefined: window.errors.undefined.clone(),
            ..empty
        },
        _ => {
            let same = |known: &&Percentile| Some(known.percentile) == figure.percentile();
            let Some(found) = window.latency.percentiles.iter().find(same) else { return empty };
            let known = &found.figure;
            let ends = known.lower.zip(known.upper).filter(|_| !known.exact);
            Observation {
                value: known.value,
                between: ends,
                samples: window.latency.count,
                undefined: known.undefined.clone(),
                ..empty
            }
        }
    }
}

fn of_training(measure: &Measure, training: &Training, window: &TrainingWindow) -> Observation {
    let Figure::SinceTraining(figure) = measure.figure else {
        return Observation::empty(window.window);
    };
    let age = window.window.end.saturating_sub(training.at);
    let since = window.since.unwrap_or_default();
    let (value, samples) = match figure {
        SinceTraining::ReferenceAge => (age as f64 / DAY_MICROS as f64, 0),
        SinceTraining::NewLabels => (since.labelled as f64, since.labelled),
        SinceTraining::NewPredictions => (since.predictions as f64, since.predictions),
    };
    let is_after = age >= 0;
    Observation {
        value: is_after.then_some(value),
        samples,
        reference: training.reference.as_deref().map(Arc::from),
        undefined: (!is_after)
            .then_some(Cow::Borrowed("the window ends before the last training that is known")),
        missing_rows: since.missing_rows,
        ..Observation::empty(window.window)
    }
}

fn of_columns(rule: &Rule, measure: &Measure, window: &QualityWindow) -> Seen {
    let Figure::Column(figure) = measure.figure else { return Vec::new() };
    // A rule on any feature is about those that can have the figure.
    let fits = |column: &&ColumnQuality| {
        let kind_fits = if column.kind.is_numeric() {
            !figure.is_of_categories()
        } else {
            !figure.is_of_numbers()
        };
        is_about(measure, &column.feature) && (kind_fits || !measure.features.is_empty())
    };
    let observation = |column: &ColumnQuality| {
        let value = match figure {
            ColumnFigure::NullChange => column.null_change,
            figure => figure.of(&column.current),
        };
        let reasons = figure.parts().iter().find_map(|part| column.undefined.get(*part));
        let reason = reasons.or_else(|| column.undefined.get("reference")).cloned();
        Observation {
            value,
            baseline: column.reference.as_ref().and_then(|profile| figure.of(profile)),
            samples: column.current.rows,
            undefined: value.is_none().then(|| reason.unwrap_or(Cow::Borrowed("no row"))),
            missing_rows: missing(&window.missing),
            ..Observation::empty(range(window.start, window.end))
        }
    };
    let columns = window.columns.iter().filter(fits);
    let seen = columns.map(|column| (Some(column.feature.clone()), observation(column))).collect();
    fold(rule, measure, seen)
}

#[cfg(test)]
mod tests;
