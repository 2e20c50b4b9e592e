use super::{ChannelState, Composition, Holder, Slot, SlotKind};
use crate::{Actor, BotId, Entry, Error, ErrorCode, Kind, Sender, SlotId, SystemEvent, limits};

/// Whether `entry` may follow `state`, and if not, why, in words for whoever asked for it.
///
/// Whether a secret was right, a body small enough, a caller quick enough, is decided before; here
/// are the rules that a verifier can check from the log alone.
pub fn allowed(state: &ChannelState, entry: &Entry) -> Result<(), Error> {
    let (composition, envelope) = (&*state.composition, &entry.envelope);
    let follows = envelope.v == 1
        && envelope.id == state.size() + 1
        && envelope.ts >= state.head.ts
        && envelope.channel_id == composition.channel_id
        && entry.content.as_ref().is_none_or(|content| content.hash() == envelope.body_hash);
    if !follows {
        return Err(broken("the entry does not follow the log's last one"));
    }
    match &envelope.sender {
        Sender::Slot(slot_id) => by_player(composition, *slot_id, entry),
        Sender::Bot(bot_id) => by_bot(composition, bot_id, entry),
        Sender::System => by_relay(state, entry),
    }
}

fn by_player(composition: &Composition, slot_id: SlotId, entry: &Entry) -> Result<(), Error> {
    if !composition.slot(slot_id).is_some_and(Slot::has_player) {
        return Err(Error::not_member());
    }
    if composition.closed.is_some() {
        return Err(Error::closed());
    }
    if entry.envelope.cause.is_some() {
        return Err(broken("a player's entry has no cause"));
    }
    match entry.envelope.to_slot {
        None if entry.envelope.kind.is_reserved() => Err(Error::invalid(
            format!("The kind '{}' is reserved for bots and the relay.", entry.envelope.kind),
            "Leave kind out (it is then 'user'), or use a label of your own, such as 'move'.",
        )),
        None => Ok(()),
        Some(to_slot) => match composition.slot(to_slot).and_then(|slot| slot.holder.as_ref()) {
            Some(Holder::Bot(_)) if entry.envelope.kind == Kind::PRIVATE => Ok(()),
            _ => Err(Error::bot_not_found()),
        },
    }
}

fn by_bot(composition: &Composition, bot_id: &BotId, entry: &Entry) -> Result<(), Error> {
    if composition.bot(bot_id).is_none() {
        return Err(Error::bot_not_found());
    }
    if entry.envelope.kind == Kind::TRACE {
        return Err(Error::invalid("The kind 'trace' is the relay's own.", "Let the bot post with another kind."));
    }
    let Some(cause) = entry.envelope.cause.filter(|cause| *cause < entry.id()) else {
        return Err(broken("a bot's entry has an earlier entry as its cause"));
    };
    if composition.closed.is_some_and(|closed| cause >= closed) {
        return Err(Error::closed());
    }
    match entry.envelope.to_slot {
        Some(to_slot) if composition.slot(to_slot).is_none() => Err(broken("no such slot")),
        _ => Ok(()),
    }
}

fn by_relay(state: &ChannelState, entry: &Entry) -> Result<(), Error> {
    let composition = &*state.composition;
    let event = entry.body().and_then(|body| body.parse::<SystemEvent>().ok());
    let Some(event) = event else {
        return Err(broken("a system entry has one of the known bodies"));
    };
    if event.kind() != entry.envelope.kind || entry.envelope.to_slot.is_some() {
        return Err(broken("the kind of a system entry is that of its event"));
    }
    let created = matches!(event, SystemEvent::ChannelCreated { .. });
    if created != (state.size() == 0) {
        return Err(broken("a log starts with channel:created, once"));
    }
    if composition.closed.is_some_and(|closed| !may_follow_close(&event, entry.envelope.cause, closed)) {
        return Err(Error::closed());
    }
    match event {
        SystemEvent::ChannelCreated { slots, .. } if slots.len() > limits::SLOTS => Err(broken("too many slots")),
        SystemEvent::BotAttach { bot_id, slot_id, slot_label, name, by, .. } => {
            // A bot that comes with its channel is nobody's later wish, and as much bound by the seal.
            may_change_bots(composition, by.unwrap_or(Actor::Owner))?;
            let fits = match composition.slot(slot_id) {
                Some(slot) => {
                    slot_label.is_none() && slot.kind == SlotKind::Bot && slot.holder.is_none() && !slot.closed
                }
                None => slot_label.is_some() && slot_id.place() == composition.slots.len(),
            };
            if !fits {
                return Err(no_slot(slot_id, "is not an empty slot for a bot"));
            }
            if bot_id != BotId::new(&name, composition.bots_attached) {
                return Err(broken("a bot's id is made of its name and its number"));
            }
            Ok(())
        }
        SystemEvent::BotDetach { bot_id, slot_id, by, .. } => {
            let bot = composition.bot(&bot_id).filter(|bot| bot.slot_id == slot_id).ok_or_else(Error::bot_not_found)?;
            match by {
                Some(by) => may_change_bots(composition, by),
                None if entry.envelope.cause == Some(bot.attached) => Ok(()),
                None => Err(broken("without anybody's wish, a bot is detached only by its own on_init")),
            }
        }
        SystemEvent::BotManifest { bot_id, .. }
        | SystemEvent::BotRan { bot_id, .. }
        | SystemEvent::BotError { bot_id, .. }
        | SystemEvent::EntropyOpened { bot_id, .. }
        | SystemEvent::SeedRevealed { bot_id, .. }
        | SystemEvent::Timer { bot_id, .. } => {
            if composition.bot(&bot_id).is_some() {
                Ok(())
            } else {
                Err(Error::bot_not_found())
            }
        }
        SystemEvent::MemberJoin { slot_id, .. } => may_join(seat(composition, slot_id)?),
        SystemEvent::MemberRejoin { slot_id, .. } => held(composition, slot_id).map(|_| ()),
        SystemEvent::MemberLeave { slot_id, by, .. } => {
            held(composition, slot_id)?;
            if by == Actor::Slot(slot_id) { Ok(()) } else { Err(Error::not_admin()) }
        }
        SystemEvent::MemberKick { slot_id, by, .. } => {
            held(composition, slot_id)?;
            is_admin(composition, by)?;
            spares_owner(composition, slot_id, by)
        }
        SystemEvent::Renamed { by, .. } | SystemEvent::Closed { by } => is_admin(composition, by),
        SystemEvent::AdminSet { slot_id, by, .. } => {
            is_admin(composition, by)?;
            held(composition, slot_id)?;
            spares_owner(composition, slot_id, by)
        }
        SystemEvent::SlotYielded { slot_id, by, .. } => {
            // A player who has just yielded the own seat no longer holds it: what ended the tenure was checked before.
            if composition.slot(slot_id).is_some_and(|slot| slot.holder.is_some()) {
                return Err(no_slot(slot_id, "is still filled"));
            }
            empty(composition, slot_id)?;
            if was_holders(composition, slot_id, by) { Ok(()) } else { is_admin(composition, by) }
        }
        SystemEvent::InviteIssued { slot_id, generation, by } => {
            let slot = seat(composition, slot_id)?;
            if slot.holder.is_some() || !was_holders(composition, slot_id, by) {
                is_admin(composition, by)?;
            }
            if slot.holder.is_some() {
                return Err(no_slot(slot_id, "is filled; kick its player first"));
            }
            if generation == slot.invite + 1 { Ok(()) } else { Err(broken("invites are numbered")) }
        }
        SystemEvent::SlotClosed { slot_id, by } => {
            is_admin(composition, by)?;
            empty(composition, slot_id)
        }
        SystemEvent::ChannelCreated { .. } | SystemEvent::BotsAnnounced { .. } => Ok(()),
    }
}

/// Whether the relay may still say it in a closed channel: hooks that were started before come to an end.
fn may_follow_close(event: &SystemEvent, cause: Option<u64>, closed: u64) -> bool {
    match event {
        SystemEvent::BotRan { .. }
        | SystemEvent::BotError { .. }
        | SystemEvent::EntropyOpened { .. }
        | SystemEvent::BotDetach { by: None, .. } => cause.is_some_and(|cause| cause < closed),
        // The close itself may lead to one thing: that a seed is told.
        SystemEvent::SeedRevealed { .. } => cause.is_some_and(|cause| cause <= closed),
        _ => false,
    }
}

fn may_join(slot: &Slot) -> Result<(), Error> {
    if slot.holder.is_some() || slot.invite_used {
        return Err(Error::new(
            ErrorCode::SlotAlreadyFilled,
            "This invite code was already used.",
            "An invite code fills one slot once. To come back to your own seat, pass your rejoin_token; else ask for a new invite.",
        ));
    }
    Ok(())
}

/// Whether `by` may attach or detach bots: only admins, and only until the channel is sealed.
pub fn may_change_bots(composition: &Composition, by: Actor) -> Result<(), Error> {
    is_admin(composition, by)?;
    if composition.is_sealed() {
        return Err(Error::bad_op(
            "The bots of this channel are settled: two seats have been filled, and it was not created mutable.",
            "Create a new channel with the bots you want, or with mutable=true.",
        ));
    }
    Ok(())
}

fn is_admin(composition: &Composition, by: Actor) -> Result<(), Error> {
    let admin = match by {
        Actor::Owner => true,
        Actor::Slot(slot_id) => composition.slot(slot_id).is_some_and(|slot| {
            let owner = matches!(&slot.holder, Some(Holder::Player { player, .. }) if *player == composition.owner);
            slot.has_player() && (slot.admin || owner)
        }),
    };
    if admin { Ok(()) } else { Err(Error::not_admin()) }
}

/// Whether it is the wish of a player who held this very slot.
fn was_holders(composition: &Composition, slot_id: SlotId, by: Actor) -> bool {
    by == Actor::Slot(slot_id) && composition.slot(slot_id).is_some_and(|slot| slot.tenure > 0)
}

/// Only the owner demotes or kicks the owner's seat.
fn spares_owner(composition: &Composition, slot_id: SlotId, by: Actor) -> Result<(), Error> {
    let owners = |slot_id| {
        matches!(composition.slot(slot_id).and_then(|slot| slot.holder.as_ref()),
            Some(Holder::Player { player, .. }) if *player == composition.owner)
    };
    let by_owner = match by {
        Actor::Owner => true,
        Actor::Slot(slot_id) => owners(slot_id),
    };
    if owners(slot_id) && !by_owner {
        return Err(Error::new(
            ErrorCode::NotAdmin,
            "Only the owner may do this to the owner's seat.",
            "Leave the owner's seat as it is, or ask the owner.",
        ));
    }
    Ok(())
}

fn seat(composition: &Composition, slot_id: SlotId) -> Result<&Slot, Error> {
    match composition.slot(slot_id) {
        Some(slot) if slot.kind == SlotKind::Invite && !slot.closed => Ok(slot),
        _ => Err(no_slot(slot_id, "is not an open slot for a player")),
    }
}

fn held(composition: &Composition, slot_id: SlotId) -> Result<&Slot, Error> {
    match composition.slot(slot_id) {
        Some(slot) if slot.has_player() => Ok(slot),
        _ => Err(no_slot(slot_id, "is not held by a player")),
    }
}

fn empty(composition: &Composition, slot_id: SlotId) -> Result<(), Error> {
    match composition.slot(slot_id) {
        Some(slot) if slot.holder.is_none() && !slot.closed => Ok(()),
        _ => Err(no_slot(slot_id, "is not an empty open slot")),
    }
}

fn no_slot(slot_id: SlotId, what: &str) -> Error {
    Error::bad_op(format!("Slot {slot_id} {what}."), "get_channel_info shows the slots and who fills them.")
}

/// A rule that no request can break, only a relay that is wrong or a transcript that was altered.
fn broken(rule: &'static str) -> Error {
    Error::new(ErrorCode::InternalError, rule, "The log breaks a rule of the protocol.")
}
