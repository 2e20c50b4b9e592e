//! The settings with which the relay is reached: those of the command, or else those of a client's entry.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use mcp_multiplayer_protocol::{Error, ErrorCode, Secret};

use crate::login::Login;
use crate::setup::Entry;
use crate::{Destination, Dialer, RelayStarter, RelayUrl, TokenSource, data_dir};

const RELAY_VARIABLE: &str = "MCP_MULTIPLAYER_RELAY";
const TOKEN_VARIABLE: &str = "MCP_MULTIPLAYER_TOKEN";
const TOKEN_FILE_VARIABLE: &str = "MCP_MULTIPLAYER_TOKEN_FILE";

/// Creates the dialer of a stdio server that is launched with these flags.
pub(super) type DialerWith = fn(&mut dyn Iterator<Item = OsString>) -> Result<Dialer, String>;

/// The settings of the stdio server that this command needs.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    /// Address of the relay; `None` for the default.
    pub(super) relay: Option<String>,
    pub(super) token_file: Option<PathBuf>,
    /// A token that is part of a client's configuration.
    pub(super) token: Option<Secret>,
    pub(super) data_dir: Option<PathBuf>,
    pub(super) insecure: bool,
}

impl Settings {
    /// Reads the settings of a client's entry.
    pub(super) fn of_entry(entry: &Entry) -> Self {
        let flag = |name: &str| {
            let mut args = entry.args.iter();
            args.find_map(|arg| match arg.strip_prefix(name)?.strip_prefix('=') {
                Some(value) => Some(value.to_owned()),
                None if arg == name => entry.args.iter().skip_while(|other| *other != arg).nth(1).cloned(),
                None => None,
            })
        };
        let variable = |name: &str| entry.env.get(name).filter(|value| !value.trim().is_empty()).cloned();
        Self {
            relay: flag("--relay").or_else(|| variable(RELAY_VARIABLE)),
            token_file: flag("--token-file").or_else(|| variable(TOKEN_FILE_VARIABLE)).map(PathBuf::from),
            token: variable(TOKEN_VARIABLE).map(Secret::new),
            data_dir: variable("DATA_DIR").map(PathBuf::from),
            insecure: entry.args.iter().any(|arg| arg == "--insecure"),
        }
    }

    /// Fills in what is missing from the first of the entries that is for the same relay.
    ///
    /// If these settings name no relay, that of the first entry is taken.
    pub(super) fn complete<'a>(&mut self, entries: impl Iterator<Item = &'a Entry>) {
        let address = |relay: &Option<String>| relay.as_deref().map(str::parse::<RelayUrl>).and_then(Result::ok);
        let mut entries = entries.map(Self::of_entry);
        let same = match &self.relay {
            None => entries.next(),
            Some(_) => entries.find(|entry| address(&entry.relay) == address(&self.relay)),
        };
        let Some(same) = same else { return };
        self.relay = self.relay.take().or(same.relay);
        self.data_dir = self.data_dir.take().or(same.data_dir);
        self.insecure |= same.insecure;
        if self.token_file.is_none() {
            (self.token_file, self.token) = (same.token_file, same.token);
        }
    }

    /// The directory in which the client's stdio server keeps what it knows.
    pub(super) fn data_dir(&self) -> Option<PathBuf> {
        self.data_dir.clone().or_else(data_dir)
    }

    /// Creates the dialer that the stdio server would use.
    pub(super) fn dialer(&self, dialer_with: DialerWith) -> Result<Dialer, Error> {
        let invalid = |error: &dyn std::fmt::Display| {
            Error::new(ErrorCode::InvalidRequest, error.to_string(), "Check the address of the relay.")
        };
        let has_own_token =
            self.token_file.is_some() || std::env::var(TOKEN_VARIABLE).is_ok_and(|token| !token.trim().is_empty());
        if let (Some(token), Some(relay), false) = (&self.token, &self.relay, has_own_token) {
            let relay = relay.parse().map_err(|error| invalid(&error))?;
            let token = TokenSource::Environment(token.clone());
            return Ok(Dialer::new(Destination::Address(relay), token, self.insecure));
        }
        let is_local = self
            .relay
            .as_deref()
            .and_then(|relay| relay.parse().ok())
            .is_some_and(|relay: RelayUrl| relay.is_loopback());
        if let (None, Some(data_dir)) = (&self.relay, &self.data_dir) {
            let login = TokenSource::Login(Login::new(Some(data_dir.clone())));
            let token = self.token_file.clone().map_or(login, TokenSource::File);
            let starter = RelayStarter::new(data_dir.clone());
            return Ok(Dialer::new(Destination::ThisComputer(starter), token, self.insecure));
        }
        // The token of this machine's relay is not sent to other machines.
        let local_token = || {
            let path = self.data_dir.as_deref().map(|directory: &Path| directory.join("local-token"))?;
            (is_local && path.is_file()).then_some(path)
        };
        let token_file = self.token_file.clone().or_else(|| (!has_own_token).then(local_token).flatten());
        let mut flags: Vec<OsString> = Vec::new();
        if let Some(relay) = &self.relay {
            flags.extend(["--relay".into(), relay.into()]);
        }
        if let Some(path) = token_file {
            flags.extend(["--token-file".into(), path.into_os_string()]);
        }
        flags.extend(self.insecure.then(|| "--insecure".into()));
        dialer_with(&mut flags.into_iter()).map_err(|error| invalid(&error))
    }
}
