use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use mcp_multiplayer_protocol::channel::{ChannelState, Composition};
use mcp_multiplayer_protocol::{BotId, ChannelId, Entry, Error, Timestamp};
use tokio::sync::watch;

use super::last_checkpoint::LastCheckpoint;
use super::owner::Owner;
use super::recent::RecentEntries;
use super::time::{ChannelTime, warn_if_behind};
use super::trigger_use::{TriggerUse, TriggerUses};
use crate::auth::Principal;
use crate::clock::{Clock, Random};
use crate::quota::Quotas;
use crate::store::{BotCursor, Store, StoreError};

/// Most entries that are read from the store at a time.
const READ_ENTRIES: u32 = 500;
/// Most bytes of bodies that are read from the store at a time.
const READ_BYTES: usize = 1024 * 1024;
/// Most failures of `on_init` that are kept for those who attached the bots.
const START_FAILURES: usize = 32;

/// A channel that is in use: its state, the batches on their way to the store, and those who wait for it.
///
/// The channel has two states. The *proposed* state includes the batches that the store has not
/// answered yet; new proposals are checked against it, so that they need not wait for the disk one
/// by one. The *durable* state includes only what the store has acknowledged; readers see nothing else.
pub(crate) struct LiveChannel {
    channel_id: ChannelId,
    pub(super) store: Arc<dyn Store>,
    clock: Clock,
    pub(super) random: Random,
    pub(super) owner: Arc<Owner>,
    tip: Mutex<Tip>,
    pub(super) last_checkpoint: LastCheckpoint,
    /// Counts the changes that readers and runners wait for: entries that became durable, hooks that ran.
    pub(super) progress: watch::Sender<u64>,
    /// Held while the state is read from the store again.
    pub(super) reloading: tokio::sync::Mutex<()>,
}

/// The end of the log.
pub(super) struct Tip {
    pub(super) durable: ChannelState,
    pub(super) proposed: ChannelState,
    /// The batches between `durable` and `proposed`, in order.
    pub(super) in_flight: VecDeque<InFlight>,
    /// Number of appends that the store has not answered yet.
    pub(super) outstanding: usize,
    /// `true` after a failed append: only the store knows where the log ends.
    pub(super) stale: bool,
    pub(super) recent: RecentEntries,
    pub(super) time: ChannelTime,
    /// Number of bytes that are stored for the channel.
    pub(super) bytes: i64,
    trigger_uses: TriggerUses,
    cursors: HashMap<BotId, BotCursor>,
    /// The bots that have done everything that they had to do before the channel is closed.
    pub(super) finished: HashSet<BotId>,
    /// Failures of `on_init` with the exceptions' messages, which are not in the log.
    start_failures: VecDeque<(BotId, String)>,
}

/// A batch on its way to the store.
pub(super) struct InFlight {
    /// The state after it.
    pub(super) state: ChannelState,
    pub(super) entries: Vec<Arc<Entry>>,
    /// `true` if it destroys bodies of earlier entries.
    pub(super) deletes: bool,
}

impl LiveChannel {
    pub(super) fn new(
        store: Arc<dyn Store>,
        clock: Clock,
        random: Random,
        owner: Arc<Owner>,
        state: ChannelState,
        bytes: i64,
    ) -> Self {
        let time = ChannelTime::new(state.head.ts, Instant::now());
        Self {
            channel_id: state.composition.channel_id,
            store,
            clock,
            random,
            owner,
            tip: Mutex::new(Tip {
                durable: state.clone(),
                proposed: state,
                in_flight: VecDeque::new(),
                outstanding: 0,
                stale: false,
                recent: RecentEntries::default(),
                time,
                bytes,
                trigger_uses: TriggerUses::default(),
                cursors: HashMap::new(),
                finished: HashSet::new(),
                start_failures: VecDeque::new(),
            }),
            last_checkpoint: LastCheckpoint::default(),
            progress: watch::Sender::new(0),
            reloading: tokio::sync::Mutex::new(()),
        }
    }

    pub(crate) fn channel_id(&self) -> ChannelId {
        self.channel_id
    }

    /// The principal that created the channel.
    pub(crate) fn owner(&self) -> &Principal {
        self.owner.principal()
    }

    /// Fails if the channel or its owner has used up a budget of stored bytes, or if the disk is almost full. Whatever adds
    /// to a channel at length asks this first; leaving, kicking and closing do not.
    pub(crate) fn check_storage(&self, quotas: &Quotas) -> Result<(), Error> {
        quotas.check_disk()?;
        self.check_stored(quotas)
    }

    /// Fails if the channel or its owner has used up a budget of stored bytes.
    pub(crate) fn check_stored(&self, quotas: &Quotas) -> Result<(), Error> {
        quotas.check_stored_in(self.channel_id, u64::try_from(self.tip().bytes).unwrap_or(0))?;
        quotas.check_stored_by(self.owner(), self.owner.stored_bytes())
    }

    /// Current time of the channel's entries and timers.
    pub(crate) fn now(&self) -> Timestamp {
        let time = self.tip().time;
        self.read(time, Instant::now())
    }

    /// Time from now until `then`; zero if `then` has passed.
    pub(crate) fn duration_until(&self, then: Timestamp) -> Duration {
        Duration::from_millis(u64::try_from(then.as_millis() - self.now().as_millis()).unwrap_or(0))
    }

    /// The channel's time at a moment that has just been.
    pub(super) fn read(&self, time: ChannelTime, moment: Instant) -> Timestamp {
        let clock = self.clock.now();
        let now = time.at(moment, clock);
        warn_if_behind(clock, now, self.channel_id, moment);
        now
    }

    /// The state that the durable log leads to.
    pub(crate) fn durable(&self) -> ChannelState {
        self.tip().durable.clone()
    }

    /// The durable state's slots, seats, bots and settings.
    pub(crate) fn composition(&self) -> Arc<Composition> {
        Arc::clone(&self.tip().durable.composition)
    }

    /// A counter that changes whenever there is something new to read, or a hook ran.
    ///
    /// See [`wait_for_change`](super::wait_for_change) for waiting on it without missing a change.
    pub(crate) fn progress(&self) -> watch::Receiver<u64> {
        self.progress.subscribe()
    }

    /// Waits until the channel is closed.
    pub(crate) async fn wait_until_closed(&self) {
        let mut progress = self.progress();
        loop {
            progress.mark_unchanged();
            // The channel itself holds the sender, so waiting does not fail.
            if self.composition().closed.is_some() || progress.changed().await.is_err() {
                return;
            }
        }
    }

    /// Some of the durable entries after `after`, in order; none only if there are none.
    pub(crate) async fn entries_after(&self, after: u64) -> Result<Vec<Arc<Entry>>, StoreError> {
        let size = {
            let tip = self.tip();
            if after >= tip.durable.size() {
                return Ok(Vec::new());
            }
            if let Some(entries) = tip.recent.after(after) {
                return Ok(entries);
            }
            tip.durable.size()
        };
        let entries = self.store.list_entries(self.channel_id, after, READ_ENTRIES, READ_BYTES).await?;
        // The store may be ahead: entries are shown only once `durable` includes them, and the composition with them.
        Ok(entries.into_iter().filter(|entry| entry.id() <= size).map(Arc::new).collect())
    }

    /// The durable entry with this id.
    pub(crate) async fn entry(&self, id: u64) -> Result<Option<Arc<Entry>>, StoreError> {
        Ok(self.entries_after(id.saturating_sub(1)).await?.into_iter().find(|entry| entry.id() == id))
    }

    /// Notes a bot's cursor, and wakes those who wait for the bot.
    pub(crate) fn set_bot_cursor(&self, bot_id: &BotId, cursor: BotCursor) {
        if self.tip().cursors.insert(bot_id.clone(), cursor) != Some(cursor) {
            self.progress.send_modify(|count| *count += 1);
        }
    }

    /// The amount that the hooks which led back to an entry have used in this process.
    pub(crate) fn trigger_use(&self, trigger: u64) -> TriggerUse {
        self.tip().trigger_uses.of(trigger)
    }

    /// Adds a hook that led back to an entry, and posted this many bytes.
    pub(crate) fn add_hook_to_trigger(&self, trigger: u64, bytes: u64) {
        self.tip().trigger_uses.add_hook(trigger, bytes);
    }

    /// Keeps the reason why a bot's `on_init` failed, for the caller who attached it.
    ///
    /// It includes the exception's message, which may quote what only that caller may see, so it never enters the log.
    pub(crate) fn set_start_failure(&self, bot_id: &BotId, reason: String) {
        let failures = &mut self.tip().start_failures;
        if failures.len() == START_FAILURES {
            failures.pop_front();
        }
        failures.push_back((bot_id.clone(), reason));
    }

    /// The reason why a bot's `on_init` failed, if it failed lately.
    pub(crate) fn start_failure(&self, bot_id: &BotId) -> Option<String> {
        let tip = self.tip();
        tip.start_failures.iter().rfind(|(failed, _)| failed == bot_id).map(|(_, reason)| reason.clone())
    }

    /// Returns `true` if a bot has yet to pass an entry up to `id` that may start one of its hooks.
    pub(crate) fn has_due_hooks(&self, id: u64) -> bool {
        let tip = self.tip();
        tip.durable.composition.closed.is_none()
            && tip.durable.bots().any(|(bot, head)| {
                // Without a cursor the bot's runner has not started yet: all of the bot's hooks may be due.
                let next = tip.cursors.get(&bot.bot_id).map_or(bot.attached, |cursor| cursor.entry);
                next <= head.due && next <= id
            })
    }

    /// Returns `true` if a bot's `on_init` has run or it defines none; `None` if the bot is not attached.
    pub(crate) fn is_started(&self, bot_id: &BotId) -> Option<bool> {
        let tip = self.tip();
        let state = &tip.durable;
        let (bot, head) = state.bots().find(|(bot, _)| bot.bot_id == *bot_id)?;
        let attached = bot.attached;
        let starts_no_hook = head.due < attached;
        Some(starts_no_hook || tip.cursors.get(bot_id).is_some_and(|cursor| cursor.entry > attached || cursor.step > 0))
    }

    /// Returns `true` if no append is under way, so that the channel can be dropped from memory.
    pub(super) fn is_idle(&self) -> bool {
        self.tip().outstanding == 0
    }

    pub(super) fn tip(&self) -> MutexGuard<'_, Tip> {
        self.tip.lock().expect("no code panics while it holds a channel's lock")
    }
}

impl fmt::Debug for LiveChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LiveChannel({})", self.channel_id)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use mcp_multiplayer_protocol::channel::ChannelState;
    use mcp_multiplayer_protocol::{ChannelId, Timestamp};

    use super::{LiveChannel, Owner};
    use crate::auth::Principal;
    use crate::clock::{Clock, Random};
    use crate::config::Config;
    use crate::database::{Purpose, open_database};

    #[test]
    fn timers_are_due_on_time_although_the_clock_was_set_back() {
        let directory = tempfile::tempdir().unwrap();
        let config = Config { data_dir: directory.path().to_owned(), ..Config::default() };
        let store = open_database(&config, Purpose::Serve).unwrap();
        let last = Timestamp::from_millis(1_800_000_000_000);
        // An hour before the last entry.
        let clock = Clock::new(move || Timestamp::from_millis(last.as_millis() - 3_600_000));
        let mut state = ChannelState::empty("chn_0123456789abcdef".parse::<ChannelId>().unwrap());
        state.head.ts = last;
        let owner = Arc::new(Owner::new(Principal::local(), 0));
        let channel = LiveChannel::new(store, clock, Random::system(), owner, state, 0);
        assert!(channel.now() >= last);
        assert!(channel.duration_until(Timestamp::from_millis(last.as_millis() + 5_000)) <= Duration::from_secs(5));
    }
}
