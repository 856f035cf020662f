//! What the service counts for Prometheus. Labels are of few values: results, severities, and channels,
//! of which a set has a bounded number.

use driftline_alerts::{AlertState, Severity, State};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::store::Kept;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ResultLabel {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SeverityLabel {
    severity: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NotificationLabel {
    channel: String,
    result: &'static str,
}

/// The counters.
#[derive(Debug)]
pub(crate) struct Meters {
    evaluations: Family<ResultLabel, Counter>,
    seconds: Histogram,
    rules: Gauge,
    firing: Family<SeverityLabel, Gauge>,
    pending: Gauge,
    dead: Gauge,
    notifications: Family<NotificationLabel, Counter>,
}

impl Default for Meters {
    fn default() -> Self {
        Self {
            evaluations: Family::default(),
            seconds: Histogram::new([0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0]),
            rules: Gauge::default(),
            firing: Family::default(),
            pending: Gauge::default(),
            dead: Gauge::default(),
            notifications: Family::default(),
        }
    }
}

impl Meters {
    /// Registers all of them.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let help = "Evaluations of alert rules, by result";
        registry.register("alert_evaluations", help, self.evaluations.clone());
        let help = "Time that a query for alert rules took";
        let seconds = self.seconds.clone();
        registry.register_with_unit("alert_evaluation", help, Unit::Seconds, seconds);
        registry.register("alert_rules", "Alert rules in force", self.rules.clone());
        registry.register("alerts_firing", "Alerts that fire, by severity", self.firing.clone());
        let help = "Notices that are to be sent";
        registry.register("alert_outbox_pending", help, self.pending.clone());
        registry.register("alert_dead_letters", "Notices that were given up", self.dead.clone());
        let help = "Tries to send a notice, by channel and result";
        registry.register("alert_notifications", help, self.notifications.clone());
    }

    /// Counts evaluations of rules: `ok`, `failed`, `slow`.
    pub(super) fn evaluated(&self, result: &'static str, count: u64) {
        self.evaluations.get_or_create(&ResultLabel { result }).inc_by(count);
    }

    /// Counts the time of a query.
    pub(super) fn took(&self, seconds: f64) {
        self.seconds.observe(seconds);
    }

    /// Lets go of the counts of a channel that is gone.
    pub(super) fn forget(&self, channel: &str) {
        for result in ["delivered", "failed", "refused"] {
            let channel = channel.to_owned();
            self.notifications.remove(&NotificationLabel { channel, result });
        }
    }

    /// Counts a try to send a notice: `delivered`, `failed`, `refused`.
    pub(super) fn notified(&self, channel: &str, result: &'static str) {
        let label = NotificationLabel { channel: channel.to_owned(), result };
        self.notifications.get_or_create(&label).inc();
    }

    /// Notes sizes.
    pub(super) fn sizes(&self, kept: &Kept) {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.rules.set(number(kept.applied.set.rules.len()));
        self.pending.set(number(kept.queue.len()));
        self.dead.set(number(kept.dead));
    }

    /// Notes how many alerts fire.
    pub(super) fn firing<'a>(&self, alerts: impl Iterator<Item = (Severity, &'a State)>) {
        let mut counts = Severity::ALL.map(|severity| (severity, 0));
        for (severity, state) in alerts {
            let count = counts.iter_mut().find(|(known, _)| *known == severity);
            if let (Some((_, count)), AlertState::Firing) = (count, state.state()) {
                *count += 1;
            }
        }
        for (severity, count) in counts {
            let label = SeverityLabel { severity: severity.name() };
            self.firing.get_or_create(&label).set(count);
        }
    }
}
