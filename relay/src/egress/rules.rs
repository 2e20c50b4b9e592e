//! Whom bots may talk to, as the operator chose.

use std::fmt;
use std::net::IpAddr;

use crate::net::{Block, embedded, is_public};

/// A host, or several, with or without a port: `example.com`, `*.example.com`, `10.0.0.0/8`,
/// `127.0.0.1:8080`, `[::1]:443`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HostRule {
    hosts: Hosts,
    port: Option<u16>,
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    /// A name.
    Name(String),
    /// All names under one.
    Under(String),
    Block(Block),
}

/// The operator's rules; what is denied stays so whatever else allows it.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) ports: Vec<u16>,
    pub(super) allow: Vec<HostRule>,
    pub(super) deny: Vec<HostRule>,
    /// Whether only what `allow` names may be reached.
    pub(super) only: bool,
}

impl HostRule {
    /// Reads a rule; the error says what is wrong with it, and names it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        Self::read(text).map_err(|reason| {
            let forms = "example.com, *.example.com, 10.0.0.0/8, 127.0.0.1:8080 or [::1]:443";
            format!("`{text}` is not a rule for hosts ({forms}): {reason}")
        })
    }

    fn read(text: &str) -> Result<Self, String> {
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (host, rest) = rest.split_once(']').ok_or("the bracket is not closed")?;
            let port = rest.strip_prefix(':');
            if !rest.is_empty() && port.is_none() {
                return Err("after the bracket may only stand a colon and a port".to_owned());
            }
            (host, port)
        } else if text.matches(':').count() > 1 {
            (text, None)
        } else {
            text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)))
        };
        let port = port
            .map(|port| port.parse().ok().filter(|port| *port > 0).ok_or("after the colon must stand a port"))
            .transpose()?;
        let hosts = if host.contains(['/', ':']) || host.parse::<IpAddr>().is_ok() {
            Hosts::Block(Block::parse(host)?)
        } else if let Some(name) = host.strip_prefix("*.") {
            Hosts::Under(name_of(name)?)
        } else {
            Hosts::Name(name_of(host)?)
        };
        Ok(Self { hosts, port, text: text.to_owned() })
    }

    /// Whether the rule is about a port; `None` stands for any.
    fn is_for_port(&self, port: Option<u16>) -> bool {
        self.port.is_none() || port.is_none() || self.port == port
    }

    fn names(&self, name: &str) -> bool {
        match &self.hosts {
            Hosts::Name(named) => named == name,
            Hosts::Under(parent) => name.strip_suffix(parent.as_str()).is_some_and(|rest| rest.ends_with('.')),
            Hosts::Block(_) => false,
        }
    }

    fn holds(&self, address: IpAddr) -> bool {
        matches!(&self.hosts, Hosts::Block(block) if block.contains(address))
    }
}

impl fmt::Display for HostRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Rules {
    /// Whether a name may be looked up, before anything is asked about it; otherwise why not.
    pub(super) fn judge_name(&self, name: &str) -> Result<(), String> {
        let denied = |rule: &&HostRule| rule.port.is_none() && rule.names(name);
        if let Some(rule) = self.deny.iter().find(denied) {
            return Err(format!("this relay's operator denies bots {rule}"));
        }
        // A name that no rule allows may still have an address that one does.
        let by_address = || self.allow.iter().any(|rule| matches!(rule.hosts, Hosts::Block(_)));
        if self.only && !by_address() && !self.allow.iter().any(|rule| rule.names(name)) {
            return Err(unnamed(name));
        }
        Ok(())
    }

    /// Whether an address may be reached at a port, under any of the names that led to it; otherwise
    /// why not. Without a port: whether it may be at some.
    pub(super) fn judge(&self, names: &[String], address: IpAddr, port: Option<u16>) -> Result<(), String> {
        let address = address.to_canonical();
        let carried = match address {
            IpAddr::V4(_) => Vec::new(),
            IpAddr::V6(v6) => embedded(v6),
        };
        let is_named = |rule: &HostRule| names.iter().any(|name| rule.names(name));
        let denied = |rule: &&HostRule| {
            let holds = rule.holds(address) || carried.iter().any(|v4| rule.holds((*v4).into()));
            (rule.port.is_none() || rule.port == port) && (is_named(rule) || holds)
        };
        if let Some(rule) = self.deny.iter().find(denied) {
            return Err(format!("this relay's operator denies bots {rule}"));
        }
        let allowing: Vec<&HostRule> = self
            .allow
            .iter()
            .filter(|rule| rule.is_for_port(port) && (is_named(rule) || rule.holds(address)))
            .collect();
        let shown = names.first().map_or_else(|| address.to_string(), |name| format!("{name} ({address})"));
        if self.only && allowing.is_empty() {
            return Err(unnamed(&shown));
        }
        if let Some(port) = port
            && !self.ports.contains(&port)
            && !allowing.iter().any(|rule| rule.port == Some(port))
        {
            let ports: Vec<String> = self.ports.iter().map(u16::to_string).collect();
            let usual = if ports.is_empty() { "no port".to_owned() } else { format!("port {}", ports.join(" or ")) };
            return Err(format!(
                "bots may use {usual} only, not {port}; this relay's operator can allow {}",
                at(names.first(), address, port)
            ));
        }
        // Whoever owns a domain chooses the addresses of all the names under it, so `*.` opens no private network.
        let opened = allowing.iter().any(|rule| !matches!(rule.hosts, Hosts::Under(_)));
        if !opened && !is_public(address) {
            return Err(format!(
                "{shown} is not an address of the public internet, and bots may reach no other; this relay's operator can allow it"
            ));
        }
        Ok(())
    }
}

fn at(name: Option<&String>, address: IpAddr, port: u16) -> String {
    match (name, address) {
        (Some(name), _) => format!("{name}:{port}"),
        (None, IpAddr::V6(v6)) => format!("[{v6}]:{port}"),
        (None, IpAddr::V4(v4)) => format!("{v4}:{port}"),
    }
}

fn unnamed(host: &str) -> String {
    format!("bots may only reach what this relay's operator has allowed, and {host} is not among it")
}

/// A host's name as rules compare it: lower case, without the dot of the root.
pub(super) fn name_of(text: &str) -> Result<String, String> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    if name.is_empty() || name.len() > 253 {
        return Err("a host's name has 1 to 253 characters".to_owned());
    }
    if !name.is_ascii() {
        return Err(format!("`{text}` is to be written in ASCII, as in xn--bcher-kva.example"));
    }
    let is_label = |label: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(fits)
    };
    if !name.split('.').all(is_label) {
        return Err(format!("`{text}` is neither a host's name nor an IP address"));
    }
    // 2130706433, 0x7f.1 and 127.1 are ways to write 127.0.0.1 that only look like names.
    let last = name.rsplit('.').next().unwrap_or_default();
    if last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x") {
        return Err(format!("`{text}` is a number; an IPv4 address is written as four decimal numbers"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::{HostRule, Rules};

    fn rules(allow: &[&str], deny: &[&str], only: bool) -> Rules {
        let parse = |rules: &[&str]| rules.iter().map(|rule| HostRule::parse(rule).unwrap()).collect();
        Rules { ports: vec![80, 443], allow: parse(allow), deny: parse(deny), only }
    }

    fn judge(rules: &Rules, name: &str, address: &str, port: u16) -> Result<(), String> {
        let names = if name.is_empty() { vec![] } else { vec![name.to_owned()] };
        rules.judge(&names, address.parse().unwrap(), Some(port))
    }

    #[test]
    fn without_rules_bots_reach_the_public_internet() {
        let rules = rules(&[], &[], false);
        judge(&rules, "example.com", "93.184.216.34", 443).unwrap();
        judge(&rules, "", "2606:4700::1", 80).unwrap();
        let error = judge(&rules, "example.com", "93.184.216.34", 8080).unwrap_err();
        assert!(error.contains("port 80 or 443 only") && error.contains("can allow example.com:8080"), "{error}");
        let error = judge(&rules, "localhost", "127.0.0.1", 80).unwrap_err();
        assert!(error.contains("localhost (127.0.0.1) is not an address of the public internet"), "{error}");
        judge(&rules, "", "::ffff:127.0.0.1", 80).unwrap_err();
    }

    #[test]
    fn a_rule_opens_what_it_names() {
        let rules = rules(&["127.0.0.1:8080", "10.0.0.0/8", "wiki.corp", "*.lab.example", "[::1]:443"], &[], false);
        for (name, address, port, opened) in [
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
            let judged = judge(&rules, name, address, port);
            assert_eq!(judged.is_ok(), opened, "{name} {address} {port}: {judged:?}");
        }
    }

    #[test]
    fn what_is_denied_stays_denied() {
        let rules =
            rules(&["example.com", "10.0.0.0/8"], &["example.com", "*.evil.example", "10.0.0.1", "8.8.8.8:80"], false);
        for (name, address, port, open) in [
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
            let judged = judge(&rules, name, address, port);
            assert_eq!(judged.is_ok(), open, "{name} {address} {port}: {judged:?}");
        }
        let error = judge(&rules, "a.evil.example", "93.184.216.34", 443).unwrap_err();
        assert!(error.contains("*.evil.example"), "{error}");
        rules.judge_name("example.com").unwrap_err();
        rules.judge_name("example.org").unwrap();
    }

    #[test]
    fn with_only_nothing_else_is_reached() {
        let rules = rules(&["*.example.com", "files.example.org:8080"], &[], true);
        judge(&rules, "api.example.com", "93.184.216.34", 443).unwrap();
        judge(&rules, "files.example.org", "93.184.216.34", 8080).unwrap();
        for (name, port) in [("example.com", 443), ("api.example.com", 8080), ("files.example.org", 80), ("", 443)] {
            judge(&rules, name, "93.184.216.34", port).unwrap_err();
        }
        judge(&rules, "api.example.com", "10.0.0.1", 443).unwrap_err();
        rules.judge_name("api.example.com").unwrap();
        rules.judge_name("secret.elsewhere.example").unwrap_err();
    }

    #[test]
    fn what_is_no_rule_is_refused_with_the_reason() {
        for (text, said) in [
            ("", "1 to 253"),
            ("*", "neither"),
            ("a.*.b", "neither"),
            ("http://example.com", "port"),
            ("example.com:0", "port"),
            ("example.com:http", "port"),
            ("[::1", "not closed"),
            ("[::1]8080", "after the bracket"),
            ("10.0.0.1/8", "beyond"),
            ("2130706433", "number"),
            ("0x7f.1", "number"),
            ("0x7f000001", "number"),
            ("127.1", "number"),
            ("bücher.example", "ASCII"),
        ] {
            let error = HostRule::parse(text).unwrap_err();
            assert!(error.contains(said) && error.contains(&format!("`{text}`")), "{text}: {error}");
        }
        for text in ["Example.COM.", "*.example.com:8443", "fd00::/8", "[fd00::]:80", "[fd00::/8]:80", "10.0.0.0/8:80"]
        {
            HostRule::parse(text).unwrap();
        }
    }
}
