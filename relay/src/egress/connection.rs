use std::net::SocketAddr;

use mcp_multiplayer_bot_supervisor::{Bytes, EgressErrorKind, EgressResponse};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::failure::Failure;
use super::tls::{self, Trust};

/// What bytes go over.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A bot's connection to a host, with TLS once the bot asked for it.
pub(super) struct Connection {
    stream: Box<dyn Stream>,
    is_secure: bool,
    /// What the bot called the host.
    host: String,
    /// Host and port, for messages.
    pub(super) peer: String,
}

impl Connection {
    pub(super) async fn open(address: SocketAddr, host: &str, peer: &str) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await.map_err(|error| Failure::of(&error, peer))?;
        // Requests are written as a whole; waiting for more bytes to send with them helps nobody.
        stream.set_nodelay(true).map_err(|error| Failure::of(&error, peer))?;
        Ok(Self { stream: Box::new(stream), is_secure: false, host: host.to_owned(), peer: peer.to_owned() })
    }

    /// Makes it secure. Without a `server_name` none is sent, and a certificate for the host is expected.
    pub(super) async fn secure(
        self,
        trust: &Trust,
        server_name: Option<String>,
        verify: bool,
        alpn: &[String],
    ) -> Result<(Self, EgressResponse), Failure> {
        let failed = |message: String| Failure::new(EgressErrorKind::Tls, message);
        if self.is_secure {
            return Err(failed(format!("the connection to {} has TLS already", self.peer)));
        }
        if alpn.len() > 16 || !alpn.iter().all(|protocol| (1..256).contains(&protocol.len())) {
            return Err(failed("at most 16 protocols of 1 to 255 bytes can be offered".to_owned()));
        }
        let sni = server_name.is_some();
        let name = server_name.unwrap_or_else(|| self.host.clone());
        let parsed = ServerName::try_from(name.trim_end_matches('.').to_owned());
        let parsed = parsed.map_err(|_| failed(format!("'{name}' is not a name that a certificate can be for")))?;
        let connector = TlsConnector::from(trust.config(verify, sni, alpn).await.map_err(failed)?);
        let stream = connector
            .connect(parsed, self.stream)
            .await
            .map_err(|error| tls::reason(&error, &name).map_or_else(|| Failure::of(&error, &self.peer), failed))?;
        let (_, session) = stream.get_ref();
        let agreed = || failed("the handshake agreed on nothing".to_owned());
        let certificates = session.peer_certificates().unwrap_or_default();
        let answer = EgressResponse::Secured {
            version: tls::version_name(session.protocol_version().ok_or_else(agreed)?).to_owned(),
            cipher: tls::cipher_name(session.negotiated_cipher_suite().ok_or_else(agreed)?.suite()),
            alpn: session.alpn_protocol().map(|protocol| String::from_utf8_lossy(protocol).into_owned()),
            certificates: certificates.iter().map(|certificate| Bytes(certificate.to_vec())).collect(),
        };
        Ok((Self { stream: Box::new(stream), is_secure: true, host: self.host, peer: self.peer }, answer))
    }

    /// What its bytes go over.
    pub(super) fn into_stream(self) -> Box<dyn Stream> {
        self.stream
    }

    pub(super) async fn send(&mut self, data: &[u8]) -> Result<(), Failure> {
        let sent = async {
            self.stream.write_all(data).await?;
            self.stream.flush().await
        };
        sent.await.map_err(|error| self.failure(&error))
    }

    /// At most so many bytes, and at least one unless the stream has ended.
    pub(super) async fn receive(&mut self, max_bytes: usize) -> Result<Vec<u8>, Failure> {
        let mut data = vec![0; max_bytes];
        match self.stream.read(&mut data).await {
            Ok(length) => data.truncate(length),
            // Many servers end TLS without saying so; Python's `ssl` takes that for the end, too.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => data.clear(),
            Err(error) => return Err(self.failure(&error)),
        }
        Ok(data)
    }

    fn failure(&self, error: &std::io::Error) -> Failure {
        tls::reason(error, &self.host)
            .map_or_else(|| Failure::of(error, &self.peer), |message| Failure::new(EgressErrorKind::Tls, message))
    }
}
