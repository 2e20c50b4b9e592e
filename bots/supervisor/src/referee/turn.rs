use std::collections::BTreeMap;

use mcp_multiplayer_protocol::channel::{Bot, HookCall};
use mcp_multiplayer_protocol::operation::Message;
use mcp_multiplayer_protocol::{
    Body, Content, Contribution, Entry, Hash, HookOutcome, KeystreamRange, Kind, NetworkExchange, Salt, Secret, SlotId,
    SystemEvent, TimerChange, Timestamp, canonical_text, limits,
};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::memory::{Memory, StreamState};
use super::seed::{EPOCHS, Seeds};
use crate::hook::{self, Stream};
use crate::record::Record;
use crate::report::{Done, Effect, FailureKind, HookReport, Outcome};

/// One call into a bot: what started it, and what the bot knows.
#[derive(Debug)]
pub struct Turn<'a> {
    /// The bot.
    pub bot: &'a Bot,
    /// The call.
    pub call: HookCall,
    /// The entry that started it.
    pub trigger: &'a Entry,
    /// The number of the call among those that the entry starts.
    pub step: u32,
    /// What the bot remembers.
    pub memory: &'a Memory,
    /// Its seeds.
    pub seeds: &'a Seeds,
    /// The largest body of a post, in bytes.
    pub body_limit: usize,
}

/// What a call comes to in the log.
#[derive(Debug)]
pub struct Verdict {
    /// How it ended.
    pub outcome: HookOutcome,
    /// What is appended, in order, each with the trigger as its cause; `bot:ran` is last.
    pub outputs: Vec<HookOutput>,
    /// What the bot remembers from now on; `None`: what it did.
    pub memory: Option<Memory>,
    /// What was exchanged with the outside world.
    pub record: Option<Record>,
}

/// Something that a call appends.
#[derive(Debug, PartialEq)]
pub enum HookOutput {
    /// A post or a DM of the bot.
    Post {
        /// Whom it is for; `None` for all.
        to_slot: Option<SlotId>,
        /// Its kind.
        kind: Kind,
        /// What it says.
        content: Content,
    },
    /// An event that the relay states about the call.
    Event(Box<SystemEvent>),
}

/// Places of salts that are no entry's.
const STATE_SALT: usize = usize::MAX;
const RECORD_SALT: usize = usize::MAX - 1;

impl Turn<'_> {
    /// The call as the supervisor takes it; `None` when a seed is not known here.
    pub fn call(&self, env: BTreeMap<String, Secret>) -> Option<hook::HookRequest> {
        let (composition, entry) = (self.memory.composition(), self.trigger);
        let args = match self.call {
            HookCall::Init => vec![],
            HookCall::Join(slot_id) | HookCall::Leave(slot_id) => vec![json!(slot_id)],
            HookCall::Message => vec![json!(Message::of(composition, entry))],
            HookCall::PrivateMessage(slot_id) => vec![json!(slot_id), json!(entry.body())],
            HookCall::Timer => match entry.body().and_then(|body| body.parse().ok()) {
                Some(SystemEvent::Timer { name, .. }) => vec![json!(name)],
                _ => vec![json!("")],
            },
        };
        Some(hook::HookRequest {
            hook: self.call.hook(),
            channel_id: composition.channel_id.to_string(),
            bot_id: self.bot.bot_id.to_string(),
            now_ms: entry.envelope.ts.as_millis(),
            state: self.memory.state().map(str::to_owned),
            kept: self.memory.kept.as_deref().map(|kept| kept.get().to_owned()),
            players: self.memory.players(),
            slots: self.memory.slots(),
            stream: self.stream()?,
            env,
            args,
        })
    }

    fn stream(&self) -> Option<Stream> {
        let (state, seeds) = (&self.memory.stream, self.seeds);
        let seated = self.memory.contributions(self.bot.attached);
        let names = |given: &[Contribution]| given.iter().map(|given| given.slot_id.to_string()).collect::<Vec<_>>();
        // A replay may not know the next seed; then nothing that it replays has drawn from it.
        let next = state.epoch + 1;
        Some(Stream {
            epoch: state.epoch,
            last: next >= EPOCHS,
            open: state.open.as_deref().map(names),
            position: state.position,
            seated: names(&seated),
            key: seeds.stream_key(state.epoch, state.open.as_deref())?,
            start_key: seeds.stream_key(state.epoch, Some(&seated))?,
            next_key: seeds.stream_key(next, None),
            next_start_key: seeds.stream_key(next, Some(&seated)),
        })
    }

    /// Judges what the supervisor reports.
    pub fn judge(&self, report: HookReport) -> Verdict {
        let HookReport { outcome, record, .. } = report;
        let done = match outcome {
            Outcome::Completed(done) => self.done(*done),
            Outcome::Failed { reason, line, kind } => {
                let outcome = match kind {
                    FailureKind::Timeout => HookOutcome::Timeout,
                    FailureKind::Refused => HookOutcome::Refused,
                    FailureKind::Error | FailureKind::Memory | FailureKind::Died => HookOutcome::Error,
                };
                return self.failed(outcome, &reason, line, record);
            }
        };
        match done {
            Ok((mut outputs, memory, mut ran)) => {
                ran.state_hash = self.state_hash(&memory);
                outputs.push(self.ran(HookOutcome::Ok, ran, record.as_ref()));
                Verdict { outcome: HookOutcome::Ok, outputs, memory: Some(memory), record }
            }
            Err(reason) => self.failed(HookOutcome::Refused, &reason, None, record),
        }
    }

    /// The verdict when the channel's rules forbid what the hook did.
    pub fn refused(&self, reason: &str, record: Option<Record>) -> Verdict {
        self.failed(HookOutcome::Refused, reason, None, record)
    }

    fn failed(&self, outcome: HookOutcome, reason: &str, line: Option<u32>, record: Option<Record>) -> Verdict {
        let error = HookOutput::Event(Box::new(self.error(reason, line)));
        let outputs = vec![error, self.ran(outcome, Ran::default(), record.as_ref())];
        Verdict { outcome, outputs, memory: None, record }
    }

    fn error(&self, reason: &str, line: Option<u32>) -> SystemEvent {
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

    fn ran(&self, outcome: HookOutcome, ran: Ran, record: Option<&Record>) -> HookOutput {
        HookOutput::Event(Box::new(SystemEvent::BotRan {
            bot_id: self.bot.bot_id.clone(),
            hook: self.call.hook(),
            trigger: self.trigger.id(),
            outcome,
            state_hash: ran.state_hash,
            drawn: ran.drawn,
            timers: ran.timers,
            exchanged: record.map(|record| NetworkExchange {
                record_hash: self.record_hash(record.text()),
                hosts: record.hosts().to_vec(),
                sealed: record.is_sealed(),
            }),
        }))
    }

    /// Everything that a completed hook did, or why it may not.
    fn done(&self, done: Done) -> Result<(Vec<HookOutput>, Memory, Ran), String> {
        let mut memory = self.memory.clone();
        let (mut outputs, mut ran) = (Vec::new(), Ran::default());
        let mut draws = done.drawn.into_iter().peekable();
        take_over(&mut memory.stream, &mut draws, &mut ran)?;
        for effect in done.effects {
            match effect {
                Effect::Post { kind, body } => outputs.push(self.bot_output(outputs.len(), None, &kind, body)?),
                Effect::Dm { slot_id, kind, body } => {
                    let to_slot = slot_id.parse::<SlotId>().map_err(|error| error.to_string())?;
                    outputs.push(self.bot_output(outputs.len(), Some(to_slot), &kind, body)?);
                }
                Effect::Timer { name, after_ms } => {
                    let now = self.trigger.envelope.ts.as_millis();
                    let due = after_ms.map(|after| {
                        Timestamp::from_millis(now.saturating_add(i64::try_from(after).unwrap_or(i64::MAX)))
                    });
                    match due {
                        Some(due) => drop(memory.timers.insert(name.clone(), due)),
                        None => drop(memory.timers.remove(&name)),
                    }
                    if memory.timers.len() > limits::TIMERS {
                        return Err(format!("a bot may have at most {} timers", limits::TIMERS));
                    }
                    memory.changed = true;
                    ran.timers.push(TimerChange { name, due });
                }
                Effect::Start => {
                    if memory.stream.open.is_some() {
                        continue;
                    }
                    let contributions = memory.contributions(self.bot.attached);
                    let epoch = memory.stream.epoch;
                    memory.stream = StreamState { epoch, open: Some(contributions.clone()), position: 0 };
                    let bot_id = self.bot.bot_id.clone();
                    outputs.push(HookOutput::Event(Box::new(SystemEvent::EntropyOpened {
                        bot_id,
                        epoch,
                        contributions,
                    })));
                    memory.changed = true;
                    take_over(&mut memory.stream, &mut draws, &mut ran)?;
                }
                Effect::Reveal => {
                    let epoch = memory.stream.epoch;
                    let event = self.seeds.reveal_event(&self.bot.bot_id, epoch);
                    outputs.push(HookOutput::Event(Box::new(event.ok_or("the bot has no further seed to reveal")?)));
                    memory.next_epoch();
                    take_over(&mut memory.stream, &mut draws, &mut ran)?;
                }
            }
        }
        if draws.next().is_some() {
            return Err("the bot's process drew from a stream that is not its own".to_owned());
        }
        memory.changed |= !ran.drawn.is_empty();
        if let Some(state) = done.state {
            memory.state = RawValue::from_string(state).ok();
            memory.changed = true;
        }
        if let Some(kept) = done.kept {
            memory.kept = RawValue::from_string(kept).ok();
            memory.changed = true;
        }
        Ok((outputs, memory, ran))
    }

    fn bot_output(
        &self,
        index: usize,
        to_slot: Option<SlotId>,
        kind: &str,
        body: Map<String, Value>,
    ) -> Result<HookOutput, String> {
        let kind: Kind = kind.parse().map_err(|_| format!("'{kind}' cannot be a kind"))?;
        if kind == Kind::TRACE {
            return Err("the kind 'trace' is the relay's own".to_owned());
        }
        let body = Body::new("body", body).map_err(|error| error.to_string())?;
        if body.as_str().len() > self.body_limit {
            return Err(format!("a post is {} bytes; at most {}", body.as_str().len(), self.body_limit));
        }
        Ok(HookOutput::Post { to_slot, kind, content: Content { salt: self.salt(index), body } })
    }

    fn salt(&self, index: usize) -> Salt {
        let salt = self.seeds.salt(self.memory.stream.epoch, self.trigger.id(), self.step, index);
        salt.expect("a call is made only where its bot's seed is known")
    }

    /// Hash of what the bot remembers, salted so that a small state cannot be guessed from it.
    fn state_hash(&self, memory: &Memory) -> Option<Hash> {
        let text = canonical_text("state", &memory.hashed()).ok()?;
        let Salt(salt) = self.salt(STATE_SALT);
        Some(Hash::of(&[b"mcp-multiplayer/state/v1", &salt, text.as_bytes()]))
    }

    /// Hash of what a hook exchanged with the outside world.
    pub fn record_hash(&self, record: &str) -> Hash {
        let Salt(salt) = self.salt(RECORD_SALT);
        Hash::of(&[b"mcp-multiplayer/record/v1", &salt, record.as_bytes()])
    }
}

/// What `bot:ran` tells of a hook that completed.
#[derive(Default)]
struct Ran {
    state_hash: Option<Hash>,
    drawn: Vec<KeystreamRange>,
    timers: Vec<TimerChange>,
}

/// Takes over what was drawn from the stream as it now stands.
fn take_over(
    stream: &mut StreamState,
    draws: &mut std::iter::Peekable<impl Iterator<Item = KeystreamRange>>,
    ran: &mut Ran,
) -> Result<(), String> {
    let here = |drawn: &KeystreamRange| drawn.epoch == stream.epoch && drawn.open == stream.open.is_some();
    if let Some(drawn) = draws.next_if(here) {
        if drawn.from != stream.position || drawn.to <= drawn.from || drawn.to > limits::SAFE_INTEGER.unsigned_abs() {
            return Err("the bot's process drew from its stream out of order".to_owned());
        }
        stream.position = drawn.to;
        ran.drawn.push(drawn);
    }
    Ok(())
}
