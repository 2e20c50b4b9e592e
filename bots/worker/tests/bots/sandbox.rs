//! The sandbox on platforms that allow all of it, a part of it, or none: bots must run on each, at the right level.
//!
//! A layer that this machine refuses cannot be tested on it, so each test prints the level at which it ran.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use mcp_multiplayer_bot_supervisor::{BotKey, InspectError, Owner, Sandbox, SandboxLevel, Unavailable};
use mcp_multiplayer_tests::{Signal, processes, send_signal};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};
use serde_json::json;

use crate::harness::{Bots, ReportExt, eventually, on_init, program};

const HELLO: &str = "class Bot:\n    def on_init(self): self.ctx.post('bot', 'hello')";

#[tokio::test]
async fn every_forbidden_action_is_blocked() {
    let bots = Bots::new();
    let sandbox = bots.supervisor.sandbox().await.unwrap();
    println!("tested at level {}: {:#?}", sandbox.level, sandbox.layers);
    assert_eq!(sandbox.verdict(), "passed", "{sandbox:?}");
}

#[tokio::test]
async fn disabling_a_layer_leaves_the_others_active() {
    let everything = measured(&[]).await;
    for (refuse, gone) in
        [("namespaces", &["namespaces", "root", "workspace in memory"][..]), ("root", &["root", "workspace in memory"])]
    {
        let bots = Bots::with(|config| config.disabled_layers = vec![refuse.to_owned()]);
        let sandbox = bots.supervisor.sandbox().await.unwrap();
        assert_without(&sandbox, gone, &everything);
        assert_eq!(bots.run(HELLO, on_init()).await.bodies(), [json!({"text": "hello"})], "without {refuse}");
    }
}

/// Ubuntu 24.04 lets every user enter namespaces and then denies each mount there; container runtimes filter single
/// system calls. Simulated by a filter of the test's own, under which the zygote starts.
#[tokio::test]
async fn denied_system_calls_lower_the_level_and_bots_still_run() {
    let everything = measured(&[]).await;
    let by_namespaces = &["namespaces", "root", "workspace in memory"][..];
    for (denied, gone) in [
        (&[libc::SYS_unshare][..], by_namespaces),
        (&[libc::SYS_mount], by_namespaces),
        (&[libc::SYS_pivot_root], &["root", "workspace in memory"]),
        (&[libc::SYS_landlock_create_ruleset], &["landlock"]),
        (
            &[libc::SYS_unshare, libc::SYS_landlock_restrict_self],
            &["namespaces", "root", "workspace in memory", "landlock"],
        ),
        (&[libc::SYS_personality, libc::SYS_capset], &["capabilities"]),
    ] {
        assert_without(&measured(denied).await, gone, &everything);
    }
}

/// Starts a zygote that is denied these system calls, runs a bot, and returns what was found.
async fn measured(denied: &'static [libc::c_long]) -> Sandbox {
    // In a thread of its own, because a filter applies to the thread that installs it and to the processes that it
    // starts.
    let thread = std::thread::spawn(move || {
        if !denied.is_empty() {
            deny(denied);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let bots = Bots::new();
            let sandbox = bots.supervisor.sandbox().await.unwrap();
            println!("tested at level {}, system calls denied: {denied:?}", sandbox.level);
            assert_eq!(bots.run(HELLO, on_init()).await.bodies(), [json!({"text": "hello"})], "{sandbox:?}");
            sandbox
        })
    });
    tokio::task::spawn_blocking(|| thread.join().unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_worker_with_fewer_layers_than_the_tested_sandbox_is_refused() {
    let bots = Bots::new();
    if !bots.has_layer("landlock").await {
        return;
    }
    assert_eq!(bots.run(HELLO, on_init()).await.bodies(), [json!({"text": "hello"})]);
    send_signal(bots.zygote(), Signal::KILL);
    eventually("the end of the zygote and its workers", || bots.processes().is_empty()).await;

    // The next zygote starts under a filter, as if the platform had changed. In a thread of its own, because of the
    // filter.
    let (supervisor, runtime) = (bots.supervisor.clone(), tokio::runtime::Handle::current());
    let thread = std::thread::spawn(move || {
        deny(&[libc::SYS_landlock_create_ruleset]);
        let (key, hello) = (BotKey::new("chn_1", "bot_1"), program(HELLO));
        let error = runtime.block_on(supervisor.run(&key, &hello, on_init())).unwrap_err();
        assert!(matches!(error, Unavailable::Sandbox { .. }), "{error:?}");
        assert!(error.to_string().contains("landlock (the kernel has no Landlock)"), "{error}");
        let inspected = runtime.block_on(supervisor.inspect(&Owner::default(), &hello));
        assert!(matches!(inspected, Err(InspectError::Unavailable(Unavailable::Sandbox { .. }))), "{inspected:?}");
    });
    tokio::task::spawn_blocking(|| thread.join().unwrap()).await.unwrap();

    // That zygote was ended, so bots run again as soon as a new one has all layers.
    assert_eq!(bots.run(HELLO, on_init()).await.bodies(), [json!({"text": "hello"})]);
    assert_eq!(bots.pids().len(), 1);
}

#[tokio::test]
async fn a_sandbox_whose_self_test_gives_no_result_has_level_process() {
    for (behaviour, reason) in [
        ("sys.exit()", "the bot's process ended during the self-test"),
        ("receive()", "the self-test took longer than 3s"),
        ("send(1, {'loaded': {}})", "the bot's process sent an unexpected reply during the self-test"),
        ("relay.sendall(b'nonsense')", "the bot's process sent a reply over the limit during the self-test"),
        ("send(1, {'self_tested': {'actions': []}})", "no action was attempted"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let worker = directory.path().join("worker");
        std::fs::write(&worker, UNTESTABLE.replace("PYTHON", PYTHON).replace("BEHAVIOUR", behaviour)).unwrap();
        std::fs::set_permissions(&worker, Permissions::from_mode(0o700)).unwrap();
        let bots = Bots::with(|config| {
            config.worker = worker;
            // Executes the program for each worker.
            config.disabled_layers = vec!["zygote".to_owned()];
            config.limits.startup = Duration::from_secs(3);
            config.limits.hook_wall = Duration::from_secs(1);
        });
        let sandbox = bots.supervisor.sandbox().await.unwrap();
        assert_eq!(sandbox.level, SandboxLevel::Process, "{behaviour}: {sandbox:?}");
        assert_eq!(sandbox.verdict(), format!("failed: {reason}"), "{behaviour}");
    }
}

const PYTHON: &str = env!("MCP_MULTIPLAYER_BOT_PYTHON");

/// A program that starts like a worker with a full sandbox, and then does something else than test it.
const UNTESTABLE: &str = r#"#!PYTHON
import json, socket, struct, sys
relay = socket.socket(fileno=0)
def send(number, reply):
    text = json.dumps({"id": number, "reply": reply}).encode()
    relay.sendall(struct.pack(">I", len(text)) + text)
def receive():
    return relay.recv(1 << 16)
layers = [{"name": name, "active": True, "reason": None} for name in ("landlock", "seccomp")]
versions = {"worker": "1", "python": "3", "lock_hash": "sha256:00"}
send(0, {"ready": {**versions, "sandbox": "full", "layers": layers}})
receive()
BEHAVIOUR
"#;

/// The kernel ends processes with a high value first when memory runs out, and the relay has a lower one.
#[tokio::test]
async fn bots_are_the_first_to_end_when_memory_runs_out() {
    for disabled in [vec![], vec!["zygote".to_owned()]] {
        let bots = Bots::with(|config| config.disabled_layers.clone_from(&disabled));
        bots.run(HELLO, on_init()).await;
        let directory = bots.directory().to_str().unwrap();
        let ours: Vec<_> = processes().into_iter().filter(|process| process.command.contains(directory)).collect();
        assert!(!ours.is_empty(), "{disabled:?}");
        for process in ours {
            let score = std::fs::read_to_string(format!("/proc/{}/oom_score_adj", process.pid)).unwrap();
            assert_eq!(score, "1000\n", "{process:?}");
        }
    }
}

/// Denies system calls to this thread, and to the processes that it starts, from now on.
fn deny(calls: &[libc::c_long]) {
    let filter: BpfProgram = SeccompFilter::new(
        calls.iter().map(|call| (*call, vec![])).collect::<BTreeMap<_, _>>(),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::EPERM.unsigned_abs()),
        std::env::consts::ARCH.try_into().unwrap(),
    )
    .and_then(TryInto::try_into)
    .unwrap();
    apply_filter(&filter).unwrap();
}

/// Asserts that these layers are missing, with a reason, and no other one that this machine has.
fn assert_without(sandbox: &Sandbox, gone: &[&str], everything: &Sandbox) {
    let is_active =
        |sandbox: &Sandbox, name: &str| sandbox.layers.iter().any(|layer| layer.name == name && layer.active);
    for layer in &sandbox.layers {
        let expected = is_active(everything, &layer.name) && !gone.contains(&layer.name.as_str());
        assert_eq!(layer.active, expected, "{layer:?} without {gone:?}");
        assert_eq!(layer.reason.is_none(), layer.active, "{layer:?}");
    }
    let files = is_active(sandbox, "root") || is_active(sandbox, "landlock");
    let expected = if files && sandbox.layers.iter().all(|layer| layer.active) {
        SandboxLevel::Full
    } else if files {
        SandboxLevel::Kernel
    } else {
        SandboxLevel::Process
    };
    assert_eq!(sandbox.level, expected, "{sandbox:?}");
    if files {
        assert_eq!(sandbox.verdict(), "passed", "{sandbox:?}");
    }
}
