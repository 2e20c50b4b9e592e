//! What the program is told when it starts.

use std::path::PathBuf;

use mcp_multiplayer_protocol::Secret;

use crate::{Dialer, RelayUrl, TokenSource, data_dir};

/// The environment variable that holds a token. There is no flag for it: arguments are seen by everybody on the machine.
pub(crate) const TOKEN_VARIABLE: &str = "MCP_MULTIPLAYER_TOKEN";

/// MCP server (stdio) for multiplayer channels: connects an MCP client to a relay.
///
/// The token for the relay comes from --token-file, else from the environment variable
/// `MCP_MULTIPLAYER_TOKEN`, else, for a relay on this machine, from the file that the relay keeps for
/// that in its data directory (`DATA_DIR`).
#[derive(Debug, clap::Parser)]
#[command(version)]
pub struct Args {
    /// The relay's address: ws://, wss://, http:// or https://.
    #[arg(long, value_name = "URL", env = "MCP_MULTIPLAYER_RELAY", default_value = "ws://127.0.0.1:8100/ws")]
    pub relay: RelayUrl,
    /// A file that holds the token for the relay.
    #[arg(long, value_name = "PATH", env = "MCP_MULTIPLAYER_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// Send the token even over an unencrypted connection to another machine.
    #[arg(long)]
    pub insecure: bool,
}

impl Args {
    /// Whom to dial, and as whom.
    pub fn into_dialer(self) -> Dialer {
        let from_environment = || std::env::var(TOKEN_VARIABLE).ok().filter(|token| !token.trim().is_empty());
        let token = match (self.token_file, from_environment()) {
            (Some(path), _) => TokenSource::File(path),
            (None, Some(token)) => TokenSource::Environment(Secret::new(token)),
            (None, None) => TokenSource::Local(data_dir().map(|dir| dir.join("local-token"))),
        };
        Dialer::new(self.relay, token, self.insecure)
    }
}
