//! Connections to servers, one for each data source as it is set up.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use driftline_proto::v1::{
    alert_service_client::AlertServiceClient, model_service_client::ModelServiceClient,
    query_service_client::QueryServiceClient,
};
use tonic::{
    body::Body,
    codegen::{
        BoxFuture, Service,
        http::{HeaderValue, Request, Response, StatusCode, header::AUTHORIZATION},
    },
    transport::{Channel, Endpoint},
};

use crate::{
    certificates::{tls, unfit},
    limits,
    problem::Problem,
    settings::Settings,
    unreachable::Unreachable,
};

/// Calls over one connection. Each brings the token, and one that fails says why and where.
#[derive(Debug, Clone)]
pub(crate) struct Calls {
    channel: Channel,
    token: Option<HeaderValue>,
    address: Arc<str>,
}

impl Service<Request<Body>> for Calls {
    type Response = Response<Body>;
    type Error = Unreachable;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.channel.poll_ready(context).map_err(|error| Unreachable::of(&self.address, &error))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if let Some(token) = &self.token {
            request.headers_mut().insert(AUTHORIZATION, token.clone());
        }
        let (call, address) = (self.channel.call(request), self.address.clone());
        Box::pin(async move {
            let answer = call.await.map_err(|error| Unreachable::of(&address, &error))?;
            // gRPC tells its own errors beside a status of 200.
            match answer.status() {
                StatusCode::OK => Ok(answer),
                status => Err(Unreachable::foreign(&address, status.as_u16())),
            }
        })
    }
}

/// A server.
#[derive(Debug, Clone)]
pub(crate) struct Downstream(Calls);

impl Downstream {
    /// Its queries.
    pub(crate) fn queries(&self) -> QueryServiceClient<Calls> {
        let limit = limits::ANSWER_BYTES_MAX;
        QueryServiceClient::new(self.0.clone()).max_decoding_message_size(limit)
    }

    /// Its alerts.
    pub(crate) fn alerts(&self) -> AlertServiceClient<Calls> {
        let limit = limits::ANSWER_BYTES_MAX;
        AlertServiceClient::new(self.0.clone()).max_decoding_message_size(limit)
    }

    /// Its models.
    pub(crate) fn models(&self) -> ModelServiceClient<Calls> {
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
        endpoint = endpoint.tls_config(tls(settings)?).map_err(|error| unfit(&error))?;
    }
    let token = match &settings.token {
        None => None,
        Some(token) => {
            let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| {
                Problem::asked(
                    "the token in the settings has characters that no token has; set it anew",
                )
            })?;
            value.set_sensitive(true);
            Some(value)
        }
    };
    let channel = endpoint.connect().await.map_err(|error| Unreachable::of(address, &error))?;
    Ok(Downstream(Calls { channel, token, address: address.as_str().into() }))
}
