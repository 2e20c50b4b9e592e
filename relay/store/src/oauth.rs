//! Storage for the authorization server. Codes, tokens and client secrets are stored only as hashes.

use futures::future::BoxFuture;
use mcp_multiplayer_protocol::{Hash, Timestamp};

use crate::StoreError;

/// The part of a store that the authorization server uses; each method is one transaction.
pub trait OAuthStore: Send + Sync + 'static {
    /// Inserts a registered client.
    fn insert_client(&self, client: RegisteredClient) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Returns a registered client by its id.
    fn lookup_client(&self, id: String) -> BoxFuture<'_, Result<Option<RegisteredClient>, StoreError>>;

    /// Inserts an authorization code.
    fn insert_authorization_code(&self, code: NewAuthorizationCode) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Returns an authorization code by its hash, redeemed or not, until it is deleted some time after its expiry.
    fn find_authorization_code(&self, code_hash: Hash) -> BoxFuture<'_, Result<Option<AuthorizationCode>, StoreError>>;

    /// Redeems an authorization code: creates its grant and the grant's first tokens, in one transaction.
    ///
    /// When the code was redeemed before, the grant of the first redemption is revoked with all its tokens: either
    /// redemption may have come from a thief (RFC 6749, section 4.1.2).
    fn redeem_authorization_code(
        &self,
        code_hash: Hash,
        tokens: NewTokens,
    ) -> BoxFuture<'_, Result<RedemptionOutcome, StoreError>>;

    /// Inserts a device authorization request. Returns `false` and inserts nothing if its user code is in use.
    fn insert_device_code(&self, code: NewDeviceCode) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Returns a device authorization request by the hash of its device code, until it is deleted some time after its
    /// expiry.
    fn find_device_code(&self, device_code_hash: Hash) -> BoxFuture<'_, Result<Option<DeviceCode>, StoreError>>;

    /// Returns the device authorization request whose user code has this hash, and that a person can still decide on at
    /// `now`.
    fn find_pending_device_code(
        &self,
        user_code_hash: Hash,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Option<DeviceCode>, StoreError>>;

    /// Records a person's decision on a device authorization request: the principal to act for, or `None` if access was
    /// denied. Returns `false` and changes nothing if no request with this user code is pending at `now`.
    fn decide_device_code(
        &self,
        user_code_hash: Hash,
        principal: Option<String>,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Redeems an approved device authorization request: creates its grant and the grant's first tokens, in one
    /// transaction.
    ///
    /// When it was redeemed before, the grant of the first redemption is revoked with all its tokens, as for an
    /// authorization code.
    fn redeem_device_code(
        &self,
        device_code_hash: Hash,
        tokens: NewTokens,
    ) -> BoxFuture<'_, Result<RedemptionOutcome, StoreError>>;

    /// Returns a refresh token by its hash, even if it was replaced or its grant was revoked.
    fn find_refresh_token(&self, token_hash: Hash) -> BoxFuture<'_, Result<Option<RefreshToken>, StoreError>>;

    /// Replaces a refresh token with new tokens.
    ///
    /// A client may send the same refresh request twice, for example when two of its processes refresh at once or when
    /// the first response is lost. A token that was replaced at or after `grace_since` is therefore accepted again and
    /// gets tokens of its own, as long as none of its replacements has been used yet. Any one of the replacements can then
    /// be used, but only one. Any other use of a replaced token, or of a second replacement, means that two parties have
    /// tokens of the grant, one of them a thief, and the grant is revoked.
    fn rotate_refresh_token(
        &self,
        token_hash: Hash,
        grace_since: Timestamp,
        tokens: NewTokens,
    ) -> BoxFuture<'_, Result<RotationOutcome, StoreError>>;

    /// Inserts an access token for a grant, and the grant itself if there is none with its id yet.
    ///
    /// Used for `client_credentials`, where each token request of a client for one resource extends the same grant.
    /// Returns `false` and inserts nothing if any grant of this client for this principal was revoked.
    fn insert_access_token(&self, grant: Grant, tokens: NewTokens) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Returns the grant of an access token that is valid at `now`, and the time at which the token expires.
    fn find_access_token(
        &self,
        token_hash: Hash,
        now: Timestamp,
    ) -> BoxFuture<'_, Result<Option<(Grant, Timestamp)>, StoreError>>;

    /// Revokes a token by its hash (RFC 7009): an access token alone, a refresh token together with its grant.
    /// Does nothing if it is not a token of this client.
    fn revoke_oauth_token(&self, token_hash: Hash, client_id: String) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Returns the grant with this id, unless it is revoked.
    fn lookup_grant(&self, id: String) -> BoxFuture<'_, Result<Option<Grant>, StoreError>>;

    /// Returns the grants that are not revoked, newest first.
    fn list_grants(&self) -> BoxFuture<'_, Result<Vec<Grant>, StoreError>>;

    /// Revokes a grant with all its tokens. Returns `false` if no active grant has this id.
    ///
    /// If the client acts for itself ([`client_principal`]), all grants that it has for itself are revoked, and it never
    /// gets another one. Its grants differ only in their resource, which the client chooses with each token request; it
    /// could otherwise continue under another one.
    fn revoke_grant(&self, id: String) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Inserts an access code that an operator created.
    fn insert_access_code(&self, code: AccessCode, code_hash: Hash) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Returns the access code with this hash, unless it is revoked.
    fn find_access_code(&self, code_hash: Hash) -> BoxFuture<'_, Result<Option<AccessCode>, StoreError>>;

    /// Returns the access code with this id, unless it is revoked.
    fn lookup_access_code(&self, id: String) -> BoxFuture<'_, Result<Option<AccessCode>, StoreError>>;

    /// Returns the access codes that are not revoked, oldest first.
    fn list_access_codes(&self) -> BoxFuture<'_, Result<Vec<AccessCode>, StoreError>>;

    /// Revokes an access code and every grant of its principal. Returns `false` if no active code has this id.
    fn revoke_access_code(&self, id: String) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Deletes authorization codes, device codes, access tokens and refresh tokens that expired before `now`, and grants that have no
    /// tokens left. Also deletes clients without grants whose last token, or else registration, is older than
    /// `unused_since`.
    ///
    /// Revoked grants of clients that act for themselves are never deleted. They are the only record of the revocation,
    /// and the client still has its secret.
    fn delete_expired(&self, now: Timestamp, unused_since: Timestamp) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// A dynamically registered client (RFC 7591).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredClient {
    /// `client_id`.
    pub id: String,
    /// `client_name`. Chosen by the client and not verified.
    pub name: String,
    /// Redirect URIs that authorization codes may be sent to.
    pub redirect_uris: Vec<String>,
    /// Hash of the client secret; `None` for a public client.
    pub secret_hash: Option<Hash>,
    /// Time of registration.
    pub registered_at: Timestamp,
}

/// Returns the principal that a client acts as when it acts for itself (`client_credentials`).
pub fn client_principal(client_id: &str) -> String {
    format!("client:{client_id}")
}

/// A client's permission to act for a principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Public id, not a secret.
    pub id: String,
    /// The principal that the client acts for.
    pub principal: String,
    /// `client_id`.
    pub client_id: String,
    /// The client's name when the grant was made.
    pub client_name: String,
    /// Granted scopes, separated by spaces.
    pub scope: String,
    /// The resource that the tokens are for (RFC 8707).
    pub resource: String,
    /// Time of the grant.
    pub created_at: Timestamp,
}

/// An authorization code to be inserted.
#[derive(Clone, Debug)]
pub struct NewAuthorizationCode {
    /// Hash of the code.
    pub code_hash: Hash,
    /// The stored code.
    pub code: AuthorizationCode,
}

/// A stored authorization code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationCode {
    /// The grant that redeeming the code creates.
    pub grant: Grant,
    /// The redirect URI that the code was sent to.
    pub redirect_uri: String,
    /// The PKCE challenge: base64url, method S256 (RFC 7636).
    pub code_challenge: String,
    /// Time from which the code is no longer valid.
    pub expires_at: Timestamp,
    /// Set once the code is redeemed.
    pub redeemed: bool,
}

/// A device authorization request to be inserted (RFC 8628).
#[derive(Clone, Debug)]
pub struct NewDeviceCode {
    /// Hash of the code with which the client asks for tokens.
    pub device_code_hash: Hash,
    /// Hash of the code that the person enters.
    pub user_code_hash: Hash,
    /// The stored request.
    pub code: DeviceCode,
}

/// A stored device authorization request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceCode {
    /// Id of the grant that redeeming the request creates.
    pub grant_id: String,
    /// `client_id`.
    pub client_id: String,
    /// The client's name at the time of the request.
    pub client_name: String,
    /// Requested scopes, separated by spaces.
    pub scope: String,
    /// The resource that the tokens are for (RFC 8707).
    pub resource: String,
    /// Time of the request.
    pub created_at: Timestamp,
    /// Time from which the request is no longer valid.
    pub expires_at: Timestamp,
    /// State of the request.
    pub state: DeviceCodeState,
}

/// State of a device authorization request, apart from its expiry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceCodeState {
    /// Nobody has decided yet.
    Pending,
    /// This principal gave access.
    Approved(String),
    /// A person denied access.
    Denied,
    /// The client got its tokens, for this principal.
    Redeemed(String),
}

impl DeviceCode {
    /// Returns the grant for the principal that gave access, if any did.
    pub fn grant(&self) -> Option<Grant> {
        let (DeviceCodeState::Approved(principal) | DeviceCodeState::Redeemed(principal)) = &self.state else {
            return None;
        };
        Some(Grant {
            id: self.grant_id.clone(),
            principal: principal.clone(),
            client_id: self.client_id.clone(),
            client_name: self.client_name.clone(),
            scope: self.scope.clone(),
            resource: self.resource.clone(),
            created_at: self.created_at,
        })
    }
}

/// Tokens to be inserted.
#[derive(Clone, Debug)]
pub struct NewTokens {
    /// The current time.
    pub issued_at: Timestamp,
    /// Hash and expiry of the access token.
    pub access: (Hash, Timestamp),
    /// Hash and expiry of the refresh token, if one is issued.
    pub refresh: Option<(Hash, Timestamp)>,
}

/// A stored refresh token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    /// The grant that it belongs to.
    pub grant: Grant,
    /// Set once the grant is revoked.
    pub revoked: bool,
    /// Time of its first replacement.
    pub replaced_at: Option<Timestamp>,
    /// Time from which the token is no longer valid.
    pub expires_at: Timestamp,
}

/// Outcome of redeeming an authorization code or a device code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedemptionOutcome {
    /// The grant and its tokens are valid.
    Redeemed,
    /// The code was redeemed before. The grant of the first redemption is now revoked.
    AlreadyRedeemed,
    /// There is no such code, it has expired or is not approved, or the access code of its principal is revoked. Nothing
    /// was changed.
    Invalid,
}

/// Outcome of rotating a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotationOutcome {
    /// The new tokens are valid.
    Rotated,
    /// The token was replaced before and its grace period is over, or another replacement of the same token was used.
    /// Its grant is now revoked.
    Reused,
    /// There is no such token, it has expired, or its grant is revoked. Nothing was changed.
    Invalid,
}

/// An invitation from the operator: whoever has the code can connect, as its principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessCode {
    /// Public id, not the secret code.
    pub id: String,
    /// The person's name, chosen by the operator.
    pub name: String,
    /// The principal that holders of the code authenticate as.
    pub principal: String,
    /// Time of creation.
    pub created_at: Timestamp,
}
