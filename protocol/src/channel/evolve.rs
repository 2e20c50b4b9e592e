use std::sync::Arc;

use super::{
    Bot, BotHead, ChannelState, Composition, Epoch, Holder, Slot, SlotKind, Timer, Unsealed, runtime_hash, wakes,
};
use crate::{Actor, BotId, Entry, Hash, Kind, SystemEvent, TimerChange, seed};

/// The state that an [`allowed`](super::allowed) entry leads to.
pub fn evolve(mut state: ChannelState, entry: &Entry) -> ChannelState {
    state.head.ts = entry.envelope.ts;
    state.head.frontier.push(entry.envelope.leaf_hash());
    let event = entry.event();
    if let Some(event) = &event {
        apply_to_bots(&mut state, entry, event);
    }
    apply_to_composition(&mut state.composition, &mut state.head.bots, entry, event);
    // Hooks that are due when the channel is being closed may still post; those posts start no further hooks.
    if state.composition.close_requested.is_some_and(|requested| requested < entry.id()) {
        return state;
    }
    for (bot, head) in state.composition.bots.iter().zip(&mut state.head.bots) {
        if wakes(&state.composition, bot, entry) {
            head.due = entry.id();
        }
    }
    state
}

/// Applies an event to timers and holds of the bots that are attached already.
fn apply_to_bots(state: &mut ChannelState, entry: &Entry, event: &SystemEvent) {
    let closing = state.composition.close_requested.is_some();
    let place = |bot_id: &BotId| state.composition.bots.iter().position(|bot| bot.bot_id == *bot_id);
    match event {
        SystemEvent::BotRan { bot_id, timers, .. } => {
            let Some(place) = place(bot_id) else { return };
            let head = &mut state.head.bots[place];
            for TimerChange { n, after_ms } in timers {
                head.timers.retain(|timer| timer.n != *n);
                let Some(after) = after_ms else { continue };
                head.timers_set = *n;
                if !closing {
                    let due = entry.envelope.ts.after_millis(*after);
                    head.timers.push(Timer { n: *n, due, set_by: entry.id() });
                }
            }
        }
        SystemEvent::Timer { bot_id, n, .. } => {
            let Some(place) = place(bot_id) else { return };
            state.head.bots[place].timers.retain(|timer| timer.n != *n);
        }
        SystemEvent::SeatsHeld { bot_id, until } => {
            let Some(place) = place(bot_id) else { return };
            state.head.bots[place].held_until = Some(*until);
        }
        SystemEvent::SeatsReleased { bot_id } => {
            let Some(place) = place(bot_id) else { return };
            state.head.bots[place].held_until = None;
        }
        SystemEvent::SeedRevealed { bot_id, epoch, seed, next_commitment, .. } => {
            let Some(place) = place(bot_id) else { return };
            state.head.bots[place].epoch = Some(epoch_after(*epoch, seed, *next_commitment, entry));
        }
        SystemEvent::CloseRequested { .. } | SystemEvent::OperatorStopped {} => {
            state.head.bots.iter_mut().for_each(|head| head.timers.clear());
        }
        _ => {}
    }
}

/// The epoch that begins when the seed of epoch `number` is revealed by this entry.
pub(super) fn epoch_after(number: u32, seed: &str, next_commitment: Hash, entry: &Entry) -> Epoch {
    Epoch {
        number: number.saturating_add(1),
        began: entry.envelope.cause.unwrap_or_default(),
        commitment: next_commitment,
        previous_seed: seed::parse(seed).map(Hash::from_bytes),
    }
}

/// Applies the part of [`evolve`] that concerns slots, seats, bots and settings. A bot's runner, which follows the log at
/// its own pace, uses this alone.
pub fn evolve_composition(composition: &mut Arc<Composition>, entry: &Entry) {
    if entry.envelope.kind == Kind::SYSTEM {
        let mut heads = vec![BotHead::default(); composition.bots.len()];
        apply_to_composition(composition, &mut heads, entry, entry.event());
    }
}

fn apply_to_composition(
    composition: &mut Arc<Composition>,
    heads: &mut Vec<BotHead>,
    entry: &Entry,
    event: Option<SystemEvent>,
) {
    let Some(event) = event.filter(|event| event.kind() == Kind::SYSTEM) else { return };
    // These concern a bot's randomness or are kept in its `BotHead`. `revision` stays, or every reader would be sent the
    // view again.
    if matches!(
        event,
        SystemEvent::EntriesDeleted { .. }
            | SystemEvent::EntropyOpened { .. }
            | SystemEvent::SeedRevealed { .. }
            | SystemEvent::SeatsHeld { .. }
            | SystemEvent::SeatsReleased { .. }
    ) {
        return;
    }
    let composition = Arc::make_mut(composition);
    composition.revision = entry.id();
    let changes_terms = match &event {
        SystemEvent::BotAttach { .. } | SystemEvent::BotDetach { .. } => true,
        SystemEvent::BotRuntime { bot_id, egress_hash, .. } => {
            composition.bot(bot_id).is_some_and(|bot| bot.egress_hash != *egress_hash)
        }
        _ => false,
    };
    if changes_terms {
        // Nobody has accepted the new ones.
        composition.slots.iter_mut().for_each(|slot| slot.accepted = false);
        composition.ready = None;
    }
    apply(composition, heads, entry, event);
    if composition.ready.is_none() && composition.is_ready() {
        composition.ready = Some(entry.id());
    }
}

fn apply(composition: &mut Composition, heads: &mut Vec<BotHead>, entry: &Entry, event: SystemEvent) {
    let id = entry.id();
    match event {
        SystemEvent::ChannelCreated { rules: _, name, slots, owner, bots_change, require_terms, log } => {
            composition.name = name;
            composition.owner = owner;
            composition.bots_change = bots_change;
            composition.require_terms = require_terms;
            composition.log = log;
            composition.created_at = entry.envelope.ts;
            composition.slots = slots.into_iter().map(|slot| Slot::empty(slot.kind, slot.label)).collect();
        }
        SystemEvent::BotAttach { .. } => attach(composition, heads, id, event),
        SystemEvent::BotRuntime { bot_id, runtime, sandbox, sandbox_report, egress_hash } => {
            if let Some(bot) = composition.bots.iter_mut().find(|bot| bot.bot_id == bot_id) {
                bot.egress_hash = egress_hash;
                bot.runtime_hash = runtime_hash(&runtime, &sandbox, sandbox_report.as_ref());
            }
        }
        SystemEvent::BotDetach { bot_id, slot_id, .. } => {
            composition.slots[slot_id.place()].holder = None;
            if let Some(place) = composition.bots.iter().position(|bot| bot.bot_id == bot_id) {
                composition.bots.remove(place);
                heads.remove(place);
            }
        }
        SystemEvent::MemberJoin { slot_id, player, entropy, program, .. } => {
            let is_owner = player == composition.owner;
            let slot = &mut composition.slots[slot_id.place()];
            slot.holder = Some(Holder::Player {
                player,
                since: id,
                entropy: entropy.map(|entropy| Hash::of(&[entropy.as_bytes()])),
                program,
            });
            slot.tenure += 1;
            slot.invite_used = true;
            slot.admin |= is_owner;
        }
        SystemEvent::TermsAccepted { slot_id, .. } => composition.slots[slot_id.place()].accepted = true,
        SystemEvent::MemberRejoin { slot_id, player, .. } => {
            if let Some(Holder::Player { player: holder, program, .. }) = &mut composition.slots[slot_id.place()].holder
            {
                (*holder, *program) = (player, false);
            }
            // The acceptance in the log names whoever held the seat before.
            composition.slots[slot_id.place()].accepted = false;
        }
        SystemEvent::MemberLeave { slot_id, .. } | SystemEvent::MemberKick { slot_id, .. } => {
            let slot = &mut composition.slots[slot_id.place()];
            slot.holder = None;
            slot.admin = false;
            slot.accepted = false;
            slot.given_up = if matches!(event, SystemEvent::MemberLeave { .. }) { id } else { 0 };
        }
        SystemEvent::Renamed { name, .. } => composition.name = name,
        SystemEvent::AdminSet { slot_id, admin, .. } => composition.slots[slot_id.place()].admin = admin,
        SystemEvent::SlotYielded { slot_id, to, by } => {
            let slot = &mut composition.slots[slot_id.place()];
            slot.kind = to;
            slot.given_up = if by == Actor::Slot(slot_id) { id } else { 0 };
        }
        SystemEvent::InviteIssued { slot_id, generation, .. } => {
            let slot = &mut composition.slots[slot_id.place()];
            slot.invite = generation;
            slot.invite_used = false;
        }
        SystemEvent::SlotClosed { slot_id, .. } => composition.slots[slot_id.place()].closed = true,
        SystemEvent::DmUnsealed { bot_id } => unseal(composition, &bot_id, entry.envelope.cause.unwrap_or_default()),
        SystemEvent::CloseRequested { .. } => composition.close_requested = Some(id),
        SystemEvent::Closed {} => composition.closed = Some(id),
        SystemEvent::OperatorStopped {} => {
            composition.close_requested.get_or_insert(id);
            composition.closed = Some(id);
        }
        SystemEvent::BotsAnnounced { .. }
        | SystemEvent::EntriesDeleted { .. }
        | SystemEvent::BotManifest { .. }
        | SystemEvent::BotRan { .. }
        | SystemEvent::BotSkipped { .. }
        | SystemEvent::SeatsHeld { .. }
        | SystemEvent::SeatsReleased { .. }
        | SystemEvent::EntropyOpened { .. }
        | SystemEvent::SeedRevealed { .. }
        | SystemEvent::Timer { .. }
        | SystemEvent::BotError { .. } => {}
    }
}

fn attach(composition: &mut Composition, heads: &mut Vec<BotHead>, attached: u64, event: SystemEvent) {
    let SystemEvent::BotAttach {
        bot_id,
        slot_id,
        slot_label,
        name,
        preset,
        hooks,
        code_hash,
        manifest_hash,
        params_hash,
        env,
        api,
        limits,
        egress_hash,
        policy,
        unseals,
        runtime,
        sandbox,
        sandbox_report,
        seed_commitment,
        ..
    } = event
    else {
        return;
    };
    if let Some(label) = slot_label {
        composition.slots.push(Slot::empty(SlotKind::Bot, label));
    }
    composition.slots[slot_id.place()].holder = Some(Holder::Bot(bot_id.clone()));
    composition.bots_attached += 1;
    let present = composition.seats().map(|(slot_id, ..)| slot_id).collect();
    let runtime_hash = runtime_hash(&runtime, &sandbox, sandbox_report.as_ref());
    composition.bots.push(Bot {
        bot_id,
        slot_id,
        name,
        preset,
        hooks,
        attached,
        present,
        code_hash,
        manifest_hash,
        params_hash,
        env,
        api,
        limits,
        egress_hash,
        policy,
        unseals,
        runtime_hash,
    });
    let epoch = Epoch { number: 0, began: attached, commitment: seed_commitment, previous_seed: None };
    heads.push(BotHead { epoch: Some(epoch), ..BotHead::default() });
}

fn unseal(composition: &mut Composition, bot_id: &BotId, up_to: u64) {
    let Some(bot) = composition.bot(bot_id) else { return };
    let new = Unsealed { bot_id: bot_id.clone(), slot_id: bot.slot_id, attached: bot.attached, up_to };
    match composition.unsealed.iter_mut().find(|unsealed| unsealed.bot_id == *bot_id) {
        Some(unsealed) => unsealed.up_to = unsealed.up_to.max(up_to),
        None => composition.unsealed.push(new),
    }
}
