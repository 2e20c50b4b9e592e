use std::io;
use std::time::Duration;

use mcp_multiplayer_protocol::frame::SUBPROTOCOL;
use mcp_multiplayer_protocol::{Error, ErrorCode};
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

/// Largest message taken from a relay, in bytes.
const MESSAGE_BYTES: usize = 8 << 20;
/// What is read at once; small, since most answers are.
const READ_BUFFER_BYTES: usize = 16 << 10;
/// How long one dial may take.
const DIAL_TIME: Duration = Duration::from_secs(10);

/// Opens connections to one relay, as one principal.
#[derive(Clone, Debug)]
pub struct Dialer {
    relay: RelayUrl,
    token: TokenSource,
    insecure: bool,
}

/// Why there is no connection.
#[derive(Debug)]
pub(crate) enum DialError {
    /// Trying again may help.
    Transient {
        error: Error,
        /// Nobody listens there.
        refused: bool,
    },
    /// Trying again changes nothing.
    Permanent(Error),
}

impl Dialer {
    /// Dials `relay` with the token from `token`; `insecure` allows to send it to other machines in clear text.
    pub fn new(relay: RelayUrl, token: TokenSource, insecure: bool) -> Self {
        Self { relay, token, insecure }
    }

    /// Dials once.
    pub(crate) async fn dial(&self) -> Result<Socket, DialError> {
        match tokio::time::timeout(DIAL_TIME, self.open()).await {
            Ok(result) => result,
            Err(_) => Err(self.transient("it did not answer in time")),
        }
    }

    /// `RELAY_UNREACHABLE`, because of `reason`.
    pub(crate) fn unreachable(&self, reason: &str) -> Error {
        let hint = if self.relay.is_loopback() {
            "Start a relay on this machine with `make relay`, or point --relay (MCP_MULTIPLAYER_RELAY) at another one; \
             then call again."
        } else {
            "Check --relay (MCP_MULTIPLAYER_RELAY) and the network, or ask the relay's operator; then call again."
        };
        let message = format!("The relay at {} cannot be reached: {reason}.", self.relay);
        Error::new(ErrorCode::RelayUnreachable, message, hint).retry_after(1_000)
    }

    fn transient(&self, reason: &str) -> DialError {
        DialError::Transient { error: self.unreachable(reason), refused: false }
    }

    async fn open(&self) -> Result<Socket, DialError> {
        if !self.relay.is_encrypted() && !self.relay.is_loopback() && !self.insecure {
            return Err(DialError::Permanent(Error::new(
                ErrorCode::RelayUnreachable,
                format!("Refusing to send a token unencrypted to {}.", self.relay),
                "Give --relay a wss:// or https:// address. On a network that you trust, --insecure allows it.",
            )));
        }
        let stream = TcpStream::connect(self.relay.authority()).await.map_err(|error| self.explain_io(&error))?;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot disable Nagle's algorithm");
        }
        // Only now is the token needed: without a relay, the missing relay is the news.
        let token = self.token.read(&self.relay).map_err(DialError::Permanent)?;
        let mut request = self.relay.uri().into_client_request().map_err(|error| self.explain(error))?;
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.expose()))
            .expect("a token is printable ASCII, which a header may hold");
        bearer.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, bearer);
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        let connector = if self.relay.is_encrypted() {
            Connector::Rustls(tls::client_config().map_err(|error| self.explain_io(&error))?)
        } else {
            Connector::Plain
        };
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(0)
            .max_message_size(Some(MESSAGE_BYTES))
            .max_frame_size(Some(MESSAGE_BYTES));
        let opened = client_async_tls_with_config(request, stream, Some(config), Some(connector)).await;
        opened.map(|(socket, _)| socket).map_err(|error| self.explain(error))
    }

    fn explain_io(&self, error: &io::Error) -> DialError {
        if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            // A certificate that is wrong now is wrong in a second, too.
            return DialError::Permanent(self.unreachable(&format!("no encrypted connection, {tls}")));
        }
        match error.kind() {
            io::ErrorKind::ConnectionRefused => {
                DialError::Transient { error: self.unreachable("nothing listens at this address"), refused: true }
            }
            io::ErrorKind::NotFound => DialError::Permanent(self.unreachable(&error.to_string())),
            _ => self.transient(&error.to_string()),
        }
    }

    fn explain(&self, error: tungstenite::Error) -> DialError {
        let no_relay = |what: &str| {
            DialError::Permanent(Error::new(
                ErrorCode::RelayUnreachable,
                format!("At {} {what}.", self.relay),
                "Check --relay (MCP_MULTIPLAYER_RELAY): it must be the address of a multiplayer relay of this version.",
            ))
        };
        match error {
            tungstenite::Error::Io(error) => self.explain_io(&error),
            tungstenite::Error::Http(response) => match response.status() {
                StatusCode::UNAUTHORIZED => DialError::Permanent(self.token.refused(&self.relay)),
                StatusCode::FORBIDDEN => DialError::Permanent(Error::new(
                    ErrorCode::RelayUnreachable,
                    format!("The relay at {} does not answer to this address (HTTP 403).", self.relay),
                    "Use the address that the relay's operator names, or ask for this host name to be allowed.",
                )),
                status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                    self.transient(&format!("it answered HTTP {}", status.as_u16()))
                }
                status => no_relay(&format!("is no relay: it answered HTTP {}", status.as_u16())),
            },
            tungstenite::Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(_)) => {
                no_relay(&format!("is no relay that speaks {SUBPROTOCOL}"))
            }
            tungstenite::Error::Protocol(ProtocolError::HandshakeIncomplete) => {
                self.transient("it hung up during the handshake")
            }
            other => self.transient(&other.to_string()),
        }
    }
}
