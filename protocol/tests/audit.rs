//! The rules that concern a log as a whole: which hooks were due, and that every entry of a bot belongs to one of them.

#![expect(clippy::unwrap_used, reason = "a failure here is a failure of the test")]

use std::sync::Arc;

use mcp_multiplayer_protocol::channel::{
    Audit, BOT_API, BOT_POLICY, BotsChange, ChannelState, Draft, Hook, RULES, Salts, SlotKind, Step,
};
use mcp_multiplayer_protocol::{
    Actor, Body, BotId, BotLimits, ChannelId, DirectMessage, Entry, Hash, HookFailure, HookOutcome, HookResult, Kind,
    Runtime, Salt, Sender, SkipReason, SlotId, SlotSpec, SystemEvent, TimerChange, Timestamp, canonical_text, limits,
    seed,
};
use serde_json::{Map, Value, json};

const START: i64 = 1_795_176_000_000;
const SEED: [u8; 32] = [7; 32];

/// A log that is being written; nothing but [`allowed`](mcp_multiplayer_protocol::channel::allowed) restrains it.
struct Log {
    state: ChannelState,
    now: i64,
    entries: Vec<Arc<Entry>>,
}

struct SaltsOfIds;

impl Salts for SaltsOfIds {
    fn salt(&mut self, id: u64) -> Salt {
        Salt(*Hash::of(&[b"salt", &id.to_be_bytes()]).as_bytes())
    }
}

fn bot(number: u32) -> BotId {
    BotId::new("Bot", number)
}

fn body(fields: Value) -> Body {
    Body::new("body", serde_json::from_value(fields).unwrap()).unwrap()
}

impl Log {
    /// A channel with a bot, whose `on_init` is due with this entry's id, 2.
    fn new(manifest: Value) -> Self {
        let mut log = Self { state: ChannelState::empty(ChannelId::from_bytes([7; 10])), now: START, entries: vec![] };
        let slot = |kind, label: &str| SlotSpec { kind, label: label.to_owned() };
        log.system(&SystemEvent::ChannelCreated {
            rules: RULES,
            name: "A game".to_owned(),
            slots: vec![slot(SlotKind::Bot, "referee"), slot(SlotKind::Invite, "alice"), slot(SlotKind::Bot, "other")],
            owner: Hash::of(&[b"alice"]),
            bots_change: BotsChange::Owner,
            require_terms: false,
            log: None,
        });
        log.attach(0, 0, manifest);
        log
    }

    fn attach(&mut self, number: u32, place: usize, manifest: Value) {
        let manifest: Map<String, Value> = serde_json::from_value(manifest).unwrap();
        let text = canonical_text("manifest", &Value::Object(manifest.clone())).unwrap();
        let hash = Hash::of(&[b"code"]);
        self.system(&SystemEvent::BotAttach {
            bot_id: bot(number),
            slot_id: SlotId::at(place),
            slot_label: None,
            name: "Bot".to_owned(),
            version: "1.0".to_owned(),
            preset: None,
            code_hash: hash,
            manifest_hash: Hash::of(&[text.as_bytes()]),
            params_hash: hash,
            env: vec![],
            api: BOT_API,
            hooks: vec![
                Hook::OnInit,
                Hook::OnJoin,
                Hook::OnMessage,
                Hook::OnPrivateMessage,
                Hook::OnTimer,
                Hook::OnClose,
            ],
            runtime: Runtime { worker: "1".to_owned(), python: "3".to_owned(), lock_hash: hash, memory_bytes: 1 },
            sandbox: "full".to_owned(),
            sandbox_report: None,
            limits: BotLimits::default(),
            egress_hash: None,
            policy: Some(BOT_POLICY),
            unseals: manifest.get("unseals") == Some(&json!(true)),
            seed_commitment: seed::commitment(&SEED),
            by: None,
        });
        self.system(&SystemEvent::BotManifest { bot_id: bot(number), manifest });
    }

    fn push(&mut self, draft: Draft) -> u64 {
        let mut step = Step::new(self.state.clone(), Timestamp::from_millis(self.now), SaltsOfIds);
        step.push(draft).unwrap();
        let (state, entries) = step.into_parts();
        self.state = state;
        self.entries.extend(entries);
        self.entries.len() as u64
    }

    fn system(&mut self, event: &SystemEvent) -> u64 {
        self.push(Draft::event(event, None))
    }

    fn caused(&mut self, trigger: u64, event: &SystemEvent) -> u64 {
        self.push(Draft::event(event, Some(trigger)))
    }

    fn say(&mut self, text: &str) -> u64 {
        let body = body(json!({ "text": text }));
        self.push(Draft { sender: Sender::Slot(SlotId::at(1)), kind: Kind::USER, to_slot: None, cause: None, body })
    }

    fn bot_post(&mut self, number: u32, trigger: u64) -> u64 {
        let (sender, body) = (Sender::Bot(bot(number)), body(json!({ "text": "hello" })));
        self.push(Draft { sender, kind: Kind::USER, to_slot: None, cause: Some(trigger), body })
    }

    fn join(&mut self) -> u64 {
        let (slot_id, label, player) = (SlotId::at(1), "alice".to_owned(), Hash::of(&[b"alice"]));
        self.system(&SystemEvent::MemberJoin { slot_id, label, player, entropy: None, program: false })
    }

    fn ran(&mut self, number: u32, trigger: u64, hook: Hook, effects: u32) -> u64 {
        self.ran_with(number, trigger, (0, hook), effects, HookOutcome::Ok, vec![])
    }

    fn ran_with(
        &mut self,
        number: u32,
        trigger: u64,
        (step, hook): (u32, Hook),
        effects: u32,
        outcome: HookOutcome,
        timers: Vec<TimerChange>,
    ) -> u64 {
        let event = SystemEvent::BotRan {
            bot_id: bot(number),
            trigger,
            step,
            hook,
            effects,
            drawn: vec![],
            timers,
            result: Some(HookResult { outcome, exchanged: None, undelivered: vec![] }),
        };
        self.caused(trigger, &event)
    }

    fn error(&mut self, trigger: u64) -> u64 {
        let (bot_id, hook, text) = (bot(0), Hook::OnMessage, "it failed".to_owned());
        let failure = HookFailure { reason: text.clone(), line: None, text };
        self.caused(trigger, &SystemEvent::BotError { bot_id, hook, failure })
    }

    fn skipped(&mut self, trigger: u64, hook: Hook, reason: SkipReason) -> u64 {
        self.caused(trigger, &SystemEvent::BotSkipped { bot_id: bot(0), trigger, step: 0, hook, reason })
    }

    /// The entry at which an audit stops, with the reason; `Ok` with the number of hooks that are due, if it does not stop.
    fn audit(&self) -> Result<usize, String> {
        let mut audit = Audit::new(ChannelState::empty(ChannelId::from_bytes([7; 10])));
        for entry in &self.entries {
            audit.append(entry).map_err(|violation| violation.to_string())?;
        }
        assert_eq!(*audit.state(), self.state);
        Ok(audit.pending().count())
    }
}

/// A channel in which `on_init` has run and alice has taken her seat, with entry 5. Her `on_join` has run, too.
fn started() -> Log {
    let mut log = Log::new(json!({}));
    log.ran(0, 2, Hook::OnInit, 0);
    let join = log.join();
    log.ran(0, join, Hook::OnJoin, 0);
    log
}

#[track_caller]
fn refused(log: &Log, reason: &str) {
    let found = log.audit().expect_err("a violation");
    assert_eq!(found, format!("entry {}: {reason}", log.entries.len()));
}

#[test]
fn hooks_run_in_order_and_each_is_followed_by_its_result() {
    let mut log = started();
    let first = log.say("one");
    let second = log.say("two");
    assert_eq!(log.audit(), Ok(2));
    log.bot_post(0, first);
    log.ran(0, first, Hook::OnMessage, 1);
    log.ran(0, second, Hook::OnMessage, 0);
    assert_eq!(log.audit(), Ok(0));
}

#[test]
fn no_effect_is_invented() {
    let mut log = started();
    let said = log.say("one");
    log.ran(0, said, Hook::OnMessage, 0);
    log.bot_post(0, said);
    refused(&log, "no hook that was due had this effect");
    let mut log = started();
    log.bot_post(0, 5);
    refused(&log, "no hook that was due had this effect");
    let mut log = started();
    log.ran(0, 5, Hook::OnMessage, 0);
    refused(&log, "no hook of the bot was due");
}

#[test]
fn no_hook_is_left_out() {
    let mut log = started();
    log.say("one");
    let second = log.say("two");
    log.ran(0, second, Hook::OnMessage, 0);
    refused(&log, "another hook of the bot was due before");
    let mut log = started();
    let said = log.say("one");
    log.ran(0, said, Hook::OnJoin, 0);
    refused(&log, "another hook of the bot was due before");
}

#[test]
fn effects_are_together_and_counted() {
    let mut log = started();
    let said = log.say("one");
    log.bot_post(0, said);
    log.ran(0, said, Hook::OnMessage, 2);
    refused(&log, "bot:ran counts another number of effects than there are before it");
    let mut log = started();
    let said = log.say("one");
    log.bot_post(0, said);
    log.say("in between");
    refused(&log, "the effects of a hook are directly before its bot:ran");
    let mut log = started();
    let said = log.say("one");
    log.bot_post(0, said);
    log.skipped(said, Hook::OnMessage, SkipReason::Budget);
    refused(&log, "a hook that was skipped has no effects");
}

#[test]
fn effects_of_two_bots_do_not_mix() {
    let mut log = started();
    log.attach(1, 2, json!({}));
    let attached = log.entries.len() as u64 - 1;
    log.ran(1, attached, Hook::OnInit, 0);
    log.ran_with(1, attached, (1, Hook::OnJoin), 0, HookOutcome::Ok, vec![]);
    let said = log.say("one");
    log.bot_post(0, said);
    log.bot_post(1, said);
    refused(&log, "the effects of a hook are directly before its bot:ran");
}

#[test]
fn a_hook_that_failed_has_no_effect_but_its_error() {
    let mut log = started();
    let said = log.say("one");
    log.error(said);
    log.ran_with(0, said, (0, Hook::OnMessage), 1, HookOutcome::Timeout, vec![]);
    assert_eq!(log.audit(), Ok(0));
    let reason = "a hook that failed has one effect, a bot:error; others have none";
    for (outcome, errors, posts) in [(HookOutcome::Ok, 1, 0), (HookOutcome::Error, 0, 0), (HookOutcome::Died, 1, 1)] {
        let mut log = started();
        let said = log.say("one");
        for _ in 0..errors {
            log.error(said);
        }
        for _ in 0..posts {
            log.bot_post(0, said);
        }
        log.ran_with(0, said, (0, Hook::OnMessage), errors + posts, outcome, vec![]);
        refused(&log, reason);
    }
}

#[test]
fn a_bot_that_cannot_start_is_detached_at_once_and_no_other() {
    let detach = |log: &mut Log| {
        let (bot_id, slot_id, reason) = (bot(0), SlotId::at(0), "on_init failed".to_owned());
        log.caused(2, &SystemEvent::BotDetach { bot_id, slot_id, reason, by: None })
    };
    let mut log = Log::new(json!({}));
    log.error(2);
    log.ran_with(0, 2, (0, Hook::OnInit), 1, HookOutcome::Error, vec![]);
    detach(&mut log);
    assert_eq!(log.audit(), Ok(0));
    let mut log = Log::new(json!({}));
    log.error(2);
    log.ran_with(0, 2, (0, Hook::OnInit), 1, HookOutcome::Error, vec![]);
    log.join();
    refused(&log, "a bot whose on_init failed is detached by the next entry");
    let mut log = Log::new(json!({}));
    log.ran(0, 2, Hook::OnInit, 0);
    detach(&mut log);
    refused(&log, "a bot is detached by nobody only directly after its on_init failed");
}

#[test]
fn hooks_are_skipped_only_for_a_reason() {
    for (reason, is_allowed) in [
        (SkipReason::Budget, true),
        (SkipReason::Depth, false),
        (SkipReason::Stale, false),
        (SkipReason::Closing, false),
        (SkipReason::Unavailable, false),
    ] {
        let mut log = started();
        let said = log.say("one");
        log.skipped(said, Hook::OnMessage, reason);
        if is_allowed {
            assert_eq!(log.audit(), Ok(0));
        } else {
            refused(&log, "the hook was skipped for a reason that does not apply");
        }
    }
    let mut log = started();
    let close = log.system(&SystemEvent::CloseRequested { by: Some(Actor::Owner) });
    log.skipped(close, Hook::OnClose, SkipReason::Closing);
    refused(&log, "the hook was skipped for a reason that does not apply");
}

/// Two bots that answer one another until the last answer starts no hook.
fn cascade() -> (Log, u64) {
    let mut log = started();
    log.attach(1, 2, json!({}));
    let attached = log.entries.len() as u64 - 1;
    log.ran(1, attached, Hook::OnInit, 0);
    log.ran_with(1, attached, (1, Hook::OnJoin), 0, HookOutcome::Ok, vec![]);
    let mut trigger = log.say("go");
    log.ran(1, trigger, Hook::OnMessage, 0);
    for depth in 0..limits::CASCADE_DEPTH {
        let number = depth % 2;
        let post = log.bot_post(number, trigger);
        log.ran(number, trigger, Hook::OnMessage, 1);
        trigger = post;
    }
    (log, trigger)
}

#[test]
fn a_chain_of_answers_ends() {
    let (mut log, last) = cascade();
    log.skipped(last, Hook::OnMessage, SkipReason::Depth);
    assert_eq!(log.audit(), Ok(0));
    let (mut log, last) = cascade();
    log.ran(0, last, Hook::OnMessage, 0);
    refused(&log, "the hook ran although it had to be skipped");
    let (mut log, last) = cascade();
    log.skipped(last, Hook::OnMessage, SkipReason::Budget);
    refused(&log, "the hook was skipped for a reason that does not apply");
}

#[test]
fn a_timer_that_was_cancelled_after_it_had_fired_is_stale() {
    let fired = |cancel: bool| {
        let mut log = started();
        let said = log.say("set");
        let set = TimerChange { n: 1, after_ms: Some(5_000) };
        let set_by = log.ran_with(0, said, (0, Hook::OnMessage), 0, HookOutcome::Ok, vec![set]);
        log.now += 2_000;
        let cancelling = log.say("cancel");
        log.now += 4_000;
        let timer = log.system(&SystemEvent::Timer { bot_id: bot(0), n: 1, set_by });
        let timers = if cancel { vec![TimerChange { n: 1, after_ms: None }] } else { vec![] };
        log.ran_with(0, cancelling, (0, Hook::OnMessage), 0, HookOutcome::Ok, timers);
        (log, timer)
    };
    for cancel in [true, false] {
        let (mut log, timer) = fired(cancel);
        log.ran(0, timer, Hook::OnTimer, 0);
        if cancel {
            refused(&log, "the hook ran although it had to be skipped");
        } else {
            assert_eq!(log.audit(), Ok(0));
        }
        let (mut log, timer) = fired(cancel);
        log.skipped(timer, Hook::OnTimer, SkipReason::Stale);
        if cancel {
            assert_eq!(log.audit(), Ok(0));
        } else {
            refused(&log, "the hook was skipped for a reason that does not apply");
        }
    }
}

#[test]
fn a_channel_closes_after_the_last_hook_and_the_promised_seed() {
    let closing = |manifest: Value| {
        let mut log = Log::new(manifest);
        log.ran(0, 2, Hook::OnInit, 0);
        let close = log.system(&SystemEvent::CloseRequested { by: Some(Actor::Owner) });
        (log, close)
    };
    let (mut log, _) = closing(json!({}));
    log.system(&SystemEvent::Closed {});
    refused(&log, "the channel was closed although hooks were due");

    let reveal = |log: &mut Log, close: u64| {
        let (seed, next_commitment) = ("07".repeat(32), Hash::of(&[b"next"]));
        log.caused(close, &SystemEvent::SeedRevealed { bot_id: bot(0), epoch: 0, began: 2, seed, next_commitment })
    };
    let promise = json!({ "reveal_on_close": true });
    let (mut log, close) = closing(promise.clone());
    log.ran(0, close, Hook::OnClose, 0);
    log.system(&SystemEvent::Closed {});
    refused(&log, "the channel was closed without a seed that a bot's manifest promises");

    let (mut log, close) = closing(promise);
    log.ran(0, close, Hook::OnClose, 0);
    reveal(&mut log, close);
    log.system(&SystemEvent::Closed {});
    assert_eq!(log.audit(), Ok(0));

    let (mut log, close) = closing(json!({}));
    log.ran(0, close, Hook::OnClose, 0);
    reveal(&mut log, close);
    refused(&log, "no hook that was due had this effect");
}

#[test]
fn the_operator_may_stop_a_channel_while_hooks_are_due() {
    let mut log = started();
    log.say("one");
    log.system(&SystemEvent::OperatorStopped {});
    assert_eq!(log.audit(), Ok(0));
}

#[test]
fn a_direct_message_is_an_effect_whose_label_is_in_its_body() {
    let mut log = started();
    let said = log.say("one");
    let dm = DirectMessage { kind: "bust".parse().unwrap(), body: body(json!({ "text": "you lose" })) };
    let (sender, body) = (Sender::Bot(bot(0)), dm.to_body().unwrap());
    log.push(Draft { sender, kind: Kind::PRIVATE, to_slot: Some(SlotId::at(1)), cause: Some(said), body });
    log.ran(0, said, Hook::OnMessage, 1);
    assert_eq!(log.audit(), Ok(0));
    let entry = &log.entries[log.entries.len() - 2];
    assert_eq!(entry.message(), (dm.kind, Some(dm.body)));
    let mut withheld = Entry::clone(entry);
    withheld.content = None;
    assert_eq!(withheld.message(), (Kind::PRIVATE, None));
}

#[test]
fn a_manifest_and_every_body_match_their_hashes() {
    let mut log = started();
    let mut forged = Entry::clone(&log.entries[2]);
    forged.content.as_mut().unwrap().body =
        body(json!({ "bot_id": "bot_Bot_0", "manifest": { "summary": "kind" }, "type": "bot:manifest" }));
    let sealed = Draft {
        sender: Sender::System,
        kind: Kind::SYSTEM,
        to_slot: None,
        cause: None,
        body: forged.body().unwrap().clone(),
    };
    log.entries[2] = Arc::new(forged);
    let mut audit = Audit::new(ChannelState::empty(ChannelId::from_bytes([7; 10])));
    audit.append(&log.entries[0]).unwrap();
    audit.append(&log.entries[1]).unwrap();
    let violation = audit.clone().append(&log.entries[2]).unwrap_err();
    assert_eq!(violation.reason, "its body does not match the hash in the log");
    let sealed = sealed.seal(audit.state(), Timestamp::from_millis(START), Salt([1; 32]));
    let violation = audit.append(&sealed).unwrap_err();
    assert_eq!(violation.reason, "the manifest does not match bot:attach");
}

#[test]
fn an_entry_that_no_hook_had_has_no_cause() {
    let mut log = started();
    log.caused(5, &SystemEvent::Renamed { name: "Finals".to_owned(), by: Actor::Owner });
    refused(&log, "an entry that is no effect of a hook has no cause");
}

#[test]
fn a_manifest_follows_its_bot_at_once_and_only_then() {
    let mut audit = Audit::new(ChannelState::empty(ChannelId::from_bytes([7; 10])));
    let log = started();
    audit.append(&log.entries[0]).unwrap();
    audit.append(&log.entries[1]).unwrap();
    let event = SystemEvent::Renamed { name: "Finals".to_owned(), by: Actor::Owner };
    let other = Draft::event(&event, None).seal(audit.state(), Timestamp::from_millis(START), Salt([1; 32]));
    let violation = audit.append(&other).unwrap_err();
    assert_eq!(violation.reason, "a bot's manifest is the entry after its bot:attach");
    let mut log = started();
    log.system(&SystemEvent::BotManifest { bot_id: bot(0), manifest: Map::new() });
    refused(&log, "a bot's manifest is the entry after its bot:attach, and no other");
}

#[test]
fn timers_fire_in_the_order_in_which_they_are_due() {
    let mut log = started();
    let said = log.say("set");
    let set = |n, after_ms| TimerChange { n, after_ms: Some(after_ms) };
    let set_by = log.ran_with(0, said, (0, Hook::OnMessage), 0, HookOutcome::Ok, vec![set(1, 9_000), set(2, 5_000)]);
    log.now += 60_000;
    let fire = |log: &Log, n| {
        let event = SystemEvent::Timer { bot_id: bot(0), n, set_by };
        let entry = Draft::event(&event, None).seal(&log.state, Timestamp::from_millis(log.now), Salt([1; 32]));
        log.state.clone().append(&entry).map_err(|error| error.message.into_owned())
    };
    assert_eq!(fire(&log, 1).unwrap_err(), "timers fire once, when they are due, in the order in which they are");
    fire(&log, 2).unwrap();
    let mut audit = Audit::new(ChannelState::empty(ChannelId::from_bytes([7; 10])));
    log.entries.iter().for_each(|entry| drop(audit.append(entry).unwrap()));
    assert_eq!(audit.overdue().count(), 0, "nothing in the log is later than the timers");
}

#[test]
fn what_was_due_when_a_channel_was_stopped_is_kept() {
    let mut log = started();
    let said = log.say("one");
    log.system(&SystemEvent::OperatorStopped {});
    let mut audit = Audit::new(ChannelState::empty(ChannelId::from_bytes([7; 10])));
    log.entries.iter().for_each(|entry| drop(audit.append(entry).unwrap()));
    let dropped: Vec<_> = audit.dropped().iter().map(|(bot_id, due)| (bot_id.clone(), due.trigger)).collect();
    assert_eq!(dropped, [(bot(0), said)]);
}

/// A closed channel in which alice has posted with entry 7 and then deleted that.
fn deleted(by: Option<SlotId>) -> Log {
    let mut log = started();
    log.say("regrettable");
    log.ran(0, 7, Hook::OnMessage, 0);
    let requested = log.system(&SystemEvent::CloseRequested { by: Some(Actor::Owner) });
    log.ran(0, requested, Hook::OnClose, 0);
    log.system(&SystemEvent::Closed {});
    log.system(&SystemEvent::EntriesDeleted { ids: vec![7], by });
    log
}

/// The log with entry `id` without its body.
fn without_body(mut log: Log, id: usize) -> Log {
    let entry = Entry { content: None, ..Entry::clone(&log.entries[id - 1]) };
    log.entries[id - 1] = Arc::new(entry);
    log
}

/// The first body that is missing at the end of a log that breaks no rule before.
fn missing_body(log: &Log) -> Option<String> {
    let mut audit = Audit::new(ChannelState::empty(ChannelId::from_bytes([7; 10])));
    for entry in &log.entries {
        audit.append(entry).unwrap();
    }
    audit.missing_body().map(|violation| violation.to_string())
}

#[test]
fn only_deleted_bodies_are_missing_from_a_log() {
    for by in [None, Some(SlotId::at(1))] {
        assert_eq!(missing_body(&deleted(by)), None);
        assert_eq!(missing_body(&without_body(deleted(by), 7)), None);
    }
    let mut kept = without_body(deleted(None), 7);
    kept.entries.pop();
    let reason = "entry 7: the body of a public entry is missing, and no entry says that it was deleted";
    assert_eq!(missing_body(&kept).as_deref(), Some(reason));
}

#[test]
fn players_delete_their_own_entries_after_the_close_and_nobody_those_of_the_relay() {
    let mut log = started();
    log.say("one");
    log.system(&SystemEvent::EntriesDeleted { ids: vec![4], by: None });
    refused(&log, "entries of the relay are not deleted");
    let mut log = deleted(None);
    log.entries.pop();
    let by = Some(SlotId::at(1));
    log.state = log.entries.iter().fold(ChannelState::empty(ChannelId::from_bytes([7; 10])), |mut state, entry| {
        state.append(entry).unwrap();
        state
    });
    log.system(&SystemEvent::EntriesDeleted { ids: vec![5], by });
    refused(&log, "entries of the relay are not deleted");
    // Before the close, a player may not.
    let mut log = started();
    log.say("one");
    let mut step = Step::new(log.state.clone(), Timestamp::from_millis(log.now), SaltsOfIds);
    assert!(step.push_event(&SystemEvent::EntriesDeleted { ids: vec![7], by }, None).is_err());
    let mut bots = deleted(None);
    bots.entries.truncate(6);
    let mut log = Log { state: ChannelState::empty(ChannelId::from_bytes([7; 10])), now: START, entries: vec![] };
    for entry in bots.entries {
        log.state.append(&entry).unwrap();
        log.entries.push(entry);
    }
    let said = log.say("hello");
    let posted = log.bot_post(0, said);
    log.ran(0, said, Hook::OnMessage, 1);
    let requested = log.system(&SystemEvent::CloseRequested { by: Some(Actor::Owner) });
    log.ran(0, requested, Hook::OnClose, 0);
    log.system(&SystemEvent::Closed {});
    log.system(&SystemEvent::EntriesDeleted { ids: vec![posted], by });
    refused(&log, "players delete only what they wrote, in the present tenure");
}
