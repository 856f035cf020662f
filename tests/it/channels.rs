//! `alerts test-channel` through the real program, to receivers on this machine, in the clear and over TLS
//! with an authority that only the program is told of.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::Output,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned, crypto::ring, pki_types::PrivateKeyDer};
use serde_json::Value;
use tempfile::TempDir;

use crate::program::program;

/// A directory with the certificate of `localhost`, and what a server needs of it.
struct Place {
    dir: TempDir,
    certificate: PathBuf,
    tls: Arc<ServerConfig>,
}

fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = dir.path().join("localhost.pem");
    fs::write(&certificate, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let tls = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    Place { dir, certificate, tls: Arc::new(tls) }
}

impl Place {
    /// Tries the channel `ops`, which has these keys.
    fn try_channel(&self, keys: &str, more: &[&str]) -> Output {
        let file = self.dir.path().join("rules.toml");
        fs::write(&file, format!("[[channel]]\nname = \"ops\"\n{keys}\n")).unwrap();
        let mut command = program();
        command.env("SSL_CERT_FILE", &self.certificate).env("TEST_SECRET", "hunter2");
        command.args(["alerts", "test-channel"]).arg(&file).args(["--channel", "ops"]).args(more);
        command.output().unwrap()
    }
}

fn line(stream: &mut impl Read) -> String {
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    while !bytes.ends_with(b"\n") && stream.read(&mut byte).is_ok_and(|count| count == 1) {
        bytes.push(byte[0]);
    }
    String::from_utf8(bytes).unwrap()
}

/// Does with each connection what it is told to, and passes on what came of it.
fn serve(
    with: impl Fn(TcpStream) -> String + Send + 'static,
) -> (SocketAddr, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (heard, hears) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = heard.send(with(stream.unwrap()));
        }
    });
    (address, hears)
}

/// Reads a request and answers it with a status. Returns the request.
fn answer(stream: &mut (impl Read + Write), status: u16) -> String {
    let (mut request, mut length) = (String::new(), 0);
    loop {
        let line = line(stream);
        if let Some(value) = line.to_lowercase().strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap();
        }
        request.push_str(&line);
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    let _ = stream.read_exact(&mut body);
    let text = format!("HTTP/1.1 {status} So\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
    request + &String::from_utf8(body).unwrap()
}

/// What so many connections brought; the last may still be at its end when the program has gone.
fn hear(heard: &mpsc::Receiver<String>, count: usize) -> Vec<String> {
    (0..count).map(|_| heard.recv_timeout(Duration::from_secs(10)).unwrap()).collect()
}

fn body(request: &str) -> Value {
    serde_json::from_str(request.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[test]
fn a_firing_and_its_end_are_sent_and_the_answer_is_shown() {
    let place = place();
    let (address, heard) = serve(|mut stream| answer(&mut stream, 202));
    let keys = format!("type = \"webhook\"\nurl = \"http://{address}/hook\"");
    let output = place.try_channel(&format!("{keys}\nsecret = {{ env = \"TEST_SECRET\" }}"), &[]);
    assert!(output.status.success(), "{output:?}");
    let want = "ops: test of state firing delivered (HTTP 202)\n\
                ops: test of state resolved delivered (HTTP 202)\n";
    assert_eq!(String::from_utf8(output.stdout).unwrap(), want);
    let requests = hear(&heard, 2);
    let states: Vec<Value> =
        requests.iter().map(|request| body(request)["state"].clone()).collect();
    assert_eq!(states, ["firing", "resolved"]);
    assert_eq!(body(&requests[0])["dedup_key"], body(&requests[1])["dedup_key"]);
    assert!(requests.iter().all(|request| request.contains("driftline-signature: t=")));
    assert!(requests.iter().all(|request| !request.contains("hunter2")));
}

#[test]
fn what_is_not_taken_ends_with_exit_code_1_and_says_why() {
    let place = place();
    let (address, heard) = serve(|mut stream| answer(&mut stream, 404));
    let keys = format!("type = \"slack\"\nurl = \"http://{address}/services\"");
    let output = place.try_channel(&keys, &["--format", "json"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let notices = report["notices"].as_array().unwrap();
    assert_eq!((notices.len(), hear(&heard, 1).len()), (1, 1));
    assert!(heard.try_recv().is_err(), "its end is not sent");
    assert_eq!(notices[0]["outcome"], "refused");
    assert_eq!(notices[0]["detail"], format!("http://{address} answers HTTP 404"));
    // A channel that there is not, and mistakes of the file, are wrong usage.
    let output = place.try_channel("type = \"log\"\nlevl = \"warn\"", &[]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("levl: is no key") || told.contains("did you mean \"level\"?"), "{told}");
}

#[test]
fn tls_is_spoken_with_whom_the_machine_trusts_only() {
    let place = place();
    let tls = place.tls.clone();
    let (address, heard) = serve(move |stream| {
        let session = ServerConnection::new(tls.clone()).unwrap();
        answer(&mut StreamOwned::new(session, stream), 200)
    });
    let url =
        |host: &str| format!("type = \"webhook\"\nurl = \"https://{host}:{}/\"", address.port());
    let output = place.try_channel(&url("localhost"), &[]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(hear(&heard, 2).iter().filter(|request| request.starts_with("POST / ")).count(), 2);
    // The certificate is of the name, not of the address.
    let output = place.try_channel(&url("127.0.0.1"), &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("would try again") && told.contains("certificate"), "{told}");
    assert!(heard.try_iter().all(|request| !request.starts_with("POST")));
}

/// The dialogue of a mail server up to the end or to `STARTTLS`. Returns what it heard.
fn mail(stream: &mut (impl Read + Write), capabilities: &str) -> String {
    let (mut heard, mut in_data) = (String::new(), false);
    loop {
        let line = line(stream);
        heard.push_str(&line);
        let reply = match line.split_whitespace().next().unwrap_or_default() {
            "." if in_data => {
                in_data = false;
                "250 queued\r\n"
            }
            _ if in_data => continue,
            "EHLO" => capabilities,
            "STARTTLS" => "220 go on\r\n",
            "AUTH" => "235 welcome\r\n",
            "DATA" => {
                in_data = true;
                "354 go on\r\n"
            }
            "QUIT" | "" => return heard,
            _ => "250 ok\r\n",
        };
        stream.write_all(reply.as_bytes()).and_then(|()| stream.flush()).unwrap();
        if line.starts_with("STARTTLS") {
            return heard;
        }
    }
}

#[test]
fn mail_is_encrypted_before_it_is_told_who_sends_it() {
    let place = place();
    let tls = place.tls.clone();
    let (address, heard) = serve(move |mut stream| {
        stream.write_all(b"220 localhost ESMTP\r\n").unwrap();
        let clear = mail(&mut stream, "250-localhost\r\n250 STARTTLS\r\n");
        let session = ServerConnection::new(tls.clone()).unwrap();
        let capabilities = "250-localhost\r\n250 AUTH PLAIN LOGIN\r\n";
        clear + "----\n" + &mail(&mut StreamOwned::new(session, stream), capabilities)
    });
    let keys = |host: &str| {
        format!(
            "type = \"email\"\nsmtp = \"{host}:{}\"\nfrom = \"a@example.org\"\nto = \"b@example.org\"\n\
             username = \"me\"\npassword = {{ env = \"TEST_SECRET\" }}",
            address.port()
        )
    };
    let output = place.try_channel(&keys("localhost"), &[]);
    assert!(output.status.success(), "{output:?}");
    let heard: Vec<String> = heard.iter().take(2).collect();
    for heard in heard {
        let (clear, encrypted) = heard.split_once("----\n").unwrap();
        assert_eq!(clear, "EHLO [127.0.0.1]\r\nSTARTTLS\r\n");
        // "\0me\0hunter2" in base 64.
        assert!(encrypted.contains("AUTH PLAIN AG1lAGh1bnRlcjI=\r\n"), "{encrypted}");
        assert!(encrypted.contains("RCPT TO:<b@example.org>\r\n"), "{encrypted}");
        assert!(encrypted.contains("Subject: ["), "{encrypted}");
    }
    // Nobody who is not trusted hears more than that.
    let output = place.try_channel(&keys("127.0.0.1"), &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("did not take STARTTLS") && told.contains("certificate"), "{told}");
}
