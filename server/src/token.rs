//! Sources of the token for a relay.
//!
//! A token file is read again at each attempt to connect, so that a replaced token takes effect. Tokens are never logged.

use std::path::PathBuf;

use mcp_multiplayer_protocol::{Error, ErrorCode, Secret};

use crate::RelayUrl;
use crate::args::TOKEN_VARIABLE;

/// Hint on how to obtain a token.
const HOW_TO_GET_A_TOKEN: &str =
    "The relay's operator can create a token with `mcp-multiplayer-relay token create --name NAME`.";

/// Source of the token.
#[derive(Clone, Debug)]
pub enum TokenSource {
    /// The environment variable, as it was when the program started.
    Environment(Secret),
    /// A file specified by the user.
    File(PathBuf),
    /// The file that a relay on this machine writes for its own user; `None` if there is no data directory.
    Local(Option<PathBuf>),
}

impl TokenSource {
    /// Returns the token for a relay.
    pub(crate) fn read(&self, relay: &RelayUrl) -> Result<Secret, Error> {
        let unauthenticated =
            |message: String, hint: String| Err(Error::new(ErrorCode::Unauthenticated, message, hint));
        let (path, hint) = match self {
            Self::Environment(token) => return parse_token(token.expose()).ok_or_else(|| self.malformed()),
            Self::File(path) => {
                (path, format!("Check --token-file (or MCP_MULTIPLAYER_TOKEN_FILE). {HOW_TO_GET_A_TOKEN}"))
            }
            Self::Local(_) if !relay.is_loopback() => {
                return unauthenticated(
                    format!(
                        "No token is set for the relay at {relay}. The local relay's token is not sent to other machines."
                    ),
                    format!("Set the environment variable {TOKEN_VARIABLE} for this server. {HOW_TO_GET_A_TOKEN}"),
                );
            }
            Self::Local(None) => {
                return unauthenticated(
                    "The local relay's token was not found because the data directory is unknown.".to_owned(),
                    format!(
                        "Set DATA_DIR to the relay's data directory, or set {TOKEN_VARIABLE}. {HOW_TO_GET_A_TOKEN}"
                    ),
                );
            }
            Self::Local(Some(path)) => (
                path,
                format!(
                    "Set DATA_DIR to the relay's data directory and run both programs as the same user, or set {TOKEN_VARIABLE}."
                ),
            ),
        };
        match std::fs::read_to_string(path) {
            Ok(text) => parse_token(&text).ok_or_else(|| self.malformed()),
            Err(error) => unauthenticated(format!("The token file {} cannot be read: {error}.", path.display()), hint),
        }
    }

    /// Creates the error for a token that the relay did not accept.
    pub(crate) fn refused(&self, relay: &RelayUrl) -> Error {
        let message = format!("The relay at {relay} did not accept the token from {}.", self.name());
        Error::new(ErrorCode::Unauthenticated, message, self.hint_to_replace())
    }

    /// Creates the error for a token that the relay accepted before and does not accept any more.
    pub(crate) fn ended(&self, relay: &RelayUrl) -> Error {
        let message = format!(
            "The relay at {relay} no longer accepts the token from {}: it has expired or was revoked.",
            self.name()
        );
        Error::new(ErrorCode::Unauthenticated, message, self.hint_to_replace())
    }

    fn hint_to_replace(&self) -> String {
        match self {
            Self::Environment(_) => format!("Set {TOKEN_VARIABLE} to a token of this relay. {HOW_TO_GET_A_TOKEN}"),
            Self::File(_) => format!("Put a token of this relay into that file. {HOW_TO_GET_A_TOKEN}"),
            Self::Local(_) => format!(
                "The relay may run as another user or with another data directory. Set DATA_DIR to the relay's data directory, \
                 or set {TOKEN_VARIABLE}."
            ),
        }
    }

    fn malformed(&self) -> Error {
        let message = format!(
            "{} does not contain a valid token: a token has only visible ASCII characters, without spaces.",
            self.name()
        );
        Error::new(ErrorCode::Unauthenticated, message, HOW_TO_GET_A_TOKEN)
    }

    /// Returns the name of the source, for messages.
    fn name(&self) -> String {
        match self {
            Self::Environment(_) => TOKEN_VARIABLE.to_owned(),
            Self::File(path) | Self::Local(Some(path)) => path.display().to_string(),
            Self::Local(None) => "the data directory".to_owned(),
        }
    }
}

/// Returns the token without surrounding white space, if it is valid in a header.
fn parse_token(text: &str) -> Option<Secret> {
    let token = text.trim();
    (!token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic())).then(|| Secret::new(token))
}

/// Returns the data directory of a relay that this user runs: `DATA_DIR`, or the platform's default.
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
    fn the_local_token_is_not_sent_to_other_machines() {
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
    fn malformed_tokens_are_refused() {
        let relay: RelayUrl = "ws://localhost:8100".parse().unwrap();
        for text in ["", " ", "two words", "line\nbreak", "é"] {
            assert!(TokenSource::Environment(Secret::new(text)).read(&relay).is_err(), "{text:?}");
        }
    }
}
