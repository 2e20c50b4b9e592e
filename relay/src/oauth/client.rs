//! Clients, which ask for access on a person's behalf or, with `client_credentials`, on their own.

use mcp_multiplayer_protocol::Hash;
use thiserror::Error;

use super::redirect_uri;

/// Maximum length of a displayed name, in characters.
const MAX_NAME_CHARACTERS: usize = 80;

/// Displayed name of a client that gives none.
pub(super) const UNNAMED: &str = "Unnamed client";

/// A client, either registered or described by its metadata document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Client {
    /// `client_id`: assigned by the relay, or the URL of the client's metadata document.
    pub(super) id: String,
    /// Name that the client chose. Not verified: any client can choose any name.
    pub(super) name: String,
    /// Redirect URIs that authorization codes may be sent to.
    pub(super) redirect_uris: Vec<String>,
    /// Hash of the client secret; `None` for a public client.
    pub(super) secret_hash: Option<Hash>,
    /// Host that serves the client's metadata document, verified by TLS; `None` for a registered client.
    pub(super) metadata_host: Option<String>,
}

impl Client {
    /// Returns whether codes may be sent to `uri`. It must equal one of the client's redirect URIs, except for the port
    /// of a loopback address.
    pub(super) fn allows_redirect_uri(&self, uri: &str) -> bool {
        self.redirect_uris.iter().any(|registered| redirect_uri::matches(registered, uri))
    }
}

/// Reasons why a client cannot be resolved.
#[derive(Clone, Debug, Error)]
pub(super) enum ClientError {
    /// The client never registered, or its registration was deleted because it was unused.
    #[error(
        "the client is not registered on this relay; register it again, or clear the sign-in data that it has stored for this relay"
    )]
    NotRegistered,
    /// The metadata document cannot be fetched or is invalid. The text is for the client's developer.
    #[error("{0}")]
    InvalidMetadata(String),
    /// Too many metadata documents are being fetched. Contains the time to wait, in seconds.
    #[error("too many client metadata documents are being fetched; try again in {0} seconds")]
    TooManyFetches(u64),
    /// Internal error, already logged.
    #[error("the relay had an internal error; try again")]
    Internal,
}

/// Makes a client's name safe to display: removes invisible characters and those that change the direction of the
/// surrounding text, and shortens it. Returns `None` if nothing is left.
pub(super) fn displayable_name(name: &str) -> Option<String> {
    let is_hidden = |character: char| {
        character.is_control()
            || matches!(character, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
    };
    let name: String = name.chars().filter(|character| !is_hidden(*character)).take(MAX_NAME_CHARACTERS).collect();
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Client, displayable_name};

    #[test]
    fn codes_are_sent_only_to_registered_redirect_uris() {
        let client = Client {
            id: "c".into(),
            name: "An app".into(),
            redirect_uris: vec!["https://app.example/cb".into(), "http://localhost/cb".into()],
            secret_hash: None,
            metadata_host: None,
        };
        assert!(client.allows_redirect_uri("https://app.example/cb"));
        assert!(client.allows_redirect_uri("http://localhost:4711/cb"));
        assert!(!client.allows_redirect_uri("https://app.example/cb2"));
        assert!(!client.allows_redirect_uri(""));
    }

    #[test]
    fn hidden_characters_are_removed_from_names() {
        assert_eq!(displayable_name(" Bücher\u{202e}\u{200b}\n app ").as_deref(), Some("Bücher app"));
        assert_eq!(displayable_name("\u{feff} \u{7}"), None);
        assert_eq!(displayable_name(&"é".repeat(200)).unwrap().chars().count(), 80);
    }
}
