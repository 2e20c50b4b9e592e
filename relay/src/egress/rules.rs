use std::fmt;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use crate::net::{embedded_ipv4, is_public, parse_block};

/// An operator's rule for one host or several, with or without a port: `example.com`, `*.example.com`, `10.0.0.0/8`,
/// `127.0.0.1:8080`, `[::1]:443`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HostRule {
    hosts: Hosts,
    port: Option<u16>,
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    Name(String),
    /// All subdomains of a name, but not the name itself.
    Subdomains(String),
    Block(IpNet),
}

/// The operator's rules for outgoing connections. A host that is denied stays denied even if another rule allows it.
#[derive(Clone, Debug)]
pub(super) struct EgressRules {
    pub(super) ports: Vec<u16>,
    pub(super) allow: Vec<HostRule>,
    pub(super) deny: Vec<HostRule>,
    /// Restricts connections to the hosts in `allow`.
    pub(super) only_allowed: bool,
}

impl HostRule {
    /// Parses a rule; the error quotes the rule and explains what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        Self::parse_parts(text).map_err(|reason| {
            let forms = "example.com, *.example.com, 10.0.0.0/8, 127.0.0.1:8080 or [::1]:443";
            format!("`{text}` is not a host rule such as {forms}: {reason}")
        })
    }

    fn parse_parts(text: &str) -> Result<Self, String> {
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (host, rest) = rest.split_once(']').ok_or("the bracket is not closed")?;
            let port = rest.strip_prefix(':');
            if !rest.is_empty() && port.is_none() {
                return Err("only a colon and a port may follow the bracket".to_owned());
            }
            (host, port)
        } else if text.matches(':').count() > 1 {
            (text, None)
        } else {
            text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)))
        };
        let port = port
            .map(|port| {
                port.parse().ok().filter(|port| *port > 0).ok_or("a port from 1 to 65535 must follow the colon")
            })
            .transpose()?;
        let hosts = if host.contains(['/', ':']) || host.parse::<IpAddr>().is_ok() {
            Hosts::Block(parse_block(host)?)
        } else if let Some(name) = host.strip_prefix("*.") {
            Hosts::Subdomains(normalize_name(name)?)
        } else {
            Hosts::Name(normalize_name(host)?)
        };
        Ok(Self { hosts, port, text: text.to_owned() })
    }

    /// Returns whether the rule applies to a port; `None` stands for any.
    fn applies_to_port(&self, port: Option<u16>) -> bool {
        self.port.is_none() || port.is_none() || self.port == port
    }

    fn matches_name(&self, name: &str) -> bool {
        match &self.hosts {
            Hosts::Name(named) => named == name,
            Hosts::Subdomains(parent) => name.strip_suffix(parent.as_str()).is_some_and(|rest| rest.ends_with('.')),
            Hosts::Block(_) => false,
        }
    }

    fn matches_address(&self, address: IpAddr) -> bool {
        matches!(&self.hosts, Hosts::Block(block) if block.contains(&address))
    }
}

impl fmt::Display for HostRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl EgressRules {
    /// Checks that a name may be resolved; the error is the reason why not.
    ///
    /// Resolving already tells the name to others, so a name that cannot be permitted at any address is refused first.
    pub(super) fn check_name(&self, name: &str) -> Result<(), String> {
        let denied = |rule: &&HostRule| rule.port.is_none() && rule.matches_name(name);
        if let Some(rule) = self.deny.iter().find(denied) {
            return Err(denied_by(rule));
        }
        // A name that no rule allows may still resolve to an address that a rule allows.
        let allows_blocks = || self.allow.iter().any(|rule| matches!(rule.hosts, Hosts::Block(_)));
        if self.only_allowed && !allows_blocks() && !self.allow.iter().any(|rule| rule.matches_name(name)) {
            return Err(not_allowed(name));
        }
        Ok(())
    }

    /// Returns those of a host's addresses that may be connected to at this port, or the reason against the first if none may.
    pub(super) fn permitted(
        &self,
        names: &[String],
        addresses: Vec<SocketAddr>,
        port: Option<u16>,
    ) -> Result<Vec<SocketAddr>, String> {
        let (mut permitted, mut refusal) = (Vec::new(), None);
        for address in addresses {
            match self.check(names, address.ip(), port) {
                Ok(()) => permitted.push(address),
                Err(reason) => refusal = refusal.or(Some(reason)),
            }
        }
        match refusal {
            Some(reason) if permitted.is_empty() => Err(reason),
            _ => Ok(permitted),
        }
    }

    /// Checks that an address may be connected to at a port, by rules for it or for any of the names that resolved to it; the
    /// error is the reason why not. Without a port, checks that it may be connected to at some port.
    fn check(&self, names: &[String], address: IpAddr, port: Option<u16>) -> Result<(), String> {
        let address = address.to_canonical();
        let embedded = match address {
            IpAddr::V4(_) => Vec::new(),
            IpAddr::V6(v6) => embedded_ipv4(v6),
        };
        let matches_name = |rule: &HostRule| names.iter().any(|name| rule.matches_name(name));
        let denied = |rule: &&HostRule| {
            let matches_address =
                rule.matches_address(address) || embedded.iter().any(|v4| rule.matches_address((*v4).into()));
            (rule.port.is_none() || rule.port == port) && (matches_name(rule) || matches_address)
        };
        if let Some(rule) = self.deny.iter().find(denied) {
            return Err(denied_by(rule));
        }
        let allowing: Vec<&HostRule> = self
            .allow
            .iter()
            .filter(|rule| rule.applies_to_port(port) && (matches_name(rule) || rule.matches_address(address)))
            .collect();
        let shown = names.first().map_or_else(|| address.to_string(), |name| format!("{name} ({address})"));
        if self.only_allowed && allowing.is_empty() {
            return Err(not_allowed(&shown));
        }
        if let Some(port) = port
            && !self.ports.contains(&port)
            && !allowing.iter().any(|rule| rule.port == Some(port))
        {
            let ports: Vec<String> = self.ports.iter().map(u16::to_string).collect();
            let usual = if ports.is_empty() { "no port".to_owned() } else { format!("port {}", ports.join(" or ")) };
            return Err(format!(
                "bots may use {usual} only, not {port}; this relay's operator can allow {}",
                host_and_port(names.first(), address, port)
            ));
        }
        // The owner of a domain chooses the addresses of all its subdomains, so a `*.` rule allows no private address.
        let allows_private = allowing.iter().any(|rule| !matches!(rule.hosts, Hosts::Subdomains(_)));
        if !allows_private && !is_public(address) {
            return Err(format!(
                "{shown} is not a public internet address, and bots can connect only to those; this relay's operator can allow it"
            ));
        }
        Ok(())
    }
}

fn denied_by(rule: &HostRule) -> String {
    format!("this relay's operator denies bots {rule}")
}

fn host_and_port(name: Option<&String>, address: IpAddr, port: u16) -> String {
    match (name, address) {
        (Some(name), _) => format!("{name}:{port}"),
        (None, IpAddr::V6(v6)) => format!("[{v6}]:{port}"),
        (None, IpAddr::V4(v4)) => format!("{v4}:{port}"),
    }
}

fn not_allowed(host: &str) -> String {
    format!("bots can connect only to hosts that this relay's operator has allowed, and {host} is not one of them")
}

/// Checks a host name and returns it as rules compare it: in lower case, without the dot of the root.
pub(super) fn normalize_name(text: &str) -> Result<String, String> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    if name.is_empty() || name.len() > 253 {
        return Err("a host name has 1 to 253 characters".to_owned());
    }
    if !name.is_ascii() {
        return Err(format!("`{text}` must be written in ASCII, as in xn--bcher-kva.example"));
    }
    let is_label = |label: &str| {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(is_allowed)
    };
    if !name.split('.').all(is_label) {
        return Err(format!("`{text}` is neither a host name nor an IP address"));
    }
    // 2130706433, 0x7f.1 and 127.1 look like names, but resolvers read them as 127.0.0.1.
    let last = name.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x") {
        return Err(format!("`{text}` is a number; an IPv4 address is written as four decimal numbers"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::{EgressRules, HostRule};

    fn rules(allow: &[&str], deny: &[&str], only_allowed: bool) -> EgressRules {
        let parse = |rules: &[&str]| rules.iter().map(|rule| HostRule::parse(rule).unwrap()).collect();
        EgressRules { ports: vec![80, 443], allow: parse(allow), deny: parse(deny), only_allowed }
    }

    fn check(rules: &EgressRules, name: &str, address: &str, port: u16) -> Result<(), String> {
        let names = if name.is_empty() { vec![] } else { vec![name.to_owned()] };
        rules.check(&names, address.parse().unwrap(), Some(port))
    }

    #[test]
    fn without_rules_bots_connect_to_public_addresses_only() {
        let rules = rules(&[], &[], false);
        check(&rules, "example.com", "93.184.216.34", 443).unwrap();
        check(&rules, "", "2606:4700::1", 80).unwrap();
        let error = check(&rules, "example.com", "93.184.216.34", 8080).unwrap_err();
        assert!(error.contains("port 80 or 443 only") && error.contains("can allow example.com:8080"), "{error}");
        let error = check(&rules, "localhost", "127.0.0.1", 80).unwrap_err();
        assert!(error.contains("localhost (127.0.0.1) is not a public internet address"), "{error}");
        check(&rules, "", "::ffff:127.0.0.1", 80).unwrap_err();
    }

    #[test]
    fn a_rule_allows_the_hosts_it_matches() {
        let rules = rules(&["127.0.0.1:8080", "10.0.0.0/8", "wiki.corp", "*.lab.example", "[::1]:443"], &[], false);
        for (name, address, port, allowed) in [
            ("", "127.0.0.1", 8080, true),
            ("", "::ffff:127.0.0.1", 8080, true),
            ("localhost", "127.0.0.1", 8080, true),
            ("", "127.0.0.1", 80, false),
            ("", "127.0.0.2", 8080, false),
            ("", "10.1.2.3", 80, true),
            ("", "10.1.2.3", 8080, false),
            ("", "64:ff9b::a01:203", 80, false),
            ("wiki.corp", "192.168.0.1", 443, true),
            ("www.wiki.corp", "192.168.0.1", 443, false),
            ("x.lab.example", "192.168.0.1", 443, false),
            ("x.lab.example", "8.8.8.8", 443, true),
            ("", "::1", 443, true),
            ("", "::1", 80, false),
        ] {
            let checked = check(&rules, name, address, port);
            assert_eq!(checked.is_ok(), allowed, "{name} {address} {port}: {checked:?}");
        }
    }

    #[test]
    fn a_denied_host_stays_denied() {
        let rules =
            rules(&["example.com", "10.0.0.0/8"], &["example.com", "*.evil.example", "10.0.0.1", "8.8.8.8:80"], false);
        for (name, address, port, allowed) in [
            ("example.com", "93.184.216.34", 443, false),
            ("a.evil.example", "93.184.216.34", 443, false),
            ("evil.example", "93.184.216.34", 443, true),
            ("notevil.example", "93.184.216.34", 443, true),
            ("", "10.0.0.1", 80, false),
            ("", "::ffff:10.0.0.1", 80, false),
            ("", "10.0.0.2", 80, true),
            ("", "8.8.8.8", 80, false),
            ("", "64:ff9b::808:808", 80, false),
            ("", "8.8.8.8", 443, true),
        ] {
            let checked = check(&rules, name, address, port);
            assert_eq!(checked.is_ok(), allowed, "{name} {address} {port}: {checked:?}");
        }
        let error = check(&rules, "a.evil.example", "93.184.216.34", 443).unwrap_err();
        assert!(error.contains("*.evil.example"), "{error}");
        rules.check_name("example.com").unwrap_err();
        rules.check_name("example.org").unwrap();
    }

    #[test]
    fn with_only_allowed_nothing_else_is_permitted() {
        let rules = rules(&["*.example.com", "files.example.org:8080"], &[], true);
        check(&rules, "api.example.com", "93.184.216.34", 443).unwrap();
        check(&rules, "files.example.org", "93.184.216.34", 8080).unwrap();
        for (name, port) in [("example.com", 443), ("api.example.com", 8080), ("files.example.org", 80), ("", 443)] {
            check(&rules, name, "93.184.216.34", port).unwrap_err();
        }
        check(&rules, "api.example.com", "10.0.0.1", 443).unwrap_err();
        rules.check_name("api.example.com").unwrap();
        rules.check_name("secret.elsewhere.example").unwrap_err();
    }

    #[test]
    fn malformed_rules_are_refused_with_the_reason() {
        for (text, reason) in [
            ("", "1 to 253"),
            ("*", "neither"),
            ("a.*.b", "neither"),
            ("http://example.com", "port"),
            ("example.com:0", "port"),
            ("example.com:http", "port"),
            ("[::1", "not closed"),
            ("[::1]8080", "follow the bracket"),
            ("10.0.0.1/8", "beyond the prefix"),
            ("2130706433", "number"),
            ("0x7f.1", "number"),
            ("0x7f000001", "number"),
            ("127.1", "number"),
            ("bücher.example", "ASCII"),
        ] {
            let error = HostRule::parse(text).unwrap_err();
            assert!(error.contains(reason) && error.contains(&format!("`{text}`")), "{text}: {error}");
        }
        for text in ["Example.COM.", "*.example.com:8443", "fd00::/8", "[fd00::]:80", "[fd00::/8]:80", "10.0.0.0/8:80"]
        {
            HostRule::parse(text).unwrap();
        }
    }
}
