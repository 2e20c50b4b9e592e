use std::net::{IpAddr, SocketAddr};

use anyhow::{Context as _, Result};
use axum::http::HeaderMap;
use axum::http::header::{FORWARDED, HeaderName};

use super::Block;
use crate::config::Config;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies whose word on a caller's address is taken.
#[derive(Clone, Debug)]
pub(crate) struct Proxies(Vec<Block>);

impl Proxies {
    /// Those of the configuration; an error names the one that is no address.
    pub(crate) fn of(config: &Config) -> Result<Self> {
        // A variable that is set to nothing is a list of one empty text.
        let proxies = config.trusted_proxies.iter().map(|text| text.trim()).filter(|text| !text.is_empty());
        let blocks = proxies.map(|text| Block::parse(text).map_err(anyhow::Error::msg));
        Ok(Self(blocks.collect::<Result<_>>().context("trusted_proxies")?))
    }

    /// Whether this is one of them.
    pub(crate) fn trust(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|block| block.contains(address))
    }

    /// Who is behind a connection: the last address that a trusted proxy names and that is not itself one.
    ///
    /// Read from `X-Forwarded-For`, or from `Forwarded` (RFC 7239). Of the two a proxy may write only one and pass
    /// on the other as its caller made it up, so where they differ neither is believed.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let peer = peer.to_canonical();
        if !self.trust(peer) {
            return peer;
        }
        let by = |name: &HeaderName, read: fn(&str) -> Option<IpAddr>| {
            headers.contains_key(name).then(|| self.last_untrusted(peer, headers, name, read))
        };
        match (by(&X_FORWARDED_FOR, address_of), by(&FORWARDED, forwarded_for)) {
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
        read: fn(&str) -> Option<IpAddr>,
    ) -> IpAddr {
        let mut nearest = peer;
        let lines = headers.get_all(name).iter().rev();
        let elements = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
        for element in elements {
            // Beyond a name that is no address nobody vouches for anything.
            let Some(address) = read(element.trim()) else { break };
            nearest = address;
            if !self.trust(address) {
                break;
            }
        }
        nearest
    }
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:4711`.
fn address_of(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let address = text.parse().ok().or_else(with_port).or_else(bracketed)?;
    Some(IpAddr::to_canonical(&address))
}

/// The `for` of an element such as `for="[2001:db8::1]:4711";proto=https`.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let pairs = element.split(';').filter_map(|pair| pair.trim().split_once('='));
    let mut addresses = pairs.filter(|(name, _)| name.eq_ignore_ascii_case("for")).map(|(_, value)| value);
    let address = addresses.next()?;
    let quoted = address.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    // Twice is a forgery or a mistake.
    if addresses.next().is_some() { None } else { address_of(quoted.unwrap_or(address)) }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    use super::Proxies;
    use crate::config::Config;

    fn proxies(texts: &[&str]) -> Proxies {
        let trusted_proxies = texts.iter().map(|&text| text.to_owned()).collect();
        Proxies::of(&Config { trusted_proxies, ..Config::default() }).unwrap()
    }

    fn client(proxies: &Proxies, peer: &str, lines: &[(&'static str, &str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        proxies.client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn strangers_are_who_connected_whatever_they_say() {
        let nobody = proxies(&[]);
        let proxy = proxies(&["127.0.0.1"]);
        let said = [("x-forwarded-for", "198.51.100.7"), ("forwarded", "for=198.51.100.7")];
        assert_eq!(client(&nobody, "127.0.0.1", &said), "127.0.0.1");
        assert_eq!(client(&proxy, "192.0.2.1", &said), "192.0.2.1");
        assert_eq!(client(&proxy, "::ffff:192.0.2.1", &said), "192.0.2.1");
    }

    #[test]
    fn a_trusted_proxy_names_the_caller() {
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
    fn forwarded_is_read_as_its_rfc_says() {
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
    fn headers_that_contradict_each_other_are_not_believed() {
        let proxies = proxies(&["10.0.0.1"]);
        let lines = |one, other| [("x-forwarded-for", one), ("forwarded", other)];
        assert_eq!(client(&proxies, "10.0.0.1", &lines("198.51.100.7", "for=203.0.113.9")), "10.0.0.1");
        assert_eq!(client(&proxies, "10.0.0.1", &lines("198.51.100.7", "for=198.51.100.7")), "198.51.100.7");
    }

    #[test]
    fn what_is_no_address_is_named() {
        let config = Config { trusted_proxies: vec!["proxy.example.org".to_owned()], ..Config::default() };
        let error = format!("{:#}", Proxies::of(&config).unwrap_err());
        assert!(error.contains("trusted_proxies") && error.contains("proxy.example.org"), "{error}");
    }
}
