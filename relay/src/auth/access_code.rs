//! What an operator gives a person, who shows it once where people allow a client to act for them.

use mcp_multiplayer_protocol::ChannelId;

use super::Principal;
use super::token::fresh;
use super::token_hash;
use crate::clock::{Clock, Random};
use crate::store::{AccessCode, OAuthStore, StoreError};

/// Makes an access code for somebody, and returns its id and the code itself, which is kept nowhere.
pub async fn create(
    store: &dyn OAuthStore,
    clock: &Clock,
    random: &Random,
    name: &str,
) -> Result<(String, String), StoreError> {
    let id = ChannelId::encode_base32(&random.bytes::<5>());
    let text = fresh("mmp_", random);
    let code = AccessCode {
        id: id.clone(),
        name: name.to_owned(),
        principal: Principal::person(&id).as_str().to_owned(),
        created_at: clock.now(),
    };
    store.insert_access_code(code, token_hash(&text)).await?;
    Ok((id, text))
}
