//! Access codes, which an operator gives to invited people. They enter it once, on the OAuth consent page.

use mcp_multiplayer_protocol::ChannelId;

use super::Principal;
use super::token::{generate_secret, token_hash};
use crate::clock::{Clock, Random};
use crate::store::{AccessCode, OAuthStore, StoreError};

/// Creates an access code and returns its id and the code itself, of which only a hash is stored.
pub async fn create(
    store: &dyn OAuthStore,
    clock: &Clock,
    random: &Random,
    name: &str,
) -> Result<(String, String), StoreError> {
    let id = ChannelId::encode_base32(&random.bytes::<5>());
    let secret = generate_secret("mmp_", random);
    let code = AccessCode {
        id: id.clone(),
        name: name.to_owned(),
        principal: Principal::person(&id).as_str().to_owned(),
        created_at: clock.now(),
    };
    store.insert_access_code(code, token_hash(&secret)).await?;
    Ok((id, secret))
}
