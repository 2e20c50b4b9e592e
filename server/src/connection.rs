//! The task that owns the connection to the relay, and every request that has no answer yet.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::stream::SplitStream;
use futures::{SinkExt as _, StreamExt as _};
use mcp_multiplayer_protocol::frame::{ClientToRelay, Event, RelayToClient};
use mcp_multiplayer_protocol::{Error, ErrorCode, Reply};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use crate::Dialer;
use crate::backoff::Backoff;
use crate::dial::{DialError, Socket};

/// Most requests under way. Half of what a relay takes, which counts one a moment longer than its answer takes.
pub(crate) const REQUESTS_UNDER_WAY: usize = 32;
/// How long a request waits for a connection.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same when nothing listens there and nothing ever did: then probably no relay was started.
const PATIENCE_WITHOUT_RELAY: Duration = Duration::from_secs(3);
/// How long a relay, which pings every 20 s, may be silent before its connection counts as dead.
const SILENCE: Duration = Duration::from_mins(1);
/// How often a request is sent. One that breaks every connection must not do so for ever.
const SENDS: u32 = 8;

/// What the handle asks of the task.
#[derive(Debug)]
pub(crate) enum Command {
    Submit(Submission),
    Cancel(u64),
}

/// A request on its way to the relay.
#[derive(Debug)]
pub(crate) struct Submission {
    pub(crate) id: u64,
    pub(crate) frame: Utf8Bytes,
    pub(crate) reply: oneshot::Sender<Result<Reply, Error>>,
}

/// A request without an answer.
#[derive(Debug)]
struct UnderWay {
    frame: Utf8Bytes,
    reply: oneshot::Sender<Result<Reply, Error>>,
    sends: u32,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// For want of a connection, until then.
    Waiting { since: Instant },
    /// On the connection that there is.
    Sent,
}

/// Why the task stops doing what it does.
enum Interruption {
    /// The handle is gone.
    Dropped,
    /// Nobody waits for anything.
    Idle,
}

#[derive(Debug)]
pub(crate) struct Connection {
    dialer: Dialer,
    commands: mpsc::UnboundedReceiver<Command>,
    under_way: BTreeMap<u64, UnderWay>,
    backoff: Backoff,
    /// Whether the relay was ever reached.
    reached: bool,
    /// Whether the last dial found that nothing listens there.
    refused: bool,
    /// What to tell those who wait in vain.
    trouble: Option<Error>,
}

impl Connection {
    pub(crate) fn new(dialer: Dialer, commands: mpsc::UnboundedReceiver<Command>) -> Self {
        Self {
            dialer,
            commands,
            under_way: BTreeMap::new(),
            backoff: Backoff::default(),
            reached: false,
            refused: false,
            trouble: None,
        }
    }

    /// Runs until the handle is dropped.
    pub(crate) async fn run(mut self) {
        loop {
            if self.under_way.is_empty() {
                let Some(command) = self.commands.recv().await else { return };
                self.take(command);
                continue;
            }
            match self.connect().await {
                Ok(socket) => {
                    if let Err(Interruption::Dropped) = self.serve(socket).await {
                        return;
                    }
                }
                Err(Interruption::Idle) => {}
                Err(Interruption::Dropped) => return,
            }
        }
    }

    /// Takes note of a command; says whether a request was cancelled that the relay may know of.
    fn take(&mut self, command: Command) -> bool {
        match command {
            Command::Submit(Submission { id, frame, reply }) => {
                let state = State::Waiting { since: Instant::now() };
                self.under_way.insert(id, UnderWay { frame, reply, sends: 0, state });
                false
            }
            Command::Cancel(id) => {
                self.under_way.remove(&id).is_some_and(|request| matches!(request.state, State::Sent))
            }
        }
    }

    /// Dials until there is a connection, or nobody waits for one any more.
    async fn connect(&mut self) -> Result<Socket, Interruption> {
        loop {
            let (dialer, wait) = (self.dialer.clone(), self.backoff.delay());
            let dial = async move {
                tokio::time::sleep(wait).await;
                dialer.dial().await
            };
            tokio::pin!(dial);
            let outcome = loop {
                let deadline = self.first_deadline();
                tokio::select! {
                    outcome = &mut dial => break outcome,
                    command = self.commands.recv() => {
                        let Some(command) = command else { return Err(Interruption::Dropped) };
                        self.take(command);
                    }
                    () = sleep_until(deadline) => self.give_up_on_late(),
                }
                if self.under_way.is_empty() {
                    self.backoff.reset();
                    return Err(Interruption::Idle);
                }
            };
            match outcome {
                Ok(socket) => {
                    tracing::debug!("connected to the relay");
                    (self.reached, self.refused, self.trouble) = (true, false, None);
                    return Ok(socket);
                }
                Err(DialError::Permanent(error)) => {
                    for (_, request) in std::mem::take(&mut self.under_way) {
                        request.answer(Err(error.clone()));
                    }
                    self.backoff.reset();
                    return Err(Interruption::Idle);
                }
                Err(DialError::Transient { error, refused }) => {
                    tracing::debug!(%error, "cannot connect to the relay");
                    (self.refused, self.trouble) = (refused, Some(error));
                }
            }
        }
    }

    fn patience(&self) -> Duration {
        if self.refused && !self.reached { PATIENCE_WITHOUT_RELAY } else { PATIENCE }
    }

    /// When the first of those who wait for a connection has waited long enough.
    fn first_deadline(&self) -> Option<Instant> {
        let patience = self.patience();
        let waiting = self.under_way.values().filter_map(|request| match request.state {
            State::Waiting { since } => Some(since + patience),
            State::Sent => None,
        });
        waiting.min()
    }

    fn remove_where(&mut self, condition: impl Fn(&UnderWay) -> bool) -> Vec<UnderWay> {
        let found: Vec<u64> =
            self.under_way.iter().filter(|(_, request)| condition(request)).map(|(id, _)| *id).collect();
        found.iter().filter_map(|id| self.under_way.remove(id)).collect()
    }

    fn give_up_on_late(&mut self) {
        let (now, patience) = (Instant::now(), self.patience());
        let is_late = |request: &UnderWay| matches!(request.state, State::Waiting { since } if since + patience <= now);
        for request in self.remove_where(is_late) {
            let error = self.trouble.clone();
            request.answer(Err(error.unwrap_or_else(|| self.dialer.unreachable("it did not answer in time"))));
        }
    }

    /// Carries requests and answers until the connection ends.
    async fn serve(&mut self, socket: Socket) -> Result<(), Interruption> {
        let (mut sink, mut stream) = socket.split();
        let (outbox, mut outgoing) = mpsc::unbounded_channel::<Message>();
        // Writing has a future of its own, so that a relay that is slow to read doesn't keep us from reading.
        let writer = async move {
            while let Some(message) = outgoing.recv().await {
                sink.send(message).await?;
            }
            Ok::<_, tokio_tungstenite::tungstenite::Error>(())
        };
        tokio::pin!(writer);
        let mut closing = false;
        let mut last_heard = Instant::now();
        self.send_waiting(&outbox);
        let lost = loop {
            let deadline = self.first_deadline();
            tokio::select! {
                received = stream.next() => {
                    match received {
                        Some(Ok(Message::Close(frame))) => {
                            break frame.map_or_else(|| "it hung up".to_owned(), |frame| frame.to_string());
                        }
                        Some(Ok(message)) => {
                            last_heard = Instant::now();
                            self.backoff.reset();
                            closing |= matches!(self.receive(message), Received::Closing);
                        }
                        Some(Err(error)) => break error.to_string(),
                        None => break "it hung up".to_owned(),
                    }
                }
                written = &mut writer => {
                    break written.err().map_or_else(|| "it hung up".to_owned(), |error| error.to_string());
                }
                command = self.commands.recv() => {
                    let Some(command) = command else { return Err(Interruption::Dropped) };
                    let cancelled = if let Command::Cancel(id) = &command { Some(*id) } else { None };
                    if self.take(command) && let Some(cancel) = cancelled {
                        let frame = serde_json::to_string(&ClientToRelay::Cancel { cancel }).expect("it is plain JSON");
                        // An error means that the writer is done, which the branch above sees.
                        let _ = outbox.send(Message::text(frame));
                    }
                    if !closing {
                        self.send_waiting(&outbox);
                    }
                }
                () = sleep_until(deadline) => self.give_up_on_late(),
                () = tokio::time::sleep_until(last_heard + SILENCE) => break "it fell silent".to_owned(),
            }
        };
        tracing::debug!(reason = lost, "the connection to the relay ended");
        drain(&mut stream).await;
        self.lose_connection(&lost);
        Ok(())
    }

    /// Sends what waits for a connection.
    fn send_waiting(&mut self, outbox: &mpsc::UnboundedSender<Message>) {
        for request in self.under_way.values_mut().filter(|request| matches!(request.state, State::Waiting { .. })) {
            request.state = State::Sent;
            request.sends += 1;
            // An error means that the writer is done; then the connection is lost, and this is sent on the next.
            let _ = outbox.send(Message::Text(request.frame.clone()));
        }
    }

    fn receive(&mut self, message: Message) -> Received {
        let Message::Text(text) = message else { return Received::Other };
        match RelayToClient::parse(&text) {
            Ok(RelayToClient::Ok { id, ok }) => self.answer(id, Ok(ok)),
            Ok(RelayToClient::Error { id, error }) if error.code == ErrorCode::RelayUnreachable => {
                // The relay is about to go; its successor will do it.
                if let Some(request) = self.under_way.get_mut(&id) {
                    request.state = State::Waiting { since: Instant::now() };
                    self.trouble = Some(error);
                }
                return Received::Closing;
            }
            Ok(RelayToClient::Error { id, error }) => self.answer(id, Err(error)),
            Ok(RelayToClient::Event(Event::Closing)) => return Received::Closing,
            // A newer relay may say what this version doesn't know.
            Err(_) => tracing::debug!("ignored a frame of the relay"),
        }
        Received::Other
    }

    fn answer(&mut self, id: u64, result: Result<Reply, Error>) {
        // A cancelled request's answer may still come in.
        if let Some(request) = self.under_way.remove(&id) {
            request.answer(result);
        }
    }

    /// Puts the requests that were under way back in line for the next connection.
    fn lose_connection(&mut self, reason: &str) {
        let since = Instant::now();
        let spent = |request: &UnderWay| matches!(request.state, State::Sent) && request.sends >= SENDS;
        for request in self.remove_where(spent) {
            request.answer(Err(self.dialer.unreachable(&format!("the connection broke {SENDS} times, {reason}"))));
        }
        for request in self.under_way.values_mut() {
            if matches!(request.state, State::Sent) {
                request.state = State::Waiting { since };
            }
        }
    }
}

enum Received {
    /// The relay takes no more requests on this connection.
    Closing,
    Other,
}

impl UnderWay {
    fn answer(self, result: Result<Reply, Error>) {
        // An error means that the caller gave up a moment ago.
        let _ = self.reply.send(result);
    }
}

/// Sleeps until a moment; for ever if there is none.
async fn sleep_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Reads to the end, so that the answer to a close frame gets out.
async fn drain(stream: &mut SplitStream<Socket>) {
    while let Ok(Some(Ok(_))) = tokio::time::timeout(Duration::from_millis(50), stream.next()).await {}
}
