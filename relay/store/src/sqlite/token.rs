use mcp_multiplayer_protocol::{Hash, Timestamp};
use rusqlite::{Connection, params};

use super::row::{Row, failed};
use crate::{NewToken, StoreError, Token};

const INSERT: &str = "INSERT INTO token (id, token_hash, name, created_at, revoked) VALUES (?1, ?2, ?3, ?4, 0)";

const FIND: &str = "SELECT id, name, created_at FROM token WHERE token_hash = ?1 AND revoked = 0";

const LIST: &str = "SELECT id, name, created_at FROM token WHERE revoked = 0 ORDER BY created_at, no";

const REVOKE: &str = "UPDATE token SET revoked = 1 WHERE id = ?1 AND revoked = 0";

/// Records a token.
pub(super) fn insert(connection: &Connection, token: &NewToken) -> Result<(), StoreError> {
    let values = params![token.id, token.token_hash.as_bytes(), token.name, token.created_at.as_millis()];
    connection
        .prepare_cached(INSERT)
        .and_then(|mut statement| statement.execute(values))
        .map_err(failed("insert a token"))?;
    Ok(())
}

/// The token with this hash, unless it was revoked.
pub(super) fn find(connection: &Connection, token_hash: Hash) -> Result<Option<Token>, StoreError> {
    let mut statement = connection.prepare_cached(FIND).map_err(failed("find a token"))?;
    let mut rows = statement.query([token_hash.as_bytes()]).map_err(failed("find a token"))?;
    rows.next().map_err(failed("find a token"))?.map(read).transpose()
}

/// The tokens that were not revoked, the oldest first.
pub(super) fn list(connection: &Connection) -> Result<Vec<Token>, StoreError> {
    let mut statement = connection.prepare_cached(LIST).map_err(failed("list tokens"))?;
    let mut rows = statement.query([]).map_err(failed("list tokens"))?;
    let mut tokens = Vec::new();
    while let Some(row) = rows.next().map_err(failed("list tokens"))? {
        tokens.push(read(row)?);
    }
    Ok(tokens)
}

/// Revokes a token; `false` when there is none.
pub(super) fn revoke(connection: &Connection, id: &str) -> Result<bool, StoreError> {
    let revoked = connection.prepare_cached(REVOKE).and_then(|mut statement| statement.execute([id]));
    Ok(revoked.map_err(failed("revoke a token"))? == 1)
}

fn read(row: &rusqlite::Row<'_>) -> Result<Token, StoreError> {
    let id: String = Row::new("token", &"a valid one", row).get(0, "id")?;
    let row = Row::new("token", &id, row);
    let (name, created_at) = (row.get(1, "name")?, Timestamp::from_millis(row.get(2, "created_at")?));
    Ok(Token { name, created_at, id: id.clone() })
}
