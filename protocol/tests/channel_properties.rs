//! Properties of a channel that hold for any sequence of proposed entries, if only allowed entries are appended.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use mcp_multiplayer_protocol::channel::{
    Bot, BotsChange, ChannelState, Composition, Draft, Head, Holder, HookCall, Slot, SlotKind, Terms, allowed, evolve,
    plan,
};
use mcp_multiplayer_protocol::{
    Actor, Body, ChannelId, Entry, Hash, Kind, Salt, Sender, SlotId, SystemEvent, Timestamp, limits,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};

#[path = "channel_properties/attempt.rs"]
mod attempt;

use attempt::{Attempt, HOOKS, Options, attempts, due_timer, opening, options, player};

/// One appended entry, with the states before and after it.
struct Step {
    before: ChannelState,
    entry: Entry,
    after: ChannelState,
}

impl Step {
    fn event(&self) -> Option<SystemEvent> {
        let system = self.entry.envelope.sender == Sender::System;
        self.entry.body().filter(|_| system).and_then(|body| body.parse().ok())
    }
}

fn empty() -> ChannelState {
    ChannelState::empty(ChannelId::from_bytes([7; 10]))
}

/// Proposes the entry of each attempt in turn and appends those that are allowed.
fn play(options: Options, attempts: &[Attempt]) -> Vec<Step> {
    let mut state = empty();
    let mut steps = Vec::new();
    let mut append = |state: &mut ChannelState, entry: Entry| {
        if allowed(state, &entry).is_ok() {
            let before = state.clone();
            *state = evolve(before.clone(), &entry);
            steps.push(Step { before, entry, after: state.clone() });
        }
    };
    let first = opening(&state, options);
    append(&mut state, first);
    for attempt in attempts {
        while let Some(timer) = due_timer(&state).filter(|_| attempt.fires_timers) {
            append(&mut state, timer);
        }
        let entry = attempt.propose(&state);
        append(&mut state, entry);
    }
    steps
}

fn owns(composition: &Composition, slot_id: SlotId) -> bool {
    holder(composition, slot_id) == Some(composition.owner)
}

fn holder(composition: &Composition, slot_id: SlotId) -> Option<Hash> {
    composition.seats().find(|(seat, ..)| *seat == slot_id).map(|(.., player)| *player)
}

fn is_admin(composition: &Composition, by: Actor) -> bool {
    match by {
        Actor::Owner => true,
        Actor::Slot(slot_id) => composition
            .seats()
            .any(|(seat, slot, player)| seat == slot_id && (slot.admin || *player == composition.owner)),
    }
}

fn fold(entries: impl IntoIterator<Item = Entry>) -> ChannelState {
    entries.into_iter().fold(empty(), |mut state, entry| {
        state.append(&entry).expect("it was allowed before");
        state
    })
}

proptest! {
    #![proptest_config(Config::with_cases(300))]

    #[test]
    fn ids_are_contiguous_and_time_never_goes_back(options in options(), attempts in attempts()) {
        for (place, step) in play(options, &attempts).iter().enumerate() {
            prop_assert_eq!(step.entry.id(), place as u64 + 1);
            prop_assert_eq!(step.after.size(), step.entry.id());
            prop_assert!(step.entry.envelope.ts >= step.before.head.ts);
            prop_assert_eq!(step.after.head.ts, step.entry.envelope.ts);
            prop_assert_eq!(step.entry.envelope.channel_id, step.after.composition.channel_id);
            prop_assert_eq!(&step.entry.content.as_ref().unwrap().hash(), &step.entry.envelope.body_hash);
        }
    }

    #[test]
    fn senders_hold_a_seat_or_are_attached_bots(options in options(), attempts in attempts()) {
        for Step { before, entry, .. } in play(options, &attempts) {
            let (channel, envelope) = (&before.composition, &entry.envelope);
            match &envelope.sender {
                Sender::Slot(slot_id) => {
                    prop_assert!(holder(channel, *slot_id).is_some());
                    prop_assert!(envelope.cause.is_none());
                    prop_assert_eq!(envelope.to_slot.is_some(), envelope.kind == Kind::PRIVATE);
                    prop_assert!(envelope.to_slot.is_some() || !envelope.kind.is_reserved());
                    let to = envelope.to_slot.and_then(|to| channel.slot(to)).and_then(|slot| slot.holder.as_ref());
                    prop_assert!(envelope.to_slot.is_none() || matches!(to, Some(Holder::Bot(_))));
                }
                Sender::Bot(bot_id) => {
                    prop_assert!(channel.bot(bot_id).is_some());
                    prop_assert!(envelope.cause.is_some_and(|cause| cause < entry.id()));
                    prop_assert_ne!(&envelope.kind, &Kind::TRACE);
                    let tenure = envelope.to_slot.and_then(|to| channel.slot(to)).and_then(Slot::tenure_began);
                    prop_assert_eq!(envelope.to_tenure, tenure);
                    prop_assert_eq!(envelope.to_slot.is_some(), tenure.is_some());
                    prop_assert!(tenure <= envelope.cause);
                }
                Sender::System => prop_assert!(envelope.to_slot.is_none()),
            }
        }
    }

    #[test]
    fn only_permitted_system_entries_change_the_composition(options in options(), attempts in attempts()) {
        for step in play(options, &attempts) {
            let (before, after) = (&*step.before.composition, &*step.after.composition);
            let Some(event) = step.event().filter(|event| event.kind() == Kind::SYSTEM) else {
                prop_assert_eq!(before, after, "{:?}", step.entry);
                continue;
            };
            let changes = Composition { revision: before.revision, ..after.clone() } != *before;
            match event {
                SystemEvent::ChannelCreated { .. } => prop_assert_eq!(step.entry.id(), 1),
                SystemEvent::MemberLeave { slot_id, by, .. } => prop_assert_eq!(by, Actor::Slot(slot_id)),
                SystemEvent::SlotYielded { slot_id, by, .. } | SystemEvent::InviteIssued { slot_id, by, .. } => {
                    let gives_up = before.slot(slot_id).is_some_and(|slot| slot.given_up + 1 == step.entry.id());
                    prop_assert!(is_admin(before, by) || gives_up && by == Actor::Slot(slot_id));
                }
                SystemEvent::MemberKick { by, .. }
                | SystemEvent::Renamed { by, .. }
                | SystemEvent::AdminSet { by, .. }
                | SystemEvent::SlotClosed { by, .. }
                | SystemEvent::CloseRequested { by: Some(by) }
                | SystemEvent::BotAttach { by: Some(by), .. }
                | SystemEvent::BotDetach { by: Some(by), .. } => prop_assert!(is_admin(before, by)),
                // Authorized by an invite code or rejoin token, which is not in the log, by the operator, or caused by the bot's own on_init.
                SystemEvent::MemberJoin { .. }
                | SystemEvent::TermsAccepted { .. }
                | SystemEvent::MemberRejoin { .. }
                | SystemEvent::BotAttach { by: None, .. }
                | SystemEvent::BotDetach { by: None, .. }
                | SystemEvent::BotRuntime { .. }
                | SystemEvent::CloseRequested { by: None }
                | SystemEvent::Closed {}
                | SystemEvent::OperatorStopped {} => {}
                SystemEvent::EntriesDeleted { by, .. } => {
                    prop_assert!(!changes);
                    prop_assert!(before.closed.is_some() || by.is_none() && before.close_requested.is_none());
                }
                SystemEvent::DmUnsealed { bot_id } => {
                    prop_assert!(before.bot(&bot_id).is_some_and(|bot| bot.unseals));
                    let sealed = Composition { unsealed: before.unsealed.clone(), ..after.clone() };
                    prop_assert_eq!(Composition { revision: before.revision, ..sealed }, before.clone());
                }
                SystemEvent::BotsAnnounced { .. }
                | SystemEvent::BotManifest { .. }
                | SystemEvent::BotRan { .. }
                | SystemEvent::BotSkipped { .. }
                | SystemEvent::SeatsHeld { .. }
                | SystemEvent::SeatsReleased { .. }
                | SystemEvent::BotError { .. }
                | SystemEvent::EntropyOpened { .. }
                | SystemEvent::SeedRevealed { .. }
                | SystemEvent::Timer { .. } => prop_assert!(!changes),
            }
        }
    }

    #[test]
    fn each_slot_has_one_holder_and_each_bot_one_slot(options in options(), attempts in attempts()) {
        for Step { after, .. } in play(options, &attempts) {
            let channel = &*after.composition;
            let mut seated_bots = BTreeMap::new();
            for (slot_id, slot) in channel.slots() {
                match &slot.holder {
                    Some(Holder::Bot(bot_id)) => {
                        prop_assert_eq!(slot.kind, SlotKind::Bot);
                        prop_assert!(seated_bots.insert(bot_id.clone(), slot_id).is_none());
                    }
                    Some(Holder::Player { since, .. }) => {
                        prop_assert_eq!(slot.kind, SlotKind::Invite);
                        prop_assert!(*since <= after.size() && slot.invite_used);
                    }
                    None => prop_assert!(!slot.admin),
                }
                prop_assert!(!(slot.closed && slot.holder.is_some()));
            }
            let bots: BTreeMap<_, _> = channel.bots.iter().map(|bot| (bot.bot_id.clone(), bot.slot_id)).collect();
            prop_assert_eq!(bots, seated_bots);
            prop_assert_eq!(channel.bots.len(), after.head.bots.len());
            prop_assert!(channel.slots.len() <= limits::SLOTS);
        }
    }

    #[test]
    fn tenure_numbers_only_grow_and_each_invite_is_redeemed_once(options in options(), attempts in attempts()) {
        let mut redeemed = HashSet::new();
        for step in play(options, &attempts) {
            let joined = match step.event() {
                Some(SystemEvent::MemberJoin { slot_id, .. }) => Some(slot_id),
                _ => None,
            };
            for (slot_id, slot) in step.before.composition.slots() {
                let now = step.after.composition.slot(slot_id).expect("slots stay");
                prop_assert_eq!(now.tenure, slot.tenure + u32::from(joined == Some(slot_id)));
                prop_assert!((slot.invite..=slot.invite + 1).contains(&now.invite));
                // A seat that stays filled, even after a rejoin, stays in the same tenure.
                if let (Some(Holder::Player { since, .. }), Some(Holder::Player { since: now, .. })) = (&slot.holder, &now.holder) {
                    prop_assert_eq!(since, now);
                }
            }
            if let Some(slot_id) = joined {
                let slot = step.before.composition.slot(slot_id).expect("a seat");
                prop_assert!(redeemed.insert((slot_id, slot.invite)), "{} twice", slot_id);
            }
        }
    }

    #[test]
    fn only_the_owner_demotes_or_removes_the_owners_seat(options in options(), attempts in attempts()) {
        for step in play(options, &attempts) {
            let (before, after) = (&*step.before.composition, &*step.after.composition);
            for (slot_id, slot) in before.slots().filter(|(slot_id, _)| owns(before, *slot_id)) {
                let now = after.slot(slot_id).expect("slots stay");
                if now.holder == slot.holder && (now.admin || !slot.admin) {
                    continue;
                }
                let by_owner = match step.event() {
                    Some(SystemEvent::MemberKick { by, .. } | SystemEvent::AdminSet { by, .. } | SystemEvent::MemberLeave { by, .. }) => {
                        by == Actor::Owner || matches!(by, Actor::Slot(by) if owns(before, by))
                    }
                    // A rejoin needs the owner's rejoin token.
                    Some(SystemEvent::MemberRejoin { .. }) => true,
                    _ => false,
                };
                prop_assert!(by_owner, "{:?}", step.entry);
            }
        }
    }

    #[test]
    fn after_the_request_to_close_only_hooks_append_entries_and_nothing_after_the_close(options in options(), attempts in attempts()) {
        for step in play(options, &attempts) {
            let before = &step.before.composition;
            if before.closed.is_some() {
                let is_deletion = matches!(step.event(), Some(SystemEvent::EntriesDeleted { .. }));
                prop_assert!(is_deletion, "nothing else follows the close");
                continue;
            }
            let Some(request) = before.close_requested else { continue };
            let envelope = &step.entry.envelope;
            match step.event() {
                Some(SystemEvent::Closed {} | SystemEvent::OperatorStopped {} | SystemEvent::BotRuntime { .. }) => continue,
                None => prop_assert!(matches!(envelope.sender, Sender::Bot(_))),
                Some(SystemEvent::BotRan { .. } | SystemEvent::BotSkipped { .. } | SystemEvent::BotError { .. }
                    | SystemEvent::SeatsHeld { .. } | SystemEvent::SeatsReleased { .. } | SystemEvent::EntropyOpened { .. }
                    | SystemEvent::DmUnsealed { .. }
                    | SystemEvent::BotDetach { by: None, .. }) => {}
                Some(other) => prop_assert!(false, "{other:?}"),
            }
            prop_assert!(envelope.cause.is_some_and(|cause| cause <= request), "{:?}", step.entry);
            prop_assert!(step.after.head.bots.iter().all(|bot| bot.due <= request && bot.timers.is_empty()));
        }
    }

    #[test]
    fn bots_of_a_sealed_channel_do_not_change(options in options(), attempts in attempts()) {
        for step in play(options, &attempts) {
            let (before, after) = (&*step.before.composition, &*step.after.composition);
            let seated = before.slots.iter().filter(|slot| slot.tenure > 0).count();
            prop_assert_eq!(before.is_sealed(), before.bots_change == BotsChange::Never && seated >= 2);
            let ids = |channel: &Composition| channel.bots.iter().map(|bot| bot.bot_id.clone()).collect::<Vec<_>>();
            if !before.is_sealed() || ids(before) == ids(after) {
                continue;
            }
            let Some(SystemEvent::BotDetach { bot_id, by: None, .. }) = step.event() else {
                panic!("a bot of a sealed channel was changed: {:?}", step.entry)
            };
            prop_assert_eq!(step.entry.envelope.cause, before.bot(&bot_id).map(|bot| bot.attached));
        }
    }

    #[test]
    fn due_is_the_last_entry_that_starts_a_hook(options in options(), attempts in attempts()) {
        let steps = play(options, &attempts);
        let Some(Step { after: state, .. }) = steps.last() else { return Ok(()) };
        let open = |entry: &&Entry| state.composition.close_requested.is_none_or(|request| entry.id() <= request);
        for (bot, head) in state.bots() {
            let mut steps = steps.iter().filter(|step| open(&&step.entry));
            let last = steps.rfind(|step| !plan(&step.after.composition, bot, &step.entry).is_empty());
            prop_assert_eq!(head.due, last.map_or(0, |step| step.entry.id()));
        }
    }

    #[test]
    fn each_relevant_entry_starts_each_hook_of_a_bot_once(options in options(), attempts in attempts()) {
        let steps = play(options, &attempts);
        let Some(Step { after: state, .. }) = steps.last() else { return Ok(()) };
        for bot in &state.composition.bots {
            let all = Bot { hooks: HOOKS.to_vec(), ..bot.clone() };
            let (mut inits, mut present) = (0, BTreeSet::new());
            for step in &steps {
                let calls = plan(&step.after.composition, &all, &step.entry);
                let defined: Vec<_> = calls.iter().copied().filter(|call| bot.hooks.contains(&call.hook())).collect();
                prop_assert_eq!(plan(&step.after.composition, bot, &step.entry), defined);
                prop_assert!(calls.is_empty() || step.entry.id() >= bot.attached);
                prop_assert!(calls.is_empty() || step.entry.envelope.sender != Sender::Bot(bot.bot_id.clone()));
                for call in calls {
                    match call {
                        HookCall::Init => inits += 1,
                        HookCall::Join(slot_id) => prop_assert!(present.insert(slot_id), "{} joined twice", slot_id),
                        HookCall::Leave(slot_id) => prop_assert!(present.remove(&slot_id), "{} left twice", slot_id),
                        HookCall::Ready => prop_assert_eq!(step.after.composition.ready, Some(step.entry.id())),
                        HookCall::Start => {
                            let opened = matches!(step.event(), Some(SystemEvent::EntropyOpened { bot_id, .. }) if bot_id == bot.bot_id);
                            prop_assert!(opened);
                        }
                        HookCall::Message => prop_assert!(step.entry.envelope.to_slot.is_none()),
                        HookCall::PrivateMessage(from) => {
                            prop_assert_eq!(step.entry.envelope.to_slot, Some(bot.slot_id));
                            prop_assert_eq!(&step.entry.envelope.sender, &Sender::Slot(from));
                        }
                        HookCall::Timer(n) => {
                            let fired = matches!(step.event(), Some(SystemEvent::Timer { n: fired, .. }) if fired == n);
                            prop_assert!(fired);
                        }
                        HookCall::Close => {
                            let requested = matches!(step.event(), Some(SystemEvent::CloseRequested { .. }));
                            prop_assert!(requested);
                        }
                    }
                }
            }
            prop_assert_eq!(inits, 1);
            prop_assert_eq!(present, state.composition.seats().map(|(slot_id, ..)| slot_id).collect());
        }
    }

    #[test]
    fn where_terms_are_required_only_seats_that_accepted_the_present_ones_post(options in options(), attempts in attempts()) {
        // The slots whose players have accepted the terms, as the log says.
        let mut accepted = BTreeSet::new();
        for step in play(options, &attempts) {
            if let Sender::Slot(slot_id) = step.entry.envelope.sender {
                prop_assert!(!options.require_terms || accepted.contains(&slot_id));
            }
            match step.event() {
                Some(SystemEvent::TermsAccepted { slot_id, terms_hash }) => {
                    prop_assert_eq!(terms_hash, Terms::of(&step.before.composition).hash());
                    prop_assert!(holder(&step.before.composition, slot_id).is_some());
                    accepted.insert(slot_id);
                }
                Some(
                    SystemEvent::MemberLeave { slot_id, .. }
                    | SystemEvent::MemberKick { slot_id, .. }
                    | SystemEvent::MemberRejoin { slot_id, .. },
                ) => {
                    accepted.remove(&slot_id);
                }
                _ => {}
            }
            if Terms::of(&step.before.composition) != Terms::of(&step.after.composition) {
                accepted.clear();
            }
            let shown = step.after.composition.slots().filter(|(_, slot)| slot.accepted);
            prop_assert_eq!(&shown.map(|(slot_id, _)| slot_id).collect::<BTreeSet<_>>(), &accepted);
        }
    }

    #[test]
    fn a_channel_gets_ready_once_for_each_change_of_its_bots(options in options(), attempts in attempts()) {
        let mut was_ready = false;
        for step in play(options, &attempts) {
            let (before, after) = (&step.before.composition, &step.after.composition);
            was_ready &= before.bots == after.bots || before.bots.len() == after.bots.len();
            let mut seats = after.slots.iter().filter(|slot| slot.kind == SlotKind::Invite && !slot.closed).peekable();
            let complete = seats.peek().is_some()
                && after.close_requested.is_none()
                && seats.all(|slot| slot.has_player() && (slot.accepted || !options.require_terms));
            prop_assert_eq!(after.ready == Some(step.entry.id()), complete && !was_ready, "{:?}", step.entry);
            was_ready |= complete;
        }
    }

    #[test]
    fn a_timer_fires_once_when_it_is_due_and_before_members_act(options in options(), attempts in attempts()) {
        for step in play(options, &attempts) {
            let now = step.entry.envelope.ts;
            let by_member = match (&step.entry.envelope.sender, step.event()) {
                (Sender::Slot(_), _) => true,
                (_, Some(event)) => matches!(event,
                    SystemEvent::MemberJoin { .. } | SystemEvent::MemberKick { .. } | SystemEvent::CloseRequested { .. }),
                _ => false,
            };
            if by_member {
                prop_assert!(step.before.next_timer().is_none_or(|(_, timer)| timer.due > now));
            }
            if let Some(SystemEvent::Timer { bot_id, n, set_by }) = step.event() {
                let running = |state: &ChannelState| state.bot_head(&bot_id).unwrap().timers.iter().find(|timer| timer.n == n).copied();
                let timer = running(&step.before).expect("it was running");
                prop_assert!(timer.due <= now && timer.set_by == set_by && running(&step.after).is_none());
            }
            for head in &step.after.head.bots {
                prop_assert!(head.timers.len() <= limits::TIMERS && head.timers.iter().all(|timer| timer.n <= head.timers_set));
            }
        }
    }

    #[test]
    fn while_seats_are_held_nobody_is_kicked_and_no_bot_changed(options in options(), attempts in attempts()) {
        for step in play(options, &attempts) {
            if step.before.seats_held_until(step.entry.envelope.ts).is_none() {
                continue;
            }
            let refused = matches!(step.event(),
                Some(SystemEvent::MemberKick { .. } | SystemEvent::SlotYielded { .. } | SystemEvent::SlotClosed { .. }
                    | SystemEvent::InviteIssued { .. } | SystemEvent::BotAttach { .. } | SystemEvent::BotDetach { by: Some(_), .. }));
            prop_assert!(!refused, "{:?}", step.entry);
        }
    }

    #[test]
    fn replaying_the_serialized_log_leads_to_the_same_state(options in options(), attempts in attempts()) {
        let steps = play(options, &attempts);
        let Some(Step { after: state, .. }) = steps.last() else { return Ok(()) };
        let read = steps.iter().map(|step| {
            let text = serde_json::to_string(&step.entry).unwrap();
            let entry: Entry = serde_json::from_str(&text).unwrap();
            assert_eq!(entry, step.entry);
            entry
        });
        prop_assert_eq!(&fold(read), state);

        let head: Head = serde_json::from_str(&serde_json::to_string(&state.head).unwrap()).unwrap();
        let composition: Composition = serde_json::from_str(&serde_json::to_string(&*state.composition).unwrap()).unwrap();
        prop_assert_eq!(&ChannelState { head, composition: composition.into() }, state);
    }

    #[test]
    fn missing_bodies_do_not_change_the_state(options in options(), attempts in attempts()) {
        let steps = play(options, &attempts);
        let Some(Step { after: state, .. }) = steps.last() else { return Ok(()) };
        let without_bodies = steps.iter().map(|step| {
            let mut entry = step.entry.clone();
            if entry.envelope.sender != Sender::System {
                entry.content = None;
            }
            entry
        });
        prop_assert_eq!(&fold(without_bodies), state);
    }

    #[test]
    fn a_flipped_bit_changes_the_leaf_and_the_root(options in options(), attempts in attempts(), at: prop::sample::Index, bit in 0..8_u32) {
        let steps = play(options, &attempts);
        let Step { before, entry, after } = at.get(&steps);
        let mut bytes = entry.envelope.canonical_bytes();
        let place = at.index(bytes.len());
        bytes[place] ^= 1 << bit;
        let leaf = mcp_multiplayer_protocol::merkle::leaf_hash(&bytes);
        prop_assert_ne!(leaf, entry.envelope.leaf_hash());
        let mut frontier = before.head.frontier.clone();
        frontier.push(leaf);
        prop_assert_ne!(frontier.root(), after.head.frontier.root());
    }
}

/// Only the Merkle frontier grows with the log, and only logarithmically.
#[test]
fn the_state_does_not_grow_with_the_log() {
    let mut state =
        evolve(empty(), &opening(&empty(), Options { bots_change: BotsChange::Never, require_terms: false }));
    let join = SystemEvent::MemberJoin {
        slot_id: SlotId::at(1),
        label: "slot".to_owned(),
        player: player(0),
        entropy: None,
        program: false,
    };
    let system = |state: &ChannelState, event: &SystemEvent| {
        Draft::event(event, None).seal(state, Timestamp::from_millis(0), Salt([1; 32]))
    };
    let entry = system(&state, &join);
    state = evolve(state, &entry);
    let body = Body::from_canonical(r#"{"text":"hello"}"#).expect("canonical");
    let short = serde_json::to_string(&*state.composition).expect("JSON").len();
    for _ in 0..20_000 {
        let (sender, body) = (Sender::Slot(SlotId::at(1)), body.clone());
        let draft = Draft { sender, kind: Kind::USER, to_slot: None, cause: None, body };
        let entry = draft.seal(&state, Timestamp::from_millis(0), Salt([1; 32]));
        state.append(&entry).expect("a player may post");
    }
    assert_eq!(serde_json::to_string(&*state.composition).expect("JSON").len(), short);
    assert_eq!(state.head.frontier.peaks().len(), 20_002_u64.count_ones() as usize);
}

/// Checks that the random attempts exercise every rule. Otherwise the properties above would prove nothing.
#[test]
fn attempts_reach_every_rule() {
    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut count = |what: &str| *seen.entry(what.to_owned()).or_default() += 1;
    for case in 0..1_500 {
        let attempts = attempts().new_tree(&mut runner).expect("a sequence").current();
        let bots_change = if case % 2 == 0 { BotsChange::Owner } else { BotsChange::Never };
        for step in play(Options { bots_change, require_terms: case % 3 == 0 }, &attempts) {
            match &step.entry.envelope.sender {
                Sender::System => {
                    let body: serde_json::Value = step.entry.body().expect("a body").parse().expect("JSON");
                    count(body["type"].as_str().expect("a type"));
                }
                Sender::Slot(_) if step.entry.envelope.to_slot.is_some() => count("a DM"),
                Sender::Slot(_) => count("a post"),
                Sender::Bot(_) => count("a bot's post"),
            }
            if step.before.composition.close_requested.is_some() {
                count("after the request to close");
            }
            if step.before.composition.is_sealed() {
                count("sealed");
            }
            if step.after.composition.slots.iter().any(|slot| slot.tenure > 1) {
                count("a second tenure");
            }
            if step.after.composition.ready == Some(step.entry.id()) {
                count(if step.after.composition.require_terms { "ready with accepted terms" } else { "ready" });
            }
        }
    }
    let rare: Vec<_> = seen.iter().filter(|(_, times)| **times < 20).collect();
    assert!(rare.is_empty(), "{rare:?}");
    assert_eq!(seen.len(), 28 + 8, "{seen:?}");
}
