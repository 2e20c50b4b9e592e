//! One request to a relay without a token, to see whether one is there at all.

use std::time::{Duration, SystemTime};

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{DATE, HOST};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use mcp_multiplayer_protocol::Error;
use rustls::pki_types::ServerName;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::{Dialer, RelayUrl, tls};

/// Longest time for the request.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Largest description that is read, in bytes.
const MAX_DESCRIPTION: usize = 4 << 20;
/// Title in the description that relays publish.
const TITLE: &str = "MCP Multiplayer";

/// A relay that answered.
#[derive(Debug)]
pub(super) struct Answer {
    /// Address at which it answered.
    pub(super) relay: RelayUrl,
    pub(super) version: String,
    /// The relay's time minus this computer's, in seconds; `None` if it did not say.
    pub(super) clock_ahead: Option<i64>,
}

/// The part of the description (`OpenAPI`) that is used here.
#[derive(Deserialize)]
struct Description {
    info: Info,
}

#[derive(Deserialize)]
struct Info {
    title: String,
    version: String,
}

/// Asks the relay of a dialer for its description, which is public.
pub(super) async fn probe(dialer: &Dialer) -> Result<Answer, Error> {
    timeout(TIMEOUT, connect(dialer)).await.unwrap_or_else(|_| Err(dialer.unreachable("it did not respond in time")))
}

async fn connect(dialer: &Dialer) -> Result<Answer, Error> {
    let explain = |error: std::io::Error| Error::from(dialer.explain_io(&error));
    let relay = dialer.locate().await?;
    let stream = TcpStream::connect(relay.authority()).await.map_err(explain)?;
    if !relay.is_encrypted() {
        return request(dialer, relay, stream).await;
    }
    let config = tls::client_config().map_err(explain)?;
    let name = ServerName::try_from(relay.authority().0.to_owned())
        .map_err(|_| dialer.unreachable("its host name is not valid in a certificate"))?;
    let stream = TlsConnector::from(config).connect(name, stream).await.map_err(explain)?;
    request(dialer, relay, stream).await
}

async fn request(
    dialer: &Dialer,
    relay: RelayUrl,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<Answer, Error> {
    let failed = |error: hyper::Error| dialer.unreachable(&error.to_string());
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    // It ends with the response's body.
    tokio::spawn(connection);
    let (path, host) = relay.endpoint("openapi.json");
    let request = Request::get(path).header(HOST, host).body(Empty::<Bytes>::new());
    let request = request.map_err(|_| dialer.unreachable("its address is not valid in a request"))?;
    let response = sender.send_request(request).await.map_err(failed)?;
    let date = response.headers().get(DATE).and_then(|date| date.to_str().ok());
    let clock_ahead = date.and_then(|date| httpdate::parse_http_date(date).ok()).map(seconds_ahead);
    let status = response.status();
    let body = Limited::new(response.into_body(), MAX_DESCRIPTION).collect().await;
    let description = body.ok().and_then(|body| serde_json::from_slice::<Description>(&body.to_bytes()).ok());
    match description.filter(|description| status == StatusCode::OK && description.info.title == TITLE) {
        Some(Description { info }) => Ok(Answer { relay, version: info.version, clock_ahead }),
        None => {
            Err(dialer.unreachable(&format!("what answers there is no multiplayer relay (HTTP {})", status.as_u16())))
        }
    }
}

/// The time minus that of this computer, in seconds.
#[expect(clippy::disallowed_methods, reason = "the clock of this computer is what is checked")]
fn seconds_ahead(time: SystemTime) -> i64 {
    let signed = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    match time.duration_since(SystemTime::now()) {
        Ok(ahead) => signed(ahead),
        Err(behind) => -signed(behind.duration()),
    }
}
