//! Logs for tests of a store.

use std::sync::Arc;

use mcp_multiplayer_protocol::channel::{BotsChange, ChannelState, Draft, Hook, RULES, Salts, SlotKind, Step, evolve};
use mcp_multiplayer_protocol::merkle::Frontier;
use mcp_multiplayer_protocol::{
    Actor, Body, BotId, BotLimits, ChannelId, Entry, Hash, HookOutcome, HookResult, Kind, Runtime, Salt, Sender,
    SlotId, SlotSpec, SystemEvent, Timestamp,
};
use serde_json::json;

use crate::{BotChange, BotCursor, ChannelBatch, IdempotencyRecord, Membership, NewBot, Tenure};

/// A channel's log as a relay would write it. The entries since the last [`Log::batch`] are the next batch.
#[derive(Clone, Debug)]
pub struct Log {
    /// The state that the log leads to.
    pub state: ChannelState,
    /// All entries so far, in order.
    pub entries: Vec<Arc<Entry>>,
    base: Frontier,
}

/// Salts that depend on the entry's id alone.
struct SaltsOfIds;

impl Salts for SaltsOfIds {
    fn salt(&mut self, id: u64) -> Salt {
        Salt(*Hash::of(&[b"salt", &id.to_be_bytes()]).as_bytes())
    }
}

impl Log {
    /// The log of a new channel with a slot for a bot and three for players. `number` is part of its id.
    pub fn new(number: u8) -> Self {
        let state = ChannelState::empty(ChannelId::from_bytes([number; 10]));
        let mut log = Self { state, entries: Vec::new(), base: Frontier::default() };
        let slot = |kind, label: &str| SlotSpec { kind, label: label.to_owned() };
        let slots = vec![
            slot(SlotKind::Bot, "referee"),
            slot(SlotKind::Invite, "alice"),
            slot(SlotKind::Invite, "bob"),
            slot(SlotKind::Invite, "guest"),
        ];
        let owner = Hash::of(&[b"alice"]);
        log.append_event(&SystemEvent::ChannelCreated {
            rules: RULES,
            name: "A game".into(),
            slots,
            owner,
            bots_change: BotsChange::Owner,
            require_terms: false,
            log: None,
        });
        log
    }

    /// The channel.
    pub fn channel_id(&self) -> ChannelId {
        self.state.composition.channel_id
    }

    /// Adds an entry, which the rules must allow.
    pub fn append(&mut self, draft: Draft) -> Arc<Entry> {
        let id = i64::try_from(self.state.size() + 1).unwrap();
        let now = Timestamp::from_millis(1_795_176_000_000 + id);
        let mut step = Step::new(self.state.clone(), now, SaltsOfIds);
        let entry = Arc::clone(step.push(draft).unwrap());
        (self.state, _) = step.into_parts();
        self.entries.push(Arc::clone(&entry));
        entry
    }

    /// Adds an entry without asking the rules.
    pub fn push_unchecked(&mut self, entry: Entry) -> Arc<Entry> {
        self.state = evolve(self.state.clone(), &entry);
        let entry = Arc::new(entry);
        self.entries.push(entry.clone());
        entry
    }

    /// Adds an entry of the relay's own.
    pub fn append_event(&mut self, event: &SystemEvent) -> Arc<Entry> {
        let cause = match event {
            SystemEvent::BotRan { trigger, .. } => Some(*trigger),
            _ => None,
        };
        self.append(Draft::event(event, cause))
    }

    /// Has a player take the slot at `place`.
    pub fn join(&mut self, place: usize) -> Arc<Entry> {
        let slot_id = SlotId::at(place);
        let label = self.state.composition.slots[place].label.clone();
        let player = Hash::of(&[label.as_bytes()]);
        self.append_event(&SystemEvent::MemberJoin { slot_id, label, player, entropy: None, program: false })
    }

    /// Has the player in the slot at `place` post a text.
    pub fn post(&mut self, place: usize, text: &str) -> Arc<Entry> {
        self.append(Draft {
            sender: Sender::Slot(SlotId::at(place)),
            kind: Kind::USER,
            to_slot: None,
            cause: None,
            body: body(text),
        })
    }

    /// Attaches a bot with the hooks `on_init` and `on_message`.
    pub fn attach(&mut self) -> NewBot {
        let name = "GuessBot";
        let bot_id = BotId::new(name, self.state.composition.bots_attached);
        let hash = Hash::of(&[name.as_bytes()]);
        let entry = self.append_event(&SystemEvent::BotAttach {
            bot_id: bot_id.clone(),
            slot_id: SlotId::at(0),
            slot_label: None,
            name: name.to_owned(),
            version: "1.0".to_owned(),
            preset: None,
            code_hash: hash,
            manifest_hash: hash,
            env: Vec::new(),
            params_hash: hash,
            api: 1,
            hooks: vec![Hook::OnInit, Hook::OnMessage],
            runtime: Runtime {
                worker: "0.1.0".into(),
                python: "3.11.2".into(),
                lock_hash: hash,
                memory_bytes: 1 << 28,
            },
            sandbox: "process".into(),
            sandbox_report: None,
            limits: BotLimits::default(),
            egress_hash: None,
            policy: Some(1),
            unseals: false,
            seed_commitment: hash,
            by: None,
        });
        NewBot {
            bot_id,
            slot_id: SlotId::at(0),
            attached: entry.id(),
            name: name.to_owned(),
            version: "1.0".to_owned(),
            code_ref: Some("builtin://GuessBot".to_owned()),
            source: "class GuessBot:\n    pass\n".into(),
            manifest: r#"{"summary":"é"}"#.to_owned(),
            params: r#"{"range":[1,100]}"#.to_owned(),
            env: Some(vec![1, 2, 3]),
        }
    }

    /// Detaches a bot.
    pub fn detach(&mut self, bot_id: &BotId) -> BotChange {
        self.append_event(&SystemEvent::BotDetach {
            bot_id: bot_id.clone(),
            slot_id: SlotId::at(0),
            reason: "remove_bot".into(),
            by: Some(Actor::Owner),
        });
        BotChange::Detach(bot_id.clone())
    }

    /// Adds the `bot:ran` entry of a hook.
    pub fn ran(&mut self, bot_id: &BotId, trigger: u64) -> Arc<Entry> {
        let (bot_id, outcome) = (bot_id.clone(), HookOutcome::Ok);
        let result = HookResult { outcome, exchanged: None, undelivered: vec![] };
        self.append_event(&SystemEvent::BotRan {
            bot_id,
            trigger,
            step: 0,
            hook: Hook::OnMessage,
            effects: 0,
            drawn: vec![],
            timers: vec![],
            result: Some(result),
        })
    }

    /// The entries since the last batch, as a batch.
    pub fn batch(&mut self) -> ChannelBatch {
        let base = std::mem::replace(&mut self.base, self.state.head.frontier.clone());
        let start = base.size();
        ChannelBatch {
            channel_id: self.channel_id(),
            base,
            entries: self.entries[usize::try_from(start).unwrap()..].to_vec(),
            state: self.state.clone(),
            idempotency: None,
            ended: Vec::new(),
            memberships: if start == 0 { vec![creator("host")] } else { Vec::new() },
            accepted: Vec::new(),
            bots: Vec::new(),
        }
    }

    /// The same, with changes to bots.
    pub fn batch_of_bots(&mut self, bots: Vec<BotChange>) -> ChannelBatch {
        ChannelBatch { bots, ..self.batch() }
    }
}

/// A body with a text.
pub fn body(text: &str) -> Body {
    let serde_json::Value::Object(fields) = json!({ "text": text }) else { unreachable!("an object") };
    Body::new("body", fields).unwrap()
}

/// The idempotency record of a request whose outcome is the log's last entry.
pub fn record(log: &Log, scope: &str, key: &str) -> IdempotencyRecord {
    IdempotencyRecord {
        scope: scope.to_owned(),
        key: key.to_owned(),
        request_hash: Hash::of(&[key.as_bytes()]),
        channel_id: log.channel_id(),
        outcome: format!(r#"{{"msg_id":{}}}"#, log.state.size()),
    }
}

/// The membership of a channel's creator.
pub fn creator(principal: &str) -> Membership {
    Membership { principal: principal.to_owned(), seat: None }
}

/// A membership with a seat.
pub fn seat(principal: &str, place: usize, tenure: u32) -> Membership {
    let seat = Tenure { slot_id: SlotId::at(place), number: tenure, began: u64::from(tenure) * 10, ended: None };
    Membership { principal: principal.to_owned(), seat: Some(seat) }
}

/// A move of a bot's cursor.
pub fn advance(bot_id: &BotId, from: (u64, u32), to: (u64, u32), state: Option<&str>) -> BotChange {
    let cursor = |(entry, step)| BotCursor { entry, step };
    BotChange::Advance {
        bot_id: bot_id.clone(),
        from: cursor(from),
        to: cursor(to),
        state: state.map(ToOwned::to_owned),
    }
}
