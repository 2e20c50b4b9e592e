//! Where the token for a relay comes from. It is read anew at each dial, never kept, never shown.

use std::path::PathBuf;

use mcp_multiplayer_protocol::{Error, ErrorCode, Secret};

use crate::RelayUrl;
use crate::args::TOKEN_VARIABLE;

/// How a person gets a token.
const GET_A_TOKEN: &str = "The relay's operator makes one with `mcp-multiplayer-relay token create --name NAME`.";

/// Where the token comes from.
#[derive(Clone, Debug)]
pub enum TokenSource {
    /// The environment, when the program started.
    Environment(Secret),
    /// A file that the user named.
    File(PathBuf),
    /// The file that a relay on this machine keeps for its own user; `None` without a home directory.
    Local(Option<PathBuf>),
}

impl TokenSource {
    /// The token for a relay.
    pub(crate) fn read(&self, relay: &RelayUrl) -> Result<Secret, Error> {
        let unauthenticated =
            |message: String, hint: String| Err(Error::new(ErrorCode::Unauthenticated, message, hint));
        let (path, hint) = match self {
            Self::Environment(token) => return usable(token.expose()).ok_or_else(|| self.unusable()),
            Self::File(path) => (path, format!("Check --token-file (or MCP_MULTIPLAYER_TOKEN_FILE). {GET_A_TOKEN}")),
            Self::Local(_) if !relay.is_loopback() => {
                return unauthenticated(
                    format!("There is no token for the relay at {relay}; the local one stays on this machine."),
                    format!("Set the environment variable {TOKEN_VARIABLE} for this server. {GET_A_TOKEN}"),
                );
            }
            Self::Local(None) => {
                return unauthenticated(
                    "There is no data directory in which to look for the local relay's token.".to_owned(),
                    format!("Set DATA_DIR as for the relay, or {TOKEN_VARIABLE}. {GET_A_TOKEN}"),
                );
            }
            Self::Local(Some(path)) => (
                path,
                format!("Set DATA_DIR as for the relay, and run both as the same user; or set {TOKEN_VARIABLE}."),
            ),
        };
        match std::fs::read_to_string(path) {
            Ok(text) => usable(&text).ok_or_else(|| self.unusable()),
            Err(error) => unauthenticated(format!("The token file {} cannot be read: {error}.", path.display()), hint),
        }
    }

    /// `UNAUTHENTICATED`, after the relay did not accept the token.
    pub(crate) fn refused(&self, relay: &RelayUrl) -> Error {
        let hint = match self {
            Self::Environment(_) => format!("Set {TOKEN_VARIABLE} to a token of this relay. {GET_A_TOKEN}"),
            Self::File(_) => format!("Put a token of this relay into that file. {GET_A_TOKEN}"),
            Self::Local(_) => format!(
                "Is this relay run by another user, or with another DATA_DIR? Set DATA_DIR alike, or set {TOKEN_VARIABLE}."
            ),
        };
        let message = format!("The relay at {relay} did not accept the token from {}.", self.name());
        Error::new(ErrorCode::Unauthenticated, message, hint)
    }

    fn unusable(&self) -> Error {
        let message = format!("What is in {} is no token: it is empty or not plain ASCII.", self.name());
        Error::new(ErrorCode::Unauthenticated, message, GET_A_TOKEN)
    }

    fn name(&self) -> String {
        match self {
            Self::Environment(_) => TOKEN_VARIABLE.to_owned(),
            Self::File(path) | Self::Local(Some(path)) => path.display().to_string(),
            Self::Local(None) => "the data directory".to_owned(),
        }
    }
}

/// The token, if it can stand in a header.
fn usable(text: &str) -> Option<Secret> {
    let token = text.trim();
    (!token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic())).then(|| Secret::new(token))
}

/// Where a relay of this user keeps its data: `DATA_DIR`, else the platform's place for it.
pub fn data_dir() -> Option<PathBuf> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || variable("HOME").or_else(|| variable("USERPROFILE"));
    variable("DATA_DIR").or_else(|| {
        let base = if cfg!(target_os = "macos") {
            home().map(|home| home.join("Library/Application Support"))
        } else {
            variable("XDG_DATA_HOME").or_else(|| home().map(|home| home.join(".local/share")))
        };
        base.map(|base| base.join("mcp-multiplayer"))
    })
}

#[cfg(test)]
mod tests {
    use mcp_multiplayer_protocol::{ErrorCode, Secret};

    use super::TokenSource;
    use crate::RelayUrl;

    #[test]
    fn the_local_token_stays_on_this_machine() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("local-token");
        std::fs::write(&path, "lt_0\n").unwrap();
        let source = TokenSource::Local(Some(path));
        let read = |url: &str| source.read(&url.parse::<RelayUrl>().unwrap());
        assert_eq!(read("ws://localhost:8100").unwrap().expose(), "lt_0");
        let error = read("wss://relay.example.com").unwrap_err();
        assert_eq!(error.code, ErrorCode::Unauthenticated);
        assert!(error.hint.contains("MCP_MULTIPLAYER_TOKEN"), "{error}");
    }

    #[test]
    fn what_cannot_be_a_token_is_not_sent() {
        let relay: RelayUrl = "ws://localhost:8100".parse().unwrap();
        for text in ["", " ", "two words", "line\nbreak", "é"] {
            assert!(TokenSource::Environment(Secret::new(text)).read(&relay).is_err(), "{text:?}");
        }
    }
}
