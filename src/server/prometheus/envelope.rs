//! Prometheus's JSON envelope, and its types of errors with their status codes.

use std::fmt;

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use driftline_promql::{Data, Error, ErrorKind, Labels, Notes};

use crate::prometheus::{number, told};

const JSON: &str = "application/json";

/// An answer.
#[derive(Debug)]
pub(super) struct Outcome {
    /// JSON.
    data: String,
    notes: Notes,
}

impl Outcome {
    /// An answer of JSON.
    pub(super) fn data(json: impl Into<String>) -> Self {
        Self { data: json.into(), notes: Notes::default() }
    }

    /// The same with notes.
    pub(super) fn with(self, notes: Notes) -> Self {
        Self { notes, ..self }
    }
}

impl IntoResponse for Outcome {
    fn into_response(self) -> Response {
        let mut text = String::with_capacity(self.data.len() + 64);
        text.push_str("{\"status\":\"success\",\"data\":");
        text.push_str(&self.data);
        for (name, notes) in [("warnings", &self.notes.warnings), ("infos", &self.notes.infos)] {
            if !notes.is_empty() {
                text.push_str(&format!(",\"{name}\":{}", array(notes)));
            }
        }
        text.push('}');
        ([(header::CONTENT_TYPE, JSON)], text).into_response()
    }
}

/// An error: its type, its status code and a sentence.
#[derive(Debug)]
pub(super) struct Failure {
    kind: &'static str,
    code: u16,
    text: String,
}

impl Failure {
    /// A request that is wrong.
    pub(super) fn bad_data(text: impl Into<String>) -> Self {
        Self { kind: "bad_data", code: 400, text: text.into() }
    }

    /// A parameter that is wrong.
    pub(super) fn parameter(name: &str, why: impl fmt::Display) -> Self {
        Self::bad_data(format!("invalid parameter {name:?}: {why}"))
    }

    /// A path that there is not.
    pub(super) fn not_found(text: impl Into<String>) -> Self {
        Self { kind: "not_found", code: 404, text: text.into() }
    }

    /// A failure of the server.
    pub(super) fn internal(text: impl Into<String>) -> Self {
        Self { kind: "internal", code: 500, text: text.into() }
    }

    /// The status code.
    pub(super) fn code(&self) -> u16 {
        self.code
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let (kind, code) = match error.kind() {
            ErrorKind::BadData => ("bad_data", 400),
            ErrorKind::Execution => ("execution", 422),
            ErrorKind::Timeout => ("timeout", 503),
            ErrorKind::Unavailable => ("unavailable", 503),
            ErrorKind::Internal => ("internal", 500),
        };
        if error.kind() == ErrorKind::Internal {
            tracing::error!(%error, "a Prometheus query failed");
        }
        Self { kind, code, text: error.to_string() }
    }
}

impl From<driftline_storage::Error> for Failure {
    fn from(error: driftline_storage::Error) -> Self {
        told(error).into()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let code = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let text = format!(
            "{{\"status\":\"error\",\"errorType\":\"{}\",\"error\":{}}}",
            self.kind,
            string(&self.text)
        );
        (code, [(header::CONTENT_TYPE, JSON)], text).into_response()
    }
}

/// A text as JSON.
pub(super) fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Texts as JSON.
pub(super) fn array(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| string(text)).collect();
    format!("[{}]", texts.join(","))
}

/// Labels as JSON.
pub(super) fn object(labels: &Labels) -> String {
    let pairs: Vec<String> =
        labels.iter().map(|(name, value)| format!("{}:{}", string(name), string(value))).collect();
    format!("{{{}}}", pairs.join(","))
}

/// Milliseconds as seconds.
fn seconds(millis: i64) -> String {
    let (sign, millis) = (if millis < 0 { "-" } else { "" }, millis.unsigned_abs());
    match millis % 1_000 {
        0 => format!("{sign}{}", millis / 1_000),
        rest => format!("{sign}{}.{rest:03}", millis / 1_000),
    }
}

fn sample(time: i64, value: f64) -> String {
    format!("[{},\"{}\"]", seconds(time), number(value))
}

/// What a query gave; a number, a text and a vector are of an instant.
pub(super) fn result(data: &Data, instant: i64) -> String {
    let (kind, result) = match data {
        Data::Scalar(value) => ("scalar", sample(instant, *value)),
        Data::Text(text) => ("string", format!("[{},{}]", seconds(instant), string(text))),
        Data::Vector(samples) => {
            let one = |of: &driftline_promql::Sample| {
                let (metric, value) = (object(&of.labels), sample(instant, of.value));
                format!("{{\"metric\":{metric},\"value\":{value}}}")
            };
            ("vector", format!("[{}]", samples.iter().map(one).collect::<Vec<_>>().join(",")))
        }
        Data::Matrix(all) => {
            let one = |(labels, samples): &(Labels, Vec<(i64, f64)>)| {
                let samples: Vec<String> =
                    samples.iter().map(|(time, value)| sample(*time, *value)).collect();
                format!("{{\"metric\":{},\"values\":[{}]}}", object(labels), samples.join(","))
            };
            ("matrix", format!("[{}]", all.iter().map(one).collect::<Vec<_>>().join(",")))
        }
    };
    format!("{{\"resultType\":\"{kind}\",\"result\":{result}}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_prometheus_does() {
        assert_eq!(seconds(1_500), "1.500");
        assert_eq!(seconds(-1_005), "-1.005");
        assert_eq!(seconds(2_000), "2");
    }

    #[test]
    fn hostile_labels_are_escaped_as_json() {
        let labels = Labels::new([("feature", "a\"b{c}\\\n")]);
        assert_eq!(object(&labels), r#"{"feature":"a\"b{c}\\\n"}"#);
        let data = Data::Vector(vec![driftline_promql::Sample { labels, value: 0.5 }]);
        let parsed: serde_json::Value = serde_json::from_str(&result(&data, 1_000)).expect("JSON");
        assert_eq!(parsed["result"][0]["metric"]["feature"], "a\"b{c}\\\n");
        assert_eq!(parsed["result"][0]["value"][1], "0.5");
    }
}
