//! Plays a bot's games with random moves, and checks that they come to an end, hide what is hidden and can be replayed.
//!
//! A move is one of the `actions` that the bot posts beside `turn`, the slots whose players may move. It is sent to the bot alone if
//! the post also has `"private": true`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, anyhow};
use mcp_multiplayer_bot_supervisor::replay::Replayer;
use mcp_multiplayer_bot_supervisor::{Supervisor, SupervisorConfig};
use mcp_multiplayer_protocol::{Body, Hash, Sender, SlotId, Timestamp, canonical_text};
use serde_json::{Map, Value, json};

use super::finding::Finding;
use crate::play::session::{HookRun, LoadedBot, Session};
use crate::play::{START_MS, Seats, seed_digest};

/// Maximum number of moves and timers of a game.
const MAX_MOVES: usize = 500;
/// Number of moves that a finding quotes.
const SHOWN_MOVES: usize = 4;
/// Length from which a text that is hidden may not be part of a public post. Shorter ones occur by chance.
const HIDDEN_CHARACTERS: usize = 8;
/// Names of the players, in the order of the seats.
const PLAYERS: [&str; 4] = ["alice", "bob", "carol", "dave"];

/// Number of players of the games.
pub(super) const SEATS: std::ops::RangeInclusive<usize> = 2..=PLAYERS.len();

/// Plays games with each number of seats; returns at most one finding of each rule.
pub(super) async fn play(
    supervisor: &Supervisor,
    config: &SupervisorConfig,
    bot: &LoadedBot,
    games: u64,
    seats: &[usize],
) -> Result<Vec<Finding>> {
    let mut findings: Vec<Finding> = Vec::new();
    for (seed, &seats) in (1..=games).flat_map(|seed| seats.iter().map(move |seats| (seed, seats))) {
        let players: Vec<String> = PLAYERS[..seats].iter().map(|&name| name.to_owned()).collect();
        let labels = Seats { bot: "referee".to_owned(), players };
        let digest = seed_digest(seed);
        let session =
            Session::create(supervisor.clone(), bot.clone(), &labels, Timestamp::from_millis(START_MS), digest)?;
        let mut game =
            Game { session, digest, draws: 0, moves: Vec::new(), open: BTreeMap::new(), end: None, was_asked: false };
        let mut found = game.play(&labels.players).await?;
        if found.is_none() {
            let replayed = Replayer::new(config.clone())?.without_sandbox().replay(&game.session.receipt()).await?;
            let differs = || Problem::new("not-replayable", "a replay of the game gives other results");
            found = replayed.differs().then(differs);
        }
        let Some(Problem { rule, line, message }) = found else { continue };
        if findings.iter().any(|found| found.rule == rule) {
            continue;
        }
        let last = game.moves[game.moves.len().saturating_sub(SHOWN_MOVES)..].join(" · ");
        let moves =
            if last.is_empty() { String::new() } else { format!("; the last of {} moves: {last}", game.moves.len()) };
        let hint = format!("play --seed {seed} --players {} has the same draws{moves}", labels.players.join(","));
        findings.push(match rule {
            "not-played" => Finding::note(rule, line, message, &hint),
            _ => Finding::warning(rule, line, message, &hint),
        });
    }
    Ok(findings)
}

/// Something that a game must not do.
struct Problem {
    rule: &'static str,
    line: Option<u32>,
    message: String,
}

impl Problem {
    fn new(rule: &'static str, message: impl Into<String>) -> Self {
        Self { rule, line: None, message: message.into() }
    }
}

/// An offer to move.
#[derive(Clone)]
struct Offer {
    actions: Value,
    /// `true` if the move is for the bot alone.
    is_private: bool,
}

impl Offer {
    fn of(fields: &Map<String, Value>) -> Option<Self> {
        let actions = fields.get("actions")?.clone();
        Some(Self { actions, is_private: fields.get("private") == Some(&Value::Bool(true)) })
    }
}

/// A game of random moves.
struct Game {
    session: Session,
    digest: Hash,
    /// Number of random choices so far.
    draws: u64,
    moves: Vec<String>,
    /// The offers to the players who may move.
    open: BTreeMap<SlotId, Offer>,
    /// The post that ended the game.
    end: Option<Map<String, Value>>,
    /// True if the bot has ever posted actions.
    was_asked: bool,
}

impl Game {
    /// Plays to the end; returns the first problem.
    async fn play(&mut self, players: &[String]) -> Result<Option<Problem>> {
        if let Some(found) = self.run_hooks().await? {
            return Ok(Some(found));
        }
        for name in players {
            self.pass_second();
            let slot_id = self.session.channel.seat(name).expect("the seat of a player");
            self.session.channel.join(slot_id).map_err(|error| anyhow!("{}", error.message))?;
            if let Some(found) = self.run_hooks().await? {
                return Ok(Some(found));
            }
        }
        while self.end.is_none() {
            if self.moves.len() >= MAX_MOVES {
                return Ok(Some(Problem::new("no-end", format!("no post of type game_end within {MAX_MOVES} moves"))));
            }
            if let Some(found) = self.next().await? {
                return Ok(Some(found));
            }
        }
        let end = self.end.take().expect("the loop ended with it");
        Ok(missing_outcome(&end, &self.session.channel.players().map(|(slot_id, _)| slot_id).collect()))
    }

    /// Makes one move, or lets a timer fire if nobody can move.
    async fn next(&mut self) -> Result<Option<Problem>> {
        let timer = self.session.next_timer().map(|(name, due)| (name.to_owned(), due));
        if self.open.is_empty() {
            let Some((name, due)) = timer else {
                return Ok(Some(if self.was_asked {
                    Problem::new(
                        "stuck",
                        "the game has not ended, but the bot asks nobody for a move, and no timer runs",
                    )
                } else {
                    Problem::new(
                        "not-played",
                        "the bot posts no `actions` with `turn`, so its games cannot be played at random",
                    )
                }));
            };
            self.session.channel.pass_time(due);
            self.moves.push(format!("timer {name}"));
            self.session.fire()?;
            return self.run_hooks().await;
        }
        self.pass_second();
        if timer.is_some_and(|(_, due)| due <= self.session.channel.now()) && self.session.fire()? {
            return self.run_hooks().await;
        }
        let place = self.pick(self.open.len());
        let (slot_id, Offer { actions, is_private }) =
            self.open.iter().nth(place).map(|(slot_id, offer)| (*slot_id, offer.clone())).expect("open");
        let label = self.session.channel.label(slot_id).to_owned();
        let (text, data) = match &actions {
            Value::Array(texts) if !texts.is_empty() => match &texts[self.pick(texts.len())] {
                Value::String(text) => (text.clone(), Map::new()),
                other => {
                    return Ok(Some(Problem::new("bad-actions", format!("an action is {other}, which is not a text"))));
                }
            },
            schema => match self.example(schema) {
                Some(Value::Object(data)) => (String::new(), data),
                _ => {
                    return Ok(Some(Problem::new(
                        "bad-actions",
                        format!("no move can be made from the actions {schema}"),
                    )));
                }
            },
        };
        let shown = if data.is_empty() { text.clone() } else { format!("{text} + {}", json!(data)) };
        self.moves.push(format!("{label}: {shown}"));
        let body = [("text".to_owned(), json!(text))].into_iter().chain(data).collect::<Map<_, _>>();
        let body = Body::new("data", body).map_err(|error| anyhow!("{error}"))?;
        let to = is_private.then_some(self.session.bot().slot_id);
        self.session.channel.post(slot_id, to, body).map_err(|error| anyhow!("{}", error.message))?;
        self.run_hooks().await
    }

    fn pass_second(&mut self) {
        let now = self.session.channel.now().as_millis();
        self.session.channel.pass_time(Timestamp::from_millis(now + 1000));
    }

    async fn run_hooks(&mut self) -> Result<Option<Problem>> {
        while let Some(ran) = self.session.run_next().await? {
            if let Some((reason, line)) = ran.failure {
                let message = format!("{} fails: {reason}", ran.call.hook().name());
                return Ok(Some(Problem { rule: "hook-fails", line, message }));
            }
            if let Some(found) = self.look_at(&ran) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Takes note of whose turn it is, and looks for hidden values in the public posts of a hook.
    fn look_at(&mut self, ran: &HookRun) -> Option<Problem> {
        let first = usize::try_from(ran.first).expect("an entry in memory") - 1;
        let hidden = hidden(&self.session.memory().to_text());
        for entry in &self.session.channel.entries()[first..] {
            let (Sender::Bot(_), Some(body)) = (&entry.envelope.sender, entry.message().1) else { continue };
            let fields: Map<String, Value> = body.parse().unwrap_or_default();
            if let Some(to_slot) = entry.envelope.to_slot {
                if let Some(offer) = Offer::of(&fields) {
                    self.open.insert(to_slot, offer);
                }
                continue;
            }
            let is_end = fields.get("type").is_some_and(|kind| kind == "game_end");
            if let Some((owner, _)) = hidden.iter().find(|(_, text)| !is_end && body.as_str().contains(text.as_str())) {
                let message = format!("a public post of {} contains {owner}", ran.call.hook().name());
                return Some(Problem::new("leaks-hidden", message));
            }
            if let Some(turn) = fields.get("turn") {
                let slots: Vec<SlotId> = serde_json::from_value(turn.clone()).unwrap_or_default();
                let offer = Offer::of(&fields);
                self.open = slots.into_iter().filter_map(|slot_id| Some((slot_id, offer.clone()?))).collect();
            }
            if is_end {
                self.end = Some(fields);
            }
        }
        self.was_asked |= !self.open.is_empty();
        None
    }

    /// A random number below `count`.
    fn pick(&mut self, count: usize) -> usize {
        self.draws += 1;
        let hash = Hash::of(&[b"move", self.digest.as_bytes(), &self.draws.to_be_bytes()]);
        let number = u64::from_be_bytes(*hash.as_bytes().first_chunk().expect("a hash is longer"));
        usize::try_from(number % count.max(1) as u64).expect("less than a usize")
    }

    /// A random value for a JSON Schema; `None` if the schema uses more than this understands.
    fn example(&mut self, schema: &Value) -> Option<Value> {
        if let Some(value) = schema.get("const") {
            return Some(value.clone());
        }
        if let Some(choices) = schema.get("enum").and_then(Value::as_array) {
            return choices.get(self.pick(choices.len())).cloned();
        }
        if let Some(choices) = schema.get("oneOf").or(schema.get("anyOf")).and_then(Value::as_array) {
            let place = self.pick(choices.len());
            return self.example(choices.get(place)?);
        }
        match schema.get("type")?.as_str()? {
            "object" => {
                let properties = schema.get("properties")?.as_object()?;
                properties.iter().map(|(name, schema)| Some((name.clone(), self.example(schema)?))).collect()
            }
            "integer" => {
                let limit = |name: &str, default| schema.get(name).map_or(Some(default), Value::as_i64);
                let least = limit("minimum", 0)?;
                let count = limit("maximum", least.checked_add(9)?)?.checked_sub(least)?.checked_add(1)?;
                let place = self.pick(usize::try_from(count).ok().filter(|count| *count > 0)?);
                Some(json!(least + i64::try_from(place).ok()?))
            }
            "boolean" => Some(json!(self.pick(2) == 1)),
            _ => None,
        }
    }
}

/// The texts that must not be public yet, each with a description of what it belongs to.
///
/// They are from the bot's memory after the hook, in which a value that was opened is no longer hidden.
fn hidden(memory: &str) -> Vec<(String, String)> {
    let memory: Value = serde_json::from_str(memory).unwrap_or_default();
    let mut found = Vec::new();
    for (id, record) in memory["kept"]["values"].as_object().into_iter().flatten() {
        let value: Value = record["text"].as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let owner = format!("the value of the commitment {id}, which is not open");
        add_texts(&json!([value, record["salt"]]), &owner, &mut found);
    }
    for (slot_id, kept) in memory["seats"].as_object().into_iter().flatten() {
        for value in kept["data"].as_object().into_iter().flat_map(Map::values) {
            add_texts(value, &format!("what the bot keeps in ctx.seat(\"{slot_id}\")"), &mut found);
        }
    }
    found
}

/// Adds the long texts of a value, and its lists and objects, as they would be in the JSON of a post.
fn add_texts(value: &Value, owner: &str, found: &mut Vec<(String, String)>) {
    let text = canonical_text("value", value).unwrap_or_default();
    match value {
        Value::String(_) => {
            let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default();
            if text.chars().count() >= HIDDEN_CHARACTERS {
                found.push((owner.to_owned(), text.to_owned()));
            }
        }
        Value::Array(items) => {
            for item in items {
                add_texts(item, owner, found);
            }
        }
        Value::Object(fields) => {
            if text.chars().count() >= HIDDEN_CHARACTERS {
                found.push((owner.to_owned(), text));
            }
            for item in fields.values() {
                add_texts(item, owner, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Checks that the last post says how the game ended for every player: with `outcomes`, an object with each slot, or with
/// `winner`, one of the slots, or `null` for a draw.
fn missing_outcome(end: &Map<String, Value>, players: &BTreeSet<SlotId>) -> Option<Problem> {
    let slot = |text: &str| text.parse::<SlotId>().ok();
    match (end.get("outcomes"), end.get("winner")) {
        (Some(Value::Object(outcomes)), _) => {
            let told: BTreeSet<SlotId> = outcomes.keys().filter_map(|key| slot(key)).collect();
            let missing: Vec<String> = players.difference(&told).map(ToString::to_string).collect();
            if missing.is_empty() {
                None
            } else {
                Some(Problem::new("no-outcome", format!("outcomes of game_end lacks {}", missing.join(", "))))
            }
        }
        (None, Some(Value::Null)) => None,
        (None, Some(Value::String(winner))) if slot(winner).is_some_and(|slot_id| players.contains(&slot_id)) => None,
        _ => {
            let message = "game_end has neither outcomes, an object with each slot, nor winner, a slot or null";
            Some(Problem::new("no-outcome", message))
        }
    }
}
