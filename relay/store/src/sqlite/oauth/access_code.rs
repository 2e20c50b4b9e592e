use mcp_multiplayer_protocol::{Hash, Timestamp};
use rusqlite::{Connection, params};

use super::super::row::Row;
use super::grant;
use super::query::{execute, find_one, list_all};
use crate::StoreError;
use crate::oauth::AccessCode;

const INSERT: &str = "INSERT INTO access_code (id, code_hash, name, principal, created_at, revoked)
    VALUES (?1, ?2, ?3, ?4, ?5, 0)";

const FIND: &str = "SELECT id, name, created_at, principal FROM access_code WHERE code_hash = ?1 AND revoked = 0";

const LOOKUP: &str = "SELECT id, name, created_at, principal FROM access_code WHERE id = ?1 AND revoked = 0";

const LIST: &str = "SELECT id, name, created_at, principal FROM access_code WHERE revoked = 0 ORDER BY created_at, no";

const REVOKE: &str = "UPDATE access_code SET revoked = 1 WHERE id = ?1 AND revoked = 0 RETURNING principal";

const FIND_REVOKED: &str = "SELECT no FROM access_code WHERE principal = ?1 AND revoked = 1";

/// Inserts an access code.
pub(super) fn insert(connection: &Connection, code: &AccessCode, code_hash: Hash) -> Result<(), StoreError> {
    let values = params![code.id, code_hash.as_bytes(), code.name, code.principal, code.created_at.as_millis()];
    execute(connection, "insert an access code", INSERT, values)?;
    Ok(())
}

/// Returns the access code with this hash, unless it is revoked.
pub(super) fn find(connection: &Connection, code_hash: Hash) -> Result<Option<AccessCode>, StoreError> {
    find_one(connection, "find an access code", FIND, [code_hash.as_bytes()], read)
}

/// Returns the access code with this id, unless it is revoked.
pub(super) fn lookup(connection: &Connection, id: &str) -> Result<Option<AccessCode>, StoreError> {
    find_one(connection, "look up an access code", LOOKUP, [id], read)
}

/// Returns the access codes that are not revoked, oldest first.
pub(super) fn list(connection: &Connection) -> Result<Vec<AccessCode>, StoreError> {
    list_all(connection, "list access codes", LIST, read)
}

/// Revokes an access code and all grants of its principal. Returns `false` if no active code has this id.
pub(super) fn revoke(connection: &Connection, id: &str) -> Result<bool, StoreError> {
    let read = |row: &rusqlite::Row<'_>| Row::new("access_code", &id, row).get::<String>(0, "principal");
    let Some(principal) = find_one(connection, "revoke an access code", REVOKE, [id], read)? else { return Ok(false) };
    grant::revoke_of_principal(connection, &principal)?;
    Ok(true)
}

/// Returns whether the principal's access code is revoked.
pub(super) fn is_revoked(connection: &Connection, principal: &str) -> Result<bool, StoreError> {
    Ok(find_one(connection, "find a revoked access code", FIND_REVOKED, [principal], |_| Ok(()))?.is_some())
}

fn read(row: &rusqlite::Row<'_>) -> Result<AccessCode, StoreError> {
    let id: String = Row::new("access_code", &"with an unreadable id", row).get(0, "id")?;
    let row = Row::new("access_code", &id, row);
    let (name, created_at) = (row.get(1, "name")?, Timestamp::from_millis(row.get(2, "created_at")?));
    Ok(AccessCode { name, created_at, principal: row.get(3, "principal")?, id: id.clone() })
}
