use std::sync::Arc;

use mcp_multiplayer_protocol::channel::{ChannelState, Hook, SlotKind, allowed, draft, evolve};
use mcp_multiplayer_protocol::{
    Actor, Body, BotId, ChannelId, Content, Entry, Hash, HookOutcome, Kind, Runtime, Salt, Sender, SlotId, SlotSpec,
    SystemEvent, Timestamp,
};
use serde_json::json;

use crate::{BotChange, BotCursor, ChannelBatch, IdempotencyRecord, Membership, NewBot};

/// A channel's log as a relay writes it: what was drafted since the last [`Log::batch`] is the next batch.
#[derive(Clone)]
pub(crate) struct Log {
    pub(crate) state: ChannelState,
    /// All entries so far, in order.
    pub(crate) entries: Vec<Arc<Entry>>,
    base: u64,
}

impl Log {
    /// A log in which a channel with a bot's slot and three players' is about to be made; `number` is in its id.
    pub(crate) fn new(number: u8) -> Self {
        let state = ChannelState::empty(ChannelId::from_bytes([number; 10]));
        let mut log = Self { state, entries: Vec::new(), base: 0 };
        let slot = |kind, label: &str| SlotSpec { kind, label: label.to_owned() };
        let slots = vec![
            slot(SlotKind::Bot, "referee"),
            slot(SlotKind::Invite, "alice"),
            slot(SlotKind::Invite, "bob"),
            slot(SlotKind::Invite, "guest"),
        ];
        let owner = Hash::of(&[b"alice"]);
        log.state_that(&SystemEvent::ChannelCreated { name: "A game".into(), slots, owner, mutable: true });
        log
    }

    pub(crate) fn channel_id(&self) -> ChannelId {
        self.state.composition.channel_id
    }

    /// Drafts an entry; that of a real game is allowed.
    pub(crate) fn say(
        &mut self,
        sender: Sender,
        kind: Kind,
        to_slot: Option<SlotId>,
        cause: Option<u64>,
        body: Body,
    ) -> Arc<Entry> {
        let id = self.state.size() + 1;
        let salt = Salt(*Hash::of(&[b"salt", &id.to_be_bytes()]).as_bytes());
        let now = Timestamp::from_millis(1_795_176_000_000 + i64::try_from(id).unwrap());
        let entry = draft(&self.state, now, sender, kind, to_slot, cause, Content { salt, body });
        allowed(&self.state, &entry).unwrap();
        self.push(entry)
    }

    /// Takes an entry as it is.
    pub(crate) fn push(&mut self, entry: Entry) -> Arc<Entry> {
        self.state = evolve(self.state.clone(), &entry);
        let entry = Arc::new(entry);
        self.entries.push(entry.clone());
        entry
    }

    pub(crate) fn state_that(&mut self, event: &SystemEvent) -> Arc<Entry> {
        let cause = match event {
            SystemEvent::BotRan { trigger, .. } => Some(*trigger),
            _ => None,
        };
        self.say(Sender::System, event.kind(), None, cause, event.to_body())
    }

    pub(crate) fn join(&mut self, place: usize) -> Arc<Entry> {
        let slot_id = SlotId::at(place);
        let label = self.state.composition.slots[place].label.clone();
        let player = Hash::of(&[label.as_bytes()]);
        self.state_that(&SystemEvent::MemberJoin { slot_id, label, player, entropy: None })
    }

    pub(crate) fn post(&mut self, place: usize, text: &str) -> Arc<Entry> {
        self.say(Sender::Slot(SlotId::at(place)), Kind::USER, None, None, body(text))
    }

    /// Attaches the referee, whose hooks are `on_init` and `on_message`.
    pub(crate) fn attach(&mut self) -> NewBot {
        let name = "GuessBot";
        let bot_id = BotId::new(name, self.state.composition.bots_attached);
        let hash = Hash::of(&[name.as_bytes()]);
        let entry = self.state_that(&SystemEvent::BotAttach {
            bot_id: bot_id.clone(),
            slot_id: SlotId::at(0),
            slot_label: None,
            name: name.to_owned(),
            version: "1.0".to_owned(),
            code_hash: hash,
            manifest_hash: hash,
            params_hash: hash,
            hooks: vec![Hook::OnInit, Hook::OnMessage],
            runtime: Runtime { worker: "0.1.0".into(), python: "3.11.2".into(), lock_hash: hash },
            sandbox: "process".into(),
            sandbox_report: None,
            policy_off: false,
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

    pub(crate) fn detach(&mut self, bot_id: &BotId) -> BotChange {
        self.state_that(&SystemEvent::BotDetach {
            bot_id: bot_id.clone(),
            slot_id: SlotId::at(0),
            reason: "remove_bot".into(),
            by: Some(Actor::Owner),
        });
        BotChange::Detach(bot_id.clone())
    }

    pub(crate) fn ran(&mut self, bot_id: &BotId, trigger: u64) -> Arc<Entry> {
        let (bot_id, outcome) = (bot_id.clone(), HookOutcome::Ok);
        self.state_that(&SystemEvent::BotRan {
            bot_id,
            hook: Hook::OnMessage,
            trigger,
            outcome,
            state_hash: None,
            drawn: vec![],
            timers: vec![],
            exchanged: None,
        })
    }

    /// What was drafted since the last time.
    pub(crate) fn batch(&mut self) -> ChannelBatch {
        let base = std::mem::replace(&mut self.base, self.state.size());
        ChannelBatch {
            channel_id: self.channel_id(),
            base,
            entries: self.entries[usize::try_from(base).unwrap()..].to_vec(),
            state: self.state.clone(),
            idempotency: None,
            memberships: Vec::new(),
            bots: Vec::new(),
        }
    }

    /// The same, with changes to bots.
    pub(crate) fn batch_of_bots(&mut self, bots: Vec<BotChange>) -> ChannelBatch {
        ChannelBatch { bots, ..self.batch() }
    }
}

pub(crate) fn body(text: &str) -> Body {
    let serde_json::Value::Object(fields) = json!({ "text": text }) else { unreachable!("an object") };
    Body::new("body", fields).unwrap()
}

pub(crate) fn record(log: &Log, scope: &str, key: &str) -> IdempotencyRecord {
    IdempotencyRecord {
        scope: scope.to_owned(),
        key: key.to_owned(),
        request_hash: Hash::of(&[key.as_bytes()]),
        channel_id: log.channel_id(),
        outcome: format!(r#"{{"msg_id":{}}}"#, log.state.size()),
    }
}

pub(crate) fn seat(principal: &str, place: usize, tenure: u32) -> Membership {
    Membership { principal: principal.to_owned(), seat: Some((SlotId::at(place), tenure)) }
}

pub(crate) fn advance(bot_id: &BotId, from: (u64, u32), to: (u64, u32), state: Option<&str>) -> BotChange {
    let cursor = |(entry, step)| BotCursor { entry, step };
    BotChange::Advance {
        bot_id: bot_id.clone(),
        from: cursor(from),
        to: cursor(to),
        state: state.map(ToOwned::to_owned),
        timer: None,
    }
}
