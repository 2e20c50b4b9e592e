//! Progress notifications during calls that wait, for clients that abort a call without any response after a while.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use mcp_multiplayer_protocol::{Request, limits};
use rmcp::RoleServer;
use rmcp::model::ProgressNotificationParam;
use rmcp::service::RequestContext;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// Returns the maximum time for which the operation may wait; `None` if it answers immediately.
pub(crate) fn max_wait(request: &Request) -> Option<Duration> {
    let wait_ms = match request {
        Request::SyncMessages(args) => args.timeout_ms.or(Some(limits::DEFAULT_WAIT_MS)),
        Request::PostMessage(args) => args.wait_ms,
        Request::DmBot(args) => args.wait_ms,
        _ => None,
    };
    wait_ms.filter(|wait_ms| *wait_ms > 0).map(|wait_ms| Duration::from_millis(wait_ms.min(limits::WAIT_MS)))
}

/// Sends `notifications/progress` at the given interval for as long as it is polled, if the client sent a progress token.
/// Progress and total are in seconds.
pub(crate) async fn report(
    context: &RequestContext<RoleServer>,
    wait: Option<Duration>,
    interval: Duration,
) -> Infallible {
    let (Some(token), Some(wait)) = (context.meta.get_progress_token(), wait) else { return pending().await };
    let began = Instant::now();
    let mut ticks = interval_at(began + interval, interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let waited = began.elapsed().as_secs_f64();
        let progress = ProgressNotificationParam::new(token.clone(), waited)
            .with_total(wait.as_secs_f64().max(waited))
            .with_message("waiting for messages");
        if context.peer.notify_progress(progress).await.is_err() {
            // The client has disconnected, which also ends the call.
            return pending().await;
        }
    }
}
