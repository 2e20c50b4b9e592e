use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use mcp_multiplayer_tests::{HttpClient, RelayProcess, binary};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::UNLIMITED;
use crate::process::resident;
use crate::row::Row;
use crate::settings::{ROUNDS, Settings};
use crate::timing::{Timing, median, micros};

/// Starts of each program in a round.
const SPAWNS: usize = 20;
/// Calls over each transport in a round.
const CALLS: usize = 400;

/// Starts of `mcp-remote` in a round. It takes a hundred times as long.
const BRIDGE_SPAWNS: usize = 5;

/// A program that a client launches.
#[derive(Clone, Copy, Debug)]
enum Program<'a> {
    /// `cat`, which echoes each request.
    Cat,
    StdioServer,
    /// `mcp-remote`, a bridge to an MCP server over HTTP, with the directory that it keeps its files in.
    Bridge(&'a Path, &'a TempDir),
}

struct Client {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Client {
    fn spawn(program: Program<'_>, relay: &RelayProcess) -> Result<Self> {
        let mut command = match program {
            Program::Cat => Command::new("cat"),
            Program::StdioServer => {
                let mut command = Command::new(binary("mcp-multiplayer"));
                command.env("MCP_MULTIPLAYER_RELAY", format!("ws://{}/ws", relay.address()));
                command.env("DATA_DIR", relay.data_dir());
                command
            }
            Program::Bridge(path, directory) => {
                let mut command = Command::new(path);
                // It replaces the variable itself, so that the token is not among its arguments.
                command.arg(format!("http://{}/mcp", relay.address())).args(["--header", "Authorization:${AUTH}"]);
                command.env("AUTH", format!("Bearer {}", relay.local_token()?));
                command.env("MCP_REMOTE_CONFIG_DIR", directory.path());
                command
            }
        };
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

    /// Starts a program that serves MCP, for calls.
    async fn connect(program: Program<'_>, relay: &RelayProcess) -> Result<Self> {
        let mut client = Self::spawn(program, relay)?;
        client.initialize().await?;
        let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        client.stdin.write_all(format!("{initialized}\n").as_bytes()).await?;
        Ok(client)
    }

    async fn call(&mut self) -> Result<f64> {
        let start = Instant::now();
        let answer = self.request("tools/call", json!({ "name": "health_check", "arguments": {} })).await?;
        ensure!(answer.contains("sandbox"), "health_check: {answer}");
        Ok(micros(start))
    }
}

struct Round {
    cat: Timing,
    start_up: Timing,
    through: Timing,
    direct: Timing,
    /// Start-up and calls of `mcp-remote`, if it takes part.
    bridge: Option<(Timing, Timing)>,
}

/// Measures the stdio server: its start-up time, and the latency that it adds to a call; beside `mcp-remote` if the
/// settings name it.
pub(crate) async fn measure(settings: &Settings) -> Result<Vec<Row>> {
    let relay = RelayProcess::start_with(&UNLIMITED).await?;
    let directory = tempfile::tempdir()?;
    let bridge = settings.mcp_remote.as_deref().map(|path| Program::Bridge(path, &directory));
    let mut stdio = Client::connect(Program::StdioServer, &relay).await?;
    let mut bridged = match bridge {
        Some(program) => Some(Client::connect(program, &relay).await?),
        None => None,
    };
    let mut direct = relay.http().await?;
    let mut rounds = vec![];
    for number in 1..=ROUNDS {
        let mut round = calls(&mut stdio, &mut direct, bridged.as_mut()).await?;
        [round.cat, round.start_up] = spawns([Program::Cat, Program::StdioServer], SPAWNS, &relay).await?;
        if let (Some(program), Some((start_up, _))) = (bridge, &mut round.bridge) {
            [*start_up] = spawns([program], BRIDGE_SPAWNS, &relay).await?;
        }
        println!(
            "  round {number}: spawn to initialize {:.0} µs, cat {:.0} µs; call {:.0} µs, over HTTP {:.0} µs",
            round.start_up.p50(),
            round.cat.p50(),
            round.through.p50(),
            round.direct.p50()
        );
        rounds.push(round);
    }
    let of = |figure: fn(&Round) -> f64| median(&rounds, figure);
    let (start_up, cat) = (of(|of| of.start_up.p50()) / 1e3, of(|of| of.cat.p50()) / 1e3);
    let (through, direct) = (of(|of| of.through.p50()), of(|of| of.direct.p50()));
    let mut rows = vec![
        Row::at_most("stdio: spawn to initialize p50 / cat", start_up / cat, 3.0, "")
            .detail(&format!("{start_up:.2} / {cat:.2} ms"))
            .how("first answer; cat echoes the request"),
        Row::at_most("stdio: added per call p50", (through - direct) / 1e3, 0.3, "ms")
            .detail(&format!("{through:.0} - {direct:.0} µs"))
            .how("health_check, alternating with direct HTTP"),
    ];
    if let Some(bridged) = bridged {
        let figure = |figure: fn(&(Timing, Timing)) -> f64| {
            median(&rounds, |round| round.bridge.as_ref().map_or(f64::NAN, figure))
        };
        let (slow_start, slow_call) = (figure(|of| of.0.p50()) / 1e3, figure(|of| of.1.p50()));
        let (memory, large) = (resident(stdio.child.id()), resident(bridged.child.id()));
        let (added, much) = (through - direct, slow_call - direct);
        rows.extend([
            Row::at_most("stdio: spawn to initialize, share of mcp-remote's", 100.0 * start_up / slow_start, 1.25, "%")
                .detail(&format!("{start_up:.2} / {slow_start:.0} ms"))
                .how("p50; mcp-remote connects to the same relay over HTTP, with a token"),
            Row::at_most("stdio: memory, share of mcp-remote's", 100.0 * memory / large, 6.67, "%")
                .detail(&format!("{memory:.1} / {large:.1} MB"))
                .how("resident, after the calls"),
            Row::at_most("stdio: added per call, share of mcp-remote's", 100.0 * added / much, 16.7, "%")
                .detail(&format!("{added:.0} / {much:.0} µs"))
                .how("p50, health_check, alternating"),
        ]);
    }
    Ok(rows)
}

/// Starts programs in turn, and returns the time until each has answered.
async fn spawns<const N: usize>(
    programs: [Program<'_>; N],
    number: usize,
    relay: &RelayProcess,
) -> Result<[Timing; N]> {
    let mut latencies = [const { vec![] }; N];
    for _ in 0..number {
        for (program, latencies) in programs.iter().zip(&mut latencies) {
            let start = Instant::now();
            let mut client = Client::spawn(*program, relay)?;
            client.initialize().await?;
            latencies.push(micros(start));
            client.child.kill().await?;
        }
    }
    Ok(latencies.map(Timing::new))
}

/// Calls a tool through each program and over HTTP in turn. The times of start-up are still to be measured.
async fn calls(stdio: &mut Client, direct: &mut HttpClient, mut bridge: Option<&mut Client>) -> Result<Round> {
    let (mut through, mut over_http, mut bridged) = (vec![], vec![], vec![]);
    for _ in 0..CALLS {
        through.push(stdio.call().await?);
        let start = Instant::now();
        direct.call_tool("health_check", json!({})).await?;
        over_http.push(micros(start));
        if let Some(bridge) = bridge.as_deref_mut() {
            bridged.push(bridge.call().await?);
        }
    }
    let none = Timing::default;
    Ok(Round {
        cat: none(),
        start_up: none(),
        through: Timing::new(through),
        direct: Timing::new(over_http),
        bridge: bridge.is_some().then(|| (none(), Timing::new(bridged))),
    })
}
