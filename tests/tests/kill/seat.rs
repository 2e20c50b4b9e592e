use serde_json::{Value, json};

use crate::player::{Player, Request};
use mcp_multiplayer_tests::SeededRandom;

/// A player's seat in a channel, with everything that the relay acknowledged to it there.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) player: &'static str,
    pub(crate) channel_id: String,
    pub(crate) slot_id: String,
    cursor: u64,
    /// Messages that the relay acknowledged.
    pub(crate) acknowledged: Vec<AcknowledgedMessage>,
    /// Entries that were read, in the order of the log.
    pub(crate) received: Vec<Value>,
}

/// A player's message, and its place in the log by the relay's acknowledgement.
#[derive(Debug)]
pub(crate) struct AcknowledgedMessage {
    pub(crate) msg_id: u64,
    pub(crate) ts: String,
    /// Unique in the channel.
    pub(crate) text: String,
    /// The bot that received it, if it was a DM.
    pub(crate) to_bot: Option<String>,
}

/// A message to be posted, or sent to one bot.
#[derive(Clone, Debug)]
pub(crate) struct OutgoingMessage {
    pub(crate) text: String,
    pub(crate) data: Option<Value>,
    pub(crate) to_bot: Option<String>,
}

impl Seat {
    /// Takes a seat. Some replies are dropped, and the invite code or the rejoin token is sent again.
    pub(crate) async fn join(player: &mut Player, invite: &str, random: &mut SeededRandom) -> Self {
        let mut args = json!({ "invite_code": invite });
        if random.one_in(2) {
            args["idempotency_key"] = json!(format!("join-{}", &invite[invite.len() - 8..]));
        }
        if random.one_in(2) {
            player.abandon("join_channel", args.clone()).await;
        }
        let joined = player.call("join_channel", args.clone()).await;
        if random.one_in(3) {
            if random.one_in(2) {
                args = json!({ "invite_code": joined["rejoin_token"] });
            }
            let again = player.call("join_channel", args).await;
            for field in ["channel_id", "slot_id", "rejoin_token"] {
                assert_eq!(again[field], joined[field], "joining again is the same as joining");
            }
        }
        let mut seat = Self {
            player: player.name(),
            channel_id: text(&joined, "channel_id"),
            slot_id: text(&joined, "slot_id"),
            cursor: 0,
            acknowledged: vec![],
            received: vec![],
        };
        seat.record(&joined);
        seat
    }

    /// Sends messages, concurrently where the transport allows it. Some are sent twice, as by a client that retries.
    pub(crate) async fn send(
        &mut self,
        player: &mut Player,
        messages: Vec<OutgoingMessage>,
        random: &mut SeededRandom,
    ) {
        let requests: Vec<Request> = messages.iter().map(|message| self.request(message)).collect();
        if random.one_in(6) {
            let (op, args) = requests[0].clone();
            player.abandon(op, args).await;
        }
        let answers = player.call_all(&requests).await;
        if random.one_in(6) {
            let again = player.call_all(&requests).await;
            for (again, answer) in again.iter().zip(&answers) {
                assert_eq!((&again["msg_id"], &again["ts"]), (&answer["msg_id"], &answer["ts"]), "a repeat");
            }
        }
        for (OutgoingMessage { text: sent, to_bot, .. }, answer) in messages.into_iter().zip(answers) {
            let msg_id = answer["msg_id"].as_u64().expect("an id");
            self.acknowledged.push(AcknowledgedMessage { msg_id, ts: text(&answer, "ts"), text: sent, to_bot });
        }
    }

    fn request(&self, message: &OutgoingMessage) -> Request {
        let OutgoingMessage { text, data, to_bot } = message;
        let key = format!("key-{text}");
        let mut args = json!({ "channel_id": self.channel_id, "slot_id": self.slot_id, "idempotency_key": key });
        match to_bot {
            None => {
                args["body"] = json!(text);
                if let Some(data) = data {
                    args["data"] = data.clone();
                }
                ("post_message", args)
            }
            Some(bot_id) => {
                args["bot_id"] = json!(bot_id);
                args["message"] = json!(text);
                ("dm_bot", args)
            }
        }
    }

    /// Waits for new entries. Returns the index of the first of them in `received`.
    pub(crate) async fn sync(&mut self, player: &mut Player) -> usize {
        let first_new = self.received.len();
        let args = json!({ "channel_id": self.channel_id, "slot_id": self.slot_id, "cursor": self.cursor,
            "timeout_ms": 20_000 });
        let synced = player.call("sync_messages", args).await;
        self.record(&synced);
        first_new
    }

    fn record(&mut self, page: &Value) {
        for message in page["messages"].as_array().expect("messages") {
            let id = message["id"].as_u64().expect("an id");
            assert!(id > self.cursor, "{id} was read before, up to {}", self.cursor);
            self.cursor = id;
            self.received.push(message.clone());
        }
        let cursor = page["cursor"].as_u64().expect("a cursor");
        assert!(cursor >= self.cursor, "the cursor went back");
        self.cursor = cursor;
    }
}

pub(crate) fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("no text {field} in {value}")).to_owned()
}
