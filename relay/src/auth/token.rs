//! Bearer tokens (RFC 6750): the local token in a file, tokens that an operator creates, and OAuth access tokens.

use std::collections::HashMap;
use std::fmt;
use std::future::pending;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use mcp_multiplayer_protocol::{ChannelId, Error, ErrorCode, Hash, Timestamp};
use tokio::time::{Instant, timeout_at};

use super::credential::{Credential, TokenKind};
use super::{Principal, has_access, resource};
use crate::clock::{Clock, Random};
use crate::config::{Access, Config};
use crate::error::store_failed;
use crate::keys::read_or_create;
use crate::store::{Grant, NewToken, Store, StoreError};

/// Time for which a valid token is cached, in milliseconds.
///
/// A revocation by the relay itself takes effect at once, because it invalidates the cache. The operator's commands
/// write to the store from another process, so a revocation there takes effect within this time.
const CACHE_MS: i64 = 2_000;
/// Maximum number of cached tokens.
const MAX_CACHED: usize = 10_000;
/// Interval at which the token of an open connection or a wait is validated. Together with [`CACHE_MS`], this is the
/// maximum time for which they outlive their token.
const RECHECK_INTERVAL: Duration = Duration::from_secs(3);

/// Authenticates tokens, with a cache in front of the store.
pub struct Tokens {
    store: Arc<dyn Store>,
    clock: Clock,
    config: Config,
    local: Option<Credential>,
    cache: Mutex<TokenCache>,
}

/// Recently validated tokens.
#[derive(Default)]
struct TokenCache {
    /// Tokens by their hashes.
    tokens: HashMap<Hash, CachedToken>,
    /// Number of invalidations so far. A lookup that was under way during an invalidation must not be cached: its
    /// result may be older than the revocation.
    invalidations: u64,
}

struct CachedToken {
    credential: Credential,
    validated_at: Timestamp,
    /// Expiry of the token; `None` for a token that does not expire.
    expires_at: Option<Timestamp>,
}

impl CachedToken {
    fn is_fresh(&self, now: Timestamp) -> bool {
        (0..CACHE_MS).contains(&(now.as_millis() - self.validated_at.as_millis()))
            && self.expires_at.is_none_or(|expires_at| now < expires_at)
            && !self.credential.has_ended()
    }
}

/// A token's principal, as the store has it.
struct FoundPrincipal {
    principal: Principal,
    /// Expiry of the token; `None` for a token that does not expire.
    expires_at: Option<Timestamp>,
}

impl Tokens {
    /// Authenticates the tokens in the store and, if there is one, the local token.
    pub fn new(store: Arc<dyn Store>, clock: Clock, config: Config, local_token: Option<&str>) -> Self {
        let local = local_token.map(|token| Credential::new(TokenKind::Local, token_hash(token), Principal::local()));
        Self { store, clock, config, local, cache: Mutex::default() }
    }

    /// Validates a token, and returns it with its principal.
    pub async fn authenticate(&self, token: &str) -> Result<Credential, Error> {
        // Only hashes are compared, so the duration of the comparison reveals nothing about a token.
        let token_hash = token_hash(token);
        if let Some(local) = self.local.as_ref().filter(|local| local.token_hash() == token_hash) {
            return Ok(local.clone());
        }
        let kind = if token.starts_with("mma_") { TokenKind::OAuth } else { TokenKind::Operator };
        self.validate(kind, token_hash, None).await
    }

    /// Validates again the token of an earlier request or of an open connection.
    ///
    /// While the token is cached, that is a lookup in the cache.
    pub(crate) async fn check(&self, credential: &Credential) -> Result<(), Error> {
        if credential.has_ended() {
            return Err(self.refusal(credential.kind()));
        }
        if credential.kind() == TokenKind::Program {
            return Ok(());
        }
        if credential.kind() == TokenKind::Local {
            let is_own = self.local.as_ref().is_some_and(|local| local.token_hash() == credential.token_hash());
            return if is_own { Ok(()) } else { Err(self.refusal(TokenKind::Local)) };
        }
        self.validate(credential.kind(), credential.token_hash(), Some(credential)).await?;
        Ok(())
    }

    /// Returns a credential that outlives an access token: that of the token's grant, which ends when the grant is revoked.
    /// The credential of another token is its own.
    pub(crate) async fn outliving(&self, credential: &Credential) -> Result<Credential, Error> {
        if credential.kind() != TokenKind::OAuth {
            return Ok(credential.clone());
        }
        let found = self.store.find_access_token(credential.token_hash(), self.clock.now()).await;
        match found.map_err(store_failed)? {
            Some((grant, _)) => Ok(Credential::of_grant(&grant.id, credential.principal().clone())),
            None => Err(self.refusal(TokenKind::OAuth)),
        }
    }

    /// Waits until a token is no longer valid, and returns the error for its holder.
    pub(crate) async fn wait_for_end(&self, credential: &Credential) -> Error {
        if matches!(credential.kind(), TokenKind::Local | TokenKind::Program) {
            return pending().await;
        }
        // Thousands may wait with one token. One of them validates it for all, until its own wait ends.
        let mut last_check = tokio::select! {
            last_check = credential.lock_last_check() => last_check,
            () = credential.ended() => return self.refusal(credential.kind()),
        };
        loop {
            // Returns earlier if another request with this token was refused meanwhile.
            let _ = timeout_at(*last_check + RECHECK_INTERVAL, credential.ended()).await;
            *last_check = Instant::now();
            // An error of the store is no reason to end anything. It is logged, and the next check may succeed.
            if let Err(error) = self.check(credential).await
                && error.code == ErrorCode::Unauthenticated
            {
                return error;
            }
        }
    }

    /// Looks a token up in the cache, then in the store. `credential` is the token's, if it was authenticated before.
    async fn validate(
        &self,
        kind: TokenKind,
        token_hash: Hash,
        credential: Option<&Credential>,
    ) -> Result<Credential, Error> {
        let now = self.clock.now();
        let (cached, invalidations) = {
            let cache = self.cache();
            let cached = cache.tokens.get(&token_hash);
            if let Some(cached) = cached
                && cached.is_fresh(now)
            {
                return Ok(cached.credential.clone());
            }
            (cached.map(|cached| cached.credential.clone()), cache.invalidations)
        };
        let found = match credential.and_then(Credential::grant_id) {
            Some(grant_id) => self.find_principal_of_grant(grant_id).await.map_err(store_failed)?,
            None if kind == TokenKind::OAuth => {
                self.find_oauth_principal(token_hash, now).await.map_err(store_failed)?
            }
            None => {
                let token = self.store.find_token(token_hash).await.map_err(store_failed)?;
                token.map(|token| FoundPrincipal { principal: Principal::token(&token.id), expires_at: None })
            }
        };
        let Some(FoundPrincipal { principal, expires_at }) = found else {
            self.cache().tokens.remove(&token_hash);
            // Ends everything else that the token has open, without waiting for its next check.
            for credential in credential.into_iter().chain(&cached) {
                credential.end();
            }
            return Err(self.refusal(kind));
        };
        // A credential is used for as long as possible, so that many requests share the information that it ended.
        let credential = credential.cloned().or(cached).filter(|credential| !credential.has_ended());
        let credential = credential.unwrap_or_else(|| Credential::new(kind, token_hash, principal));
        let mut cache = self.cache();
        if cache.invalidations == invalidations {
            if cache.tokens.len() >= MAX_CACHED {
                cache.tokens.retain(|_, cached| cached.is_fresh(now));
            }
            let cached = CachedToken { credential: credential.clone(), validated_at: now, expires_at };
            cache.tokens.insert(token_hash, cached);
        }
        drop(cache);
        Ok(credential)
    }

    /// Returns the principal of an OAuth access token, if the token is for this relay and the principal still has
    /// access.
    async fn find_oauth_principal(
        &self,
        token_hash: Hash,
        now: Timestamp,
    ) -> Result<Option<FoundPrincipal>, StoreError> {
        let Some((grant, expires_at)) = self.store.find_access_token(token_hash, now).await? else { return Ok(None) };
        let principal = self.principal_with_access(&grant).await?;
        Ok(principal.map(|principal| FoundPrincipal { principal, expires_at: Some(expires_at) }))
    }

    /// Returns the principal of a grant, if the grant is for this relay and not revoked, and the principal still has access.
    async fn find_principal_of_grant(&self, grant_id: &str) -> Result<Option<FoundPrincipal>, StoreError> {
        let Some(grant) = self.store.lookup_grant(grant_id.to_owned()).await? else { return Ok(None) };
        let principal = self.principal_with_access(&grant).await?;
        Ok(principal.map(|principal| FoundPrincipal { principal, expires_at: None }))
    }

    async fn principal_with_access(&self, grant: &Grant) -> Result<Option<Principal>, StoreError> {
        // A token that was issued under another public URL is for another resource.
        if resource::validate(&self.config, &grant.resource).is_none() {
            return Ok(None);
        }
        let has_access = has_access(&*self.store, self.config.access(), &grant.principal).await?;
        Ok(has_access.then(|| Principal::stored(&grant.principal)))
    }

    /// Returns the error for a token that is not valid.
    fn refusal(&self, kind: TokenKind) -> Error {
        if matches!(kind, TokenKind::OAuth | TokenKind::Grant) {
            self.invalid_oauth_token()
        } else {
            self.invalid_token()
        }
    }

    fn invalid_oauth_token(&self) -> Error {
        let hint = if self.config.access() == Access::Closed {
            "This relay does not offer OAuth. Ask its operator for a token."
        } else {
            "Refresh the token, or sign in again by OAuth; MCP clients do that when you reconnect them."
        };
        let message = "This access token has expired, was revoked, or is for another relay.";
        Error::new(ErrorCode::Unauthenticated, message, hint)
    }

    fn invalid_token(&self) -> Error {
        let hint = if self.config.access() == Access::Closed {
            "Ask the relay's operator for a token (mcp-multiplayer-relay token create --name NAME) and send it as 'Authorization: Bearer …'."
        } else {
            "Sign in by OAuth, as MCP clients do when they have no token; or ask the relay's operator for a token (mcp-multiplayer-relay token create --name NAME) and send it as 'Authorization: Bearer …'."
        };
        Error::new(ErrorCode::Unauthenticated, "This token is not valid on this relay.", hint)
    }

    /// Returns whether the token is cached or the local one, without asking the store. The cached result may be out of
    /// date.
    pub(crate) fn is_cached(&self, token: &str) -> bool {
        let token_hash = token_hash(token);
        self.local.as_ref().is_some_and(|local| local.token_hash() == token_hash)
            || self.cache().tokens.contains_key(&token_hash)
    }

    /// Drops cached tokens so that the next lookup asks the store. Called after tokens were revoked.
    pub(crate) fn invalidate(&self) {
        let mut cache = self.cache();
        cache.tokens.clear();
        cache.invalidations += 1;
    }

    fn cache(&self) -> MutexGuard<'_, TokenCache> {
        self.cache.lock().expect("no code panics while it holds this lock")
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}

/// Creates an operator's token and returns its id and the token itself, of which only a hash is stored.
pub async fn create(
    store: &dyn Store,
    clock: &Clock,
    random: &Random,
    name: &str,
) -> Result<(String, String), StoreError> {
    let id = ChannelId::encode_base32(&random.bytes::<5>());
    let token = generate_secret("mm_", random);
    let new =
        NewToken { id: id.clone(), token_hash: token_hash(&token), name: name.to_owned(), created_at: clock.now() };
    store.insert_token(new).await?;
    Ok((id, token))
}

/// Reads the local token, or creates it.
pub fn open_local(path: &Path, random: &Random) -> io::Result<String> {
    let text = read_or_create(path, || generate_secret("mm_", random))?;
    Ok(text.trim().to_owned())
}

/// Generates a random secret of 240 bits, after a prefix that says what kind of secret it is.
pub(super) fn generate_secret(prefix: &str, random: &Random) -> String {
    format!("{prefix}{}", ChannelId::encode_base32(&random.bytes::<30>()))
}

/// Hashes a token, code or secret. The store keeps only the hash and finds the token by it. All of them are random, so
/// a plain hash without a salt is enough.
pub(crate) fn token_hash(token: &str) -> Hash {
    Hash::of(&[b"mcp-multiplayer/token/v1", token.as_bytes()])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures::future::join_all;
    use mcp_multiplayer_protocol::Timestamp;
    use tokio::time::timeout;

    use super::{RECHECK_INTERVAL, Tokens, create};
    use crate::clock::{Clock, Random};
    use crate::config::Config;
    use crate::database::{Purpose, open_database};

    #[tokio::test(start_paused = true)]
    async fn a_token_is_validated_once_for_all_who_wait_for_its_end() {
        let directory = tempfile::tempdir().unwrap();
        let config = Config { data_dir: directory.path().to_owned(), ..Config::default() };
        let store = open_database(&config, Purpose::Serve).unwrap();
        let validations = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&validations);
        // Each validation reads the clock once.
        let clock = Clock::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            Timestamp::from_millis(1_800_000_000_000)
        });
        let (_, token) = create(&*store, &clock, &Random::system(), "tests").await.unwrap();
        let tokens = Tokens::new(store, clock, config, None);
        let credential = tokens.authenticate(&token).await.unwrap();

        let mut waits = Box::pin(join_all((0..100).map(|_| tokens.wait_for_end(&credential))));
        let before = validations.load(Ordering::Relaxed);
        assert!(timeout(RECHECK_INTERVAL * 21 / 2, &mut waits).await.is_err(), "the token is valid");
        assert_eq!(validations.load(Ordering::Relaxed) - before, 10);
        credential.end();
        assert_eq!(waits.await.len(), 100, "all end at once");
    }
}
