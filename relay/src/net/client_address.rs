use std::net::IpAddr;

use axum::http::Extensions;

/// The address of the client that sent a request, in the request's extensions: that of the connection, or, behind trusted
/// proxies, the one that they state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

/// The client's address in a request's extensions, if it was determined.
pub(crate) fn client_address(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<ClientAddress>().map(|ClientAddress(address)| *address)
}
