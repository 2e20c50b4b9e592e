use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::HEXLOWER;
use mcp_multiplayer_protocol::operation::ReplyFuture;
use mcp_multiplayer_protocol::{ChannelId, Error, ErrorCode, Multiplayer, Reply, Request, SlotId};
use serde::Serialize;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::Dialer;
use crate::connection::{Command, Connection, REQUESTS_UNDER_WAY, Submission};
use crate::seats::{Seats, takes_a_seat};

/// Largest request that a relay takes, in bytes of its frame.
const REQUEST_BYTES: usize = 1 << 20;

/// A relay as one principal sees it, over one connection that opens at the first operation and mends itself.
///
/// Operations may run at the same time; the 33rd waits until one of the others is done. An operation whose
/// answer was lost with a connection is sent again on the next one, which its idempotency key makes harmless.
#[derive(Debug)]
pub struct RelayClient {
    commands: mpsc::UnboundedSender<Command>,
    under_way: Arc<Semaphore>,
    next_id: AtomicU64,
    seats: Mutex<Seats>,
}

/// Takes a request back when nobody waits for its answer any more.
struct CancelOnDrop<'a> {
    id: Option<u64>,
    commands: &'a mpsc::UnboundedSender<Command>,
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            // An error means that the connection's task is gone, and the request with it.
            let _ = self.commands.send(Command::Cancel(id));
        }
    }
}

impl RelayClient {
    /// A client that dials when it is first used. Must be called within a Tokio runtime.
    pub fn new(dialer: Dialer) -> Self {
        // Bounded by the permits: each caller has at most one submission and one cancellation in it.
        let (commands, received) = mpsc::unbounded_channel();
        tokio::spawn(Connection::new(dialer, received).run());
        Self {
            commands,
            under_way: Arc::new(Semaphore::new(REQUESTS_UNDER_WAY)),
            next_id: AtomicU64::new(1),
            seats: Mutex::default(),
        }
    }

    fn with_seats<T>(&self, f: impl FnOnce(&mut Seats) -> T) -> T {
        f(&mut self.seats.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Says which seat acts, and makes the request safe to send twice.
    fn complete(&self, request: &mut Request) -> Option<(ChannelId, Option<SlotId>)> {
        let seat = request.seat_mut().map(|(channel_id, slot_id)| {
            if slot_id.is_none() {
                *slot_id = self.with_seats(|seats| seats.only(channel_id));
            }
            (channel_id, *slot_id)
        });
        if let Request::JoinChannel(args) = request
            && args.entropy.is_none()
        {
            let mut bytes = [0; 32];
            // Its absence is no failure: the relay takes entropy from those who have it.
            args.entropy = getrandom::fill(&mut bytes).is_ok().then(|| HEXLOWER.encode(&bytes));
        }
        if let Some(key @ None) = request.idempotency_key_mut() {
            // Ordered by time: relays look them up in an index, whose end stays in memory.
            let fresh = uuid::Uuid::now_v7().to_string();
            *key = Some(fresh.parse().expect("36 hex digits and hyphens are a key"));
        }
        seat
    }

    async fn submit(&self, request: &Request) -> Result<Reply, Error> {
        #[derive(Serialize)]
        struct Frame<'a> {
            id: u64,
            #[serde(flatten)]
            request: &'a Request,
        }
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let text = serde_json::to_string(&Frame { id, request }).expect("requests are plain JSON");
        if text.len() > REQUEST_BYTES {
            return Err(Error::new(
                ErrorCode::TooLarge,
                format!("The request has {} bytes; a relay takes {REQUEST_BYTES}.", text.len()),
                "Send less at once.",
            ));
        }
        let gone = || Error::new(ErrorCode::RelayUnreachable, "The connection was closed.", "Start this server again.");
        let _permit = self.under_way.acquire().await.map_err(|_| gone())?;
        let (reply, answer) = oneshot::channel();
        let submission = Submission { id, frame: Utf8Bytes::from(text), reply };
        self.commands.send(Command::Submit(submission)).map_err(|_| gone())?;
        let mut cancel = CancelOnDrop { id: Some(id), commands: &self.commands };
        let result = answer.await.unwrap_or_else(|_| Err(gone()));
        cancel.id = None;
        result
    }

    async fn perform_one(&self, mut request: Request) -> Result<Reply, Error> {
        let seat = self.complete(&mut request);
        let result = self.submit(&request).await;
        match (&result, seat) {
            (Ok(reply), _) if takes_a_seat(&request) => self.with_seats(|seats| seats.remember(reply)),
            (Ok(_), Some((channel_id, slot_id))) if matches!(request, Request::LeaveChannel(_)) => {
                self.with_seats(|seats| seats.forget(channel_id, slot_id));
            }
            (Err(error), Some((channel_id, slot_id))) if error.code == ErrorCode::NotMember => {
                self.with_seats(|seats| seats.forget(channel_id, slot_id));
            }
            _ => {}
        }
        result
    }
}

impl Multiplayer for RelayClient {
    fn perform(&self, request: Request) -> ReplyFuture<'_> {
        Box::pin(self.perform_one(request))
    }
}
