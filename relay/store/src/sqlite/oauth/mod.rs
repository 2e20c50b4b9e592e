//! What the authorization server keeps.

pub(super) mod access_code;
pub(super) mod access_token;
pub(super) mod client;
pub(super) mod code;
pub(super) mod grant;
pub(super) mod refresh_token;

use futures::FutureExt;
use futures::future::BoxFuture;
use mcp_multiplayer_protocol::{Hash, Timestamp};
use rusqlite::{Connection, Params};

use super::SqliteStore;
use super::row::failed;
use crate::StoreError;
use crate::oauth::{AccessCode, Client, Code, Grant, NewCode, NewTokens, OAuthStore, RefreshToken, Rotated};

impl OAuthStore for SqliteStore {
    fn insert_client(&self, client: Client) -> BoxFuture<'_, Result<(), StoreError>> {
        self.writer.queue(move |connection| client::insert(connection, &client)).boxed()
    }

    fn find_client(&self, id: String) -> BoxFuture<'_, Result<Option<Client>, StoreError>> {
        async move { self.readers.short(|connection| client::find(connection, &id)) }.boxed()
    }

    fn insert_code(&self, code: NewCode) -> BoxFuture<'_, Result<(), StoreError>> {
        self.writer.queue(move |connection| code::insert(connection, &code)).boxed()
    }

    fn find_code(&self, code_hash: Hash) -> BoxFuture<'_, Result<Option<Code>, StoreError>> {
        async move { self.readers.short(|connection| code::find(connection, code_hash)) }.boxed()
    }

    fn redeem_code(&self, code_hash: Hash, tokens: NewTokens) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.writer.queue(move |connection| code::redeem(connection, code_hash, &tokens)).boxed()
    }

    fn find_refresh_token(&self, token_hash: Hash) -> BoxFuture<'_, Result<Option<RefreshToken>, StoreError>> {
        async move { self.readers.short(|connection| refresh_token::find(connection, token_hash)) }.boxed()
    }

    fn rotate_refresh_token(
        &self,
        token_hash: Hash,
        grace_since: Timestamp,
        tokens: NewTokens,
    ) -> BoxFuture<'_, Result<Rotated, StoreError>> {
        let rotate = move |connection: &Connection| refresh_token::rotate(connection, token_hash, grace_since, &tokens);
        self.writer.queue(rotate).boxed()
    }

    fn insert_access_token(&self, grant: Grant, tokens: NewTokens) -> BoxFuture<'_, Result<(), StoreError>> {
        self.writer.queue(move |connection| grant::extend(connection, &grant, &tokens)).boxed()
    }

    fn find_access_token(&self, token_hash: Hash, now: Timestamp) -> BoxFuture<'_, Result<Option<Grant>, StoreError>> {
        async move { self.readers.short(|connection| access_token::find(connection, token_hash, now)) }.boxed()
    }

    fn revoke_oauth_token(&self, token_hash: Hash, client_id: String) -> BoxFuture<'_, Result<(), StoreError>> {
        let revoke = move |connection: &Connection| {
            access_token::revoke(connection, token_hash, &client_id)?;
            refresh_token::revoke(connection, token_hash, &client_id)
        };
        self.writer.queue(revoke).boxed()
    }

    fn list_grants(&self) -> BoxFuture<'_, Result<Vec<Grant>, StoreError>> {
        self.readers.long(grant::list).boxed()
    }

    fn revoke_grant(&self, id: String) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.writer.queue(move |connection| grant::revoke(connection, &id)).boxed()
    }

    fn insert_access_code(&self, code: AccessCode, code_hash: Hash) -> BoxFuture<'_, Result<(), StoreError>> {
        self.writer.queue(move |connection| access_code::insert(connection, &code, code_hash)).boxed()
    }

    fn find_access_code(&self, code_hash: Hash) -> BoxFuture<'_, Result<Option<AccessCode>, StoreError>> {
        async move { self.readers.short(|connection| access_code::find(connection, code_hash)) }.boxed()
    }

    fn lookup_access_code(&self, id: String) -> BoxFuture<'_, Result<Option<AccessCode>, StoreError>> {
        async move { self.readers.short(|connection| access_code::lookup(connection, &id)) }.boxed()
    }

    fn list_access_codes(&self) -> BoxFuture<'_, Result<Vec<AccessCode>, StoreError>> {
        self.readers.long(access_code::list).boxed()
    }

    fn revoke_access_code(&self, id: String) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.writer.queue(move |connection| access_code::revoke(connection, &id)).boxed()
    }

    fn forget_expired(&self, now: Timestamp, unused_since: Timestamp) -> BoxFuture<'_, Result<(), StoreError>> {
        let forget = move |connection: &Connection| {
            code::forget(connection, now)?;
            access_token::forget(connection, now)?;
            refresh_token::forget(connection, now)?;
            // What was left by these, and by those.
            grant::forget(connection)?;
            client::forget(connection, unused_since)
        };
        self.writer.queue(forget).boxed()
    }
}

/// Changes rows, and returns how many.
fn execute(
    connection: &Connection,
    operation: &'static str,
    sql: &str,
    values: impl Params,
) -> Result<usize, StoreError> {
    connection.prepare_cached(sql).and_then(|mut statement| statement.execute(values)).map_err(failed(operation))
}

/// The first row, if there is one.
fn find_one<T>(
    connection: &Connection,
    operation: &'static str,
    sql: &str,
    values: impl Params,
    read: impl FnOnce(&rusqlite::Row<'_>) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(failed(operation))?;
    let mut rows = statement.query(values).map_err(failed(operation))?;
    rows.next().map_err(failed(operation))?.map(read).transpose()
}

/// All rows.
fn list_all<T>(
    connection: &Connection,
    operation: &'static str,
    sql: &str,
    read: impl Fn(&rusqlite::Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare_cached(sql).map_err(failed(operation))?;
    let mut rows = statement.query([]).map_err(failed(operation))?;
    let mut all = Vec::new();
    while let Some(row) = rows.next().map_err(failed(operation))? {
        all.push(read(row)?);
    }
    Ok(all)
}
