use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use futures::StreamExt as _;
use mcp_multiplayer_protocol::frame::{ClientToRelay, Event};
use mcp_multiplayer_protocol::{Error, ErrorCode, Multiplayer as _, Request};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{self, AbortHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use super::outbox::Outbox;
use crate::auth::Principal;
use crate::operation::Caller;
use crate::state::Relay;

/// Time in which requests in progress can finish, and in which the client can confirm the close frame, after its token
/// became invalid.
const END_GRACE: Duration = Duration::from_secs(2);
/// Pings after which a client that sends nothing is disconnected.
const MAX_UNANSWERED_PINGS: u32 = 3;

/// Serves one connection until either side closes it.
pub(super) async fn serve(socket: WebSocket, caller: Caller, principal: Principal, relay: Arc<Relay>) {
    if socket.protocol().is_none() {
        close(socket, close_code::PROTOCOL, "offer the subprotocol multiplayer.v1").await;
        return;
    }
    let (sink, mut stream) = socket.split();
    let (outbox, sending) = Outbox::start(sink);
    let token = caller.clone();
    let mut token_ended = pin!(token.wait_for_end_of_token());
    let mut connection = Connection {
        caller,
        principal,
        relay: Arc::clone(&relay),
        outbox: outbox.clone(),
        running: JoinSet::new(),
        by_id: Arc::default(),
        permits: Arc::new(Semaphore::new(relay.config.requests_per_connection)),
    };
    let ping = relay.config.ping();
    let mut pings = interval_at(Instant::now() + ping, ping);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut unanswered_pings = 0;
    let close_reason = loop {
        // While the client does not read responses, its requests are not read, either. The time limit for sending is then
        // the one that counts: a ping would wait behind the responses, and its answer is not read.
        let full = outbox.is_full();
        tokio::select! {
            frame = stream.next(), if !full => match frame {
                Some(Ok(Message::Text(text))) => {
                    unanswered_pings = 0;
                    if let Err(reason) = connection.process(&text) {
                        break Some((close_code::PROTOCOL, reason));
                    }
                }
                Some(Ok(Message::Binary(_))) => break Some((close_code::UNSUPPORTED, "frames are text")),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => unanswered_pings = 0,
                Some(Ok(Message::Close(_)) | Err(_)) | None => break None,
            },
            () = outbox.has_room(), if full => {}
            () = outbox.closed() => break None,
            Some(_) = connection.running.join_next() => {}
            _ = pings.tick(), if !full => {
                unanswered_pings += 1;
                if unanswered_pings > MAX_UNANSWERED_PINGS {
                    break None;
                }
                outbox.send(Message::Ping(axum::body::Bytes::new()));
            }
            () = relay.shutdown.cancelled() => {
                // Requests that wait return at once on shutdown, with the messages they have.
                outbox.notify(Event::Closing);
                while connection.running.join_next().await.is_some() {}
                break Some((close_code::AWAY, "the relay is shutting down"));
            }
            _ = &mut token_ended => {
                // Waits end at once, too. Requests that change something finish and are answered, so that their clients know
                // what was done.
                let finish = async { while connection.running.join_next().await.is_some() {} };
                let _ = timeout(END_GRACE, finish).await;
                break Some((close_code::POLICY, "the token is no longer valid"));
            }
        }
    };
    connection.running.shutdown().await;
    if let Some((code, reason)) = close_reason {
        outbox.send(Message::Close(Some(CloseFrame { code, reason: reason.into() })));
    }
    drop((connection, outbox));
    let _ = sending.await;
    if close_reason.is_some_and(|(code, _)| code == close_code::POLICY) {
        // A client that goes on sending requests would otherwise get a TCP reset, which may overtake the close frame.
        let _ = timeout(END_GRACE, async { while let Some(Ok(_)) = stream.next().await {} }).await;
    }
}

type ById = HashMap<u64, RunningRequest>;

/// A request in progress. Dropping this releases its permit.
struct RunningRequest {
    task: AbortHandle,
    _permit: OwnedSemaphorePermit,
}

/// One client's connection, with its requests in progress.
struct Connection {
    caller: Caller,
    principal: Principal,
    relay: Arc<Relay>,
    outbox: Outbox,
    running: JoinSet<()>,
    by_id: Arc<Mutex<ById>>,
    /// Limits the requests in progress. A permit is released, like the request's id, before the response is sent, and at once
    /// on a cancel.
    permits: Arc<Semaphore>,
}

impl Connection {
    /// Processes a frame. An error is the reason to close the connection.
    fn process(&mut self, frame: &str) -> Result<(), &'static str> {
        match serde_json::from_str(frame) {
            Ok(ClientToRelay::Request { id, op, args, log_after }) => self.start(id, &op, args, log_after),
            Ok(ClientToRelay::Cancel { cancel }) => {
                if let Some(request) = lock(&self.by_id).remove(&cancel) {
                    request.task.abort();
                }
                Ok(())
            }
            Err(_) => self.refuse(frame),
        }
    }

    /// Refuses a frame that is not valid JSON to `serde_json`. If it is a request all the same, with numbers out of range for
    /// example, the refusal is an error response.
    fn refuse(&mut self, frame: &str) -> Result<(), &'static str> {
        #[derive(Deserialize)]
        struct RequestHeader {
            id: u64,
            #[serde(rename = "op")]
            _op: String,
        }
        let Ok(RequestHeader { id, .. }) = serde_json::from_str(frame) else {
            return Err("a frame is {id, op, args} or {cancel}");
        };
        let unreadable = Error::invalid(
            "The arguments cannot be read: a number is out of range, or they are nested too deeply.",
            "Compare them with the operation's input schema and send them again.",
        );
        let error = self.relay.quotas.take_request_of(&self.principal).err().unwrap_or(unreadable);
        self.outbox.respond(id, Err(error));
        Ok(())
    }

    fn start(&mut self, id: u64, op: &str, args: Value, log_after: Option<u64>) -> Result<(), &'static str> {
        if lock(&self.by_id).contains_key(&id) {
            return Err("this id is in use by a request in progress");
        }
        let counted = self.relay.quotas.take_request_of(&self.principal);
        let permit =
            counted.and_then(|()| Arc::clone(&self.permits).try_acquire_owned().map_err(|_| too_many_requests()));
        let (permit, request) = match permit.and_then(|permit| Ok((permit, Request::parse(op, args)?))) {
            Ok(accepted) => accepted,
            Err(error) => {
                self.outbox.respond(id, Err(error));
                return Ok(());
            }
        };
        let caller = self.caller.clone().with_log_after(log_after);
        let (outbox, by_id) = (self.outbox.clone(), Arc::clone(&self.by_id));
        // Locked until the request is registered: its task must not end, and try to remove it, before.
        let mut registered = lock(&self.by_id);
        let task = self.running.spawn(async move {
            let result = caller.perform(request).await;
            {
                let mut by_id = lock(&by_id);
                // After a cancel, the id may belong to another request.
                if by_id.get(&id).is_some_and(|request| request.task.id() == task::id()) {
                    by_id.remove(&id);
                }
            }
            outbox.respond(id, result);
        });
        registered.insert(id, RunningRequest { task, _permit: permit });
        Ok(())
    }
}

fn lock(by_id: &Mutex<ById>) -> MutexGuard<'_, ById> {
    by_id.lock().expect("no code panics while it holds this lock")
}

fn too_many_requests() -> Error {
    let message = "Too many requests are in progress on this connection.";
    Error::new(ErrorCode::RateLimit, message, "Wait for responses before sending more.").retry_after(100)
}

async fn close(mut socket: WebSocket, code: u16, reason: &'static str) {
    let _ = socket.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
}
