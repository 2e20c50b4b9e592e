//! Asks the machine for the addresses of names.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Semaphore;

/// Look-ups at a time; each takes a thread until it ends, even when nobody waits for it any more.
const AT_A_TIME: usize = 64;

/// Of those, a channel's: names whose servers are slow must not take them all.
const OF_A_CHANNEL: usize = 4;

/// Addresses of a name that are considered.
const ADDRESSES: usize = 16;

#[derive(Debug)]
pub(super) struct Lookups {
    all: Arc<Semaphore>,
    channels: Mutex<HashMap<String, Weak<Semaphore>>>,
}

impl Lookups {
    pub(super) fn new() -> Self {
        Self { all: Arc::new(Semaphore::new(AT_A_TIME)), channels: Mutex::default() }
    }

    /// All addresses of a name, each once, with port 0. Waits for its turn first.
    pub(super) async fn look_up(&self, channel_id: &str, name: String) -> io::Result<Vec<SocketAddr>> {
        let own = self.channel(channel_id).acquire_owned().await.map_err(io::Error::other)?;
        let any = Arc::clone(&self.all).acquire_owned().await.map_err(io::Error::other)?;
        let task = tokio::spawn(async move {
            let mut addresses: Vec<SocketAddr> = Vec::new();
            for address in tokio::net::lookup_host((name, 0)).await?.take(ADDRESSES) {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
            drop((own, any));
            Ok(addresses)
        });
        task.await.map_err(io::Error::other)?
    }

    fn channel(&self, channel_id: &str) -> Arc<Semaphore> {
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = channels.get(channel_id).and_then(Weak::upgrade) {
            return own;
        }
        channels.retain(|_, other| other.strong_count() > 0);
        let own = Arc::new(Semaphore::new(OF_A_CHANNEL));
        channels.insert(channel_id.to_owned(), Arc::downgrade(&own));
        own
    }
}
