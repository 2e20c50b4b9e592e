//! `play`: a bot and simulated players in a terminal.
//!
//! Everything that decides something is the relay's own: the rules of the channel, what starts a hook, what becomes of
//! it, the process that it runs in. Only the log is in memory, the time stands until somebody says something, and
//! all randomness comes from `--seed`.

mod changes;
mod channel;
mod command;
mod game;
mod screen;
pub(crate) mod table;

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use mcp_multiplayer_bot_supervisor::{InspectError, Program, Supervisor, SupervisorConfig, find_preset, presets};
use mcp_multiplayer_protocol::{Hash, Secret, Timestamp};
use serde_json::{Map, Value};

use self::game::Game;
use self::screen::{Screen, Tone};
use self::table::{Newcomer, Table};
use crate::scratch::Scratch;

pub(crate) use self::channel::Seats;

/// When a game begins, in milliseconds: 2026-01-01T12:00:00Z.
pub(crate) const START_MS: i64 = 1_767_268_800_000;

/// A seat's name, at most.
const NAME_CHARACTERS: usize = 32;

/// What to play.
#[derive(Debug, Args)]
pub(crate) struct Play {
    /// The bot's Python source
    #[arg(required_unless_present = "preset", conflicts_with = "preset")]
    file: Option<PathBuf>,
    /// A bot that ships with the product, such as GuessBot
    #[arg(long)]
    preset: Option<String>,
    /// The name that the bot is attached under
    #[arg(long, default_value = "CustomBot", conflicts_with = "preset")]
    name: String,
    /// Who takes a seat at once, in this order
    #[arg(long, value_delimiter = ',', default_value = "alice,bob")]
    players: Vec<String>,
    /// Seats that start empty: `join carol` fills one
    #[arg(long, value_delimiter = ',')]
    later: Vec<String>,
    /// The bot's parameters, a JSON object
    #[arg(long, default_value = "{}")]
    params: String,
    /// An environment variable that the bot gets as a sealed secret, in ctx.env
    #[arg(long = "env", value_name = "NAME")]
    env: Vec<String>,
    /// Reads the commands from a file instead of the terminal
    #[arg(long)]
    script: Option<PathBuf>,
    /// Plays the same again: all randomness comes from this number
    #[arg(long)]
    seed: Option<u64>,
}

/// Exits with 0, with 2 when there is nothing to play, and, where nobody looks on, with 1 when a hook failed or a line
/// was not understood.
pub(crate) fn run(arguments: &Play) -> ExitCode {
    let outcome = prepare(arguments).and_then(|mut game| game.play(&arguments.players, arguments.script.as_deref()));
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        // Whoever read the output has seen enough.
        Err(error) if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(2)
        }
    }
}

fn prepare(arguments: &Play) -> Result<Game> {
    let (file, name, source) = source(arguments)?;
    let params = object(&arguments.params)?;
    let env = secrets(&arguments.env)?;
    let seed = match arguments.seed {
        Some(seed) => seed,
        // As good as any, and short enough to be typed.
        None => RandomState::new().build_hasher().finish() >> 40,
    };
    let seats = Seats { bot: "referee".to_owned(), players: named(arguments.players.iter().chain(&arguments.later))? };
    let scratch = Scratch::new()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let program = Arc::new(Program { name, source: Arc::clone(&source), params: Value::Object(params), policy: true });
    let (inspected, supervisor) = runtime.block_on(async {
        let supervisor = Supervisor::new(SupervisorConfig::new(std::env::current_exe()?, scratch.path()))?;
        match supervisor.inspect(&program).await {
            Ok(inspected) => Ok((inspected, supervisor)),
            Err(InspectError::Rejected { message, line, .. }) => {
                let place = line.map(|line| format!(":{line}")).unwrap_or_default();
                bail!("{file}{place}: {message}\n`mcp-multiplayer-bot check {file}` tells all that is wrong with it")
            }
            Err(error) => Err(error.into()),
        }
    })?;
    let mut screen = Screen::new();
    screen.line(Tone::Strong, format_args!("{} from {file}", inspected.class_name))?;
    screen.item(Tone::Plain, "hooks", &hooks(&inspected.hooks))?;
    screen.item(Tone::Plain, "code", &Hash::of(&[source.as_bytes()]).to_string())?;
    screen.item(Tone::Plain, "sandbox", &inspected.runtime.sandbox)?;
    screen.item(
        Tone::Plain,
        "network",
        "none here: whatever connects is told so. On a relay it is the relay that connects",
    )?;
    screen.item(Tone::Plain, "seed", &format!("{seed}; --seed {seed} plays the same again"))?;
    let digest = Hash::of(&[b"mcp-multiplayer/play/v1", &seed.to_be_bytes()]);
    let newcomer = Newcomer { program, inspected, env };
    let table = Table::set(supervisor, newcomer, &seats, Timestamp::from_millis(START_MS), digest)?;
    Ok(Game { table, screen, file, source, speaker: None, well: true, runtime, _scratch: scratch })
}

/// What the bot is called in messages, its name, and its source.
fn source(arguments: &Play) -> Result<(String, String, Arc<str>)> {
    if let Some(wanted) = &arguments.preset {
        let found = find_preset(wanted).with_context(|| {
            let names: Vec<&str> = presets().iter().map(|preset| preset.name).collect();
            format!("there is no preset {wanted}; the presets are {}", names.join(", "))
        })?;
        return Ok((found.code_ref(), found.name.to_owned(), found.source()));
    }
    let path = arguments.file.as_ref().expect("required without a preset");
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok((path.display().to_string(), arguments.name.clone(), text.into()))
}

pub(crate) fn object(text: &str) -> Result<Map<String, Value>> {
    serde_json::from_str(text)
        .with_context(|| format!("--params must be a JSON object, such as {}", r#"'{"rounds": 3}'"#))
}

/// The values of environment variables.
pub(crate) fn secrets(names: &[String]) -> Result<BTreeMap<String, Secret>> {
    let secret = |name: &String| {
        let value = std::env::var(name).with_context(|| format!("--env {name}: there is no such variable"))?;
        Ok((name.clone(), Secret::new(value)))
    };
    names.iter().map(secret).collect()
}

/// The seats' names, once they are found to be different and to be names.
fn named<'a>(names: impl Iterator<Item = &'a String>) -> Result<Vec<String>> {
    let mut seats = Vec::new();
    for name in names {
        let plain = name.chars().all(|c| c.is_alphanumeric() || "-_".contains(c));
        ensure!(plain && (1..=NAME_CHARACTERS).contains(&name.chars().count()), "'{name}' is no name for a player");
        ensure!(!seats.contains(name), "there are two players called {name}");
        seats.push(name.clone());
    }
    ensure!(seats.len() < mcp_multiplayer_protocol::limits::SLOTS, "a channel has at most 31 players beside its bot");
    Ok(seats)
}

/// The names of hooks, in a row.
pub(crate) fn hooks(hooks: &[mcp_multiplayer_bot_supervisor::Hook]) -> String {
    hooks.iter().map(|hook| hook.name()).collect::<Vec<_>>().join(", ")
}
