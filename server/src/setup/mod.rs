//! `setup`: adds this program to the configuration of MCP clients, and removes it again.
//!
//! - `client`, `folders`: the clients, and the places of their configuration;
//! - `format`, `json`, `toml`, `entry`: the configuration's text and the entry in it; pure;
//! - `change`: the change and the way back, worked out before anything is written;
//! - `config_file`, `claude_code`: reading and writing;
//! - `skill`: the text that tells a model when to use the product;
//! - `session`, `dialogue`: the order of events, and output and questions.

mod change;
mod claude_code;
mod client;
mod config_file;
mod dialogue;
mod entry;
mod folders;
mod format;
mod format_error;
mod json;
mod session;
mod skill;
mod toml;

use std::process::ExitCode;

use crate::RelayUrl;
use dialogue::{Consent, say};
use session::{Outcome, Session};

pub(crate) use client::Client;
pub(crate) use config_file::ConfigFile;
pub(crate) use entry::Entry;
pub(crate) use folders::{Folders, is_executable, is_on_search_path};

/// Add this program to the configuration of MCP clients
///
/// Shows each change first, asks, and keeps the file as it was beside it, as FILE.before-mcp-multiplayer. Without a CLIENT,
/// takes all clients that are found on this computer.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Setup {
    /// The clients to set up
    #[arg(value_enum)]
    clients: Vec<Client>,
    /// Name of the server in the client
    #[arg(long, default_value = "multiplayer", value_parser = parse_name)]
    name: String,
    /// Address of the relay that the client shall use, if it is not the one on this computer
    #[arg(long, value_name = "URL", value_parser = parse_relay)]
    relay: Option<String>,
    /// Do not ask, and replace another server of the same name
    #[arg(long)]
    yes: bool,
    /// Remove the entry and the skill again
    #[arg(long)]
    undo: bool,
    /// Only show what would be changed
    #[arg(long, conflicts_with = "yes")]
    print: bool,
    /// Leave out the skill, a text that tells a model when to use multiplayer
    #[arg(long)]
    no_skill: bool,
}

fn parse_name(text: &str) -> Result<String, String> {
    let is_valid =
        (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    if is_valid { Ok(text.to_owned()) } else { Err("use 1 to 64 letters, digits, '-' and '_'".to_owned()) }
}

fn parse_relay(text: &str) -> Result<String, String> {
    text.parse::<RelayUrl>().map(|_| text.trim().to_owned()).map_err(|error| error.to_string())
}

/// Changes the configurations of the clients that the arguments name.
pub fn run(arguments: &Setup) -> ExitCode {
    let Some(folders) = Folders::of_user() else {
        say("The home directory is unknown: set HOME.");
        return ExitCode::FAILURE;
    };
    let consent = Consent::of(arguments.yes, arguments.print);
    let found: Vec<_> = Client::ALL.into_iter().filter(|client| client.is_found(&folders)).collect();
    let clients = if arguments.clients.is_empty() { &found } else { &arguments.clients };
    if clients.is_empty() {
        let names: Vec<_> = Client::ALL.map(Client::argument).to_vec();
        say(&format!(
            "No MCP client was found on this computer. To set one up all the same, name it: {}.",
            names.join(", ")
        ));
        return ExitCode::FAILURE;
    }
    let session = match Session::new(arguments, folders, consent) {
        Ok(session) => session,
        Err(error) => {
            say(&format!("The path of this program is unknown: {error}."));
            return ExitCode::FAILURE;
        }
    };
    let outcomes: Vec<_> = clients.iter().map(|client| (*client, session.perform(*client))).collect();
    let with =
        |wanted| outcomes.iter().filter(move |(_, outcome)| *outcome == wanted).map(|(client, _)| client.argument());
    let declined: Vec<_> = with(Outcome::Declined).collect();
    if consent == Consent::Nobody && !declined.is_empty() {
        let undo = if arguments.undo { "--undo " } else { "" };
        say(&format!(
            "Nothing was changed, because there is no terminal to ask at. To do it: mcp-multiplayer setup {undo}--yes {}",
            declined.join(" ")
        ));
    }
    let was_refused = consent == Consent::Nobody && !arguments.clients.is_empty() && !declined.is_empty();
    let has_failed = with(Outcome::Failed).next().is_some();
    if has_failed || was_refused { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
