//! Checks of the logs after any number of kills.
//!
//! - Ids are 1, 2, 3, …, and the protocol's own rules allow every entry after those before it.
//! - Every acknowledged message is in the log once, with the acknowledged id, time and text, and players have no
//!   other messages there. Every player holds the acknowledged seat, and joined once.
//! - Every hook that an entry triggers ran once, in the order of the log. The bots' counts are 1, 2, 3, …
//! - Entries that were read before a kill are the same afterwards.
//! - All games were played to the end, and the referee's reveal matches its commitment and its judgements.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use mcp_multiplayer_protocol::operation::{Message, Synced, View};
use mcp_multiplayer_protocol::{Hash, Sender};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::game::GAMES;
use crate::player::Player;
use crate::replay::{Replay, index_of};
use crate::seat::AcknowledgedMessage;
use crate::workload::{Channel, ChannelKind};

/// Time in which bots must finish their remaining hooks, after all players have their responses.
const SETTLE_TIMEOUT: Duration = Duration::from_mins(2);

/// Counts of what was audited.
#[derive(Debug, Default)]
pub(crate) struct AuditSummary {
    channels: usize,
    entries: usize,
    messages: usize,
    hooks: usize,
    games: u64,
}

impl fmt::Display for AuditSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { channels, entries, messages, hooks, games } = self;
        write!(
            f,
            "{channels:6} channels, {entries} entries, {messages} messages of players, {hooks} hooks, {games} games"
        )
    }
}

/// Reads and checks every log.
pub(crate) async fn audit_logs(ledger: &[Channel], mut alice: Player, mut bob: Player) -> AuditSummary {
    let mut summary = AuditSummary::default();
    for channel in ledger {
        let (messages, replay) = timeout(SETTLE_TIMEOUT, read_settled(channel, [&mut alice, &mut bob]))
            .await
            .expect("bots finish their hooks");
        let log = Log { channel, messages: &messages, replay: &replay };
        log.check_hooks();
        log.check_acknowledged();
        log.check_received();
        match channel.kind {
            ChannelKind::Chat => log.check_counts(),
            ChannelKind::Game => {
                log.check_games();
                summary.games += GAMES;
            }
        }
        for (seat, player) in channel.seats.iter().zip([&mut alice, &mut bob]) {
            let info = player.call("get_channel_info", json!({ "channel_id": channel.id })).await;
            assert_eq!(info["view"], json!(View::of(&replay.state)), "{}", channel.name);
            assert_eq!(info["your_slots"], json!([seat.slot_id]), "{}: {}", channel.name, seat.player);
        }
        summary.channels += 1;
        summary.entries += messages.len();
        summary.messages += channel.seats.iter().map(|seat| seat.acknowledged.len()).sum::<usize>();
        summary.hooks += replay.ran.values().map(Vec::len).sum::<usize>();
    }
    summary
}

/// Reads the whole log, once the bots have no hooks left to run.
async fn read_settled(channel: &Channel, players: [&mut Player; 2]) -> (Vec<Message>, Replay) {
    let mut log = BTreeMap::new();
    let mut cursors = [0, 0];
    let [alice, bob] = players;
    loop {
        // An entry for one player is visible to that player only; together they see all entries.
        for ((seat, player), cursor) in channel.seats.iter().zip([&mut *alice, &mut *bob]).zip(&mut cursors) {
            loop {
                let args = json!({ "channel_id": channel.id, "slot_id": seat.slot_id, "cursor": *cursor,
                    "timeout_ms": 2_000, "include_trace": true });
                let synced = player.call("sync_messages", args).await;
                let synced: Synced = serde_json::from_value(synced).expect("a page");
                *cursor = synced.cursor;
                for message in synced.messages {
                    let first = log.entry(message.id).or_insert_with(|| message.clone());
                    assert_eq!(*first, message, "{}: both read the same", channel.name);
                }
                if !synced.has_more {
                    break;
                }
            }
        }
        // One player may have read further than the other. Both cursors are at ends of batches.
        let both = cursors[0].min(cursors[1]);
        let complete: Vec<Message> = log.range(..=both).map(|(_, message)| message.clone()).collect();
        let ids = complete.iter().map(|message| message.id);
        assert!(ids.eq(1..=both), "{}: ids are 1, 2, 3, …", channel.name);
        let replay = Replay::of(&complete);
        if replay.is_settled() {
            return (complete, replay);
        }
    }
}

/// A log with its expected contents.
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
            assert_eq!(different, None, "{}: {bot} ran a hook that was not due", self.channel.name);
            assert_eq!(ran.len(), planned.len(), "{}: {bot} ran more hooks than were due", self.channel.name);
        }
        assert_eq!(self.replay.ran.len(), self.channel.bots.len());
    }

    fn check_acknowledged(&self) {
        let mut ids = BTreeSet::new();
        for seat in &self.channel.seats {
            for acknowledged in &seat.acknowledged {
                let AcknowledgedMessage { msg_id, ts, text, to_bot } = acknowledged;
                let message =
                    self.messages.get(index_of(*msg_id)).unwrap_or_else(|| panic!("{acknowledged:?} is lost"));
                assert_eq!(message.sender.to_string(), seat.slot_id, "{acknowledged:?} is now {message:?}");
                assert_eq!((message.ts.to_string(), self.body(message)["text"].as_str()), (ts.clone(), Some(&**text)));
                assert_eq!(message.to_slot.is_some(), to_bot.is_some(), "{acknowledged:?} is now {message:?}");
                assert!(ids.insert(*msg_id), "{acknowledged:?} has the id of another");
            }
        }
        let players = self.messages.iter().filter(|message| matches!(message.sender, Sender::Slot(_)));
        let present: BTreeSet<u64> = players.map(|message| message.id).collect();
        assert_eq!(present, ids, "{}: the log has exactly the acknowledged messages", self.channel.name);
        let joins = self.messages.iter().filter(|message| self.is(message, "member:join"));
        let joined: Vec<_> = joins.map(|message| self.body(message)["slot_id"].clone()).collect();
        assert_eq!(joined.len(), 2, "{}: everybody joined once: {joined:?}", self.channel.name);
        assert!(!self.messages.iter().any(|message| self.is(message, "member:rejoin")), "nobody took another's seat");
    }

    fn check_received(&self) {
        for seat in &self.channel.seats {
            for received in &seat.received {
                let id = received["id"].as_u64().expect("an id");
                let message =
                    self.messages.get(index_of(id)).unwrap_or_else(|| panic!("{received} was read before and is lost"));
                assert_eq!(
                    *received,
                    json!(message),
                    "{}: it was different when it was read before",
                    self.channel.name
                );
            }
        }
    }

    /// Checks that each bot answered every message to it once, in order, with its running count.
    fn check_counts(&self) {
        for bot in &self.channel.bots {
            let sent = self.channel.seats.iter().flat_map(|seat| &seat.acknowledged);
            let sent = sent.filter(|sent| sent.to_bot.as_ref().is_none_or(|to_bot| to_bot == bot));
            let mut sent: Vec<(u64, &str)> = sent.map(|sent| (sent.msg_id, &*sent.text)).collect();
            sent.sort_unstable();
            let of_bot = |kind| {
                let sender = format!("bot:{bot}");
                self.messages.iter().filter(move |m| m.sender.to_string() == sender && m.kind.as_str() == kind)
            };
            let answers: Vec<&Message> = of_bot("answer").collect();
            assert_eq!(answers.len(), sent.len(), "{}: {bot} answered everything once", self.channel.name);
            for ((message, (id, text)), count) in answers.into_iter().zip(sent).zip(1..) {
                let body = self.body(message);
                assert_eq!((&body["text"], &body["count"]), (&json!(text), &json!(count)), "{bot}: {message:?}");
                assert_eq!(self.replay.causes[index_of(message.id)], Some(id), "{bot}: {message:?}");
                assert!(body["to"].is_null() || body["to"] == id, "{bot}: {message:?}");
            }
            let joins: Vec<Value> = of_bot("welcome").map(|message| self.body(message)["joins"].clone()).collect();
            assert_eq!(joins, [json!(1), json!(2)], "{}: {bot} greeted both once", self.channel.name);
            assert_eq!(of_bot("ready").count(), 1);
        }
    }

    /// Checks each game from its start to its end, and the referee's proof.
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
