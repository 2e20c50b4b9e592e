//! Bots that try to exceed their time limit or to break their process: the relay ends them, and the next hook works.

use std::time::{Duration, Instant};

use mcp_multiplayer_bot_supervisor::{BotKey, FailureKind, Hook};
use serde_json::json;

use crate::harness::{Bots, ReportExt, SHORT, bot_of_cases, call, indented, init_bot, on_init, on_message, program};

/// A bot whose `on_init` is these lines and whose `on_message` posts a message.
fn bot_that(lines: &str) -> String {
    let body = indented(lines);
    format!(
        "import sys\nimport re\nclass Bot:\n    def on_init(self):\n        self.ctx.post('bot', 'discarded')\n        \
         self.ctx.set_state({{'discarded': 1}})\n{body}    def on_message(self, msg):\n        \
         self.ctx.post('bot', {{'state': self.ctx.get_state()}})\n"
    )
}

async fn assert_fails(bots: &Bots, source: &str, expected: FailureKind) -> String {
    let started = Instant::now();
    let report = bots.run(source, on_init()).await;
    let (reason, _, kind) = report.failure();
    assert_eq!(kind, expected, "{reason} of\n{source}");
    assert!(started.elapsed() < Duration::from_secs(30), "took {:?}", started.elapsed());
    let next = bots.run(source, on_message("hello")).await;
    assert_eq!(next.bodies(), [json!({"state": {}})], "{source}");
    reason
}

#[tokio::test]
async fn endless_work_is_killed() {
    let bots = Bots::impatient();
    let cases = [
        "while True: pass",
        "while True:\n    try:\n        while True: pass\n    except Exception: pass",
        "while True:\n    try:\n        while True: pass\n    except: pass",
        "while True:\n    try:\n        while True: pass\n    finally: continue",
        "9**9**9",
        "re.match('(a+)+$', 'a' * 64 + 'b')",
        "sum(iter(int, 1))",
        "class Sticky(Exception):\n    def __str__(self):\n        while True: pass\nraise Sticky()",
    ];
    for lines in cases {
        let reason = assert_fails(&bots, &bot_that(lines), FailureKind::Timeout).await;
        assert_eq!(reason, format!("on_init took longer than {SHORT:?} of CPU time"), "{lines}");
    }
}

#[tokio::test]
async fn sleeping_takes_no_time_and_is_bounded() {
    let bots = Bots::impatient();
    let source =
        init_bot("import time\nstart = time.time()\ntime.sleep(0.4)\nout.append(round(time.time() - start, 3))");
    assert_eq!(bots.run(&source, on_init()).await.bodies(), [json!({"out": [0.4]})]);
    let reason = assert_fails(&bots, &bot_that("import time; time.sleep(1e6)"), FailureKind::Error).await;
    assert!(reason.contains("ctx.timer"), "{reason}");
}

#[tokio::test]
async fn endless_construction_is_killed() {
    let bots = Bots::impatient();
    let source = "
class Bot:
    def __init__(self, ctx, params):
        self.ctx = ctx
        while not ctx.get_state(): pass
    def on_message(self, msg): self.ctx.post('bot', 'alive')
";
    let report = bots.run(source, on_message("hello")).await;
    assert_eq!(report.failure().2, FailureKind::Timeout);
    let mut with_state = on_message("hello");
    with_state.state = Some(r#"{"ready":true}"#.to_owned());
    assert_eq!(bots.run(source, with_state).await.bodies(), [json!({"text": "alive"})]);
}

#[tokio::test]
async fn endless_loading_is_rejected() {
    let bots = Bots::impatient();
    let source = "while True: pass\nclass Bot:\n    def on_init(self): pass";
    let (message, _, hint) = bots.rejection(source).await;
    assert_eq!(message, format!("loading the source took longer than {SHORT:?} of CPU time"));
    assert!(hint.is_some());
    assert_eq!(bots.run(source, on_init()).await.failure().2, FailureKind::Timeout);
    assert!(bots.inspect("class Bot:\n    def on_init(self): pass").await.is_ok());
}

#[tokio::test]
async fn exiting_fails_only_the_hook() {
    let bots = Bots::new();
    let cases = [
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("import sys; sys.exit()", "SystemExit"),
        ("raise SystemExit('bye')", "SystemExit: bye"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("raise BaseException('base')", "BaseException: base"),
        ("class Mine(BaseException):\n    def __str__(self): raise SystemExit\nraise Mine", "Mine"),
        ("def again(): again()\nagain()", "RecursionError: maximum recursion depth exceeded"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("[][1]", "IndexError: list index out of range"),
        ("raise ValueError('two\\nlines \\ud800')", "ValueError: two lines ?"),
    ];
    let (source, _) = bot_of_cases(cases.map(|(lines, _)| lines).into_iter().chain(["self.ctx.post('bot', 'well')"]));
    for (number, (lines, expected)) in cases.into_iter().enumerate() {
        let report = bots.run(&source, on_message(&number.to_string())).await;
        let (reason, line, kind) = report.failure();
        assert_eq!((reason.as_str(), kind), (expected, FailureKind::Error), "{lines}");
        assert!(line.is_some(), "{lines}");
        let next = bots.run(&source, on_message(&cases.len().to_string())).await;
        assert_eq!(next.bodies(), [json!({"text": "well"})], "{lines}");
    }
    assert_eq!(bots.pids().len(), 1, "and all that in one process");
}

#[tokio::test]
#[cfg_attr(target_os = "macos", ignore = "macOS does not limit a process's memory")]
async fn too_much_memory_fails_the_hook_and_ends_the_process() {
    let bots = Bots::new();
    for lines in ["x = 'a' * (1 << 30)", "x = [0]\nwhile True: x = x * 2", "x = bytearray(300_000_000)"] {
        let reason = assert_fails(&bots, &bot_that(lines), FailureKind::Memory).await;
        assert_eq!(reason, "MemoryError", "{lines}");
    }
}

#[tokio::test]
async fn a_looping_bot_does_not_slow_another() {
    let bots = Bots::with(|config| config.limits.hook = Duration::from_secs(20));
    let looping = program("class Bot:\n    def on_init(self):\n        while True: pass");
    let quick = program("class Bot:\n    def on_init(self): self.ctx.post('bot', 'quick')");
    let supervisor = bots.supervisor.clone();
    let loops =
        tokio::spawn(async move { supervisor.run(&BotKey::new("chn_1", "loops"), &looping, on_init()).await.unwrap() });
    for n in 0..20 {
        let report = bots.supervisor.run(&BotKey::new("chn_1", "quick"), &quick, on_init()).await.unwrap();
        assert_eq!(report.bodies(), [json!({"text": "quick"})], "hook {n}");
    }
    assert!(!loops.is_finished());
    loops.abort();
    assert!(loops.await.unwrap_err().is_cancelled());
}

#[tokio::test]
async fn objects_of_an_earlier_hook_cannot_affect_later_hooks() {
    let bots = Bots::new();
    // A generator keeps the old ctx alive until it is collected, and its cleanup then runs during a later hook.
    let source = "
class Bot:
    def on_init(self):
        def held():
            try:
                yield
            finally:
                self.ctx.post('bot', 'late')
        self.held = held()
        next(self.held)
        self.me = self
    def on_message(self, msg):
        for _ in range(10000):
            x = []
            x.append(x)
        self.ctx.post('bot', 'mine')
";
    bots.run(source, on_init()).await.effects();
    let report = bots.run(source, on_message("hello")).await;
    assert_eq!(report.bodies(), [json!({"text": "mine"})]);
    let unknown = bots.run(source, call(Hook::OnLeave, vec![json!("s1")])).await;
    assert!(unknown.effects().is_empty(), "a hook that the bot lacks does nothing");
}
