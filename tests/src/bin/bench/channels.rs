use std::time::Instant;

use anyhow::Result;
use mcp_multiplayer_tests::{RelayProcess, WsClient};
use serde_json::{Value, json};

use crate::load::{Timing, micros, resident};
use crate::{UNLIMITED, ratio};

const LONG: u64 = 100_000;
const SHORT: u64 = 100;
/// Concurrent posts while a channel is filled.
const WINDOW: u64 = 48;

/// Costs of a channel after a restart.
struct Cost {
    first_post: f64,
    sync_at_end: Timing,
    resident: f64,
}

/// Compares a long channel with a short one, each on its own relay.
pub(crate) async fn measure() -> Result<()> {
    let short = cost(SHORT).await?;
    let long = cost(LONG).await?;
    for (entries, cost) in [(SHORT, &short), (LONG, &long)] {
        println!(
            "{entries:>7} entries: restart to first post {:>6.1} ms   sync at the end p50 {:>5.0} µs   resident {:>5.1} MB",
            cost.first_post / 1e3,
            cost.sync_at_end.p50(),
            cost.resident
        );
    }
    ratio("restart to first post, long / short", long.first_post / short.first_post, "about 1");
    ratio("sync at the end, long / short", long.sync_at_end.p50() / short.sync_at_end.p50(), "about 1");
    ratio("resident memory, long / short", long.resident / short.resident, "about 1");
    Ok(())
}

async fn cost(entries: u64) -> Result<Cost> {
    let mut relay = RelayProcess::start_with(&UNLIMITED).await?;
    let mut alice = relay.connect().await?;
    let created = alice.call("create_channel", json!({ "name": "long", "slots": ["invite:a"], "join_as": "a" })).await;
    let channel_id = created["channel_id"].clone();
    fill(&mut alice, &channel_id, entries).await?;
    relay.terminate().await?;

    let start = Instant::now();
    relay.restart(None).await?;
    let mut alice = relay.connect().await?;
    let posted = alice.call("post_message", json!({ "channel_id": channel_id, "body": "I am back" })).await;
    let first_post = micros(start);
    let cursor = posted["msg_id"].as_u64().unwrap_or_default() - 10;
    let mut latencies = vec![];
    for _ in 0..500 {
        let start = Instant::now();
        alice.call("sync_messages", json!({ "channel_id": channel_id, "cursor": cursor, "timeout_ms": 0 })).await;
        latencies.push(micros(start));
    }
    let resident = resident(relay.pid());
    Ok(Cost { first_post, sync_at_end: Timing::new(latencies), resident })
}

async fn fill(client: &mut WsClient, channel_id: &Value, entries: u64) -> Result<()> {
    let (mut sent, mut answered) = (0, 0);
    while answered < entries {
        while sent < entries && sent - answered < WINDOW {
            let text = format!("entry {sent}, about as long as people write when they play");
            client.send("post_message", json!({ "channel_id": channel_id, "body": text })).await?;
            sent += 1;
        }
        client.frame().await?;
        answered += 1;
    }
    Ok(())
}
