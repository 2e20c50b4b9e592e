//! Accepts connections: limits on their number and pace, TLS, and shutdown.

mod acceptor;
mod acme;
mod certificate_files;
mod connection_limits;
mod idle;
mod open_files;
mod tls;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum_server::{Handle, Server};
use hyper::body::Incoming;
use hyper_util::rt::TokioTimer;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::make::Shared;
use tower::{Service, ServiceExt as _};

use self::acceptor::Acceptor;
use self::connection_limits::ConnectionLimits;
pub use self::tls::Tls;
use crate::router;
use crate::state::Relay;
use crate::webhooks::Webhooks;

/// Longest wait of a shutdown for requests in progress.
const DRAIN: Duration = Duration::from_secs(10);
/// Largest head of a request, in bytes. hyper doubles its buffer and then reads what fits, so that up to twice as much passes.
const HEAD_BYTES: u32 = 64 * 1024;
/// Concurrent requests on one HTTP/2 connection. RFC 9113, section 6.5.2, advises against fewer.
const STREAMS: u32 = 100;
/// Largest part of a response that is buffered until an HTTP/2 stream's window opens, in bytes.
const STREAM_BUFFER_BYTES: usize = 64 * 1024;

/// Serves the relay's transports and pages on `listeners` until its shutdown token is cancelled, then finishes the requests
/// in progress: waits end at once, what was acknowledged is durable, responses are sent.
///
/// Ends with an error if the store has failed for good, because only a new process can store anything.
pub async fn serve(listeners: Vec<TcpListener>, tls: Option<Tls>, relay: Arc<Relay>) -> Result<()> {
    open_files::raise_limit(relay.config.connections);
    let shutdown = relay.shutdown.clone();
    // MCP requests in progress are cancelled only after they had time to finish.
    let cut_off = CancellationToken::new();
    let connections = TaskTracker::new();
    let webhooks = Webhooks::open(&relay).await.context("cannot continue the delivery of webhooks")?;
    let router = router::router(&relay, webhooks, &connections, &cut_off)?;
    let mut certificate_tasks = JoinSet::new();
    let tls = tls.map(|tls| tls.start(&mut certificate_tasks));
    let limits = ConnectionLimits::new(&relay.config)?;
    let acceptor = Acceptor::new(&relay, tls, limits.clone(), shutdown.clone());
    let mut servers = JoinSet::new();
    let mut handles = vec![];
    for listener in listeners {
        let handle = Handle::new();
        handles.push(handle.clone());
        servers.spawn(serve_one(listener, handle, acceptor.clone(), router.clone(), relay.config.slow_client()));
    }
    drop(router);
    let idle = async {
        match relay.config.stop_when_idle() {
            Some(after) => idle::wait_until_idle(&relay, &limits, after).await,
            None => std::future::pending().await,
        }
    };
    let store_failed = tokio::select! {
        () = shutdown.cancelled() => false,
        () = relay.store.failed() => true,
        () = idle => {
            tracing::info!("nobody was connected for a while");
            shutdown.cancel();
            false
        }
    };
    if store_failed {
        tracing::error!("the store has failed");
        shutdown.cancel();
    }
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
        tracing::warn!("some connections did not close in time");
    }
    cut_off.cancel();
    tracing::info!("stopped");
    if store_failed {
        bail!("the store has failed; start the relay again, and report the panic in its log as a bug");
    }
    Ok(())
}

async fn serve_one(
    listener: TcpListener,
    handle: Handle<SocketAddr>,
    acceptor: Acceptor,
    router: impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static,
    slow_client: Duration,
) -> std::io::Result<()> {
    let mut server = Server::from_listener(listener).acceptor(acceptor).handle(handle);
    let builder = server.http_builder();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(slow_client).max_buf_size(HEAD_BYTES as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        // A client that does not answer a ping is gone, or stalls in the middle of a frame.
        .keep_alive_interval(slow_client)
        .keep_alive_timeout(slow_client)
        .max_header_list_size(HEAD_BYTES)
        .max_concurrent_streams(STREAMS)
        .max_send_buf_size(STREAM_BUFFER_BYTES);
    let service = router.map_request(|request: Request<Incoming>| request.map(Body::new));
    server.serve(Shared::new(service)).await
}
