//! `alerts`: their states and history, silences, acknowledgements, and what is sent of them.

use driftline_storage::{Error, ErrorKind};

use super::{
    args::{
        AckArgs, AlertFilterArgs, AlertHistoryArgs, AlertName, AlertsCommand, GlobalArgs,
        LettersArgs, SilenceArgs,
    },
    backend::Backend,
    channels::test_channel,
    outcome::{Failure, Outcome},
    render,
    session::{open_existing, show, usage},
    user::user,
};
use crate::{
    alerting::{
        AlertFilter, AlertInfo, DeadLetters, Firing, HistoryEntry, HistoryRequest, NewSilence,
    },
    now_micros,
};

/// Events of an alert that `alerts show` lists.
const EVENTS_SHOWN: usize = 10;
/// Events that are asked for at a time.
const PAGE_EVENTS: usize = 1_000;

/// Runs a command about alerts.
pub(super) fn alerts(global: &GlobalArgs, command: &AlertsCommand) -> Outcome {
    match command {
        AlertsCommand::List(args) => list(global, args),
        AlertsCommand::Show(args) => show_alert(global, &args.alert),
        AlertsCommand::History(args) => history(global, args),
        AlertsCommand::Silence(args) => silence(global, args),
        AlertsCommand::Silences { expired } => {
            let silences = open_existing(global)?.silences(*expired)?;
            show(global, |out, format, style| {
                render::silences(&silences, now_micros(), (out, format, style))
            })
        }
        AlertsCommand::Unsilence { id } => {
            let ended = open_existing(global)?.expire_silence(*id)?;
            show(global, |out, format, _| render::silence(&ended, "ended", out, format))
        }
        AlertsCommand::Ack(args) => acknowledge(global, args),
        AlertsCommand::Unack(args) => {
            let firing = firing(&args.alert);
            open_existing(global)?.unacknowledge(&firing)?;
            show(global, |out, format, _| render::unacknowledged(&firing, out, format))
        }
        AlertsCommand::Outbox(args) => {
            let notices = open_existing(global)?.pending_notices(args.limit)?;
            show(global, |out, format, style| render::outbox(&notices, out, format, style))
        }
        AlertsCommand::DeadLetters(args) => {
            let notices = open_existing(global)?.dead_letters(args.limit)?;
            show(global, |out, format, style| render::dead_letters(&notices, out, format, style))
        }
        AlertsCommand::TestChannel(args) => test_channel(global, args),
        AlertsCommand::Retry(args) => {
            let count = open_existing(global)?.retry_dead(&letters(args)).map_err(usage)?;
            show(global, |out, format, _| render::letters_done("retried", count, out, format))
        }
        AlertsCommand::Drop(args) => {
            let count = open_existing(global)?.drop_dead(&letters(args)).map_err(usage)?;
            show(global, |out, format, _| render::letters_done("dropped", count, out, format))
        }
    }
}

fn list(global: &GlobalArgs, args: &AlertFilterArgs) -> Outcome {
    let filter = AlertFilter {
        rule: args.rule.clone(),
        model: args.model.clone(),
        feature: args.feature.clone(),
        states: args.state.clone(),
        severity: args.severity,
        ..AlertFilter::default()
    };
    let alerts = open_existing(global)?.alerts(&filter).map_err(usage)?;
    show(global, |out, format, style| render::alerts(&alerts, out, format, style))
}

/// The alert that is meant: by its rule alone only if the rule has one.
fn find(backend: &dyn Backend, name: &AlertName) -> std::result::Result<AlertInfo, Failure> {
    let (filter, wanted) = match name {
        AlertName::Key(key) => (AlertFilter::default(), format!("the firing {key}")),
        AlertName::Rule(rule, feature) => {
            let (rule, feature) = (Some(rule.clone()), feature.clone());
            let of = feature.as_ref().map(|name| format!(" on {name:?}")).unwrap_or_default();
            let text = format!("rule {:?}{of}", rule.as_deref().unwrap_or_default());
            (AlertFilter { rule, feature, ..AlertFilter::default() }, text)
        }
    };
    let mut found = backend.alerts(&filter)?;
    if let AlertName::Key(key) = name {
        found.retain(|alert| alert.dedup_key.as_ref() == Some(key));
    }
    if let AlertName::Rule(rule, None) = name
        && found.len() > 1
    {
        let features = found.iter().filter_map(|alert| alert.feature.as_deref());
        let features: Vec<String> = features.take(5).map(|of| format!("{rule}/{of}")).collect();
        let text = format!(
            "rule {rule:?} has {} alerts; name one, such as {}",
            found.len(),
            features.join(", ")
        );
        return Err(Failure::Usage(text));
    }
    found.pop().ok_or_else(|| {
        let text = format!("there is no alert of {wanted}; driftline alerts list has all");
        Failure::Failed(Error::new(ErrorKind::NotFound, text))
    })
}

fn show_alert(global: &GlobalArgs, name: &AlertName) -> Outcome {
    let backend = open_existing(global)?;
    let alert = find(&*backend, name)?;
    let request = HistoryRequest {
        rule: Some(alert.rule.clone()),
        feature: alert.feature.clone(),
        limit: EVENTS_SHOWN,
        ..HistoryRequest::default()
    };
    let page = backend.alert_history(&request)?;
    show(global, |out, format, style| render::alert(&alert, &page.entries, (out, format, style)))
}

fn history(global: &GlobalArgs, args: &AlertHistoryArgs) -> Outcome {
    let (from, to) = args.interval(now_micros())?;
    if to <= from {
        return Err(Failure::Usage("--to: the interval ends before it starts".to_owned()));
    }
    let backend = open_existing(global)?;
    let request = HistoryRequest {
        from: Some(from),
        to: Some(to),
        rule: args.rule.clone(),
        model: args.model.clone(),
        feature: args.feature.clone(),
        states: args.state.clone(),
        limit: 0,
        before: None,
    };
    let (entries, more) = events(&*backend, request, args.limit)?;
    let rules = backend.rules()?.set;
    let shown = render::ShownHistory { from, to, entries: &entries, more, rules: &rules };
    show(global, |out, format, style| render::alert_history(&shown, out, format, style))
}

/// The newest events of a request, page by page, and whether there are more.
fn events(
    backend: &dyn Backend,
    mut request: HistoryRequest,
    limit: usize,
) -> driftline_storage::Result<(Vec<HistoryEntry>, bool)> {
    let mut all = Vec::new();
    loop {
        request.limit = (limit - all.len()).min(PAGE_EVENTS);
        if request.limit == 0 {
            return Ok((all, true));
        }
        let page = backend.alert_history(&request)?;
        all.extend(page.entries);
        request.before = page.next;
        if request.before.is_none() {
            return Ok((all, false));
        }
    }
}

fn silence(global: &GlobalArgs, args: &SilenceArgs) -> Outcome {
    let now = now_micros();
    let (starts, ends) = args.interval(now)?;
    let silence = NewSilence {
        matchers: args.matcher.clone(),
        // The clock of the database says when now is.
        starts: Some(starts).filter(|starts| *starts != now),
        ends,
        author: user(args.author.as_deref()),
        comment: args.comment.clone(),
    };
    let flags = [("starts", "--from"), ("ends", "--until"), ("start_time", "--from")];
    let flags = [&flags[..], &[("end_time", "--until"), ("matchers", "--matcher")]].concat();
    let made = open_existing(global)?.silence(silence);
    let made = made.map_err(|error| usage(error.with_fields_renamed(&flags)))?;
    show(global, |out, format, _| render::silence(&made, "made", out, format))
}

fn firing(name: &AlertName) -> Firing {
    match name {
        AlertName::Key(key) => Firing::Key(key.clone()),
        AlertName::Rule(rule, feature) => {
            Firing::Alert { rule: rule.clone(), feature: feature.clone() }
        }
    }
}

fn acknowledge(global: &GlobalArgs, args: &AckArgs) -> Outcome {
    let author = user(args.author.as_deref());
    let backend = open_existing(global)?;
    let taken = backend.acknowledge(&firing(&args.alert.alert), &author, &args.comment);
    let taken = taken.map_err(usage)?;
    show(global, |out, format, _| render::acknowledged(&taken, out, format))
}

fn letters(args: &LettersArgs) -> DeadLetters {
    if args.all { DeadLetters::All } else { DeadLetters::Ids(args.ids.clone()) }
}
