//! `check`: whether a relay would take a bot, and what its author should know before it does.

mod finding;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use mcp_multiplayer_bot_supervisor::{
    BotKey, Hook, HookRequest, InspectError, Inspected, Limits, Outcome, Program, RuntimeInfo, Stream, Supervisor,
    SupervisorConfig,
};
use mcp_multiplayer_protocol::{Hash, Secret, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::finding::{Finding, Level};
use crate::play::table::{Newcomer, Table};
use crate::play::{self, START_MS, Seats};
use crate::scratch::Scratch;

/// The program that reads the source. It runs as a bot does, behind the same sandbox.
const LINT: &str = include_str!("lint.py");

/// The rule that a bot which cannot start breaks.
const ON_INIT_FAILS: &str = "on-init-fails";

/// What to check.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The bot's Python source
    file: PathBuf,
    /// The bot's parameters, a JSON object
    #[arg(long, default_value = "{}")]
    params: String,
    /// The name that the bot is attached under
    #[arg(long, default_value = "CustomBot")]
    name: String,
    /// An environment variable that the bot gets as a sealed secret, in ctx.env
    #[arg(long = "env", value_name = "NAME")]
    env: Vec<String>,
    /// Say what was found as JSON
    #[arg(long)]
    json: bool,
}

/// What was found.
#[derive(Debug, Serialize)]
struct Checked {
    file: String,
    /// Whether a relay takes the bot, and nothing looks like a mistake.
    ok: bool,
    class_name: Option<String>,
    hooks: Vec<Hook>,
    /// What players compare, `sha256:<hex>`.
    code_hash: Hash,
    source_bytes: usize,
    runtime: Option<RuntimeInfo>,
    findings: Vec<Finding>,
}

/// Exits with 0 when the bot is fit, 1 when something has to be mended, and 2 when it cannot be checked.
pub(crate) fn run(arguments: &Check) -> ExitCode {
    match check(arguments) {
        Ok(checked) => {
            if arguments.json {
                println!("{}", serde_json::to_string(&checked).expect("what was found is plain JSON"));
            } else {
                print!("{checked}");
            }
            if checked.ok { ExitCode::SUCCESS } else { ExitCode::from(1) }
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(2)
        }
    }
}

fn check(arguments: &Check) -> Result<Checked> {
    let path = &arguments.file;
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let source = String::from_utf8(bytes).with_context(|| format!("{} is not UTF-8 text", path.display()))?;
    let params = Value::Object(play::object(&arguments.params)?);
    let program =
        Arc::new(Program { name: arguments.name.clone(), source: source.as_str().into(), params, policy: true });
    let env = play::secrets(&arguments.env)?;
    let scratch = Scratch::new()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (findings, inspected) = runtime.block_on(async {
        let supervisor = Supervisor::new(SupervisorConfig::new(std::env::current_exe()?, scratch.path()))?;
        let mut findings = lint(&supervisor, &source).await?;
        let inspected = match supervisor.inspect(&program).await {
            Ok(inspected) => {
                let program = Arc::clone(&program);
                let newcomer = Newcomer { program, inspected: inspected.clone(), env };
                findings.extend(begin(&supervisor, newcomer).await?);
                Some(inspected)
            }
            Err(InspectError::Rejected { message, line, hint }) => {
                refuse(&mut findings, message, line, hint);
                None
            }
            Err(error) => return Err(error.into()),
        };
        Ok::<_, anyhow::Error>((findings, inspected))
    })?;
    let (class_name, hooks, runtime) = match inspected {
        Some(Inspected { class_name, hooks, runtime }) => (Some(class_name), hooks, Some(runtime)),
        None => (None, Vec::new(), None),
    };
    Ok(Checked {
        file: path.display().to_string(),
        ok: !findings.iter().any(Finding::is_problem),
        class_name,
        hooks,
        code_hash: Hash::of(&[source.as_bytes()]),
        source_bytes: source.len(),
        runtime,
        findings,
    })
}

/// Adds why a relay would not take the source, unless it was found already.
fn refuse(findings: &mut Vec<Finding>, message: String, line: Option<u32>, hint: Option<String>) {
    if findings.iter().any(|found| found.level == Level::Error && matches!(found.rule.as_str(), "policy" | "syntax")) {
        return;
    }
    findings.push(Finding::error("refused", line, message, hint));
}

/// Has the source read, in a worker of its own.
async fn lint(supervisor: &Supervisor, source: &str) -> Result<Vec<Finding>> {
    #[derive(Deserialize)]
    struct Found {
        findings: Vec<Finding>,
    }
    let params = json!({});
    let program = Arc::new(Program { name: "Lint".to_owned(), source: LINT.into(), params, policy: false });
    let key = BotKey::new("check", "lint");
    let report = supervisor.run(&key, &program, message(source)).await?;
    supervisor.retire(&key).await;
    match report.outcome {
        Outcome::Completed(done) => {
            let text = done.state.as_deref().context("the source was not read")?;
            let Found { findings } = serde_json::from_str(text).context("the source was not read")?;
            Ok(findings)
        }
        // A source that nests deep enough to break its reader is at fault, too.
        Outcome::Failed { reason, .. } => Ok(vec![Finding::error("refused", None, reason, None)]),
    }
}

/// `on_message(source)`, with nothing and nobody around.
fn message(source: &str) -> HookRequest {
    let key = || Secret::new("00".repeat(32));
    HookRequest {
        hook: Hook::OnMessage,
        channel_id: String::new(),
        bot_id: String::new(),
        now_ms: START_MS,
        state: None,
        kept: None,
        players: Vec::new(),
        slots: Vec::new(),
        stream: Stream {
            epoch: 0,
            last: false,
            open: None,
            position: 0,
            seated: Vec::new(),
            key: key(),
            start_key: key(),
            next_key: None,
            next_start_key: None,
        },
        env: BTreeMap::new(),
        args: vec![json!(source)],
    }
}

/// Attaches the bot to a channel that nobody has joined: a bot whose `on_init` fails is taken out again.
async fn begin(supervisor: &Supervisor, newcomer: Newcomer) -> Result<Option<Finding>> {
    if !newcomer.inspected.hooks.contains(&Hook::OnInit) {
        return Ok(None);
    }
    let seats = Seats { bot: "referee".to_owned(), players: vec!["alice".to_owned(), "bob".to_owned()] };
    let seed = Hash::of(&[b"mcp-multiplayer/check/v1"]);
    let mut table = Table::set(supervisor.clone(), newcomer, &seats, Timestamp::from_millis(START_MS), seed)?;
    let Some(ran) = table.run_next().await? else { bail!("on_init was not run") };
    Ok(ran.failure.map(|(reason, line)| match ran.hosts.first() {
        None => {
            let hint = "a bot whose on_init fails is not attached; --params and --env give it what it needs";
            Finding::error(ON_INIT_FAILS, line, reason, Some(hint.to_owned()))
        }
        Some(host) => {
            let message = format!("on_init asks {host}, which cannot be tried here: {reason}");
            let hint = "where that fails on a relay, the bot is not attached: see that on_init gets over it";
            Finding::note("not-tried", line, message, hint)
        }
    }))
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (problems, notes): (Vec<_>, Vec<_>) = self.findings.iter().partition(|found| found.is_problem());
        for problem in &problems {
            writeln!(f, "{}", problem.in_file(&self.file))?;
        }
        if !notes.is_empty() {
            writeln!(f, "{}worth a thought:", if problems.is_empty() { "" } else { "\n" })?;
        }
        for note in &notes {
            writeln!(f, "{}", note.in_file(&self.file))?;
        }
        if !self.findings.is_empty() {
            writeln!(f)?;
        }
        let starts = !problems.iter().any(|found| found.rule == ON_INIT_FAILS);
        match (self.class_name.as_ref().filter(|_| starts), problems.len()) {
            (Some(name), 0) => writeln!(f, "{name} is fit to be attached")?,
            (Some(name), count) => writeln!(f, "{name} can be attached, but look at {}", several(count))?,
            (None, count) => writeln!(f, "a relay refuses this bot: {}", several(count))?,
        }
        if let Some(runtime) = &self.runtime {
            writeln!(f, "  hooks      {}", play::hooks(&self.hooks))?;
            writeln!(
                f,
                "  runtime    worker {}, Python {}, sandbox: {}",
                runtime.worker, runtime.python, runtime.sandbox
            )?;
        }
        writeln!(f, "  source     {} of at most {} bytes", self.source_bytes, Limits::default().source_bytes)?;
        writeln!(f, "  code_hash  {}", self.code_hash)
    }
}

fn several(count: usize) -> String {
    if count == 1 { "1 problem".to_owned() } else { format!("{count} problems") }
}
