use std::io;
use std::time::Duration;

use futures::future::BoxFuture;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Request, Uri};
use hyper_util::rt::TokioIo;
use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::error::LoginError;
use crate::{RelayUrl, io_reason, tls};

/// Maximum duration of a request.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum size of a response, in bytes.
const MAX_BYTES: usize = 256 << 10;

/// HTTP client for the OAuth endpoints of one relay. It connects nowhere else, and follows no redirects.
#[derive(Clone, Debug)]
pub(super) struct HttpClient {
    relay: RelayUrl,
}

impl<'c> AsyncHttpClient<'c> for HttpClient {
    type Error = HttpError;
    type Future = BoxFuture<'c, Result<HttpResponse, HttpError>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

/// Error of a request.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    #[error("it did not respond in time")]
    Timeout,
    #[error("its response is too large or was cut off")]
    Body,
    #[error("{}", io_reason::describe(.0))]
    Io(#[from] io::Error),
    #[error("{0}")]
    Http(#[from] hyper::Error),
}

impl HttpClient {
    pub(super) fn new(relay: RelayUrl) -> Self {
        Self { relay }
    }

    /// Returns the relay's address.
    pub(super) fn relay(&self) -> &RelayUrl {
        &self.relay
    }

    /// Sends a request for a URL of the relay.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        timeout(TIMEOUT, self.connect_and_send(request)).await.unwrap_or(Err(HttpError::Timeout))
    }

    /// Sends `GET` for JSON.
    pub(super) async fn get(&self, url: &str) -> Result<HttpResponse, LoginError> {
        let request = Request::get(url).header(ACCEPT, "application/json").body(vec![]);
        let request = request.map_err(|_| self.invalid("it names an endpoint that is not a URL"))?;
        self.send(request).await.map_err(|error| self.unreachable(&error))
    }

    /// Sends `POST` with a body of this type.
    pub(super) async fn post(&self, url: &str, kind: &'static str, body: String) -> Result<HttpResponse, LoginError> {
        let request = Request::post(url).header(ACCEPT, "application/json");
        let request = request.header(CONTENT_TYPE, HeaderValue::from_static(kind)).body(body.into_bytes());
        let request = request.map_err(|_| self.invalid("it names an endpoint that is not a URL"))?;
        self.send(request).await.map_err(|error| self.unreachable(&error))
    }

    pub(super) fn unreachable(&self, reason: &HttpError) -> LoginError {
        LoginError::Unreachable { relay: self.relay.base(), reason: reason.to_string() }
    }

    pub(super) fn invalid(&self, problem: impl Into<String>) -> LoginError {
        LoginError::Invalid { relay: self.relay.base(), problem: problem.into() }
    }

    async fn connect_and_send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let stream = TcpStream::connect(self.relay.authority()).await?;
        if !self.relay.is_encrypted() {
            return self.exchange(stream, request).await;
        }
        let (host, _) = self.relay.authority();
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let stream = TlsConnector::from(tls::client_config()?).connect(name, stream).await?;
        self.exchange(stream, request).await
    }

    async fn exchange(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        request: HttpRequest,
    ) -> Result<HttpResponse, HttpError> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // It ends with the body of the response, or when that is dropped.
        tokio::spawn(connection);
        let (mut parts, body) = request.into_parts();
        let (_, host) = self.relay.endpoint("");
        parts.headers.insert(HOST, HeaderValue::from_str(host).map_err(io::Error::other)?);
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        parts.uri = path.parse::<Uri>().map_err(io::Error::other)?;
        let response = sender.send_request(Request::from_parts(parts, Full::new(Bytes::from(body)))).await?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, MAX_BYTES).collect().await.map_err(|_| HttpError::Body)?;
        Ok(HttpResponse::from_parts(parts, body.to_bytes().to_vec()))
    }
}
