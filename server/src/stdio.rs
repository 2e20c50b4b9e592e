//! MCP's stdio transport: one JSON-RPC message per line.
//!
//! It replaces the transport of rmcp, which does not answer a line that is not a valid message. Here, an invalid request
//! with an `id` is answered with an error, so that its sender does not wait forever.

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

/// Maximum length of a line, in bytes. It bounds memory; a relay accepts only shorter requests.
const MAX_LINE_BYTES: usize = 8 << 20;

/// A transport that reads and writes lines.
#[derive(Debug)]
pub struct LineTransport<R, W> {
    reader: BufReader<R>,
    line: Vec<u8>,
    /// True while the rest of a line that is too long is being skipped.
    skipping: bool,
    writer: Arc<Mutex<W>>,
    /// The unwritten rest of the answer to an invalid line. It is stored here because `receive` may be cancelled at any
    /// await; the next call then continues.
    error_reply: Option<Bytes>,
    /// The locked writer while `error_reply` is being written, so that no other message is written in between.
    reply_writer: Option<OwnedMutexGuard<W>>,
    end_of_input: CancellationToken,
}

/// Result of reading a line.
enum LineRead {
    Complete,
    TooLong,
    End,
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> LineTransport<R, W> {
    /// Creates a transport. It cancels `end_of_input` at the end of `reader`.
    pub fn new(reader: R, writer: W, end_of_input: CancellationToken) -> Self {
        Self {
            reader: BufReader::new(reader),
            line: Vec::new(),
            skipping: false,
            writer: Arc::new(Mutex::new(writer)),
            error_reply: None,
            reply_writer: None,
            end_of_input,
        }
    }

    /// Reads the rest of the current line into `self.line`. Safe to cancel: the next call continues.
    async fn read_line(&mut self) -> io::Result<LineRead> {
        loop {
            let available = self.reader.fill_buf().await?;
            if available.is_empty() {
                return Ok(LineRead::End);
            }
            let newline = available.iter().position(|byte| *byte == b'\n');
            let taken = newline.map_or(available.len(), |at| at + 1);
            if !self.skipping {
                if self.line.len() + taken > MAX_LINE_BYTES {
                    self.skipping = true;
                    self.line = Vec::new();
                } else {
                    self.line.extend_from_slice(&available[..taken]);
                }
            }
            self.reader.consume(taken);
            if newline.is_some() {
                return Ok(if std::mem::take(&mut self.skipping) { LineRead::TooLong } else { LineRead::Complete });
            }
        }
    }

    /// Writes the pending error reply, if any. Safe to cancel: the next call continues.
    async fn write_error_reply(&mut self) -> io::Result<()> {
        let Some(error_reply) = &mut self.error_reply else { return Ok(()) };
        let writer = match &mut self.reply_writer {
            Some(writer) => writer,
            None => self.reply_writer.insert(Arc::clone(&self.writer).lock_owned().await),
        };
        writer.write_all_buf(error_reply).await?;
        writer.flush().await?;
        (self.error_reply, self.reply_writer) = (None, None);
        Ok(())
    }

    async fn next_message(&mut self) -> io::Result<Option<ClientJsonRpcMessage>> {
        loop {
            self.write_error_reply().await?;
            let parsed = match self.read_line().await? {
                LineRead::End => return Ok(None),
                LineRead::TooLong => {
                    ParsedLine::Invalid(None, format!("a message can have at most {MAX_LINE_BYTES} bytes"))
                }
                LineRead::Complete => parse_line(&self.line),
            };
            self.line.clear();
            match parsed {
                ParsedLine::Message(message) => return Ok(Some(*message)),
                ParsedLine::Invalid(id, reason) => {
                    let error = ErrorData::invalid_request(format!("Invalid request: {reason}"), None);
                    self.error_reply = Some(to_line(&ServerJsonRpcMessage::error(error, id))?);
                }
                ParsedLine::Ignored => {}
            }
        }
    }
}

/// Result of parsing a line.
enum ParsedLine {
    Message(Box<ClientJsonRpcMessage>),
    /// An invalid request: its id if it can be parsed, and the reason.
    Invalid(Option<RequestId>, String),
    /// A line that needs no answer.
    Ignored,
}

fn parse_line(line: &[u8]) -> ParsedLine {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        id: Option<&'a RawValue>,
        #[serde(borrow)]
        method: Option<&'a RawValue>,
    }
    // RFC 8259, section 8.1, allows ignoring a byte order mark.
    let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line).trim_ascii();
    if line.is_empty() {
        return ParsedLine::Ignored;
    }
    let reason = match serde_json::from_slice(line) {
        Ok(message) => return ParsedLine::Message(Box::new(message)),
        Err(error) => error.to_string(),
    };
    if line.starts_with(b"[") {
        return ParsedLine::Invalid(None, "batches are not supported".to_owned());
    }
    if let Ok(Envelope { id: Some(id), method: Some(_) }) = serde_json::from_slice(line) {
        return ParsedLine::Invalid(serde_json::from_str(id.get()).ok(), reason);
    }
    // Some clients send notifications of other protocols, and some wrappers print lines that are not JSON.
    tracing::debug!(bytes = line.len(), "ignored a line that is not a message");
    ParsedLine::Ignored
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
