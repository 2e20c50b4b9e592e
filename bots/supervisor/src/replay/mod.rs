//! Runs a channel's referees again from its export alone, and holds what they do against the log.

mod compare;
mod export;
mod log;
mod world;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use mcp_multiplayer_protocol::channel::{Bot, ChannelState, Composition, allowed, evolve, plan};
use mcp_multiplayer_protocol::{BotId, Entry, Hash, HookOutcome, Runtime, SystemEvent, canonical_text, limits};
use serde::Serialize;
use serde_json::Value;
use thiserror::Error as ThisError;

use self::compare::{compare, excuse};
use self::log::{depth, drawn_beyond, event, logged, outcome, place, ran_at, recorded, seeds};
use self::world::RecordedWorld;
use crate::error::{InspectError, Unavailable};
use crate::program::{BotKey, Program};
use crate::referee::{Memory, Turn, Verdict};
use crate::report::RuntimeInfo;
use crate::supervisor::{Supervisor, SupervisorConfig};

pub use export::{Export, ExportedBot, ExportedExchange, ExportedSeed, FORMAT};

/// Why nothing can be replayed.
#[derive(Debug, ThisError)]
pub enum ReplayError {
    /// The file is not what it should be.
    #[error("entry {entry}: {reason}")]
    Broken {
        /// Where the log breaks.
        entry: u64,
        /// How.
        reason: String,
    },
    /// A bot's source or parameters are not those that the log names.
    #[error("{0}")]
    Mismatch(String),
    /// Bots cannot be run here.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// What a replay found.
#[derive(Debug, Default, Serialize)]
pub struct Replayed {
    /// By bot.
    pub bots: BTreeMap<BotId, BotReplay>,
}

/// What the replay of one bot found.
#[derive(Debug, Default, Serialize)]
pub struct BotReplay {
    /// Hooks that were run again and did exactly what the log says.
    pub identical: u64,
    /// Where they did something else.
    pub differences: Vec<Difference>,
    /// What cannot be known, and why.
    pub unknown: Vec<Unknown>,
}

/// A hook that did something else than the log says.
#[derive(Debug, Serialize)]
pub struct Difference {
    /// The entry that started the hook.
    pub trigger: u64,
    /// The hook's name.
    pub hook: &'static str,
    /// Each entry as the log has it, where it differs.
    pub log: Vec<String>,
    /// Each entry as the replay has it, where it differs.
    pub replay: Vec<String>,
}

/// A hook that cannot be held against the log; and all after it, if it succeeded.
#[derive(Debug, Serialize)]
pub struct Unknown {
    /// The entry that started the hook.
    pub trigger: u64,
    /// Why.
    pub reason: String,
}

impl Replayed {
    /// Whether a hook did something else than the log says.
    pub fn differs(&self) -> bool {
        self.bots.values().any(|bot| !bot.differences.is_empty())
    }

    /// Whether everything was run again and found identical.
    pub fn is_complete(&self) -> bool {
        self.bots.values().all(|bot| bot.differences.is_empty() && bot.unknown.is_empty())
    }
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (bot_id, bot) in &self.bots {
            writeln!(f, "{bot_id}: {} hooks did again exactly what the log says", bot.identical)?;
            for Difference { trigger, hook, log, replay } in &bot.differences {
                writeln!(f, "  DIFFERENT: {hook}, started by entry {trigger}")?;
                log.iter().try_for_each(|line| writeln!(f, "    the log says      {line}"))?;
                replay.iter().try_for_each(|line| writeln!(f, "    the replay gives  {line}"))?;
            }
            for Unknown { trigger, reason } in &bot.unknown {
                writeln!(f, "  cannot be known, entry {trigger}: {reason}")?;
            }
        }
        if self.bots.is_empty() {
            writeln!(f, "the channel has no bot")?;
        }
        Ok(())
    }
}

/// One bot's way through the log.
struct Course<'a> {
    export: &'a Export,
    exported: &'a ExportedBot,
    program: Arc<Program>,
    key: BotKey,
}

/// Replays exports.
#[derive(Debug)]
pub struct Replayer {
    supervisor: Supervisor,
    world: Arc<RecordedWorld>,
    body_limit: usize,
    /// Ends the bot's process before every hook of which this says so.
    fresh: fn(u64) -> bool,
}

impl Replayer {
    /// A replayer whose bots run as `config` says, but in the world as it was recorded.
    pub fn new(mut config: SupervisorConfig) -> Result<Self, Unavailable> {
        let world = Arc::new(RecordedWorld::default());
        config.egress = Some(Arc::clone(&world) as Arc<_>);
        // Posts are held to the limits of the relay that ran the bot.
        Ok(Self { supervisor: Supervisor::new(config)?, world, body_limit: limits::BODY_BYTES, fresh: |_| false })
    }

    /// Has a bot's process ended before the hooks of those triggers for which `fresh` says so.
    #[must_use]
    pub fn restarting(mut self, fresh: fn(u64) -> bool) -> Self {
        self.fresh = fresh;
        self
    }

    /// Runs every bot of a channel again.
    pub async fn replay(mut self, export: &Export) -> Result<Replayed, ReplayError> {
        self.body_limit = export.body_bytes;
        let states = follow(export)?;
        let mut replayed = Replayed::default();
        for entry in &export.entries {
            if let Some(SystemEvent::BotAttach { bot_id, params_hash, runtime, policy_off, .. }) = event(entry) {
                let exported = export.bots.get(&bot_id);
                let exported = exported
                    .ok_or_else(|| ReplayError::Mismatch(format!("the export lacks the source of {bot_id}")))?;
                let attached = &states[place(entry.id())];
                let bot = attached.bot(&bot_id).expect("attached by this entry");
                is_the_one(bot, exported, params_hash)?;
                let found = self.bot(export, &states, bot, exported, &runtime, !policy_off).await?;
                replayed.bots.insert(bot_id, found);
            }
        }
        Ok(replayed)
    }

    async fn bot(
        &self,
        export: &Export,
        states: &[Arc<Composition>],
        bot: &Bot,
        exported: &ExportedBot,
        runtime: &Runtime,
        policy: bool,
    ) -> Result<BotReplay, ReplayError> {
        let mut found = BotReplay::default();
        let program = Arc::new(Program {
            name: exported.name.clone(),
            source: exported.source.as_str().into(),
            params: Value::Object(exported.params.clone()),
            policy,
        });
        let here = match self.supervisor.inspect(&program).await {
            Ok(inspected) => inspected.runtime,
            Err(InspectError::Unavailable(error)) => return Err(error.into()),
            Err(InspectError::Rejected { message, .. }) => {
                found.stop(bot.attached, format!("its source is refused here: {message}"));
                return Ok(found);
            }
        };
        if let Some(reason) = other_runtime(runtime, &here) {
            found.stop(bot.attached, reason);
            return Ok(found);
        }
        let Some(seeds) = seeds(export, bot, exported) else {
            found.stop(bot.attached, "the bot's seed was not revealed".to_owned());
            return Ok(found);
        };
        let key = BotKey::new(&export.channel_id.to_string(), bot.bot_id.as_str());
        let course = Course { export, exported, program, key };
        // As the relay had it when the bot's manifest was in the log.
        let mut memory = Memory::new(Arc::clone(&states[place(bot.attached + 1).min(states.len() - 1)]));
        let mut ran_before = bot.attached;
        for entry in &export.entries[place(bot.attached)..] {
            if let Some(SystemEvent::BotDetach { bot_id, .. }) = event(entry)
                && bot_id == bot.bot_id
            {
                break;
            }
            if entry.id() > bot.attached {
                memory.pass(entry);
            }
            if let Some(SystemEvent::Timer { bot_id, name }) = event(entry)
                && bot_id == bot.bot_id
            {
                memory.drop_timer(&name);
            }
            for (step, call) in (0..).zip(plan(bot, entry, depth(export, entry))) {
                let Some(ran) = ran_at(export, &bot.bot_id, entry.id(), ran_before) else {
                    return Ok(found);
                };
                let logged = logged(export, &bot.bot_id, entry.id(), ran_before, ran);
                ran_before = ran;
                let turn = Turn {
                    bot,
                    call,
                    trigger: entry,
                    step,
                    memory: &memory,
                    seeds: &seeds,
                    body_limit: self.body_limit,
                };
                match self.hook(&course, &turn, &logged, &mut found).await? {
                    Some(Verdict { memory: Some(after), .. }) => memory = after,
                    Some(_) => {}
                    None => return Ok(found),
                }
            }
        }
        self.supervisor.retire(&course.key).await;
        Ok(found)
    }

    /// Runs a hook again; `None` when what the bot remembers after it is not known.
    async fn hook(
        &self,
        course: &Course<'_>,
        turn: &Turn<'_>,
        logged: &[&Entry],
        found: &mut BotReplay,
    ) -> Result<Option<Verdict>, ReplayError> {
        let trigger = turn.trigger.id();
        let request = match turn.call(BTreeMap::new()) {
            _ if turn.trigger.content.is_none() => {
                Err("the entry that started the hook is sealed to whoever made this file")
            }
            Some(request) if !drawn_beyond(logged, turn.seeds) => Ok(request),
            _ => Err("the seed that the hook drew from was not revealed"),
        };
        let request = match request {
            Ok(request) => request,
            Err(reason) => {
                found.stop(trigger, reason.to_owned());
                return Ok(None);
            }
        };
        let steps = recorded(course.export, &turn.bot.bot_id, trigger, turn.step);
        self.world.prepare(steps.unwrap_or_default());
        if (self.fresh)(trigger) {
            self.supervisor.retire(&course.key).await;
        }
        let verdict = turn.judge(self.supervisor.run(&course.key, &course.program, request).await?);
        let Err((log, replay)) = compare(&verdict, logged) else {
            found.identical += 1;
            return Ok(Some(verdict));
        };
        match excuse(&verdict, logged, course.exported, steps.is_none()) {
            Some(reason) => found.stop(trigger, reason),
            None => found.differences.push(Difference { trigger, hook: turn.call.hook().name(), log, replay }),
        }
        // A hook that failed left the bot with what it remembered before.
        let failed = outcome(logged).is_some_and(|outcome| outcome != HookOutcome::Ok);
        Ok(failed.then_some(Verdict { memory: None, ..verdict }))
    }
}

impl BotReplay {
    fn stop(&mut self, trigger: u64, reason: String) {
        self.unknown.push(Unknown { trigger, reason });
    }
}

/// The compositions that the log leads to, entry by entry, once every entry is found to follow the rules.
fn follow(export: &Export) -> Result<Vec<Arc<Composition>>, ReplayError> {
    let mut state = ChannelState::empty(export.channel_id);
    let mut states = Vec::with_capacity(export.entries.len());
    for entry in &export.entries {
        if entry.content.as_ref().is_some_and(|content| content.hash() != entry.envelope.body_hash) {
            let reason = "its body is not the one whose hash is in the log".to_owned();
            return Err(ReplayError::Broken { entry: entry.id(), reason });
        }
        allowed(&state, entry)
            .map_err(|error| ReplayError::Broken { entry: state.size() + 1, reason: error.message.into_owned() })?;
        state = evolve(state, entry);
        states.push(Arc::clone(&state.composition));
    }
    Ok(states)
}

fn is_the_one(bot: &Bot, exported: &ExportedBot, params_hash: Hash) -> Result<(), ReplayError> {
    let mismatch = |what| Err(ReplayError::Mismatch(format!("{what} of {} is not what the log names", bot.bot_id)));
    if Hash::of(&[exported.source.as_bytes()]) != bot.code_hash {
        return mismatch("the source");
    }
    let params = canonical_text("params", &Value::Object(exported.params.clone()));
    if !params.is_ok_and(|params| Hash::of(&[params.as_bytes()]) == params_hash) {
        return mismatch("a parameter");
    }
    Ok(())
}

fn other_runtime(logged: &Runtime, here: &RuntimeInfo) -> Option<String> {
    let same =
        logged.worker == here.worker && logged.python == here.python && logged.lock_hash.to_string() == here.lock_hash;
    (!same).then(|| {
        format!(
            "the bot ran in worker {} with Python {} and packages {}; here are {}, {} and {}",
            logged.worker, logged.python, logged.lock_hash, here.worker, here.python, here.lock_hash
        )
    })
}
