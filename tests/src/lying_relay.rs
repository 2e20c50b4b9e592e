use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Map, Value};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderMap;
use tokio_tungstenite::{accept_hdr_async, client_async};

/// A lie: changes a frame of this operation. Frames of relays are results, those of clients requests.
type Lie = Box<dyn FnMut(&str, &mut Value) + Send>;

/// Somebody between a client and a relay, who can change every answer and every request.
pub struct LyingRelay {
    address: String,
    lies: Arc<Mutex<Lies>>,
    serving: JoinHandle<()>,
}

struct Lies {
    upstream: String,
    of_results: Lie,
    of_requests: Lie,
}

impl LyingRelay {
    /// Listens on a free port and passes everything on to the relay at `upstream`, unchanged at first.
    pub async fn start(upstream: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let honest = || -> Lie { Box::new(|_, _| {}) };
        let lies = Lies { upstream: upstream.to_owned(), of_results: honest(), of_requests: honest() };
        let lies = Arc::new(Mutex::new(lies));
        let shared = Arc::clone(&lies);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Ok(Self { address, lies, serving })
    }

    /// Address as `127.0.0.1:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Changes results from now on.
    pub fn lie(&self, lie: impl FnMut(&str, &mut Value) + Send + 'static) {
        lock(&self.lies).of_results = Box::new(lie);
    }

    /// Changes the arguments of requests from now on.
    pub fn misquote(&self, lie: impl FnMut(&str, &mut Value) + Send + 'static) {
        lock(&self.lies).of_requests = Box::new(lie);
    }

    /// Passes everything on unchanged from now on.
    pub fn be_honest(&self) {
        self.lie(|_, _| {});
        self.misquote(|_, _| {});
    }
}

impl Drop for LyingRelay {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl fmt::Debug for LyingRelay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LyingRelay({})", self.address)
    }
}

fn lock(lies: &Mutex<Lies>) -> MutexGuard<'_, Lies> {
    lies.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Passes on the frames of one connection, or the bytes of one that is no WebSocket. Ends when either side does.
async fn serve(mut stream: TcpStream, lies: Arc<Mutex<Lies>>) -> Result<()> {
    let mut start = [0; 8];
    while stream.peek(&mut start).await? < start.len() {
        tokio::task::yield_now().await;
    }
    if start != *b"GET /ws " {
        let upstream = lock(&lies).upstream.clone();
        tokio::io::copy_bidirectional(&mut stream, &mut TcpStream::connect(upstream).await?).await?;
        return Ok(());
    }
    let mut headers = HeaderMap::new();
    #[expect(clippy::result_large_err, reason = "tungstenite's callback has this type")]
    let accept = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        headers = request.headers().clone();
        response.headers_mut().insert("sec-websocket-protocol", "multiplayer.v1".parse().expect("a header's value"));
        Ok(response)
    };
    let mut client = accept_hdr_async(stream, accept).await?;
    let upstream = lock(&lies).upstream.clone();
    let mut request = format!("ws://{upstream}/ws").into_client_request()?;
    for name in ["authorization", "sec-websocket-protocol"] {
        request.headers_mut().insert(name, headers.get(name).context("the client sends both")?.clone());
    }
    let (mut relay, _) = client_async(request, TcpStream::connect(&upstream).await?).await?;
    let mut operations = Map::new();
    loop {
        tokio::select! {
            frame = client.next() => {
                let Some(Ok(Message::Text(text))) = frame else {
                    if let Some(Ok(Message::Ping(_) | Message::Pong(_))) = frame { continue }
                    return Ok(());
                };
                let mut frame: Value = serde_json::from_str(&text)?;
                if let Some(operation) = frame["op"].as_str().map(str::to_owned) {
                    (lock(&lies).of_requests)(&operation, &mut frame["args"]);
                    operations.insert(frame["id"].to_string(), operation.into());
                }
                relay.send(Message::text(frame.to_string())).await?;
            }
            frame = relay.next() => {
                let Some(Ok(Message::Text(text))) = frame else {
                    if let Some(Ok(Message::Ping(_) | Message::Pong(_))) = frame { continue }
                    return Ok(());
                };
                let mut frame: Value = serde_json::from_str(&text)?;
                let operation = operations.remove(&frame["id"].to_string());
                if let (Some(operation), Some(result)) = (operation, frame.get_mut("ok")) {
                    (lock(&lies).of_results)(operation.as_str().unwrap_or_default(), result);
                }
                client.send(Message::text(frame.to_string())).await?;
            }
        }
    }
}
