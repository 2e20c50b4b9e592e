use mcp_multiplayer_protocol::operation::{Message, NamedTurn, WaitFor};
use mcp_multiplayer_protocol::{Sender, SlotId, SystemEvent};

/// The rule that says which messages are events.
///
/// It is that of `wait_for` in `sync_messages`, but it is applied to each message, not to the end of the log: a message that
/// offered the turn is an event even if the turn is over by now.
#[derive(Clone, Debug)]
pub(super) struct WakeRule {
    wait_for: WaitFor,
    /// The subscriber's seat.
    seat: Option<SlotId>,
    turn: NamedTurn,
}

impl WakeRule {
    pub(super) fn new(wait_for: WaitFor, seat: Option<SlotId>) -> Self {
        Self { wait_for, seat, turn: NamedTurn::default() }
    }

    /// Returns whether the next message of the channel is an event.
    pub(super) fn applies_to(&mut self, message: &Message) -> bool {
        if self.wait_for == WaitFor::MyTurn
            && matches!(message.sender, Sender::Bot(_))
            && let Some(body) = &message.body
        {
            self.turn.note(body);
        }
        match (self.wait_for, &message.sender) {
            (WaitFor::Any, _) => true,
            (_, Sender::Slot(_)) => false,
            (_, Sender::System) => {
                let event = message.body.as_ref().and_then(|body| body.parse::<SystemEvent>().ok());
                event.is_some_and(|event| event.concerns_seats())
            }
            (WaitFor::MyTurn, Sender::Bot(_)) if message.to_slot.is_none() => self.turn.includes(self.seat),
            (_, Sender::Bot(_)) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use mcp_multiplayer_protocol::operation::{Message, WaitFor};
    use serde_json::{Value, json};

    use super::WakeRule;

    fn message(sender: &str, body: &Value, to_slot: Option<&str>) -> Message {
        let message = json!({ "id": 7, "channel_id": "chn_0123456789abcdef", "sender": sender, "kind": "bot",
            "body": body, "ts": "2026-11-20T12:00:00.000Z", "to_slot": to_slot });
        serde_json::from_str(&message.to_string()).unwrap()
    }

    #[test]
    fn turns_of_others_are_no_events_for_a_player_who_waits_for_the_own_turn() {
        let mut rule = WakeRule::new(WaitFor::MyTurn, Some("s1".parse().unwrap()));
        let bot = "bot:bot_GuessBot_0";
        for (sender, body, to_slot, is_event) in [
            (bot, json!({ "text": "no turns yet" }), None, true),
            ("s2", json!({ "text": "chat" }), None, false),
            (bot, json!({ "text": "bob begins", "turn": ["s2"] }), None, false),
            (bot, json!({ "text": "bob thinks" }), None, false),
            (bot, json!({ "text": "psst, alice" }), Some("s1"), true),
            (bot, json!({ "text": "alice", "turn": ["s1"] }), None, true),
            ("system", json!({ "type": "member:leave", "slot_id": "s2", "player": null }), None, false),
            ("system", json!({ "type": "close_applied" }), None, true),
            (bot, json!({ "text": "bob", "turn": ["s2"] }), None, false),
            (bot, json!({ "text": "over", "type": "game_end" }), None, true),
        ] {
            assert_eq!(rule.applies_to(&message(sender, &body, to_slot)), is_event, "{sender} {body}");
        }
    }

    #[test]
    fn chat_is_no_event_for_a_subscriber_who_waits_for_bots() {
        let chat = message("s2", &json!({ "text": "chat" }), None);
        let judged = message("bot:bot_A_0", &json!({ "text": "low", "turn": ["s2"] }), None);
        assert!(!WakeRule::new(WaitFor::Bot, None).applies_to(&chat));
        assert!(WakeRule::new(WaitFor::Bot, None).applies_to(&judged));
        assert!(WakeRule::new(WaitFor::Any, None).applies_to(&chat));
    }
}
