//! What stands before `driftline serve` where it is reached over TLS and with tokens: a proxy of gRPC
//! that takes calls with the right token to a server, and can be slow.
#![allow(dead_code, reason = "no test file uses all of it")]

use std::{
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio::{net::TcpListener, runtime::Runtime};
use tonic::{
    Status,
    body::Body,
    codegen::{
        Service,
        http::{Request, Response},
    },
    transport::{Certificate, Channel, Identity, Server, ServerTlsConfig, server::TcpIncoming},
};

/// The name in the certificates of proxies.
pub const NAME: &str = "db.internal";

/// An authority that signs certificates.
pub struct Authority {
    /// Its own certificate, PEM.
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its private key, PEM.
pub struct Signed {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// A certificate of a name.
    pub fn sign(&self, name: &str) -> Signed {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Signed { certificate, key: key.serialize_pem() }
    }
}

/// How a proxy is set up.
#[derive(Default)]
pub struct Options<'a> {
    /// The authority of its own certificate; without one it speaks plain text.
    pub authority: Option<&'a Authority>,
    /// The authority that certificates of clients must be of.
    pub clients: Option<&'a Authority>,
    /// The token that a call must bring.
    pub token: Option<&'static str>,
    /// How long a call waits before it is passed on.
    pub delay: Duration,
}

/// A running proxy, stopped when dropped.
pub struct Proxy {
    pub address: SocketAddr,
    _runtime: Runtime,
}

impl Proxy {
    /// Passes calls on to the server at an address.
    pub fn start(server: SocketAddr, options: &Options<'_>) -> Self {
        let runtime = Runtime::new().unwrap();
        let mut builder = Server::builder();
        if let Some(authority) = options.authority {
            let signed = authority.sign(NAME);
            let mut tls =
                ServerTlsConfig::new().identity(Identity::from_pem(signed.certificate, signed.key));
            if let Some(clients) = options.clients {
                tls = tls.client_ca_root(Certificate::from_pem(&clients.pem));
            }
            builder = builder.tls_config(tls).unwrap();
        }
        let (token, delay) = (options.token, options.delay);
        let bind = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let listener = runtime.block_on(bind).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            let endpoint = Channel::from_shared(format!("http://{server}")).unwrap();
            let gate = Gate { channel: endpoint.connect_lazy(), token, delay };
            builder.serve_with_incoming(gate, TcpIncoming::from(listener)).await.unwrap();
        });
        Self { address, _runtime: runtime }
    }
}

#[derive(Clone)]
struct Gate {
    channel: Channel,
    token: Option<&'static str>,
    delay: Duration,
}

impl Gate {
    fn check(&self, request: &Request<Body>) -> Result<(), Status> {
        let Some(token) = self.token else { return Ok(()) };
        let given = request.headers().get("authorization").and_then(|value| value.to_str().ok());
        match given.and_then(|value| value.strip_prefix("Bearer ")) {
            None => Err(Status::unauthenticated("no token was given")),
            Some("of-another") => Err(Status::permission_denied("this token may write only")),
            Some(given) if given != token => Err(Status::unauthenticated("unknown token")),
            Some(_) => Ok(()),
        }
    }
}

impl Service<Request<Body>> for Gate {
    type Response = Response<Body>;
    type Error = tonic::transport::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let mut gate = self.clone();
        Box::pin(async move {
            if let Err(status) = gate.check(&request) {
                return Ok(status.into_http());
            }
            tokio::time::sleep(gate.delay).await;
            std::future::poll_fn(|context| gate.channel.poll_ready(context)).await?;
            gate.channel.call(request).await
        })
    }
}
