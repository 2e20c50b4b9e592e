use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use data_encoding::HEXLOWER;
use mcp_multiplayer_protocol::operation::{GetReceipt, ReplyFuture};
use mcp_multiplayer_protocol::{ChannelId, Error, ErrorCode, Multiplayer, PublicKey, Reply, Request, SlotId};
use serde::Serialize;
use serde_json::value::to_raw_value;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::connection::{Command, Connection, MAX_PENDING_REQUESTS, Submission};
use crate::seats::Seats;
use crate::{Destination, Dialer, receipt};

/// Maximum size of a request that a relay accepts, in bytes of its frame.
const MAX_REQUEST_BYTES: usize = 1 << 20;

/// Client of a relay, acting for one principal over one WebSocket connection.
///
/// The connection to an address is opened at once, that to the relay of this computer by the first operation. It is opened again by the first operation after it was lost. Up to 32 operations run
/// concurrently; further ones wait for one of them to finish. An operation whose answer was lost with a connection is sent
/// again on the next one. Its idempotency key ensures that it takes effect only once.
#[derive(Debug)]
pub struct RelayClient {
    dialer: Dialer,
    commands: mpsc::UnboundedSender<Command>,
    request_permits: Arc<Semaphore>,
    next_id: AtomicU64,
    seats: Mutex<Seats>,
}

/// Cancels a request when the future that waits for its answer is dropped.
struct CancelOnDrop<'a> {
    id: Option<u64>,
    commands: &'a mpsc::UnboundedSender<Command>,
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            // Sending fails only if the connection's task has ended, and the request with it.
            let _ = self.commands.send(Command::Cancel(id));
        }
    }
}

impl RelayClient {
    /// Creates a client, which connects to an address at once, and logs it if that fails. Must be called within a Tokio
    /// runtime.
    pub fn new(dialer: Dialer) -> Self {
        // The permits bound this channel: each caller has at most one submission and one cancellation in it.
        let (commands, received) = mpsc::unbounded_channel();
        tokio::spawn(Connection::new(dialer.clone(), received).run());
        Self {
            dialer,
            commands,
            request_permits: Arc::new(Semaphore::new(MAX_PENDING_REQUESTS)),
            next_id: AtomicU64::new(1),
            seats: Mutex::default(),
        }
    }

    /// Returns the relay that it connects to.
    pub(crate) fn destination(&self) -> &Destination {
        self.dialer.destination()
    }

    fn with_seats<T>(&self, f: impl FnOnce(&mut Seats) -> T) -> T {
        f(&mut self.seats.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Fills in the acting seat, a player's entropy and an idempotency key, where the caller left them out.
    ///
    /// The key makes it safe to send the request more than once. Returns the channel and the acting seat.
    pub(crate) fn complete(&self, request: &mut Request) -> Option<(ChannelId, Option<SlotId>)> {
        let seat = request.seat_mut().map(|(channel_id, slot_id)| {
            if slot_id.is_none() {
                *slot_id = self.with_seats(|seats| seats.sole_seat(channel_id));
            }
            (channel_id, *slot_id)
        });
        let entropy = match request {
            Request::JoinChannel(args) => Some(&mut args.entropy),
            Request::CreateChannel(args) if args.join_as.is_some() => Some(&mut args.entropy),
            _ => None,
        };
        if let Some(entropy @ None) = entropy {
            let mut bytes = [0; 32];
            // Entropy is optional for the relay, so its absence is not an error.
            *entropy = getrandom::fill(&mut bytes).is_ok().then(|| HEXLOWER.encode(&bytes));
        }
        if let Some(key @ None) = request.idempotency_key_mut() {
            // Version 7 is ordered by time, so that new keys are at the end of the relay's index, which is in its cache.
            let key_text = uuid::Uuid::now_v7().to_string();
            *key = Some(key_text.parse().expect("a UUID is a valid key"));
        }
        seat
    }

    /// Sends a request, and asks for the channel's log after `log_after` beside the result.
    pub(crate) async fn submit(&self, request: &Request, log_after: Option<u64>) -> Result<Reply, Error> {
        #[derive(Serialize)]
        struct Frame<'a> {
            id: u64,
            #[serde(flatten)]
            request: &'a Request,
            #[serde(skip_serializing_if = "Option::is_none")]
            log_after: Option<u64>,
        }
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let text = serde_json::to_string(&Frame { id, request, log_after }).expect("requests are plain JSON");
        if text.len() > MAX_REQUEST_BYTES {
            return Err(Error::new(
                ErrorCode::TooLarge,
                format!("The request is {} bytes long; a relay accepts at most {MAX_REQUEST_BYTES}.", text.len()),
                "Shorten the request, or split it into several smaller ones.",
            ));
        }
        let stopped = || {
            Error::new(
                ErrorCode::RelayUnreachable,
                "The MCP server mcp-multiplayer has stopped its connection to the relay.",
                "Restart this MCP server in your client, then try again.",
            )
        };
        let _permit = self.request_permits.acquire().await.map_err(|_| stopped())?;
        let (reply, answer) = oneshot::channel();
        let submission = Submission { id, frame: Utf8Bytes::from(text), reply };
        self.commands.send(Command::Submit(submission)).map_err(|_| stopped())?;
        let mut cancel = CancelOnDrop { id: Some(id), commands: &self.commands };
        let result = answer.await.unwrap_or_else(|_| Err(stopped()));
        cancel.id = None;
        match result {
            Err(error) => Err(self.dialer.offer_login(error).await),
            ok => ok,
        }
    }

    /// Notes the seats that a request took or gave up.
    pub(crate) fn track_seats(
        &self,
        request: &Request,
        seat: Option<(ChannelId, Option<SlotId>)>,
        result: &Result<Reply, Error>,
    ) {
        match (result, seat) {
            (Ok(reply), _) if request.may_take_seat() => self.with_seats(|seats| seats.remember(reply)),
            (Ok(_), Some((channel_id, slot_id))) if matches!(request, Request::LeaveChannel(_)) => {
                self.with_seats(|seats| seats.forget(channel_id, slot_id));
            }
            (Err(error), Some((channel_id, slot_id))) if error.code == ErrorCode::NotMember => {
                self.with_seats(|seats| seats.forget(channel_id, slot_id));
            }
            _ => {}
        }
    }

    /// Fetches the receipt of a channel to a file in `directory`, and verifies it with the relay's known key.
    pub(crate) async fn get_receipt(
        &self,
        args: &GetReceipt,
        known_key: Option<PublicKey>,
        directory: Option<PathBuf>,
    ) -> Result<Reply, Error> {
        let summary = match receipt::get(&self.dialer, args, known_key, directory).await {
            Ok(summary) => summary,
            Err(error) => return Err(self.dialer.offer_login(error).await),
        };
        Ok(to_raw_value(&summary).expect("a summary is plain JSON"))
    }

    async fn perform_and_track_seats(&self, mut request: Request) -> Result<Reply, Error> {
        let seat = self.complete(&mut request);
        let result = self.submit(&request, None).await;
        self.track_seats(&request, seat, &result);
        result
    }
}

impl Multiplayer for RelayClient {
    fn perform(&self, request: Request) -> ReplyFuture<'_> {
        Box::pin(self.perform_and_track_seats(request))
    }
}
