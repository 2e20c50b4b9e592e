//! Deletes codes, tokens and clients that are no longer needed. The revocation of a client that acts for itself is kept
//! for ever, because the client could use its secret again at any time.

use std::sync::Weak;
use std::time::Duration;

use mcp_multiplayer_protocol::Timestamp;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::store::{Store, StoreError};

const HOUR: Duration = Duration::from_hours(1);

/// Time for which expired codes and tokens are kept, in milliseconds: one day. Until then, a stolen one that is used
/// again is recognized as such.
const EXPIRED_KEPT_MS: i64 = 24 * 60 * 60 * 1_000;

/// Time after which an unused client is deleted, in milliseconds: 30 days. It is this long because programs store the
/// client id that they once got, and do not register again.
const UNUSED_CLIENT_KEPT_MS: i64 = 30 * EXPIRED_KEPT_MS;

/// Deletes what the authorization server no longer needs, now and every hour until `shutdown` or the end of the store.
pub(crate) async fn delete_expired_hourly(store: Weak<dyn Store>, clock: Clock, shutdown: CancellationToken) {
    delete_expired_every(HOUR, store, clock, shutdown).await;
}

async fn delete_expired_every(pause: Duration, store: Weak<dyn Store>, clock: Clock, shutdown: CancellationToken) {
    loop {
        let Some(store) = store.upgrade() else { return };
        if let Err(error) = delete_expired(&*store, clock.now()).await {
            tracing::warn!(error.cause = %error, "deleting expired codes, tokens and clients failed; retrying in an hour");
        }
        drop(store);
        tokio::select! {
            () = sleep(pause) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

async fn delete_expired(store: &dyn Store, now: Timestamp) -> Result<(), StoreError> {
    let ago = |millis| Timestamp::from_millis(now.as_millis() - millis);
    store.delete_expired(ago(EXPIRED_KEPT_MS), ago(UNUSED_CLIENT_KEPT_MS)).await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use mcp_multiplayer_protocol::Timestamp;
    use tempfile::TempDir;
    use tokio_util::sync::CancellationToken;

    use super::{UNUSED_CLIENT_KEPT_MS, delete_expired_every, delete_expired_hourly};
    use crate::clock::Clock;
    use crate::config::Config;
    use crate::database::{Purpose, open_database};
    use crate::store::{RegisteredClient, Store};

    const NOW: i64 = 1_800_000_000_000;

    fn store() -> (Arc<dyn Store>, TempDir) {
        let directory = TempDir::new().unwrap();
        let config = Config { data_dir: directory.path().to_owned(), ..Config::default() };
        (open_database(&config, Purpose::Serve).unwrap(), directory)
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
    async fn unused_clients_are_deleted_after_30_days() {
        let (store, _directory) = store();
        let (old, young) = (client(NOW - UNUSED_CLIENT_KEPT_MS - 1), client(NOW - UNUSED_CLIENT_KEPT_MS));
        store.insert_client(old.clone()).await.unwrap();
        store.insert_client(young.clone()).await.unwrap();
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        delete_expired_hourly(Arc::downgrade(&store), Clock::new(|| Timestamp::from_millis(NOW)), shutdown).await;
        assert_eq!(store.lookup_client(old.id).await.unwrap(), None);
        assert_eq!(store.lookup_client(young.id.clone()).await.unwrap(), Some(young));
    }

    #[tokio::test]
    async fn deleting_is_repeated_until_shutdown() {
        let (store, _directory) = store();
        let shutdown = CancellationToken::new();
        let (times, stop) = (Arc::new(AtomicUsize::new(0)), shutdown.clone());
        let counted = Arc::clone(&times);
        let clock = Clock::new(move || {
            if counted.fetch_add(1, Ordering::SeqCst) == 2 {
                stop.cancel();
            }
            Timestamp::from_millis(NOW)
        });
        delete_expired_every(Duration::from_millis(1), Arc::downgrade(&store), clock, shutdown).await;
        assert_eq!(times.load(Ordering::SeqCst), 3);
    }

    #[tokio::test]
    async fn the_task_ends_when_the_store_is_gone() {
        let (store, _directory) = store();
        let weak = Arc::downgrade(&store);
        drop(store);
        delete_expired_hourly(weak, Clock::system(), CancellationToken::new()).await;
    }
}
