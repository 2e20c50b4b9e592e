//! The entry of a client's configuration that launches an MCP server.

use std::collections::BTreeMap;
use std::env;
use std::io;
use std::path::Path;

/// Name of this program, without the `.exe` of Windows.
const PROGRAM: &str = "mcp-multiplayer";

/// Folders from which package runners launch programs that they may delete later.
const CACHES: [&str; 4] = ["_npx", "uv/archive-v0", "pipx/.cache", "bunx-"];

/// Variables of this program whose values are not secret.
const PLAIN_VARIABLES: [&str; 3] = ["DATA_DIR", "MCP_MULTIPLAYER_RELAY", "MCP_MULTIPLAYER_TOKEN_FILE"];

/// A program that a client launches as an MCP server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Path of the program, or its name on the search path.
    pub(crate) command: String,
    pub(crate) args: Vec<String>,
    pub(crate) env: BTreeMap<String, String>,
}

impl Entry {
    /// The entry for the program that is running, with the data directory of its environment, if that names one.
    pub(crate) fn of_this_program(relay: Option<&str>) -> io::Result<Self> {
        let path = env::current_exe()?;
        let command = path.to_str().ok_or_else(|| io::Error::other("its path is not valid Unicode"))?.to_owned();
        let args = relay.map(|relay| vec!["--relay".to_owned(), relay.to_owned()]).unwrap_or_default();
        // A client does not pass on variables of a shell.
        let data_dir = env::var("DATA_DIR").ok().filter(|path| Path::new(path).is_absolute());
        Ok(Self { command, args, env: data_dir.map(|path| ("DATA_DIR".to_owned(), path)).into_iter().collect() })
    }

    /// Returns whether the entry launches this program, of whatever version and place.
    pub(crate) fn is_own(&self) -> bool {
        Path::new(&self.command).file_stem().is_some_and(|stem| stem == PROGRAM)
    }

    /// Returns whether the program is in a folder whose content may be deleted at any time.
    pub(crate) fn is_temporary(&self) -> bool {
        let path = self.command.replace('\\', "/");
        Path::new(&self.command).starts_with(env::temp_dir()) || CACHES.iter().any(|cache| path.contains(cache))
    }

    /// Returns this entry with what an older one of this program says besides: its variables, and its arguments unless
    /// there are new ones.
    pub(super) fn updating(&self, older: &Self) -> Self {
        let mut updated = self.clone();
        if updated.args.is_empty() {
            updated.args.clone_from(&older.args);
        }
        for (name, value) in &older.env {
            updated.env.entry(name.clone()).or_insert_with(|| value.clone());
        }
        updated
    }

    /// Returns the entry without the values of variables that may be secret.
    pub(super) fn redacted(&self) -> Self {
        let mut redacted = self.clone();
        for (_, value) in redacted.env.iter_mut().filter(|(name, _)| !PLAIN_VARIABLES.contains(&name.as_str())) {
            "…".clone_into(value);
        }
        redacted
    }
}

/// A server in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) name: String,
    /// The program that it launches; `None` if it is of another kind, such as one at a URL.
    pub(crate) entry: Option<Entry>,
}

impl Server {
    /// The entry, if it launches this program.
    pub(crate) fn own(&self) -> Option<&Entry> {
        self.entry.as_ref().filter(|entry| entry.is_own())
    }
}

#[cfg(test)]
mod tests {
    use super::Entry;

    fn entry(command: &str) -> Entry {
        Entry { command: command.to_owned(), ..Entry::default() }
    }

    #[test]
    fn programs_of_other_names_are_not_ours() {
        assert!(entry("/opt/mcp-multiplayer").is_own() && entry("mcp-multiplayer").is_own());
        assert!(entry("mcp-multiplayer.exe").is_own());
        for other in ["npx", "/opt/mcp-multiplayer-relay", "/opt/mcp-multiplayer/server", ""] {
            assert!(!entry(other).is_own(), "{other}");
        }
    }

    #[test]
    fn caches_of_package_runners_are_temporary() {
        assert!(entry("/home/bob/.npm/_npx/1a2b/node_modules/.bin/mcp-multiplayer").is_temporary());
        assert!(entry(&std::env::temp_dir().join("mcp-multiplayer").to_string_lossy()).is_temporary());
        assert!(!entry("/usr/local/bin/mcp-multiplayer").is_temporary());
    }
}
