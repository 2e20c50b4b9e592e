//! The operator's commands. They open the database themselves, beside a running relay or without one.

mod access_code;
mod export;
mod grant;
mod terminal;
mod token;

use std::sync::Arc;

use anyhow::Result;
use mcp_multiplayer_relay::config::Config;
use mcp_multiplayer_relay::store::Store;
use mcp_multiplayer_relay::{Purpose, open_database};

pub(crate) use access_code::{AccessCodeCommand, run as access_code};
pub(crate) use export::{ExportCommand, run as export};
pub(crate) use grant::{GrantCommand, run as grant};
pub(crate) use token::{TokenCommand, run as token};

/// Note on the effect of a revocation.
const REVOCATION_NOTE: &str = "A running relay refuses further requests within two seconds, and within five seconds it \
     closes open WebSocket connections and ends calls that wait and subscriptions.";

fn open(config: &Config) -> Result<Arc<dyn Store>> {
    open_database(config, Purpose::Administer)
}
