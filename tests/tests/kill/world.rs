use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

use crate::player::{Door, Player};

/// What players and the executioner know of each other.
#[derive(Debug)]
pub(crate) struct World {
    address: String,
    /// Names and tokens.
    people: [(&'static str, String); 2],
    /// The number of the relay's latest life that has begun to listen.
    life: watch::Sender<u64>,
    /// The life that nobody ends, once it is known.
    last: AtomicU64,
    /// Counts acknowledged operations.
    acknowledged: watch::Sender<u64>,
    /// Counts operations that the relay said it failed at.
    failed: AtomicU64,
}

impl World {
    pub(crate) fn new(address: String, people: [(&'static str, String); 2]) -> Arc<Self> {
        let (life, acknowledged) = (watch::Sender::new(0), watch::Sender::new(0));
        Arc::new(Self {
            address,
            people,
            life,
            last: AtomicU64::new(u64::MAX),
            acknowledged,
            failed: AtomicU64::new(0),
        })
    }

    pub(crate) fn player(self: &Arc<Self>, name: &str, door: Door) -> Player {
        let (name, token) = self.people.iter().find(|(known, _)| *known == name).expect("one of the people");
        Player::new(Arc::clone(self), name, token.clone(), door)
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The relay listens again.
    pub(crate) fn announce(&self) {
        self.life.send_modify(|life| *life += 1);
    }

    /// The relay listens again, and nobody kills it any more.
    pub(crate) fn announce_last(&self) {
        let last = *self.life.borrow() + 1;
        self.last.store(last, Ordering::SeqCst);
        self.announce();
    }

    /// Whether the last life has begun.
    pub(crate) fn is_ending(&self) -> bool {
        self.last.load(Ordering::SeqCst) != u64::MAX
    }

    /// Whether a life is the one that nobody ends.
    pub(crate) fn is_last(&self, life: u64) -> bool {
        self.last.load(Ordering::SeqCst) == life
    }

    /// Waits for a life of the relay after this one, and says which it is.
    pub(crate) async fn life_after(&self, dead: u64) -> u64 {
        *self.life.subscribe().wait_for(|life| *life > dead).await.expect("the world keeps the sender")
    }

    pub(crate) fn acknowledge(&self) {
        self.acknowledged.send_modify(|count| *count += 1);
    }

    /// How many operations were acknowledged.
    pub(crate) fn acknowledged(&self) -> u64 {
        *self.acknowledged.borrow()
    }

    /// The relay failed at an operation, which is to be repeated. It does so when the machine is too slow for it, not often.
    pub(crate) fn note_failure(&self, error: &str) {
        let failed = self.failed.fetch_add(1, Ordering::Relaxed);
        assert!(failed < 100, "the relay fails all the time: {error}");
    }

    /// How many operations the relay failed at.
    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Waits until so many operations were acknowledged.
    pub(crate) async fn reached(&self, count: u64) {
        let mut acknowledged = self.acknowledged.subscribe();
        acknowledged.wait_for(|now| *now >= count).await.expect("the world keeps the sender");
    }
}
