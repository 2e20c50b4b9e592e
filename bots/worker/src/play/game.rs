//! A game at the prompt or from a script: executes commands and shows what the bot does.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use mcp_multiplayer_protocol::{Actor, Body, SystemEvent, Timestamp};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

use super::command::{self, Command};
use super::screen::{Screen, Tone, clock};
use super::session::Session;
use crate::scratch::Scratch;

/// A running game.
pub(super) struct Game {
    pub(super) session: Session,
    pub(super) screen: Screen,
    pub(super) file: String,
    pub(super) source: Arc<str>,
    /// Name of the last speaker.
    pub(super) speaker: Option<String>,
    /// True if no hook and no command has failed so far.
    pub(super) succeeded: bool,
    /// Declared after the session, so that it is dropped later: it owns the tasks that watch the bot's process.
    pub(super) runtime: Runtime,
    /// Last, because it contains the bot's workspace.
    pub(super) _scratch: Scratch,
}

impl Game {
    /// Plays to the end. Returns whether no hook and no command failed; always true for a game at a terminal.
    pub(super) fn play(&mut self, players: &[String], script: Option<&Path>) -> Result<bool> {
        self.run_due_hooks()?;
        if !self.session.is_attached() {
            self.screen.line(Tone::Alarm, "on_init failed; a relay would detach the bot")?;
            return Ok(false);
        }
        for name in players {
            self.execute(Command::Join(name.clone()))?;
        }
        self.speaker = players.first().cloned();
        let (lines, prompts): (Box<dyn BufRead>, bool) = match script {
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
            let channel = &self.session.channel;
            match command::parse(&line, |name| channel.seat(name).is_some()) {
                Ok(Command::Quit) => break,
                Ok(command) => self.execute(command)?,
                Err(reason) => self.report_error(&reason)?,
            }
            if prompts {
                self.screen.prompt(self.speaker.as_deref().unwrap_or("nobody"))?;
            }
        }
        Ok(self.succeeded || prompts)
    }

    fn execute(&mut self, command: Command) -> Result<()> {
        match command {
            Command::Nothing | Command::Quit => Ok(()),
            Command::Help => self.help(),
            Command::State => self.state(),
            Command::Log => Ok(self.screen.log(&self.session)?),
            Command::Code => self.code(),
            Command::Save(path) => self.save(&path),
            Command::Speaker(name) => {
                self.speaker = Some(name);
                Ok(())
            }
            Command::Timer => self.next_timer(),
            Command::Close => self.close(),
            Command::Wait(seconds) => self.wait(seconds),
            Command::Join(name) => self.join_or_leave(&name, true),
            Command::Leave(name) => self.join_or_leave(&name, false),
            Command::Say { player, private, text, data } => self.say(player, private, text, data),
        }
    }

    fn say(&mut self, player: Option<String>, private: bool, text: String, mut data: Map<String, Value>) -> Result<()> {
        let Some(name) = player.or_else(|| self.speaker.clone()) else {
            return self.report_error("no player has joined yet; enter a command such as: join alice");
        };
        let Some(slot_id) = self.session.channel.seat(&name) else {
            return self.report_error(&format!("{name} has no seat in this channel"));
        };
        data.insert("text".to_owned(), Value::String(text));
        let body = match Body::new("body", data) {
            Ok(body) => body,
            Err(error) => return self.report_error(&error.to_string()),
        };
        self.pass_second()?;
        let to = private.then_some(self.session.bot().slot_id);
        if let Err(error) = self.session.channel.post(slot_id, to, body) {
            return self.report_error(&format!("{name}: {} {}", error.message, error.hint));
        }
        self.speaker = Some(name);
        if self.run_due_hooks()? == 0 {
            let hook = if private { "on_private_message" } else { "on_message" };
            self.screen.item(Tone::Faint, "", &format!("the bot has no {hook}, so nothing happens"))?;
        }
        Ok(())
    }

    fn join_or_leave(&mut self, name: &str, joins: bool) -> Result<()> {
        let Some(slot_id) = self.session.channel.seat(name) else {
            let reason = "the seats of a channel are fixed when it is created; restart with";
            return self.report_error(&format!("{name} has no seat in this channel: {reason} --later {name}"));
        };
        if joins == self.session.channel.players().any(|(seated, _)| seated == slot_id) {
            return self.report_error(&format!("{name} is {}", if joins { "already seated" } else { "not seated" }));
        }
        self.pass_second()?;
        let channel = &mut self.session.channel;
        if let Err(error) = if joins { channel.join(slot_id) } else { channel.leave(slot_id) } {
            return self.report_error(&format!("{name}: {}", error.message));
        }
        let verb = if joins { "takes" } else { "leaves" };
        let moment = clock(self.session.channel.now());
        self.screen.line(Tone::Plain, format_args!("{moment}  {name} {verb} {slot_id}"))?;
        if joins && self.speaker.is_none() {
            self.speaker = Some(name.to_owned());
        }
        self.run_due_hooks().map(|_| ())
    }

    fn next_timer(&mut self) -> Result<()> {
        let Some((_, due)) = self.session.next_timer() else {
            return self.report_error("the bot has no pending timer");
        };
        self.pass_time(due)
    }

    /// Closes the channel: the bot's `on_close` is its last hook.
    fn close(&mut self) -> Result<()> {
        if self.session.channel.is_closing() {
            return self.report_error("the channel is closed");
        }
        self.pass_second()?;
        let requested = SystemEvent::CloseRequested { by: Some(Actor::Owner) };
        self.session.channel.append_event(&requested).map_err(|error| anyhow!("{}", error.message))?;
        self.run_due_hooks()?;
        self.session.channel.append_event(&SystemEvent::Closed {}).map_err(|error| anyhow!("{}", error.message))?;
        Ok(self.screen.item(Tone::Plain, "", "the channel is closed")?)
    }

    fn wait(&mut self, seconds: u64) -> Result<()> {
        let millis = i64::try_from(seconds * 1000).expect("wait is limited");
        self.pass_time(Timestamp::from_millis(self.session.channel.now().as_millis() + millis))?;
        Ok(self.screen.item(Tone::Faint, "", &format!("the time is {}", clock(self.session.channel.now())))?)
    }

    /// Lets a second pass, which is the time that each action of a player takes.
    fn pass_second(&mut self) -> Result<()> {
        self.pass_time(Timestamp::from_millis(self.session.channel.now().as_millis() + 1000))
    }

    /// Moves the channel's clock forward, and fires the timers that are due on the way, each at its time.
    fn pass_time(&mut self, until: Timestamp) -> Result<()> {
        while let Some((_, due)) = self.session.next_timer().filter(|(_, due)| *due <= until) {
            self.session.channel.pass_time(due);
            if !self.session.fire()? {
                break;
            }
            if self.run_due_hooks()? == 0 {
                self.screen.item(Tone::Alarm, "", "a timer fired, but the bot has no on_timer")?;
            }
        }
        self.session.channel.pass_time(until);
        Ok(())
    }

    /// Runs and shows all hooks that are due; returns their number.
    fn run_due_hooks(&mut self) -> Result<usize> {
        let mut hooks = 0;
        while let Some(ran) = self.runtime.block_on(self.session.run_next())? {
            self.succeeded &= ran.failure.is_none();
            self.screen.hook(&ran, &self.session, &self.file, &self.source)?;
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
        let memory = self.session.memory();
        let state: Value = memory.state().map_or(Ok(json!({})), serde_json::from_str).unwrap_or_default();
        let timer = self.session.next_timer().map(|(name, due)| format!("{name}, at {}", clock(due)));
        let seated: Vec<String> =
            self.session.channel.players().map(|(slot_id, label)| format!("{label} ({slot_id})")).collect();
        self.screen.item(Tone::Plain, "time", &clock(self.session.channel.now()))?;
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
        let export = serde_json::to_string(&self.session.export()).expect("an export is plain JSON");
        match std::fs::write(path, export) {
            Ok(()) => Ok(self.screen.item(Tone::Plain, "saved", path)?),
            Err(error) => self.report_error(&format!("cannot write {path}: {error}")),
        }
    }

    fn report_error(&mut self, reason: &str) -> Result<()> {
        self.succeeded = false;
        Ok(self.screen.item(Tone::Alarm, "?", reason)?)
    }
}
