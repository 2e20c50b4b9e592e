//! Authentication: from a token to a principal. Permissions inside a channel are decided by the channel's rules.

mod access;
mod access_code;
mod credential;
pub(crate) mod resource;
mod token;

use std::fmt;
use std::sync::Arc;

pub(crate) use access::has_access;
pub use access_code::create as create_access_code;
pub use credential::Credential;
pub(crate) use token::token_hash;
pub use token::{Tokens, create as create_token, open_local as open_local_token};

use crate::store::client_principal;

/// The authenticated party. Seats belong to principals, never to a connection.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Principal(Arc<str>);

impl Principal {
    /// The holder of the relay's local token: a user of this machine.
    pub fn local() -> Self {
        Self("local".into())
    }

    /// The holder of a token that the operator created.
    pub fn token(id: &str) -> Self {
        Self(format!("token:{id}").into())
    }

    /// A person who authorized a client by OAuth.
    pub fn person(id: &str) -> Self {
        Self(format!("person:{id}").into())
    }

    /// An OAuth client that acts on its own behalf (`client_credentials`).
    pub fn client(id: &str) -> Self {
        Self(client_principal(id).into())
    }

    /// The relay's own program that plays as a practice partner. Nobody can authenticate as this principal.
    pub fn practice() -> Self {
        Self("practice".into())
    }

    /// A principal from the name that it is stored under.
    pub fn stored(name: &str) -> Self {
        Self(name.into())
    }

    /// Name of the principal inside the relay. In channels a pseudonym takes its place.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
