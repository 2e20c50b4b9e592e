use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use mcp_multiplayer_bot_supervisor::referee::{Memory, Seeds, Turn, Verdict};
use mcp_multiplayer_bot_supervisor::{BotKey, Program, Unavailable};
use mcp_multiplayer_protocol::channel::{HookCall, plan};
use mcp_multiplayer_protocol::{BotId, Entry, HookOutcome, Secret, Sender, SystemEvent, Timestamp, limits};
use serde::Deserialize;
use thiserror::Error as ThisError;
use tokio::time::sleep;

use super::hook::{Steps, advance, propose};
use crate::channel::{CommitError, LiveChannel};
use crate::state::Relay;
use crate::store::failpoint;
use crate::store::{BotCursor, StoreError};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Runs a bot's hooks, in the order of the log and one at a time, until the bot is detached, its
/// channel is no longer live, or the relay stops.
pub(crate) fn start(relay: Weak<Relay>, channel: Weak<LiveChannel>, bot_id: BotId) {
    tokio::spawn(follow(relay, channel, bot_id));
}

async fn follow(relay: Weak<Relay>, channel: Weak<LiveChannel>, bot_id: BotId) {
    let Some(mut progress) = channel.upgrade().map(|channel| channel.progress()) else { return };
    let mut runner = None;
    let mut pause = FIRST_PAUSE;
    loop {
        progress.mark_unchanged();
        // A channel that somebody holds is never forgotten: it is held while there is work or a timer.
        let (timer, _held) = {
            let (Some(relay), Some(channel)) = (relay.upgrade(), channel.upgrade()) else { return };
            match catch_up(&relay, &channel, &bot_id, &mut runner).await {
                Ok(Progress::UpToDate(timer)) => {
                    pause = FIRST_PAUSE;
                    let remains = timer.map(|due| relay.clock.until(due));
                    (remains, timer.map(|_| channel))
                }
                Ok(Progress::Ended) => return,
                Err(error) => {
                    // The relay's own failure, or the bot was replaced meanwhile: no entry, another try.
                    tracing::error!(channel_id = %channel.channel_id(), %bot_id, error.cause = %error, "a hook could not be run");
                    runner = None;
                    tokio::select! {
                        () = sleep(pause) => {}
                        () = relay.shutdown.cancelled() => return,
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    continue;
                }
            }
        };
        let fires = async {
            match timer {
                Some(remains) => sleep(remains).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = progress.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            () = fires => {}
        }
    }
}

/// A bot at work.
struct Runner {
    program: Arc<Program>,
    key: BotKey,
    seeds: Seeds,
    env: BTreeMap<String, Secret>,
    /// Whether its manifest says that the seed is told when the channel closes.
    reveals_on_close: bool,
    /// Where the store has it.
    stored: BotCursor,
    /// Where it is; ahead of the store by entries that start no hook.
    cursor: BotCursor,
    memory: Memory,
}

/// What an appended call leaves behind.
struct Committed {
    /// The bot's memory, unless the call failed.
    memory: Option<Memory>,
    /// Whether the bot is gone: its `on_init` failed.
    detached: bool,
}

enum Progress {
    /// Nothing is due before the bot's next timer, if it has one.
    UpToDate(Option<Timestamp>),
    /// The bot was detached, or its channel closed, and it has seen all that it will see.
    Ended,
}

#[derive(Debug, ThisError)]
enum RunError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Worker(#[from] Unavailable),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error("the bot's row does not hold a memory")]
    Corrupt,
    #[error("the bot's secrets cannot be opened with this relay's key")]
    Sealed,
}

/// What a manifest may ask of the runner.
#[derive(Deserialize)]
struct Terms {
    #[serde(default)]
    reveal_on_close: bool,
}

/// Runs everything that is due.
async fn catch_up(
    relay: &Arc<Relay>,
    channel: &Arc<LiveChannel>,
    bot_id: &BotId,
    runner: &mut Option<Runner>,
) -> Result<Progress, RunError> {
    loop {
        if relay.shutdown.is_cancelled() {
            return Ok(Progress::UpToDate(None));
        }
        let state = channel.durable();
        let Some(place) = state.composition.bots.iter().position(|bot| bot.bot_id == *bot_id) else {
            if let Some(runner) = runner {
                relay.supervisor.retire(&runner.key).await;
            }
            return Ok(Progress::Ended);
        };
        if runner.is_none() {
            match Runner::load(relay, channel, bot_id).await? {
                Some(loaded) => *runner = Some(loaded),
                None => return Ok(Progress::Ended),
            }
        }
        let runner = runner.as_mut().expect("loaded above");
        let (bot, due) = (&state.composition.bots[place], state.head.due[place]);
        channel.bot_reached(bot_id, runner.cursor);
        if runner.cursor.entry > due {
            let Some(closed) = state.composition.closed else {
                if runner.fire(relay, channel, bot_id).await? {
                    continue;
                }
                return Ok(Progress::UpToDate(runner.memory.next_timer().map(|(_, due)| due)));
            };
            runner.conclude(channel, bot_id, closed).await?;
            relay.supervisor.retire(&runner.key).await;
            return Ok(Progress::Ended);
        }
        for entry in channel.entries_after(runner.cursor.entry - 1).await? {
            if entry.id() > due {
                break;
            }
            // What follows the attach is passed once, when its turn comes; its calls come after.
            if entry.id() > bot.attached {
                runner.memory.pass(&entry);
            }
            let too_late = state.composition.closed.is_some_and(|closed| entry.id() > closed);
            let calls = if too_late { vec![] } else { plan(bot, &entry, depth(channel, &entry).await?) };
            while let Some(call) = calls.get(runner.cursor.step as usize) {
                let from = runner.cursor;
                let last = from.step as usize + 1 == calls.len();
                let to = if last { after(&entry) } else { BotCursor { step: from.step + 1, ..from } };
                let turn = Turn {
                    bot,
                    call: *call,
                    trigger: &entry,
                    step: from.step,
                    memory: &runner.memory,
                    seeds: &runner.seeds,
                    body_limit: relay.config.body_bytes,
                };
                failpoint::hit("bot.before_hook");
                let request = turn.call(runner.env.clone()).expect("a relay knows the seeds of its bots");
                let report = relay.supervisor.run(&runner.key, &runner.program, request).await?;
                failpoint::hit("bot.after_hook");
                // What a bot prints of a private message is nobody else's.
                let told = !matches!(call, HookCall::PrivateMessage(_));
                for line in report.log.iter().filter(|_| told) {
                    tracing::debug!(channel_id = %channel.channel_id(), %bot_id, line, "a bot printed");
                }
                let steps = Steps { stored: runner.stored, to };
                let committed = runner.commit(channel, &turn, turn.judge(report), steps).await?;
                failpoint::hit("bot.after_commit");
                if let Some(memory) = committed.memory {
                    runner.memory = memory;
                }
                runner.memory.stored();
                (runner.stored, runner.cursor) = (to, to);
                channel.bot_reached(bot_id, to);
                if committed.detached {
                    relay.supervisor.retire(&runner.key).await;
                    return Ok(Progress::Ended);
                }
                if last {
                    break;
                }
            }
            if runner.cursor.entry == entry.id() {
                runner.cursor = after(&entry);
            }
        }
    }
}

fn after(entry: &Entry) -> BotCursor {
    BotCursor { entry: entry.id() + 1, step: 0 }
}

/// How many bot posts led to an entry, itself included.
async fn depth(channel: &LiveChannel, entry: &Arc<Entry>) -> Result<u32, StoreError> {
    let (mut entry, mut depth) = (Arc::clone(entry), 0);
    while matches!(entry.envelope.sender, Sender::Bot(_)) && depth < limits::CASCADE_DEPTH {
        depth += 1;
        let Some(cause) = entry.envelope.cause else { break };
        match channel.entry(cause).await? {
            Some(before) => entry = before,
            None => break,
        }
    }
    Ok(depth)
}

impl Runner {
    /// `None` when the bot was detached meanwhile.
    async fn load(relay: &Relay, channel: &LiveChannel, bot_id: &BotId) -> Result<Option<Self>, RunError> {
        let stored = relay.store.lookup_bot(channel.channel_id(), bot_id.clone()).await?;
        let Some(stored) = stored.filter(|stored| !stored.detached) else { return Ok(None) };
        let memory = stored.state.as_deref().and_then(Memory::parse).ok_or(RunError::Corrupt)?;
        let params = serde_json::from_str(&stored.bot.params).map_err(|_| RunError::Corrupt)?;
        let policy = relay.config.bot_policy || stored.bot.code_ref.is_some();
        let program = Arc::new(Program { name: stored.bot.name, source: stored.bot.source, params, policy });
        let terms: Terms = serde_json::from_str(&stored.bot.manifest).map_err(|_| RunError::Corrupt)?;
        let env = match &stored.bot.env {
            Some(sealed) => relay.key.open_env(channel.channel_id(), bot_id, sealed).ok_or(RunError::Sealed)?,
            None => BTreeMap::new(),
        };
        let key = BotKey::new(&channel.channel_id().to_string(), bot_id.as_str());
        let seeds = relay.key.bot_seeds(channel.channel_id(), bot_id);
        let (stored, cursor, reveals_on_close) = (stored.cursor, stored.cursor, terms.reveal_on_close);
        Ok(Some(Self { program, key, seeds, env, reveals_on_close, stored, cursor, memory }))
    }

    /// Appends that a timer has fired, if one is due; the hook follows from the entry.
    async fn fire(&mut self, relay: &Relay, channel: &Arc<LiveChannel>, bot_id: &BotId) -> Result<bool, RunError> {
        let now = relay.clock.now();
        let Some(name) = self.memory.next_timer().filter(|(_, due)| *due <= now).map(|(name, _)| name.to_owned())
        else {
            return Ok(false);
        };
        let mut memory = self.memory.clone();
        memory.drop_timer(&name);
        let event = SystemEvent::Timer { bot_id: bot_id.clone(), name };
        let steps = Steps { stored: self.stored, to: self.cursor };
        let fired = channel
            .commit(|proposal| {
                // A hook that is due by now comes first: it may set the timer anew.
                let state = proposal.state();
                let place = state.composition.bots.iter().position(|bot| bot.bot_id == *bot_id);
                if place.is_none_or(|place| state.head.due[place] >= self.cursor.entry) {
                    return Ok(false);
                }
                proposal.push_event(&event, None)?;
                proposal.bots.push(advance(bot_id.clone(), steps, &memory));
                Ok(true)
            })
            .await?;
        if fired {
            self.advanced(memory);
        }
        Ok(true)
    }

    /// Leaves a closed channel: no timer will fire, and the seed is told where the bot's terms say so.
    async fn conclude(&mut self, channel: &Arc<LiveChannel>, bot_id: &BotId, closed: u64) -> Result<(), RunError> {
        let mut memory = self.memory.clone();
        memory.drop_timers();
        let epoch = memory.epoch();
        let event = match (self.seeds.reveal(epoch), self.seeds.commitment(epoch + 1)) {
            (Some(seed), Some(next_commitment)) if self.reveals_on_close && !memory.is_concluded() => {
                memory.next_epoch();
                memory.conclude();
                Some(SystemEvent::SeedRevealed { bot_id: bot_id.clone(), epoch, seed, next_commitment })
            }
            _ => None,
        };
        if event.is_some() || memory.next_timer() != self.memory.next_timer() {
            self.step(channel, bot_id, memory, event.as_ref().map(|event| (event, Some(closed)))).await?;
        }
        Ok(())
    }

    /// Takes a step of the bot that is no hook's.
    async fn step(
        &mut self,
        channel: &Arc<LiveChannel>,
        bot_id: &BotId,
        memory: Memory,
        event: Option<(&SystemEvent, Option<u64>)>,
    ) -> Result<(), RunError> {
        let steps = Steps { stored: self.stored, to: self.cursor };
        channel
            .commit(|proposal| {
                if let Some((event, cause)) = event {
                    proposal.push_event(event, cause)?;
                }
                proposal.bots.push(advance(bot_id.clone(), steps, &memory));
                Ok(())
            })
            .await?;
        self.advanced(memory);
        Ok(())
    }

    fn advanced(&mut self, memory: Memory) {
        self.memory = memory;
        self.memory.stored();
        self.stored = self.cursor;
    }

    /// Appends what a call came to.
    async fn commit(
        &self,
        channel: &Arc<LiveChannel>,
        turn: &Turn<'_>,
        verdict: Verdict,
        steps: Steps,
    ) -> Result<Committed, RunError> {
        let append = async |verdict: &Verdict| {
            channel.commit(|proposal| propose(proposal, turn, verdict, steps, &self.memory)).await
        };
        let verdict = match append(&verdict).await {
            Ok(()) => verdict,
            // An effect that the channel's rules forbid: the hook had none, and the log says why.
            Err(CommitError::Refused(error)) => {
                let refused = turn.refused(&error.message, verdict.record);
                append(&refused).await?;
                refused
            }
            Err(error) => return Err(error.into()),
        };
        let detached = verdict.outcome != HookOutcome::Ok && turn.call == HookCall::Init;
        Ok(Committed { memory: verdict.memory, detached })
    }
}
