//! The life of workers: reuse, replacement, limits, and their end.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mcp_multiplayer_bot_supervisor::{BotKey, FailureKind, InspectError, Supervisor, SupervisorConfig, Unavailable};
use mcp_multiplayer_tests::{Signal, send_signal};
use serde_json::json;

use crate::harness::{Bots, ReportExt, directories_of_relay, eventually, init_bot, on_init, program};

const HELLO: &str = "class Bot:\n    def on_init(self): self.ctx.post('bot', 'hello')";
const LOOPS: &str = "class Bot:\n    def on_init(self):\n        while True: pass";

#[tokio::test]
async fn the_worker_that_inspected_a_source_runs_its_first_hook() {
    let bots = Bots::new();
    bots.inspect(HELLO).await.unwrap();
    let inspected = bots.pids();
    bots.run(HELLO, on_init()).await;
    bots.run(HELLO, on_init()).await;
    assert_eq!((bots.pids(), inspected.len()), (inspected, 1));
}

#[tokio::test]
async fn a_source_is_inspected_once() {
    let bots = Bots::new();
    let inspected = bots.inspect(HELLO).await.unwrap();
    send_signal(bots.pids()[0], Signal::KILL);
    eventually("the end of the worker", || bots.pids().is_empty()).await;
    assert_eq!(bots.inspect(HELLO).await.unwrap(), inspected);
    assert!(bots.pids().is_empty(), "no worker was needed");
    // A worker that gets the compiled code does what one that gets the source does.
    assert_eq!(bots.run(HELLO, on_init()).await.bodies(), [json!({"text": "hello"})]);
    let failing = "class Bot:\n    def on_init(self):\n        1 / 0";
    bots.inspect(failing).await.unwrap();
    send_signal(bots.pids()[0], Signal::KILL);
    let (reason, line, _) = bots.run(failing, on_init()).await.failure();
    assert_eq!((reason.as_str(), line), ("ZeroDivisionError: division by zero", Some(3)));
}

#[tokio::test]
async fn a_spare_worker_is_like_a_new_one() {
    // Executed while the source is loaded: there is no hook whose randomness and time it could use.
    let draws = "import random\nclass Bot:\n    x = random.random()\n    def on_init(self): pass";
    let time = "import time\nraise ValueError(str(time.time()))";
    let probe = "import sys\nclass Bot:\n    def on_init(self): self.ctx.post('bot', {'out': [id(self), str(self), sys.argv, self.ctx.get_state()]})";
    let mut results = Vec::new();
    for spares in [0, 1] {
        let bots = Bots::with(|config| config.spares = spares);
        // The first worker has a spare started; the others are such ones.
        bots.inspect(HELLO).await.unwrap();
        eventually("the spare", || bots.pids().len() == 1 + spares).await;
        results.push((
            bots.rejection(draws).await,
            bots.rejection(time).await,
            bots.run(probe, on_init()).await.bodies(),
        ));
    }
    assert_eq!(results[0], results[1]);
    assert!(results[0].0.0.contains("randomness can be drawn only in a hook"), "{:?}", results[0].0);
}

#[tokio::test]
async fn a_worker_killed_from_outside_is_replaced() {
    let bots = Bots::new();
    bots.run(HELLO, on_init()).await;
    let before = bots.pids();
    send_signal(before[0], Signal::KILL);
    assert_eq!(bots.run(HELLO, on_init()).await.bodies(), [json!({"text": "hello"})]);
    assert_ne!(bots.pids(), before);
}

#[tokio::test]
async fn a_worker_killed_in_a_hook_fails_that_hook() {
    let bots = Arc::new(Bots::contained(|config| config.limits.hook = Duration::from_mins(1)));
    let source = LOOPS.replace("while True", "io.open('running', 'w').close()\n        while True");
    let source = format!("import io\n{source}");
    let running = tokio::spawn({
        let bots = Arc::clone(&bots);
        async move { bots.run(&source, on_init()).await }
    });
    eventually("the hook", || bots.has_file("running")).await;
    send_signal(bots.pids()[0], Signal::KILL);
    let report = running.await.unwrap();
    assert_eq!(report.failure(), ("the bot's process ended during on_init".to_owned(), None, FailureKind::Died));
    assert_eq!(bots.run(HELLO, on_init()).await.bodies(), [json!({"text": "hello"})]);
}

#[tokio::test]
async fn a_new_program_gets_a_new_process() {
    let bots = Bots::new();
    bots.run(HELLO, on_init()).await;
    let report = bots.run(&HELLO.replace("hello", "bye"), on_init()).await;
    assert_eq!(report.bodies(), [json!({"text": "bye"})]);
    assert_eq!(bots.pids().len(), 1);
    bots.supervisor.retire(&BotKey::new("chn_1", "bot_1")).await;
    eventually("retirement", || bots.pids().is_empty()).await;
}

#[tokio::test]
async fn idle_workers_are_ended_when_the_limit_is_reached() {
    let bots = Bots::with(|config| config.max_workers = 2);
    let program = program(HELLO);
    for n in 0..6 {
        let key = BotKey::new("chn_1", &format!("bot_{n}"));
        bots.supervisor.run(&key, &program, on_init()).await.unwrap().effects();
        eventually("the end of a worker", || bots.pids().len() <= 2).await;
    }
    let all = (0..8).map(|n| {
        let (supervisor, program) = (bots.supervisor.clone(), Arc::clone(&program));
        tokio::spawn(async move { supervisor.run(&BotKey::new("chn_2", &n.to_string()), &program, on_init()).await })
    });
    for run in all.collect::<Vec<_>>() {
        assert_eq!(run.await.unwrap().unwrap().bodies(), [json!({"text": "hello"})]);
    }
    eventually("the end of all others", || bots.pids().len() <= 2).await;
}

#[tokio::test]
async fn idle_workers_are_ended() {
    let bots = Bots::with(|config| config.idle_after = Duration::from_mins(10));
    bots.run(HELLO, on_init()).await;
    assert_eq!(bots.pids().len(), 1);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(601)).await;
    tokio::time::resume();
    eventually("retirement", || bots.pids().is_empty()).await;
    assert_eq!(bots.run(HELLO, on_init()).await.bodies(), [json!({"text": "hello"})]);
}

#[tokio::test]
async fn hooks_of_one_bot_do_not_overlap() {
    let bots = Bots::new();
    let program = program(
        "class Bot:\n    def on_init(self):\n        sum(range(1_000_000))\n        self.ctx.post('bot', 'done')",
    );
    let runs = (0..5).map(|_| {
        let (supervisor, program) = (bots.supervisor.clone(), Arc::clone(&program));
        tokio::spawn(async move { supervisor.run(&BotKey::new("chn_1", "bot_1"), &program, on_init()).await })
    });
    // Two at once would take two processes, each bot's place holding the last one.
    for run in runs.collect::<Vec<_>>() {
        assert_eq!(run.await.unwrap().unwrap().bodies(), [json!({"text": "done"})]);
        assert!(bots.pids().len() <= 1);
    }
    assert_eq!(bots.pids().len(), 1);
}

#[tokio::test]
async fn dropping_the_future_of_a_hook_kills_its_worker() {
    let bots = Bots::with(|config| config.limits.hook = Duration::from_mins(1));
    let dropped = tokio::time::timeout(Duration::from_secs(2), bots.run(LOOPS, on_init())).await;
    assert!(dropped.is_err());
    eventually("death", || bots.pids().is_empty()).await;
    assert_eq!(bots.run(HELLO, on_init()).await.bodies(), [json!({"text": "hello"})]);
}

#[tokio::test]
async fn dropping_the_supervisor_kills_all_workers() {
    let mut bots = Bots::with(|config| config.limits.hook = Duration::from_mins(1));
    bots.run(HELLO, on_init()).await;
    bots.inspect(&init_bot("pass")).await.unwrap();
    assert_eq!(bots.pids().len(), 2);
    let elsewhere = tempfile::tempdir().unwrap();
    bots.supervisor = Supervisor::new(SupervisorConfig::new("nothing", elsewhere.path())).unwrap();
    eventually("death", || bots.pids().is_empty()).await;
}

/// A worker without a supervisor, looping in a hook, and the relay's end of its socket.
fn looping_worker(workspace: &std::path::Path) -> (std::process::Child, UnixStream) {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_mcp-multiplayer-bot"))
        .args(["serve", "--workspace"])
        .arg(workspace)
        .args(["--memory-bytes", "268435456", "--file-bytes", "1000000"])
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .spawn()
        .unwrap();
    let limits = json!({"posts": 1, "post_bytes": 1, "state_bytes": 1, "kept_bytes": 1, "log_bytes": 1, "hook_ms": 1});
    let load = json!({"load": {"name": "b", "source": LOOPS, "params": "{}", "policy": true, "limits": limits}});
    let hook = json!({"hook": on_init()});
    for (id, request) in [(1, load), (2, hook)] {
        // Skips the earlier replies, `ready` and `loaded`.
        let mut length = [0; 4];
        ours.read_exact(&mut length).unwrap();
        ours.read_exact(&mut vec![0; u32::from_be_bytes(length).try_into().unwrap()]).unwrap();
        let frame = json!({"id": id, "request": request}).to_string();
        ours.write_all(&u32::try_from(frame.len()).unwrap().to_be_bytes()).unwrap();
        ours.write_all(frame.as_bytes()).unwrap();
    }
    (child, ours)
}

#[test]
fn a_looping_worker_ends_when_its_relay_does() {
    let workspace = tempfile::tempdir().unwrap();
    let (mut child, socket) = looping_worker(workspace.path());
    assert!(child.try_wait().unwrap().is_none());
    drop(socket);
    let deadline = Instant::now() + Duration::from_secs(30);
    while child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "the worker outlived its relay");
        std::thread::yield_now();
    }
}

/// Not a test by itself: the next test runs it in a process of its own and kills that.
#[tokio::test]
#[ignore = "started by workers_end_when_their_relay_is_killed"]
async fn relay_with_a_looping_bot() {
    let workspaces = std::env::var_os("RELAY_WORKSPACES").unwrap();
    let mut config = SupervisorConfig::new(env!("CARGO_BIN_EXE_mcp-multiplayer-bot"), workspaces);
    config.limits.hook = Duration::from_mins(10);
    config.spares = 0;
    let supervisor = Supervisor::new(config).unwrap();
    supervisor.run(&BotKey::new("chn_1", "bot_1"), &program(LOOPS), on_init()).await.unwrap();
}

#[tokio::test]
async fn workers_end_when_their_relay_is_killed() {
    let bots = Bots::new();
    let mut relay = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "lifecycle::relay_with_a_looping_bot"])
        .env("RELAY_WORKSPACES", bots.directory())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    eventually("a start", || bots.pids().len() == 1).await;
    relay.kill().unwrap();
    relay.wait().unwrap();
    eventually("death", || bots.pids().is_empty()).await;

    // A relay that starts removes the directories of one that was killed.
    let left = || directories_of_relay(bots.directory(), relay.id());
    assert_eq!(left().len(), 1);
    // A process that is ending may still hold the lock.
    let removed = || {
        Supervisor::new(SupervisorConfig::new("nothing", bots.directory())).unwrap();
        left().is_empty()
    };
    eventually("removal", removed).await;
}

#[tokio::test]
async fn a_broken_installation_is_not_the_bots_fault() {
    let missing = Bots::with(|config| config.worker = "/nonexistent/mcp-multiplayer-bot".into());
    let error = missing.inspect(HELLO).await.unwrap_err();
    assert!(matches!(error, InspectError::Unavailable(Unavailable::Spawn { .. })), "{error:?}");

    let other = Bots::with(|config| config.worker = "/bin/ls".into());
    let run = other.supervisor.run(&BotKey::new("chn_1", "bot_1"), &program(HELLO), on_init()).await;
    assert!(matches!(run, Err(Unavailable::Broken(_))), "{run:?}");

    let no_python = Bots::with(|config| config.python = Some("/nonexistent/python".into()));
    let run = no_python.supervisor.run(&BotKey::new("chn_1", "bot_1"), &program(HELLO), on_init()).await;
    let message = run.unwrap_err().to_string();
    let missing =
        "/nonexistent/python does not exist: run bots/python/setup.sh in a checkout, or install the package again";
    assert_eq!(message, format!("the bot worker is broken: {missing}"));
}

#[test]
fn serve_without_a_socket_explains_itself() {
    let arguments = ["serve", "--workspace", ".", "--memory-bytes", "1", "--file-bytes", "1"];
    let by_hand =
        Command::new(env!("CARGO_BIN_EXE_mcp-multiplayer-bot")).args(arguments).stdin(Stdio::null()).output().unwrap();
    assert!(!by_hand.status.success());
    let said = String::from_utf8(by_hand.stderr).unwrap();
    assert_eq!(said, "mcp-multiplayer-bot serve is started by mcp-multiplayer-relay: standard input is not a socket\n");
}
