//! The authorization server's tables: one module for each, and `issue` for the transactions that touch several of them.

pub(super) mod access_code;
pub(super) mod access_token;
pub(super) mod authorization_code;
pub(super) mod client;
pub(super) mod device_code;
pub(super) mod grant;
mod issue;
mod query;
pub(super) mod refresh_token;

use futures::FutureExt;
use futures::future::BoxFuture;
use mcp_multiplayer_protocol::{Hash, Timestamp};
use rusqlite::Connection;

use super::SqliteStore;
use crate::StoreError;
use crate::oauth::{
    AccessCode, AuthorizationCode, DeviceCode, Grant, NewAuthorizationCode, NewDeviceCode, NewTokens, OAuthStore,
    RedemptionOutcome, RefreshToken, RegisteredClient, RotationOutcome,
};

impl OAuthStore for SqliteStore {
    fn insert_client(&self, client: RegisteredClient) -> BoxFuture<'_, Result<(), StoreError>> {
        self.writer.queue(move |connection| client::insert(connection, &client)).boxed()
    }

    fn lookup_client(&self, id: String) -> BoxFuture<'_, Result<Option<RegisteredClient>, StoreError>> {
        async move { self.readers.short(|connection| client::lookup(connection, &id)) }.boxed()
    }

    fn insert_authorization_code(&self, code: NewAuthorizationCode) -> BoxFuture<'_, Result<(), StoreError>> {
        self.writer.queue(move |connection| authorization_code::insert(connection, &code)).boxed()
    }

    fn find_authorization_code(&self, code_hash: Hash) -> BoxFuture<'_, Result<Option<AuthorizationCode>, StoreError>> {
        async move { self.readers.short(|connection| authorization_code::find(connection, code_hash)) }.boxed()
    }

    fn redeem_authorization_code(
        &self,
        code_hash: Hash,
        tokens: NewTokens,
    ) -> BoxFuture<'_, Result<RedemptionOutcome, StoreError>> {
        let redeem = move |connection: &Connection| issue::redeem_authorization_code(connection, code_hash, &tokens);
        self.writer.queue(redeem).boxed()
    }

    fn insert_device_code(&self, code: NewDeviceCode) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.writer.queue(move |connection| device_code::insert(connection, &code)).boxed()
    }

    fn find_device_code(&self, device_code_hash: Hash) -> BoxFuture<'_, Result<Option<DeviceCode>, StoreError>> {
        async move { self.readers.short(|connection| device_code::find(connection, device_code_hash)) }.boxed()
    }

    fn find_pending_device_code(
        &self,
        user_code_hash: Hash,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Option<DeviceCode>, StoreError>> {
        async move { self.readers.short(|connection| device_code::find_pending(connection, user_code_hash, now)) }
            .boxed()
    }

    fn decide_device_code(
        &self,
        user_code_hash: Hash,
        principal: Option<String>,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<bool, StoreError>> {
        let decide =
            move |connection: &Connection| device_code::decide(connection, user_code_hash, principal.as_deref(), now);
        self.writer.queue(decide).boxed()
    }

    fn redeem_device_code(
        &self,
        device_code_hash: Hash,
        tokens: NewTokens,
    ) -> BoxFuture<'_, Result<RedemptionOutcome, StoreError>> {
        let redeem = move |connection: &Connection| issue::redeem_device_code(connection, device_code_hash, &tokens);
        self.writer.queue(redeem).boxed()
    }

    fn find_refresh_token(&self, token_hash: Hash) -> BoxFuture<'_, Result<Option<RefreshToken>, StoreError>> {
        async move { self.readers.short(|connection| refresh_token::find(connection, token_hash)) }.boxed()
    }

    fn rotate_refresh_token(
        &self,
        token_hash: Hash,
        grace_since: Timestamp,
        tokens: NewTokens,
    ) -> BoxFuture<'_, Result<RotationOutcome, StoreError>> {
        let rotate =
            move |connection: &Connection| issue::rotate_refresh_token(connection, token_hash, grace_since, &tokens);
        self.writer.queue(rotate).boxed()
    }

    fn insert_access_token(&self, grant: Grant, tokens: NewTokens) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.writer.queue(move |connection| issue::insert_tokens_of_grant(connection, &grant, &tokens)).boxed()
    }

    fn find_access_token(
        &self,
        token_hash: Hash,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Option<(Grant, Timestamp)>, StoreError>> {
        async move { self.readers.short(|connection| access_token::find(connection, token_hash, now)) }.boxed()
    }

    fn revoke_oauth_token(&self, token_hash: Hash, client_id: String) -> BoxFuture<'_, Result<(), StoreError>> {
        let revoke = move |connection: &Connection| {
            access_token::revoke(connection, token_hash, &client_id)?;
            refresh_token::revoke(connection, token_hash, &client_id)
        };
        self.writer.queue(revoke).boxed()
    }

    fn lookup_grant(&self, id: String) -> BoxFuture<'_, Result<Option<Grant>, StoreError>> {
        async move { self.readers.short(|connection| grant::lookup(connection, &id)) }.boxed()
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

    fn delete_expired(&self, now: Timestamp, unused_since: Timestamp) -> BoxFuture<'_, Result<(), StoreError>> {
        let delete = move |connection: &Connection| {
            authorization_code::delete_expired(connection, now)?;
            device_code::delete_expired(connection, now)?;
            access_token::delete_expired(connection, now)?;
            refresh_token::delete_expired(connection, now)?;
            // In this order: deleting tokens leaves grants without any, and deleting those leaves clients without any.
            grant::delete_without_tokens(connection)?;
            client::delete_unused(connection, unused_since)
        };
        self.writer.queue(delete).boxed()
    }
}
