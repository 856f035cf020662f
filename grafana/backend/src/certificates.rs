//! The certificates of settings, checked one by one: what does not read is told by the name of its
//! field, and none is left out in silence.

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use crate::{problem::Problem, settings::Settings};

/// How a server is known, and what is shown to it.
///
/// # Errors
/// A text that holds no certificate.
pub(crate) fn tls(settings: &Settings) -> Result<ClientTlsConfig, Problem> {
    let mut tls = ClientTlsConfig::new().with_webpki_roots();
    if let Some(authorities) = &settings.authorities {
        let mut store = RootCertStore::empty();
        for certificate in read("CA certificate", authorities)? {
            store.add(certificate).map_err(|error| wrong("CA certificate", &error.to_string()))?;
        }
        tls = tls.ca_certificate(Certificate::from_pem(authorities));
    }
    if let Some(name) = &settings.server_name {
        tls = tls.domain_name(name);
    }
    if let Some((certificate, key)) = &settings.identity {
        read("Client certificate", certificate)?;
        tls = tls.identity(Identity::from_pem(certificate, key));
    }
    Ok(tls)
}

/// What is wrong with both parts of an identity taken together, or with its key.
pub(crate) fn unfit(error: &dyn std::error::Error) -> Problem {
    let mut cause = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        cause = inner.to_string();
        source = inner.source();
    }
    let cause = cause.trim_end_matches('.');
    Problem::asked(format!(
        "Client certificate and Client key in the data source's settings do not fit each other or do not \
         read: {cause}. Set both as PEM, the key without a password"
    ))
}

fn read(field: &str, pem: &str) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let read = read.map_err(|error| wrong(field, &error.to_string()))?;
    if read.is_empty() { Err(wrong(field, "it holds none")) } else { Ok(read) }
}

fn wrong(field: &str, why: &str) -> Problem {
    Problem::asked(format!(
        "{field} in the data source's settings is no certificate as PEM: {why}. It begins with \
         -----BEGIN CERTIFICATE-----"
    ))
}
