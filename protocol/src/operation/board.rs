use std::collections::{BTreeMap, VecDeque};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::channel::{Composition, Visibility};
use crate::{BotId, ChannelId, Entry, Hash, Sender, SlotId, Timestamp, canonical_text};

/// Number of posts in [`Position::last`].
const LAST_POSTS: usize = 4;
/// Maximum length of a text in [`Position::last`], in characters.
const LAST_CHARS: usize = 120;

/// Arguments of `get_board`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetBoard {
    /// 'chn_…'
    pub channel_id: ChannelId,
    /// Your seat, if several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot_id: Option<SlotId>,
    /// board_hash of a drawing that you have; it is then left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_hash: Option<Hash>,
}

/// Result of [`GetBoard`].
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct BoardShown {
    /// The channel.
    pub channel_id: ChannelId,
    /// The board and the turn, as the channel's log has them.
    #[serde(flatten)]
    pub position: Position,
    /// The board as lines of text for a fixed-width font.
    pub text: String,
    /// The board as an SVG image for a light page; absent if `known_hash` is the board's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub svg: Option<String>,
    /// The same for a dark page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub svg_dark: Option<String>,
    /// The last entry that was considered; pass it to `sync_messages`.
    pub cursor: u64,
    /// Time of the answer.
    pub now: Timestamp,
}

/// The last board that a bot has posted for everybody, and whose turn it is, for one reader.
///
/// It follows from the entries from [`from`](Self::from) on, so that a reader with these entries can compute it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Position {
    /// The board: the field `board` of a post.
    pub board: Map<String, Value>,
    /// SHA-256 of the board's canonical JSON.
    pub board_hash: Hash,
    /// Id of the post.
    pub board_id: u64,
    /// The bot that posted it.
    pub bot_id: BotId,
    /// Slots that may move, as this bot has said last; empty after the end of the game.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn: Option<Vec<SlotId>>,
    /// Time at which it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn_ts: Option<Timestamp>,
    /// `turn_id` of the turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn_id: Option<Value>,
    /// Moves that the reader or everybody may make: a list of texts, or a JSON Schema for `data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actions: Option<Value>,
    /// Other texts that the reader may post in this turn, such as "resign". They are not for programs that choose among `actions`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_actions: Option<Vec<String>>,
    /// True if the move is sent with `dm_bot`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub private: bool,
    /// End of the turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// Milliseconds that each player had left at `turn_ts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clocks: Option<BTreeMap<SlotId, i64>>,
    /// True if the reader may move.
    pub your_turn: bool,
    /// The seat that the reader reads from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub your_slot: Option<SlotId>,
    /// Labels of the players' slots.
    pub labels: BTreeMap<SlotId, String>,
    /// The last posts for everybody.
    pub last: Vec<LastPost>,
    /// The first entry that all this follows from.
    pub from: u64,
}

/// A post of a player or a bot, shortened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LastPost {
    /// The message's id.
    pub id: u64,
    /// The sender: `s1`, or `bot:<bot_id>`.
    pub sender: Sender,
    /// Label or name of the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// First line of the text, at most 120 characters.
    pub text: String,
}

/// The fields of a post that a position is read from. Each may have any type: bots write what they like.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    board: Value,
    turn: Value,
    turn_id: Option<Value>,
    actions: Value,
    other_actions: Value,
    private: Value,
    deadline: Value,
    clocks: Value,
    r#type: Value,
    text: Value,
}

/// A bot's offer of a turn.
struct Turn {
    id: u64,
    ts: Timestamp,
    slots: Vec<SlotId>,
    fields: Fields,
}

impl Position {
    /// The names of all members, for readers that compute them again.
    pub const MEMBERS: [&'static str; 17] = [
        "board",
        "board_hash",
        "board_id",
        "bot_id",
        "turn",
        "turn_ts",
        "turn_id",
        "actions",
        "other_actions",
        "private",
        "deadline",
        "clocks",
        "your_turn",
        "your_slot",
        "labels",
        "last",
        "from",
    ];

    /// Reads the position from consecutive entries of a log; `None` if none of them shows a board.
    pub fn read<'a>(
        entries: impl IntoIterator<Item = &'a Entry>,
        composition: &Composition,
        visibility: &Visibility,
    ) -> Option<Self> {
        let (mut shown, mut last) = (None, VecDeque::with_capacity(LAST_POSTS + 1));
        let mut turns: BTreeMap<BotId, Turn> = BTreeMap::new();
        for entry in entries.into_iter().filter(|entry| visibility.includes(entry)) {
            let envelope = &entry.envelope;
            let (_, body) = entry.message();
            let Some(mut fields) = body.and_then(|body| body.parse::<Fields>().ok()) else { continue };
            let is_public = envelope.to_slot.is_none();
            if is_public
                && envelope.sender != Sender::System
                && let Some(text) = first_line(&fields.text)
            {
                let label = composition.sender_label(&envelope.sender).map(str::to_owned);
                last.push_back(LastPost { id: envelope.id, sender: envelope.sender.clone(), label, text });
                if last.len() > LAST_POSTS {
                    last.pop_front();
                }
            }
            let Sender::Bot(bot_id) = &envelope.sender else { continue };
            if !is_public {
                // Moves that only this reader may see, for the turn that was offered to everybody.
                if let Some(turn) = turns.get_mut(bot_id)
                    && is_offer(&fields.actions)
                {
                    turn.fields.actions = fields.actions;
                }
                continue;
            }
            if let Value::Object(board) = fields.board.take() {
                shown = Some((envelope.id, bot_id.clone(), board));
            }
            let slots = match parsed(&fields.turn) {
                _ if fields.r#type == "game_end" => Some(vec![]),
                slots => slots,
            };
            if let Some(slots) = slots {
                turns.insert(bot_id.clone(), Turn { id: envelope.id, ts: envelope.ts, slots, fields });
            }
        }
        let (board_id, bot_id, board) = shown?;
        let text = canonical_text("board", &Value::Object(board.clone())).ok()?;
        let your_slot = visibility.seat();
        let mut position = Self {
            board_hash: Hash::of(&[text.as_bytes()]),
            board,
            board_id,
            turn: None,
            turn_ts: None,
            turn_id: None,
            actions: None,
            other_actions: None,
            private: false,
            deadline: None,
            clocks: None,
            your_turn: false,
            your_slot,
            labels: composition.seats().map(|(slot_id, slot, _)| (slot_id, slot.label.clone())).collect(),
            from: last.front().map_or(board_id, |post: &LastPost| post.id).min(board_id),
            last: last.into(),
            bot_id,
        };
        if let Some(turn) = turns.remove(&position.bot_id) {
            position.from = position.from.min(turn.id);
            position.offer(turn);
        }
        Some(position)
    }

    /// Adds the turn that the bot has offered last.
    fn offer(&mut self, turn: Turn) {
        let Turn { ts, slots, fields, .. } = turn;
        let is_over = slots.is_empty();
        self.your_turn = self.your_slot.is_some_and(|seat| slots.contains(&seat));
        self.turn = Some(slots);
        self.turn_ts = Some(ts);
        self.clocks = parsed(&fields.clocks);
        if !is_over {
            self.turn_id = fields.turn_id.filter(|turn_id| turn_id.is_number() || turn_id.is_string());
            self.actions = Some(fields.actions).filter(is_offer);
            self.other_actions = parsed(&fields.other_actions);
            self.private = fields.private == true;
            self.deadline = parsed(&fields.deadline);
        }
    }

    /// Returns whether the reader sees the board from its other side, as the board's `turned_for` says.
    pub fn is_turned(&self) -> bool {
        let slots: Option<Vec<SlotId>> = self.board.get("turned_for").and_then(parsed);
        self.your_slot.is_some_and(|seat| slots.is_some_and(|slots| slots.contains(&seat)))
    }

    /// Returns the board's canonical JSON, which `board_hash` is the hash of.
    pub fn board_text(&self) -> String {
        canonical_text("board", &Value::Object(self.board.clone())).expect("a part of a body is canonical JSON")
    }
}

fn parsed<T: DeserializeOwned>(value: &Value) -> Option<T> {
    if value.is_null() { None } else { T::deserialize(value).ok() }
}

/// Returns whether `actions` has one of its two forms: texts, or a JSON Schema.
fn is_offer(actions: &Value) -> bool {
    match actions {
        Value::Array(texts) => texts.iter().all(Value::is_string),
        Value::Object(_) => true,
        _ => false,
    }
}

/// The first line of a text that is not blank, shortened.
fn first_line(text: &Value) -> Option<String> {
    let line = text.as_str()?.lines().map(str::trim).find(|line| !line.is_empty())?;
    if line.chars().count() <= LAST_CHARS {
        return Some(line.to_owned());
    }
    Some(line.chars().take(LAST_CHARS - 1).chain(['…']).collect())
}
