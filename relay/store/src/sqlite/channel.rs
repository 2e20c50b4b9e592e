use std::sync::Arc;

use mcp_multiplayer_protocol::channel::{BotHead, ChannelState, Composition, Head};
use mcp_multiplayer_protocol::merkle::{Frontier, TreeHead};
use mcp_multiplayer_protocol::{ChannelId, Hash, Timestamp};
use rusqlite::{Connection, params};

use super::row::{Row, failed, integer};
use crate::{BytesByKind, StoreError, StoredChannel};

const FIND: &str = "SELECT no, size, peaks FROM channel WHERE id = ?1";

const INSERT: &str = "INSERT INTO channel (id, owner, bytes, size, ts, root, peaks, bots, hooks_due)
    VALUES (?1, ?2, 0, 0, 0, x'', x'', '[]', 0)";

const MOVE_HEAD: &str = "UPDATE channel SET size = ?3, ts = ?4, root = ?5, peaks = ?6, bots = ?7, next_timer = ?8,
    hooks_due = ?9, bytes = bytes + ?10 WHERE no = ?1 AND size = ?2";

const WRITE_COMPOSITION: &str = "INSERT INTO composition (channel, composition) VALUES (?1, ?2)
    ON CONFLICT (channel) DO UPDATE SET composition = excluded.composition";

pub(super) const LOOKUP: &str = "SELECT id, size, ts, peaks, bots, composition, owner, bytes
    FROM channel JOIN composition ON composition.channel = channel.no WHERE id = ?1";

/// Channels are numbered in the order of their creation, so the newest has the greatest number.
pub(super) const LIST: &str = "SELECT id, size, ts, peaks, bots, composition
    FROM (SELECT DISTINCT channel AS no FROM membership WHERE principal = ?1 ORDER BY channel DESC LIMIT ?2) AS own
    JOIN channel ON channel.no = own.no JOIN composition ON composition.channel = own.no ORDER BY own.no DESC";

const LIST_ALL: &str = "SELECT id, size, ts, peaks, bots, composition, owner, bytes
    FROM channel JOIN composition ON composition.channel = channel.no ORDER BY bytes DESC, no";

const MEASURE: &str = "SELECT (SELECT coalesce(sum(octet_length(body)), 0) FROM entry WHERE channel = no),
    (SELECT coalesce(sum(octet_length(source) + octet_length(manifest) + octet_length(params)
        + coalesce(octet_length(env), 0)), 0) FROM bot WHERE channel = no),
    (SELECT coalesce(sum(octet_length(state)), 0) FROM bot_state WHERE channel = no),
    (SELECT coalesce(sum(octet_length(record)), 0) FROM exchange WHERE channel = no)
    FROM channel WHERE id = ?1";

pub(super) const STORED_BYTES_OF: &str = "SELECT coalesce(sum(bytes), 0) FROM channel WHERE owner = ?1";

pub(super) const LIST_WITH_HOOKS_DUE: &str =
    "SELECT id FROM channel WHERE hooks_due = 1 UNION SELECT id FROM channel WHERE next_timer IS NOT NULL";

/// A channel's number and the Merkle tree of its log.
pub(super) struct Found {
    pub(super) no: i64,
    pub(super) size: u64,
    peaks: Vec<u8>,
}

impl Found {
    /// Returns `true` if the log has this Merkle tree.
    pub(super) fn is(&self, frontier: &Frontier) -> bool {
        self.size == frontier.size() && self.peaks == peaks_column(frontier)
    }
}

/// The end of a log in the form of its columns.
pub(super) struct HeadColumns {
    tree: TreeHead,
    ts: i64,
    peaks: Vec<u8>,
    bots: String,
    next_timer: Option<i64>,
}

impl HeadColumns {
    pub(super) fn new(head: &Head) -> Self {
        let timers = head.bots.iter().flat_map(|bot| &bot.timers);
        Self {
            tree: head.frontier.tree_head(),
            ts: head.ts.as_millis(),
            peaks: peaks_column(&head.frontier),
            bots: serde_json::to_string(&head.bots).expect("plain JSON"),
            next_timer: timers.map(|timer| timer.due.as_millis()).min(),
        }
    }

    pub(super) fn tree(&self) -> TreeHead {
        self.tree
    }
}

/// The peaks of a Merkle tree in the form of their column.
pub(super) fn peaks_column(frontier: &Frontier) -> Vec<u8> {
    frontier.peaks().iter().flat_map(Hash::as_bytes).copied().collect()
}

/// A composition in the form of its column.
pub(super) fn composition_column(composition: &Composition) -> String {
    serde_json::to_string(composition).expect("a composition is plain JSON")
}

/// Finds a channel's number and the Merkle tree of its log.
pub(super) fn find(connection: &Connection, channel_id: ChannelId) -> Result<Option<Found>, StoreError> {
    let mut statement = connection.prepare_cached(FIND).map_err(failed("find a channel"))?;
    let mut rows = statement.query([channel_id.as_bytes()]).map_err(failed("find a channel"))?;
    let Some(row) = rows.next().map_err(failed("find a channel"))? else { return Ok(None) };
    let row = Row::new("channel", &channel_id, row);
    Ok(Some(Found { no: row.get(0, "no")?, size: row.number(1, "size")?, peaks: row.get(2, "peaks")? }))
}

/// Inserts a channel without entries, and returns its number.
pub(super) fn insert(connection: &Connection, channel_id: ChannelId, owner: &str) -> Result<i64, StoreError> {
    let mut statement = connection.prepare_cached(INSERT).map_err(failed("insert a channel"))?;
    statement.insert(params![channel_id.as_bytes(), owner]).map_err(failed("insert a channel"))
}

/// Moves the end of the log from `base` to `head`, and adds `growth` to the stored bytes.
pub(super) fn move_head(
    connection: &Connection,
    channel: i64,
    base: u64,
    head: &HeadColumns,
    hooks_due: bool,
    growth: i64,
) -> Result<(), StoreError> {
    let TreeHead { size, root } = &head.tree;
    let values = params![
        channel,
        integer(base),
        integer(*size),
        head.ts,
        root.as_bytes(),
        head.peaks,
        head.bots,
        head.next_timer,
        hooks_due,
        growth
    ];
    let mut statement = connection.prepare_cached(MOVE_HEAD).map_err(failed("move a channel's head"))?;
    match statement.execute(values) {
        Ok(1) => Ok(()),
        Ok(changed) => Err(failed("move a channel's head")(rusqlite::Error::StatementChangedRows(changed))),
        Err(error) => Err(failed("move a channel's head")(error)),
    }
}

/// Writes the composition of a channel.
pub(super) fn write_composition(connection: &Connection, channel: i64, composition: &str) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(WRITE_COMPOSITION).map_err(failed("write a composition"))?;
    statement.execute(params![channel, composition]).map_err(failed("write a composition"))?;
    Ok(())
}

/// Looks up a channel.
pub(super) fn lookup(connection: &Connection, channel_id: ChannelId) -> Result<Option<StoredChannel>, StoreError> {
    let mut statement = connection.prepare_cached(LOOKUP).map_err(failed("look up a channel"))?;
    let mut rows = statement.query([channel_id.as_bytes()]).map_err(failed("look up a channel"))?;
    rows.next().map_err(failed("look up a channel"))?.map(read_stored).transpose()
}

/// Lists all channels, the largest first.
pub(super) fn list_all(connection: &Connection) -> Result<Vec<StoredChannel>, StoreError> {
    let mut statement = connection.prepare_cached(LIST_ALL).map_err(failed("list all channels"))?;
    let mut rows = statement.query([]).map_err(failed("list all channels"))?;
    let mut channels = Vec::new();
    while let Some(row) = rows.next().map_err(failed("list all channels"))? {
        channels.push(read_stored(row)?);
    }
    Ok(channels)
}

/// Returns the number of entries of each of these channels; 0 when there is no such channel.
pub(super) fn sizes(connection: &Connection, channel_ids: &[ChannelId]) -> Result<Vec<u64>, StoreError> {
    channel_ids.iter().map(|channel_id| Ok(find(connection, *channel_id)?.map_or(0, |found| found.size))).collect()
}

/// Adds up what is stored for a channel.
pub(super) fn measure(connection: &Connection, channel_id: ChannelId) -> Result<BytesByKind, StoreError> {
    let mut statement = connection.prepare_cached(MEASURE).map_err(failed("measure a channel"))?;
    let mut rows = statement.query([channel_id.as_bytes()]).map_err(failed("measure a channel"))?;
    let Some(row) = rows.next().map_err(failed("measure a channel"))? else { return Ok(BytesByKind::default()) };
    let row = Row::new("channel", &channel_id, row);
    Ok(BytesByKind {
        bodies: row.number(0, "bodies")?,
        bots: row.number(1, "bots")?,
        states: row.number(2, "states")?,
        exchanges: row.number(3, "exchanges")?,
    })
}

/// Sums up the stored bytes of the channels that a principal created.
pub(super) fn stored_bytes_of(connection: &Connection, owner: &str) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached(STORED_BYTES_OF).map_err(failed("sum up stored bytes"))?;
    let mut rows = statement.query([owner]).map_err(failed("sum up stored bytes"))?;
    let Some(row) = rows.next().map_err(failed("sum up stored bytes"))? else { return Ok(0) };
    Row::new("channel", &owner, row).number(0, "bytes")
}

/// Lists the channels that a principal is or was a member of, the newest first.
pub(super) fn list(connection: &Connection, principal: &str, limit: u32) -> Result<Vec<ChannelState>, StoreError> {
    let mut statement = connection.prepare_cached(LIST).map_err(failed("list channels"))?;
    let mut rows = statement.query(params![principal, limit]).map_err(failed("list channels"))?;
    let mut channels = Vec::new();
    while let Some(row) = rows.next().map_err(failed("list channels"))? {
        channels.push(read(row)?);
    }
    Ok(channels)
}

/// Lists the channels with a bot that has a hook to run, now or when its timer fires.
pub(super) fn list_with_hooks_due(connection: &Connection) -> Result<Vec<ChannelId>, StoreError> {
    let mut statement = connection.prepare_cached(LIST_WITH_HOOKS_DUE).map_err(failed("list due bots"))?;
    let mut rows = statement.query([]).map_err(failed("list due bots"))?;
    let mut channels = Vec::new();
    while let Some(row) = rows.next().map_err(failed("list due bots"))? {
        channels.push(ChannelId::from_bytes(Row::new("channel", &"a due one", row).get(0, "id")?));
    }
    Ok(channels)
}

fn read_stored(row: &rusqlite::Row<'_>) -> Result<StoredChannel, StoreError> {
    let state = read(row)?;
    let row = Row::new("channel", &state.composition.channel_id, row);
    let (owner, bytes) = (row.get(6, "owner")?, row.number(7, "bytes")?);
    Ok(StoredChannel { state, owner, bytes })
}

fn read(row: &rusqlite::Row<'_>) -> Result<ChannelState, StoreError> {
    let channel_id = ChannelId::from_bytes(Row::new("channel", &"a looked up one", row).get(0, "id")?);
    let row = Row::new("channel", &channel_id, row);
    let size = row.number(1, "size")?;
    let ts = Timestamp::from_millis(row.get(2, "ts")?);
    let frontier = row.parse(3, "peaks", |peaks: Vec<u8>| {
        let (peaks, []) = peaks.as_chunks() else { return None };
        Frontier::from_parts(size, peaks.iter().copied().map(Hash::from_bytes).collect())
    })?;
    let composition = row.parse(5, "composition", |text: String| serde_json::from_str::<Composition>(&text).ok())?;
    if composition.channel_id != channel_id {
        return Err(row.corrupt("composition"));
    }
    let bots = row.parse(4, "bots", |text: String| {
        let bots = serde_json::from_str::<Vec<BotHead>>(&text).ok()?;
        (bots.len() == composition.bots.len()).then_some(bots)
    })?;
    Ok(ChannelState { head: Head { ts, frontier, bots }, composition: Arc::new(composition) })
}
