//! Who asks for access to the relay on somebody's behalf.

use std::sync::Arc;

use mcp_multiplayer_protocol::Hash;
use thiserror::Error;

use super::redirect;
use crate::state::Relay;

/// Longest id of a client.
const LONGEST_ID: usize = 500;

/// A client, registered or described by its own document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KnownClient {
    /// Its id: a URL where its document is, or one that the relay gave it.
    pub(super) id: String,
    /// What it calls itself. Anybody may call themselves anything.
    pub(super) name: String,
    /// Where codes may go.
    pub(super) redirect_uris: Vec<String>,
    /// Hash of its secret; `None` for a public client.
    pub(super) secret_hash: Option<Hash>,
    /// The host that serves its document, which is verified; `None` for a registered client.
    pub(super) document_host: Option<String>,
}

impl KnownClient {
    /// Whether codes for it may go there: exactly where it said, but for the port of a loopback address.
    pub(super) fn redirects_to(&self, uri: &str) -> bool {
        self.redirect_uris.iter().any(|registered| redirect::matches(registered, uri))
    }
}

/// Why a client is not known.
#[derive(Clone, Debug, Error)]
pub(super) enum ClientError {
    /// It never registered, or was forgotten.
    #[error(
        "this relay knows no client of that id; register it again, or clear what the program has stored of this relay"
    )]
    Unknown,
    /// Its document is not to be had, or does not describe it; in words for whoever wrote it.
    #[error("{0}")]
    Document(String),
    /// Too many documents are asked for; seconds to wait.
    #[error("too many documents of clients are asked for; try again in {0} seconds")]
    Busy(u64),
    /// The relay failed, and has logged why.
    #[error("the relay failed; try again")]
    Failed,
}

/// The client of this id: as it registered, or as its document says if the id is an https URL.
pub(super) async fn find(_relay: &Arc<Relay>, client_id: &str) -> Result<KnownClient, ClientError> {
    if client_id.len() > LONGEST_ID {
        return Err(ClientError::Unknown);
    }
    Err(ClientError::Unknown)
}

#[cfg(test)]
mod tests {
    use super::KnownClient;

    #[test]
    fn codes_go_where_the_client_said() {
        let client = KnownClient {
            id: "c".into(),
            name: "An app".into(),
            redirect_uris: vec!["https://app.example/cb".into(), "http://localhost/cb".into()],
            secret_hash: None,
            document_host: None,
        };
        assert!(client.redirects_to("https://app.example/cb"));
        assert!(client.redirects_to("http://localhost:4711/cb"));
        assert!(!client.redirects_to("https://app.example/cb2"));
        assert!(!client.redirects_to(""));
    }
}
