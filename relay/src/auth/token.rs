//! Bearer tokens (RFC 6750): the local one in a file, and those that an operator makes.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use mcp_multiplayer_protocol::{ChannelId, Error, ErrorCode, Hash, Timestamp};

use super::Principal;
use crate::clock::{Clock, Random};
use crate::error::store_failed;
use crate::secret::read_or_create;
use crate::store::{NewToken, Store, StoreError};

/// How long a token is believed without asking the store; a revocation takes effect within this time.
const BELIEVED_MS: i64 = 2_000;
/// How many tokens are believed at a time.
const BELIEVED: usize = 10_000;

/// Recognizes tokens.
pub struct Tokens {
    store: Arc<dyn Store>,
    clock: Clock,
    local: Option<Hash>,
    believed: Mutex<HashMap<Hash, (Principal, Timestamp)>>,
}

impl Tokens {
    /// Recognizes the store's tokens, and the local one where there is one.
    pub fn new(store: Arc<dyn Store>, clock: Clock, local_token: Option<&str>) -> Self {
        Self { store, clock, local: local_token.map(token_hash), believed: Mutex::default() }
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
        if let Some((principal, at)) = self.believed().get(&token_hash)
            && fresh(*at)
        {
            return Ok(principal.clone());
        }
        match self.store.find_token(token_hash).await.map_err(store_failed)? {
            Some(token) => {
                let principal = Principal::token(&token.id);
                let mut believed = self.believed();
                if believed.len() >= BELIEVED {
                    believed.retain(|_, (_, at)| fresh(*at));
                }
                believed.insert(token_hash, (principal.clone(), now));
                Ok(principal)
            }
            None => Err(Error::new(
                ErrorCode::Unauthenticated,
                "This token is not valid on this relay.",
                "Ask the relay's operator for a token (mcp-multiplayer-relay token create --name NAME) and send it as 'Authorization: Bearer …'.",
            )),
        }
    }

    fn believed(&self) -> std::sync::MutexGuard<'_, HashMap<Hash, (Principal, Timestamp)>> {
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
