//! `setup`: adds this program to the configuration of MCP clients, and removes it again.
//!
//! - `client`, `folders`: the clients, and the places of their configuration;
//! - `format`, `json`, `toml`, `entry`: the configuration's text and the entry in it; pure;
//! - `change`: the change and the way back, worked out before anything is written;
//! - `config_file`, `claude_code`: reading and writing;
//! - `skill`: the text that tells a model when to use the product;
//! - `dialogue`: output and questions.

mod change;
mod claude_code;
mod client;
mod config_file;
mod dialogue;
mod entry;
mod folders;
mod format;
mod json;
mod skill;
mod toml;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::RelayUrl;
use change::{Change, ChangeError, ChangeKind, Removal};
use claude_code::ClaudeCode;
use config_file::FileError;
use dialogue::{Consent, say, show};

pub(crate) use client::Client;
pub(crate) use config_file::ConfigFile;
pub(crate) use entry::Entry;
pub(crate) use folders::{Folders, is_executable, is_on_search_path};

/// Add this program to the configuration of MCP clients
///
/// Shows each change first, asks, and keeps the file as it was beside it, as FILE.before-mcp-multiplayer. Without a CLIENT,
/// takes all clients that are found on this computer.
#[derive(Debug, clap::Args)]
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

/// Result for one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Done,
    /// There was nothing to do.
    Nothing,
    /// Nobody agreed to it.
    Declined,
    Failed,
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

/// One run of the command.
struct Session<'a> {
    arguments: &'a Setup,
    folders: Folders,
    consent: Consent,
    /// The entry for clients that have none.
    entry: Entry,
    offered_skills: RefCell<BTreeSet<PathBuf>>,
}

impl<'a> Session<'a> {
    fn new(arguments: &'a Setup, folders: Folders, consent: Consent) -> std::io::Result<Self> {
        let entry = Entry::of_this_program(arguments.relay.as_deref())?;
        if entry.is_temporary() && !arguments.undo {
            say(&format!(
                "Warning: this program is in a folder for temporary files, {}. If it is deleted there, the clients cannot \
                 launch it any more. Install it in a permanent place first, and run it from there.",
                entry.command
            ));
        }
        Ok(Self { arguments, folders, consent, entry, offered_skills: RefCell::default() })
    }

    /// Sets up one client, or undoes it, and says so.
    fn perform(&self, client: Client) -> Outcome {
        let path = client.config_path(&self.folders);
        say(&format!("{}: {}", client.title(), path.display()));
        let result = ConfigFile::open(path)
            .map_err(ChangeError::from)
            .and_then(|file| if self.arguments.undo { self.undo(client, &file) } else { self.set_up(client, &file) });
        let outcome = result.and_then(|outcome| match outcome {
            Outcome::Failed => Ok(outcome),
            Outcome::Declined if self.consent == Consent::Ask => Ok(outcome),
            _ if self.arguments.no_skill => Ok(outcome),
            _ => self.offer_skill(client).map(|skill| if skill == Outcome::Nothing { outcome } else { skill }),
        });
        outcome.unwrap_or_else(|error| {
            say(&format!("  The file {error}. Nothing was written."));
            Outcome::Failed
        })
    }

    fn set_up(&self, client: Client, file: &ConfigFile) -> Result<Outcome, ChangeError> {
        let (name, format) = (&self.arguments.name, client.format());
        let change = Change::plan(file, format, name, &self.entry)?;
        let claude =
            if client == Client::ClaudeCode && change.kind == ChangeKind::Add { ClaudeCode::find() } else { None };
        let action = if claude.is_some() {
            format!("This will be added, by running '{}':", claude_code::add_command(name, &change.entry))
        } else {
            "This will be added:".to_owned()
        };
        match &change.kind {
            ChangeKind::Nothing => {
                say(&format!("  Has the entry \"{name}\" for this program already."));
                return Ok(Outcome::Nothing);
            }
            ChangeKind::Add => say(&format!("  {action}")),
            ChangeKind::Update(present) => {
                say("  This will be changed:");
                show('-', &format.alone(name, &present.redacted()));
            }
            ChangeKind::Replace(command) => {
                let other =
                    command.as_ref().map_or("of another kind".to_owned(), |command| format!("that launches {command}"));
                say(&format!("  Has a server \"{name}\" already, {other}."));
                if !self.arguments.yes {
                    say(
                        "  It was left alone. Choose another name with --name, or replace it with --yes; the backup will contain it.",
                    );
                    return Ok(Outcome::Failed);
                }
                say("  It is replaced by:");
            }
        }
        show('+', &format.alone(name, &change.entry.redacted()));
        if !self.consent.confirm("Write it?") {
            return Ok(Outcome::Declined);
        }
        match claude {
            Some(claude) => {
                file.check_writable()?;
                file.back_up()?;
                claude.add(name, &change.entry).map_err(FileError::from)?;
            }
            None => change.apply(file)?,
        }
        if file.backup().map_err(FileError::from)?.is_some() {
            say(&format!("  Done. The file as it was: {}", file.backup_path().display()));
        } else {
            say("  Done.");
        }
        say(&format!("  {}", client.next_step()));
        Ok(Outcome::Done)
    }

    fn undo(&self, client: Client, file: &ConfigFile) -> Result<Outcome, ChangeError> {
        let name = &self.arguments.name;
        let removal = Removal::plan(file, client.format(), name)?;
        match &removal {
            Removal::Nothing => {
                say(&format!("  Has no entry \"{name}\"."));
                return Ok(Outcome::Nothing);
            }
            Removal::Foreign => {
                say(&format!("  The entry \"{name}\" is for another program, and was left alone."));
                return Ok(Outcome::Nothing);
            }
            Removal::Restore(Some(_)) => {
                say("  The file will be restored from its backup: nothing else has changed since.")
            }
            Removal::Restore(None) => {
                say("  The file will be removed: it was not there before, and has nothing else in it.")
            }
            Removal::Remove(_) => say(&format!("  The entry \"{name}\" will be removed. Everything else stays.")),
        }
        if !self.consent.confirm("Do it?") {
            return Ok(Outcome::Declined);
        }
        // Claude Code may be writing its file at this moment.
        match ClaudeCode::find().filter(|_| client == Client::ClaudeCode && matches!(removal, Removal::Remove(_))) {
            Some(claude) => claude.remove(name).map_err(FileError::from)?,
            None => removal.apply(file)?,
        }
        say("  Done.");
        if matches!(removal, Removal::Remove(_)) && file.backup().map_err(FileError::from)?.is_some() {
            say(&format!("  The backup from before is kept: {}", file.backup_path().display()));
        }
        Ok(Outcome::Done)
    }

    /// Offers to install the skill, or removes it where no client uses it any more.
    fn offer_skill(&self, client: Client) -> Result<Outcome, ChangeError> {
        let Some(path) = skill::path(client, &self.folders) else { return Ok(Outcome::Nothing) };
        // Several clients read the same file.
        if !self.arguments.undo && !self.offered_skills.borrow_mut().insert(path.clone()) {
            return Ok(Outcome::Nothing);
        }
        let file = ConfigFile::open(path)?;
        if self.arguments.undo {
            return self.remove_skill(&file);
        }
        if file.text() == skill::TEXT {
            return Ok(Outcome::Nothing);
        }
        let is_older = skill::is_own(file.text());
        let verb = match (file.exists(), is_older) {
            (false, _) => "added",
            (true, true) => "replaced by that of this version",
            (true, false) => "replaced, with a backup",
        };
        say(&format!(
            "  The skill {} will be {verb}. It tells a model when to use multiplayer.",
            file.path().display()
        ));
        if !self.consent.confirm("Write it?") {
            return Ok(Outcome::Declined);
        }
        file.replace(skill::TEXT, !is_older)?;
        say("  Done.");
        Ok(Outcome::Done)
    }

    fn remove_skill(&self, file: &ConfigFile) -> Result<Outcome, ChangeError> {
        let is_used = |client: &Client| {
            skill::path(*client, &self.folders).as_deref() == Some(file.path()) && has_own_entry(*client, &self.folders)
        };
        if !file.exists() || Client::ALL.iter().any(is_used) {
            return Ok(Outcome::Nothing);
        }
        if !skill::is_own(file.text()) {
            say(&format!("  The skill {} is another one, and was left alone.", file.path().display()));
            return Ok(Outcome::Nothing);
        }
        say(&format!("  The skill {} will be removed.", file.path().display()));
        if !self.consent.confirm("Do it?") {
            return Ok(Outcome::Declined);
        }
        match file.backup().map_err(FileError::from)? {
            // Somebody's own skill was there before.
            Some(text) => {
                file.replace(&text, false)?;
                file.remove_backup().map_err(FileError::from)?;
            }
            None => {
                file.remove()?;
                // Fails if something else is in it.
                let _ = file.path().parent().map(std::fs::remove_dir);
            }
        }
        say("  Done.");
        Ok(Outcome::Done)
    }
}

fn has_own_entry(client: Client, folders: &Folders) -> bool {
    let file = ConfigFile::open(client.config_path(folders));
    let servers = file.ok().and_then(|file| client.format().servers(file.text()).ok());
    servers.is_some_and(|servers| servers.iter().any(|server| server.own().is_some()))
}
