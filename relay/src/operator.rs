//! Changes to a channel by an operator's command, which opens the database beside a running relay. The relay finds out within
//! about a second.

use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use mcp_multiplayer_protocol::channel::Composition;
use mcp_multiplayer_protocol::{ChannelId, Entry, Sender, SystemEvent, limits};

use crate::channel::{Channels, CommitError, LiveChannel};
use crate::clock::{Clock, Random};
use crate::store::Store;

/// Stops a channel at once: hooks that are due do not run, and one that runs is killed.
pub async fn stop_channel(store: Arc<dyn Store>, channel_id: ChannelId) -> Result<()> {
    let channel = open(store, channel_id).await?;
    ensure!(channel.composition().closed.is_none(), "the channel {channel_id} is closed already");
    let stopped = channel.commit(|proposal| proposal.push_event(&SystemEvent::OperatorStopped {}, None).map(|_| ()));
    explained(stopped.await)
}

/// Closes a channel as its owner can: due hooks run, then `on_close`. Returns `false` if that is left to the relay, because the
/// channel has bots.
pub async fn close_channel(store: Arc<dyn Store>, channel_id: ChannelId) -> Result<bool> {
    let channel = open(store, channel_id).await?;
    let Composition { closed, close_requested, .. } = &*channel.composition();
    if closed.is_none() && close_requested.is_some() {
        bail!("the channel {channel_id} is being closed already; 'channel stop' does not wait for its bots");
    }
    ensure!(closed.is_none(), "the channel {channel_id} is closed already");
    explained(channel.commit(|proposal| proposal.push_close(None)).await)?;
    Ok(channel.composition().closed.is_some())
}

/// Deletes a closed channel with everything that is stored for it, and returns the number of bytes.
pub async fn delete_channel(store: &dyn Store, channel_id: ChannelId) -> Result<u64> {
    let stored = store.lookup_channel(channel_id).await?.with_context(|| unknown(channel_id))?;
    ensure!(
        stored.state.composition.closed.is_some(),
        "the channel {channel_id} is open; run 'channel stop {channel_id}' first, or 'channel close {channel_id}'"
    );
    store.delete_channel(channel_id).await?;
    Ok(stored.bytes)
}

/// Destroys the bodies of players' and bots' entries of a channel, and returns the number of those that still had one.
pub async fn delete_entries(store: Arc<dyn Store>, channel_id: ChannelId, mut ids: Vec<u64>) -> Result<usize> {
    let channel = open(store, channel_id).await?;
    ids.sort_unstable();
    ids.dedup();
    let (size, composition) = (channel.durable().size(), channel.composition());
    let mut present = Vec::new();
    for id in ids {
        ensure!((1..=size).contains(&id), "entry {id} does not exist: the channel has the entries 1 to {size}");
        let entry = channel.entry(id).await?.with_context(|| format!("entry {id} cannot be read"))?;
        ensure!(entry.envelope.sender != Sender::System, "entry {id} is the relay's own, which is not deleted");
        ensure!(
            composition.closed.is_some() || !may_be_unsealed(&composition, &entry),
            "entry {id} is a DM that its bot may still unseal; close the channel first"
        );
        if entry.content.is_some() {
            present.push(id);
        }
    }
    for ids in present.chunks(limits::DELETED_ENTRIES) {
        let event = SystemEvent::EntriesDeleted { ids: ids.to_vec(), by: None };
        explained(channel.commit(|proposal| proposal.push_event(&event, None).map(|_| ())).await)?;
    }
    Ok(present.len())
}

fn may_be_unsealed(composition: &Composition, entry: &Entry) -> bool {
    let Some(to_slot) = entry.envelope.to_slot else { return false };
    composition
        .bots
        .iter()
        .any(|bot| bot.unseals && (bot.slot_id == to_slot || entry.envelope.sender == Sender::Bot(bot.bot_id.clone())))
}

/// Opens a channel to append to it, without running its bots.
async fn open(store: Arc<dyn Store>, channel_id: ChannelId) -> Result<Arc<LiveChannel>> {
    let channels = Channels::new(store, Clock::system(), Random::system(), 1, Box::new(|_, _| {}));
    channels.get(channel_id).await?.with_context(|| unknown(channel_id))
}

fn unknown(channel_id: ChannelId) -> String {
    format!("there is no channel {channel_id}; list them with 'channel list'")
}

fn explained(committed: Result<(), CommitError>) -> Result<()> {
    match committed {
        Err(CommitError::Refused(error)) => bail!("{}", error.message),
        committed => Ok(committed?),
    }
}
