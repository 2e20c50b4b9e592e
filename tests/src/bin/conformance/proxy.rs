use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A proxy that forwards requests to a relay and adds a bearer token.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    relay: String,
    authorization: HeaderValue,
}

impl Proxy {
    pub(crate) fn new(relay: &str, token: &str) -> Self {
        let authorization = HeaderValue::try_from(format!("Bearer {token}")).expect("tokens are plain ASCII");
        Self { relay: relay.to_owned(), authorization }
    }

    pub(crate) fn router(self) -> Router {
        Router::new().fallback(forward).with_state(self)
    }
}

async fn forward(State(proxy): State<Proxy>, mut request: Request) -> Response {
    request.headers_mut().insert(AUTHORIZATION, proxy.authorization);
    match send(&proxy.relay, request).await {
        Ok(response) => response,
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

/// Sends a request on a new connection, which ends with the response or when the client disconnects.
async fn send(relay: &str, request: Request) -> anyhow::Result<Response> {
    let stream = TcpStream::connect(relay).await?;
    let (mut sender, connection) = handshake::<_, Body>(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?.map(Body::new))
}
