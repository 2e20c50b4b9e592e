//! One HTTP/1.1 request to the relay, for what does not fit into a frame of the WebSocket.

use std::time::Duration;

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, HOST};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use mcp_multiplayer_protocol::{Error, Secret};
use rustls::pki_types::ServerName;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::dial::{Connected, Dialer, bearer};
use crate::{RelayUrl, tls};

/// Longest time until the relay responds.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);
/// Largest description of a problem, in bytes.
const MAX_PROBLEM: usize = 64 << 10;

/// Sends `GET`, and returns the body of a successful response. `endpoint` may contain a query, but no secret.
pub(crate) async fn get(dialer: &Dialer, endpoint: &str) -> Result<Incoming, Error> {
    let response = match timeout(RESPONSE_TIMEOUT, send(dialer, endpoint)).await {
        Ok(response) => response?,
        Err(_) => return Err(dialer.unreachable("it did not respond in time")),
    };
    let status = response.status();
    if status.is_success() {
        Ok(response.into_body())
    } else {
        Err(refusal(dialer, status, response.into_body()).await)
    }
}

async fn send(dialer: &Dialer, endpoint: &str) -> Result<Response<Incoming>, Error> {
    let Connected { stream, relay, token } = dialer.connect().await?;
    if !relay.is_encrypted() {
        return exchange(dialer, &relay, stream, endpoint, &token).await;
    }
    let config = tls::client_config().map_err(|error| dialer.explain_io(&error))?;
    let (host, _) = relay.authority();
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| dialer.unreachable("its host name is not valid in a certificate"))?;
    let stream = TlsConnector::from(config).connect(name, stream).await.map_err(|error| dialer.explain_io(&error))?;
    exchange(dialer, &relay, stream, endpoint, &token).await
}

async fn exchange(
    dialer: &Dialer,
    relay: &RelayUrl,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    endpoint: &str,
    token: &Secret,
) -> Result<Response<Incoming>, Error> {
    let failed = |error: hyper::Error| dialer.unreachable(&error.to_string());
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    // It ends with the body of the response, or when that is dropped.
    tokio::spawn(connection);
    let (path, host) = relay.endpoint(endpoint);
    let request = Request::get(path).header(HOST, host).header(AUTHORIZATION, bearer(token));
    let request = request.body(Empty::<Bytes>::new()).expect("path and host come from a valid address");
    sender.send_request(request).await.map_err(failed)
}

/// Converts a problem (RFC 9457) of the relay to the error that it contains.
async fn refusal(dialer: &Dialer, status: StatusCode, body: Incoming) -> Error {
    #[derive(Deserialize)]
    struct Problem {
        error: Error,
    }
    let body = timeout(RESPONSE_TIMEOUT, Limited::new(body, MAX_PROBLEM).collect()).await;
    let problem =
        body.ok().and_then(Result::ok).and_then(|body| serde_json::from_slice::<Problem>(&body.to_bytes()).ok());
    match problem {
        Some(Problem { error }) => error,
        None => dialer.unreachable(&format!("it responded with HTTP {}", status.as_u16())),
    }
}
