//! What became of alerts: recorded events, the newest first, with how their notices fared.

use std::ops::{Bound, ControlFlow};

use driftline_alerts::{AlertState, Event, Severity};
use driftline_storage::{Error, Result};

use super::{
    limits,
    records::{DELIVERIES, Delivery, EVENTS, EventId, EventRecord, decode},
    store::Store,
};

/// Which events are wanted; what is not said is any.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HistoryRequest {
    /// Found at this time or later, by the clock, in microseconds.
    pub from: Option<i64>,
    /// Found before this time.
    pub to: Option<i64>,
    /// Of this rule.
    pub rule: Option<String>,
    /// Of this model.
    pub model: Option<String>,
    /// Of this feature.
    pub feature: Option<String>,
    /// Of these states; none named means any.
    pub states: Vec<AlertState>,
    /// Events of the page, 1,000 at most; 0 means 100.
    pub limit: usize,
    /// The place that the page before ended at.
    pub before: Option<EventId>,
}

impl HistoryRequest {
    fn wants(&self, record: &EventRecord) -> bool {
        let fits = |wanted: &Option<String>, value: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| value == Some(wanted))
        };
        fits(&self.rule, Some(&record.event.rule))
            && fits(&self.model, record.model.as_deref())
            && fits(&self.feature, record.event.feature.as_deref())
            && (self.states.is_empty() || self.states.contains(&record.event.state))
    }
}

/// A recorded event.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryEntry {
    /// Its place.
    pub id: EventId,
    /// What happened.
    pub event: Event,
    /// The model of its rule; none of a composite.
    pub model: Option<String>,
    /// The version, if the rule named one.
    pub version: Option<String>,
    /// What was measured; none of a composite.
    pub metric: Option<String>,
    /// How grave it was.
    pub severity: Severity,
    /// How the notices of it fared, by channel.
    pub deliveries: Vec<Delivery>,
}

/// A page of the history.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HistoryPage {
    /// Events, the newest first.
    pub entries: Vec<HistoryEntry>,
    /// What to give as `before` for the next page; none if there is none.
    pub next: Option<EventId>,
}

impl Store {
    pub(super) fn history(&self, request: &HistoryRequest) -> Result<HistoryPage> {
        if request.limit > limits::PAGE_EVENTS_MAX {
            let most = limits::PAGE_EVENTS_MAX;
            return Err(Error::invalid("limit", format!("{} is more than {most}", request.limit)));
        }
        let limit = if request.limit == 0 { limits::PAGE_EVENTS_DEFAULT } else { request.limit };
        let from = request.from.map(|at| EventId { at, number: 0 }.key());
        let to = request.to.map(|at| EventId { at, number: 0 });
        let to = to.into_iter().chain(request.before).min().map(EventId::key);
        if let (Some(from), Some(to)) = (&from, &to)
            && from >= to
        {
            return Ok(HistoryPage::default());
        }
        let from = from.as_deref().map_or(Bound::Unbounded, Bound::Included);
        let to = to.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut page = HistoryPage::default();
        self.each_of(EVENTS, (from, to), true, &mut |key, value| {
            let record: EventRecord = decode(EVENTS, value)?;
            if !request.wants(&record) {
                return Ok(ControlFlow::Continue(()));
            }
            if page.entries.len() == limit {
                page.next = page.entries.last().map(|entry| entry.id);
                return Ok(ControlFlow::Break(()));
            }
            let id = EventId::of_key(key)?;
            page.entries.push(HistoryEntry {
                id,
                event: record.event,
                model: record.model,
                version: record.version,
                metric: record.metric,
                severity: record.severity,
                deliveries: Vec::new(),
            });
            Ok(ControlFlow::Continue(()))
        })?;
        for entry in &mut page.entries {
            entry.deliveries = self.deliveries(entry.id)?;
        }
        Ok(page)
    }

    fn deliveries(&self, id: EventId) -> Result<Vec<Delivery>> {
        let next = EventId { number: id.number.saturating_add(1), ..id }.key();
        let bounds = (Bound::Included(&*id.key()), Bound::Excluded(&*next));
        let mut deliveries = Vec::new();
        self.each_of(DELIVERIES, bounds, false, &mut |_, value| {
            deliveries.push(decode(DELIVERIES, value)?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(deliveries)
    }

    /// Lets go of events past their number and age, and of how their notices fared.
    ///
    /// # Errors
    /// `Corruption`, `Io`.
    pub(super) fn sweep_history(&self) -> Result<()> {
        let far = EventId { at: self.now().saturating_sub(limits::EVENTS_KEPT), number: 0 };
        let mut count = 0;
        let mut last_gone = None;
        self.each_of(EVENTS, (Bound::Unbounded, Bound::Unbounded), true, &mut |key, _| {
            count += 1;
            let id = EventId::of_key(key)?;
            if count > limits::EVENTS_MAX || id < far {
                last_gone = Some(id);
                return Ok(ControlFlow::Break(()));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        let Some(last_gone) = last_gone else { return Ok(()) };
        let after = EventId { number: last_gone.number.saturating_add(1), ..last_gone }.key();
        for table in [EVENTS, DELIVERIES] {
            loop {
                let bounds = (Bound::Unbounded, Bound::Excluded(&*after));
                let gone = self.db.ledger().scan(table, bounds, false, limits::SCAN_RECORDS)?;
                if gone.is_empty() {
                    break;
                }
                self.change(|draft| {
                    for (key, _) in gone {
                        draft.remove(table, key);
                    }
                    Ok(())
                })?;
            }
        }
        Ok(())
    }
}
