//! Why nothing came back from a server, and what to do about it.
//!
//! What a connection fails with is a chain of errors of which the outer ones say only that something
//! failed. The one that tells a cause is looked for, and made a sentence that names the setting to change.

use std::{error::Error, fmt};

use rustls::{AlertDescription, CertificateError, Error as TlsError};
use tonic::{ConnectError, TimeoutExpired};

/// A call that no server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unreachable {
    /// What to say.
    pub(crate) text: String,
    /// A status of HTTP.
    pub(crate) status: i32,
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Unreachable {}

/// What is said of a query that took longer than settings allow.
pub(crate) const TOO_LATE: &str = "the server did not answer in time. Ask for fewer features, a shorter \
    time or longer windows, or raise the timeout in the data source's settings";

impl Unreachable {
    /// What a connection to an address failed with.
    pub(crate) fn of(address: &str, error: &(dyn Error + 'static)) -> Self {
        let chain: Vec<&(dyn Error + 'static)> =
            std::iter::successors(Some(error), |&error| error.source()).collect();
        if chain.iter().any(|error| error.is::<TimeoutExpired>()) {
            return Self { text: TOO_LATE.to_owned(), status: 504 };
        }
        let tls = chain.iter().find_map(|error| {
            // The TLS error is inside of one of input and output, which does not tell it as its source.
            let inner = error.downcast_ref::<std::io::Error>().and_then(|error| error.get_ref());
            inner.and_then(|inner| inner.downcast_ref::<TlsError>())
        });
        let innermost = chain.last().map(ToString::to_string).unwrap_or_default();
        let text = match tls {
            Some(error) => of_tls(address, error),
            None if is_of_protocol(&chain) => format!(
                "what answers at {address} does not speak gRPC without TLS ({innermost}). Write https:// \
                 if it has TLS, and check that the port in the data source's settings is the gRPC port, \
                 7447 unless `driftline serve --grpc-addr` says otherwise"
            ),
            None => {
                let mut text = format!(
                    "cannot reach the Driftline server at {address}: {innermost}. Is `driftline serve` \
                     running there, and is the gRPC port in the data source's settings right?"
                );
                // A connection that came about and was then closed: what the other side found wrong is
                // lost with it, and these are the usual causes.
                let was_connected = !chain.iter().any(|error| error.is::<ConnectError>());
                match (was_connected, address.starts_with("https://")) {
                    (true, false) => text.push_str(" If the server has TLS, write https://."),
                    (true, true) => text.push_str(
                        " If it asks for a client certificate, set Client certificate and Client key.",
                    ),
                    (false, _) => {}
                }
                text
            }
        };
        Self { text, status: 502 }
    }

    /// An answer that is none of gRPC, by its status of HTTP.
    pub(crate) fn foreign(address: &str, status: u16) -> Self {
        let said = format!("(HTTP status {status})");
        let text = match status {
            401 => format!(
                "a proxy at {address} did not take the token {said}. Set a valid one in the data source's \
                 settings"
            ),
            403 => format!(
                "a proxy at {address} does not let this through {said}. Use a token with the right to read"
            ),
            429 | 502 | 503 | 504 => format!(
                "a proxy at {address} got no answer from the server {said}. Is `driftline serve` running?"
            ),
            _ => format!(
                "what answers at {address} is no gRPC server {said}. Set the gRPC port in the data \
                 source's settings, 7447 unless `driftline serve --grpc-addr` says otherwise; the HTTP \
                 port, 7448, is another"
            ),
        };
        let status = if matches!(status, 401 | 403) { i32::from(status) } else { 502 };
        Self { text, status }
    }
}

/// Whether the other side spoke, but not HTTP/2. That library keeps its errors to itself but for words.
fn is_of_protocol(chain: &[&(dyn Error + 'static)]) -> bool {
    chain.iter().any(|error| error.to_string() == "http2 error")
}

fn of_tls(address: &str, error: &TlsError) -> String {
    use CertificateError as Certificate;
    let certificate = format!("the certificate of the server at {address}");
    match error {
        TlsError::InvalidCertificate(
            wrong @ (Certificate::NotValidForName | Certificate::NotValidForNameContext { .. }),
        ) => format!(
            "{certificate} has another name: {wrong}. Set Server name in the data source's settings to \
             the name in the certificate"
        ),
        TlsError::InvalidCertificate(
            wrong @ (Certificate::Expired
            | Certificate::ExpiredContext { .. }
            | Certificate::NotValidYet
            | Certificate::NotValidYetContext { .. }),
        ) => format!("{certificate} does not hold now: {wrong}. Renew it, or set the clocks right"),
        TlsError::InvalidCertificate(wrong) => format!(
            "{certificate} is not from an authority that is known here ({wrong}). Set CA certificate in \
             the data source's settings to the certificate of its authority, as PEM"
        ),
        TlsError::AlertReceived(alert) if is_of_client(*alert) => format!(
            "the server at {address} did not take the client certificate, or misses one ({alert:?}). Set \
             Client certificate and Client key in the data source's settings to a pair that it knows"
        ),
        TlsError::InvalidMessage(_) => format!(
            "what answers at {address} does not speak TLS. Write http:// in the data source's settings if \
             the server has none, as `driftline serve` by itself, and check the port"
        ),
        other => format!(
            "no TLS connection to {address} came about: {other}. Check the certificates in the data \
             source's settings"
        ),
    }
}

/// Whether a server ends a connection with this for the certificate of its client.
fn is_of_client(alert: AlertDescription) -> bool {
    use AlertDescription as Alert;
    matches!(
        alert,
        Alert::AccessDenied
            | Alert::BadCertificate
            | Alert::CertificateExpired
            | Alert::CertificateRequired
            | Alert::CertificateRevoked
            | Alert::CertificateUnknown
            | Alert::DecryptError
            | Alert::HandshakeFailure
            | Alert::NoCertificate
            | Alert::UnknownCA
            | Alert::UnsupportedCertificate
    )
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn said(error: TlsError) -> String {
        let error = io::Error::new(io::ErrorKind::InvalidData, error);
        Unreachable::of("https://db:7447", &error).text
    }

    #[test]
    fn each_cause_names_the_setting_that_mends_it() {
        for (error, want) in [
            (TlsError::InvalidCertificate(CertificateError::UnknownIssuer), "Set CA certificate"),
            (TlsError::InvalidCertificate(CertificateError::NotValidForName), "Set Server name"),
            (TlsError::InvalidCertificate(CertificateError::Expired), "Renew it"),
            (TlsError::AlertReceived(AlertDescription::CertificateRequired), "Client certificate"),
            (TlsError::InvalidMessage(rustls::InvalidMessage::InvalidContentType), "http://"),
            (TlsError::HandshakeNotComplete, "Check the certificates"),
        ] {
            let text = said(error);
            assert!(text.contains(want) && text.contains("db:7447"), "{text}");
        }
        let closed = io::Error::from(io::ErrorKind::ConnectionReset);
        for (address, hint) in [("http://db:7447", "https://"), ("https://db:7447", "Client key")] {
            let text = Unreachable::of(address, &closed).text;
            assert!(text.contains("driftline serve") && text.contains(hint), "{text}");
        }
        let nobody = ConnectError(Box::new(io::Error::from(io::ErrorKind::ConnectionRefused)));
        let text = Unreachable::of("http://db:7447", &nobody).text;
        assert!(text.contains("connection refused") && !text.contains("https://"), "{text}");
    }

    #[test]
    fn answers_of_others_are_told_by_their_status() {
        for (status, want) in
            [(401, "token"), (403, "right to read"), (503, "running"), (404, "7447")]
        {
            let text = Unreachable::foreign("http://db", status).text;
            assert!(text.contains(want) && text.contains(&status.to_string()), "{text}");
        }
    }
}
