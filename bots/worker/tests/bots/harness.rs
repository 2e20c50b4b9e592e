//! A supervisor with real workers, and shortcuts for tests.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mcp_multiplayer_bot_supervisor::{
    BotKey, Effect, FailureKind, Hook, HookReport, HookRequest, InspectError, Inspected, Outcome, Owner, Player,
    Program, Slot, Stream, Supervisor, SupervisorConfig,
};
use mcp_multiplayer_protocol::{BotLimits, Secret};
use mcp_multiplayer_tests::{Process, processes};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Time limit for bots that must be killed.
pub(crate) const SHORT: Duration = Duration::from_millis(500);

pub(crate) struct Bots {
    pub(crate) supervisor: Supervisor,
    directory: TempDir,
    limits: BotLimits,
}

impl Bots {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// With a short time limit.
    pub(crate) fn impatient() -> Self {
        let hook_ms = SHORT.as_millis().try_into().unwrap();
        Self { limits: BotLimits { hook_ms, ..BotLimits::default() }, ..Self::new() }
    }

    pub(crate) fn with(adjust: impl FnOnce(&mut SupervisorConfig)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = SupervisorConfig::new(env!("CARGO_BIN_EXE_mcp-multiplayer-bot"), directory.path());
        // The machine may be busy with other tests.
        config.limits.startup = Duration::from_mins(1);
        // Tests count processes.
        config.spares = 0;
        adjust(&mut config);
        Self { supervisor: Supervisor::new(config).unwrap(), directory, limits: BotLimits::default() }
    }

    /// Without namespaces, so that workspaces are directories that the test can read.
    pub(crate) fn contained(adjust: impl FnOnce(&mut SupervisorConfig)) -> Self {
        Self::with(|config| {
            config.disabled_layers = vec!["namespaces".to_owned()];
            adjust(config);
        })
    }

    pub(crate) async fn inspect(&self, source: &str) -> Result<Inspected, InspectError> {
        self.supervisor.inspect(&Owner::default(), &self.program(source)).await
    }

    /// Runs a hook of bot `bot_1`.
    pub(crate) async fn run(&self, source: &str, hook: HookRequest) -> HookReport {
        self.supervisor.run(&BotKey::new("chn_1", "bot_1"), &self.program(source), hook).await.unwrap()
    }

    fn program(&self, source: &str) -> Arc<Program> {
        Arc::new(Program { limits: self.limits, ..Program::clone(&program(source)) })
    }

    /// The message, line and hint that a source is rejected with.
    pub(crate) async fn rejection(&self, source: &str) -> (String, Option<u32>, Option<String>) {
        match self.inspect(source).await {
            Err(InspectError::Rejected { message, line, hint }) => (message, line, hint),
            other => panic!("not rejected: {other:?}"),
        }
    }

    /// Returns whether a layer of the sandbox is active here, and prints the level at which the test runs.
    pub(crate) async fn has_layer(&self, name: &str) -> bool {
        let sandbox = self.supervisor.sandbox().await.unwrap();
        println!("tested at sandbox level {}", sandbox.level);
        sandbox.layers.iter().any(|layer| layer.name == name && layer.active)
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Returns whether a workspace has a file of this name.
    pub(crate) fn has_file(&self, name: &str) -> bool {
        let workspaces = directories_of_relay(self.directory(), std::process::id());
        let mut workspaces = workspaces.iter().flat_map(|directory| fs::read_dir(directory).into_iter().flatten());
        workspaces.any(|workspace| workspace.unwrap().path().join(name).exists())
    }

    /// The process id of the live zygote, or of the process that waits for it.
    pub(crate) fn zygote(&self) -> u32 {
        let zygote = self.processes().into_iter().find(|process| process.parent == std::process::id());
        zygote.expect("a zygote runs").pid
    }

    /// The process ids of the live workers, which the zygote has forked.
    pub(crate) fn pids(&self) -> Vec<u32> {
        let ours = self.processes();
        let forked = ours.iter().filter(|process| ours.iter().any(|other| other.pid == process.parent));
        // In a process namespace, the first process is the zygote, which is a child of the one that waits for it.
        forked.filter(|process| process.pid_in_namespace() != Some(1)).map(|process| process.pid).collect()
    }

    /// The zygote and its workers, and, with a process namespace, the process that waits for the zygote.
    pub(crate) fn processes(&self) -> Vec<Process> {
        let directory = self.directory.path().to_str().unwrap();
        let is_ours =
            |process: &Process| process.command.contains(directory) && process.command.contains("zygote --stage");
        processes().into_iter().filter(is_ours).collect()
    }
}

/// The directories in which a supervisor of this process keeps its workspaces.
pub(crate) fn directories_of_relay(parent: &Path, pid: u32) -> Vec<PathBuf> {
    let prefix = format!("relay-{pid}-");
    let entries = fs::read_dir(parent).unwrap().map(Result::unwrap);
    entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix)).map(|entry| entry.path()).collect()
}

/// Waits for something that happens outside of this process, and fails when it takes too long.
pub(crate) async fn eventually(what: &str, happened: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !happened() {
        assert!(Instant::now() < deadline, "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn program(source: &str) -> Arc<Program> {
    let (name, params, limits) = ("test".to_owned(), json!({"limit": 3}), BotLimits::default());
    Arc::new(Program { name, source: source.into(), params, policy: true, limits })
}

pub(crate) fn call(hook: Hook, args: Vec<Value>) -> HookRequest {
    HookRequest {
        hook,
        channel_id: "chn_1".to_owned(),
        bot_id: "bot_1".to_owned(),
        now_ms: 1_700_000_000_250,
        state: None,
        seats: r#"{"s1":{},"s2":{}}"#.to_owned(),
        may_unseal: true,
        may_hold_seats: true,
        commitments: None,
        relay: None,
        stream: stream(0),
        env: BTreeMap::new(),
        players: ["alice", "bob"]
            .iter()
            .zip(["s1", "s2"])
            .map(|(label, slot_id)| Player {
                slot_id: slot_id.to_owned(),
                label: (*label).to_owned(),
                tenure: 3,
                may_post: true,
            })
            .collect(),
        slots: ["alice", "bob"]
            .iter()
            .zip(["s1", "s2"])
            .map(|(label, slot_id)| Slot {
                slot_id: slot_id.to_owned(),
                label: (*label).to_owned(),
                kind: "invite",
                filled: true,
            })
            .collect(),
        args,
    }
}

/// A keystream at this position.
pub(crate) fn stream(position: u64) -> Stream {
    let key = |digit: &str| Secret::new(digit.repeat(64));
    Stream {
        epoch: 0,
        last: false,
        open: false,
        starting: false,
        position,
        key: Some(key("1")),
        next_key: Some(key("3")),
    }
}

pub(crate) fn on_init() -> HookRequest {
    call(Hook::OnInit, Vec::new())
}

pub(crate) fn on_message(text: &str) -> HookRequest {
    let message = json!({
        "id": 7, "channel_id": "chn_1", "sender": "s1", "sender_label": "alice", "kind": "user",
        "body": {"text": text}, "ts": "2023-11-14T22:13:20.250Z", "to_slot": null,
    });
    call(Hook::OnMessage, vec![message])
}

/// A bot whose `on_init` is these lines, with `out` a list that it posts at the end.
pub(crate) fn init_bot(lines: &str) -> String {
    let body = indented(lines);
    format!(
        "class Bot:\n    def on_init(self):\n        out = []\n{body}        self.ctx.post('bot', {{'out': out}})\n"
    )
}

/// The lines of a method's body.
pub(crate) fn indented(lines: &str) -> String {
    lines.lines().map(|line| ["        ", line, "\n"].concat()).collect()
}

/// A bot that runs one of several cases, by the number in the message, and the line of each case.
pub(crate) fn bot_of_cases<'a>(cases: impl IntoIterator<Item = &'a str>) -> (String, Vec<u32>) {
    let mut source =
        "class Bot:\n    def on_message(self, msg):\n        getattr(self, 'case_' + msg['body']['text'])()\n"
            .to_owned();
    let mut lines = Vec::new();
    for (number, case) in cases.into_iter().enumerate() {
        writeln!(source, "    def case_{number}(self):").unwrap();
        lines.push(u32::try_from(source.lines().count() + 1).unwrap());
        source.push_str(&indented(case));
    }
    (source, lines)
}

/// Shortcuts that panic if the hook ended in another way than the test expects.
pub(crate) trait ReportExt {
    /// The effects of a completed hook, in order.
    fn effects(&self) -> &[Effect];
    /// The bodies of the effects.
    fn bodies(&self) -> Vec<Value>;
    /// The state that a completed hook set.
    fn state(&self) -> Option<&str>;
    /// The reason with the exception's message, the line and the kind of a failure.
    fn failure(&self) -> (String, Option<u32>, FailureKind);
}

impl ReportExt for HookReport {
    fn effects(&self) -> &[Effect] {
        match &self.outcome {
            Outcome::Completed(done) => &done.effects,
            failed @ Outcome::Failed { .. } => panic!("the hook failed: {failed:?}"),
        }
    }

    fn bodies(&self) -> Vec<Value> {
        let body = |effect: &Effect| match effect {
            Effect::Post { body, .. } | Effect::Dm { body, .. } => Some(Value::Object(body.clone())),
            Effect::Timer { .. }
            | Effect::Start
            | Effect::Reveal
            | Effect::HoldSeats { .. }
            | Effect::ReleaseSeats
            | Effect::Unseal => None,
        };
        self.effects().iter().filter_map(body).collect()
    }

    fn state(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Completed(done) => done.state.as_deref(),
            failed @ Outcome::Failed { .. } => panic!("the hook failed: {failed:?}"),
        }
    }

    fn failure(&self) -> (String, Option<u32>, FailureKind) {
        match &self.outcome {
            Outcome::Failed { line, kind, .. } => (self.outcome.failure_text().unwrap_or_default(), *line, *kind),
            completed @ Outcome::Completed(_) => panic!("the hook did not fail: {completed:?}"),
        }
    }
}

/// Checks that a source inspects and that its `on_init` posts these values in `out`.
pub(crate) async fn assert_posts(source: &str, expected: Value) {
    let bots = Bots::new();
    if let Err(error) = bots.inspect(source).await {
        panic!("{error:?} in\n{source}");
    }
    let report = bots.run(source, on_init()).await;
    assert_eq!(report.bodies(), [json!({"out": expected})], "{source}");
}
