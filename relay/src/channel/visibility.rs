use std::sync::Arc;

use mcp_multiplayer_protocol::{Entry, Kind, Sender, SlotId, SystemEvent};

use crate::store::Tenure;

/// The entries of a log that somebody may read.
///
/// Public entries are visible to every member. A private entry is visible to its sender and its
/// addressee, and only in the tenure in which it was written: whoever takes over a seat does not
/// see the private entries of the player before.
///
/// Former members keep what they could read, as evidence. Of later entries they see only the end of the channel, and the
/// seeds of draws that began before they left.
#[derive(Clone, Debug)]
pub(crate) struct Visibility {
    reader: Reader,
    /// `true` if the reader asked for trace entries, which only a verifier needs.
    pub(crate) include_trace: bool,
}

#[derive(Clone, Debug)]
enum Reader {
    /// A member in its seat; `None` for an owner without a seat.
    Member(Option<Tenure>),
    /// Somebody who held these seats, all of which have ended.
    Former(Arc<[Tenure]>),
}

impl Visibility {
    /// Visibility for the holder of a seat, or for an owner without one.
    pub(super) fn of_member(seat: Option<Tenure>) -> Self {
        Self { reader: Reader::Member(seat), include_trace: false }
    }

    /// Visibility for somebody who held these seats and holds none now.
    pub(crate) fn of_former_member(tenures: Arc<[Tenure]>) -> Self {
        Self { reader: Reader::Former(tenures), include_trace: false }
    }

    /// Returns `true` for a present member, who is also shown the channel as it is now.
    pub(super) fn is_member(&self) -> bool {
        matches!(self.reader, Reader::Member(_))
    }

    /// The seat of a present member.
    pub(super) fn seat(&self) -> Option<SlotId> {
        match &self.reader {
            Reader::Member(seat) => seat.as_ref().map(|seat| seat.slot_id),
            Reader::Former(_) => None,
        }
    }

    /// Returns `true` if the reader may see the entry.
    pub(crate) fn includes(&self, entry: &Entry) -> bool {
        let envelope = &entry.envelope;
        if !self.include_trace && entry.is_trace() {
            return false;
        }
        if envelope.to_slot.is_some() {
            return self.tenures().iter().any(|tenure| is_private_to(entry, tenure));
        }
        match &self.reader {
            Reader::Member(_) => true,
            Reader::Former(tenures) => {
                let left = tenures.iter().filter_map(|tenure| tenure.ended).max().unwrap_or(0);
                entry.id() <= left || is_aftermath(entry, left)
            }
        }
    }

    /// Returns `true` if the reader wrote the entry, in this tenure.
    pub(crate) fn is_own(&self, entry: &Entry) -> bool {
        self.tenures().iter().any(|tenure| is_written_by(entry, tenure))
    }

    fn tenures(&self) -> &[Tenure] {
        match &self.reader {
            Reader::Member(seat) => seat.as_slice(),
            Reader::Former(tenures) => tenures,
        }
    }
}

fn is_private_to(entry: &Entry, tenure: &Tenure) -> bool {
    is_during(entry, tenure)
        && (entry.envelope.to_tenure == Some(tenure.began) && entry.envelope.to_slot == Some(tenure.slot_id)
            || is_written_by(entry, tenure))
}

fn is_written_by(entry: &Entry, tenure: &Tenure) -> bool {
    is_during(entry, tenure) && entry.envelope.sender == Sender::Slot(tenure.slot_id)
}

fn is_during(entry: &Entry, tenure: &Tenure) -> bool {
    entry.id() > tenure.began && tenure.ended.is_none_or(|ended| entry.id() <= ended)
}

/// Returns `true` for an entry after `left` that proves how something ended that was under way then.
pub(crate) fn is_aftermath(entry: &Entry, left: u64) -> bool {
    let is_of_system = entry.envelope.sender == Sender::System && entry.envelope.kind == Kind::SYSTEM;
    let event =
        entry.body().filter(|_| is_of_system && entry.id() > left).and_then(|body| body.parse::<SystemEvent>().ok());
    event.is_some_and(|event| event.is_aftermath(left))
}
