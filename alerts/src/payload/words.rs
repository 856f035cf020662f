//! A notice in words: its title, what is to be known of it as pairs, and texts made fit for one line.

use jiff::Timestamp;

use crate::notice::Notice;

/// One line that says what happened: state, severity and summary.
pub fn title(notice: &Notice) -> String {
    let state = notice.event.state.name().to_uppercase();
    one_line(&format!("[{state}] {}: {}", notice.severity.name(), notice.summary), usize::MAX)
}

/// What is to be known of a notice, as a name and a value each, the most important first; what it has
/// not is left out.
pub(super) fn facts(notice: &Notice) -> Vec<(&'static str, String)> {
    let event = &notice.event;
    let limits: Vec<String> = event.limits.iter().map(|limit| number(*limit)).collect();
    let window = (event.window_start < event.window_end)
        .then(|| format!("{} to {}", time(event.window_start), time(event.window_end)));
    let facts = [
        ("Rule", Some(event.rule.clone())),
        ("Model", notice.model.clone()),
        ("Version", notice.version.clone()),
        ("Feature", event.feature.clone()),
        ("Metric", notice.metric.clone()),
        ("Value", event.value.map(number)),
        ("p-value", event.p_value.map(number)),
        ("Condition", Some(event.condition.clone())),
        ("Limits", Some(limits.join(", "))),
        ("Reference", event.reference.clone()),
        ("Window", window),
        ("Samples", Some(event.samples.to_string())),
        ("Coverage", event.coverage.map(number)),
        ("Reason", event.reason.clone()),
        ("At", Some(time(event.at))),
    ];
    let there = |(name, value): (&'static str, Option<String>)| {
        value.filter(|value| !value.is_empty()).map(|value| (name, one_line(&value, 500)))
    };
    facts.into_iter().filter_map(there).collect()
}

/// A time in microseconds as RFC 3339 in UTC.
pub(super) fn time(micros: i64) -> String {
    Timestamp::from_microsecond(micros).map_or_else(|_| micros.to_string(), |time| time.to_string())
}

/// A number to six digits.
pub(super) fn number(value: f64) -> String {
    let short = format!("{value:.5e}").parse().unwrap_or(value);
    format!("{short}")
}

/// A text on one line of at most so many characters: breaks, other control characters and marks that
/// turn the direction of writing become spaces.
pub(super) fn one_line(text: &str, characters_max: usize) -> String {
    let breaks =
        |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let line = text.replace(breaks, " ");
    cut(line.trim(), characters_max)
}

/// A text of at most so many characters, with an ellipsis in the place of what is cut off.
pub(super) fn cut(text: &str, characters_max: usize) -> String {
    let end = text.char_indices().nth(characters_max).and_then(|_| {
        text.char_indices().nth(characters_max.saturating_sub(1)).map(|(end, _)| end)
    });
    match end.and_then(|end| text.get(..end)) {
        Some(start) => format!("{start}\u{2026}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_text_has_as_many_characters_as_it_may() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("\u{e4}bcd", 3), "\u{e4}b\u{2026}");
        assert_eq!(cut("", 0), "");
        assert_eq!(one_line("a\r\nBcc: b\u{202e}c ", 99), "a  Bcc: b c");
    }

    #[test]
    fn numbers_have_six_digits() {
        for (value, want) in
            [(0.1 + 0.2, "0.3"), (123_456.7, "123457"), (0.000_012_345_678, "0.0000123457")]
        {
            assert_eq!(number(value), want);
        }
    }
}
