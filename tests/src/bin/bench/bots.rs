use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use mcp_multiplayer_tests::RelayProcess;
use serde_json::json;

use crate::load::{Timing, micros};
use crate::{line, ratio};

const ECHO: &str = "
class EchoBot:
    def on_message(self, msg):
        self.ctx.post('bot', {'echo': msg['body']['text']})
";

/// Measures the time from a post to the bot's reply in the same call, and the cost of starting a bot.
pub(crate) async fn measure(relay: &RelayProcess, seconds: f64, post_p50: f64) -> Result<()> {
    let mut alice = relay.http().await?;
    let arguments =
        json!({ "name": "echo", "slots": ["bot:echo", "invite:alice"], "bot_code": ECHO, "join_as": "alice" });
    let start = Instant::now();
    let created = alice.call_tool("create_channel", arguments).await?;
    let cold = micros(start);
    ensure!(created["bot_errors"].is_null(), "{created}");
    let (channel_id, mut cursor) = (created["channel_id"].clone(), created["cursor"].clone());
    let mut latencies = vec![];
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    while Instant::now() < end {
        let post = json!({ "channel_id": channel_id, "body": "hello", "wait_ms": 10_000, "cursor": cursor });
        let start = Instant::now();
        let posted = alice.call_tool("post_message", post).await?;
        latencies.push(micros(start));
        ensure!(posted["messages"].as_array().is_some_and(|messages| messages.len() == 2), "{posted}");
        cursor = posted["cursor"].clone();
    }
    let timing = Timing::new(latencies);
    line("bot round trip, reply in the same call", &timing);
    ratio("bot round trip / post p50", timing.p50() / post_p50, "<= 3.00");
    println!("{:<40}     {cold:>7.0}", "creating a channel with a new bot, cold");
    Ok(())
}
