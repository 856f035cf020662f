//! How a host and the process that it starts find each other: an environment variable that says that
//! a host started it, and one line on standard output that says where it listens.

use std::{io::Write as _, net::SocketAddr};

/// The variable that Grafana sets, so that a plugin started by hand can say what it is.
const COOKIE: (&str, &str) = ("grafana_plugin_type", "datasource");

/// Whether Grafana started this process, told by a lookup of environment variables.
///
/// # Errors
/// A sentence for whoever started it by hand.
pub fn check_started_by_grafana(variable: impl Fn(&str) -> Option<String>) -> Result<(), String> {
    if variable(COOKIE.0).as_deref() == Some(COOKIE.1) {
        return Ok(());
    }
    Err("this is a plugin of Grafana, which starts it by itself; put the plugin's folder into \
         Grafana's plugins directory (see the README beside it)"
        .to_owned())
}

/// Writes the line that says where the plugin listens: version of the line, version of the protocol,
/// network, address, transport.
///
/// # Errors
/// If standard output is closed.
pub fn announce(address: SocketAddr) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "1|2|tcp|{address}|grpc")?;
    out.flush()
}
