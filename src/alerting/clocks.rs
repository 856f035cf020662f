//! When which rule is due, and when which model is to be asked about late data.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::BuildHasher as _,
};

use driftline_alerts::{Board, Due, Rule, RuleSet, due, next_due};

use super::limits;

/// A model that rules are about.
#[derive(Debug, Clone, Default)]
pub(super) struct ModelClock {
    /// What [`driftline_storage::Db::touched`] is asked with.
    pub(super) mark: u64,
    /// When it is to be asked next.
    pub(super) next: i64,
    /// Places of its rules.
    pub(super) rules: Vec<usize>,
}

#[derive(Debug, Clone, Copy, Default)]
struct RuleClock {
    /// The end of the newest window that was judged.
    evaluated: Option<i64>,
    next: i64,
    failures: u32,
}

/// The times of a set of rules, by place.
#[derive(Debug)]
pub(super) struct Clocks {
    rules: Vec<RuleClock>,
    /// Rules by when they are due.
    queue: BTreeSet<(i64, usize)>,
    /// Rules in an order in which each comes after those that it names, as ranks by place.
    ranks: Vec<usize>,
    pub(super) models: BTreeMap<String, ModelClock>,
    /// The time of the last look.
    looked: i64,
}

impl Clocks {
    /// The times of a set whose states are those of a board. `before` are those of the set that was in
    /// force: what was asked of models then need not be asked again.
    pub(super) fn new(set: &RuleSet, board: &Board<'_>, before: Option<&Self>, now: i64) -> Self {
        let mut clocks = Self {
            rules: vec![RuleClock::default(); set.rules.len()],
            queue: BTreeSet::new(),
            ranks: vec![0; set.rules.len()],
            models: BTreeMap::new(),
            looked: now,
        };
        for (rank, place) in set.order().into_iter().enumerate() {
            clocks.ranks.get_mut(place).into_iter().for_each(|known| *known = rank);
        }
        for (place, rule) in set.rules.iter().enumerate() {
            let Some(measure) = rule.measure() else { continue };
            let model = clocks.models.entry(measure.model.clone()).or_insert_with(|| {
                let known = before.and_then(|before| before.models.get(&measure.model));
                let fresh =
                    || ModelClock { next: first_look(&measure.model, now), ..<_>::default() };
                known.map_or_else(fresh, |known| ModelClock { rules: Vec::new(), ..known.clone() })
            });
            model.rules.push(place);
            let evaluated = board.newest(place).map(|window| window.end);
            if let Some(clock) = clocks.rules.get_mut(place) {
                *clock = RuleClock { evaluated, next: now, failures: 0 };
                clocks.queue.insert((now, place));
            }
        }
        clocks
    }

    /// Notes the time. If the clock went back, every rule and model is looked at anew: when they are due
    /// was told by the other.
    pub(super) fn look(&mut self, now: i64) {
        if now < self.looked {
            self.queue = self.queue.iter().map(|(_, place)| (now, *place)).collect();
            self.rules.iter_mut().for_each(|clock| clock.next = now);
            self.models.values_mut().for_each(|model| model.next = model.next.min(now));
        }
        self.looked = now;
    }

    /// Rules that are due, in an order in which each comes after those that it names, and their windows.
    /// Those that have none are put off.
    pub(super) fn due(&mut self, set: &RuleSet, now: i64) -> Vec<(usize, Due)> {
        let is_due = |entry: &&(i64, usize)| entry.0 <= now;
        let places: Vec<usize> =
            self.queue.iter().take_while(is_due).map(|(_, place)| *place).collect();
        let mut found = Vec::new();
        for place in places {
            let Some(rule) = set.rules.get(place) else { continue };
            let due = due(rule, self.evaluated(place), now);
            if due.windows.is_empty() {
                self.put_off(rule, place, now);
            } else {
                found.push((place, due));
            }
        }
        found.sort_by_key(|(place, _)| self.ranks.get(*place).copied());
        found
    }

    /// The end of the newest window of a rule that was judged.
    pub(super) fn evaluated(&self, place: usize) -> Option<i64> {
        self.rules.get(place)?.evaluated
    }

    /// When a rule is due next.
    pub(super) fn next(&self, place: usize) -> Option<i64> {
        self.rules.get(place).map(|clock| clock.next)
    }

    /// A rule was judged up to a window.
    pub(super) fn judged(&mut self, rule: &Rule, place: usize, end: i64, now: i64) {
        if let Some(clock) = self.rules.get_mut(place) {
            clock.evaluated = Some(end);
            clock.failures = 0;
        }
        self.put_off(rule, place, now);
    }

    /// A rule could not be judged: it is tried again after a while. Returns how often that was so.
    pub(super) fn failed(&mut self, rule: &Rule, place: usize, now: i64) -> u32 {
        let Some(clock) = self.rules.get_mut(place) else { return 0 };
        clock.failures = clock.failures.saturating_add(1);
        let failures = clock.failures;
        let doubled = limits::FAILED_FIRST << failures.saturating_sub(1).min(16);
        let every = rule.measure().map_or(limits::FAILED_MAX, |measure| measure.every);
        self.set_next(place, now.saturating_add(doubled.min(limits::FAILED_MAX).min(every)));
        failures
    }

    /// Puts a rule off until its next window is due.
    fn put_off(&mut self, rule: &Rule, place: usize, now: i64) {
        let next = self.evaluated(place).and_then(|end| next_due(rule, end));
        // Windows that a clock ahead of the time judged say nothing of when the next is due.
        let latest = rule.measure().map_or(now, |measure| {
            let delay = measure.lateness.saturating_add(rule.spread());
            now.saturating_add(measure.every).saturating_add(delay)
        });
        let soon = now.saturating_add(1_000_000);
        self.set_next(place, next.unwrap_or(soon).max(now.saturating_add(1)).min(latest.max(soon)));
    }

    fn set_next(&mut self, place: usize, next: i64) {
        let Some(clock) = self.rules.get_mut(place) else { return };
        self.queue.remove(&(clock.next, place));
        clock.next = next;
        self.queue.insert((next, place));
    }

    /// A model that is to be asked about late data.
    pub(super) fn due_model(&self, now: i64) -> Option<String> {
        let due = self.models.iter().find(|(_, model)| model.next <= now);
        due.map(|(name, _)| name.clone())
    }

    /// When anything is due next.
    pub(super) fn next_due(&self) -> Option<i64> {
        let rule = self.queue.first().map(|(next, _)| *next);
        rule.into_iter().chain(self.models.values().map(|model| model.next)).min()
    }
}

/// When a model is first asked about: all of its horizon is judged again then, so models are spread.
fn first_look(model: &str, now: i64) -> i64 {
    let hash = std::hash::BuildHasherDefault::<std::hash::DefaultHasher>::default().hash_one(model);
    let spread = hash % limits::TOUCHED_EVERY.unsigned_abs();
    now.saturating_add(i64::try_from(spread).unwrap_or(0))
}
