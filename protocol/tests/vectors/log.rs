//! The log from which the test vectors were written: one entry of every type, in an order that the
//! rules of a channel allow. The expected results are not here but in the committed file.

use mcp_multiplayer_protocol::channel::{
    BOT_API, BOT_POLICY, BotsChange, ChannelState, Draft, Hook, RULES, SlotKind, Terms,
};
use mcp_multiplayer_protocol::checkpoint::LogIdentity;
use mcp_multiplayer_protocol::{
    Actor, Body, BotAnnouncement, BotId, BotLimits, ChannelId, Contribution, Entry, Hash, HookFailure, HookOutcome,
    HookResult, KeystreamRange, Kind, NetworkExchange, Runtime, Salt, SandboxReport, Sender, SkipReason, SlotId,
    SlotSpec, SystemEvent, TimerChange, Timestamp, seed,
};
use mcp_multiplayer_protocol::{PrivateResult, SigningKey};
use serde_json::{Map, Value, json};

/// 2026-11-20T12:00:00.000Z
const START: i64 = 1_795_176_000_000;

struct Log {
    state: ChannelState,
    entries: Vec<(&'static str, Entry)>,
}

/// Returns the entries, each with a description.
pub(super) fn entries() -> Vec<(&'static str, Entry)> {
    let state = ChannelState::empty(ChannelId::from_bytes([1, 35, 69, 103, 137, 171, 205, 239, 16, 50]));
    let mut log = Log { state, entries: Vec::new() };
    append_opening(&mut log);
    append_messages(&mut log);
    append_changes(&mut log);
    append_ending(&mut log);
    log.entries
}

/// Returns a second log, with the entries that bots' timers, draws and network exchanges produce.
#[expect(clippy::too_many_lines, reason = "one entry after another")]
pub(super) fn entries_of_bots() -> Vec<(&'static str, Entry)> {
    let state = ChannelState::empty(ChannelId::from_bytes([9; 10]));
    let mut log = Log { state, entries: Vec::new() };
    let slots = ["referee", "alice"].map(|label| SlotSpec {
        kind: if label == "alice" { SlotKind::Invite } else { SlotKind::Bot },
        label: label.to_owned(),
    });
    let (name, owner) = ("Dice".to_owned(), pseudonym("alice"));
    let (slots, bots_change, require_terms) = (slots.to_vec(), BotsChange::Never, true);
    let origin = "relay.example.org".parse().expect("an origin");
    let log_key = SigningKey::ed25519(&[7; 32]).public();
    let identity = Some(LogIdentity { origin, key: log_key });
    let created =
        SystemEvent::ChannelCreated { rules: RULES, name, slots, owner, bots_change, require_terms, log: identity };
    log.system("channel created", None, &created);
    let mut attached = attach("GuessBot", 0, 0, None, None);
    if let SystemEvent::BotAttach {
        preset, env, hooks, sandbox, sandbox_report, egress_hash, policy, unseals, ..
    } = &mut attached
    {
        *preset = Some("GuessBot".to_owned());
        env.push("API_KEY".to_owned());
        hooks.extend([Hook::OnReady, Hook::OnStart, Hook::OnTimer, Hook::OnClose]);
        "kernel".clone_into(sandbox);
        *sandbox_report = Some(SandboxReport {
            active: vec!["seccomp".to_owned(), "landlock".to_owned()],
            missing: vec!["namespaces: Operation not permitted".to_owned()],
            self_test: "passed".to_owned(),
        });
        *egress_hash = Some(Hash::of(&[b"rules"]));
        *policy = None;
        *unseals = true;
    }
    log.system("bot attached behind a sandbox with a gap", None, &attached);
    log.system("seat taken, with entropy", None, &join(1, "alice", Some("four dice: 6 1 3 3".to_owned())));
    let contribution = Contribution { slot_id: SlotId::at(1), entry: 3, entropy: Hash::of(&[b"four dice: 6 1 3 3"]) };
    let opened = SystemEvent::EntropyOpened {
        bot_id: referee(),
        epoch: 0,
        contributions: vec![contribution],
        missing: vec![SlotId::at(2)],
    };
    log.system("keystream opened", Some(3), &opened);
    let ran = SystemEvent::BotRan {
        bot_id: referee(),
        trigger: 3,
        step: 0,
        hook: Hook::OnJoin,
        effects: 2,
        drawn: vec![
            KeystreamRange { epoch: 0, open: false, from: 0, to: 8 },
            KeystreamRange { epoch: 0, open: true, from: 0, to: 40 },
        ],
        timers: vec![
            TimerChange { n: 1, after_ms: Some(60_000) },
            TimerChange { n: 1, after_ms: None },
            TimerChange { n: 2, after_ms: Some(1_000) },
        ],
        result: Some(HookResult {
            outcome: HookOutcome::Ok,
            exchanged: Some(NetworkExchange {
                record_hash: Hash::of(&[b"record"]),
                hosts: vec!["example.com:443".to_owned()],
                sealed: true,
            }),
            undelivered: vec![1],
        }),
    };
    log.system("a hook ran that drew, set timers and asked the world", Some(3), &ran);
    let until = Timestamp::from_millis(START + 3_600_000);
    log.system("seats held", Some(3), &SystemEvent::SeatsHeld { bot_id: referee(), until });
    log.system("timer fired", None, &SystemEvent::Timer { bot_id: referee(), n: 2, set_by: 5 });
    let (seed, next_commitment) = ("00".repeat(32), Hash::of(&[b"next"]));
    let revealed = SystemEvent::SeedRevealed { bot_id: referee(), epoch: 0, began: 2, seed, next_commitment };
    log.system("seed revealed", Some(7), &revealed);
    log.system("seats released", Some(3), &SystemEvent::SeatsReleased { bot_id: referee() });
    let skipped = SystemEvent::BotSkipped {
        bot_id: referee(),
        trigger: 7,
        step: 0,
        hook: Hook::OnTimer,
        reason: SkipReason::Stale,
    };
    log.system("a hook was skipped", Some(7), &skipped);
    let changed = SystemEvent::BotRuntime {
        bot_id: referee(),
        runtime: Runtime {
            worker: "0.2.0".to_owned(),
            python: "3.13.5".to_owned(),
            lock_hash: Hash::of(&[b"requirements"]),
            memory_bytes: 1 << 29,
        },
        sandbox: "full".to_owned(),
        sandbox_report: None,
        egress_hash: Some(Hash::of(&[b"other rules"])),
    };
    log.system("other software runs a bot", None, &changed);
    log.system("DMs unsealed", Some(7), &SystemEvent::DmUnsealed { bot_id: referee() });
    let terms_hash = Terms::of(&log.state.composition).hash();
    log.system("terms accepted", None, &SystemEvent::TermsAccepted { slot_id: SlotId::at(1), terms_hash });
    log.system("channel stopped by the operator", None, &SystemEvent::OperatorStopped {});
    log.entries
}

fn append_opening(log: &mut Log) {
    let slot = |kind, label: &str| SlotSpec { kind, label: label.to_owned() };
    log.system(
        "channel created",
        None,
        &SystemEvent::ChannelCreated {
            rules: RULES,
            name: "Guess Game \u{1f3b2} \u{201c}très\u{201d}".to_owned(),
            slots: vec![
                slot(SlotKind::Bot, "referee"),
                slot(SlotKind::Invite, "alice"),
                slot(SlotKind::Invite, "bob"),
                slot(SlotKind::Invite, "spare"),
            ],
            owner: pseudonym("alice"),
            bots_change: BotsChange::Owner,
            require_terms: false,
            log: None,
        },
    );
    log.system(
        "bots announced",
        None,
        &SystemEvent::BotsAnnounced {
            bots: vec![BotAnnouncement {
                slot_id: SlotId::at(0),
                name: "GuessBot".to_owned(),
                version: "1.0".to_owned(),
                summary: "Referees a number guessing game.".to_owned(),
            }],
        },
    );
    log.system("bot attached with its channel", None, &attach("GuessBot", 0, 0, None, None));
    let Value::Object(manifest) = json!({ "summary": "guess", "params": { "range": [1, 100], "pace": 0.5 } }) else {
        unreachable!("an object")
    };
    log.system("bot's manifest", None, &SystemEvent::BotManifest { bot_id: referee(), manifest });
    log.post(
        "bot's post under a kind of its own",
        Sender::Bot(referee()),
        "system",
        None,
        Some(3),
        json!({ "text": "Ready" }),
    );
    log.hook_ran("a hook ran", Hook::OnInit, 3, HookOutcome::Ok);
    let entropy = Some("four dice: 6 1 3 3".to_owned());
    log.system("seat taken, with entropy", None, &join(1, "alice", entropy));
    log.system("seat taken", None, &join(2, "bob", None));
}

fn append_messages(log: &mut Log) {
    let alice = Sender::Slot(SlotId::at(1));
    log.post("player's post", alice.clone(), "user", None, None, json!({ "text": "guess 42" }));
    let unusual = json!({
        "text": "tab\t, quote \", backslash \\, bell \u{7}, delete \u{7f}, é, \u{2028}, \u{1f600}",
        "data": { "\u{fb33}": 1, "\u{1f600}": 2, "z": [-0.0, 0.1, 1e-21, 1e-7, 123_456.75, 5e-324], "a": [true, false, null, {}] },
        "largest": 9_007_199_254_740_991_i64,
        "smallest": -9_007_199_254_740_991_i64,
    });
    log.post("player's post with a label of its own", alice.clone(), "move.v2:open", None, None, unusual);
    let dm = json!({ "text": "!status" });
    log.post("player's DM to a bot", alice, "private", Some(SlotId::at(0)), None, dm);
    let answer = json!({ "kind": "status", "body": { "text": "You have 3 guesses left.", "left": 3 } });
    log.post("bot's DM", Sender::Bot(referee()), "private", Some(SlotId::at(1)), Some(11), answer);
    let result = HookResult { outcome: HookOutcome::Ok, exchanged: None, undelivered: vec![] };
    log.private_result("result of a hook that a DM started", 11, &PrivateResult { result, failure: None });
    log.private_ran("a hook ran that a DM started", 11, 2);
    let deleted = log.post(
        "player's post, its content deleted",
        Sender::Slot(SlotId::at(2)),
        "user",
        None,
        None,
        json!({ "text": "what was said here is gone" }),
    );
    deleted.content = None;
    log.append(
        "player's guess",
        Sender::Slot(SlotId::at(1)),
        Kind::USER,
        None,
        None,
        Body::new("body", Map::from_iter([("text".to_owned(), json!("guess 7"))])).expect("a body"),
    );
    let error = |line: Option<u32>| SystemEvent::BotError {
        bot_id: referee(),
        hook: Hook::OnMessage,
        failure: HookFailure {
            reason: "NameError: name 'targte' is not defined".to_owned(),
            line: line.and_then(std::num::NonZeroU32::new),
            text: "GuessBot failed in on_message.".to_owned(),
        },
    };
    log.system("a hook failed, in a line of its code", Some(16), &error(Some(7)));
    log.hook_ran("a hook failed", Hook::OnMessage, 16, HookOutcome::Error);
    log.system("a preset's hook failed", Some(15), &error(None));
    log.hook_ran("a hook took too long", Hook::OnMessage, 15, HookOutcome::Timeout);
}

fn append_changes(log: &mut Log) {
    let alice = Actor::Slot(SlotId::at(1));
    let bob = SlotId::at(2);
    let label = "bob".to_owned();
    log.system("renamed", None, &SystemEvent::Renamed { name: "Second Game".to_owned(), by: alice });
    log.system("admin set", None, &SystemEvent::AdminSet { slot_id: bob, admin: true, by: alice });
    let rejoin = SystemEvent::MemberRejoin { slot_id: bob, label: label.clone(), player: pseudonym("bob's phone") };
    log.system("seat moved", None, &rejoin);
    log.system("bot attached to a slot of its own", None, &attach("Scribe", 1, 4, Some("scribe"), Some(Actor::Owner)));
    let detach = |by| SystemEvent::BotDetach {
        bot_id: BotId::new("Scribe", 1),
        slot_id: SlotId::at(4),
        reason: "replaced".to_owned(),
        by,
    };
    log.system("bot detached by an admin", None, &detach(Some(Actor::Slot(bob))));
    log.system("bot attached anew", None, &attach("Scribe", 2, 4, None, Some(alice)));
    let failed = SystemEvent::BotDetach {
        bot_id: BotId::new("Scribe", 2),
        slot_id: SlotId::at(4),
        reason: "on_init failed".to_owned(),
        by: None,
    };
    log.system("bot detached because its on_init failed", Some(26), &failed);
    log.system("seat given up", None, &SystemEvent::MemberLeave { slot_id: bob, label, by: Actor::Slot(bob) });
    let to = SlotKind::Invite;
    log.system("slot yielded", None, &SystemEvent::SlotYielded { slot_id: bob, to, by: Actor::Slot(bob) });
    log.system("invite issued", None, &SystemEvent::InviteIssued { slot_id: bob, generation: 1, by: alice });
    log.system("seat taken again", None, &join(2, "bob", None));
    let kick = SystemEvent::MemberKick { slot_id: bob, label: "bob".to_owned(), by: Actor::Owner };
    log.system("player kicked", None, &kick);
    log.system("slot closed", None, &SystemEvent::SlotClosed { slot_id: SlotId::at(3), by: alice });
}

fn append_ending(log: &mut Log) {
    let bot = Sender::Bot(referee());
    log.post("player's last word", Sender::Slot(SlotId::at(1)), "user", None, None, json!({ "text": "I concede" }));
    log.system("close requested", None, &SystemEvent::CloseRequested { by: Some(Actor::Owner) });
    log.post(
        "bot's post while the channel is closing",
        bot,
        "bot",
        None,
        Some(34),
        json!({ "text": "37 it was", "target": 37 }),
    );
    log.hook_ran("a hook ran while the channel is closing", Hook::OnMessage, 34, HookOutcome::Ok);
    log.system("channel closed", None, &SystemEvent::Closed {});
    let by = Some(SlotId::at(1));
    log.system("entries deleted by their author", None, &SystemEvent::EntriesDeleted { ids: vec![9, 34], by });
    log.system("entry deleted by the operator", None, &SystemEvent::EntriesDeleted { ids: vec![15], by: None });
}

fn referee() -> BotId {
    BotId::new("GuessBot", 0)
}

fn pseudonym(name: &str) -> Hash {
    Hash::of(&[name.as_bytes()])
}

fn join(place: usize, label: &str, entropy: Option<String>) -> SystemEvent {
    SystemEvent::MemberJoin {
        slot_id: SlotId::at(place),
        label: label.to_owned(),
        player: pseudonym(label),
        entropy,
        program: false,
    }
}

fn attach(name: &str, number: u32, place: usize, slot_label: Option<&str>, by: Option<Actor>) -> SystemEvent {
    SystemEvent::BotAttach {
        bot_id: BotId::new(name, number),
        slot_id: SlotId::at(place),
        slot_label: slot_label.map(str::to_owned),
        name: name.to_owned(),
        version: "1.0".to_owned(),
        preset: None,
        code_hash: Hash::of(&[b"source of ", name.as_bytes()]),
        manifest_hash: Hash::of(&[b"{}"]),
        params_hash: Hash::of(&[b"{}"]),
        env: Vec::new(),
        api: BOT_API,
        hooks: vec![Hook::OnInit, Hook::OnJoin, Hook::OnLeave, Hook::OnMessage, Hook::OnPrivateMessage],
        runtime: Runtime {
            worker: "0.1.0".to_owned(),
            python: "3.11.7".to_owned(),
            lock_hash: Hash::of(&[b"requirements"]),
            memory_bytes: 1 << 28,
        },
        sandbox: "process".to_owned(),
        sandbox_report: None,
        limits: BotLimits::default(),
        egress_hash: None,
        policy: Some(BOT_POLICY),
        unseals: false,
        seed_commitment: seed::commitment(&[u8::try_from(number).expect("few bots"); 32]),
        by,
    }
}

impl Log {
    fn system(&mut self, name: &'static str, cause: Option<u64>, event: &SystemEvent) {
        self.append(name, Sender::System, event.kind(), None, cause, event.to_body());
    }

    fn hook_ran(&mut self, name: &'static str, hook: Hook, trigger: u64, outcome: HookOutcome) {
        let event = SystemEvent::BotRan {
            bot_id: referee(),
            trigger,
            step: 0,
            hook,
            effects: u32::from(outcome != HookOutcome::Ok),
            drawn: vec![],
            timers: vec![],
            result: Some(HookResult { outcome, exchanged: None, undelivered: vec![] }),
        };
        self.system(name, Some(trigger), &event);
    }

    fn private_result(&mut self, name: &'static str, trigger: u64, result: &PrivateResult) {
        let body = result.to_message().to_body().expect("a body");
        let (bot, alice) = (Sender::Bot(referee()), Some(SlotId::at(1)));
        self.append(name, bot, Kind::PRIVATE, alice, Some(trigger), body);
    }

    fn private_ran(&mut self, name: &'static str, trigger: u64, effects: u32) {
        let (bot_id, hook) = (referee(), Hook::OnPrivateMessage);
        let (drawn, timers) = (vec![], vec![]);
        let event = SystemEvent::BotRan { bot_id, trigger, step: 0, hook, effects, drawn, timers, result: None };
        self.system(name, Some(trigger), &event);
    }

    fn post(
        &mut self,
        name: &'static str,
        sender: Sender,
        kind: &str,
        to_slot: Option<SlotId>,
        cause: Option<u64>,
        body: Value,
    ) -> &mut Entry {
        let fields: Map<String, Value> = serde_json::from_value(body).expect("an object");
        let body = Body::new("body", fields).expect("a body");
        self.append(name, sender, kind.parse().expect("a kind"), to_slot, cause, body)
    }

    fn append(
        &mut self,
        name: &'static str,
        sender: Sender,
        kind: Kind,
        to_slot: Option<SlotId>,
        cause: Option<u64>,
        body: Body,
    ) -> &mut Entry {
        let entry = self.draft(sender, kind, to_slot, cause, body);
        self.push(name, entry)
    }

    fn draft(&self, sender: Sender, kind: Kind, to_slot: Option<SlotId>, cause: Option<u64>, body: Body) -> Entry {
        let id = self.state.size() + 1;
        let salt = Salt(*Hash::of(&[b"salt ", &id.to_be_bytes()]).as_bytes());
        // Every third entry has the same time as the one before.
        let now = Timestamp::from_millis(START + i64::try_from(id - id / 3).expect("a short log") * 1_234);
        Draft { sender, kind, to_slot, cause, body }.seal(&self.state, now, salt)
    }

    fn push(&mut self, name: &'static str, entry: Entry) -> &mut Entry {
        self.state.append(&entry).unwrap_or_else(|error| panic!("{name}: {error}"));
        self.entries.push((name, entry));
        &mut self.entries.last_mut().expect("just pushed").1
    }
}
