use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context as _, Result};
use mcp_multiplayer_tests::{HttpClient, RelayProcess, binary};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::UNLIMITED;
use crate::row::Row;
use crate::settings::ROUNDS;
use crate::timing::{Timing, median, micros};

/// Starts of each program in a round.
const SPAWNS: usize = 20;
/// Calls over each transport in a round.
const CALLS: usize = 400;

struct Client {
    _child: Child,
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
        Ok(Self { _child: child, stdin, lines })
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

struct Round {
    cat: Timing,
    start_up: Timing,
    through: Timing,
    direct: Timing,
}

/// Measures the stdio server: its start-up time, and the latency that it adds to a call.
pub(crate) async fn measure() -> Result<Vec<Row>> {
    let relay = RelayProcess::start_with(&UNLIMITED).await?;
    let mut stdio = Client::spawn("mcp-multiplayer", &relay)?;
    stdio.initialize().await?;
    let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    stdio.stdin.write_all(format!("{initialized}\n").as_bytes()).await?;
    let mut direct = relay.http().await?;
    let mut rounds = vec![];
    for number in 1..=ROUNDS {
        let (cat, start_up) = spawns(&relay).await?;
        let (through, direct) = calls(&mut stdio, &mut direct).await?;
        println!(
            "  round {number}: spawn to initialize {:.0} µs, cat {:.0} µs; call {:.0} µs, over HTTP {:.0} µs",
            start_up.p50(),
            cat.p50(),
            through.p50(),
            direct.p50()
        );
        rounds.push(Round { cat, start_up, through, direct });
    }
    let of = |figure: fn(&Round) -> f64| median(&rounds, figure);
    let (start_up, cat) = (of(|of| of.start_up.p50()) / 1e3, of(|of| of.cat.p50()) / 1e3);
    let (through, direct) = (of(|of| of.through.p50()), of(|of| of.direct.p50()));
    Ok(vec![
        Row::at_most("stdio: spawn to initialize p50 / cat", start_up / cat, 3.0, "")
            .detail(&format!("{start_up:.2} / {cat:.2} ms"))
            .how("first answer; cat echoes the request"),
        Row::at_most("stdio: added per call p50", (through - direct) / 1e3, 0.3, "ms")
            .detail(&format!("{through:.0} - {direct:.0} µs"))
            .how("health_check, alternating with direct HTTP"),
    ])
}

/// Starts `cat` and the stdio server in turn, and returns the time until each has answered.
async fn spawns(relay: &RelayProcess) -> Result<(Timing, Timing)> {
    let (mut cat, mut start_up) = (vec![], vec![]);
    for _ in 0..SPAWNS {
        for (program, latencies) in [("cat", &mut cat), ("mcp-multiplayer", &mut start_up)] {
            let start = Instant::now();
            let mut client = Client::spawn(program, relay)?;
            client.initialize().await?;
            latencies.push(micros(start));
        }
    }
    Ok((Timing::new(cat), Timing::new(start_up)))
}

/// Calls a tool through the stdio server and over HTTP in turn.
async fn calls(stdio: &mut Client, direct: &mut HttpClient) -> Result<(Timing, Timing)> {
    let (mut through, mut over_http) = (vec![], vec![]);
    for _ in 0..CALLS {
        let start = Instant::now();
        stdio.request("tools/call", json!({ "name": "health_check", "arguments": {} })).await?;
        through.push(micros(start));
        let start = Instant::now();
        direct.call_tool("health_check", json!({})).await?;
        over_http.push(micros(start));
    }
    Ok((Timing::new(through), Timing::new(over_http)))
}
