use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use mcp_multiplayer_tests::{HttpClient, ToolCall};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::process::cpu_seconds;
use crate::timing::{Timing, micros};

/// Connections of a load. Each makes one call after the other.
pub(crate) const CONNECTIONS: usize = 32;

/// One round of a load: over one connection, and then over all.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) single: Timing,
    /// Calls per second over all connections.
    pub(crate) rate: f64,
    /// CPU time of the server for each of these calls, in microseconds.
    pub(crate) cpu_per_call: f64,
}

/// Server that a load is put on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) address: &'a str,
    pub(crate) token: &'a str,
    pub(crate) pid: Option<u32>,
}

impl Target<'_> {
    async fn connect(&self) -> Result<HttpClient> {
        HttpClient::connect(self.address, self.token).await
    }

    /// Calls a tool without arguments.
    pub(crate) async fn measure(&self, tool: &str, seconds: f64) -> Result<Load> {
        let mut clients = vec![];
        for _ in 0..CONNECTIONS {
            let tool = tool.to_owned();
            clients.push((self.connect().await?, move |_| (tool.clone(), json!({}))));
        }
        self.run(clients, seconds).await
    }

    /// Posts to channels of four seats each, with one connection per seat.
    pub(crate) async fn measure_posts(&self, seconds: f64, keyed: bool) -> Result<Load> {
        let mut clients = vec![];
        let mut setup = self.connect().await?;
        for channel in 0..CONNECTIONS / 4 {
            let slots: Vec<String> = (0..4).map(|seat| format!("invite:p{seat}")).collect();
            let created = setup
                .call_tool("create_channel", json!({ "name": format!("bench {channel}"), "slots": slots }))
                .await?;
            for invite in created["invites"].as_array().into_iter().flatten() {
                let joined = setup.call_tool("join_channel", json!({ "invite_code": invite })).await?;
                let (channel_id, slot_id) = (joined["channel_id"].clone(), joined["slot_id"].clone());
                let arguments = move |number: u64| {
                    let body = format!("message number {number}");
                    let mut arguments = json!({ "channel_id": channel_id, "slot_id": slot_id, "body": body });
                    if keyed {
                        // As the stdio server makes them.
                        arguments["idempotency_key"] = json!(Uuid::now_v7().to_string());
                    }
                    ("post_message".to_owned(), arguments)
                };
                clients.push((self.connect().await?, arguments));
            }
        }
        self.run(clients, seconds).await
    }

    async fn run<F>(&self, mut clients: Vec<(HttpClient, F)>, seconds: f64) -> Result<Load>
    where
        F: Fn(u64) -> (String, Value) + Send + Sync + 'static,
    {
        let duration = Duration::from_secs_f64(seconds);
        let (client, arguments) = &mut clients[0];
        drive(client, arguments, 0, duration / 4).await?;
        let single = Timing::new(drive(client, arguments, 1 << 32, duration).await?);
        let (start, cpu) = (Instant::now(), cpu_seconds(self.pid));
        let mut running = JoinSet::new();
        for (mut client, arguments) in clients {
            running.spawn(async move { drive(&mut client, &arguments, 1 << 33, duration).await });
        }
        let mut all = vec![];
        while let Some(latencies) = running.join_next().await {
            all.extend(latencies??);
        }
        let (elapsed, cpu) = (start.elapsed(), cpu_seconds(self.pid) - cpu);
        let calls = Timing::new(all).count();
        Ok(Load { single, rate: calls / elapsed.as_secs_f64(), cpu_per_call: cpu * 1e6 / calls })
    }
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
