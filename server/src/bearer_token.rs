//! The text of a bearer token, wherever it comes from.

use mcp_multiplayer_protocol::Secret;

/// Environment variable that contains a token. There is no flag for it, because other users of a machine can see
/// command line arguments.
pub(crate) const TOKEN_VARIABLE: &str = "MCP_MULTIPLAYER_TOKEN";

/// Returns the token without surrounding white space, if it is valid in a header.
pub(crate) fn parse_token(text: &str) -> Option<Secret> {
    let token = text.trim();
    (!token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic())).then(|| Secret::new(token))
}
