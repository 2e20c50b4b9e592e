use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use mcp_multiplayer_protocol::channel::ChannelState;
use mcp_multiplayer_protocol::{BotId, ChannelId};

use super::commit::CommitError;
use super::live::LiveChannel;
use super::owner::{Owner, Owners};
use super::proposal::Proposal;
use crate::auth::Principal;
use crate::clock::{Clock, Random};
use crate::store::{AppendError, Membership, Store, StoreError};

/// A task that follows a channel for as long as it is live.
#[derive(Debug)]
pub(crate) enum Follower {
    /// The runner of a bot's hooks.
    Runner(BotId),
    /// The practice partners: all seats that programs of the relay hold.
    Partners,
}

/// Starts a task that follows a channel.
pub(crate) type StartFollower = Box<dyn Fn(Weak<LiveChannel>, Follower) + Send + Sync>;

/// The channels that are live in this process.
///
/// There is at most one [`LiveChannel`] per channel, and at most one runner per bot of it. A runner
/// is started in exactly two places: by [`Channels::get`] and [`Channels::create`] for the bots that a
/// channel has when it becomes live, and by whoever attaches a bot to a channel that is live
/// already. The two cannot meet: a channel is not dropped from memory while somebody uses it. If
/// they did, or in another process, no hook would take effect twice, because the store
/// accepts the effects of a hook only from the bot's cursor on, and moves the cursor with them.
pub(crate) struct Channels {
    store: Arc<dyn Store>,
    clock: Clock,
    random: Random,
    capacity: usize,
    start: StartFollower,
    owners: Owners,
    live: Mutex<HashMap<ChannelId, Arc<LiveChannel>>>,
}

impl Channels {
    /// Keeps about `capacity` channels in memory, beyond those in use.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        clock: Clock,
        random: Random,
        capacity: usize,
        start: StartFollower,
    ) -> Self {
        let owners = Owners::new(Arc::clone(&store), capacity);
        Self { store, clock, random, capacity, start, owners, live: Mutex::default() }
    }

    /// The channel with this id; `None` when there is none.
    pub(crate) async fn get(&self, channel_id: ChannelId) -> Result<Option<Arc<LiveChannel>>, StoreError> {
        if let Some(channel) = self.live().get(&channel_id) {
            return Ok(Some(Arc::clone(channel)));
        }
        let Some(stored) = self.store.lookup_channel(channel_id).await? else { return Ok(None) };
        let owner = self.owner(&Principal::stored(&stored.owner)).await?;
        let bytes = i64::try_from(stored.bytes).unwrap_or(i64::MAX);
        Ok(Some(self.insert(owner, stored.state, bytes)))
    }

    /// A principal as the owner of channels.
    pub(crate) async fn owner(&self, principal: &Principal) -> Result<Arc<Owner>, StoreError> {
        self.owners.get(principal).await
    }

    /// Creates a channel with its first entries, and returns it once they are durable.
    pub(crate) async fn create(
        &self,
        channel_id: ChannelId,
        owner: Arc<Owner>,
        propose: impl FnOnce(&mut Proposal) -> Result<(), mcp_multiplayer_protocol::Error>,
    ) -> Result<Arc<LiveChannel>, CommitError> {
        let mut proposal = Proposal::new(ChannelState::empty(channel_id), self.clock.now(), self.random.clone());
        proposal.memberships.push(Membership { principal: owner.principal().as_str().to_owned(), seat: None });
        propose(&mut proposal)?;
        let batch = proposal.into_batch().expect("a new channel has entries");
        let state = batch.state.clone();
        match self.store.append(batch).await {
            Ok(appended) => {
                owner.add(appended.growth);
                Ok(self.insert(owner, state, appended.growth))
            }
            Err(AppendError::Repeated(record)) => Err(CommitError::Repeated(record)),
            Err(AppendError::Store(error)) => Err(error.into()),
            Err(AppendError::Conflict { .. } | AppendError::BotMoved(_)) => Err(CommitError::Contended),
        }
    }

    /// Takes over what another process has changed in the store: reads the live channels again whose logs have grown, forgets
    /// those that were deleted, and makes those live whose bots have hooks to run.
    pub(crate) async fn take_over_changes(&self) -> Result<(), StoreError> {
        let live: Vec<_> = self.live().values().cloned().collect();
        let sizes = self.store.channel_sizes(live.iter().map(|channel| channel.channel_id()).collect()).await?;
        for (channel, size) in live.iter().zip(sizes) {
            if size == 0 {
                self.live().remove(&channel.channel_id());
            }
            if size != channel.durable().size() {
                channel.reload().await?;
            }
        }
        self.owners.refresh().await?;
        for channel_id in self.store.list_channels_with_due_bots().await? {
            self.get(channel_id).await?;
        }
        Ok(())
    }

    /// Starts the runner of a bot that was just attached to a live channel.
    pub(crate) fn start_runner(&self, channel: &Arc<LiveChannel>, bot_id: BotId) {
        (self.start)(Arc::downgrade(channel), Follower::Runner(bot_id));
    }

    /// Makes a channel live and starts what follows it, unless another call did so meanwhile.
    fn insert(&self, owner: Arc<Owner>, state: ChannelState, bytes: i64) -> Arc<LiveChannel> {
        let mut live = self.live();
        let channel_id = state.composition.channel_id;
        if let Some(channel) = live.get(&channel_id) {
            return Arc::clone(channel);
        }
        if live.len() >= self.capacity {
            // Users of a channel hold a reference to it, so one that only the map refers to is not in use.
            live.retain(|_, channel| Arc::strong_count(channel) > 1 || !channel.is_idle());
        }
        let bots: Vec<BotId> = state.composition.bots.iter().map(|bot| bot.bot_id.clone()).collect();
        let has_partners = state.composition.slots().any(|(_, slot)| slot.has_program());
        let (store, clock, random) = (Arc::clone(&self.store), self.clock.clone(), self.random.clone());
        let channel = Arc::new(LiveChannel::new(store, clock, random, owner, state, bytes));
        live.insert(channel_id, Arc::clone(&channel));
        drop(live);
        for bot_id in bots {
            self.start_runner(&channel, bot_id);
        }
        // Seats are given to programs only when a channel is created, so this is the one place that starts them.
        if has_partners {
            (self.start)(Arc::downgrade(&channel), Follower::Partners);
        }
        channel
    }

    fn live(&self) -> MutexGuard<'_, HashMap<ChannelId, Arc<LiveChannel>>> {
        self.live.lock().expect("no code panics while it holds the registry's lock")
    }
}

impl fmt::Debug for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Channels({} live)", self.live().len())
    }
}
