//! The redirect URI on this machine to which the browser brings the result (RFC 8252, section 7.3).

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use oauth2::url::form_urlencoded;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Path of the redirect URI.
const PATH: &str = "/callback";
/// Maximum time for the last page to reach the browser.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// A listener for the redirect.
#[derive(Debug)]
pub(super) struct Callback {
    listener: TcpListener,
    port: u16,
    arrivals: (mpsc::Sender<Arrival>, mpsc::Receiver<Arrival>),
    connections: JoinSet<()>,
}

/// A browser that was sent to the redirect URI, and waits for a page.
#[derive(Debug)]
pub(super) struct Arrival {
    parameters: Vec<(String, String)>,
    page: oneshot::Sender<Page>,
}

/// The page that the browser shows.
#[derive(Clone, Copy, Debug)]
pub(super) enum Page {
    LoggedIn,
    Failed,
    /// The address does not belong to this login.
    Unknown,
}

impl Callback {
    /// Listens on a free port of the loopback interface.
    pub(super) async fn bind() -> std::io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let port = listener.local_addr()?.port();
        Ok(Self { listener, port, arrivals: mpsc::channel(8), connections: JoinSet::new() })
    }

    /// Returns the redirect URI.
    pub(super) fn redirect_uri(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}", self.port)
    }

    /// Waits for a browser.
    pub(super) async fn next(&mut self) -> std::io::Result<Arrival> {
        loop {
            tokio::select! {
                accepted = self.listener.accept() => {
                    let (stream, _) = accepted?;
                    self.connections.spawn(serve(stream, self.arrivals.0.clone()));
                }
                arrival = self.arrivals.1.recv() => {
                    return Ok(arrival.expect("the sender is in `self`"));
                }
            }
        }
    }

    /// Waits a moment until the last page has been sent.
    pub(super) async fn finish(mut self) {
        drop(self.listener);
        let flushed = async { while self.connections.join_next().await.is_some() {} };
        // A browser may keep another connection open in advance.
        let _ = timeout(FLUSH_TIMEOUT, flushed).await;
    }
}

impl Arrival {
    /// Returns the value of a parameter that is given once.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let mut values = self.parameters.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str());
        let value = values.next();
        value.filter(|_| values.next().is_none())
    }

    /// Shows a page.
    pub(super) fn show(self, page: Page) {
        // Fails only if the browser has closed the connection.
        let _ = self.page.send(page);
    }
}

async fn serve(stream: TcpStream, arrivals: mpsc::Sender<Arrival>) {
    let service = service_fn(|request| respond(request, arrivals.clone()));
    // Without reuse of the connection, it ends with the page.
    if let Err(error) = http1::Builder::new().keep_alive(false).serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "the browser's connection failed");
    }
}

async fn respond(
    request: Request<Incoming>,
    arrivals: mpsc::Sender<Arrival>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.method() != Method::GET || request.uri().path() != PATH {
        return Ok(Page::Unknown.response());
    }
    let query = request.uri().query().unwrap_or_default();
    let parameters = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let (page, shown) = oneshot::channel();
    let sent = arrivals.send(Arrival { parameters, page }).await;
    let page = if sent.is_ok() { shown.await.unwrap_or(Page::Unknown) } else { Page::Unknown };
    Ok(page.response())
}

impl Page {
    fn response(self) -> Response<Full<Bytes>> {
        let (status, title, text) = match self {
            Self::LoggedIn => (StatusCode::OK, "You are logged in", "You can close this page."),
            Self::Failed => {
                (StatusCode::OK, "You are not logged in", "The terminal says why. You can close this page.")
            }
            Self::Unknown => (
                StatusCode::NOT_FOUND,
                "This page belongs to no login",
                "Open the link that the terminal shows. You can close this page.",
            ),
        };
        let html = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"color-scheme\" content=\"light dark\">\
             <title>{title}</title><h1>{title}</h1><p>{text}</p></html>"
        );
        let mut response = Response::new(Full::new(Bytes::from(html)));
        *response.status_mut() = status;
        let headers = [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"),
            (CACHE_CONTROL, "no-store"),
        ];
        for (name, value) in headers {
            response.headers_mut().insert(name, hyper::header::HeaderValue::from_static(value));
        }
        response
    }
}
