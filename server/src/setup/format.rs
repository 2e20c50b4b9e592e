//! The formats of clients' configurations. Everything but the entry that is changed stays as it is, to the byte.

use super::entry::{Entry, Server};
use super::format_error::FormatError;
use super::json::Shape;
use super::{json, toml};

/// Format of a client's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// JSON, which may have comments, with the servers in one object.
    Json {
        /// Key of that object.
        section: &'static str,
        shape: Shape,
    },
    /// TOML, with one table for each server.
    Toml {
        /// Key of the table of these tables.
        section: &'static str,
    },
}

impl Format {
    /// Lists the servers of a configuration.
    pub(crate) fn servers(self, text: &str) -> Result<Vec<Server>, FormatError> {
        match self {
            Self::Json { section, shape } => json::servers(text, section, shape),
            Self::Toml { section } => toml::servers(text, section),
        }
    }

    /// Finds the server of a name.
    pub(super) fn server(self, text: &str, name: &str) -> Result<Option<Server>, FormatError> {
        Ok(self.servers(text)?.into_iter().find(|server| server.name == name))
    }

    /// Returns the configuration with an entry of this name. In an existing one of this program, only what differs is
    /// changed; one of another program is replaced.
    pub(super) fn with(self, text: &str, name: &str, entry: &Entry) -> Result<String, FormatError> {
        match self {
            Self::Json { section, shape } => json::with(text, section, shape, name, entry),
            Self::Toml { section } => toml::with(text, section, name, entry),
        }
    }

    /// Returns the configuration without the entry of this name.
    pub(super) fn without(self, text: &str, name: &str) -> Result<String, FormatError> {
        match self {
            Self::Json { section, .. } => json::without(text, section, name),
            Self::Toml { section } => toml::without(text, section, name),
        }
    }

    /// Returns a configuration that has nothing but this entry.
    pub(super) fn alone(self, name: &str, entry: &Entry) -> String {
        self.with("", name, entry).expect("an empty configuration is well-formed")
    }
}
