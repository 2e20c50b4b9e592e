//! Bots without the policy: plain Python that attempts forbidden actions, which the sandbox must block.

use std::sync::Arc;

use mcp_multiplayer_bot_supervisor::{BotKey, FailureKind, HookReport, Program};
use mcp_multiplayer_protocol::BotLimits;
use serde_json::{Value, json};

use crate::harness::{Bots, ReportExt, init_bot, on_init};

/// Runs lines of plain Python, which append to `out`.
async fn run(bots: &Bots, lines: &str) -> HookReport {
    let source = init_bot(lines).into();
    let program =
        Program { name: "test".to_owned(), source, params: json!({}), policy: false, limits: BotLimits::default() };
    bots.supervisor.run(&BotKey::new("chn_1", "bot_1"), &Arc::new(program), on_init()).await.unwrap()
}

/// The values that those lines append.
async fn out(bots: &Bots, lines: &str) -> Value {
    run(bots, lines).await.bodies()[0]["out"].clone()
}

/// Tries each expression, and appends those that did not raise an `OSError` or `ImportError`.
fn trying(setup: &str, acts: &[&str]) -> String {
    let acts: Vec<String> = acts.iter().map(|act| format!("    ({act:?}, lambda: {act}),\n")).collect();
    let acts = acts.concat();
    format!(
        "{setup}\nacts = [\n{acts}]\nfor name, act in acts:\n    try:\n        act()\n        out.append(name)\n    except (OSError, ImportError):\n        pass\n"
    )
}

const ACTS: [&str; 27] = [
    "open('/etc/passwd')",
    "open('/proc/self/environ')",
    "open('/proc/1/environ')",
    "open('/dev/mem')",
    "os.listdir('/etc/ssl/private')",
    "open('/tmp/x', 'w')",
    "open(os.__file__, 'a')",
    "os.chdir('/')",
    "os.symlink('/etc/passwd', 'link')",
    "os.link('/dev/null', 'link')",
    "os.mkfifo('fifo')",
    "os.chmod('.', 0o777)",
    "_socket.socket()",
    "_socket.socket(_socket.AF_UNIX)",
    "_socket.socketpair()",
    "os.pipe()",
    "os.memfd_create('x')",
    "os.fork()",
    "os.execv('/bin/true', ['true'])",
    "os.posix_spawn('/bin/true', ['true'], {})",
    "os.kill(os.getpid(), 0)",
    "os.kill(1, 9)",
    "os.kill(-1, 9)",
    "os.setuid(0)",
    "os.setpriority(os.PRIO_PROCESS, 0, 19)",
    "os.sched_setaffinity(0, [0])",
    "importlib.import_module('ctypes')",
];

#[tokio::test]
async fn forbidden_actions_fail_at_every_sandbox_level() {
    let setup = "import importlib, os, _socket";
    let refusals: [&[&str]; 4] = [&[], &["namespaces"], &["landlock"], &["root"]];
    for refuse in refusals {
        let bots =
            Bots::with(|config| config.disabled_layers = refuse.iter().map(|layer| (*layer).to_owned()).collect());
        if !bots.has_layer("landlock").await && !bots.has_layer("root").await {
            println!("NOT RUN without {refuse:?}: nothing else hides files on this platform");
            continue;
        }
        assert_eq!(out(&bots, &trying(setup, &ACTS)).await, json!([]), "without {refuse:?}");
    }
}

#[tokio::test]
async fn processes_and_threads_cannot_be_started() {
    let bots = Bots::new();
    let lines = "import os, threading\nfor start in (os.fork, threading.Thread(target=print).start):\n    \
                 try:\n        for _ in range(1000): start()\n        out.append('started')\n    \
                 except (OSError, RuntimeError) as error: out.append(type(error).__name__)";
    assert_eq!(out(&bots, lines).await, json!(["PermissionError", "RuntimeError"]));
    assert_eq!(bots.pids().len(), 1);
}

#[tokio::test]
async fn all_allowed_modules_can_be_imported_in_the_sandbox() {
    let bots = Bots::new();
    let lines = "import importlib\nfrom multiplayer import names\nfor name in sorted(names.MODULES) + names.PREPARED:\n    \
                 try: importlib.import_module(name)\n    except ImportError as error: out.append(str(error))";
    assert_eq!(out(&bots, lines).await, json!([]));
}

#[tokio::test]
async fn libraries_find_their_files_in_the_sandbox() {
    let lines = "import datetime, hashlib, ssl, zoneinfo\n\
                 summer = datetime.datetime(2026, 7, 1, tzinfo=zoneinfo.ZoneInfo('Europe/Vienna'))\n\
                 out.append(str(summer.utcoffset()))\n\
                 out.append(hashlib.new('md5', b'').hexdigest()[:8])\n\
                 import requests\n\
                 out.append(ssl.create_default_context(cafile=requests.certs.where()).cert_store_stats()['x509'] > 50)\n\
                 out.append(all('a'.encode(codec) for codec in 'latin-1 cp1252 utf-16 shift_jis gb18030 idna'.split()))";
    assert_eq!(out(&Bots::new(), lines).await, json!(["2:00:00", "d41d8cd9", true, true]));
}

#[tokio::test]
async fn too_much_memory_is_a_readable_error() {
    let bots = Bots::new();
    for lines in ["out.append('x' * (1 << 30))", "l = [0]\nwhile True: l = l + l"] {
        let report = run(&bots, lines).await;
        let (reason, _, kind) = report.failure();
        assert_eq!((reason.as_str(), kind), ("MemoryError", FailureKind::Memory));
    }
}

#[tokio::test]
async fn a_workspace_holds_100_mb_and_4000_files_and_is_empty_for_the_next_hook() {
    let bots = Bots::new();
    if !bots.has_layer("workspace in memory").await {
        println!("NOT RUN: this platform has no workspaces in memory");
        return;
    }
    let lines = "import os\nout.append(len(os.listdir('.')))\n\
                 size = 0\ntry:\n    for number in range(9):\n        with open(f'big{number}', 'wb', 0) as file:\n            \
                 for _ in range(30): size += file.write(b'x' * 1_000_000)\nexcept OSError: pass\n\
                 out.append(size // 1_000_000)\n\
                 for name in os.listdir('.'): os.remove(name)\n\
                 count = 0\ntry:\n    while True:\n        open(f'file{count}', 'w').close()\n        count += 1\nexcept OSError: pass\n\
                 out.append(3900 < count < 4100)";
    for _ in 0..2 {
        let posted = out(&bots, lines).await;
        assert_eq!((&posted[0], &posted[2]), (&json!(0), &json!(true)), "{posted}");
        assert!((95..=100).contains(&posted[1].as_u64().unwrap()), "{posted}");
    }
}

#[tokio::test]
async fn descriptors_are_limited_and_released_after_the_hook() {
    let bots = Bots::new();
    let lines = "files = []\ntry:\n    while True: files.append(open('file', 'w'))\n\
                 except OSError as error: out.append(error.strerror)\nout.append(len(files) < 64)";
    for _ in 0..2 {
        assert_eq!(out(&bots, lines).await, json!(["Too many open files", true]));
    }
}
