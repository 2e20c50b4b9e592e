use mcp_multiplayer_protocol::Multiplayer;
use serde_json::{Value, json};

use super::subscription::EventParams;
use super::{EventError, EventReader};

/// Recommended time between two polls, in milliseconds.
const NEXT_POLL_MS: u64 = 5_000;

/// Returns the result of `events/poll`.
pub(crate) async fn poll(multiplayer: &dyn Multiplayer, params: Option<Value>) -> Result<Value, EventError> {
    let params = EventParams::parse(params)?;
    let (subscription, start) = (params.subscription()?, params.start()?);
    if params.max_events == Some(0) {
        return Err(EventError::InvalidParams("'maxEvents' must be at least 1.".to_owned()));
    }
    let refused = |error| EventError::of_operation(&error);
    let mut reader = EventReader::open(multiplayer, subscription, start).await.map_err(refused)?;
    let result = |events: Vec<Value>, cursor: u64, truncated: bool, has_more: bool| {
        json!({ "resultType": "complete", "events": events, "cursor": cursor.to_string(), "truncated": truncated,
            "hasMore": has_more, "nextPollMs": NEXT_POLL_MS })
    };
    if start.cursor.is_none() {
        return Ok(result(vec![], reader.cursor(), false, false));
    }
    let page = reader.read(multiplayer, 0, params.max_events).await.map_err(refused)?;
    let events = page.events.iter().map(|event| {
        let mut event = serde_json::to_value(event).expect("an event is plain JSON");
        // The cursor of a poll is that of the result.
        event.as_object_mut().map(|event| event.remove("cursor"));
        event
    });
    Ok(result(events.collect(), page.cursor, page.truncated, page.has_more))
}
