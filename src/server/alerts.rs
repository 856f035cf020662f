//! Rules and alerts: applying, showing, silencing, and what is sent.

use std::sync::Arc;

use driftline_alerts::Syntax;
use driftline_proto::v1::{self, alert_service_server::AlertService};
use driftline_storage::{Error, Result};
use tonic::{Request, Response, Status};

use super::{limits, shared::Shared};
use crate::{
    alerting::{AlertFilter, AlertInfo, Alerts as Facade, Posted, RuleOverview},
    now_micros,
    wire::{self, alert_events, alerts, error::About, rules, rules::Source},
};

/// The alert service.
#[derive(Debug)]
pub(super) struct Alerts(pub(super) Arc<Shared>);

type Answer<T> = Result<Response<T>, Status>;

impl Alerts {
    /// Runs a call of the facade on a thread for that.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Facade) -> Result<T> + Send + 'static,
    ) -> Answer<T> {
        let work = move |shared: &Shared| work(shared.monitor.alerts());
        self.0.run(About::default(), work).await.map(Response::new)
    }
}

#[tonic::async_trait]
impl AlertService for Alerts {
    async fn apply_rules(
        &self,
        request: Request<v1::ApplyRulesRequest>,
    ) -> Answer<v1::ApplyRulesResponse> {
        let request = request.into_inner();
        let options = alerts::apply(&request);
        let work = move |facade: &Facade| {
            let source = Source::of_apply(request.source)?;
            let change = facade.apply(source.read()?, &options);
            let change = change.map_err(|error| error.with_fields_renamed(&[("by", "author")]))?;
            Ok(alerts::write_change(&change.map_err(|mistakes| source.located(mistakes))?))
        };
        self.run(work).await
    }

    async fn check_rules(
        &self,
        request: Request<v1::CheckRulesRequest>,
    ) -> Answer<v1::CheckRulesResponse> {
        let source = request.into_inner().source;
        let work = move |facade: &Facade| {
            let source = Source::of_check(source)?;
            let checked = match source.read() {
                Ok(set) => facade.check(&set)?.map_err(|mistakes| source.located(mistakes)),
                Err(mistakes) => Err(mistakes),
            };
            let mistakes = checked.err().map(rules::write_mistakes).unwrap_or_default();
            Ok(v1::CheckRulesResponse { mistakes })
        };
        self.run(work).await
    }

    async fn get_rules(&self, _: Request<v1::GetRulesRequest>) -> Answer<v1::GetRulesResponse> {
        self.run(|facade| Ok(alerts::write_applied(&facade.rules()?))).await
    }

    async fn export_rules(
        &self,
        request: Request<v1::ExportRulesRequest>,
    ) -> Answer<v1::ExportRulesResponse> {
        let code = request.into_inner().syntax;
        let work = move |facade: &Facade| {
            let syntax = match v1::RuleSyntax::try_from(code) {
                Ok(v1::RuleSyntax::Unspecified | v1::RuleSyntax::Toml) => Syntax::Toml,
                Ok(v1::RuleSyntax::Yaml) => Syntax::Yaml,
                Err(_) => {
                    return Err(Error::invalid("syntax", format!("{code} is no form of a file")));
                }
            };
            let applied = facade.rules()?;
            let revision = applied.revision;
            Ok(v1::ExportRulesResponse { text: applied.set.export(syntax), revision })
        };
        self.run(work).await
    }

    async fn list_rules(
        &self,
        request: Request<v1::ListRulesRequest>,
    ) -> Answer<v1::ListRulesResponse> {
        let request = request.into_inner();
        let work = move |facade: &Facade| {
            let all = facade.rule_overviews()?;
            // A page goes on after the rule that the one before ended with, wherever that is now.
            let token = request.page_token.as_str();
            let start = match token {
                "" => 0,
                token => {
                    let place = all.iter().position(|rule| rule.status.rule == token);
                    place.ok_or_else(|| unknown_token(token))? + 1
                }
            };
            let size = page_size(request.page_size);
            let name = |rule: &RuleOverview| rule.status.rule.clone();
            let (page, next_page_token) = page(all.into_iter().skip(start), size, name);
            let rules = page.iter().map(alerts::write_rule).collect();
            Ok(v1::ListRulesResponse { rules, next_page_token })
        };
        self.run(work).await
    }

    async fn list_alerts(
        &self,
        request: Request<v1::ListAlertsRequest>,
    ) -> Answer<v1::ListAlertsResponse> {
        let request = request.into_inner();
        let work = move |facade: &Facade| {
            let size = page_size(request.page_size);
            let after = alert_after(&request.page_token);
            // One more than the page has says whether there is another.
            let limit = Some(size + 1);
            let filter = AlertFilter { after, limit, ..alerts::filter(request)? };
            let found = facade.list(&filter)?;
            let name = |alert: &AlertInfo| match &alert.feature {
                Some(feature) => format!("{}/{feature}", alert.rule),
                None => alert.rule.clone(),
            };
            let (page, next_page_token) = page(found.into_iter(), size, name);
            let alerts = page.iter().map(alerts::write_alert).collect();
            Ok(v1::ListAlertsResponse { alerts, next_page_token })
        };
        self.run(work).await
    }

    async fn list_alert_events(
        &self,
        request: Request<v1::ListAlertEventsRequest>,
    ) -> Answer<v1::ListAlertEventsResponse> {
        let request = request.into_inner();
        let work = move |facade: &Facade| {
            let size = page_size(request.page_size);
            let page = facade.history(&alert_events::history_request(request, size)?)?;
            Ok(alert_events::write_history(&page))
        };
        self.run(work).await
    }

    async fn create_silence(
        &self,
        request: Request<v1::CreateSilenceRequest>,
    ) -> Answer<v1::CreateSilenceResponse> {
        let request = request.into_inner();
        let work = move |facade: &Facade| {
            let made = facade.silence(alerts::new_silence(request)?);
            let made = made.map_err(|one| one.with_fields_renamed(&alerts::SILENCE_FIELDS))?;
            Ok(v1::CreateSilenceResponse { silence: Some(alerts::write_silence(&made)) })
        };
        self.run(work).await
    }

    async fn list_silences(
        &self,
        request: Request<v1::ListSilencesRequest>,
    ) -> Answer<v1::ListSilencesResponse> {
        let request = request.into_inner();
        let work = move |facade: &Facade| {
            let after = number_after(&request.page_token)?;
            let found = facade.silences(request.show_expired)?.into_iter();
            let found = found.filter(|one| after.is_none_or(|after| one.id > after));
            let (page, next_page_token) =
                page(found, page_size(request.page_size), |one| one.id.to_string());
            let silences = page.iter().map(alerts::write_silence).collect();
            Ok(v1::ListSilencesResponse { silences, next_page_token })
        };
        self.run(work).await
    }

    async fn expire_silence(
        &self,
        request: Request<v1::ExpireSilenceRequest>,
    ) -> Answer<v1::ExpireSilenceResponse> {
        let id = request.into_inner().id;
        let work = move |facade: &Facade| {
            let ended = facade.expire_silence(id)?;
            Ok(v1::ExpireSilenceResponse { silence: Some(alerts::write_silence(&ended)) })
        };
        self.run(work).await
    }

    async fn acknowledge_alert(
        &self,
        request: Request<v1::AcknowledgeAlertRequest>,
    ) -> Answer<v1::AcknowledgeAlertResponse> {
        let v1::AcknowledgeAlertRequest { alert, author, comment } = request.into_inner();
        let work = move |facade: &Facade| {
            let taken = facade.acknowledge(&alerts::firing(alert)?, &author, &comment)?;
            let acknowledgement = Some(alerts::write_acknowledgement(&taken));
            Ok(v1::AcknowledgeAlertResponse { acknowledgement })
        };
        self.run(work).await
    }

    async fn unacknowledge_alert(
        &self,
        request: Request<v1::UnacknowledgeAlertRequest>,
    ) -> Answer<v1::UnacknowledgeAlertResponse> {
        let alert = request.into_inner().alert;
        let work = move |facade: &Facade| {
            facade.unacknowledge(&alerts::firing(alert)?)?;
            Ok(v1::UnacknowledgeAlertResponse {})
        };
        self.run(work).await
    }

    async fn list_pending_notices(
        &self,
        request: Request<v1::ListPendingNoticesRequest>,
    ) -> Answer<v1::ListPendingNoticesResponse> {
        let request = request.into_inner();
        let work = move |facade: &Facade| {
            let wanted = (request.page_size, request.page_token.as_str());
            let (notices, next_page_token) =
                notices(wanted, |after, limit| facade.pending_after(after, limit))?;
            Ok(v1::ListPendingNoticesResponse { notices, next_page_token })
        };
        self.run(work).await
    }

    async fn list_dead_letters(
        &self,
        request: Request<v1::ListDeadLettersRequest>,
    ) -> Answer<v1::ListDeadLettersResponse> {
        let request = request.into_inner();
        let work = move |facade: &Facade| {
            let wanted = (request.page_size, request.page_token.as_str());
            let (notices, next_page_token) =
                notices(wanted, |after, limit| facade.dead_letters_after(after, limit))?;
            Ok(v1::ListDeadLettersResponse { notices, next_page_token })
        };
        self.run(work).await
    }

    async fn retry_dead_letters(
        &self,
        request: Request<v1::RetryDeadLettersRequest>,
    ) -> Answer<v1::RetryDeadLettersResponse> {
        let v1::RetryDeadLettersRequest { ids, all } = request.into_inner();
        let work = move |facade: &Facade| {
            let notices = facade.retry_dead(&alert_events::dead_letters(ids, all)?)?;
            Ok(v1::RetryDeadLettersResponse { notices: notices as u64 })
        };
        self.run(work).await
    }

    async fn drop_dead_letters(
        &self,
        request: Request<v1::DropDeadLettersRequest>,
    ) -> Answer<v1::DropDeadLettersResponse> {
        let v1::DropDeadLettersRequest { ids, all } = request.into_inner();
        let work = move |facade: &Facade| {
            let notices = facade.drop_dead(&alert_events::dead_letters(ids, all)?)?;
            Ok(v1::DropDeadLettersResponse { notices: notices as u64 })
        };
        self.run(work).await
    }

    async fn get_alert_status(
        &self,
        _: Request<v1::GetAlertStatusRequest>,
    ) -> Answer<v1::GetAlertStatusResponse> {
        self.run(|facade| Ok(alerts::write_overview(&facade.overview(now_micros())?))).await
    }
}

/// The size of a page, in its bounds.
fn page_size(wanted: u32) -> usize {
    match usize::try_from(wanted) {
        Ok(0) => limits::PAGE_ALERTS_DEFAULT,
        Ok(size) => size.min(limits::PAGE_ALERTS_MAX),
        Err(_) => limits::PAGE_ALERTS_MAX,
    }
}

/// The first of what is left, and the token of what comes after them.
fn page<T>(
    mut rest: impl Iterator<Item = T>,
    size: usize,
    token: impl Fn(&T) -> String,
) -> (Vec<T>, String) {
    let page: Vec<T> = rest.by_ref().take(size).collect();
    let last = page.last().filter(|_| rest.next().is_some());
    let token = last.map(token).unwrap_or_default();
    (page, token)
}

/// One page of notices, which are known by their number; `list` gives so many behind one.
fn notices(
    (size, token): (u32, &str),
    list: impl FnOnce(Option<u64>, usize) -> Result<Vec<Posted>>,
) -> Result<(Vec<v1::AlertNotice>, String)> {
    let size = page_size(size);
    let found = list(number_after(token)?, size + 1)?;
    let (page, next) = page(found.into_iter(), size, |one| one.id.to_string());
    Ok((page.iter().map(alert_events::write_posted).collect(), next))
}

/// The alert that a page before ended with. No name of a rule has a slash.
fn alert_after(token: &str) -> Option<(String, Option<String>)> {
    match token.split_once('/') {
        _ if token.is_empty() => None,
        Some((rule, feature)) => Some((rule.to_owned(), Some(feature.to_owned()))),
        None => Some((token.to_owned(), None)),
    }
}

/// The number that a page before ended with.
fn number_after(token: &str) -> Result<Option<u64>> {
    let number = Some(token).filter(|token| !token.is_empty()).map(str::parse::<u64>);
    number.transpose().map_err(|_| unknown_token(token))
}

fn unknown_token(token: &str) -> Error {
    let token = wire::clip(token, wire::ECHO_BYTES_MAX);
    let text = format!("{token:?} is of no page that there is now; begin with the first one");
    Error::invalid("page_token", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_end_where_the_next_one_begins() {
        let pages = |size: usize| {
            let (mut after, mut pages) = (String::new(), Vec::new());
            loop {
                let known = number_after(&after).expect("a number");
                let rest = (1..=5_u64).filter(|one| known.is_none_or(|known| *one > known));
                let (page, next) = page(rest, size, u64::to_string);
                pages.push(page);
                after = next;
                if after.is_empty() {
                    return pages;
                }
            }
        };
        assert_eq!(pages(2), [vec![1, 2], vec![3, 4], vec![5]]);
        assert_eq!(pages(5), [vec![1, 2, 3, 4, 5]]);
        assert_eq!(page_size(0), limits::PAGE_ALERTS_DEFAULT);
        assert_eq!(page_size(u32::MAX), limits::PAGE_ALERTS_MAX);
        assert!(number_after("x").is_err());
        assert_eq!(alert_after("a/b/c"), Some(("a".to_owned(), Some("b/c".to_owned()))));
        assert_eq!((alert_after("a"), alert_after("")), (Some(("a".to_owned(), None)), None));
    }
}
