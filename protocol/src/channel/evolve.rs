use std::sync::Arc;

use super::{Bot, ChannelState, Composition, Holder, Slot, SlotKind, wakes};
use crate::{Entry, Hash, Kind, Sender, SystemEvent};

/// The state that an [`allowed`](super::allowed) entry leads to.
pub fn evolve(mut state: ChannelState, entry: &Entry) -> ChannelState {
    state.head.ts = entry.envelope.ts;
    state.head.frontier.push(entry.envelope.leaf_hash());
    evolve_composition(&mut state.composition, &mut state.head.due, entry);
    // Hooks that were due when the channel closed may still post; those posts start no further hooks.
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

/// Applies the part of [`evolve`] that concerns slots, seats, bots and settings.
///
/// `due` has one element for each bot, as in [`Head`](super::Head). A bot's runner, which follows the
/// log at its own pace, uses this alone.
pub fn evolve_composition(composition: &mut Arc<Composition>, due: &mut Vec<u64>, entry: &Entry) {
    if entry.envelope.sender == Sender::System
        && entry.envelope.kind == Kind::SYSTEM
        && let Some(event) = entry.body().and_then(|body| body.parse::<SystemEvent>().ok())
    {
        // These concern a bot's randomness alone. `revision` stays, or every reader would be sent the view again.
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
