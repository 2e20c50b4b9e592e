use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use mcp_multiplayer_tests::HttpClient;
use serde_json::json;

use crate::timing::{Timing, micros};

const ECHO: &str = "
class EchoBot:
    def on_message(self, msg):
        self.ctx.post('bot', {'echo': msg['body']['text']})
";

/// Measures the time from a post to the bot's reply in the same call.
pub(crate) async fn measure(address: &str, token: &str, seconds: f64) -> Result<Timing> {
    let mut alice = HttpClient::connect(address, token).await?;
    let arguments =
        json!({ "name": "echo", "slots": ["bot:echo", "invite:alice"], "bot_code": ECHO, "join_as": "alice" });
    let created = alice.call_tool("create_channel", arguments).await?;
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
    Ok(Timing::new(latencies))
}
