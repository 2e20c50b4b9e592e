use mcp_multiplayer_bot_supervisor::{Effect, FailureKind, HookCall as Call, HookReport, Outcome};
use mcp_multiplayer_protocol::channel::{Bot, HookCall};
use mcp_multiplayer_protocol::operation::Message;
use mcp_multiplayer_protocol::{
    Body, Content, Entry, Error, Hash, HookOutcome, Kind, Salt, Sender, SlotId, SystemEvent, canonical_text,
};
use serde_json::{Map, Value, json};

use super::memory::Memory;
use crate::channel::Proposal;
use crate::secret::BotSeed;
use crate::store::{BotChange, BotCursor};

/// One call into a bot: what started it, and where the bot stands before and after it.
pub(super) struct Ran<'a> {
    pub(super) bot: &'a Bot,
    pub(super) call: HookCall,
    pub(super) trigger: u64,
    /// Where the store has the bot's cursor; nobody else may have moved it.
    pub(super) stored: BotCursor,
    pub(super) from: BotCursor,
    pub(super) to: BotCursor,
    pub(super) seed: &'a BotSeed,
}

/// How a call ended, as the log tells it.
pub(super) enum Verdict {
    Completed { effects: Vec<(Option<SlotId>, Kind, Body)>, memory: Memory },
    Failed { outcome: HookOutcome, reason: String, line: Option<u32> },
}

/// The call as the supervisor takes it.
pub(super) fn supervisor_call(bot: &Bot, call: HookCall, entry: &Entry, memory: &Memory) -> Call {
    let composition = memory.composition();
    let args = match call {
        HookCall::Init => vec![],
        HookCall::Join(slot_id) | HookCall::Leave(slot_id) => vec![json!(slot_id)],
        HookCall::Message => vec![json!(Message {
            id: entry.id(),
            channel_id: entry.envelope.channel_id,
            sender: entry.envelope.sender.clone(),
            sender_label: composition.sender_label(&entry.envelope.sender).map(str::to_owned),
            kind: entry.envelope.kind.clone(),
            body: entry.body().cloned(),
            ts: entry.envelope.ts,
            to_slot: entry.envelope.to_slot,
        })],
        HookCall::PrivateMessage(slot_id) => vec![json!(slot_id), json!(entry.body())],
    };
    Call {
        hook: call.hook(),
        channel_id: composition.channel_id.to_string(),
        bot_id: bot.bot_id.to_string(),
        now_ms: entry.envelope.ts.as_millis(),
        state: memory.state.as_ref().map(|state| state.get().to_owned()),
        players: memory.players(),
        slots: memory.slots(),
        args,
    }
}

/// Judges what the supervisor reports.
pub(super) fn verdict(report: HookReport, mut memory: Memory, body_limit: usize) -> Verdict {
    let (effects, state) = match report.outcome {
        Outcome::Completed { effects, state } => (effects, state),
        Outcome::Failed { reason, line, kind } => {
            let outcome = match kind {
                FailureKind::Timeout => HookOutcome::Timeout,
                FailureKind::Refused => HookOutcome::Refused,
                FailureKind::Error | FailureKind::Memory | FailureKind::Died => HookOutcome::Error,
            };
            return Verdict::Failed { outcome, reason, line };
        }
    };
    match effects.into_iter().map(|effect| checked(effect, body_limit)).collect() {
        Ok(effects) => {
            if let Some(state) = state {
                memory.state = serde_json::value::RawValue::from_string(state).ok();
                memory.changed = true;
            }
            Verdict::Completed { effects, memory }
        }
        Err(reason) => Verdict::Failed { outcome: HookOutcome::Refused, reason, line: None },
    }
}

fn checked(effect: Effect, body_limit: usize) -> Result<(Option<SlotId>, Kind, Body), String> {
    let (to_slot, kind, fields) = match effect {
        Effect::Post { kind, body } => (None, kind, body),
        Effect::Dm { slot_id, kind, body } => {
            (Some(slot_id.parse::<SlotId>().map_err(|error| error.to_string())?), kind, body)
        }
    };
    let kind: Kind = kind.parse().map_err(|_| format!("'{kind}' cannot be a kind"))?;
    if kind == Kind::TRACE {
        return Err("the kind 'trace' is the relay's own".to_owned());
    }
    let body = body(fields)?;
    if body.as_str().len() > body_limit {
        return Err(format!("a post is {} bytes; at most {body_limit}", body.as_str().len()));
    }
    Ok((to_slot, kind, body))
}

fn body(fields: Map<String, Value>) -> Result<Body, String> {
    Body::new("body", fields).map_err(|error| error.to_string())
}

impl Ran<'_> {
    /// Proposes everything that the call comes to, as one step.
    ///
    /// `before` is the bot's memory when the call began: what it keeps when the call fails.
    pub(super) fn propose(&self, proposal: &mut Proposal, verdict: &Verdict, before: &Memory) -> Result<(), Error> {
        let cause = Some(self.trigger);
        let sender = Sender::Bot(self.bot.bot_id.clone());
        let (outcome, state_hash, memory) = match verdict {
            Verdict::Completed { effects, memory } => {
                for (index, (to_slot, kind, body)) in effects.iter().enumerate() {
                    let content = Content { salt: self.salt(index), body: body.clone() };
                    proposal.push_salted(sender.clone(), kind.clone(), *to_slot, cause, content)?;
                }
                (HookOutcome::Ok, self.state_hash(memory), memory)
            }
            Verdict::Failed { outcome, reason, line } => {
                let error = self.error_event(reason, *line);
                proposal.push_event(&error, cause)?;
                (*outcome, None, before)
            }
        };
        let (bot_id, hook) = (self.bot.bot_id.clone(), self.call.hook());
        let ran = SystemEvent::BotRan { bot_id: bot_id.clone(), hook, trigger: self.trigger, outcome, state_hash };
        proposal.push_event(&ran, cause)?;
        let state = memory.changed.then(|| memory.to_text());
        proposal.bots.push(BotChange::Advance { bot_id: bot_id.clone(), from: self.stored, to: self.to, state });
        if outcome != HookOutcome::Ok && self.call == HookCall::Init {
            let (slot_id, reason) = (self.bot.slot_id, "on_init failed".to_owned());
            let detach = SystemEvent::BotDetach { bot_id: bot_id.clone(), slot_id, reason, by: None };
            proposal.push_event(&detach, cause)?;
            proposal.bots.push(BotChange::Detach(bot_id));
        }
        Ok(())
    }

    fn error_event(&self, reason: &str, line: Option<u32>) -> SystemEvent {
        let place = line.map(|line| format!(" (line {line})")).unwrap_or_default();
        let hook = self.call.hook();
        // The words of an exception may quote the message, and this entry is read by all.
        let reason = match self.call {
            HookCall::PrivateMessage(_) => reason.split(':').next().unwrap_or_default(),
            _ => reason,
        };
        let text = format!("{} failed in {}: {reason}{place}", self.bot.name, hook.name());
        let reason = reason.chars().take(1_000).collect();
        SystemEvent::BotError {
            bot_id: self.bot.bot_id.clone(),
            hook,
            reason,
            line,
            text: text.chars().take(1_200).collect(),
        }
    }

    fn salt(&self, index: usize) -> Salt {
        self.seed.salt(self.trigger, self.from.step, index)
    }

    /// Hash of the state, salted so that a small state cannot be guessed from it.
    fn state_hash(&self, memory: &Memory) -> Option<Hash> {
        let state: Value = serde_json::from_str(memory.state.as_ref()?.get()).ok()?;
        let text = canonical_text("state", &state).ok()?;
        let Salt(salt) = self.seed.salt(self.trigger, self.from.step, usize::MAX);
        Some(Hash::of(&[b"mcp-multiplayer/state/v1", &salt, text.as_bytes()]))
    }
}
