use mcp_multiplayer_mcp::events::{EventError, Occurrence};
use mcp_multiplayer_protocol::ChannelId;
use serde_json::{Value, json};

use crate::clock::Random;

/// Maximum size of a body, in bytes (SEP-3415).
const MAX_BYTES: usize = 256 * 1_024;

/// Note in the place of a message that is too large.
const TOO_LARGE: &str = "The message is too large to be delivered here. Read it with sync_messages.";

/// A message to a webhook: an event, or a control message about the subscription.
#[derive(Debug)]
pub(super) struct Message {
    /// The header `webhook-id`, the same for each attempt.
    pub(super) id: String,
    pub(super) body: Vec<u8>,
}

impl Message {
    /// Creates the message with an event. Its id is that of the event.
    pub(super) fn event(event: &Occurrence) -> Self {
        let id = event.event_id.clone();
        let body = serde_json::to_vec(event).expect("an event is plain JSON");
        if body.len() <= MAX_BYTES {
            return Self { id, body };
        }
        let mut event = serde_json::to_value(event).expect("an event is plain JSON");
        if let Some(data) = event["data"].as_object_mut() {
            data.retain(|name, _| ["channel_id", "id", "sender", "label", "to_slot"].contains(&name.as_str()));
            data.insert("note".to_owned(), json!(TOO_LARGE));
        }
        Self { id, body: event.to_string().into_bytes() }
    }

    /// Creates the message that asks the endpoint to echo a challenge.
    pub(super) fn verification(challenge: &str, random: &Random) -> Self {
        Self::control("verification", &json!({ "type": "verification", "challenge": challenge }), random)
    }

    /// Creates the message that says why the subscription has ended.
    pub(super) fn terminated(error: &EventError, random: &Random) -> Self {
        let error = error.to_error_data();
        let error = json!({ "code": error.code.0, "message": error.message });
        Self::control("terminated", &json!({ "type": "terminated", "error": error }), random)
    }

    fn control(kind: &str, body: &Value, random: &Random) -> Self {
        let id = format!("msg_{kind}_{}", ChannelId::encode_base32(&random.bytes::<15>()));
        Self { id, body: body.to_string().into_bytes() }
    }
}

#[cfg(test)]
mod tests {
    use mcp_multiplayer_mcp::events::Occurrence;
    use mcp_multiplayer_protocol::Timestamp;
    use serde_json::value::to_raw_value;
    use serde_json::{Value, json};

    use super::{MAX_BYTES, Message};

    fn message(text: &str) -> Value {
        let data = json!({ "channel_id": "chn_0123456789abcdef", "id": 7, "sender": "s1", "text": text });
        let event = Occurrence {
            event_id: "chn_0123456789abcdef_7".to_owned(),
            name: "channel.message",
            timestamp: Timestamp::from_millis(0),
            data: to_raw_value(&data).unwrap(),
            cursor: "7".to_owned(),
        };
        let message = Message::event(&event);
        assert!(message.body.len() <= MAX_BYTES);
        assert_eq!(message.id, event.event_id);
        serde_json::from_slice(&message.body).unwrap()
    }

    #[test]
    fn a_large_event_is_delivered_without_its_text() {
        assert_eq!(message("hello")["data"]["text"], "hello");
        let large = message(&"x".repeat(MAX_BYTES));
        assert_eq!((&large["eventId"], &large["cursor"]), (&json!("chn_0123456789abcdef_7"), &json!("7")));
        assert_eq!((&large["data"]["id"], &large["data"]["text"]), (&json!(7), &Value::Null));
        assert!(large["data"]["note"].as_str().unwrap().contains("sync_messages"));
    }
}
