use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

use crate::player::{Player, Transport};

/// State that the players share with the test that kills the relay.
#[derive(Debug)]
pub(crate) struct RunState {
    address: String,
    /// Names and tokens.
    people: [(&'static str, String); 2],
    /// Number of times that the relay has started to listen: the incarnation that is running, or ran last.
    incarnation: watch::Sender<u64>,
    /// The incarnation that is not killed, once it has started.
    last: AtomicU64,
    /// Number of acknowledged operations.
    acknowledged: watch::Sender<u64>,
    /// Number of operations that the relay answered with an internal failure.
    failed: AtomicU64,
}

impl RunState {
    pub(crate) fn new(address: String, people: [(&'static str, String); 2]) -> Arc<Self> {
        let (incarnation, acknowledged) = (watch::Sender::new(0), watch::Sender::new(0));
        Arc::new(Self {
            address,
            people,
            incarnation,
            last: AtomicU64::new(u64::MAX),
            acknowledged,
            failed: AtomicU64::new(0),
        })
    }

    pub(crate) fn player(self: &Arc<Self>, name: &str, transport: Transport) -> Player {
        let (name, token) = self.people.iter().find(|(own, _)| *own == name).expect("one of the people");
        Player::new(Arc::clone(self), name, token.clone(), transport)
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Announces that the relay listens again.
    pub(crate) fn relay_started(&self) {
        self.incarnation.send_modify(|incarnation| *incarnation += 1);
    }

    /// Announces that the relay listens again and is not killed any more.
    pub(crate) fn last_start(&self) {
        let last = *self.incarnation.borrow() + 1;
        self.last.store(last, Ordering::SeqCst);
        self.relay_started();
    }

    /// Returns whether the last incarnation has started.
    pub(crate) fn is_ending(&self) -> bool {
        self.last.load(Ordering::SeqCst) != u64::MAX
    }

    /// Returns whether an incarnation is the one that is not killed.
    pub(crate) fn is_last(&self, incarnation: u64) -> bool {
        self.last.load(Ordering::SeqCst) == incarnation
    }

    /// Waits for an incarnation of the relay after `ended`, and returns its number.
    pub(crate) async fn incarnation_after(&self, ended: u64) -> u64 {
        let mut incarnation = self.incarnation.subscribe();
        *incarnation.wait_for(|incarnation| *incarnation > ended).await.expect("the state owns the sender")
    }

    /// Counts an acknowledged operation.
    pub(crate) fn acknowledge(&self) {
        self.acknowledged.send_modify(|count| *count += 1);
    }

    /// Returns the number of acknowledged operations.
    pub(crate) fn acknowledged(&self) -> u64 {
        *self.acknowledged.borrow()
    }

    /// Counts an internal failure of the relay, after which the operation is repeated. On a slow machine there are a few.
    pub(crate) fn note_failure(&self, error: &str) {
        let failed = self.failed.fetch_add(1, Ordering::Relaxed);
        assert!(failed < 100, "the relay fails too often: {error}");
    }

    /// Returns the number of internal failures.
    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Waits until at least `count` operations have been acknowledged.
    pub(crate) async fn acknowledged_at_least(&self, count: u64) {
        let mut acknowledged = self.acknowledged.subscribe();
        acknowledged.wait_for(|now| *now >= count).await.expect("the state owns the sender");
    }
}
