//! Runs the hooks of a channel's bots again and compares them with the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use mcp_multiplayer_protocol::channel::{Bot, ChannelState, Composition, plan};
use mcp_multiplayer_protocol::{Entry, Hash, HookOutcome, Runtime, SystemEvent, canonical_text, limits};
use serde_json::Value;

use super::compare::{Mismatch, compare, failed_for_unknown_seed, inconclusive};
use super::error::ReplayError;
use super::export::{Export, ExportedBot};
use super::log::{
    cascade_depth, draws_unknown_seed, event, find_result, has_later_result, index, logged_effects, logged_outcome,
    recorded_exchange, seeds, undelivered,
};
use super::recorded_egress::RecordedEgress;
use super::report::{BotReplay, Difference, Replayed};
use super::skip::judge_skip;
use crate::config::SupervisorConfig;
use crate::error::{InspectError, Unavailable};
use crate::program::{BotKey, Owner, Program};
use crate::referee::{Memory, Turn, Verdict};
use crate::sandbox::RuntimeInfo;
use crate::supervisor::Supervisor;

/// A bot that is being replayed.
struct ReplayedBot<'a> {
    export: &'a Export,
    exported: &'a ExportedBot,
    program: Arc<Program>,
    key: BotKey,
}

/// Replays exported channels.
#[derive(Debug)]
pub struct Replayer {
    supervisor: Supervisor,
    egress: Arc<RecordedEgress>,
    body_limit: usize,
    /// Returns `true` for the triggers before whose hooks the bot's process is restarted.
    restart_before: fn(u64) -> bool,
}

impl Replayer {
    /// A replayer whose bots run with this configuration, but with recorded responses from the network.
    pub fn new(mut config: SupervisorConfig) -> Result<Self, Unavailable> {
        let egress = Arc::new(RecordedEgress::default());
        config.egress = Some(Arc::clone(&egress) as Arc<_>);
        let supervisor = Supervisor::new(config)?;
        Ok(Self { supervisor, egress, body_limit: limits::BODY_BYTES, restart_before: |_| false })
    }

    /// Restarts a bot's process before the hooks of those triggers for which `restart_before` returns `true`.
    #[must_use]
    pub fn restarting(mut self, restart_before: fn(u64) -> bool) -> Self {
        self.restart_before = restart_before;
        self
    }

    /// Replays every bot of a channel.
    pub async fn replay(mut self, export: &Export) -> Result<Replayed, ReplayError> {
        // Posts are held to the limit of the relay that ran the bots.
        self.body_limit = export.body_bytes;
        let compositions = verified_compositions(export)?;
        let mut replayed = Replayed::default();
        for entry in &export.entries {
            if let Some(SystemEvent::BotAttach { bot_id, params_hash, runtime, policy_off, .. }) = event(entry) {
                let exported = export.bots.get(&bot_id);
                let exported = exported
                    .ok_or_else(|| ReplayError::Mismatch(format!("the export lacks the source of {bot_id}")))?;
                let attached = &compositions[index(entry.id())];
                let bot = attached.bot(&bot_id).expect("attached by this entry");
                check_hashes(bot, exported, params_hash)?;
                let result = self.replay_bot(export, &compositions, bot, exported, &runtime, !policy_off).await?;
                replayed.bots.insert(bot_id, result);
            }
        }
        Ok(replayed)
    }

    async fn replay_bot(
        &self,
        export: &Export,
        compositions: &[Arc<Composition>],
        bot: &Bot,
        exported: &ExportedBot,
        runtime: &Runtime,
        policy: bool,
    ) -> Result<BotReplay, ReplayError> {
        let mut result = BotReplay::default();
        let program = Arc::new(Program {
            name: exported.name.clone(),
            source: exported.source.as_str().into(),
            params: Value::Object(exported.params.clone()),
            policy,
        });
        let here = match self.supervisor.inspect(&Owner::default(), &program).await {
            Ok(inspected) => inspected.runtime,
            Err(InspectError::Unavailable(error)) => return Err(error.into()),
            Err(InspectError::Rejected { message, .. }) => {
                result.add_unchecked(bot.attached, format!("its source is rejected here: {message}"));
                return Ok(result);
            }
        };
        if let Some(reason) = runtime_difference(runtime, &here) {
            result.add_unchecked(bot.attached, reason);
            return Ok(result);
        }
        let Some(seeds) = seeds(export, bot, exported) else {
            result.add_unchecked(bot.attached, "the bot's seed was not revealed".to_owned());
            return Ok(result);
        };
        let key = BotKey::new(&export.channel_id.to_string(), bot.bot_id.as_str());
        let replayed = ReplayedBot { export, exported, program, key };
        // A relay makes a bot's memory once the manifest, the entry after the attach, is in the log too.
        let mut memory =
            Memory::new(Arc::clone(&compositions[index(bot.attached + 1).min(compositions.len() - 1)]), bot.attached);
        let mut last_ran = bot.attached;
        for entry in &export.entries[index(bot.attached)..] {
            if let Some(SystemEvent::BotDetach { bot_id, .. }) = event(entry)
                && bot_id == bot.bot_id
            {
                break;
            }
            memory.apply(bot, entry);
            if let Some(SystemEvent::BotRuntime { bot_id, runtime, .. }) = event(entry)
                && bot_id == bot.bot_id
                && let Some(reason) = runtime_difference(&runtime, &here)
            {
                result.add_unchecked(entry.id(), reason);
                return Ok(result);
            }
            // After the request to close the channel, posts start no hooks.
            let request = compositions[index(entry.id())].close_requested;
            let after_request = request.is_some_and(|request| entry.id() > request);
            let calls = if after_request { vec![] } else { plan(&compositions[index(entry.id())], bot, entry) };
            for (step, call) in (0..).zip(calls) {
                let Some((ran, outcome)) = find_result(export, &bot.bot_id, entry.id(), last_ran) else {
                    // The log may end before all hooks have run, but hooks run in order, and a close waits for them.
                    if has_later_result(export, &bot.bot_id, last_ran) {
                        let (log, replay) = (vec![], vec!["a result of the hook, which is missing".to_owned()]);
                        let (trigger, hook) = (entry.id(), call.hook().name());
                        result.differences.push(Difference { trigger, hook, log, replay });
                    }
                    return Ok(result);
                };
                let logged = logged_effects(export, &bot.bot_id, entry.id(), last_ran, ran);
                last_ran = ran;
                let turn = Turn {
                    bot,
                    call,
                    trigger: entry,
                    step,
                    memory: &memory,
                    seeds: &seeds,
                    body_limit: self.body_limit,
                };
                let depth = cascade_depth(export, entry);
                let before_result = &compositions[index(ran - 1)];
                let closing = before_result.close_requested.is_some();
                match judge_skip(&turn, depth, (&outcome, &logged), closing) {
                    Ok(None) => {}
                    Ok(Some(skipped)) => {
                        memory = skipped.memory.unwrap_or(memory);
                        result.skipped += 1;
                        continue;
                    }
                    Err(difference) => {
                        result.differences.push(difference);
                        return Ok(result);
                    }
                }
                match self.replay_hook(&replayed, &turn, &logged, before_result, &mut result).await? {
                    Some(Verdict { memory: Some(after), .. }) => memory = after,
                    Some(_) => {}
                    None => return Ok(result),
                }
            }
        }
        self.supervisor.retire(&replayed.key).await;
        Ok(result)
    }

    /// Replays a hook; `None` when the memory that it leaves behind is not known, so that the replay of the bot ends.
    async fn replay_hook(
        &self,
        replayed: &ReplayedBot<'_>,
        turn: &Turn<'_>,
        logged: &[&Entry],
        before_result: &Composition,
        result: &mut BotReplay,
    ) -> Result<Option<Verdict>, ReplayError> {
        let trigger = turn.trigger.id();
        let request = match turn.request(BTreeMap::new()) {
            _ if turn.trigger.content.is_none() => {
                Err("this file leaves out the body of the entry that started the hook")
            }
            Some(request) if !draws_unknown_seed(logged, turn.seeds) => Ok(request),
            _ => Err("the seed that the hook drew from was not revealed"),
        };
        let request = match request {
            Ok(request) => request,
            Err(reason) => {
                result.add_unchecked(trigger, reason.to_owned());
                return Ok(None);
            }
        };
        let exchange = recorded_exchange(replayed.export, &turn.bot.bot_id, trigger, turn.step);
        self.egress.prepare(exchange.unwrap_or_default());
        if (self.restart_before)(trigger) {
            self.supervisor.retire(&replayed.key).await;
        }
        let report = self.supervisor.run(&replayed.key, &replayed.program, request).await?;
        let unknown_seed = failed_for_unknown_seed(&report.outcome);
        let verdict = turn.judge(report).without_undelivered(turn, &undelivered(logged), before_result);
        let Err(Mismatch { log, replay }) = compare(&verdict, logged) else {
            result.identical += 1;
            return Ok(Some(verdict));
        };
        match inconclusive(&verdict, logged, replayed.exported, exchange.is_none(), unknown_seed) {
            Some(reason) => result.add_unchecked(trigger, reason),
            None => result.differences.push(Difference { trigger, hook: turn.call.hook().name(), log, replay }),
        }
        // If the log says that the hook failed, the bot's memory was not changed by it, and the replay can go on.
        let failed = logged_outcome(logged).is_some_and(|outcome| outcome != HookOutcome::Ok);
        Ok(failed.then_some(Verdict { memory: None, ..verdict }))
    }
}

/// Checks every entry against the rules, and returns the composition after each.
fn verified_compositions(export: &Export) -> Result<Vec<Arc<Composition>>, ReplayError> {
    let mut state = ChannelState::empty(export.channel_id);
    let mut compositions = Vec::with_capacity(export.entries.len());
    for entry in &export.entries {
        if entry.content.as_ref().is_some_and(|content| content.hash() != entry.envelope.body_hash) {
            let reason = "its body does not match the hash in the log".to_owned();
            return Err(ReplayError::Broken { entry: entry.id(), reason });
        }
        let id = state.size() + 1;
        state.append(entry).map_err(|error| ReplayError::Broken { entry: id, reason: error.message.into_owned() })?;
        compositions.push(Arc::clone(&state.composition));
    }
    Ok(compositions)
}

/// Checks that a bot's source and parameters are those whose hashes are in the log.
fn check_hashes(bot: &Bot, exported: &ExportedBot, params_hash: Hash) -> Result<(), ReplayError> {
    let mismatch =
        |what| Err(ReplayError::Mismatch(format!("{what} of {} does not match its hash in the log", bot.bot_id)));
    if Hash::of(&[exported.source.as_bytes()]) != bot.code_hash {
        return mismatch("the source");
    }
    let params = canonical_text("params", &Value::Object(exported.params.clone()));
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
