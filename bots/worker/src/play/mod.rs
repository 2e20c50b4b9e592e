//! `play`: a bot and simulated players in a terminal.
//!
//! Everything that decides something is the relay's own: the rules of the channel, what starts a hook, what becomes of
//! it, the process that it runs in. Only the log is in memory, the time stands until somebody says something, and
//! all randomness comes from `--seed`.

mod changes;
mod channel;
mod command;
mod preset;
mod screen;
pub(crate) mod table;

use std::collections::BTreeMap;
use std::fs::File;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::{self, BufRead, BufReader, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use mcp_multiplayer_bot_supervisor::{InspectError, Program, Supervisor, SupervisorConfig};
use mcp_multiplayer_protocol::{Body, Hash, Secret, Timestamp};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

use self::command::Command;
use self::screen::{Screen, Tone, clock};
use self::table::{Newcomer, Table};

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
    let outcome = prepare(arguments).and_then(|mut game| game.play(arguments));
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

/// A game under way.
struct Game {
    // Dropped last: what runs the bot needs it.
    table: Table,
    screen: Screen,
    file: String,
    source: Arc<str>,
    /// The seat of whoever spoke last.
    speaker: Option<String>,
    /// Whether everything went well so far.
    well: bool,
    runtime: Runtime,
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
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let program = Arc::new(Program { name, source: Arc::clone(&source), params: Value::Object(params), policy: true });
    let (inspected, supervisor) = runtime.block_on(async {
        let supervisor = Supervisor::new(SupervisorConfig::new(std::env::current_exe()?))?;
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
    screen.item(Tone::Plain, "wall", &inspected.runtime.wall)?;
    screen.item(
        Tone::Plain,
        "network",
        "none here: whatever connects is told so. On a relay it is the relay that connects",
    )?;
    screen.item(Tone::Plain, "seed", &format!("{seed}; --seed {seed} plays the same again"))?;
    let digest = Hash::of(&[b"mcp-multiplayer/play/v1", &seed.to_be_bytes()]);
    let newcomer = Newcomer { program, inspected, env };
    let table = Table::set(supervisor, newcomer, &seats, Timestamp::from_millis(START_MS), digest)?;
    Ok(Game { table, screen, file, source, speaker: None, well: true, runtime })
}

impl Game {
    /// Plays to the end; whether everything went well.
    fn play(&mut self, arguments: &Play) -> Result<bool> {
        self.settle()?;
        if !self.table.is_attached() {
            self.screen.line(Tone::Alarm, "on_init failed, so a relay takes the bot out of the channel again")?;
            return Ok(false);
        }
        for name in &arguments.players {
            self.obey(Command::Join(name.clone()))?;
        }
        self.speaker = arguments.players.first().cloned();
        let (lines, prompts): (Box<dyn BufRead>, bool) = match &arguments.script {
            Some(path) => {
                let script = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
                (Box::new(BufReader::new(script)), false)
            }
            None => (Box::new(io::stdin().lock()), io::stdin().is_terminal()),
        };
        if prompts {
            self.screen.line(Tone::Plain, "")?;
            self.help()?;
            self.screen.prompt(self.speaker.as_deref().unwrap_or("nobody"))?;
        }
        for line in lines.lines() {
            let line = line?;
            if !prompts && !line.trim().is_empty() {
                self.screen.line(Tone::Plain, "")?;
                self.screen.line(Tone::Strong, format_args!("> {}", line.trim()))?;
            }
            let channel = &self.table.channel;
            match command::parse(&line, |name| channel.seat(name).is_some()) {
                Ok(Command::Quit) => break,
                Ok(command) => self.obey(command)?,
                Err(reason) => self.complain(&reason)?,
            }
            if prompts {
                self.screen.prompt(self.speaker.as_deref().unwrap_or("nobody"))?;
            }
        }
        Ok(self.well || prompts)
    }

    fn obey(&mut self, command: Command) -> Result<()> {
        match command {
            Command::Nothing | Command::Quit => Ok(()),
            Command::Help => self.help(),
            Command::State => self.state(),
            Command::Log => Ok(self.screen.log(&self.table)?),
            Command::Code => self.code(),
            Command::Save(path) => self.save(&path),
            Command::As(name) => {
                self.speaker = Some(name);
                Ok(())
            }
            Command::Timer => self.next_timer(),
            Command::Wait(seconds) => self.wait(seconds),
            Command::Join(name) => self.seat(&name, true),
            Command::Leave(name) => self.seat(&name, false),
            Command::Say { who, private, text, data } => self.say(who, private, text, data),
        }
    }

    fn say(&mut self, who: Option<String>, private: bool, text: String, mut data: Map<String, Value>) -> Result<()> {
        let Some(name) = who.or_else(|| self.speaker.clone()) else {
            return self.complain("nobody is here to say that; join alice");
        };
        let Some(slot_id) = self.table.channel.seat(&name) else {
            return self.complain(&format!("there is no seat for {name}"));
        };
        data.insert("text".to_owned(), Value::String(text));
        let body = match Body::new("body", data) {
            Ok(body) => body,
            Err(error) => return self.complain(&error.to_string()),
        };
        self.second()?;
        let to = private.then_some(self.table.bot().slot_id);
        if let Err(error) = self.table.channel.say(slot_id, to, body) {
            return self.complain(&format!("{name}: {} {}", error.message, error.hint));
        }
        self.speaker = Some(name);
        if self.settle()? == 0 {
            let hook = if private { "on_private_message" } else { "on_message" };
            self.screen.item(Tone::Faint, "", &format!("the bot has no {hook} and hears nothing"))?;
        }
        Ok(())
    }

    fn seat(&mut self, name: &str, joins: bool) -> Result<()> {
        let Some(slot_id) = self.table.channel.seat(name) else {
            let reason = "a channel's slots are settled when it is created; start with";
            return self.complain(&format!("there is no seat for {name}: {reason} --later {name}"));
        };
        if joins == self.table.channel.players().any(|(seated, _)| seated == slot_id) {
            return self.complain(&format!("{name} is {}", if joins { "seated already" } else { "not seated" }));
        }
        self.second()?;
        let channel = &mut self.table.channel;
        if let Err(error) = if joins { channel.join(slot_id) } else { channel.leave(slot_id) } {
            return self.complain(&format!("{name}: {}", error.message));
        }
        let what = if joins { "takes" } else { "leaves" };
        let moment = clock(self.table.channel.now());
        self.screen.line(Tone::Plain, format_args!("{moment}  {name} {what} {slot_id}"))?;
        if joins && self.speaker.is_none() {
            self.speaker = Some(name.to_owned());
        }
        self.settle().map(|_| ())
    }

    fn next_timer(&mut self) -> Result<()> {
        let Some((_, due)) = self.table.memory().next_timer() else {
            return self.complain("the bot has set no timer");
        };
        self.pass_time(due)
    }

    fn wait(&mut self, seconds: u64) -> Result<()> {
        let millis = i64::try_from(seconds * 1000).expect("wait is limited");
        self.pass_time(Timestamp::from_millis(self.table.channel.now().as_millis() + millis))?;
        Ok(self.screen.item(Tone::Faint, "", &format!("it is {} now", clock(self.table.channel.now())))?)
    }

    /// A second goes by with everything that somebody does.
    fn second(&mut self) -> Result<()> {
        self.pass_time(Timestamp::from_millis(self.table.channel.now().as_millis() + 1000))
    }

    /// Time passes, and the timers that fall due fire, each at its time.
    fn pass_time(&mut self, until: Timestamp) -> Result<()> {
        while let Some((_, due)) = self.table.memory().next_timer().filter(|(_, due)| *due <= until) {
            self.table.channel.pass_time(due);
            if !self.table.fire()? {
                break;
            }
            if self.settle()? == 0 {
                self.screen.item(Tone::Alarm, "", "a timer fired, and the bot has no on_timer")?;
            }
        }
        self.table.channel.pass_time(until);
        Ok(())
    }

    /// Runs all hooks that are due, shows each, and tells how many they were.
    fn settle(&mut self) -> Result<usize> {
        let mut hooks = 0;
        while let Some(ran) = self.runtime.block_on(self.table.run_next())? {
            self.well &= ran.failure.is_none();
            self.screen.hook(&ran, &self.table, &self.file, &self.source)?;
            hooks += 1;
        }
        Ok(hooks)
    }

    fn help(&mut self) -> Result<()> {
        for line in command::HELP.lines() {
            self.screen.line(Tone::Plain, line)?;
        }
        Ok(())
    }

    fn state(&mut self) -> Result<()> {
        let memory = self.table.memory();
        let state: Value = memory.state().map_or(Ok(json!({})), serde_json::from_str).unwrap_or_default();
        let timer = memory.next_timer().map(|(name, due)| format!("{name}, at {}", clock(due)));
        let seated: Vec<String> =
            self.table.channel.players().map(|(slot_id, label)| format!("{label} ({slot_id})")).collect();
        self.screen.item(Tone::Plain, "time", &clock(self.table.channel.now()))?;
        self.screen.item(Tone::Plain, "seated", &seated.join(", "))?;
        self.screen.item(Tone::Plain, "timer", &timer.unwrap_or_else(|| "none".to_owned()))?;
        let text = serde_json::to_string_pretty(&state).expect("a value is JSON");
        Ok(self.screen.item(Tone::Plain, "state", &text)?)
    }

    fn code(&mut self) -> Result<()> {
        for (place, line) in self.source.lines().enumerate() {
            self.screen.line(Tone::Plain, format_args!("{:>4}  {line}", place + 1))?;
        }
        Ok(())
    }

    fn save(&mut self, path: &str) -> Result<()> {
        let export = serde_json::to_string(&self.table.export()).expect("an export is plain JSON");
        match std::fs::write(path, export) {
            Ok(()) => Ok(self.screen.item(Tone::Plain, "saved", path)?),
            Err(error) => self.complain(&format!("cannot write {path}: {error}")),
        }
    }

    fn complain(&mut self, reason: &str) -> Result<()> {
        self.well = false;
        Ok(self.screen.item(Tone::Alarm, "?", reason)?)
    }
}

/// What the bot is called in messages, its name, and its source.
fn source(arguments: &Play) -> Result<(String, String, Arc<str>)> {
    if let Some(wanted) = &arguments.preset {
        let found = preset::find(wanted);
        let (name, source) =
            found.with_context(|| format!("there is no preset {wanted}; the presets are {}", preset::names()))?;
        return Ok((format!("builtin://{name}"), name.to_owned(), source.into()));
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
