//! The message of Slack: blocks, and a text for what shows none.

use serde_json::{Value, json};

use super::words::{cut, facts, one_line, title};
use crate::notice::Notice;

/// Characters of the text of a section, of a field and of a message, by Slack's reference of Block Kit.
const SECTION_CHARACTERS_MAX: usize = 3_000;
const FIELD_CHARACTERS_MAX: usize = 2_000;
/// Fields of a section.
const FIELDS_MAX: usize = 10;
/// Characters of a link.
const LINK_CHARACTERS_MAX: usize = 1_000;

/// The body of a message.
pub fn slack(notice: &Notice) -> Vec<u8> {
    let mut blocks = vec![section(&bold(&title(notice), SECTION_CHARACTERS_MAX))];
    let fields: Vec<Value> = facts(notice)
        .iter()
        .map(|(name, value)| {
            let room = FIELD_CHARACTERS_MAX - name.len() - 3;
            markdown(&format!("*{name}*\n{}", escaped(value, room)))
        })
        .collect();
    // One section has ten of them.
    for fields in fields.chunks(FIELDS_MAX) {
        blocks.push(json!({ "type": "section", "fields": fields }));
    }
    if let Some(description) = &notice.description {
        blocks.push(section(&escaped(description, SECTION_CHARACTERS_MAX)));
    }
    blocks.extend(notice.runbook_url.as_deref().and_then(runbook).map(|link| section(&link)));
    let labels: Vec<String> =
        notice.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let foot = format!("{} {}", notice.event.dedup_key, labels.join(" "));
    let foot = escaped(&one_line(&foot, SECTION_CHARACTERS_MAX), SECTION_CHARACTERS_MAX);
    blocks.push(json!({ "type": "context", "elements": [markdown(&foot)] }));
    let text = escaped(&title(notice), SECTION_CHARACTERS_MAX);
    json!({ "text": text, "blocks": blocks }).to_string().into_bytes()
}

fn markdown(text: &str) -> Value {
    json!({ "type": "mrkdwn", "text": text })
}

fn section(text: &str) -> Value {
    json!({ "type": "section", "text": markdown(text) })
}

/// A line in bold; an asterisk in it would end that.
fn bold(line: &str, characters_max: usize) -> String {
    format!("*{}*", escaped(&line.replace('*', "\u{2217}"), characters_max - 2))
}

/// A link to what is to be done; none of what is no address of the web, which would be a mention or a
/// command.
fn runbook(url: &str) -> Option<String> {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    if !is_web || url.chars().count() > LINK_CHARACTERS_MAX {
        return None;
    }
    let url = one_line(url, LINK_CHARACTERS_MAX).replace(' ', "%20").replace('|', "%7C");
    Some(format!("<{}|Runbook>", escaped(&url, LINK_CHARACTERS_MAX * 5)))
}

/// A text in which nothing is a mention, a link or an entity, cut so that it fits once it is escaped.
fn escaped(text: &str, characters_max: usize) -> String {
    let grown = |c: char| match c {
        '&' => "&amp;".len(),
        '<' | '>' => "&lt;".len(),
        _ => 1,
    };
    let mut room = characters_max;
    let fits = |c: &char| match room.checked_sub(grown(*c)) {
        Some(left) => {
            room = left;
            true
        }
        None => false,
    };
    let count = text.chars().take_while(fits).count();
    let whole = count == text.chars().count();
    let text = if whole { text.to_owned() } else { cut(text, count) };
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escaped_text_fits_and_holds_no_command() {
        assert_eq!(escaped("<!channel> & co", 99), "&lt;!channel&gt; &amp; co");
        for most in 1..40 {
            let text = escaped(&"a<b&\u{e4}>".repeat(9), most);
            assert!(text.chars().count() <= most, "{most}: {text}");
        }
        assert_eq!(escaped("abc", 3), "abc");
        assert_eq!(escaped("abcd", 3), "ab\u{2026}");
    }

    #[test]
    fn a_runbook_is_a_link_to_the_web_only() {
        let link = "<https://a.example.org/?b=1&amp;c=%7Cd|Runbook>".to_owned();
        assert_eq!(runbook("https://a.example.org/?b=1&c=|d"), Some(link));
        assert_eq!(runbook("!here"), None);
        assert_eq!(runbook("mailto:a@b.c"), None);
    }
}
