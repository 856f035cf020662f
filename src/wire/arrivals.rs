//! Questions and answers about what came in, and notes of what never did.

use driftline_proto::v1;
use driftline_query::{
    ArrivalsReport, ArrivalsRequest, ArrivalsWindow, IgnoredColumn, LatenessReport, RefusedRows,
};
use driftline_storage::{Arrivals, Error, LatenessBin, Result, Rule};

use super::{
    model,
    query::each,
    scope::{scope, write_scope},
    time,
};

/// Causes and columns of one note: a sender has few, and each is looked up.
const NOTED_MAX: usize = 1_000;

/// Reads a question.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub(crate) fn request(request: v1::QueryArrivalsRequest) -> Result<ArrivalsRequest> {
    Ok(ArrivalsRequest { scope: scope(request.scope)? })
}

/// A question for the wire.
pub(crate) fn write_request(request: &ArrivalsRequest) -> v1::QueryArrivalsRequest {
    v1::QueryArrivalsRequest { scope: Some(write_scope(&request.scope)) }
}

/// Reads an answer.
///
/// # Errors
/// `InvalidArgument` for what no server of this build answers.
pub(crate) fn report(report: v1::QueryArrivalsResponse) -> Result<ArrivalsReport> {
    Ok(ArrivalsReport {
        scope: scope(report.scope)?,
        asked: time::micros("asked_time", report.asked_time)?,
        windows: each(report.windows, window)?,
    })
}

/// An answer for the wire.
pub(crate) fn write_report(report: ArrivalsReport) -> v1::QueryArrivalsResponse {
    v1::QueryArrivalsResponse {
        scope: Some(write_scope(&report.scope)),
        asked_time: Some(time::edge(report.asked)),
        windows: report.windows.into_iter().map(write_window).collect(),
    }
}

fn window(window: v1::ArrivalsWindow) -> Result<ArrivalsWindow> {
    let (start, end) = model::window(window.window)?;
    Ok(ArrivalsWindow {
        start,
        end,
        whole: window.whole,
        batches: window.batches,
        accepted: window.accepted,
        duplicates: window.duplicates,
        lateness: lateness(window.lateness.unwrap_or_default()),
        labels: window.labels,
        label_lateness: lateness(window.label_lateness.unwrap_or_default()),
        refused_batches: window.refused_batches,
        refused: each(window.refused, refused)?,
        ignored: window.ignored.into_iter().map(ignored).collect(),
    })
}

fn write_window(window: ArrivalsWindow) -> v1::ArrivalsWindow {
    v1::ArrivalsWindow {
        window: Some(model::write_window(window.start, window.end)),
        whole: window.whole,
        batches: window.batches,
        accepted: window.accepted,
        duplicates: window.duplicates,
        lateness: Some(write_lateness(window.lateness)),
        labels: window.labels,
        label_lateness: Some(write_lateness(window.label_lateness)),
        refused_batches: window.refused_batches,
        refused: window.refused.into_iter().map(write_refused).collect(),
        ignored: window.ignored.into_iter().map(write_ignored).collect(),
    }
}

fn lateness(lateness: v1::Lateness) -> LatenessReport {
    let bin = |bin: v1::LatenessBin| LatenessBin {
        least: bin.least_seconds.unwrap_or(i64::MIN),
        most: bin.most_seconds.unwrap_or(i64::MAX),
        rows: bin.count,
    };
    LatenessReport {
        range: lateness.least_micros.zip(lateness.most_micros),
        bins: lateness.bins.into_iter().map(bin).collect(),
    }
}

fn write_lateness(lateness: LatenessReport) -> v1::Lateness {
    let bin = |bin: LatenessBin| v1::LatenessBin {
        least_seconds: Some(bin.least).filter(|end| *end != i64::MIN),
        most_seconds: Some(bin.most).filter(|end| *end != i64::MAX),
        count: bin.rows,
    };
    v1::Lateness {
        least_micros: lateness.range.map(|(least, _)| least),
        most_micros: lateness.range.map(|(_, most)| most),
        bins: lateness.bins.into_iter().map(bin).collect(),
    }
}

fn refused(refused: v1::RefusedRows) -> Result<RefusedRows> {
    let known = v1::RefusalRule::try_from(refused.rule).ok().and_then(rule);
    let rule = known.ok_or_else(|| {
        let text = format!("{} is no rule of refusal", refused.rule);
        Error::invalid("refused.rule", text)
    })?;
    Ok(RefusedRows { rule, column: refused.column, rows: refused.rows })
}

fn rule(rule: v1::RefusalRule) -> Option<Rule> {
    Rule::ALL.into_iter().find(|known| write_rule(*known) == rule)
}

fn write_rule(rule: Rule) -> v1::RefusalRule {
    match rule {
        Rule::Id => v1::RefusalRule::Id,
        Rule::Time => v1::RefusalRule::Time,
        Rule::Type => v1::RefusalRule::Type,
        Rule::Value => v1::RefusalRule::Value,
        Rule::Shape => v1::RefusalRule::Shape,
        Rule::Name => v1::RefusalRule::Name,
        Rule::Unreadable => v1::RefusalRule::Unreadable,
    }
}

fn write_refused(refused: RefusedRows) -> v1::RefusedRows {
    let RefusedRows { rule, column, rows } = refused;
    v1::RefusedRows { rule: write_rule(rule).into(), column, rows }
}

fn ignored(ignored: v1::IgnoredColumn) -> IgnoredColumn {
    IgnoredColumn { column: ignored.column, rows: ignored.rows }
}

fn write_ignored(ignored: IgnoredColumn) -> v1::IgnoredColumn {
    v1::IgnoredColumn { column: ignored.column, rows: ignored.rows }
}

/// Reads what a sender did not send.
///
/// # Errors
/// `InvalidArgument` naming the field.
pub(crate) fn note(request: v1::NoteRefusedRequest) -> Result<Arrivals> {
    for (field, count) in [("refused", request.refused.len()), ("ignored", request.ignored.len())] {
        if count > NOTED_MAX {
            let text = format!("{count} entries, a note has at most {NOTED_MAX}");
            return Err(Error::invalid(field, text));
        }
    }
    let mut counters = Arrivals::default();
    for one in each(request.refused, refused)? {
        counters.refuse(one.rule, &one.column, one.rows);
    }
    for one in request.ignored {
        counters.ignore(&one.column, one.rows);
    }
    Ok(counters)
}

/// What a sender did not send, for the wire.
pub(crate) fn write_note(
    model: &str,
    version: &str,
    counters: &Arrivals,
) -> v1::NoteRefusedRequest {
    let refused = counters.refused.iter().map(|((rule, column), rows)| v1::RefusedRows {
        rule: write_rule(*rule).into(),
        column: column.clone(),
        rows: *rows,
    });
    let ignored = counters
        .ignored
        .iter()
        .map(|(column, rows)| v1::IgnoredColumn { column: column.clone(), rows: *rows });
    v1::NoteRefusedRequest {
        model: model.to_owned(),
        version: version.to_owned(),
        refused: refused.collect(),
        ignored: ignored.collect(),
    }
}

#[cfg(test)]
mod tests {
    use driftline_query::Scope;

    use super::*;

    #[test]
    fn questions_and_answers_come_back() {
        let scope = Scope { model: "m".to_owned(), from: -5, to: 7, ..Scope::default() };
        let asked = ArrivalsRequest { scope: scope.clone() };
        assert_eq!(request(write_request(&asked)).expect("valid"), asked);
        let bins = vec![
            LatenessBin { least: i64::MIN, most: -8, rows: 1 },
            LatenessBin { least: 0, most: 1, rows: 2 },
            LatenessBin { least: 16, most: i64::MAX, rows: 3 },
        ];
        let lateness = LatenessReport { range: Some((-9_000_000, 99_000_000)), bins };
        let refused = Rule::ALL.map(|rule| RefusedRows { rule, column: "c".to_owned(), rows: 4 });
        let full = ArrivalsWindow {
            start: -5,
            end: 7,
            whole: true,
            batches: 5,
            accepted: 6,
            duplicates: 7,
            lateness: lateness.clone(),
            labels: 8,
            label_lateness: lateness,
            refused_batches: 9,
            refused: refused.to_vec(),
            ignored: vec![IgnoredColumn { column: "d".to_owned(), rows: 10 }],
        };
        let empty = ArrivalsWindow { start: 7, end: 8, ..ArrivalsWindow::default() };
        let answer = ArrivalsReport { scope, asked: 11, windows: vec![full, empty] };
        assert_eq!(report(write_report(answer.clone())).expect("valid"), answer);
    }

    #[test]
    fn notes_come_back_and_have_a_bound() {
        let mut counters = Arrivals::default();
        counters.refuse(Rule::Type, "x", 3);
        counters.ignore("y", 4);
        let sent = write_note("m", "v", &counters);
        assert_eq!(note(sent.clone()).expect("valid"), counters);
        let many = vec![v1::IgnoredColumn::default(); NOTED_MAX + 1];
        let error = note(v1::NoteRefusedRequest { ignored: many, ..sent.clone() });
        assert!(error.expect_err("too many").to_string().starts_with("ignored: 1001 entries"));
        let unknown = vec![v1::RefusedRows { rule: 99, ..v1::RefusedRows::default() }];
        let error = note(v1::NoteRefusedRequest { refused: unknown, ..sent });
        assert_eq!(
            error.expect_err("unknown").to_string(),
            "refused.rule: 99 is no rule of refusal"
        );
    }
}
