use std::time::Duration;

use mcp_multiplayer_protocol::operation::WaitFor;
use mcp_multiplayer_protocol::{ChannelId, SlotId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{EVENT, EventError};

/// Arguments of a subscription: the channel, and the messages that are events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventSubscription {
    /// The channel.
    pub channel_id: ChannelId,
    /// The messages that are events.
    #[serde(default)]
    pub wait_for: WaitFor,
    /// The subscriber's seat; required only if the subscriber holds several seats in the channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot_id: Option<SlotId>,
}

impl EventSubscription {
    /// Parses the name of an event type and the arguments.
    pub fn parse(name: &str, arguments: Value) -> Result<Self, EventError> {
        if name != EVENT {
            let shown: String = name.chars().take(64).collect();
            let message = format!("There is no event type '{shown}' on this server. It has: {EVENT}.");
            return Err(EventError::NotFound { kind: "event", message });
        }
        parse("arguments", arguments)
    }
}

/// The params that `events/poll`, `events/stream` and `events/subscribe` have in common.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventParams {
    name: String,
    #[serde(default)]
    arguments: Value,
    #[serde(default)]
    cursor: Option<String>,
    #[serde(default)]
    max_age_ms: Option<u64>,
    #[serde(default)]
    pub(crate) max_events: Option<u32>,
}

impl EventParams {
    pub(crate) fn parse(params: Option<Value>) -> Result<Self, EventError> {
        parse("params", params.unwrap_or_default())
    }

    pub(crate) fn subscription(&self) -> Result<EventSubscription, EventError> {
        EventSubscription::parse(&self.name, self.arguments.clone())
    }

    pub(crate) fn start(&self) -> Result<Start, EventError> {
        Start::parse(self.cursor.as_deref(), self.max_age_ms)
    }
}

/// The position at which reading begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// Id of the last entry that the subscriber has seen; `None` for the end of the log.
    pub cursor: Option<u64>,
    /// Maximum age of events; older ones are skipped.
    pub max_age: Option<Duration>,
}

impl Start {
    /// Parses a cursor of the server, and `maxAgeMs`, which is ignored without a cursor.
    pub fn parse(cursor: Option<&str>, max_age_ms: Option<u64>) -> Result<Self, EventError> {
        let invalid = |_| EventError::InvalidParams("'cursor' is not one that this server has issued.".to_owned());
        let cursor = cursor.map(str::parse).transpose().map_err(invalid)?;
        Ok(Self { cursor, max_age: cursor.and(max_age_ms).map(Duration::from_millis) })
    }
}

fn parse<T: DeserializeOwned>(what: &str, value: Value) -> Result<T, EventError> {
    let value = if value.is_null() { Value::Object(serde_json::Map::new()) } else { value };
    serde_json::from_value(value).map_err(|error| EventError::InvalidParams(format!("Invalid {what}: {error}.")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{EventParams, EventSubscription, Start};
    use crate::events::EventError;

    #[test]
    fn invalid_subscriptions_are_refused() {
        let channel = json!({ "channel_id": "chn_0123456789abcdef" });
        assert!(EventSubscription::parse("channel.message", channel.clone()).is_ok());
        assert!(matches!(
            EventSubscription::parse("channel.explosion", channel),
            Err(EventError::NotFound { kind: "event", .. })
        ));
        for arguments in [
            json!(null),
            json!({ "channel_id": "chn_0" }),
            json!({ "channel_id": "chn_0123456789abcdef", "wait_for": "christmas" }),
            json!({ "channel_id": "chn_0123456789abcdef", "severity": "P1" }),
        ] {
            let parsed = EventSubscription::parse("channel.message", arguments);
            assert!(matches!(parsed, Err(EventError::InvalidParams(_))), "{parsed:?}");
        }
    }

    #[test]
    fn a_missing_cursor_is_null_and_makes_the_age_irrelevant() {
        let start = |params| EventParams::parse(Some(params)).unwrap().start();
        let (name, age) = ("channel.message", 60_000);
        assert_eq!(start(json!({ "name": name, "maxAgeMs": age })).unwrap(), Start::default());
        assert_eq!(start(json!({ "name": name, "cursor": null, "maxAgeMs": age })).unwrap(), Start::default());
        assert_eq!(start(json!({ "name": name, "cursor": "17" })).unwrap().cursor, Some(17));
        assert!(start(json!({ "name": name, "cursor": "seventeen" })).is_err());
    }
}
