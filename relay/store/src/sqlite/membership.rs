use mcp_multiplayer_protocol::{ChannelId, SlotId};
use rusqlite::{Connection, params};

use super::row::{Row, failed, integer, slot_at, slot_column};
use crate::{Membership, StoreError, Tenure};

const INSERT: &str = "INSERT INTO membership (principal, channel, slot, tenure, began) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT DO UPDATE SET ended = NULL";

const END: &str = "UPDATE membership SET ended = ?3 WHERE channel = ?1 AND slot = ?2 AND ended IS NULL";

const LIST_TENURES: &str = "SELECT slot, tenure, began, ended FROM membership
    WHERE principal = ?1 AND channel = (SELECT no FROM channel WHERE id = ?2) AND slot >= 0 ORDER BY slot, tenure";

const LIST: &str = "SELECT principal, slot, tenure, began, ended FROM membership
    WHERE channel = (SELECT no FROM channel WHERE id = ?1) ORDER BY slot, tenure, principal";

/// Inserts a membership in the channel with this number, unless it is stored already.
pub(super) fn insert(connection: &Connection, channel: i64, membership: &Membership) -> Result<(), StoreError> {
    let (slot, tenure, began) = match membership.seat {
        Some(Tenure { slot_id, number, began, .. }) => (slot_column(slot_id), number, began),
        None => (-1, 0, 0),
    };
    let mut statement = connection.prepare_cached(INSERT).map_err(failed("insert a membership"))?;
    statement
        .execute(params![membership.principal, channel, slot, tenure, integer(began)])
        .map_err(failed("insert a membership"))?;
    Ok(())
}

/// Ends the present membership of a slot's holder with this entry.
pub(super) fn end(connection: &Connection, channel: i64, slot_id: SlotId, entry: u64) -> Result<(), StoreError> {
    let mut statement = connection.prepare_cached(END).map_err(failed("end a membership"))?;
    statement.execute(params![channel, slot_column(slot_id), integer(entry)]).map_err(failed("end a membership"))?;
    Ok(())
}

/// Lists the tenures that a principal ever held in a channel, by slot.
pub(super) fn list_tenures(
    connection: &Connection,
    principal: &str,
    channel_id: ChannelId,
) -> Result<Vec<Tenure>, StoreError> {
    let mut statement = connection.prepare_cached(LIST_TENURES).map_err(failed("list tenures"))?;
    let mut rows = statement.query(params![principal, channel_id.as_bytes()]).map_err(failed("list tenures"))?;
    let mut tenures = Vec::new();
    while let Some(row) = rows.next().map_err(failed("list tenures"))? {
        let row = Row::new("membership", &channel_id, row);
        tenures.push(tenure(&row, 0)?);
    }
    Ok(tenures)
}

/// Lists the memberships of a channel, past ones included.
pub(super) fn list(connection: &Connection, channel_id: ChannelId) -> Result<Vec<Membership>, StoreError> {
    let mut statement = connection.prepare_cached(LIST).map_err(failed("list memberships"))?;
    let mut rows = statement.query([channel_id.as_bytes()]).map_err(failed("list memberships"))?;
    let mut memberships = Vec::new();
    while let Some(row) = rows.next().map_err(failed("list memberships"))? {
        let row = Row::new("membership", &channel_id, row);
        let is_creator = row.get::<i64>(1, "slot")? < 0;
        let seat = if is_creator { None } else { Some(tenure(&row, 1)?) };
        memberships.push(Membership { principal: row.get(0, "principal")?, seat });
    }
    Ok(memberships)
}

/// Reads a tenure from the columns that begin at `first`.
fn tenure(row: &Row<'_>, first: usize) -> Result<Tenure, StoreError> {
    Ok(Tenure {
        slot_id: row.parse(first, "slot", slot_at)?,
        number: row.number(first + 1, "tenure")?,
        began: row.number(first + 2, "began")?,
        ended: row.get::<Option<i64>>(first + 3, "ended")?.and_then(|entry| u64::try_from(entry).ok()),
    })
}
