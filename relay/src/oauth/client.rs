//! Who asks for access to the relay on somebody's behalf.

use std::net::IpAddr;

use mcp_multiplayer_protocol::Hash;
use thiserror::Error;

use super::redirect;
use super::server::AuthorizationServer;
use crate::error::store_failed;

/// Longest id of a client.
const LONGEST_ID: usize = 500;
/// Longest name that is shown, in characters.
const LONGEST_NAME: usize = 80;

/// What a client without a name is called.
pub(super) const UNNAMED: &str = "Unnamed client";

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

/// The client of this id: as it registered, or as its document says if the id is an https URL; for a caller at this
/// address, who may have only so many documents fetched.
pub(super) async fn find_for(
    server: &AuthorizationServer,
    client_id: &str,
    from: Option<IpAddr>,
) -> Result<KnownClient, ClientError> {
    if client_id.len() > LONGEST_ID {
        return Err(ClientError::Unknown);
    }
    if client_id.starts_with("https://") {
        return server.documents.find(client_id, from).await;
    }
    let client = server.store.find_client(client_id.to_owned()).await.map_err(|error| {
        let _ = store_failed(error);
        ClientError::Failed
    })?;
    let client = client.ok_or(ClientError::Unknown)?;
    Ok(KnownClient {
        id: client.id,
        name: client.name,
        redirect_uris: client.redirect_uris,
        secret_hash: client.secret_hash,
        document_host: None,
    })
}

/// A name as it may be shown: without what is not seen, or turns the text around it; `None` if nothing is left.
pub(super) fn shown_name(name: &str) -> Option<String> {
    let hidden = |character: char| {
        character.is_control()
            || matches!(character, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
    };
    let name: String = name.chars().filter(|character| !hidden(*character)).take(LONGEST_NAME).collect();
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{KnownClient, shown_name};

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

    #[test]
    fn names_show_what_they_are() {
        assert_eq!(shown_name(" Bücher\u{202e}\u{200b}\n app ").as_deref(), Some("Bücher app"));
        assert_eq!(shown_name("\u{feff} \u{7}"), None);
        assert_eq!(shown_name(&"é".repeat(200)).unwrap().chars().count(), 80);
    }
}
