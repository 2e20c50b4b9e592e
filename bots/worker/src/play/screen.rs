//! The output of a game in a terminal.

use std::fmt::{Display, Write as _};
use std::io::{self, IsTerminal, Write};

use mcp_multiplayer_protocol::channel::HookCall;
use mcp_multiplayer_protocol::{
    Entry, KeystreamRange, PrivateResult, Sender, SystemEvent, TimerChange, Timestamp, printable,
};
use serde_json::{Map, Value};

use super::changes::{changes, short, truncate};
use super::session::{HookRun, Session};

/// Maximum length of a post's data, in characters.
const MAX_DATA: usize = 400;

/// Standard output, with colours if it is a terminal.
#[derive(Debug)]
pub(crate) struct Screen {
    out: io::Stdout,
    colours: bool,
    /// True if the times that hooks took are shown. They differ from game to game.
    times: bool,
}

/// Style of a line.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Tone {
    Plain,
    Strong,
    Faint,
    Alarm,
}

impl Screen {
    /// A screen that shows the times of hooks at a terminal, or anywhere if `times` is set.
    pub(crate) fn new(times: bool) -> Self {
        let out = io::stdout();
        let colours = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { times: times || out.is_terminal(), out, colours }
    }

    pub(crate) fn line(&mut self, tone: Tone, text: impl Display) -> io::Result<()> {
        let code = match tone {
            Tone::Plain => None,
            Tone::Strong => Some("1"),
            Tone::Faint => Some("2"),
            Tone::Alarm => Some("31"),
        };
        // Texts of bots and players must not move the cursor or overwrite other lines.
        let text = printable(&text.to_string());
        match code.filter(|_| self.colours) {
            Some(code) => writeln!(self.out, "\x1b[{code}m{text}\x1b[0m"),
            None => writeln!(self.out, "{text}"),
        }
    }

    /// Writes a text after a name: `name  text`, with further lines aligned under the first.
    pub(crate) fn item(&mut self, tone: Tone, name: &str, text: &str) -> io::Result<()> {
        for (place, line) in text.lines().enumerate() {
            let name = if place == 0 { name } else { "" };
            self.line(tone, format_args!("  {name:<9} {line}"))?;
        }
        Ok(())
    }

    pub(crate) fn prompt(&mut self, speaker: &str) -> io::Result<()> {
        write!(self.out, "\n[{speaker}] ")?;
        self.out.flush()
    }

    /// Shows a hook that ran, and its effects.
    pub(crate) fn hook(&mut self, ran: &HookRun, session: &Session, file: &str, source: &str) -> io::Result<()> {
        let entries = session.channel.entries();
        let mut had_no_effect = ran.printed.is_empty() && ran.hosts.is_empty() && ran.before == ran.after;
        let index = usize::try_from(ran.trigger).expect("an entry in memory") - 1;
        let trigger = &entries[index];
        self.line(Tone::Strong, format_args!("{}  {}", clock(trigger.envelope.ts), call_text(ran, trigger, session)))?;
        for line in &ran.printed {
            self.item(Tone::Faint, "printed", line)?;
        }
        if let Some((reason, line)) = &ran.failure {
            self.item(Tone::Alarm, "FAILED", reason)?;
            if let Some(line) = line {
                let place = usize::try_from(*line).unwrap_or(usize::MAX).saturating_sub(1);
                let code = source.lines().nth(place).unwrap_or_default().trim();
                self.item(Tone::Alarm, "", &format!("{file}:{line}: {code}"))?;
            }
            self.item(Tone::Plain, "", "all effects of this hook are discarded; the state is unchanged")?;
        } else {
            let first = usize::try_from(ran.first).expect("an entry in memory") - 1;
            for entry in &entries[first..] {
                had_no_effect &= !self.effect(entry, ran, session)?;
            }
            for (place, line) in changes(ran.before.as_deref(), ran.after.as_deref()).iter().enumerate() {
                self.item(Tone::Faint, if place == 0 { "state" } else { "" }, line)?;
            }
        }
        for host in &ran.hosts {
            self.item(Tone::Alarm, "network", &format!("the connection to {host} failed: `play` has no network"))?;
        }
        if had_no_effect && ran.failure.is_none() {
            self.item(Tone::Faint, "", "no effect")?;
        }
        if self.times {
            self.item(Tone::Faint, "took", &format!("{} ms", ran.elapsed.as_millis()))?;
        }
        Ok(())
    }

    /// Shows an entry that a hook appended; returns whether there was something to show.
    fn effect(&mut self, entry: &Entry, ran: &HookRun, session: &Session) -> io::Result<bool> {
        if entry.direct_message().is_some_and(|message| PrivateResult::of_message(&message).is_some()) {
            return Ok(false);
        }
        let (kind, body) = entry.message();
        let body: Map<String, Value> = body.and_then(|body| body.parse().ok()).unwrap_or_default();
        if entry.envelope.sender != Sender::System {
            let addressee =
                entry.envelope.to_slot.map(|slot_id| format!("to {} only: ", session.channel.label(slot_id)));
            self.post(&format!("[{kind}] {}", addressee.unwrap_or_default()), body)?;
            return Ok(true);
        }
        match serde_json::from_value(Value::Object(body)) {
            Ok(SystemEvent::EntropyOpened { contributions, .. }) => {
                let players: Vec<&str> =
                    contributions.iter().map(|contribution| session.channel.label(contribution.slot_id)).collect();
                let sources = if players.is_empty() { "the relay alone".to_owned() } else { players.join(", ") };
                self.item(Tone::Plain, "start", &format!("from now on, draws use randomness from {sources}"))?;
            }
            Ok(SystemEvent::DmUnsealed { .. }) => {
                self.item(Tone::Plain, "unseal", "from now on, everybody may read the DMs to and from this bot")?;
            }
            Ok(SystemEvent::SeedRevealed { seed, .. }) => {
                self.item(Tone::Plain, "reveal", &format!("the seed was {seed}"))?;
            }
            Ok(SystemEvent::BotRan { drawn, timers, .. }) => {
                self.draws_and_timers(&drawn, &timers, (entry, ran))?;
                return Ok(!drawn.is_empty() || !timers.is_empty());
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn post(&mut self, lead: &str, mut body: Map<String, Value>) -> io::Result<()> {
        match body.remove("text") {
            Some(Value::String(text)) => self.item(Tone::Plain, "posted", &format!("{lead}{text}"))?,
            Some(other) => self.item(Tone::Plain, "posted", &format!("{lead}{}", short(&other)))?,
            None => self.item(Tone::Plain, "posted", &format!("{lead}(without text)"))?,
        }
        if body.is_empty() {
            return Ok(());
        }
        self.item(Tone::Faint, "", &truncate(&Value::Object(body).to_string(), MAX_DATA))
    }

    fn draws_and_timers(
        &mut self,
        drawn: &[KeystreamRange],
        timers: &[TimerChange],
        (entry, ran): (&Entry, &HookRun),
    ) -> io::Result<()> {
        for KeystreamRange { open, from, to, .. } in drawn {
            let source = if *open { "with the players' entropy" } else { "from the relay alone, before ctx.start()" };
            self.item(Tone::Faint, "drew", &format!("{} random bytes, {source}", to - from))?;
        }
        for TimerChange { n, after_ms } in timers {
            let when = match after_ms {
                Some(after) => {
                    format!("fires at {}, in {}", clock(entry.envelope.ts.after_millis(*after)), seconds(*after))
                }
                None => "cancelled".to_owned(),
            };
            let name = ran.timer_names.get(n).cloned().unwrap_or_else(|| n.to_string());
            self.item(Tone::Faint, "timer", &format!("{name}: {when}"))?;
        }
        Ok(())
    }

    /// Shows the log, one entry per line.
    pub(crate) fn log(&mut self, session: &Session) -> io::Result<()> {
        for entry in session.channel.entries() {
            let envelope = &entry.envelope;
            let sender = session.channel.composition().sender_label(&envelope.sender).unwrap_or("system");
            let addressee = envelope.to_slot.map(|slot_id| format!(" → {}", session.channel.label(slot_id)));
            let (kind, body) = entry.message();
            let body = body.as_ref().map_or("", |body| body.as_str());
            self.line(
                Tone::Plain,
                format_args!(
                    "{:>4}  {}  {sender}{} [{kind}]  {body}",
                    envelope.id,
                    clock(envelope.ts),
                    addressee.unwrap_or_default(),
                ),
            )?;
        }
        Ok(())
    }
}

/// The call of a hook: `on_message(msg) from alice`.
fn call_text(ran: &HookRun, trigger: &Entry, session: &Session) -> String {
    let name = ran.call.hook().name();
    let label = |slot_id| session.channel.label(slot_id);
    match ran.call {
        HookCall::Init | HookCall::Ready | HookCall::Close => format!("{name}()"),
        HookCall::Start => format!("{name}(contributors, missing)"),
        HookCall::Join(slot_id) | HookCall::Leave(slot_id) => format!("{name}(\"{slot_id}\") for {}", label(slot_id)),
        HookCall::PrivateMessage(slot_id) => format!("{name}(\"{slot_id}\", msg) from {}", label(slot_id)),
        HookCall::Message => {
            let from = session.channel.composition().sender_label(&trigger.envelope.sender);
            format!("{name}(msg) from {}", from.unwrap_or_default())
        }
        HookCall::Timer(_) => format!("{name}({:?})", ran.timer.as_deref().unwrap_or_default()),
    }
}

/// The time of day, with the date unless it is the first day of the game.
pub(crate) fn clock(moment: Timestamp) -> String {
    let text = moment.to_string();
    let text = text.strip_prefix("2026-01-01T").unwrap_or(&text).trim_end_matches('Z');
    text.strip_suffix(".000").unwrap_or(text).replace('T', " ")
}

fn seconds(millis: u64) -> String {
    let mut text = format!("{}", millis / 1000);
    if !millis.is_multiple_of(1000) {
        write!(text, ".{:03}", millis % 1000).expect("writing to a String can't fail");
    }
    text + " s"
}
