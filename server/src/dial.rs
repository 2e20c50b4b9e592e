use std::time::Duration;
use std::{fmt, io};

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

use crate::{RelayStarter, RelayUrl, TokenSource, io_reason, tls};

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
    destination: Destination,
    token: TokenSource,
    insecure: bool,
    /// Set if errors may contain a link with which the person can log in.
    offers_link: bool,
}

/// The relay that a dialer connects to.
#[derive(Clone, Debug)]
pub enum Destination {
    /// The one with this address.
    Address(RelayUrl),
    /// The one that runs on this computer with the user's data directory.
    ThisComputer(RelayStarter),
}

impl Destination {
    /// Returns the name under which this user's programs keep what they know of the relay.
    pub(crate) fn kept_as(&self) -> String {
        match self {
            Self::Address(relay) => relay.to_string(),
            // Its address may change.
            Self::ThisComputer(_) => "this computer".to_owned(),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(relay) => write!(f, "relay at {relay}"),
            Self::ThisComputer(_) => f.write_str("relay of this computer"),
        }
    }
}

/// A connection that is not encrypted yet.
pub(crate) struct Connected {
    pub(crate) stream: TcpStream,
    /// The address that it leads to.
    pub(crate) relay: RelayUrl,
    pub(crate) token: Secret,
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
    /// Creates a dialer that authenticates with the token from `token`.
    ///
    /// `insecure` allows sending the token to another machine over an unencrypted connection.
    pub fn new(destination: Destination, token: TokenSource, insecure: bool) -> Self {
        Self { destination, token, insecure, offers_link: true }
    }

    /// Returns the dialer of a command that ends before a person can use a link to log in: its errors contain none.
    pub(crate) fn without_link(self) -> Self {
        Self { offers_link: false, ..self }
    }

    /// Returns the relay that it connects to.
    pub(crate) fn destination(&self) -> &Destination {
        &self.destination
    }

    /// Returns the token that the source contains now for the relay at this address.
    async fn token(&self, relay: &RelayUrl) -> Result<Secret, Error> {
        self.token.read(relay).await
    }

    /// Notes that the relay does not accept a token any more. Returns whether another attempt can succeed, with another
    /// token.
    pub(crate) fn reject(&self, token: &Secret) -> bool {
        self.token.reject(token)
    }

    /// Adds a way to log in to the error of a call that had no valid token, if there is one.
    pub(crate) async fn offer_login(&self, error: Error) -> Error {
        match &self.destination {
            Destination::Address(relay) if self.offers_link && error.code == ErrorCode::Unauthenticated => {
                self.token.offer_login(relay, error).await
            }
            _ => error,
        }
    }

    /// Creates the error for a token that the relay accepted before and does not accept any more.
    pub(crate) fn token_ended(&self, relay: &RelayUrl) -> Error {
        self.token.ended(relay)
    }

    /// Makes one attempt to connect. Returns the connection, the address that it leads to, and the token that it was opened
    /// with.
    pub(crate) async fn dial(&self) -> Result<(Socket, RelayUrl, Secret), DialError> {
        match tokio::time::timeout(DIAL_TIMEOUT, self.open()).await {
            Ok(result) => result,
            Err(_) => Err(self.transient("it did not respond in time")),
        }
    }

    /// Creates a `RELAY_UNREACHABLE` error that states the reason and suggests what to do.
    pub(crate) fn unreachable(&self, reason: &str) -> Error {
        let hint = match &self.destination {
            Destination::ThisComputer(_) => {
                "If a program is missing, install the whole package, or set --relay (MCP_MULTIPLAYER_RELAY) to the \
                 address of another relay. Otherwise try again in a moment."
            }
            Destination::Address(relay) if relay.is_loopback() => {
                "Remove --relay (MCP_MULTIPLAYER_RELAY) from the settings of your client, so that the relay of this \
                 computer is started when it is needed, or start one with `mcp-multiplayer-relay`; then try again."
            }
            Destination::Address(_) => {
                "Check --relay (MCP_MULTIPLAYER_RELAY) and your network connection, or ask the relay's operator; then try \
                 again."
            }
        };
        let message = format!("The {} cannot be reached: {reason}.", self.destination);
        Error::new(ErrorCode::RelayUnreachable, message, hint).retry_after(1_000)
    }

    fn transient(&self, reason: &str) -> DialError {
        DialError::Transient { error: self.unreachable(reason), connection_refused: false }
    }

    /// Finds the relay's address. Starts the relay of this computer if it does not run.
    pub(crate) async fn locate(&self) -> Result<RelayUrl, DialError> {
        match &self.destination {
            Destination::Address(relay) => Ok(relay.clone()),
            Destination::ThisComputer(starter) => {
                let found = starter.find_or_start().await;
                found.map_err(|reason| DialError::Permanent(self.unreachable(&reason)))
            }
        }
    }

    /// Connects to the relay's host, and reads the token.
    pub(crate) async fn connect(&self) -> Result<Connected, DialError> {
        let relay = self.locate().await?;
        if !relay.is_encrypted() && !relay.is_loopback() && !self.insecure {
            return Err(DialError::Permanent(Error::new(
                ErrorCode::RelayUnreachable,
                format!("The token was not sent to {relay} because the connection would be unencrypted."),
                "Set --relay (MCP_MULTIPLAYER_RELAY) to a wss:// or https:// address. If you trust the network, add \
                 --insecure instead.",
            )));
        }
        let stream = TcpStream::connect(relay.authority()).await.map_err(|error| self.explain_io(&error))?;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "cannot disable Nagle's algorithm");
        }
        // The token is read only now, so that a missing relay is reported rather than a missing token.
        let token = self.token(&relay).await.map_err(|error| match error.code {
            ErrorCode::RelayUnreachable => DialError::Transient { error, connection_refused: false },
            _ => DialError::Permanent(error),
        })?;
        Ok(Connected { stream, relay, token })
    }

    async fn open(&self) -> Result<(Socket, RelayUrl, Secret), DialError> {
        let Connected { stream, relay, token } = self.connect().await?;
        let mut request = relay.uri().into_client_request().map_err(|error| self.explain(&relay, error))?;
        request.headers_mut().insert(AUTHORIZATION, bearer(&token));
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        let connector = if relay.is_encrypted() {
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
            Ok((socket, _)) => Ok((socket, relay, token)),
            Err(tungstenite::Error::Http(response))
                if response.status() == StatusCode::UNAUTHORIZED && self.reject(&token) =>
            {
                Err(DialError::Transient { error: self.token.refused(&relay), connection_refused: false })
            }
            Err(error) => Err(self.explain(&relay, error)),
        }
    }

    /// Converts an I/O error to an error for the user.
    pub(crate) fn explain_io(&self, error: &io::Error) -> DialError {
        let explained = self.unreachable(&io_reason::describe(error));
        match error.kind() {
            // Trying again soon does not help: an invalid certificate stays invalid.
            _ if io_reason::is_tls(error) => DialError::Permanent(explained),
            io::ErrorKind::ConnectionRefused => DialError::Transient { error: explained, connection_refused: true },
            io::ErrorKind::NotFound => DialError::Permanent(explained),
            _ => DialError::Transient { error: explained, connection_refused: false },
        }
    }

    /// Converts an error of the WebSocket handshake to an error for the user.
    fn explain(&self, relay: &RelayUrl, error: tungstenite::Error) -> DialError {
        let no_relay = |reason: &str| {
            DialError::Permanent(Error::new(
                ErrorCode::RelayUnreachable,
                format!("There is no compatible relay at {relay}: {reason}."),
                "Check --relay (MCP_MULTIPLAYER_RELAY): it must be the address of a multiplayer relay of this version.",
            ))
        };
        match error {
            tungstenite::Error::Io(error) => self.explain_io(&error),
            tungstenite::Error::Http(response) => match response.status() {
                StatusCode::UNAUTHORIZED => DialError::Permanent(self.token.refused(relay)),
                StatusCode::FORBIDDEN => DialError::Permanent(Error::new(
                    ErrorCode::RelayUnreachable,
                    format!("The relay at {relay} does not accept requests for this host name (HTTP 403)."),
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
