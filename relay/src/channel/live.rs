use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use futures::future::BoxFuture;
use mcp_multiplayer_protocol::channel::{ChannelState, Composition};
use mcp_multiplayer_protocol::{BotId, ChannelId, Entry, Error};
use thiserror::Error as ThisError;
use tokio::sync::watch;

use super::proposal::Proposal;
use super::tail::Tail;
use crate::clock::{Clock, Random};
use crate::store::{AppendError, BotCursor, Checkpoint, IdempotencyRecord, Store, StoreError};

/// How often a step is thought through again because the log grew meanwhile.
const ATTEMPTS: usize = 64;
/// How many entries are fetched from the store at a time.
const READ_ENTRIES: u32 = 500;
const READ_BYTES: usize = 1024 * 1024;

/// A channel that somebody uses: its state, what is on its way to the store, and who waits for it.
///
/// Steps are checked against everything on its way; what readers see is durable.
pub(crate) struct LiveChannel {
    channel_id: ChannelId,
    store: Arc<dyn Store>,
    clock: Clock,
    random: Random,
    tip: Mutex<Tip>,
    /// Counts what readers and bots may be waiting for: entries that became durable, hooks that ran.
    progress: watch::Sender<u64>,
    reloading: tokio::sync::Mutex<()>,
}

/// The end of the log, as far as it is durable and as far as it is proposed.
struct Tip {
    durable: ChannelState,
    proposed: ChannelState,
    in_flight: VecDeque<Flight>,
    /// Appends that the store has not answered yet.
    outstanding: usize,
    /// Whether an append failed, so that only the store knows where the log ends.
    stale: bool,
    tail: Tail,
    cursors: HashMap<BotId, BotCursor>,
}

/// A batch on its way to the store.
struct Flight {
    state: ChannelState,
    entries: Vec<Arc<Entry>>,
}

/// What came of thinking a step through.
enum Proposed<T> {
    /// It is on its way; the log will then have this size.
    Batch(T, BoxFuture<'static, Result<Checkpoint, AppendError>>, u64),
    /// There is nothing to change.
    Nothing(T),
    Refused(Error),
    /// The appends under way must land first.
    TooEarly,
}

/// Why a step was not taken; the log is as it was.
#[derive(Debug, ThisError)]
pub(crate) enum CommitError {
    /// A rule forbids it.
    #[error(transparent)]
    Refused(#[from] Error),
    /// It was done before, under the same idempotency key.
    #[error("done before")]
    Repeated(Box<IdempotencyRecord>),
    /// The bot was changed, or its hook was run by another.
    #[error("the bot has moved")]
    BotMoved,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Others were quicker every time.
    #[error("the log kept growing")]
    Contended,
}

impl LiveChannel {
    pub(super) fn new(store: Arc<dyn Store>, clock: Clock, random: Random, state: ChannelState) -> Self {
        Self {
            channel_id: state.composition.channel_id,
            store,
            clock,
            random,
            tip: Mutex::new(Tip {
                durable: state.clone(),
                proposed: state,
                in_flight: VecDeque::new(),
                outstanding: 0,
                stale: false,
                tail: Tail::default(),
                cursors: HashMap::new(),
            }),
            progress: watch::Sender::new(0),
            reloading: tokio::sync::Mutex::new(()),
        }
    }

    pub(crate) fn channel_id(&self) -> ChannelId {
        self.channel_id
    }

    /// The state that the durable log leads to.
    pub(crate) fn durable(&self) -> ChannelState {
        self.tip().durable.clone()
    }

    /// Who and what is in the channel, as far as that is durable.
    pub(crate) fn composition(&self) -> Arc<Composition> {
        Arc::clone(&self.tip().durable.composition)
    }

    /// Changes whenever there is something new to read, or a hook ran.
    pub(crate) fn progress(&self) -> watch::Receiver<u64> {
        self.progress.subscribe()
    }

    /// Takes a step: `propose` is called with the state that all earlier steps lead to, and again if
    /// the log turns out to have grown. Returns when the step is durable.
    ///
    /// The step is taken even if the caller stops waiting for it.
    pub(crate) async fn commit<T>(
        self: &Arc<Self>,
        mut propose: impl FnMut(&mut Proposal) -> Result<T, Error>,
    ) -> Result<T, CommitError> {
        for _ in 0..ATTEMPTS {
            self.refresh().await?;
            let (value, append, size) = match self.propose(&mut propose) {
                Proposed::Batch(value, append, size) => (value, append, size),
                Proposed::Nothing(value) => return Ok(value),
                Proposed::Refused(error) => return Err(error.into()),
                Proposed::TooEarly => {
                    self.landed().await;
                    continue;
                }
            };
            let channel = Arc::clone(self);
            let settled = tokio::spawn(async move {
                let result = append.await;
                channel.settle(size, result.is_ok());
                result
            });
            match settled.await.unwrap_or(Err(StoreError::Closed.into())) {
                Ok(_) => return Ok(value),
                Err(AppendError::Conflict { .. }) => {}
                Err(AppendError::BotMoved(_)) => return Err(CommitError::BotMoved),
                Err(AppendError::Repeated(record)) => return Err(CommitError::Repeated(record)),
                Err(AppendError::Store(error)) => return Err(error.into()),
            }
        }
        Err(CommitError::Contended)
    }

    /// Thinks a step through, and hands it to the store.
    fn propose<T>(&self, propose: &mut impl FnMut(&mut Proposal) -> Result<T, Error>) -> Proposed<T> {
        let mut tip = self.tip();
        if tip.stale {
            return Proposed::TooEarly;
        }
        let mut proposal = Proposal::new(tip.proposed.clone(), self.clock.now(), self.random.clone());
        let proposed = propose(&mut proposal);
        match (proposed, proposal.into_batch()) {
            (Ok(value), Some(batch)) => {
                let size = batch.state.size();
                tip.proposed = batch.state.clone();
                tip.in_flight.push_back(Flight { state: batch.state.clone(), entries: batch.entries.clone() });
                tip.outstanding += 1;
                // Handed over under the lock: the store appends in the order of these calls.
                Proposed::Batch(value, self.store.append(batch), size)
            }
            // An answer that rests on what is not yet durable is given once it is.
            _ if tip.outstanding > 0 => Proposed::TooEarly,
            (Ok(value), None) => Proposed::Nothing(value),
            (Err(error), _) => Proposed::Refused(error),
        }
    }

    /// Records what the store answered. Answers may be read out of order; durable is always a prefix.
    fn settle(&self, size: u64, appended: bool) {
        let mut guard = self.tip();
        let tip = &mut *guard;
        tip.outstanding -= 1;
        if appended {
            while tip.in_flight.front().is_some_and(|flight| flight.state.size() <= size) {
                let flight = tip.in_flight.pop_front().expect("seen just now");
                tip.durable = flight.state;
                for entry in flight.entries {
                    tip.tail.push(entry);
                }
            }
        } else {
            tip.stale = true;
        }
        drop(guard);
        self.progress.send_modify(|count| *count += 1);
    }

    /// After a failed append: asks the store where the log ends, once all its answers are in.
    async fn refresh(&self) -> Result<(), StoreError> {
        if !self.tip().stale {
            return Ok(());
        }
        let _reloading = self.reloading.lock().await;
        self.landed().await;
        if !self.tip().stale {
            return Ok(());
        }
        let state = self.store.lookup_channel(self.channel_id).await?;
        let mut tip = self.tip();
        tip.durable = state.unwrap_or_else(|| ChannelState::empty(self.channel_id));
        tip.proposed = tip.durable.clone();
        tip.in_flight.clear();
        tip.tail.clear();
        tip.stale = false;
        drop(tip);
        self.progress.send_modify(|count| *count += 1);
        Ok(())
    }

    /// Returns when the store has answered every append.
    async fn landed(&self) {
        let mut progress = self.progress();
        loop {
            progress.mark_unchanged();
            if self.tip().outstanding == 0 || progress.changed().await.is_err() {
                return;
            }
        }
    }

    /// Durable entries after `after`, in order: some of them, or none when there are none.
    pub(crate) async fn entries_after(&self, after: u64) -> Result<Vec<Arc<Entry>>, StoreError> {
        let size = {
            let tip = self.tip();
            if after >= tip.durable.size() {
                return Ok(Vec::new());
            }
            if let Some(entries) = tip.tail.after(after) {
                return Ok(entries);
            }
            tip.durable.size()
        };
        let entries = self.store.list_entries(self.channel_id, after, READ_ENTRIES, READ_BYTES).await?;
        Ok(entries.into_iter().filter(|entry| entry.id() <= size).map(Arc::new).collect())
    }

    /// One durable entry.
    pub(crate) async fn entry(&self, id: u64) -> Result<Option<Arc<Entry>>, StoreError> {
        Ok(self.entries_after(id.saturating_sub(1)).await?.into_iter().find(|entry| entry.id() == id))
    }

    /// Notes how far a bot has come, and wakes those who wait for it.
    pub(crate) fn bot_reached(&self, bot_id: &BotId, cursor: BotCursor) {
        if self.tip().cursors.insert(bot_id.clone(), cursor) != Some(cursor) {
            self.progress.send_modify(|count| *count += 1);
        }
    }

    /// Whether a bot has yet to see an entry up to `id` that may start one of its hooks.
    pub(crate) fn has_due_hooks(&self, id: u64) -> bool {
        let tip = self.tip();
        tip.durable.composition.bots.iter().zip(&tip.durable.head.due).any(|(bot, due)| {
            let next = tip.cursors.get(&bot.bot_id).map_or(bot.attached, |cursor| cursor.entry);
            next <= *due && next <= id
        })
    }

    /// Whether a bot has had its `on_init`, or has none; `None` when it is not attached.
    pub(crate) fn is_started(&self, bot_id: &BotId) -> Option<bool> {
        let tip = self.tip();
        let state = &tip.durable;
        let place = state.composition.bots.iter().position(|bot| bot.bot_id == *bot_id)?;
        let attached = state.composition.bots[place].attached;
        let has_none = state.head.due[place] < attached;
        Some(has_none || tip.cursors.get(bot_id).is_some_and(|cursor| cursor.entry > attached || cursor.step > 0))
    }

    /// Whether nothing of it is on its way, so that it can be forgotten.
    pub(super) fn is_idle(&self) -> bool {
        self.tip().outstanding == 0
    }

    fn tip(&self) -> MutexGuard<'_, Tip> {
        self.tip.lock().expect("no code panics while it holds a channel's lock")
    }
}

impl fmt::Debug for LiveChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LiveChannel({})", self.channel_id)
    }
}

impl From<CommitError> for Error {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Refused(error) => error,
            CommitError::Repeated(_) | CommitError::BotMoved | CommitError::Store(_) | CommitError::Contended => {
                crate::error::internal(&error)
            }
        }
    }
}
