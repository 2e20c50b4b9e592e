use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Passes requests on to a relay as they are, but for a token that it adds.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    relay: String,
    authorization: HeaderValue,
}

impl Proxy {
    pub(crate) fn to(relay: &str, token: &str) -> Self {
        let authorization = HeaderValue::try_from(format!("Bearer {token}")).expect("tokens are plain ASCII");
        Self { relay: relay.to_owned(), authorization }
    }

    pub(crate) fn router(self) -> Router {
        Router::new().fallback(pass_on).with_state(self)
    }
}

async fn pass_on(State(proxy): State<Proxy>, mut request: Request) -> Response {
    request.headers_mut().insert(AUTHORIZATION, proxy.authorization);
    match exchange(&proxy.relay, request).await {
        Ok(response) => response,
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

/// On a connection of its own, which ends with the answer or when the client goes away.
async fn exchange(relay: &str, request: Request) -> anyhow::Result<Response> {
    let stream = TcpStream::connect(relay).await?;
    let (mut sender, connection) = handshake::<_, Body>(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?.map(Body::new))
}
