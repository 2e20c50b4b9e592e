use mcp_multiplayer_protocol::{Entry, Kind, Sender, SlotId};

/// The entries of a log that a member may read.
///
/// Public entries are visible to every member. A private entry is visible to its sender and its
/// addressee, and only in the tenure in which it was written: whoever takes over a seat does not
/// see the private entries of the player before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visibility {
    /// The member's seat, and the entry that began its tenure; `None` for an owner without a seat.
    seat: Option<(SlotId, u64)>,
    /// `true` if the member asked for trace entries, which only a verifier needs.
    pub(crate) include_trace: bool,
}

impl Visibility {
    pub(super) fn new(seat: Option<(SlotId, u64)>) -> Self {
        Self { seat, include_trace: false }
    }

    /// Returns `true` if the member may read the entry.
    pub(crate) fn includes(self, entry: &Entry) -> bool {
        let envelope = &entry.envelope;
        if envelope.kind == Kind::TRACE {
            return self.include_trace;
        }
        let Some(to_slot) = envelope.to_slot else { return true };
        self.seat.is_some_and(|(slot_id, since)| {
            envelope.id > since && (to_slot == slot_id || envelope.sender == Sender::Slot(slot_id))
        })
    }

    /// Returns `true` if the member wrote the entry, in this tenure.
    pub(crate) fn is_own(self, entry: &Entry) -> bool {
        self.seat.is_some_and(|(slot_id, since)| entry.id() > since && entry.envelope.sender == Sender::Slot(slot_id))
    }
}
