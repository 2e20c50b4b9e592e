use mcp_multiplayer_protocol::channel::Visibility;
use mcp_multiplayer_protocol::operation::WaitFor;
use mcp_multiplayer_protocol::{Entry, Kind, Sender, SlotId, SystemEvent};
use serde::Deserialize;

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
    /// The slots in the last post that names turns; `None` if there is no such post.
    turn: Option<Vec<SlotId>>,
}

/// The fields of a bot's post that say whose turn it is.
#[derive(Deserialize)]
struct TurnFields {
    #[serde(default)]
    turn: Option<Vec<SlotId>>,
    #[serde(default, rename = "type")]
    type_: Option<String>,
}

impl News {
    pub(super) fn new(wait_for: WaitFor, cursor: u64) -> Self {
        let lookback = if wait_for == WaitFor::MyTurn { TURN_LOOKBACK } else { 0 };
        let scanned = cursor.saturating_sub(lookback);
        Self { wait_for, cursor, scanned, certain: false, of_bot: false, turn: None }
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
            && let Some(fields) = entry.message().1.and_then(|body| body.parse::<TurnFields>().ok())
        {
            let has_ended = fields.type_.as_deref() == Some("game_end");
            self.turn = if has_ended { Some(vec![]) } else { fields.turn.or(self.turn.take()) };
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
        let is_turn = || match &self.turn {
            None => true,
            Some(turn) => turn.is_empty() || visibility.seat().is_some_and(|slot_id| turn.contains(&slot_id)),
        };
        self.certain || self.of_bot && is_turn()
    }
}

/// Returns `true` for an entry about seats, a bot that came, went or failed, or the end of the channel.
fn concerns_seats(entry: &Entry) -> bool {
    if entry.envelope.kind == Kind::TRACE {
        return false;
    }
    entry.body().and_then(|body| body.parse::<SystemEvent>().ok()).is_some_and(|event| event.concerns_seats())
}
