use mcp_multiplayer_protocol::{Hash, Timestamp};
use rusqlite::{Connection, params};

use super::super::row::Row;
use super::query::{execute, find_one};
use crate::StoreError;
use crate::oauth::RegisteredClient;

const INSERT: &str = "INSERT INTO oauth_client (id, name, redirect_uris, secret_hash, registered_at, used_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?5)";

const LOOKUP: &str = "SELECT id, name, redirect_uris, secret_hash, registered_at FROM oauth_client WHERE id = ?1";

const RECORD_USE: &str = "UPDATE oauth_client SET used_at = max(used_at, ?2)
    WHERE id = (SELECT client_id FROM oauth_grant WHERE no = ?1)";

// A client with an authorization code or a device code is kept: redeeming the code will create a grant.
pub(in crate::sqlite) const DELETE_UNUSED: &str = "DELETE FROM oauth_client WHERE used_at < ?1
    AND NOT EXISTS (SELECT 1 FROM oauth_grant WHERE client_id = oauth_client.id)
    AND NOT EXISTS (SELECT 1 FROM oauth_code WHERE client_id = oauth_client.id)
    AND NOT EXISTS (SELECT 1 FROM oauth_device_code WHERE client_id = oauth_client.id)";

/// Inserts a client.
pub(super) fn insert(connection: &Connection, client: &RegisteredClient) -> Result<(), StoreError> {
    let redirect_uris = serde_json::to_string(&client.redirect_uris).expect("a list of strings is valid JSON");
    let secret_hash = client.secret_hash.as_ref().map(Hash::as_bytes);
    let values = params![client.id, client.name, redirect_uris, secret_hash, client.registered_at.as_millis()];
    execute(connection, "insert a client", INSERT, values)?;
    Ok(())
}

/// Returns the client with this id.
pub(super) fn lookup(connection: &Connection, id: &str) -> Result<Option<RegisteredClient>, StoreError> {
    find_one(connection, "look up a client", LOOKUP, [id], read)
}

/// Records that the client of the grant with this row number got tokens. Does nothing for a client that is not
/// registered.
pub(super) fn record_use(connection: &Connection, grant_no: i64, now: Timestamp) -> Result<(), StoreError> {
    execute(connection, "record a client's use", RECORD_USE, params![grant_no, now.as_millis()])?;
    Ok(())
}

/// Deletes the clients that have neither a grant nor a code and were last used before `unused_since`.
pub(super) fn delete_unused(connection: &Connection, unused_since: Timestamp) -> Result<(), StoreError> {
    execute(connection, "delete clients", DELETE_UNUSED, [unused_since.as_millis()])?;
    Ok(())
}

fn read(row: &rusqlite::Row<'_>) -> Result<RegisteredClient, StoreError> {
    let id: String = Row::new("oauth_client", &"with an unreadable id", row).get(0, "id")?;
    let row = Row::new("oauth_client", &id, row);
    Ok(RegisteredClient {
        name: row.get(1, "name")?,
        redirect_uris: row.parse(2, "redirect_uris", |text: String| serde_json::from_str(&text).ok())?,
        secret_hash: row.get::<Option<_>>(3, "secret_hash")?.map(Hash::from_bytes),
        registered_at: Timestamp::from_millis(row.get(4, "registered_at")?),
        id: id.clone(),
    })
}
