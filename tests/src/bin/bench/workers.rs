use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use futures::future::try_join_all;
use mcp_multiplayer_bot_supervisor::{
    BotKey, Hook, HookRequest, Outcome, Program, Stream, Supervisor, SupervisorConfig,
};
use mcp_multiplayer_protocol::Secret;
use mcp_multiplayer_tests::{RelayProcess, binary, processes};
use serde_json::{Value, json};

use crate::load::{Timing, micros, resident};
use crate::{UNLIMITED, line, ratio};

const ECHO: &str = "
class EchoBot:
    def on_message(self, msg):
        self.ctx.set_state({'n': self.ctx.get_state().get('n', 0) + 1})
        self.ctx.post('bot', {'echo': msg['body']['text']})
";

/// Lower bound for the cost of a hook: Python reads a line of JSON from a socket and writes one back.
const BARE: &str = "
import json, socket
stream = socket.socket(fileno=0).makefile('rw', buffering=1)
for line in stream:
    stream.write(json.dumps(json.loads(line)) + '\\n')
    stream.flush()
";

const ROUNDS: usize = 3_000;

/// Measures hooks in warm workers, the start of cold ones, and their memory.
pub(crate) async fn measure() -> Result<()> {
    let bare = bare()?;
    line("bare round trip with a Python process", &bare);

    let directory = tempfile::tempdir()?;
    let start = |spares: usize| {
        let workspaces = directory.path().join(spares.to_string());
        let mut config = SupervisorConfig::new(binary("mcp-multiplayer-bot"), workspaces);
        config.spares = spares;
        Supervisor::new(config).context("a supervisor")
    };
    let supervisor = start(0)?;
    let sandbox = supervisor.sandbox().await?;
    println!("sandbox: {}, self-test {}", sandbox.level, sandbox.verdict());
    let key = BotKey::new("chn_1", "bot_1");
    let program = program(0);
    run(&supervisor, &key, &program).await?;
    let mut latencies = vec![];
    for _ in 0..ROUNDS {
        let start = Instant::now();
        run(&supervisor, &key, &program).await?;
        latencies.push(micros(start));
    }
    let warm = Timing::new(latencies);
    line("warm hook, fresh instance and globals", &warm);
    ratio("warm hook p50 / bare round trip", warm.p50() / bare.p50(), "reported");
    ratio("warm hook p99 / bare round trip", warm.p99() / bare.p99(), "reported");

    line("a new bot's first hook, forked for it", &cold(&supervisor, 1).await?);
    let spared = start(2)?;
    spared.sandbox().await?;
    line("a new bot's first hook, with a warm spare", &cold(&spared, 1_000).await?);
    drop((supervisor, spared));

    channels().await
}

fn program(number: usize) -> Arc<Program> {
    let source = format!("{ECHO}\n# {number}\n").into();
    Arc::new(Program { name: "EchoBot".to_owned(), source, params: json!({}), policy: true })
}

async fn run(supervisor: &Supervisor, key: &BotKey, program: &Arc<Program>) -> Result<()> {
    let report = supervisor.run(key, program, call()).await?;
    ensure!(matches!(report.outcome, Outcome::Completed(_)), "{:?}", report.outcome);
    Ok(())
}

fn call() -> HookRequest {
    let key = || Secret::new("11".repeat(32));
    HookRequest {
        hook: Hook::OnMessage,
        channel_id: "chn_1".to_owned(),
        bot_id: "bot_1".to_owned(),
        now_ms: 1_700_000_000_000,
        state: Some(r#"{"n":41}"#.to_owned()),
        seats: "{}".to_owned(),
        may_hold_seats: false,
        commitments: None,
        players: vec![],
        slots: vec![],
        stream: Stream {
            epoch: 0,
            last: false,
            open: false,
            starting: false,
            position: 0,
            key: key(),
            next_key: Some(key()),
        },
        env: std::collections::BTreeMap::new(),
        args: vec![json!({ "id": 7, "sender": "s1", "kind": "user", "body": { "text": "hello" } })],
    }
}

async fn cold(supervisor: &Supervisor, first: usize) -> Result<Timing> {
    let mut latencies = vec![];
    for number in first..first + 40 {
        let (key, program) = (BotKey::new("chn_1", &format!("bot_{number}")), program(number));
        // New bots do not arrive all at once in practice. The pause lets a spare worker be prepared.
        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
        let start = Instant::now();
        run(supervisor, &key, &program).await?;
        latencies.push(micros(start));
    }
    Ok(Timing::new(latencies))
}

fn bare() -> Result<Timing> {
    let (ours, theirs) = UnixStream::pair()?;
    let mut child = Command::new("python3").args(["-c", BARE]).stdin(Stdio::from(OwnedFd::from(theirs))).spawn()?;
    let (mut writer, mut reader) = (ours.try_clone()?, BufReader::new(ours));
    let request = serde_json::to_string(&call())? + "\n";
    let (mut latencies, mut reply) = (vec![], String::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        writer.write_all(request.as_bytes())?;
        reply.clear();
        reader.read_line(&mut reply)?;
        latencies.push(micros(start));
    }
    child.kill()?;
    child.wait()?;
    Ok(Timing::new(latencies))
}

/// Measures a thousand channels with a bot each: more bots than may have a process at the same time.
async fn channels() -> Result<()> {
    const CHANNELS: usize = 1_000;
    let relay = RelayProcess::start_with(&UNLIMITED).await?;
    let mut alice = relay.connect().await?;
    let mut channels: Vec<Value> = vec![];
    let start = Instant::now();
    for number in 0..CHANNELS {
        let arguments = json!({
            "name": "many", "slots": ["bot:echo", "invite:a"], "join_as": "a", "bot_code": format!("{ECHO}\n# {number}\n"),
        });
        let created = alice.call("create_channel", arguments).await;
        ensure!(created["bot_errors"].is_null(), "{created}");
        channels.push(created);
    }
    println!("{CHANNELS} channels with a bot each, created in {:>5.1} ms each", start.elapsed().as_secs_f64());
    let (mut latencies, mut clients) = (vec![], vec![]);
    for channel in &channels {
        let start = Instant::now();
        let post = json!({
            "channel_id": channel["channel_id"], "body": "hello", "wait_ms": 30_000, "cursor": channel["cursor"],
        });
        let posted = alice.call("post_message", post).await;
        latencies.push(micros(start));
        ensure!(posted["messages"].as_array().is_some_and(|messages| messages.len() == 2), "{posted}");
    }
    line("one post to each, one after the other", &Timing::new(latencies));
    for _ in 0..8 {
        clients.push(relay.connect().await?);
    }
    let (channels, share) = (&channels, CHANNELS / clients.len());
    let start = Instant::now();
    try_join_all(clients.into_iter().enumerate().map(|(number, mut client)| async move {
        for channel in &channels[number * share..(number + 1) * share] {
            let post = json!({
                "channel_id": channel["channel_id"], "body": "again", "wait_ms": 30_000, "cursor": channel["cursor"],
            });
            let posted = client.call("post_message", post).await;
            ensure!(posted["messages"].as_array().is_some_and(|messages| !messages.is_empty()), "{posted}");
        }
        anyhow::Ok(())
    }))
    .await?;
    println!("one post to each, by 8 clients at the same time   {:>6.1} s", start.elapsed().as_secs_f64());
    let (workers, private) = workers(relay.pid())?;
    println!("live workers {workers}, private memory of each {:>5.1} MB", private / f64::from(workers.max(1)));
    println!("resident memory of the relay {:>6.1} MB", resident(relay.pid()));
    ratio("live workers / limit", f64::from(workers) / 64.0, "about 1, plus a zygote and spares");
    Ok(())
}

/// Number of worker processes of the relay, and their total private memory in MB.
fn workers(relay: Option<u32>) -> Result<(u32, f64)> {
    let processes: Vec<(u32, u32)> = processes()
        .into_iter()
        .filter(|process| process.command.contains("mcp-multiplayer-bot zygote"))
        .map(|process| (process.pid, process.parent))
        .collect();
    let parent = |pid| processes.iter().find(|(own, _)| *own == pid).map(|(_, parent)| *parent);
    let relay = relay.context("the relay runs")?;
    // The relay's child is the parent of the zygote, and the zygote is the parent of the workers.
    let forked = processes.iter().filter(|(_, zygote)| parent(*zygote).and_then(parent) == Some(relay));
    let (mut count, mut private) = (0, 0.0);
    for (pid, _) in forked {
        let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let kib: f64 = rollup
            .lines()
            .filter(|line| line.starts_with("Private_"))
            .filter_map(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok())
            .sum();
        count += 1;
        private += kib / 1024.0;
    }
    Ok((count, private))
}
