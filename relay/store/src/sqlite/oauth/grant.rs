use mcp_multiplayer_protocol::Timestamp;
use rusqlite::{Connection, params};

use super::super::row::Row;
use super::query::{execute, find_one, list_all};
use crate::StoreError;
use crate::oauth::{Grant, client_principal};

const INSERT: &str =
    "INSERT INTO oauth_grant (id, principal, client_id, client_name, scope, resource, created_at, revoked)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0)";

/// Matches principal and client as well, so that no token is added to another party's grant.
const FIND_NO: &str = "SELECT no FROM oauth_grant WHERE id = ?1 AND principal = ?2 AND client_id = ?3";

const LIST: &str = "SELECT id, principal, client_id, client_name, scope, resource, created_at FROM oauth_grant
    WHERE revoked = 0 ORDER BY created_at DESC, no DESC";

const LOOKUP: &str = "SELECT id, principal, client_id, client_name, scope, resource, created_at FROM oauth_grant
    WHERE id = ?1 AND revoked = 0";

const REVOKE: &str = "UPDATE oauth_grant SET revoked = 1 WHERE id = ?1 AND revoked = 0 RETURNING principal, client_id";

pub(in crate::sqlite) const REVOKE_OF_PRINCIPAL: &str =
    "UPDATE oauth_grant SET revoked = 1 WHERE principal = ?1 AND revoked = 0";

/// The `+` rules out the index on `client_id`, because a client can have grants for many people.
pub(in crate::sqlite) const FIND_REVOKED: &str =
    "SELECT 1 FROM oauth_grant WHERE principal = ?1 AND +client_id = ?2 AND revoked = 1 LIMIT 1";

/// Keeps the revoked grants of clients that act for themselves, whose principal is [`client_principal`]. Such a client
/// could otherwise get a new grant, as its secret is still valid.
const DELETE_WITHOUT_TOKENS: &str = "DELETE FROM oauth_grant
    WHERE NOT (revoked = 1 AND principal = 'client:' || client_id)
    AND NOT EXISTS (SELECT 1 FROM oauth_access_token WHERE grant_no = no)
    AND NOT EXISTS (SELECT 1 FROM oauth_refresh_token WHERE grant_no = no)";

/// Inserts a grant and returns its row number.
pub(super) fn insert(connection: &Connection, grant: &Grant) -> Result<i64, StoreError> {
    let Grant { id, principal, client_id, client_name, scope, resource, created_at } = grant;
    let values = params![id, principal, client_id, client_name, scope, resource, created_at.as_millis()];
    execute(connection, "insert a grant", INSERT, values)?;
    Ok(connection.last_insert_rowid())
}

/// Returns the row number of the grant with the same id, principal and client.
pub(super) fn find_no(connection: &Connection, grant: &Grant) -> Result<Option<i64>, StoreError> {
    let key = [&grant.id, &grant.principal, &grant.client_id];
    let read = |row: &rusqlite::Row<'_>| Row::new("oauth_grant", &grant.id, row).get(0, "no");
    find_one(connection, "find a grant", FIND_NO, key, read)
}

/// Returns the grant with this id, unless it is revoked.
pub(super) fn lookup(connection: &Connection, id: &str) -> Result<Option<Grant>, StoreError> {
    find_one(connection, "look up a grant", LOOKUP, [id], |row| read("oauth_grant", row))
}

/// Returns the grants that are not revoked, newest first.
pub(super) fn list(connection: &Connection) -> Result<Vec<Grant>, StoreError> {
    list_all(connection, "list grants", LIST, |row| read("oauth_grant", row))
}

/// Revokes a grant, and all others of the same principal if that is the client itself. Returns `false` if no active
/// grant has this id.
pub(super) fn revoke(connection: &Connection, id: &str) -> Result<bool, StoreError> {
    let read = |row: &rusqlite::Row<'_>| {
        let row = Row::new("oauth_grant", &id, row);
        Ok((row.get::<String>(0, "principal")?, row.get::<String>(1, "client_id")?))
    };
    let Some((principal, client_id)) = find_one(connection, "revoke a grant", REVOKE, [id], read)? else {
        return Ok(false);
    };
    if principal == client_principal(&client_id) {
        revoke_of_principal(connection, &principal)?;
    }
    Ok(true)
}

/// Returns whether a grant of the same principal and client was revoked.
pub(super) fn has_revoked(connection: &Connection, grant: &Grant) -> Result<bool, StoreError> {
    let key = [&grant.principal, &grant.client_id];
    Ok(find_one(connection, "find a revoked grant", FIND_REVOKED, key, |_| Ok(()))?.is_some())
}

/// Revokes all grants of a principal.
pub(super) fn revoke_of_principal(connection: &Connection, principal: &str) -> Result<(), StoreError> {
    execute(connection, "revoke a principal's grants", REVOKE_OF_PRINCIPAL, [principal])?;
    Ok(())
}

/// Deletes the grants that have no tokens left.
pub(super) fn delete_without_tokens(connection: &Connection) -> Result<(), StoreError> {
    execute(connection, "delete grants", DELETE_WITHOUT_TOKENS, [])?;
    Ok(())
}

/// Reads a grant from the first seven columns of a row; `table` is named in the error if the row is corrupt.
pub(super) fn read(table: &'static str, row: &rusqlite::Row<'_>) -> Result<Grant, StoreError> {
    let id: String = Row::new(table, &"with an unreadable grant id", row).get(0, "id")?;
    let row = Row::new(table, &id, row);
    Ok(Grant {
        principal: row.get(1, "principal")?,
        client_id: row.get(2, "client_id")?,
        client_name: row.get(3, "client_name")?,
        scope: row.get(4, "scope")?,
        resource: row.get(5, "resource")?,
        created_at: Timestamp::from_millis(row.get(6, "created_at")?),
        id: id.clone(),
    })
}
