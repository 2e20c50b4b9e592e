//! `play`: a bot and simulated players in a terminal.
//!
//! It uses the same code as a relay for everything that matters to a bot: the rules of the channel, which entries start
//! a hook, what its effects become, and the process that it runs in. The differences are that the log is in memory,
//! that time passes only by commands, and that all randomness comes from `--seed`.

mod changes;
mod channel;
mod command;
mod game;
mod screen;
pub(crate) mod session;
mod setup;

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Args;
use mcp_multiplayer_bot_supervisor::{Supervisor, SupervisorConfig};
use mcp_multiplayer_protocol::{Hash, printable};

use self::game::Game;
use self::screen::{Screen, Tone};
use self::setup::{Origin, Setup};
use crate::arguments;
use crate::scratch::Scratch;

pub(crate) use self::channel::Seats;

/// Time at which a game begins, in milliseconds since 1970: 2026-01-01T12:00:00Z.
pub(crate) const START_MS: i64 = 1_767_268_800_000;

/// The seed of a channel's randomness, from the number that `--seed` names.
pub(crate) fn seed_digest(seed: u64) -> Hash {
    Hash::of(&[b"mcp-multiplayer/play/v1", &seed.to_be_bytes()])
}

/// Maximum length of a player's name, in characters.
const NAME_CHARACTERS: usize = 32;

/// Arguments of `play`.
#[derive(Debug, Args)]
pub(crate) struct Play {
    /// The bot's Python source
    #[arg(required_unless_present = "preset", conflicts_with = "preset")]
    file: Option<PathBuf>,
    /// A bot that ships with the product, such as GuessBot
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,
    /// The name of the bot in the channel [default: that of its class]
    #[arg(long, default_value = "", hide_default_value = true, conflicts_with = "preset")]
    name: String,
    /// Names of the players who are seated from the start, in this order
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "alice,bob")]
    players: Vec<String>,
    /// Names of players whose seats start empty; the command `join NAME` fills one
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    later: Vec<String>,
    /// The bot's parameters, as a JSON object
    #[arg(long, value_name = "JSON", default_value = "{}")]
    params: String,
    /// An environment variable to pass to the bot as a secret, in ctx.env (can be repeated)
    #[arg(long = "env", value_name = "NAME")]
    env: Vec<String>,
    /// Read the commands from a file instead of the terminal
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// The number from which all randomness derives; the same number gives the same game
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Show the time that each hook took, also if the output is not a terminal
    #[arg(long)]
    times: bool,
}

/// Exits with 0; with 2 if the game cannot start; and, in a script, with 1 if a hook or a command failed.
pub(crate) fn run(arguments: &Play) -> ExitCode {
    let outcome = prepare(arguments).and_then(|mut game| game.play(arguments.script.as_deref()));
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        // The reader of the output, such as `head`, has closed it.
        Err(error) if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            for line in format!("{error:#}").lines() {
                eprintln!("{}", printable(line));
            }
            ExitCode::from(2)
        }
    }
}

fn prepare(arguments: &Play) -> Result<Game> {
    let origin = match (&arguments.preset, &arguments.file) {
        (Some(name), _) => Origin::Preset(name.clone()),
        (None, path) => Origin::File(path.clone().expect("required without a preset")),
    };
    let seed = match arguments.seed {
        Some(seed) => seed,
        // 24 random bits: few enough digits to be typed.
        None => RandomState::new().build_hasher().finish() >> 40,
    };
    let scratch = Scratch::new()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let config = SupervisorConfig::new(std::env::current_exe()?, scratch.path());
    let setup = Setup {
        origin,
        name: arguments.name.clone(),
        params: arguments::parse_params(&arguments.params)?,
        env: arguments::read_secrets(&arguments.env)?,
        seats: Seats {
            bot: "referee".to_owned(),
            players: seat_names(arguments.players.iter().chain(&arguments.later))?,
        },
        players: arguments.players.clone(),
        seed,
        supervisor: runtime.block_on(async { Supervisor::new(config) })?,
    };
    let loaded = runtime.block_on(setup.load())?;
    let mut screen = Screen::new(arguments.times);
    let inspected = &loaded.bot.inspected;
    screen.line(Tone::Strong, format_args!("{} from {}", inspected.class_name, loaded.file))?;
    screen.item(Tone::Plain, "hooks", &arguments::hook_names(&inspected.hooks))?;
    screen.item(Tone::Plain, "code", &Hash::of(&[loaded.source.as_bytes()]).to_string())?;
    screen.item(Tone::Plain, "sandbox", inspected.runtime.sandbox.name())?;
    screen.item(Tone::Plain, "network", "none: connections fail here; on a relay, the relay makes them")?;
    screen.item(Tone::Plain, "seed", &format!("{seed} (--seed {seed} repeats this game)"))?;
    Game::new(setup, loaded, screen, runtime, scratch)
}

/// Returns whether players' names may contain this character.
fn is_name_character(character: char) -> bool {
    character.is_alphanumeric() || "-_".contains(character)
}

/// Verifies that the names are valid and different.
fn seat_names<'a>(names: impl Iterator<Item = &'a String>) -> Result<Vec<String>> {
    let mut seats = Vec::new();
    for name in names {
        let plain = name.chars().all(is_name_character);
        ensure!(
            plain && (1..=NAME_CHARACTERS).contains(&name.chars().count()),
            "'{name}' is not a valid player name: use 1 to {NAME_CHARACTERS} letters, digits, '-' or '_'"
        );
        ensure!(!seats.contains(name), "two players are called {name}; each needs a name of its own");
        seats.push(name.clone());
    }
    ensure!(
        seats.len() < mcp_multiplayer_protocol::limits::SLOTS,
        "a channel has at most 31 players in addition to its bot"
    );
    Ok(seats)
}
