//! Logins at relays, by OAuth 2.1: getting tokens with a person's permission, and keeping them usable.
//!
//! | | file |
//! |---|---|
//! | the commands `login`, `logout`, `status` | `command.rs` |
//! | the source of the token of a connection, and the link that a tool call returns without one | `source.rs` |
//! | permission in a browser on this machine (authorization code, RFC 8252) | `code_flow.rs`, `callback.rs` |
//! | permission in any browser (device authorization, RFC 8628) | `device_flow.rs` |
//! | the relay's metadata and the registration of this program (RFC 9728, 8414, 7591) | `discovery.rs`, `registration.rs` |
//! | refreshing and revoking tokens | `refresh.rs`, `revocation.rs` |
//! | the response that contains tokens | `token_response.rs` |
//! | the stored tokens | `credentials.rs`, `credential_store.rs` |
//! | requests to the relay | `http_client.rs` |
//!
//! A browser is opened by the command `login` only. Tokens and codes are never logged, and never part of an argument or of
//! an address.

mod callback;
mod code_flow;
pub mod command;
mod credential_store;
mod credentials;
mod device_flow;
mod discovery;
mod error;
mod http_client;
mod refresh;
mod registration;
mod revocation;
mod source;
mod token_response;

pub use source::Login;
