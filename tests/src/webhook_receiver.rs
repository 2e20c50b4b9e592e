use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use futures::future::BoxFuture;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

/// A two-way stream of bytes.
trait ByteStream: AsyncRead + AsyncWrite + Send {}
impl<S: AsyncRead + AsyncWrite + Send> ByteStream for S {}

type Stream = BufReader<Pin<Box<dyn ByteStream>>>;
type Secure = dyn Fn(TcpStream) -> BoxFuture<'static, std::io::Result<Pin<Box<dyn ByteStream>>>> + Send + Sync;

/// An HTTP server on loopback whose requests a test answers one by one.
#[derive(Debug)]
pub struct WebhookReceiver {
    address: SocketAddr,
    deliveries: UnboundedReceiver<Delivery>,
    task: JoinHandle<()>,
}

impl Drop for WebhookReceiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A request to a webhook. Dropping it closes the connection without an answer.
pub struct Delivery {
    /// Path and query.
    pub path: String,
    /// Headers, by their lower-case names.
    pub headers: HashMap<String, String>,
    /// The body, as it was sent.
    pub body: Vec<u8>,
    stream: Stream,
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Delivery({}, {})", self.id(), String::from_utf8_lossy(&self.body))
    }
}

impl WebhookReceiver {
    /// Starts a receiver on a free port.
    pub async fn start() -> Result<Self> {
        Self::start_with(Arc::new(|stream| Box::pin(async move { Ok(Box::pin(stream) as Pin<Box<dyn ByteStream>>) })))
            .await
    }

    /// Starts a receiver on a free port, whose connections `secure` turns into TLS.
    pub async fn start_secure<S, F>(secure: impl Fn(TcpStream) -> F + Send + Sync + 'static) -> Result<Self>
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
        F: Future<Output = std::io::Result<S>> + Send + 'static,
    {
        Self::start_with(Arc::new(move |stream| {
            let secured = secure(stream);
            Box::pin(async move { Ok(Box::pin(secured.await?) as Pin<Box<dyn ByteStream>>) })
        }))
        .await
    }

    async fn start_with(secure: Arc<Secure>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (sender, deliveries) = unbounded_channel();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(receive(Arc::clone(&secure), stream, sender.clone()));
            }
        });
        Ok(Self { address, deliveries, task })
    }

    /// Address as `127.0.0.1:port`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the next request.
    pub async fn next(&mut self) -> Delivery {
        self.deliveries.recv().await.expect("the receiver runs")
    }

    /// Returns a request that has already arrived.
    pub fn arrived(&mut self) -> Option<Delivery> {
        self.deliveries.try_recv().ok()
    }

    /// Waits for the challenge, and echoes it.
    pub async fn echo_challenge(&mut self) -> Result<Value> {
        let challenge = self.next().await;
        let body = challenge.json();
        let echo = serde_json::json!({ "challenge": body["challenge"] });
        challenge.answer(200, &echo.to_string()).await?;
        Ok(body)
    }
}

async fn receive(secure: Arc<Secure>, stream: TcpStream, deliveries: UnboundedSender<Delivery>) -> Result<()> {
    let mut stream = BufReader::new(secure(stream).await?);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let path = line.split(' ').nth(1).context("a request line")?.to_owned();
    let mut headers = HashMap::new();
    loop {
        line.clear();
        stream.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length: usize = headers.get("content-length").context("a length")?.parse()?;
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    // The test may have ended.
    let _ = deliveries.send(Delivery { path, headers, body, stream });
    Ok(())
}

impl Delivery {
    /// The header `webhook-id`.
    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }

    /// A header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Answers the request, and closes the connection.
    pub async fn answer(self, status: u16, body: &str) -> Result<()> {
        let length = body.len();
        self.send(&format!("HTTP/1.1 {status} Status\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"))
            .await
    }

    /// Answers with these bytes, and closes the connection.
    pub async fn send(mut self, response: &str) -> Result<()> {
        self.stream.write_all(response.as_bytes()).await?;
        Ok(self.stream.shutdown().await?)
    }
}
