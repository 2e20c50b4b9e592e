use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use mcp_multiplayer_bot_supervisor::referee::{Memory, Seeds};
use mcp_multiplayer_bot_supervisor::{BotKey, Program, Unavailable};
use mcp_multiplayer_protocol::channel::{Bot, Cascade, HookCall, plan};
use mcp_multiplayer_protocol::{BotId, Entry, Secret, Timestamp};
use thiserror::Error as ThisError;
use tokio::time::sleep;

use super::backoff::Backoff;
use crate::channel::{CommitError, LiveChannel};
use crate::state::Relay;
use crate::store::{BotCursor, StoreError};

/// A bot whose hooks are being run.
pub(super) struct Runner {
    pub(super) program: Arc<Program>,
    pub(super) key: BotKey,
    pub(super) seeds: Seeds,
    pub(super) env: BTreeMap<String, Secret>,
    /// `true` if the bot's manifest promises that its seed is revealed when the channel closes.
    pub(super) reveals_on_close: bool,
    /// The bot's cursor in the store.
    pub(super) stored: BotCursor,
    /// The bot's cursor here: `entry` is the entry whose calls are next, `step` the number of those that are done.
    ///
    /// An entry may start several calls, and each is committed by itself, so that a crash between two
    /// of them repeats neither. The cursor is ahead of the store's by entries that start no hook: they are not
    /// worth a write of their own.
    pub(super) cursor: BotCursor,
    pub(super) memory: Memory,
}

/// Reasons why a runner could not go on. It tries again with the bot as the store has it.
#[derive(Debug, ThisError)]
pub(super) enum RunError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Worker(#[from] Unavailable),
    #[error(transparent)]
    Commit(#[from] CommitError),
    #[error("the stored state of the bot cannot be read")]
    Corrupt,
    #[error("the bot's secrets cannot be decrypted with this relay's key")]
    Sealed,
}

/// Result of loading a bot.
pub(super) enum Loaded {
    Runner(Box<Runner>),
    /// The bot was detached meanwhile.
    Detached,
    /// The bot is inline, and the sandbox does not reach the operator's minimum.
    BelowMinimum,
}

/// State of a bot after all due hooks were run.
enum CaughtUp {
    /// Nothing is due before the bot's next timer, if it has one.
    Waiting(Option<Timestamp>),
    /// The bot will not run again while this relay runs: it was detached, its channel is closed and all its hooks have
    /// run, or the sandbox is below the operator's minimum for it.
    Ended,
}

/// Starts a task that runs a bot's hooks, in the order of the log and one at a time.
///
/// It ends when the bot is detached or must not run, its channel is no longer live, or the relay shuts down.
pub(crate) fn start(relay: Weak<Relay>, channel: Weak<LiveChannel>, bot_id: BotId) {
    tokio::spawn(follow(relay, channel, bot_id));
}

async fn follow(relay: Weak<Relay>, channel: Weak<LiveChannel>, bot_id: BotId) {
    let Some(mut progress) = channel.upgrade().map(|channel| channel.progress()) else { return };
    let mut runner = None;
    let mut backoff = Backoff::new();
    loop {
        // Before the channel is looked at, so that a change after that ends the wait below. See `wait_for_change`.
        progress.mark_unchanged();
        // The reference keeps the channel in memory, and with it this task. It is kept while a hook runs
        // or a timer is set; without either, the channel may be dropped, and this task ends with it.
        let (timer, _channel) = {
            let (Some(relay), Some(channel)) = (relay.upgrade(), channel.upgrade()) else { return };
            match catch_up(&relay, &channel, &bot_id, &mut runner).await {
                Ok(CaughtUp::Waiting(timer)) => {
                    backoff = Backoff::new();
                    let remaining = timer.map(|due| channel.duration_until(due));
                    (remaining, timer.map(|_| channel))
                }
                Ok(CaughtUp::Ended) => return,
                Err(error) => {
                    // Not the bot's fault: the relay failed, or the bot was replaced meanwhile. Nothing is
                    // appended; the bot is loaded and tried again.
                    tracing::error!(channel_id = %channel.channel_id(), %bot_id, error.cause = %error, "running a hook failed; retrying");
                    runner = None;
                    if !backoff.wait(&relay.shutdown).await {
                        return;
                    }
                    continue;
                }
            }
        };
        let timer_due = async {
            match timer {
                Some(remaining) => sleep(remaining).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = progress.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            () = timer_due => {}
        }
    }
}

/// Runs everything that is due.
async fn catch_up(
    relay: &Arc<Relay>,
    channel: &Arc<LiveChannel>,
    bot_id: &BotId,
    runner: &mut Option<Runner>,
) -> Result<CaughtUp, RunError> {
    loop {
        if relay.shutdown.is_cancelled() {
            return Ok(CaughtUp::Waiting(None));
        }
        let state = channel.durable();
        let Some(place) = state.composition.bots.iter().position(|bot| bot.bot_id == *bot_id) else {
            if let Some(runner) = runner {
                relay.supervisor.retire(&runner.key).await;
            }
            return Ok(CaughtUp::Ended);
        };
        if runner.is_none() {
            match Runner::load(relay, channel, bot_id).await? {
                Loaded::Runner(loaded) => *runner = Some(*loaded),
                Loaded::Detached => return Ok(CaughtUp::Ended),
                Loaded::BelowMinimum => {
                    report_waiting_bot(relay, channel, bot_id).await;
                    return Ok(CaughtUp::Ended);
                }
            }
        }
        let runner = runner.as_mut().expect("loaded above");
        let (bot, due) = (&state.composition.bots[place], state.head.due[place]);
        channel.set_bot_cursor(bot_id, runner.cursor);
        if runner.cursor.entry > due {
            let Some(closed) = state.composition.closed else {
                if runner.append_due_timer(channel, bot_id).await? {
                    continue;
                }
                return Ok(CaughtUp::Waiting(runner.memory.next_timer().map(|(_, due)| due)));
            };
            runner.finish_after_close(channel, bot_id, closed).await?;
            relay.supervisor.retire(&runner.key).await;
            return Ok(CaughtUp::Ended);
        }
        for entry in channel.entries_after(runner.cursor.entry - 1).await? {
            if entry.id() > due {
                break;
            }
            // The bot's view of the channel follows the log entry by entry, and so do its hooks. The entry that
            // attached the bot is in that view from the start; it is also the only one that starts several calls.
            if entry.id() > bot.attached {
                runner.memory.apply(&entry);
            }
            let after_close = state.composition.closed.is_some_and(|closed| entry.id() > closed);
            let calls = if after_close { vec![] } else { plan(bot, &entry, cascade_depth(channel, &entry).await?) };
            if runner.run_calls(relay, channel, bot, &entry, &calls).await? {
                relay.supervisor.retire(&runner.key).await;
                return Ok(CaughtUp::Ended);
            }
        }
    }
}

impl Runner {
    /// Runs those calls of an entry that are not done yet, and moves the cursor to the next entry.
    ///
    /// Returns `true` if the bot was detached by one of them.
    async fn run_calls(
        &mut self,
        relay: &Relay,
        channel: &Arc<LiveChannel>,
        bot: &Bot,
        entry: &Entry,
        calls: &[HookCall],
    ) -> Result<bool, RunError> {
        let next_entry = BotCursor { entry: entry.id() + 1, step: 0 };
        while self.cursor.entry == entry.id() {
            let step = self.cursor.step as usize;
            let Some(call) = calls.get(step) else {
                self.cursor = next_entry;
                break;
            };
            let is_last = step + 1 == calls.len();
            let to = if is_last { next_entry } else { BotCursor { step: self.cursor.step + 1, ..self.cursor } };
            let detached = self.run_hook(relay, channel, bot, (*call, entry), to).await?;
            channel.set_bot_cursor(&bot.bot_id, to);
            if detached {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Tells the operator that an inline bot does not run. Its hooks stay due, so a relay that is started with a sandbox that
/// reaches the minimum runs them.
async fn report_waiting_bot(relay: &Relay, channel: &LiveChannel, bot_id: &BotId) {
    let sandbox = relay.sandbox_level().await.unwrap_or("none");
    tracing::warn!(
        channel_id = %channel.channel_id(),
        %bot_id,
        sandbox,
        minimum = relay.config.bot_sandbox_minimum.name(),
        remedy = "restart the relay where the sandbox has the missing layers, lower bot_sandbox_minimum, or set bot_allow_unsandboxed",
        "an inline bot does not run because the sandbox is below bot_sandbox_minimum; its hooks wait"
    );
}

/// Number of bot posts that led to an entry, itself included.
async fn cascade_depth(channel: &LiveChannel, entry: &Entry) -> Result<u32, StoreError> {
    let mut cascade = Cascade::default();
    let mut next = cascade.count(entry);
    while let Some(cause) = next {
        next = channel.entry(cause).await?.and_then(|entry| cascade.count(&entry));
    }
    Ok(cascade.depth())
}
