//! The operator's commands. They open the database themselves, beside a running relay or without one.

mod access_code;
mod channel;
mod grant;
mod receipt;
mod terminal;
mod token;

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Result;
use mcp_multiplayer_relay::auth::Principal;
use mcp_multiplayer_relay::config::Config;
use mcp_multiplayer_relay::store::{Store, StoreError};
use mcp_multiplayer_relay::{Purpose, database_path, open_database};

pub(crate) use access_code::{AccessCodeCommand, run as access_code};
pub(crate) use channel::{ChannelCommand, run as channel};
pub(crate) use grant::{GrantCommand, run as grant};
pub(crate) use receipt::{ReceiptCommand, run as receipt};
pub(crate) use token::{TokenCommand, run as token};

/// Note on the effect of a revocation.
const REVOCATION_NOTE: &str = "A running relay refuses further requests within two seconds, and within five seconds it \
     closes open WebSocket connections and ends calls that wait and subscriptions.";

/// The names that the operator gave to principals: with their access codes, or with their tokens.
async fn principal_names(store: &dyn Store) -> Result<HashMap<String, String>, StoreError> {
    let codes = store.list_access_codes().await?;
    let codes = codes.into_iter().map(|code| (Principal::person(&code.id).as_str().to_owned(), code.name));
    let tokens = store.list_tokens().await?;
    let tokens = tokens.into_iter().map(|token| (Principal::token(&token.id).as_str().to_owned(), token.name));
    Ok(codes.chain(tokens).collect())
}

/// Opens the database for a command that lists or revokes. Fails if there is none.
fn open(config: &Config) -> Result<Arc<dyn Store>> {
    open_database(config, Purpose::Administer)
}

/// Opens the database for a command that creates something, creates it if there is none, and tells the operator which one
/// it is: with a mistyped directory, the relay would not know what the command created.
fn open_or_create(config: &Config) -> Result<Arc<dyn Store>> {
    let is_new = !database_path(config).exists();
    let store = open_database(config, Purpose::Create)?;
    let (new, directory) = (if is_new { " (new database)" } else { "" }, config.data_dir.display());
    eprintln!("Data directory: {directory}{new}");
    Ok(store)
}
