//! Network addresses and names: which are public, who is behind a proxy, and which hosts and origins the relay answers.
//!
//! Judges addresses and headers; opens no connections.

mod address;
mod block;
mod origin;
mod proxy;

use std::net::IpAddr;

pub(crate) use self::address::{AddressKey, embedded, is_public};
pub(crate) use self::block::Block;
pub(crate) use self::origin::{AllowedNames, cors};
pub(crate) use self::proxy::Proxies;

/// The address of the client that sent a request, among its extensions: that of the connection, or, through trusted
/// proxies, the one that they name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);
