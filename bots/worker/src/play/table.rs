//! One bot in one channel, and its hooks, run one after another as a relay runs them.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use mcp_multiplayer_bot_supervisor::referee::{HookOutput, Memory, Seeds, Turn, Verdict};
use mcp_multiplayer_bot_supervisor::replay::{Export, ExportedBot, ExportedExchange, ExportedSeed, FORMAT};
use mcp_multiplayer_bot_supervisor::{BotKey, Inspected, Outcome, Program, Supervisor};
use mcp_multiplayer_protocol::channel::{Bot, HookCall, Step, cascade_depth, plan};
use mcp_multiplayer_protocol::{
    BotId, Entry, Error, Hash, HookOutcome, Runtime, Secret, SystemEvent, Timestamp, canonical_text, limits,
};
use serde_json::{Map, Value, json};

use super::channel::{Channel, Seats, SeededSalts};

/// A bot at work.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) channel: Channel,
    supervisor: Supervisor,
    program: Arc<Program>,
    key: BotKey,
    bot: Bot,
    seeds: Seeds,
    env: BTreeMap<String, Secret>,
    memory: Memory,
    /// The entry that is looked at next, and how many of its hooks have run.
    cursor: (u64, usize),
    attached: bool,
    /// What hooks asked of a network that there is not.
    exchanges: Vec<ExportedExchange>,
}

/// What came of a hook.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) call: HookCall,
    /// The entry that started it.
    pub(crate) trigger: u64,
    /// The first entry of what it did; those up to the log's end are its own.
    pub(crate) first: u64,
    /// Why it failed, and where.
    pub(crate) failure: Option<(String, Option<u32>)>,
    /// What it printed.
    pub(crate) printed: Vec<String>,
    /// Whom it wanted to talk to, and could not.
    pub(crate) hosts: Vec<String>,
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
}

/// A bot before it is attached.
#[derive(Debug)]
pub(crate) struct Newcomer {
    pub(crate) program: Arc<Program>,
    pub(crate) inspected: Inspected,
    pub(crate) env: BTreeMap<String, Secret>,
}

impl Table {
    /// A channel with the bot in it; its `on_init` is due, and nobody has joined.
    pub(crate) fn set(
        supervisor: Supervisor,
        newcomer: Newcomer,
        seats: &Seats,
        start: Timestamp,
        seed: Hash,
    ) -> Result<Self> {
        let Newcomer { program, inspected, env } = newcomer;
        let mut channel = Channel::create(seats, start, seed).map_err(|error| in_words(&error))?;
        let seeds = Seeds::new(*Hash::of(&[b"bot", seed.as_bytes()]).as_bytes());
        let bot_id = BotId::new(&program.name, 0);
        channel
            .append(|step| attach(step, &program, &inspected, &bot_id, &seeds))
            .map_err(|error| in_words(&error))
            .context("the bot cannot be attached")?;
        let composition = Arc::new(channel.composition().clone());
        let bot = composition.bot(&bot_id).expect("attached just now").clone();
        let key = BotKey::new(&composition.channel_id.to_string(), bot_id.as_str());
        let (memory, cursor) = (Memory::new(composition), (bot.attached, 0));
        Ok(Self {
            channel,
            supervisor,
            program,
            key,
            bot,
            seeds,
            env,
            memory,
            cursor,
            attached: true,
            exchanges: vec![],
        })
    }

    pub(crate) fn bot(&self) -> &Bot {
        &self.bot
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Whether the bot is there: it isn't when its `on_init` failed.
    pub(crate) fn is_attached(&self) -> bool {
        self.attached
    }

    /// Runs the next hook that is due; `None` when none is.
    pub(crate) async fn run_next(&mut self) -> Result<Option<Ran>> {
        while self.attached && self.channel.due().first().is_some_and(|due| self.cursor.0 <= *due) {
            let (id, step) = self.cursor;
            let entry = self.channel.entry(id).expect("due, so appended").clone();
            if step == 0 && id > self.bot.attached {
                self.memory.pass(&entry);
            }
            let calls = plan(&self.bot, &entry, cascade_depth(&entry, |id| self.channel.entry(id)));
            let Some(call) = calls.get(step) else {
                self.cursor = (id + 1, 0);
                continue;
            };
            self.cursor = if step + 1 == calls.len() { (id + 1, 0) } else { (id, step + 1) };
            return self.run(*call, &entry, step).await.map(Some);
        }
        Ok(None)
    }

    async fn run(&mut self, call: HookCall, trigger: &Entry, step: usize) -> Result<Ran> {
        let turn = Turn {
            bot: &self.bot,
            call,
            trigger,
            step: u32::try_from(step).expect("an entry starts few hooks"),
            memory: &self.memory,
            seeds: &self.seeds,
            body_limit: limits::BODY_BYTES,
        };
        let request = turn.call(self.env.clone()).expect("all seeds are known here");
        let report = self.supervisor.run(&self.key, &self.program, request).await?;
        let printed = report.log.clone();
        let hosts = report.record.as_ref().map(|record| record.hosts().to_vec()).unwrap_or_default();
        let mut failure = match &report.outcome {
            Outcome::Completed(_) => None,
            Outcome::Failed { reason, line, .. } => Some((reason.clone(), *line)),
        };
        let mut verdict = turn.judge(report);
        let before = self.memory.state().map(str::to_owned);
        let first = self.channel.entries().len() as u64 + 1;
        if let Err(error) = self.channel.append(|step| verdict.append_to(&turn, step)) {
            verdict = turn.refused(&error.message, verdict.record);
            self.channel.append(|step| verdict.append_to(&turn, step)).map_err(|error| in_words(&error))?;
        }
        if verdict.outcome != HookOutcome::Ok && failure.is_none() {
            failure = Some((reason_of(&verdict), None));
        }
        if let Some(record) = &verdict.record {
            let (bot_id, step) = (turn.bot.bot_id.clone(), turn.step);
            let steps = (!record.is_sealed()).then(|| serde_json::from_str(record.text())).transpose()?;
            self.exchanges.push(ExportedExchange { bot_id, trigger: trigger.id(), step, record: steps });
        }
        self.attached &= !verdict.detaches_bot(&turn);
        if let Some(memory) = verdict.memory {
            self.memory = memory;
        }
        self.memory.stored();
        let after = self.memory.state().map(str::to_owned);
        Ok(Ran { call, trigger: trigger.id(), first, failure, printed, hosts, before, after })
    }

    /// Lets the bot's next timer fire if it is due by now; false when none is.
    pub(crate) fn fire(&mut self) -> Result<bool> {
        let Some((name, due)) = self.memory.next_timer().map(|(name, due)| (name.to_owned(), due)) else {
            return Ok(false);
        };
        if due > self.channel.now() || !self.attached {
            return Ok(false);
        }
        let event = SystemEvent::Timer { bot_id: self.bot.bot_id.clone(), name: name.clone() };
        self.channel.append_event(&event).map_err(|error| in_words(&error))?;
        self.memory.drop_timer(&name);
        Ok(true)
    }

    /// The channel as a relay would export it.
    pub(crate) fn export(&self) -> Export {
        let epoch = self.memory.epoch();
        let bot = ExportedBot {
            name: self.program.name.clone(),
            source: self.program.source.to_string(),
            params: self.program.params.as_object().cloned().unwrap_or_default(),
            has_env: !self.env.is_empty(),
            seed: self.seeds.reveal(epoch).map(|seed| ExportedSeed { epoch, seed }),
        };
        Export {
            format: FORMAT.to_owned(),
            channel_id: self.channel.composition().channel_id,
            body_bytes: limits::BODY_BYTES,
            entries: self.channel.entries().to_vec(),
            bots: [(self.bot.bot_id.clone(), bot)].into(),
            exchanges: self.exchanges.clone(),
        }
    }
}

fn attach(
    step: &mut Step<SeededSalts>,
    program: &Program,
    inspected: &Inspected,
    bot_id: &BotId,
    seeds: &Seeds,
) -> Result<(), Error> {
    let manifest: Map<String, Value> = [("hooks".to_owned(), json!(inspected.hooks))].into_iter().collect();
    let hash = |name, value: &Value| {
        let text = canonical_text(name, value).map_err(|error| Error::invalid(error.to_string(), "Change it."))?;
        Ok::<_, Error>(Hash::of(&[text.as_bytes()]))
    };
    let slots = step.state().composition.slots();
    let slot_id = slots.map(|(slot_id, _)| slot_id).next().expect("the first slot is the bot's");
    let runtime = &inspected.runtime;
    let event = SystemEvent::BotAttach {
        bot_id: bot_id.clone(),
        slot_id,
        slot_label: None,
        name: program.name.clone(),
        version: "1.0".to_owned(),
        code_hash: Hash::of(&[program.source.as_bytes()]),
        manifest_hash: hash("manifest", &Value::Object(manifest.clone()))?,
        params_hash: hash("params", &program.params)?,
        hooks: inspected.hooks.clone(),
        runtime: Runtime {
            worker: runtime.worker.clone(),
            python: runtime.python.clone(),
            lock_hash: runtime.lock_hash.parse().map_err(|_| Error::internal())?,
        },
        sandbox: runtime.sandbox.clone(),
        sandbox_report: None,
        policy_off: !program.policy,
        seed_commitment: seeds.commitment(0).ok_or_else(Error::internal)?,
        by: None,
    };
    step.push_event(&event, None)?;
    step.push_event(&SystemEvent::BotManifest { bot_id: bot_id.clone(), manifest }, None).map(|_| ())
}

fn reason_of(verdict: &Verdict) -> String {
    let mut reasons = verdict.outputs.iter().filter_map(|output| match output {
        HookOutput::Event(event) => match &**event {
            SystemEvent::BotError { reason, .. } => Some(reason.clone()),
            _ => None,
        },
        HookOutput::Post { .. } => None,
    });
    reasons.next_back().unwrap_or_default()
}

fn in_words(error: &Error) -> anyhow::Error {
    anyhow!("{} {}", error.message, error.hint)
}
