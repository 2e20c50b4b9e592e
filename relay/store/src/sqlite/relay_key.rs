use mcp_multiplayer_protocol::Hash;
use rusqlite::{Connection, OptionalExtension as _};

use super::row::failed;
use crate::StoreError;

const INSERT: &str = "INSERT OR IGNORE INTO relay_key (no, fingerprint) VALUES (1, ?1)";

const LOOKUP: &str = "SELECT fingerprint FROM relay_key";

/// Stores a fingerprint, unless there is one, and returns the one that is stored.
pub(super) fn bind(connection: &Connection, fingerprint: Hash) -> Result<Hash, StoreError> {
    connection
        .prepare_cached(INSERT)
        .and_then(|mut statement| statement.execute([fingerprint.as_bytes()]))
        .map_err(failed("bind the relay's key"))?;
    Ok(lookup(connection)?.unwrap_or(fingerprint))
}

/// The stored fingerprint.
pub(super) fn lookup(connection: &Connection) -> Result<Option<Hash>, StoreError> {
    let found: Option<[u8; 32]> =
        connection.query_row(LOOKUP, [], |row| row.get(0)).optional().map_err(failed("look up the relay's key"))?;
    Ok(found.map(Hash::from_bytes))
}
