//! A game at the prompt or from a script: executes commands and shows what the bot does.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use mcp_multiplayer_protocol::{Actor, Body, Sender, SlotId, SystemEvent, Timestamp};
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

use super::command::{self, Command};
use super::screen::{Screen, Tone, clock};
use super::session::Session;
use super::setup::{LoadedSource, Setup};
use crate::scratch::Scratch;

/// A running game.
pub(super) struct Game {
    session: Session,
    setup: Setup,
    screen: Screen,
    file: String,
    source: Arc<str>,
    /// Name of the last speaker.
    speaker: Option<String>,
    /// Number of the line that is executed, for a script.
    line: Option<usize>,
    /// The lines that `reload` executes again.
    repeated: Vec<String>,
    /// The bot's posts and private messages since the last command that did something in the channel.
    replies: Vec<(Option<SlotId>, Body)>,
    /// True if no hook and no command has failed so far.
    succeeded: bool,
    /// Declared after the session and the setup, so that it is dropped later: it owns the tasks that watch the bot's
    /// process.
    runtime: Runtime,
    /// Last, because it contains the bot's workspace.
    _scratch: Scratch,
}

impl Game {
    /// A game before its first hook.
    pub(super) fn new(
        setup: Setup,
        loaded: LoadedSource,
        screen: Screen,
        runtime: Runtime,
        scratch: Scratch,
    ) -> Result<Self> {
        let LoadedSource { file, source, bot } = loaded;
        Ok(Self {
            session: setup.session(bot)?,
            setup,
            screen,
            file,
            source,
            speaker: None,
            line: None,
            repeated: Vec::new(),
            replies: Vec::new(),
            succeeded: true,
            runtime,
            _scratch: scratch,
        })
    }

    /// Plays to the end. Returns whether no hook and no command failed; always true for a game at a terminal.
    pub(super) fn play(&mut self, script: Option<&Path>) -> Result<bool> {
        if !self.open()? {
            return Ok(false);
        }
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
        for (line, number) in lines.lines().zip(1..) {
            let line = line?;
            self.line = (!prompts).then_some(number);
            if !prompts {
                self.echo(&line)?;
            }
            match command::parse(&line, &self.session.channel.seat_names()) {
                Ok(Command::Quit) => break,
                Ok(command) => {
                    if command.is_repeated() {
                        self.repeated.push(line);
                    }
                    self.execute(command)?;
                }
                Err(reason) => self.report_error(&reason)?,
            }
            if prompts {
                self.screen.prompt(self.speaker.as_deref().unwrap_or("nobody"))?;
            }
        }
        Ok(self.succeeded || prompts)
    }

    /// Runs `on_init` and seats the players; returns whether the bot stayed attached.
    fn open(&mut self) -> Result<bool> {
        self.run_due_hooks()?;
        if !self.session.is_attached() {
            self.screen.line(Tone::Alarm, "on_init failed; a relay would detach the bot")?;
            return Ok(false);
        }
        for name in self.setup.players.clone() {
            self.execute(Command::Join(name))?;
        }
        self.speaker = self.setup.players.first().cloned();
        Ok(true)
    }

    /// Reads the source again and repeats the game so far. If a relay would reject the source, the game goes on as it is.
    fn reload(&mut self) -> Result<()> {
        let LoadedSource { file, source, bot } = match self.runtime.block_on(self.setup.load()) {
            Ok(loaded) => loaded,
            Err(error) => return self.report_error(&format!("{error:#}\nThe game goes on with the source as it was.")),
        };
        self.session = self.setup.session(bot)?;
        (self.file, self.source, self.speaker) = (file, source, None);
        if !self.open()? {
            return self.report_error("mend the source, then enter: reload");
        }
        for line in self.repeated.clone() {
            self.echo(&line)?;
            match command::parse(&line, &self.session.channel.seat_names()) {
                Ok(command) => self.execute(command)?,
                Err(reason) => self.report_error(&reason)?,
            }
        }
        Ok(())
    }

    /// Shows a line that nobody has typed just now.
    fn echo(&mut self, line: &str) -> Result<()> {
        if !line.trim().is_empty() {
            self.screen.line(Tone::Plain, "")?;
            self.screen.line(Tone::Strong, format_args!("> {}", line.trim()))?;
        }
        Ok(())
    }

    fn execute(&mut self, command: Command) -> Result<()> {
        if command.acts() {
            if !self.session.is_attached() {
                return self
                    .report_error("the bot is not attached, because on_init failed; mend it, then enter: reload");
            }
            self.replies.clear();
        }
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
            Command::Say { player, private, text, data, unknown } => {
                if let (Some(word), Some(speaker)) = (unknown, &self.speaker) {
                    let note = format!("no player is called {word}, so {speaker} posts the whole line");
                    self.screen.item(Tone::Faint, "", &note)?;
                }
                self.say(player, private, text, data)
            }
            Command::Expect { player, text } => self.expect(player.as_deref(), &text),
            Command::Reload => self.reload(),
        }
    }

    /// Checks that one of the bot's latest posts, or of its private messages to a player, contains a text.
    fn expect(&mut self, player: Option<&str>, text: &str) -> Result<()> {
        let to = player.and_then(|name| self.session.channel.seat(name));
        let contains = |body: &Body| {
            let said: Map<String, Value> = body.parse().unwrap_or_default();
            said.get("text").and_then(Value::as_str).is_some_and(|said| said.contains(text))
                || body.as_str().contains(text)
        };
        if self.replies.iter().any(|(to_slot, body)| *to_slot == to && contains(body)) {
            return Ok(());
        }
        let messages = player.map_or("post".to_owned(), |name| format!("private message to {name}"));
        self.report_error(&format!("no {messages} contains: {text}"))
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
            let first = usize::try_from(ran.first).expect("an entry in memory") - 1;
            let posts = self.session.channel.entries()[first..]
                .iter()
                .filter(|entry| matches!(entry.envelope.sender, Sender::Bot(_)));
            self.replies.extend(posts.filter_map(|post| Some((post.envelope.to_slot, post.message().1?))));
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
        let receipt: String = self.session.receipt().into_lines().map(|line| line.to_text()).collect();
        match std::fs::write(path, receipt) {
            Ok(()) => Ok(self.screen.item(Tone::Plain, "saved", path)?),
            Err(error) => self.report_error(&format!("cannot write {path}: {error}")),
        }
    }

    fn report_error(&mut self, reason: &str) -> Result<()> {
        self.succeeded = false;
        let place = self.line.map(|line| format!("line {line}: ")).unwrap_or_default();
        Ok(self.screen.item(Tone::Alarm, "?", &format!("{place}{reason}"))?)
    }
}
