use mcp_multiplayer_protocol::checkpoint::LogIdentity;
use rusqlite::{Connection, params};

use super::row::{Row, failed};
use crate::StoreError;

const INSERT: &str = "INSERT OR IGNORE INTO log (no, origin, key) VALUES (1, ?1, ?2)";

const LOOKUP: &str = "SELECT origin, key FROM log";

/// Stores the log's name and key, unless there is a log, and returns the one that is stored.
pub(super) fn bind(connection: &Connection, identity: &LogIdentity) -> Result<LogIdentity, StoreError> {
    connection
        .execute(INSERT, params![identity.origin.as_str(), identity.key.to_string()])
        .map_err(failed("bind the log"))?;
    Ok(lookup(connection)?.unwrap_or_else(|| identity.clone()))
}

/// The stored log.
pub(super) fn lookup(connection: &Connection) -> Result<Option<LogIdentity>, StoreError> {
    let mut statement = connection.prepare_cached(LOOKUP).map_err(failed("look up the log"))?;
    let mut rows = statement.query([]).map_err(failed("look up the log"))?;
    let Some(row) = rows.next().map_err(failed("look up the log"))? else { return Ok(None) };
    let row = Row::new("log", &"the only one", row);
    Ok(Some(LogIdentity { origin: row.parsed(0, "origin")?, key: row.parsed(1, "key")? }))
}
