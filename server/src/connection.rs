//! The task that owns the connection to the relay and all requests that have not been answered yet.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::stream::SplitStream;
use futures::{SinkExt as _, StreamExt as _};
use mcp_multiplayer_protocol::frame::{ClientToRelay, Event, RelayToClient};
use mcp_multiplayer_protocol::{Error, ErrorCode, Reply, Secret};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

use crate::backoff::Backoff;
use crate::dial::{Destination, DialError, Socket};
use crate::{Dialer, RelayUrl};

/// Maximum number of unanswered requests.
///
/// It is half of the relay's own limit, because the relay still counts a request for a moment after sending its answer.
pub(crate) const MAX_PENDING_REQUESTS: usize = 32;
/// Maximum time for which a request waits for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Same, but if nothing listens at the address and no connection ever succeeded, since probably no relay was started.
const CONNECT_TIMEOUT_WITHOUT_LISTENER: Duration = Duration::from_secs(3);
/// Time without any frame after which a connection that nobody waits for is considered dead. Relays ping every 20 s.
const IDLE_TIMEOUT: Duration = Duration::from_mins(1);
/// Time without any frame after which the relay is pinged while a request waits for its answer. A connection may have died
/// unnoticed: the computer slept, or a router forgot the connection.
const PING_AFTER: Duration = Duration::from_secs(8);
/// Time for the relay to answer that ping.
const PONG_TIMEOUT: Duration = Duration::from_secs(7);
/// Maximum number of times a request is sent, so that one that breaks every connection eventually fails.
const MAX_SENDS: u32 = 8;

/// A command from the client handle to the task.
#[derive(Debug)]
pub(crate) enum Command {
    Submit(Submission),
    Cancel(u64),
}

/// A request to send to the relay.
#[derive(Debug)]
pub(crate) struct Submission {
    pub(crate) id: u64,
    pub(crate) frame: Utf8Bytes,
    pub(crate) reply: oneshot::Sender<Result<Reply, Error>>,
}

/// A request that has not been answered yet.
#[derive(Debug)]
struct PendingRequest {
    frame: Utf8Bytes,
    reply: oneshot::Sender<Result<Reply, Error>>,
    sends: u32,
    state: RequestState,
}

#[derive(Clone, Copy, Debug)]
enum RequestState {
    /// Waiting for a connection since this time.
    Waiting { since: Instant },
    /// Sent on the current connection.
    Sent,
}

/// Reason for which the task stops connecting or serving a connection.
enum Interruption {
    /// The client handle was dropped.
    Dropped,
    /// No request is pending.
    Idle,
}

/// The task's state: the current requests, and what is known about the relay.
#[derive(Debug)]
pub(crate) struct Connection {
    dialer: Dialer,
    commands: mpsc::UnboundedReceiver<Command>,
    pending: BTreeMap<u64, PendingRequest>,
    backoff: Backoff,
    /// True until the first attempt to connect to an address has ended. It does not wait for a request, so that the log
    /// reports a relay that is down even if the client shows this server as healthy and no tool is called.
    starting: bool,
    /// True once a connection has succeeded.
    has_connected: bool,
    /// True if the last attempt to connect found that nothing listens at the address.
    no_listener: bool,
    /// Last error, returned for requests that time out while waiting for a connection.
    last_error: Option<Error>,
}

impl Connection {
    pub(crate) fn new(dialer: Dialer, commands: mpsc::UnboundedReceiver<Command>) -> Self {
        // The relay of this computer is started only when it is needed.
        let starting = matches!(dialer.destination(), Destination::Address(_));
        Self {
            dialer,
            commands,
            pending: BTreeMap::new(),
            backoff: Backoff::default(),
            starting,
            has_connected: false,
            no_listener: false,
            last_error: None,
        }
    }

    /// Runs until the handle is dropped.
    pub(crate) async fn run(mut self) {
        loop {
            if self.is_idle() {
                let Some(command) = self.commands.recv().await else { return };
                self.handle_command(command);
                continue;
            }
            match self.connect().await {
                Ok((socket, relay, token)) => {
                    if let Err(Interruption::Dropped) = self.serve(socket, &relay, &token).await {
                        return;
                    }
                }
                Err(Interruption::Idle) => {}
                Err(Interruption::Dropped) => return,
            }
        }
    }

    /// Returns whether there is no reason to connect.
    fn is_idle(&self) -> bool {
        self.pending.is_empty() && !self.starting
    }

    /// Handles a command. Returns true if it cancelled a request that was sent to the relay.
    fn handle_command(&mut self, command: Command) -> bool {
        match command {
            Command::Submit(Submission { id, frame, reply }) => {
                let state = RequestState::Waiting { since: Instant::now() };
                self.pending.insert(id, PendingRequest { frame, reply, sends: 0, state });
                false
            }
            Command::Cancel(id) => {
                self.pending.remove(&id).is_some_and(|request| matches!(request.state, RequestState::Sent))
            }
        }
    }

    /// Tries to connect until it succeeds or no request is waiting for a connection.
    async fn connect(&mut self) -> Result<(Socket, RelayUrl, Secret), Interruption> {
        'connecting: while !self.is_idle() {
            let (dialer, delay) = (self.dialer.clone(), self.backoff.delay());
            let dial = async move {
                tokio::time::sleep(delay).await;
                dialer.dial().await
            };
            tokio::pin!(dial);
            let outcome = loop {
                let deadline = self.next_deadline();
                tokio::select! {
                    outcome = &mut dial => break outcome,
                    command = self.commands.recv() => {
                        let Some(command) = command else { return Err(Interruption::Dropped) };
                        self.handle_command(command);
                    }
                    () = sleep_until(deadline) => self.fail_expired_requests(),
                }
                if self.is_idle() {
                    break 'connecting;
                }
            };
            if let (true, Err(DialError::Permanent(error) | DialError::Transient { error, .. })) =
                (std::mem::take(&mut self.starting), &outcome)
            {
                tracing::warn!("{error}");
            }
            match outcome {
                Ok(connected) => {
                    tracing::debug!("connected to the relay");
                    (self.has_connected, self.no_listener, self.last_error) = (true, false, None);
                    return Ok(connected);
                }
                Err(DialError::Permanent(error)) => self.fail_all(&error),
                Err(DialError::Transient { error, connection_refused }) => {
                    tracing::debug!(%error, "cannot connect to the relay");
                    (self.no_listener, self.last_error) = (connection_refused, Some(error));
                }
            }
        }
        self.backoff.reset();
        Err(Interruption::Idle)
    }

    /// Returns the maximum time for which a request currently waits for a connection.
    fn connect_timeout(&self) -> Duration {
        if self.no_listener && !self.has_connected { CONNECT_TIMEOUT_WITHOUT_LISTENER } else { CONNECT_TIMEOUT }
    }

    /// Returns the time at which the first of the requests that wait for a connection expires.
    fn next_deadline(&self) -> Option<Instant> {
        let connect_timeout = self.connect_timeout();
        let waiting = self.pending.values().filter_map(|request| match request.state {
            RequestState::Waiting { since } => Some(since + connect_timeout),
            RequestState::Sent => None,
        });
        waiting.min()
    }

    /// Removes and returns the pending requests that meet a condition.
    fn take_requests(&mut self, condition: impl Fn(&PendingRequest) -> bool) -> Vec<PendingRequest> {
        let found: Vec<u64> =
            self.pending.iter().filter(|(_, request)| condition(request)).map(|(id, _)| *id).collect();
        found.iter().filter_map(|id| self.pending.remove(id)).collect()
    }

    /// Fails the requests that have waited too long for a connection.
    fn fail_expired_requests(&mut self) {
        let (now, connect_timeout) = (Instant::now(), self.connect_timeout());
        let has_expired = |request: &PendingRequest| matches!(request.state, RequestState::Waiting { since } if since + connect_timeout <= now);
        for request in self.take_requests(has_expired) {
            let error = self.last_error.clone();
            request.answer(Err(error.unwrap_or_else(|| self.dialer.unreachable("it did not respond in time"))));
        }
    }

    fn fail_all(&mut self, error: &Error) {
        for (_, request) in std::mem::take(&mut self.pending) {
            request.answer(Err(error.clone()));
        }
    }

    /// Sends requests and receives answers until the connection, which leads to this address and was opened with this token,
    /// ends.
    async fn serve(&mut self, socket: Socket, relay: &RelayUrl, token: &Secret) -> Result<(), Interruption> {
        let (mut sink, mut stream) = socket.split();
        let (outbox, mut outgoing) = mpsc::unbounded_channel::<Message>();
        // Writing runs in its own future, so that reading continues while the relay is slow to read.
        let writer = async move {
            while let Some(message) = outgoing.recv().await {
                sink.send(message).await?;
            }
            Ok::<_, tokio_tungstenite::tungstenite::Error>(())
        };
        tokio::pin!(writer);
        let (mut closing, mut token_ended) = (false, false);
        let (mut last_received, mut pinged) = (Instant::now(), None);
        self.send_waiting(&outbox);
        let reason = loop {
            let deadline = self.next_deadline();
            let ping_at = (pinged.is_none() && !self.pending.is_empty()).then(|| last_received + PING_AFTER);
            let dead_at = pinged.map_or(last_received + IDLE_TIMEOUT, |pinged| pinged + PONG_TIMEOUT);
            tokio::select! {
                received = stream.next() => {
                    match received {
                        Some(Ok(Message::Close(frame))) => {
                            token_ended = frame.as_ref().is_some_and(|frame| frame.code == CloseCode::Policy);
                            break frame.map_or_else(|| "it closed the connection".to_owned(), |frame| frame.to_string());
                        }
                        Some(Ok(message)) => {
                            (last_received, pinged) = (Instant::now(), None);
                            self.backoff.reset();
                            closing |= matches!(self.receive(message), Received::Closing);
                        }
                        Some(Err(error)) => break error.to_string(),
                        None => break "it closed the connection".to_owned(),
                    }
                }
                written = &mut writer => {
                    break written.err().map_or_else(|| "it closed the connection".to_owned(), |error| error.to_string());
                }
                command = self.commands.recv() => {
                    let Some(command) = command else { return Err(Interruption::Dropped) };
                    let cancelled = if let Command::Cancel(id) = &command { Some(*id) } else { None };
                    if self.handle_command(command) && let Some(cancel) = cancelled {
                        let frame = serde_json::to_string(&ClientToRelay::Cancel { cancel }).expect("it is plain JSON");
                        // Sending fails only if the writer has ended, which the branch above detects.
                        let _ = outbox.send(Message::text(frame));
                    }
                    if !closing {
                        self.send_waiting(&outbox);
                    }
                }
                () = sleep_until(deadline) => self.fail_expired_requests(),
                () = sleep_until(ping_at) => {
                    pinged = Some(Instant::now());
                    let _ = outbox.send(Message::Ping(Bytes::new()));
                }
                () = tokio::time::sleep_until(dead_at) => break "it stopped responding".to_owned(),
            }
        };
        tracing::debug!(reason, "connection to the relay ended");
        drain(&mut stream).await;
        if token_ended && !self.dialer.reject(token) {
            // The relay would refuse the same token again.
            self.fail_all(&self.dialer.token_ended(relay));
        } else {
            self.requeue_sent_requests(&reason);
        }
        Ok(())
    }

    /// Sends all requests that wait for a connection.
    fn send_waiting(&mut self, outbox: &mpsc::UnboundedSender<Message>) {
        for request in self.pending.values_mut().filter(|request| matches!(request.state, RequestState::Waiting { .. }))
        {
            request.state = RequestState::Sent;
            request.sends += 1;
            // Sending fails only if the writer has ended. The connection is then lost, and the request is sent on the next.
            let _ = outbox.send(Message::Text(request.frame.clone()));
        }
    }

    fn receive(&mut self, message: Message) -> Received {
        let Message::Text(text) = message else { return Received::Other };
        match RelayToClient::parse(&text) {
            Ok(RelayToClient::Ok { id, ok }) => self.answer(id, Ok(ok)),
            Ok(RelayToClient::Error { id, error })
                if matches!(error.code, ErrorCode::RelayUnreachable | ErrorCode::Unauthenticated) =>
            {
                // The relay is shutting down, or the token has become invalid, and the relay will close the connection. The
                // request is sent again when the relay has restarted, or if there is another token.
                if let Some(request) = self.pending.get_mut(&id) {
                    request.state = RequestState::Waiting { since: Instant::now() };
                    self.last_error = Some(error);
                }
                return Received::Closing;
            }
            Ok(RelayToClient::Error { id, error }) => self.answer(id, Err(error)),
            Ok(RelayToClient::Event(Event::Closing)) => return Received::Closing,
            // A newer relay may send frames that this version does not know.
            Err(_) => tracing::debug!("ignored an unknown frame from the relay"),
        }
        Received::Other
    }

    fn answer(&mut self, id: u64, result: Result<Reply, Error>) {
        // The request is missing if it was cancelled before its answer arrived.
        if let Some(request) = self.pending.remove(&id) {
            request.answer(result);
        }
    }

    /// Marks the requests sent on a lost connection as waiting for the next one.
    ///
    /// Those that have been sent too often already are answered with an error.
    fn requeue_sent_requests(&mut self, reason: &str) {
        let since = Instant::now();
        let is_exhausted =
            |request: &PendingRequest| matches!(request.state, RequestState::Sent) && request.sends >= MAX_SENDS;
        for request in self.take_requests(is_exhausted) {
            request
                .answer(Err(self.dialer.unreachable(&format!("the connection was lost {MAX_SENDS} times ({reason})"))));
        }
        for request in self.pending.values_mut() {
            if matches!(request.state, RequestState::Sent) {
                request.state = RequestState::Waiting { since };
            }
        }
    }
}

/// Consequence of a received frame for the connection.
enum Received {
    /// The relay accepts no more requests on this connection.
    Closing,
    Other,
}

impl PendingRequest {
    fn answer(self, result: Result<Reply, Error>) {
        // Sending fails only if the caller has just dropped its future.
        let _ = self.reply.send(result);
    }
}

/// Sleeps until a deadline, or forever if there is none.
async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Reads the remaining frames, which also sends the reply to a close frame.
async fn drain(stream: &mut SplitStream<Socket>) {
    while let Ok(Some(Ok(_))) = tokio::time::timeout(Duration::from_millis(50), stream.next()).await {}
}
