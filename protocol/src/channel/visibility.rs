use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Entry, Kind, Sender, SlotId, SystemEvent};

/// A principal's time in a seat: a tenure, or the part of one that was the principal's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Tenure {
    /// The slot.
    pub slot_id: SlotId,
    /// Number of the tenure among those of the slot, from 1.
    pub number: u32,
    /// The `member:join` entry that began the tenure.
    pub began: u64,
    /// The last entry of the principal's time in the seat; `None` while the principal holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<u64>,
}

/// The entries of a log that somebody may read, for the relay that shows them and for clients that check what it shows.
///
/// Public entries are visible to every member. A private entry is visible to its sender and its
/// addressee, and only in the tenure in which it was written: whoever takes over a seat does not
/// see the private entries of the player before.
///
/// Former members keep what they could read, as evidence. Of later entries they see only the end of the channel, and the
/// seeds of draws that began before they left.
#[derive(Clone, Debug)]
pub struct Visibility {
    reader: Reader,
    /// `true` if the reader asked for trace entries, which only a verifier needs.
    pub include_trace: bool,
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
    pub fn of_member(seat: Option<Tenure>) -> Self {
        Self { reader: Reader::Member(seat), include_trace: false }
    }

    /// Visibility for somebody who held these seats and holds none now.
    pub fn of_former_member(tenures: Arc<[Tenure]>) -> Self {
        Self { reader: Reader::Former(tenures), include_trace: false }
    }

    /// Returns `true` for a present member, who is also shown the channel as it is now.
    pub fn is_member(&self) -> bool {
        matches!(self.reader, Reader::Member(_))
    }

    /// The seat of a present member.
    pub fn seat(&self) -> Option<SlotId> {
        match &self.reader {
            Reader::Member(seat) => seat.as_ref().map(|seat| seat.slot_id),
            Reader::Former(_) => None,
        }
    }

    /// Visibility for somebody whose tenures in a channel are these: present ones, or past ones; none for an owner without a
    /// seat.
    pub fn of(tenures: &[Tenure]) -> Self {
        match tenures.iter().find(|tenure| tenure.ended.is_none()) {
            None if !tenures.is_empty() => Self::of_former_member(tenures.into()),
            seat => Self::of_member(seat.copied()),
        }
    }

    /// The last entry up to which a former member may know the whole log; `None` for a present member.
    pub fn end(&self) -> Option<u64> {
        match &self.reader {
            Reader::Member(_) => None,
            Reader::Former(tenures) => Some(last_end(tenures)),
        }
    }

    /// Returns `true` if the reader may know the entry's envelope.
    pub fn may_know(&self, entry: &Entry) -> bool {
        self.end().is_none_or(|end| entry.id() <= end) || self.includes(entry)
    }

    /// Returns `true` if the reader may read the body of an entry that it may know, shown as a message or not.
    pub fn may_read(&self, entry: &Entry) -> bool {
        entry.envelope.to_slot.is_none() || self.tenures().iter().any(|tenure| is_private_to(entry, tenure))
    }

    /// Returns `true` if the reader may see the entry.
    pub fn includes(&self, entry: &Entry) -> bool {
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
                let left = last_end(tenures);
                entry.id() <= left || is_aftermath(entry, left)
            }
        }
    }

    /// Returns `true` if the reader wrote the entry, in this tenure.
    pub fn is_own(&self, entry: &Entry) -> bool {
        self.tenures().iter().any(|tenure| is_written_by(entry, tenure))
    }

    /// The tenures in which the reader reads; none for an owner without a seat.
    pub fn tenures(&self) -> &[Tenure] {
        match &self.reader {
            Reader::Member(seat) => seat.as_slice(),
            Reader::Former(tenures) => tenures,
        }
    }
}

fn last_end(tenures: &[Tenure]) -> u64 {
    tenures.iter().filter_map(|tenure| tenure.ended).max().unwrap_or(0)
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
pub fn is_aftermath(entry: &Entry, left: u64) -> bool {
    let is_of_system = entry.envelope.sender == Sender::System && entry.envelope.kind == Kind::SYSTEM;
    let event =
        entry.body().filter(|_| is_of_system && entry.id() > left).and_then(|body| body.parse::<SystemEvent>().ok());
    event.is_some_and(|event| event.is_aftermath(left))
}
