use mcp_multiplayer_protocol::ChannelId;
use rusqlite::{Connection, params};

use super::channel;
use super::row::failed;
use crate::StoreError;

const DELETE_RECORD: &str = "DELETE FROM idempotency WHERE key = ?1 AND scope = ?2";

/// The tables with rows of a channel, each before those that it refers to.
const DELETE: [&str; 8] = [
    "DELETE FROM exchange WHERE channel = ?1",
    "DELETE FROM bot_state WHERE channel = ?1",
    "DELETE FROM bot_cursor WHERE channel = ?1",
    "DELETE FROM bot WHERE channel = ?1",
    "DELETE FROM membership WHERE channel = ?1",
    "DELETE FROM entry WHERE channel = ?1",
    "DELETE FROM composition WHERE channel = ?1",
    "DELETE FROM channel WHERE no = ?1",
];

/// Deletes all rows of a channel, and its idempotency records, given by key and scope. Returns `false` if there is no such
/// channel.
pub(super) fn channel(
    connection: &Connection,
    channel_id: ChannelId,
    records: &[(String, String)],
) -> Result<bool, StoreError> {
    let Some(channel::Found { no: channel, .. }) = channel::find(connection, channel_id)? else { return Ok(false) };
    for (key, scope) in records {
        let mut statement = connection.prepare_cached(DELETE_RECORD).map_err(failed("delete a channel"))?;
        statement.execute(params![key, scope]).map_err(failed("delete a channel"))?;
    }
    for sql in DELETE {
        connection.execute(sql, [channel]).map_err(failed("delete a channel"))?;
    }
    Ok(true)
}
