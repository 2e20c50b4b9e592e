use mcp_multiplayer_protocol::{ChannelId, Salt};
use rusqlite::{Connection, params};

use super::row::{Row, failed, integer};
use crate::{Exchange, StoreError};

const INSERT: &str = "INSERT INTO exchange (channel, trigger_entry, bot_id, step, record, salt)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

const LIST: &str = "SELECT trigger_entry, bot_id, step, record, salt FROM exchange
    WHERE channel = (SELECT no FROM channel WHERE id = ?1) ORDER BY trigger_entry, bot_id, step";

/// Inserts the network traffic of a hook.
pub(super) fn insert(connection: &Connection, channel: i64, exchange: &Exchange) -> Result<(), StoreError> {
    let Exchange { bot_id, trigger, step, salt, record } = exchange;
    let mut statement = connection.prepare_cached(INSERT).map_err(failed("insert an exchange"))?;
    let values = params![channel, integer(*trigger), bot_id.as_str(), step, record, salt.0];
    statement.execute(values).map_err(failed("insert an exchange"))?;
    Ok(())
}

/// Lists the network traffic of a channel's bots.
pub(super) fn list(connection: &Connection, channel_id: ChannelId) -> Result<Vec<Exchange>, StoreError> {
    let mut statement = connection.prepare_cached(LIST).map_err(failed("list exchanges"))?;
    let mut rows = statement.query([channel_id.as_bytes()]).map_err(failed("list exchanges"))?;
    let mut exchanges = Vec::new();
    while let Some(row) = rows.next().map_err(failed("list exchanges"))? {
        let row = Row::new("exchange", &channel_id, row);
        exchanges.push(Exchange {
            trigger: row.number(0, "trigger_entry")?,
            bot_id: row.parsed(1, "bot_id")?,
            step: row.number(2, "step")?,
            record: row.get(3, "record")?,
            salt: Salt(row.get(4, "salt")?),
        });
    }
    Ok(exchanges)
}
