use std::time::{Duration, Instant};

use anyhow::Result;
use mcp_multiplayer_tests::HttpClient;
use serde_json::json;

use crate::timing::{Timing, micros_between};

/// Deliveries of posts to a peer that waits for them.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    /// Time from the start of a post until the peer has it.
    pub(crate) timing: Timing,
    /// Calls of `sync_messages` that the peer makes for each message.
    pub(crate) calls: f64,
}

/// Two players of a channel: one posts, the other one waits.
pub(crate) async fn measure(address: &str, token: &str, seconds: f64) -> Result<Delivery> {
    let (mut alice, mut bob) = (HttpClient::connect(address, token).await?, HttpClient::connect(address, token).await?);
    let created =
        alice.call_tool("create_channel", json!({ "name": "peers", "slots": ["invite:a", "invite:b"] })).await?;
    let channel_id = created["channel_id"].clone();
    for invite in created["invites"].as_array().into_iter().flatten() {
        alice.call_tool("join_channel", json!({ "invite_code": invite })).await?;
    }
    let first = bob.call_tool("sync_messages", json!({ "channel_id": channel_id, "slot_id": "s1" })).await?;
    let (mut cursor, mut calls, mut latencies) = (first["cursor"].clone(), 0_u32, vec![]);
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    while Instant::now() < end {
        let wait = json!({ "channel_id": channel_id, "slot_id": "s1", "cursor": cursor, "timeout_ms": 20_000 });
        let waiting = tokio::spawn(async move {
            let mut calls = 0;
            loop {
                let synced = bob.call_tool("sync_messages", wait.clone()).await?;
                calls += 1;
                if synced["messages"].as_array().is_some_and(|messages| !messages.is_empty()) {
                    return anyhow::Ok((bob, synced, calls, Instant::now()));
                }
            }
        });
        // Gives the peer's request the time of some round trips to reach the relay.
        for _ in 0..10 {
            alice.call_tool("health_check", json!({})).await?;
        }
        let start = Instant::now();
        let post = json!({ "channel_id": channel_id, "slot_id": "s0", "body": "over here" });
        alice.call_tool("post_message", post).await?;
        let (returned, synced, more, received_at) = waiting.await??;
        bob = returned;
        calls += more;
        cursor = synced["cursor"].clone();
        latencies.push(micros_between(start, received_at));
    }
    let timing = Timing::new(latencies);
    Ok(Delivery { calls: f64::from(calls) / timing.count(), timing })
}
