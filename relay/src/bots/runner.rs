use std::sync::{Arc, Weak};
use std::time::Duration;

use mcp_multiplayer_bot_supervisor::{BotKey, Program, Unavailable};
use mcp_multiplayer_protocol::channel::{HookCall, plan};
use mcp_multiplayer_protocol::{BotId, Entry, Error, HookOutcome, Sender, limits};
use thiserror::Error as ThisError;

use super::hook::{Ran, Verdict, supervisor_call, verdict};
use super::memory::Memory;
use crate::channel::{CommitError, LiveChannel};
use crate::failpoint;
use crate::secret::BotSeed;
use crate::state::Relay;
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
        {
            // Only for as long as there is work: a channel that somebody holds is never forgotten.
            let (Some(relay), Some(channel)) = (relay.upgrade(), channel.upgrade()) else { return };
            match catch_up(&relay, &channel, &bot_id, &mut runner).await {
                Ok(Progress::UpToDate) => pause = FIRST_PAUSE,
                Ok(Progress::Ended) => return,
                Err(error) => {
                    // The relay's own failure, or the bot was replaced meanwhile: no entry, another try.
                    tracing::error!(channel_id = %channel.channel_id(), %bot_id, error.cause = %error, "a hook could not be run");
                    runner = None;
                    tokio::select! {
                        () = tokio::time::sleep(pause) => {}
                        () = relay.shutdown.cancelled() => return,
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    continue;
                }
            }
        }
        if progress.changed().await.is_err() {
            return;
        }
    }
}

/// A bot at work.
struct Runner {
    program: Arc<Program>,
    key: BotKey,
    seed: BotSeed,
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
    UpToDate,
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
            return Ok(Progress::UpToDate);
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
            if state.composition.closed.is_none() {
                return Ok(Progress::UpToDate);
            }
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
                let body_limit = relay.config.body_bytes;
                let ran =
                    Ran { bot, call: *call, trigger: entry.id(), from, to, seed: &runner.seed, stored: runner.stored };
                failpoint::hit("bot.before_hook");
                let request = supervisor_call(bot, *call, &entry, &runner.memory);
                let report = relay.supervisor.run(&runner.key, &runner.program, request).await?;
                failpoint::hit("bot.after_hook");
                // What a bot prints of a private message is nobody else's.
                let told = !matches!(call, HookCall::PrivateMessage(_));
                for line in report.log.iter().filter(|_| told) {
                    tracing::debug!(channel_id = %channel.channel_id(), %bot_id, line, "a bot printed");
                }
                let verdict = verdict(report, runner.memory.clone(), body_limit);
                let committed = runner.commit(channel, &ran, verdict).await?;
                failpoint::hit("bot.after_commit");
                if let Some(memory) = committed.memory {
                    runner.memory = memory;
                }
                runner.memory.changed = false;
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
        let program = Arc::new(Program { name: stored.bot.name, source: stored.bot.source, params });
        let key = BotKey::new(&channel.channel_id().to_string(), bot_id.as_str());
        let seed = relay.key.bot_seed(channel.channel_id(), bot_id);
        Ok(Some(Self { program, key, seed, stored: stored.cursor, cursor: stored.cursor, memory }))
    }

    /// Appends what a call came to.
    async fn commit(&self, channel: &Arc<LiveChannel>, ran: &Ran<'_>, verdict: Verdict) -> Result<Committed, RunError> {
        let verdict = match self.append(channel, ran, &verdict).await {
            Ok(()) => verdict,
            // An effect that the channel's rules forbid: the hook had none, and the log says why.
            Err(CommitError::Refused(error)) => {
                let refused = refused(&error);
                self.append(channel, ran, &refused).await?;
                refused
            }
            Err(error) => return Err(error.into()),
        };
        let init = ran.call == HookCall::Init;
        Ok(match verdict {
            Verdict::Completed { memory, .. } => Committed { memory: Some(memory), detached: false },
            Verdict::Failed { .. } => Committed { memory: None, detached: init },
        })
    }

    async fn append(&self, channel: &Arc<LiveChannel>, ran: &Ran<'_>, verdict: &Verdict) -> Result<(), CommitError> {
        channel.commit(|proposal| ran.propose(proposal, verdict, &self.memory)).await
    }
}

fn refused(error: &Error) -> Verdict {
    Verdict::Failed { outcome: HookOutcome::Refused, reason: error.message.clone().into_owned(), line: None }
}
