use axum::extract::ws::Message;
use futures::{Sink, SinkExt as _};
use mcp_multiplayer_protocol::frame::{Event, RelayToClient};
use mcp_multiplayer_protocol::{Error, ErrorCode, Reply};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// Size of the unsent frames from which on no further request is read, in bytes.
const FULL_BYTES: usize = 64 * 1024;
/// Size of the unsent frames beyond which a response is replaced by an error, in bytes. Requests that were in
/// progress when the outbox became full can get there.
const MAX_BYTES: usize = 128 * 1024;
/// Size of a response that is never replaced, in bytes. Errors, and the results of posts, are smaller.
const SMALL_BYTES: usize = 1024;

/// The frames that a connection has yet to send, limited by their size.
///
/// They are sent by a task of their own, which ends when all clones of the outbox are dropped or the connection
/// fails; it fails when the client reads nothing for `slow_client_seconds`.
#[derive(Clone, Debug)]
pub(super) struct Outbox {
    frames: mpsc::UnboundedSender<Message>,
    unsent_bytes: watch::Sender<usize>,
}

impl Outbox {
    /// Starts the task that sends the frames.
    pub(super) fn start(sink: impl Sink<Message> + Unpin + Send + 'static) -> (Self, JoinHandle<()>) {
        let (frames, queue) = mpsc::unbounded_channel();
        let unsent_bytes = watch::Sender::new(0);
        let task = tokio::spawn(send(sink, queue, unsent_bytes.clone()));
        (Self { frames, unsent_bytes }, task)
    }

    /// Returns `true` while the client has to read before it is sent more.
    pub(super) fn is_full(&self) -> bool {
        *self.unsent_bytes.borrow() >= FULL_BYTES
    }

    /// Waits until the client has read enough.
    pub(super) async fn has_room(&self) {
        let mut unsent_bytes = self.unsent_bytes.subscribe();
        // Cannot fail, because this outbox is a sender.
        let _ = unsent_bytes.wait_for(|bytes| *bytes < FULL_BYTES).await;
    }

    /// Waits until nothing can be sent any more.
    pub(super) async fn closed(&self) {
        self.frames.closed().await;
    }

    /// Queues the response to a request.
    pub(super) fn respond(&self, id: u64, result: Result<Reply, Error>) {
        let mut frame = text(&RelayToClient::answer(id, result));
        self.unsent_bytes.send_modify(|bytes| {
            if *bytes > 0 && size(&frame) > SMALL_BYTES && *bytes + size(&frame) > MAX_BYTES {
                frame = text(&RelayToClient::answer(id, Err(too_much_unread())));
            }
            *bytes += size(&frame);
        });
        // Fails only if the connection has ended.
        let _ = self.frames.send(frame);
    }

    /// Queues an event.
    pub(super) fn notify(&self, event: Event) {
        self.send(text(&RelayToClient::Event(event)));
    }

    /// Queues a frame that is not a response. A close frame is the last one.
    pub(super) fn send(&self, frame: Message) {
        self.unsent_bytes.send_modify(|bytes| *bytes += size(&frame));
        let _ = self.frames.send(frame);
    }
}

async fn send(
    mut sink: impl Sink<Message> + Unpin,
    mut queue: mpsc::UnboundedReceiver<Message>,
    unsent_bytes: watch::Sender<usize>,
) {
    while let Some(frame) = queue.recv().await {
        let (size, is_last) = (size(&frame), matches!(frame, Message::Close(_)));
        if sink.send(frame).await.is_err() || is_last {
            return;
        }
        unsent_bytes.send_modify(|bytes| *bytes -= size);
    }
    let _ = sink.close().await;
}

fn size(frame: &Message) -> usize {
    match frame {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) | Message::Ping(bytes) | Message::Pong(bytes) => bytes.len(),
        Message::Close(_) => 0,
    }
}

fn text(frame: &RelayToClient) -> Message {
    Message::Text(serde_json::to_string(frame).expect("frames serialize to JSON").into())
}

fn too_much_unread() -> Error {
    let message = "The response does not fit: too many responses on this connection are unread.";
    let hint = "Read them and repeat the request, with the same idempotency_key if it had one.";
    Error::new(ErrorCode::RateLimit, message, hint).retry_after(100)
}

#[cfg(test)]
mod tests {
    use axum::extract::ws::Message;
    use futures::channel::mpsc;
    use futures::{FutureExt as _, StreamExt as _};
    use mcp_multiplayer_protocol::Reply;
    use serde_json::{Value, json};

    use super::{FULL_BYTES, MAX_BYTES, Outbox, SMALL_BYTES};

    /// A response of about this size.
    fn response(bytes: usize) -> Reply {
        serde_json::from_value(json!({ "text": "x".repeat(bytes) })).unwrap()
    }

    fn parse(frame: &Message) -> Value {
        serde_json::from_str(frame.to_text().unwrap()).unwrap()
    }

    #[tokio::test]
    async fn the_outbox_is_full_until_the_client_reads() {
        let (sink, mut client) = mpsc::channel(0);
        let (outbox, _task) = Outbox::start(sink);
        // The first two are on their way to the client.
        let mut sent = 0;
        while !outbox.is_full() {
            outbox.respond(sent, Ok(response(1_000)));
            sent += 1;
        }
        assert!((FULL_BYTES as u64 / 1_100..=FULL_BYTES as u64 / 1_000 + 2).contains(&sent), "{sent} responses");
        assert_eq!(outbox.has_room().now_or_never(), None);
        for id in 0..sent {
            assert_eq!(parse(&client.next().await.unwrap())["id"], id);
        }
        outbox.has_room().await;
        assert!(!outbox.is_full());
    }

    #[tokio::test]
    async fn large_responses_that_do_not_fit_are_replaced() {
        let (sink, mut client) = mpsc::channel(0);
        let (outbox, _task) = Outbox::start(sink);
        outbox.respond(1, Ok(response(2 * MAX_BYTES)));
        outbox.respond(2, Ok(response(2 * SMALL_BYTES)));
        outbox.respond(3, Ok(response(SMALL_BYTES / 2)));
        let frames = [client.next().await.unwrap(), client.next().await.unwrap(), client.next().await.unwrap()];
        let frames = frames.each_ref().map(parse);
        assert!(frames[0]["ok"].is_object() && frames[2]["ok"].is_object());
        assert_eq!(frames[1]["error"]["code"], "RATE_LIMIT");
        assert_eq!(frames[1]["id"], 2);
    }

    #[tokio::test]
    async fn the_outbox_is_closed_when_the_connection_fails() {
        let (sink, client) = mpsc::channel(0);
        let (outbox, task) = Outbox::start(sink);
        assert_eq!(outbox.closed().now_or_never(), None);
        drop(client);
        outbox.respond(1, Ok(response(1)));
        task.await.unwrap();
        outbox.closed().await;
    }
}
