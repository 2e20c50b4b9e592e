//! The invite or the address that the command is asked to look at.

use mcp_multiplayer_protocol::Secret;

/// An invite or the address of a relay, or an invite link, which is both.
#[derive(Clone, Debug, Default)]
pub(super) struct Subject {
    pub(super) relay: Option<String>,
    /// An invite code or a rejoin token.
    pub(super) invite: Option<Secret>,
}

impl Subject {
    /// Reads what a person may have: a code, a link with a code, or an address. `None` for anything else.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let is_secret = |text: &str| {
            let text = text.to_ascii_lowercase();
            text.starts_with("inv_") || text.starts_with("rejoin_")
        };
        if is_secret(text) {
            return Some(Self { relay: None, invite: Some(Secret::new(text)) });
        }
        if !text.contains("://") {
            return None;
        }
        let Some((page, code)) = text.split_once('#') else {
            return Some(Self { relay: Some(text.to_owned()), invite: None });
        };
        let relay = page.trim_end_matches('/').strip_suffix("/join")?.to_owned();
        is_secret(code).then(|| Self { relay: Some(relay), invite: Some(Secret::new(code)) })
    }
}

#[cfg(test)]
mod tests {
    use super::Subject;

    fn parsed(text: &str) -> Option<(Option<String>, Option<String>)> {
        let Subject { relay, invite } = Subject::parse(text)?;
        Some((relay, invite.map(|invite| invite.expose().to_owned())))
    }

    #[test]
    fn codes_links_and_addresses_are_told_apart() {
        let code = |text: &str| Some((None, Some(text.to_owned())));
        assert_eq!(parsed(" inv_abc\n"), code("inv_abc"));
        assert_eq!(parsed("REJOIN_ABC"), code("REJOIN_ABC"));
        assert_eq!(parsed("wss://relay.example"), Some((Some("wss://relay.example".to_owned()), None)));
        let link = Some((Some("https://relay.example/games".to_owned()), Some("inv_abc".to_owned())));
        assert_eq!(parsed("https://relay.example/games/join#inv_abc"), link);
        for other in ["", "hello", "relay.example", "https://relay.example/join#x", "https://relay.example/#inv_abc"] {
            assert_eq!(parsed(other), None, "{other}");
        }
    }
}
