use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use mcp_multiplayer_tests::WsClient;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::load::{CONNECTIONS, Load, Target};
use crate::process::cpu_seconds;
use crate::timing::{Timing, micros};

/// A connection, and the seat that it posts from.
struct Seat {
    client: WsClient,
    channel_id: Value,
    slot_id: Value,
}

/// Posts to channels of four seats each, with one WebSocket connection per seat. Each reply carries a checkpoint, which
/// the relay signs.
pub(crate) async fn measure(target: Target<'_>, seconds: f64) -> Result<Load> {
    let mut seats = vec![];
    let mut setup = WsClient::connect(target.address, target.token).await?;
    for channel in 0..CONNECTIONS / 4 {
        let slots: Vec<String> = (0..4).map(|seat| format!("invite:p{seat}")).collect();
        let create = json!({ "name": format!("bench {channel}"), "slots": slots });
        let created = call(&mut setup, "create_channel", create).await?;
        for invite in created["invites"].as_array().into_iter().flatten() {
            let joined = call(&mut setup, "join_channel", json!({ "invite_code": invite })).await?;
            let client = WsClient::connect(target.address, target.token).await?;
            let (channel_id, slot_id) = (joined["channel_id"].clone(), joined["slot_id"].clone());
            seats.push(Seat { client, channel_id, slot_id });
        }
    }
    let duration = Duration::from_secs_f64(seconds);
    post(&mut seats[0], duration / 4).await?;
    let single = Timing::new(post(&mut seats[0], duration).await?);
    let (start, cpu) = (Instant::now(), cpu_seconds(target.pid));
    let mut running = JoinSet::new();
    for mut seat in seats {
        running.spawn(async move { post(&mut seat, duration).await });
    }
    let mut all = vec![];
    while let Some(latencies) = running.join_next().await {
        all.extend(latencies??);
    }
    let (elapsed, cpu) = (start.elapsed(), cpu_seconds(target.pid) - cpu);
    let calls = Timing::new(all).count();
    Ok(Load { single, rate: calls / elapsed.as_secs_f64(), cpu_per_call: cpu * 1e6 / calls })
}

/// Posts one message after the other for a duration, and returns their latencies.
async fn post(seat: &mut Seat, duration: Duration) -> Result<Vec<f64>> {
    let (mut latencies, mut number) = (vec![], 0_u64);
    let end = Instant::now() + duration;
    while Instant::now() < end {
        number += 1;
        let Seat { client, channel_id, slot_id } = seat;
        let body = format!("message number {number}");
        let arguments = json!({ "channel_id": channel_id, "slot_id": slot_id, "body": body });
        let start = Instant::now();
        call(client, "post_message", arguments).await?;
        latencies.push(micros(start));
        client.take_checkpoint().ok_or_else(|| anyhow!("the reply to a post carries no checkpoint"))?;
    }
    Ok(latencies)
}

async fn call(client: &mut WsClient, operation: &str, arguments: Value) -> Result<Value> {
    client.try_call(operation, arguments).await.map_err(|failure| anyhow!("{operation}: {failure:?}"))
}
