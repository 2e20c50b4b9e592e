use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Semaphore;

/// Lookups at a time. Each occupies a thread until it ends, even when its requester has stopped waiting.
const CONCURRENT_LOOKUPS: usize = 64;

/// Lookups at a time for one requester, so that names with slow servers cannot occupy all threads.
const CONCURRENT_LOOKUPS_OF_REQUESTER: usize = 4;

/// Addresses of a name that are used.
const MAX_ADDRESSES: usize = 16;

/// Resolves names by the system's resolver, a limited number at a time.
#[derive(Debug)]
pub(super) struct Resolver {
    all: Arc<Semaphore>,
    by_requester: Mutex<HashMap<String, Weak<Semaphore>>>,
}

impl Resolver {
    pub(super) fn new() -> Self {
        Self { all: Arc::new(Semaphore::new(CONCURRENT_LOOKUPS)), by_requester: Mutex::default() }
    }

    /// Returns the addresses of a name without duplicates, with port 0, after waiting for a free thread.
    ///
    /// The requester is the id of the channel that asks, or, for the relay's own connections, the name itself.
    pub(super) async fn resolve(&self, requester: &str, name: String) -> io::Result<Vec<SocketAddr>> {
        let of_requester = self.permits_of(requester).acquire_owned().await.map_err(io::Error::other)?;
        let of_all = Arc::clone(&self.all).acquire_owned().await.map_err(io::Error::other)?;
        // A task, so that the permits are held until the thread is free, also when the caller is dropped.
        let task = tokio::spawn(async move {
            let mut addresses: Vec<SocketAddr> = Vec::new();
            for address in tokio::net::lookup_host((name, 0)).await?.take(MAX_ADDRESSES) {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
            drop((of_requester, of_all));
            Ok(addresses)
        });
        task.await.map_err(io::Error::other)?
    }

    fn permits_of(&self, requester: &str) -> Arc<Semaphore> {
        let mut by_requester = self.by_requester.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(permits) = by_requester.get(requester).and_then(Weak::upgrade) {
            return permits;
        }
        by_requester.retain(|_, permits| permits.strong_count() > 0);
        let permits = Arc::new(Semaphore::new(CONCURRENT_LOOKUPS_OF_REQUESTER));
        by_requester.insert(requester.to_owned(), Arc::downgrade(&permits));
        permits
    }
}
