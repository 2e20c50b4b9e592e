//! Bots that share the cores: long hooks neither delay the hooks of others nor make them fail.

use std::sync::Arc;

use mcp_multiplayer_bot_supervisor::{
    BotKey, BoxFuture, Egress, EgressErrorKind, EgressRequest, EgressResponse, FailureKind, HookEgress, HookReport,
    Owner, Program, SupervisorConfig,
};
use mcp_multiplayer_protocol::BotLimits;
use mcp_multiplayer_tests::{Signal, send_signal};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::harness::{Bots, ReportExt, eventually, init_bot, on_init, program};

const LOOPS: &str = "class Bot:\n    def on_init(self):\n        while True: pass";
const HELLO: &str = "class Bot:\n    def on_init(self): self.ctx.post('bot', 'hello')";
/// Takes about half a second of CPU time.
const WORKS: &str =
    "class Bot:\n    def on_init(self):\n        sum(range(15_000_000))\n        self.ctx.post('bot', 'done')";

/// A supervisor that runs one hook at a time.
fn bots(adjust: impl FnOnce(&mut SupervisorConfig)) -> Bots {
    Bots::with(|config| {
        config.max_running = 1;
        adjust(config);
    })
}

/// Starts `on_init` of a bot of this owner.
fn start(bots: &Bots, owner: &str, bot_id: &str, program: &Arc<Program>) -> JoinHandle<HookReport> {
    let (supervisor, program) = (bots.supervisor.clone(), Arc::clone(program));
    let key = BotKey::new("chn_1", bot_id).with_owner(Owner::new(owner));
    tokio::spawn(async move { supervisor.run(&key, &program, on_init()).await.unwrap() })
}

/// Starts bots of mallory that loop for ever, each up to this time.
fn start_loops(bots: &Bots, count: usize, hook_ms: u64) -> Vec<JoinHandle<HookReport>> {
    let limits = BotLimits { hook_ms, ..BotLimits::default() };
    let program = Arc::new(Program { limits, ..Program::clone(&program(LOOPS)) });
    (0..count).map(|number| start(bots, "mallory", &format!("loop_{number}"), &program)).collect()
}

async fn run(bots: &Bots, source: &str) -> HookReport {
    start(bots, "alice", "bot_1", &program(source)).await.unwrap()
}

#[cfg(target_os = "linux")]
fn is_stopped(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.contains(") T ")
}

#[tokio::test]
async fn a_hook_gets_its_cpu_time_although_many_bots_loop() {
    for disabled_layers in [vec![], vec!["zygote".to_owned()]] {
        let bots = bots(|config| {
            config.disabled_layers = disabled_layers;
        });
        let loops = start_loops(&bots, 16, 2_000);
        assert_eq!(run(&bots, HELLO).await.bodies(), [json!({"text": "hello"})]);
        assert_eq!(run(&bots, WORKS).await.bodies(), [json!({"text": "done"})]);
        // Half of the time was alice's, and each of mallory's bots had a small share of the other half.
        assert!(loops.iter().all(|hook| !hook.is_finished()));
    }
}

#[tokio::test]
async fn sources_load_although_many_bots_loop() {
    let bots = bots(|_| {});
    let loops = start_loops(&bots, 16, 5_000);
    bots.inspect(HELLO).await.unwrap();
    assert!(loops.iter().all(|hook| !hook.is_finished()));
}

#[tokio::test]
async fn each_looping_bot_ends_when_its_cpu_time_is_used_up() {
    let bots = bots(|_| {});
    for hook in start_loops(&bots, 4, 300) {
        let (reason, _, kind) = hook.await.unwrap().failure();
        assert_eq!(kind, FailureKind::Timeout);
        #[cfg(target_os = "linux")]
        assert_eq!(reason, "on_init took longer than 300ms of CPU time");
    }
    eventually("death", || bots.pids().is_empty()).await;
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_hook_that_sleeps_ends_at_the_limit_of_elapsed_time() {
    let bots = bots(|_| {});
    let source = init_bot("import _thread\nlock = _thread.allocate_lock()\nlock.acquire()\nlock.acquire()").into();
    let limits = BotLimits { hook_wall_ms: 300, ..BotLimits::default() };
    let sleeps = Program { name: "test".to_owned(), source, params: json!({}), policy: false, limits };
    let report = start(&bots, "alice", "bot_1", &Arc::new(sleeps)).await.unwrap();
    assert_eq!(report.failure(), ("on_init took longer than 300ms".to_owned(), None, FailureKind::Timeout));
}

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_stopped_worker_can_be_killed_and_the_others_go_on() {
    let bots = bots(|_| {});
    let mut loops = start_loops(&bots, 3, 60_000);
    eventually("the loops", || bots.pids().len() == 3 && bots.pids().into_iter().any(is_stopped)).await;
    let stopped = bots.pids().into_iter().find(|pid| is_stopped(*pid));
    send_signal(stopped.unwrap_or_else(|| bots.pids()[0]), Signal::KILL);
    eventually("the end of a hook", || loops.iter().any(JoinHandle::is_finished)).await;
    let ended = loops.iter().position(JoinHandle::is_finished).unwrap();
    assert_eq!(loops.remove(ended).await.unwrap().failure().2, FailureKind::Died);
    assert_eq!(run(&bots, HELLO).await.bodies(), [json!({"text": "hello"})]);

    // One of the two is running and the other one is stopped.
    for hook in loops {
        hook.abort();
        assert!(hook.await.unwrap_err().is_cancelled());
        assert_eq!(run(&bots, HELLO).await.bodies(), [json!({"text": "hello"})]);
    }
    eventually("death", || bots.pids().len() == 1).await;
    assert!(!is_stopped(bots.pids()[0]));
}

/// Answers a request when the test permits it.
#[derive(Debug, Clone)]
struct SlowNetwork {
    asked: Arc<Semaphore>,
    permitted: Arc<Semaphore>,
}

impl Egress for SlowNetwork {
    fn open(&self, _: &str, _: &str, _: Instant, _: Arc<[String]>) -> Option<Box<dyn HookEgress>> {
        Some(Box::new(self.clone()))
    }
}

impl HookEgress for SlowNetwork {
    fn ask(&mut self, _request: EgressRequest) -> BoxFuture<'_, EgressResponse> {
        Box::pin(async {
            self.asked.add_permits(1);
            self.permitted.acquire().await.unwrap().forget();
            EgressResponse::Failed { kind: EgressErrorKind::Refused, message: "refused".to_owned() }
        })
    }
}

impl SlowNetwork {
    fn new() -> Self {
        Self { asked: Arc::new(Semaphore::new(0)), permitted: Arc::new(Semaphore::new(0)) }
    }
}

/// A bot that connects to a host, and completes although it cannot.
fn connects() -> Arc<Program> {
    let lines = "import socket\ntry:\n    socket.create_connection(('example.com', 80))\nexcept OSError: pass";
    program(&init_bot(lines))
}

#[tokio::test]
async fn hooks_that_wait_for_the_network_leave_workers_to_other_owners() {
    let network = SlowNetwork::new();
    let bots = Bots::with(|config| {
        config.egress = Some(Arc::new(network.clone()));
        config.max_workers = 8;
    });
    let waits: Vec<_> =
        (0..16).map(|number| start(&bots, "mallory", &format!("waits_{number}"), &connects())).collect();
    network.asked.acquire_many(2).await.unwrap().forget();
    assert_eq!(run(&bots, HELLO).await.bodies(), [json!({"text": "hello"})]);
    assert!(waits.iter().all(|hook| !hook.is_finished()));
    network.permitted.add_permits(1000);
    for hook in waits {
        assert_eq!(hook.await.unwrap().bodies(), [json!({"out": []})]);
    }
}

#[tokio::test]
async fn a_hook_that_waits_for_the_network_leaves_its_core_to_others() {
    let network = SlowNetwork::new();
    let bots = bots(|config| config.egress = Some(Arc::new(network.clone())));
    let waits = start(&bots, "mallory", "waits", &connects());
    network.asked.acquire().await.unwrap().forget();
    assert_eq!(run(&bots, WORKS).await.bodies(), [json!({"text": "done"})]);
    assert!(!waits.is_finished());
    network.permitted.add_permits(100);
    assert_eq!(waits.await.unwrap().bodies(), [json!({"out": []})]);
}
