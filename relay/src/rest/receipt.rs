//! `GET /receipt`: the receipt of a channel, as JSON Lines.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::body::{Body, Bytes};
use axum::extract::{Extension, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use mcp_multiplayer_protocol::receipt::Line;
use mcp_multiplayer_protocol::{ChannelId, Error, ErrorCode, SlotId};
use serde::Deserialize;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use crate::auth::Credential;
use crate::operation::{Caller, ReceiptPlan};
use crate::problem::{problem, status};
use crate::receipt::{Sink, write_receipt};
use crate::state::Relay;

/// Size from which on lines are sent together.
const CHUNK_BYTES: usize = 64 << 10;

/// Chunks that may wait for a client that reads slowly.
const WAITING_CHUNKS: usize = 4;

/// Longest time that a client may take to read a piece.
const SEND_TIMEOUT: Duration = Duration::from_secs(20);

/// Receipts that are being made. A record of traffic is read as a whole, so many of them at once would take much memory.
static RUNNING: Semaphore = Semaphore::const_new(4);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    channel_id: ChannelId,
    slot_id: Option<SlotId>,
}

/// Streams the receipt. A client that stops reading stops the work.
pub(super) async fn serve(
    State(relay): State<Arc<Relay>>,
    Extension(credential): Extension<Credential>,
    arguments: Result<Query<Arguments>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let refused = |error: Error| problem(status(&error), &error);
    let Ok(Query(Arguments { channel_id, slot_id })) = arguments else {
        return refused(Error::invalid(
            "The query of /receipt is channel_id, and slot_id if you hold several seats.",
            "For example: GET /receipt?channel_id=chn_0123456789abcdef",
        ));
    };
    let plan = match Caller::new(Arc::clone(&relay), credential).plan_receipt(channel_id, slot_id).await {
        Ok(plan) => plan,
        Err(error) => return refused(error),
    };
    let Ok(permit) = RUNNING.try_acquire() else {
        let error =
            Error::new(ErrorCode::RateLimit, "The relay is making receipts for others.", "Try again in a few seconds.");
        return refused(error.retry_after(2_000));
    };
    let (chunks, mut received) = mpsc::channel(WAITING_CHUNKS);
    tokio::spawn(async move {
        let _permit = permit;
        if let Err(error) = send(&relay, plan, &chunks).await {
            tracing::warn!(%channel_id, error.cause = %error, "a receipt was not sent to its end");
            // The connection is closed, so that the client knows that the file is incomplete.
            let _ = chunks.send(Err(std::io::Error::other("the receipt is incomplete"))).await;
        }
    });
    let body = Body::from_stream(futures::stream::poll_fn(move |context| received.poll_recv(context)));
    let file = format!("attachment; filename=\"{channel_id}.jsonl\"");
    let headers = [(CONTENT_TYPE, "application/jsonl"), (CACHE_CONTROL, "no-store"), (CONTENT_DISPOSITION, &file)];
    (headers, body).into_response()
}

async fn send(relay: &Relay, plan: ReceiptPlan, chunks: &Chunks) -> anyhow::Result<()> {
    let ReceiptPlan { header, size, checkpoint, reader } = plan;
    let mut sink = ChunkSink { text: String::new(), chunks };
    write_receipt(&*relay.store, header, size, Some(checkpoint), &reader, &mut sink).await
}

type Chunks = mpsc::Sender<std::io::Result<Bytes>>;

/// Sends lines in larger pieces; the checkpoint, the last line, sends the rest.
struct ChunkSink<'a> {
    text: String,
    chunks: &'a Chunks,
}

impl Sink for ChunkSink<'_> {
    async fn write(&mut self, line: Line) -> anyhow::Result<()> {
        self.text.push_str(&line.to_text());
        if self.text.len() >= CHUNK_BYTES || matches!(line, Line::Checkpoint(_)) {
            let chunk = Bytes::from(std::mem::take(&mut self.text));
            let sent = timeout(SEND_TIMEOUT, self.chunks.send(Ok(chunk))).await;
            sent.context("the client does not read")?.ok().context("the client has gone")?;
        }
        Ok(())
    }
}
