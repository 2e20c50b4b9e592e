use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use mcp_multiplayer_protocol::{Body, Timestamp};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

use super::command::{self, Command};
use super::screen::{Screen, Tone, clock};
use super::table::Table;
use crate::scratch::Scratch;

/// A game under way.
pub(super) struct Game {
    pub(super) table: Table,
    pub(super) screen: Screen,
    pub(super) file: String,
    pub(super) source: Arc<str>,
    /// The seat of whoever spoke last.
    pub(super) speaker: Option<String>,
    /// Whether everything went well so far.
    pub(super) well: bool,
    /// After the table, so that it outlives the bot's process, which it looks after.
    pub(super) runtime: Runtime,
    /// Last: the bot's workspace is in it.
    pub(super) _scratch: Scratch,
}

impl Game {
    /// Plays to the end; whether everything went well.
    pub(super) fn play(&mut self, players: &[String], script: Option<&Path>) -> Result<bool> {
        self.settle()?;
        if !self.table.is_attached() {
            self.screen.line(Tone::Alarm, "on_init failed, so a relay takes the bot out of the channel again")?;
            return Ok(false);
        }
        for name in players {
            self.obey(Command::Join(name.clone()))?;
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
        if let Err(error) = self.table.channel.post(slot_id, to, body) {
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
