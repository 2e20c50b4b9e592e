use mcp_multiplayer_protocol::{ChannelId, Hash};
use rusqlite::{Connection, params};

use super::row::{Row, failed};
use crate::{IdempotencyRecord, StoreError};

const INSERT: &str =
    "INSERT INTO idempotency (scope, key, request_hash, channel_id, outcome) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT DO NOTHING";

const FIND: &str = "SELECT request_hash, channel_id, outcome FROM idempotency WHERE scope = ?1 AND key = ?2";

const LIST_KEYS: &str = "SELECT key, scope FROM idempotency WHERE channel_id = ?1";

/// Inserts a record. Returns `false`, and inserts nothing, if the key was used before.
pub(super) fn insert(connection: &Connection, record: &IdempotencyRecord) -> Result<bool, StoreError> {
    let IdempotencyRecord { scope, key, request_hash, channel_id, outcome } = record;
    let values = params![scope, key, request_hash.as_bytes(), channel_id.as_bytes(), outcome];
    let mut statement = connection.prepare_cached(INSERT).map_err(failed("insert an idempotency record"))?;
    Ok(statement.execute(values).map_err(failed("insert an idempotency record"))? == 1)
}

/// Finds the record of the first request under a key.
pub(super) fn find(connection: &Connection, scope: &str, key: &str) -> Result<Option<IdempotencyRecord>, StoreError> {
    let mut statement = connection.prepare_cached(FIND).map_err(failed("find an idempotency record"))?;
    let mut rows = statement.query([scope, key]).map_err(failed("find an idempotency record"))?;
    let Some(row) = rows.next().map_err(failed("find an idempotency record"))? else { return Ok(None) };
    let row_key = format_args!("{scope}, {key}");
    let row = Row::new("idempotency", &row_key, row);
    Ok(Some(IdempotencyRecord {
        scope: scope.to_owned(),
        key: key.to_owned(),
        request_hash: Hash::from_bytes(row.get(0, "request_hash")?),
        channel_id: ChannelId::from_bytes(row.get(1, "channel_id")?),
        outcome: row.get(2, "outcome")?,
    }))
}

/// Lists key and scope of all records of a channel. Reads the whole table.
pub(super) fn list_keys(connection: &Connection, channel_id: ChannelId) -> Result<Vec<(String, String)>, StoreError> {
    let mut statement = connection.prepare_cached(LIST_KEYS).map_err(failed("list idempotency keys"))?;
    let rows = statement.query_map([channel_id.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)));
    rows.and_then(Iterator::collect).map_err(failed("list idempotency keys"))
}
