//! What must be true of the logs after any number of kills.
//!
//! - Ids are 1, 2, 3, …, and every entry may follow the ones before it by the protocol's own rules.
//! - What was acknowledged is there once, with the id, time and text that were acknowledged, and nothing
//!   else was said. Everybody holds the seat that was acknowledged, and took it once.
//! - Every hook that an entry starts ran once, in the order of the log. The bots' counts are 1, 2, 3, …
//! - Whatever was read before a kill is the same afterwards.
//! - Games went on to their ends, and their referee can prove that it didn't cheat.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use mcp_multiplayer_protocol::operation::{Message, Synced, View};
use mcp_multiplayer_protocol::{Hash, Sender};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::game::GAMES;
use crate::party::{Channel, Kind};
use crate::player::Player;
use crate::replay::{Replay, place};
use crate::seat::Said;

/// How long bots may take for what is left when all players have their answers.
const SETTLED: Duration = Duration::from_mins(2);

/// What was audited.
#[derive(Debug, Default)]
pub(crate) struct Found {
    channels: usize,
    entries: usize,
    said: usize,
    hooks: usize,
    games: u64,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { channels, entries, said, hooks, games } = self;
        write!(f, "{channels:6} channels, {entries} entries, {said} messages of players, {hooks} hooks, {games} games")
    }
}

/// Reads and checks every log.
pub(crate) async fn audit(ledger: &[Channel], mut alice: Player, mut bob: Player) -> Found {
    let mut found = Found::default();
    for channel in ledger {
        let (messages, replay) =
            timeout(SETTLED, settled(channel, [&mut alice, &mut bob])).await.expect("bots come to rest");
        let log = Log { channel, messages: &messages, replay: &replay };
        log.check_hooks();
        log.check_said();
        log.check_read();
        match channel.kind {
            Kind::Chat => log.check_counts(),
            Kind::Game => {
                log.check_games();
                found.games += GAMES;
            }
        }
        for (seat, player) in channel.seats.iter().zip([&mut alice, &mut bob]) {
            let info = player.call("get_channel_info", json!({ "channel_id": channel.id })).await;
            assert_eq!(info["view"], json!(View::of(&replay.state.composition)), "{}", channel.name);
            assert_eq!(info["your_slots"], json!([seat.slot_id]), "{}: {}", channel.name, seat.player);
        }
        found.channels += 1;
        found.entries += messages.len();
        found.said += channel.seats.iter().map(|seat| seat.said.len()).sum::<usize>();
        found.hooks += replay.ran.values().map(Vec::len).sum::<usize>();
    }
    found
}

/// The whole log, when the bots have nothing left to do.
async fn settled(channel: &Channel, players: [&mut Player; 2]) -> (Vec<Message>, Replay) {
    let mut log = BTreeMap::new();
    let mut cursors = [0, 0];
    let [alice, bob] = players;
    loop {
        // What is for one player alone is seen by that one only; together they see all.
        for ((seat, player), cursor) in channel.seats.iter().zip([&mut *alice, &mut *bob]).zip(&mut cursors) {
            loop {
                let args = json!({ "channel_id": channel.id, "slot_id": seat.slot_id, "cursor": *cursor,
                    "timeout_ms": 2_000, "include_trace": true });
                let synced = player.call("sync_messages", args).await;
                let synced: Synced = serde_json::from_value(synced).expect("a page");
                *cursor = synced.cursor;
                for message in synced.messages {
                    let same = log.entry(message.id).or_insert_with(|| message.clone());
                    assert_eq!(*same, message, "{}: both read the same", channel.name);
                }
                if !synced.has_more {
                    break;
                }
            }
        }
        // One of them may have read further than the other; both ends are ends of batches.
        let both = cursors[0].min(cursors[1]);
        let known: Vec<Message> = log.range(..=both).map(|(_, message)| message.clone()).collect();
        let ids = known.iter().map(|message| message.id);
        assert!(ids.eq(1..=both), "{}: ids are 1, 2, 3, …", channel.name);
        let replay = Replay::of(&known);
        if replay.is_settled() {
            return (known, replay);
        }
    }
}

/// A log, and what it must hold.
struct Log<'a> {
    channel: &'a Channel,
    messages: &'a [Message],
    replay: &'a Replay,
}

impl Log<'_> {
    fn check_hooks(&self) {
        for bot in &self.channel.bots {
            let bot = bot.parse().expect("a bot's id");
            let (planned, ran) = (&self.replay.planned[&bot], &self.replay.ran[&bot]);
            let different = planned.iter().zip(ran).find(|(planned, ran)| planned != ran);
            assert_eq!(different, None, "{}: {bot} ran another hook than was due", self.channel.name);
            assert_eq!(ran.len(), planned.len(), "{}: {bot} ran more than was due", self.channel.name);
        }
        assert_eq!(self.replay.ran.len(), self.channel.bots.len());
    }

    fn check_said(&self) {
        let mut acknowledged = BTreeSet::new();
        for seat in &self.channel.seats {
            for said in &seat.said {
                let Said { msg_id, ts, text, to_bot } = said;
                let message = self.messages.get(place(*msg_id)).unwrap_or_else(|| panic!("{said:?} is lost"));
                assert_eq!(message.sender.to_string(), seat.slot_id, "{said:?} is now {message:?}");
                assert_eq!((message.ts.to_string(), self.body(message)["text"].as_str()), (ts.clone(), Some(&**text)));
                assert_eq!(message.to_slot.is_some(), to_bot.is_some(), "{said:?} is now {message:?}");
                assert!(acknowledged.insert(*msg_id), "{said:?} has the id of another");
            }
        }
        let players = self.messages.iter().filter(|message| matches!(message.sender, Sender::Slot(_)));
        let there: BTreeSet<u64> = players.map(|message| message.id).collect();
        assert_eq!(there, acknowledged, "{}: what is there is what was said", self.channel.name);
        let joins = self.messages.iter().filter(|message| self.is(message, "member:join"));
        let joined: Vec<_> = joins.map(|message| self.body(message)["slot_id"].clone()).collect();
        assert_eq!(joined.len(), 2, "{}: everybody joined once: {joined:?}", self.channel.name);
        assert!(!self.messages.iter().any(|message| self.is(message, "member:rejoin")), "nobody took another's seat");
    }

    fn check_read(&self) {
        for seat in &self.channel.seats {
            for read in &seat.read {
                let id = read["id"].as_u64().expect("an id");
                let message = self.messages.get(place(id)).unwrap_or_else(|| panic!("{read} was shown, and is gone"));
                assert_eq!(*read, json!(message), "{}: it was shown like this before", self.channel.name);
            }
        }
    }

    /// Each bot's answers: one for everything said to it, in that order, with its running count.
    fn check_counts(&self) {
        for bot in &self.channel.bots {
            let said = self.channel.seats.iter().flat_map(|seat| &seat.said);
            let said = said.filter(|said| said.to_bot.as_ref().is_none_or(|to_bot| to_bot == bot));
            let mut said: Vec<(u64, &str)> = said.map(|said| (said.msg_id, &*said.text)).collect();
            said.sort_unstable();
            let of_bot = |kind| {
                let sender = format!("bot:{bot}");
                self.messages.iter().filter(move |m| m.sender.to_string() == sender && m.kind.as_str() == kind)
            };
            let answers: Vec<&Message> = of_bot("answer").collect();
            assert_eq!(answers.len(), said.len(), "{}: {bot} answered everything once", self.channel.name);
            for ((message, (id, text)), count) in answers.into_iter().zip(said).zip(1..) {
                let body = self.body(message);
                assert_eq!((&body["text"], &body["count"]), (&json!(text), &json!(count)), "{bot}: {message:?}");
                assert_eq!(self.replay.causes[place(message.id)], Some(id), "{bot}: {message:?}");
                assert!(body["to"].is_null() || body["to"] == id, "{bot}: {message:?}");
            }
            let joins: Vec<Value> = of_bot("welcome").map(|message| self.body(message)["joins"].clone()).collect();
            assert_eq!(joins, [json!(1), json!(2)], "{}: {bot} greeted both once", self.channel.name);
            assert_eq!(of_bot("ready").count(), 1);
        }
    }

    /// Each game from its start to its end, and the proof.
    fn check_games(&self) {
        let mut games = 0;
        let (mut committed, mut guesses, mut open, mut judged) = (Value::Null, vec![], vec![], 0);
        for message in self.messages {
            let body = self.body(message);
            if matches!(message.sender, Sender::Slot(_)) {
                if let Some(guess) = body["guess"].as_i64() {
                    open.push(guess);
                }
                continue;
            }
            match body["type"].as_str() {
                Some("game_start") => {
                    games += 1;
                    assert_eq!(body["game"], games, "{}: games are played one by one", self.channel.name);
                    (committed, guesses, judged) = (Value::Null, vec![], 0);
                }
                Some("bot:commit") => {
                    assert!(committed.is_null(), "{}: one commitment for each game", self.channel.name);
                    committed = body["commitment_hash"].clone();
                }
                Some("judge") => {
                    judged += 1;
                    assert_eq!(body["guess_count"], judged, "{}: {message:?}", self.channel.name);
                    let guess = open.pop().expect("a guess was made");
                    assert_eq!(body["guess"], guess, "{}: {message:?}", self.channel.name);
                    guesses.push((guess, body["result"].clone()));
                }
                Some("bot:reveal") => {
                    let target = body["target"].as_i64().expect("a number");
                    let salt = body["salt"].as_str().expect("a salt");
                    let hash = Hash::of(&[target.to_string().as_bytes(), salt.as_bytes()]).to_string();
                    assert_eq!(committed.as_str(), hash.strip_prefix("sha256:"), "{}: {message:?}", self.channel.name);
                    for (guess, result) in &guesses {
                        let truth = match guess.cmp(&target) {
                            std::cmp::Ordering::Less => "low",
                            std::cmp::Ordering::Equal => "correct",
                            std::cmp::Ordering::Greater => "high",
                        };
                        assert_eq!(result, truth, "{}: {guess} of {target}", self.channel.name);
                    }
                }
                Some("game_end") => {
                    assert_eq!((&body["game"], &body["reason"]), (&json!(games), &json!("correct")));
                    assert!(open.is_empty(), "{}: every guess was judged", self.channel.name);
                }
                _ => {}
            }
        }
        assert_eq!(games, GAMES, "{}: all games were played", self.channel.name);
        let ended = self.messages.iter().filter(|message| self.is(message, "game_end")).count() as u64;
        assert_eq!(ended, GAMES, "{}: all games were played to their ends", self.channel.name);
    }

    fn is(&self, message: &Message, name: &str) -> bool {
        !matches!(message.sender, Sender::Slot(_)) && self.body(message)["type"] == name
    }

    fn body(&self, message: &Message) -> Value {
        let body = message.body.as_ref().unwrap_or_else(|| panic!("{}: {message:?} has no body", self.channel.name));
        body.parse().expect("a body is JSON")
    }
}
