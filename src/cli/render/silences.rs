//! Silences.

use std::io;

use driftline_alerts::Silence;
use serde::Serialize;

use super::{
    Format, Style, machine,
    table::{Table, Tone, counted, sentence, titles},
};
use crate::cli::time::format_time;

#[derive(Serialize)]
struct View {
    silences: Vec<SilenceView>,
}

#[derive(Serialize)]
struct SilenceView {
    id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    matchers: Vec<String>,
    starts: String,
    ends: String,
    author: String,
    comment: String,
    created: String,
}

/// Whether a silence holds at an instant, is over, or is still to come.
fn state(silence: &Silence, now: i64) -> &'static str {
    match silence {
        silence if silence.is_active(now) => "active",
        silence if silence.ends <= now => "expired",
        _ => "pending",
    }
}

fn view(silence: &Silence, state: Option<&'static str>) -> SilenceView {
    SilenceView {
        id: silence.id,
        state,
        matchers: matchers(silence),
        starts: format_time(silence.starts),
        ends: format_time(silence.ends),
        author: silence.author.clone(),
        comment: silence.comment.clone(),
        created: format_time(silence.created),
    }
}

fn matchers(silence: &Silence) -> Vec<String> {
    silence.matchers.iter().map(ToString::to_string).collect()
}

/// Writes a list of silences as they are at an instant.
///
/// # Errors
/// What `out` gives.
pub fn silences(
    silences: &[Silence],
    now: i64,
    (out, format, style): (&mut dyn io::Write, Format, &Style),
) -> io::Result<()> {
    match format {
        Format::Json => {
            let view = |silence| view(silence, Some(state(silence, now)));
            machine::json(out, &View { silences: silences.iter().map(view).collect() })
        }
        Format::Csv => csv(silences, out),
        Format::Table if silences.is_empty() => writeln!(out, "no silences"),
        Format::Table => {
            let heads = [">id", "state", "matchers", "starts", "ends", "author", "comment"];
            let mut table = Table::new(style, &titles(heads));
            for silence in silences {
                let state = state(silence, now);
                let tone = if state == "active" { Tone::Warn } else { Tone::Plain };
                table.toned([
                    (silence.id.to_string(), Tone::Plain),
                    (state.to_owned(), tone),
                    (sentence(&matchers(silence).join(" ")), Tone::Plain),
                    (format_time(silence.starts), Tone::Plain),
                    (format_time(silence.ends), Tone::Plain),
                    (sentence(&silence.author), Tone::Plain),
                    (sentence(&silence.comment), Tone::Plain),
                ]);
            }
            table.write(out)?;
            writeln!(out, "{}", counted(silences.len() as u64, "silence"))
        }
    }
}

fn csv(silences: &[Silence], out: &mut dyn io::Write) -> io::Result<()> {
    let header = ["id", "matchers", "starts", "ends", "author", "comment", "created"];
    let record = |silence: &Silence| {
        [
            silence.id.to_string(),
            matchers(silence).join(" "),
            format_time(silence.starts),
            format_time(silence.ends),
            silence.author.clone(),
            silence.comment.clone(),
            format_time(silence.created),
        ]
    };
    machine::csv(out, header, silences.iter().map(record))
}

/// Writes a silence that was made or ended.
///
/// # Errors
/// What `out` gives.
pub fn silence(
    silence: &Silence,
    done: &str,
    out: &mut dyn io::Write,
    format: Format,
) -> io::Result<()> {
    match format {
        Format::Json => machine::json(out, &view(silence, None)),
        Format::Csv => csv(std::slice::from_ref(silence), out),
        Format::Table => {
            let (id, matchers) = (silence.id, sentence(&matchers(silence).join(" ")));
            let (starts, ends) = (format_time(silence.starts), format_time(silence.ends));
            writeln!(out, "silence {id} {done}: {matchers}, {starts} to {ends}")
        }
    }
}

#[cfg(test)]
mod tests {
    use driftline_alerts::Matcher;

    use super::*;
    use crate::cli::render::tests::text;

    #[test]
    fn a_silence_says_whether_it_holds() {
        let made = Silence {
            id: 3,
            matchers: vec![Matcher::parse("rule=drift").expect("a matcher")],
            starts: 10_000_000,
            ends: 20_000_000,
            author: "ann".to_owned(),
            comment: "backfill".to_owned(),
            created: 0,
        };
        for (now, want) in [(9, "pending"), (10, "active"), (19, "active"), (20, "expired")] {
            let listed = |format| {
                let made = std::slice::from_ref(&made);
                text(|out| silences(made, now * 1_000_000, (out, format, &Style::PLAIN)))
            };
            assert!(listed(Format::Table).contains(want), "{now}");
            assert!(listed(Format::Json).contains(&format!("\"state\":\"{want}\"")), "{now}");
        }
        let told = text(|out| silence(&made, "made", out, Format::Table));
        assert_eq!(
            told,
            "silence 3 made: rule=\"drift\", 1970-01-01T00:00:10Z to 1970-01-01T00:00:20Z\n"
        );
    }
}
