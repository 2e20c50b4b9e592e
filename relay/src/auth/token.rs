//! Bearer tokens (RFC 6750): the local token in a file, tokens that an operator creates, and OAuth access tokens.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use mcp_multiplayer_protocol::{ChannelId, Error, ErrorCode, Hash, Timestamp};

use super::{Principal, has_access, resource};
use crate::clock::{Clock, Random};
use crate::config::{Access, Config};
use crate::error::store_failed;
use crate::keys::read_or_create;
use crate::store::{NewToken, Store, StoreError};

/// Time for which a valid token is cached, in milliseconds.
///
/// A revocation by the relay itself takes effect at once, because it invalidates the cache. The operator's commands
/// write to the store from another process, so a revocation there takes effect within this time.
const CACHE_MS: i64 = 2_000;
/// Maximum number of cached tokens.
const MAX_CACHED: usize = 10_000;

/// Authenticates tokens, with a cache in front of the store.
pub struct Tokens {
    store: Arc<dyn Store>,
    clock: Clock,
    config: Config,
    local: Option<Hash>,
    cache: Mutex<TokenCache>,
}

/// Recently authenticated tokens.
#[derive(Default)]
struct TokenCache {
    /// Principal, and time of authentication, by the token's hash.
    tokens: HashMap<Hash, (Principal, Timestamp)>,
    /// Number of invalidations so far. A lookup that was under way during an invalidation must not be cached: its
    /// result may be older than the revocation.
    invalidations: u64,
}

/// A token's principal, as the store has it.
struct FoundPrincipal {
    principal: Principal,
    /// Set if the token does not expire within [`CACHE_MS`].
    is_cacheable: bool,
}

impl Tokens {
    /// Authenticates the tokens in the store and, if there is one, the local token.
    pub fn new(store: Arc<dyn Store>, clock: Clock, config: Config, local_token: Option<&str>) -> Self {
        Self { store, clock, config, local: local_token.map(token_hash), cache: Mutex::default() }
    }

    /// Returns the principal of a valid token.
    pub async fn authenticate(&self, token: &str) -> Result<Principal, Error> {
        // Only hashes are compared, so the duration of the comparison reveals nothing about a token.
        let token_hash = token_hash(token);
        if self.local == Some(token_hash) {
            return Ok(Principal::local());
        }
        let now = self.clock.now();
        let is_recent = |at: Timestamp| (0..CACHE_MS).contains(&(now.as_millis() - at.as_millis()));
        let invalidations = {
            let cache = self.cache();
            if let Some((principal, at)) = cache.tokens.get(&token_hash)
                && is_recent(*at)
            {
                return Ok(principal.clone());
            }
            cache.invalidations
        };
        let is_oauth_token = token.starts_with("mma_");
        let found = if is_oauth_token {
            self.find_oauth_principal(token_hash, now).await.map_err(store_failed)?
        } else {
            let token = self.store.find_token(token_hash).await.map_err(store_failed)?;
            token.map(|token| FoundPrincipal { principal: Principal::token(&token.id), is_cacheable: true })
        };
        let Some(FoundPrincipal { principal, is_cacheable }) = found else {
            self.cache().tokens.remove(&token_hash);
            return Err(if is_oauth_token { self.invalid_oauth_token() } else { self.invalid_token() });
        };
        let mut cache = self.cache();
        if is_cacheable && cache.invalidations == invalidations {
            if cache.tokens.len() >= MAX_CACHED {
                cache.tokens.retain(|_, (_, at)| is_recent(*at));
            }
            cache.tokens.insert(token_hash, (principal.clone(), now));
        }
        drop(cache);
        Ok(principal)
    }

    /// Returns the principal of an OAuth access token, if the token is for this relay and the principal still has
    /// access.
    async fn find_oauth_principal(
        &self,
        token_hash: Hash,
        now: Timestamp,
    ) -> Result<Option<FoundPrincipal>, StoreError> {
        // A token that is still valid at the end of its time in the cache can be cached.
        let later = Timestamp::from_millis(now.as_millis() + CACHE_MS);
        let (grant, is_cacheable) = match self.store.find_access_token(token_hash, later).await? {
            Some(grant) => (Some(grant), true),
            None => (self.store.find_access_token(token_hash, now).await?, false),
        };
        // A token that was issued under another public URL is for another resource.
        let Some(grant) = grant.filter(|grant| resource::validate(&self.config, &grant.resource).is_some()) else {
            return Ok(None);
        };
        let has_access = has_access(&*self.store, self.config.access(), &grant.principal).await?;
        Ok(has_access.then(|| FoundPrincipal { principal: Principal::stored(&grant.principal), is_cacheable }))
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
        self.local == Some(token_hash) || self.cache().tokens.contains_key(&token_hash)
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
