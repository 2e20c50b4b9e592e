use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use anyhow::Result;

use crate::config::Config;
use crate::net::AddressKey;
use crate::net::Proxies;

/// Who may connect: so many in all, so many from one address. A trusted proxy stands for many callers.
#[derive(Clone, Debug)]
pub(super) struct Admission(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    most: usize,
    most_per_address: usize,
    proxies: Proxies,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    by_address: HashMap<AddressKey, usize>,
}

/// A connection's place, which is free again when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    admission: Admission,
    key: Option<AddressKey>,
}

impl Admission {
    pub(super) fn new(config: &Config) -> Result<Self> {
        Ok(Self(Arc::new(Inner {
            most: config.connections,
            most_per_address: config.connections_per_address,
            proxies: Proxies::of(config)?,
            open: Mutex::default(),
        })))
    }

    /// A place for a connection from this address; `None` if there are as many as there may be.
    pub(super) fn admit(&self, address: IpAddr) -> Option<Place> {
        let key = (!self.0.proxies.trust(address)).then(|| AddressKey::of(address));
        let mut open = self.open();
        if open.total >= self.0.most {
            return None;
        }
        if let Some(key) = key {
            let count = open.by_address.entry(key).or_default();
            if *count >= self.0.most_per_address {
                return None;
            }
            *count += 1;
        }
        open.total += 1;
        Some(Place { admission: self.clone(), key })
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.open.lock().expect("no code panics while it holds this lock")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.admission.open();
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
    use super::Admission;
    use crate::config::Config;

    #[test]
    fn a_place_is_free_again_when_its_connection_ends() {
        let config = Config {
            connections: 3,
            connections_per_address: 2,
            trusted_proxies: vec!["10.0.0.0/8".to_owned()],
            ..Config::default()
        };
        let admission = Admission::new(&config).unwrap();
        let from = |address: &str| admission.admit(address.parse().unwrap());
        let (first, _second) = (from("2001:db8::1").unwrap(), from("2001:db8::2").unwrap());
        assert!(from("2001:db8::3").is_none(), "a /64 is one address");
        let other = from("192.0.2.1").unwrap();
        assert!(from("192.0.2.2").is_none(), "three in all");
        drop((first, other));
        let _proxied = [from("10.1.1.1").unwrap(), from("10.1.1.1").unwrap()];
        assert!(from("10.1.1.1").is_none(), "three in all, whoever comes");
        assert_eq!(admission.open().by_address.len(), 1);
    }
}
