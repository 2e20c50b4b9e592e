use mcp_multiplayer_protocol::{ChannelId, SlotId};
use rusqlite::{Connection, params};

use super::row::{Row, failed, slot_at, slot_column};
use crate::{Membership, StoreError};

const INSERT: &str =
    "INSERT INTO membership (principal, channel, slot, tenure) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";

const LIST_TENURES: &str = "SELECT slot, tenure FROM membership
    WHERE principal = ?1 AND channel = (SELECT no FROM channel WHERE id = ?2) AND slot >= 0 ORDER BY slot, tenure";

/// Inserts a membership in the channel with this number, unless it is stored already.
pub(super) fn insert(connection: &Connection, channel: i64, membership: &Membership) -> Result<(), StoreError> {
    let (slot, tenure) = match membership.seat {
        Some((slot_id, tenure)) => (slot_column(slot_id), tenure),
        None => (-1, 0),
    };
    let mut statement = connection.prepare_cached(INSERT).map_err(failed("insert a membership"))?;
    statement.execute(params![membership.principal, channel, slot, tenure]).map_err(failed("insert a membership"))?;
    Ok(())
}

/// Lists the tenures that a principal ever held in a channel, by slot.
pub(super) fn list_tenures(
    connection: &Connection,
    principal: &str,
    channel_id: ChannelId,
) -> Result<Vec<(SlotId, u32)>, StoreError> {
    let mut statement = connection.prepare_cached(LIST_TENURES).map_err(failed("list tenures"))?;
    let mut rows = statement.query(params![principal, channel_id.as_bytes()]).map_err(failed("list tenures"))?;
    let mut tenures = Vec::new();
    while let Some(row) = rows.next().map_err(failed("list tenures"))? {
        let row = Row::new("membership", &channel_id, row);
        tenures.push((row.parse(0, "slot", slot_at)?, row.number(1, "tenure")?));
    }
    Ok(tenures)
}
