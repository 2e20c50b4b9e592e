//! A bot in a channel. Its hooks run one after another, as on a relay.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use mcp_multiplayer_bot_supervisor::referee::{HookOutput, Memory, Seeds, Turn, Verdict};
use mcp_multiplayer_bot_supervisor::{BotKey, Inspected, Outcome, Program, Supervisor};
use mcp_multiplayer_protocol::channel::{BOT_API, BOT_POLICY, Bot, HookCall, Step, plan};
use mcp_multiplayer_protocol::receipt::{FORMAT, Header, Receipt, ReceiptBot, ReceiptExchange, ReceiptSeed};
use mcp_multiplayer_protocol::{
    BotId, Entry, Error, Hash, HookOutcome, Runtime, Salt, Secret, SkipReason, SystemEvent, Timestamp, canonical_text,
};
use serde_json::{Map, Value, json};

use super::channel::{Channel, Seats, SeededSalts};

/// A channel with one bot, and the bot's memory and position in the log.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) channel: Channel,
    supervisor: Supervisor,
    program: Arc<Program>,
    key: BotKey,
    bot: Bot,
    seeds: Seeds,
    env: BTreeMap<String, Secret>,
    memory: Memory,
    /// Id of the next entry to process, and the number of its hooks that have run.
    cursor: (u64, usize),
    attached: bool,
    /// Network exchanges of the hooks, all of which failed.
    exchanges: Vec<ReceiptExchange>,
}

/// A hook that ran, and its effects.
#[derive(Debug)]
pub(crate) struct HookRun {
    pub(crate) call: HookCall,
    /// Id of the entry that started it.
    pub(crate) trigger: u64,
    /// Id of the first entry that it appended. All later ones are its own, too.
    pub(crate) first: u64,
    /// Reason and line of its failure.
    pub(crate) failure: Option<(String, Option<u32>)>,
    /// Printed lines.
    pub(crate) printed: Vec<String>,
    /// Hosts to which it tried to connect, without success.
    pub(crate) hosts: Vec<String>,
    /// Time that it took.
    pub(crate) elapsed: Duration,
    /// Name of the timer that fired, for `on_timer`.
    pub(crate) timer: Option<String>,
    /// Names of the timers that it set or cancelled, by number.
    pub(crate) timer_names: BTreeMap<u32, String>,
    /// The bot's state before the hook, as JSON text.
    pub(crate) before: Option<String>,
    /// The bot's state after the hook, as JSON text.
    pub(crate) after: Option<String>,
}

/// A bot that has been inspected but not attached yet.
#[derive(Clone, Debug)]
pub(crate) struct LoadedBot {
    pub(crate) program: Arc<Program>,
    pub(crate) inspected: Inspected,
    pub(crate) env: BTreeMap<String, Secret>,
}

impl Session {
    /// Creates a channel without players and attaches the bot. Its `on_init` is due but has not run.
    pub(crate) fn create(
        supervisor: Supervisor,
        bot: LoadedBot,
        seats: &Seats,
        start: Timestamp,
        seed: Hash,
    ) -> Result<Self> {
        let LoadedBot { program, inspected, env } = bot;
        let mut channel = Channel::create(seats, start, seed).map_err(|error| to_anyhow(&error))?;
        let seeds = Seeds::new(*Hash::of(&[b"bot", seed.as_bytes()]).as_bytes());
        let (bot_id, memory_bytes) = (BotId::new(&program.name, 0), supervisor.memory_bytes());
        channel
            .append(|step| attach(step, &program, &inspected, (&bot_id, &seeds, &env), memory_bytes))
            .map_err(|error| to_anyhow(&error))
            .context("the bot cannot be attached")?;
        let composition = Arc::new(channel.composition().clone());
        let bot = composition.bot(&bot_id).expect("attached just now").clone();
        let key = BotKey::new(&composition.channel_id.to_string(), bot_id.as_str());
        let (memory, cursor) = (Memory::new(composition, bot.attached), (bot.attached, 0));
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

    /// Returns whether the bot is attached. It is detached if `on_init` fails.
    pub(crate) fn is_attached(&self) -> bool {
        self.attached
    }

    /// Runs the next hook that is due; returns `None` if none is.
    pub(crate) async fn run_next(&mut self) -> Result<Option<HookRun>> {
        while self.attached && self.channel.due(&self.bot.bot_id).is_some_and(|due| self.cursor.0 <= due) {
            let (id, step) = self.cursor;
            let entry = self.channel.entry(id).expect("due, so appended").clone();
            self.memory.apply(&self.bot, &entry);
            let calls = plan(self.memory.composition(), &self.bot, &entry);
            let Some(call) = calls.get(step) else {
                self.cursor = (id + 1, 0);
                continue;
            };
            self.cursor = if step + 1 == calls.len() { (id + 1, 0) } else { (id, step + 1) };
            if let Some(ran) = self.run(*call, &entry, step).await? {
                return Ok(Some(ran));
            }
        }
        Ok(None)
    }

    /// Runs a hook; `None` if it is skipped, because an earlier one cancelled the timer that fired.
    async fn run(&mut self, call: HookCall, trigger: &Entry, step: usize) -> Result<Option<HookRun>> {
        let turn = Turn {
            bot: &self.bot,
            call,
            trigger,
            step: u32::try_from(step).expect("an entry starts few hooks"),
            memory: &self.memory,
            seeds: &self.seeds,
            // Everybody knows what happens in a game without players.
            record_salt: Salt([0; 32]),
        };
        if turn.is_stale() {
            let verdict = turn.skipped(SkipReason::Stale);
            self.channel.append(|step| verdict.append_to(&turn, step)).map_err(|error| to_anyhow(&error))?;
            return Ok(None);
        }
        let timer = match call {
            HookCall::Timer(n) => self.memory.timer_name(n).map(str::to_owned),
            _ => None,
        };
        let request = turn.request(self.env.clone());
        let report = self.supervisor.run(&self.key, &self.program, request).await?;
        let (printed, elapsed) = (report.log.clone(), report.ran);
        let hosts = report.hosts.clone();
        let line = match &report.outcome {
            Outcome::Completed(_) => None,
            Outcome::Failed { line, .. } => *line,
        };
        let mut failure = report.outcome.failure_text().map(|text| (text, line));
        let mut verdict = turn.judge(report);
        let before = self.memory.state().map(str::to_owned);
        let first = self.channel.entries().len() as u64 + 1;
        if let Err(error) = self.channel.append(|step| verdict.append_to(&turn, step)) {
            verdict = turn.refused(&error.message, verdict.record);
            self.channel.append(|step| verdict.append_to(&turn, step)).map_err(|error| to_anyhow(&error))?;
        }
        if verdict.outcome != HookOutcome::Ok && failure.is_none() {
            failure = Some((logged_reason(&verdict), None));
        }
        if let Some(record) = &verdict.record {
            let (bot_id, step) = (turn.bot.bot_id.clone(), turn.step);
            if !record.is_sealed() {
                let record = record.text().to_owned();
                let (trigger, salt) = (trigger.id(), turn.record_salt);
                self.exchanges.push(ReceiptExchange { bot_id, trigger, step, salt, record });
            }
        }
        self.attached &= !verdict.detaches_bot(&turn);
        if let Some(memory) = verdict.memory {
            self.memory = memory;
        }
        self.memory.mark_stored();
        let after = self.memory.state().map(str::to_owned);
        let (trigger, timer_names) = (trigger.id(), verdict.timer_names);
        Ok(Some(HookRun { call, trigger, first, failure, printed, hosts, elapsed, timer, timer_names, before, after }))
    }

    /// Name and time of the timer that fires first.
    pub(crate) fn next_timer(&self) -> Option<(&str, Timestamp)> {
        let timer = self.channel.next_timer()?;
        Some((self.memory.timer_name(timer.n).unwrap_or_default(), timer.due))
    }

    /// Fires the timers that are due; returns whether there were any.
    pub(crate) fn fire(&mut self) -> Result<bool> {
        let size = self.channel.entries().len();
        self.channel.append(Step::fire_due_timers).map_err(|error| to_anyhow(&error))?;
        Ok(self.channel.entries().len() > size)
    }

    /// The receipt of the game. No relay signs it.
    pub(crate) fn receipt(&self) -> Receipt {
        let epoch = self.memory.epoch();
        let bot = ReceiptBot {
            bot_id: self.bot.bot_id.clone(),
            source: self.program.source.to_string(),
            params: self.program.params.as_object().cloned().unwrap_or_default(),
            seed: self.seeds.reveal(epoch).map(|seed| ReceiptSeed { epoch, seed }),
        };
        let header = Header {
            format: FORMAT.to_owned(),
            channel_id: self.channel.composition().channel_id,
            log: None,
            holder: "its author".to_owned(),
        };
        Receipt {
            header,
            entries: self.channel.entries().to_vec(),
            later: None,
            later_entries: vec![],
            bots: [(self.bot.bot_id.clone(), bot)].into(),
            exchanges: self.exchanges.clone(),
            checkpoint: None,
        }
    }
}

fn attach(
    step: &mut Step<SeededSalts>,
    program: &Program,
    inspected: &Inspected,
    (bot_id, seeds, env): (&BotId, &Seeds, &BTreeMap<String, Secret>),
    memory_bytes: u64,
) -> Result<(), Error> {
    // Every bot may unseal its DMs here, so that its author can try that without a manifest.
    let fields = [("hooks", json!(inspected.hooks)), ("unseals", json!(true))];
    let manifest: Map<String, Value> = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
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
        preset: None,
        code_hash: Hash::of(&[program.source.as_bytes()]),
        manifest_hash: hash("manifest", &Value::Object(manifest.clone()))?,
        params_hash: hash("params", &program.params)?,
        env: env.keys().cloned().collect(),
        api: BOT_API,
        hooks: inspected.hooks.clone(),
        runtime: Runtime {
            worker: runtime.worker.clone(),
            python: runtime.python.clone(),
            lock_hash: runtime.lock_hash.parse().map_err(|_| Error::internal())?,
            memory_bytes,
        },
        sandbox: runtime.sandbox.name().to_owned(),
        sandbox_report: None,
        limits: program.limits,
        egress_hash: None,
        policy: program.policy.then_some(BOT_POLICY),
        unseals: true,
        seed_commitment: seeds.commitment(0).ok_or_else(Error::internal)?,
        by: None,
    };
    step.push_event(&event, None)?;
    step.push_event(&SystemEvent::BotManifest { bot_id: bot_id.clone(), manifest }, None).map(|_| ())
}

fn logged_reason(verdict: &Verdict) -> String {
    let mut reasons = verdict.outputs.iter().filter_map(|output| match output {
        HookOutput::Event(event) => match &**event {
            SystemEvent::BotError { failure, .. } => Some(failure.reason.clone()),
            _ => None,
        },
        HookOutput::Result { result, .. } => result.failure.as_ref().map(|failure| failure.reason.clone()),
        HookOutput::Post { .. } => None,
    });
    reasons.next_back().unwrap_or_default()
}

fn to_anyhow(error: &Error) -> anyhow::Error {
    anyhow!("{} {}", error.message, error.hint)
}
