use mcp_multiplayer_protocol::{Hash, Timestamp};
use rusqlite::{Connection, params};

use super::super::row::Row;
use super::{execute, find_one};
use crate::StoreError;
use crate::oauth::Client;

const INSERT: &str = "INSERT INTO oauth_client (id, name, redirect_uris, secret_hash, registered_at, used_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?5)";

const FIND: &str = "SELECT id, name, redirect_uris, secret_hash, registered_at FROM oauth_client WHERE id = ?1";

const USE: &str = "UPDATE oauth_client SET used_at = max(used_at, ?2)
    WHERE id = (SELECT client_id FROM oauth_grant WHERE no = ?1)";

// A code is a grant to be.
pub(in crate::sqlite) const FORGET: &str = "DELETE FROM oauth_client WHERE used_at < ?1
    AND NOT EXISTS (SELECT 1 FROM oauth_grant WHERE client_id = oauth_client.id)
    AND NOT EXISTS (SELECT 1 FROM oauth_code WHERE client_id = oauth_client.id)";

/// Records a client.
pub(super) fn insert(connection: &Connection, client: &Client) -> Result<(), StoreError> {
    let redirect_uris = serde_json::to_string(&client.redirect_uris).expect("texts are plain JSON");
    let secret_hash = client.secret_hash.as_ref().map(Hash::as_bytes);
    let values = params![client.id, client.name, redirect_uris, secret_hash, client.registered_at.as_millis()];
    execute(connection, "insert a client", INSERT, values)?;
    Ok(())
}

/// The client of this id.
pub(super) fn find(connection: &Connection, id: &str) -> Result<Option<Client>, StoreError> {
    find_one(connection, "find a client", FIND, [id], read)
}

/// Notes that the client of the grant with this number got tokens, if it is one that was registered.
pub(super) fn note_use(connection: &Connection, grant_no: i64, now: Timestamp) -> Result<(), StoreError> {
    execute(connection, "note a client's use", USE, params![grant_no, now.as_millis()])?;
    Ok(())
}

/// Forgets the clients that were not used after `unused_since` and are of no use to anybody.
pub(super) fn forget(connection: &Connection, unused_since: Timestamp) -> Result<(), StoreError> {
    execute(connection, "forget clients", FORGET, [unused_since.as_millis()])?;
    Ok(())
}

fn read(row: &rusqlite::Row<'_>) -> Result<Client, StoreError> {
    let id: String = Row::new("oauth_client", &"of a client", row).get(0, "id")?;
    let row = Row::new("oauth_client", &id, row);
    Ok(Client {
        name: row.get(1, "name")?,
        redirect_uris: row.parse(2, "redirect_uris", |text: String| serde_json::from_str(&text).ok())?,
        secret_hash: row.get::<Option<_>>(3, "secret_hash")?.map(Hash::from_bytes),
        registered_at: Timestamp::from_millis(row.get(4, "registered_at")?),
        id: id.clone(),
    })
}
