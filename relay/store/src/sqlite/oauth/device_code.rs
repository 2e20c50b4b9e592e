use mcp_multiplayer_protocol::{Hash, Timestamp};
use rusqlite::{Connection, params};

use super::super::row::Row;
use super::query::{execute, find_one};
use crate::StoreError;
use crate::oauth::{DeviceCode, DeviceCodeState, NewDeviceCode};

/// Values of the column `ended`.
const OPEN: i64 = 0;
const DENIED: i64 = 1;
const REDEEMED: i64 = 2;

const INSERT: &str =
    "INSERT INTO oauth_device_code (device_code_hash, user_code_hash, grant_id, client_id, client_name,
    scope, resource, created_at, expires_at, principal, ended) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, NULL, 0)
    ON CONFLICT (user_code_hash) DO NOTHING";

pub(in crate::sqlite) const FIND: &str =
    "SELECT grant_id, client_id, client_name, scope, resource, created_at, expires_at, principal, ended
    FROM oauth_device_code WHERE device_code_hash = ?1";

pub(in crate::sqlite) const FIND_BY_USER_CODE: &str =
    "SELECT grant_id, client_id, client_name, scope, resource, created_at, expires_at, principal, ended
    FROM oauth_device_code WHERE user_code_hash = ?1 AND principal IS NULL AND ended = 0 AND expires_at > ?2";

const DECIDE: &str = "UPDATE oauth_device_code SET principal = ?3, ended = ?4
    WHERE user_code_hash = ?1 AND principal IS NULL AND ended = 0 AND expires_at > ?2";

const MARK_REDEEMED: &str = "UPDATE oauth_device_code SET ended = 2 WHERE device_code_hash = ?1";

pub(in crate::sqlite) const DELETE_EXPIRED: &str = "DELETE FROM oauth_device_code WHERE expires_at < ?1";

/// Inserts a pending request. Returns `false` and inserts nothing if its user code is in use.
pub(super) fn insert(connection: &Connection, new: &NewDeviceCode) -> Result<bool, StoreError> {
    let NewDeviceCode { device_code_hash, user_code_hash, code } = new;
    let values = params![
        device_code_hash.as_bytes(),
        user_code_hash.as_bytes(),
        code.grant_id,
        code.client_id,
        code.client_name,
        code.scope,
        code.resource,
        code.created_at.as_millis(),
        code.expires_at.as_millis(),
    ];
    Ok(execute(connection, "insert a device code", INSERT, values)? == 1)
}

/// Returns a request by the hash of its device code.
pub(super) fn find(connection: &Connection, device_code_hash: Hash) -> Result<Option<DeviceCode>, StoreError> {
    find_one(connection, "find a device code", FIND, [device_code_hash.as_bytes()], read)
}

/// Returns the request with this user code that is pending at `now`.
pub(super) fn find_pending(
    connection: &Connection,
    user_code_hash: Hash,
    now: Timestamp,
) -> Result<Option<DeviceCode>, StoreError> {
    let values = params![user_code_hash.as_bytes(), now.as_millis()];
    find_one(connection, "find a user code", FIND_BY_USER_CODE, values, read)
}

/// Records a decision; `principal` is `None` if access was denied. Returns `false` if no request is pending.
pub(super) fn decide(
    connection: &Connection,
    user_code_hash: Hash,
    principal: Option<&str>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let ended = if principal.is_some() { OPEN } else { DENIED };
    let values = params![user_code_hash.as_bytes(), now.as_millis(), principal, ended];
    Ok(execute(connection, "decide on a device code", DECIDE, values)? == 1)
}

/// Marks a request as redeemed. The row stays, so that a second redemption is recognized.
pub(super) fn mark_redeemed(connection: &Connection, device_code_hash: Hash) -> Result<(), StoreError> {
    execute(connection, "redeem a device code", MARK_REDEEMED, [device_code_hash.as_bytes()])?;
    Ok(())
}

/// Deletes the requests that expired before `now`.
pub(super) fn delete_expired(connection: &Connection, now: Timestamp) -> Result<(), StoreError> {
    execute(connection, "delete device codes", DELETE_EXPIRED, [now.as_millis()])?;
    Ok(())
}

fn read(row: &rusqlite::Row<'_>) -> Result<DeviceCode, StoreError> {
    let grant_id: String = Row::new("oauth_device_code", &"with an unreadable grant id", row).get(0, "grant_id")?;
    let row = Row::new("oauth_device_code", &grant_id, row);
    let state = match (row.get::<Option<String>>(7, "principal")?, row.get::<i64>(8, "ended")?) {
        (None, OPEN) => DeviceCodeState::Pending,
        (Some(principal), OPEN) => DeviceCodeState::Approved(principal),
        (None, DENIED) => DeviceCodeState::Denied,
        (Some(principal), REDEEMED) => DeviceCodeState::Redeemed(principal),
        _ => return Err(row.corrupt("ended")),
    };
    Ok(DeviceCode {
        client_id: row.get(1, "client_id")?,
        client_name: row.get(2, "client_name")?,
        scope: row.get(3, "scope")?,
        resource: row.get(4, "resource")?,
        created_at: Timestamp::from_millis(row.get(5, "created_at")?),
        expires_at: Timestamp::from_millis(row.get(6, "expires_at")?),
        state,
        grant_id: grant_id.clone(),
    })
}
