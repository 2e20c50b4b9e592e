//! `check`: reports why a relay would reject a bot, and likely mistakes in it.

mod finding;
mod random_play;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use mcp_multiplayer_bot_supervisor::{
    BotKey, Hook, HookRequest, InspectError, Inspected, Limits, Outcome, Owner, Program, RuntimeInfo, Stream,
    Supervisor, SupervisorConfig,
};
use mcp_multiplayer_protocol::{BotLimits, Hash, Secret, Timestamp, printable, printable_json};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::finding::{Finding, Level};
use crate::arguments;
use crate::play::session::{LoadedBot, Session};
use crate::play::{START_MS, Seats};
use crate::scratch::Scratch;

/// The program that analyses the source. It runs as a bot does, in the same sandbox.
const LINT: &str = include_str!("lint.py");

/// Rule of the finding that `on_init` fails.
const ON_INIT_FAILS: &str = "on-init-fails";

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The bot's Python source
    file: PathBuf,
    /// The bot's parameters, as a JSON object
    #[arg(long, value_name = "JSON", default_value = "{}")]
    params: String,
    /// The name of the bot in the channel [default: that of its class]
    #[arg(long, default_value = "", hide_default_value = true)]
    name: String,
    /// An environment variable to pass to the bot as a secret, in ctx.env (can be repeated)
    #[arg(long = "env", value_name = "NAME")]
    env: Vec<String>,
    /// Play this many games with random moves, if nothing else is wrong: the bot must post `actions` with `turn`
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    play: u64,
    /// Numbers of players in the games of --play, from 2 to 4
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', default_value = "2,3,4")]
    seats: Vec<usize>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Result of a check.
#[derive(Debug, Serialize)]
struct Checked {
    file: String,
    /// True if a relay accepts the bot, and there is no likely mistake.
    ok: bool,
    class_name: Option<String>,
    hooks: Vec<Hook>,
    /// Hash of the source, by which players recognise it: `sha256:<hex>`.
    code_hash: Hash,
    source_bytes: usize,
    runtime: Option<RuntimeInfo>,
    findings: Vec<Finding>,
}

/// Exits with 0 if there is no problem, 1 if there is one, and 2 if the bot cannot be checked.
pub(crate) fn run(arguments: &Check) -> ExitCode {
    match check(arguments) {
        Ok(checked) => {
            if arguments.json {
                let json = serde_json::to_string(&checked).expect("the result is plain JSON");
                println!("{}", printable_json(&json));
            } else {
                print!("{checked}");
            }
            if checked.ok { ExitCode::SUCCESS } else { ExitCode::from(1) }
        }
        Err(error) => {
            eprintln!("{}", printable(&format!("{error:#}")));
            ExitCode::from(2)
        }
    }
}

fn check(arguments: &Check) -> Result<Checked> {
    let path = &arguments.file;
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let source = String::from_utf8(bytes).with_context(|| format!("{} is not UTF-8 text", path.display()))?;
    let params = Value::Object(arguments::parse_params(&arguments.params)?);
    let program = Arc::new(Program {
        name: arguments.name.clone(),
        source: source.as_str().into(),
        params,
        policy: true,
        limits: BotLimits::default(),
    });
    let env = arguments::read_secrets(&arguments.env)?;
    ensure!(
        arguments.seats.iter().all(|seats| random_play::SEATS.contains(seats)),
        "--seats takes numbers from 2 to 4, for example: --seats 2,3"
    );
    let scratch = Scratch::new()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (findings, inspected) = runtime.block_on(async {
        let supervisor = Supervisor::new(SupervisorConfig::new(std::env::current_exe()?, scratch.path()))?;
        let mut findings = lint(&supervisor, &source).await?;
        let inspected = match supervisor.inspect(&Owner::default(), &program).await {
            Ok(inspected) => {
                let program = Arc::clone(&program);
                let bot =
                    LoadedBot { program: program.named(&inspected.class_name), inspected: inspected.clone(), env };
                findings.extend(try_on_init(&supervisor, bot.clone()).await?);
                if arguments.play > 0 && !findings.iter().any(Finding::is_problem) {
                    let config = SupervisorConfig::new(std::env::current_exe()?, scratch.path());
                    let played = random_play::play(&supervisor, &config, &bot, arguments.play, &arguments.seats).await;
                    findings.extend(played.context("the games cannot be played")?);
                }
                Some(inspected)
            }
            Err(InspectError::Rejected { message, line, hint }) => {
                add_rejection(&mut findings, message, line, hint);
                None
            }
            Err(error) => return Err(error.into()),
        };
        Ok::<_, anyhow::Error>((findings, inspected))
    })?;
    let (class_name, hooks, runtime) = match inspected {
        Some(Inspected { class_name, hooks, runtime, .. }) => (Some(class_name), hooks, Some(runtime)),
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

/// Adds the reason why a relay would reject the source, unless the lint has found it already.
fn add_rejection(findings: &mut Vec<Finding>, message: String, line: Option<u32>, hint: Option<String>) {
    if findings.iter().any(|found| found.level == Level::Error && matches!(found.rule.as_str(), "policy" | "syntax")) {
        return;
    }
    findings.push(Finding::error("refused", line, message, hint));
}

/// Analyses the source in a worker of its own.
async fn lint(supervisor: &Supervisor, source: &str) -> Result<Vec<Finding>> {
    #[derive(Deserialize)]
    struct Found {
        findings: Vec<Finding>,
    }
    let params = json!({});
    let program = Arc::new(Program {
        name: "Lint".to_owned(),
        source: LINT.into(),
        params,
        policy: false,
        limits: BotLimits::default(),
    });
    let key = BotKey::new("check", "lint");
    let report = supervisor.run(&key, &program, lint_request(source)).await?;
    supervisor.retire(&key).await;
    match report.outcome {
        Outcome::Completed(done) => {
            let text = done.state.as_deref().context("the source could not be analysed")?;
            let Found { findings } = serde_json::from_str(text).context("the source could not be analysed")?;
            Ok(findings)
        }
        // Such as a source that is nested too deeply for Python's parser.
        failed @ Outcome::Failed { .. } => {
            Ok(vec![Finding::error("refused", None, failed.failure_text().unwrap_or_default(), None)])
        }
    }
}

/// The request `on_message(source)`, in an empty channel.
fn lint_request(source: &str) -> HookRequest {
    let key = || Secret::new("00".repeat(32));
    HookRequest {
        hook: Hook::OnMessage,
        channel_id: String::new(),
        bot_id: String::new(),
        now_ms: START_MS,
        state: None,
        seats: "{}".to_owned(),
        may_hold_seats: false,
        may_unseal: false,
        commitments: None,
        players: Vec::new(),
        slots: Vec::new(),
        relay: None,
        stream: Stream {
            epoch: 0,
            last: false,
            open: false,
            starting: false,
            position: 0,
            key: Some(key()),
            next_key: None,
        },
        env: BTreeMap::new(),
        args: vec![json!(source)],
    }
}

/// Attaches the bot to a channel without players and runs `on_init`. A relay detaches a bot whose `on_init` fails.
async fn try_on_init(supervisor: &Supervisor, bot: LoadedBot) -> Result<Option<Finding>> {
    if !bot.inspected.hooks.contains(&Hook::OnInit) {
        return Ok(None);
    }
    let seats = Seats { bot: "referee".to_owned(), players: vec!["alice".to_owned(), "bob".to_owned()] };
    let seed = Hash::of(&[b"mcp-multiplayer/check/v1"]);
    let mut session = Session::create(supervisor.clone(), bot, &seats, Timestamp::from_millis(START_MS), seed)?;
    let Some(ran) = session.run_next().await? else { bail!("on_init was not run") };
    Ok(ran.failure.map(|(reason, line)| match ran.hosts.first() {
        None => {
            let hint = "a relay does not attach a bot whose on_init fails; use --params and --env if it needs parameters or secrets";
            Finding::error(ON_INIT_FAILS, line, reason, Some(hint.to_owned()))
        }
        Some(host) => {
            let message = format!("on_init connects to {host}, which `check` cannot do: {reason}");
            let hint = "if the connection fails on a relay, the bot is not attached; make sure that on_init handles that";
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
            writeln!(f, "{}Notes:", if problems.is_empty() { "" } else { "\n" })?;
        }
        for note in &notes {
            writeln!(f, "{}", note.in_file(&self.file))?;
        }
        if !self.findings.is_empty() {
            writeln!(f)?;
        }
        let starts = !problems.iter().any(|found| found.rule == ON_INIT_FAILS);
        match (self.class_name.as_ref().filter(|_| starts), problems.len()) {
            (Some(name), 0) => writeln!(f, "{} can be attached", printable(name))?,
            (Some(name), count) => {
                writeln!(f, "{} can be attached, but has {}", printable(name), problem_count(count))?;
            }
            (None, count) => writeln!(f, "A relay would reject this bot: {}", problem_count(count))?,
        }
        if let Some(runtime) = &self.runtime {
            writeln!(f, "  hooks      {}", arguments::hook_names(&self.hooks))?;
            writeln!(
                f,
                "  runtime    worker {}, Python {}, sandbox {}",
                runtime.worker, runtime.python, runtime.sandbox
            )?;
        }
        writeln!(f, "  source     {} bytes (limit {})", self.source_bytes, Limits::default().source_bytes)?;
        writeln!(f, "  code_hash  {}", self.code_hash)
    }
}

fn problem_count(count: usize) -> String {
    if count == 1 { "1 problem".to_owned() } else { format!("{count} problems") }
}
