use std::net::SocketAddr;

use mcp_multiplayer_bot_supervisor::{Bytes, EgressErrorKind, EgressResponse};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::failure::Failure;
use super::tls::{self, TrustAnchors};

/// A two-way stream of bytes.
pub(crate) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for S {}

/// A connection to a host, over TCP or, after [`OutgoingConnection::secure`], over TLS.
pub(super) struct OutgoingConnection {
    stream: Box<dyn ByteStream>,
    is_secure: bool,
    /// The host as the caller wrote it.
    host: String,
    /// Host and port, for messages.
    pub(super) peer: String,
}

impl OutgoingConnection {
    pub(super) async fn open(address: SocketAddr, host: &str, peer: &str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await.map_err(|error| Failure::of(&error, peer))?;
        // Requests are written as a whole, so that Nagle's algorithm could only delay them.
        stream.set_nodelay(true).map_err(|error| Failure::of(&error, peer))?;
        Ok(Self { stream: Box::new(stream), is_secure: false, host: host.to_owned(), peer: peer.to_owned() })
    }

    /// Starts TLS. Without a `server_name` no SNI is sent, and the certificate must be for the host.
    pub(super) async fn secure(
        self,
        trust_anchors: &TrustAnchors,
        server_name: Option<String>,
        verify: bool,
        alpn: &[String],
    ) -> Result<(Self, EgressResponse), Failure> {
        let tls_failure = |message: String| Failure::new(EgressErrorKind::Tls, message);
        if self.is_secure {
            return Err(tls_failure(format!("the connection to {} has TLS already", self.peer)));
        }
        if alpn.len() > 16 || !alpn.iter().all(|protocol| (1..256).contains(&protocol.len())) {
            return Err(tls_failure("at most 16 protocols of 1 to 255 bytes can be offered".to_owned()));
        }
        let sni = server_name.is_some();
        let name = server_name.unwrap_or_else(|| self.host.clone());
        let parsed = ServerName::try_from(name.trim_end_matches('.').to_owned());
        let parsed =
            parsed.map_err(|_| tls_failure(format!("'{name}' is not a name that a certificate can be for")))?;
        let connector = TlsConnector::from(trust_anchors.client_config(verify, sni, alpn).await.map_err(tls_failure)?);
        let stream = connector.connect(parsed, self.stream).await.map_err(|error| {
            tls::explain(&error, &name).map_or_else(|| Failure::of(&error, &self.peer), tls_failure)
        })?;
        let (_, session) = stream.get_ref();
        let incomplete = || tls_failure("the handshake is incomplete".to_owned());
        let certificates = session.peer_certificates().unwrap_or_default();
        let response = EgressResponse::Secured {
            version: tls::version_name(session.protocol_version().ok_or_else(incomplete)?).to_owned(),
            cipher: tls::cipher_name(session.negotiated_cipher_suite().ok_or_else(incomplete)?.suite()),
            alpn: session.alpn_protocol().map(|protocol| String::from_utf8_lossy(protocol).into_owned()),
            certificates: certificates.iter().map(|certificate| Bytes(certificate.to_vec())).collect(),
        };
        Ok((Self { stream: Box::new(stream), is_secure: true, host: self.host, peer: self.peer }, response))
    }

    pub(super) fn into_stream(self) -> Box<dyn ByteStream> {
        self.stream
    }

    pub(super) async fn send(&mut self, data: &[u8]) -> Result<(), Failure> {
        let sent = async {
            self.stream.write_all(data).await?;
            self.stream.flush().await
        };
        sent.await.map_err(|error| self.failure(&error))
    }

    /// Receives 1 to `max_bytes` bytes, or none at the end of the stream.
    pub(super) async fn receive(&mut self, max_bytes: usize) -> Result<Vec<u8>, Failure> {
        let mut data = vec![0; max_bytes];
        match self.stream.read(&mut data).await {
            Ok(length) => data.truncate(length),
            // Many servers close the connection without TLS's close_notify; Python's `ssl` treats that as the end, too.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => data.clear(),
            Err(error) => return Err(self.failure(&error)),
        }
        Ok(data)
    }

    fn failure(&self, error: &std::io::Error) -> Failure {
        tls::explain(error, &self.host)
            .map_or_else(|| Failure::of(error, &self.peer), |message| Failure::new(EgressErrorKind::Tls, message))
    }
}
