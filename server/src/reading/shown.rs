//! The answer that a model gets: the relay's, with everything that the log says taken from the verified log.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use mcp_multiplayer_protocol::channel::{Terms, Visibility};
use mcp_multiplayer_protocol::operation::{Logged, Message, Position, View};
use mcp_multiplayer_protocol::{Body, BotId, Error, Hash, Kind, Reply, Request, Sender, SlotId, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use super::known::{Finding, KnownChannel, Received};
use super::unverified::{Unverified, unverifiable};

/// Members of a result that the log determines.
const DERIVED: [&str; 6] = ["messages", "view", "bots", "terms", "terms_hash", "message_count"];

/// A relay's result, by its members.
#[derive(Debug)]
pub(super) struct Answered {
    members: BTreeMap<String, Box<RawValue>>,
}

impl Answered {
    /// Reads a relay's result, without what the log determines.
    pub(super) fn parse(reply: &Reply) -> Result<Self, Error> {
        let mut members: BTreeMap<String, Box<RawValue>> =
            serde_json::from_str(reply.get()).map_err(|_| unreadable("result"))?;
        members.retain(|name, _| !DERIVED.contains(&name.as_str()));
        Ok(Self { members })
    }

    /// Removes and parses a member; `None` if it is absent.
    pub(super) fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, Error> {
        let Some(value) = self.members.remove(name) else { return Ok(None) };
        serde_json::from_str(value.get()).map(Some).map_err(|_| unreadable(name))
    }

    /// Parses a member; `None` if it is absent.
    pub(super) fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Error> {
        let Some(value) = self.members.get(name) else { return Ok(None) };
        serde_json::from_str(value.get()).map(Some).map_err(|_| unreadable(name))
    }

    pub(super) fn set(&mut self, name: &str, value: &impl Serialize) {
        self.members.insert(name.to_owned(), to_raw_value(value).expect("results are plain JSON"));
    }

    pub(super) fn to_reply(&self) -> Reply {
        to_raw_value(&self.members).expect("results are plain JSON")
    }
}

fn unreadable(name: &str) -> Error {
    unverifiable(&format!("its part '{name}' does not have the documented form"))
}

/// The messages that a request reads.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    /// The entries among which they are.
    pub(super) ids: RangeInclusive<u64>,
    include_own: bool,
    include_trace: bool,
    /// The cursor before them.
    base: u64,
    /// The view is part of the answer only if it has changed since then.
    is_view_conditional: bool,
}

impl Reading {
    /// Finds the messages that an answer shows; `None` if it shows none.
    pub(super) fn of(request: &Request, answered: &Answered) -> Result<Option<Self>, Error> {
        let Some(cursor) = answered.get::<u64>("cursor")? else { return Ok(None) };
        let msg_id = answered.get::<u64>("msg_id")?;
        let (base, include_own, include_trace) = match request {
            Request::SyncMessages(args) => (args.cursor, args.include_own, args.include_trace),
            Request::PostMessage(args) => (args.cursor.or(msg_id), args.include_own, None),
            Request::DmBot(args) => (args.cursor.or(msg_id), args.include_own, None),
            Request::JoinChannel(args) => (args.cursor, None, None),
            Request::CreateChannel(_) => (None, None, None),
            Request::GetBoard(_) => (answered.get::<u64>("from")?.map(|from| from.saturating_sub(1)), None, None),
            _ => return Ok(None),
        };
        let base = base.unwrap_or(0);
        Ok(Some(Self {
            ids: base + 1..=cursor,
            include_own: include_own.unwrap_or(true),
            include_trace: include_trace.unwrap_or(false),
            base,
            is_view_conditional: !matches!(request, Request::JoinChannel(_) | Request::CreateChannel(_)),
        }))
    }

    /// Checks that the messages are among the entries that the relay has signed.
    pub(super) fn check_end(&self, size: u64) -> Result<(), Finding> {
        if *self.ids.end() <= size {
            return Ok(());
        }
        Err(Finding::new(
            "The relay's cursor is at an entry of the log that it has signed.",
            format!("It is {}, but the signed log has {size} entries.", self.ids.end()),
        ))
    }

    /// The entry from which on the log is needed to answer a request, as far as it can be known beforehand.
    pub(super) fn base_of(request: &Request) -> Option<u64> {
        match request {
            Request::SyncMessages(args) => Some(args.cursor.unwrap_or(0)),
            Request::PostMessage(args) => args.cursor.filter(|_| args.wait_ms.is_some()),
            Request::DmBot(args) => args.cursor.filter(|_| args.wait_ms.is_some()),
            _ => None,
        }
    }
}

/// Adds messages, view, bots and terms to an answer, from the verified log.
pub(super) fn complete(
    answered: &mut Answered,
    request: &Request,
    reading: Option<&Reading>,
    known: &KnownChannel,
    received: &Received,
) -> Result<(), Finding> {
    let composition = &known.state.composition;
    if let (Request::GetBoard(_), Some(reading)) = (request, reading) {
        return complete_board(answered, reading, known, received);
    }
    if let Some(reading) = reading {
        answered.set("messages", &messages(reading, known, received)?);
        let is_member = received.visibility().is_member();
        if reading.is_view_conditional && is_member && composition.revision > reading.base {
            answered.set("view", &View::of(&known.state));
        }
    }
    let has_channel = matches!(
        request,
        Request::CreateChannel(_) | Request::JoinChannel(_) | Request::UpdateChannel(_) | Request::GetChannelInfo(_)
    );
    if has_channel {
        let terms = Terms::of(composition);
        answered.set("view", &View::of(&known.state));
        answered.set("bots", &known.bot_views());
        answered.set("terms_hash", &terms.hash());
        if matches!(request, Request::GetChannelInfo(_)) {
            answered.set("terms", &terms);
            answered.set("message_count", &known.size());
        }
    }
    Ok(())
}

/// Replaces the board and the turn by what the verified log says. Only the drawing is the relay's word.
fn complete_board(
    answered: &mut Answered,
    reading: &Reading,
    known: &KnownChannel,
    received: &Received,
) -> Result<(), Finding> {
    let entries = reading.ids.clone().filter_map(|id| received.entries.get(&id).and_then(Logged::entry));
    let position = Position::read(entries, &known.state.composition, &received.visibility());
    let drawn = answered.get::<Hash>("board_hash").ok().flatten();
    let Some(position) = position.filter(|position| Some(position.board_hash) == drawn) else {
        return Err(Finding::new(
            "The board that the relay shows is the last one in the entries that it names.",
            "They have another one, or none.",
        ));
    };
    answered.members.retain(|name, _| !Position::MEMBERS.contains(&name.as_str()));
    let Ok(Value::Object(members)) = serde_json::to_value(&position) else { unreachable!("a position is an object") };
    for (name, value) in &members {
        answered.set(name, value);
    }
    Ok(())
}

fn messages(reading: &Reading, known: &KnownChannel, received: &Received) -> Result<Vec<Message>, Finding> {
    let mut visibility = received.visibility();
    visibility.include_trace = reading.include_trace;
    let own = Visibility::of_former_member(known.own(visibility.tenures()).into());
    let mut messages = Vec::new();
    for id in reading.ids.clone() {
        match received.entries.get(&id) {
            Some(Logged::Entry(entry)) => {
                // A seat that nobody here took is no reason to hide posts, whatever the relay says of the reader.
                if visibility.includes(entry) && (reading.include_own || !own.is_own(entry)) {
                    messages.push(Message::of(&known.state.composition, entry));
                }
            }
            Some(Logged::Leaf(_)) if visibility.end().is_some_and(|end| id > end) => {}
            _ => {
                return Err(Finding::new(
                    "The relay shows all entries that its cursor passes.",
                    format!("It passed over entry {id}."),
                ));
            }
        }
    }
    Ok(messages)
}

/// Checks that the log contains what an answer acknowledges, as it was requested.
pub(super) fn check_acknowledged(
    answered: &mut Answered,
    request: &Request,
    known: &KnownChannel,
    received: &Received,
) -> Result<(), Unverified> {
    match request {
        Request::PostMessage(args) => {
            let kind = args.kind.clone().unwrap_or(Kind::USER);
            check_post(answered, known, received, args.slot_id, &kind, None, args.data.as_ref(), &args.body)
        }
        Request::DmBot(args) => {
            let bot = known.bots.get(&args.bot_id);
            let to_slot = bot.map(|bot| bot.slot_id).ok_or_else(|| no_bot(&args.bot_id))?;
            check_post(
                answered,
                known,
                received,
                args.slot_id,
                &Kind::PRIVATE,
                Some(to_slot),
                args.data.as_ref(),
                &args.message,
            )
        }
        Request::JoinChannel(args) => {
            let slot_id = answered.get::<SlotId>("slot_id")?;
            let (Some(terms_hash), Some(slot_id)) = (args.terms_hash, slot_id) else { return Ok(()) };
            let is_closing = known.state.composition.close_requested.is_some();
            if is_closing || known.has_accepted(slot_id, terms_hash) {
                return Ok(());
            }
            Err(Unverified::from(Finding::new(
                format!("You accepted the terms with the hash {terms_hash}."),
                format!(
                    "In the log, nobody in {slot_id} has accepted these. The channel may have other terms than you were shown."
                ),
            )))
        }
        Request::LeaveChannel(args) => match args.slot_id.filter(|slot_id| known.holds(*slot_id)) {
            Some(slot_id) => Err(Unverified::from(Finding::new(
                format!("You gave up {slot_id}."),
                "The relay said so, but its log does not.".to_owned(),
            ))),
            None => Ok(()),
        },
        Request::AttachBot(args) => {
            let bot_id: BotId = answered.get("bot_id")?.ok_or_else(|| unreadable("bot_id"))?;
            let bot = known.bots.get(&bot_id).ok_or_else(|| no_bot(&bot_id))?;
            if args.inline_code.as_ref().is_some_and(|code| Hash::of(&[code.as_bytes()]) != bot.code_hash) {
                return Err(Unverified::from(Finding::new(
                    "The bot that you attached has the code that you sent.",
                    format!("In the log, {bot_id} has other code."),
                )));
            }
            answered.set("slot_id", &bot.slot_id);
            answered.set("code_hash", &bot.code_hash);
            answered.set("manifest_hash", &bot.manifest_hash);
            Ok(())
        }
        _ => Ok(()),
    }
}

#[expect(clippy::too_many_arguments, reason = "the parts of a post that two kinds of requests have in common")]
fn check_post(
    answered: &mut Answered,
    known: &KnownChannel,
    received: &Received,
    slot_id: Option<SlotId>,
    kind: &Kind,
    to_slot: Option<SlotId>,
    data: Option<&Map<String, Value>>,
    text: &str,
) -> Result<(), Unverified> {
    let msg_id: u64 = answered.get("msg_id")?.ok_or_else(|| unreadable("msg_id"))?;
    let mut fields = data.cloned().unwrap_or_default();
    fields.insert("text".to_owned(), Value::String(text.to_owned()));
    let body = Body::new("body", fields).ok();
    let entry = received.entries.get(&msg_id).and_then(Logged::entry);
    let found = entry.filter(|entry| {
        let is_own_seat = match &entry.envelope.sender {
            Sender::Slot(sender) => match slot_id {
                Some(slot_id) => slot_id == *sender,
                // A repeat may acknowledge a post from an earlier seat.
                None => {
                    received.visibility().tenures().iter().any(|tenure| tenure.slot_id == *sender)
                        || known.took(*sender)
                }
            },
            _ => false,
        };
        is_own_seat
            && entry.envelope.kind == *kind
            && entry.envelope.to_slot == to_slot
            && entry.body() == body.as_ref()
    });
    let Some(entry) = found else {
        return Err(Unverified::from(Finding::new(
            format!("Your message is in the log as entry {msg_id}, exactly as you sent it: the relay said so."),
            format!("Entry {msg_id} of the log is another one."),
        )));
    };
    answered.set("ts", &entry.envelope.ts);
    Ok(())
}

fn no_bot(bot_id: &BotId) -> Finding {
    Finding::new(
        "Bots that the relay tells of are in the channel's log.",
        format!("There is no bot {bot_id} in the log."),
    )
}

/// The note on entries that came late: more than this before the last time at which the relay signed a log without them.
const LATE_MS: i64 = 30_000;

/// Returns a note for the model if one of the entries after `size` bears a time more than 30 s before `then`, when the
/// whole log ended with entry `size`.
pub(super) fn late_note(received: &Received, size: u64, then: Timestamp) -> Option<String> {
    let late = received.entries.range(size + 1..).find_map(|(id, logged)| {
        let ts = logged.entry()?.envelope.ts;
        (ts.as_millis() + LATE_MS < then.as_millis()).then_some((id, ts))
    });
    let (id, ts) = late?;
    Some(format!(
        "Entry {id} says that it was written at {ts}, but at {then} the relay had signed a log without it. Either the relay \
         delayed or back-dated it, or the clock of this computer is ahead."
    ))
}

#[cfg(test)]
mod tests {
    use mcp_multiplayer_protocol::operation::{LogEntry, Logged};
    use mcp_multiplayer_protocol::{ChannelId, Timestamp};

    use super::{Received, late_note};

    #[test]
    fn entries_that_come_long_after_their_time_are_noted() {
        let then = Timestamp::from_millis(1_800_000_000_000);
        let received = |millis| {
            let ts = Timestamp::from_millis(then.as_millis() + millis);
            let text = format!(r#"{{"ts":"{ts}","sender":"s1","body_hash":"sha256:{}"}}"#, "0".repeat(64));
            let entry: LogEntry = serde_json::from_str(&text).unwrap();
            let logged = entry.restore(ChannelId::from_bytes([7; 10]), 8).unwrap();
            assert!(matches!(logged, Logged::Entry(_)));
            Received { entries: [(8, logged)].into(), reader: None }
        };
        assert!(late_note(&received(-30_001), 7, then).unwrap().contains("Entry 8"));
        assert_eq!(late_note(&received(-30_000), 7, then), None);
        assert_eq!(late_note(&received(1_000), 7, then), None, "written after that");
        assert_eq!(late_note(&received(-90_000), 8, then), None, "it was there then: history");
    }
}
