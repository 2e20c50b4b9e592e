use mcp_multiplayer_protocol::{Error, ErrorCode};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Receipts that are being made. A record of traffic is read as a whole, so many of them at once would take much memory.
static RUNNING: Semaphore = Semaphore::const_new(4);

/// Takes a permission to make a receipt, which ends when it is dropped; a `RATE_LIMIT` error if the relay is making as many receipts as it can.
pub(crate) fn permit() -> Result<SemaphorePermit<'static>, Error> {
    RUNNING.try_acquire().map_err(|_| {
        Error::new(ErrorCode::RateLimit, "The relay is making receipts for others.", "Try again in a few seconds.")
            .retry_after(2_000)
    })
}
