//! Frames between supervisor and worker: a length of four bytes, big-endian, then JSON.
//!
//! `{"id": n, "request": {..}}` is answered by `{"id": n, "reply": {..}}`, one at a time. While a hook
//! runs, the worker may send `{"id": n, "ask": {..}}`, a network request, which is answered by
//! `{"id": n, "answer": {..}}`. The worker sends the first frame, `ready` or `broken`, with id 0.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use mcp_multiplayer_protocol::channel::Hook;
use mcp_multiplayer_protocol::{KeystreamRange, SystemEvent};

use crate::drawing::Drawing;
use crate::egress::{EgressRequest, EgressResponse};
use crate::hook::HookRequest;
use crate::limits::Limits;
use crate::sandbox::{ForbiddenAction, RuntimeInfo};

#[derive(Debug, Serialize)]
struct RequestFrame<'a> {
    id: u64,
    request: &'a Request<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Request<'a> {
    Load {
        name: &'a str,
        source: &'a str,
        /// The source's compiled code, as an earlier worker sent it.
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<&'a str>,
        params: String,
        policy: bool,
        limits: LoadLimits,
    },
    Inspect {},
    /// Draws the board of a bot's post, in a worker that has loaded no bot.
    Draw {
        board: &'a RawValue,
        turned: bool,
    },
    /// Runs a bot of the worker's own, so that the first hook of the real one need not wait for pages to be copied.
    WarmUp {},
    SelfTest {
        canary: &'a Path,
    },
    Hook(&'a HookRequest),
}

/// Limits that the worker checks as well, because its error can name the line of the source.
#[derive(Debug, Serialize)]
pub(crate) struct LoadLimits {
    pub(crate) posts: usize,
    pub(crate) body_bytes: usize,
    pub(crate) post_bytes: usize,
    pub(crate) state_bytes: usize,
    pub(crate) log_bytes: usize,
    #[serde(rename = "kept_bytes")]
    pub(crate) commitment_bytes: usize,
    pub(crate) hook_ms: u128,
    /// Values of a body's `type` that only the relay may use.
    pub(crate) reserved_types: &'static [&'static str],
}

impl LoadLimits {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            posts: limits.posts,
            body_bytes: limits.body_bytes,
            post_bytes: limits.post_bytes,
            state_bytes: limits.state_bytes,
            log_bytes: limits.log_bytes,
            commitment_bytes: limits.commitment_bytes,
            hook_ms: limits.hook.as_millis(),
            reserved_types: SystemEvent::RESERVED_TYPES,
        }
    }
}

/// A frame from a worker: exactly one of the two fields is present.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WorkerFrame {
    id: u64,
    reply: Option<Reply>,
    #[serde(rename = "ask")]
    egress: Option<EgressRequest>,
}

#[derive(Debug, Serialize)]
struct EgressResponseFrame<'a> {
    id: u64,
    #[serde(rename = "answer")]
    response: &'a EgressResponse,
}

/// A message from a worker.
#[derive(Debug)]
pub(crate) enum WorkerMessage {
    Reply(Reply),
    Egress(EgressRequest),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Reply {
    Ready(RuntimeInfo),
    Broken {
        message: String,
    },
    Loaded {
        /// The compiled code, if the request had none.
        #[serde(default)]
        code: Option<String>,
    },
    WarmedUp {},
    SelfTested {
        actions: Vec<ForbiddenAction>,
    },
    Inspected {
        class_name: String,
        hooks: Vec<Hook>,
        summary: Option<String>,
    },
    Drawn(Drawing),
    Rejected {
        message: String,
        line: Option<u32>,
        hint: Option<String>,
    },
    Done {
        effects: Vec<SentEffect>,
        state: Option<String>,
        seats: Option<String>,
        #[serde(rename = "kept")]
        commitments: Option<String>,
        drawn: Vec<KeystreamRange>,
        log: Vec<String>,
    },
    Failed {
        exception: String,
        message: String,
        line: Option<u32>,
        memory: bool,
        log: Vec<String>,
    },
}

/// An effect as the worker sent it, with its body not parsed yet.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum SentEffect {
    Post { kind: String, body: Box<RawValue> },
    Dm { slot_id: String, kind: String, body: Box<RawValue> },
    Timer { name: String, after_ms: Option<u64> },
    Start {},
    Reveal {},
    HoldSeats { for_ms: u64 },
    ReleaseSeats {},
    Unseal {},
}

/// Reason why no message was read.
#[derive(Debug)]
pub(crate) enum ReadError {
    Closed,
    /// The worker sent something else than one message about the request; a noun phrase.
    Protocol(&'static str),
}

impl From<io::Error> for ReadError {
    fn from(_: io::Error) -> Self {
        Self::Closed
    }
}

pub(crate) async fn write(socket: &mut UnixStream, id: u64, request: &Request<'_>) -> io::Result<()> {
    send(socket, &RequestFrame { id, request }).await
}

/// Sends the response to an egress request that the worker made during request `id`.
pub(crate) async fn respond(socket: &mut UnixStream, id: u64, response: &EgressResponse) -> io::Result<()> {
    send(socket, &EgressResponseFrame { id, response }).await
}

async fn send(socket: &mut UnixStream, content: &impl Serialize) -> io::Result<()> {
    let mut frame = vec![0; 4];
    serde_json::to_writer(&mut frame, content)?;
    let length = u32::try_from(frame.len() - 4).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    socket.write_all(&frame).await
}

/// Reads the next message about request `id`, of at most `max_bytes`; `buffer` is reused between calls.
pub(crate) async fn read(
    socket: &mut UnixStream,
    id: u64,
    max_bytes: usize,
    buffer: &mut Vec<u8>,
) -> Result<WorkerMessage, ReadError> {
    buffer.clear();
    let mut end = None;
    while end.is_none_or(|end| buffer.len() < end) {
        if socket.read_buf(buffer).await? == 0 {
            return Err(ReadError::Closed);
        }
        if let (None, Some(length)) = (end, buffer.first_chunk()) {
            let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
            if length > max_bytes {
                return Err(ReadError::Protocol("a reply over the limit"));
            }
            end = Some(4 + length);
        }
    }
    if end != Some(buffer.len()) {
        return Err(ReadError::Protocol("more than one reply"));
    }
    let frame: WorkerFrame =
        serde_json::from_slice(&buffer[4..]).map_err(|_| ReadError::Protocol("an unreadable reply"))?;
    if frame.id != id {
        return Err(ReadError::Protocol("a reply to another request"));
    }
    match (frame.reply, frame.egress) {
        (Some(reply), None) => Ok(WorkerMessage::Reply(reply)),
        (None, Some(request)) => Ok(WorkerMessage::Egress(request)),
        _ => Err(ReadError::Protocol("an unreadable reply")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the reply to request 7 from a worker that sends these bytes.
    async fn read_from(sent: &[u8]) -> Result<WorkerMessage, ReadError> {
        let (mut ours, mut theirs) = UnixStream::pair().expect("a socket pair");
        theirs.write_all(sent).await.expect("the buffer has room");
        drop(theirs);
        read(&mut ours, 7, 1000, &mut Vec::new()).await
    }

    fn framed(text: &str) -> Vec<u8> {
        let mut frame = u32::try_from(text.len()).expect("a short text").to_be_bytes().to_vec();
        frame.extend_from_slice(text.as_bytes());
        frame
    }

    #[tokio::test]
    async fn a_reply_to_the_request_is_read() {
        let reply = read_from(&framed(r#"{"id": 7, "reply": {"loaded": {}}}"#)).await;
        assert!(matches!(reply, Ok(WorkerMessage::Reply(Reply::Loaded { .. }))), "{reply:?}");
    }

    #[tokio::test]
    async fn anything_else_is_a_protocol_error() {
        let twice = framed(r#"{"id": 7, "reply": {"loaded": {}}}"#).repeat(2);
        let cases = [
            (framed(r#"{"id": 6, "reply": {"loaded": {}}}"#), "a reply to another request"),
            (framed(r#"{"id": 7, "reply": {"launched": {}}}"#), "an unreadable reply"),
            (framed(r#"{"id": 7, "reply": {"loaded": {}}, "more": 1}"#), "an unreadable reply"),
            (framed(r#"{"id": 7, "reply": {"loaded": {"more": 1}}}"#), "an unreadable reply"),
            (framed(r#"{"id": 7, "reply": {"done": {"effects": [{"run": {}}], "log": []}}}"#), "an unreadable reply"),
            (framed(&"[".repeat(900)), "an unreadable reply"),
            (framed(""), "an unreadable reply"),
            (framed(&" ".repeat(1001)), "a reply over the limit"),
            (u32::MAX.to_be_bytes().to_vec(), "a reply over the limit"),
            (twice, "more than one reply"),
        ];
        for (sent, expected) in cases {
            match read_from(&sent).await {
                Err(ReadError::Protocol(sent)) => assert_eq!(sent, expected),
                other => panic!("{other:?} of {}", String::from_utf8_lossy(&sent)),
            }
        }
    }

    #[tokio::test]
    async fn a_truncated_reply_is_read_as_the_end_of_the_worker() {
        for sent in [&b""[..], b"\0\0", b"\0\0\0\x09{\"id\":"] {
            let reply = read_from(sent).await;
            assert!(matches!(reply, Err(ReadError::Closed)), "{reply:?}");
        }
    }
}
