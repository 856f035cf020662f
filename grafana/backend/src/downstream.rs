//! Connections to servers, one for each data source as it is set up.

use std::{
    collections::HashMap,
    error::Error as _,
    sync::{Mutex, PoisonError},
};

use driftline_proto::v1::{
    alert_service_client::AlertServiceClient, model_service_client::ModelServiceClient,
    query_service_client::QueryServiceClient,
};
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};

use crate::{limits, problem::Problem, settings::Settings};

/// Sends the token along.
#[derive(Debug, Clone)]
pub(crate) struct Authorised(Option<MetadataValue<Ascii>>);

impl Interceptor for Authorised {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

type Service = InterceptedService<Channel, Authorised>;

/// A server.
#[derive(Debug, Clone)]
pub(crate) struct Downstream(Service);

impl Downstream {
    /// Its queries.
    pub(crate) fn queries(&self) -> QueryServiceClient<Service> {
        let limit = limits::ANSWER_BYTES_MAX;
        QueryServiceClient::new(self.0.clone()).max_decoding_message_size(limit)
    }

    /// Its alerts.
    pub(crate) fn alerts(&self) -> AlertServiceClient<Service> {
        let limit = limits::ANSWER_BYTES_MAX;
        AlertServiceClient::new(self.0.clone()).max_decoding_message_size(limit)
    }

    /// Its models.
    pub(crate) fn models(&self) -> ModelServiceClient<Service> {
        let limit = limits::ANSWER_BYTES_MAX;
        ModelServiceClient::new(self.0.clone()).max_decoding_message_size(limit)
    }
}

/// The connections that are open. Settings that changed get a connection of their own.
#[derive(Debug, Default)]
pub(crate) struct Connections(Mutex<HashMap<Settings, Downstream>>);

impl Connections {
    /// The server of a data source. An open connection finds its server again by itself.
    ///
    /// # Errors
    /// What is wrong in the settings, or that nobody answers.
    pub(crate) async fn to(&self, settings: &Settings) -> Result<Downstream, Problem> {
        if let Some(known) = self.lock().get(settings) {
            return Ok(known.clone());
        }
        let made = connect(settings).await?;
        let mut known = self.lock();
        if known.len() >= limits::CONNECTIONS_MAX {
            // Settings that nobody has any more are not told: all begin anew now and then.
            known.clear();
        }
        known.insert(settings.clone(), made.clone());
        Ok(made)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Settings, Downstream>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn connect(settings: &Settings) -> Result<Downstream, Problem> {
    let address = &settings.address;
    let wrong = |_| {
        Problem::asked(format!(
            "{address:?} is no address; write it as http://localhost:7447 in the settings"
        ))
    };
    let mut endpoint = Endpoint::from_shared(address.clone())
        .map_err(wrong)?
        .connect_timeout(limits::CONNECT_TIMEOUT)
        .timeout(settings.timeout)
        .tcp_nodelay(true);
    if address.starts_with("https://") {
        let mut tls = ClientTlsConfig::new().with_webpki_roots();
        if let Some(authorities) = &settings.authorities {
            tls = tls.ca_certificate(Certificate::from_pem(authorities));
        }
        if let Some(name) = &settings.server_name {
            tls = tls.domain_name(name);
        }
        if let Some((certificate, key)) = &settings.identity {
            tls = tls.identity(Identity::from_pem(certificate, key));
        }
        endpoint = endpoint.tls_config(tls).map_err(|error| {
            Problem::asked(format!("the certificates in the settings do not read: {error}"))
        })?;
    }
    let token = match &settings.token {
        None => None,
        Some(token) => Some(format!("Bearer {token}").parse().map_err(|_| {
            Problem::asked(
                "the token in the settings has characters that no token has; set it anew",
            )
        })?),
    };
    let channel = endpoint.connect().await.map_err(|error| {
        // The outer errors only say that something failed.
        let mut cause = error.to_string();
        let mut source = error.source();
        while let Some(inner) = source {
            cause = inner.to_string();
            source = inner.source();
        }
        Problem::unreachable(address, &cause)
    })?;
    Ok(Downstream(InterceptedService::new(channel, Authorised(token))))
}
