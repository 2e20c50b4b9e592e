//! The write path of a live channel, from a proposal to the durable log.

use std::sync::Arc;
use std::time::Instant;

use futures::future::BoxFuture;
use mcp_multiplayer_protocol::Error;
use mcp_multiplayer_protocol::channel::ChannelState;
use thiserror::Error as ThisError;
use tokio::runtime::Handle;

use super::live::{InFlight, LiveChannel};
use super::proposal::Proposal;
use super::time::ChannelTime;
use crate::store::{AppendError, Appended, IdempotencyRecord, StoreError};

/// Maximum attempts at appending a proposal, after as many conflicts with a log that had grown.
const ATTEMPTS: usize = 64;

/// Reasons why a proposal was not appended; nothing was changed.
#[derive(Debug, ThisError)]
pub(crate) enum CommitError {
    /// A rule forbids it.
    #[error(transparent)]
    Refused(#[from] Error),
    /// The same request was done before, under the same idempotency key.
    #[error("the request was done before")]
    Repeated(Box<IdempotencyRecord>),
    /// The bot was replaced or detached, or its hook was already run by somebody else.
    #[error("the bot is no longer where its hook left it")]
    BotMoved,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Every attempt met a log that others had appended to.
    #[error("every attempt conflicted with other appends")]
    Contended,
}

/// Result of making a proposal.
enum Attempt<T> {
    /// The batch is on its way to the store.
    Submitted(T, PendingAppend),
    /// The proposal changes nothing.
    Unchanged(T),
    /// A rule forbids it.
    Refused(Error),
    /// The appends under way have to be answered first; then it is to be tried again.
    Premature,
}

/// A batch on its way to the store. The channel settles it once the store has answered, also if this is dropped before.
struct PendingAppend {
    channel: Arc<LiveChannel>,
    /// The store's answer; `None` once it is settled.
    append: Option<BoxFuture<'static, Result<Appended, AppendError>>>,
    /// Size of the log with the batch.
    size: u64,
}

impl PendingAppend {
    /// Waits for the store's answer, and settles it.
    async fn settled(mut self) -> Result<Appended, AppendError> {
        let Some(append) = &mut self.append else { return Err(StoreError::Closed.into()) };
        let result = append.await;
        self.append = None;
        self.channel.settle(self.size, result.as_ref().ok());
        result
    }
}

impl Drop for PendingAppend {
    fn drop(&mut self) {
        // The caller has gone away. Without a runtime, the process is ending.
        if let (Some(append), Ok(runtime)) = (self.append.take(), Handle::try_current()) {
            let (channel, size) = (Arc::clone(&self.channel), self.size);
            runtime.spawn(async move {
                let result = append.await;
                channel.settle(size, result.as_ref().ok());
            });
        }
    }
}

impl LiveChannel {
    /// Changes the channel: calls `propose` with the state that all earlier proposals lead to, and
    /// returns once the result is durable.
    ///
    /// `propose` may be called several times: again whenever the log turns out to have changed in
    /// between, or an earlier append failed. It must therefore base everything it decides on the proposal's
    /// state. The change is made even if the caller stops waiting.
    pub(crate) async fn commit<T>(
        self: &Arc<Self>,
        mut propose: impl FnMut(&mut Proposal) -> Result<T, Error>,
    ) -> Result<T, CommitError> {
        for _ in 0..ATTEMPTS {
            self.reload_if_stale().await?;
            let (value, append) = match self.attempt(&mut propose) {
                Attempt::Submitted(value, append) => (value, append),
                Attempt::Unchanged(value) => return Ok(value),
                Attempt::Refused(error) => return Err(error.into()),
                Attempt::Premature => {
                    self.wait_until_answered().await;
                    continue;
                }
            };
            match append.settled().await {
                Ok(_) => return Ok(value),
                Err(AppendError::Conflict { .. }) => {}
                Err(AppendError::BotMoved(_)) => return Err(CommitError::BotMoved),
                Err(AppendError::Repeated(record)) => return Err(CommitError::Repeated(record)),
                Err(AppendError::Store(error)) => return Err(error.into()),
            }
        }
        Err(CommitError::Contended)
    }

    /// Makes a proposal against the proposed state, and submits it to the store.
    fn attempt<T>(self: &Arc<Self>, propose: &mut impl FnMut(&mut Proposal) -> Result<T, Error>) -> Attempt<T> {
        let mut tip = self.tip();
        if tip.stale {
            return Attempt::Premature;
        }
        let moment = Instant::now();
        let now = self.read(tip.time, moment);
        let mut proposal = Proposal::new(tip.proposed.clone(), now, self.random.clone());
        let proposed = propose(&mut proposal);
        match (proposed, proposal.into_batch()) {
            (Ok(value), Some(batch)) => {
                let size = batch.state.size();
                tip.proposed = batch.state.clone();
                tip.in_flight.push_back(InFlight {
                    state: batch.state.clone(),
                    entries: batch.entries.clone(),
                    deletes: !batch.deleted().is_empty(),
                });
                tip.outstanding += 1;
                tip.time = ChannelTime::new(now, moment);
                // Called under the lock, because the store appends in the order of these calls, and each
                // batch was prepared against the one before it.
                let append = Some(self.store.append(batch));
                Attempt::Submitted(value, PendingAppend { channel: Arc::clone(self), append, size })
            }
            // A refusal, or an answer without a change, may rest on a proposal that is not durable yet and
            // may still fail. It is decided again once that is known.
            _ if tip.outstanding > 0 => Attempt::Premature,
            (Ok(value), None) => Attempt::Unchanged(value),
            (Err(error), _) => Attempt::Refused(error),
        }
    }

    /// Records the store's answer to a batch.
    ///
    /// The store appends in order, but the tasks that wait for its answers may run in any order. If a
    /// batch is durable, so are all batches before it; hence `durable` moves over all of them.
    fn settle(&self, size: u64, appended: Option<&Appended>) {
        let mut guard = self.tip();
        let tip = &mut *guard;
        tip.outstanding -= 1;
        if let Some(appended) = appended {
            tip.bytes += appended.growth;
            self.owner.add(appended.growth);
            while tip.in_flight.front().is_some_and(|batch| batch.state.size() <= size) {
                let batch = tip.in_flight.pop_front().expect("checked just now");
                tip.durable = batch.state;
                if batch.deletes {
                    tip.recent.clear();
                }
                for entry in batch.entries {
                    tip.recent.push(entry);
                }
            }
        } else {
            // The batches that were prepared against this one will conflict, and the failed append may
            // have been refused because another process appended. Only the store knows the log now.
            tip.stale = true;
        }
        drop(guard);
        self.progress.send_modify(|count| *count += 1);
    }

    /// Reads the state from the store again, because another process has changed the channel. Wakes readers and runners.
    pub(super) async fn reload(&self) -> Result<(), StoreError> {
        self.tip().stale = true;
        self.reload_if_stale().await
    }

    /// Reads the state from the store again after a failed append.
    ///
    /// All appends under way are waited for first: their batches might still become durable after the state was read.
    async fn reload_if_stale(&self) -> Result<(), StoreError> {
        if !self.tip().stale {
            return Ok(());
        }
        let _reloading = self.reloading.lock().await;
        self.wait_until_answered().await;
        // Another caller may have reloaded while this one waited for the lock.
        if !self.tip().stale {
            return Ok(());
        }
        let stored = self.store.lookup_channel(self.channel_id()).await?;
        let (state, bytes) = match stored {
            Some(stored) => (stored.state, i64::try_from(stored.bytes).unwrap_or(i64::MAX)),
            None => (ChannelState::empty(self.channel_id()), 0),
        };
        let mut tip = self.tip();
        self.owner.add(bytes - tip.bytes);
        tip.bytes = bytes;
        tip.durable = state;
        tip.proposed = tip.durable.clone();
        tip.in_flight.clear();
        tip.recent.clear();
        tip.stale = false;
        let moment = Instant::now();
        tip.time = ChannelTime::new(tip.durable.head.ts.max(self.read(tip.time, moment)), moment);
        drop(tip);
        self.progress.send_modify(|count| *count += 1);
        Ok(())
    }

    /// Waits until the store has answered every append.
    async fn wait_until_answered(&self) {
        let mut progress = self.progress();
        loop {
            progress.mark_unchanged();
            if self.tip().outstanding == 0 || progress.changed().await.is_err() {
                return;
            }
        }
    }
}

impl From<CommitError> for Error {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Refused(error) => error,
            CommitError::Store(error) => crate::error::store_failed(error),
            CommitError::Repeated(_) | CommitError::BotMoved | CommitError::Contended => crate::error::internal(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use futures::FutureExt as _;
    use mcp_multiplayer_protocol::channel::{BotsChange, ChannelState, RULES};
    use mcp_multiplayer_protocol::{Actor, ChannelId, Error, Hash, SystemEvent, Timestamp};

    use super::{CommitError, LiveChannel};
    use crate::auth::Principal;
    use crate::channel::owner::Owner;
    use crate::clock::{Clock, Random};
    use crate::config::Config;
    use crate::database::{Purpose, open_database};
    use crate::store::Membership;

    #[tokio::test]
    async fn an_append_is_settled_although_its_caller_went_away() {
        let directory = tempfile::tempdir().unwrap();
        let config = Config { data_dir: directory.path().to_owned(), ..Config::default() };
        let store = open_database(&config, Purpose::Serve).unwrap();
        let clock = Clock::new(|| Timestamp::from_millis(1_800_000_000_000));
        let state = ChannelState::empty("chn_0123456789abcdef".parse::<ChannelId>().unwrap());
        let owner = Arc::new(Owner::new(Principal::local(), 0));
        let channel = Arc::new(LiveChannel::new(store, clock, Random::system(), owner, state, 0));
        let created = SystemEvent::ChannelCreated {
            rules: RULES,
            name: "A game".to_owned(),
            slots: vec![],
            owner: Hash::of(&[b"alice"]),
            bots_change: BotsChange::Never,
            require_terms: false,
            log: None,
        };
        let create = channel.commit(|proposal| {
            proposal.memberships.push(Membership { principal: "local".to_owned(), seat: None });
            proposal.push_event(&created, None).map(|_| ())
        });
        create.await.unwrap();
        let renamed = SystemEvent::Renamed { name: "Finals".to_owned(), by: Actor::Owner };
        // Dropped after it was submitted to the store.
        let rename = channel.commit(|proposal| proposal.push_event(&renamed, None).map(|_| ()));
        assert!(rename.now_or_never().is_none());
        // A refusal waits for everything that is under way.
        let refused = channel.commit(|_| Err::<(), _>(Error::closed()));
        let refused = tokio::time::timeout(Duration::from_secs(10), refused).await.unwrap();
        assert!(matches!(refused, Err(CommitError::Refused(_))));
        assert_eq!(channel.composition().name, "Finals");
    }
}
