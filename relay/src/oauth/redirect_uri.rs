//! Validation and comparison of redirect URIs (RFC 6749, section 3.1.2; RFC 8252, section 7).

use url::Url;

/// Maximum length of a redirect URI.
const MAX_BYTES: usize = 2_000;

/// Custom schemes of well-known programs that are not reversed domain names.
const KNOWN_SCHEMES: [&str; 8] =
    ["claude", "code-oss", "cursor", "vscode", "vscode-insiders", "vscodium", "windsurf", "zed"];

/// Checks that a client may use this redirect URI. The error is the requirement that it fails.
pub(super) fn check(uri: &str) -> Result<(), String> {
    // URL parsers drop or repair these characters, each in its own way, so the browser's reading could differ from
    // ours.
    let is_ambiguous =
        |byte: u8| !byte.is_ascii_graphic() || matches!(byte, b'\\' | b'"' | b'<' | b'>' | b'`' | b'|' | b'^');
    if uri.is_empty() || uri.len() > MAX_BYTES || uri.bytes().any(is_ambiguous) {
        return Err(format!("it must have 1 to {MAX_BYTES} ASCII characters, without spaces, quotes and backslashes"));
    }
    let url = Url::parse(uri).map_err(|_| "it must be an absolute URI".to_owned())?;
    if uri.contains('#') {
        return Err("it must not have a fragment".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it must not have a user name or a password".to_owned());
    }
    match url.scheme() {
        // The parser also accepts https:/app.example and https:///app.example, and finds a host in them.
        "https" if uri.strip_prefix("https://").is_some_and(|rest| !rest.starts_with('/')) => Ok(()),
        "https" => Err("it must start with https:// and a host".to_owned()),
        "http" if parse_loopback(uri).is_some() => Ok(()),
        "http" => Err("http is allowed only for 127.0.0.1, [::1] and localhost; use https".to_owned()),
        scheme if KNOWN_SCHEMES.contains(&scheme) || is_reversed_domain(scheme) => Ok(()),
        scheme => Err(format!("a custom scheme must be a reversed domain name (com.example.app), not '{scheme}'")),
    }
}

/// Returns whether a client that registered one redirect URI may use the other: they must be equal, except for the port
/// of a loopback address, because a native program listens on another port each time (RFC 8252, section 7.3).
pub(super) fn matches(registered: &str, requested: &str) -> bool {
    registered == requested
        || parse_loopback(registered)
            .is_some_and(|registered| parse_loopback(requested).is_some_and(|requested| registered == requested))
}

/// Splits an http URI of a loopback address into its host and everything after the port; `None` for other URIs.
fn parse_loopback(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("http://")?;
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let host = ["127.0.0.1", "[::1]", "localhost"].into_iter().find(|host| {
        authority.strip_prefix(host).is_some_and(|port| port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
    })?;
    Some((host, rest))
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0)
}

fn is_reversed_domain(scheme: &str) -> bool {
    scheme.contains('.') && scheme.split('.').all(|label| !label.is_empty() && !label.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::{check, matches};

    #[test]
    fn websites_and_programs_are_accepted() {
        for uri in [
            "https://claude.ai/api/mcp/auth_callback",
            "https://chatgpt.com/connector_platform_oauth_redirect",
            "https://app.example:8443/callback?tenant=1",
            "http://127.0.0.1:33418/",
            "http://127.0.0.1",
            "http://[::1]:1234/callback",
            "http://localhost/callback",
            "http://localhost:3000",
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "vscode://vscode.github-authentication/did-authenticate",
            "com.example.app:/oauth2redirect",
        ] {
            check(uri).unwrap();
        }
    }

    #[test]
    fn other_uris_are_rejected() {
        for uri in [
            "",
            "/callback",
            "callback",
            "https://",
            "https:///x",
            "http://example.com/callback",
            "http://127.0.0.1.evil.example/",
            "http://localhost.evil.example/",
            "http://localhost@evil.example/",
            "http://127.0.0.1:80@evil.example/",
            "http://localhost:0/",
            "http://localhost:99999/",
            "http://localhost:/",
            "http://localhost\\@evil.example/",
            "https://user@app.example/",
            "https://user:secret@app.example/",
            "https://app.example/#fragment",
            "https://app.example/#",
            "https://app.example/a b",
            "https://app.example/\r\nSet-Cookie:x",
            "https://app.example/\"><script>",
            "https://bücher.example/",
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "java\tscript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc/passwd",
            "blob:https://app.example/x",
            "about:blank",
            "filesystem:https://app.example/x",
            "ws://app.example/",
            "wss://app.example/",
            "ftp://app.example/",
            "view-source:https://app.example/",
            "myapp://callback",
            "com..app:/x",
            "urn:ietf:wg:oauth:2.0:oob",
        ] {
            check(uri).unwrap_err();
        }
        check(&format!("https://app.example/{}", "x".repeat(2_000))).unwrap_err();
    }

    #[test]
    fn uris_match_exactly_except_for_the_port_of_a_loopback_address() {
        for (registered, requested) in [
            ("https://app.example/cb", "https://app.example/cb"),
            ("http://localhost/callback", "http://localhost:51234/callback"),
            ("http://127.0.0.1:33418/", "http://127.0.0.1:2/"),
            ("http://[::1]/cb?x=1", "http://[::1]:9/cb?x=1"),
        ] {
            assert!(matches(registered, requested), "{registered} {requested}");
        }
        for (registered, requested) in [
            ("https://app.example/cb", "https://app.example/cb/"),
            ("https://app.example/cb", "https://app.example/cb?x"),
            ("https://app.example/cb", "https://app.example:443/cb"),
            ("https://app.example/cb", "https://APP.example/cb"),
            ("https://app.example/cb", "https://app.example/x/../cb"),
            ("https://app.example/cb", "https://app.example.evil.example/cb"),
            ("https://localhost/cb", "https://localhost:1/cb"),
            ("http://localhost/cb", "http://127.0.0.1/cb"),
            ("http://localhost/cb", "http://localhost:1/other"),
            ("http://localhost/cb", "http://localhost:1@evil.example/cb"),
            ("http://localhost/cb", "http://localhost:x/cb"),
            ("http://localhost/cb", "http://localhost:1:2/cb"),
            ("http://localhost/cb", "http://localhost:+1/cb"),
            ("http://localhost/cb", "http://localhost:1\\@evil.example/cb"),
        ] {
            assert!(!matches(registered, requested), "{registered} {requested}");
        }
    }
}
