//! What a receiver answered to a test of its channel.

use std::io;

use driftline_alerts::{Channel, Notice};
use serde::Serialize;

use super::{Format, Style, machine, table::sentence};
use crate::alerting::sender::{self, Failure};

/// A notice that was sent, and what came of it.
pub struct Tried {
    /// The notice.
    pub notice: Notice,
    /// What came of it.
    pub outcome: sender::Outcome,
}

#[derive(Serialize)]
struct View<'a> {
    channel: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    notices: Vec<NoticeView<'a>>,
}

#[derive(Serialize)]
struct NoticeView<'a> {
    id: &'a str,
    dedup_key: &'a str,
    state: &'static str,
    outcome: &'static str,
    detail: &'a str,
}

impl Tried {
    fn view(&self) -> NoticeView<'_> {
        let (outcome, detail) = match &self.outcome {
            Ok(delivered) => ("delivered", delivered.detail.as_str()),
            Err(failure @ Failure::Retry { .. }) => ("retry", failure.why()),
            Err(failure @ Failure::Refuse { .. }) => ("refused", failure.why()),
        };
        NoticeView {
            id: &self.notice.id,
            dedup_key: &self.notice.event.dedup_key,
            state: self.notice.event.state.name(),
            outcome,
            detail,
        }
    }
}

/// Writes what came of the notices of a test.
///
/// # Errors
/// What `out` gives.
pub fn tried_channel(
    channel: &Channel,
    tried: &[Tried],
    out: &mut dyn io::Write,
    format: Format,
    _: &Style,
) -> io::Result<()> {
    let notices = tried.iter().map(Tried::view);
    match format {
        Format::Json => {
            let (channel, kind) = (channel.name.as_str(), channel.kind().name());
            machine::json(out, &View { channel, kind, notices: notices.collect() })
        }
        Format::Csv => {
            let record = |view: NoticeView<'_>| {
                [view.id, view.dedup_key, view.state, view.outcome, view.detail].map(str::to_owned)
            };
            let header = ["id", "dedup_key", "state", "outcome", "detail"];
            machine::csv(out, header, notices.map(record))
        }
        Format::Table => {
            for view in notices {
                let detail = sentence(view.detail);
                let text = match view.outcome {
                    "delivered" => format!("delivered ({detail})"),
                    "retry" => format!("not delivered, and a server would try again: {detail}"),
                    _ => format!("not delivered, and a server would give up: {detail}"),
                };
                writeln!(out, "{}: test of state {} {text}", channel.name, view.state)?;
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use driftline_alerts::{RuleSet, Syntax, trial};

    use super::*;
    use crate::{alerting::sender::Delivered, cli::render::tests::text};

    #[test]
    fn what_came_of_each_notice_is_told_in_every_form() {
        let file = "[[channel]]\nname = \"ops\"\ntype = \"log\"";
        let set = RuleSet::parse(file, Syntax::Toml).expect("right");
        let [fired, resolved] = trial("ops", 0);
        let taken = Ok(Delivered { detail: "HTTP 200".to_owned() });
        let refused = Err(Failure::Refuse { why: "HTTP 404: gone".to_owned() });
        let tried =
            [Tried { notice: fired, outcome: taken }, Tried { notice: resolved, outcome: refused }];
        let shown = |format| {
            text(|out| tried_channel(&set.channels[0], &tried, out, format, &Style::PLAIN))
        };
        let want = "ops: test of state firing delivered (HTTP 200)\n\
                    ops: test of state resolved not delivered, and a server would give up: \
                    HTTP 404: gone\n";
        assert_eq!(shown(Format::Table), want);
        let json = shown(Format::Json);
        let want = r#"{"channel":"ops","type":"log","notices":[{"id":"#;
        assert!(json.starts_with(want), "{json}");
        assert!(json.contains(r#""outcome":"refused","detail":"HTTP 404: gone""#), "{json}");
        assert_eq!(shown(Format::Csv).lines().count(), 3);
    }
}
