//! Redirect URIs for which an open relay issues a code without showing the consent page.
//!
//! The consent page protects people against links that start an authorization which they never wanted. For the redirect
//! URIs listed here, such a link gains the attacker nothing, so the click can be left out:
//!
//! - The code goes to the listed URI alone. The page that contained the link never sees it.
//! - The client behind that URI accepts a response only if its `state` belongs to an authorization that the same browser
//!   began (RFC 6749, section 10.12). A code that arrives unasked is dropped, and so is one whose authorization the
//!   attacker began in another browser.
//! - A code can be redeemed only with the PKCE verifier of the authorization that requested it (RFC 7636).
//!
//! The first point rules out redirect URIs that forward the response elsewhere: they always need a click, whoever runs
//! them. `https://vscode.dev/redirect`, for example, sends the code on to the address in `state`, which the author of the
//! link chooses. Whoever receives it there can redeem it, because the PKCE verifier is the author's own.
//!
//! The second point is up to those clients, not to the relay, which is why the list is short. Entries are compared
//! exactly. The client's name plays no part, because any client can register under any name.
//!
//! An invitation-only relay always shows the consent page.

const REDIRECT_URIS: [&str; 4] = [
    "https://claude.ai/api/mcp/auth_callback",
    "https://claude.com/api/mcp/auth_callback",
    "https://chatgpt.com/connector_platform_oauth_redirect",
    "https://www.cursor.com/agents/mcp/oauth/callback",
];
/// Start of ChatGPT's redirect URIs, of which each connector has its own; the connector's id follows.
const CHATGPT_CONNECTORS: &str = "https://chatgpt.com/connector/oauth/";

/// Returns whether a code may be sent to this redirect URI without the person's click.
pub(super) fn is_preapproved(redirect_uri: &str) -> bool {
    let is_id_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let connector_id = redirect_uri.strip_prefix(CHATGPT_CONNECTORS);
    REDIRECT_URIS.contains(&redirect_uri) || connector_id.is_some_and(|id| !id.is_empty() && id.bytes().all(is_id_byte))
}

#[cfg(test)]
mod tests {
    use super::is_preapproved;

    #[test]
    fn only_the_exact_redirect_uris_are_preapproved() {
        for listed in [
            "https://claude.ai/api/mcp/auth_callback",
            "https://claude.com/api/mcp/auth_callback",
            "https://chatgpt.com/connector_platform_oauth_redirect",
            "https://chatgpt.com/connector/oauth/aB3-_x",
            "https://www.cursor.com/agents/mcp/oauth/callback",
        ] {
            assert!(is_preapproved(listed), "{listed}");
        }
        for other in [
            "",
            "http://claude.ai/api/mcp/auth_callback",
            "https://claude.ai:443/api/mcp/auth_callback",
            "https://claude.ai:8443/api/mcp/auth_callback",
            "https://Claude.ai/api/mcp/auth_callback",
            "https://claude.ai/api/mcp/auth_callback/",
            "https://claude.ai/api/mcp/auth_callback?next=x",
            "https://claude.ai/api/mcp/auth_callback/../x",
            "https://claude.ai/api/mcp/AUTH_CALLBACK",
            "https://claude.ai.evil.example/api/mcp/auth_callback",
            "https://claude.ai@evil.example/api/mcp/auth_callback",
            "https://evil.example/https://claude.ai/api/mcp/auth_callback",
            " https://claude.ai/api/mcp/auth_callback",
            "https://chatgpt.com/connector/oauth/",
            "https://chatgpt.com/connector/oauth/x/../y",
            "https://chatgpt.com/connector/oauth/x?y",
            "https://chatgpt.com/connector/oauth/x%2fy",
            "https://chatgpt.com/connector/oauth/é",
            // Forwards to the address in `state`.
            "https://vscode.dev/redirect",
            "https://vscode.dev/redirect?url=https://evil.example",
            "http://127.0.0.1:33418/",
            "cursor://anysphere.cursor-mcp/oauth/callback",
        ] {
            assert!(!is_preapproved(other), "{other}");
        }
    }
}
