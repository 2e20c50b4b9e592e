//! One run of a hook: its request, and the entries that its report becomes.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use mcp_multiplayer_protocol::channel::{Bot, Composition, HookCall, Slot as ChannelSlot};
use mcp_multiplayer_protocol::operation::Message;
use mcp_multiplayer_protocol::{
    Body, DirectMessage, Entry, HookFailure, HookOutcome, HookResult, KeystreamRange, Kind, NetworkExchange,
    PrivateResult, Salt, Secret, Sender, SkipReason, SlotId, SystemEvent, TimerChange, limits, record_hash,
};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::memory::{Memory, StreamState};
use super::seed::{EPOCHS, Seeds};
use crate::hook::{HookRequest, Stream};
use crate::record::EgressRecord;
use crate::report::{Completion, Effect, FailureKind, HookReport, Outcome};

/// One call of a hook, with its trigger and the bot's memory.
#[derive(Debug)]
pub struct Turn<'a> {
    /// The bot.
    pub bot: &'a Bot,
    /// The hook and its argument.
    pub call: HookCall,
    /// The entry that started the call.
    pub trigger: &'a Entry,
    /// Number of the call among those that the entry starts for this bot, from 0.
    pub step: u32,
    /// The bot's memory before the call.
    pub memory: &'a Memory,
    /// The bot's seeds.
    pub seeds: &'a Seeds,
    /// Salt of the hash of the call's network exchanges. Not from the seed: what a bot reveals must open nothing private.
    pub record_salt: Salt,
}

/// Result of a call: the entries to append and the bot's new memory.
#[derive(Debug)]
pub struct Verdict {
    /// Outcome of the hook.
    pub outcome: HookOutcome,
    /// Entries to append, in order, each with the trigger as its cause. The last is `bot:ran`, or `bot:skipped` if the hook
    /// did not run.
    pub outputs: Vec<HookOutput>,
    /// The bot's memory after the call; `None` if it is unchanged.
    pub memory: Option<Memory>,
    /// Names of the timers that the call set or cancelled, by number. The log does not have them.
    pub timer_names: BTreeMap<u32, String>,
    /// Network exchanges of the hook.
    pub record: Option<EgressRecord>,
}

/// An entry that a call appends.
#[derive(Clone, Debug, PartialEq)]
pub enum HookOutput {
    /// A post or DM by the bot.
    Post {
        /// The addressee; `None` for a public post.
        to_slot: Option<SlotId>,
        /// Its kind.
        kind: Kind,
        /// Its body.
        body: Body,
    },
    /// The result of a call that a DM started, for the player who sent it.
    Result {
        /// The player's slot.
        to_slot: SlotId,
        /// The result.
        result: Box<PrivateResult>,
    },
    /// A system entry about the call.
    Event(Box<SystemEvent>),
}

impl Turn<'_> {
    /// The request for the supervisor.
    pub fn request(&self, env: BTreeMap<String, Secret>) -> HookRequest {
        let (composition, entry) = (self.memory.composition(), self.trigger);
        let args = match self.call {
            HookCall::Init | HookCall::Ready | HookCall::Close => vec![],
            HookCall::Start => start_arguments(entry),
            HookCall::Join(slot_id) | HookCall::Leave(slot_id) => vec![json!(slot_id)],
            HookCall::Message => vec![self.with_tenure(json!(Message::of(composition, entry)))],
            HookCall::PrivateMessage(slot_id) => vec![json!(slot_id), self.with_tenure(json!(entry.body()))],
            HookCall::Timer(n) => vec![json!(self.memory.timer_name(n).unwrap_or_default())],
        };
        HookRequest {
            hook: self.call.hook(),
            channel_id: composition.channel_id.to_string(),
            bot_id: self.bot.bot_id.to_string(),
            now_ms: entry.envelope.ts.as_millis(),
            state: self.memory.state().map(str::to_owned),
            seats: self.memory.seats_for(self.call),
            may_hold_seats: self.is_started_by_player(),
            may_unseal: self.bot.unseals,
            commitments: self.memory.commitments.as_deref().map(|text| text.get().to_owned()),
            players: self.memory.players(),
            slots: self.memory.slots(),
            relay: composition.log.clone(),
            stream: self.stream(),
            env,
            args,
        }
    }

    /// Returns `true` if the timer that fired was cancelled or replaced meanwhile, by the hook of an earlier entry.
    pub fn is_stale(&self) -> bool {
        matches!(self.call, HookCall::Timer(n) if self.memory.timer_name(n).is_none())
    }

    /// Returns `true` if the player who held a slot when the trigger was appended still does in a channel of this composition.
    pub fn has_stayed(&self, slot_id: SlotId, composition: &Composition) -> bool {
        let tenure = composition.slot(slot_id).and_then(ChannelSlot::tenure_began);
        tenure.is_some_and(|began| began <= self.trigger.id())
    }

    /// The verdict on a call that does not run: its only entry says why.
    pub fn skipped(&self, reason: SkipReason) -> Verdict {
        let (bot_id, trigger, hook) = (self.bot.bot_id.clone(), self.trigger.id(), self.call.hook());
        let event = SystemEvent::BotSkipped { bot_id, trigger, step: self.step, hook, reason };
        let outputs = vec![HookOutput::Event(Box::new(event))];
        let (outcome, timer_names) = (HookOutcome::Refused, BTreeMap::new());
        Verdict { outcome, outputs, memory: self.memory_without_effects(), timer_names, record: None }
    }

    /// The memory after a call without effects; `None` if it is unchanged.
    pub fn memory_without_effects(&self) -> Option<Memory> {
        let HookCall::Timer(n) = self.call else { return None };
        let mut memory = self.memory.clone();
        memory.forget_timer(n);
        Some(memory)
    }

    /// A player's message, with the tenure in which it was written, so that a bot can tell a slot's holders apart.
    fn with_tenure(&self, mut message: Value) -> Value {
        let Sender::Slot(slot_id) = self.trigger.envelope.sender else { return message };
        let tenure = self.memory.composition().slot(slot_id).and_then(ChannelSlot::tenure_began);
        if let Value::Object(fields) = &mut message {
            fields.insert("tenure".to_owned(), json!(tenure));
        }
        message
    }

    /// Returns `true` if the trigger is what a player did: a post, or that the player took a seat or accepted the terms. Only then
    /// may the bot hold the seats, so that it cannot hold them for ever by itself.
    fn is_started_by_player(&self) -> bool {
        matches!(self.call, HookCall::Join(_) | HookCall::Ready if self.trigger.id() > self.bot.attached)
            || matches!(self.trigger.envelope.sender, Sender::Slot(_))
    }

    fn stream(&self) -> Stream {
        let (state, seeds) = (&self.memory.stream, self.seeds);
        let next = state.epoch + 1;
        Stream {
            epoch: state.epoch,
            last: next >= EPOCHS,
            open: state.open.is_some(),
            starting: state.starting,
            position: state.position,
            // A replay may not know these. A hook that draws nothing needs neither.
            key: seeds.stream_key(state.epoch, state.open.as_deref()),
            next_key: seeds.stream_key(next, None),
        }
    }

    /// Turns the supervisor's report into a verdict.
    pub fn judge(&self, report: HookReport) -> Verdict {
        let HookReport { outcome, record, .. } = report;
        let applied = match outcome {
            Outcome::Completed(completion) => self.apply(*completion),
            Outcome::Failed { reason, line, kind, .. } => {
                let outcome = match kind {
                    FailureKind::Timeout => HookOutcome::Timeout,
                    FailureKind::Refused => HookOutcome::Refused,
                    FailureKind::Error | FailureKind::Memory => HookOutcome::Error,
                    FailureKind::Died => HookOutcome::Died,
                };
                return self.failed(outcome, &reason, line, record);
            }
        };
        match applied {
            Ok((mut outputs, memory, mut summary)) => {
                let (outcome, timer_names) = (HookOutcome::Ok, std::mem::take(&mut summary.timer_names));
                self.push_result(&mut outputs, summary, self.result(outcome, record.as_ref()), None);
                Verdict { outcome, outputs, memory: Some(memory), timer_names, record }
            }
            Err(reason) => self.failed(HookOutcome::Refused, &reason, None, record),
        }
    }

    /// The verdict on a hook whose effects the channel's rules forbid.
    pub fn refused(&self, reason: &str, record: Option<EgressRecord>) -> Verdict {
        self.failed(HookOutcome::Refused, reason, None, record)
    }

    fn failed(&self, outcome: HookOutcome, reason: &str, line: Option<u32>, record: Option<EgressRecord>) -> Verdict {
        let (mut outputs, result) = (Vec::new(), self.result(outcome, record.as_ref()));
        self.push_result(&mut outputs, HookSummary::default(), result, Some(self.failure(reason, line)));
        Verdict { outcome, outputs, memory: self.memory_without_effects(), timer_names: BTreeMap::new(), record }
    }

    /// A failure in words. `reason` must not quote the bot's state, nor a private message.
    fn failure(&self, reason: &str, line: Option<u32>) -> HookFailure {
        let place = line.map(|line| format!(" (line {line})")).unwrap_or_default();
        let text = format!("{} failed in {}: {reason}{place}", self.bot.name, self.call.hook().name());
        let line = line.and_then(NonZeroU32::new);
        HookFailure { reason: reason.chars().take(1_000).collect(), line, text: text.chars().take(1_200).collect() }
    }

    fn result(&self, outcome: HookOutcome, record: Option<&EgressRecord>) -> HookResult {
        let exchanged = record.map(|record| NetworkExchange {
            record_hash: record_hash(&self.record_salt, record.text()),
            hosts: record.hosts().to_vec(),
            sealed: record.is_sealed(),
        });
        HookResult { outcome, exchanged, undelivered: Vec::new() }
    }

    /// Adds the failure, if it failed, and the result of the call. Those of a call that a DM started are for the player who
    /// sent the DM: even that it failed may say something of the DM.
    fn push_result(
        &self,
        outputs: &mut Vec<HookOutput>,
        HookSummary { drawn, timers, .. }: HookSummary,
        result: HookResult,
        failure: Option<HookFailure>,
    ) {
        let (bot_id, hook) = (self.bot.bot_id.clone(), self.call.hook());
        let public = if let HookCall::PrivateMessage(to_slot) = self.call {
            outputs.push(HookOutput::Result { to_slot, result: Box::new(PrivateResult { result, failure }) });
            None
        } else {
            let error = failure.map(|failure| SystemEvent::BotError { bot_id: bot_id.clone(), hook, failure });
            outputs.extend(error.map(|error| HookOutput::Event(Box::new(error))));
            Some(result)
        };
        let effects = u32::try_from(outputs.len()).expect("a hook has few effects");
        let (trigger, step) = (self.trigger.id(), self.step);
        let ran = SystemEvent::BotRan { bot_id, trigger, step, hook, effects, drawn, timers, result: public };
        outputs.push(HookOutput::Event(Box::new(ran)));
    }

    /// Applies the effects of a completed hook to the memory. The error is the reason why they are not allowed.
    fn apply(&self, completion: Completion) -> Result<(Vec<HookOutput>, Memory, HookSummary), String> {
        let mut memory = self.memory.clone();
        if let HookCall::Timer(n) = self.call {
            memory.forget_timer(n);
        }
        let (mut outputs, mut summary) = (Vec::new(), HookSummary::default());
        let mut draws = completion.drawn.into_iter().peekable();
        record_draw(&mut memory.stream, &mut draws, &mut summary)?;
        for effect in completion.effects {
            match effect {
                Effect::Post { kind, body } => outputs.push(self.bot_output(None, &kind, body)?),
                Effect::Dm { slot_id, kind, body } => {
                    let to_slot =
                        slot_id.parse::<SlotId>().map_err(|_| "a DM went to a slot that does not exist".to_owned())?;
                    if self.memory.composition().slot(to_slot).and_then(ChannelSlot::tenure_began).is_none() {
                        return Err("a DM went to a slot that no player holds".to_owned());
                    }
                    outputs.push(self.bot_output(Some(to_slot), &kind, body)?);
                }
                Effect::Timer { name, after_ms } => {
                    if let Some(n) = memory.timers.remove(&name) {
                        summary.timers.push(TimerChange { n, after_ms: None });
                        summary.timer_names.insert(n, name.clone());
                    }
                    if after_ms.is_some() {
                        memory.timers_set += 1;
                        summary.timer_names.insert(memory.timers_set, name.clone());
                        memory.timers.insert(name, memory.timers_set);
                        summary.timers.push(TimerChange { n: memory.timers_set, after_ms });
                    }
                    if memory.timers.len() > limits::TIMERS {
                        return Err(format!("a bot may have at most {} timers", limits::TIMERS));
                    }
                    memory.changed = true;
                }
                Effect::Start => {
                    if self.call == HookCall::Start {
                        return Err("on_start cannot call ctx.start()".to_owned());
                    }
                    if !memory.stream.starting {
                        outputs.push(HookOutput::Event(Box::new(self.entropy_opened(&memory))));
                        memory.stream.starting = true;
                        memory.changed = true;
                    }
                }
                Effect::Reveal => {
                    if memory.stream.starting {
                        return Err("the seed cannot be revealed before on_start".to_owned());
                    }
                    let epoch = memory.stream.epoch;
                    let event = self.seeds.reveal_event(&self.bot.bot_id, epoch, memory.epoch_began());
                    outputs.push(HookOutput::Event(Box::new(event.ok_or("the bot has no further seed to reveal")?)));
                    memory.next_epoch(self.trigger.id());
                    record_draw(&mut memory.stream, &mut draws, &mut summary)?;
                }
                Effect::HoldSeats { for_ms } => {
                    let (bot_id, until) = (self.bot.bot_id.clone(), self.trigger.envelope.ts.after_millis(for_ms));
                    outputs.push(HookOutput::Event(Box::new(SystemEvent::SeatsHeld { bot_id, until })));
                }
                Effect::Unseal => {
                    if !self.bot.unseals {
                        return Err("the bot's manifest does not say that it unseals its DMs".to_owned());
                    }
                    let event =
                        HookOutput::Event(Box::new(SystemEvent::DmUnsealed { bot_id: self.bot.bot_id.clone() }));
                    if !outputs.contains(&event) {
                        outputs.push(event);
                    }
                }
                Effect::ReleaseSeats => {
                    let bot_id = self.bot.bot_id.clone();
                    outputs.push(HookOutput::Event(Box::new(SystemEvent::SeatsReleased { bot_id })));
                }
            }
        }
        if draws.next().is_some() {
            return Err("the bot's process drew from a stream that is not its own".to_owned());
        }
        memory.changed |= !summary.drawn.is_empty();
        if let Some(state) = completion.state {
            memory.state = RawValue::from_string(state).ok();
            memory.changed = true;
        }
        memory.set_seats(completion.seats.as_deref());
        if let Some(commitments) = completion.commitments {
            memory.commitments = RawValue::from_string(commitments).ok();
            memory.changed = true;
        }
        Ok((outputs, memory, summary))
    }

    /// The answer to `ctx.start()`, which triggers `on_start`. The players gave their entropy when they joined.
    fn entropy_opened(&self, memory: &Memory) -> SystemEvent {
        let contributions = memory.contributions(self.bot.attached);
        // The draw may have been open before, with the entropy of a former holder of the slot.
        let contributed =
            |slot: &ChannelSlot| contributions.iter().any(|given| slot.tenure_began() == Some(given.entry));
        let seats = memory.composition().seats();
        let missing = seats.filter(|(_, slot, _)| !contributed(slot)).map(|(slot_id, ..)| slot_id).collect();
        SystemEvent::EntropyOpened { bot_id: self.bot.bot_id.clone(), epoch: memory.epoch(), missing, contributions }
    }

    fn bot_output(&self, to_slot: Option<SlotId>, kind: &str, body: Map<String, Value>) -> Result<HookOutput, String> {
        let kind: Kind = kind.parse().map_err(|_| "the kind of a post is not valid".to_owned())?;
        if kind == Kind::TRACE {
            return Err("the kind 'trace' is reserved for the relay".to_owned());
        }
        let body = Body::new("body", body).map_err(|_| "the body of a post is not valid JSON".to_owned())?;
        let (size, limit) = (body.as_str().len() as u64, self.bot.limits.body_bytes);
        if size > limit {
            return Err(format!("a post is {size} bytes; at most {limit}"));
        }
        if to_slot.is_none() {
            return Ok(HookOutput::Post { to_slot, kind, body });
        }
        let dm = DirectMessage { kind, body }.to_body().map_err(|_| "a DM is nested too deeply".to_owned())?;
        let (kind, body) = (Kind::PRIVATE, dm);
        Ok(HookOutput::Post { to_slot, kind, body })
    }
}

/// The arguments of `on_start`: the slots whose players' entropy is in the draw, and the other ones that were seated.
fn start_arguments(entry: &Entry) -> Vec<Value> {
    match entry.body().and_then(|body| body.parse().ok()) {
        Some(SystemEvent::EntropyOpened { contributions, missing, .. }) => {
            let contributors = contributions.iter().map(|given| given.slot_id);
            let contributors: Vec<SlotId> = contributors.filter(|slot_id| !missing.contains(slot_id)).collect();
            vec![json!(contributors), json!(missing)]
        }
        _ => vec![json!([]), json!([])],
    }
}

/// Fields of `bot:ran` that only a completed hook has.
#[derive(Default)]
struct HookSummary {
    drawn: Vec<KeystreamRange>,
    timers: Vec<TimerChange>,
    timer_names: BTreeMap<u32, String>,
}

/// Advances the stream by the next reported draw, if that draw is from this stream.
fn record_draw(
    stream: &mut StreamState,
    draws: &mut std::iter::Peekable<impl Iterator<Item = KeystreamRange>>,
    summary: &mut HookSummary,
) -> Result<(), String> {
    let is_from_stream = |drawn: &KeystreamRange| drawn.epoch == stream.epoch && drawn.open == stream.open.is_some();
    if let Some(drawn) = draws.next_if(is_from_stream) {
        if drawn.from != stream.position || drawn.to <= drawn.from || drawn.to > limits::SAFE_INTEGER.unsigned_abs() {
            return Err("the bot's process drew from its stream out of order".to_owned());
        }
        stream.position = drawn.to;
        summary.drawn.push(drawn);
    }
    Ok(())
}
