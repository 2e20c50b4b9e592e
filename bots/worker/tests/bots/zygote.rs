//! The process that workers are forked from may die, and so may hooks while they wait for it.

use std::time::Duration;

use mcp_multiplayer_bot_supervisor::{BotKey, FailureKind};
use mcp_multiplayer_tests::{Signal, send_signal};
use serde_json::json;
use tokio::time::timeout;

use crate::harness::{Bots, Told, eventually, on_init, program};

const LOOPS: &str = "class Bot:\n    def on_init(self):\n        while True: pass";
const HELLO: &str = "class Bot:\n    def on_init(self): self.ctx.post('bot', 'hello')";

#[tokio::test]
async fn a_zygote_that_dies_is_replaced_unnoticed() {
    let bots = Bots::new();
    bots.run(HELLO, on_init()).await;
    let zygote = bots.zygote();
    send_signal(zygote, Signal::KILL);
    eventually("the end of its workers", || bots.pids().is_empty()).await;
    assert_eq!(bots.run(HELLO, on_init()).await.bodies(), [json!({"text": "hello"})]);
    assert_ne!(bots.zygote(), zygote);
    assert_eq!(bots.pids().len(), 1);
}

#[tokio::test]
async fn hooks_given_up_at_any_time_leave_every_other_its_own_process() {
    let bots = Bots::impatient();
    let hello = program(HELLO);
    for micros in (0..6000).step_by(150) {
        let key = BotKey::new("chn_1", &format!("given_up_{micros}"));
        // Some are given up before the worker is asked for, some before it is there, some not at all.
        let _ = timeout(Duration::from_micros(micros), bots.supervisor.run(&key, &hello, on_init())).await;
        bots.supervisor.retire(&key).await;
    }
    // Only a signal ends this one, and it must be the one that gets it.
    let report = bots.run(LOOPS, on_init()).await;
    assert_eq!(report.failure().2, FailureKind::Timeout);
    eventually("the end of every worker", || bots.pids().is_empty()).await;
}

#[tokio::test]
async fn without_the_filter_of_system_calls_there_is_no_wall() {
    let bots = Bots::with(|config| config.refuse = vec!["seccomp".to_owned()]);
    let sandbox = bots.supervisor.sandbox().await.unwrap();
    assert_eq!(sandbox.level, "process", "{sandbox:?}");
    assert!(sandbox.verdict().starts_with("not stopped: "), "{}", sandbox.verdict());
    assert_eq!(bots.run(HELLO, on_init()).await.bodies(), [json!({"text": "hello"})]);
}

#[tokio::test]
async fn files_on_the_disk_count_however_they_are_hidden() {
    let bots = Bots::contained(|config| config.limits.workspace_bytes = 1 << 20);
    let inspected = "import io\nHELD = [io.open('loaded', 'w')]\nHELD[0].write('x' * 300_000)\n";
    // Each hook starts with the source anew: what the inspection left is out of its sight, and counts.
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
