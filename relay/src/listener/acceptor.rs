use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum_server::accept::Accept;
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;
use tower_http::add_extension::AddExtension;

use super::acme;
use super::connection_limits::{ConnectionLimits, ConnectionPermit};
use crate::pace::ResponseWatchdog;
use crate::pace::connection::{ClientStream, with_write_timeout};
use crate::state::Relay;

/// Turns an accepted socket into the stream that HTTP uses, or closes it.
#[derive(Clone)]
pub(super) struct Acceptor {
    tls: Option<TlsAcceptor>,
    limits: ConnectionLimits,
    relay: Arc<Relay>,
    slow_client: Duration,
    shutdown: CancellationToken,
}

impl Acceptor {
    pub(super) fn new(
        relay: &Arc<Relay>,
        tls: Option<Arc<ServerConfig>>,
        limits: ConnectionLimits,
        shutdown: CancellationToken,
    ) -> Self {
        let slow_client = relay.config.slow_client();
        Self { tls: tls.map(TlsAcceptor::from), limits, relay: Arc::clone(relay), slow_client, shutdown }
    }

    async fn open(self, stream: TcpStream, permit: ConnectionPermit) -> io::Result<ClientStream<ConnectionPermit>> {
        stream.set_nodelay(true)?;
        let socket = with_write_timeout(stream, self.slow_client);
        let Some(tls) = &self.tls else {
            return Ok(ClientStream::new(Either::Left(socket), self.slow_client, permit));
        };
        let handshake = tokio::select! {
            handshake = timeout(self.slow_client, tls.accept(socket)) => handshake.map_err(|_| ErrorKind::TimedOut)?,
            () = self.shutdown.cancelled() => return Err(ErrorKind::ConnectionAborted.into()),
        };
        let stream = handshake.inspect_err(|error| tracing::debug!(error.cause = %error, "TLS handshake failed"))?;
        if stream.get_ref().1.alpn_protocol() == Some(acme::ALPN) {
            // The certificate authority has validated the domain by the handshake alone (RFC 8737, section 3).
            return Err(ErrorKind::ConnectionAborted.into());
        }
        Ok(ClientStream::new(Either::Right(Box::new(stream)), self.slow_client, permit))
    }
}

impl<S: Send + 'static> Accept<TcpStream, S> for Acceptor {
    type Stream = ClientStream<ConnectionPermit>;
    type Service = AddExtension<AddExtension<S, ResponseWatchdog>, ConnectInfo<SocketAddr>>;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let admitted = stream.peer_addr().map(|peer| {
            let permit = self.limits.admit(peer.ip());
            if permit.is_none() {
                self.relay.quotas.log_limit_of_address("connections", Some(peer.ip()));
            }
            (peer, permit)
        });
        let acceptor = self.clone();
        Box::pin(async move {
            let (peer, Some(permit)) = admitted? else { return Err(ErrorKind::ConnectionRefused.into()) };
            let stream = acceptor.open(stream, permit).await?;
            let service = AddExtension::new(service, stream.watchdog());
            Ok((stream, AddExtension::new(service, ConnectInfo(peer))))
        })
    }
}
