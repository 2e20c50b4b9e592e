//! Idle connections: memory and CPU time of the relay, and the time in which waiting calls wake up.

use std::time::{Duration, Instant};

use anyhow::Result;
use mcp_multiplayer_tests::{HttpClient, RelayProcess, WsClient};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use tokio::time::sleep;

use crate::process::{cpu_seconds, resident};
use crate::row::Row;
use crate::settings::{ROUNDS, Settings};
use crate::timing::{Timing, median, micros_between};
use crate::waiting::{Transport, Waited, Waiting, connect};
use crate::{UNLIMITED, delivery};

/// Connections that are open before memory is measured for the first time, so that what all share is not counted.
const FEW: usize = 50;
/// Waiting calls of one channel.
const PER_CHANNEL: usize = 100;
/// Posts of a round to the waiting calls of one channel.
const POSTS: usize = 100;
/// Time in which a relay gets to rest after connections were opened.
const SETTLE: Duration = Duration::from_secs(2);
/// Time for which CPU time is measured.
const IDLE: Duration = Duration::from_secs(5);

/// Measures idle WebSocket connections and waiting calls, each on a relay of its own.
pub(crate) async fn measure(settings: &Settings) -> Result<Vec<Row>> {
    raise_file_limit();
    let mut rows = waiting_calls(Transport::Mcp, settings).await?;
    rows.extend(waiting_calls(Transport::Rest, settings).await?);
    rows.extend(web_sockets(settings.connections).await?);
    rows.push(fan_out().await?);
    Ok(rows)
}

/// Starts a relay that accepts this number of connections, and the few that are opened besides.
async fn start(count: usize) -> Result<(RelayProcess, String)> {
    let connections = (count + 2 * FEW).to_string();
    let flags = [&UNLIMITED[..], &["--wait-ms", "600000", "--connections", &connections]].concat();
    let relay = RelayProcess::start_with(&flags).await?;
    // This token does not expire. Those of OAuth would be validated again while calls wait.
    let token = relay.create_token("bench").await?;
    Ok((relay, token))
}

async fn waiting_calls(transport: Transport, settings: &Settings) -> Result<Vec<Row>> {
    let (relay, token) = start(settings.connections).await?;
    let address = relay.address();
    let count = settings.connections;
    let label = match transport {
        Transport::Mcp => "idle long-polls over MCP",
        Transport::Rest => "idle long-polls over REST",
    };
    let mut alice = HttpClient::connect(address, &token).await?;
    let mut channels = vec![];
    for _ in 0..count.div_ceil(PER_CHANNEL).max(1) {
        channels.push(Waited::create(&mut alice).await?);
    }
    let mut waiting = Waiting::default();
    waiting.start(transport, connect(address, &token, FEW).await?, &channels[0]);
    sleep(SETTLE).await;
    let base = resident(relay.pid());
    let mut left = count;
    for channel in &channels {
        let share = PER_CHANNEL.min(left);
        waiting.start(transport, connect(address, &token, share).await?, channel);
        left -= share;
    }
    let how = format!("{PER_CHANNEL} per channel, one connection each");
    let mut rows = at_rest(&format!("{count} {label}"), &how, 16.0, &relay, base, count).await;
    waiting.check()?;
    if matches!(transport, Transport::Mcp) {
        let mut rounds = vec![];
        for _ in 0..ROUNDS {
            rounds.push(delivery::measure(address, &token, settings.round_seconds()).await?);
        }
        let p99 = median(&rounds, |round| round.timing.p99()) / 1e3;
        let p50 = median(&rounds, |round| round.timing.p50()) / 1e3;
        let row = Row::at_most(&format!("waking one of {count} idle long-polls p99"), p99, 5.0, "ms");
        rows.push(row.detail(&format!("p50 {p50:.2} ms")).how("post in another channel until its one waiter has it"));
    }
    waiting.check()?;
    Ok(rows)
}

async fn web_sockets(count: usize) -> Result<Vec<Row>> {
    let (relay, token) = start(count).await?;
    sleep(SETTLE).await;
    let idle = Row::at_most("relay resident, idle", resident(relay.pid()), 24.0, "MB").how("VmRSS 2 s after its start");
    let mut clients = vec![];
    let mut base = f64::NAN;
    while clients.len() < FEW + count {
        if clients.len() == FEW {
            sleep(SETTLE).await;
            base = resident(relay.pid());
        }
        let mut client = WsClient::connect(relay.address(), &token).await?;
        client.call("health_check", json!({})).await;
        clients.push(client);
    }
    let mut rows =
        at_rest(&format!("{count} idle WebSockets"), "after one request each", 32.0, &relay, base, count).await;
    rows.push(idle);
    Ok(rows)
}

/// Rows for memory per connection and for CPU time, once the relay is at rest.
async fn at_rest(what: &str, how: &str, limit: f64, relay: &RelayProcess, base: f64, count: usize) -> Vec<Row> {
    sleep(SETTLE).await;
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 connections")]
    let each = (resident(relay.pid()) - base) * 1024.0 / count as f64;
    let before = cpu_seconds(relay.pid());
    sleep(IDLE).await;
    let share = (cpu_seconds(relay.pid()) - before) / IDLE.as_secs_f64();
    println!("  {what}: {each:.1} KiB each, CPU {:.1} %", share * 100.0);
    vec![
        Row::at_most(&format!("{what}: memory each"), each, limit, "KiB").how(how),
        Row::at_most(&format!("{what}: CPU"), share * 100.0, 1.0, "% of a core").how("over 5 s; about 0"),
    ]
}

/// Measures the time from a post until the last one of many waiting calls was answered.
async fn fan_out() -> Result<Row> {
    let (relay, token) = start(PER_CHANNEL).await?;
    let mut alice = HttpClient::connect(relay.address(), &token).await?;
    let mut channel = Waited::create(&mut alice).await?;
    let mut clients = connect(relay.address(), &token, PER_CHANNEL).await?;
    let mut rounds = vec![];
    for number in 1..=ROUNDS {
        let mut latencies = vec![];
        for _ in 0..POSTS {
            let mut waiting = Waiting::default();
            waiting.start(Transport::Mcp, clients, &channel);
            // Lets all calls reach the relay.
            sleep(Duration::from_millis(50)).await;
            waiting.check()?;
            let start = Instant::now();
            channel.post(&mut alice).await?;
            let (woken, last) = waiting.all_woken().await?;
            latencies.push(last.map_or(f64::NAN, |last| micros_between(start, last)));
            clients = woken;
            channel.catch_up(&mut alice).await?;
        }
        let timing = Timing::new(latencies);
        println!("  fan-out, round {number}: p50 {:.1} ms, p99 {:.1} ms", timing.p50() / 1e3, timing.p99() / 1e3);
        rounds.push(timing);
    }
    let (p50, p99) = (median(&rounds, Timing::p50) / 1e3, median(&rounds, Timing::p99) / 1e3);
    Ok(Row::at_most(&format!("fan-out to {PER_CHANNEL} waiters p99"), p99, 10.0, "ms")
        .detail(&format!("p50 {p50:.2} ms"))
        .how("from the start of the post until the last one has it, MCP"))
}

/// Raises the limit on this process's open files as far as the system allows. The relays inherit it.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    // If this fails, connecting says why.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}
