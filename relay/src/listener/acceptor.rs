use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum_server::accept::Accept;
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;
use tower_http::add_extension::AddExtension;

use super::acme;
use super::admission::{Admission, Place};
use crate::config::Config;
use crate::pace::Overdue;
use crate::pace::connection::{Link, socket};

/// Makes of a socket what HTTP is spoken over, or closes it.
#[derive(Clone)]
pub(super) struct Acceptor {
    tls: Option<TlsAcceptor>,
    admission: Admission,
    patience: Duration,
    shutdown: CancellationToken,
}

impl Acceptor {
    pub(super) fn new(
        config: &Config,
        settings: Option<Arc<ServerConfig>>,
        admission: Admission,
        shutdown: CancellationToken,
    ) -> Self {
        Self { tls: settings.map(TlsAcceptor::from), admission, patience: config.slow_client(), shutdown }
    }

    async fn open(self, stream: TcpStream, place: Place) -> io::Result<Link<Place>> {
        stream.set_nodelay(true)?;
        let socket = socket(stream, self.patience);
        let Some(tls) = &self.tls else { return Ok(Link::new(Either::Left(socket), self.patience, place)) };
        let handshake = tokio::select! {
            handshake = timeout(self.patience, tls.accept(socket)) => handshake.map_err(|_| ErrorKind::TimedOut)?,
            () = self.shutdown.cancelled() => return Err(ErrorKind::ConnectionAborted.into()),
        };
        let stream = handshake.inspect_err(|error| tracing::debug!(error.cause = %error, "a handshake failed"))?;
        if stream.get_ref().1.alpn_protocol() == Some(acme::ALPN) {
            // The authority has seen the certificate it wanted to see (RFC 8737, section 3).
            return Err(ErrorKind::ConnectionAborted.into());
        }
        Ok(Link::new(Either::Right(Box::new(stream)), self.patience, place))
    }
}

impl<S: Send + 'static> Accept<TcpStream, S> for Acceptor {
    type Stream = Link<Place>;
    type Service = AddExtension<S, Overdue>;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Link<Place>, Self::Service)>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let place = stream.peer_addr().map(|peer: SocketAddr| self.admission.admit(peer.ip()));
        let acceptor = self.clone();
        Box::pin(async move {
            let Some(place) = place? else {
                tracing::debug!("a connection was refused: there are as many as there may be");
                return Err(ErrorKind::ConnectionRefused.into());
            };
            let link = acceptor.open(stream, place).await?;
            let overdue = link.overdue();
            Ok((link, AddExtension::new(service, overdue)))
        })
    }
}
