//! Whether a window breaches a rule.

use std::borrow::Cow;

use crate::{
    condition::{Bound, Test},
    history::History,
    limits,
    observation::Observation,
    rule::Rule,
};

/// What a window says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Judgement {
    /// The condition holds.
    Breach,
    /// It does not.
    Clear,
    /// There is nothing to judge, which the rule has a policy for.
    NoData(Cow<'static, str>),
    /// It cannot be judged yet or not from this value, which no policy is about: the state stays.
    Unready(Cow<'static, str>),
}

/// Judges a window. Returns also the numbers that it was compared with.
pub(crate) fn judge(
    rule: &Rule,
    observation: &Observation,
    history: &History,
) -> (Judgement, Vec<f64>) {
    let known = if rule.when.p_value { observation.p_value } else { observation.value };
    let Some(value) = known.filter(|value| value.is_finite()) else {
        let reason = observation.undefined.clone().unwrap_or_else(|| {
            let what = if rule.when.p_value { "there is no p-value" } else { "there is no value" };
            Cow::Borrowed(what)
        });
        return (Judgement::NoData(reason), Vec::new());
    };
    if observation.samples < rule.min_samples {
        let text = format!("{} samples, at least {}", observation.samples, rule.min_samples);
        return (Judgement::NoData(Cow::Owned(text)), Vec::new());
    }
    let coverage = observation.coverage.unwrap_or(1.0);
    if coverage < rule.min_coverage {
        let text = format!(
            "{:.1} % of the labels are known, at least {:.1} %",
            coverage * 100.0,
            rule.min_coverage * 100.0
        );
        return (Judgement::NoData(Cow::Owned(text)), Vec::new());
    }
    let limits: Result<Vec<f64>, Judgement> =
        rule.when.bounds().map(|bound| limit(rule, bound, observation, history)).collect();
    let limits = match limits {
        Ok(limits) => limits,
        Err(judgement) => return (judgement, Vec::new()),
    };
    let breaches = |value: f64| match (rule.when.test, limits.as_slice()) {
        (Test::Compare(comparison, _), [limit]) => comparison.holds(value, *limit),
        (Test::Outside(..), [low, high]) => value < *low || value > *high,
        _ => false,
    };
    let judgement = match observation.between.filter(|_| !rule.when.p_value) {
        Some((low, high)) if breaches(low) != breaches(high) => {
            let text = "the exact value may lie on either side of the limit; exact = true reads it \
                        from rows";
            Judgement::Unready(Cow::Borrowed(text))
        }
        _ if breaches(value) => Judgement::Breach,
        _ => Judgement::Clear,
    };
    (judgement, limits)
}

/// The number that a bound means for a window.
fn limit(
    rule: &Rule,
    bound: Bound,
    observation: &Observation,
    history: &History,
) -> Result<f64, Judgement> {
    let unready = |text: String| Judgement::Unready(Cow::Owned(text));
    let limit = match bound {
        Bound::Constant(limit) => limit,
        Bound::Reference { factor, shift } => match observation.baseline {
            Some(baseline) => baseline * factor + shift,
            None => {
                let text = format!("the reference has no {}", subject(rule));
                return Err(Judgement::NoData(Cow::Owned(text)));
            }
        },
        Bound::History { deviations } => {
            let count = rule.measure().map_or(0, |measure| measure.history);
            let Some((mean, deviation)) = history.spread(observation.window, count) else {
                let least = limits::HISTORY_MIN;
                return Err(unready(format!("fewer than {least} earlier windows to compare with")));
            };
            mean + deviations * deviation
        }
    };
    if limit.is_finite() { Ok(limit) } else { Err(unready("the limit is not finite".to_owned())) }
}

fn subject(rule: &Rule) -> &'static str {
    rule.measure().map_or("value", |measure| measure.figure.name())
}
