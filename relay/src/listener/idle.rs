//! The end of a relay that nobody uses, where the operator wants that.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::connection_limits::ConnectionLimits;
use crate::state::Relay;

/// Longest time between two looks at the connections.
const PAUSE: Duration = Duration::from_secs(5);

/// Waits until nobody has been connected for this long, no hook is due, and no timer of a bot is set.
pub(super) async fn wait_until_idle(relay: &Relay, limits: &ConnectionLimits, after: Duration) {
    let pause = PAUSE.min(after / 4);
    let mut since = Instant::now();
    let mut opened = limits.opened();
    loop {
        sleep(pause).await;
        if limits.count() > 0 || limits.opened() != opened {
            (since, opened) = (Instant::now(), limits.opened());
        }
        if since.elapsed() < after {
            continue;
        }
        match relay.store.list_channels_with_due_bots().await {
            Ok(channels) if channels.is_empty() => return,
            Ok(_) => {}
            Err(error) => tracing::error!(error.cause = %error, "cannot see whether bots have something to do"),
        }
        since = Instant::now();
    }
}
