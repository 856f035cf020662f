//! The queries of a round: windows that rules want judged, with as few queries as they can share.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use driftline_storage::{Result, TimeRange};

use crate::{
    answers::Answers,
    ask::Ask,
    board::Evaluation,
    gather::{Cost, Gatherer, groups, series},
    observe::observe,
    rule::Measure,
    rule_set::RuleSet,
};

/// The rules of a set by the queries that they share, made once for a set.
#[derive(Debug)]
pub struct Shares {
    set: Arc<RuleSet>,
    groups: Vec<Share>,
    /// The group of each rule.
    of_rule: Vec<Option<usize>>,
}

#[derive(Debug)]
struct Share {
    ask: Ask,
    measure: Measure,
}

/// A query of a round.
#[derive(Debug, Clone)]
pub struct Query {
    ask: Ask,
    lateness: i64,
    range: TimeRange,
    step: Option<i64>,
    /// Rules by place, and the ends of the windows that each wants.
    rules: BTreeMap<usize, BTreeSet<i64>>,
}

impl Shares {
    /// Groups the rules of a set.
    pub fn new(set: Arc<RuleSet>) -> Self {
        let mut of_rule = vec![None; set.rules.len()];
        let mut shares = Vec::new();
        for group in groups(set.rules.iter().enumerate()) {
            for place in group.rules {
                of_rule.get_mut(place).into_iter().for_each(|known| *known = Some(shares.len()));
            }
            shares.push(Share { ask: group.ask, measure: group.measure.clone() });
        }
        Self { set, groups: shares, of_rule }
    }

    /// The queries that judge windows of rules, by place. `results_max` bounds the results of one, of a
    /// model with so many columns.
    pub fn queries(
        &self,
        wanted: &BTreeMap<usize, Vec<TimeRange>>,
        columns: &dyn Fn(&Measure) -> usize,
        results_max: usize,
    ) -> Vec<Query> {
        let mut of_group: BTreeMap<usize, BTreeMap<usize, BTreeSet<i64>>> = BTreeMap::new();
        for (place, windows) in wanted {
            let Some(group) = self.of_rule.get(*place).copied().flatten() else { continue };
            let ends = windows.iter().map(|window| window.end);
            of_group.entry(group).or_default().entry(*place).or_default().extend(ends);
        }
        let mut queries = Vec::new();
        for (group, rules) in of_group {
            let Some(Share { ask, measure }) = self.groups.get(group) else { continue };
            let results = ask.results(columns(measure)).max(1);
            let ends: BTreeSet<i64> = rules.values().flatten().copied().collect();
            let most = (results_max / results).clamp(1, driftline_query::limits::WINDOWS_MAX);
            for (range, step) in series(measure, ends.into_iter(), most) {
                let is_inside = |end: &i64| *end > range.start && *end <= range.end;
                let aligned = |end: &i64| {
                    step.is_none_or(|step| (range.end - end).rem_euclid(step.max(1)) == 0)
                };
                let of_rule = |(place, ends): (&usize, &BTreeSet<i64>)| {
                    let ends = ends.iter().filter(|end| is_inside(end) && aligned(end));
                    let ends: BTreeSet<i64> = ends.copied().collect();
                    (!ends.is_empty()).then_some((*place, ends))
                };
                let rules = rules.iter().filter_map(of_rule).collect();
                let (ask, lateness) = (ask.clone(), measure.lateness);
                queries.push(Query { ask, lateness, range, step, rules });
            }
        }
        queries
    }

    /// A query for each rule of one that asks for others too: what makes it fail may be the matter of one
    /// of them. None of a query that asks for what its one rule asks.
    pub fn apart(&self, query: &Query) -> Vec<Query> {
        let alone = |(place, ends): (&usize, &BTreeSet<i64>)| {
            let rule = self.set.rules.get(*place)?;
            let ask = Ask::of(rule, rule.measure()?)?;
            let rules = BTreeMap::from([(*place, ends.clone())]);
            Some(Query { ask, rules, ..query.clone() })
        };
        let apart: Vec<Query> = query.rules.iter().filter_map(alone).collect();
        if apart.iter().all(|one| one.ask == query.ask) { Vec::new() } else { apart }
    }

    /// What the windows of a query say, each with the clock's time at which it was to be judged at the
    /// earliest. `baselines` are the figures of references by place of the rule.
    ///
    /// # Errors
    /// Those of the query.
    pub fn answer(
        &self,
        query: &Query,
        baselines: &BTreeMap<usize, f64>,
        answers: &dyn Answers,
    ) -> Result<Vec<(i64, Evaluation)>> {
        let gatherer = Gatherer { rules: &self.set.rules, baselines, answers };
        let mut evaluations = Vec::new();
        for answer in gatherer.ask(&query.ask, query.range, query.step, &mut Cost::default())? {
            for (place, ends) in &query.rules {
                let Some(rule) = self.set.rules.get(*place) else { continue };
                let observed = observe(rule, &answer, baselines.get(place).copied());
                let wanted = observed.into_iter().filter(|(window, _)| ends.contains(&window.end));
                evaluations.extend(wanted.map(|(window, seen)| {
                    let at = window.end.saturating_add(query.lateness);
                    (at, Evaluation { rule: *place, window, seen })
                }));
            }
        }
        Ok(evaluations)
    }
}

impl Query {
    /// Rules that it is for, by place.
    pub fn rules(&self) -> impl Iterator<Item = usize> {
        self.rules.keys().copied()
    }

    /// How many windows of rules it judges.
    pub fn windows(&self) -> usize {
        self.rules.values().map(BTreeSet::len).sum()
    }

    /// The model that is asked about.
    pub fn model(&self) -> &str {
        self.ask.model()
    }
}

#[cfg(test)]
mod tests {
    use driftline_storage::HOUR_MICROS;

    use super::*;
    use crate::{plan::window_at, rule_set::Syntax};

    fn set(count: usize, models: usize) -> Arc<RuleSet> {
        let rule = |n: usize| {
            format!(
                "[[rule]]\nname = \"r{n}\"\nmodel = \"m{}\"\nmetric = \"psi\"\nfeature = \"f{n}\"\n\
                 window = \"2h\"\nevery = \"1h\"\nwhen = \"> 0.2\"\n",
                n % models
            )
        };
        let text: String = (0..count).map(rule).collect();
        Arc::new(RuleSet::parse(&text, Syntax::Toml).expect("right"))
    }

    fn wanted(set: &RuleSet, hours: &[&[i64]]) -> BTreeMap<usize, Vec<TimeRange>> {
        let windows = |(place, hours): (usize, &&[i64])| {
            let measure = set.rules[place].measure().expect("a metric");
            (place, hours.iter().map(|hour| window_at(measure, hour * HOUR_MICROS)).collect())
        };
        hours.iter().enumerate().map(windows).collect()
    }

    #[test]
    fn windows_of_rules_that_share_a_query_are_asked_for_once() {
        let set = set(3, 2);
        let shares = Shares::new(set.clone());
        let wanted = wanted(&set, &[&[10, 11, 12], &[12], &[12, 14]]);
        let queries = shares.queries(&wanted, &|_| 10, 1_000);
        let told: Vec<(&str, i64, i64, Vec<usize>, usize)> = queries
            .iter()
            .map(|query| {
                let hours = |time: i64| time / HOUR_MICROS;
                let rules = query.rules().collect();
                let (start, end) = (hours(query.range.start), hours(query.range.end));
                (query.model(), start, end, rules, query.windows())
            })
            .collect();
        let want =
            [("m0", 8, 14, vec![0, 2], 4), ("m0", 9, 11, vec![0], 1), ("m1", 10, 12, vec![1], 1)];
        assert_eq!(told, want);
        let apart = shares.apart(&queries[0]);
        assert_eq!((apart.len(), shares.apart(&apart[0]).len()), (2, 0));
        // It asks for what another rule wants as well.
        assert_eq!(shares.apart(&queries[1]).len(), 1);
        // A bound on results cuts a series.
        assert_eq!(shares.queries(&wanted, &|_| 10, 4).len(), 4);
    }
    #[test]
    fn many_rules_on_few_models_ask_few_queries() {
        let set = set(2_000, 50);
        let hours: Vec<&[i64]> = vec![&[12]; 2_000];
        let queries = Shares::new(set.clone()).queries(&wanted(&set, &hours), &|_| 30, 100_000);
        assert_eq!((queries.len(), queries.iter().map(Query::windows).sum::<usize>()), (50, 2_000));
    }
}
