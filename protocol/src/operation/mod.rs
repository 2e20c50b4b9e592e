//! The operations that a relay offers: their requests and results, and the trait that all transports share.
//!
//! Each operation is defined once, here. MCP tools, WebSocket frames and REST routes are thin adapters
//! over [`Request`] and [`Multiplayer`].
#![expect(
    clippy::doc_markdown,
    reason = "doc comments of arguments become schema descriptions, which models read as plain text"
)]

mod board;
mod bots;
mod channels;
mod health;
mod log;
mod messages;
mod proofs;
mod receipts;
mod turn;
mod update;
mod view;

use std::borrow::Cow;
use std::future::Future;
use std::pin::Pin;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

pub use board::{BoardShown, GetBoard, LastPost, Position};
pub use bots::{AttachBot, BotAttached, BotCode, BotSpec, GetBotCode};
pub use channels::{
    ChannelCreated, ChannelInfo, ChannelList, ChannelPreview, ChannelSummary, CreateChannel, GetChannelInfo,
    JoinChannel, JoinOutcome, Joined, LeaveChannel, Left, ListChannels,
};
pub use health::{Health, HealthCheck};
pub use log::{LogEntry, LogPage, LogRead, Logged, ReadLog};
pub use messages::{
    DeleteEntries, Deleted, DmBot, DmDelivered, Message, MessagePosted, PostMessage, SyncMessages, Synced, WaitFor,
};
pub use proofs::{GetProof, LogProof};
pub use receipts::{GetReceipt, ReceiptSummary};
pub use turn::NamedTurn;
pub use update::{ChannelUpdated, UpdateChannel, UpdateOp};
pub use view::{BotView, SlotView, View};

use crate::Error;

/// Result of an operation: compact JSON, ready to be sent.
pub type Reply = Box<RawValue>;

/// Future that resolves to a [`Reply`].
pub type ReplyFuture<'a> = Pin<Box<dyn Future<Output = Result<Reply, Error>> + Send + 'a>>;

/// Future that resolves to the error with which every further request is refused.
pub type RefusalFuture<'a> = Pin<Box<dyn Future<Output = Error> + Send + 'a>>;

/// An implementation of the operations for one principal: a relay, or a connection to one.
pub trait Multiplayer: Send + Sync {
    /// Performs one operation. Dropping the future ends a wait; entries that were appended remain.
    fn perform(&self, request: Request) -> ReplyFuture<'_>;

    /// Waits until the principal's access ends because its token has expired or was revoked, and returns the
    /// `UNAUTHENTICATED` error.
    ///
    /// The default never resolves. It is for implementations that learn of the end only from a refused request.
    fn end_of_access(&self) -> RefusalFuture<'_> {
        Box::pin(std::future::pending())
    }
}

macro_rules! operations {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal -> $result:ident,)+) => {
        /// A request for one of the operations.
        #[derive(Clone, Debug, Serialize)]
        #[serde(tag = "op", content = "args", rename_all = "snake_case")]
        #[expect(missing_docs, reason = "each variant is described at its type")]
        pub enum Request {
            $($variant($variant),)+
        }

        impl Request {
            /// The names of all operations.
            pub const NAMES: &'static [&'static str] = &[$($name,)+];

            /// Parses the arguments of the operation called `name`. An error names the argument that is wrong.
            pub fn parse(name: &str, args: Value) -> Result<Self, Error> {
                match name {
                    $($name => parse_arguments(args).map(Self::$variant),)+
                    _ => Err(Error::invalid(
                        format!("There is no operation '{}'.", name.chars().take(64).collect::<String>()),
                        format!("The operations are: {}.", Self::NAMES.join(", ")),
                    )),
                }
            }

            /// Returns the operation's name.
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)+
                }
            }

            /// Returns the JSON schema of an operation's arguments, which allows no additional arguments.
            pub fn schema(name: &str) -> Option<Schema> {
                match name {
                    $($name => Some(schema_of::<$variant>()),)+
                    _ => None,
                }
            }

            /// Returns a one-sentence description of the operation called `name`.
            pub fn summary(name: &str) -> Option<&'static str> {
                match name {
                    $($name => Some(concat!($($doc),+).trim_ascii()),)+
                    _ => None,
                }
            }

            /// Returns the JSON schemas of an operation's arguments and of its result. The settings of the two generators
            /// determine the form, such as inlined types.
            pub fn schemas(
                name: &str,
                arguments: &mut SchemaGenerator,
                results: &mut SchemaGenerator,
            ) -> Option<(Schema, Schema)> {
                match name {
                    $($name => Some((arguments.subschema_for::<$variant>(), results.subschema_for::<$result>())),)+
                    _ => None,
                }
            }
        }

        $(impl From<$variant> for Request {
            fn from(arguments: $variant) -> Self {
                Self::$variant(arguments)
            }
        })+
    };
}

operations! {
    /// Reports the relay's version and the sandbox around its bots.
    HealthCheck = "health_check" -> Health,
    /// Creates a channel with slots and bots.
    CreateChannel = "create_channel" -> ChannelCreated,
    /// Takes a seat with an invite, or returns to a seat with a rejoin token.
    JoinChannel = "join_channel" -> JoinOutcome,
    /// Gives up a seat.
    LeaveChannel = "leave_channel" -> Left,
    /// Posts a message to everyone in the channel.
    PostMessage = "post_message" -> MessagePosted,
    /// Sends a private message to one bot.
    DmBot = "dm_bot" -> DmDelivered,
    /// Reads new messages, waiting for them if there are none.
    SyncMessages = "sync_messages" -> Synced,
    /// Shows the last board that a bot has posted, as text and as images, and whose turn it is.
    GetBoard = "get_board" -> BoardShown,
    /// Shows the channel's slots, players and bots.
    GetChannelInfo = "get_channel_info" -> ChannelInfo,
    /// Returns the exact source code of a bot.
    GetBotCode = "get_bot_code" -> BotCode,
    /// Lists the caller's own channels.
    ListChannels = "list_channels" -> ChannelList,
    /// Changes a channel; for admins.
    UpdateChannel = "update_channel" -> ChannelUpdated,
    /// Adds a bot to a channel.
    AttachBot = "attach_bot" -> BotAttached,
    /// Makes the receipt of a channel and says what it proves.
    GetReceipt = "get_receipt" -> ReceiptSummary,
    /// Proves that an entry is in the channel's log, or that the log has only grown.
    GetProof = "get_proof" -> LogProof,
    /// Destroys what the caller wrote in a closed channel; the log shows that it was there.
    DeleteEntries = "delete_entries" -> Deleted,
    /// Returns the entries of a channel's log as they are hashed.
    ReadLog = "read_log" -> LogRead,
}

impl Request {
    /// The operations that are for programs, such as those that verify a log or show a board, and that are no MCP tools of
    /// these names.
    pub const FOR_PROGRAMS: &'static [&'static str] = &["get_board", "get_proof", "delete_entries", "read_log"];

    /// Returns the argument `idempotency_key`, if the operation has one.
    pub fn idempotency_key_mut(&mut self) -> Option<&mut Option<IdempotencyKey>> {
        match self {
            Self::CreateChannel(args) => Some(&mut args.idempotency_key),
            Self::JoinChannel(args) => Some(&mut args.idempotency_key),
            Self::LeaveChannel(args) => Some(&mut args.idempotency_key),
            Self::PostMessage(args) => Some(&mut args.idempotency_key),
            Self::DmBot(args) => Some(&mut args.idempotency_key),
            Self::UpdateChannel(args) => Some(&mut args.idempotency_key),
            Self::AttachBot(args) => Some(&mut args.idempotency_key),
            Self::HealthCheck(_)
            | Self::SyncMessages(_)
            | Self::GetBoard(_)
            | Self::GetChannelInfo(_)
            | Self::GetBotCode(_)
            | Self::GetProof(_)
            | Self::DeleteEntries(_)
            | Self::GetReceipt(_)
            | Self::ReadLog(_)
            | Self::ListChannels(_) => None,
        }
    }

    /// Returns the argument `include_own`, if the operation has one.
    pub fn include_own_mut(&mut self) -> Option<&mut Option<bool>> {
        match self {
            Self::PostMessage(args) => Some(&mut args.include_own),
            Self::DmBot(args) => Some(&mut args.include_own),
            Self::SyncMessages(args) => Some(&mut args.include_own),
            _ => None,
        }
    }

    /// Returns the channel that the request is about; `None` if it names none, or only by a secret.
    pub fn channel_id(&self) -> Option<crate::ChannelId> {
        match self {
            Self::LeaveChannel(args) => Some(args.channel_id),
            Self::PostMessage(args) => Some(args.channel_id),
            Self::DmBot(args) => Some(args.channel_id),
            Self::SyncMessages(args) => Some(args.channel_id),
            Self::GetBoard(args) => Some(args.channel_id),
            Self::GetChannelInfo(args) => Some(args.channel_id),
            Self::GetBotCode(args) => args.channel_id,
            Self::UpdateChannel(args) => Some(args.channel_id),
            Self::AttachBot(args) => Some(args.channel_id),
            Self::GetProof(args) => Some(args.channel_id),
            Self::ReadLog(args) => Some(args.channel_id),
            Self::GetReceipt(args) => Some(args.channel_id),
            Self::DeleteEntries(args) => Some(args.channel_id),
            Self::HealthCheck(_) | Self::CreateChannel(_) | Self::JoinChannel(_) | Self::ListChannels(_) => None,
        }
    }

    /// Returns whether the reply may contain a seat that the caller took.
    pub fn may_take_seat(&self) -> bool {
        match self {
            Self::JoinChannel(args) => args.preview != Some(true),
            Self::CreateChannel(args) => args.join_as.is_some(),
            _ => false,
        }
    }

    /// Returns the channel and the argument `slot_id`, if the operation has one.
    pub fn seat_mut(&mut self) -> Option<(crate::ChannelId, &mut Option<crate::SlotId>)> {
        match self {
            Self::LeaveChannel(args) => Some((args.channel_id, &mut args.slot_id)),
            Self::PostMessage(args) => Some((args.channel_id, &mut args.slot_id)),
            Self::DmBot(args) => Some((args.channel_id, &mut args.slot_id)),
            Self::SyncMessages(args) => Some((args.channel_id, &mut args.slot_id)),
            Self::GetBoard(args) => Some((args.channel_id, &mut args.slot_id)),
            Self::UpdateChannel(args) => Some((args.channel_id, &mut args.slot_id)),
            Self::AttachBot(args) => Some((args.channel_id, &mut args.slot_id)),
            Self::DeleteEntries(args) => Some((args.channel_id, &mut args.slot_id)),
            Self::GetReceipt(args) => Some((args.channel_id, &mut args.slot_id)),
            Self::ReadLog(args) => Some((args.channel_id, &mut args.slot_id)),
            Self::HealthCheck(_)
            | Self::CreateChannel(_)
            | Self::JoinChannel(_)
            | Self::GetChannelInfo(_)
            | Self::GetBotCode(_)
            | Self::GetProof(_)
            | Self::ListChannels(_) => None,
        }
    }
}

fn parse_arguments<T: DeserializeOwned>(args: Value) -> Result<T, Error> {
    let mut args = match args {
        // Clients may omit the arguments of an operation that needs none.
        Value::Null => Map::new(),
        Value::Object(args) => args,
        _ => {
            return Err(Error::invalid(
                "The arguments must be a JSON object.",
                "Pass each argument by its name, as in the tool's input schema.",
            ));
        }
    };
    for (name, value) in &mut args {
        normalize_integer(value);
        refuse_wrong_containers(name, value)?;
    }
    let args = Value::Object(args);
    serde_path_to_error::deserialize(args).map_err(|error| {
        let path = error.path().to_string();
        let reason = error.into_inner().to_string();
        let message =
            if path == "." { format!("Invalid arguments: {reason}.") } else { format!("Argument '{path}': {reason}.") };
        Error::invalid(
            message.chars().take(600).collect::<String>(),
            "Compare the call with the tool's input schema and send it again.",
        )
    })
}

/// Converts a float without a fraction, such as `7.0`, to an integer, because JSON Schema regards it as one. Numbers
/// nested inside an argument are the caller's own data and must stay unchanged.
fn normalize_integer(value: &mut Value) {
    const END: f64 = 18_446_744_073_709_551_616.0;
    if let Some(number) = value.as_f64().filter(|_| value.is_f64())
        && number.fract() == 0.0
        && (0.0..END).contains(&number)
    {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole, and within the bounds of u64"
        )]
        let integer = number as u64;
        *value = integer.into();
    }
}

/// Refuses arrays in place of the objects that describe bots and operations of `update_channel`, because serde would
/// assign their items to fields by position. Also refuses an object in place of the string `to`, because serde would accept
/// one for an enum.
fn refuse_wrong_containers(name: &str, value: &Value) -> Result<(), Error> {
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        let field = if item.is_array() {
            ""
        } else if item.get("bot").is_some_and(Value::is_array) {
            ".bot"
        } else if item.get("to").is_some_and(Value::is_object) {
            ".to"
        } else {
            continue;
        };
        return Err(Error::invalid(
            format!("Argument '{name}[{index}]{field}' has the wrong type.").chars().take(600).collect::<String>(),
            "Compare the call with the tool's input schema and send it again.",
        ));
    }
    Ok(())
}

fn schema_of<T: JsonSchema>() -> Schema {
    let mut settings = schemars::generate::SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    SchemaGenerator::new(settings).into_root_schema_for::<T>()
}

/// A key chosen by the caller so that a repeated request takes effect only once; 1 to 128 printable ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// Returns the key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for IdempotencyKey {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let valid = (1..=crate::limits::IDEMPOTENCY_KEY_BYTES).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_graphic());
        if valid { Ok(Self(text.to_owned())) } else { Err("an idempotency key is 1 to 128 printable ASCII characters") }
    }
}

impl<'de> Deserialize<'de> for IdempotencyKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for IdempotencyKey {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "IdempotencyKey".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "string", "pattern": "^[!-~]{1,128}$" })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Request;
    use crate::ErrorCode;

    #[test]
    fn every_operation_has_a_closed_schema_without_references() {
        for name in Request::NAMES {
            let schema = Value::from(Request::schema(name).unwrap());
            assert_eq!(schema["type"], "object", "{name}");
            assert_eq!(schema["additionalProperties"], false, "{name}");
            assert!(!schema.to_string().contains("$ref"), "{name}: {schema}");
        }
    }

    #[test]
    fn errors_name_the_wrong_argument() {
        let cases = [
            ("post_message", json!({ "channel_id": 7, "body": "x" }), "'channel_id'"),
            ("post_message", json!({ "channel_id": "chn_zzz", "body": "x" }), "'channel_id'"),
            ("post_message", json!({ "body": "x" }), "channel_id"),
            ("post_message", json!({ "channel_id": "chn_0123456789abcdef", "body": "x", "sender": "s1" }), "sender"),
            ("sync_messages", json!({ "channel_id": "chn_0123456789abcdef", "cursor": -1 }), "'cursor'"),
            (
                "update_channel",
                json!({ "channel_id": "chn_0123456789abcdef", "ops": [{ "type": "explode" }] }),
                "explode",
            ),
            ("create_channel", json!([1, 2]), "arguments"),
            ("create_channel", json!({ "name": "x", "slots": ["bot"], "bots": [[null, null]] }), "'bots[0]'"),
            (
                "update_channel",
                json!({ "channel_id": "chn_0123456789abcdef", "ops": [{ "type": "rename", "name": "x" }, ["close"]] }),
                "'ops[1]'",
            ),
            (
                "update_channel",
                json!({ "channel_id": "chn_0123456789abcdef", "ops": [{ "type": "set_bot", "slot_id": "s0", "bot": [] }] }),
                "'ops[0].bot'",
            ),
            (
                "update_channel",
                json!({ "channel_id": "chn_0123456789abcdef",
                    "ops": [{ "type": "yield_slot", "slot_id": "s0", "to": { "bot": null } }] }),
                "'ops[0].to'",
            ),
            ("sync_messages", json!({ "channel_id": "chn_0123456789abcdef", "cursor": 1.5 }), "'cursor'"),
            ("sync_messages", json!({ "channel_id": "chn_0123456789abcdef", "cursor": 1e20 }), "'cursor'"),
            ("no_such", json!({}), "no_such"),
        ];
        for (name, args, expected) in cases {
            let error = Request::parse(name, args.clone()).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidRequest, "{name} {args}");
            assert!(error.message.contains(expected), "{name} {args}: {}", error.message);
        }
    }

    #[test]
    fn floats_without_a_fraction_are_accepted_as_integers() {
        let args = json!({ "channel_id": "chn_0123456789abcdef", "cursor": 7.0, "body": "x", "data": { "n": 7.5 } });
        let request = Request::parse("post_message", args).unwrap();
        assert_eq!(serde_json::to_value(request).unwrap()["args"]["cursor"], 7);
    }

    #[test]
    fn requests_round_trip_as_json() {
        let args = json!({ "channel_id": "chn_0123456789abcdef", "body": "guess 42", "wait_ms": 20_000, "cursor": 3 });
        let request = Request::parse("post_message", args.clone()).unwrap();
        let sent = serde_json::to_value(&request).unwrap();
        assert_eq!(sent["op"], request.name());
        let again = Request::parse("post_message", sent["args"].clone()).unwrap();
        assert_eq!(serde_json::to_value(again).unwrap(), sent);
        assert_eq!(sent["args"]["cursor"], 3);
    }
}
