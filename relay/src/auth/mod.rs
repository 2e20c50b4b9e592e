//! Who calls. What a caller may do in a channel is decided where the channel's rules are.

mod access_code;
mod admission;
mod resource;
mod token;

use std::fmt;
use std::sync::Arc;

pub use access_code::create as create_access_code;
pub(crate) use admission::is_admitted;
pub(crate) use resource::Resource;
pub(crate) use token::token_hash;
pub use token::{Tokens, create as create_token, open_local as open_local_token};

/// Who authenticated. Seats belong to principals, never to a connection.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Principal(Arc<str>);

impl Principal {
    /// Whoever holds the relay's local token: a user of this machine.
    pub fn local() -> Self {
        Self("local".into())
    }

    /// Whoever holds a token that the operator made.
    pub fn token(id: &str) -> Self {
        Self(format!("token:{id}").into())
    }

    /// A person who came by OAuth.
    pub fn person(id: &str) -> Self {
        Self(format!("person:{id}").into())
    }

    /// A client that acts for itself (`client_credentials`).
    pub fn client(id: &str) -> Self {
        Self(format!("client:{id}").into())
    }

    /// A principal by the name it is stored under.
    pub fn stored(name: &str) -> Self {
        Self(name.into())
    }

    /// Its name inside the relay; in channels it goes by a pseudonym.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
