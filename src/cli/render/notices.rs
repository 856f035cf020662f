//! Notices that wait to be sent, and those that were given up.

use std::io;

use serde::Serialize;

use super::{
    Format, Style,
    alert_state::time,
    machine,
    table::{Table, counted, name, name_or_none, sentence, titles},
};
use crate::{alerting::Posted, cli::time::format_time};

#[derive(Serialize)]
struct View<'a> {
    notices: Vec<NoticeView<'a>>,
}

#[derive(Serialize)]
struct NoticeView<'a> {
    id: u64,
    channel: &'a str,
    rule: &'a str,
    feature: Option<&'a str>,
    state: &'static str,
    severity: &'static str,
    summary: &'a str,
    dedup_key: &'a str,
    event: String,
    created: String,
    attempts: u32,
    next_attempt: Option<String>,
    given_up: Option<String>,
    error: Option<&'a str>,
}

fn view(posted: &Posted) -> NoticeView<'_> {
    let notice = &posted.notice;
    NoticeView {
        id: posted.id,
        channel: &notice.channel,
        rule: &notice.event.rule,
        feature: notice.event.feature.as_deref(),
        state: notice.event.state.name(),
        severity: notice.severity.name(),
        summary: &notice.summary,
        dedup_key: &notice.event.dedup_key,
        event: posted.event.to_string(),
        created: format_time(posted.created),
        attempts: posted.attempts,
        next_attempt: posted.next_attempt.map(format_time),
        given_up: posted.dead_at.map(format_time),
        error: posted.error.as_deref(),
    }
}

/// Writes notices that wait to be sent.
///
/// # Errors
/// What `out` gives.
pub fn outbox(
    notices: &[Posted],
    out: &mut dyn io::Write,
    format: Format,
    style: &Style,
) -> io::Result<()> {
    write(notices, ("next try", "nothing waits to be sent"), (out, format, style))
}

/// Writes notices that were given up.
///
/// # Errors
/// What `out` gives.
pub fn dead_letters(
    notices: &[Posted],
    out: &mut dyn io::Write,
    format: Format,
    style: &Style,
) -> io::Result<()> {
    write(notices, ("given up", "no dead letters"), (out, format, style))
}

fn write(
    notices: &[Posted],
    (when, none): (&'static str, &str),
    (out, format, style): (&mut dyn io::Write, Format, &Style),
) -> io::Result<()> {
    match format {
        Format::Json => machine::json(out, &View { notices: notices.iter().map(view).collect() }),
        Format::Csv => csv(notices, out),
        Format::Table if notices.is_empty() => writeln!(out, "{none}"),
        Format::Table => {
            let heads =
                [">id", "channel", "rule", "feature", "state", "written", ">tries", when, "error"];
            let mut table = Table::new(style, &titles(heads));
            for posted in notices {
                let event = &posted.notice.event;
                table.row([
                    posted.id.to_string(),
                    name(&posted.notice.channel),
                    name(&event.rule),
                    name_or_none(event.feature.as_deref()),
                    event.state.name().to_owned(),
                    format_time(posted.created),
                    posted.attempts.to_string(),
                    time(posted.next_attempt.or(posted.dead_at)),
                    sentence(posted.error.as_deref().unwrap_or_default()),
                ]);
            }
            table.write(out)?;
            writeln!(out, "{}", counted(notices.len() as u64, "notice"))
        }
    }
}

fn csv(notices: &[Posted], out: &mut dyn io::Write) -> io::Result<()> {
    let header = [
        "id",
        "channel",
        "rule",
        "feature",
        "state",
        "severity",
        "summary",
        "created",
        "attempts",
        "next_attempt",
        "given_up",
        "error",
    ];
    let record = |posted: &Posted| {
        let view = view(posted);
        [
            view.id.to_string(),
            view.channel.to_owned(),
            view.rule.to_owned(),
            machine::optional(view.feature),
            view.state.to_owned(),
            view.severity.to_owned(),
            view.summary.to_owned(),
            view.created,
            view.attempts.to_string(),
            view.next_attempt.unwrap_or_default(),
            view.given_up.unwrap_or_default(),
            machine::optional(view.error),
        ]
    };
    machine::csv(out, header, notices.iter().map(record))
}

#[derive(Serialize)]
struct DoneView<'a> {
    done: &'a str,
    dead_letters: usize,
}

/// Writes how many dead letters something was done with.
///
/// # Errors
/// What `out` gives.
pub fn letters_done(
    done: &str,
    letters: usize,
    out: &mut dyn io::Write,
    format: Format,
) -> io::Result<()> {
    match format {
        Format::Json => machine::json(out, &DoneView { done, dead_letters: letters }),
        Format::Csv => {
            machine::csv(out, ["done", "dead_letters"], [[done.to_owned(), letters.to_string()]])
        }
        Format::Table => writeln!(out, "{} {done}", counted(letters as u64, "dead letter")),
    }
}
