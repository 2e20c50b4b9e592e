//! Limits the number of workers that the bots of one owner use at the same time.
//!
//! A hook keeps its worker while it waits for a core or for the network. Without this limit one person's hooks could
//! occupy all workers, and everybody else's would wait for theirs to end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::program::Owner;

/// Part of the workers that one owner's calls may use: a half.
const PART: usize = 2;

/// The owners who have calls.
#[derive(Debug)]
pub(crate) struct Shares {
    /// Number of calls of one owner that may use a worker.
    limit: usize,
    /// Each owner's free permits, and the number of calls that use or wait for one.
    owners: Mutex<HashMap<Owner, (Arc<Semaphore>, usize)>>,
}

/// The right of a call to use a worker.
#[derive(Debug)]
pub(crate) struct Share<'a> {
    _permit: OwnedSemaphorePermit,
    _call: CountedCall<'a>,
}

impl Shares {
    pub(crate) fn new(max_workers: usize) -> Self {
        Self { limit: (max_workers / PART).max(1), owners: Mutex::default() }
    }

    /// Waits until this owner's calls use fewer workers than they may.
    pub(crate) async fn acquire<'a>(&'a self, owner: &'a Owner) -> Share<'a> {
        let permits = {
            let mut owners = self.lock();
            let (permits, calls) =
                owners.entry(owner.clone()).or_insert_with(|| (Arc::new(Semaphore::new(self.limit)), 0));
            *calls += 1;
            Arc::clone(permits)
        };
        let call = CountedCall { shares: self, owner };
        Share { _permit: permits.acquire_owned().await.expect("the semaphore is never closed"), _call: call }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Owner, (Arc<Semaphore>, usize)>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes its owner when it is dropped and was the last call.
#[derive(Debug)]
struct CountedCall<'a> {
    shares: &'a Shares,
    owner: &'a Owner,
}

impl Drop for CountedCall<'_> {
    fn drop(&mut self) {
        let mut owners = self.shares.lock();
        if let Some((_, calls)) = owners.get_mut(self.owner) {
            *calls -= 1;
            if *calls == 0 {
                owners.remove(self.owner);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Duration, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_owner_uses_half_of_the_workers() {
        let (shares, alice, bob) = (Shares::new(4), Owner::new("alice"), Owner::new("bob"));
        let first = shares.acquire(&alice).await;
        let _second = shares.acquire(&alice).await;
        assert!(timeout(Duration::from_hours(1), shares.acquire(&alice)).await.is_err());
        let _other = timeout(Duration::ZERO, shares.acquire(&bob)).await.expect("bob's share");
        drop(first);
        timeout(Duration::ZERO, shares.acquire(&alice)).await.expect("a free worker");
    }

    #[tokio::test]
    async fn owners_without_calls_are_forgotten() {
        let (shares, alice) = (Shares::new(2), Owner::new("alice"));
        let first = shares.acquire(&alice).await;
        assert!(timeout(Duration::ZERO, shares.acquire(&alice)).await.is_err());
        drop(first);
        assert!(shares.lock().is_empty());
    }
}
