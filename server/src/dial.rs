use std::io;
use std::time::Duration;

use mcp_multiplayer_protocol::frame::SUBPROTOCOL;
use mcp_multiplayer_protocol::{Error, ErrorCode, Secret};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use crate::{RelayUrl, TokenSource, tls};

/// A connection to a relay.
pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Maximum size of a message from the relay, in bytes.
const MAX_MESSAGE_BYTES: usize = 8 << 20;
/// Size of the read buffer, in bytes. It is small because most answers are.
const READ_BUFFER_BYTES: usize = 16 << 10;
/// Maximum duration of one attempt to connect.
const DIAL_TIMEOUT: Duration = Duration::from_secs(10);

/// Opens connections to one relay, as one principal.
#[derive(Clone, Debug)]
pub struct Dialer {
    relay: RelayUrl,
    token: TokenSource,
    insecure: bool,
}

impl From<DialError> for Error {
    fn from(error: DialError) -> Self {
        let (DialError::Transient { error, .. } | DialError::Permanent(error)) = error;
        error
    }
}

/// Error of an attempt to connect.
#[derive(Debug)]
pub(crate) enum DialError {
    /// Another attempt may succeed.
    Transient {
        error: Error,
        /// True if nothing listens at the address.
        connection_refused: bool,
    },
    /// Another attempt would fail in the same way.
    Permanent(Error),
}

impl Dialer {
    /// Creates a dialer for `relay` that authenticates with the token from `token`.
    ///
    /// `insecure` allows sending the token to another machine over an unencrypted connection.
    pub fn new(relay: RelayUrl, token: TokenSource, insecure: bool) -> Self {
        Self { relay, token, insecure }
    }

    /// Returns the relay's address.
    pub(crate) fn relay(&self) -> &RelayUrl {
        &self.relay
    }

    /// Returns the token as its source contains it now.
    async fn token(&self) -> Result<Secret, Error> {
        self.token.read(&self.relay).await
    }

    /// Notes that the relay does not accept a token any more. Returns whether another attempt can succeed, with another
    /// token.
    pub(crate) fn reject(&self, token: &Secret) -> bool {
        self.token.reject(token)
    }

    /// Adds a way to log in to the error of a call that had no valid token, if there is one.
    pub(crate) async fn offer_login(&self, error: Error) -> Error {
        if error.code == ErrorCode::Unauthenticated { self.token.offer_login(&self.relay, error).await } else { error }
    }

    /// Creates the error for a token that the relay accepted before and does not accept any more.
    pub(crate) fn token_ended(&self) -> Error {
        self.token.ended(&self.relay)
    }

    /// Makes one attempt to connect. Returns the connection and the token that it was opened with.
    pub(crate) async fn dial(&self) -> Result<(Socket, Secret), DialError> {
        match tokio::time::timeout(DIAL_TIMEOUT, self.open()).await {
            Ok(result) => result,
            Err(_) => Err(self.transient("it did not respond in time")),
        }
    }

    /// Creates a `RELAY_UNREACHABLE` error that states the reason and suggests what to do.
    pub(crate) fn unreachable(&self, reason: &str) -> Error {
        let hint = if self.relay.is_loopback() {
            "Start a relay on this machine with `mcp-multiplayer-relay` (in a copy of the source: `make relay`), or set \
             --relay (MCP_MULTIPLAYER_RELAY) to the address of another one; then call again."
        } else {
            "Check --relay (MCP_MULTIPLAYER_RELAY) and your network connection, or ask the relay's operator; then call \
             again."
        };
        let message = format!("The relay at {} cannot be reached: {reason}.", self.relay);
        Error::new(ErrorCode::RelayUnreachable, message, hint).retry_after(1_000)
    }

    fn transient(&self, reason: &str) -> DialError {
        DialError::Transient { error: self.unreachable(reason), connection_refused: false }
    }

    /// Connects to the relay's host, and reads the token. The connection is not encrypted yet.
    pub(crate) async fn connect(&self) -> Result<(TcpStream, Secret), DialError> {
        if !self.relay.is_encrypted() && !self.relay.is_loopback() && !self.insecure {
            return Err(DialError::Permanent(Error::new(
                ErrorCode::RelayUnreachable,
                format!("The token was not sent to {} because the connection would be unencrypted.", self.relay),
                "Set --relay (MCP_MULTIPLAYER_RELAY) to a wss:// or https:// address. If you trust the network, add \
                 --insecure instead.",
            )));
        }
        let stream = TcpStream::connect(self.relay.authority()).await.map_err(|error| self.explain_io(&error))?;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot disable Nagle's algorithm");
        }
        // The token is read only now, so that a missing relay is reported rather than a missing token.
        let token = self.token().await.map_err(|error| match error.code {
            ErrorCode::RelayUnreachable => DialError::Transient { error, connection_refused: false },
            _ => DialError::Permanent(error),
        })?;
        Ok((stream, token))
    }

    async fn open(&self) -> Result<(Socket, Secret), DialError> {
        let (stream, token) = self.connect().await?;
        let mut request = self.relay.uri().into_client_request().map_err(|error| self.explain(error))?;
        request.headers_mut().insert(AUTHORIZATION, bearer(&token));
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        let connector = if self.relay.is_encrypted() {
            Connector::Rustls(tls::client_config().map_err(|error| self.explain_io(&error))?)
        } else {
            Connector::Plain
        };
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0)
            .max_message_size(Some(MAX_MESSAGE_BYTES))
            .max_frame_size(Some(MAX_MESSAGE_BYTES));
        let opened = client_async_tls_with_config(request, stream, Some(config), Some(connector)).await;
        match opened {
            Ok((socket, _)) => Ok((socket, token)),
            Err(tungstenite::Error::Http(response))
                if response.status() == StatusCode::UNAUTHORIZED && self.reject(&token) =>
            {
                Err(DialError::Transient { error: self.token.refused(&self.relay), connection_refused: false })
            }
            Err(error) => Err(self.explain(error)),
        }
    }

    /// Converts an I/O error to an error for the user.
    pub(crate) fn explain_io(&self, error: &io::Error) -> DialError {
        if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            // Trying again soon does not help: an invalid certificate stays invalid.
            return DialError::Permanent(self.unreachable(&format!("the TLS handshake failed ({tls})")));
        }
        match error.kind() {
            io::ErrorKind::ConnectionRefused => DialError::Transient {
                error: self.unreachable("nothing is listening at this address"),
                connection_refused: true,
            },
            io::ErrorKind::NotFound => DialError::Permanent(self.unreachable(&error.to_string())),
            _ => self.transient(&error.to_string()),
        }
    }

    /// Converts an error of the WebSocket handshake to an error for the user.
    fn explain(&self, error: tungstenite::Error) -> DialError {
        let no_relay = |reason: &str| {
            DialError::Permanent(Error::new(
                ErrorCode::RelayUnreachable,
                format!("There is no compatible relay at {}: {reason}.", self.relay),
                "Check --relay (MCP_MULTIPLAYER_RELAY): it must be the address of a multiplayer relay of this version.",
            ))
        };
        match error {
            tungstenite::Error::Io(error) => self.explain_io(&error),
            tungstenite::Error::Http(response) => match response.status() {
                StatusCode::UNAUTHORIZED => DialError::Permanent(self.token.refused(&self.relay)),
                StatusCode::FORBIDDEN => DialError::Permanent(Error::new(
                    ErrorCode::RelayUnreachable,
                    format!("The relay at {} does not accept requests for this host name (HTTP 403).", self.relay),
                    "Use the address that the relay's operator gave you, or ask the operator to allow this host name.",
                )),
                status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                    self.transient(&format!("it responded with HTTP {}", status.as_u16()))
                }
                status => no_relay(&format!("the server responded with HTTP {}", status.as_u16())),
            },
            tungstenite::Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(_)) => {
                no_relay(&format!("the server does not support the protocol {SUBPROTOCOL}"))
            }
            tungstenite::Error::Protocol(ProtocolError::HandshakeIncomplete) => {
                self.transient("it closed the connection during the handshake")
            }
            other => self.transient(&other.to_string()),
        }
    }
}

/// Returns the value of an `Authorization` header with the token (RFC 6750, section 2.1).
pub(crate) fn bearer(token: &Secret) -> HeaderValue {
    let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.expose()))
        .expect("tokens are printable ASCII, which is valid in a header");
    bearer.set_sensitive(true);
    bearer
}
