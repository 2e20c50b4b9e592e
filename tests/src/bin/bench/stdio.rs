use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context as _, Result};
use mcp_multiplayer_tests::{RelayProcess, binary};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::load::{Timing, micros, resident};
use crate::{line, ratio};

const SPAWNS: usize = 40;
const CALLS: usize = 1_000;

struct Client {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Client {
    fn spawn(program: &str, relay: &RelayProcess) -> Result<Self> {
        let mut command = if program == "cat" { Command::new("cat") } else { Command::new(binary(program)) };
        command.env("MCP_MULTIPLAYER_RELAY", format!("ws://{}/ws", relay.address())).env("DATA_DIR", relay.data_dir());
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn()?;
        let stdin = child.stdin.take().context("stdin is piped")?;
        let lines = BufReader::new(child.stdout.take().context("stdout is piped")?).lines();
        Ok(Self { child, stdin, lines })
    }

    async fn request(&mut self, method: &str, params: Value) -> Result<String> {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        self.stdin.write_all(format!("{request}\n").as_bytes()).await?;
        self.lines.next_line().await?.context("the stdio server answers")
    }

    async fn initialize(&mut self) -> Result<()> {
        let info = json!({ "name": "bench", "version": "1" });
        self.request("initialize", json!({ "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": info }))
            .await?;
        Ok(())
    }
}

/// Measures the stdio server: its start-up time, the latency that it adds to a call, its memory and its size.
pub(crate) async fn measure(relay: &RelayProcess) -> Result<()> {
    let (mut cat, mut start_up) = (vec![], vec![]);
    for _ in 0..SPAWNS {
        for (program, latencies) in [("cat", &mut cat), ("mcp-multiplayer", &mut start_up)] {
            let start = Instant::now();
            let mut client = Client::spawn(program, relay)?;
            client.initialize().await?;
            latencies.push(micros(start));
        }
    }
    let (cat, start_up) = (Timing::new(cat), Timing::new(start_up));
    line("spawn and echo of cat", &cat);
    line("stdio server, spawn to initialize", &start_up);
    ratio("spawn to initialize / cat", start_up.p50() / cat.p50(), "<= 3.00");

    let mut client = Client::spawn("mcp-multiplayer", relay)?;
    client.initialize().await?;
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    client.stdin.write_all(format!("{initialized}\n").as_bytes()).await?;
    let start = Instant::now();
    client.request("tools/list", json!({})).await?;
    println!("{:<40}     {:>7.0}", "tools/list", micros(start));
    let mut direct = relay.http().await?;
    let (mut through, mut over_http) = (vec![], vec![]);
    for _ in 0..CALLS {
        let start = Instant::now();
        client.request("tools/call", json!({ "name": "health_check", "arguments": {} })).await?;
        through.push(micros(start));
        let start = Instant::now();
        direct.call_tool("health_check", json!({})).await?;
        over_http.push(micros(start));
    }
    let (through, over_http) = (Timing::new(through), Timing::new(over_http));
    line("health_check through the stdio server", &through);
    line("health_check over HTTP, alternating with it", &over_http);
    ratio("added per call, ms", (through.p50() - over_http.p50()) / 1e3, "<= 0.30");
    ratio("resident memory, MB", resident(client.child.id()), "<= 8.00");
    #[expect(clippy::cast_precision_loss, reason = "a few megabytes")]
    let size = std::fs::metadata(binary("mcp-multiplayer"))?.len() as f64 / 1e6;
    ratio("size of the stripped binary, MB", size, "<= 8.00");
    Ok(())
}
