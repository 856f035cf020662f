//! Names to addresses, with a check of each address at the moment of connecting, so that a name that led
//! elsewhere when the rules were written leads nowhere else now; and whom TLS trusts.

use std::{net::SocketAddr, sync::Arc};

use driftline_alerts::may_reach;
use driftline_storage::{Error, ErrorKind, Result};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use url::Host;

/// Why a host has no address that may be told.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreachable {
    /// Its addresses are not for us.
    #[error("{0}")]
    Forbidden(String),
    /// It has none now.
    #[error("{0}")]
    Unresolved(String),
}

/// The addresses of a host that may be told. Private ones only if that is allowed.
///
/// # Errors
/// Why there are none, fit to follow the host.
pub(super) async fn addresses(
    host: &Host<&str>,
    port: u16,
    allow_private: bool,
) -> std::result::Result<Vec<SocketAddr>, Unreachable> {
    let found: Vec<SocketAddr> = match host {
        Host::Ipv4(address) => vec![((*address), port).into()],
        Host::Ipv6(address) => vec![((*address), port).into()],
        Host::Domain(name) => {
            let found = tokio::net::lookup_host((*name, port)).await;
            let told = |error| Unreachable::Unresolved(format!("has no address: {error}"));
            found.map_err(told)?.collect()
        }
    };
    allowed(host, found, allow_private)
}

/// Of the addresses that a host has, those that may be told.
fn allowed(
    host: &Host<&str>,
    found: Vec<SocketAddr>,
    allow_private: bool,
) -> std::result::Result<Vec<SocketAddr>, Unreachable> {
    let mut refused = None;
    let mut may = Vec::with_capacity(found.len());
    for address in found {
        match may_reach(host, address.ip()) {
            Err(problem) if !allow_private => refused = Some(problem),
            _ => may.push(address),
        }
    }
    match refused {
        _ if !may.is_empty() => Ok(may),
        Some(problem) => Err(Unreachable::Forbidden(problem)),
        None => Err(Unreachable::Unresolved("has no address".to_owned())),
    }
}

/// The addresses of names for HTTP.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resolver {
    /// Whether private addresses may be told.
    pub(super) allow_private: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found = addresses(&Host::Domain(name.as_str()), 0, allow_private).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// TLS of clients, which trusts whom this machine trusts.
///
/// # Errors
/// `Io` if the library has no version of TLS.
pub(super) fn tls() -> Result<ClientConfig> {
    let loaded = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(loaded.certs);
    if added == 0 {
        let text = "no certificate authorities found, receivers with TLS cannot be told; set SSL_CERT_FILE";
        tracing::warn!(errors = ?loaded.errors, "{text}");
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(ErrorKind::Io, format!("start TLS: {error}")))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_of_this_machine_leads_to_it_and_no_address_of_others_does() {
        let found = addresses(&Host::Domain("localhost"), 80, false).await.expect("this machine");
        assert!(!found.is_empty() && found.iter().all(|address| address.ip().is_loopback()));
        let private = Host::Ipv4([10, 0, 0, 8].into());
        let error = addresses(&private, 80, false).await.expect_err("private");
        assert!(matches!(&error, Unreachable::Forbidden(_)), "{error}");
        let found = addresses(&private, 80, true).await.expect("allowed");
        assert_eq!(found, [SocketAddr::from(([10, 0, 0, 8], 80))]);
    }

    #[test]
    fn of_a_name_with_many_addresses_only_those_are_told_that_may_be() {
        let address = |ip: [u8; 4]| SocketAddr::from((ip, 443));
        let (public, loopback) = (address([1, 1, 1, 1]), address([127, 0, 0, 1]));
        let host = Host::Domain("rebind.example.org");
        let both = vec![loopback, public];
        assert_eq!(allowed(&host, both.clone(), false).expect("one"), [public]);
        assert_eq!(allowed(&host, both, true).expect("both"), [loopback, public]);
        let error = allowed(&host, vec![loopback], false).expect_err("this machine").to_string();
        assert!(error.starts_with("leads to 127.0.0.1, an address of this machine"), "{error}");
        assert!(matches!(allowed(&host, vec![], true), Err(Unreachable::Unresolved(_))));
    }
}
