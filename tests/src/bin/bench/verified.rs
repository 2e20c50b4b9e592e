use std::time::Instant;

use anyhow::{Context as _, Result};
use mcp_multiplayer_tests::{RelayProcess, StdioClient, WsClient};
use serde_json::{Value, json};

use crate::UNLIMITED;
use crate::row::Row;
use crate::timing::{Timing, micros};

/// Messages that are read one by one.
const MESSAGES: usize = 400;
/// Messages of the history that is read at once.
const HISTORY: u64 = 2_000;

/// Measures what it costs to verify messages: time of the stdio server, and bytes from the relay.
pub(crate) async fn measure() -> Result<Vec<Row>> {
    let relay = RelayProcess::start_with(&UNLIMITED).await?;
    let token = relay.local_token()?;
    let (mut stdio, _) = StdioClient::launch(&relay, &token).await?;
    let mut direct = relay.connect().await?;
    let mut writer = relay.connect().await?;
    let channel = Channel::create(&mut writer).await?;

    let (mut verified, mut plain, mut cursor) = (vec![], vec![], json!(0));
    channel.sync_verified(&mut stdio, &mut cursor).await?;
    let (mut plain_cursor, mut bytes, mut plain_bytes) = (cursor.clone(), 0, 0);
    for number in 0..MESSAGES {
        channel.post(&mut writer, &format!("message number {number}")).await?;
        let start = Instant::now();
        channel.sync_verified(&mut stdio, &mut cursor).await?;
        verified.push(micros(start));
        let before = plain_cursor.clone();
        let start = Instant::now();
        plain_bytes += channel.sync_raw(&mut direct, &mut plain_cursor, false).await?;
        plain.push(micros(start));
        bytes += channel.sync_raw(&mut direct, &mut before.clone(), true).await?;
    }
    let (verified, plain) = (Timing::new(verified), Timing::new(plain));
    let (bytes, plain_bytes) = (per_message(bytes), per_message(plain_bytes));
    for number in 0..HISTORY {
        channel.post(&mut writer, &format!("history {number}")).await?;
    }
    let elsewhere = tempfile::tempdir()?;
    let (mut newcomer, _) = StdioClient::launch_at(relay.address(), &token, elsewhere.path()).await?;
    let start = Instant::now();
    channel.sync_verified(&mut newcomer, &mut json!(0)).await?;
    let (history, entries) = (micros(start), HISTORY + MESSAGES as u64);
    println!(
        "  verified {:.0} µs, plain {:.0} µs per message; {bytes:.0} B beside {plain_bytes:.0} B; history of {entries}: {:.0} ms",
        verified.p50(),
        plain.p50(),
        history / 1e3
    );
    #[expect(clippy::cast_precision_loss, reason = "a small count")]
    let of_history = history / entries as f64;
    Ok(vec![
        Row::at_most("stdio: added per verified message p50", (verified.p50() - plain.p50()) / 1e3, 1.0, "ms")
            .detail(&format!("{:.0} - {:.0} µs", verified.p50(), plain.p50()))
            .how("sync_messages with one new message, beside a WebSocket without verification"),
        Row::at_most("wire: bytes of a reply with the log / without", bytes / plain_bytes, 1.6, "")
            .detail(&format!("{bytes:.0} / {plain_bytes:.0} B"))
            .how("sync_messages with one new message, over WebSockets"),
        Row::at_most("stdio: verified history per entry", of_history, 300.0, "µs")
            .how("a new reader folds the log from its start"),
    ])
}

#[expect(clippy::cast_precision_loss, reason = "a small count")]
fn per_message(bytes: usize) -> f64 {
    bytes as f64 / MESSAGES as f64
}

/// A channel with one seat of the local user, `s0`, who reads, and another one, `s1`, who writes.
struct Channel(Value);

impl Channel {
    async fn create(client: &mut WsClient) -> Result<Self> {
        let create = json!({ "name": "verified", "slots": ["invite:a", "invite:b"] });
        let created = client.call("create_channel", create).await;
        for invite in created["invites"].as_array().into_iter().flatten() {
            client.call("join_channel", json!({ "invite_code": invite })).await;
        }
        Ok(Self(created["channel_id"].clone()))
    }

    async fn post(&self, client: &mut WsClient, text: &str) -> Result<()> {
        client.call("post_message", json!({ "channel_id": self.0, "slot_id": "s1", "body": text })).await;
        Ok(())
    }

    fn arguments(&self, cursor: &Value) -> Value {
        json!({ "channel_id": self.0, "slot_id": "s0", "cursor": cursor, "timeout_ms": 0 })
    }

    async fn sync_verified(&self, client: &mut StdioClient, cursor: &mut Value) -> Result<()> {
        let text = client.call_tool("sync_messages", self.arguments(cursor)).await?;
        *cursor = serde_json::from_str::<Value>(&text)?["cursor"].take();
        Ok(())
    }

    /// Returns the size of the relay's frame.
    async fn sync_raw(&self, client: &mut WsClient, cursor: &mut Value, with_log: bool) -> Result<usize> {
        let mut request = json!({ "id": 1_000_000, "op": "sync_messages", "args": self.arguments(cursor) });
        if with_log {
            request["log_after"] = cursor.clone();
        }
        client.send_text(request.to_string()).await?;
        let frame = client.frame().await?;
        *cursor = frame["ok"].get("cursor").context("a page")?.clone();
        Ok(frame.to_string().len())
    }
}
