//! What commands about rules in force and alerts ask of a database, near or far.

use driftline_alerts::{Mistakes, RuleSet, Silence};
use driftline_storage::Result;

use crate::{
    Monitor,
    alerting::{
        Acknowledgement, AlertFilter, AlertInfo, Applied, AppliedChange, Apply, DeadLetters,
        Firing, HistoryPage, HistoryRequest, NewSilence, Overview, Posted, RuleOverview,
    },
    client::Client,
    now_micros,
};

/// Rules in force and alerts, see [`crate::alerting::Alerts`].
pub trait AlertBackend {
    /// See [`crate::alerting::Alerts::rules`].
    fn rules(&self) -> Result<Applied>;
    /// See [`crate::alerting::Alerts::apply`].
    fn apply_rules(
        &self,
        set: &RuleSet,
        options: &Apply,
    ) -> Result<std::result::Result<AppliedChange, Mistakes>>;
    /// See [`crate::alerting::Alerts::rule_overviews`].
    fn rule_overviews(&self) -> Result<Vec<RuleOverview>>;
    /// See [`crate::alerting::Alerts::overview`].
    fn alert_overview(&self) -> Result<Overview>;
    /// See [`crate::alerting::Alerts::list`].
    fn alerts(&self, filter: &AlertFilter) -> Result<Vec<AlertInfo>>;
    /// See [`crate::alerting::Alerts::history`].
    fn alert_history(&self, request: &HistoryRequest) -> Result<HistoryPage>;
    /// See [`crate::alerting::Alerts::silence`].
    fn silence(&self, silence: NewSilence) -> Result<Silence>;
    /// See [`crate::alerting::Alerts::silences`].
    fn silences(&self, include_expired: bool) -> Result<Vec<Silence>>;
    /// See [`crate::alerting::Alerts::expire_silence`].
    fn expire_silence(&self, id: u64) -> Result<Silence>;
    /// See [`crate::alerting::Alerts::acknowledge`].
    fn acknowledge(&self, firing: &Firing, author: &str, comment: &str) -> Result<Acknowledgement>;
    /// See [`crate::alerting::Alerts::unacknowledge`].
    fn unacknowledge(&self, firing: &Firing) -> Result<()>;
    /// See [`crate::alerting::Alerts::pending`].
    fn pending_notices(&self, limit: usize) -> Result<Vec<Posted>>;
    /// See [`crate::alerting::Alerts::dead_letters`].
    fn dead_letters(&self, limit: usize) -> Result<Vec<Posted>>;
    /// See [`crate::alerting::Alerts::retry_dead`].
    fn retry_dead(&self, which: &DeadLetters) -> Result<usize>;
    /// See [`crate::alerting::Alerts::drop_dead`].
    fn drop_dead(&self, which: &DeadLetters) -> Result<usize>;
}

impl AlertBackend for Monitor {
    fn rules(&self) -> Result<Applied> {
        self.alerts().rules()
    }

    fn apply_rules(
        &self,
        set: &RuleSet,
        options: &Apply,
    ) -> Result<std::result::Result<AppliedChange, Mistakes>> {
        self.alerts().apply(set.clone(), options)
    }

    fn rule_overviews(&self) -> Result<Vec<RuleOverview>> {
        self.alerts().rule_overviews()
    }

    fn alert_overview(&self) -> Result<Overview> {
        self.alerts().overview(now_micros())
    }

    fn alerts(&self, filter: &AlertFilter) -> Result<Vec<AlertInfo>> {
        self.alerts().list(filter)
    }

    fn alert_history(&self, request: &HistoryRequest) -> Result<HistoryPage> {
        self.alerts().history(request)
    }

    fn silence(&self, silence: NewSilence) -> Result<Silence> {
        self.alerts().silence(silence)
    }

    fn silences(&self, include_expired: bool) -> Result<Vec<Silence>> {
        self.alerts().silences(include_expired)
    }

    fn expire_silence(&self, id: u64) -> Result<Silence> {
        self.alerts().expire_silence(id)
    }

    fn acknowledge(&self, firing: &Firing, author: &str, comment: &str) -> Result<Acknowledgement> {
        self.alerts().acknowledge(firing, author, comment)
    }

    fn unacknowledge(&self, firing: &Firing) -> Result<()> {
        self.alerts().unacknowledge(firing)
    }

    fn pending_notices(&self, limit: usize) -> Result<Vec<Posted>> {
        self.alerts().pending(limit)
    }

    fn dead_letters(&self, limit: usize) -> Result<Vec<Posted>> {
        self.alerts().dead_letters(limit)
    }

    fn retry_dead(&self, which: &DeadLetters) -> Result<usize> {
        self.alerts().retry_dead(which)
    }

    fn drop_dead(&self, which: &DeadLetters) -> Result<usize> {
        self.alerts().drop_dead(which)
    }
}

impl AlertBackend for Client {
    fn rules(&self) -> Result<Applied> {
        self.rules()
    }

    fn apply_rules(
        &self,
        set: &RuleSet,
        options: &Apply,
    ) -> Result<std::result::Result<AppliedChange, Mistakes>> {
        self.apply_rules(set, options)
    }

    fn rule_overviews(&self) -> Result<Vec<RuleOverview>> {
        self.rule_overviews()
    }

    fn alert_overview(&self) -> Result<Overview> {
        self.alert_overview()
    }

    fn alerts(&self, filter: &AlertFilter) -> Result<Vec<AlertInfo>> {
        self.alerts(filter)
    }

    fn alert_history(&self, request: &HistoryRequest) -> Result<HistoryPage> {
        self.alert_history(request)
    }

    fn silence(&self, silence: NewSilence) -> Result<Silence> {
        self.silence(&silence)
    }

    fn silences(&self, include_expired: bool) -> Result<Vec<Silence>> {
        self.silences(include_expired)
    }

    fn expire_silence(&self, id: u64) -> Result<Silence> {
        self.expire_silence(id)
    }

    fn acknowledge(&self, firing: &Firing, author: &str, comment: &str) -> Result<Acknowledgement> {
        self.acknowledge(firing, author, comment)
    }

    fn unacknowledge(&self, firing: &Firing) -> Result<()> {
        self.unacknowledge(firing)
    }

    fn pending_notices(&self, limit: usize) -> Result<Vec<Posted>> {
        self.pending_notices(limit)
    }

    fn dead_letters(&self, limit: usize) -> Result<Vec<Posted>> {
        self.dead_letters(limit)
    }

    fn retry_dead(&self, which: &DeadLetters) -> Result<usize> {
        self.retry_dead(which)
    }

    fn drop_dead(&self, which: &DeadLetters) -> Result<usize> {
        self.drop_dead(which)
    }
}
