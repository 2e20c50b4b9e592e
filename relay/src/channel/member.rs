use mcp_multiplayer_protocol::channel::{Composition, Slot, Tenure, Visibility, may_change_bots};
use mcp_multiplayer_protocol::{Actor, Error, ErrorCode, Hash, SlotId};

/// A member in the context of one request: the seat that it acts from, or the owner without a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// The seat, or the owner without one.
    pub(crate) actor: Actor,
    /// The seat's tenure; 0 for the owner without a seat.
    pub(crate) tenure: u32,
}

impl Member {
    /// Finds the seat that a principal, given by its pseudonym, acts from: `slot_id` if the caller named one.
    pub(crate) fn resolve(composition: &Composition, player: &Hash, slot_id: Option<SlotId>) -> Result<Self, Error> {
        let own: Vec<_> = composition.seats().filter(|(_, _, holder)| *holder == player).collect();
        let of = |slot_id, tenure| Ok(Self { actor: Actor::Slot(slot_id), tenure });
        if let Some(wanted) = slot_id {
            return match own.iter().find(|(slot_id, ..)| *slot_id == wanted) {
                Some((slot_id, slot, _)) => of(*slot_id, slot.tenure),
                None if own.is_empty() => Err(Error::not_member()),
                None => Err(Error::new(
                    ErrorCode::SeatAmbiguous,
                    format!("You do not hold {wanted} in this channel. You hold: {}.", names(&own)),
                    "Leave slot_id out, or name a seat that you hold.",
                )),
            };
        }
        match own.as_slice() {
            [(slot_id, slot, _)] => of(*slot_id, slot.tenure),
            [] if *player == composition.owner => Ok(Self { actor: Actor::Owner, tenure: 0 }),
            [] => Err(Error::not_member()),
            [(first, ..), ..] => Err(Error::new(
                ErrorCode::SeatAmbiguous,
                format!("You hold several seats in this channel: {}.", names(&own)),
                format!("Say which one you act from: add slot_id, for example \"slot_id\": \"{first}\"."),
            )),
        }
    }

    /// Checks that the member may attach, replace or remove bots.
    pub(crate) fn may_change_bots(self, composition: &Composition) -> Result<(), Error> {
        may_change_bots(composition, self.actor)
    }

    /// The member's seat; an error for an owner who holds none.
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

    /// The entries that the member may read.
    pub(crate) fn visibility(self, composition: &Composition) -> Visibility {
        let seat = match self.actor {
            Actor::Owner => None,
            Actor::Slot(slot_id) => composition.slot(slot_id).and_then(Slot::tenure_began).map(|began| Tenure {
                slot_id,
                number: self.tenure,
                began,
                ended: None,
            }),
        };
        Visibility::of_member(seat)
    }
}

/// Seats for a person to read: `s1 (alice), s2 (bob)`.
fn names(seats: &[(SlotId, &Slot, &Hash)]) -> String {
    let seats: Vec<String> = seats.iter().map(|(slot_id, slot, _)| format!("{slot_id} ({})", slot.label)).collect();
    seats.join(", ")
}
