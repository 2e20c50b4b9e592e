use std::io;
use std::path::PathBuf;

use mcp_multiplayer_protocol::printable;

/// Reasons why a login, a refresh or a logout fails. The texts are sentences for the person.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoginError {
    #[error("The relay at {relay} cannot be reached: {reason}.")]
    Unreachable { relay: String, reason: String },
    #[error(
        "{0} offers no login: it is not a multiplayer relay, or one that only takes tokens from its operator. Check the address, or ask the operator for a token."
    )]
    NotOffered(String),
    #[error("The relay at {0} offers no login without a browser. Run this command where a browser can be opened.")]
    NoDeviceFlow(String),
    #[error("The relay at {given} calls itself {own}. Log in to that address, and use it in your settings.")]
    OtherAddress { given: String, own: String },
    #[error("The relay at {relay} does not work as a relay should: {problem}.")]
    Invalid { relay: String, problem: String },
    #[error("The relay at {relay} refused: {}", printable(description))]
    Refused { relay: String, description: String },
    #[error("Access was denied in the browser.")]
    Denied,
    #[error("Nobody allowed the access in time.")]
    Expired,
    #[error("The login has expired or was revoked ({}).", printable(.0))]
    Ended(String),
    #[error(
        "The answer of the browser is from another server than the relay. The login was stopped, because that can be an attack."
    )]
    OtherIssuer,
    #[error("{} cannot be used: {source}.", path.display())]
    Storage { path: PathBuf, source: io::Error },
    #[error(
        "The login could not be revoked at the relay at {relay}. {reason} If others may have the login, ask the relay's operator to revoke it."
    )]
    NotRevoked { relay: String, reason: String },
    #[error("There is no data directory. Set DATA_DIR to a directory of yours.")]
    NoDirectory,
    #[error("This machine does not let this program wait for the browser: {0}.")]
    NoListener(io::Error),
    #[error(
        "The login would be sent to {0} over an unencrypted connection. Use an https:// address, or add --insecure if you trust the network."
    )]
    Unencrypted(String),
}
