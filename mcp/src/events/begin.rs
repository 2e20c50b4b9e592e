use mcp_multiplayer_protocol::Multiplayer;

use super::{EventError, EventPage, EventReader, EventSubscription, Start};

/// Maximum number of pages that are searched for an event that is not too old. Beyond that, everything up to the end of the log
/// is skipped.
const MAX_PAGES: u32 = 16;

/// Returns the position from which a subscription is delivered, and whether events after the requested cursor were skipped
/// because of their age. Fails if the subscriber may not read the channel.
pub async fn begin(
    multiplayer: &dyn Multiplayer,
    subscription: EventSubscription,
    start: Start,
) -> Result<(u64, bool), EventError> {
    let refused = |error| EventError::of_operation(&error);
    let mut reader = EventReader::open(multiplayer, subscription, start).await.map_err(refused)?;
    let from = reader.cursor();
    if start.cursor.is_none() {
        return Ok((from, false));
    }
    let mut truncated = false;
    for _ in 0..MAX_PAGES {
        let page = reader.read(multiplayer, 0, None).await.map_err(refused)?;
        truncated |= page.truncated;
        if !truncated {
            return Ok((from, false));
        }
        if !page.events.is_empty() || !page.has_more {
            return Ok((position_before(&page), true));
        }
    }
    let end = EventReader::open(multiplayer, subscription, Start::default()).await.map_err(refused)?;
    Ok((end.cursor(), true))
}

/// Returns the position before the first event of a page.
pub(super) fn position_before(page: &EventPage) -> u64 {
    let first = page.events.first().and_then(|event| event.cursor.parse::<u64>().ok());
    first.map_or(page.cursor, |id| id.saturating_sub(1))
}
