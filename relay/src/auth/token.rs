//! Bearer tokens (RFC 6750): the local one in a file, those that an operator makes, and OAuth's.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use mcp_multiplayer_protocol::{ChannelId, Error, ErrorCode, Hash, Timestamp};

use super::Resource;
use super::{Principal, is_admitted};
use crate::clock::{Clock, Random};
use crate::config::{Access, Config};
use crate::error::store_failed;
use crate::keys::read_or_create;
use crate::store::{NewToken, Store, StoreError};

/// How long a token is believed without asking the store; what the operator revokes beside the relay takes effect
/// within this time, what the relay itself revokes at once.
const BELIEVED_MS: i64 = 2_000;
/// How many tokens are believed at a time.
const BELIEVED: usize = 10_000;

/// Recognizes tokens.
pub struct Tokens {
    store: Arc<dyn Store>,
    clock: Clock,
    config: Config,
    local: Option<Hash>,
    believed: Mutex<Believed>,
}

/// Tokens that were good a moment ago.
#[derive(Default)]
struct Believed {
    tokens: HashMap<Hash, (Principal, Timestamp)>,
    /// How often all were doubted: what the store said before counts no more.
    doubts: u64,
}

impl Tokens {
    /// Recognizes the store's tokens, and the local one where there is one.
    pub fn new(store: Arc<dyn Store>, clock: Clock, config: Config, local_token: Option<&str>) -> Self {
        Self { store, clock, config, local: local_token.map(token_hash), believed: Mutex::default() }
    }

    /// Who holds this token.
    pub async fn authenticate(&self, token: &str) -> Result<Principal, Error> {
        // Only hashes are compared, so the time it takes tells nothing of a token.
        let token_hash = token_hash(token);
        if self.local == Some(token_hash) {
            return Ok(Principal::local());
        }
        let now = self.clock.now();
        let fresh = |at: Timestamp| (0..BELIEVED_MS).contains(&(now.as_millis() - at.as_millis()));
        let doubts = {
            let believed = self.believed();
            if let Some((principal, at)) = believed.tokens.get(&token_hash)
                && fresh(*at)
            {
                return Ok(principal.clone());
            }
            believed.doubts
        };
        let by_oauth = token.starts_with("mma_");
        let found = if by_oauth {
            self.granted(token_hash, now).await.map_err(store_failed)?
        } else {
            let token = self.store.find_token(token_hash).await.map_err(store_failed)?;
            token.map(|token| (Principal::token(&token.id), true))
        };
        let Some((principal, lasts)) = found else {
            self.believed().tokens.remove(&token_hash);
            return Err(if by_oauth { self.ended() } else { self.invalid() });
        };
        let mut believed = self.believed();
        if lasts && believed.doubts == doubts {
            if believed.tokens.len() >= BELIEVED {
                believed.tokens.retain(|_, (_, at)| fresh(*at));
            }
            believed.tokens.insert(token_hash, (principal.clone(), now));
        }
        drop(believed);
        Ok(principal)
    }

    /// For whom an access token of OAuth is, if it is one for this relay and they may still in; and whether it lasts as
    /// long as it would be believed.
    async fn granted(&self, token_hash: Hash, now: Timestamp) -> Result<Option<(Principal, bool)>, StoreError> {
        let later = Timestamp::from_millis(now.as_millis() + BELIEVED_MS);
        let (grant, lasts) = match self.store.find_access_token(token_hash, later).await? {
            Some(grant) => (Some(grant), true),
            None => (self.store.find_access_token(token_hash, now).await?, false),
        };
        // One that was made for another public URL is for another relay.
        let Some(grant) = grant.filter(|grant| Resource::valid(&self.config, &grant.resource).is_some()) else {
            return Ok(None);
        };
        let admitted = is_admitted(&*self.store, self.config.access(), &grant.principal).await?;
        Ok(admitted.then(|| (Principal::stored(&grant.principal), lasts)))
    }

    fn ended(&self) -> Error {
        let hint = if self.config.access() == Access::Closed {
            "This relay lets nobody in by OAuth. Ask its operator for a token."
        } else {
            "Refresh it, or sign in again by OAuth; an MCP client does so by itself when it is connected anew."
        };
        Error::new(
            ErrorCode::Unauthenticated,
            "This access token has ended, was revoked, or is for another relay.",
            hint,
        )
    }

    fn invalid(&self) -> Error {
        let hint = if self.config.access() == Access::Closed {
            "Ask the relay's operator for a token (mcp-multiplayer-relay token create --name NAME) and send it as 'Authorization: Bearer …'."
        } else {
            "Sign in by OAuth, as MCP clients do when they have no token; or ask the relay's operator for a token (mcp-multiplayer-relay token create --name NAME) and send it as 'Authorization: Bearer …'."
        };
        Error::new(ErrorCode::Unauthenticated, "This token is not valid on this relay.", hint)
    }

    /// Whether this token was good when it was last seen, which the store is not asked for.
    pub(crate) fn knows(&self, token: &str) -> bool {
        let token_hash = token_hash(token);
        self.local == Some(token_hash) || self.believed().tokens.contains_key(&token_hash)
    }

    /// Has the store asked again for every token: some were revoked.
    pub(crate) fn doubt(&self) {
        let mut believed = self.believed();
        believed.tokens.clear();
        believed.doubts += 1;
    }

    fn believed(&self) -> MutexGuard<'_, Believed> {
        self.believed.lock().expect("no code panics while it holds this lock")
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}

/// Makes a token for somebody, and returns its id and the token itself, which is kept nowhere.
pub async fn create(
    store: &dyn Store,
    clock: &Clock,
    random: &Random,
    name: &str,
) -> Result<(String, String), StoreError> {
    let id = ChannelId::encode_base32(&random.bytes::<5>());
    let token = fresh("mm_", random);
    let new =
        NewToken { id: id.clone(), token_hash: token_hash(&token), name: name.to_owned(), created_at: clock.now() };
    store.insert_token(new).await?;
    Ok((id, token))
}

/// Reads the local token, or makes it.
pub fn open_local(path: &Path, random: &Random) -> io::Result<String> {
    let text = read_or_create(path, || fresh("mm_", random))?;
    Ok(text.trim().to_owned())
}

/// A text that nobody can guess, after a prefix that tells what it is.
pub(super) fn fresh(prefix: &str, random: &Random) -> String {
    format!("{prefix}{}", ChannelId::encode_base32(&random.bytes::<30>()))
}

/// What is kept of a token, code or secret, and what it is found by. They are random: a plain hash tells nothing of them.
pub(crate) fn token_hash(token: &str) -> Hash {
    Hash::of(&[b"mcp-multiplayer/token/v1", token.as_bytes()])
}
