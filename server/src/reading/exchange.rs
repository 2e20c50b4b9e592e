use mcp_multiplayer_protocol::checkpoint::{Checkpoint, LogIdentity};
use mcp_multiplayer_protocol::merkle::TreeHead;
use mcp_multiplayer_protocol::operation::LogPage;
use mcp_multiplayer_protocol::{ChannelId, Error, Request, SlotId};

use super::files::{Folder, LockedFolder};
use super::known::{Finding, KnownChannel, Received, Stop};
use super::unverified::{Unverified, unverifiable};

/// A request about a channel, and what its answer is verified against.
pub(super) struct Exchange<'a> {
    pub(super) request: &'a Request,
    pub(super) channel_id: ChannelId,
    pub(super) folder: Folder,
    pub(super) log: &'a LogIdentity,
    /// The seat that the caller acts from, if it is known.
    pub(super) slot_id: Option<SlotId>,
    /// Size of the known log when the request was sent. The relay had signed it before, so its answer covers it.
    pub(super) sent_size: u64,
}

/// Outcome of an attempt to verify a log up to a size.
pub(super) enum Advance {
    /// The entries after this one are needed first.
    Missing(u64),
    Unverified(Unverified),
}

impl<T: Into<Unverified>> From<T> for Advance {
    fn from(cause: T) -> Self {
        Self::Unverified(cause.into())
    }
}

/// Verifies received entries against what is known and against a signed tree, and keeps what follows from them.
pub(super) fn advance(
    exchange: &Exchange<'_>,
    received: &Received,
    tree: TreeHead,
    note: &str,
) -> Result<KnownChannel, Advance> {
    let locked = exchange.folder.lock()?;
    let known = locked.known(exchange.channel_id)?;
    let size = known.size();
    compare(&locked, received, size)?;
    let mut next = known.clone();
    let leaves = next.advance(received, tree.size).map_err(|stop| match stop {
        Stop::Missing(after) => Advance::Missing(after),
        Stop::Contradiction(finding) => finding.into(),
    })?;
    let named = next.state.composition.log.as_ref();
    if next.state.size() > 0 && named != Some(exchange.log) {
        let named = named.map_or_else(|| "none".to_owned(), |log| format!("{}, {}", log.origin, log.key));
        return Err(Finding::new(
            format!("Entry 1 names the relay's log, {}, {}.", exchange.log.origin, exchange.log.key),
            format!("It names {named}."),
        )
        .into());
    }
    let root = if tree.size == next.size() { next.tree.root() } else { locked.root(tree.size)? };
    if root != tree.root {
        return Err(Finding::new(
            format!("The entries of this log of {} lead to the root that the relay has signed.", tree.size),
            "They lead to another one: the relay has sent or signed something else before.".to_owned(),
        )
        .into());
    }
    if next != known {
        if next.size() == tree.size {
            note.clone_into(&mut next.checkpoint);
        }
        locked.store(&next, size, &leaves)?;
    }
    Ok(next)
}

/// Compares received entries with the known hashes.
fn compare(locked: &LockedFolder<'_>, received: &Received, size: u64) -> Result<(), Unverified> {
    let mut old = received.entries.range(..=size);
    let (Some((first, _)), Some((last, _))) = (old.next(), received.entries.range(..=size).next_back()) else {
        return Ok(());
    };
    let leaves = locked.leaves(*first, *last)?;
    for (id, logged) in received.entries.range(..=size) {
        let place = usize::try_from(id - first).unwrap_or(usize::MAX);
        if leaves.get(place) != Some(&logged.leaf_hash()) {
            return Err(Finding::new(
                format!("Entry {id} is what it was when the relay signed it before."),
                format!("The relay now shows another entry {id}."),
            )
            .into());
        }
    }
    Ok(())
}

/// Notes that this person took a seat.
pub(super) fn own_seat(exchange: &Exchange<'_>, slot_id: SlotId) -> Result<KnownChannel, Unverified> {
    let locked = exchange.folder.lock()?;
    let mut known = locked.known(exchange.channel_id)?;
    let before = known.clone();
    known.take(slot_id);
    if known != before {
        locked.store(&known, known.size(), &[])?;
    }
    Ok(known)
}

/// Adds a page of the log to the received entries.
pub(super) fn add(received: &mut Received, page: LogPage, channel_id: ChannelId, after: u64) -> Result<(), Error> {
    received.reader = Some(page.reader);
    for (id, entry) in (after + 1..).zip(page.entries) {
        let logged = entry
            .restore(channel_id, id)
            .map_err(|reason| unverifiable(&format!("its entry {id} does not have the documented form: {reason}")))?;
        received.entries.insert(id, logged);
    }
    Ok(())
}

/// Verifies the checkpoint of an answer, which covers everything that was known when the request was sent.
pub(super) fn check_note(exchange: &Exchange<'_>, note: &str) -> Result<TreeHead, Unverified> {
    check_note_for(exchange, note, exchange.sent_size)
}

pub(super) fn check_note_for(exchange: &Exchange<'_>, note: &str, covered: u64) -> Result<TreeHead, Unverified> {
    let LogIdentity { origin, key } = exchange.log;
    let checkpoint = Checkpoint::verify(note, &origin.channel(exchange.channel_id), key).map_err(|error| {
        Finding::new(
            format!("The relay signs its log with the key {key}."),
            format!("The checkpoint of its answer is not signed with it, or not for this channel: {error}."),
        )
    })?;
    if checkpoint.tree.size < covered {
        return Err(Finding::new(
            format!("The log has at least {covered} entries: the relay has signed it."),
            format!("It now shows a signed log of {}: an old one, or it has lost the rest.", checkpoint.tree.size),
        )
        .into());
    }
    Ok(checkpoint.tree)
}
