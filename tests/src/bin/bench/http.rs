use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use mcp_multiplayer_tests::{HttpClient, RelayProcess, ToolCall};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::load::{Load, Timing, micros};

const CONNECTIONS: usize = 32;

/// Measures calls of a tool without arguments, over one connection and then over many.
pub(crate) async fn measure(address: &str, token: &str, tool: &str, seconds: f64) -> Result<Load> {
    let mut clients = vec![];
    for _ in 0..CONNECTIONS {
        let tool = tool.to_owned();
        clients.push((HttpClient::connect(address, token).await?, move |_| (tool.clone(), json!({}))));
    }
    run(clients, seconds).await
}

/// Obtains an access token for a program that acts for itself (OAuth 2.1, `client_credentials`).
pub(crate) async fn oauth_token(address: &str) -> Result<String> {
    let mut http = HttpClient::connect(address, "").await?;
    let client = json!({
        "client_name": "bench", "grant_types": ["client_credentials"], "token_endpoint_auth_method": "client_secret_post",
    });
    let registered = http.post("/register", &[], client.to_string().into()).await?;
    let registered: Value = serde_json::from_slice(registered.body())?;
    let grant = json!({
        "grant_type": "client_credentials", "client_id": registered["client_id"], "client_secret": registered["client_secret"],
    });
    let issued = http.post("/oauth/token", &[], grant.to_string().into()).await?;
    let issued: Value = serde_json::from_slice(issued.body())?;
    Ok(issued["access_token"].as_str().with_context(|| format!("no access token: {issued}"))?.to_owned())
}

/// Measures posts to channels of four seats each, with one connection per seat.
pub(crate) async fn measure_posts(address: &str, token: &str, seconds: f64, keyed: bool) -> Result<Load> {
    let mut clients = vec![];
    let mut setup = HttpClient::connect(address, token).await?;
    for channel in 0..CONNECTIONS / 4 {
        let slots: Vec<String> = (0..4).map(|seat| format!("invite:p{seat}")).collect();
        let created =
            setup.call_tool("create_channel", json!({ "name": format!("bench {channel}"), "slots": slots })).await?;
        for invite in created["invites"].as_array().into_iter().flatten() {
            let joined = setup.call_tool("join_channel", json!({ "invite_code": invite })).await?;
            let (channel_id, slot_id) = (joined["channel_id"].clone(), joined["slot_id"].clone());
            let arguments = move |number: u64| {
                let mut arguments =
                    json!({ "channel_id": channel_id, "slot_id": slot_id, "body": format!("message number {number}") });
                if keyed {
                    // Time-ordered, like the keys of the stdio server.
                    arguments["idempotency_key"] = json!(format!("{number:016x}-{slot_id}"));
                }
                ("post_message".to_owned(), arguments)
            };
            clients.push((HttpClient::connect(address, token).await?, arguments));
        }
    }
    run(clients, seconds).await
}

async fn run<F>(mut clients: Vec<(HttpClient, F)>, seconds: f64) -> Result<Load>
where
    F: Fn(u64) -> (String, Value) + Send + Sync + 'static,
{
    let duration = Duration::from_secs_f64(seconds);
    let (client, arguments) = &mut clients[0];
    drive(client, arguments, 0, duration / 4).await?;
    let single = Timing::new(drive(client, arguments, 1 << 32, duration).await?);
    let start = Instant::now();
    let mut running = JoinSet::new();
    for (mut client, arguments) in clients {
        running.spawn(async move { drive(&mut client, &arguments, 1 << 33, duration).await });
    }
    let mut all = vec![];
    while let Some(latencies) = running.join_next().await {
        all.extend(latencies??);
    }
    let seconds = start.elapsed().as_secs_f64();
    Ok(Load { single, many: Timing::new(all), seconds })
}

/// Makes one call after the other for a duration, and returns their latencies.
async fn drive(
    client: &mut HttpClient,
    arguments: &(impl Fn(u64) -> (String, Value) + Sync),
    first: u64,
    duration: Duration,
) -> Result<Vec<f64>> {
    let (mut latencies, mut number) = (vec![], first);
    let end = Instant::now() + duration;
    while Instant::now() < end {
        number += 1;
        let (name, arguments) = arguments(number);
        let call = ToolCall::new(&name, &arguments);
        let start = Instant::now();
        let answer = client.send_call(call).await?;
        latencies.push(micros(start));
        let failed = answer.windows(14).any(|bytes| bytes == b"\"isError\":true");
        ensure!(!failed, "{}", String::from_utf8_lossy(&answer));
    }
    Ok(latencies)
}

/// Measures the time from the start of a post until a waiting peer has it, and the peer's calls per message.
pub(crate) async fn measure_peer(relay: &RelayProcess, seconds: f64) -> Result<(Timing, f64)> {
    let (mut alice, mut bob) = (relay.http().await?, relay.http().await?);
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
        latencies.push(received_at.duration_since(start).as_secs_f64() * 1e6);
    }
    #[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 messages")]
    let per_message = f64::from(calls) / latencies.len() as f64;
    Ok((Timing::new(latencies), per_message))
}
