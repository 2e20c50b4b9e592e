//! A channel of alice's beside the hostile ones, and its bot, which counts.

use std::time::{Duration, Instant};

use mcp_multiplayer_tests::{RelayProcess, WsClient};
use serde_json::{Value, json};

use crate::arena::{in_time, ran};

/// Longest round trip that still passes, on a machine whose cores are all taken.
const PATIENCE: Duration = Duration::from_secs(5);

const SOURCE: &str = "
import random
class Neighbour:
    def on_init(self):
        self.ctx.set_state({'count': 0, 'kept': self.ctx.env['VAULT'][:5]})
    def on_message(self, msg):
        state = self.ctx.get_state()
        state['count'] += 1
        self.ctx.set_state(state)
        self.ctx.post('bot', {'text': 'counted', 'state': state, 'vault': len(self.ctx.env['VAULT'])})
";

pub(crate) struct Neighbour {
    alice: WsClient,
    channel_id: String,
    bot: Value,
    vault: usize,
    count: u64,
    round_trips: Vec<Duration>,
}

impl Neighbour {
    /// With a bot that holds `vault` sealed, and a log that holds `secret`.
    pub(crate) async fn settle(relay: &RelayProcess, vault: &str, secret: &str) -> Self {
        let mut alice = relay.connect().await.unwrap();
        let create = json!({ "name": "Next door", "slots": ["bot:counter", "invite:alice"], "join_as": "alice" });
        let created = alice.call("create_channel", create).await;
        let channel_id = created["channel_id"].as_str().unwrap().to_owned();
        let attach =
            json!({ "channel_id": channel_id, "name": "Neighbour", "inline_code": SOURCE, "env": { "VAULT": vault } });
        let bot = alice.call("attach_bot", attach).await;
        let (vault, round_trips) = (vault.len(), vec![]);
        let mut neighbour = Self { alice, channel_id, bot, vault, count: 0, round_trips };
        neighbour.say(secret).await.unwrap();
        neighbour.round_trips.clear();
        neighbour
    }

    /// Has the bot count once more: it answers in time, out of an unchanged state.
    pub(crate) async fn count(&mut self) -> Result<(), String> {
        self.say("count").await
    }

    async fn say(&mut self, text: &str) -> Result<(), String> {
        let began = Instant::now();
        let said = self.alice.call("post_message", json!({ "channel_id": self.channel_id, "body": text })).await;
        let messages = in_time("the neighbour", ran(&mut self.alice, &self.channel_id, &said)).await;
        let took = began.elapsed();
        self.round_trips.push(took);
        self.count += 1;
        let answer = messages.iter().find(|message| message["sender"] == "bot:bot_Neighbour_0");
        let expected =
            json!({ "text": "counted", "state": { "count": self.count, "kept": "canar" }, "vault": self.vault });
        match answer {
            Some(answer) if answer["body"] == expected && took < PATIENCE => Ok(()),
            Some(answer) if answer["body"] == expected => Err(format!("the bot next door took {took:?}")),
            _ => Err(format!("the bot next door is not as it was: {messages:?}")),
        }
    }

    /// Whether the bot is still the one that was attached.
    pub(crate) async fn unchanged(&mut self) -> Result<(), String> {
        let at = json!({ "channel_id": self.channel_id, "bot_id": self.bot["bot_id"] });
        let code = self.alice.call("get_bot_code", at).await;
        let same = code["inline_code"] == SOURCE && code["code_hash"] == self.bot["code_hash"];
        if same { Ok(()) } else { Err(format!("the bot next door has another code: {code}")) }
    }

    /// What is typical of its round trips, and what is worst.
    pub(crate) fn pace(&self) -> String {
        let mut sorted = self.round_trips.clone();
        sorted.sort();
        match sorted.last() {
            Some(worst) => format!("p50 {:?}, worst {worst:?} of {}", sorted[sorted.len() / 2], sorted.len()),
            None => "none".to_owned(),
        }
    }
}
