//! Warnings about settings with which the relay runs, but not as its operator probably means it to.

use std::net::{IpAddr, SocketAddr};

use url::{Host, Url};

use super::Config;

impl Config {
    /// Describes what is probably wrong with the addresses, and what to do about it. Logged at the start.
    pub fn warnings(&self) -> Vec<String> {
        let is_reachable = |address: &SocketAddr| !address.ip().to_canonical().is_loopback();
        let Some(listen) = std::iter::once(self.listen).chain(self.also_listen).find(is_reachable) else {
            return vec![];
        };
        let mut warnings = vec![];
        let has_tls = self.tls_cert.is_some() || !self.acme_domain.is_empty();
        let is_behind_tls_proxy = self.public_url.starts_with("https://") && !self.trusted_proxies.is_empty();
        if !has_tls && !is_behind_tls_proxy {
            warnings.push(format!(
                "listening on {listen} without TLS, so others on the network can read tokens and messages; set --acme-domain, or --tls-cert and --tls-key. If a reverse proxy provides TLS, listen on a loopback address, or set --trusted-proxies and an https --public-url"
            ));
        }
        if is_only_local(&self.public_url) {
            warnings.push(format!(
                "public_url is {}, which other machines cannot reach, although the relay listens on {listen}; set --public-url to the address that people use, or their invite links and sign-in will not work",
                self.public_url
            ));
        }
        warnings
    }
}

/// Returns whether a URL leads to a relay only from the relay's own machine: its host is a loopback address, or the address
/// that stands for all addresses of a machine.
pub(super) fn is_only_local(url: &str) -> bool {
    let is_local = |address: IpAddr| address.to_canonical().is_loopback() || address.is_unspecified();
    match Url::parse(url).as_ref().map(Url::host) {
        Ok(Some(Host::Domain(name))) => name == "localhost" || name.ends_with(".localhost"),
        Ok(Some(Host::Ipv4(address))) => is_local(address.into()),
        Ok(Some(Host::Ipv6(address))) => is_local(address.into()),
        Ok(None) | Err(_) => false,
    }
}
