//! Sources of the token for a relay.
//!
//! A token file is read again at each attempt to connect, so that a replaced token takes effect. Tokens are never logged.
//! Without a configured token, it is that of a login (see [`Login`]).

use std::path::{Path, PathBuf};

use mcp_multiplayer_protocol::{Error, ErrorCode, Secret};

use crate::RelayUrl;
use crate::bearer_token::{TOKEN_VARIABLE, parse_token};
use crate::login::Login;

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
    /// The login that is stored for the relay, or the file that a relay on this machine writes for its own user.
    Login(Login),
}

impl TokenSource {
    /// Returns the token for a relay.
    pub(crate) async fn read(&self, relay: &RelayUrl) -> Result<Secret, Error> {
        match self {
            Self::Environment(token) => parse_token(token.expose()).ok_or_else(|| self.malformed()),
            Self::File(path) => self.read_file(path),
            Self::Login(login) => login.token(relay).await,
        }
    }

    fn read_file(&self, path: &Path) -> Result<Secret, Error> {
        match std::fs::read_to_string(path) {
            Ok(text) => parse_token(&text).ok_or_else(|| self.malformed()),
            Err(error) => Err(Error::new(
                ErrorCode::Unauthenticated,
                format!("The token file {} cannot be read: {error}.", path.display()),
                format!("Check --token-file (or MCP_MULTIPLAYER_TOKEN_FILE). {HOW_TO_GET_A_TOKEN}"),
            )),
        }
    }

    /// Notes that the relay does not accept a token. Returns whether another attempt can succeed, with another token.
    pub(crate) fn reject(&self, token: &Secret) -> bool {
        match self {
            Self::Environment(_) => false,
            // An unreadable file has an error of its own.
            Self::File(path) => self.read_file(path).map_or(true, |current| current != *token),
            Self::Login(login) => login.reject(token),
        }
    }

    /// Adds what the person can do to the error of a call that had no valid token.
    pub(crate) async fn offer_login(&self, relay: &RelayUrl, error: Error) -> Error {
        match self {
            Self::Login(login) => login.offer(relay, error).await,
            Self::Environment(_) | Self::File(_) => error,
        }
    }

    /// Creates the error for a token that the relay did not accept.
    pub(crate) fn refused(&self, relay: &RelayUrl) -> Error {
        let message = format!("The relay at {relay} did not accept the token from {}.", self.name());
        Error::new(ErrorCode::Unauthenticated, message, self.hint_to_replace(relay))
    }

    /// Creates the error for a token that the relay accepted before and does not accept any more.
    pub(crate) fn ended(&self, relay: &RelayUrl) -> Error {
        let message = format!(
            "The relay at {relay} no longer accepts the token from {}: it has expired or was revoked.",
            self.name()
        );
        Error::new(ErrorCode::Unauthenticated, message, self.hint_to_replace(relay))
    }

    fn hint_to_replace(&self, relay: &RelayUrl) -> String {
        match self {
            Self::Environment(_) => format!("Set {TOKEN_VARIABLE} to a token of this relay. {HOW_TO_GET_A_TOKEN}"),
            Self::File(_) => format!("Put a token of this relay into that file. {HOW_TO_GET_A_TOKEN}"),
            Self::Login(_) => format!(
                "To log in with a terminal, run `mcp-multiplayer login {}`. If the relay runs on this machine, it may do so as \
                 another user or with another data directory: set DATA_DIR to the relay's data directory.",
                relay.base()
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
            Self::File(path) => path.display().to_string(),
            Self::Login(login) if login.is_stored_login() => "your login".to_owned(),
            Self::Login(login) => {
                login.local_token().map_or_else(|| "the data directory".to_owned(), |path| path.display().to_string())
            }
        }
    }
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

    use super::{Login, TokenSource};
    use crate::RelayUrl;

    #[tokio::test]
    async fn the_local_token_is_not_sent_to_other_machines() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("local-token"), "lt_0\n").unwrap();
        let source = TokenSource::Login(Login::new(Some(dir.path().to_owned())));
        let read = async |url: &str| source.read(&url.parse::<RelayUrl>().unwrap()).await;
        assert_eq!(read("ws://localhost:8100").await.unwrap().expose(), "lt_0");
        let error = read("wss://relay.example.com").await.unwrap_err();
        assert_eq!(error.code, ErrorCode::Unauthenticated);
        assert!(error.hint.contains("`mcp-multiplayer login https://relay.example.com`"), "{error}");
        assert!(error.hint.contains("MCP_MULTIPLAYER_TOKEN"), "{error}");
    }

    #[tokio::test]
    async fn malformed_tokens_are_refused() {
        let relay: RelayUrl = "ws://localhost:8100".parse().unwrap();
        for text in ["", " ", "two words", "line\nbreak", "é"] {
            assert!(TokenSource::Environment(Secret::new(text)).read(&relay).await.is_err(), "{text:?}");
        }
    }
}
