use mcp_multiplayer_protocol::merkle::Node;
use mcp_multiplayer_protocol::{ChannelId, Hash};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::channel;
use super::row::failed;
use crate::StoreError;

pub(super) const LOOKUP: &str = "SELECT nodes FROM entry WHERE channel = ?1 AND id = ?2";

/// The hashes that an entry completes, in the form of their column.
pub(super) fn column(nodes: &[Hash]) -> Vec<u8> {
    nodes.iter().flat_map(Hash::as_bytes).copied().collect()
}

/// Lists hashes of a channel's Merkle tree; `None` if one of them is not in it, or there is no such channel.
pub(super) fn list(
    connection: &Connection,
    channel_id: ChannelId,
    nodes: &[Node],
) -> Result<Option<Vec<Hash>>, StoreError> {
    let Some(channel::Found { no: channel, .. }) = channel::find(connection, channel_id)? else { return Ok(None) };
    let mut statement = connection.prepare_cached(LOOKUP).map_err(failed("look up a node"))?;
    let mut hashes = Vec::with_capacity(nodes.len());
    for node in nodes {
        // No entry has an id that is larger than any that can be stored.
        let Ok(id) = i64::try_from(node.completed_by()) else { return Ok(None) };
        let column: Option<Vec<u8>> =
            statement.query_row(params![channel, id], |row| row.get(0)).optional().map_err(failed("look up a node"))?;
        let Some(column) = column else { return Ok(None) };
        let hash = column.as_chunks().0.get(usize::from(node.level()));
        hashes.push(Hash::from_bytes(*hash.ok_or_else(|| StoreError::Corrupt {
            table: "entry",
            column: "nodes",
            row: format!("{channel_id}, {id}"),
        })?));
    }
    Ok(Some(hashes))
}
