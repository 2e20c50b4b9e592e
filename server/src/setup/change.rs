//! The change to a client's configuration, and the way back, worked out before anything is written.

use super::config_file::{ConfigFile, FileError};
use super::entry::{Entry, Server};
use super::folders::Folders;
use super::format::Format;
use super::format_error::FormatError;

/// A change that adds this program to a configuration.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) kind: ChangeKind,
    /// The entry as it will be.
    pub(super) entry: Entry,
    /// The configuration as it will be.
    text: String,
    /// Set if the configuration as it is now shall become the backup.
    keep_backup: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum ChangeKind {
    /// The entry is as it should be.
    Nothing,
    Add,
    /// The entry launches another copy of this program, or launches it otherwise.
    Update(Entry),
    /// The name belongs to another server: the program that it launches, if it does.
    Replace(Option<String>),
}

/// A change that removes the entry again.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Removal {
    /// There is no entry of this name.
    Nothing,
    /// The entry of this name launches another program.
    Foreign,
    /// Nothing else has changed since the backup: the content before, `None` if there was no file.
    Restore(Option<String>),
    /// The configuration without the entry.
    Remove(String),
}

/// Error for a configuration that cannot be changed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChangeError {
    #[error("cannot be understood ({0}); correct it, and run this again")]
    Format(#[from] FormatError),
    #[error("cannot be used: {0}")]
    File(#[from] FileError),
}

impl Change {
    pub(super) fn plan(file: &ConfigFile, format: Format, name: &str, new: &Entry) -> Result<Self, ChangeError> {
        let servers = format.servers(file.text())?;
        let has_own = servers.iter().any(|server| server.own().is_some());
        let present = servers.into_iter().find(|server| server.name == name);
        let own = present.as_ref().and_then(Server::own).cloned();
        let entry = own.as_ref().map_or_else(|| new.clone(), |own| new.updating(own));
        let kind = match (own, present) {
            (Some(own), _) if own == entry => ChangeKind::Nothing,
            (Some(own), _) => ChangeKind::Update(own),
            (None, Some(other)) => ChangeKind::Replace(other.entry.map(|entry| entry.command)),
            (None, None) => ChangeKind::Add,
        };
        let text = format.with(file.text(), name, &entry)?;
        // A backup that has an entry of ours is not the way back.
        let keep_backup = !has_own || file.backup().map_err(FileError::from)?.is_none();
        Ok(Self { kind, entry, text, keep_backup })
    }

    /// Keeps the backup, and writes the configuration.
    pub(super) fn apply(&self, file: &ConfigFile) -> Result<(), ChangeError> {
        Ok(file.replace(&self.text, self.keep_backup)?)
    }
}

impl Removal {
    pub(super) fn plan(file: &ConfigFile, format: Format, name: &str) -> Result<Self, ChangeError> {
        let Some(server) = format.server(file.text(), name)? else { return Ok(Self::Nothing) };
        let Some(own) = server.own() else { return Ok(Self::Foreign) };
        let backup = file.backup().map_err(FileError::from)?;
        let before = backup.as_deref().unwrap_or_default();
        let is_before =
            format.server(before, name).is_ok_and(|server| server.is_none_or(|server| server.own().is_none()));
        if is_before && format.with(before, name, own).is_ok_and(|after| after == file.text()) {
            return Ok(Self::Restore(backup));
        }
        Ok(Self::Remove(format.without(file.text(), name)?))
    }

    /// Writes the configuration. A backup that was restored is not needed any more.
    pub(super) fn apply(&self, file: &ConfigFile, folders: &Folders) -> Result<(), ChangeError> {
        match self {
            Self::Nothing | Self::Foreign => {}
            Self::Restore(None) => file.remove(folders)?,
            Self::Restore(Some(text)) => {
                file.replace(text, false)?;
                file.remove_backup().map_err(FileError::from)?;
            }
            Self::Remove(text) => file.replace(text, false)?,
        }
        Ok(())
    }
}
