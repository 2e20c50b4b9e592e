//! Failures of the zygote, and hooks that are abandoned while they wait for it.

use std::time::Duration;

use mcp_multiplayer_bot_supervisor::{BotKey, FailureKind, SandboxLevel};
use mcp_multiplayer_tests::{Signal, send_signal};
use serde_json::json;
use tokio::time::timeout;

use crate::harness::{Bots, ReportExt, eventually, on_init, program};

const LOOPS: &str = "class Bot:\n    def on_init(self):\n        while True: pass";
const HELLO: &str = "class Bot:\n    def on_init(self): self.ctx.post('bot', 'hello')";

#[tokio::test]
async fn a_dead_zygote_is_replaced() {
    let bots = Bots::new();
    bots.run(HELLO, on_init()).await;
    let zygote = bots.zygote();
    send_signal(zygote, Signal::KILL);
    // Not `pids`, which lists only workers whose zygote is alive: one that outlives it by a moment could still reply.
    eventually("the end of the zygote and its workers", || bots.processes().is_empty()).await;
    assert_eq!(bots.run(HELLO, on_init()).await.bodies(), [json!({"text": "hello"})]);
    assert_ne!(bots.zygote(), zygote);
    assert_eq!(bots.pids().len(), 1);
}

#[tokio::test]
async fn abandoned_hooks_do_not_mix_up_the_processes_of_others() {
    let bots = Bots::impatient();
    let hello = program(HELLO);
    for micros in (0..6000).step_by(150) {
        let key = BotKey::new("chn_1", &format!("given_up_{micros}"));
        // Some are abandoned before the worker is requested, some before it is ready, some not at all.
        let _ = timeout(Duration::from_micros(micros), bots.supervisor.run(&key, &hello, on_init())).await;
        bots.supervisor.retire(&key).await;
    }
    // This worker ends only by a signal, so the signal must have reached it and not another one.
    let report = bots.run(LOOPS, on_init()).await;
    assert_eq!(report.failure().2, FailureKind::Timeout);
    eventually("the end of every worker", || bots.pids().is_empty()).await;
}

#[tokio::test]
async fn without_the_system_call_filter_the_level_is_process() {
    let bots = Bots::with(|config| config.disabled_layers = vec!["seccomp".to_owned()]);
    let sandbox = bots.supervisor.sandbox().await.unwrap();
    assert_eq!(sandbox.level, SandboxLevel::Process, "{sandbox:?}");
    assert!(sandbox.verdict().starts_with("not blocked: "), "{}", sandbox.verdict());
    assert_eq!(bots.run(HELLO, on_init()).await.bodies(), [json!({"text": "hello"})]);
}

#[tokio::test]
async fn removed_and_hidden_files_count_towards_the_workspace() {
    let bots = Bots::contained(|config| config.limits.workspace_bytes = 1 << 20);
    let inspected = "import io\nHELD = [io.open('loaded', 'w')]\nHELD[0].write('x' * 300_000)\n";
    // The file that the inspection left is invisible to the hook, but counts towards the size.
    let small = "class Bot:\n    def on_init(self):\n        HELD.append(io.open('small', 'w'))\n        self.ctx.post('bot', 'hello')";
    let source = format!("{inspected}{small}");
    bots.inspect(&source).await.unwrap();
    assert_eq!(bots.run(&source, on_init()).await.bodies(), [json!({"text": "hello"})]);
    // A worker that may have a file open is not used again.
    assert_eq!(bots.pids(), Vec::<u32>::new());
    eventually("the removal of its files", || !bots.has_file("small")).await;
    let large = source.replace("HELD.append(io.open('small', 'w'))", "io.open('small', 'w').write('x' * 600_000)");
    bots.inspect(&large).await.unwrap();
    let report = bots.run(&large, on_init()).await;
    assert_eq!(report.failure().0, "the bot's files grew over 1048576 bytes");
}
