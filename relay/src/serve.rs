use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::http;
use crate::state::Relay;

/// How long a shutdown waits for answers that are under way.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves the relay's doors on `listeners` until its shutdown token is cancelled, then finishes what
/// was begun: waits end at once, what was acknowledged is durable, open answers are sent.
pub async fn serve(listeners: Vec<TcpListener>, relay: Arc<Relay>) -> Result<()> {
    let shutdown = relay.shutdown.clone();
    // MCP requests under way are cut off only after they had time to end by themselves.
    let cut_off = CancellationToken::new();
    let connections = TaskTracker::new();
    let router = http::router(&relay, &connections, &cut_off);
    let mut servers = JoinSet::new();
    for listener in listeners {
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        let stop = shutdown.clone();
        let server = axum::serve(listener, router.clone()).with_graceful_shutdown(stop.cancelled_owned());
        servers.spawn(server.into_future());
    }
    drop(router);
    shutdown.cancelled().await;
    tracing::info!("shutting down");
    connections.close();
    let drained = timeout(DRAIN, async {
        connections.wait().await;
        while servers.join_next().await.is_some() {}
    });
    if drained.await.is_err() {
        tracing::warn!("some connections did not end in time");
    }
    cut_off.cancel();
    tracing::info!("stopped");
    Ok(())
}
