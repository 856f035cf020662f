//! Mail over SMTP: a connection per mail, to an address that was checked, and nothing said in the clear
//! that a channel wants encrypted.

use std::{
    error::Error as _,
    fmt, io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use driftline_alerts::{
    Channel, Email, MailTls, Notice,
    payload::{self, Letter},
};
use lettre::{
    Address,
    address::Envelope,
    transport::smtp::{
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, AsyncTokioStream, TlsParameters},
        extension::ClientId,
    },
};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{
    Delivered, Failure, Outcome,
    connect::{Unreachable, addresses},
    limits, secret,
};

/// A client of mail servers.
#[derive(Debug)]
pub(super) struct Smtp {
    tls: Arc<ClientConfig>,
}

impl Smtp {
    pub(super) fn new(tls: Arc<ClientConfig>) -> Self {
        Self { tls }
    }

    /// Sends a notice at a time in microseconds.
    pub(super) async fn send(
        &self,
        channel: &Channel,
        email: &Email,
        notice: &Notice,
        now: i64,
    ) -> Outcome {
        let letter = payload::mail(notice, email, now).map_err(Failure::refuse)?;
        let envelope = envelope(&letter)
            .ok_or_else(|| Failure::refuse("a mailbox has an address that no mail server takes"))?;
        let login = match &email.login {
            None => None,
            Some(login) => {
                let name = secret::read("username", &login.username).await?;
                let password = secret::read("password", &login.password).await?;
                Some(Credentials::new(name.expose().to_owned(), password.expose().to_owned()))
            }
        };
        let place = format!("{}:{}", email.smtp.host(), email.smtp.port);
        let mut connection = self.connect(channel, email, &place).await?;
        if let Some(login) = login {
            let sent = connection.auth(&[Mechanism::Plain, Mechanism::Login], &login).await;
            // The answer to a login may repeat it.
            sent.map_err(|error| failed(&place, "the login", &error, Words::Hidden))?;
        }
        let sent = connection.send(&envelope, &letter.bytes).await;
        let answer = sent.map_err(|error| failed(&place, "the mail", &error, Words::Shown))?;
        // The mail is taken, whatever comes after it.
        let _ = connection.quit().await;
        Ok(Delivered { detail: format!("SMTP {}", answer.code()) })
    }

    /// Connects, and encrypts as the channel wants it.
    async fn connect(
        &self,
        channel: &Channel,
        email: &Email,
        place: &str,
    ) -> Result<AsyncSmtpConnection, Failure> {
        let server = &email.smtp;
        let found = addresses(&server.host(), server.port, channel.allow_private).await;
        let found = found.map_err(|error| match error {
            Unreachable::Forbidden(problem) => Failure::refuse(format!("{place} {problem}")),
            Unreachable::Unresolved(problem) => Failure::retry(format!("{place} {problem}")),
        })?;
        let broken =
            |error: io::Error| Failure::retry(format!("{place} cannot be connected to: {error}"));
        let stream = TcpStream::connect(&*found).await.map_err(broken)?;
        let name = match stream.local_addr().map_err(broken)?.ip() {
            IpAddr::V4(address) => ClientId::Ipv4(address),
            IpAddr::V6(address) => ClientId::Ipv6(address),
        };
        let peer = stream.peer_addr().map_err(broken)?;
        let stream = Bounded { stream, peer, room: limits::MAIL_ANSWER_BYTES_MAX };
        let greeting = |error| failed(place, "the greeting", &error, Words::Shown);
        if email.tls == MailTls::Implicit {
            let no_name = |_| Failure::refuse(format!("{place}: no name for a certificate"));
            let host = ServerName::try_from(server.host.clone()).map_err(no_name)?;
            let stream = TlsConnector::from(self.tls.clone()).connect(host, stream).await;
            let stream = stream.map_err(|error| untrusted(place, &error))?;
            let stream = Box::new(Encrypted(stream));
            return AsyncSmtpConnection::connect_with_transport(stream, &name)
                .await
                .map_err(greeting);
        }
        let mut connection = AsyncSmtpConnection::connect_with_transport(Box::new(stream), &name)
            .await
            .map_err(greeting)?;
        if email.tls == MailTls::Starttls {
            if !connection.can_starttls() {
                let text = "does not offer STARTTLS, and the channel wants the mail encrypted";
                let hint = "write tls = \"required\" for TLS from the start, or \"none\" for none";
                return Err(Failure::refuse(format!("{place} {text}; {hint}")));
            }
            let tls = TlsParameters::new_rustls(server.host.clone())
                .map_err(|error| Failure::refuse(format!("{place}: {error}")))?;
            let begun = connection.starttls(tls, &name).await;
            begun.map_err(|error| failed(place, "STARTTLS", &error, Words::Shown))?;
        }
        Ok(connection)
    }
}

fn envelope(letter: &Letter) -> Option<Envelope> {
    let address = |text: &String| text.parse::<Address>().ok();
    let to = letter.to.iter().map(address).collect::<Option<Vec<_>>>()?;
    Envelope::new(Some(address(&letter.from)?), to).ok()
}

fn untrusted(place: &str, error: &io::Error) -> Failure {
    Failure::retry(format!("{place}: TLS failed: {error}"))
}

/// Whether the words of an answer are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Words {
    Shown,
    Hidden,
}

/// What a failure of the dialogue means: a server says itself whether it is for now (4xx) or for good (5xx);
/// what it cannot do at all no waiting changes; a connection that breaks may not the next time.
fn failed(
    place: &str,
    what: &str,
    error: &lettre::transport::smtp::Error,
    words: Words,
) -> Failure {
    let cause = match (error.status(), words) {
        (Some(code), Words::Hidden) => format!("SMTP {code}"),
        _ => cause(error),
    };
    let cause: String = cause
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(limits::EXCERPT_CHARACTERS_MAX)
        .collect();
    let why = format!("{place} did not take {what}: {}", cause.trim());
    if error.is_permanent() || error.is_client() {
        Failure::refuse(why)
    } else {
        Failure::retry(why)
    }
}

/// What a server said, or where it said nothing the last of the causes: those above it only repeat it.
fn cause(error: &lettre::transport::smtp::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source().filter(|_| error.status().is_none());
    while let Some(error) = cause {
        text = error.to_string();
        cause = error.source();
    }
    text
}

/// A connection that ends once so much has come from the other side.
#[derive(Debug)]
struct Bounded {
    stream: TcpStream,
    peer: SocketAddr,
    room: usize,
}

impl AsyncRead for Bounded {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
        let came = buffer.filled().len() - before;
        match this.room.checked_sub(came) {
            Some(room) => this.room = room,
            None => return Poll::Ready(Err(io::Error::other("the server sends too much"))),
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Bounded {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

impl AsyncTokioStream for Bounded {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}

/// One that is encrypted from its first byte.
struct Encrypted(TlsStream<Bounded>);

impl fmt::Debug for Encrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Encrypted").field(self.0.get_ref().0).finish()
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(context)
    }
}

impl AsyncTokioStream for Encrypted {
    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.get_ref().0.peer_addr()
    }
}
