use std::fmt;
use std::sync::Arc;

use mcp_multiplayer_protocol::Hash;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Principal;

/// An authenticated token: its hash, never the token itself, and its principal.
///
/// It stays with what the token opened, so that the token can be validated again ([`Tokens::check`](super::Tokens)). Its
/// clones share the information that the token has become invalid.
#[derive(Clone)]
pub struct Credential(Arc<Inner>);

struct Inner {
    kind: TokenKind,
    token_hash: Hash,
    /// Id of the grant, if that itself is the credential.
    grant_id: Option<Box<str>>,
    principal: Principal,
    /// Cancelled when the token was found to be invalid. It never becomes valid again.
    ended: CancellationToken,
    /// Time of the last validation by those who wait for the token's end. One of them holds the lock, and validates the
    /// token for all.
    last_check: Mutex<Instant>,
}

/// Kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// The token in the file `local-token`, which is valid as long as the relay runs.
    Local,
    /// A token that the operator created.
    Operator,
    /// An OAuth access token.
    OAuth,
    /// An OAuth grant itself, for what outlives its access tokens.
    Grant,
    /// No token at all: the relay's own program acts.
    Program,
}

impl Credential {
    pub(super) fn new(kind: TokenKind, token_hash: Hash, principal: Principal) -> Self {
        let (ended, last_check) = (CancellationToken::new(), Mutex::new(Instant::now()));
        Self(Arc::new(Inner { kind, token_hash, grant_id: None, principal, ended, last_check }))
    }

    /// The credential that is valid as long as a grant is.
    pub(super) fn of_grant(grant_id: &str, principal: Principal) -> Self {
        // Stands for the grant where credentials are told apart by the hashes of their tokens.
        let token_hash = Hash::of(&[b"mcp-multiplayer/grant/v1", grant_id.as_bytes()]);
        let (ended, last_check) = (CancellationToken::new(), Mutex::new(Instant::now()));
        let grant_id = Some(grant_id.into());
        Self(Arc::new(Inner { kind: TokenKind::Grant, token_hash, grant_id, principal, ended, last_check }))
    }

    /// The credential of the relay's own program, which plays as a practice partner. No token leads to it.
    pub(crate) fn practice() -> Self {
        Self::new(TokenKind::Program, Hash::of(&[]), Principal::practice())
    }

    /// A credential that [`to_bytes`](Self::to_bytes) wrote. The token must be validated before it is used.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        if *kind == TokenKind::Grant as u8 {
            let (grant_id, principal) = std::str::from_utf8(rest).ok()?.split_once('\n')?;
            return Some(Self::of_grant(grant_id, Principal::stored(principal)));
        }
        let kind = *[TokenKind::Local, TokenKind::Operator, TokenKind::OAuth].get(usize::from(*kind))?;
        let (token_hash, principal) = rest.split_first_chunk::<32>()?;
        let principal = Principal::stored(std::str::from_utf8(principal).ok()?);
        Some(Self::new(kind, Hash::from_bytes(*token_hash), principal))
    }

    /// Kind and hash of the token, or the id of the grant, and its principal, for what only this relay can read.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        if let Some(grant_id) = self.grant_id() {
            return [&[self.kind() as u8], grant_id.as_bytes(), b"\n", self.principal().as_str().as_bytes()].concat();
        }
        [&[self.kind() as u8], &self.token_hash().as_bytes()[..], self.principal().as_str().as_bytes()].concat()
    }

    /// The token's principal.
    pub fn principal(&self) -> &Principal {
        &self.0.principal
    }

    pub(super) fn kind(&self) -> TokenKind {
        self.0.kind
    }

    pub(super) fn token_hash(&self) -> Hash {
        self.0.token_hash
    }

    pub(super) fn grant_id(&self) -> Option<&str> {
        self.0.grant_id.as_deref()
    }

    /// Records that the token is invalid, and wakes those who wait for that.
    pub(super) fn end(&self) {
        self.0.ended.cancel();
    }

    pub(super) fn has_ended(&self) -> bool {
        self.0.ended.is_cancelled()
    }

    /// Waits until the token was found to be invalid.
    pub(super) async fn ended(&self) {
        self.0.ended.cancelled().await;
    }

    /// Waits until nobody else validates the token at intervals, and returns the time of the last such validation.
    pub(super) async fn lock_last_check(&self) -> MutexGuard<'_, Instant> {
        self.0.last_check.lock().await
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({:?})", self.0.principal)
    }
}

#[cfg(test)]
mod tests {
    use mcp_multiplayer_protocol::Hash;

    use super::{Credential, TokenKind};
    use crate::auth::Principal;

    #[test]
    fn credentials_are_read_as_they_were_written() {
        let token = Credential::new(TokenKind::Operator, Hash::of(&[b"token"]), Principal::token("one"));
        let grant = Credential::of_grant("grant", Principal::person("alice"));
        for credential in [&token, &grant] {
            let read = Credential::from_bytes(&credential.to_bytes()).unwrap();
            assert_eq!((read.kind(), read.token_hash()), (credential.kind(), credential.token_hash()));
            assert_eq!((read.principal(), read.grant_id()), (credential.principal(), credential.grant_id()));
        }
        assert!(Credential::from_bytes(&Credential::practice().to_bytes()).is_none());
    }
}
