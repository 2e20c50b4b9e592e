//! Resource identifiers (RFC 8707), which say what a token is for.
//!
//! The relay is one resource server with two identifiers: its public URL, and the MCP endpoint under it.

use url::Url;

use crate::config::Config;

/// Returns the identifier in normal form, if it is one of this relay's. Only the normal form is stored and compared:
/// neither the case of scheme and host, nor an explicit default port, nor a trailing slash makes a difference.
pub(crate) fn validate(config: &Config, identifier: &str) -> Option<String> {
    let requested = normalize(identifier)?;
    let own = normalize(&config.public_url)?;
    (requested == own || requested == format!("{own}/mcp")).then_some(requested)
}

/// Returns the identifier for tokens of clients that name no resource: the MCP endpoint's, in normal form.
pub(crate) fn default_identifier(config: &Config) -> String {
    let endpoint = format!("{}/mcp", config.public_url.trim_end_matches('/'));
    normalize(&endpoint).unwrap_or(endpoint)
}

/// Returns whether two identifiers are spellings of the same resource.
pub(crate) fn is_same(one: &str, other: &str) -> bool {
    normalize(one).is_some_and(|one| normalize(other) == Some(one))
}

/// Brings an identifier into normal form; `None` unless it is an absolute http(s) URL without user, query and fragment.
fn normalize(identifier: &str) -> Option<String> {
    // The URL parser drops tabs and line breaks, reads backslashes as slashes and resolves dot segments. Identifiers
    // that need any of that are rejected, because other software could read them differently.
    let is_forbidden = |byte: u8| !byte.is_ascii_graphic() || matches!(byte, b'\\' | b'@' | b'?' | b'#' | b'%');
    if identifier.len() > 2_000 || identifier.bytes().any(is_forbidden) || identifier.contains("/.") {
        return None;
    }
    let url = Url::parse(identifier).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    url.host()?;
    Some(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::{default_identifier, validate};
    use crate::config::Config;

    #[test]
    fn only_the_relays_own_identifiers_are_valid() {
        let config = Config { public_url: "https://relay.example.org".into(), ..Config::default() };
        for (own, normal) in [
            ("https://relay.example.org", "https://relay.example.org"),
            ("https://relay.example.org/", "https://relay.example.org"),
            ("https://Relay.example.org:443", "https://relay.example.org"),
            ("https://relay.example.org/mcp", "https://relay.example.org/mcp"),
            ("https://relay.example.org/mcp/", "https://relay.example.org/mcp"),
            ("https://relay.example.org:443/mcp", "https://relay.example.org/mcp"),
            ("HTTPS://Relay.Example.org/mcp", "https://relay.example.org/mcp"),
        ] {
            assert_eq!(validate(&config, own).as_deref(), Some(normal), "{own}");
        }
        assert_eq!(default_identifier(&config), "https://relay.example.org/mcp");
        let oddly_spelled = Config { public_url: "https://Relay.example.org:443/".into(), ..Config::default() };
        assert_eq!(default_identifier(&oddly_spelled), "https://relay.example.org/mcp");
        for other in [
            "",
            "relay.example.org",
            "http://relay.example.org/mcp",
            "https://relay.example.org:8443/mcp",
            "https://relay.example.org/MCP",
            "https://relay.example.org/mcp/x",
            "https://relay.example.org/x/../mcp",
            "https://relay.example.org/mcp?x",
            "https://relay.example.org/mcp#x",
            "https://relay.example.org/%6dcp",
            "https://relay.example.org\\mcp",
            "https://relay.example.org/m\tcp",
            "https://relay.example.org.evil.example/mcp",
            "https://relay.example.org@evil.example/mcp",
            "https://user@relay.example.org/mcp",
            "https://evil.example/mcp",
        ] {
            assert_eq!(validate(&config, other), None, "{other}");
        }
    }

    #[test]
    fn a_public_url_may_have_a_path_and_a_port() {
        let config = Config { public_url: "http://127.0.0.1:8100/relay/".into(), ..Config::default() };
        for own in ["http://127.0.0.1:8100/relay", "http://127.0.0.1:8100/relay/mcp"] {
            assert!(validate(&config, own).is_some(), "{own}");
        }
        for other in ["http://127.0.0.1:8100/mcp", "http://127.0.0.1:8100/", "http://127.0.0.1/relay"] {
            assert!(validate(&config, other).is_none(), "{other}");
        }
        assert_eq!(default_identifier(&config), "http://127.0.0.1:8100/relay/mcp");
    }
}
