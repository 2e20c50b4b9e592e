//! Idle connections: memory and CPU time of the relay, and the time in which waiting calls wake up.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use futures::future::try_join_all;
use mcp_multiplayer_tests::{HttpClient, RelayProcess, WsClient};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::load::{Timing, micros, resident};
use crate::{UNLIMITED, line, ratio};

/// Connections that are open before memory is measured for the first time, so that what all share is not counted.
const FEW: usize = 50;
/// Waiting calls that one post is to wake quickly.
const FAN_OUT: usize = 100;
/// Posts to the waiting calls.
const POSTS: usize = 50;
/// Time in which a relay gets to rest after connections were opened.
const SETTLE: Duration = Duration::from_secs(2);
/// Time for which CPU time is measured.
const IDLE: Duration = Duration::from_secs(5);

/// Transport of a call that waits.
#[derive(Clone, Copy)]
enum Transport {
    Mcp,
    Rest,
}

/// Measures idle WebSocket connections and waiting calls, each on a relay of its own.
pub(crate) async fn measure() -> Result<()> {
    let count = std::env::var("BENCH_CONNECTIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000);
    raise_file_limit();
    println!("{count} idle connections (BENCH_CONNECTIONS)");
    web_sockets(count).await?;
    waiting_calls(Transport::Mcp, count).await?;
    waiting_calls(Transport::Rest, count).await
}

async fn start(count: usize) -> Result<(RelayProcess, String)> {
    let connections = (count + FEW + FAN_OUT).to_string();
    let mut flags = UNLIMITED.to_vec();
    flags.extend(["--connections", &connections, "--wait-ms", "600000"]);
    // The last value of a flag counts.
    let position = flags.iter().position(|flag| *flag == "--connections-per-address");
    flags[position.expect("UNLIMITED has this flag") + 1] = &connections;
    let relay = RelayProcess::start_with(&flags).await?;
    // The local token never expires. All others are validated again while they wait.
    let token = relay.create_token("bench").await?;
    Ok((relay, token))
}

async fn web_sockets(count: usize) -> Result<()> {
    let (relay, token) = start(count).await?;
    sleep(SETTLE).await;
    ratio("resident memory of an idle relay, MB", resident(relay.pid()), "<= 24");
    let connect = async || {
        let mut client = WsClient::connect(relay.address(), &token).await?;
        client.call("health_check", json!({})).await;
        anyhow::Ok(client)
    };
    let mut clients = vec![];
    let mut base = f64::NAN;
    while clients.len() < FEW + count {
        if clients.len() == FEW {
            sleep(SETTLE).await;
            base = resident(relay.pid());
        }
        clients.push(connect().await?);
    }
    report("WebSocket", "<= 32", &relay, base, count).await;
    Ok(())
}

async fn waiting_calls(transport: Transport, count: usize) -> Result<()> {
    let (relay, token) = start(count).await?;
    let label = match transport {
        Transport::Mcp => "waiting call over MCP",
        Transport::Rest => "waiting call over REST",
    };
    let mut alice = HttpClient::connect(relay.address(), &token).await?;
    let slots = json!({ "name": "idle", "slots": ["invite:a", "invite:b"], "join_as": "a" });
    let created = alice.call_tool("create_channel", slots).await?;
    let joined = alice.call_tool("join_channel", json!({ "invite_code": created["invites"][0] })).await?;
    let mut cursor = joined["cursor"].clone();
    let sync = |cursor: &Value| json!({ "channel_id": created["channel_id"], "slot_id": joined["slot_id"], "cursor": cursor, "timeout_ms": 600_000 });
    let post = json!({ "channel_id": created["channel_id"], "slot_id": created["slot_id"], "body": "hello" });
    let connect = async |count| {
        let connections = (0..count).map(|_| HttpClient::connect(relay.address(), &token));
        try_join_all(connections).await
    };

    let mut few = wait(transport, connect(FEW).await?, &sync(&cursor));
    sleep(SETTLE).await;
    let base = resident(relay.pid());
    let mut many = wait(transport, connect(count).await?, &sync(&cursor));
    report(label, "<= 16", &relay, base, count).await;
    let (micros, clients) = wake(&mut many, &mut alice, &post).await?;
    println!("{:<40}     {:>7.1} ms", format!("{count} of them, until the last one woke"), micros / 1e3);
    drop(clients);

    let mut clients = vec![];
    while let Some(client) = few.join_next().await {
        clients.push(client??.0);
    }
    clients.extend(connect(FAN_OUT - FEW).await?);
    let mut latencies = vec![];
    for _ in 0..POSTS {
        cursor = alice.call_tool("sync_messages", sync(&cursor)).await?["cursor"].clone();
        let mut waiting = wait(transport, clients, &sync(&cursor));
        sleep(Duration::from_millis(50)).await;
        let (micros, woken) = wake(&mut waiting, &mut alice, &post).await?;
        latencies.push(micros);
        clients = woken;
    }
    let timing = Timing::new(latencies);
    line(&format!("{FAN_OUT} of them, until the last one woke"), &timing);
    ratio("the same, p99 in ms", timing.p99() / 1e3, "<= 10");
    Ok(())
}

type Waiting = JoinSet<Result<(HttpClient, Instant)>>;

/// Has each client make a call that waits, and return when it was answered.
fn wait(transport: Transport, clients: Vec<HttpClient>, arguments: &Value) -> Waiting {
    let mut waiting = JoinSet::new();
    for mut client in clients {
        let arguments = arguments.clone();
        waiting.spawn(async move {
            let woken = match transport {
                Transport::Mcp => client.call_tool("sync_messages", arguments).await?,
                Transport::Rest => {
                    let response = client.post("/sync_messages", &[], arguments.to_string().into()).await?;
                    serde_json::from_slice(response.body())?
                }
            };
            let at = Instant::now();
            ensure!(woken["messages"].as_array().is_some_and(|messages| !messages.is_empty()), "{woken}");
            Ok((client, at))
        });
    }
    waiting
}

/// Posts a message, and returns the time from the start of the post until the last waiting call was answered, in
/// microseconds.
async fn wake(waiting: &mut Waiting, alice: &mut HttpClient, post: &Value) -> Result<(f64, Vec<HttpClient>)> {
    let start = Instant::now();
    alice.call_tool("post_message", post.clone()).await?;
    let (mut clients, mut last) = (vec![], micros(start));
    while let Some(woken) = waiting.join_next().await {
        let (client, at) = woken??;
        last = last.max((at - start).as_secs_f64() * 1e6);
        clients.push(client);
    }
    Ok((last, clients))
}

/// Prints memory per connection and CPU time, once the relay is at rest.
async fn report(label: &str, target: &str, relay: &RelayProcess, base: f64, count: usize) {
    sleep(SETTLE).await;
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 connections")]
    let each = (resident(relay.pid()) - base) * 1024.0 / count as f64;
    ratio(&format!("memory of an idle {label}, KiB"), each, target);
    let before = cpu_seconds(relay.pid());
    sleep(IDLE).await;
    // The time of a thread that ended meanwhile is no longer in the sum.
    let share = (cpu_seconds(relay.pid()) - before).max(0.0) / IDLE.as_secs_f64();
    ratio("CPU time of the relay meanwhile, percent", share * 100.0, "about 0");
}

/// CPU time that the threads of a process have used, in seconds.
fn cpu_seconds(pid: Option<u32>) -> f64 {
    let threads = fs::read_dir(format!("/proc/{}/task", pid.unwrap_or_default())).into_iter().flatten();
    let nanoseconds = threads.filter_map(|thread| {
        let schedstat = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        schedstat.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanoseconds.sum()).as_secs_f64()
}

/// Raises the limit on this process's open files as far as the system allows.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    // If this fails, connecting says why.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}
