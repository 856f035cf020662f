//! Who may ask, and over what: tokens, certificates, servers that are away or slow. The server is a
//! real one behind a proxy that ends TLS and checks tokens, as `driftline serve` is set up where it is
//! not alone in its network.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use driftline_grafana::pluginv2::{PluginContext, check_health_response::HealthStatus};
use serde_json::{Value, json};

use common::{
    Bench, HOURS,
    plugin::{Panel, Plugin, context},
    proxy::{Authority, NAME, Options, Proxy, Signed},
    served::Served,
};

const TOKEN: &str = "s3cret";
const PANEL: Panel = Panel { from: 0, to: HOURS * 3_600_000, points: 100 };

fn ask() -> Value {
    json!({ "model": "fraud", "window": "1h" })
}

/// A data source that can be used answers its health and a query.
fn usable(plugin: &Plugin, context: &PluginContext) {
    let (status, text) = plugin.health(context);
    assert_eq!((status, text.as_str()), (HealthStatus::Ok, "The server answers and has 1 model"));
    let answer = plugin.ask(context, PANEL, &ask());
    assert_eq!((answer.error.as_str(), answer.status, answer.frames.len()), ("", 200, 1));
}

/// One that cannot says the same of its health as of a query: each of these words.
fn unusable(plugin: &Plugin, context: &PluginContext, words: &[&str]) {
    let (status, text) = plugin.health(context);
    assert_eq!(status, HealthStatus::Error, "{text}");
    let answer = plugin.ask(context, PANEL, &ask());
    assert!(answer.frames.is_empty() && answer.status >= 400, "{}", answer.status);
    assert_eq!(answer.error_source, "downstream");
    for said in [&text, &answer.error] {
        for word in words {
            assert!(said.contains(word), "{word:?} is not in {said:?}");
        }
        assert!(!said.contains(TOKEN) && !said.contains("PRIVATE KEY"), "{said}");
    }
}

/// The secrets of a data source.
struct Secrets<'a> {
    authority: Option<&'a Authority>,
    token: Option<&'a str>,
    identity: Option<&'a Signed>,
}

impl Secrets<'_> {
    fn context(&self, address: &str, name: Option<&str>) -> PluginContext {
        let mut secrets = Vec::new();
        secrets.extend(self.authority.map(|authority| ("tlsCACert", authority.pem.as_str())));
        secrets.extend(self.token.map(|token| ("token", token)));
        if let Some(signed) = self.identity {
            secrets.push(("tlsClientCert", &signed.certificate));
            secrets.push(("tlsClientKey", &signed.key));
        }
        context(&json!({ "address": address, "serverName": name }), &secrets)
    }
}

#[test]
fn a_token_and_an_authority_open_a_server_and_wrong_ones_are_told() {
    let bench = Bench::start();
    let (right, wrong) = (Authority::new("ours"), Authority::new("theirs"));
    let options = Options { authority: Some(&right), token: Some(TOKEN), ..Options::default() };
    let proxy = Proxy::start(bench.address, &options);
    let secure = format!("https://{}", proxy.address);
    let plugin = &bench.plugin;
    let secrets = |authority, token| Secrets { authority, token, identity: None };
    let of = |authority, token| secrets(authority, token).context(&secure, Some(NAME));
    usable(plugin, &of(Some(&right), Some(TOKEN)));

    unusable(plugin, &of(Some(&right), None), &["token", "no token was given", "settings"]);
    unusable(plugin, &of(Some(&right), Some("stale")), &["token", "unknown token", "settings"]);
    unusable(plugin, &of(Some(&right), Some("of-another")), &["token", "right to read"]);
    unusable(plugin, &of(Some(&right), Some("no\ntoken")), &["token", "set it anew"]);
    unusable(plugin, &of(Some(&wrong), Some(TOKEN)), &["certificate", "authority", "settings"]);
    unusable(plugin, &of(None, Some(TOKEN)), &["certificate", "authority", "settings"]);
    let by_address = secrets(Some(&right), Some(TOKEN)).context(&secure, None);
    unusable(plugin, &by_address, &["certificate", "name", NAME, "settings"]);
    let other = secrets(Some(&right), Some(TOKEN)).context(&secure, Some("other.internal"));
    unusable(plugin, &other, &["certificate", "other.internal", NAME, "settings"]);
    let plain = format!("http://{}", proxy.address);
    let plain = secrets(Some(&right), Some(TOKEN)).context(&plain, None);
    unusable(plugin, &plain, &["https://"]);
    let swapped = format!("https://{}", bench.address);
    let swapped = secrets(Some(&right), Some(TOKEN)).context(&swapped, Some(NAME));
    unusable(plugin, &swapped, &["http://"]);
    for text in ["hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"] {
        let broken = context(&json!({ "address": secure }), &[("tlsCACert", text)]);
        unusable(plugin, &broken, &["certificate", "PEM"]);
    }
}

#[test]
fn a_server_that_wants_certificates_of_clients_gets_them() {
    let bench = Bench::start();
    let (right, wrong) = (Authority::new("ours"), Authority::new("theirs"));
    let options = Options { authority: Some(&right), clients: Some(&right), ..Options::default() };
    let proxy = Proxy::start(bench.address, &options);
    let secure = format!("https://{}", proxy.address);
    let (known, foreign) = (right.sign("grafana"), wrong.sign("grafana"));
    let of = |identity: Option<&Signed>| {
        let secrets = Secrets { authority: Some(&right), token: None, identity };
        secrets.context(&secure, Some(NAME))
    };
    usable(&bench.plugin, &of(Some(&known)));
    unusable(&bench.plugin, &of(None), &["client certificate", "settings"]);
    unusable(&bench.plugin, &of(Some(&foreign)), &["client certificate", "settings"]);
    let mixed = Signed { certificate: known.certificate.clone(), key: foreign.key };
    unusable(&bench.plugin, &of(Some(&mixed)), &["certificate", "key"]);
    let broken = Signed { certificate: known.certificate, key: "hello".to_owned() };
    unusable(&bench.plugin, &of(Some(&broken)), &["key", "PEM"]);
}

#[test]
fn a_server_that_is_away_is_told_and_found_again() {
    let bench = Bench::start();
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    let served = Served::start(bench.monitor.clone(), free);
    let address = served.address;
    let of = |address: &str| context(&json!({ "address": address }), &[]);
    let there = of(&address.to_string());
    usable(&bench.plugin, &there);
    drop(served);
    let words = ["driftline serve", &address.to_string()];
    unusable(&bench.plugin, &there, &words);
    let back = Served::start(bench.monitor.clone(), address);
    usable(&bench.plugin, &there);
    drop(back);

    let wrong: [(&str, &[&str]); 6] = [
        ("", &["has no address", "http://localhost:7447"]),
        ("ftp://localhost:7447", &["ftp://", "http://"]),
        ("http://no where", &["no where", "http://localhost:7447"]),
        ("http://", &["http://localhost:7447"]),
        ("http://nowhere.invalid:7447", &["nowhere.invalid", "driftline serve"]),
        ("127.0.0.1:9", &["127.0.0.1:9", "driftline serve", "gRPC port"]),
    ];
    for (address, words) in wrong {
        unusable(&bench.plugin, &of(address), words);
    }
}

/// The HTTP port is beside that of gRPC, and easily taken for it.
#[test]
fn the_http_port_is_told_from_that_of_grpc() {
    let bench = Bench::start();
    let free = SocketAddr::from(([127, 0, 0, 1], 0));
    // A port that was free a moment ago.
    let http = std::net::TcpListener::bind(free).unwrap().local_addr().unwrap();
    let _served = Served::start_with(bench.monitor.clone(), free, Some(http));
    let wrong = context(&json!({ "address": http.to_string() }), &[]);
    unusable(&bench.plugin, &wrong, &["gRPC port", "7447"]);
}

#[test]
fn a_slow_server_is_waited_for_as_long_as_set() {
    let bench = Bench::start();
    let options = Options { delay: Duration::from_secs(60), ..Options::default() };
    let proxy = Proxy::start(bench.address, &options);
    let address = proxy.address.to_string();
    let hasty = context(&json!({ "address": address, "timeoutSeconds": 1 }), &[]);
    let began = Instant::now();
    unusable(&bench.plugin, &hasty, &["did not answer in time", "timeout", "settings"]);
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}
