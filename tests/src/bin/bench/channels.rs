use std::time::Instant;

use anyhow::{Result, ensure};
use mcp_multiplayer_tests::{RelayProcess, WsClient};
use serde_json::{Value, json};

use crate::UNLIMITED;
use crate::process::resident;
use crate::row::Row;
use crate::settings::{ROUNDS, Settings};
use crate::timing::{Timing, median, micros};

const SHORT: u64 = 100;
/// Concurrent posts while a channel is filled.
const WINDOW: u64 = 48;
/// Restarts in a round.
const RESTARTS: usize = 3;
/// Calls of `sync_messages` after a restart.
const SYNCS: usize = 200;

/// Costs of a channel after a restart.
struct Cost {
    first_post: Timing,
    sync_at_end: Timing,
    resident: f64,
}

struct Round {
    short: Cost,
    long: Cost,
}

/// Compares a long channel with a short one, each on its own relay.
pub(crate) async fn measure(settings: &Settings) -> Result<Vec<Row>> {
    let mut short = Channel::create(SHORT).await?;
    let mut long = Channel::create(settings.entries).await?;
    println!("  filled with {} entries", settings.entries);
    let mut rounds = vec![];
    for number in 1..=ROUNDS {
        let round = Round { short: short.measure().await?, long: long.measure().await? };
        println!(
            "  round {number}: restart to first post {:.1} and {:.1} ms",
            round.short.first_post.p50() / 1e3,
            round.long.first_post.p50() / 1e3
        );
        rounds.push(round);
    }
    let row = |what: &str, unit: &str, scale: f64, figure: fn(&Cost) -> f64| {
        let (long, short) =
            (median(&rounds, |round| figure(&round.long)), median(&rounds, |round| figure(&round.short)));
        let parts = format!("{:.1} / {:.1} {unit}", long / scale, short / scale);
        Row::at_most(&format!("{} entries / {SHORT}: {what}", settings.entries), long / short, 1.5, "").detail(&parts)
    };
    Ok(vec![
        row("restart to first post", "ms", 1e3, |cost| cost.first_post.p50())
            .how("start of the process until the answer"),
        row("sync at the end p50", "µs", 1.0, |cost| cost.sync_at_end.p50()).how("last 10 entries, over WebSocket"),
        row("resident memory", "MB", 1.0, |cost| cost.resident).how("VmRSS after these"),
    ])
}

struct Channel {
    relay: RelayProcess,
    id: Value,
}

impl Channel {
    async fn create(entries: u64) -> Result<Self> {
        let relay = RelayProcess::start_with(&UNLIMITED).await?;
        let mut alice = relay.connect().await?;
        let arguments = json!({ "name": "long", "slots": ["invite:a"], "join_as": "a" });
        let id = alice.call("create_channel", arguments).await["channel_id"].clone();
        fill(&mut alice, &id, entries).await?;
        Ok(Self { relay, id })
    }

    async fn measure(&mut self) -> Result<Cost> {
        let (mut first_posts, mut syncs) = (vec![], vec![]);
        for _ in 0..RESTARTS {
            self.relay.terminate().await?;
            let start = Instant::now();
            self.relay.restart(None).await?;
            let mut alice = self.relay.connect().await?;
            let posted = alice.call("post_message", json!({ "channel_id": self.id, "body": "I am back" })).await;
            first_posts.push(micros(start));
            let cursor = posted["msg_id"].as_u64().unwrap_or_default() - 10;
            for _ in 0..SYNCS {
                let start = Instant::now();
                alice.call("sync_messages", json!({ "channel_id": self.id, "cursor": cursor, "timeout_ms": 0 })).await;
                syncs.push(micros(start));
            }
        }
        let resident = resident(self.relay.pid());
        Ok(Cost { first_post: Timing::new(first_posts), sync_at_end: Timing::new(syncs), resident })
    }
}

/// Has a client post until the channel has this number of entries more.
pub(crate) async fn fill(client: &mut WsClient, channel_id: &Value, entries: u64) -> Result<()> {
    let (mut sent, mut answered) = (0, 0);
    while answered < entries {
        while sent < entries && sent - answered < WINDOW {
            let text = format!("entry {sent}, about as long as people write when they play");
            client.send("post_message", json!({ "channel_id": channel_id, "body": text })).await?;
            sent += 1;
        }
        let frame = client.frame().await?;
        ensure!(frame["error"].is_null(), "{frame}");
        answered += 1;
    }
    Ok(())
}
