//! The types of settings that are a choice.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Strength of the bot sandbox; docs/TRUST.md lists what each level stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SandboxLevel {
    /// Every layer is active.
    Full,
    /// System calls are filtered, and files outside the sandbox cannot be opened.
    Kernel,
    /// A separate process with resource limits, and nothing more.
    Process,
}

impl SandboxLevel {
    /// The level's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Kernel => "kernel",
            Self::Process => "process",
        }
    }
}

/// Policy for access by OAuth. Tokens that the operator creates work under each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Anyone who can reach the relay.
    Open,
    /// People with an access code from the operator.
    Invite,
    /// Nobody.
    Closed,
}

/// Storage backend and its location: `sqlite:PATH`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Database {
    /// A SQLite file; a relative path starts at the data directory.
    Sqlite(PathBuf),
}

impl FromStr for Database {
    type Err = String;

    /// The error never repeats the location, which may contain a password.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(path.into())),
            Some(("sqlite", _)) => Err("the path of the SQLite file is missing; write sqlite:PATH".to_owned()),
            Some((backend, _)) => {
                Err(format!("storage backend `{backend}` is not supported; the only one is SQLite: write sqlite:PATH"))
            }
            None => Err("the storage backend is missing; write sqlite:PATH".to_owned()),
        }
    }
}

impl TryFrom<String> for Database {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Database> for String {
    fn from(database: Database) -> Self {
        database.to_string()
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Database;

    #[test]
    fn sqlite_is_the_only_backend() {
        assert_eq!("sqlite:relay.db".parse(), Ok(Database::Sqlite("relay.db".into())));
        assert_eq!("sqlite:/srv/a:b.db".parse::<Database>().unwrap().to_string(), "sqlite:/srv/a:b.db");
        for (text, message) in [
            ("sqlite:", "path of the SQLite file is missing"),
            ("relay.db", "storage backend is missing"),
            ("", "storage backend is missing"),
            ("postgres://relay:secret@db/relay", "`postgres` is not supported"),
            ("SQLITE:relay.db", "`SQLITE` is not supported"),
        ] {
            let error = text.parse::<Database>().unwrap_err();
            assert!(error.contains(message) && error.contains("sqlite:PATH"), "{text}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
