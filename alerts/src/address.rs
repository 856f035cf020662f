//! What a channel is addressed by: URLs, mail servers and mailboxes. They are read when the file is, and
//! again when they are used if they stand elsewhere.

use std::net::IpAddr;

use lettre::message::Mailbox;
use url::{Host, Url};

use crate::reach::may_reach;

/// Ports of mail servers: that of senders, and that of senders over TLS.
const SUBMISSION_PORT: u16 = 587;

/// Reads the URL of a receiver.
///
/// # Errors
/// What is wrong and what would work, fit to follow the key; never the URL, which may hold a secret.
pub fn receiver_url(text: &str, allow_private: bool) -> Result<Url, String> {
    let form = "write one such as https://example.org/hook";
    let url = Url::parse(text).map_err(|error| format!("is no URL ({error}); {form}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        let scheme = url.scheme();
        return Err(format!("has the scheme {scheme:?}; it begins with http:// or https://"));
    }
    let Some(host) = url.host() else { return Err(format!("names no host; {form}")) };
    literal(&host)
        .map_or(Ok(()), |address| {
            may_reach(&host, address).map_err(|problem| format!("{problem} ({host})"))
        })
        .or_else(|problem| if allow_private { Ok(()) } else { Err(problem) })?;
    Ok(url)
}

/// Scheme, host and port of a URL: what of it may be told to anybody.
pub fn origin(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{host}{port}", url.scheme())
}

/// A host and port of a mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailServer {
    /// Its name or address, without brackets; certificates are checked against it.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl MailServer {
    /// Reads `host:port`; an address of version 6 stands in brackets.
    ///
    /// # Errors
    /// What is wrong and what would work, fit to follow the value.
    pub(crate) fn parse(text: &str, allow_private: bool) -> Result<Self, String> {
        let form = format!("write host:port, such as smtp.example.org:{SUBMISSION_PORT}");
        if text.contains("://") {
            return Err(format!("is a URL; {form}"));
        }
        let Some((host, port)) = text.rsplit_once(':') else {
            return Err(format!("has no port; {form}"));
        };
        let port = port.parse().ok().filter(|port| *port > 0);
        let port = port.ok_or_else(|| format!("has no port from 1 to 65535; {form}"))?;
        let host = Host::parse(host).map_err(|error| format!("names no host ({error}); {form}"))?;
        let server = Self { host: host.to_string().trim_matches(['[', ']']).to_owned(), port };
        match server.may_be_asked() {
            Err(problem) if !allow_private => Err(problem),
            _ => Ok(server),
        }
    }

    /// The host as the rules of addresses take it.
    pub fn host(&self) -> Host<&str> {
        match self.host.parse::<IpAddr>() {
            Ok(IpAddr::V4(address)) => Host::Ipv4(address),
            Ok(IpAddr::V6(address)) => Host::Ipv6(address),
            Err(_) => Host::Domain(&self.host),
        }
    }

    fn may_be_asked(&self) -> Result<(), String> {
        let host = self.host();
        literal(&host).map_or(Ok(()), |address| may_reach(&host, address))
    }

    /// As a file has it.
    pub(crate) fn text(&self) -> String {
        format!("{}:{}", self.host(), self.port)
    }
}

/// The address that a host is, if it is no name.
fn literal(host: &Host<&str>) -> Option<IpAddr> {
    match host {
        Host::Domain(_) => None,
        Host::Ipv4(address) => Some((*address).into()),
        Host::Ipv6(address) => Some((*address).into()),
    }
}

/// Reads a mailbox: an address, or a name with an address in angle brackets.
///
/// # Errors
/// What is wrong and what would work, fit to follow the value.
pub(crate) fn mailbox(text: &str) -> Result<Mailbox, String> {
    let form = "write driftline@example.org or Driftline <driftline@example.org>";
    // A line break has no place in a mailbox and must not come near a header.
    if text.chars().any(char::is_control) {
        return Err(format!("has control characters; {form}"));
    }
    text.parse().map_err(|error| format!("is no mail address ({error}); {form}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_http_and_name_a_host_that_may_be_reached() {
        let good = |text: &str| assert!(receiver_url(text, false).is_ok(), "{text}");
        for text in [
            "http://127.0.0.1:9000/hook",
            "http://localhost/",
            "http://[::1]:80/x?a=b",
            "https://hooks.example.org/a",
        ] {
            good(text);
        }
        let bad = |text: &str, want: &str| {
            let error = receiver_url(text, false).expect_err(text);
            assert!(error.contains(want), "{text}: {error}");
        };
        bad("ops", "is no URL");
        bad("ftp://example.org/secret", "has the scheme \"ftp\"");
        bad("https://", "is no URL");
        bad("http://10.0.0.8/", "is an address of a private network; if that is meant");
        bad("http://169.254.169.254/latest", "an address of the local link");
        bad("http://[::ffff:10.0.0.8]/", "a private network");
        assert!(receiver_url("http://10.0.0.8/", true).is_ok());
        let url = receiver_url("https://u:secret@example.org:8443/token?key=1", false);
        assert_eq!(url.map(|url| origin(&url)), Ok("https://example.org:8443".to_owned()));
    }

    #[test]
    fn mail_servers_have_a_host_and_a_port() {
        let server = |text: &str| MailServer::parse(text, false);
        let known = server("smtp.example.org:587").expect("right");
        assert_eq!((known.host.as_str(), known.port), ("smtp.example.org", 587));
        for text in ["smtp.example.org:587", "127.0.0.1:25", "[::1]:2525"] {
            assert_eq!(server(text).map(|server| server.text()), Ok(text.to_owned()));
        }
        for (text, want) in [
            ("smtp.example.org", "has no port; write host:port"),
            ("smtp://example.org:25", "is a URL"),
            ("example.org:0", "no port from 1 to 65535"),
            ("example.org:70000", "no port from 1 to 65535"),
            (":25", "names no host"),
            ("exa mple.org:25", "names no host"),
            ("192.168.1.2:25", "allow_private"),
        ] {
            let error = server(text).expect_err(text);
            assert!(error.contains(want), "{text}: {error}");
        }
    }

    #[test]
    fn mailboxes_have_an_address_and_perhaps_a_name() {
        for text in ["a@example.org", "Driftline <a@example.org>", "\"A, B\" <a@example.org>"] {
            assert!(mailbox(text).is_ok(), "{text}");
        }
        for text in ["", "a", "a@", "@b", "a@b@c", "a@example.org\r\nBcc: x@y.z", "<a@b.c"] {
            assert!(mailbox(text).is_err(), "{text}");
        }
    }
}
