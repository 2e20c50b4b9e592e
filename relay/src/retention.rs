//! Removes codes, tokens and clients that are no longer needed.

use std::sync::Weak;
use std::time::Duration;

use mcp_multiplayer_protocol::Timestamp;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::store::{Store, StoreError};

const HOUR: Duration = Duration::from_hours(1);

/// How long codes and tokens are kept after their end, so that whoever shows a stolen one is recognized.
/// A day, in milliseconds.
const KEPT_MS: i64 = 24 * 60 * 60 * 1_000;

/// How long a client is kept that nobody uses: apps keep the id that they were once given. 30 days.
const UNUSED_MS: i64 = 30 * KEPT_MS;

/// Has the store forget what the authorization server no longer needs, now and every hour until `shutdown`.
pub(crate) async fn forget_hourly(store: Weak<dyn Store>, clock: Clock, shutdown: CancellationToken) {
    forget_every(HOUR, store, clock, shutdown).await;
}

async fn forget_every(pause: Duration, store: Weak<dyn Store>, clock: Clock, shutdown: CancellationToken) {
    loop {
        let Some(store) = store.upgrade() else { return };
        if let Err(error) = forget(&*store, clock.now()).await {
            tracing::warn!(error.cause = %error, "what has ended could not be forgotten");
        }
        drop(store);
        tokio::select! {
            () = sleep(pause) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

async fn forget(store: &dyn Store, now: Timestamp) -> Result<(), StoreError> {
    let ago = |millis| Timestamp::from_millis(now.as_millis() - millis);
    store.delete_expired(ago(KEPT_MS), ago(UNUSED_MS)).await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use mcp_multiplayer_protocol::Timestamp;
    use tempfile::TempDir;
    use tokio_util::sync::CancellationToken;

    use super::{UNUSED_MS, forget_every, forget_hourly};
    use crate::clock::Clock;
    use crate::store::sqlite::SqliteStore;
    use crate::store::{RegisteredClient, Store};

    const NOW: i64 = 1_800_000_000_000;

    fn store() -> (Arc<dyn Store>, TempDir) {
        let folder = TempDir::new().unwrap();
        (Arc::new(SqliteStore::open(&folder.path().join("relay.db")).unwrap()), folder)
    }

    fn client(registered_at: i64) -> RegisteredClient {
        RegisteredClient {
            id: registered_at.to_string(),
            name: "client".into(),
            redirect_uris: vec![],
            secret_hash: None,
            registered_at: Timestamp::from_millis(registered_at),
        }
    }

    #[tokio::test]
    async fn clients_that_nobody_uses_for_long() {
        let (store, _folder) = store();
        let (old, young) = (client(NOW - UNUSED_MS - 1), client(NOW - UNUSED_MS));
        store.insert_client(old.clone()).await.unwrap();
        store.insert_client(young.clone()).await.unwrap();
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        forget_hourly(Arc::downgrade(&store), Clock::new(|| Timestamp::from_millis(NOW)), shutdown).await;
        assert_eq!(store.lookup_client(old.id).await.unwrap(), None);
        assert_eq!(store.lookup_client(young.id.clone()).await.unwrap(), Some(young));
    }

    #[tokio::test]
    async fn again_and_again_until_the_end() {
        let (store, _folder) = store();
        let shutdown = CancellationToken::new();
        let (times, stop) = (Arc::new(AtomicUsize::new(0)), shutdown.clone());
        let counted = Arc::clone(&times);
        let clock = Clock::new(move || {
            if counted.fetch_add(1, Ordering::SeqCst) == 2 {
                stop.cancel();
            }
            Timestamp::from_millis(NOW)
        });
        forget_every(Duration::from_millis(1), Arc::downgrade(&store), clock, shutdown).await;
        assert_eq!(times.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn a_store_that_is_gone_ends_it() {
        let (store, _folder) = store();
        let weak = Arc::downgrade(&store);
        drop(store);
        forget_hourly(weak, Clock::system(), CancellationToken::new()).await;
    }
}
