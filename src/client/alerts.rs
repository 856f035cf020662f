//! Rules and alerts of a server.

use driftline_alerts::{Mistakes, RuleSet, Silence};
use driftline_proto::v1::{self, alert_service_client::AlertServiceClient};
use driftline_storage::{ErrorKind, Result};
use tonic::transport::Channel;

use super::{ANSWER_BYTES_MAX, Client};
use crate::{
    alerting::{
        Acknowledgement, AlertFilter, AlertInfo, Applied, AppliedChange, Apply, DeadLetters,
        Firing, HistoryPage, HistoryRequest, NewSilence, Overview, Posted, RuleOverview,
    },
    wire::{alert_events, alerts, rules},
};

/// What is asked for at a time: the most that a server gives.
const PAGE_SIZE: u32 = 1_000;

impl Client {
    fn alert_service(&self) -> AlertServiceClient<Channel> {
        AlertServiceClient::new(self.channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// The set of rules that is in force.
    ///
    /// # Errors
    /// As [`crate::alerting::Alerts::rules`].
    pub fn rules(&self) -> Result<Applied> {
        alerts::applied(self.wait(self.alert_service().get_rules(v1::GetRulesRequest {}))?)
    }

    /// Puts a set of rules in the place of the one before, see [`crate::alerting::Alerts::apply`].
    ///
    /// # Errors
    /// As there.
    pub fn apply_rules(
        &self,
        set: &RuleSet,
        options: &Apply,
    ) -> Result<std::result::Result<AppliedChange, Mistakes>> {
        let request = alerts::write_apply(set, options);
        match self.wait(self.alert_service().apply_rules(request)) {
            Ok(change) => alerts::change(change).map(Ok),
            // An error has room for a few mistakes only: all of them are an answer of its own.
            Err(error) if error.kind() == ErrorKind::InvalidArgument => {
                let mistakes = self.check_rules(set)?;
                if mistakes.0.is_empty() { Err(error) } else { Ok(Err(mistakes)) }
            }
            Err(error) => Err(error),
        }
    }

    /// All mistakes of a set of rules; none means that it can be applied.
    ///
    /// # Errors
    /// As [`crate::alerting::Alerts::check`].
    pub fn check_rules(&self, set: &RuleSet) -> Result<Mistakes> {
        let source = v1::check_rules_request::Source::RuleSet(rules::write_set(set));
        let request = v1::CheckRulesRequest { source: Some(source) };
        let answer = self.wait(self.alert_service().check_rules(request))?;
        Ok(rules::mistakes(answer.mistakes))
    }

    /// The rules that are in force, and how it goes with each.
    ///
    /// # Errors
    /// As [`crate::alerting::Alerts::rule_overviews`].
    pub fn rule_overviews(&self) -> Result<Vec<RuleOverview>> {
        self.pages(|page_token| {
            let request = v1::ListRulesRequest { page_size: PAGE_SIZE, page_token };
            let page = self.wait(self.alert_service().list_rules(request))?;
            let rules = page.rules.into_iter().map(alerts::rule).collect::<Result<Vec<_>>>()?;
            Ok((rules, page.next_page_token))
        })
    }

    /// How it goes with alerts as a whole.
    ///
    /// # Errors
    /// As [`crate::alerting::Alerts::overview`].
    pub fn alert_overview(&self) -> Result<Overview> {
        let request = v1::GetAlertStatusRequest {};
        alerts::overview(self.wait(self.alert_service().get_alert_status(request))?)
    }

    /// The alerts as they are now.
    ///
    /// # Errors
    /// As [`crate::alerting::Alerts::list`].
    pub fn alerts(&self, filter: &AlertFilter) -> Result<Vec<AlertInfo>> {
        self.pages(|page_token| {
            let request = alerts::write_filter(filter, PAGE_SIZE, page_token);
            let page = self.wait(self.alert_service().list_alerts(request))?;
            let alerts = page.alerts.into_iter().map(alerts::alert).collect::<Result<Vec<_>>>()?;
            Ok((alerts, page.next_page_token))
        })
    }

    /// A page of what became of alerts, the newest first.
    ///
    /// # Errors
    /// As [`crate::alerting::Alerts::history`].
    pub fn alert_history(&self, request: &HistoryRequest) -> Result<HistoryPage> {
        let request = alert_events::write_history_request(request);
        alert_events::history(self.wait(self.alert_service().list_alert_events(request))?)
    }

    /// Makes a silence.
    ///
    /// # Errors
    /// As [`crate::alerting::Alerts::silence`].
    pub fn silence(&self, silence: &NewSilence) -> Result<Silence> {
        let request = alerts::write_new_silence(silence);
        alerts::silence(self.wait(self.alert_service().create_silence(request))?.silence)
    }

    /// Silences by number.
    ///
    /// # Errors
    /// As [`crate::alerting::Alerts::silences`].
    pub fn silences(&self, include_expired: bool) -> Result<Vec<Silence>> {
        self.pages(|page_token| {
            let show_expired = include_expired;
            let request =
                v1::ListSilencesRequest { page_size: PAGE_SIZE, page_token, show_expired };
            let page = self.wait(self.alert_service().list_silences(request))?;
            let silences = page.silences.into_iter().map(|one| alerts::silence(Some(one)));
            Ok((silences.collect::<Result<Vec<_>>>()?, page.next_page_token))
        })
    }

    /// Ends a silence now.
    ///
    /// # Errors
    /// As [`crate::alerting::Alerts::expire_silence`].
    pub fn expire_silence(&self, id: u64) -> Result<Silence> {
        let request = v1::ExpireSilenceRequest { id };
        alerts::silence(self.wait(self.alert_service().expire_silence(request))?.silence)
    }

    /// Takes note of a firing.
    ///
    /// # Errors
    /// As [`crate::alerting::Alerts::acknowledge`].
    pub fn acknowledge(
        &self,
        firing: &Firing,
        author: &str,
        comment: &str,
    ) -> Result<Acknowledgement> {
        let request = v1::AcknowledgeAlertRequest {
            alert: Some(alerts::write_firing(firing)),
            author: author.to_owned(),
            comment: comment.to_owned(),
        };
        let answer = self.wait(self.alert_service().acknowledge_alert(request))?;
        alerts::acknowledgement(answer.acknowledgement.unwrap_or_default())
    }

    /// Takes an acknowledgement back.
    ///
    /// # Errors
    /// As [`crate::alerting::Alerts::unacknowledge`].
    pub fn unacknowledge(&self, firing: &Firing) -> Result<()> {
        let alert = Some(alerts::write_firing(firing));
        let request = v1::UnacknowledgeAlertRequest { alert };
        self.wait(self.alert_service().unacknowledge_alert(request)).map(|_| ())
    }

    /// Notices that are to be sent, the oldest first.
    ///
    /// # Errors
    /// As [`crate::alerting::Alerts::pending`].
    pub fn pending_notices(&self, limit: usize) -> Result<Vec<Posted>> {
        self.notices(limit, |page_size, page_token| {
            let request = v1::ListPendingNoticesRequest { page_size, page_token };
            let page = self.wait(self.alert_service().list_pending_notices(request))?;
            Ok((page.notices, page.next_page_token))
        })
    }

    /// Notices that were given up, the oldest first.
    ///
    /// # Errors
    /// As [`crate::alerting::Alerts::dead_letters`].
    pub fn dead_letters(&self, limit: usize) -> Result<Vec<Posted>> {
        self.notices(limit, |page_size, page_token| {
            let request = v1::ListDeadLettersRequest { page_size, page_token };
            let page = self.wait(self.alert_service().list_dead_letters(request))?;
            Ok((page.notices, page.next_page_token))
        })
    }

    /// Has dead letters sent again.
    ///
    /// # Errors
    /// As [`crate::alerting::Alerts::retry_dead`].
    pub fn retry_dead(&self, which: &DeadLetters) -> Result<usize> {
        let (ids, all) = alert_events::write_dead_letters(which);
        let request = v1::RetryDeadLettersRequest { ids, all };
        let answer = self.wait(self.alert_service().retry_dead_letters(request))?;
        Ok(usize::try_from(answer.notices).unwrap_or(usize::MAX))
    }

    /// Lets go of dead letters.
    ///
    /// # Errors
    /// As [`crate::alerting::Alerts::drop_dead`].
    pub fn drop_dead(&self, which: &DeadLetters) -> Result<usize> {
        let (ids, all) = alert_events::write_dead_letters(which);
        let request = v1::DropDeadLettersRequest { ids, all };
        let answer = self.wait(self.alert_service().drop_dead_letters(request))?;
        Ok(usize::try_from(answer.notices).unwrap_or(usize::MAX))
    }

    /// The oldest notices, page by page.
    fn notices(
        &self,
        limit: usize,
        page: impl Fn(u32, String) -> Result<(Vec<v1::AlertNotice>, String)>,
    ) -> Result<Vec<Posted>> {
        let mut all = Vec::new();
        let mut token = String::new();
        while all.len() < limit {
            let size = u32::try_from(limit - all.len()).unwrap_or(PAGE_SIZE).min(PAGE_SIZE);
            let (notices, next) = page(size, token)?;
            for notice in notices {
                all.push(alert_events::posted(notice)?);
            }
            token = next;
            if token.is_empty() {
                break;
            }
        }
        Ok(all)
    }

    /// All pages of a list, by their tokens.
    fn pages<T>(&self, page: impl Fn(String) -> Result<(Vec<T>, String)>) -> Result<Vec<T>> {
        let (mut all, mut token) = (Vec::new(), String::new());
        loop {
            let (part, next) = page(token)?;
            all.extend(part);
            token = next;
            if token.is_empty() {
                return Ok(all);
            }
        }
    }
}
