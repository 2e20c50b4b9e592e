use mcp_multiplayer_protocol::channel::{Composition, Holder, may_change_bots};
use mcp_multiplayer_protocol::{Actor, Entry, Error, ErrorCode, Hash, Kind, Sender, SlotId};

/// As whom a principal acts in a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The seat, or the owner without one.
    pub(crate) actor: Actor,
    /// The seat's tenure; 0 for the owner without a seat.
    pub(crate) tenure: u32,
}

impl Standing {
    /// Finds the seat that a principal, by its pseudonym, acts from; `slot_id` is what the caller said.
    pub(crate) fn resolve(composition: &Composition, player: &Hash, slot_id: Option<SlotId>) -> Result<Self, Error> {
        let own: Vec<_> = composition.seats().filter(|(_, _, holder)| *holder == player).collect();
        let of = |slot_id, tenure| Ok(Self { actor: Actor::Slot(slot_id), tenure });
        if let Some(wanted) = slot_id {
            return match own.iter().find(|(slot_id, ..)| *slot_id == wanted) {
                Some((slot_id, slot, _)) => of(*slot_id, slot.tenure),
                None => Err(Error::not_member()),
            };
        }
        match own.as_slice() {
            [(slot_id, slot, _)] => of(*slot_id, slot.tenure),
            [] if *player == composition.owner => Ok(Self { actor: Actor::Owner, tenure: 0 }),
            [] => Err(Error::not_member()),
            [(first, ..), ..] => {
                let seats: Vec<String> =
                    own.iter().map(|(slot_id, slot, _)| format!("{slot_id} ({})", slot.label)).collect();
                Err(Error::new(
                    ErrorCode::SeatAmbiguous,
                    format!("You hold several seats in this channel: {}.", seats.join(", ")),
                    format!("Say which one you act from: add slot_id, for example \"slot_id\": \"{first}\"."),
                ))
            }
        }
    }

    /// Whether the caller may attach, replace or remove bots.
    pub(crate) fn may_change_bots(self, composition: &Composition) -> Result<(), Error> {
        may_change_bots(composition, self.actor)
    }

    /// The seat; an error for an owner who holds none.
    pub(crate) fn seat(self) -> Result<SlotId, Error> {
        match self.actor {
            Actor::Slot(slot_id) => Ok(slot_id),
            Actor::Owner => Err(Error::new(
                ErrorCode::NotMember,
                "You made this channel, but hold no seat in it.",
                "Call join_channel with one of its invite codes (update_channel new_invite makes one), then repeat the call.",
            )),
        }
    }

    /// What the caller may read.
    pub(crate) fn reader(self, composition: &Composition) -> Reader {
        let seat = match self.actor {
            Actor::Owner => None,
            Actor::Slot(slot_id) => match composition.slot(slot_id).and_then(|slot| slot.holder.as_ref()) {
                Some(Holder::Player { since, .. }) => Some((slot_id, *since)),
                _ => None,
            },
        };
        Reader { seat, include_trace: false }
    }
}

/// What a member may read of a log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader {
    /// The seat and the entry with which its tenure began.
    seat: Option<(SlotId, u64)>,
    /// Whether trace entries are wanted.
    pub(crate) include_trace: bool,
}

impl Reader {
    /// Whether an entry is for this reader: public, or between this seat, in this tenure, and a bot.
    pub(crate) fn sees(self, entry: &Entry) -> bool {
        let envelope = &entry.envelope;
        if envelope.kind == Kind::TRACE {
            return self.include_trace;
        }
        let Some(to_slot) = envelope.to_slot else { return true };
        self.seat.is_some_and(|(slot_id, since)| {
            envelope.id > since && (to_slot == slot_id || envelope.sender == Sender::Slot(slot_id))
        })
    }

    /// Whether the reader said it.
    pub(crate) fn wrote(self, entry: &Entry) -> bool {
        self.seat.is_some_and(|(slot_id, since)| entry.id() > since && entry.envelope.sender == Sender::Slot(slot_id))
    }
}
