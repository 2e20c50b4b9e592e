//! A channel beside the hostile ones, with a bot that counts: it must not be affected by them.

use std::time::{Duration, Instant};

use mcp_multiplayer_tests::{RelayProcess, WsClient};
use serde_json::{Value, json};

use crate::hostile_relay::{read_until_hook_ran, with_timeout};

/// Longest round trip that passes. The machine's cores are all busy with hostile programs.
const MAX_ROUND_TRIP: Duration = Duration::from_secs(5);

const SOURCE: &str = "
import random
class Bystander:
    def on_init(self):
        self.ctx.set_state({'count': 0, 'start': self.ctx.env['VAULT'][:5]})
    def on_message(self, msg):
        state = self.ctx.get_state()
        state['count'] += 1
        self.ctx.set_state(state)
        self.ctx.post('bot', {'text': 'counted', 'state': state, 'vault': len(self.ctx.env['VAULT'])})
";

/// Alice's channel and its bot, with the number of messages that the bot has counted.
pub(crate) struct Bystander {
    alice: WsClient,
    channel_id: String,
    bot: Value,
    vault: usize,
    count: u64,
    round_trips: Vec<Duration>,
}

impl Bystander {
    /// Creates the channel. Its bot has `vault` as a sealed secret, and its log contains `secret`.
    pub(crate) async fn create(relay: &RelayProcess, vault: &str, secret: &str) -> Self {
        let mut alice = relay.connect().await.unwrap();
        let create = json!({ "name": "Bystander", "slots": ["bot:counter", "invite:alice"], "join_as": "alice" });
        let created = alice.call("create_channel", create).await;
        let channel_id = created["channel_id"].as_str().unwrap().to_owned();
        let attach =
            json!({ "channel_id": channel_id, "name": "Bystander", "inline_code": SOURCE, "env": { "VAULT": vault } });
        let bot = alice.call("attach_bot", attach).await;
        let (vault, round_trips) = (vault.len(), vec![]);
        let mut bystander = Self { alice, channel_id, bot, vault, count: 0, round_trips };
        bystander.post(secret).await.unwrap();
        bystander.round_trips.clear();
        bystander
    }

    /// Has the bot count once more. Checks that it answers in time, and that its state is unchanged.
    pub(crate) async fn count(&mut self) -> Result<(), String> {
        self.post("count").await
    }

    async fn post(&mut self, text: &str) -> Result<(), String> {
        let began = Instant::now();
        let posted = self.alice.call("post_message", json!({ "channel_id": self.channel_id, "body": text })).await;
        let messages =
            with_timeout("the bystander", read_until_hook_ran(&mut self.alice, &self.channel_id, &posted)).await;
        let took = began.elapsed();
        self.round_trips.push(took);
        self.count += 1;
        let answer = messages.iter().find(|message| message["sender"] == "bot:bot_Bystander_0");
        let expected =
            json!({ "text": "counted", "state": { "count": self.count, "start": "canar" }, "vault": self.vault });
        match answer {
            Some(answer) if answer["body"] == expected && took < MAX_ROUND_TRIP => Ok(()),
            Some(answer) if answer["body"] == expected => Err(format!("the bystander took {took:?}")),
            _ => Err(format!("the bystander has changed: {messages:?}")),
        }
    }

    /// Checks that the bot's code is still the code that was attached.
    pub(crate) async fn check_code(&mut self) -> Result<(), String> {
        let at = json!({ "channel_id": self.channel_id, "bot_id": self.bot["bot_id"] });
        let code = self.alice.call("get_bot_code", at).await;
        let same = code["inline_code"] == SOURCE && code["code_hash"] == self.bot["code_hash"];
        if same { Ok(()) } else { Err(format!("the bystander's code has changed: {code}")) }
    }

    /// Summarises the round trips: their median, the slowest, and their number.
    pub(crate) fn round_trips(&self) -> String {
        let mut sorted = self.round_trips.clone();
        sorted.sort();
        match sorted.last() {
            Some(worst) => format!("p50 {:?}, worst {worst:?} of {}", sorted[sorted.len() / 2], sorted.len()),
            None => "none".to_owned(),
        }
    }
}
