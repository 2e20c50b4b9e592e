//! The operations, one file each: `protocol::Multiplayer` as a relay implements it.
//!
//! Transports use [`Caller`], pages use `InvitePreview` and `ReceiptLink`, and nothing else of this module is used outside. An operation turns secrets and principals
//! into slots, proposes changes to a channel, and answers from what is durable.
//!
//! Besides the operations:
//! - `caller`, `dispatch`: the principal in the context of one request, and the operation that it requests;
//! - `idempotency`: repeats of a request are answered like the first one;
//! - `bot_source`, `bot_env`, `bot_attachment`, `bot_start`: the way of a bot into a channel, from its
//!   source to its first hook;
//! - `arguments`, `answer`: checks of arguments, and the size of answers;
//! - `signed_reply`: answers with a checkpoint and the log, for clients that verify what they read.

mod answer;
mod arguments;
mod attach_bot;
mod bot_attachment;
mod bot_env;
mod bot_source;
mod bot_start;
mod caller;
mod create_channel;
mod delete_entries;
mod dispatch;
mod get_board;
mod get_bot_code;
mod get_channel_info;
mod get_proof;
mod get_receipt;
mod health_check;
mod idempotency;
mod join_channel;
mod leave_channel;
mod list_channels;
mod names;
mod post_message;
mod preview_invite;
mod read_log;
mod receipt;
mod signed_reply;
mod sync_messages;
mod terms;
mod update_channel;

pub(crate) use get_receipt::ReceiptLink;
pub(crate) use preview_invite::InvitePreview;

pub use caller::Caller;
