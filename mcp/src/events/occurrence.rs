use mcp_multiplayer_protocol::operation::Message;
use mcp_multiplayer_protocol::{Error, Timestamp};
use serde::Serialize;
use serde_json::value::RawValue;

use super::EVENT;
use crate::compact;

/// An event (`EventOccurrence`).
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Occurrence {
    /// Identifier of the event, the same for everybody: `<channel_id>_<id>`.
    pub event_id: String,
    /// Event type.
    pub name: &'static str,
    /// Time at which the relay accepted the message.
    pub timestamp: Timestamp,
    /// The message in the form for models, with its channel.
    pub data: Box<RawValue>,
    /// Position after this event.
    pub cursor: String,
}

impl Occurrence {
    /// Creates the event for a message; `None` for a message that lists for models leave out.
    pub(super) fn of(message: &Message, raw: &RawValue) -> Result<Option<Self>, Error> {
        let data = compact::event_data(raw, message.channel_id).map_err(|_| Error::internal())?;
        Ok(data.map(|data| Self {
            event_id: format!("{}_{}", message.channel_id, message.id),
            name: EVENT,
            timestamp: message.ts,
            data,
            cursor: message.id.to_string(),
        }))
    }
}
