//! POST over HTTP: webhooks, Slack, PagerDuty and Alertmanager.
//!
//! Redirects are not followed, since they lead where nobody checked; proxies of the environment are not
//! asked, since they would resolve names in our place.

use std::{
    collections::BTreeMap,
    error::Error as _,
    time::{Duration, SystemTime},
};

use driftline_alerts::{Channel, Destination, Notice, Setting, origin, payload, receiver_url};
use driftline_storage::{Error, ErrorKind, Result};
use reqwest::{
    Client, Method, Request, Response, StatusCode,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
    redirect,
};
use rustls::ClientConfig;
use url::Url;

use super::{
    Delivered, Failure, Outcome,
    connect::{Resolver, Unreachable},
    limits,
    secret::{self, Secret},
};

/// Clients of HTTP, one for public addresses and one for all: connections of one are never used by the
/// other.
#[derive(Debug)]
pub(super) struct Http {
    public: Client,
    any: Client,
}

/// A request in the making.
struct Post {
    url: Url,
    headers: HeaderMap,
    body: Vec<u8>,
    /// What the answer may repeat and nobody is to read.
    secrets: Vec<Secret>,
}

impl Http {
    /// # Errors
    /// `Io` if the TLS library does not start.
    pub(super) fn new(tls: &ClientConfig) -> Result<Self> {
        let client = |allow_private| {
            let client = Client::builder()
                .user_agent(concat!("driftline/", env!("CARGO_PKG_VERSION")))
                .tls_backend_preconfigured(tls.clone())
                .dns_resolver(Resolver { allow_private })
                .redirect(redirect::Policy::none())
                .no_proxy()
                .referer(false)
                .pool_max_idle_per_host(limits::IDLE_CONNECTIONS_MAX)
                .pool_idle_timeout(limits::IDLE_TIMEOUT)
                .build();
            let told = |error| format!("start the HTTP client: {error}");
            client.map_err(|error| Error::new(ErrorKind::Io, told(error)))
        };
        Ok(Self { public: client(false)?, any: client(true)? })
    }

    /// Sends a notice at a time in microseconds.
    pub(super) async fn send(&self, channel: &Channel, notice: &Notice, now: i64) -> Outcome {
        let post = prepare(channel, notice, now).await?;
        let place = origin(&post.url);
        let mut request = Request::new(Method::POST, post.url);
        *request.headers_mut() = post.headers;
        *request.body_mut() = Some(post.body.into());
        let client = if channel.allow_private { &self.any } else { &self.public };
        let response = client.execute(request).await.map_err(|error| failed(&place, &error))?;
        judge(&place, response, &post.secrets).await
    }
}

/// Makes the request of a notice: reads what stands elsewhere, and checks the address.
async fn prepare(
    channel: &Channel,
    notice: &Notice,
    now: i64,
) -> std::result::Result<Post, Failure> {
    let mut secrets = Vec::new();
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let (url, body, path) = match &channel.destination {
        Destination::Webhook { url, secret, headers: more } => {
            let body = payload::webhook(notice);
            insert(&mut headers, "driftline-notice-id", &notice.id)?;
            if let Some(secret) = secret {
                let secret = secret::read("secret", secret).await?;
                let seconds = now.div_euclid(1_000_000);
                let signature = payload::signature(secret.expose().as_bytes(), seconds, &body);
                insert(&mut headers, "driftline-signature", &signature)?;
                secrets.push(secret);
            }
            insert_all(&mut headers, more, &mut secrets).await?;
            (url, body, "")
        }
        Destination::Slack { url } => (url, payload::slack(notice), ""),
        Destination::PagerDuty { routing_key, url } => {
            let key = secret::read("routing_key", routing_key).await?;
            let body = payload::pagerduty(notice, key.expose());
            secrets.push(key);
            (url, body, "")
        }
        Destination::Alertmanager { url, headers: more } => {
            insert_all(&mut headers, more, &mut secrets).await?;
            (url, payload::alertmanager(notice), "/api/v2/alerts")
        }
        Destination::Email(_) | Destination::Log { .. } => {
            return Err(Failure::refuse("is no channel over HTTP"));
        }
    };
    let text = secret::read("url", url).await?;
    let is_plain = matches!(url, Setting::Plain(_));
    let url = with_path(text.expose(), path, channel.allow_private)
        .map_err(|problem| Failure::refuse(format!("url: {problem}")))?;
    if !is_plain {
        secrets.extend(pieces(&url).into_iter().map(Secret::new));
    }
    Ok(Post { url, headers, body, secrets })
}

/// The pieces of a URL that may be secrets, the longest first. Short ones are words of everybody.
fn pieces(url: &Url) -> Vec<String> {
    let segments = url.path().split('/').map(str::to_owned);
    let pairs = url.query_pairs().flat_map(|(name, value)| [name.into_owned(), value.into_owned()]);
    let login = [url.username(), url.password().unwrap_or_default()].map(str::to_owned);
    let mut pieces: Vec<String> = segments.chain(pairs).chain(login).collect();
    pieces.retain(|piece| piece.len() >= limits::SECRET_PIECE_BYTES_MIN);
    pieces.sort_by_key(|piece| std::cmp::Reverse(piece.len()));
    pieces
}

/// A URL with a path after its own, unless it ends so already.
fn with_path(text: &str, path: &str, allow_private: bool) -> std::result::Result<Url, String> {
    let mut url = receiver_url(text, allow_private)?;
    let own = url.path().trim_end_matches('/').to_owned();
    if !path.is_empty() && !own.ends_with(path) {
        url.set_path(&format!("{own}{path}"));
    }
    Ok(url)
}

async fn insert_all(
    headers: &mut HeaderMap,
    more: &BTreeMap<String, Setting>,
    secrets: &mut Vec<Secret>,
) -> std::result::Result<(), Failure> {
    for (name, setting) in more {
        let value = secret::read(&format!("header {name}"), setting).await?;
        insert(headers, name, value.expose())?;
        if !matches!(setting, Setting::Plain(_)) {
            secrets.push(value);
        }
    }
    Ok(())
}

fn insert(headers: &mut HeaderMap, name: &str, value: &str) -> std::result::Result<(), Failure> {
    let wrong = |what| Failure::refuse(format!("header {name}: its {what} is not fit for HTTP"));
    let name = HeaderName::try_from(name).map_err(|_| wrong("name"))?;
    let mut value = HeaderValue::try_from(value).map_err(|_| wrong("value"))?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}

/// What an answer means: anything of 200 is taken; what a receiver cannot do now is tried again; what it does
/// not understand it never will.
async fn judge(place: &str, response: Response, secrets: &[Secret]) -> Outcome {
    let status = response.status();
    let after = retry_after(response.headers(), SystemTime::now());
    let answer = rest(response).await;
    let code = status.as_u16();
    if status.is_success() {
        return Ok(Delivered { detail: format!("HTTP {code}") });
    }
    let told = excerpt(&answer, secrets);
    let why = format!("{place} answers HTTP {code}{told}");
    let is_passing = status.is_server_error()
        || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
    if is_passing {
        Err(Failure::Retry { why, after })
    } else if status.is_redirection() {
        let text = "a redirect, which is not followed; write the address that it leads to";
        Err(Failure::refuse(format!("{place} answers HTTP {code}, {text}")))
    } else {
        Err(Failure::refuse(why))
    }
}

/// As much of an answer as is wanted and comes soon.
async fn rest(mut response: Response) -> Vec<u8> {
    let mut bytes = Vec::new();
    let reading = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            let room = limits::ANSWER_BYTES_MAX.saturating_sub(bytes.len());
            bytes.extend(chunk.iter().take(room));
            if chunk.len() >= room {
                break;
            }
        }
    };
    // What has come by then is all there is.
    let _ = tokio::time::timeout(limits::ANSWER_REST, reading).await;
    bytes
}

/// What an answer says, on a line, without any secret that it repeats.
fn excerpt(answer: &[u8], secrets: &[Secret]) -> String {
    let mut text = String::from_utf8_lossy(answer).into_owned();
    for secret in secrets {
        text = text.replace(secret.expose(), "..");
    }
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(limits::EXCERPT_CHARACTERS_MAX)
        .collect();
    let text = text.trim();
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

/// How long a receiver asks to wait: seconds, or a date (RFC 9110, 10.2.3).
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default(),
    };
    Some(wait.min(limits::RETRY_AFTER_MAX))
}

/// Why a request got no answer. The error itself names the whole URL, so only its causes are told.
fn failed(place: &str, error: &reqwest::Error) -> Failure {
    let mut cause = error.source();
    let mut last = None;
    while let Some(error) = cause {
        if let Some(Unreachable::Forbidden(problem)) = error.downcast_ref() {
            return Failure::refuse(format!("{place} {problem}"));
        }
        last = Some(error.to_string());
        cause = error.source();
    }
    if error.is_builder() {
        return Failure::refuse(format!("{place}: no request can be made of the settings"));
    }
    let what = if error.is_connect() { "cannot be connected to" } else { "gave no answer" };
    let cause = last.map(|cause| format!(": {cause}")).unwrap_or_default();
    Failure::retry(format!("{place} {what}{cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_says_how_long_to_wait_in_seconds_or_by_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let wait = |text: &str| {
            let value = HeaderValue::try_from(text).expect("a header");
            retry_after(&HeaderMap::from_iter([(RETRY_AFTER, value)]), now)
        };
        assert_eq!(wait("7"), Some(Duration::from_secs(7)));
        assert_eq!(wait("99999999"), Some(limits::RETRY_AFTER_MAX));
        assert_eq!(wait("Tue, 14 Nov 2023 22:13:30 GMT"), Some(Duration::from_secs(10)));
        assert_eq!(wait("Tue, 14 Nov 2023 22:13:10 GMT"), Some(Duration::ZERO));
        assert_eq!(wait("soon"), None);
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    #[test]
    fn the_path_of_alertmanager_is_added_once() {
        let url = |text: &str| with_path(text, "/api/v2/alerts", false).map(String::from);
        let want = Ok("http://localhost:9093/api/v2/alerts".to_owned());
        for text in [
            "http://localhost:9093",
            "http://localhost:9093/",
            "http://localhost:9093/api/v2/alerts",
        ] {
            assert_eq!(url(text), want);
        }
        let want = Ok("http://localhost/am/api/v2/alerts?x=1".to_owned());
        assert_eq!(url("http://localhost/am/?x=1"), want);
    }
}
