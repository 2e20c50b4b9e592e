use mcp_multiplayer_protocol::{Error, ErrorCode, Secret};

use crate::RelayUrl;

/// A link such as `https://relay.example.com/join#inv_…`: a relay, and a code for one of its channels. The code is in the
/// fragment, which browsers send to no server.
#[derive(Debug)]
pub(crate) struct InviteLink {
    pub(crate) relay: RelayUrl,
    /// Invite code or rejoin token.
    pub(crate) code: Secret,
}

impl InviteLink {
    pub(crate) fn new(relay: RelayUrl, code: Secret) -> Self {
        Self { relay, code }
    }

    /// Parses a link; `None` for a text without an address, such as a code.
    pub(crate) fn parse(text: &Secret) -> Result<Option<Self>, Error> {
        let Some((address, code)) = text.expose().trim().split_once('#') else { return Ok(None) };
        if !address.contains("://") {
            return Ok(None);
        }
        let base = address.trim_end_matches('/');
        let relay = base.strip_suffix("/join").unwrap_or(base).parse().map_err(|_| {
            Error::new(
                ErrorCode::InviteInvalid,
                "This link does not lead to a relay.",
                "An invite link looks like https://relay.example.com/join#inv_…; copy the whole of it.",
            )
        })?;
        Ok(Some(Self { relay, code: Secret::new(code) }))
    }

    /// Returns the link as text, which contains the secret.
    pub(crate) fn to_text(&self) -> String {
        format!("{}/join#{}", self.relay.base(), self.code.expose())
    }
}

#[cfg(test)]
mod tests {
    use mcp_multiplayer_protocol::Secret;

    use super::InviteLink;

    #[test]
    fn a_link_names_its_relay_and_a_code_does_not() {
        let parse = |text: &str| InviteLink::parse(&Secret::new(text)).unwrap();
        for code in ["inv_0", "rejoin_0", " inv_0 ", "#inv_0", "relay.example.com/join#inv_0"] {
            assert!(parse(code).is_none(), "{code}");
        }
        for (text, relay) in [
            ("https://relay.example.com/join#inv_0", "wss://relay.example.com/ws"),
            ("https://relay.example.com/games/join/#inv_0", "wss://relay.example.com/games/ws"),
            (" http://127.0.0.1:8100/join#inv_0", "ws://127.0.0.1:8100/ws"),
        ] {
            let link = parse(text).unwrap();
            assert_eq!((link.relay.to_string().as_str(), link.code.expose()), (relay, "inv_0"), "{text}");
        }
        let link = parse("https://relay.example.com/games/join#inv_0").unwrap();
        assert_eq!(link.to_text(), "https://relay.example.com/games/join#inv_0");
        assert!(InviteLink::parse(&Secret::new("ftp://relay.example.com/join#inv_0")).is_err());
    }
}
