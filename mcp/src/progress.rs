//! A sign of life in calls that wait, for clients that give a silent call up after a while.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use mcp_multiplayer_protocol::{Request, limits};
use rmcp::RoleServer;
use rmcp::model::ProgressNotificationParam;
use rmcp::service::RequestContext;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// How long the operation may wait for something to happen; `None` when it answers at once.
pub(crate) fn wait_of(request: &Request) -> Option<Duration> {
    let wait_ms = match request {
        Request::SyncMessages(args) => args.timeout_ms.or(Some(limits::DEFAULT_WAIT_MS)),
        Request::PostMessage(args) => args.wait_ms,
        Request::DmBot(args) => args.wait_ms,
        _ => None,
    };
    wait_ms.filter(|wait_ms| *wait_ms > 0).map(|wait_ms| Duration::from_millis(wait_ms.min(limits::WAIT_MS)))
}

/// Sends `notifications/progress` once every `every` for as long as it is polled, if the client gave a token for
/// it. Progress and total are in seconds.
pub(crate) async fn beat(context: &RequestContext<RoleServer>, wait: Option<Duration>, every: Duration) -> Infallible {
    let (Some(token), Some(wait)) = (context.meta.get_progress_token(), wait) else { return pending().await };
    let began = Instant::now();
    let mut ticks = interval_at(began + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let waited = began.elapsed().as_secs_f64();
        let beat = ProgressNotificationParam::new(token.clone(), waited)
            .with_total(wait.as_secs_f64().max(waited))
            .with_message("waiting for messages");
        if context.peer.notify_progress(beat).await.is_err() {
            // Nobody listens any more; that ends the call, too.
            return pending().await;
        }
    }
}
