//! Claims about delivery, with receivers on this machine that answer, hang, break off, lie and redirect.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex},
    time::Instant,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::IntoResponse as _,
};
use driftline_alerts::{RuleSet, Syntax, payload, trial};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

use super::*;

/// A request as a receiver got it.
#[derive(Debug, Clone)]
struct Got {
    method: Method,
    path: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Got {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).expect(name).to_str().expect("text")
    }
}

/// An answer: status, headers and body.
type Answer = (u16, Vec<(&'static str, String)>, String);

/// A receiver that answers with one thing after the other, and 200 from then on.
#[derive(Debug, Clone, Default)]
struct Receiver {
    got: Arc<Mutex<Vec<Got>>>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
}

impl Receiver {
    async fn start(answers: Vec<Answer>) -> (Self, SocketAddr) {
        let receiver = Self { answers: Arc::new(Mutex::new(answers.into())), ..Self::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new().fallback(Self::answer).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (receiver, address)
    }

    async fn answer(
        State(receiver): State<Self>,
        method: Method,
        uri: Uri,
        headers: HeaderMap,
        body: Bytes,
    ) -> axum::response::Response {
        let path = uri.to_string();
        receiver.got.lock().expect("free").push(Got { method, path, headers, body });
        let answer = receiver.answers.lock().expect("free").pop_front();
        let (status, headers, body) = answer.unwrap_or((200, vec![], String::new()));
        let mut response = (StatusCode::from_u16(status).expect("a status"), body).into_response();
        for (name, value) in headers {
            response.headers_mut().insert(name, value.parse().expect("a value"));
        }
        response
    }

    fn got(&self) -> Vec<Got> {
        self.got.lock().expect("free").clone()
    }
}

/// A server that does with each connection what it is told to.
async fn serve<F>(with: impl Fn(TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(with(stream));
        }
    });
    address
}

fn channel(keys: &str) -> Channel {
    let set = RuleSet::parse(&format!("[[channel]]\nname = \"ops\"\n{keys}\n"), Syntax::Toml);
    set.unwrap_or_else(|mistakes| panic!("{mistakes}")).channels.remove(0)
}

fn webhook(address: SocketAddr) -> Channel {
    channel(&format!("type = \"webhook\"\nurl = \"http://{address}/hook\"\ntimeout = \"2s\""))
}

fn notice() -> Notice {
    let [notice, _] = trial("ops", 1_769_040_000_000_000);
    notice
}

async fn send(channel: &Channel) -> Outcome {
    Senders::new().expect("TLS").send(channel, &notice()).await
}

fn secret_file(directory: &Path, text: &str) -> String {
    let path = directory.join("secret");
    std::fs::write(&path, text).expect("written");
    format!("{{ file = {:?} }}", path.display().to_string())
}

#[tokio::test]
async fn a_webhook_arrives_with_its_id_and_a_signature_that_the_receiver_can_check() {
    let directory = tempfile::tempdir().expect("a directory");
    let (receiver, address) = Receiver::start(vec![]).await;
    let secret = secret_file(directory.path(), "hunter2\n");
    let headers = "headers = { X-Team = \"risk\" }";
    let keys =
        format!("type = \"webhook\"\nurl = \"http://{address}/hook?a=b\"\nsecret = {secret}");
    let delivered = send(&channel(&format!("{keys}\n{headers}"))).await;
    assert_eq!(delivered, Ok(Delivered { detail: "HTTP 200".to_owned() }));
    let got = receiver.got().remove(0);
    assert_eq!((&got.method, got.path.as_str()), (&Method::POST, "/hook?a=b"));
    assert_eq!(got.header("content-type"), "application/json");
    assert_eq!(got.header("x-team"), "risk");
    assert!(got.header("user-agent").starts_with("driftline/"));
    assert_eq!(got.header("driftline-notice-id"), notice().id);
    assert_eq!(got.json()["id"], notice().id);
    let signature = got.header("driftline-signature").to_owned();
    let (time, sum) = signature.split_once(",v1=").expect("both parts");
    let seconds: i64 = time.strip_prefix("t=").expect("a time").parse().expect("a number");
    assert!((crate::now_micros() / 1_000_000 - seconds).abs() < 60);
    assert_eq!(payload::sign(b"hunter2", seconds, &got.body), sum);
    assert_ne!(payload::sign(b"hunter3", seconds, &got.body), sum);
}

#[tokio::test]
async fn a_status_says_whether_it_is_worth_trying_again() {
    let taken = [200, 201, 202, 204];
    let later = [408, 429, 500, 502, 503, 599];
    let never = [301, 302, 307, 400, 401, 403, 404, 410, 413, 422];
    let all = [&taken[..], &later, &never].concat();
    let answers = all.iter().map(|status| (*status, vec![], "why".to_owned())).collect();
    let (receiver, address) = Receiver::start(answers).await;
    let channel = webhook(address);
    for status in &all {
        let outcome = send(&channel).await;
        let fits = match &outcome {
            Ok(_) => taken.contains(status),
            Err(Failure::Retry { .. }) => later.contains(status),
            Err(Failure::Refuse { .. }) => never.contains(status),
        };
        assert!(fits, "{status}: {outcome:?}");
        if let Err(failure) = outcome {
            let want = format!("http://{address} answers HTTP {status}");
            assert!(failure.why().starts_with(&want), "{failure:?}");
        }
    }
    assert_eq!(receiver.got().len(), all.len(), "no request is sent twice");
}

#[tokio::test]
async fn a_receiver_that_is_busy_says_when_to_come_back() {
    let wait = vec![("retry-after", "17".to_owned())];
    let (_, address) = Receiver::start(vec![(429, wait, "slow\r\ndown".to_owned())]).await;
    let outcome = send(&webhook(address)).await;
    let why = format!("http://{address} answers HTTP 429: slow  down");
    assert_eq!(outcome, Err(Failure::Retry { why, after: Some(Duration::from_secs(17)) }));
}

#[tokio::test]
async fn a_connection_that_breaks_is_tried_again() {
    let free = {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        listener.local_addr().expect("an address")
    };
    let closes = serve(|stream| async move { drop(stream) }).await;
    let half = serve(|mut stream| async move {
        let mut start = [0; 16];
        let _ = stream.read(&mut start).await;
        let _ = stream.write_all(b"HTTP/1.1 200").await;
    })
    .await;
    let lies = serve(|mut stream| async move {
        let _ = stream.write_all(b"220 mail.example.org ESMTP\r\n").await;
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    })
    .await;
    for (address, want) in [
        (free, "cannot be connected to"),
        (closes, "gave no answer"),
        (half, "gave no answer"),
        (lies, "gave no answer"),
    ] {
        let failure = send(&webhook(address)).await.expect_err("broken");
        assert!(matches!(&failure, Failure::Retry { after: None, .. }), "{failure:?}");
        assert!(failure.why().contains(want), "{failure:?}");
    }
}

#[tokio::test]
async fn a_receiver_that_hangs_holds_a_delivery_for_its_timeout_only() {
    let silent = serve(|stream| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(stream);
    })
    .await;
    let started = Instant::now();
    let failure = send(&webhook(silent)).await.expect_err("silence");
    assert_eq!(failure, Failure::retry("no answer within 2s"));
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn an_answer_without_end_is_read_to_a_bound_in_bytes_and_time() {
    let endless = serve(|mut stream| async move {
        let _ = stream.read(&mut [0; 4_096]).await;
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n";
        let _ = stream.write_all(head).await;
        while stream.write_all(&[b'x'; 4_096]).await.is_ok() {}
    })
    .await;
    let trickles = serve(|mut stream| async move {
        let _ = stream.read(&mut [0; 4_096]).await;
        let _ = stream.write_all(b"HTTP/1.1 500 No\r\ncontent-length: 9\r\n\r\nx").await;
        tokio::time::sleep(Duration::from_secs(60)).await;
    })
    .await;
    let head = serve(|mut stream| async move {
        let _ = stream.read(&mut [0; 4_096]).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
        while stream.write_all(b"a: bcdefghijklmnopqrstuvwxyz\r\n").await.is_ok() {}
    })
    .await;
    let started = Instant::now();
    assert_eq!(send(&webhook(endless)).await.map(|taken| taken.detail), Ok("HTTP 200".to_owned()));
    let failure = send(&webhook(trickles)).await.expect_err("500");
    assert!(failure.why().ends_with("answers HTTP 500: x"), "{failure:?}");
    let failure = send(&webhook(head)).await.expect_err("headers without end");
    assert!(matches!(failure, Failure::Retry { .. }), "{failure:?}");
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_redirect_leads_nowhere() {
    let (inner, target) = Receiver::start(vec![]).await;
    let place = vec![("location", format!("http://{target}/latest/meta-data"))];
    let (_, address) = Receiver::start(vec![(307, place, String::new())]).await;
    let open = format!("type = \"webhook\"\nurl = \"http://{address}/\"\nallow_private = true");
    let failure = send(&channel(&open)).await.expect_err("redirected");
    assert!(failure.why().contains("a redirect, which is not followed"), "{failure:?}");
    assert!(inner.got().is_empty());
}

#[tokio::test]
async fn an_address_that_stands_elsewhere_is_checked_when_it_is_used() {
    let directory = tempfile::tempdir().expect("a directory");
    for (url, want) in [
        ("http://169.254.169.254/latest", "url: is an address of the local link"),
        ("http://10.0.0.8/", "url: is an address of a private network"),
        ("file:///etc/passwd", "url: has the scheme \"file\""),
    ] {
        let secret = secret_file(directory.path(), url);
        let failure = send(&channel(&format!("type = \"slack\"\nurl = {secret}"))).await;
        let failure = failure.expect_err(url);
        assert!(matches!(failure, Failure::Refuse { .. }), "{failure:?}");
        assert!(failure.why().starts_with(want), "{failure:?}");
    }
}

#[tokio::test]
async fn what_a_receiver_repeats_of_a_secret_is_not_told() {
    let directory = tempfile::tempdir().expect("a directory");
    let echo = "no such route: /token-4711 hunter2".to_owned();
    let (_, address) = Receiver::start(vec![(404, vec![], echo)]).await;
    let keys = "type = \"webhook\"\nheaders = { authorization";
    let header = secret_file(directory.path(), "hunter2");
    let url = directory.path().join("url");
    std::fs::write(&url, format!("http://{address}/token-4711")).expect("written");
    let url = format!("{{ file = {:?} }}", url.display().to_string());
    let failure = send(&channel(&format!("{keys} = {header} }}\nurl = {url}"))).await;
    let failure = failure.expect_err("404");
    assert!(!failure.why().contains("hunter2"), "{failure:?}");
    assert!(!failure.why().contains("4711"), "{failure:?}");
    // Nor is the address where nobody listens.
    let closed = "http://127.0.0.1:1/token-4711?key=hunter2";
    std::fs::write(directory.path().join("url"), closed).expect("written");
    let failure = send(&channel(&format!("type = \"slack\"\nurl = {url}"))).await;
    let why = failure.expect_err("closed").why().to_owned();
    assert!(why.starts_with("http://127.0.0.1:1 cannot be connected to"), "{why}");
    assert!(!why.contains("4711") && !why.contains("hunter2"), "{why}");
}

#[tokio::test]
async fn each_kind_posts_what_its_receiver_takes() {
    let directory = tempfile::tempdir().expect("a directory");
    let (receiver, address) = Receiver::start(vec![]).await;
    let key = secret_file(directory.path(), "hunter2");
    for keys in [
        format!("type = \"slack\"\nurl = \"http://{address}/services/x\""),
        format!("type = \"pagerduty\"\nrouting_key = {key}\nurl = \"http://{address}/v2/enqueue\""),
        format!("type = \"alertmanager\"\nurl = \"http://{address}/am/\""),
        "type = \"log\"".to_owned(),
    ] {
        assert!(send(&channel(&keys)).await.is_ok(), "{keys}");
    }
    let got = receiver.got();
    let paths: Vec<&str> = got.iter().map(|got| got.path.as_str()).collect();
    assert_eq!(paths, ["/services/x", "/v2/enqueue", "/am/api/v2/alerts"]);
    assert!(got[0].json()["blocks"].is_array());
    assert_eq!(got[1].json()["routing_key"], "hunter2");
    assert_eq!(got[2].json()[0]["labels"]["alertname"], "driftline-test");
    assert!(got.iter().all(|got| got.header("content-type") == "application/json"));
}

#[tokio::test]
async fn connections_to_a_receiver_are_used_again() {
    let connections = Arc::new(Mutex::new(0));
    let counted = connections.clone();
    let address = serve(move |stream| {
        *counted.lock().expect("free") += 1;
        async move {
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            let mut length = 0;
            while stream.read_line(&mut line).await.is_ok_and(|bytes| bytes > 0) {
                if let Some(value) = line.to_lowercase().strip_prefix("content-length: ") {
                    length = value.trim().parse().expect("a length");
                }
                if line == "\r\n" {
                    stream.read_exact(&mut vec![0; length]).await.expect("the body");
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                    stream.write_all(answer).await.expect("written");
                }
                line.clear();
            }
        }
    })
    .await;
    let senders = Senders::new().expect("TLS");
    for _ in 0..3 {
        assert!(senders.send(&webhook(address), &notice()).await.is_ok());
    }
    assert_eq!(*connections.lock().expect("free"), 1);
}

/// A mail server that greets, and answers each line by its first word as it is told to, else 250. Returns
/// its address and what it was told.
async fn mail_server(
    answers: &'static [(&'static str, &'static str)],
) -> (SocketAddr, Arc<Mutex<String>>) {
    let heard = Arc::new(Mutex::new(String::new()));
    let kept = heard.clone();
    let address = serve(move |stream| {
        let heard = kept.clone();
        async move {
            let mut stream = BufReader::new(stream);
            let answer = |word: &str| {
                let known = answers.iter().find(|(known, _)| *known == word);
                known.map_or("250 ok\r\n", |(_, answer)| answer)
            };
            let greeting = answers.iter().find(|(known, _)| known.is_empty());
            let greeting = greeting.map_or("220 test ESMTP\r\n", |(_, answer)| answer);
            let _ = stream.write_all(greeting.as_bytes()).await;
            let (mut line, mut in_data) = (String::new(), false);
            while stream.read_line(&mut line).await.is_ok_and(|bytes| bytes > 0) {
                heard.lock().expect("free").push_str(&line);
                let word = line.split_whitespace().next().unwrap_or_default().to_uppercase();
                let reply = match (in_data, line.as_str(), word.as_str()) {
                    (true, ".\r\n", _) => {
                        in_data = false;
                        answer(".")
                    }
                    (true, ..) => "",
                    (false, _, "DATA") => {
                        in_data = true;
                        "354 go on\r\n"
                    }
                    (false, _, word) => answer(word),
                };
                let _ = stream.write_all(reply.as_bytes()).await;
                line.clear();
            }
        }
    })
    .await;
    (address, heard)
}

fn email(address: SocketAddr, keys: &str) -> Channel {
    let to = "from = \"driftline@example.org\"\nto = [\"a@example.org\", \"b@example.org\"]";
    channel(&format!("type = \"email\"\nsmtp = \"{address}\"\n{to}\ntimeout = \"2s\"\n{keys}"))
}

const CAPABILITIES: (&str, &str) = ("EHLO", "250-test\r\n250 AUTH PLAIN LOGIN\r\n");

#[tokio::test]
async fn a_mail_is_handed_over_with_a_login() {
    let directory = tempfile::tempdir().expect("a directory");
    let answers = &[CAPABILITIES, ("AUTH", "235 welcome\r\n"), (".", "250 queued\r\n")];
    let (address, heard) = mail_server(answers).await;
    let password = secret_file(directory.path(), "hunter2");
    let login = format!("tls = \"none\"\nusername = \"me\"\npassword = {password}");
    let delivered = send(&email(address, &login)).await;
    assert_eq!(delivered, Ok(Delivered { detail: "SMTP 250".to_owned() }));
    let heard = heard.lock().expect("free").clone();
    // The login is "\0me\0hunter2" in base 64.
    for want in [
        "EHLO [127.0.0.1]\r\n",
        "AUTH PLAIN AG1lAGh1bnRlcjI=\r\n",
        "MAIL FROM:<driftline@example.org>\r\n",
        "RCPT TO:<a@example.org>\r\n",
        "RCPT TO:<b@example.org>\r\n",
        "Subject: [FIRING] info: TEST of channel ops",
        "QUIT\r\n",
    ] {
        assert!(heard.contains(want), "{want} in {heard}");
    }
}

#[tokio::test]
async fn a_mail_server_says_whether_it_is_worth_trying_again() {
    let check = async |answers, retry, want: &str| {
        let (address, _) = mail_server(answers).await;
        let failure = send(&email(address, "tls = \"none\"")).await.expect_err(want);
        assert_eq!(matches!(failure, Failure::Retry { .. }), retry, "{failure:?}");
        assert!(failure.why().contains(want), "{failure:?}");
        assert!(failure.why().starts_with(&address.to_string()), "{failure:?}");
    };
    check(&[("", "421 busy\r\n")], true, "did not take the greeting").await;
    check(&[("RCPT", "450 grey\r\n")], true, "did not take the mail").await;
    check(&[("RCPT", "550 who\r\n")], false, "550").await;
    check(&[(".", "451 later\r\n")], true, "451").await;
    check(&[(".", "554 spam\r\n")], false, "554").await;
    check(&[("MAIL", "nonsense\r\n")], true, "did not take the mail").await;
}

#[tokio::test]
async fn a_password_that_is_refused_is_not_told() {
    let directory = tempfile::tempdir().expect("a directory");
    let (address, _) = mail_server(&[CAPABILITIES, ("AUTH", "535 no hunter2 here\r\n")]).await;
    let password = secret_file(directory.path(), "hunter2");
    let login = format!("tls = \"none\"\nusername = \"me\"\npassword = {password}");
    let failure = send(&email(address, &login)).await.expect_err("refused");
    assert_eq!(failure, Failure::refuse(format!("{address} did not take the login: SMTP 535")));
}

#[tokio::test]
async fn nothing_is_said_in_the_clear_that_is_to_be_encrypted() {
    let (address, heard) = mail_server(&[CAPABILITIES]).await;
    let failure = send(&email(address, "")).await.expect_err("no STARTTLS");
    assert!(matches!(failure, Failure::Refuse { .. }), "{failure:?}");
    assert!(failure.why().contains("does not offer STARTTLS"), "{failure:?}");
    assert_eq!(*heard.lock().expect("free"), "EHLO [127.0.0.1]\r\n");
    // A server that talks in the clear where TLS is expected.
    let failure = send(&email(address, "tls = \"required\"")).await.expect_err("no TLS");
    assert!(failure.why().contains("TLS failed"), "{failure:?}");
}

#[tokio::test]
async fn a_mail_server_that_hangs_or_talks_without_end_is_left() {
    let endless = serve(|mut stream| async move {
        let _ = stream.write_all(b"220 ").await;
        while stream.write_all(&[b'x'; 4_096]).await.is_ok() {}
    })
    .await;
    let failure = send(&email(endless, "tls = \"none\"")).await.expect_err("too much");
    assert!(failure.why().contains("sends too much"), "{failure:?}");
    let silent = serve(|stream| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(stream);
    })
    .await;
    let failure = send(&email(silent, "tls = \"none\"")).await.expect_err("silence");
    assert_eq!(failure, Failure::retry("no answer within 2s"));
}
