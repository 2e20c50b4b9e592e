//! Network addresses and names: which addresses are public, who is behind a proxy, and which hosts and origins the relay
//! answers. Also the media types that requests state.
//!
//! The only place that judges addresses: bots' egress, the fetches of OAuth clients' documents, trusted proxies and quotas
//! all ask here. It opens no connections.

mod address;
mod block;
mod client_address;
mod media_type;
mod origin;
mod proxy;

pub(crate) use self::address::{AddressKey, embedded_ipv4, is_public, parse_host_address};
pub(crate) use self::block::parse_block;
pub(crate) use self::client_address::{ClientAddress, client_address};
pub(crate) use self::media_type::{accepts_html, is_json};
pub(crate) use self::origin::{AllowedNames, cors};
pub(crate) use self::proxy::TrustedProxies;
