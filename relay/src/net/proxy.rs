use std::net::{IpAddr, SocketAddr};

use anyhow::{Context as _, Result};
use axum::http::HeaderMap;
use axum::http::header::{FORWARDED, HeaderName};
use ipnet::IpNet;

use super::{parse_block, parse_host_address};
use crate::config::Config;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies that may state the address of the client behind them.
#[derive(Clone, Debug)]
pub(crate) struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// The proxies of the configuration; the error names the setting that is not an address.
    pub(crate) fn new(config: &Config) -> Result<Self> {
        // An environment variable that is set but empty yields one empty string.
        let proxies = config.trusted_proxies.iter().map(|text| text.trim()).filter(|text| !text.is_empty());
        let blocks = proxies.map(|text| parse_block(text).map_err(anyhow::Error::msg));
        Ok(Self(blocks.collect::<Result<_>>().context("trusted_proxies")?))
    }

    /// Returns whether an address is a trusted proxy's.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|block| block.contains(&address))
    }

    /// The address of the client behind a connection: the last address that a trusted proxy states and that is not itself
    /// a trusted proxy's.
    ///
    /// It is read from `X-Forwarded-For`, or from `Forwarded` (RFC 7239). A proxy may write only one of the two, and pass on
    /// the other as its client forged it; so where they disagree, both are ignored.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.contains(peer) {
            return peer;
        }
        let stated_in = |name: &HeaderName, parse: fn(&str) -> Option<IpAddr>| {
            headers.contains_key(name).then(|| self.last_untrusted(peer, headers, name, parse))
        };
        match (stated_in(&X_FORWARDED_FOR, parse_node), stated_in(&FORWARDED, parse_forwarded)) {
            (Some(one), Some(other)) if one != other => peer,
            (Some(address), _) | (None, Some(address)) => address,
            (None, None) => peer,
        }
    }

    fn last_untrusted(
        &self,
        peer: IpAddr,
        headers: &HeaderMap,
        name: &HeaderName,
        parse: fn(&str) -> Option<IpAddr>,
    ) -> IpAddr {
        let mut nearest = peer;
        let lines = headers.get_all(name).iter().rev();
        let elements = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
        for element in elements {
            // Elements further left were not written by a trusted proxy.
            let Some(address) = parse(element.trim()) else { break };
            nearest = address;
            if !self.contains(address) {
                break;
            }
        }
        nearest
    }
}

/// Parses `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:4711`.
fn parse_node(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    parse_host_address(text).or_else(with_port).map(|address| address.to_canonical())
}

/// Parses the `for` of an element such as `for="[2001:db8::1]:4711";proto=https`.
fn parse_forwarded(element: &str) -> Option<IpAddr> {
    let pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
    let mut addresses = pairs.filter(|(name, _)| name.eq_ignore_ascii_case("for")).map(|(_, value)| value);
    let address = addresses.next()?;
    let quoted = address.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    // RFC 7239, section 4: a parameter must not occur twice in an element.
    if addresses.next().is_some() { None } else { parse_node(quoted.unwrap_or(address)) }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    use super::TrustedProxies;
    use crate::config::Config;

    fn proxies(texts: &[&str]) -> TrustedProxies {
        let trusted_proxies = texts.iter().map(|&text| text.to_owned()).collect();
        TrustedProxies::new(&Config { trusted_proxies, ..Config::default() }).unwrap()
    }

    fn client(proxies: &TrustedProxies, peer: &str, lines: &[(&'static str, &str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn headers_of_untrusted_peers_are_ignored() {
        let none = proxies(&[]);
        let proxy = proxies(&["127.0.0.1"]);
        let lines = [("x-forwarded-for", "198.51.100.7"), ("forwarded", "for=198.51.100.7")];
        assert_eq!(client(&none, "127.0.0.1", &lines), "127.0.0.1");
        assert_eq!(client(&proxy, "192.0.2.1", &lines), "192.0.2.1");
        assert_eq!(client(&proxy, "::ffff:192.0.2.1", &lines), "192.0.2.1");
    }

    #[test]
    fn a_trusted_proxy_states_the_client() {
        let proxies = proxies(&["10.0.0.0/8", "::1"]);
        for (peer, line, caller) in [
            ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
            ("::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7"),
            ("::1", "198.51.100.7, 10.9.9.9", "198.51.100.7"),
            ("10.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),
            ("10.0.0.1", "127.0.0.1,198.51.100.7:4711 , 10.1.1.1", "198.51.100.7"),
            ("10.0.0.1", "[2001:db8::1]:4711", "2001:db8::1"),
            ("10.0.0.1", "[2001:db8::1]", "2001:db8::1"),
            ("10.0.0.1", "2001:db8::1", "2001:db8::1"),
            ("10.0.0.1", "10.2.2.2, 10.3.3.3", "10.2.2.2"),
            ("10.0.0.1", "198.51.100.7, unknown, 10.3.3.3", "10.3.3.3"),
            ("10.0.0.1", "198.51.100.7, relay.example.org", "10.0.0.1"),
            ("10.0.0.1", "", "10.0.0.1"),
        ] {
            assert_eq!(client(&proxies, peer, &[("x-forwarded-for", line)]), caller, "{line}");
        }
        let lines = [("x-forwarded-for", "203.0.113.9"), ("x-forwarded-for", "198.51.100.7")];
        assert_eq!(client(&proxies, "10.0.0.1", &lines), "198.51.100.7", "later lines are nearer");
        assert_eq!(client(&proxies, "10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn forwarded_is_parsed_as_its_rfc_says() {
        let proxies = proxies(&["10.0.0.0/8"]);
        for (line, caller) in [
            ("for=198.51.100.7", "198.51.100.7"),
            ("For=\"[2001:db8::1]:4711\"", "2001:db8::1"),
            ("for=203.0.113.9, for=198.51.100.7;proto=https;by=10.0.0.1", "198.51.100.7"),
            ("proto=https;for=198.51.100.7, for=10.1.1.1", "198.51.100.7"),
            ("for=198.51.100.7, for=_hidden", "10.0.0.1"),
            ("for=198.51.100.7;for=203.0.113.9", "10.0.0.1"),
            ("proto=https", "10.0.0.1"),
        ] {
            assert_eq!(client(&proxies, "10.0.0.1", &[("forwarded", line)]), caller, "{line}");
        }
    }

    #[test]
    fn headers_that_contradict_each_other_are_ignored() {
        let proxies = proxies(&["10.0.0.1"]);
        let lines = |one, other| [("x-forwarded-for", one), ("forwarded", other)];
        assert_eq!(client(&proxies, "10.0.0.1", &lines("198.51.100.7", "for=203.0.113.9")), "10.0.0.1");
        assert_eq!(client(&proxies, "10.0.0.1", &lines("198.51.100.7", "for=198.51.100.7")), "198.51.100.7");
    }

    #[test]
    fn an_error_names_the_setting_and_the_value() {
        let config = Config { trusted_proxies: vec!["proxy.example.org".to_owned()], ..Config::default() };
        let error = format!("{:#}", TrustedProxies::new(&config).unwrap_err());
        assert!(error.contains("trusted_proxies") && error.contains("proxy.example.org"), "{error}");
    }
}
