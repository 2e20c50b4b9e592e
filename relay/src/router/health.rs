//! Endpoints for monitoring, which need no token.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use futures::FutureExt as _;
use mcp_multiplayer_protocol::Timestamp;
use tokio::sync::Mutex;

use crate::clock::Clock;
use crate::state::Relay;

/// Time for which the result of a readiness check is used, in milliseconds.
const CACHE_MS: i64 = 1_000;

/// Routes of `/healthz` and `/readyz`.
pub(super) fn router(relay: &Arc<Relay>) -> Router {
    Router::new()
        .route("/healthz", get(healthy))
        .route("/readyz", get(ready))
        .with_state((Arc::clone(relay), ReadinessCache::default()))
}

type HealthState = State<(Arc<Relay>, ReadinessCache)>;

/// Responds whether the process works, or has to be started again.
async fn healthy(State((relay, _)): HealthState) -> (StatusCode, &'static str) {
    match relay.store.failed().now_or_never() {
        None => (StatusCode::OK, "ok\n"),
        Some(()) => (StatusCode::SERVICE_UNAVAILABLE, "the store has failed\n"),
    }
}

/// Responds whether the relay can accept a post.
async fn ready(State((relay, readiness)): HealthState) -> (StatusCode, &'static str) {
    if relay.shutdown.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n");
    }
    let is_disk_low = relay.quotas.check_disk().is_err();
    let clock = relay.clock.clone();
    let check = async move || match relay.store.check().await {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(error.cause = %error, "not ready");
            false
        }
    };
    if !readiness.get(clock, check).await {
        (StatusCode::SERVICE_UNAVAILABLE, "the store does not respond\n")
    } else if is_disk_low {
        (StatusCode::SERVICE_UNAVAILABLE, "the disk is almost full\n")
    } else {
        (StatusCode::OK, "ready\n")
    }
}

/// Result of the last readiness check. It is cached because the check writes to the disk, and anybody can ask for it.
#[derive(Clone, Debug, Default)]
struct ReadinessCache(Arc<Mutex<Option<CheckResult>>>);

#[derive(Clone, Copy, Debug)]
struct CheckResult {
    ready: bool,
    at: Timestamp,
}

impl ReadinessCache {
    /// Returns the cached result or, if that is too old, the result of `check`. Callers that come during a check wait for
    /// it and get its result.
    async fn get<F>(&self, clock: Clock, check: impl FnOnce() -> F) -> bool
    where
        F: Future<Output = bool> + Send + 'static,
    {
        let mut last = Arc::clone(&self.0).lock_owned().await;
        if let Some(result) = *last
            && (0..CACHE_MS).contains(&(clock.now().as_millis() - result.at.as_millis()))
        {
            return result.ready;
        }
        let check = check();
        // On a task of its own: if the check ended with the request, clients that disconnect could start one check after
        // another.
        let checked = tokio::spawn(async move {
            let ready = check.await;
            *last = Some(CheckResult { ready, at: clock.now() });
            ready
        });
        checked.await.unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

    use futures::FutureExt as _;
    use mcp_multiplayer_protocol::Timestamp;
    use tokio::sync::Notify;
    use tokio::task::yield_now;

    use super::{CACHE_MS, ReadinessCache};
    use crate::clock::Clock;

    /// A cache with a clock that the test sets, and a check that counts how often it runs.
    #[derive(Clone, Default)]
    struct Counted {
        cache: ReadinessCache,
        time: Arc<AtomicI64>,
        checks: Arc<AtomicU32>,
        /// Lets one check end.
        end: Arc<Notify>,
    }

    impl Counted {
        async fn get(&self, ready: bool) -> bool {
            let (time, checks, end) = (Arc::clone(&self.time), Arc::clone(&self.checks), Arc::clone(&self.end));
            let clock = Clock::new(move || Timestamp::from_millis(time.load(Ordering::SeqCst)));
            let check = async move || {
                checks.fetch_add(1, Ordering::SeqCst);
                end.notified().await;
                ready
            };
            self.cache.get(clock, check).await
        }

        fn checks(&self) -> u32 {
            self.checks.load(Ordering::SeqCst)
        }
    }

    #[tokio::test]
    async fn a_result_is_used_for_a_second() {
        let counted = Counted::default();
        counted.end.notify_one();
        assert!(!counted.get(false).await);
        counted.time.store(CACHE_MS - 1, Ordering::SeqCst);
        assert!(!counted.get(true).await);
        assert_eq!(counted.checks(), 1);
        counted.time.store(CACHE_MS, Ordering::SeqCst);
        counted.end.notify_one();
        assert!(counted.get(true).await);
        assert_eq!(counted.checks(), 2);
        // The system's clock was set back.
        counted.time.store(0, Ordering::SeqCst);
        counted.end.notify_one();
        assert!(!counted.get(false).await);
    }

    #[tokio::test]
    async fn only_one_check_runs_at_a_time() {
        let counted = Counted::default();
        // The first caller disconnects during the check.
        assert!(counted.get(true).now_or_never().is_none());
        let waiting: Vec<_> = (0..10)
            .map(|_| {
                let counted = counted.clone();
                tokio::spawn(async move { counted.get(false).await })
            })
            .collect();
        while counted.checks() == 0 {
            yield_now().await;
        }
        counted.end.notify_one();
        for caller in waiting {
            assert!(caller.await.unwrap());
        }
        assert_eq!(counted.checks(), 1);
    }
}
