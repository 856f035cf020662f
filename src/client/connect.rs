//! Reaching a server.

use std::{error::Error as _, time::Duration};

use driftline_storage::{Error, ErrorKind, Result};
use tonic::transport::{Channel, Endpoint};

/// How long a server may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a silent connection is asked whether it still lives; servers allow no less.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);
/// How long such an answer may take.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Connects to `http://host:port`.
///
/// # Errors
/// `InvalidArgument` for an address that is none, `Io` if no server answers there.
pub(super) async fn connect(url: &str) -> Result<Channel> {
    let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let wrong = |rule: &str| Error::invalid("server", format!("{url:?} {rule}"));
    if url.starts_with("https://") {
        return Err(wrong("asks for TLS, which this build lacks; use http:// behind a proxy"));
    }
    let endpoint = Endpoint::from_shared(url.clone())
        .ok()
        .filter(|endpoint| endpoint.uri().scheme_str() == Some("http"))
        .ok_or_else(|| wrong("is not an address such as http://localhost:50051"))?;
    let endpoint = endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .tcp_nodelay(true);
    endpoint.connect().await.map_err(|error| {
        // The outer errors only say that something failed.
        let mut cause = error.to_string();
        let mut source = error.source();
        while let Some(inner) = source {
            cause = inner.to_string();
            source = inner.source();
        }
        let text = format!("cannot reach {url}: {cause}; is `driftline serve` running?");
        Error::new(ErrorKind::Io, text)
    })
}
