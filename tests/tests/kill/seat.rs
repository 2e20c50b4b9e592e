use serde_json::{Value, json};

use crate::player::{Player, Request};
use crate::prng::Prng;

/// A player's place in a channel, and all that the relay acknowledged to it there.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) player: &'static str,
    pub(crate) channel_id: String,
    pub(crate) slot_id: String,
    cursor: u64,
    /// What was acknowledged.
    pub(crate) said: Vec<Said>,
    /// Everything that was read, in the order of the log.
    pub(crate) read: Vec<Value>,
}

/// Something that a player said, and where the relay says it is.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) msg_id: u64,
    pub(crate) ts: String,
    /// Unique in the channel.
    pub(crate) text: String,
    /// The one bot it was for.
    pub(crate) to_bot: Option<String>,
}

/// Something to be said.
#[derive(Clone, Debug)]
pub(crate) struct Saying {
    pub(crate) text: String,
    pub(crate) data: Option<Value>,
    pub(crate) to_bot: Option<String>,
}

impl Seat {
    /// Takes a seat; replies may get lost, and the code or the token is shown again.
    pub(crate) async fn take(player: &mut Player, invite: &str, prng: &mut Prng) -> Self {
        let mut args = json!({ "invite_code": invite });
        if prng.once_in(2) {
            args["idempotency_key"] = json!(format!("join-{}", &invite[invite.len() - 8..]));
        }
        if prng.once_in(2) {
            player.abandon("join_channel", args.clone()).await;
        }
        let joined = player.call("join_channel", args.clone()).await;
        if prng.once_in(3) {
            if prng.once_in(2) {
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
            said: vec![],
            read: vec![],
        };
        seat.take_in(&joined);
        seat
    }

    /// Says things, at once where the door allows it; some of them twice, as an anxious client does.
    pub(crate) async fn say(&mut self, player: &mut Player, sayings: Vec<Saying>, prng: &mut Prng) {
        let requests: Vec<Request> = sayings.iter().map(|saying| self.request(saying)).collect();
        if prng.once_in(6) {
            let (op, args) = requests[0].clone();
            player.abandon(op, args).await;
        }
        let answers = player.call_all(&requests).await;
        if prng.once_in(6) {
            let again = player.call_all(&requests).await;
            for (again, answer) in again.iter().zip(&answers) {
                assert_eq!((&again["msg_id"], &again["ts"]), (&answer["msg_id"], &answer["ts"]), "a repeat");
            }
        }
        for (Saying { text: said, to_bot, .. }, answer) in sayings.into_iter().zip(answers) {
            let msg_id = answer["msg_id"].as_u64().expect("an id");
            self.said.push(Said { msg_id, ts: text(&answer, "ts"), text: said, to_bot });
        }
    }

    fn request(&self, saying: &Saying) -> Request {
        let Saying { text, data, to_bot } = saying;
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

    /// Reads on, with a long wait for news; says from where in `read` the news are.
    pub(crate) async fn sync(&mut self, player: &mut Player) -> usize {
        let known = self.read.len();
        let args = json!({ "channel_id": self.channel_id, "slot_id": self.slot_id, "cursor": self.cursor,
            "timeout_ms": 20_000 });
        let synced = player.call("sync_messages", args).await;
        self.take_in(&synced);
        known
    }

    fn take_in(&mut self, page: &Value) {
        for message in page["messages"].as_array().expect("messages") {
            let id = message["id"].as_u64().expect("an id");
            assert!(id > self.cursor, "{id} was read before, up to {}", self.cursor);
            self.cursor = id;
            self.read.push(message.clone());
        }
        let cursor = page["cursor"].as_u64().expect("a cursor");
        assert!(cursor >= self.cursor, "the cursor went back");
        self.cursor = cursor;
    }
}

pub(crate) fn text(value: &Value, field: &str) -> String {
    value[field].as_str().unwrap_or_else(|| panic!("no text {field} in {value}")).to_owned()
}
