use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Pauses between the attempts at something that fails. Each is twice as long as the one before, up to [`LONGEST`].
#[derive(Debug)]
pub(super) struct Backoff {
    pause: Duration,
}

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

impl Backoff {
    pub(super) fn new() -> Self {
        Self { pause: FIRST }
    }

    /// Waits before the next attempt. Returns `false` if the relay shuts down instead.
    pub(super) async fn wait(&mut self, shutdown: &CancellationToken) -> bool {
        let pause = self.pause;
        self.pause = (pause * 2).min(LONGEST);
        tokio::select! {
            () = sleep(pause) => true,
            () = shutdown.cancelled() => false,
        }
    }
}
