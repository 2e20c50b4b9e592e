//! How connections are taken in: admitted, encrypted, and held to a pace.

mod acceptor;
mod acme;
mod admission;
mod certificate;
mod encryption;
mod open_files;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum_server::{Handle, Server};
use hyper_util::rt::TokioTimer;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::acceptor::Acceptor;
use self::admission::Admission;
pub use self::encryption::Encryption;
use crate::router;
use crate::state::Relay;

/// How long a shutdown waits for answers that are under way.
const DRAIN: Duration = Duration::from_secs(10);
/// How often what is known of idle callers is forgotten.
const FORGET_EVERY: Duration = Duration::from_mins(1);
/// Largest head of a request, in bytes.
const HEAD_BYTES: u32 = 64 * 1024;
/// Requests under way on one HTTP/2 connection; RFC 9113 advises against fewer.
const STREAMS: u32 = 100;
/// Bytes of an answer that wait for one HTTP/2 stream's window.
const STREAM_BUFFER_BYTES: usize = 64 * 1024;

/// Serves the relay's doors on `listeners` until its shutdown token is cancelled, then finishes what
/// was begun: waits end at once, what was acknowledged is durable, open answers are sent.
pub async fn serve(listeners: Vec<TcpListener>, encryption: Option<Encryption>, relay: Arc<Relay>) -> Result<()> {
    open_files::make_room(relay.config.connections);
    let shutdown = relay.shutdown.clone();
    // MCP requests under way are cut off only after they had time to end by themselves.
    let cut_off = CancellationToken::new();
    let connections = TaskTracker::new();
    let router = router::router(&relay, &connections, &cut_off)?;
    let mut upkeep = JoinSet::new();
    upkeep.spawn(forget_idle(Arc::clone(&relay)));
    let settings = encryption.map(|encryption| encryption.start(&mut upkeep));
    let acceptor = Acceptor::new(&relay.config, settings, Admission::new(&relay.config)?, shutdown.clone());
    let mut servers = JoinSet::new();
    let mut handles = vec![];
    for listener in listeners {
        let handle = Handle::new();
        handles.push(handle.clone());
        servers.spawn(serve_one(listener, handle, acceptor.clone(), router.clone(), relay.config.slow_client()));
    }
    drop(router);
    shutdown.cancelled().await;
    tracing::info!("shutting down");
    connections.close();
    for handle in handles {
        handle.graceful_shutdown(Some(DRAIN));
    }
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

async fn serve_one(
    listener: TcpListener,
    handle: Handle<SocketAddr>,
    acceptor: Acceptor,
    router: Router,
    patience: Duration,
) -> std::io::Result<()> {
    let mut server = Server::from_listener(listener).acceptor(acceptor).handle(handle);
    let builder = server.http_builder();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(patience).max_buf_size(HEAD_BYTES as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        // Whoever does not answer a ping is gone, or is stuck in the middle of a frame.
        .keep_alive_interval(patience)
        .keep_alive_timeout(patience)
        .max_header_list_size(HEAD_BYTES)
        .max_concurrent_streams(STREAMS)
        .max_send_buf_size(STREAM_BUFFER_BYTES);
    server.serve(router.into_make_service_with_connect_info::<SocketAddr>()).await
}

async fn forget_idle(relay: Arc<Relay>) {
    let mut ticks = interval(FORGET_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        relay.quotas.forget_idle();
    }
}
