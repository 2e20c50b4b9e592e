use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use futures::SinkExt as _;
use futures::stream::{SplitSink, StreamExt as _};
use mcp_multiplayer_protocol::frame::{ClientToRelay, Event, RelayToClient};
use mcp_multiplayer_protocol::{Error, ErrorCode, Multiplayer as _, Request};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::{self, AbortHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::auth::Principal;
use crate::operation::Caller;
use crate::state::Relay;

/// Answers that wait to be sent. When so many do, the client does not read, and its requests wait.
const QUEUE: usize = 64;
/// Pings that a client may leave without any sign of life.
const SILENT_PINGS: u32 = 3;

/// Serves one connection until either end is done with it.
pub(super) async fn serve(socket: WebSocket, caller: Caller, principal: Principal, relay: Arc<Relay>) {
    if socket.protocol().is_none() {
        close(socket, close_code::PROTOCOL, "offer the subprotocol multiplayer.v1").await;
        return;
    }
    let (sink, mut stream) = socket.split();
    let (answers, queue) = mpsc::channel(QUEUE);
    let writer = tokio::spawn(write(sink, queue));
    let mut connection = Connection {
        caller,
        principal,
        relay: Arc::clone(&relay),
        answers: answers.clone(),
        running: JoinSet::new(),
        by_id: Arc::default(),
        places: Arc::new(Semaphore::new(relay.config.requests_per_connection)),
    };
    let ping = relay.config.ping();
    let mut pings = interval_at(Instant::now() + ping, ping);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut silent = 0;
    let end = loop {
        tokio::select! {
            frame = stream.next() => match frame {
                Some(Ok(Message::Text(text))) => {
                    silent = 0;
                    if let Err(reason) = connection.take(&text).await {
                        break Some((close_code::PROTOCOL, reason));
                    }
                }
                Some(Ok(Message::Binary(_))) => break Some((close_code::UNSUPPORTED, "frames are text")),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => silent = 0,
                Some(Ok(Message::Close(_)) | Err(_)) | None => break None,
            },
            Some(_) = connection.running.join_next() => {}
            _ = pings.tick() => {
                silent += 1;
                if silent > SILENT_PINGS || answers.try_send(Message::Ping(axum::body::Bytes::new())).is_err() {
                    break None;
                }
            }
            () = relay.shutdown.cancelled() => {
                // Waits end by themselves; what they have is sent.
                let _ = answers.send(text(&RelayToClient::Event(Event::Closing))).await;
                while connection.running.join_next().await.is_some() {}
                break Some((close_code::AWAY, "the relay is shutting down"));
            }
        }
    };
    connection.running.shutdown().await;
    if let Some((code, reason)) = end {
        let _ = answers.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
    }
    drop((connection, answers));
    let _ = writer.await;
}

type ById = HashMap<u64, UnderWay>;

/// A request under way. Forgetting it makes its id and its place free.
struct UnderWay {
    task: AbortHandle,
    _place: OwnedSemaphorePermit,
}

/// The requests of one client that are under way.
struct Connection {
    caller: Caller,
    principal: Principal,
    relay: Arc<Relay>,
    answers: mpsc::Sender<Message>,
    running: JoinSet<()>,
    by_id: Arc<Mutex<ById>>,
    /// For requests; like their ids, free again before the answer is sent, and at once on a cancel.
    places: Arc<Semaphore>,
}

impl Connection {
    /// Takes a frame in; the error closes the connection.
    async fn take(&mut self, frame: &str) -> Result<(), &'static str> {
        match serde_json::from_str(frame) {
            Ok(ClientToRelay::Request { id, op, args }) => self.begin(id, &op, args).await,
            Ok(ClientToRelay::Cancel { cancel }) => {
                if let Some(request) = lock(&self.by_id).remove(&cancel) {
                    request.task.abort();
                }
                Ok(())
            }
            Err(_) => self.refuse(frame).await,
        }
    }

    /// Answers a request whose arguments no JSON reader takes in, such as numbers beyond all bounds.
    async fn refuse(&mut self, frame: &str) -> Result<(), &'static str> {
        #[derive(Deserialize)]
        struct Named {
            id: u64,
            #[serde(rename = "op")]
            _op: String,
        }
        let Ok(Named { id, .. }) = serde_json::from_str(frame) else {
            return Err("a frame is {id, op, args} or {cancel}");
        };
        let unread = Error::invalid(
            "The arguments cannot be read: a number is out of range, or they are nested too deep.",
            "Compare them with the operation's input schema and send them again.",
        );
        let error = self.relay.quotas.request_of(&self.principal).err().unwrap_or(unread);
        let _ = self.answers.send(text(&RelayToClient::answer(id, Err(error)))).await;
        Ok(())
    }

    async fn begin(&mut self, id: u64, op: &str, args: Value) -> Result<(), &'static str> {
        if lock(&self.by_id).contains_key(&id) {
            return Err("this id is in use for a request under way");
        }
        let counted = self.relay.quotas.request_of(&self.principal);
        let place = counted.and_then(|()| Arc::clone(&self.places).try_acquire_owned().map_err(|_| crowded()));
        let (place, request) = match place.and_then(|place| Ok((place, Request::parse(op, args)?))) {
            Ok(accepted) => accepted,
            Err(error) => {
                let _ = self.answers.send(text(&RelayToClient::answer(id, Err(error)))).await;
                return Ok(());
            }
        };
        let (caller, answers, by_id) = (self.caller.clone(), self.answers.clone(), Arc::clone(&self.by_id));
        // Held until the request is noted, so that it cannot end before.
        let mut noted = lock(&self.by_id);
        let task = self.running.spawn(async move {
            let result = caller.perform(request).await;
            {
                let mut by_id = lock(&by_id);
                // After a cancel, the id may be another request's.
                if by_id.get(&id).is_some_and(|request| request.task.id() == task::id()) {
                    by_id.remove(&id);
                }
            }
            // A client that is gone needs no answer.
            let _ = answers.send(text(&RelayToClient::answer(id, result))).await;
        });
        noted.insert(id, UnderWay { task, _place: place });
        Ok(())
    }
}

fn lock(by_id: &Mutex<ById>) -> MutexGuard<'_, ById> {
    by_id.lock().expect("no code panics while it holds this lock")
}

fn crowded() -> Error {
    let message = "As many requests as the relay takes are under way on this connection.";
    Error::new(ErrorCode::RateLimit, message, "Wait for answers before sending more.").retry_after(100)
}

fn text(frame: &RelayToClient) -> Message {
    Message::Text(serde_json::to_string(frame).expect("frames are plain JSON").into())
}

async fn write(mut sink: SplitSink<WebSocket, Message>, mut queue: mpsc::Receiver<Message>) {
    while let Some(message) = queue.recv().await {
        let last = matches!(message, Message::Close(_));
        if sink.send(message).await.is_err() || last {
            return;
        }
    }
    let _ = sink.close().await;
}

async fn close(mut socket: WebSocket, code: u16, reason: &'static str) {
    let _ = socket.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
}
