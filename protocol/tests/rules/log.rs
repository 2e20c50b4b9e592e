//! A log that is being written, in which the last entries may break a rule.

use mcp_multiplayer_protocol::channel::{ChannelState, Draft};
use mcp_multiplayer_protocol::{
    Body, ChannelId, DirectMessage, Hash, Kind, Salt, Sender, SlotId, Timestamp, canonical_text, seed,
};
use serde_json::{Map, Value, json};

/// 2026-11-20T12:00:00.000Z
const START: i64 = 1_795_176_000_000;

/// The seed of this epoch, of all bots; there are three.
pub(super) fn seed(epoch: u32) -> [u8; 32] {
    (epoch..2).fold([0xab; 32], |seed, _| seed::previous(&seed))
}

pub(super) fn hex(seed: &[u8; 32]) -> String {
    data_encoding::HEXLOWER.encode(seed)
}

/// The id of the first bot.
pub(super) const BOT: &str = "bot_Bot_0";

#[derive(Clone)]
pub(super) struct Log {
    pub(super) state: ChannelState,
    pub(super) entries: Vec<Value>,
    now: i64,
    channel_id: ChannelId,
}

impl Log {
    pub(super) fn new(number: u8) -> Self {
        let channel_id = ChannelId::from_bytes([number; 10]);
        Self { state: ChannelState::empty(channel_id), entries: Vec::new(), now: START, channel_id }
    }

    /// The first `size` entries of the log, to be continued in another way.
    pub(super) fn beginning(&self, size: usize) -> Self {
        let mut state = ChannelState::empty(self.channel_id);
        for entry in &self.entries[..size] {
            state.append(&super::entry(entry).expect("an entry")).expect("a good log");
        }
        let now = state.head.ts.as_millis().max(START);
        Self { state, entries: self.entries[..size].to_vec(), now, channel_id: self.channel_id }
    }

    pub(super) fn wait(&mut self, seconds: i64) {
        self.now += seconds * 1_000;
    }

    /// Adds an entry, one second after the one before. If it breaks a rule, it is the last one that can be sealed.
    fn add(&mut self, sender: Sender, kind: Kind, to_slot: Option<SlotId>, cause: Option<u64>, body: Body) -> u64 {
        let id = self.entries.len() as u64 + 1;
        self.now += 1_000;
        let salt = Salt(*Hash::of(&[b"salt", &id.to_be_bytes()]).as_bytes());
        let draft = Draft { sender, kind, to_slot, cause, body };
        let entry = draft.seal(&self.state, Timestamp::from_millis(self.now), salt);
        let _broken = self.state.append(&entry);
        self.entries.push(serde_json::to_value(&entry).expect("plain JSON"));
        id
    }

    /// Adds an entry of the relay.
    pub(super) fn relay(&mut self, cause: impl Into<Option<u64>>, fields: Value) -> u64 {
        let kind = match fields["type"].as_str() {
            Some("bot:ran" | "bot:skipped" | "timer") => Kind::TRACE,
            Some("bot:error") => Kind::CONTROL,
            _ => Kind::SYSTEM,
        };
        self.add(Sender::System, kind, None, cause.into(), body(fields))
    }

    /// Adds a post of a player.
    pub(super) fn post(&mut self, seat: usize, text: &str) -> u64 {
        self.add(Sender::Slot(SlotId::at(seat)), Kind::USER, None, None, body(json!({ "text": text })))
    }

    /// Adds a DM of a player.
    pub(super) fn dm(&mut self, seat: usize, to: usize, text: &str) -> u64 {
        let (sender, to) = (Sender::Slot(SlotId::at(seat)), SlotId::at(to));
        self.add(sender, Kind::PRIVATE, Some(to), None, body(json!({ "text": text })))
    }

    /// Adds a post of a bot.
    pub(super) fn bot_post(&mut self, bot_id: &str, cause: u64, text: &str) -> u64 {
        let kind = "bot".parse().expect("a kind");
        self.add(Sender::Bot(bot_id.parse().expect("an id")), kind, None, Some(cause), body(json!({ "text": text })))
    }

    /// Adds a DM of a bot.
    pub(super) fn bot_dm(&mut self, to: usize, cause: u64, kind: &str, fields: Value) -> u64 {
        let message = DirectMessage { kind: kind.parse().expect("a kind"), body: body(fields) };
        let (bot, body) = (Sender::Bot(BOT.parse().expect("an id")), message.to_body().expect("a body"));
        self.add(bot, Kind::PRIVATE, Some(SlotId::at(to)), Some(cause), body)
    }

    /// Adds the private result of a hook that did not fail.
    pub(super) fn private_result(&mut self, to: usize, cause: u64) -> u64 {
        self.bot_dm(to, cause, "trace", json!({ "type": "bot:result", "outcome": "ok" }))
    }

    /// Adds the first entry.
    pub(super) fn create(&mut self, slots: &[(&str, &str)], more: Value) -> u64 {
        let slots: Vec<Value> = slots.iter().map(|(kind, label)| json!({ "kind": kind, "label": label })).collect();
        let fields = json!({
            "type": "channel:created", "rules": 2, "name": "A game", "slots": slots, "owner": player("alice"), "bots_change": "owner",
        });
        self.relay(None, with(fields, more))
    }

    /// Adds a `bot:attach`, its `bot:manifest`, and, with that many effects, nothing else yet.
    pub(super) fn attach(&mut self, place: usize, hooks: &[&str], manifest: &Value) -> u64 {
        let number = self.state.composition.bots_attached;
        let id = self.relay(None, attach(number, place, hooks, manifest));
        self.relay(
            None,
            json!({ "type": "bot:manifest", "bot_id": format!("bot_Bot_{number}"), "manifest": manifest }),
        );
        id
    }

    pub(super) fn join(&mut self, place: usize, name: &str) -> u64 {
        self.relay(None, join(place, name))
    }

    pub(super) fn ran(&mut self, trigger: u64, hook: &str, effects: u32) -> u64 {
        self.relay(trigger, ran(trigger, hook, effects))
    }

    pub(super) fn private_ran(&mut self, trigger: u64, effects: u32) -> u64 {
        self.relay(trigger, with(ran(trigger, "on_private_message", effects), json!({ "result": null })))
    }

    pub(super) fn ran_with(&mut self, trigger: u64, hook: &str, effects: u32, more: Value) -> u64 {
        self.relay(trigger, with(ran(trigger, hook, effects), more))
    }

    pub(super) fn skipped(&mut self, trigger: u64, hook: &str, reason: &str) -> u64 {
        let fields = json!({ "bot_id": BOT, "trigger": trigger, "step": 0, "hook": hook, "reason": reason });
        self.relay(trigger, with(fields, json!({ "type": "bot:skipped" })))
    }

    pub(super) fn error(&mut self, trigger: u64, hook: &str) -> u64 {
        let fields =
            json!({ "type": "bot:error", "bot_id": BOT, "hook": hook, "reason": "ValueError", "text": "Bot failed." });
        self.relay(trigger, fields)
    }

    pub(super) fn reveal(&mut self, cause: u64, epoch: u32, began: u64) -> u64 {
        self.relay(cause, reveal(epoch, began))
    }

    /// Changes the last entry after it was sealed: the rules are not asked again.
    pub(super) fn alter(&mut self, change: impl FnOnce(&mut Value)) {
        change(self.entries.last_mut().expect("an entry"));
    }

    /// Changes a field of the last entry's envelope.
    pub(super) fn envelope(&mut self, field: &str, value: impl Into<Value>) {
        self.alter(|entry| entry["envelope"][field] = value.into());
    }

    /// Leaves out the body of the last entry.
    pub(super) fn withhold(&mut self) {
        self.alter(|entry| entry["content"] = Value::Null);
    }
}

/// The fields of `value`, with those of `more` instead or in addition; `null` removes one.
pub(super) fn with(mut value: Value, more: Value) -> Value {
    let fields = value.as_object_mut().expect("an object");
    for (name, value) in serde_json::from_value::<Map<String, Value>>(more).expect("an object") {
        if value.is_null() {
            fields.remove(&name);
        } else {
            fields.insert(name, value);
        }
    }
    value
}

fn body(fields: Value) -> Body {
    Body::new("body", serde_json::from_value(fields).expect("an object")).expect("a body")
}

/// The pseudonym of a player.
pub(super) fn player(name: &str) -> Value {
    json!(Hash::of(&[name.as_bytes()]))
}

pub(super) fn join(place: usize, name: &str) -> Value {
    json!({ "type": "member:join", "slot_id": SlotId::at(place), "label": name, "player": player(name) })
}

pub(super) fn ran(trigger: u64, hook: &str, effects: u32) -> Value {
    json!({
        "type": "bot:ran", "bot_id": BOT, "trigger": trigger, "step": 0, "hook": hook, "effects": effects,
        "result": { "outcome": "ok" },
    })
}

pub(super) fn reveal(epoch: u32, began: u64) -> Value {
    let next = if epoch < 2 { seed(epoch + 1) } else { [9; 32] };
    json!({
        "type": "seed:reveal", "bot_id": BOT, "epoch": epoch, "began": began, "seed": hex(&seed(epoch)),
        "next_commitment": seed::commitment(&next),
    })
}

/// The body of `bot:attach`, of the bot with this number.
pub(super) fn attach(number: u32, place: usize, hooks: &[&str], manifest: &Value) -> Value {
    let hash_of = |value: &Value| Hash::of(&[canonical_text("value", value).expect("plain JSON").as_bytes()]);
    let fields = json!({
        "type": "bot:attach", "bot_id": format!("bot_Bot_{number}"), "slot_id": SlotId::at(place), "name": "Bot", "version": "1.0",
        "code_hash": Hash::of(&[SOURCE.as_bytes()]), "manifest_hash": hash_of(manifest), "params_hash": hash_of(&json!({})),
        "api": 1, "hooks": hooks, "policy": 1, "sandbox": "full",
        "limits": { "hook_ms": 5_000, "hook_wall_ms": 30_000, "body_bytes": 32_768 },
        "runtime": { "worker": "0.1.0", "python": "3.11.7", "lock_hash": Hash::of(&[b"packages"]), "memory_bytes": 1 << 28 },
        "seed_commitment": seed::commitment(&seed(0)),
    });
    let unseals = if manifest["unseals"] == json!(true) { json!(true) } else { Value::Null };
    with(fields, json!({ "unseals": unseals }))
}

/// The source that `code_hash` is of. Nothing runs it.
pub(super) const SOURCE: &str = "class Bot:\n    pass\n";
