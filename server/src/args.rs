//! Command line arguments and environment variables.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Parser as _;
use mcp_multiplayer_protocol::Secret;

use crate::bearer_token::TOKEN_VARIABLE;
use crate::compare::Compare;
use crate::doctor::Doctor;
use crate::login::Login;
use crate::login::command::{LoginCommand, LogoutCommand, StatusCommand};
use crate::setup::Setup;
use crate::verify::Verify;
use crate::{Destination, Dialer, RelayStarter, RelayUrlError, TokenSource, data_dir};

/// Address of a relay with default settings.
const DEFAULT_RELAY: &str = "ws://127.0.0.1:8100/ws";

/// MCP server for multiplayer channels: connects an MCP client to a relay.
///
/// An MCP client, such as Claude Desktop, launches this program and talks to it over standard input and output.
///
/// The token for the relay is taken from the first of these sources that is set: --token-file, the environment variable
/// `MCP_MULTIPLAYER_TOKEN`, a login (see `mcp-multiplayer login`), or, for a relay on this machine, the file local-token
/// that the relay writes to its data directory. If the relay uses a data directory other than the default, set `DATA_DIR` to the same directory.
#[derive(Debug, clap::Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub struct Args {
    /// What to do instead of serving an MCP client.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Address of the relay, starting with ws://, wss://, http:// or https://. Without one, it is the relay of this computer,
    /// which is started when it is needed.
    #[arg(long, value_name = "URL", env = "MCP_MULTIPLAYER_RELAY")]
    pub relay: Option<String>,
    /// File that contains the token for the relay.
    #[arg(long, value_name = "PATH", env = "MCP_MULTIPLAYER_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// Allow sending the token to another machine over an unencrypted connection.
    #[arg(long)]
    pub insecure: bool,
}

/// What the program does for people.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Verify(Box<Verify>),
    Compare(Compare),
    Login(LoginCommand),
    Logout(LogoutCommand),
    Status(StatusCommand),
    Setup(Setup),
    Doctor(Box<Doctor>),
}

impl Args {
    /// Creates the dialer of a stdio server that is launched with these flags, for `doctor`.
    pub fn dialer_with(flags: &mut dyn Iterator<Item = OsString>) -> Result<Dialer, String> {
        let program = OsString::from(env!("CARGO_PKG_NAME"));
        let args = Self::try_parse_from(std::iter::once(program).chain(flags)).map_err(|error| error.to_string())?;
        args.into_dialer().map_err(|error| error.to_string())
    }

    /// Creates a dialer for the relay, with the token source that these arguments select.
    ///
    /// An invalid address is not an error of the command line: a program that ends at once is shown to the user as
    /// "Connection closed", without the reason.
    pub fn into_dialer(self) -> Result<Dialer, RelayUrlError> {
        let starter = data_dir().map(RelayStarter::new);
        let destination = match (self.relay.as_deref().filter(|relay| !relay.trim().is_empty()), starter) {
            (None, Some(starter)) => Destination::ThisComputer(starter),
            // Without a data directory, no relay can run on this computer. The error for a missing token says what to do.
            (relay, _) => Destination::Address(relay.unwrap_or(DEFAULT_RELAY).parse()?),
        };
        let from_environment = || std::env::var(TOKEN_VARIABLE).ok().filter(|token| !token.trim().is_empty());
        let token = match (self.token_file, from_environment()) {
            (Some(path), _) => TokenSource::File(path),
            (None, Some(token)) => TokenSource::Environment(Secret::new(token)),
            (None, None) => TokenSource::Login(Login::new(data_dir())),
        };
        Ok(Dialer::new(destination, token, self.insecure))
    }
}
