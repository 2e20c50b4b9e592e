//! One run of the command, client by client.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;

use super::change::{Change, ChangeError, ChangeKind, Removal};
use super::claude_code::{self, ClaudeCode};
use super::client::Client;
use super::config_file::{ConfigFile, FileError};
use super::dialogue::{Consent, say, show};
use super::entry::Entry;
use super::folders::Folders;
use super::{Setup, skill};

/// Result for one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    /// There was nothing to do.
    Nothing,
    /// Nobody agreed to it.
    Declined,
    Failed,
}

/// One run of the command.
pub(super) struct Session<'a> {
    arguments: &'a Setup,
    folders: Folders,
    consent: Consent,
    /// The entry for clients that have none.
    entry: Entry,
    offered_skills: RefCell<BTreeSet<PathBuf>>,
}

impl<'a> Session<'a> {
    pub(super) fn new(arguments: &'a Setup, folders: Folders, consent: Consent) -> std::io::Result<Self> {
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
    pub(super) fn perform(&self, client: Client) -> Outcome {
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
                say("  The file will be restored from its backup: nothing else has changed since.");
            }
            Removal::Restore(None) => {
                say("  The file will be removed: it was not there before, and has nothing else in it.");
            }
            Removal::Remove(_) => say(&format!("  The entry \"{name}\" will be removed. Everything else stays.")),
        }
        if !self.consent.confirm("Do it?") {
            return Ok(Outcome::Declined);
        }
        // Claude Code may be writing its file at this moment.
        match ClaudeCode::find().filter(|_| client == Client::ClaudeCode && matches!(removal, Removal::Remove(_))) {
            Some(claude) => claude.remove(name).map_err(FileError::from)?,
            None => removal.apply(file, &self.folders)?,
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
        if let Some(text) = file.backup().map_err(FileError::from)? {
            // Somebody's own skill was there before.
            file.replace(&text, false)?;
            file.remove_backup().map_err(FileError::from)?;
        } else {
            file.remove(&self.folders)?;
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
