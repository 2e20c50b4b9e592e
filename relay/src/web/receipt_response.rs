use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use mcp_multiplayer_protocol::Error;
use mcp_multiplayer_protocol::receipt::Line;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::receipt::{ReceiptPlan, Sink, permit, write_receipt};
use crate::store::Store;

/// Size from which on lines are sent together.
const CHUNK_BYTES: usize = 64 << 10;

/// Chunks that may wait for a client that reads slowly.
const WAITING_CHUNKS: usize = 4;

/// Longest time that a client may take to read a piece.
const SEND_TIMEOUT: Duration = Duration::from_secs(20);

/// Responds with a receipt, as JSON Lines. A client that stops reading stops the work.
pub(crate) fn receipt_response(store: Arc<dyn Store>, plan: ReceiptPlan<'static>) -> Result<Response, Error> {
    let permit = permit()?;
    let channel_id = plan.header.channel_id;
    let (chunks, mut received) = mpsc::channel(WAITING_CHUNKS);
    tokio::spawn(async move {
        let _permit = permit;
        let mut sink = ChunkSink { text: String::new(), chunks: &chunks };
        if let Err(error) = write_receipt(&*store, plan, &mut sink).await {
            tracing::warn!(%channel_id, error.cause = %error, "a receipt was not sent to its end");
            // The connection is closed, so that the client knows that the file is incomplete.
            let _ = chunks.send(Err(std::io::Error::other("the receipt is incomplete"))).await;
        }
    });
    let body = Body::from_stream(futures::stream::poll_fn(move |context| received.poll_recv(context)));
    let file = format!("attachment; filename=\"{channel_id}.jsonl\"");
    let headers = [(CONTENT_TYPE, "application/jsonl"), (CACHE_CONTROL, "no-store"), (CONTENT_DISPOSITION, &file)];
    Ok((headers, body).into_response())
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
