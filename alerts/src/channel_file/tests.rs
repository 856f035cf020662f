//! Claims about channels in files: what is read, which mistakes are told, and that no secret gets out.

use super::*;
use crate::tests::{RuleSet, Syntax};

fn file(keys: &str) -> String {
    format!("[[channel]]\nname = \"ops\"\n{keys}\n")
}

fn channel_of(keys: &str) -> Channel {
    let set = RuleSet::parse(&file(keys), Syntax::Toml);
    let set = set.unwrap_or_else(|mistakes| panic!("{keys}: {mistakes}"));
    set.channels.into_iter().next().expect("one channel")
}

/// Keys that must be wrong in so many ways, each a piece of a message.
#[track_caller]
fn wrong(keys: &str, wants: &[&str]) {
    let mistakes = RuleSet::parse(&file(keys), Syntax::Toml).expect_err(keys);
    assert_eq!(mistakes.0.len(), wants.len(), "{keys}: {mistakes}");
    for (mistake, want) in mistakes.0.iter().zip(wants) {
        assert!(mistake.to_string().contains(want), "{keys}: {mistake}");
    }
    let mistakes = mistakes.to_string();
    assert!(!mistakes.contains("hunter2"), "{keys} gives a secret away: {mistakes}");
}

const EVERY_KIND: [&str; 6] = [
    "type = \"webhook\"\nurl = \"https://example.org/hook\"\nsecret = { env = \"KEY\" }\n\
     headers = { X-Team = \"risk\", Authorization = { file = \"/run/token\" } }\ntimeout = \"5s\"",
    "type = \"slack\"\nurl = { env = \"SLACK_URL\" }\ngive_up_after = \"1h\"",
    "type = \"pagerduty\"\nrouting_key = { env = \"KEY\" }\nurl = \"http://127.0.0.1:1/\"",
    "type = \"email\"\nsmtp = \"smtp.example.org:2525\"\nfrom = \"Driftline <a@example.org>\"\n\
     to = [\"b@example.org\", \"c@example.org\"]\nusername = \"a\"\npassword = { env = \"P\" }\n\
     tls = \"required\"",
    "type = \"alertmanager\"\nurl = \"http://10.0.0.8:9093/am\"\nallow_private = true",
    "type = \"log\"\nlevel = \"info\"",
];

#[test]
fn every_key_of_every_kind_is_read_and_written_again() {
    for keys in EVERY_KIND {
        let set = RuleSet::parse(&file(keys), Syntax::Toml);
        let set = set.unwrap_or_else(|mistakes| panic!("{keys}: {mistakes}"));
        let text = set.export(Syntax::Toml);
        // All that was written differs from its default, so all of it is written again.
        let keys_of = |text: &str| {
            let mut keys: Vec<String> = text
                .lines()
                .filter_map(|line| line.split_once(" = "))
                .map(|l| l.0.into())
                .collect();
            keys.sort();
            keys
        };
        assert_eq!(keys_of(&text), keys_of(&file(keys)), "{text}");
        assert_eq!(RuleSet::parse(&text, Syntax::Toml).as_ref(), Ok(&set), "{text}");
        assert_eq!(RuleSet::parse(&set.export(Syntax::Yaml), Syntax::Yaml), Ok(set));
    }
}

#[test]
fn what_is_left_out_has_a_default() {
    let channel = channel_of("type = \"webhook\"\nurl = \"http://127.0.0.1:9000/hook\"");
    assert_eq!((channel.timeout, channel.give_up_after), (10_000_000, 86_400_000_000));
    assert!(!channel.allow_private);
    let pagerduty = channel_of("type = \"pagerduty\"\nrouting_key = { file = \"/run/key\" }");
    let Destination::PagerDuty { url, .. } = pagerduty.destination else { panic!("its kind") };
    assert_eq!(url, Setting::Plain(PAGERDUTY_URL.to_owned()));
    for (port, want) in
        [(465, MailTls::Implicit), (587, MailTls::Starttls), (25, MailTls::Starttls)]
    {
        let to = "from = \"a@example.org\"\nto = \"b@example.org\"";
        let channel =
            channel_of(&format!("type = \"email\"\nsmtp = \"a.example.org:{port}\"\n{to}"));
        let Destination::Email(email) = channel.destination else { panic!("its kind") };
        assert_eq!((email.tls, email.to.len()), (want, 1));
    }
    assert_eq!(channel_of("type = \"log\"").kind(), ChannelKind::Log);
}

#[test]
fn mistakes_come_all_at_once_with_what_would_work() {
    wrong("", &["type: is missing; it is one of webhook, slack"]);
    wrong("type = \"webhok\"", &["did you mean \"webhook\"?"]);
    wrong(
        "type = \"webhook\"\ntimeout = \"1ms\"\nretries = 3\ntls = \"none\"\nurI = \"x\"",
        &[
            "timeout = \"1ms\": is too short; it must be 1s or longer",
            "url: is missing; write url = \"http://127.0.0.1:9000/hook\"",
            "retries: is no key of a channel of type webhook",
            "tls = \"none\": is no key of a channel of type webhook",
            "urI: is no key of a channel of type webhook, did you mean \"url\"?",
        ],
    );
    wrong("type = \"slack\"", &["url: is missing; write url = { env = \"SLACK_URL\" }"]);
    wrong("type = \"pagerduty\"", &["routing_key: is missing"]);
    wrong("type = \"webhook\"\nurl = 3", &["url: is a number, and must be text, { env = "]);
    wrong("type = \"webhook\"\nurl = { evn = \"A\" }", &["url: is a table, and must be text"]);
    wrong("type = \"webhook\"\nurl = { env = \"A=B\" }", &["its name has no ="]);
    wrong("type = \"webhook\"\nurl = \"ftp://example.org\"", &["has the scheme \"ftp\""]);
    wrong("type = \"webhook\"\nurl = \"http://10.0.0.8/\"", &["add allow_private = true"]);
    wrong("type = \"log\"\nlevel = \"debug\"", &["is not one of error, warn, info"]);
    wrong("type = \"log\"\ngive_up_after = \"99d\"", &["is too long; it is 30d at most"]);
    wrong(
        "type = \"email\"\ntls = \"no\"",
        &[
            "smtp: is missing",
            "from: is missing",
            "to: is missing; write to = [\"team@example.org\"]",
            "tls = \"no\": is not one of required, starttls, none",
        ],
    );
    let mail =
        "type = \"email\"\nsmtp = \"smtp.example.org\"\nfrom = \"me\"\nto = [\"b@c\", \"you\"]";
    wrong(
        &format!("{mail}\nusername = \"a\""),
        &[
            "smtp = \"smtp.example.org\": has no port; write host:port",
            "from = \"me\": \"me\" is no mail address",
            "\"you\" is no mail address",
            "password: is missing beside username",
        ],
    );
    let mail = "type = \"email\"\nsmtp = \"a.example.org:25\"\nfrom = \"a@b.c\"\nto = \"d@e.f\"";
    let login = "tls = \"none\"\nusername = \"a\"\npassword = { env = \"P\" }";
    wrong(&format!("{mail}\n{login}"), &["tls = \"none\": would send the password in the clear"]);
    wrong("type = \"log\"\nname_ = 1", &["name_: is no key"]);
    let text = "[[channel]]\nname = \"on call\"\ntype = \"log\"";
    let error = RuleSet::parse(text, Syntax::Toml).expect_err("a space").to_string();
    assert!(error.contains("must be 1 to 128 letters"), "{error}");
}

#[test]
fn secrets_in_plain_text_are_refused_and_never_shown() {
    let hook = "type = \"webhook\"\nurl = \"http://127.0.0.1:1/\"";
    let forms = "is a secret and stands here in plain text; write";
    wrong(&format!("{hook}\nsecret = \"hunter2\""), &[forms]);
    wrong(&format!("{hook}\nsecrt = \"hunter2\""), &["did you mean \"secret\"?"]);
    wrong(&format!("{hook}\nheaders = {{ authorization = \"hunter2\" }}"), &[forms]);
    wrong(&format!("{hook}\nheaders = \"hunter2\""), &["headers: is text, and must be a table"]);
    wrong("type = \"webhook\"\nurl = \"https://a:hunter2@example.org\"", &["has a password"]);
    wrong("type = \"webhook\"\nurl = \"hunter2\"", &["url: is no URL"]);
    wrong("type = \"slack\"\nurl = \"https://hooks.slack.com/services/hunter2\"", &[forms]);
    wrong("type = \"pagerduty\"\nrouting_key = \"hunter2\"", &[forms]);
    let mail = "type = \"email\"\nsmtp = \"a.example.org:25\"\nfrom = \"a@b.c\"\nto = \"d@e.f\"";
    wrong(&format!("{mail}\nusername = \"a\"\npassword = \"hunter2\""), &[forms]);
    let error = RuleSet::parse("[[chanel]]\nsecret = \"hunter2\"", Syntax::Toml);
    assert!(!error.expect_err("misspelt").to_string().contains("hunter2"));
    // One that leads to this machine, as in a test, tells no secret of Slack.
    assert_eq!(
        channel_of("type = \"slack\"\nurl = \"http://127.0.0.1:1/\"").kind().name(),
        "slack"
    );
}

#[test]
fn headers_are_names_and_texts_that_a_request_can_have() {
    let headers = |table: &str| {
        format!("type = \"webhook\"\nurl = \"http://127.0.0.1:1/\"\nheaders = {table}")
    };
    wrong(&headers("{ \"a b\" = \"c\" }"), &["\"a b\" is no name of a header"]);
    wrong(&headers("{ host = \"c\" }"), &["is made by Driftline"]);
    wrong(&headers("{ Driftline-Signature = \"c\" }"), &["is made by Driftline"]);
    wrong(&headers("{ a = \"b\\r\\nc: d\" }"), &["has control characters"]);
    wrong(&headers("{ a = \"\u{e4}\" }"), &["write ASCII"]);
    wrong(&headers("{ A = \"b\", a = \"c\" }"), &["stands there twice"]);
}
