//! One JSON-RPC message per line, as MCP's stdio transport has it.
//!
//! In place of rmcp's own transport, because a line that is no message must not leave its sender waiting: what has
//! an `id` is answered by that id.

use std::io;
use std::sync::Arc;

use rmcp::RoleServer;
use rmcp::model::{ClientJsonRpcMessage, ErrorData, RequestId, ServerJsonRpcMessage};
use rmcp::transport::Transport;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio_util::bytes::Bytes;
use tokio_util::sync::CancellationToken;

/// Longest line that is taken, in bytes. What a relay takes is shorter; this bounds memory.
const LINE_BYTES: usize = 8 << 20;

/// A transport over a reader and a writer of lines.
#[derive(Debug)]
pub struct LineTransport<R, W> {
    reader: BufReader<R>,
    line: Vec<u8>,
    /// Whether the rest of a line that is too long is still to come.
    skipping: bool,
    writer: Arc<Mutex<W>>,
    /// The answer to a line that was no message, and the writer from its first byte to its last: receiving may be
    /// interrupted anywhere.
    complaint: Option<Bytes>,
    complaining: Option<OwnedMutexGuard<W>>,
    end_of_input: CancellationToken,
}

/// What came in.
enum Line {
    Whole,
    TooLong,
    End,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> LineTransport<R, W> {
    /// Reads from `reader`, writes to `writer`, and cancels `end_of_input` when there is nothing more to read.
    pub fn new(reader: R, writer: W, end_of_input: CancellationToken) -> Self {
        Self {
            reader: BufReader::new(reader),
            line: Vec::new(),
            skipping: false,
            writer: Arc::new(Mutex::new(writer)),
            complaint: None,
            complaining: None,
            end_of_input,
        }
    }

    /// Reads on to the end of a line. Interrupted, it goes on where it was.
    async fn read_line(&mut self) -> io::Result<Line> {
        loop {
            let available = self.reader.fill_buf().await?;
            if available.is_empty() {
                return Ok(Line::End);
            }
            let newline = available.iter().position(|byte| *byte == b'\n');
            let taken = newline.map_or(available.len(), |at| at + 1);
            if !self.skipping {
                if self.line.len() + taken > LINE_BYTES {
                    self.skipping = true;
                    self.line = Vec::new();
                } else {
                    self.line.extend_from_slice(&available[..taken]);
                }
            }
            self.reader.consume(taken);
            if newline.is_some() {
                return Ok(if std::mem::take(&mut self.skipping) { Line::TooLong } else { Line::Whole });
            }
        }
    }

    async fn complain(&mut self) -> io::Result<()> {
        let Some(complaint) = &mut self.complaint else { return Ok(()) };
        let writer = match &mut self.complaining {
            Some(writer) => writer,
            None => self.complaining.insert(Arc::clone(&self.writer).lock_owned().await),
        };
        writer.write_all_buf(complaint).await?;
        writer.flush().await?;
        (self.complaint, self.complaining) = (None, None);
        Ok(())
    }

    async fn next_message(&mut self) -> io::Result<Option<ClientJsonRpcMessage>> {
        loop {
            self.complain().await?;
            let outcome = match self.read_line().await? {
                Line::End => return Ok(None),
                Line::TooLong => Outcome::Complaint(None, format!("a message has at most {LINE_BYTES} bytes")),
                Line::Whole => understand(&self.line),
            };
            self.line.clear();
            match outcome {
                Outcome::Message(message) => return Ok(Some(*message)),
                Outcome::Complaint(id, reason) => {
                    let error = ErrorData::invalid_request(format!("Invalid request: {reason}"), None);
                    self.complaint = Some(to_line(&ServerJsonRpcMessage::error(error, id))?);
                }
                Outcome::Nothing => {}
            }
        }
    }
}

enum Outcome {
    Message(Box<ClientJsonRpcMessage>),
    /// A request that cannot be routed, and why.
    Complaint(Option<RequestId>, String),
    /// Nobody waits for an answer to it.
    Nothing,
}

fn understand(line: &[u8]) -> Outcome {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        id: Option<&'a RawValue>,
        #[serde(borrow)]
        method: Option<&'a RawValue>,
    }
    // RFC 8259, section 8.1: a byte order mark may be ignored.
    let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line).trim_ascii();
    if line.is_empty() {
        return Outcome::Nothing;
    }
    let reason = match serde_json::from_slice(line) {
        Ok(message) => return Outcome::Message(Box::new(message)),
        Err(error) => error.to_string(),
    };
    if line.starts_with(b"[") {
        return Outcome::Complaint(None, "batches are not supported".to_owned());
    }
    if let Ok(Envelope { id: Some(id), method: Some(_) }) = serde_json::from_slice(line) {
        return Outcome::Complaint(serde_json::from_str(id.get()).ok(), reason);
    }
    // Notifications of other protocols, and lines that are no JSON at all: some clients' wrappers print them.
    tracing::debug!(bytes = line.len(), "ignored a line that is no message");
    Outcome::Nothing
}

fn to_line(message: &ServerJsonRpcMessage) -> io::Result<Bytes> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line.into())
}

impl<R, W> Transport<RoleServer> for LineTransport<R, W>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    type Error = io::Error;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let writer = Arc::clone(&self.writer);
        async move {
            let line = to_line(&message)?;
            let mut writer = writer.lock().await;
            writer.write_all(&line).await?;
            writer.flush().await
        }
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        let message = self.next_message().await.unwrap_or_else(|error| {
            tracing::error!(%error, "cannot read from the client");
            None
        });
        if message.is_none() {
            self.end_of_input.cancel();
        }
        message
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.writer.lock().await.flush().await
    }
}
