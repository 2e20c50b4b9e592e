use mcp_multiplayer_protocol::channel::Visibility;
use mcp_multiplayer_protocol::operation::{NamedTurn, WaitFor};
use mcp_multiplayer_protocol::{Entry, Kind, Sender, SystemEvent};

/// Number of entries before the cursor among which a reader looks for the last post that names turns.
const TURN_LOOKBACK: u64 = 200;

/// The entries that a reader has looked at while it waits, and whether one of them ends the wait.
#[derive(Debug)]
pub(super) struct News {
    wait_for: WaitFor,
    cursor: u64,
    scanned: u64,
    /// There is an entry that ends the wait, whatever turns the bots name.
    certain: bool,
    /// There is a post of a bot, which ends the wait if the turn is the reader's.
    of_bot: bool,
    turn: NamedTurn,
}

impl News {
    pub(super) fn new(wait_for: WaitFor, cursor: u64) -> Self {
        let lookback = if wait_for == WaitFor::MyTurn { TURN_LOOKBACK } else { 0 };
        let scanned = cursor.saturating_sub(lookback);
        Self { wait_for, cursor, scanned, certain: false, of_bot: false, turn: NamedTurn::default() }
    }

    /// The last entry that was looked at.
    pub(super) fn scanned(&self) -> u64 {
        self.scanned
    }

    pub(super) fn look_at(&mut self, entry: &Entry, visibility: &Visibility) {
        self.scanned = entry.id();
        if !visibility.includes(entry) {
            return;
        }
        let sender = &entry.envelope.sender;
        if self.wait_for == WaitFor::MyTurn
            && matches!(sender, Sender::Bot(_))
            && let Some(body) = entry.message().1
        {
            self.turn.note(&body);
        }
        if entry.id() <= self.cursor || visibility.is_own(entry) {
            return;
        }
        match (self.wait_for, sender) {
            (WaitFor::Any, _) => self.certain = true,
            (_, Sender::Slot(_)) => {}
            (_, Sender::System) => self.certain |= concerns_seats(entry),
            (WaitFor::MyTurn, Sender::Bot(_)) if entry.envelope.to_slot.is_none() => self.of_bot = true,
            (_, Sender::Bot(_)) => self.certain = true,
        }
    }

    /// Returns `true` if the wait ends whatever the entries say that were not looked at yet.
    pub(super) fn is_certain(&self) -> bool {
        self.certain
    }

    /// Returns `true` if one of the entries up to the end of the log ends the wait.
    pub(super) fn ends_wait(&self, visibility: &Visibility) -> bool {
        self.certain || self.of_bot && self.turn.includes(visibility.seat())
    }
}

/// Returns `true` for an entry about seats, a bot that came, went or failed, or the end of the channel.
fn concerns_seats(entry: &Entry) -> bool {
    if entry.envelope.kind == Kind::TRACE {
        return false;
    }
    entry.body().and_then(|body| body.parse::<SystemEvent>().ok()).is_some_and(|event| event.concerns_seats())
}
