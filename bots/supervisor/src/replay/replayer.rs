//! Runs the hooks of a channel's bots again and compares them with the log.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use mcp_multiplayer_protocol::channel::{
    Audit, AuditedCall, Bot, ChannelState, Composition, Hook, HookCall, Violation,
};
use mcp_multiplayer_protocol::receipt::{LaterLog, Receipt, ReceiptBot};
use mcp_multiplayer_protocol::{
    BotId, BotLimits, Entry, Hash, HookOutcome, Runtime, SkipReason, SystemEvent, canonical_text,
};
use serde_json::Value;

use super::compare::{Excuses, Mismatch, compare, failed_for_memory, failed_for_unknown_seed, inconclusive};
use super::error::ReplayError;
use super::log::{
    Traffic, draws_unknown_seed, index, logged_result, may_have_failed, ran, record_salt, recorded_exchange, seeds,
};
use super::recorded_egress::RecordedEgress;
use super::report::{BotReplay, Difference, Replayed, list};
use crate::config::SupervisorConfig;
use crate::error::{InspectError, Unavailable};
use crate::program::{BotKey, Owner, Program};
use crate::referee::{HookOutput, Memory, Seeds, Turn, Verdict};
use crate::sandbox::{RuntimeInfo, SandboxLevel};
use crate::supervisor::Supervisor;

/// A bot that is being replayed.
struct ReplayedBot<'a> {
    receipt: &'a Receipt,
    program: Arc<Program>,
    key: BotKey,
    /// The memory that the bot's process had on the relay, compared with what it has here.
    relay_memory: Ordering,
}

/// Replays channels from their receipts.
#[derive(Debug)]
pub struct Replayer {
    supervisor: Supervisor,
    egress: Arc<RecordedEgress>,
    /// True if bots may run although this machine has no sandbox that confines them.
    is_sandbox_optional: bool,
    /// True if bots that a relay ran without the policy may run here without it.
    is_policy_optional: bool,
    /// Returns `true` for the triggers before whose hooks the bot's process is restarted.
    restart_before: fn(u64) -> bool,
}

impl Replayer {
    /// A replayer whose bots run with this configuration, but with recorded responses from the network.
    pub fn new(mut config: SupervisorConfig) -> Result<Self, Unavailable> {
        let egress = Arc::new(RecordedEgress::default());
        config.egress = Some(Arc::clone(&egress) as Arc<_>);
        let supervisor = Supervisor::new(config)?;
        Ok(Self {
            supervisor,
            egress,
            is_sandbox_optional: false,
            is_policy_optional: false,
            restart_before: |_| false,
        })
    }

    /// Restarts a bot's process before the hooks of those triggers for which `restart_before` returns `true`.
    #[must_use]
    pub fn restarting(mut self, restart_before: fn(u64) -> bool) -> Self {
        self.restart_before = restart_before;
        self
    }

    /// Runs bots also where no sandbox confines them: for one's own.
    #[must_use]
    pub fn without_sandbox(mut self) -> Self {
        self.is_sandbox_optional = true;
        self
    }

    /// Also runs bots that a relay ran without the policy, again without it.
    #[must_use]
    pub fn allowing_policy_off(mut self) -> Self {
        self.is_policy_optional = true;
        self
    }

    /// Replays every bot of a channel. The minimum of sandbox and policy is this replayer's own, whatever the file says.
    ///
    /// The log is audited first, so that every entry by or about a bot belongs to one of the calls that are replayed.
    pub async fn replay(self, receipt: &Receipt) -> Result<Replayed, ReplayError> {
        let log = AuditedLog::read(receipt)?;
        let mut replayed = Replayed::default();
        let is_confined = self.is_sandbox_optional || self.supervisor.sandbox().await?.level >= SandboxLevel::Kernel;
        for entry in &receipt.entries {
            if let Some(SystemEvent::BotAttach { bot_id, params_hash, runtime, seed_commitment, .. }) = entry.event() {
                let shown = receipt.bots.get(&bot_id);
                let shown =
                    shown.ok_or_else(|| ReplayError::Mismatch(format!("the file lacks the source of {bot_id}")))?;
                let bot = log.compositions[index(entry.id())].bot(&bot_id).expect("attached by this entry");
                check_hashes(bot, shown, params_hash)?;
                let mut result = BotReplay { pending: log.pending(&bot_id), ..BotReplay::default() };
                if !is_confined {
                    let reason = "this machine has no sandbox that confines the code of others";
                    result.add_unchecked(bot.attached, reason.to_owned());
                    replayed.bots.insert(bot_id, result);
                    continue;
                }
                if bot.policy.is_none() && !self.is_policy_optional {
                    let reason =
                        "the relay ran it without the policy, so it was not run here; --allow-policy-off runs it";
                    result.add_unchecked(bot.attached, reason.to_owned());
                    replayed.bots.insert(bot_id, result);
                    continue;
                }
                let seeds = seeds(receipt, bot, shown, seed_commitment)?;
                self.replay_bot(receipt, &log, bot, shown, &runtime, seeds, &mut result).await?;
                replayed.bots.insert(bot_id, result);
            }
        }
        Ok(replayed)
    }

    #[expect(clippy::too_many_arguments, reason = "what the log and the file say about one bot")]
    async fn replay_bot(
        &self,
        receipt: &Receipt,
        log: &AuditedLog,
        bot: &Bot,
        shown: &ReceiptBot,
        runtime: &Runtime,
        seeds: Seeds,
        result: &mut BotReplay,
    ) -> Result<(), ReplayError> {
        let program = Arc::new(Program {
            name: bot.name.clone(),
            source: shown.source.as_str().into(),
            params: Value::Object(shown.params.clone()),
            policy: bot.policy.is_some(),
            limits: BotLimits { body_bytes: bot.limits.body_bytes, ..BotLimits::default() },
        });
        let inspected = match self.supervisor.inspect(&Owner::default(), &program).await {
            Ok(inspected) => inspected,
            Err(InspectError::Unavailable(error)) => return Err(error.into()),
            Err(InspectError::Rejected { message, .. }) => {
                result.add_unchecked(bot.attached, format!("its source is rejected here: {message}"));
                return Ok(());
            }
        };
        let here = inspected.runtime;
        if let Some(reason) = runtime_difference(runtime, &here) {
            result.add_unchecked(bot.attached, reason);
            return Ok(());
        }
        if inspected.hooks != bot.hooks {
            let names = |hooks: &[Hook]| vec![hooks.iter().map(|hook| hook.name()).collect::<Vec<_>>().join(" ")];
            let (log, replay) = (names(&bot.hooks), names(&inspected.hooks));
            result.differences.push(Difference { trigger: bot.attached, hook: "hooks of the bot", log, replay });
            return Ok(());
        }
        let key = BotKey::new(&receipt.header.channel_id.to_string(), bot.bot_id.as_str());
        let memory_bytes = self.supervisor.memory_bytes();
        let relay_memory = runtime.memory_bytes.cmp(&memory_bytes);
        let mut replayed = ReplayedBot { receipt, program, key, relay_memory };
        // A relay makes a bot's memory once the manifest, the entry after the attach, is in the log too.
        let first = index(bot.attached + 1).min(log.compositions.len() - 1);
        let mut memory = Memory::new(Arc::clone(&log.compositions[first]), bot.attached);
        let mut calls = log.calls_of(&bot.bot_id).peekable();
        for entry in &receipt.entries[index(bot.attached)..] {
            if calls.peek().is_none() {
                break;
            }
            memory.apply(bot, entry);
            if let Some(SystemEvent::BotRuntime { bot_id, runtime, .. }) = entry.event()
                && bot_id == bot.bot_id
            {
                replayed.relay_memory = runtime.memory_bytes.cmp(&memory_bytes);
                if let Some(reason) = runtime_difference(&runtime, &here) {
                    result.add_unchecked(entry.id(), reason);
                    return Ok(());
                }
            }
            while let Some(call) = calls.next_if(|call| call.due.trigger == entry.id()) {
                let turn = Turn {
                    bot,
                    call: call.due.call,
                    trigger: entry,
                    step: call.due.step,
                    memory: &memory,
                    seeds: &seeds,
                    record_salt: record_salt(receipt, call),
                };
                let logged = &receipt.entries[index(call.first)..=index(call.result)];
                if let Some(SystemEvent::BotSkipped { reason, .. }) = logged.last().and_then(Entry::event) {
                    memory = turn.skipped(reason).memory.unwrap_or(memory);
                    result.skipped += 1;
                    if !matches!(reason, SkipReason::Depth | SkipReason::Stale) {
                        let hook = call.due.call.hook().name();
                        let reason = format!("{hook} did not run, for a reason that only the relay knows");
                        result.add_unchecked(entry.id(), reason);
                    }
                    continue;
                }
                let before_result = &log.compositions[index(call.result - 1)];
                match self.replay_hook(&replayed, &turn, logged, before_result, result).await? {
                    After::Changed(after) => memory = *after,
                    After::Unchanged => {}
                    After::Unknown => return Ok(()),
                }
            }
        }
        self.supervisor.retire(&replayed.key).await;
        Ok(())
    }

    /// Replays a hook, and says what it leaves in the bot's memory.
    async fn replay_hook(
        &self,
        replayed: &ReplayedBot<'_>,
        turn: &Turn<'_>,
        logged: &[Entry],
        before_result: &Composition,
        result: &mut BotReplay,
    ) -> Result<After, ReplayError> {
        let trigger = turn.trigger.id();
        if turn.trigger.content.is_none() {
            return Ok(after_unreadable(turn, logged, result));
        }
        let logged_result = logged_result(logged);
        let logged_outcome = logged_result.as_ref().map(|result| result.outcome);
        if let Some(outcome @ (HookOutcome::Timeout | HookOutcome::Died)) = logged_outcome {
            // A run that ends otherwise would prove nothing, and many that take their full time would never end.
            let what = if outcome == HookOutcome::Timeout { "ran out of time" } else { "died" };
            result.add_unchecked(trigger, format!("the relay says that the hook {what}"));
            return Ok(After::failure(turn));
        }
        if draws_unknown_seed(logged, turn.seeds) {
            result.add_unchecked(trigger, "the seed that the hook drew from was not revealed".to_owned());
            return Ok(After::Unknown);
        }
        let exchange = match recorded_exchange(replayed.receipt, turn, logged) {
            Traffic::Known(exchange) => Some(exchange),
            Traffic::Sealed => None,
            Traffic::Missing => {
                result.add_unchecked(trigger, "this file leaves out the hook's network traffic".to_owned());
                return Ok(After::Unknown);
            }
        };
        let is_sealed = exchange.is_none();
        let has_network = before_result.bot(&turn.bot.bot_id).is_some_and(|bot| bot.egress_hash.is_some());
        self.egress.prepare(has_network.then(|| exchange.unwrap_or_default()));
        if (self.restart_before)(trigger) {
            self.supervisor.retire(&replayed.key).await;
        }
        let report = self.supervisor.run(&replayed.key, &replayed.program, turn.request(BTreeMap::new())).await?;
        let unknown_seed = failed_for_unknown_seed(&report.outcome);
        let ran_out_of_memory = failed_for_memory(&report.outcome);
        let verdict = turn.judge(report);
        if has_drawn_from_unknown_seed(&verdict, turn.seeds) {
            result.add_unchecked(trigger, "the hook draws here from a seed that was not revealed".to_owned());
            return Ok(After::Unknown);
        }
        if logged_outcome.is_none() && verdict.record.is_some() {
            let reason = "the hook uses the network, and its result, which says what it exchanged on the relay, is not in this file";
            result.add_unchecked(trigger, reason.to_owned());
            return Ok(After::Unknown);
        }
        let Err(Mismatch { log, replay }) = compare(&verdict.delivered(turn, before_result), logged) else {
            result.identical += 1;
            if let Some(dm) = logged.iter().find(|entry| entry.content.is_none()) {
                let reason = format!("this file leaves out what the bot said privately in entry {}", dm.id());
                result.add_unchecked(trigger, reason);
            }
            return Ok(verdict.memory.map_or(After::Unchanged, |memory| After::Changed(Box::new(memory))));
        };
        let excuses = Excuses { is_sealed, unknown_seed, ran_out_of_memory, relay_memory: replayed.relay_memory };
        let excuse = inconclusive(&verdict, logged, turn.bot, excuses);
        // If the log says that the hook failed, what it leaves in the bot's memory is known, and the replay can go on.
        let mut failed = logged_outcome.is_some_and(|outcome| outcome != HookOutcome::Ok);
        match excuse {
            Some(reason) => result.add_unchecked(trigger, reason),
            None if !result.assumed.is_empty() => {
                let reason =
                    format!("the hooks of entries {} may have changed what the bot remembers", list(&result.assumed));
                result.add_unchecked(trigger, reason);
            }
            None if logged_outcome.is_none() && may_have_failed(logged, turn, before_result) => {
                // It had other effects here, so a failure is the only honest explanation.
                failed = true;
                let reason = "the hook's result is not in this file; it must have failed on the relay, but not here";
                result.add_unchecked(trigger, reason.to_owned());
            }
            None => result.differences.push(Difference { trigger, hook: turn.call.hook().name(), log, replay }),
        }
        // Every further hook could take its full time here, too.
        let may_go_on = failed && verdict.outcome != HookOutcome::Timeout;
        Ok(if may_go_on { After::failure(turn) } else { After::Unknown })
    }
}

/// Returns whether a replayed hook has drawn, or tried to, from a seed that nobody revealed. It may have caught the error.
fn has_drawn_from_unknown_seed(verdict: &Verdict, seeds: &Seeds) -> bool {
    match verdict.outputs.last() {
        Some(HookOutput::Event(event)) => match &**event {
            SystemEvent::BotRan { drawn, .. } => drawn.iter().any(|range| !seeds.contains(range.epoch)),
            _ => false,
        },
        _ => false,
    }
}

/// The part of a hook's result that stays in the bot's memory.
enum After {
    Unchanged,
    Changed(Box<Memory>),
    /// It cannot be known, so that the replay of the bot ends.
    Unknown,
}

impl After {
    /// A failed hook changes nothing, but a timer that started it is gone.
    fn failure(turn: &Turn<'_>) -> Self {
        turn.memory_without_effects().map_or(Self::Unchanged, |memory| Self::Changed(Box::new(memory)))
    }
}

/// Judges a hook whose trigger is private, and not in the file. It is passed over if it had no effects but its result; that it
/// did not change what the bot remembers either, and used no network, is an assumption.
fn after_unreadable(turn: &Turn<'_>, logged: &[Entry], result: &mut BotReplay) -> After {
    let trigger = turn.trigger.id();
    let Some(SystemEvent::BotRan { effects, drawn, timers, .. }) = ran(logged) else { return After::Unknown };
    let result_dm = match (logged, turn.call) {
        ([.., last, _], HookCall::PrivateMessage(slot_id)) => u32::from(last.envelope.to_slot == Some(slot_id)),
        _ => 0,
    };
    if effects > result_dm || !drawn.is_empty() || !timers.is_empty() {
        result.add_unchecked(trigger, "this file leaves out the body of the entry that started the hook".to_owned());
        return After::Unknown;
    }
    result.assumed.push(trigger);
    After::Unchanged
}

/// A log that breaks no rule, with the calls of hooks in it.
struct AuditedLog {
    /// The composition after each entry.
    compositions: Vec<Arc<Composition>>,
    calls: Vec<AuditedCall>,
    /// For each bot, the number of hooks that were due when the log ended.
    pending: BTreeMap<BotId, u64>,
}

impl AuditedLog {
    fn read(receipt: &Receipt) -> Result<Self, ReplayError> {
        let mut audit = Audit::new(ChannelState::empty(receipt.header.channel_id));
        let (mut compositions, mut calls) = (Vec::with_capacity(receipt.entries.len()), Vec::new());
        for entry in &receipt.entries {
            let completed = audit.append(entry);
            calls.extend(completed.map_err(|Violation { entry, reason }| ReplayError::Broken { entry, reason })?);
            compositions.push(Arc::clone(&audit.state().composition));
        }
        if audit.state().composition.log != receipt.header.log {
            let reason = "the header of the file names another relay, or another key, than entry 1";
            return Err(ReplayError::Mismatch(reason.to_owned()));
        }
        if let Some(later) = &receipt.later {
            let later_log = LaterLog::read(later, receipt.header.log.as_ref(), audit.state());
            let mut later_log = later_log.map_err(ReplayError::LaterLog)?;
            for entry in &receipt.later_entries {
                later_log.read_entry(entry, &mut audit).map_err(ReplayError::LaterLog)?;
            }
        }
        if let Some(Violation { entry, reason }) = audit.missing_body() {
            return Err(ReplayError::Broken { entry, reason });
        }
        let mut pending = BTreeMap::new();
        let dropped = audit.dropped().iter().map(|(bot_id, _)| bot_id);
        for bot_id in audit.pending().map(|(bot_id, _)| bot_id).chain(dropped).chain(audit.overdue()) {
            *pending.entry(bot_id.clone()).or_default() += 1;
        }
        Ok(Self { compositions, calls, pending })
    }

    fn calls_of<'a>(&'a self, bot_id: &'a BotId) -> impl Iterator<Item = &'a AuditedCall> {
        self.calls.iter().filter(move |call| call.bot_id == *bot_id)
    }

    fn pending(&self, bot_id: &BotId) -> u64 {
        self.pending.get(bot_id).copied().unwrap_or_default()
    }
}

/// Checks that a bot's source and parameters are those whose hashes are in the log.
fn check_hashes(bot: &Bot, shown: &ReceiptBot, params_hash: Hash) -> Result<(), ReplayError> {
    let mismatch =
        |what| Err(ReplayError::Mismatch(format!("{what} of {} does not match its hash in the log", bot.bot_id)));
    if Hash::of(&[shown.source.as_bytes()]) != bot.code_hash {
        return mismatch("the source");
    }
    let params = canonical_text("params", &Value::Object(shown.params.clone()));
    if !params.is_ok_and(|params| Hash::of(&[params.as_bytes()]) == params_hash) {
        return mismatch("a parameter");
    }
    Ok(())
}

/// A description of how the software here differs from the one that the bot ran on, if it does.
fn runtime_difference(logged: &Runtime, here: &RuntimeInfo) -> Option<String> {
    let same =
        logged.worker == here.worker && logged.python == here.python && logged.lock_hash.to_string() == here.lock_hash;
    (!same).then(|| {
        format!(
            "the bot ran in worker {} with Python {} and packages {}; this machine has {}, {} and {}",
            logged.worker, logged.python, logged.lock_hash, here.worker, here.python, here.lock_hash
        )
    })
}
