use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use anyhow::Result;

use crate::config::Config;
use crate::net::{AddressKey, TrustedProxies};

/// The limits on open connections, in all and from each address. Connections of trusted proxies count only in all, for one
/// proxy's address stands for many clients.
#[derive(Clone, Debug)]
pub(super) struct ConnectionLimits(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    in_all: usize,
    per_address: usize,
    proxies: TrustedProxies,
    open: Mutex<OpenConnections>,
}

#[derive(Debug, Default)]
struct OpenConnections {
    total: usize,
    /// Number of all connections so far.
    opened: u64,
    by_address: HashMap<AddressKey, usize>,
}

/// The permission for one connection, which counts as open until this is dropped.
#[derive(Debug)]
pub(super) struct ConnectionPermit {
    limits: ConnectionLimits,
    key: Option<AddressKey>,
}

impl ConnectionLimits {
    pub(super) fn new(config: &Config) -> Result<Self> {
        Ok(Self(Arc::new(Inner {
            in_all: config.connections,
            per_address: config.connections_per_address,
            proxies: TrustedProxies::new(config)?,
            open: Mutex::default(),
        })))
    }

    /// Counts a connection from this address; returns `None` if a limit is reached.
    pub(super) fn admit(&self, address: IpAddr) -> Option<ConnectionPermit> {
        let key = (!self.0.proxies.contains(address)).then(|| AddressKey::of(address));
        let mut open = self.open();
        if open.total >= self.0.in_all {
            return None;
        }
        if let Some(key) = key {
            let count = open.by_address.entry(key).or_default();
            if *count >= self.0.per_address {
                return None;
            }
            *count += 1;
        }
        open.total += 1;
        open.opened += 1;
        Some(ConnectionPermit { limits: self.clone(), key })
    }

    /// Returns the number of connections.
    pub(super) fn count(&self) -> usize {
        self.open().total
    }

    /// Returns the number of all connections so far, ended ones included.
    pub(super) fn opened(&self) -> u64 {
        self.open().opened
    }

    fn open(&self) -> MutexGuard<'_, OpenConnections> {
        self.0.open.lock().expect("no code panics while it holds this lock")
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut open = self.limits.open();
        open.total -= 1;
        if let Some(key) = self.key
            && let Some(count) = open.by_address.get_mut(&key)
        {
            *count -= 1;
            if *count == 0 {
                open.by_address.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ConnectionLimits;
    use crate::config::Config;

    #[test]
    fn a_connection_counts_until_its_permit_is_dropped() {
        let config = Config {
            connections: 3,
            connections_per_address: 2,
            trusted_proxies: vec!["10.0.0.0/8".to_owned()],
            ..Config::default()
        };
        let limits = ConnectionLimits::new(&config).unwrap();
        let from = |address: &str| limits.admit(address.parse().unwrap());
        let (first, _second) = (from("2001:db8::1").unwrap(), from("2001:db8::2").unwrap());
        assert!(from("2001:db8::3").is_none(), "a /64 is one address");
        let other = from("192.0.2.1").unwrap();
        assert!(from("192.0.2.2").is_none(), "three in all");
        drop((first, other));
        let _proxied = [from("10.1.1.1").unwrap(), from("10.1.1.1").unwrap()];
        assert!(from("10.1.1.1").is_none(), "three in all, proxies included");
        assert_eq!(limits.open().by_address.len(), 1);
    }
}
