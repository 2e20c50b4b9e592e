use std::sync::Arc;

use super::{Bot, ChannelState, Composition, Holder, Slot, SlotKind, wakes};
use crate::{Author, Content, Entry, Envelope, Hash, Kind, Sender, SlotId, SystemEvent, Timestamp};

/// The entry that `content` becomes when it is appended to `state` at time `now`.
///
/// It gets the next id, and a time that is not before its predecessor's.
pub fn draft(
    state: &ChannelState,
    now: Timestamp,
    sender: Sender,
    kind: Kind,
    to_slot: Option<SlotId>,
    cause: Option<u64>,
    content: Content,
) -> Entry {
    let envelope = Envelope {
        v: 1,
        channel_id: state.composition.channel_id,
        id: state.size() + 1,
        ts: now.max(state.head.ts),
        sender,
        kind,
        to_slot,
        cause,
        body_hash: content.hash(),
        author: Author::RelayAttested,
    };
    Entry { envelope, content: Some(content) }
}

/// The state that an [`allowed`](super::allowed) entry leads to.
pub fn evolve(mut state: ChannelState, entry: &Entry) -> ChannelState {
    state.head.ts = entry.envelope.ts;
    state.head.frontier.push(entry.envelope.leaf_hash());
    evolve_composition(&mut state.composition, &mut state.head.due, entry);
    // What bots still say after the close starts nothing.
    if state.composition.closed.is_some() {
        return state;
    }
    for (bot, due) in state.composition.bots.iter().zip(&mut state.head.due) {
        if wakes(bot, entry) {
            *due = entry.id();
        }
    }
    state
}

/// The part of [`evolve`] that concerns who and what is in the channel.
///
/// `due` holds an element for each bot, as in [`Head`](super::Head).
pub fn evolve_composition(composition: &mut Arc<Composition>, due: &mut Vec<u64>, entry: &Entry) {
    if entry.envelope.sender == Sender::System
        && entry.envelope.kind == Kind::SYSTEM
        && let Some(event) = entry.body().and_then(|body| body.parse::<SystemEvent>().ok())
    {
        // What concerns a bot's randomness alone changes nobody's view.
        if matches!(event, SystemEvent::EntropyOpened { .. } | SystemEvent::SeedRevealed { .. }) {
            return;
        }
        let composition = Arc::make_mut(composition);
        composition.revision = entry.id();
        apply(composition, due, entry, event);
    }
}

fn apply(composition: &mut Composition, due: &mut Vec<u64>, entry: &Entry, event: SystemEvent) {
    let id = entry.id();
    match event {
        SystemEvent::ChannelCreated { name, slots, owner, mutable } => {
            composition.name = name;
            composition.owner = owner;
            composition.mutable = mutable;
            composition.created_at = entry.envelope.ts;
            composition.slots = slots.into_iter().map(|slot| Slot::empty(slot.kind, slot.label)).collect();
        }
        SystemEvent::BotAttach { bot_id, slot_id, slot_label, name, hooks, code_hash, manifest_hash, .. } => {
            if let Some(label) = slot_label {
                composition.slots.push(Slot::empty(SlotKind::Bot, label));
            }
            composition.slots[slot_id.place()].holder = Some(Holder::Bot(bot_id.clone()));
            composition.bots_attached += 1;
            let present = composition.seats().map(|(slot_id, ..)| slot_id).collect();
            let attached = id;
            composition.bots.push(Bot { bot_id, slot_id, name, hooks, attached, present, code_hash, manifest_hash });
            due.push(0);
        }
        SystemEvent::BotDetach { bot_id, slot_id, .. } => {
            composition.slots[slot_id.place()].holder = None;
            if let Some(place) = composition.bots.iter().position(|bot| bot.bot_id == bot_id) {
                composition.bots.remove(place);
                due.remove(place);
            }
        }
        SystemEvent::MemberJoin { slot_id, player, entropy, .. } => {
            let is_owner = player == composition.owner;
            let slot = &mut composition.slots[slot_id.place()];
            slot.holder = Some(Holder::Player {
                player,
                since: id,
                entropy: entropy.map(|entropy| Hash::of(&[entropy.as_bytes()])),
            });
            slot.tenure += 1;
            slot.invite_used = true;
            slot.admin |= is_owner;
        }
        SystemEvent::MemberRejoin { slot_id, player, .. } => {
            if let Some(Holder::Player { player: holder, .. }) = &mut composition.slots[slot_id.place()].holder {
                *holder = player;
            }
        }
        SystemEvent::MemberLeave { slot_id, .. } | SystemEvent::MemberKick { slot_id, .. } => {
            let slot = &mut composition.slots[slot_id.place()];
            slot.holder = None;
            slot.admin = false;
        }
        SystemEvent::Renamed { name, .. } => composition.name = name,
        SystemEvent::AdminSet { slot_id, admin, .. } => composition.slots[slot_id.place()].admin = admin,
        SystemEvent::SlotYielded { slot_id, to, .. } => composition.slots[slot_id.place()].kind = to,
        SystemEvent::InviteIssued { slot_id, generation, .. } => {
            let slot = &mut composition.slots[slot_id.place()];
            slot.invite = generation;
            slot.invite_used = false;
        }
        SystemEvent::SlotClosed { slot_id, .. } => composition.slots[slot_id.place()].closed = true,
        SystemEvent::Closed { .. } => composition.closed = Some(id),
        SystemEvent::BotsAnnounced { .. }
        | SystemEvent::BotManifest { .. }
        | SystemEvent::BotRan { .. }
        | SystemEvent::EntropyOpened { .. }
        | SystemEvent::SeedRevealed { .. }
        | SystemEvent::Timer { .. }
        | SystemEvent::BotError { .. } => {}
    }
}
