//! For which resource a token is (RFC 8707).

use url::Url;

use crate::config::Config;

/// The resource server that this relay is, by its identifiers: the public URL, and the MCP endpoint under it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resource;

impl Resource {
    /// The identifier as it was sent, if it is one of ours; a trailing slash and the default port make no difference.
    pub(crate) fn valid(config: &Config, text: &str) -> Option<String> {
        let asked = Self::normal(text)?;
        let ours = Self::normal(&config.public_url)?;
        (asked == ours || asked == format!("{ours}/mcp")).then(|| text.to_owned())
    }

    /// The identifier that a token gets when the client names none: the MCP endpoint's.
    pub(crate) fn default_of(config: &Config) -> String {
        format!("{}/mcp", config.public_url.trim_end_matches('/'))
    }

    /// Whether two identifiers are spellings of the same.
    pub(crate) fn is_same(one: &str, other: &str) -> bool {
        Self::normal(one).is_some_and(|one| Self::normal(other) == Some(one))
    }

    /// One text for all spellings of an identifier: an absolute http(s) URL without user, query and fragment.
    fn normal(text: &str) -> Option<String> {
        // The parser drops tabs and line ends, takes backslashes for slashes, and resolves dots.
        let odd = |byte: u8| !byte.is_ascii_graphic() || matches!(byte, b'\\' | b'@' | b'?' | b'#' | b'%');
        if text.len() > 2_000 || text.bytes().any(odd) || text.contains("/.") {
            return None;
        }
        let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
        url.host()?;
        Some(url.as_str().trim_end_matches('/').to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::Resource;
    use crate::config::Config;

    #[test]
    fn the_relays_own_identifiers_are_taken_as_they_were_sent() {
        let config = Config { public_url: "https://relay.example.org".into(), ..Config::default() };
        for ours in [
            "https://relay.example.org",
            "https://relay.example.org/",
            "https://relay.example.org/mcp",
            "https://relay.example.org/mcp/",
            "https://relay.example.org:443/mcp",
            "HTTPS://Relay.Example.org/mcp",
        ] {
            assert_eq!(Resource::valid(&config, ours).as_deref(), Some(ours));
        }
        assert_eq!(Resource::default_of(&config), "https://relay.example.org/mcp");
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
            assert_eq!(Resource::valid(&config, other), None, "{other}");
        }
    }

    #[test]
    fn a_public_url_may_have_a_path_and_a_port() {
        let config = Config { public_url: "http://127.0.0.1:8100/table/".into(), ..Config::default() };
        for ours in ["http://127.0.0.1:8100/table", "http://127.0.0.1:8100/table/mcp"] {
            assert!(Resource::valid(&config, ours).is_some(), "{ours}");
        }
        for other in ["http://127.0.0.1:8100/mcp", "http://127.0.0.1:8100/", "http://127.0.0.1/table"] {
            assert!(Resource::valid(&config, other).is_none(), "{other}");
        }
        assert_eq!(Resource::default_of(&config), "http://127.0.0.1:8100/table/mcp");
    }
}
