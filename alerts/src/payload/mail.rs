//! Mail: a plain text and the same as HTML. All mail of one firing is one thread.

use std::time::{Duration, SystemTime};

use lettre::{
    Message,
    message::{
        MultiPart, SinglePart,
        header::{HeaderName, HeaderValue},
    },
};
use sha2::{Digest, Sha256};

use super::words::{facts, one_line, title};
use crate::{address::mailbox, channel::Email, notice::Notice};

/// Characters of a subject: what a list of mails shows at most.
const SUBJECT_CHARACTERS_MAX: usize = 200;

/// A mail as it is handed to a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Who sends, an address.
    pub from: String,
    /// Who gets it, addresses.
    pub to: Vec<String>,
    /// Headers and body.
    pub bytes: Vec<u8>,
}

/// The mail of a notice that is sent at a time in microseconds. The same notice has the same
/// `Message-ID` however often it is sent.
///
/// # Errors
/// What is wrong with a mailbox, which a channel that was checked has not.
pub fn mail(notice: &Notice, email: &Email, sent: i64) -> Result<Letter, String> {
    let read = |text: &String| mailbox(text).map_err(|problem| format!("{text:?} {problem}"));
    let from = read(&email.from)?;
    let to = email.to.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let domain = Some(from.email.domain()).filter(|domain| domain.is_ascii());
    let domain = domain.unwrap_or("driftline.invalid");
    // An id holds the name of a channel; its hash is fit for a header whatever that is.
    let id = digest(&notice.id);
    let thread = format!("<{}@{domain}>", digest(&notice.event.dedup_key));
    let mut letter = Message::builder()
        .from(from.clone())
        .date(system_time(sent))
        .message_id(Some(format!("<{id}@{domain}>")))
        .in_reply_to(thread.clone())
        .references(thread)
        .subject(one_line(&title(notice), SUBJECT_CHARACTERS_MAX));
    for mailbox in &to {
        letter = letter.to(mailbox.clone());
    }
    // Whoever is away need not tell a program so (RFC 3834).
    for (name, value) in [("Auto-Submitted", "auto-generated"), ("Driftline-Notice-Id", &*id)] {
        let name =
            HeaderName::new_from_ascii(name.to_owned()).map_err(|error| error.to_string())?;
        letter = letter.raw_header(HeaderValue::new(name, value.to_owned()));
    }
    let parts = MultiPart::alternative()
        .boundary(format!("{id}-part"))
        .singlepart(SinglePart::plain(plain(notice)))
        .singlepart(SinglePart::html(html(notice)));
    let message = letter.multipart(parts).map_err(|error| error.to_string())?;
    Ok(Letter {
        from: from.email.to_string(),
        to: to.iter().map(|mailbox| mailbox.email.to_string()).collect(),
        bytes: message.formatted(),
    })
}

/// Sixteen bytes of a hash, in hexadecimal digits.
fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn system_time(micros: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

fn plain(notice: &Notice) -> String {
    let mut text = format!("{}\n", title(notice));
    if let Some(description) = &notice.description {
        text.push_str(&format!("\n{description}\n"));
    }
    if let Some(url) = &notice.runbook_url {
        text.push_str(&format!("\nRunbook: {}\n", one_line(url, usize::MAX)));
    }
    text.push('\n');
    for (name, value) in pairs(notice) {
        text.push_str(&format!("{name}: {value}\n"));
    }
    text
}

fn html(notice: &Notice) -> String {
    let mut text = "<!doctype html><html><body style=\"font-family:sans-serif\">\n".to_owned();
    text.push_str(&format!("<h3>{}</h3>\n", escaped(&title(notice))));
    if let Some(description) = &notice.description {
        text.push_str(&format!("<p>{}</p>\n", escaped(description).replace('\n', "<br>\n")));
    }
    if let Some(url) = &notice.runbook_url {
        let url = escaped(&one_line(url, usize::MAX));
        let is_web = url.starts_with("https://") || url.starts_with("http://");
        let link = if is_web { format!("<a href=\"{url}\">{url}</a>") } else { url };
        text.push_str(&format!("<p>Runbook: {link}</p>\n"));
    }
    text.push_str("<table>\n");
    for (name, value) in pairs(notice) {
        let (name, value) = (escaped(&name), escaped(&value));
        text.push_str(&format!("<tr><th align=\"left\">{name}</th><td>{value}</td></tr>\n"));
    }
    text.push_str("</table>\n</body></html>\n");
    text
}

/// Facts and labels.
fn pairs(notice: &Notice) -> Vec<(String, String)> {
    let facts = facts(notice).into_iter().map(|(name, value)| (name.to_owned(), value));
    let label = |(name, value): (&String, &String)| {
        (one_line(&format!("Label {name}"), 200), one_line(value, 500))
    };
    facts.chain(notice.labels.iter().map(label)).collect()
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}
