use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use mcp_multiplayer_bot_supervisor::referee::{Memory, Seeds};
use mcp_multiplayer_bot_supervisor::{BotKey, Program, Unavailable};
use mcp_multiplayer_protocol::channel::{Bot, Cascade, HookCall, plan};
use mcp_multiplayer_protocol::{BotId, Entry, Secret, Sender, SkipReason, SlotId, Timestamp, limits};
use thiserror::Error as ThisError;
use tokio::time::sleep;

use super::backoff::Backoff;
use super::timers::{append_due_timers, next_timer};
use crate::channel::{CommitError, LiveChannel};
use crate::state::Relay;
use crate::store::{BotCursor, StoreError};

/// Interval at which hooks that wait for space on the disk look again.
const DISK_CHECK: Duration = Duration::from_secs(1);

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
    /// `true` if the bot is inline and the sandbox does not reach the operator's minimum: no hook runs.
    pub(super) below_minimum: bool,
    /// `true` once the log says what runs the bot now.
    pub(super) runtime_announced: bool,
    /// Time that the bot's hooks have run since the request to close the channel.
    pub(super) closing_time: Duration,
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
}

/// State of a bot after all due hooks were run.
enum CaughtUp {
    /// Nothing is due before the bot's next timer, if it has one.
    Waiting(Option<Timestamp>),
    /// The bot will not run again: it was detached, or its channel is closed.
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
        let found = state.bots().find(|(bot, _)| bot.bot_id == *bot_id);
        let Some((bot, head)) = found.filter(|_| state.composition.closed.is_none()) else {
            if let Some(runner) = runner {
                relay.supervisor.retire(&runner.key).await;
            }
            channel.close_if_finished().await?;
            return Ok(CaughtUp::Ended);
        };
        if runner.is_none() {
            match Runner::load(relay, channel, bot_id).await {
                Ok(Loaded::Runner(loaded)) => *runner = Some(*loaded),
                Ok(Loaded::Detached) => return Ok(CaughtUp::Ended),
                Err(error @ (RunError::Corrupt | RunError::Sealed)) if Runner::is_close_overdue(channel).await? => {
                    tracing::error!(channel_id = %channel.channel_id(), %bot_id, error.cause = %error, "closing a channel without one of its bots");
                    channel.set_finished(bot_id);
                    channel.close_if_finished().await?;
                    return Ok(CaughtUp::Ended);
                }
                Err(error) => return Err(error),
            }
        }
        let runner = runner.as_mut().expect("loaded above");
        let closing = state.composition.close_requested;
        channel.set_bot_cursor(bot_id, runner.cursor);
        if runner.cursor.entry > head.due {
            if let Some(request) = closing {
                runner.finish(channel, bot_id, request).await?;
                relay.supervisor.retire(&runner.key).await;
                channel.close_if_finished().await?;
                return Ok(CaughtUp::Ended);
            }
            let timer = next_timer(channel, bot_id);
            if timer.is_some_and(|due| due <= channel.now()) {
                append_due_timers(channel).await?;
                continue;
            }
            return Ok(CaughtUp::Waiting(timer));
        }
        if runner.below_minimum && closing.is_none() {
            return Ok(CaughtUp::Waiting(None));
        }
        for entry in channel.entries_after(runner.cursor.entry - 1).await? {
            if entry.id() > head.due {
                break;
            }
            // The bot's view of the channel follows the log entry by entry, and so do its hooks. The entry that
            // attached the bot is in that view from the start.
            runner.memory.apply(bot, &entry);
            let after_request = closing.is_some_and(|request| entry.id() > request);
            let calls = if after_request { vec![] } else { plan(runner.memory.composition(), bot, &entry) };
            if runner.run_calls(relay, channel, bot, &entry, &calls).await? {
                relay.supervisor.retire(&runner.key).await;
                channel.close_if_finished().await?;
                return Ok(CaughtUp::Ended);
            }
        }
    }
}

impl Runner {
    /// Runs those calls of an entry that are not done yet, and moves the cursor to the next entry.
    ///
    /// Returns `true` if one of them was the bot's last one.
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
            let is_over = self.run_or_skip(relay, channel, bot, (*call, entry), to).await?;
            channel.set_bot_cursor(&bot.bot_id, to);
            if is_over {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Waits while the relay's disk is almost full: that is no fault of the bot's channel, so no hook is lost by it. A channel
    /// that is being closed does not wait, because its end frees more than it takes.
    async fn wait_for_disk(&self, relay: &Relay, channel: &LiveChannel) -> Result<(), RunError> {
        while relay.quotas.check_disk().is_err() && channel.composition().close_requested.is_none() {
            tokio::select! {
                () = sleep(DISK_CHECK) => {}
                () = relay.shutdown.cancelled() => return Err(StoreError::Closed.into()),
            }
        }
        Ok(())
    }

    /// Runs a call, or appends why it does not run. Returns `true` if it was the bot's last one: the bot was detached, or the
    /// channel was stopped.
    async fn run_or_skip(
        &mut self,
        relay: &Relay,
        channel: &Arc<LiveChannel>,
        bot: &Bot,
        (call, entry): (HookCall, &Entry),
        to: BotCursor,
    ) -> Result<bool, RunError> {
        let closing = channel.composition().close_requested.is_some();
        self.wait_for_disk(relay, channel).await?;
        let (depth, origin, seat) = origin(channel, entry).await?;
        let reason = if depth >= limits::CASCADE_DEPTH {
            Some(SkipReason::Depth)
        } else if self.turn(relay, bot, (call, entry)).is_stale() {
            Some(SkipReason::Stale)
        } else if self.below_minimum {
            Some(SkipReason::Unavailable)
        } else if !may_run(relay, channel, origin) && !matches!(call, HookCall::Init | HookCall::Close) {
            Some(SkipReason::Budget)
        } else {
            closing.then(|| self.refuse_at_close(call)).flatten()
        };
        if let Some(reason) = reason {
            return self.skip_hook(relay, channel, bot, (call, entry), to, reason).await;
        }
        let ran = tokio::select! {
            ran = self.run_hook(relay, channel, bot, (call, entry), (origin, seat), to) => ran,
            // The operator has stopped the channel: nobody else closes it while one of its bots has a hook to run. Dropping
            // the call kills the hook.
            () = channel.wait_until_closed() => return Ok(true),
        };
        match ran {
            Err(RunError::Worker(_)) if Self::is_close_overdue(channel).await? => {
                self.skip_hook(relay, channel, bot, (call, entry), to, SkipReason::Unavailable).await
            }
            ran => ran,
        }
    }
}

/// Number of hooks that led to an entry; the entry that started the first of them, and the seat of the player who wrote it, if
/// one did.
async fn origin(channel: &LiveChannel, entry: &Entry) -> Result<(u32, u64, Option<SlotId>), StoreError> {
    let seat = |entry: &Entry| match entry.envelope.sender {
        Sender::Slot(slot_id) => Some(slot_id),
        _ => None,
    };
    let mut cascade = Cascade::default();
    let (mut origin, mut by, mut next) = (entry.id(), seat(entry), cascade.count(entry));
    while let Some(cause) = next {
        let Some(entry) = channel.entry(cause).await? else { break };
        (origin, by, next) = (cause, seat(&entry), cascade.count(&entry));
    }
    Ok((cascade.depth(), origin, by))
}

/// Returns `true` if neither the trigger, with everything that follows from it, nor the channel has used up a budget.
fn may_run(relay: &Relay, channel: &LiveChannel, trigger: u64) -> bool {
    let used = channel.trigger_use(trigger);
    used.hooks < relay.config.bot_trigger_hooks
        && used.bytes < relay.config.bot_trigger_bytes
        && relay.quotas.may_run_hook_in(channel.channel_id())
        && channel.check_stored(&relay.quotas).is_ok()
}
