//! What the authorization server keeps. Codes, tokens and secrets are kept as hashes alone.

use futures::future::BoxFuture;
use mcp_multiplayer_protocol::{Hash, Timestamp};

use crate::StoreError;

/// The part of a store that the authorization server uses; each method is one transaction.
pub trait OAuthStore: Send + Sync + 'static {
    /// Records a registered client.
    fn insert_client(&self, client: Client) -> BoxFuture<'_, Result<(), StoreError>>;

    /// A registered client.
    fn find_client(&self, id: String) -> BoxFuture<'_, Result<Option<Client>, StoreError>>;

    /// Records an authorization code.
    fn insert_code(&self, code: NewCode) -> BoxFuture<'_, Result<(), StoreError>>;

    /// What a code stands for, redeemed or not; `None` when there is none, or it was forgotten long after its end.
    fn find_code(&self, code_hash: Hash) -> BoxFuture<'_, Result<Option<Code>, StoreError>>;

    /// Redeems a code: makes its grant, and the tokens. `false` when it was redeemed before; its grant is revoked then.
    fn redeem_code(&self, code_hash: Hash, tokens: NewTokens) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// What a refresh token stands for, even when its grant was revoked or it was replaced.
    fn find_refresh_token(&self, token_hash: Hash) -> BoxFuture<'_, Result<Option<RefreshToken>, StoreError>>;

    /// Replaces a refresh token by new tokens.
    ///
    /// One that was replaced before `grace_since`, or whose replacement was replaced in turn, is a stolen one: its
    /// grant is revoked. Another one that was replaced is another refresh of the same client under way, and gets
    /// tokens of its own.
    fn rotate_refresh_token(
        &self,
        token_hash: Hash,
        grace_since: Timestamp,
        tokens: NewTokens,
    ) -> BoxFuture<'_, Result<Rotated, StoreError>>;

    /// Makes an access token for a grant that is made if need be, by its id: a client that acts for itself.
    fn insert_access_token(&self, grant: Grant, tokens: NewTokens) -> BoxFuture<'_, Result<(), StoreError>>;

    /// The grant of an access token that is valid at `now`.
    fn find_access_token(&self, token_hash: Hash, now: Timestamp) -> BoxFuture<'_, Result<Option<Grant>, StoreError>>;

    /// Revokes a token by its hash (RFC 7009): an access token alone, a refresh token with its grant.
    /// Nothing happens unless it is a token of this client.
    fn revoke_oauth_token(&self, token_hash: Hash, client_id: String) -> BoxFuture<'_, Result<(), StoreError>>;

    /// The grants that were not revoked, the newest first.
    fn list_grants(&self) -> BoxFuture<'_, Result<Vec<Grant>, StoreError>>;

    /// Revokes a grant with all its tokens; `false` when there is none.
    fn revoke_grant(&self, id: String) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Records an access code that an operator made.
    fn insert_access_code(&self, code: AccessCode, code_hash: Hash) -> BoxFuture<'_, Result<(), StoreError>>;

    /// The access code with this hash, unless it was revoked.
    fn find_access_code(&self, code_hash: Hash) -> BoxFuture<'_, Result<Option<AccessCode>, StoreError>>;

    /// The access code of this id, unless it was revoked.
    fn lookup_access_code(&self, id: String) -> BoxFuture<'_, Result<Option<AccessCode>, StoreError>>;

    /// All access codes that were not revoked, the oldest first.
    fn list_access_codes(&self) -> BoxFuture<'_, Result<Vec<AccessCode>, StoreError>>;

    /// Revokes an access code, and every grant of the principal it stands for; `false` when there is none.
    fn revoke_access_code(&self, id: String) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Forgets what has ended before `now`: codes, access tokens, refresh tokens, and grants that are left
    /// without any; and clients that have no grant, and got their last token, or were registered, before
    /// `unused_since`.
    fn forget_expired(&self, now: Timestamp, unused_since: Timestamp) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// A client as it registered (RFC 7591).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its id.
    pub id: String,
    /// What it calls itself. Anybody may call themselves anything.
    pub name: String,
    /// Where codes may go.
    pub redirect_uris: Vec<String>,
    /// Hash of its secret; `None` for a public client.
    pub secret_hash: Option<Hash>,
    /// When it was registered.
    pub registered_at: Timestamp,
}

/// What a principal allowed a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Its id, which may be shown.
    pub id: String,
    /// Who the client acts for.
    pub principal: String,
    /// The client.
    pub client_id: String,
    /// What it called itself then.
    pub client_name: String,
    /// What it may do: scopes, separated by spaces.
    pub scope: String,
    /// For which resource (RFC 8707).
    pub resource: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// An authorization code to be recorded.
#[derive(Clone, Debug)]
pub struct NewCode {
    /// Hash of the code.
    pub code_hash: Hash,
    /// What it stands for.
    pub code: Code,
}

/// What an authorization code stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// The grant that it becomes.
    pub grant: Grant,
    /// Where it was sent.
    pub redirect_uri: String,
    /// The PKCE challenge (S256): the base64url text.
    pub challenge: String,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Whether it was redeemed.
    pub redeemed: bool,
}

/// Tokens to be recorded.
#[derive(Clone, Debug)]
pub struct NewTokens {
    /// Now.
    pub issued_at: Timestamp,
    /// Hash of the access token, and when it ends.
    pub access: (Hash, Timestamp),
    /// Hash of the refresh token, and when it ends, if there is one.
    pub refresh: Option<(Hash, Timestamp)>,
}

/// What a refresh token stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    /// The grant.
    pub grant: Grant,
    /// Whether the grant was revoked.
    pub revoked: bool,
    /// When it was replaced, if it was.
    pub replaced_at: Option<Timestamp>,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// What became of a refresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotated {
    /// The new tokens are valid.
    Done,
    /// It should have been given up: somebody else has it. The grant is revoked now.
    Reused,
    /// There is no such token, or it has ended, or its grant was revoked.
    Invalid,
}

/// An access code as it is kept: whoever has it may use the relay, as the principal it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessCode {
    /// Its id, which may be shown.
    pub id: String,
    /// Whose it is, in the operator's words.
    pub name: String,
    /// The principal that it stands for.
    pub principal: String,
    /// When it was made.
    pub created_at: Timestamp,
}
